package stats_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/internal/stats"
)

// inference is what testdata/inference.py computes with scipy and statsmodels:
// arguments, then results.
type inference struct {
	Normal, NormalQuantile, Student, StudentQuantile   [][]float64
	Beta, BetaQuantile, Binomial                       [][]float64
	Proportions, BinomialTest, Newcombe, Paired, Ranks [][]float64
	Stopping, Tango                                    [][]float64
	T                                                  []struct {
		X                []float64
		Null, Confidence float64
		Want             []float64
	}
	Wilcoxon []struct {
		X, Want []float64
		Exact   bool
	}
	Adjusted []struct {
		P    []float64
		Want [][]float64
	}
}

func readInference(t *testing.T) inference {
	t.Helper()
	b, err := os.ReadFile("testdata/inference.json")
	if err != nil {
		t.Fatal(err)
	}
	var r inference
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// wants compares results with the last numbers of row, by their relative
// difference.
func wants(t *testing.T, what string, row []float64, tolerance float64, got ...float64) {
	t.Helper()
	arguments, want := row[:len(row)-len(got)], row[len(row)-len(got):]
	for i, v := range got {
		if v != want[i] && !(math.Abs(v-want[i]) <= tolerance*math.Abs(want[i])) {
			t.Errorf("%s of %v, result %d: got %.15g, want %.15g", what, arguments, i, v, want[i])
		}
	}
}

const ninth = 1e-9

func TestDistributionsAgainstScipyMore(t *testing.T) {
	r := readInference(t)
	for _, c := range r.Normal {
		wants(t, "NormalCDF", c, ninth, stats.NormalCDF(c[0]))
	}
	for _, c := range r.NormalQuantile {
		wants(t, "NormalQuantile", c, ninth, stats.NormalQuantile(c[0]))
	}
	for _, c := range r.Student {
		wants(t, "StudentCDF", c, ninth, stats.StudentCDF(c[0], c[1]))
	}
	for _, c := range r.StudentQuantile {
		wants(t, "StudentQuantile", c, ninth, stats.StudentQuantile(c[0], c[1]))
	}
	for _, c := range r.Beta {
		wants(t, "BetaCDF", c, ninth, stats.BetaCDF(c[0], c[1], c[2]))
	}
	for _, c := range r.BetaQuantile {
		wants(t, "BetaQuantile", c, ninth, stats.BetaQuantile(c[0], c[1], c[2]))
	}
	for _, c := range r.Binomial {
		wants(t, "BinomialCDF", c, ninth, stats.BinomialCDF(int64(c[0]), int64(c[1]), c[2]))
	}
}

func TestProportionsAgainstStatsmodels(t *testing.T) {
	r := readInference(t)
	for _, c := range r.Proportions {
		k, n := int64(c[0]), int64(c[1])
		var got []float64
		for _, f := range []func(k, n int64, confidence float64) (float64, float64){stats.ClopperPearson, stats.Jeffreys, stats.AgrestiCoull, stats.Wilson} {
			lower, upper := f(k, n, c[2])
			got = append(got, lower, upper)
		}
		wants(t, "ClopperPearson, Jeffreys, AgrestiCoull, Wilson", c, ninth, got...)
	}
	for _, c := range r.BinomialTest {
		wants(t, "BinomialTest", c, ninth, stats.BinomialTest(int64(c[0]), int64(c[1]), c[2]))
	}
	for _, c := range r.Newcombe {
		d, lower, upper := stats.Newcombe(int64(c[0]), int64(c[1]), int64(c[2]), int64(c[3]), c[4])
		wants(t, "Newcombe", c, ninth, d, lower, upper)
	}
}

func TestPairedAgainstStatsmodels(t *testing.T) {
	for _, c := range readInference(t).Paired {
		p := stats.Pairs{Both: int64(c[0]), First: int64(c[1]), Second: int64(c[2]), Neither: int64(c[3])}
		_, low, high := stats.NewcombePaired(p, c[4])
		_, se, wlow, whigh := stats.WaldPaired(p, c[4])
		plain, plainP := stats.McNemarChiSquare(p, false)
		edwards, edwardsP := stats.McNemarChiSquare(p, true)
		wants(t, "NewcombePaired, WaldPaired, McNemar…", c, ninth,
			low, high, se, wlow, whigh, stats.McNemarExact(p), stats.McNemarMidP(p), plain, plainP, edwards, edwardsP)
	}
}

func TestTangoAgainstDefinition(t *testing.T) {
	for _, c := range readInference(t).Tango {
		p := stats.Pairs{First: int64(c[1]), Second: int64(c[2]), Neither: int64(c[0] - c[1] - c[2])}
		_, lower, upper := stats.TangoPaired(p, c[3])
		wants(t, "TangoPaired", c, ninth, lower, upper)
		p.Both, p.Neither = p.Neither, 0 // of no consequence
		_, lower, upper = stats.TangoPaired(p, c[3])
		wants(t, "TangoPaired", c, ninth, lower, upper)
	}
}

func TestMeansAgainstScipy(t *testing.T) {
	r := readInference(t)
	for _, c := range r.T {
		m, statistic, p := stats.PairedT(c.X, c.Null, c.Confidence)
		wants(t, fmt.Sprintf("PairedT %v", c.X), c.Want, ninth, m.Mean, m.SE, m.Lower, m.Upper, statistic, p)
	}
	for _, c := range r.Wilcoxon {
		v, p, exact := stats.WilcoxonSigned(c.X, 0)
		wants(t, fmt.Sprintf("WilcoxonSigned %v", c.X), c.Want, ninth, v, p)
		if exact != c.Exact {
			t.Errorf("WilcoxonSigned %v: exact is %v", c.X, exact)
		}
	}
}

func TestAdjustedAgainstStatsmodels(t *testing.T) {
	for _, c := range readInference(t).Adjusted {
		given := slices.Clone(c.P)
		for i, f := range []func([]float64) []float64{stats.Bonferroni, stats.Holm, stats.BenjaminiHochberg, stats.BenjaminiYekutieli} {
			wants(t, fmt.Sprintf("adjustment %d of %v", i, c.P), c.Want[i], ninth, f(c.P)...)
		}
		if !slices.Equal(given, c.P) {
			t.Error("the p-values given were changed")
		}
	}
}

func TestOrdersAgainstScipy(t *testing.T) {
	r := readInference(t)
	for _, c := range r.Ranks {
		n := int64(c[0])
		lower, upper, ok := stats.QuantileRanks(n, c[1], c[2])
		wants(t, "QuantileRanks", c, 0, float64(lower), float64(upper))
		if ok != (lower > 0 && upper <= n) {
			t.Errorf("QuantileRanks of %v: ok is %v", c, ok)
		}
	}
	for _, c := range r.Stopping {
		inTime, ok := stats.EarlyStopping(int64(c[0]), c[1], c[2], c[3])
		if !ok {
			t.Errorf("EarlyStopping of %v is not ok", c)
		}
		wants(t, "EarlyStopping", c, 0, float64(inTime))
	}
}
