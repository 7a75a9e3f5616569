package stats

import "math"

// The functions below tell how many rows a comparison needs to show, with
// probability power and at the one-sided level alpha, that the candidate is not
// worse than the baseline by margin or more, when it is truly better by
// difference and more is better. They go by the normal distribution, so that a
// test by Student's t needs some two rows more.
//
// ok is false when no number of rows would show it, as for a difference of
// −margin or worse; when nothing is known about the spread; and for arguments
// that make no sense.

// PairsNeeded is for proportions of the same rows. discordance is the share of
// rows on which one model alone is right: n = (z₁₋α + z_power)²·(discordance −
// difference²) / (difference + margin)², from the variance of the paired
// difference (as WaldPaired has it).
func PairsNeeded(discordance, difference, margin, alpha, power float64) (n int64, ok bool) {
	if !(discordance <= 1) || !(math.Abs(difference) <= discordance) {
		return 0, false
	}
	return rowsNeeded(discordance-float64(difference*difference), difference, margin, alpha, power)
}

// MeansNeeded is for means of differences per row, of the standard deviation
// sd.
func MeansNeeded(sd, difference, margin, alpha, power float64) (n int64, ok bool) {
	if !(sd > 0) {
		return 0, false
	}
	return rowsNeeded(sd*sd, difference, margin, alpha, power)
}

func rowsNeeded(variance, difference, margin, alpha, power float64) (n int64, ok bool) {
	room := difference + margin
	if !isShare(alpha) || !isShare(power) || !(variance > 0) || !(room > 0) || math.IsInf(room, 1) {
		return 0, false
	}
	z := NormalQuantile(1-alpha) + NormalQuantile(power)
	if !(z > 0) {
		return 0, false
	}
	root := z / room
	rows := math.Ceil(float64(root*root) * variance)
	if !(rows <= 1<<53) {
		return 0, false
	}
	return max(int64(rows), 1), true
}
