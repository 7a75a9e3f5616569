package evaluate

import (
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// maxKinds is up to how many kinds of rows are resampled as a table of counts
// rather than row by row.
const maxKinds = 4096

// maxFlips bounds the work of flipped.
const maxFlips = 1 << 26

// kind is what all that counts of a row is for metrics of the confusion
// matrix: its label and what one or two models answered.
type kind struct{ label, candidate, baseline int32 }

// kinds is how many rows there are of each kind that occurs, in order.
type kinds struct {
	kind  []kind
	count []int64
}

// kindsOf counts the rows. baseline may be nil. It reports false when there
// are more than maxKinds kinds.
func kindsOf(label, candidate, baseline []int32, classes int) (*kinds, bool) {
	if cells := classes * classes * classes; classes <= 16 && cells <= maxKinds {
		return denseKinds(label, candidate, baseline, classes), true
	}
	counts := map[kind]int64{}
	for i := range label {
		k := kind{label: label[i], candidate: candidate[i]}
		if baseline != nil {
			k.baseline = baseline[i]
		}
		if counts[k]++; len(counts) > maxKinds {
			return nil, false
		}
	}
	t := &kinds{}
	for k := range counts {
		t.kind = append(t.kind, k)
	}
	sorting.By(t.kind, func(a, b kind) int {
		return slices.Compare([]int32{a.label, a.candidate, a.baseline}, []int32{b.label, b.candidate, b.baseline})
	})
	for _, k := range t.kind {
		t.count = append(t.count, counts[k])
	}
	return t, true
}

func denseKinds(label, candidate, baseline []int32, classes int) *kinds {
	k := int32(classes)
	counts := make([]int64, k*k*k)
	for i, l := range label {
		at := (l*k + candidate[i]) * k
		if baseline != nil {
			at += baseline[i]
		}
		counts[at]++
	}
	t := &kinds{}
	for at, n := range counts {
		if n > 0 {
			i := int32(at)
			t.kind, t.count = append(t.kind, kind{i / (k * k), i / k % k, i % k}), append(t.count, n)
		}
	}
	return t
}

// pairs counts on how many of the rows that a share counts both models hit,
// one, or none. It reports false when the share counts other rows for one
// model than for the other, as the precision does.
func (t *kinds) pairs(m *metric.Metric, positive int32) (p pairs, same bool) {
	for i, k := range t.kind {
		counts, hit := m.Share(positive, k.label, k.candidate)
		countsBaseline, hitBaseline := m.Share(positive, k.label, k.baseline)
		if counts != countsBaseline {
			return pairs{}, false
		}
		if !counts {
			continue
		}
		switch n := t.count[i]; {
		case hit && hitBaseline:
			p.Both += n
		case hit:
			p.First += n
		case hitBaseline:
			p.Second += n
		default:
			p.Neither += n
		}
	}
	return p, true
}

// hits counts the hits of a share among the rows that it counts.
func (t *kinds) hits(m *metric.Metric, positive int32) (hits, of int64) {
	for i, k := range t.kind {
		if counts, hit := m.Share(positive, k.label, k.candidate); counts {
			of += t.count[i]
			if hit {
				hits += t.count[i]
			}
		}
	}
	return hits, of
}

// evaluator computes metrics of the confusion matrix from counts of kinds.
type evaluator struct {
	t                   *kinds
	candidate, baseline *metric.Confusion
}

func (t *kinds) evaluator(classes []string, positive int32) *evaluator {
	return &evaluator{t: t, candidate: metric.NewConfusion(classes, positive), baseline: metric.NewConfusion(classes, positive)}
}

// fill makes the confusion matrices of counts.
func (e *evaluator) fill(counts []int64, both bool) {
	e.candidate.Reset()
	e.baseline.Reset()
	for i, k := range e.t.kind {
		if n := counts[i]; n > 0 {
			e.candidate.Add(k.label, k.candidate, n)
			if both {
				e.baseline.Add(k.label, k.baseline, n)
			}
		}
	}
}

func (e *evaluator) difference(m *metric.Metric, counts []int64) float64 {
	e.fill(counts, true)
	return orNaN(m.Count(e.candidate)) - orNaN(m.Count(e.baseline))
}

// flipped is how far a metric of two models that answer all rows alike may lie
// apart, given that up to rows of them would be answered differently: the
// least and the most difference when rows of one kind get another answer.
func (t *kinds) flipped(m *metric.Metric, classes []string, positive int32, rows int64) (lower, upper float64, ok bool) {
	c := metric.NewConfusion(classes, positive)
	value := func(from int, to int32, n int64) float64 {
		c.Reset()
		for i, k := range t.kind {
			c.Add(k.label, k.candidate, t.count[i])
		}
		if n > 0 {
			k := t.kind[from]
			c.Add(k.label, k.candidate, -n)
			c.Add(k.label, to, n)
		}
		return orNaN(m.Count(c))
	}
	base := value(0, 0, 0)
	k, l := len(t.kind), len(classes)
	if math.IsNaN(base) || k*l*(k+3*l) > maxFlips {
		return 0, 0, false
	}
	for from, k := range t.kind {
		for to := range int32(len(classes)) {
			if to == k.candidate {
				continue
			}
			flips := min(rows, t.count[from])
			if v := value(from, to, flips); !math.IsNaN(v) {
				moved := (v - base) * float64(rows) / float64(flips) // as if the kind had as many
				lower, upper = min(lower, moved), max(upper, moved)
			}
		}
	}
	return lower, upper, lower < 0 || upper > 0
}
