package stats_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/waybill-dev/waybill/internal/stats"
)

// The values below were computed with R 4.2.2, scipy 1.10.1 and statsmodels
// 0.13.5, or are in the papers and manuals named.

// digits compares to as many digits as want is given with.
func digits(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Abs(want)) && got != want {
		t.Errorf("%s: got %.15g, want %.15g", what, got, want)
	}
}

func interval(lower, upper float64) func(t *testing.T, what string, l, u, tolerance float64) {
	return func(t *testing.T, what string, l, u, tolerance float64) {
		t.Helper()
		digits(t, what+", lower", lower, l, tolerance)
		digits(t, what+", upper", upper, u, tolerance)
	}
}

func TestProportionReferences(t *testing.T) {
	for _, c := range []struct {
		k, n         int64
		lower, upper float64
	}{
		{0, 20, 0, 0.168433470983085},
		{20, 20, 0.831566529016915, 1},
		{81, 263, 0.252736745585271, 0.367621922601351},
		{940, 1000, 0.923439509596065, 0.953904964577516},
		{682, 925, 0.707668264079039, 0.765406558241525},
		{15, 50, 0.17861784566414687, 0.4460823256611782},
	} {
		interval(stats.ClopperPearson(c.k, c.n, 0.95))(t, fmt.Sprint("Clopper-Pearson ", c.k, "/", c.n), c.lower, c.upper, 2e-14)
	}
	interval(stats.AgrestiCoull(15, 50, 0.95))(t, "Agresti-Coull", 0.19027070342347036, 0.4382683362298732, 1e-14)
	interval(stats.Jeffreys(15, 50, 0.95))(t, "Jeffreys", 0.18687713253565663, 0.4355279077018387, 1e-14)
	digits(t, "binom.test", stats.BinomialTest(682, 925, 0.75), 0.382491559574852, 1e-13)

	// Newcombe (1998), Table II, (a): 56/70 and 48/80.
	d, lower, upper := stats.Newcombe(56, 70, 48, 80, 0.95)
	digits(t, "Newcombe", d, 0.2, 1e-14)
	interval(lower, upper)(t, "Newcombe", 0.052431472402365, 0.333872654036906, 1e-13)
}

func TestPairedReferences(t *testing.T) {
	performance := stats.Pairs{Both: 794, First: 86, Second: 150, Neither: 570} // R, ?mcnemar.test
	other := stats.Pairs{Both: 101, First: 121, Second: 59, Neither: 33}        // statsmodels' own test
	for _, c := range []struct {
		pairs        stats.Pairs
		corrected    bool
		statistic, p float64
	}{
		{performance, true, 16.8177966101695, 4.11456228134594e-05},
		{performance, false, 17.3559322033898, 3.09929344104522e-05},
		{other, true, 20.67222222222222, 5.450094825427117e-06},
	} {
		statistic, p := stats.McNemarChiSquare(c.pairs, c.corrected)
		digits(t, "McNemar", statistic, c.statistic, 2e-14)
		digits(t, "McNemar, p", p, c.p, 1e-12)
	}
	digits(t, "exact", stats.McNemarExact(performance), 3.71593613957143e-05, 1e-13)
	digits(t, "exact", stats.McNemarExact(other), 4.4344492637551645e-06, 1e-11)
	digits(t, "exact", stats.McNemarExact(stats.Pairs{First: 3, Second: 11}), 0.057373046875, 1e-14)
	digits(t, "exact", stats.McNemarExact(stats.Pairs{Second: 5}), 0.0625, 1e-15)
	digits(t, "mid-p", stats.McNemarMidP(stats.Pairs{First: 3, Second: 11}), 0.03515625, 1e-14)

	// Newcombe (1998), the example of 36, 12, 2, 0.
	d, lower, upper := stats.NewcombePaired(stats.Pairs{Both: 36, First: 12, Second: 2}, 0.95)
	digits(t, "Newcombe", d, 0.2, 1e-15)
	interval(lower, upper)(t, "Newcombe", 0.05692958400323869, 0.3404276029749407, 1e-14)
	// 28 rows lost and 2 won out of 500, by which model is first.
	d, lower, upper = stats.NewcombePaired(stats.Pairs{Both: 427, First: 28, Second: 2, Neither: 43}, 0.95)
	digits(t, "Newcombe", d, 0.052, 1e-15)
	interval(lower, upper)(t, "Newcombe, 28 and 2", 0.031087633, 0.075116478, 1e-8)
	d, l2, u2 := stats.NewcombePaired(stats.Pairs{Both: 427, First: 2, Second: 28, Neither: 43}, 0.95)
	digits(t, "Newcombe, exchanged", d, -0.052, 1e-15)
	interval(l2, u2)(t, "Newcombe, exchanged", -upper, -lower, 1e-13)

	// Airway hyper-responsiveness before and after, the example of M. W.
	// Fagerland, S. Lydersen and P. Laake (Statistics in Medicine 33, 2014).
	airways := stats.Pairs{Both: 1, First: 1, Second: 7, Neither: 12}
	_, lower, upper = stats.TangoPaired(airways, 0.95)
	if math.Abs(lower+0.517) > 0.0005 || math.Abs(upper+0.026) > 0.0005 {
		t.Errorf("Tango: %v to %v", lower, upper)
	}
	_, lower, upper = stats.NewcombePaired(airways, 0.95)
	if math.Abs(lower+0.507) > 0.0005 || math.Abs(upper+0.026) > 0.0005 {
		t.Errorf("Newcombe: %v to %v", lower, upper)
	}
	// At null 0 the score is the root of McNemar's statistic; at a bound of the
	// interval it is the normal quantile. Without a success on either side the
	// bounds are Wilson's, of no success.
	statistic, _ := stats.McNemarChiSquare(airways, false)
	digits(t, "score at 0", stats.TangoScore(airways, 0), -math.Sqrt(statistic), 1e-14)
	_, lower, upper = stats.TangoPaired(airways, 0.9)
	digits(t, "score at the lower bound", stats.TangoScore(airways, lower), stats.NormalQuantile(0.95), 1e-12)
	digits(t, "score at the upper bound", stats.TangoScore(airways, upper), stats.NormalQuantile(0.05), 1e-12)
	_, none := stats.Wilson(0, 100, 0.9)
	interval(func() (l, u float64) { _, l, u = stats.TangoPaired(stats.Pairs{Both: 50, Neither: 50}, 0.9); return }())(t, "Tango of 0 and 0", -none, none, 1e-13)

	// Non-inferiority at 0.02, one-sided 0.05.
	d, se, lower, _ := stats.WaldPaired(stats.Pairs{Both: 480, First: 5, Second: 8, Neither: 7}, 0.9)
	digits(t, "Wald", d, -0.006, 1e-15)
	digits(t, "Wald, se", se, 0.007206108519860077, 1e-14)
	digits(t, "Wald, lower", lower, -0.017852993735, 1e-10)
	digits(t, "Wald, z", (d+0.02)/se, 1.9427961654221442, 1e-13)
	digits(t, "Wald, p", stats.NormalCDF(-(d+0.02)/se), 0.02602039570661946, 1e-13)
}

// R's data set "sleep": hours gained, of ten patients with either drug.
var sleep = [2][]float64{
	{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0},
	{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4},
}

func TestMeanReferences(t *testing.T) {
	d := make([]float64, 10)
	for i := range d {
		d[i] = sleep[0][i] - sleep[1][i]
	}
	m, statistic, p := stats.PairedT(d, 0, 0.95)
	digits(t, "t", statistic, -4.06212768338204, 1e-14)
	digits(t, "p", p, 0.00283289019738427, 1e-13)
	interval(m.Lower, m.Upper)(t, "t", -2.45988576327698, -0.700114236723018, 1e-13)
	m, statistic, p = stats.PairedT(d, -2, 0.9)
	digits(t, "t at -2", statistic, 1.07980609305092, 1e-13)
	digits(t, "one-sided p at -2", p/2, 0.154157235669097, 1e-13)
	digits(t, "one-sided lower bound", m.Lower, -2.29300526702928, 1e-13)
	if v, p, exact := stats.WilcoxonSigned(d, 0); v != 0 || math.Abs(p-0.00909069801592506) > 1e-15 || exact {
		t.Errorf("Wilcoxon: V %v, p %.15g, exact %v", v, p, exact)
	}

	// The null is taken away first; a zero or 50 differences end the exact test.
	if v, p, exact := stats.WilcoxonSigned([]float64{1, 2, 3, 4.5}, 2.2); v != 6 || p != 0.875 || !exact {
		t.Errorf("Wilcoxon with a null: %v, %v, %v", v, p, exact)
	}
	if _, _, exact := stats.WilcoxonSigned([]float64{0, 1, 2, 4.5}, 0); exact {
		t.Error("Wilcoxon with a zero is exact")
	}
	for n, want := range map[int]bool{49: true, 50: false} {
		d := make([]float64, n)
		for i := range d {
			d[i] = float64(i + 1)
		}
		if _, _, exact := stats.WilcoxonSigned(d, 0); exact != want {
			t.Errorf("Wilcoxon of %d: exact is %v", n, exact)
		}
	}

	// 30 of 500 rows differ: 2 won, 28 lost.
	rows := make([]float64, 500)
	for i := range 30 {
		rows[i] = -1
		if i < 2 {
			rows[i] = 1
		}
	}
	m = stats.MeanInterval(rows, 0.95)
	digits(t, "mean", m.Mean, -0.052, 1e-14)
	digits(t, "se", m.SE, 0.010715486143268218, 1e-14)
	// By the normal distribution, and by the variance of a share, which divides
	// by n where that of a sample divides by n − 1.
	spread := stats.NormalQuantile(0.975) * m.SE
	interval(m.Mean-spread, m.Mean+spread)(t, "by the normal distribution", -0.07300196691764371, -0.030998033082356283, 1e-14)
	_, se, _, _ := stats.WaldPaired(stats.Pairs{Both: 427, First: 2, Second: 28, Neither: 43}, 0.95)
	digits(t, "Wald, se", se, m.SE*math.Sqrt(499.0/500), 1e-14)

	// Digits survive an offset and small numbers beside large ones.
	m = stats.MeanInterval([]float64{1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16}, 0.95)
	digits(t, "mean", m.Mean, 1e9+10, 0)
	digits(t, "se", m.SE, math.Sqrt(30.0/4), 1e-15)
	digits(t, "mean", stats.MeanInterval([]float64{1e16, 1, -1e16, 1}, 0.95).Mean, 0.5, 0)
}

// p-values of R's p.adjust and of Benjamini and Hochberg (1995), section 3.2.
func TestAdjustedReferences(t *testing.T) {
	p := []float64{.01, .04, .03, .005}
	trial := []float64{.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240, .4262, .5719, .6528, .7590, 1}
	five := []float64{.01, .02, .03, .04, .05}
	for _, c := range []struct {
		name    string
		f       func([]float64) []float64
		p, want []float64
	}{
		{"Holm", stats.Holm, p, []float64{.03, .06, .06, .02}},
		{"BH", stats.BenjaminiHochberg, p, []float64{.02, .04, .04, .02}},
		{"Bonferroni", stats.Bonferroni, five, []float64{.05, .1, .15, .2, .25}},
		{"Holm", stats.Holm, five, []float64{.05, .08, .09, .09, .09}},
		{"BH", stats.BenjaminiHochberg, five, []float64{.05, .05, .05, .05, .05}},
		{"BY", stats.BenjaminiYekutieli, five, []float64{.114166666666667, .114166666666667, .114166666666667, .114166666666667, .114166666666667}},
		{"Bonferroni", stats.Bonferroni, trial, []float64{.0015, .006, .0285, .1425, .3015, .417, .447, .516, .6885, 1, 1, 1, 1, 1, 1}},
		{"Holm", stats.Holm, trial, []float64{.0015, .0056, .0247, .114, .2211, .278, .278, .278, .3213, 1, 1, 1, 1, 1, 1}},
		{"BH", stats.BenjaminiHochberg, trial, []float64{.0015, .003, .0095, .035625, .0603, .0638571428571429, .0638571428571429, .0645, .0765, .486, .581181818181818, .714875, .753230769230769, .813214285714286, 1}},
	} {
		for i, got := range c.f(c.p) {
			digits(t, fmt.Sprint(c.name, " ", i), got, c.want[i], 1e-14)
		}
	}
}

func TestOrderReferences(t *testing.T) {
	if lower, upper, ok := stats.QuantileRanks(1000, 0.9, 0.95); lower != 881 || upper != 919 || !ok {
		t.Errorf("p90 of 1000: %d to %d, %v", lower, upper, ok) // R, qbinom
	}
	// The median of six lies between the least and the greatest with 0.96875;
	// five have but 0.9375 (a classic: (1/2)^(n-1)).
	if lower, upper, ok := stats.QuantileRanks(6, 0.5, 0.95); lower != 1 || upper != 6 || !ok {
		t.Errorf("median of 6: %d to %d, %v", lower, upper, ok)
	}
	for n := int64(2); n < 50; n++ {
		if lower, upper, ok := stats.QuantileRanks(n, 0.5, 1-math.Ldexp(1, 1-int(n))); lower != 1 || upper != n || !ok {
			t.Errorf("median of %d at its very confidence: %d to %d, %v", n, lower, upper, ok)
		}
	}
	if lower, upper, ok := stats.QuantileRanks(5, 0.5, 0.95); lower != 0 || upper != 6 || ok {
		t.Errorf("median of 5: %d to %d, %v", lower, upper, ok)
	}
	// 299 are needed for an upper bound of p99 at 0.95, one-sided.
	if _, upper, _ := stats.QuantileRanks(298, 0.99, 0.9); upper != 299 {
		t.Errorf("p99 of 298: upper %d", upper)
	}
	if lower, upper, ok := stats.QuantileRanks(299, 0.99, 0.9); lower < 1 || upper != 299 || !ok {
		t.Errorf("p99 of 299: %d to %d, %v", lower, upper, ok)
	}

	// MLPerf's LoadGen: tolerance 0, confidence 0.99, all queries counted.
	for percentile, want := range map[float64][]int64{
		0.90: {44, 64, 81, 97, 113, 127, 142, 156, 170, 183, 197},
		0.95: {90, 130, 165, 198, 229, 259, 288, 316, 344, 371, 398},
		0.99: {459, 662, 838, 1001, 1157, 1307, 1453, 1596, 1736, 1874, 2010},
	} {
		for over, n := range want {
			if inTime, ok := stats.EarlyStopping(int64(over), percentile, 0, 0.99); inTime+int64(over) != n || !ok {
				t.Errorf("early stopping, p%v: %d and %d over, want %d in all", 100*percentile, inTime, over, n)
			}
		}
	}
}

func TestSampleSizeReferences(t *testing.T) {
	// Of rows that differ this many in units of the margin, squared, are needed.
	z := stats.NormalQuantile(0.95) + stats.NormalQuantile(0.8)
	digits(t, "square of z0.95 + z0.8", z*z, 6.182557232019766, 1e-14)
	for _, c := range []struct {
		got  func() (int64, bool)
		want int64
	}{
		{func() (int64, bool) { return stats.PairsNeeded(0.06, 0, 0.01, 0.05, 0.8) }, 3710}, // 3709.53
		{func() (int64, bool) { return stats.PairsNeeded(0.06, 0, 0.02, 0.05, 0.8) }, 928},  // 927.38
		{func() (int64, bool) { return stats.PairsNeeded(0.06, 0.01, 0.01, 0.05, 0.8) }, 926},
		{func() (int64, bool) { return stats.PairsNeeded(0.06, 0.03, -0.01, 0.05, 0.8) }, 914},
		{func() (int64, bool) { return stats.MeansNeeded(math.Sqrt(0.06), 0, 0.01, 0.05, 0.8) }, 3710},
		{func() (int64, bool) { return stats.MeansNeeded(1, 0, 100, 0.05, 0.8) }, 1},
	} {
		if n, ok := c.got(); n != c.want || !ok {
			t.Errorf("got %d, %v, want %d", n, ok, c.want)
		}
	}
}
