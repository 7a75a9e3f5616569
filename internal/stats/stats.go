// Package stats holds the statistics by which gates decide. It is pure:
// numbers in, numbers out.
//
// Results are the same on every architecture: products that feed sums are
// rounded first, because arm64 would fuse them otherwise.
package stats

import "math"

// Wilson returns the score interval for a proportion of which successes out
// of n trials were seen (E. B. Wilson, 1927, without continuity correction).
// confidence is two-sided, in (0, 1): 0.95.
//
// Arguments that make no sense, no trials among them, give the interval from
// 0 to 1: nothing is known then.
func Wilson(successes, n int64, confidence float64) (lower, upper float64) {
	if n <= 0 || successes < 0 || successes > n || !(confidence > 0 && confidence < 1) {
		return 0, 1
	}
	z := math.Sqrt2 * math.Erfinv(confidence)
	z2 := z * z
	count := float64(n)
	p := float64(successes) / count
	center := p + z2/(2*count)
	spread := z * math.Sqrt(float64(p*(1-p)/count)+z2/(4*count*count))
	scale := 1 + z2/count
	lower, upper = (center-spread)/scale, (center+spread)/scale
	// Rounding would leave 1e-17 where the formula gives exactly 0 or 1.
	if successes == 0 {
		lower = 0
	}
	if successes == n {
		upper = 1
	}
	return max(lower, 0), min(upper, 1)
}
