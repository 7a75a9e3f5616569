package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func numbers(truth, estimate []float64) *Sample {
	return &Sample{Task: Regression, N: len(truth), Truth: truth, Estimate: estimate}
}

func TestRegressionReference(t *testing.T) {
	type reference struct {
		Truth, Estimate []float64
		Weight          []uint32
		Want, Weighted  map[string]*float64
	}
	compared := map[string]int{}
	for i, c := range readCases[reference](t, "regression.json") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			s := numbers(c.Truth, c.Estimate)
			for name, want := range c.Want {
				compare(t, name, s, want)
				if want != nil {
					compared[name]++
				}
				if m, _ := Find(name, Regression); m.Whole == nil {
					continue
				}
				got, want := weighted(t, name, s, c.Weight), c.Weighted[name]
				if c.Want[name] != nil && (want == nil) != math.IsNaN(got) || want != nil && !close9(got, *want) {
					t.Errorf("%s of weighted rows = %.12g, want %v", name, got, value(want))
				}
			}
		})
	}
	for _, name := range Names(Regression) {
		if name != "quantile_loss@<quantile>" && compared[name] < 100 {
			t.Errorf("%s was compared %d times", name, compared[name])
		}
	}
}

func value(v *float64) any {
	if v == nil {
		return "undefined"
	}
	return *v
}

func TestRegressionUndefined(t *testing.T) {
	one := numbers([]float64{2}, []float64{3})
	constant := numbers([]float64{2, 2, 2}, []float64{1, 2, 3})
	zeros := numbers([]float64{0, 0, 4}, []float64{1, 2, 3})
	for _, c := range []struct {
		name string
		s    *Sample
		want string
	}{
		{"r2", one, "it takes two rows, and there is one"},
		{"spearman", one, "it takes two rows, and there is one"},
		{"r2", constant, "the truth is the same in all rows (2)"},
		{"explained_variance", constant, "the truth is the same in all rows (2)"},
		{"pearson", numbers(constant.Estimate, constant.Truth), "the estimate is the same in all rows (2)"},
		{"mape", zeros, "the truth is 0 in 2 rows; use smape or wape, which allow it"},
		{"wape", numbers([]float64{0, 0}, []float64{1, 2}), "the truth is 0 in all rows"},
		{"rmsle", numbers([]float64{0, -1}, []float64{1, 2}), "truth or estimate is -1 or less in 1 row, and has no log(1 + x)"},
		{"mse", numbers([]float64{1e200}, []float64{-1e200}), "the error of estimate -1e+200 for 1e+200 is too large a number"},
		{"mae", numbers([]float64{}, []float64{}), "there are no rows"},
	} {
		undefinedAs(t, c.name, c.s, c.want)
	}
	// Great numbers give a value or a reason, never NaN or Inf.
	big := numbers([]float64{math.MaxFloat64, -math.MaxFloat64, 1}, []float64{-math.MaxFloat64, math.MaxFloat64, 2})
	for _, name := range append(Names(Regression), "quantile_loss@0.9") {
		if m, err := Find(name, Regression); err == nil {
			if v, err := m.Value(big); err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
				t.Errorf("%s = %v", name, v)
			}
		}
	}
	if m, _ := Find("max_error", Regression); m.NoInterval == "" {
		t.Error("max_error does not say that it has no interval")
	}
}

func TestRegressionWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 300
	truth, estimate, twice, once := make([]float64, n), make([]float64, n), make([]uint32, n), make([]uint32, n)
	var rows []int32
	for i := range n {
		truth[i], estimate[i], twice[i], once[i] = float64(rng.IntN(40)), rng.NormFloat64(), 2, 1
		rows = append(rows, int32(n-1-i), int32(n-1-i))
	}
	s := numbers(truth, estimate)
	for _, name := range []string{"r2", "explained_variance", "median_absolute_error", "max_error", "wape", "pearson", "spearman"} {
		a, b, c := weighted(t, name, s, nil), weighted(t, name, s, once), weighted(t, name, s, twice)
		if a != b {
			t.Errorf("%s of rows that count once = %v, want %v", name, b, a)
		}
		if d := weighted(t, name, s.Select(rows), nil); !close9(c, d) {
			t.Errorf("%s of rows that count twice = %v, of rows that stand twice %v", name, c, d)
		}
		if v := weighted(t, name, s, make([]uint32, n)); !math.IsNaN(v) {
			t.Errorf("%s of no rows = %v", name, v)
		}
	}
}

// Squares of such numbers overflow or vanish: what is left of them would make
// any correlation.
func TestPearsonOfExtremes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const n = 50
	truth, estimate := make([]float64, n), make([]float64, n)
	for _, scale := range []float64{1, 1e100, 1e-100, 1e160, 1e200, 1e-150, 1e-160, 1e-200, 1e-310} {
		for i := range n {
			estimate[i] = rng.NormFloat64()
			truth[i] = (estimate[i] + 3*rng.NormFloat64()) * scale
		}
		for _, s := range []*Sample{numbers(truth, estimate), numbers(estimate, truth)} {
			m, err := Find("pearson", Regression)
			if err != nil {
				t.Fatal(err)
			}
			rank, _ := Find("spearman", Regression)
			about, err := rank.Value(s)
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.Value(s)
			switch far := scale > 1e150 || scale < 1e-140; {
			case far && err == nil:
				t.Errorf("scale %g: %v", scale, got)
			case !far && (err != nil || math.Abs(got-about) > 0.25):
				t.Errorf("scale %g: %v, %v; the rank correlation is %v", scale, got, err, about)
			}
		}
	}
}

func BenchmarkSpearmanWeighted100k(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 100_000
	truth, estimate, weight := make([]float64, n), make([]float64, n), make([]uint32, n)
	for i := range n {
		truth[i], estimate[i], weight[i] = rng.NormFloat64(), rng.NormFloat64(), uint32(rng.IntN(3))
	}
	m, err := Find("spearman", Regression)
	if err != nil {
		b.Fatal(err)
	}
	w, err := m.Whole(numbers(truth, estimate))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		w.Value(weight)
	}
}
