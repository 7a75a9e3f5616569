package evaluate

import (
	"fmt"
	"math"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/report"
)

// judged is a comparison and what slices need of it.
type judged struct {
	Comparison
	// harm is the p-value of the opposite of FAIL; 1 where nothing failed.
	harm float64
	// gain is how good the row of a table is, for sorting: the worst first.
	gain     float64
	observed string
}

// inconclusive is a comparison that could not be made.
func inconclusive(m string, n int64, reason string, args ...any) judged {
	return judged{Comparison: Comparison{Verdict: report.Inconclusive, Metric: m, N: n, Reason: fmt.Sprintf(reason, args...)}, harm: 1, gain: math.Inf(1)}
}

// decide is the verdict of an interval on "the number is above limit": what
// the whole interval says is decided.
func decide(lower, upper, limit float64) report.Verdict {
	switch {
	case lower > limit:
		return report.Pass
	case upper < limit:
		return report.Fail
	}
	return report.Inconclusive
}

// compare decides whether the candidate is better than the baseline by more
// than the margin, or not worse by more than it.
func (g Gate) compare(m *metric.Metric, c, b *metric.Sample) judged {
	n := int64(c.N)
	if m.Better == metric.Neither {
		return inconclusive(m.Name, n, "neither a higher nor a lower %s is better, so that two models cannot be compared by it; use min: and max:", m.Name)
	}
	x, err := m.Value(c)
	if err != nil {
		return inconclusive(m.Name, n, "%s of the candidate is undefined: %v", m.Name, err)
	}
	y, err := m.Value(b)
	if err != nil {
		out := inconclusive(m.Name, n, "%s of the baseline is undefined: %v", m.Name, err)
		out.Candidate = number(x)
		return out
	}
	i := inferDifference(c, b, m, x-y, g.level(), g.Resampling)
	out := judged{Comparison: Comparison{Metric: m.Name, N: i.n, Method: i.method, Candidate: number(x), Baseline: number(y), Difference: number(i.value),
		Seed: i.seed, Resamples: i.resamples}, harm: 1}
	if i.why == "" && !math.IsNaN(i.p) {
		out.P = number(i.p)
	}
	margin, why := g.margin(y)
	if why != "" {
		out.Verdict, out.Reason = report.Inconclusive, fmt.Sprintf("%s %s; %s", m.Name, changed(x, y, spread(&i, 0)), why)
		return out
	}
	out.Margin = number(margin)
	out.settle(g, m, i, x, y, margin)
	return out
}

// settle fills in the verdict, the reason and how many rows would decide.
func (out *judged) settle(g Gate, m *metric.Metric, i inference, x, y, margin float64) {
	gain, limit := i, -margin
	if g.Better {
		limit = margin
	}
	shownLimit := limit
	if m.Better == metric.Lower {
		gain, shownLimit = i.mirrored(), -limit
	}
	out.gain, out.Limit = gain.value, number(shownLimit)
	digits := digitsBeside(spread(&i, min(margin, max(math.Abs(x), math.Abs(y)))), shownLimit, i.value, i.lower, i.upper)
	change := m.Name + " " + changed(x, y, digits)
	if !i.bounded() {
		out.Verdict, out.Reason, out.Method = report.Inconclusive, fmt.Sprintf("%s; how sure that is cannot be said: %s", change, i.why), ""
		if i.why == "" {
			out.Reason = change + "; there are too few rows for an interval"
		}
		return
	}
	out.gain = gain.lower
	out.Interval = &Interval{Lower: round(i.lower), Upper: round(i.upper), Confidence: round(g.level())}
	out.Verdict = decide(gain.lower, gain.upper, limit)
	out.harm = gain.below(limit, g.confidence())
	need, target := g.needed(&gain, limit, out.Verdict)
	if need > 0 {
		out.RequiredN = &need
	}
	interval := fmt.Sprintf("%s to %s", signed(i.lower, digits), signed(i.upper, digits))
	allowed := "the allowed " + signed(shownLimit, digits)
	if g.Better {
		allowed = "the asked-for " + signed(shownLimit, digits)
	}
	good, bad := "above", "below"
	if m.Better == metric.Lower {
		good, bad = bad, good
	}
	switch out.Verdict {
	case report.Pass:
		out.Reason = fmt.Sprintf("%s; even the worst case of the %s interval (%s) is %s %s", change, percent(g.level()), interval, good, allowed)
	case report.Fail:
		out.Reason = fmt.Sprintf("%s; even the best case of the %s interval (%s) is %s %s", change, percent(g.level()), interval, bad, allowed)
	default:
		out.Reason = fmt.Sprintf("%s; the %s interval %s reaches %s %s", change, percent(g.level()), interval, bad, allowed)
		out.Reason += wouldDecide(need, target, i.n, i.unit)
	}
	out.observed = fmt.Sprintf("%s (%s)", signed(i.value, digits), interval)
}

// wouldDecide says how many rows would.
func wouldDecide(need int64, target report.Verdict, n int64, unit string) string {
	switch {
	case need <= 0:
		return ""
	case target == report.Fail:
		return fmt.Sprintf("; should the difference stay as it is, no number of rows makes it pass, and about %s would make it fail (there are %s)", plural(need, labelled(unit)), report.Thousands(n))
	}
	return fmt.Sprintf("; about %s would decide (there are %s)", plural(need, labelled(unit)), report.Thousands(n))
}

func labelled(unit string) string {
	if unit == "row" {
		return "labelled row"
	}
	return unit
}

// needed is how many rows decide, and what they decide then. As a plan, two
// equally good models should PASS "not worse" (that is statistics' usual
// sample size); where there are that many rows already, and for "better", the
// difference is taken as it was seen.
func (g Gate) needed(gain *inference, limit float64, verdict report.Verdict) (int64, report.Verdict) {
	assumed := gain.value
	target := report.Pass
	if gain.value < limit {
		target = report.Fail
	}
	if !g.Better && (verdict != report.Inconclusive || target == report.Pass) {
		if n, ok := gain.required(0, limit, g.confidence()); ok && (verdict != report.Inconclusive || n > gain.n) {
			return n, report.Pass
		}
	}
	n, ok := gain.required(assumed, limit, g.confidence())
	if !ok {
		return 0, target
	}
	return n, target
}

// margin is the margin in units of the metric, or why there is none.
func (g Gate) margin(baseline float64) (float64, string) {
	margin := 0.0
	switch {
	case g.Margin != nil:
		margin = *g.Margin
	case g.Relative != nil && baseline == 0:
		return 0, "a relative margin of a baseline of 0 is no margin; set margin:"
	case g.Relative != nil:
		margin = float64(*g.Relative * math.Abs(baseline))
	}
	if !(margin >= 0) || math.IsInf(margin, 0) {
		return 0, fmt.Sprintf("a margin of %v is none; it must be a number from 0 on", margin)
	}
	return margin, ""
}

// confidence is that of each bound, one-sided; level is that of both together.
func (g Gate) confidence() float64 {
	if g.Confidence == 0 {
		return 0.95
	}
	return g.Confidence
}

func (g Gate) level() float64 { return levelOf(g.confidence()) }

// levelOf rounds away what 2·0.95−1 is above 0.9.
func levelOf(confidence float64) float64 { return math.Round((2*confidence-1)*1e12) / 1e12 }
