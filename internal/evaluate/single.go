package evaluate

import (
	"math"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/stats"
)

// infer returns the bounds of one model's value of a metric. value is that
// value; level is the two-sided confidence.
//
//	shares of rows              Wilson (1927)
//	areas under a ROC curve     DeLong et al. (1988)
//	means of a number by row    Student's t
//	of the confusion matrix     bootstrap of the table of label and prediction
//	all others, and clusters    bootstrap of rows, or of whole clusters
func infer(s *metric.Sample, m *metric.Metric, value, level float64, r Resampling) inference {
	switch {
	case m.NoInterval != "":
		return noBounds(int64(s.N), value, "%s", m.NoInterval)
	case s.Cluster != nil:
		return inferRows(s, m, value, level, r)
	case m.Share != nil || m.Count != nil:
		t, few := kindsOf(s.Label, s.Prediction, nil, len(s.Classes))
		if !few {
			return inferRows(s, m, value, level, r)
		}
		if m.Share != nil {
			return inferShare(t, m, s, level)
		}
		return inferCells(t, []*metric.Metric{m}, s, []float64{value}, level, r)[0]
	case m.Area != nil:
		a, err := m.Area(s)
		if err != nil {
			return noBounds(int64(s.N), value, "%v", err)
		}
		return inferArea(a, value, level)
	case m.Loss != nil:
		l, err := m.Loss(s)
		if err != nil {
			return noBounds(int64(s.N), value, "%v", err)
		}
		return inferLoss(l, value, level)
	}
	return inferRows(s, m, value, level, r)
}

func inferShare(t *kinds, m *metric.Metric, s *metric.Sample, level float64) inference {
	hits, of := t.hits(m, s.Positive)
	return shareOf(hits, of, int64(s.N), level)
}

func shareOf(hits, of, rows int64, level float64) inference {
	if of == 0 {
		return noBounds(0, 0, "no row counts")
	}
	i := inference{n: of, unit: unitOf(of, rows), value: float64(hits) / float64(of), method: "Wilson", p: math.NaN()}
	i.at = func(confidence float64) (float64, float64) { return stats.Wilson(hits, of, confidence) }
	i.lower, i.upper = i.at(level)
	return i
}

// unitOf names what is counted: all rows, or those that the metric counts.
func unitOf(counted, rows int64) string {
	if counted == rows {
		return "row"
	}
	return "such row"
}

func inferArea(a *metric.Area, value, level float64) inference {
	i := inference{n: int64(len(a.Score)), unit: "row", value: value, method: "DeLong", p: math.NaN()}
	areas, ok := stats.DeLong(a.Positive, a.Score)
	if !ok {
		return noBounds(i.n, value, "a class has no rows")
	}
	i.value = areas.Value[0]
	i.at = func(confidence float64) (float64, float64) { return areas.Interval(0, confidence) }
	i.lower, i.upper = i.at(level)
	return i
}

func inferLoss(l *metric.Loss, value, level float64) inference {
	n := int64(len(l.Each))
	if l.Binary && l.Finish == nil {
		var hits sum
		for _, x := range l.Each {
			hits.add(x)
		}
		i := shareOf(int64(math.Round(hits.value())), n, n, level)
		i.unit = unitOfLoss(l)
		return i
	}
	if n < 2 {
		return noBounds(n, value, "one %s says nothing of the spread", unitOfLoss(l))
	}
	i := inference{n: n, unit: unitOfLoss(l), value: value, method: "Student's t", p: math.NaN()}
	mean := stats.MeanInterval(l.Each, level)
	if mean.SE == 0 {
		return noBounds(n, value, "all %s have the same value, so the spread is not known", plural(n, unitOfLoss(l)))
	}
	i.at = func(confidence float64) (float64, float64) {
		m := mean
		if confidence != level {
			q := stats.StudentQuantile((1+confidence)/2, mean.DF)
			m.Lower, m.Upper = mean.Mean-float64(q*mean.SE), mean.Mean+float64(q*mean.SE)
		}
		if l.Finish != nil { // such as a root of what cannot be negative
			return l.Finish(max(m.Lower, 0)), l.Finish(max(m.Upper, 0))
		}
		return m.Lower, m.Upper
	}
	i.lower, i.upper = i.at(level)
	return i
}

func unitOfLoss(l *metric.Loss) string {
	if l.Unit != nil {
		return "query"
	}
	return "row"
}

// inferCells bootstraps several metrics of one confusion matrix at once, which
// rest on as many rows (scarce).
func inferCells(t *kinds, ms []*metric.Metric, s *metric.Sample, values []float64, level float64, r Resampling) []inference {
	e := t.evaluator(s.Classes, s.Positive)
	draw := r.of(len(t.kind), cellsResamples, expanded(level, scarce(s, ms[0], int64(s.N))))
	results := stats.BootstrapCells(t.count, func(counts []int64, out []float64) {
		e.fill(counts, false)
		for j, m := range ms {
			out[j] = orNaN(m.Count(e.candidate))
		}
	}, len(ms), draw)
	out := make([]inference, len(ms))
	for j, b := range results {
		out[j] = bootstrapped(b, draw, int64(s.N), "row", values[j])
	}
	return out
}

func inferRows(s *metric.Sample, m *metric.Metric, value, level float64, r Resampling) inference {
	w, err := weigh(s, m)
	if err != nil {
		return noBounds(int64(s.N), value, "%v", err)
	}
	draw := r.of(w.n, rowsResamples, expanded(level, scarce(s, m, w.units())))
	b := stats.BootstrapRows(stats.Rows{N: w.n, Cluster: w.cluster}, func(weight []uint32, out []float64) {
		out[0] = w.value(weight)
	}, 1, draw)
	i := bootstrapped(b[0], draw, int64(w.n), w.unit, value)
	if w.cluster != nil && i.method != "" {
		i.method = "cluster " + i.method
	}
	return i
}
