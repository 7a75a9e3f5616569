package stats

import (
	"cmp"
	"slices"
)

// The functions below adjust p-values for having made all these tests: R's
// p.adjust. They return them in the order given and leave p alone. What is no
// probability counts as 1.

// Bonferroni controls the chance of any false finding, whatever the tests
// depend on: each p-value times their number.
func Bonferroni(p []float64) []float64 {
	out := make([]float64, len(p))
	for i, v := range p {
		out[i] = min(probability(v)*float64(len(p)), 1)
	}
	return out
}

// Holm controls the same as Bonferroni and finds more (S. Holm, Scandinavian
// Journal of Statistics 6, 1979).
func Holm(p []float64) []float64 {
	out := make([]float64, len(p))
	greatest := 0.0
	for rank, i := range ascending(p) {
		greatest = max(greatest, min(probability(p[i])*float64(len(p)-rank), 1))
		out[i] = greatest
	}
	return out
}

// BenjaminiHochberg controls the expected share of false findings among all,
// for tests that are independent or depend positively (Y. Benjamini and Y.
// Hochberg, Journal of the Royal Statistical Society B 57, 1995).
func BenjaminiHochberg(p []float64) []float64 { return falseDiscoveries(p, 1) }

// BenjaminiYekutieli controls the same whatever the tests depend on (Y.
// Benjamini and D. Yekutieli, The Annals of Statistics 29, 2001).
func BenjaminiYekutieli(p []float64) []float64 {
	harmonic := 0.0
	for i := range p {
		harmonic += 1 / float64(i+1)
	}
	return falseDiscoveries(p, harmonic)
}

func falseDiscoveries(p []float64, scale float64) []float64 {
	out := make([]float64, len(p))
	least := 1.0
	order := ascending(p)
	for rank := len(p) - 1; rank >= 0; rank-- {
		i := order[rank]
		least = min(least, probability(p[i])*(float64(scale*float64(len(p)))/float64(rank+1)))
		out[i] = least
	}
	return out
}

// ascending returns the indices of p, that of the smallest first.
func ascending(p []float64) []int {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(probability(p[a]), probability(p[b])) })
	return order
}

func probability(p float64) float64 {
	if p >= 0 && p <= 1 {
		return p
	}
	return 1
}
