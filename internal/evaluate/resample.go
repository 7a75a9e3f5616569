package evaluate

import (
	"math"

	"github.com/waybill-dev/waybill/internal/stats"
)

// limits of resampling: how many resamples are drawn where nothing else is
// asked for, and at how much work fewer are.
type limits struct {
	usual, least int
	work         int // rows, or kinds of rows, times resamples
}

var (
	cellsResamples = limits{usual: 10_000, least: 2_000, work: 8_000_000}
	rowsResamples  = limits{usual: 2_000, least: 200, work: 400_000_000}
)

// maxResamples is the most that can be asked for.
const maxResamples = 100_000

// of says how to draw resamples of n rows, or of n kinds of rows.
func (r Resampling) of(n int, l limits, level float64) stats.Resampling {
	out := stats.Resampling{Seed: r.Seed, Resamples: min(r.Resamples, maxResamples), Confidence: level, Percentile: r.Percentile}
	if out.Seed == 0 {
		out.Seed = 1
	}
	if out.Resamples <= 0 {
		out.Resamples = max(l.least, min(l.usual, l.work/max(n*max(r.among, 1), 1)))
	}
	return out
}

// bootstrapped is what a bootstrap says.
func bootstrapped(b stats.Bootstrap, r stats.Resampling, n int64, unit string, value float64) inference {
	if !b.OK {
		return noBounds(n, value, "%s", b.Reason)
	}
	if math.IsNaN(b.Lower) || math.IsNaN(b.Upper) {
		return noBounds(n, value, "the bootstrap gives no bounds")
	}
	return inference{
		n: n, unit: unit, value: value, lower: b.Lower, upper: b.Upper, p: math.NaN(),
		method: b.Method, seed: r.Seed, resamples: r.Resamples,
	}
}
