package evaluate

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/waybill-dev/waybill/internal/metric"
)

// A row that counts n times is n rows: what a bootstrap computes on weights is
// what the metric is on such rows.
func TestWeigh(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	const n = 60
	samples := map[metric.Task]*metric.Sample{
		metric.Binary:     {Classes: []string{"0", "1"}, Positive: 1},
		metric.Regression: {}, metric.Ranking: {},
	}
	for task, s := range samples {
		s.Task, s.N = task, n
		for i := range n {
			label, score := rng.Int32N(2), math.Round(rng.Float64()*20)/20
			if task == metric.Binary {
				s.Label, s.Prediction = append(s.Label, label), append(s.Prediction, rng.Int32N(2))
			} else {
				s.Truth, s.Estimate = append(s.Truth, float64(label)), append(s.Estimate, score+1)
			}
			s.Score = append(s.Score, score)
			s.Cluster = append(s.Cluster, int32(i/10))
			if task == metric.Ranking {
				s.Query = append(s.Query, int32(i/10)) // a query is a cluster
			}
		}
		if task == metric.Regression {
			s.Score = nil
		}
		for _, m := range metric.ForTask(task) {
			w, err := weigh(s, m)
			if err != nil {
				t.Errorf("%s: %v", m.Name, err)
				continue
			}
			want, err := m.Value(s)
			if got := w.value(nil); err != nil || math.Abs(got-want) > 1e-12 {
				t.Errorf("%s: %v, want %v, %v", m.Name, got, want, err)
			}
			if len(w.cluster) != w.n || w.query != nil && w.cluster[1] != w.query[1] {
				t.Errorf("%s: clusters %v of %d elements, queries %v", m.Name, w.cluster, w.n, w.query)
			}
			weight := make([]uint32, w.n)
			var rows []int32
			for i := range weight {
				weight[i] = rng.Uint32N(3)
				for range weight[i] {
					rows = append(rows, int32(i))
				}
			}
			if w.query != nil {
				continue // a query that counts twice cannot be written as rows
			}
			want, err = m.Value(s.Select(rows))
			if got := w.value(weight); err != nil || math.Abs(got-want) > 1e-9 {
				t.Errorf("%s of weighted rows: %v, want %v, %v", m.Name, got, want, err)
			}
		}
	}
}

// A bound is mirrored to the other side.
func TestMirroredInference(t *testing.T) {
	i := inference{value: 2, lower: 1, upper: 5, at: func(float64) (float64, float64) { return 0, 6 }}
	m := i.mirrored()
	if lower, upper := m.at(0.5); m.value != -2 || m.lower != -5 || m.upper != -1 || lower != -6 || upper != 0 {
		t.Errorf("%+v, %v to %v", m, lower, upper)
	}
}

// below is alpha exactly where the bound of confidence 1−alpha meets the limit.
func TestBelow(t *testing.T) {
	share := shareOf(80, 100, 100, 0.9)
	for _, i := range []inference{share, {value: share.value, lower: share.lower, upper: share.upper}} {
		if p := i.below(share.upper, 0.95); math.Abs(p-0.05) > 1e-6 {
			t.Errorf("at the bound: %v", p)
		}
		if p := i.below(share.upper+0.02, 0.95); !(p < 0.03) {
			t.Errorf("above the bound: %v", p)
		}
		if p := i.below(share.value-0.01, 0.95); p != 1 {
			t.Errorf("below the value: %v", p)
		}
	}
}

// Slices share the work of one gate.
func TestResamples(t *testing.T) {
	for _, c := range []struct {
		r      Resampling
		n      int
		l      limits
		expect int
	}{
		{Resampling{}, 100_000, rowsResamples, 2_000}, {Resampling{}, 1_000_000, rowsResamples, 400}, {Resampling{}, 1 << 30, rowsResamples, 200},
		{Resampling{among: 20}, 50_000, rowsResamples, 400}, {Resampling{Resamples: 7}, 1 << 30, rowsResamples, 7}, {Resampling{Resamples: 1 << 30}, 10, rowsResamples, maxResamples},
		{Resampling{}, 8, cellsResamples, 10_000}, {Resampling{}, 4_096, cellsResamples, 2_000},
	} {
		if got := c.r.of(c.n, c.l, 0.9); got.Resamples != c.expect || got.Seed != 1 || got.Confidence != 0.9 {
			t.Errorf("%+v of %d: %+v, want %d", c.r, c.n, got, c.expect)
		}
	}
}
