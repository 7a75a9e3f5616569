package evaluate

import (
	"fmt"
	"math"
	"strings"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/report"
)

// Measure computes a metric of one model, with an interval whose bounds each
// hold with a confidence, one-sided; 0 for 0.95. Its verdict says nothing but
// that there is no value (INCONCLUSIVE, and why) or that there is one (PASS).
func Measure(s *metric.Sample, m *metric.Metric, confidence float64, r Resampling) Comparison {
	g := Gate{Confidence: confidence, Resampling: r}
	out, _ := g.measure(m, s)
	return out.Comparison
}

func (g Gate) measure(m *metric.Metric, s *metric.Sample) (judged, inference) {
	value, err := m.Value(s)
	if err != nil {
		return inconclusive(m.Name, int64(s.N), "%s is undefined: %v", m.Name, err), inference{}
	}
	i := infer(s, m, value, g.level(), g.Resampling)
	i.value = value
	return g.measured(m, i, value), i
}

// measured is the comparison of an inference with nothing.
func (g Gate) measured(m *metric.Metric, i inference, value float64) judged {
	out := judged{Comparison: Comparison{Verdict: report.Pass, Metric: m.Name, N: i.n, Candidate: number(value)}, harm: 1}
	out.gain = value
	if m.Better == metric.Lower {
		out.gain = -value
	}
	if !i.bounded() {
		out.Reason = "there is no interval: " + i.why
		return out
	}
	out.Method, out.Seed, out.Resamples = i.method, i.seed, i.resamples
	out.Interval = &Interval{Lower: round(i.lower), Upper: round(i.upper), Confidence: round(g.level())}
	return out
}

// within decides min and max. The value itself decides, and how sure one can
// be of it is only said; with Decide the interval does.
func (g Gate) within(m *metric.Metric, s *metric.Sample) judged {
	out, i := g.measure(m, s)
	if out.Candidate == nil {
		out.observed = "undefined"
		return out
	}
	value := i.value
	out.observed = g.observedValue(value, &i)
	shown := showBeside(value, g.Min, g.Max)
	if g.Decide {
		g.decideBounds(&out, &i, value, shown)
		return out
	}
	switch {
	case g.Min != nil && !(value >= *g.Min): // NaN fails
		out.Verdict, out.Reason = report.Fail, fmt.Sprintf("%s is %s, below the minimum of %s", m.Name, shown, showBound(*g.Min))
	case g.Max != nil && !(value <= *g.Max):
		out.Verdict, out.Reason = report.Fail, fmt.Sprintf("%s is %s, above the maximum of %s", m.Name, shown, showBound(*g.Max))
	default:
		out.Verdict, out.Reason = report.Pass, fmt.Sprintf("%s is %s, as the gate asks (%s)", m.Name, shown, g.boundsExpected())+g.doubt(&i)
	}
	return out
}

// decideBounds takes the interval for what decides.
func (g Gate) decideBounds(out *judged, i *inference, value float64, shown string) {
	out.Verdict = report.Inconclusive
	if !i.bounded() {
		out.Reason = fmt.Sprintf("%s is %s; how sure that is cannot be said: %s", out.Metric, shown, i.why)
		return
	}
	reach := fmt.Sprintf("the %s interval %s to %s", percent(g.level()), showBeside(i.lower, g.Min, g.Max), showBeside(i.upper, g.Min, g.Max))
	verdict, limit, side := report.Pass, math.NaN(), ""
	ask := func(v report.Verdict, bound float64, where string) {
		if verdict == report.Pass || v == report.Fail {
			verdict, limit, side = v, bound, where
		}
	}
	if g.Min != nil {
		switch {
		case i.upper < *g.Min || math.IsNaN(*g.Min):
			ask(report.Fail, *g.Min, "below the minimum of ")
		case i.lower < *g.Min:
			ask(report.Inconclusive, *g.Min, "below the minimum of ")
		}
		out.harm = min(out.harm, i.below(*g.Min, g.confidence()))
	}
	if g.Max != nil {
		switch {
		case i.lower > *g.Max || math.IsNaN(*g.Max):
			ask(report.Fail, *g.Max, "above the maximum of ")
		case i.upper > *g.Max:
			ask(report.Inconclusive, *g.Max, "above the maximum of ")
		}
		mirrored := i.mirrored()
		out.harm = min(out.harm, mirrored.below(-*g.Max, g.confidence()))
	}
	out.Verdict = verdict
	switch verdict {
	case report.Pass:
		out.Reason = fmt.Sprintf("%s is %s, as the gate asks (%s), and so is all of %s", out.Metric, shown, g.boundsExpected(), reach)
	case report.Fail:
		out.Reason = fmt.Sprintf("%s is %s; all of %s is %s%s", out.Metric, shown, reach, side, showBound(limit))
	default:
		out.Reason = fmt.Sprintf("%s is %s; %s reaches %s%s", out.Metric, shown, reach, side, showBound(limit))
		if n, ok := i.required(value, limit, g.confidence()); ok {
			out.RequiredN = &n
			out.Reason += wouldDecide(n, report.Pass, i.n, i.unit)
		}
	}
}

// doubt says that a value passes and its interval does not.
func (g Gate) doubt(i *inference) string {
	switch {
	case !i.bounded():
	case g.Min != nil && i.lower < *g.Min:
		return fmt.Sprintf("; the %s interval reaches down to %s, more rows would tell", percent(g.level()), showBeside(i.lower, g.Min))
	case g.Max != nil && i.upper > *g.Max:
		return fmt.Sprintf("; the %s interval reaches up to %s, more rows would tell", percent(g.level()), showBeside(i.upper, g.Max))
	}
	return ""
}

// boundsExpected is the bounds in short: "accuracy ≥ 0.80".
func (g Gate) boundsExpected() string {
	var parts []string
	if g.Min != nil {
		parts = append(parts, clip(g.Metric)+" ≥ "+showBound(*g.Min))
	}
	if g.Max != nil {
		parts = append(parts, clip(g.Metric)+" ≤ "+showBound(*g.Max))
	}
	return strings.Join(parts, " and ")
}

// observedValue is the value in short, with what it rests on.
func (g Gate) observedValue(value float64, i *inference) string {
	s := showBeside(value, g.Min, g.Max)
	if i.bounded() {
		return fmt.Sprintf("%s (n = %s, %s interval %s to %s)", s, report.Thousands(i.n), percent(g.level()),
			showBeside(i.lower, g.Min, g.Max), showBeside(i.upper, g.Min, g.Max))
	}
	return fmt.Sprintf("%s (n = %s)", s, report.Thousands(i.n))
}
