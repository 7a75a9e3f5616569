package evaluate

import (
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
)

// MeasureAll measures the metrics that a report shows of the task. Confidence
// is that of each bound; 0 is 0.95.
//
// Their intervals are those that cost little: analytic ones, and the table of
// counts resampled once for all metrics of the confusion matrix. Metrics that
// only resampling the rows can bound have a value alone; a gate on one bounds
// it.
func MeasureAll(s *metric.Sample, confidence float64) []Comparison {
	g := Gate{Confidence: confidence}
	level := g.level()
	ms := shown(s)
	out := make([]Comparison, len(ms))
	var t *kinds
	var confusion *metric.Confusion
	if s.Cluster == nil && s.Label != nil && s.Prediction != nil && s.N > 0 {
		if few, ok := kindsOf(s.Label, s.Prediction, nil, len(s.Classes)); ok {
			t = few
			e := t.evaluator(s.Classes, s.Positive)
			e.fill(t.count, false)
			confusion = e.candidate
		}
	}
	// Of ms, metrics that are bootstrapped at once: those that rest on all rows,
	// and those that rest on the rarest class.
	var together [2][]int
	var values [2][]float64
	for i, m := range ms {
		if m.Count == nil || t == nil {
			out[i] = g.measureCheaply(m, s, level)
			continue
		}
		value, err := m.Count(confusion)
		switch {
		case err != nil:
			out[i] = inconclusive(m.Name, int64(s.N), "%s is undefined: %v", m.Name, err).Comparison
		case m.Share != nil:
			out[i] = g.measured(m, inferShare(t, m, s, level), value).Comparison
		default:
			k := 0
			if scarce(s, m, int64(s.N)) < int64(s.N) {
				k = 1
			}
			together[k], values[k] = append(together[k], i), append(values[k], value)
		}
	}
	for k, these := range together {
		if len(these) == 0 {
			continue
		}
		boot := make([]*metric.Metric, len(these))
		for j, i := range these {
			boot[j] = ms[i]
		}
		for j, inf := range inferCells(t, boot, s, values[k], level, Resampling{Resamples: cellsResamples.least}) {
			out[these[j]] = g.measured(boot[j], inf, values[k][j]).Comparison
		}
	}
	return out
}

// shown are the metrics that a report shows: those that the predictions have
// the columns for, or all, for what they lack, when they have them for none.
func shown(s *metric.Sample) []*metric.Metric {
	all := metric.ForTask(s.Task)
	some := slices.DeleteFunc(slices.Clone(all), func(m *metric.Metric) bool { return m.Needs(s) != "" })
	if len(some) == 0 {
		return all
	}
	return some
}

// measureCheaply measures without resampling rows.
func (g Gate) measureCheaply(m *metric.Metric, s *metric.Sample, level float64) Comparison {
	undefined := func(err error) Comparison {
		return inconclusive(m.Name, int64(s.N), "%s is undefined: %v", m.Name, err).Comparison
	}
	if s.Cluster == nil && m.Needs(s) == "" && s.N > 0 && m.Count == nil {
		switch {
		case m.Area != nil:
			a, err := m.Area(s)
			if err != nil {
				return undefined(err)
			}
			if i := inferArea(a, 0, level); i.why == "" {
				return g.measured(m, i, i.value).Comparison
			}
		case m.Loss != nil:
			l, err := m.Loss(s)
			if err != nil {
				return undefined(err)
			}
			value := weighLoss(l)(nil)
			if number(value) != nil {
				return g.measured(m, inferLoss(l, value, level), value).Comparison
			}
		}
	}
	value, err := m.Value(s)
	if err != nil {
		return undefined(err)
	}
	why := "only a gate on this metric resamples the rows"
	if m.Whole == nil {
		why = "rows depend on each other; only a gate resamples them by cluster"
	}
	return g.measured(m, noBounds(int64(s.N), value, "%s", why), value).Comparison
}
