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
	// choose returns the method for a column when none is asked for.
	choose func(p *preset, d *data) (method string, m measure)
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
	{name: "waybill", choose: bySize, measures: map[string]measure{
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
	{name: "evidently", choose: evidently, measures: map[string]measure{
		"psi":         psi(0.1, "PSI, natural logarithm, "+filledZeros, valuesOrSturges, evidentlyNames, stats.FillZeros),
		"ks":          ksTest(),
		"chi-square":  fit(),
		"js-distance": jsDistance(math.E, "Jensen-Shannon distance (root), natural logarithm", valuesOrSturges, evidentlyNames),
		"wasserstein": wasserstein(0.1, "Wasserstein distance in standard deviations of the reference (at least 0.001)", byDeviation),
		"hellinger":   hellinger(0.1, valuesOrSturges, evidentlyNames),
		"kl":          kl(valuesOrSturges, evidentlyNames),
	}},
	{name: "tfdv", bare: true, choose: byType("js-divergence", "l-infinity"), measures: map[string]measure{
		"js-divergence": jsDivergence(0, tfdv, tfdvNames),
		"l-infinity":    categoriesOnly(lInfinity(0, nil, "")),
	}},
	{name: "nannyml", choose: byType("js-distance", "js-distance"), measures: map[string]measure{
		"js-distance": jsDistance(2, "Jensen-Shannon distance (root), base 2; fixed threshold, not chunks of the reference", doane, doaneNames),
		"chi-square":  categoriesOnly(chiSquare(nil, "")),
		"ks":          ksDistance(0),
		"wasserstein": wasserstein(0, "Wasserstein distance in the column's unit", func(*data) float64 { return 1 }),
		"hellinger":   hellinger(0, doane, doaneNames),
		"l-infinity":  categoriesOnly(lInfinity(0, nil, "")),
	}},
	{name: "deepchecks", choose: byType("ks", "cramers-v"), measures: map[string]measure{
		"ks": ksDistance(0.2),
		"cramers-v": {name: "Cramér's V of the 2×k table, corrected for bias, Yates' correction when k is 2; categories under 1 % merged, the larger side scaled down to the smaller",
			threshold: 0.2, only: Category,
			compute: func(d *data) (float64, float64) {
				r, c := merged(d.reference, d.current)
				return stats.CramersV(r, c, true), math.NaN()
			}},
		"psi": categoriesOnly(psi(0.2, "PSI, natural logarithm, proportions of at least 0.01", nil, "", func(p []float64) []float64 { return stats.Floor(p, 0.01) })),
		"wasserstein": {name: "Wasserstein distance without the outer 2.5 % of either side, divided by their joint range", threshold: 0.2, only: Numeric,
			compute: trimmedWasserstein},
	}},
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
