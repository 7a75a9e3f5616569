package stats_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/internal/stats"
)

// Arguments that make no sense give the widest interval and the p-value 1, and
// nothing gives NaN.
func TestNothingKnown(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, confidence := range []float64{0, 1, -1, 2, nan, inf} {
		for name, f := range map[string]func(k, n int64, confidence float64) (float64, float64){
			"Wilson": stats.Wilson, "ClopperPearson": stats.ClopperPearson, "Jeffreys": stats.Jeffreys, "AgrestiCoull": stats.AgrestiCoull,
		} {
			if lower, upper := f(1, 2, confidence); lower != 0 || upper != 1 {
				t.Errorf("%s at confidence %v: %v to %v", name, confidence, lower, upper)
			}
			for _, c := range [][2]int64{{0, 0}, {3, 2}, {-1, 2}, {1, -1}, {1 << 51, math.MaxInt64}} {
				if lower, upper := f(c[0], c[1], 0.9); lower != 0 || upper != 1 {
					t.Errorf("%s of %v: %v to %v", name, c, lower, upper)
				}
			}
		}
		if _, lower, upper := stats.NewcombePaired(stats.Pairs{Both: 5, First: 1}, confidence); lower != -1 || upper != 1 {
			t.Errorf("NewcombePaired at confidence %v: %v to %v", confidence, lower, upper)
		}
		if m := stats.MeanInterval([]float64{1, 2, 3}, confidence); !math.IsInf(m.Upper, 1) || !math.IsInf(m.Lower, -1) || m.DF != 0 || m.Mean != 2 {
			t.Errorf("MeanInterval at confidence %v: %+v", confidence, m)
		}
		if _, _, ok := stats.QuantileRanks(1000, 0.5, confidence); ok {
			t.Errorf("QuantileRanks at confidence %v", confidence)
		}
	}
	if lower, upper, ok := stats.QuantileRanks(math.MaxInt64, 0.5, 0.9); ok || lower != 0 || upper <= 0 {
		t.Errorf("QuantileRanks of very many: %d to %d, %v", lower, upper, ok)
	}
	for _, p := range []stats.Pairs{{}, {Both: -1, First: 5}, {First: 3, Second: -2}, {Both: math.MaxInt64, First: math.MaxInt64}, {Neither: 1 << 60}} {
		d, lower, upper := stats.NewcombePaired(p, 0.9)
		_, se, wlower, wupper := stats.WaldPaired(p, 0.9)
		_, chi := stats.McNemarChiSquare(p, true)
		_, tlower, tupper := stats.TangoPaired(p, 0.9)
		if d != 0 || lower != -1 || upper != 1 || tlower != -1 || tupper != 1 || stats.TangoScore(p, 0.1) != 0 || !math.IsInf(se, 1) || wlower != -1 || wupper != 1 ||
			stats.McNemarExact(p) != 1 || stats.McNemarMidP(p) != 1 || chi != 1 || p.Difference() != 0 {
			t.Errorf("%+v: something is known", p)
		}
	}
	for _, x := range [][]float64{nil, {3}, {1, nan}, {1, inf}, {-inf, inf}, {1e308, 1e308, 1e308}, {1e200, -1e200}} {
		m, statistic, p := stats.PairedT(x, 0, 0.9)
		if m.DF != 0 || !math.IsInf(m.SE, 1) || !math.IsInf(m.Lower, -1) || !math.IsInf(m.Upper, 1) || !(math.Abs(m.Mean) <= 3) || statistic != 0 || p != 1 {
			t.Errorf("%v: %+v, t %v, p %v", x, m, statistic, p)
		}
	}
	if m, statistic, p := stats.PairedT([]float64{2, 2, 2}, 0, 0.9); m.SE != 0 || m.Lower != 2 || m.Upper != 2 || statistic != 0 || p != 1 {
		t.Errorf("equal numbers: %+v, t %v, p %v", m, statistic, p)
	}
	for n := 2; n < 300; n++ {
		if m := stats.MeanInterval(slices.Repeat([]float64{0.1 * float64(n)}, n), 0.9); m.SE != 0 || m.Mean != 0.1*float64(n) {
			t.Errorf("%d equal numbers: %+v", n, m)
		}
	}
	for _, d := range [][]float64{nil, {0, 0}, {1, nan}, {inf, 2}} {
		if v, p, exact := stats.WilcoxonSigned(d, 0); v != 0 || p != 1 || exact {
			t.Errorf("Wilcoxon of %v: %v, %v, %v", d, v, p, exact)
		}
	}
	for i, got := range stats.Holm([]float64{nan, -1, 2, 0.01}) {
		if want := []float64{1, 1, 1, 0.04}[i]; got != want {
			t.Errorf("Holm of what is no probability: %v, want %v", got, want)
		}
	}
	for _, f := range []func([]float64) []float64{stats.Bonferroni, stats.Holm, stats.BenjaminiHochberg, stats.BenjaminiYekutieli} {
		if got := f(nil); len(got) != 0 {
			t.Errorf("no p-values became %v", got)
		}
	}
	for _, c := range [][3]float64{{2, 1, 0.5}, {-1, 1, 0.5}, {1, 0, 0.5}, {1, 2, nan}, {1, 2, 1.5}} {
		if p := stats.BinomialTest(int64(c[0]), int64(c[1]), c[2]); p != 1 {
			t.Errorf("BinomialTest of %v: %v", c, p)
		}
	}
}

func TestNothingNeeded(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range [][5]float64{ // discordance or sd, difference, margin, alpha, power
		{0.1, -0.01, 0.01, 0.05, 0.8}, {0.1, -0.02, 0.01, 0.05, 0.8}, {0.1, 0, 0, 0.05, 0.8}, {0.1, 0.01, -0.01, 0.05, 0.8},
		{0, 0, 0.01, 0.05, 0.8}, {-1, 0, 0.01, 0.05, 0.8}, {nan, 0, 0.01, 0.05, 0.8}, {inf, 0, 0.01, 0.05, 0.8},
		{0.1, nan, 0.01, 0.05, 0.8}, {0.1, 0, nan, 0.05, 0.8}, {0.1, 0, inf, 0.05, 0.8},
		{0.1, 0, 0.01, 0, 0.8}, {0.1, 0, 0.01, 1, 0.8}, {0.1, 0, 0.01, 0.05, 1}, {0.1, 0, 0.01, 0.05, nan}, {0.1, 0, 0.01, 0.5, 0.1},
		{0.1, 0, 1e-12, 0.05, 0.8}, {0.1, 0, 1e-300, 0.05, 0.8},
	} {
		if n, ok := stats.PairsNeeded(c[0], c[1], c[2], c[3], c[4]); ok || n != 0 {
			t.Errorf("PairsNeeded%v: %d", c, n)
		}
		if n, ok := stats.MeansNeeded(c[0], c[1], c[2], c[3], c[4]); c[2] != 1e-12 && (ok || n != 0) {
			t.Errorf("MeansNeeded%v: %d", c, n)
		}
	}
	// One model cannot be better by more than they disagree.
	if n, ok := stats.PairsNeeded(0.01, 0.02, 0.01, 0.05, 0.8); ok {
		t.Errorf("PairsNeeded: %d", n)
	}
	if _, ok := stats.EarlyStopping(-1, 0.9, 0, 0.99); ok {
		t.Error("EarlyStopping below zero")
	}
	for _, c := range [][3]float64{{0, 0, 0.99}, {1, 0, 0.99}, {0.9, 0.95, 0.99}, {nan, 0, 0.99}, {0.9, nan, 0.99}, {0.9, 0, 1}, {0.9, 0, nan}} {
		if n, ok := stats.EarlyStopping(1, c[0], c[1], c[2]); ok {
			t.Errorf("EarlyStopping%v: %d", c, n)
		}
	}
}

// Intervals hold the estimate, stay in bounds, mirror and widen with the
// confidence; also when nobody fails and for very many rows.
func TestIntervalShape(t *testing.T) {
	const tiny = 1e-12
	for _, n := range []int64{1, 2, 7, 100, 12_345, 1_000_000_000} {
		for _, k := range []int64{0, 1, n / 3, n / 2, n - 1, n} {
			p := float64(k) / float64(n)
			for name, f := range map[string]func(k, n int64, confidence float64) (float64, float64){
				"Wilson": stats.Wilson, "ClopperPearson": stats.ClopperPearson, "Jeffreys": stats.Jeffreys, "AgrestiCoull": stats.AgrestiCoull,
			} {
				lower, upper := f(k, n, 0.9)
				if !(0 <= lower && lower <= p+tiny && p <= upper+tiny && upper <= 1 && lower < upper) {
					t.Errorf("%s of %d of %d: %v to %v", name, k, n, lower, upper)
				}
				l2, u2 := f(n-k, n, 0.9)
				if math.Abs(l2-(1-upper)) > tiny || math.Abs(u2-(1-lower)) > tiny {
					t.Errorf("%s of %d of %d does not mirror: %v to %v, %v to %v", name, k, n, lower, upper, l2, u2)
				}
				if l2, u2 := f(k, n, 0.99); l2 > lower || u2 < upper {
					t.Errorf("%s of %d of %d is no wider at 0.99", name, k, n)
				}
			}
			if v := stats.BinomialTest(k, n, p); v < 0.999999 {
				t.Errorf("BinomialTest of %d of %d at its own share: %v", k, n, v)
			}
		}
	}
	// Far out, either bound has its own digits.
	_, upper := stats.ClopperPearson(3, 100, 1-1e-13)
	lower, _ := stats.ClopperPearson(97, 100, 1-1e-13)
	digits(t, "far upper bound", upper, 1-lower, 1e-13)
	if d, lower, upper := stats.TangoPaired(stats.Pairs{Second: 5}, 0.9); d != -1 || lower != -1 || upper > -0.29 {
		t.Errorf("TangoPaired of 5 rows lost: %v, %v to %v", d, lower, upper)
	}

	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		p := stats.Pairs{Both: rng.Int64N(50), First: rng.Int64N(20), Second: rng.Int64N(4), Neither: rng.Int64N(30)}
		if p.N() == 0 {
			continue
		}
		d, lower, upper := stats.NewcombePaired(p, 0.9)
		if !(-1 <= lower && lower <= d && d <= upper && upper <= 1 && lower < upper) {
			t.Fatalf("NewcombePaired of %+v: %v, %v to %v", p, d, lower, upper)
		}
		swapped := stats.Pairs{Both: p.Both, First: p.Second, Second: p.First, Neither: p.Neither}
		if d2, l2, u2 := stats.NewcombePaired(swapped, 0.9); d2 != -d || math.Abs(l2+upper) > tiny || math.Abs(u2+lower) > tiny {
			t.Fatalf("NewcombePaired of %+v does not mirror", p)
		}
		d, lower, upper = stats.TangoPaired(p, 0.9)
		if !(-1 <= lower && lower <= d && d <= upper && upper <= 1 && lower < upper) {
			t.Fatalf("TangoPaired of %+v: %v, %v to %v", p, d, lower, upper)
		}
		if d2, l2, u2 := stats.TangoPaired(swapped, 0.9); d2 != -d || math.Abs(l2+upper) > tiny || math.Abs(u2+lower) > tiny {
			t.Fatalf("TangoPaired of %+v does not mirror", p)
		}
		for _, null := range []float64{-1, -0.999, -0.1, 0, 1e-9, 0.5, 1, 2, math.NaN()} {
			if z := stats.TangoScore(p, null); math.IsNaN(z) || math.IsInf(z, 0) || math.Abs(null) < 1 && (z >= 1.645) != (null <= lower) && math.Abs(null-lower) > 1e-3 {
				t.Fatalf("TangoScore of %+v at %v: %v", p, null, z)
			}
		}
		exact, mid := stats.McNemarExact(p), stats.McNemarMidP(p)
		if !(0 < mid && mid <= exact && exact <= 1) {
			t.Fatalf("McNemar of %+v: exact %v, mid-p %v", p, exact, mid)
		}
	}
}

// Quantiles undo distribution functions, in tails and for shapes of all sizes.
func TestQuantilesInvert(t *testing.T) {
	check := func(what string, got, want, tolerance float64) {
		t.Helper()
		if !(math.Abs(got-want) <= tolerance*want) {
			t.Errorf("%s: back to %.15g", what, got)
		}
	}
	for _, p := range []float64{1e-300, 1e-20, 1e-6, 0.05, 0.3, 0.5, 0.7, 0.975, 1 - 1e-9} {
		check(fmt.Sprint("normal ", p), stats.NormalCDF(stats.NormalQuantile(p)), p, 1e-12)
		for _, df := range []float64{0.5, 1, 2, 7.5, 1e3, 1e10, 1e16, 1e18} {
			if p > 1e-100 || df > 1 {
				check(fmt.Sprint("Student ", p, df), stats.StudentCDF(stats.StudentQuantile(p, df), df), p, 1e-11)
			}
			for _, b := range []float64{0.5, 3, 1e4, 1e9} {
				q := stats.BetaQuantile(p, df, b)
				if q > 0 && q < 0.99 && df < 1e11 {
					// The last digit of q is worth as much in the far tail of 1e10.
					check(fmt.Sprint("beta ", p, df, b), stats.BetaCDF(q, df, b), p, 2e-9)
				}
			}
		}
	}
	// Cauchy's distribution, and one of two degrees, have simple forms.
	digits(t, "t(1)", stats.StudentQuantile(1e-300, 1), -1e300/math.Pi, 1e-12)
	digits(t, "t(2)", stats.StudentQuantile(0.975, 2), 0.95/math.Sqrt(2*0.975*0.025), 1e-14)
	digits(t, "beta(1, 3)", stats.BetaQuantile(1e-310, 1, 3), 1e-310/3, 1e-12)
	digits(t, "beta(3, 1)", stats.BetaQuantile(1e-30, 3, 1), 1e-10, 1e-14)
	for _, v := range []float64{
		stats.BetaQuantile(-1, 1, 1), stats.BetaQuantile(0, 2, 2), stats.BetaCDF(-3, 2, 2), stats.BetaCDF(math.Inf(-1), 2, 2),
		stats.BinomialCDF(-1, 5, 0.5), stats.BinomialCDF(4, 5, 1), stats.StudentCDF(math.Inf(-1), 3), stats.NormalCDF(math.Inf(-1)),
	} {
		if v != 0 {
			t.Errorf("got %v, want 0", v)
		}
	}
	for _, v := range []float64{
		stats.BetaQuantile(2, 1, 1), stats.BetaCDF(1, 2, 2), stats.BetaCDF(math.Inf(1), 2, 2), stats.BinomialCDF(5, 5, 0.5), stats.BinomialCDF(0, 0, 0.5),
		stats.BinomialCDF(0, 5, 0), stats.StudentCDF(math.Inf(1), 3),
	} {
		if v != 1 {
			t.Errorf("got %v, want 1", v)
		}
	}
}
