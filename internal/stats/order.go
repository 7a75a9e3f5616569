package stats

import "sort"

// QuantileRanks returns which of n sorted values, counted from 1, bound the
// q-quantile of what they were drawn from: the interval between them covers it
// with at least the confidence, whatever the distribution, and each bound alone
// with at least (1+confidence)/2 (H. A. David and H. N. Nagaraja, Order
// Statistics, section 7.1). With the binomial quantiles of R they are
// qbinom(α/2, n, q) and qbinom(1−α/2, n, q) + 1.
//
// lower is 0 when n is too small for a lower bound, upper n+1 when it is for an
// upper one; ok tells that both are there. Arguments that make no sense give
// neither.
func QuantileRanks(n int64, q, confidence float64) (lower, upper int64, ok bool) {
	if n <= 0 || n > mostCount || !isShare(q) || !isShare(confidence) {
		return 0, min(max(n, 0), mostCount) + 1, false
	}
	outside := (1 - confidence) / 2 * (1 + 1e-12) // but for rounding
	// Fewer than `rank` values lie below the quantile; it falls with the rank.
	lower = int64(sort.Search(int(n), func(i int) bool {
		tooFew, _ := binomialTails(int64(i), n, q)
		return tooFew > outside
	}))
	upper = 1 + int64(sort.Search(int(n), func(i int) bool {
		_, enough := binomialTails(int64(i), n, q)
		return enough <= outside
	}))
	return lower, upper, lower >= 1 && upper <= n
}

// EarlyStopping returns how many queries must meet a latency so that, though
// overlatency more did not, the share that does is shown to be at least
// percentile−tolerance: the least number with which as few as overlatency would
// miss it with a probability below 1−confidence if that were the share. It is
// MinPassingQueriesFinder of MLPerf's LoadGen (loadgen/early_stopping.cc),
// which is called with tolerance 0 and confidence 0.99. A run needs
// inTime+overlatency queries: 459 for percentile 0.99, or 662 with one over
// latency. ok is false for arguments that make no sense.
func EarlyStopping(overlatency int64, percentile, tolerance, confidence float64) (inTime int64, ok bool) {
	share := percentile - tolerance
	if overlatency < 0 || overlatency > 1<<32 || !isShare(share) || !isShare(confidence) {
		return 0, false
	}
	shown := func(n int64) bool {
		_, atMost := incompleteBeta(1-share, share, float64(overlatency)+1, float64(n))
		return atMost < 1-confidence
	}
	high := overlatency + 1
	for !shown(high) {
		if high > 1<<40 {
			return 0, false
		}
		high *= 2
	}
	inTime = 1 + int64(sort.Search(int(high-1), func(i int) bool { return shown(int64(i) + 1) }))
	return inTime, true
}
