package evaluate

import (
	"cmp"
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
)

// weighted is a metric as a function of how often each element counts: what a
// bootstrap over rows needs.
type weighted struct {
	n       int
	unit    string  // what an element is: "row", "query"
	query   []int32 // of each element; nil where elements are rows
	cluster []int32 // of each element; nil where elements are independent
	value   func(weight []uint32) float64
}

// units is how many elements or clusters are drawn.
func (w *weighted) units() int64 {
	if w.cluster == nil {
		return int64(w.n)
	}
	seen := map[int32]bool{}
	for _, c := range w.cluster {
		seen[c] = true
	}
	return int64(len(seen))
}

// weigh prepares a metric of s. It fails with why the metric is undefined.
func weigh(s *metric.Sample, m *metric.Metric) (*weighted, error) {
	w := &weighted{n: s.N, unit: "row", cluster: s.Cluster}
	switch {
	case m.Count != nil:
		c := metric.NewConfusion(s.Classes, s.Positive)
		w.value = func(weight []uint32) float64 {
			c.Reset()
			for i, label := range s.Label {
				if n := times(weight, i); n > 0 {
					c.Add(label, s.Prediction[i], n)
				}
			}
			return orNaN(m.Count(c))
		}
	case m.Area != nil:
		a, err := m.Area(s)
		if err != nil {
			return nil, err
		}
		w.value = weighArea(a)
	case m.Loss != nil:
		l, err := m.Loss(s)
		if err != nil {
			return nil, err
		}
		w.value = weighLoss(l)
		if l.Unit != nil {
			w.n, w.unit, w.query = len(l.Each), "query", l.Unit
			if s.Cluster != nil {
				w.cluster = clusterOfQueries(s, l.Unit)
			}
		}
	default:
		whole, err := m.Whole(s)
		if err != nil {
			return nil, err
		}
		w.value = whole.Value
	}
	return w, nil
}

func times(weight []uint32, i int) int64 {
	if weight == nil {
		return 1
	}
	return int64(weight[i])
}

func orNaN(v float64, err error) float64 {
	if err != nil {
		return math.NaN()
	}
	return v
}

func weighLoss(l *metric.Loss) func([]uint32) float64 {
	return func(weight []uint32) float64 {
		var total sum
		var n int64
		for i, x := range l.Each {
			if t := times(weight, i); t > 0 {
				total.add(float64(float64(t) * x))
				n += t
			}
		}
		if n == 0 {
			return math.NaN()
		}
		mean := total.value() / float64(n)
		if l.Finish != nil {
			return l.Finish(mean)
		}
		return mean
	}
}

// weighArea is the area under the ROC curve as the share of pairs in order:
// the Mann-Whitney statistic, in which ties count half.
func weighArea(a *metric.Area) func([]uint32) float64 {
	order := make([]int32, len(a.Score))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int { return cmp.Compare(a.Score[i], a.Score[j]) })
	return func(weight []uint32) float64 {
		var positives, negatives int64
		var pairs sum
		for at := 0; at < len(order); {
			score := a.Score[order[at]]
			var p, n int64
			for ; at < len(order) && a.Score[order[at]] == score; at++ {
				i := int(order[at])
				if t := times(weight, i); a.Positive[i] {
					p += t
				} else {
					n += t
				}
			}
			if p > 0 {
				pairs.add(float64(float64(p) * (float64(negatives) + float64(n)/2)))
			}
			positives, negatives = positives+p, negatives+n
		}
		if positives == 0 || negatives == 0 {
			return math.NaN()
		}
		return pairs.value() / float64(positives) / float64(negatives)
	}
}

// clusterOfQueries takes a query for a part of its first row's cluster.
func clusterOfQueries(s *metric.Sample, queries []int32) []int32 {
	of := make(map[int32]int32, len(queries))
	for i, q := range s.Query {
		if _, known := of[q]; !known {
			of[q] = s.Cluster[i]
		}
	}
	out := make([]int32, len(queries))
	for i, q := range queries {
		out[i] = of[q]
	}
	return out
}

// sum adds with Neumaier's compensation: a mean of equal values is that value
// and not the next one below a gate's bound.
type sum struct{ s, lost float64 }

func (s *sum) add(x float64) {
	t := s.s + x
	if math.Abs(s.s) >= math.Abs(x) {
		s.lost += (s.s - t) + x
	} else {
		s.lost += (x - t) + s.s
	}
	s.s = t
}

func (s *sum) value() float64 { return s.s + s.lost }
