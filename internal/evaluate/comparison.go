package evaluate

import (
	"github.com/waybill-dev/waybill/internal/report"
)

// Comparison is what is known of one metric on one set of rows: its value with
// an interval, or the difference of two models' values.
//
// Interval holds the two bounds that decide. Each holds with the gate's
// confidence, one-sided; together they cover with 2·confidence−1, which is what
// Interval.Confidence says.
type Comparison struct {
	Slice   string         `json:"slice,omitempty"` // "lang=de"; "" for all rows
	Verdict report.Verdict `json:"verdict"`
	Metric  string         `json:"metric"`
	Method  string         `json:"method"` // of the interval: "Newcombe paired", "DeLong", …; "" without one
	// N is how many rows (or queries) it rests on.
	N          int64     `json:"n"`
	Candidate  *float64  `json:"candidate"`  // nil where undefined
	Baseline   *float64  `json:"baseline"`   // nil where undefined or nothing is compared
	Difference *float64  `json:"difference"` // candidate − baseline
	Interval   *Interval `json:"interval"`   // of Difference, or of Candidate where nothing is compared
	// Margin is how much worse is allowed (or how much better is asked for), in
	// units of the metric, also where the gate has it relative.
	Margin *float64 `json:"margin"`
	// Limit is what decides about Difference: margin or −margin, by what is
	// asked and which direction of the metric is the good one.
	Limit *float64 `json:"-"`
	// RequiredN is how many rows would decide, at the spread seen and a power of
	// 0.8; nil where that cannot be told.
	RequiredN *int64 `json:"requiredN"`
	// P is the p-value of "no difference", where the method has a test.
	P *float64 `json:"p,omitempty"`
	// AdjustedP is, in a slice, the p-value of "worse by more than the margin",
	// adjusted for looking at all slices.
	AdjustedP *float64 `json:"adjustedP,omitempty"`
	// Seed and Resamples are those of a bootstrap, 0 for other methods.
	Seed      uint64 `json:"seed,omitempty"`
	Resamples int    `json:"resamples,omitempty"`
	// Reason is a sentence: why the verdict is what it is.
	Reason string `json:"reason"`
}

// Interval is two bounds and the two-sided level at which they cover.
type Interval struct {
	Lower      float64 `json:"lower"`
	Upper      float64 `json:"upper"`
	Confidence float64 `json:"confidence"`
}

// Resampling says how bootstraps are drawn. The zero value is the default.
type Resampling struct {
	Seed      uint64 // 0 for 1
	Resamples int    // 0 for 10,000 where rows fall in few kinds, else for 2,000 or what large files allow
	// Percentile takes the plain quantiles of the resamples rather than BCa.
	Percentile bool

	among int // how many slices share the work that one gate may cost
}

// Answer is what a gate says: of all rows first, then of each slice.
type Answer struct {
	APIVersion string `json:"apiVersion"`
	// Comparison is that of all rows. Its Verdict and Reason are those of the
	// gate: they take the slices into account.
	Comparison
	Slices []Comparison `json:"slices"`
	// Adjustment says how looking at several slices was allowed for.
	Adjustment string `json:"adjustment"`
	// Exploratory are the worst slices that a search found. They decide nothing.
	Exploratory []Comparison `json:"exploratory,omitempty"`
	// Paired says by what the rows of the two models were matched.
	Paired string   `json:"paired,omitempty"`
	Notes  []string `json:"notes,omitempty"`

	own report.Verdict // of all rows, whatever the slices say

	Expected string `json:"-"` // the gate in short
	Observed string `json:"-"` // what was found, in short
	Hint     string `json:"-"` // what to do next
}
