package evaluate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/stats"
)

// limits of a search for the worst slices.
const (
	maxCandidates   = 2_000
	maxSearched     = 20_000_000 // rows of all candidates together
	maxBootstrapped = 500_000    // where every row is drawn again and again
	maxFound        = 10

	searchResamples = 500
)

// search looks for slices in which the candidate is worse than the baseline, or
// without one worse than on all rows: values of all columns, bins of numbers,
// and pairs of them, the largest first. It has looked at many, so that p-values
// are adjusted for all of them (Benjamini and Yekutieli 2001, which holds for
// slices that overlap), and what it finds is a question for new rows, not an
// answer.
func (g Gate) search(m *metric.Metric, c, b *metric.Sample, columns map[string]*predictions.Values) (worst []Comparison, note string) {
	if m.Better == metric.Neither {
		return nil, ""
	}
	inside := g
	if inside.Resampling.Resamples == 0 {
		inside.Resampling.Resamples = searchResamples
	}
	inside.Margin, inside.Relative, inside.Better = new(float64), nil, false
	than, whole := "the baseline", 0.0
	if b == nil {
		all, err := m.Value(c)
		if err != nil {
			return nil, ""
		}
		than, whole = "all rows", all
	}
	var found []judged
	var p []float64
	candidates, note := g.candidates(m, c, columns)
	for _, part := range candidates {
		x, gain := inside.harmed(m, c.Select(part.Rows), selected(b, part.Rows), whole)
		if x.Interval == nil || gain >= 0 {
			x.harm = 1 // it was looked at, and counts among all
		}
		x.Slice = part.Name
		found, p = append(found, x), append(p, x.harm)
	}
	for i, adjusted := range stats.BenjaminiYekutieli(p) {
		x := &found[i]
		x.AdjustedP = number(adjusted)
		x.Verdict, x.Margin, x.Limit, x.RequiredN = report.Inconclusive, nil, nil, nil
		x.Reason = fmt.Sprintf("exploratory: one of %s looked at; adjusted p of being worse than %s = %.2g; nothing is decided by it",
			plural(int64(len(p)), "slice"), than, adjusted)
	}
	found = slices.DeleteFunc(found, func(x judged) bool { return x.harm == 1 })
	sorting.Stable(found, func(x, y judged) int {
		return cmp.Or(cmp.Compare(*x.AdjustedP, *y.AdjustedP), cmp.Compare(x.harm, y.harm), cmp.Compare(x.Slice, y.Slice))
	})
	for _, x := range found[:min(len(found), maxFound)] {
		worst = append(worst, x.Comparison)
	}
	return worst, note
}

// harmed compares a slice with the baseline's, or with the value of all rows.
func (g Gate) harmed(m *metric.Metric, c, b *metric.Sample, whole float64) (x judged, gain float64) {
	if b != nil {
		if x = g.compare(m, c, b); x.Interval != nil {
			gain = *x.Difference
		}
	} else {
		var i inference
		if x, i = g.measure(m, c); x.Interval != nil {
			limit := whole
			if gain = i.value - whole; m.Better == metric.Lower {
				i, limit = i.mirrored(), -whole
			}
			x.harm = i.below(limit, g.confidence())
		}
	}
	if m.Better == metric.Lower {
		gain = -gain
	}
	return x, gain
}

// candidates are the slices that a search looks at, and a note when there were
// too many to look at all.
func (g Gate) candidates(m *metric.Metric, c *metric.Sample, columns map[string]*predictions.Values) ([]Slice, string) {
	least := max(int(g.MinRows), minRows)
	names := slices.Sorted(maps.Keys(columns))
	var all []Slice
	rows := 0
	add := func(x *groups) {
		for _, s := range x.slices() {
			if len(s.Rows) >= least && len(s.Rows) < c.N {
				all = append(all, s)
			}
		}
	}
	var single []*groups
	for _, name := range names {
		x, err := grouping(columns, name)
		if err != nil || len(x.names) > maxCandidates {
			continue
		}
		single = append(single, x)
		add(x)
	}
	for i, x := range single {
		for _, y := range single[i+1:] {
			if len(all) < maxCandidates && len(x.names)*len(y.names) <= 100*maxCandidates {
				add(x.times(y))
			}
		}
	}
	most := maxSearched
	if resamplesRows(m, c) {
		most = maxBootstrapped
	}
	sorting.Stable(all, func(x, y Slice) int { return len(y.Rows) - len(x.Rows) })
	kept := all[:0:0]
	for _, s := range all {
		if rows+len(s.Rows) <= most && len(kept) < maxCandidates {
			rows += len(s.Rows)
			kept = append(kept, s)
		}
	}
	if len(kept) < len(all) {
		return kept, fmt.Sprintf("the search looked at %d of %s; all would take too long", len(kept), plural(int64(len(all)), "slice"))
	}
	return kept, ""
}

// resamplesRows tells whether the bounds of a metric are had by drawing rows.
func resamplesRows(m *metric.Metric, s *metric.Sample) bool {
	if s.Cluster != nil || m.Count == nil && m.Area == nil && m.Loss == nil {
		return true
	}
	if m.Count != nil || m.Loss == nil {
		return false
	}
	l, err := m.Loss(s)
	return err == nil && l.Finish != nil
}
