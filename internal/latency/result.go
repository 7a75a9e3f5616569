package latency

import (
	"math"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// Result is what a recording says. Times are in seconds. It is the JSON that
// "waybill bench" prints; fields are added, never renamed.
type Result struct {
	APIVersion string `json:"apiVersion"`
	// Verdict is empty when nothing was asked.
	Verdict report.Verdict `json:"verdict,omitempty"`
	// Confidence is one-sided, that of a verdict; IntervalConfidence is that of
	// the intervals.
	Confidence         float64      `json:"confidence"`
	IntervalConfidence float64      `json:"intervalConfidence"`
	Seed               uint64       `json:"seed"`
	Resamples          int          `json:"resamples"`
	Runs               []Runs       `json:"runs"`
	Rounds             int64        `json:"rounds"` // with candidate and baseline
	Percentiles        []Percentile `json:"percentiles"`
	Decisions          []Decision   `json:"decisions"`
	Notes              []string     `json:"notes,omitempty"`

	candidate, baseline []float64 // ascending
}

// Runs counts the runs of a command.
type Runs struct {
	Command string `json:"command"`
	N       int64  `json:"n"` // without those that failed
	Failed  int64  `json:"failed"`
}

// Percentile is one percentile of the commands.
type Percentile struct {
	Percentile float64   `json:"percentile"` // 99 for p99
	Candidate  *Estimate `json:"candidate"`
	Baseline   *Estimate `json:"baseline"`
	// Ratio is candidate to baseline, Noise the baseline's second series to its
	// first.
	Ratio *Estimate `json:"ratio"`
	Noise *Estimate `json:"noise"`
}

// Estimate is a number with its interval; the bounds are null where there are
// too few runs for them, and Reason says so.
type Estimate struct {
	Value  float64  `json:"value"`
	Lower  *float64 `json:"lower"`
	Upper  *float64 `json:"upper"`
	Method string   `json:"method"`
	Reason string   `json:"reason,omitempty"`
}

// Decision is the answer to one condition.
type Decision struct {
	Percentile float64        `json:"percentile"`
	Of         string         `json:"of"`    // "max" or "ratio"
	Limit      float64        `json:"limit"` // seconds, or 1 + margin
	Verdict    report.Verdict `json:"verdict"`
	Message    string         `json:"message"`
	// Required is how many runs, or rounds, would decide if they were like
	// these; null when that cannot be told.
	Required *int64 `json:"required"`
}

// Name is how a percentile is called: p99.
func Name(q float64) string { return "p" + strconv.FormatFloat(hundred(q), 'f', -1, 64) }

func hundred(q float64) float64 { return math.Round(q*1e8) / 1e6 }

func runs(n int64) string { return report.Count(n, "run") }

// Seconds shows a time in the unit that suits it.
func Seconds(s float64) string {
	unit, scale := " s", 1.0
	switch {
	case s < 1e-3:
		unit, scale = " µs", 1e6
	case s < 1:
		unit, scale = " ms", 1e3
	}
	text := strconv.FormatFloat(s*scale, 'g', 4, 64)
	if strings.ContainsRune(text, 'e') {
		text = strconv.FormatFloat(s*scale, 'f', 0, 64)
	}
	return text + unit
}
