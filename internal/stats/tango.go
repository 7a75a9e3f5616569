package stats

import "math"

// TangoPaired returns the difference of the proportions of two models on the
// same rows, first less second, and its score interval: T. Tango, "Equivalence
// test and confidence interval for the difference in proportions for the
// paired-sample design" (Statistics in Medicine 17, 1998, 891-908).
//
// It holds the level where NewcombePaired does not: with so few rows on which
// the models disagree that all go one way. When they never disagree,
// NewcombePaired may end at 1.6/n below 0 (at 0.90), which a model that loses
// 1.7 of n rows on average passes in 1 of 5 cases; here it is 2.7/n, and 1 in
// 15. Counts that make no sense give 0 and the interval from −1 to 1.
func TangoPaired(p Pairs, confidence float64) (difference, lower, upper float64) {
	if !p.valid() || !isShare(confidence) {
		return 0, -1, 1
	}
	z := normalCritical(confidence)
	// The score falls as δ rises.
	lower = crossing(func(delta float64) bool { return p.score(delta) <= z })
	upper = crossing(func(delta float64) bool { return p.score(delta) <= -z })
	difference = p.Difference()
	return difference, min(lower, difference), max(upper, difference)
}

// TangoScore is the statistic of the test that belongs to TangoPaired: how many
// standard errors the difference, first less second, lies above null. The
// p-value of its being greater than null is NormalCDF(−score), of its being
// less NormalCDF(score). It is 0, which shows nothing, for counts that make no
// sense and for a null that is not between −1 and 1.
func TangoScore(p Pairs, null float64) float64 {
	if !p.valid() || !(math.Abs(null) < 1) {
		return 0
	}
	return p.score(null)
}

// crossing is where in −1 to 1 passed turns true, by halving.
func crossing(passed func(float64) bool) float64 {
	low, high := -1.0, 1.0
	for range 100 {
		middle := low + float64((high-low)/2)
		if middle == low || middle == high {
			break
		}
		if passed(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// score is how many standard errors the difference lies above delta, the error
// being that of the most likely proportions whose difference is delta.
func (p Pairs) score(delta float64) float64 {
	b, c := float64(p.First), float64(p.Second)
	if delta < 0 { // as exchanged: q is the smaller share then, and 0 or more
		return -Pairs{Both: p.Both, First: p.Second, Second: p.First, Neither: p.Neither}.score(-delta)
	}
	n := float64(p.N())
	// The share on which the second is right alone is the root of
	// 2n·q² + linear·q − c·delta·(1−delta), when the first is on q+delta.
	linear := float64((2*n-b+c)*delta) - b - c
	product := c * delta * (1 - delta)
	root := math.Sqrt(float64(linear*linear) + float64(8*n*product))
	q := (root - linear) / (4 * n)
	excess := b - c - float64(n*delta)
	if excess == 0 {
		return 0
	}
	return excess / math.Sqrt(n*(2*q+float64(delta*(1-delta))))
}
