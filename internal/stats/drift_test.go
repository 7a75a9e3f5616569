package stats_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/internal/stats"
)

// reference is what testdata/drift_reference.py computes with scipy and numpy.
type reference struct {
	Vectors []struct {
		Reference, Current                     []float64
		PSI, KL, JS, JS2, Hellinger, Linf, TVD float64
		Fit, Yates, Plain                      [2]float64
		Cramer                                 float64
	}
	Samples []struct {
		M, N               int
		Scale, Shift       float64
		Integers, Exact    bool
		KS                 [2]float64
		Wasserstein, Std   float64
		JS2                float64
		Sturges, Doane     int
		Deciles, Histogram []float64
	}
	Chi2sf, Kstwosf [][3]float64
}

func readReference(t *testing.T) reference {
	t.Helper()
	b, err := os.ReadFile("testdata/drift_reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Vectors) < 5 || len(r.Samples) < 5 || len(r.Chi2sf) < 50 || len(r.Kstwosf) < 50 {
		t.Fatal("the reference values are incomplete; run testdata/drift_reference.py")
	}
	return r
}

// near allows for a relative difference, or 1e-14.
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if got == want || math.Abs(got-want) <= math.Max(1e-14, tolerance*math.Abs(want)) {
		return
	}
	t.Errorf("%s: got %.15g, want %.15g", what, got, want)
}

func TestDiscreteAgainstScipy(t *testing.T) {
	for _, v := range readReference(t).Vectors {
		p, q := stats.Proportions(v.Reference), stats.Proportions(v.Current)
		near(t, "PSI", stats.PSI(p, q), v.PSI, 1e-12)
		near(t, "KL", stats.KL(p, q), v.KL, 1e-10)
		near(t, "JS distance", math.Sqrt(stats.JSDivergence(p, q)), v.JS, 1e-10)
		near(t, "JS distance, base 2", math.Sqrt(stats.JSDivergence(p, q)/math.Ln2), v.JS2, 1e-10)
		near(t, "Hellinger", stats.Hellinger(p, q), v.Hellinger, 1e-9) // theirs cancels
		near(t, "L-infinity", stats.LInfinity(p, q), v.Linf, 1e-12)
		near(t, "TVD", stats.TotalVariation(p, q), v.TVD, 1e-12)
		statistic, pValue := stats.ChiSquareFit(v.Reference, v.Current)
		near(t, "chi-square fit", statistic, v.Fit[0], 1e-11)
		near(t, "chi-square fit p", pValue, v.Fit[1], 1e-10)
		statistic, pValue = stats.ChiSquareHomogeneity(v.Reference, v.Current, true)
		near(t, "chi-square with Yates", statistic, v.Yates[0], 1e-11)
		near(t, "chi-square with Yates p", pValue, v.Yates[1], 1e-10)
		statistic, pValue = stats.ChiSquareHomogeneity(v.Reference, v.Current, false)
		near(t, "chi-square", statistic, v.Plain[0], 1e-11)
		near(t, "chi-square p", pValue, v.Plain[1], 1e-10)
		near(t, "Cramér's V", stats.CramersV(v.Reference, v.Current, false), v.Cramer, 1e-11)
	}
}

// draw makes the samples of drift_reference.py.
func draw(seed uint64, n int, scale, shift float64, integers bool) []float64 {
	out := make([]float64, n)
	for i := range out {
		seed = seed*6364136223846793005 + 1442695040888963407
		u := float64(seed>>33) / (1 << 31)
		v := float64(u*u*scale) + shift
		if integers {
			v = math.Floor(v)
		}
		out[i] = v
	}
	slices.Sort(out)
	return out
}

func TestSamplesAgainstScipy(t *testing.T) {
	for _, s := range readReference(t).Samples {
		scale := 1.0
		if s.Integers {
			scale = 20
		}
		x, y := draw(1, s.M, scale, 0, s.Integers), draw(2, s.N, s.Scale, s.Shift, s.Integers)
		d, p, exact := stats.KS(x, y)
		near(t, "KS", d, s.KS[0], 1e-12)
		tolerance := 1e-9
		if !s.Exact {
			tolerance = 1e-6
		}
		near(t, "KS p", p, s.KS[1], tolerance)
		if exact != s.Exact {
			t.Errorf("%d and %d values: exact is %v", s.M, s.N, exact)
		}
		near(t, "Wasserstein", stats.Wasserstein(x, y), s.Wasserstein, 1e-10)
		near(t, "standard deviation", stats.StdDev(x), s.Std, 1e-12)
		if n := stats.SturgesBins(len(x)); n != s.Sturges {
			t.Errorf("Sturges: %d bins, want %d", n, s.Sturges)
		}
		if n := stats.DoaneBins(x); n != s.Doane {
			t.Errorf("Doane: %d bins, want %d", n, s.Doane)
		}
		edges := stats.WidthEdges(x[0], x[len(x)-1], stats.DoaneBins(x))
		inX, _ := stats.Histogram(x, edges)
		inY, outside := stats.Histogram(y, edges)
		p1, q1 := stats.Proportions(append(inX, 0)), stats.Proportions(append(inY, outside))
		near(t, "JS distance in Doane's bins and one for all else", math.Sqrt(stats.JSDivergence(p1, q1)/math.Ln2), s.JS2, 1e-9)
		for i, want := range s.Deciles {
			near(t, "decile", stats.Quantile(x, float64(i+1)/10), want, 1e-12)
		}
		counts, outside := stats.Histogram(x, stats.WidthEdges(x[0], x[len(x)-1], s.Sturges))
		if !slices.Equal(counts, s.Histogram) || outside != 0 {
			t.Errorf("histogram of %d values: got %v, want %v", s.M, counts, s.Histogram)
		}
	}
}

func TestDistributionsAgainstScipy(t *testing.T) {
	r := readReference(t)
	for _, c := range r.Chi2sf {
		near(t, "chi-square", stats.ChiSquareSurvival(c[0], c[1]), c[2], 1e-10)
	}
	for _, c := range r.Kstwosf {
		n := int64(c[0])
		tolerance := 1e-10
		switch {
		case n > 100_000 && c[2] < 1e-6:
			tolerance = 1e-3
		case n > 100_000:
			tolerance = 1e-4
		case n > 140:
			tolerance = 5e-6
		}
		got := stats.KolmogorovSurvival(n, c[1])
		if !(math.Abs(got-c[2]) <= tolerance*c[2]) {
			t.Errorf("Kolmogorov n=%d d=%v: got %.12g, want %.12g", n, c[1], got, c[2])
		}
	}
}

// Vectors that other tools' own tests assert, and what treatments of zeros
// make of the same data.
func TestConventions(t *testing.T) {
	// Evidently, tests/stattests/test_stattests.py.
	x := []float64{38.7, 41.5, 43.8, 44.5, 45.5, 46, 47.7, 58}
	y := []float64{39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8}
	d, _, _ := stats.KS(x, y)
	near(t, "KS", d, 0.625, 1e-15)
	near(t, "Wasserstein", stats.Wasserstein(x, y), 4.1625, 1e-13)
	near(t, "Wasserstein by deviation", stats.Wasserstein(x, y)/stats.StdDev(x), 0.781236, 1e-6)

	// Deepchecks, tests/utils/drift_test.py.
	near(t, "Cramér's V, corrected", stats.CramersV([]float64{200, 800}, []float64{400, 600}, true), 0.21602579, 1e-7)
	if v := stats.CramersV([]float64{100, 0}, []float64{0, 100}, true); !(v > 0.98 && v <= 1) {
		t.Errorf("Cramér's V of disjoint samples is %v", v)
	}

	// TensorFlow Data Validation, metrics_test.cc.
	union := []float64{1, 2, 3, 4, 6}
	p := stats.Proportions(stats.Rebucket([]float64{1, 2, 3}, []float64{2, 2}, union))
	q := stats.Proportions(stats.Rebucket([]float64{2, 4, 6}, []float64{2, 2}, union))
	near(t, "JS divergence of histograms", stats.JSDivergence(p, q)/math.Ln2, 0.65563906222, 1e-10)
	near(t, "L-infinity", stats.LInfinity([]float64{0, 0.9, 0.1}, []float64{0.3, 0.7, 0}), 0.3, 1e-12)

	p, q = []float64{0.5, 0.5, 0}, []float64{0.4, 0.4, 0.2}
	near(t, "PSI, zeros as Deepchecks", stats.PSI(stats.Floor(p, 0.01), stats.Floor(q, 0.01)), 0.6138, 1e-4)
	near(t, "PSI, zeros as Evidently", stats.PSI(stats.FillZeros(p), stats.FillZeros(q)), 1.5640, 1e-4)
	if v := stats.PSI(p, q); !math.IsInf(v, 1) {
		t.Errorf("PSI with a zero is %v", v)
	}
	if got := stats.FillZeros([]float64{0, 5e-5, 0.99995}); got[0] != 5e-11 {
		t.Errorf("a zero beside 5e-5 became %v", got[0])
	}
}

// What holds for all samples: nothing differs from itself, the order of the
// sides does not matter where it must not, and bounds are kept.
func TestDriftShape(t *testing.T) {
	for seed := uint64(1); seed < 60; seed++ {
		x, y := draw(seed, int(20+seed), 1, 0, false), draw(seed+100, 45, 1, 0.3, seed%2 == 0)
		d1, p1, _ := stats.KS(x, y)
		d2, p2, _ := stats.KS(y, x)
		if d1 != d2 || math.Abs(p1-p2) > 1e-12 || !(p1 >= 0 && p1 <= 1) {
			t.Fatalf("KS: %v %v and %v %v", d1, p1, d2, p2)
		}
		if d, p, _ := stats.KS(x, x); d != 0 || p != 1 {
			t.Fatalf("KS of equal samples: %v %v", d, p)
		}
		if stats.Wasserstein(x, x) != 0 || math.Abs(stats.Wasserstein(x, y)-stats.Wasserstein(y, x)) > 1e-12 {
			t.Fatal("Wasserstein")
		}
		edges := stats.QuantileEdges(x, 10)
		a, out1 := stats.Histogram(x, edges)
		b, out2 := stats.Histogram(y, edges)
		if out1 != 0 || out2 != 0 {
			t.Fatalf("bins without end left out %v and %v", out1, out2)
		}
		p, q := stats.Proportions(a), stats.Proportions(b)
		js, h, v, l := stats.JSDivergence(p, q)/math.Ln2, stats.Hellinger(p, q), stats.TotalVariation(p, q), stats.LInfinity(p, q)
		if !(0 <= js && js <= 1 && 0 <= h && h <= 1 && l <= v+1e-15 && v <= 1 && h*h <= v+1e-12 && v <= math.Sqrt2*h+1e-12) {
			t.Fatalf("JS %v, Hellinger %v, TVD %v, L∞ %v", js, h, v, l)
		}
		if stats.JSDivergence(p, p) != 0 || stats.Hellinger(p, p) != 0 || stats.PSI(p, p) != 0 {
			t.Fatal("a distribution differs from itself")
		}
	}
}
