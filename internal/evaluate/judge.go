package evaluate

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

// Gate is a condition on one metric. The zero Confidence is 0.95.
type Gate struct {
	Metric     string
	Min, Max   *float64 // both included
	Confidence float64  // of the interval that is shown; it decides nothing
}

// Judge decides a gate. The value is compared with the bounds as it is; how
// sure one can be of it is said with the interval, not decided by it.
//
// It is INCONCLUSIVE when the metric is undefined or unknown, and when the
// gate has no bound: a comparison with another version needs the predictions
// of both. message is a sentence that stands alone, expected and observed are
// short.
func Judge(r Result, g Gate) (verdict report.Verdict, message, expected, observed string) {
	expected = g.expected()
	m, known := r.Metrics[g.Metric]
	switch {
	case !known:
		message = fmt.Sprintf("there is no metric %q", clip(g.Metric))
		if near := ref.Nearest(g.Metric, Names()); near != "" {
			message += fmt.Sprintf("; did you mean %q?", near)
		}
		return report.Inconclusive, message + "; there are " + strings.Join(Names(), ", "), expected, ""
	case !m.Defined:
		return report.Inconclusive, fmt.Sprintf("%s is undefined: %s", g.Metric, m.Reason), expected, "undefined"
	case g.Min == nil && g.Max == nil:
		return report.Inconclusive, fmt.Sprintf("the gate on %s has neither min nor max", g.Metric), expected, r.observed(m, g)
	}
	observed = r.observed(m, g)
	shown := showBeside(m.Value, g.Min, g.Max)
	switch {
	case g.Min != nil && !(m.Value >= *g.Min): // NaN fails
		return report.Fail, fmt.Sprintf("%s is %s, below the minimum of %s", g.Metric, shown, showBound(*g.Min)), expected, observed
	case g.Max != nil && !(m.Value <= *g.Max):
		return report.Fail, fmt.Sprintf("%s is %s, above the maximum of %s", g.Metric, shown, showBound(*g.Max)), expected, observed
	}
	return report.Pass, fmt.Sprintf("%s is %s, as the gate asks (%s)", g.Metric, shown, expected) + doubt(m, g), expected, observed
}

// doubt says that a value passes and its interval does not.
func doubt(m Metric, g Gate) string {
	lower, upper, ok := m.Interval(g.confidence())
	switch {
	case ok && g.Min != nil && lower < *g.Min:
		return fmt.Sprintf("; the %s interval reaches down to %s, more rows would tell", percent(g.confidence()), showBeside(lower, g.Min))
	case ok && g.Max != nil && upper > *g.Max:
		return fmt.Sprintf("; the %s interval reaches up to %s, more rows would tell", percent(g.confidence()), showBeside(upper, g.Max))
	}
	return ""
}

func (g Gate) confidence() float64 {
	if g.Confidence > 0 && g.Confidence < 1 {
		return g.Confidence
	}
	return 0.95
}

// expected is the gate in short: "accuracy ≥ 0.80".
func (g Gate) expected() string {
	var parts []string
	if g.Min != nil {
		parts = append(parts, clip(g.Metric)+" ≥ "+showBound(*g.Min))
	}
	if g.Max != nil {
		parts = append(parts, clip(g.Metric)+" ≤ "+showBound(*g.Max))
	}
	return strings.Join(parts, " and ")
}

// observed is the value in short, with what it rests on.
func (r *Result) observed(m Metric, g Gate) string {
	s := showBeside(m.Value, g.Min, g.Max)
	if lower, upper, ok := m.Interval(g.confidence()); ok {
		return fmt.Sprintf("%s (n = %s, %s interval %s to %s)", s, report.Thousands(m.Of), percent(g.confidence()),
			showBeside(lower, g.Min, g.Max), showBeside(upper, g.Min, g.Max))
	}
	return fmt.Sprintf("%s (n = %s)", s, report.Thousands(r.N))
}

// showBound writes a bound as the manifest has it, with two digits at least.
func showBound(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if at := strings.IndexByte(s, '.'); at < 0 || len(s)-at < 3 {
		return strconv.FormatFloat(f, 'f', 2, 64)
	}
	return s
}

// showBeside writes a value with four digits, or as many as it takes to be
// seen on its side of the bounds: 0.79996 is not shown as 0.8000 where 0.80
// was asked for.
func showBeside(f float64, bounds ...*float64) string {
	for digits := 4; digits < 17; digits++ {
		s := strconv.FormatFloat(f, 'f', digits, 64)
		shown, _ := strconv.ParseFloat(s, 64)
		clear := true
		for _, b := range bounds {
			clear = clear && (b == nil || (shown < *b) == (f < *b) && (shown > *b) == (f > *b))
		}
		if clear {
			return s
		}
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func percent(confidence float64) string {
	return strconv.FormatFloat(math.Round(confidence*1e6)/1e4, 'f', -1, 64) + " %"
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return report.Thousands(n) + " " + what + "s"
}
