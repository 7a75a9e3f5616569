package drift

import (
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/stats"
)

// Methods are the ids of all methods.
var Methods = []string{"psi", "ks", "chi-square", "js-distance", "js-divergence", "wasserstein", "hellinger", "l-infinity", "cramers-v", "tvd", "kl"}

// measure is one method as one tool computes it.
type measure struct {
	name string // the convention, as shown
	bins string // how numbers become categories, as shown; "" when they need not
	// threshold decides: drift is a p-value below it where byP is set, else a
	// statistic of it or more. 0: the tool has none, the caller must give it.
	// Some presets take only a statistic above it as drift.
	threshold float64
	byP       bool
	only      string // Numeric or Category, when it is for these alone
	profiles  bool   // can do with histograms, though it needs no bins
	compute   func(*data) (statistic, p float64)
}

// convention is what was done, in words.
func (m *measure) convention(d *data) string {
	switch {
	case d.histograms != nil:
		return m.name + "; " + profileNames
	case m.bins != "" && d.kind == Numeric:
		return m.name + "; " + m.bins
	}
	return m.name
}

// takes tells whether the measure can be computed of d: tests need the values
// themselves, not histograms.
func (m *measure) takes(d *data) bool {
	return d.histograms == nil || m.profiles || m.bins != "" && !m.byP
}

// data is one column on both sides, without nulls: sorted numbers, or counts
// of the same categories.
type data struct {
	kind               string
	distinct           int // values of both sides, at most maxFew + 1
	referenceDistinct  int // of numbers: values of the reference, at most maxFew + 1
	reference, current []float64
	// NaN and infinite values, which are not in reference and current.
	referenceOdd, currentOdd int64
	// histograms stand for the numbers when a side is a profile.
	histograms *[2]*histogram
}

// size is how many values a side has.
func (d *data) size() (reference, current float64) {
	if d.histograms != nil {
		_, r, c := d.splitBins()
		for i := range r {
			reference += r[i]
			current += c[i]
		}
		return math.Round(reference), math.Round(current)
	}
	if d.kind == Numeric {
		return float64(len(d.reference)), float64(len(d.current))
	}
	for i := range d.reference {
		reference += d.reference[i]
		current += d.current[i]
	}
	return reference, current
}

// binning makes counts of numbers.
type binning func(*data) (reference, current []float64)

func (d *data) counts(bins binning) (reference, current []float64) {
	switch {
	case d.kind == Category:
		return d.reference, d.current
	case d.histograms != nil:
		_, reference, current = d.splitBins()
		return reference, current
	}
	return bins(d)
}

// discrete makes a measure of proportions one of data.
func discrete(bins binning, f func(p, q []float64) float64) func(*data) (float64, float64) {
	return func(d *data) (float64, float64) {
		r, c := d.counts(bins)
		return f(stats.Proportions(r), stats.Proportions(c)), math.NaN()
	}
}

const (
	decileNames    = "numbers in 10 bins by quantiles of the reference"
	sturgesNames   = "numbers in equal-width bins over both sides (Sturges' rule)"
	evidentlyNames = "numbers by value where the reference has at most 20, else in equal-width bins over both sides (Sturges' rule)"
	doaneNames     = "numbers in equal-width bins of the reference (Doane's rule), all outside of them in one more"
	tfdvNames      = "numbers in 10 equal-width bins of each side, counted exactly where TFDV estimates them from quantiles, split on the union of their edges; NaN and infinities of the two sides never match, of which TFDV leaves out NaN where the edges differ"
)

func deciles(d *data) (reference, current []float64) {
	edges := stats.QuantileEdges(d.reference, 10)
	reference, _ = stats.Histogram(d.reference, edges)
	current, _ = stats.Histogram(d.current, edges)
	return reference, current
}

func sturges(d *data) (reference, current []float64) {
	low, high := min(d.reference[0], d.current[0]), max(last(d.reference), last(d.current))
	edges := stats.WidthEdges(low, high, stats.SturgesBins(len(d.reference)+len(d.current)))
	reference, _ = stats.Histogram(d.reference, edges)
	current, _ = stats.Histogram(d.current, edges)
	return reference, current
}

func doane(d *data) (reference, current []float64) {
	edges := stats.WidthEdges(d.reference[0], last(d.reference), stats.DoaneBins(d.reference))
	reference, _ = stats.Histogram(d.reference, edges)
	current, outside := stats.Histogram(d.current, edges)
	return append(reference, 0), append(current, outside)
}

// tfdv compares histograms that were made apart. A side of one value alone is
// a point, which matches only the same point.
func tfdv(d *data) (reference, current []float64) {
	const buckets = 10
	sides := [2][]float64{d.reference, d.current}
	var edges, counts [2][]float64
	var union []float64
	for i, s := range sides {
		if s[0] < last(s) {
			edges[i] = stats.WidthEdges(s[0], last(s), buckets)
			counts[i], _ = stats.Histogram(s, edges[i])
			union = append(union, edges[i]...)
		}
	}
	slices.Sort(union)
	union = slices.Compact(union)
	var out [2][]float64
	for i, s := range sides {
		var points [2]float64 // the reference's one value, and the current's
		if edges[i] == nil {
			out[i] = make([]float64, max(len(union)-1, 0))
			at := i
			if s[0] == d.reference[0] && edges[0] == nil {
				at = 0
			}
			points[at] = float64(len(s))
		} else {
			out[i] = stats.Rebucket(edges[i], counts[i], union)
		}
		out[i] = append(out[i], points[:]...)
	}
	return append(out[0], float64(d.referenceOdd), 0), append(out[1], 0, float64(d.currentOdd))
}

func last(v []float64) float64 { return v[len(v)-1] }

func psi(threshold float64, name string, bins binning, binNames string, zeros func([]float64) []float64) measure {
	return measure{name: name, bins: binNames, threshold: threshold,
		compute: discrete(bins, func(p, q []float64) float64 { return stats.PSI(zeros(p), zeros(q)) })}
}

func jsDistance(base float64, name string, bins binning, binNames string) measure {
	return measure{name: name, bins: binNames, threshold: 0.1,
		compute: discrete(bins, func(p, q []float64) float64 { return math.Sqrt(stats.JSDivergence(p, q) / math.Log(base)) })}
}

func jsDivergence(threshold float64, bins binning, binNames string) measure {
	return measure{name: "Jensen-Shannon divergence, base 2, no root", bins: binNames, threshold: threshold,
		compute: discrete(bins, func(p, q []float64) float64 { return min(stats.JSDivergence(p, q)/math.Ln2, 1) })}
}

func hellinger(threshold float64, bins binning, binNames string) measure {
	return measure{name: "Hellinger distance √(1−Σ√pq)", bins: binNames, threshold: threshold, compute: discrete(bins, stats.Hellinger)}
}

func lInfinity(threshold float64, bins binning, binNames string) measure {
	return measure{name: "greatest difference of a proportion, max|p−q|", bins: binNames, threshold: threshold, compute: discrete(bins, stats.LInfinity)}
}

func kl(bins binning, binNames string) measure {
	return measure{name: "KL(reference‖current), natural logarithm, " + filledZeros, bins: binNames, threshold: 0.1,
		compute: discrete(bins, func(p, q []float64) float64 {
			return stats.KL(stats.Proportions(stats.FillZeros(p)), stats.Proportions(stats.FillZeros(q)))
		})}
}

const filledZeros = "zeros filled with 0.0001, or a millionth of the smallest proportion where that is 0.0001 or less"

func ksTest() measure {
	return measure{name: "two-sample Kolmogorov-Smirnov test; p exact up to 4,000,000 pairs of values, beyond asymptotic", threshold: 0.05, byP: true, only: Numeric,
		compute: func(d *data) (float64, float64) {
			statistic, p, _ := stats.KS(d.reference, d.current)
			return statistic, p
		}}
}

// ksDistance decides by the statistic; p would be near 0 for any difference
// of large samples.
func ksDistance(threshold float64) measure {
	m := ksTest()
	m.name, m.threshold, m.byP = "two-sample Kolmogorov-Smirnov statistic, decided by the statistic", threshold, false
	return m
}

func wasserstein(threshold float64, name string, scale func(d *data) float64) measure {
	return measure{name: name, threshold: threshold, only: Numeric, profiles: true,
		compute: func(d *data) (float64, float64) {
			if d.histograms != nil {
				return d.histogramDistance() / scale(d), math.NaN()
			}
			return stats.Wasserstein(d.reference, d.current) / scale(d), math.NaN()
		}}
}

// byDeviation is NaN where squares overflow: the distance would be 0 of an
// infinite deviation.
func byDeviation(d *data) float64 {
	deviation := 0.0
	if d.histograms != nil {
		deviation = d.histograms[0].deviation
	} else {
		deviation = stats.StdDev(d.reference)
	}
	if math.IsInf(deviation, 1) {
		return math.NaN()
	}
	return max(deviation, 0.001)
}

func trimmedWasserstein(d *data) (float64, float64) {
	trim := func(v []float64) []float64 {
		low, high := stats.Quantile(v, 0.025), stats.Quantile(v, 0.975)
		from, _ := slices.BinarySearch(v, low)
		to := from
		for to < len(v) && v[to] <= high {
			to++
		}
		return v[from:to]
	}
	x, y := trim(d.reference), trim(d.current)
	if len(x) == 0 || len(y) == 0 {
		return math.NaN(), math.NaN()
	}
	width := max(last(x), last(y)) - min(x[0], y[0])
	if width == 0 {
		return 0, math.NaN()
	}
	return stats.Wasserstein(x, y) / width, math.NaN()
}

func chiSquare(bins binning, binNames string) measure {
	return measure{name: "chi-square test of homogeneity on the 2×k table, Yates' correction when k is 2", bins: binNames, threshold: 0.05, byP: true,
		compute: func(d *data) (float64, float64) {
			r, c := d.counts(bins)
			return stats.ChiSquareHomogeneity(r, c, true)
		}}
}

func cramersV(threshold float64, bins binning, binNames string) measure {
	return measure{name: "Cramér's V of the 2×k table, corrected for bias (Bergsma), Yates' correction when k is 2", bins: binNames, threshold: threshold,
		compute: func(d *data) (float64, float64) {
			r, c := d.counts(bins)
			return stats.CramersV(r, c, true), math.NaN()
		}}
}

const mergedNames = "categories of under 1 % of the reference are merged, and left out where they are not over 1 % of either side"

// merged puts the categories together that are under 1 % of the reference, as
// Deepchecks does (preprocess_2_cat_cols_to_same_bins). What is merged counts
// only where it is more than 1 % of a side.
func merged(reference, current []float64) (r, c []float64) {
	const least = 0.01
	m, n := 0.0, 0.0
	for i := range reference {
		m, n = m+reference[i], n+current[i]
	}
	otherR, otherC := 0.0, 0.0
	for i := range reference {
		if reference[i] < m*least {
			otherR, otherC = otherR+reference[i], otherC+current[i]
			continue
		}
		r, c = append(r, reference[i]), append(c, current[i])
	}
	if otherR > m*least || otherC > n*least {
		r, c = append(r, otherR), append(c, otherC)
	}
	return r, c
}

// sameSize scales the counts of the larger side down to the size of the
// smaller, in whole rows.
func sameSize(reference, current []float64) (r, c []float64) {
	m, n := 0.0, 0.0
	for i := range reference {
		m, n = m+reference[i], n+current[i]
	}
	for i := range reference {
		x, y := reference[i], current[i]
		switch {
		case m > n:
			x = math.RoundToEven(x * (n / m))
		case n > m:
			y = math.RoundToEven(y * (m / n))
		}
		r, c = append(r, x), append(c, y)
	}
	return r, c
}

// distinctValues takes each number as a category of its own, for columns
// which have few.
func distinctValues(d *data) (reference, current []float64) {
	edges := append(d.values(), math.Inf(1))
	reference, _ = stats.Histogram(d.reference, edges)
	current, _ = stats.Histogram(d.current, edges)
	return reference, current
}

// values are the different numbers of both sides, sorted.
func (d *data) values() []float64 {
	values := slices.Concat(d.reference, d.current)
	slices.Sort(values)
	return slices.Compact(values)
}

// sturgesOfValues is how Evidently bins for the Hellinger distance: the number
// of bins is that for the different values, and numpy gives whole numbers bins
// of at least 1.
func sturgesOfValues(d *data) (reference, current []float64) {
	values := d.values()
	low, high := values[0], last(values)
	bins := stats.SturgesBins(len(values))
	if width := high - low; width < float64(bins) && !slices.ContainsFunc(values, func(v float64) bool { return v != math.Trunc(v) }) {
		bins = max(int(width), 1)
	}
	edges := stats.WidthEdges(low, high, bins)
	reference, _ = stats.Histogram(d.reference, edges)
	current, _ = stats.Histogram(d.current, edges)
	return reference, current
}

func valuesOrSturges(d *data) (reference, current []float64) {
	if d.referenceDistinct <= maxFew {
		return distinctValues(d)
	}
	return sturges(d)
}

func fit() measure {
	return measure{name: "chi-square goodness of fit to the reference's proportions", bins: "numbers by value", threshold: 0.05, byP: true,
		compute: func(d *data) (float64, float64) {
			r, c := d.counts(distinctValues)
			return stats.ChiSquareFit(r, c)
		}}
}
