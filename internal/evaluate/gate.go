package evaluate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
)

// Gate is a condition on one metric: bounds of its value, a comparison with
// another model, or both.
//
// A comparison is decided by an interval of the difference, with margin d and
// one-sided confidence c: "not worse" is PASS when its lower bound is above
// −d, FAIL when its upper bound is below −d, and INCONCLUSIVE otherwise;
// "better" takes +d for −d. It is mirrored for metrics of which less is better.
type Gate struct {
	Metric   string
	Min, Max *float64 // both included
	// Against names the baseline, as it is shown; "" compares nothing.
	Against string
	// Better asks that the candidate is better by more than the margin, where
	// otherwise it must not be worse by more than it.
	Better bool
	// Margin is in units of the metric; Relative is a share of |baseline|, and
	// used when Margin is nil. Neither is a margin of 0.
	Margin, Relative *float64
	// Confidence is that of each bound, one-sided; 0 for 0.95.
	Confidence float64
	// Decide lets Min and Max pass only what the interval proves, where
	// otherwise the value itself decides.
	Decide bool
	// Slices are specs as Slices takes them: each slice must hold, too.
	Slices []string
	// MinRows is how many rows a slice has to have to be judged; 0 for 30.
	MinRows int64
	// SliceMargin is the margin inside slices; nil for that of all rows.
	SliceMargin *float64
	// Search looks for the worst slices among all columns of the predictions.
	Search bool

	Resampling Resampling
}

// minRows is the least number of rows that a slice is judged by, unless the
// gate has its own.
const minRows = 30

// Judge decides a gate on the predictions of one model: its bounds. A gate
// with a baseline is INCONCLUSIVE then.
func Judge(s *predictions.Set, g Gate) *Answer {
	if len(s.Problems) > 0 {
		return g.cannot(s.N, strings.Join(s.Problems, "; "), s.Notes)
	}
	return g.answer(s.Sample, nil, s.Columns, s.Notes)
}

// JudgePair decides a gate on two models' predictions of the same rows.
func JudgePair(p *predictions.Pair, g Gate) *Answer {
	if g.Against == "" {
		g.Against = "the baseline"
	}
	if len(p.Problems) > 0 {
		return g.cannot(0, strings.Join(p.Problems, "; "), p.Notes)
	}
	a := g.answer(p.Candidate, p.Baseline, p.Columns, p.Notes)
	a.Paired = p.Paired
	return a
}

// Compare compares two models by a metric on all rows.
func Compare(p *predictions.Pair, m *metric.Metric, g Gate) Comparison {
	switch {
	case len(p.Problems) > 0:
		return inconclusive(m.Name, 0, "%s", strings.Join(p.Problems, "; ")).Comparison
	case !g.confident():
		return inconclusive(m.Name, int64(p.Candidate.N), "%s", g.notConfident()).Comparison
	}
	return g.compare(m, p.Candidate, p.Baseline).Comparison
}

// cannot is the answer when nothing can be computed.
func (g Gate) cannot(n int64, why string, notes []string) *Answer {
	x := inconclusive(g.Metric, n, "%s", why)
	return &Answer{APIVersion: report.APIVersion, Comparison: x.Comparison, Slices: []Comparison{}, Notes: notes, Expected: g.expected(), Observed: "undefined"}
}

func (g Gate) answer(c, b *metric.Sample, columns map[string]*predictions.Values, notes []string) *Answer {
	m, err := metric.Find(g.Metric, c.Task)
	switch {
	case err != nil:
		return g.cannot(int64(c.N), err.Error(), notes)
	case !g.confident():
		return g.cannot(int64(c.N), g.notConfident(), notes)
	}
	x := g.judge(m, c, b)
	a := &Answer{APIVersion: report.APIVersion, Comparison: x.Comparison, Slices: []Comparison{}, Notes: slices.Clone(notes), own: x.Verdict, Expected: g.expected(), Observed: x.observed}
	a.Notes = append(a.Notes, uncounted(c)...)
	if a.Observed == "" {
		a.Observed = "undefined"
	}
	if x.Verdict == report.Inconclusive && x.RequiredN != nil {
		a.Hint = "predict more labelled rows of the evaluation dataset, or allow a larger margin"
	}
	if len(g.Slices) > 0 {
		g.judgeSlices(a, m, c, b, columns)
	}
	if g.Search {
		worst, note := g.search(m, c, b, columns)
		if a.Exploratory = worst; note != "" {
			a.Notes = append(a.Notes, note)
		}
	}
	return a
}

// judge decides all that the gate asks on some rows.
func (g Gate) judge(m *metric.Metric, c, b *metric.Sample) judged {
	bounds := g.Min != nil || g.Max != nil
	switch {
	case g.Against == "" && !bounds:
		x, i := g.measure(m, c)
		if x.Candidate != nil {
			x.Verdict, x.Reason = report.Inconclusive, fmt.Sprintf("the gate on %s has neither min nor max nor a baseline", m.Name)
			x.observed = g.observedValue(*x.Candidate, &i)
		}
		return x
	case g.Against == "":
		return g.within(m, c)
	case b == nil && !bounds:
		return inconclusive(m.Name, int64(c.N), "there are no predictions of %s to compare with", g.Against)
	case b == nil:
		return worse(g.within(m, c), inconclusive(m.Name, int64(c.N), "there are no predictions of %s to compare with", g.Against))
	case !bounds:
		return g.compare(m, c, b)
	}
	return worse(g.compare(m, c, b), g.within(m, c))
}

// worse joins two conditions of one gate: x with the verdict and the reasons
// of both.
func worse(x, y judged) judged {
	order := []report.Verdict{report.Fail, report.Inconclusive, report.Pass}
	switch rx, ry := slices.Index(order, x.Verdict), slices.Index(order, y.Verdict); {
	case ry < rx:
		x.Verdict, x.Reason, x.RequiredN = y.Verdict, y.Reason, y.RequiredN
	case rx == ry:
		x.Reason += "; " + y.Reason
	}
	x.harm = min(x.harm, y.harm)
	return x
}

func (g Gate) confident() bool { return g.confidence() > 0.5 && g.confidence() < 1 }

func (g Gate) notConfident() string {
	return fmt.Sprintf("a confidence of %v decides nothing; it must be above 0.5 and below 1", g.Confidence)
}

// expected is the gate in short: "accuracy ≥ 0.80", "accuracy not worse than
// #production by more than 0.01".
func (g Gate) expected() string {
	var parts []string
	if bounds := g.boundsExpected(); bounds != "" {
		parts = append(parts, bounds)
	}
	if g.Against != "" {
		margin := "0"
		switch {
		case g.Margin != nil:
			margin = showBound(*g.Margin)
		case g.Relative != nil:
			margin = percent(*g.Relative)
		}
		how := "not worse than"
		if g.Better {
			how = "better than"
		}
		parts = append(parts, fmt.Sprintf("%s %s %s by more than %s", clip(g.Metric), how, g.Against, margin))
	}
	return strings.Join(parts, " and ")
}

// Finding is the answer as a finding of a report. The caller names the check,
// the artifact and the place.
func (a *Answer) Finding() report.Finding {
	f := report.Finding{Verdict: a.Verdict, Message: a.Reason, Expected: a.Expected, Observed: a.Observed, Hint: a.Hint, Group: report.GroupEvaluation}
	f.Details = map[string]any{"metric": a.Metric, "n": a.N}
	if a.RequiredN != nil {
		f.Details["requiredN"] = *a.RequiredN
	}
	if a.Method != "" {
		f.Details["method"] = a.Method
	}
	return f
}

// uncounted says how many queries of a ranking no metric counts.
func uncounted(s *metric.Sample) []string {
	if s.Query == nil {
		return nil
	}
	all, without := metric.Queries(s)
	if without == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s of %s have no relevant row; no metric counts them", report.Thousands(without), plural(int64(all), "query"))}
}
