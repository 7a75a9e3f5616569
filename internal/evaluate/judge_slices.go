package evaluate

import (
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/stats"
)

// judgeSlices judges every slice, and the gate by all of them.
func (g Gate) judgeSlices(a *Answer, m *metric.Metric, c, b *metric.Sample, columns map[string]*predictions.Values) {
	parts, notes, err := Slices(columns, g.Slices)
	a.Notes = append(a.Notes, notes...)
	if err != nil {
		if a.Verdict != report.Fail {
			a.Verdict, a.Reason = report.Inconclusive, err.Error()
		}
		return
	}
	inside := g
	if g.SliceMargin != nil {
		inside.Margin, inside.Relative = g.SliceMargin, nil
	}
	least := g.MinRows
	if least <= 0 {
		least = minRows
	}
	inside.Resampling.among = len(parts)
	var all []judged
	var p []float64
	var at []int // of p, in all
	for _, part := range parts {
		x := inconclusive(m.Name, int64(len(part.Rows)), "too few rows: %s, at least %s are asked for", report.Thousands(len(part.Rows)), report.Thousands(least))
		if int64(len(part.Rows)) >= least {
			x = inside.judge(m, c.Select(part.Rows), selected(b, part.Rows))
			p, at = append(p, x.harm), append(at, len(all))
		}
		x.Slice = part.Name
		all = append(all, x)
	}
	g.adjust(a, all, p, at)
	g.combine(a, all, at)
	sorting.Stable(all, compareJudged)
	for _, x := range all {
		a.Slices = append(a.Slices, x.Comparison)
	}
}

func selected(s *metric.Sample, rows []int32) *metric.Sample {
	if s == nil {
		return nil
	}
	return s.Select(rows)
}

// adjust lets a slice fail only where it still does after Holm's adjustment:
// among many slices some look harmed by chance. Passing needs none, because
// all slices must: an intersection-union test (Berger 1982).
func (g Gate) adjust(a *Answer, all []judged, p []float64, at []int) {
	if len(p) == 0 {
		return
	}
	decides := g.Against != "" || g.Decide
	a.Adjustment = fmt.Sprintf("every slice must hold: each is judged with a confidence of %s, without adjustment (intersection-union)", percent(g.confidence()))
	if !decides {
		return
	}
	a.Adjustment += fmt.Sprintf("; a slice fails only if it does after Holm's adjustment for %s", plural(int64(len(p)), "slice"))
	alpha := 1 - g.confidence()
	for j, adjusted := range stats.Holm(p) {
		x := &all[at[j]]
		if x.Interval != nil && x.harm < 1 {
			x.AdjustedP = number(adjusted)
		}
		if x.Verdict == report.Fail && x.Interval != nil && x.harm < alpha && adjusted >= alpha {
			x.Verdict = report.Inconclusive
			x.Reason += fmt.Sprintf("; among %s that happens by chance (adjusted p = %.2g)", plural(int64(len(p)), "slice"), adjusted)
		}
	}
}

// combine makes the verdict of the gate: any FAIL, else any INCONCLUSIVE, else
// PASS. Slices with too few rows do not count, but one at least must.
func (g Gate) combine(a *Answer, all []judged, at []int) {
	counts := map[report.Verdict][]judged{}
	for _, i := range at {
		counts[all[i].Verdict] = append(counts[all[i].Verdict], all[i])
	}
	failed, unclear := counts[report.Fail], counts[report.Inconclusive]
	tell := func(what string, xs []judged) string {
		sorting.Stable(xs, compareJudged)
		return fmt.Sprintf("%s in %d of %s: %s: %s", what, len(xs), plural(int64(len(at)), "slice"), xs[0].Slice, xs[0].Reason)
	}
	switch {
	case len(failed) > 0 && a.Verdict == report.Fail:
		a.Reason += "; " + tell("it fails too", failed)
	case len(failed) > 0:
		a.Verdict, a.Reason = report.Fail, tell("it fails", failed)
	case a.Verdict == report.Fail:
	case len(at) == 0 && a.Verdict == report.Pass:
		a.Verdict = report.Inconclusive
		a.Reason = fmt.Sprintf("no slice of %s has enough rows to be judged", strings.Join(g.Slices, ", "))
	case len(unclear) > 0 && a.Verdict == report.Inconclusive:
		a.Reason += "; " + tell("nor is it decided", unclear)
	case len(unclear) > 0:
		a.Verdict, a.Reason = report.Inconclusive, "all rows together hold; "+tell("it is not decided", unclear)
	case a.Verdict == report.Pass:
		a.Reason += fmt.Sprintf("; so it is in all of %s", plural(int64(len(at)), "slice"))
	}
}

// compareJudged puts first what a reader needs first: failed, undecided, then
// the worst. Slices with too few rows come last.
func compareJudged(x, y judged) int {
	order := func(j judged) int {
		switch {
		case j.Verdict == report.Fail:
			return 0
		case j.Candidate == nil:
			return 3
		case j.Verdict == report.Inconclusive:
			return 1
		}
		return 2
	}
	if d := order(x) - order(y); d != 0 {
		return d
	}
	switch {
	case x.gain < y.gain:
		return -1
	case x.gain > y.gain:
		return 1
	}
	return strings.Compare(x.Slice, y.Slice)
}
