package stats

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// pairedAccuracy is the difference of two accuracies, from how often both were
// right, only the first, only the second, neither.
func pairedAccuracy(cells []int64, out []float64) {
	n := cells[0] + cells[1] + cells[2] + cells[3]
	out[0] = float64(cells[2]-cells[1]) / float64(n)
}

// Of 500 rows 28 were lost and 2 won. scipy has -0.076 to -0.034 (BCa) and
// -0.074 to -0.032 (percentile); a step is 1/500.
func TestBootstrapCellsPaired(t *testing.T) {
	for _, c := range []struct {
		percentile   bool
		lower, upper float64
	}{{false, -0.076, -0.034}, {true, -0.074, -0.032}} {
		b := BootstrapCells([]int64{427, 28, 2, 43}, pairedAccuracy, 1, Resampling{Seed: 1, Resamples: 20_000, Confidence: 0.95, Percentile: c.percentile})[0]
		if !b.OK || off(b.Estimate, -0.052, 1e-15) || off(b.Lower, c.lower, 0.0021) || off(b.Upper, c.upper, 0.0021) || off(b.SE, 0.0107, 0.0003) {
			t.Errorf("%+v, want %+v", b, c)
		}
	}
}

// The two bootstraps agree: on the bias but for chance, on the acceleration
// exactly, as long as each row is left out.
func TestBootstrapCellsAgreesWithRows(t *testing.T) {
	cells := []int64{30, 9, 4, 57, 0}
	var kind []int
	for k, c := range cells {
		for range c {
			kind = append(kind, k)
		}
	}
	f1 := func(cells []int64, out []float64) {
		if tp, wrong := cells[0], cells[1]+cells[2]; tp+wrong > 0 {
			out[0] = float64(2*tp) / float64(2*tp+wrong)
		}
	}
	r := Resampling{Seed: 3, Resamples: 20_000, Confidence: 0.9}
	a := BootstrapCells(cells, f1, 1, r)[0]
	b := BootstrapRows(Rows{N: len(kind)}, func(weight []uint32, out []float64) {
		counts := make([]int64, len(cells))
		for i, k := range kind {
			if weight == nil {
				counts[k]++
			} else {
				counts[k] += int64(weight[i])
			}
		}
		f1(counts, out)
	}, 1, r)[0]
	if !a.OK || !b.OK || a.Estimate != b.Estimate || off(a.Acceleration, b.Acceleration, 1e-12) || off(a.Bias, b.Bias, 0.04) ||
		off(a.SE, b.SE, 0.001) || off(a.Lower, b.Lower, 0.004) || off(a.Upper, b.Upper, 0.003) {
		t.Errorf("cells %+v\nrows  %+v", a, b)
	}
}

// Whole runs of scipy, within the error of so many resamples.
func TestBootstrapAgainstScipy(t *testing.T) {
	reference := readScipyBootstrap(t)
	for _, c := range reference.Runs {
		if testing.Short() && len(c.X) > 40 {
			continue
		}
		r := Resampling{Seed: 1, Resamples: 4000, Confidence: 0.9, Percentile: c.Method == "percentile"}
		b := bootstrapOne(Rows{N: len(c.X)}, weighted(c.Statistic, c.X), r)
		// A bound has an error of about 2.1 SE/√resamples, tails more.
		if tolerance := 0.12 * c.SE; !b.OK || off(b.SE, c.SE, 0.03*c.SE) || off(b.Lower, c.Bounds[0], tolerance) || off(b.Upper, c.Bounds[1], tolerance) {
			t.Errorf("%s of %d, %s: %+v, want %g, SE %g", c.Statistic, len(c.X), c.Method, b, c.Bounds, c.SE)
		}
	}
	x, y := reference.Strata.X, reference.Strata.Y
	strata := make([]int32, len(x)+len(y))
	for i := range x {
		strata[i] = 7
	}
	ofX, ofY := weighted("mean", x), weighted("mean", y)
	b := bootstrapOne(Rows{N: len(strata), Strata: strata}, func(weight []uint32) float64 {
		if weight == nil {
			return ofX(nil) / ofY(nil)
		}
		return ofX(weight[:len(x)]) / ofY(weight[len(x):])
	}, Resampling{Seed: 2, Resamples: 4000, Confidence: 0.9})
	if want := reference.Strata; !b.OK || off(b.Acceleration, want.Acceleration, 1e-9) || off(b.SE, want.SE, 0.03*want.SE) ||
		off(b.Lower, want.Bounds[0], 0.12*want.SE) || off(b.Upper, want.Bounds[1], 0.12*want.SE) {
		t.Errorf("strata: %+v, want %g, SE %g, acceleration %g", b, want.Bounds, want.SE, want.Acceleration)
	}
}

// Past 200 rows groups are left out; what they tell of the skewness must be
// about what single rows tell.
func TestAccelerationByGroups(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, 20_000)
	var deletions []deletion
	total := 0.0
	for i := range x {
		x[i] = math.Exp(random.NormFloat64())
		total += x[i]
	}
	for _, v := range x {
		deletions = append(deletions, deletion{times: 1, values: []float64{(total - v) / float64(len(x)-1)}})
	}
	d, _ := Rows{N: len(x)}.design()
	value := weighted("mean", x)
	calls := 0
	without := make([]int, len(x))
	groups := d.jackknife(func(out []float64) {
		calls++
		out[0] = value(d.count)
		for i, c := range d.count {
			without[i] += 1 - int(c)
		}
	}, 1)
	for i, times := range without {
		if times != 1 {
			t.Fatalf("row %d is left out %d times", i, times)
		}
	}
	exact, grouped := acceleration(deletions, 0), acceleration(groups, 0)
	t.Logf("acceleration %.5f, by groups %.5f", exact, grouped)
	if calls != jackknifeUnits || exact < 0.003 || off(grouped, exact, 0.005) {
		t.Errorf("acceleration %g, by groups %g in %d calls", exact, grouped, calls)
	}
}

// Rows of a cluster that are the same are one row said several times: the
// error is that of the number of clusters.
func TestBootstrapClusters(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var cluster []int32
	var x, once []float64
	for c := range 100 {
		v := random.NormFloat64()
		once = append(once, v)
		for range 5 {
			cluster, x = append(cluster, int32(-7*c)), append(x, v)
		}
	}
	r := Resampling{Seed: 1, Resamples: 4000, Confidence: 0.9}
	a := bootstrapOne(Rows{N: 100}, weighted("mean", once), r)
	b := bootstrapOne(Rows{N: 500, Cluster: cluster}, weighted("mean", x), r)
	if off(a.Lower, b.Lower, 1e-12) || off(a.Upper, b.Upper, 1e-12) || off(a.Acceleration, b.Acceleration, 1e-12) {
		t.Errorf("one row of each cluster: %+v\nfive: %+v", a, b)
	}
	strata := make([]int32, 500)
	for i := range strata {
		strata[i] = int32(i / 250)
	}
	b = bootstrapOne(Rows{N: 500, Cluster: cluster, Strata: strata}, func(weight []uint32) float64 {
		taken := [2]uint32{}
		for i, w := range weight {
			taken[strata[i]] += w
			if w != weight[i/5*5] {
				t.Fatal("a cluster is not whole")
			}
		}
		if weight != nil && taken[0]+taken[1] == 500 && taken[0] != 250 {
			t.Fatalf("%d of 250 rows of a stratum", taken)
		}
		return weighted("mean", x)(weight)
	}, Resampling{Seed: 1, Resamples: 200, Confidence: 0.9})
	if !b.OK {
		t.Errorf("%+v", b)
	}
}

// Of a skewed mean: 90 % intervals cover in 88 % of samples or so.
func TestBootstrapCovers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 6))
	const runs, n = 600, 50
	covered := 0
	x := make([]float64, n)
	for run := range runs {
		for i := range x {
			x[i] = random.ExpFloat64()
		}
		b := bootstrapOne(Rows{N: n}, func(weight []uint32) float64 {
			sum, times := 0.0, uint32(0)
			for i, v := range x {
				w := uint32(1)
				if weight != nil {
					w = weight[i]
				}
				sum, times = sum+float64(float64(w)*v), times+w
			}
			return sum / float64(times)
		}, Resampling{Seed: uint64(run), Resamples: 1000, Confidence: 0.9})
		if b.OK && b.Lower <= 1 && 1 <= b.Upper {
			covered++
		}
	}
	if share := float64(covered) / runs; share < 0.86 || share > 0.93 {
		t.Errorf("covers in %.3f of samples", share)
	} else {
		t.Logf("covers in %.3f of samples", share)
	}
}

func TestBootstrapRefuses(t *testing.T) {
	good := Resampling{Seed: 1, Resamples: 200, Confidence: 0.9}
	cells := func(cells []int64, r Resampling) []Bootstrap { return BootstrapCells(cells, pairedAccuracy, 1, r) }
	rows := func(rows Rows) []Bootstrap {
		return BootstrapRows(rows, func(_ []uint32, out []float64) { out[0] = 1 }, 1, good)
	}
	ids := func(n, each int) []int32 {
		out := make([]int32, n)
		for i := range out {
			out[i] = int32(i / each)
		}
		return out
	}
	for i, c := range []struct {
		got    []Bootstrap
		reason string
	}{
		{cells([]int64{9, 1, 1, 9}, Resampling{Resamples: 200, Confidence: 1}), "the confidence is not between 0 and 1"},
		{cells([]int64{9, 1, 1, 9}, Resampling{Resamples: 200, Confidence: math.NaN()}), "the confidence is not between 0 and 1"},
		{cells([]int64{9, 1, 1, 9}, Resampling{Resamples: 99, Confidence: 0.9}), "99 resamples are too few"},
		{cells([]int64{9, 1, 1, 9}, Resampling{Resamples: math.MaxInt, Confidence: 0.9}), "more than the 10,000,000"},
		{cells([]int64{9, 0, 0, 0}, good), "9 rows are too few"},
		{cells([]int64{9, -1, 0, 9}, good), "negative or too large"},
		{cells([]int64{math.MaxInt64, 1, 1, math.MaxInt64}, good), "negative or too large"},
		{cells([]int64{100, 0, 0, 20}, good), "every resample gives the same value"},
		{rows(Rows{N: 9}), "9 rows are too few"},
		{rows(Rows{N: -1}), "the number of rows is negative"},
		{rows(Rows{N: math.MaxInt}), "too large"},
		{rows(Rows{N: 40, Strata: ids(39, 1)}), "not as many as the rows"},
		{rows(Rows{N: 40, Cluster: []int32{}}), "not as many as the rows"},
		{rows(Rows{N: 45, Cluster: ids(45, 5)}), "9 clusters are too few"},
		{rows(Rows{N: 45, Strata: ids(45, 20)}), "a stratum has too few rows: 5 rows are too few"},
		{rows(Rows{N: 1010, Strata: ids(1010, 10)}), "there are 101 strata"},
		{rows(Rows{N: 45, Cluster: ids(45, 2), Strata: ids(45, 15)}), "rows of one cluster are in several strata"},
		{rows(Rows{N: 45}), "every resample gives the same value"},
		{BootstrapRows(Rows{N: 45}, func([]uint32, []float64) {}, 1, good), "undefined on the rows themselves"},
	} {
		b := c.got[0]
		if b.OK || !strings.Contains(b.Reason, c.reason) || b.Lower != 0 || b.Upper != 0 || b.Method == "" {
			t.Errorf("case %d: %+v, want %q", i, b, c.reason)
		}
	}
}

// A statistic may be undefined where another one is not.
func TestBootstrapUndefined(t *testing.T) {
	// The rate among three rows of a kind: none of them is drawn in 5 % of
	// resamples or a little less, in 13 % with two.
	rate := func(cells []int64, out []float64) {
		if n := cells[0] + cells[1]; n > 0 {
			out[0] = float64(cells[0]) / float64(n)
		}
		out[1] = float64(cells[2]) / float64(cells[0]+cells[1]+cells[2]+cells[3])
	}
	r := Resampling{Seed: 1, Resamples: 5000, Confidence: 0.8, Percentile: true}
	a := BootstrapCells([]int64{1, 1, 50, 50}, rate, 2, r)
	if a[0].OK || a[0].Undefined < 550 || a[0].Undefined > 750 || !strings.Contains(a[0].Reason, "undefined in") || !a[1].OK || a[1].Undefined != 0 {
		t.Errorf("%+v", a)
	}
	a = BootstrapCells([]int64{2, 2, 50, 50}, rate, 2, r)
	if !a[0].OK || a[0].Undefined < 50 || a[0].Undefined > 130 || !a[1].OK {
		t.Errorf("%+v", a)
	}
}

func TestBootstrapIsReproducible(t *testing.T) {
	cells := []int64{400, 30, 20, 50}
	run := func(seed uint64) Bootstrap {
		return BootstrapCells(cells, pairedAccuracy, 1, Resampling{Seed: seed, Resamples: 1000, Confidence: 0.9})[0]
	}
	if a, b := run(1), run(1); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v\n%+v", a, b)
	}
	if a, b := run(1), run(2); a.SE == b.SE {
		t.Errorf("%+v with two seeds", a)
	}
	if cells[0] != 400 {
		t.Error("cells were changed")
	}
	if got := run(1).Method; got != "bootstrap BCa, 1,000 resamples, seed 1" {
		t.Error(got)
	}
}
