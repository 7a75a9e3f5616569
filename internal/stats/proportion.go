package stats

import "math"

// The intervals below are of a proportion of which k successes out of n trials
// were seen. confidence is two-sided, in (0, 1): 0.95. Arguments that make no
// sense, no trials or more than mostCount among them, give the interval from 0
// to 1: nothing is known then. What each is good for: L. D. Brown, T. T. Cai and
// A. DasGupta, "Interval estimation for a binomial proportion" (Statistical
// Science 16, 2001).

// mostCount is up to how many are counted: sums of four such counts are whole
// float64 numbers.
const mostCount = 1 << 51

func noProportion(k, n int64, confidence float64) bool {
	return n <= 0 || n > mostCount || k < 0 || k > n || !isShare(confidence)
}

// Wilson returns the score interval (E. B. Wilson, 1927, without continuity
// correction): R's prop.test(correct = FALSE).
func Wilson(k, n int64, confidence float64) (lower, upper float64) {
	if noProportion(k, n, confidence) {
		return 0, 1
	}
	z := normalCritical(confidence)
	z2 := z * z
	count := float64(n)
	p := float64(k) / count
	center := p + z2/(2*count)
	spread := float64(z * math.Sqrt(float64(p*(1-p)/count)+z2/(4*count*count)))
	scale := 1 + z2/count
	lower, upper = (center-spread)/scale, (center+spread)/scale
	// Rounding would leave 1e-17 where the formula gives exactly 0 or 1.
	if k == 0 {
		lower = 0
	}
	if k == n {
		upper = 1
	}
	return max(lower, 0), min(upper, 1)
}

// ClopperPearson returns the exact interval (C. J. Clopper and E. S. Pearson,
// 1934): it covers with at least the confidence, often with more. R's
// binom.test.
func ClopperPearson(k, n int64, confidence float64) (lower, upper float64) {
	if noProportion(k, n, confidence) {
		return 0, 1
	}
	successes, failures := float64(k), float64(n-k)
	lower, upper = 0, 1
	if k > 0 {
		lower = betaBound(confidence, successes, failures+1, false)
	}
	if k < n {
		upper = betaBound(confidence, successes+1, failures, true)
	}
	return lower, upper
}

// Jeffreys returns the equal-tailed interval by the prior of H. Jeffreys,
// Beta(½, ½), with 0 for the lower bound without successes and 1 for the upper
// one without failures, as Brown, Cai and DasGupta have it (section 4.1.2).
func Jeffreys(k, n int64, confidence float64) (lower, upper float64) {
	if noProportion(k, n, confidence) {
		return 0, 1
	}
	successes, failures := float64(k)+0.5, float64(n-k)+0.5
	lower, upper = 0, 1
	if k > 0 {
		lower = betaBound(confidence, successes, failures, false)
	}
	if k < n {
		upper = betaBound(confidence, successes, failures, true)
	}
	return lower, upper
}

// betaBound is one of the two quantiles that leave half of 1−confidence
// outside.
func betaBound(confidence, a, b float64, upper bool) float64 {
	outside, inside := (1-confidence)/2, (1+confidence)/2
	if upper {
		outside, inside = inside, outside
	}
	x, _ := logistic(betaLogit(outside, inside, a, b))
	return x
}

// AgrestiCoull returns the interval by A. Agresti and B. A. Coull (The American
// Statistician 52, 1998): Wald's, around Wilson's center.
func AgrestiCoull(k, n int64, confidence float64) (lower, upper float64) {
	if noProportion(k, n, confidence) {
		return 0, 1
	}
	z := normalCritical(confidence)
	count := float64(n) + float64(z*z)
	p := (float64(k) + float64(z*z/2)) / count
	spread := float64(z * math.Sqrt(p*(1-p)/count))
	return max(p-spread, 0), min(p+spread, 1)
}
