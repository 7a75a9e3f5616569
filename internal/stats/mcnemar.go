package stats

import "math"

// McNemar's test (Psychometrika 12, 1947) asks whether two models are right
// equally often, by the rows on which one alone is: how many of those are the
// first's. Without such rows, or with counts that make no sense, its p-value
// is 1: nothing speaks against equality. All are two-sided.

// McNemarExact is the exact p-value, by the binomial distribution.
func McNemarExact(p Pairs) float64 {
	if !p.valid() {
		return 1
	}
	n := p.First + p.Second
	atMost, _ := binomialTails(min(p.First, p.Second), n, 0.5)
	return min(2*atMost, 1)
}

// McNemarMidP counts half of the probability of what was seen: closer to its
// level than the exact test, which errs on the safe side, and hardly ever above
// it (M. W. Fagerland, S. Lydersen and P. Laake, "The McNemar test for binary
// matched-pairs data: mid-p and asymptotic are better than exact conditional",
// BMC Medical Research Methodology 13, 2013).
func McNemarMidP(p Pairs) float64 {
	if !p.valid() || p.First == p.Second {
		return 1
	}
	n, k := p.First+p.Second, min(p.First, p.Second)
	atMost, _ := binomialTails(k, n, 0.5)
	return min(2*atMost-binomialMass(k, n, 0.5), 1)
}

// McNemarChiSquare is the test by the χ² distribution with one degree of
// freedom, corrected for continuity (A. L. Edwards, Psychometrika 13, 1948) or
// not: R's mcnemar.test.
func McNemarChiSquare(p Pairs, corrected bool) (statistic, pvalue float64) {
	if !p.valid() || p.First == p.Second {
		return 0, 1
	}
	d := math.Abs(float64(p.First - p.Second))
	if corrected {
		d--
	}
	statistic = d * d / float64(p.First+p.Second)
	return statistic, ChiSquareSurvival(statistic, 1)
}
