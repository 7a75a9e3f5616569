package latency

import (
	"fmt"
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/stats"
)

const orderStatistics = "order statistics"

// percentile is the smallest time that a share q of the runs does not exceed,
// with its distribution-free interval. nil without runs.
func percentile(ascending []float64, q float64, g Gate) *Estimate {
	n := int64(len(ascending))
	if n == 0 {
		return nil
	}
	e := &Estimate{Value: report.Rounded(ascending[rank(n, q)-1]), Method: orderStatistics}
	lower, upper, ok := stats.QuantileRanks(n, q, g.twoSided())
	if !ok || lower < 1 || upper > n {
		e.Reason = fmt.Sprintf("%s are too few for an interval of %s, which takes at least %s", runs(n), Name(q), report.Thousands(Needed(q, g.Confidence)))
		return e
	}
	e.Lower, e.Upper = bound(ascending[lower-1]), bound(ascending[upper-1])
	return e
}

// rank is the 1-based place of a quantile among n sorted values: the inverse
// of the empirical distribution (type 1 of R. J. Hyndman and Y. Fan, 1996).
// The product is rounded down a little, so that 0.9 of 10 is the 9th.
func rank(n int64, q float64) int64 {
	return min(max(int64(math.Ceil(float64(float64(n)*q)-1e-9)), 1), n)
}

func bound(v float64) *float64 { v = report.Rounded(v); return &v }

func sorted(v []float64) []float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v
}

// countUpTo is how many of the ascending values are at most limit.
func countUpTo(ascending []float64, limit float64) int {
	at, _ := slices.BinarySearchFunc(ascending, limit, func(v, limit float64) int {
		if v <= limit {
			return -1
		}
		return 1
	})
	return at
}
