package stats

import (
	"math"
	"slices"
	"sort"
)

// The functions below compare samples of numbers, which must be finite and
// sorted, and cut them into bins.

// exactKS is for how many pairs of values KS counts paths: 2,000 values on
// either side. The approximation is good to a few per mille there.
const exactKS = 4_000_000

// KS is the two-sample test by Kolmogorov and Smirnov: the greatest distance
// of the empirical distributions, and the probability of one as great when
// both samples come from one continuous distribution. With up to 4,000,000
// pairs of values that is exact, as scipy's ks_2samp(method="exact") has it,
// ties or not; else KolmogorovSurvival of mn/(m+n) values, as its
// method="asymp". exact tells which.
func KS(x, y []float64) (d, p float64, exact bool) {
	m, n := int64(len(x)), int64(len(y))
	if m == 0 || n == 0 {
		return math.NaN(), math.NaN(), false
	}
	// The distance times mn, in whole numbers.
	greatest := int64(0)
	for i, j := int64(0), int64(0); i < m && j < n; {
		v := min(x[i], y[j])
		for i < m && x[i] == v {
			i++
		}
		for j < n && y[j] == v {
			j++
		}
		greatest = max(greatest, i*n-j*m, j*m-i*n)
	}
	d = float64(greatest) / float64(m*n)
	if m*n <= exactKS {
		return d, reachedBy(max(m, n), min(m, n), greatest), true
	}
	size := math.RoundToEven(float64(m) * float64(n) / float64(m+n))
	return d, KolmogorovSurvival(int64(size), d), false
}

// reachedBy is the share of the ways to merge m and n values on which the
// distance times mn is somewhere at least h. It counts lattice paths as J. L.
// Hodges does (Arkiv för Matematik 3, 1958), but as shares, and those that
// leave rather than those that stay: so nothing overflows, and small
// probabilities keep their digits.
func reachedBy(m, n, h int64) float64 {
	if h <= 0 {
		return 1
	}
	left := make([]float64, n+1) // of the paths to (i, j)
	for i := int64(0); i <= m; i++ {
		for j := int64(0); j <= n; j++ {
			switch from := float64(i) / float64(max(i+j, 1)); {
			case i*n-j*m >= h || j*m-i*n >= h:
				left[j] = 1
			case j == 0:
			case i == 0:
				left[j] = left[j-1]
			default:
				left[j] = float64(from*left[j]) + float64((1-from)*left[j-1])
			}
		}
	}
	return left[n]
}

// Wasserstein is the first Wasserstein distance of two samples, ∫|F−G|, in
// their unit: how far values must be moved on average.
func Wasserstein(x, y []float64) float64 {
	if len(x) == 0 || len(y) == 0 {
		return math.NaN()
	}
	total, previous := 0.0, min(x[0], y[0])
	for i, j := 0, 0; i < len(x) || j < len(y); {
		v := math.Inf(1)
		if i < len(x) {
			v = x[i]
		}
		if j < len(y) {
			v = min(v, y[j])
		}
		apart := math.Abs(float64(i)/float64(len(x)) - float64(j)/float64(len(y)))
		total += float64(apart * (v - previous))
		for i < len(x) && x[i] == v {
			i++
		}
		for j < len(y) && y[j] == v {
			j++
		}
		previous = v
	}
	return total
}

// StdDev is the standard deviation of all values there are (numpy's ddof=0);
// infinite or NaN where their squares overflow.
func StdDev(x []float64) float64 {
	mean := Mean(x)
	s := 0.0
	for _, v := range x {
		s += float64((v - mean) * (v - mean))
	}
	return math.Sqrt(s / float64(len(x)))
}

// Mean is the average.
func Mean(x []float64) float64 { return sum(x) / float64(len(x)) }

// Quantile is the value below which a share q of sorted values lies,
// interpolated linearly between the two next to it (numpy's default, type 7
// of R. J. Hyndman and Y. Fan, 1996).
func Quantile(sorted []float64, q float64) float64 {
	at := float64(q * float64(len(sorted)-1))
	i := int(math.Floor(at))
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	share := at - float64(i)
	if step := sorted[i+1] - sorted[i]; !math.IsInf(step, 0) {
		return sorted[i] + float64(share*step)
	}
	return float64(sorted[i]*(1-share)) + float64(sorted[i+1]*share)
}

// QuantileEdges cuts at the inner quantiles of sorted values into n bins of
// about as many values each, the outer ones without end. Ties make them fewer.
func QuantileEdges(sorted []float64, n int) []float64 {
	edges := []float64{math.Inf(-1)}
	for i := 1; i < n; i++ {
		edges = append(edges, Quantile(sorted, float64(i)/float64(n)))
	}
	return slices.Compact(append(edges, math.Inf(1)))
}

// WidthEdges cuts from low to high into n bins of equal width; around the one
// value when there is only one, as numpy does. Numbers too close to cut
// between make fewer bins.
func WidthEdges(low, high float64, n int) []float64 {
	if low == high {
		low, high, n = low-0.5, high+0.5, 1
	}
	step := high/float64(n) - low/float64(n) // may not overflow
	edges := make([]float64, n+1)
	for i := range edges {
		edges[i] = low + float64(float64(i)*step)
	}
	edges[n] = high
	return slices.Compact(edges)
}

// SturgesBins is the number of bins by H. A. Sturges (1926) for n values,
// log₂n + 1 rounded up: numpy's "sturges".
func SturgesBins(n int) int { return int(math.Ceil(math.Log2(float64(n)) + 1)) }

// DoaneBins is the number of bins by D. P. Doane (1976), Sturges' with more
// for skewed values: numpy's "doane".
func DoaneBins(x []float64) int {
	n := float64(len(x))
	deviation := StdDev(x)
	if len(x) < 3 || !(deviation > 0) {
		return 1
	}
	mean, skew := Mean(x), 0.0
	for _, v := range x {
		z := (v - mean) / deviation
		skew += float64(z * z * z)
	}
	spread := math.Sqrt(6 * (n - 2) / ((n + 1) * (n + 3)))
	if math.IsNaN(skew) { // numbers so large that their sums overflow
		return SturgesBins(len(x))
	}
	return int(math.Ceil(1 + math.Log2(n) + math.Log2(1+math.Abs(skew/n)/spread)))
}

// Histogram counts sorted values by bin. Bins hold their lower edge, the last
// one both. What lies outside is counted in outside.
func Histogram(sorted, edges []float64) (counts []float64, outside float64) {
	counts = make([]float64, len(edges)-1)
	at := sort.SearchFloat64s(sorted, edges[0])
	inside := 0
	for i := range counts {
		to := sort.SearchFloat64s(sorted, edges[i+1])
		if i == len(counts)-1 {
			to = sort.Search(len(sorted), func(k int) bool { return sorted[k] > edges[i+1] })
		}
		counts[i] = float64(to - at)
		inside += to - at
		at = to
	}
	return counts, float64(len(sorted) - inside)
}

// Rebucket spreads the counts of bins over the finer ones that union has, by
// width: what lies in a bin is taken as uniform there, as TensorFlow Data
// Validation does to compare histograms of different edges. Every edge must be
// among those of union, which ascend.
func Rebucket(edges, counts, union []float64) []float64 {
	out := make([]float64, len(union)-1)
	for i, count := range counts {
		low, high := edges[i], edges[i+1]
		from, _ := slices.BinarySearch(union, low)
		for k := from; k < len(out) && union[k] < high; k++ {
			out[k] += float64(count * ((union[k+1] - union[k]) / (high - low)))
		}
	}
	return out
}
