package stats_test

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/waybill-dev/waybill/internal/stats"
)

// hemorrhage is the data set aSAH of pROC (N. Turck et al., Intensive Care
// Medicine 36, 2010): outcomes of 113 patients, and three scores.
func hemorrhage(t testing.TB) (poor []bool, scores [][]float64) {
	t.Helper()
	f, err := os.Open("testdata/aSAH.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	scores = make([][]float64, 3)
	for _, row := range rows[1:] {
		poor = append(poor, row[0] == "1")
		for i := range scores {
			v, err := strconv.ParseFloat(row[i+1], 64)
			if err != nil {
				t.Fatal(err)
			}
			scores[i] = append(scores[i], v)
		}
	}
	return poor, scores
}

func closeTo(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.16g, want %.16g", what, got, want)
	}
}

// The values are those of R 4.2.2 with pROC 1.18.0.
func TestDeLongHemorrhage(t *testing.T) {
	poor, scores := hemorrhage(t)
	a, ok := stats.DeLong(poor, scores...)
	if !ok || a.Positives != 41 || a.Negatives != 72 {
		t.Fatalf("DeLong = %+v, %v", a, ok)
	}
	const s100b, wfns, ndka = 0, 1, 2
	closeTo(t, "area of s100b", a.Value[s100b], 0.731368563685637, 1e-14)
	closeTo(t, "area of wfns", a.Value[wfns], 0.823678861788618, 1e-14)
	closeTo(t, "area of ndka", a.Value[ndka], 0.611957994579946, 1e-14)
	closeTo(t, "variance", a.Cov[s100b][s100b], 0.00266868245717244, 1e-16)
	closeTo(t, "covariance", a.Cov[s100b][wfns], 0.00119615567376754, 1e-16)
	for i, want := range [][2]float64{
		{0.630118211761623, 0.832618915609651},
		{0.748534887819453, 0.898822835757783},
		{0.501244999271703, 0.722670989888189},
	} {
		lower, upper := a.Interval(i, 0.95)
		closeTo(t, "lower", lower, want[0], 1e-12)
		closeTo(t, "upper", upper, want[1], 1e-12)
	}
	difference, se, lower, upper, z, p := a.Difference(s100b, wfns, 0.95)
	closeTo(t, "difference", difference, 0.731368563685637-0.823678861788618, 1e-14)
	closeTo(t, "lower", lower, -0.174214419249478, 1e-12)
	closeTo(t, "upper", upper, -0.0104061769564846, 1e-12)
	closeTo(t, "z", z, -2.20898359144091, 1e-12)
	closeTo(t, "p", p, 0.0271757822291882, 1e-12)
	closeTo(t, "se", se, difference/z, 1e-12)
	_, _, _, _, z, p = a.Difference(s100b, ndka, 0.95)
	closeTo(t, "z", z, 1.39077002573558, 1e-12)
	closeTo(t, "p", p, 0.164295175223054, 1e-12)
	// Not worse by 0.02: the lower bound of 95 % on one side.
	_, _, lower, _, _, _ = a.Difference(wfns, s100b, 0.9)
	closeTo(t, "lower", lower, 0.023574192851688713, 1e-12)
	difference, se, _, _, _, _ = a.Difference(wfns, s100b, 0.9)
	closeTo(t, "z at -0.02", (difference+0.02)/se, 2.687583192316765, 1e-12)
	closeTo(t, "p at -0.02", stats.NormalCDF(-(difference+0.02)/se), 0.003598558584344461, 1e-14)
}

// testdata/delong.py has the expected values from the definition, by numpy.
func TestDeLongReference(t *testing.T) {
	var reference struct {
		Cases []struct {
			Positive []int
			Scores   [][]float64
			Areas    []float64
			Cov      [][]float64
		}
	}
	readJSON(t, "testdata/delong.json", &reference)
	if len(reference.Cases) != 300 {
		t.Fatalf("%d cases", len(reference.Cases))
	}
	for i, c := range reference.Cases {
		positive := make([]bool, len(c.Positive))
		for r, p := range c.Positive {
			positive[r] = p == 1
		}
		a, ok := stats.DeLong(positive, c.Scores...)
		if !ok || (a.Cov == nil) != (c.Cov == nil) {
			t.Fatalf("case %d: %+v, %v", i, a, ok)
		}
		for j := range c.Areas {
			closeTo(t, "area", a.Value[j], c.Areas[j], 2e-12)
			lower, upper := a.Interval(j, 0.9)
			if !(lower >= 0 && lower <= a.Value[j] && a.Value[j] <= upper && upper <= 1 && lower < upper) {
				t.Errorf("case %d: %g is in %g to %g", i, a.Value[j], lower, upper)
			}
			for k := range c.Areas {
				if c.Cov != nil {
					closeTo(t, "cov", a.Cov[j][k], c.Cov[j][k], 2e-12)
				}
				d, se, lower, upper, z, p := a.Difference(j, k, 0.9)
				if !(lower <= d && d <= upper && lower < upper && se >= 0 && p >= 0 && p <= 1) || math.IsNaN(z) || math.IsInf(z, 0) {
					t.Errorf("case %d: difference %g, se %g, %g to %g, z %g, p %g", i, d, se, lower, upper, z, p)
				}
				if c.Cov != nil {
					closeTo(t, "variance of the difference", se*se, max(0, c.Cov[j][j]+c.Cov[k][k]-2*c.Cov[j][k]), 1e-11)
				}
			}
		}
		if t.Failed() {
			t.Fatalf("case %d", i)
		}
	}
}

func TestDeLongRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		positive []bool
		scores   [][]float64
	}{
		"no rows":      {nil, [][]float64{{}}},
		"no positives": {[]bool{false, false}, [][]float64{{1, 2}}},
		"no negatives": {[]bool{true, true}, [][]float64{{1, 2}}},
		"no scores":    {[]bool{true, false}, nil},
		"NaN":          {[]bool{true, false}, [][]float64{{1, math.NaN()}}},
		"short":        {[]bool{true, false}, [][]float64{{1, 2}, {1}}},
	} {
		if a, ok := stats.DeLong(c.positive, c.scores...); ok || a != nil {
			t.Errorf("%s: %+v, %v", name, a, ok)
		}
	}
}

func TestDeLongOrdersAllNumbers(t *testing.T) {
	inf := math.Inf(1)
	positive := []bool{false, false, false, false, true, true, true, true}
	a, ok := stats.DeLong(positive, []float64{-inf, -1e300, -1, math.Copysign(0, -1), 0, 5e-324, 1e300, inf})
	if !ok || a.Value[0] != (15+0.5)/16 { // 0 and −0 are a tie
		t.Errorf("%+v, %v", a, ok)
	}
}

// separated has n positives and 2n negatives that the first score separates, the
// second one ties and the third one has the wrong way round.
func separated(n int) (positive []bool, scores [][]float64) {
	scores = make([][]float64, 3)
	for i := range 3 * n {
		positive = append(positive, i < n)
		right := 0.0
		if i < n {
			right = 1
		}
		for k, v := range []float64{right + float64(i%n)/float64(2*n), 7, -right} {
			scores[k] = append(scores[k], v)
		}
	}
	return positive, scores
}

func TestDeLongWithoutVariance(t *testing.T) {
	positive, scores := separated(20)
	a, ok := stats.DeLong(positive, scores...)
	if !ok {
		t.Fatal("refused")
	}
	share := math.Pow(0.05, 1.0/20) // 0.861, Clopper and Pearson of 20 out of 20
	for i, want := range [][3]float64{{1, share, 1}, {0.5, share / 2, 1 - share/2}, {0, 0, 1 - share}} {
		lower, upper := a.Interval(i, 0.9)
		closeTo(t, "value", a.Value[i], want[0], 0)
		closeTo(t, "lower", lower, want[1], 1e-12)
		closeTo(t, "upper", upper, want[2], 1e-12)
	}
	for _, c := range []struct {
		i, j                     int
		difference, lower, upper float64
	}{
		{0, 0, 0, share - 1, 1 - share},
		{0, 1, 0.5, share/2 - (1 - share), share/2 + 1 - share},
		{0, 2, 1, 2*share - 1, 1},
	} {
		difference, se, lower, upper, z, p := a.Difference(c.i, c.j, 0.9)
		closeTo(t, "difference", difference, c.difference, 0)
		closeTo(t, "lower", lower, c.lower, 1e-12)
		closeTo(t, "upper", upper, c.upper, 1e-12)
		if se != 0 || z != 0 || p != 1 {
			t.Errorf("se %g, z %g, p %g", se, z, p)
		}
	}
	for _, confidence := range []float64{0, 1, -1, 2, math.NaN()} {
		if lower, upper := a.Interval(0, confidence); lower != 0 || upper != 1 {
			t.Errorf("confidence %g: %g to %g", confidence, lower, upper)
		}
		if _, _, lower, upper, _, _ := a.Difference(0, 1, confidence); lower != -1 || upper != 1 {
			t.Errorf("confidence %g: difference %g to %g", confidence, lower, upper)
		}
	}
}

func TestDeLongOneOfAClass(t *testing.T) {
	a, ok := stats.DeLong([]bool{true, false, false, false}, []float64{3, 1, 2, 0}, []float64{1, 1, 2, 0})
	if !ok || a.Cov != nil || a.Value[0] != 1 {
		t.Fatalf("%+v, %v", a, ok)
	}
	if lower, upper := a.Interval(0, 0.9); lower != 0 || upper != 1 {
		t.Errorf("interval %g to %g", lower, upper)
	}
	if d, se, lower, upper, z, p := a.Difference(0, 1, 0.9); d != 0.5 || se != 0 || lower != -1 || upper != 1 || z != 0 || p != 1 {
		t.Error(d, se, lower, upper, z, p)
	}
}

// A lower bound that is too high passes models that should not pass. That of
// 95 % may exceed the area in 5 % of samples; Wald's alone does in a quarter of
// the first ones.
func TestDeLongCovers(t *testing.T) {
	for _, c := range []struct {
		positives, negatives int
		separation           float64
	}{{20, 20, 2.9}, {50, 50, 2.3}, {200, 200, 2.9}, {50, 50, 1.8}, {200, 200, 0.5}, {20, 20, 0}, {2, 200, 1.2}, {300, 5, 2}, {10, 200, 2}} {
		const runs, most = 2000, 0.065 // 0.05 and three standard errors
		area := stats.NormalCDF(c.separation / math.Sqrt2)
		random := rand.New(rand.NewPCG(1, 6))
		above, below := 0.0, 0.0
		for range runs {
			positive, score := make([]bool, c.positives+c.negatives), make([]float64, c.positives+c.negatives)
			for i := range score {
				positive[i] = i < c.positives
				if score[i] = random.NormFloat64(); positive[i] {
					score[i] += c.separation
				}
			}
			a, _ := stats.DeLong(positive, score)
			lower, upper := a.Interval(0, 0.9)
			if lower > area {
				above += 1.0 / runs
			}
			if upper < area {
				below += 1.0 / runs
			}
		}
		t.Logf("area %.3f, %d and %d rows: %.3f of the lower bounds lie above it, %.3f of the upper ones below", area, c.positives, c.negatives, above, below)
		if above > most || below > most {
			t.Errorf("area %.3f, %d and %d rows: the interval does not cover", area, c.positives, c.negatives)
		}
	}
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func BenchmarkDeLongTwoScoresOfAMillionRows(b *testing.B) {
	const n = 1_000_000
	random := rand.New(rand.NewPCG(1, 2))
	positive, x, y := make([]bool, n), make([]float64, n), make([]float64, n)
	for i := range positive {
		positive[i] = random.IntN(5) == 0
		x[i], y[i] = random.Float64(), random.Float64()
	}
	for b.Loop() {
		if _, ok := stats.DeLong(positive, x, y); !ok {
			b.Fatal("refused")
		}
	}
}
