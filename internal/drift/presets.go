package drift

import (
	"fmt"
	"math"
	"strings"

	"github.com/waybill-dev/waybill/internal/stats"
)

// preset is a tool's conventions and defaults.
type preset struct {
	name     string
	measures map[string]measure
	// bare says that the methods which choose returns have no thresholds.
	bare bool
	// above says that only a statistic above the threshold is drift, one equal
	// to it is not.
	above bool
	// numeric tells whether a column of numbers is numeric rather than one of
	// categories. distinct values are counted over both sides, up to maxFew + 1.
	numeric func(reference *column, distinct int) bool
	// choose returns the method for a column when none is asked for.
	choose func(p *preset, d *data) (method string, m measure)
}

// moreThan takes numbers as categories while there are at most so many.
func moreThan(few int) func(*column, int) bool {
	return func(_ *column, distinct int) bool { return distinct > few }
}

// deepchecksNumeric follows Deepchecks' is_categorical, which looks at the
// reference alone: numbers are categories when at most 30 are different, or 5
// where some are not whole, and these are fewer than 1 % of the rows, or of
// 1,000 where there are fewer rows.
func deepchecksNumeric(reference *column, _ int) bool {
	if reference.numbers.over {
		return true
	}
	most := 30
	for v := range reference.numbers.rows {
		if v != math.Trunc(v) {
			most = 5
			break
		}
	}
	distinct := len(reference.numbers.rows)
	return distinct > most || float64(distinct) >= 0.01*float64(max(reference.finite, 1000))
}

// byType chooses by the type of the column alone.
func byType(numeric, category string) func(*preset, *data) (string, measure) {
	return func(p *preset, d *data) (string, measure) {
		if d.kind == Numeric {
			return numeric, p.measures[numeric]
		}
		return category, p.measures[category]
	}
}

// bySize chooses tests for up to 1,000 values of the reference, and distances
// beyond, where tests find the smallest difference significant: as Evidently
// does.
func bySize(p *preset, d *data) (string, measure) {
	m, _ := d.size()
	few := d.kind == Category || d.distinct <= 5
	method := "wasserstein"
	switch {
	case d.histograms != nil: // no test can do with them
	case m <= 1000 && !few:
		method = "ks"
	case m <= 1000:
		method = "chi-square"
	case few:
		method = "js-distance"
	}
	return method, p.measures[method]
}

// evidently chooses as bySize does, with the z-test for two categories.
func evidently(p *preset, d *data) (string, measure) {
	method, m := bySize(p, d)
	if method == "chi-square" && d.distinct <= 2 {
		m.name = "z-test of two proportions (the statistic is z²)"
		m.compute = func(d *data) (float64, float64) {
			r, c := d.counts(distinctValues)
			return stats.ChiSquareHomogeneity(r, c, false)
		}
	}
	return method, m
}

// presets in the order that help shows them; the first is the default.
var presets = []preset{
	{name: "waybill", choose: bySize, numeric: moreThan(maxFew), measures: map[string]measure{
		"psi":           psi(0.2, "PSI, natural logarithm, "+filledZeros, deciles, decileNames, stats.FillZeros),
		"ks":            ksTest(),
		"chi-square":    chiSquare(deciles, decileNames),
		"js-distance":   jsDistance(2, "Jensen-Shannon distance (root), base 2", sturges, sturgesNames),
		"js-divergence": jsDivergence(0.01, sturges, sturgesNames),
		"wasserstein":   wasserstein(0.1, "Wasserstein distance in standard deviations of the reference", byDeviation),
		"hellinger":     hellinger(0.1, sturges, sturgesNames),
		"l-infinity":    lInfinity(0.1, sturges, sturgesNames),
		"cramers-v":     cramersV(0.2, deciles, decileNames),
		"tvd":           {name: "total variation distance ½Σ|p−q|", bins: sturgesNames, threshold: 0.1, compute: discrete(sturges, stats.TotalVariation)},
		"kl":            kl(sturges, sturgesNames),
	}},
	{name: "evidently", choose: evidently, numeric: moreThan(5), measures: map[string]measure{
		"psi":         psi(0.1, "PSI, natural logarithm, "+filledZeros, valuesOrSturges, evidentlyNames, stats.FillZeros),
		"ks":          ksTest(),
		"chi-square":  fit(),
		"js-distance": jsDistance(math.E, "Jensen-Shannon distance (root), natural logarithm", valuesOrSturges, evidentlyNames),
		"wasserstein": wasserstein(0.1, "Wasserstein distance in standard deviations of the reference (at least 0.001)", byDeviation),
		"hellinger":   hellinger(0.1, sturgesOfValues, "numbers in equal-width bins over both sides (Sturges' rule for the number of different values), whole numbers in bins of at least 1"),
		"kl":          kl(valuesOrSturges, evidentlyNames),
	}},
	{name: "tfdv", bare: true, above: true, choose: byType("js-divergence", "l-infinity"), numeric: moreThan(0), measures: map[string]measure{
		"js-divergence": jsDivergence(0, tfdv, tfdvNames),
		"l-infinity":    categoriesOnly(lInfinity(0, nil, "")),
	}},
	{name: "nannyml", above: true, choose: byType("js-distance", "js-distance"), numeric: moreThan(0), measures: map[string]measure{
		"js-distance": jsDistance(2, "Jensen-Shannon distance (root), base 2; "+fixedThreshold, doane, doaneNames),
		"chi-square":  categoriesOnly(chiSquare(nil, "")),
		"ks":          exactly(ksDistance(0)),
		"wasserstein": exactly(wasserstein(0, "Wasserstein distance in the column's unit", func(*data) float64 { return 1 })),
		"hellinger":   hellinger(0, doane, doaneNames),
		"l-infinity":  categoriesOnly(lInfinity(0, nil, "")),
	}},
	{name: "deepchecks", choose: byType("ks", "cramers-v"), numeric: deepchecksNumeric, measures: map[string]measure{
		"ks": ksDistance(0.2),
		"cramers-v": {name: "Cramér's V of the 2×k table, corrected for bias (Bergsma), Yates' correction when k is 2; " + mergedNames + ", the larger side scaled down to the smaller",
			threshold: 0.2, only: Category,
			compute: func(d *data) (float64, float64) {
				r, c := sameSize(merged(d.reference, d.current))
				return stats.CramersV(r, c, true), math.NaN()
			}},
		"psi": {name: "PSI, natural logarithm, proportions of at least 0.01; " + mergedNames, threshold: 0.2, only: Category,
			compute: func(d *data) (float64, float64) {
				r, c := merged(d.reference, d.current)
				return stats.PSI(stats.Floor(stats.Proportions(r), 0.01), stats.Floor(stats.Proportions(c), 0.01)), math.NaN()
			}},
		"wasserstein": {name: "Wasserstein distance without the outer 2.5 % of either side, divided by their joint range", threshold: 0.2, only: Numeric,
			compute: trimmedWasserstein},
	}},
}

const fixedThreshold = "a fixed threshold, where NannyML takes the mean + 3 standard deviations of the distances of chunks of the reference"

// exactly says what NannyML does not do with many values.
func exactly(m measure) measure {
	m.name += "; of the values as they are, where NannyML puts references of 10,000 or more into bins"
	return m
}

func categoriesOnly(m measure) measure {
	m.only = Category
	return m
}

// Presets returns the names of the presets; the first is the default.
func Presets() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.name
	}
	return names
}

func findPreset(name string) (*preset, error) {
	if name == "" {
		return &presets[0], nil
	}
	for i := range presets {
		if presets[i].name == name {
			return &presets[i], nil
		}
	}
	return nil, fmt.Errorf("preset %q: expected one of %s", name, strings.Join(Presets(), ", "))
}

// methods are those that the preset has, in the order of Methods.
func (p *preset) methods() []string {
	var out []string
	for _, m := range Methods {
		if _, ok := p.measures[m]; ok {
			out = append(out, m)
		}
	}
	return out
}
