package stats

import (
	"math"
	"sort"
)

// BinomialCDF is the probability of at most k successes in n trials of
// probability p. It is NaN for a negative n and for p outside of 0 to 1.
func BinomialCDF(k, n int64, p float64) float64 {
	if n < 0 || !(p >= 0 && p <= 1) {
		return math.NaN()
	}
	atMost, _ := binomialTails(k, n, p)
	return atMost
}

// binomialTails returns the probabilities of at most k successes and of more
// (DLMF 8.17.24), each with its own digits.
func binomialTails(k, n int64, p float64) (atMost, more float64) {
	switch {
	case k < 0:
		return 0, 1
	case k >= n:
		return 1, 0
	}
	return incompleteBeta(1-p, p, float64(n-k), float64(k)+1)
}

// binomialMass is the probability of exactly k successes.
func binomialMass(k, n int64, p float64) float64 {
	switch {
	case k < 0 || k > n:
		return 0
	case n == 0:
		return 1 // not 0·ln 0
	case k == 0:
		return math.Exp(float64(n) * math.Log1p(-p))
	case k == n:
		return math.Exp(float64(n) * math.Log(p))
	case p <= 0 || p >= 1:
		return 0
	}
	return betaTerm(p, 1-p, float64(k), float64(n-k))
}

// BinomialTest is the two-sided p-value of k successes in n trials when their
// probability is p: that of all outcomes that are no more probable than k, as
// R's binom.test and scipy's binomtest have it, with their allowance of 1e-7
// for rounding. It is 1 for arguments that make no sense.
func BinomialTest(k, n int64, p float64) float64 {
	if n <= 0 || k < 0 || k > n || !(p >= 0 && p <= 1) {
		return 1
	}
	limit := binomialMass(k, n, p) * (1 + 1e-7)
	mean := float64(n) * p
	switch at := float64(k); {
	case at < mean:
		// The first outcome above the mean that counts: probabilities fall there.
		from := int64(math.Ceil(mean))
		other := from + int64(sort.Search(int(n-from)+1, func(i int) bool { return binomialMass(from+int64(i), n, p) <= limit }))
		below, _ := binomialTails(k, n, p)
		_, above := binomialTails(other-1, n, p)
		return min(below+above, 1)
	case at > mean:
		from := int64(math.Floor(mean))
		other := from - int64(sort.Search(int(from)+1, func(i int) bool { return binomialMass(from-int64(i), n, p) <= limit }))
		below, _ := binomialTails(other, n, p)
		_, above := binomialTails(k-1, n, p)
		return min(below+above, 1)
	}
	return 1
}
