package stats

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// Recorded intervals can be computed again only as long as a seed gives the
// same numbers.
func TestStreamStays(t *testing.T) {
	random := newSource(1)
	for i, want := range []uint64{0xee4200f3880a19eb, 0xbaadcc279ed76e43, 0xe6e217b961fee78d} {
		if got := random.Uint64(); got != want {
			t.Errorf("number %d is %#x, want %#x", i, got, want)
		}
	}
	random = newSource(1)
	var got []int64
	for _, p := range []float64{0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.999} {
		got = append(got, sampleBinomial(random, 1000, p), sampleBinomial(random, 1_000_000_000, p))
	}
	if want := []int64{3, 1000686, 14, 9998687, 105, 99996831, 318, 300010306, 513, 500014314, 711, 700001128, 1000, 999001018}; !slices.Equal(got, want) {
		t.Errorf("binomials are %d, want %d", got, want)
	}
	count := make([]uint32, 10)
	random.tally(count, nil)
	random.tally(count, []int32{9, 9, 9, 0})
	if want := []uint32{0, 0, 0, 2, 0, 1, 0, 2, 4, 5}; !slices.Equal(count, want) {
		t.Errorf("tally is %d, want %d", count, want)
	}
	drawn := make([]int64, 5)
	random.multinomial(drawn, []int64{5, 0, 900, 90, 5}, 1000)
	if want := []int64{2, 0, 903, 88, 7}; !slices.Equal(drawn, want) {
		t.Errorf("multinomial is %d, want %d", drawn, want)
	}
}

func TestBinomialEdges(t *testing.T) {
	random := newSource(1)
	for _, c := range []struct {
		n    int64
		p    float64
		want int64
	}{
		{0, 0.5, 0}, {-1, 0.5, 0}, {10, 0, 0}, {10, -1, 0}, {10, math.NaN(), 0}, {10, 1, 10}, {10, 2, 10},
		{1_000_000_000, 1, 1_000_000_000}, {1_000_000_000, 0, 0}, {1_000_000_000, 1e-300, 0},
	} {
		for range 10 {
			if got := sampleBinomial(random, c.n, c.p); got != c.want {
				t.Fatalf("of %d trials with %g: %d, want %d", c.n, c.p, got, c.want)
			}
		}
	}
}

func TestRelativeToMode(t *testing.T) {
	logGamma := func(k float64) float64 { v, _ := math.Lgamma(k + 1); return v }
	for k := 0.0; k < 30; k++ {
		want := logGamma(k) - (math.Log(2*math.Pi)/2 + (k+0.5)*math.Log(k+1) - (k + 1))
		if got := stirlingRest(k); off(got, want, 1e-10) {
			t.Errorf("stirlingRest(%g) = %.12g, want %.12g", k, got, want)
		}
	}
	for _, c := range []struct{ n, p, k float64 }{{20, 0.5, 0}, {20, 0.5, 9}, {20, 0.5, 20}, {100, 0.1, 3}, {100, 0.1, 30}, {1000, 0.4, 420}, {100_000, 0.01, 900}} {
		mode := math.Floor((c.n + 1) * c.p)
		want := logGamma(mode) + logGamma(c.n-mode) - logGamma(c.k) - logGamma(c.n-c.k) + (c.k-mode)*math.Log(c.p/(1-c.p))
		if got := relativeToMode(c.n, c.p/(1-c.p), mode, c.k); off(got, want, 2e-9) {
			t.Errorf("%g of %g with %g: %.12g, want %.12g", c.k, c.n, c.p, got, want)
		}
	}
}

// The distribution by Pearson's test against the probabilities, and the first
// two moments where there are too many values for that.
func TestBinomialDistribution(t *testing.T) {
	random := newSource(3)
	const draws = 40_000
	for _, c := range []struct {
		n int64
		p float64
	}{
		{1, 0.3}, {2, 0.5}, {10, 0.05}, {19, 0.5}, {20, 0.5}, {21, 0.5}, {30, 0.9}, {100, 0.099}, {100, 0.101}, {100, 0.5}, {1000, 0.02},
		{1000, 0.999}, {50_000, 1e-4}, {1_000_000, 1.2e-5}, {1_000_000, 0.4}, {1_000_000_000, 1e-9}, {1_000_000_000, 2e-8}, {1_000_000_000, 0.25},
		{1_000_000_000_000, 0.5},
	} {
		t.Run(fmt.Sprintf("%d,%g", c.n, c.p), func(t *testing.T) {
			mean, deviation := float64(c.n)*c.p, math.Sqrt(float64(c.n)*c.p*(1-c.p))
			seen := map[int64]float64{}
			z, z2 := 0.0, 0.0
			for range draws {
				k := sampleBinomial(random, c.n, c.p)
				if k < 0 || k > c.n {
					t.Fatalf("%d of %d", k, c.n)
				}
				seen[k]++
				d := (float64(k) - mean) / deviation
				z += d
				z2 += d * d
			}
			kurtosis := 3 + (1-6*c.p*(1-c.p))/(deviation*deviation)
			if z /= draws; math.Abs(z)*math.Sqrt(draws) > 4 {
				t.Errorf("the mean is off by %g standard deviations", z)
			}
			if z2 /= draws; math.Abs(z2-1) > 4*math.Sqrt((kurtosis-1)/draws) {
				t.Errorf("the variance is %g times what it should be", z2)
			}
			if deviation < 200 {
				statistic, cells := pearson(seen, c.n, c.p, draws)
				if p := ChiSquareSurvival(statistic, cells-1); cells > 1 && p < 1e-4 {
					t.Errorf("chi-square is %g of %g cells: p %g", statistic, cells, p)
				}
			}
		})
	}
}

// pearson joins values so that each cell has 20 expected or more.
func pearson(seen map[int64]float64, n int64, p, draws float64) (statistic, cells float64) {
	low := slices.Min(keys(seen))
	high := slices.Max(keys(seen))
	logGamma := func(k int64) float64 { v, _ := math.Lgamma(float64(k) + 1); return v }
	expected, observed, left := 0.0, 0.0, draws
	outside := float64(draws) // expected beyond low and high
	probability := func(k int64) float64 {
		if n > 100_000_000 { // Lgamma has lost its digits: p is tiny then
			return math.Exp(float64(k)*math.Log(float64(n)*p) - float64(n)*p - logGamma(k))
		}
		return math.Exp(logGamma(n) - logGamma(k) - logGamma(n-k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
	}
	for k := low; k <= high; k++ {
		e := probability(k) * draws
		expected, outside = expected+e, outside-e
		observed, left = observed+seen[k], left-seen[k]
		if expected >= 20 && (left > 100 || k == high) {
			statistic += (observed - expected) * (observed - expected) / expected
			cells++
			expected, observed = 0, 0
		}
	}
	if expected+outside > 1 {
		expected += outside
		statistic += (observed - expected) * (observed - expected) / expected
		cells++
	}
	return statistic, cells
}

func keys(m map[int64]float64) []int64 {
	var out []int64
	for k := range m {
		out = append(out, k)
	}
	return out
}

func TestMultinomial(t *testing.T) {
	random := newSource(5)
	const draws = 20_000
	cells := []int64{0, 3, 60, 0, 500, 437, 0}
	total := int64(1000)
	sums, products := make([]float64, len(cells)), 0.0
	drawn := make([]int64, len(cells))
	for range draws {
		random.multinomial(drawn, cells, total)
		left := total
		for i, d := range drawn {
			left -= d
			sums[i] += float64(d)
			if d < 0 || cells[i] == 0 && d != 0 {
				t.Fatalf("drew %d from %d", drawn, cells)
			}
		}
		if left != 0 {
			t.Fatalf("drew %d: %d too few", drawn, left)
		}
		products += float64(drawn[4]-500) * float64(drawn[5]-437)
	}
	for i, c := range cells {
		p := float64(c) / float64(total)
		if math.Abs(sums[i]/draws-float64(c)) > 4*math.Sqrt(float64(total)*p*(1-p)/draws) {
			t.Errorf("cell %d has %g on average, want %d", i, sums[i]/draws, c)
		}
	}
	if covariance := products / draws; math.Abs(covariance+218.5) > 10 { // −n·p·q
		t.Errorf("covariance is %g, want -218.5", covariance)
	}
}

func TestTally(t *testing.T) {
	random := newSource(7)
	const draws = 20_000
	sums, squares := make([]float64, 7), make([]float64, 7)
	count := make([]uint32, 7)
	for range draws {
		clear(count)
		random.tally(count, []int32{0, 2, 2, 4, 6})
		for i, c := range count {
			sums[i] += float64(c)
			squares[i] += float64(c) * float64(c)
		}
	}
	for i, places := range []float64{1, 0, 2, 0, 1, 0, 1} {
		variance := 5 * places / 5 * (1 - places/5)
		if math.Abs(sums[i]/draws-places) > 4*math.Sqrt(variance/draws) {
			t.Errorf("%d comes up %g times, want %g", i, sums[i]/draws, places)
		}
		if got := squares[i]/draws - places*places; math.Abs(got-variance) > 0.08 {
			t.Errorf("%d has variance %g, want %g", i, got, variance)
		}
	}
}
