package stats

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

const (
	// leastUnits is of how many rows, or clusters, the bootstrap makes an
	// interval: it knows no other values than those it is given, and of a few
	// that are too few.
	leastUnits = 10
	// leastResamples keeps the quantiles that become bounds off the outermost
	// values, mostResamples a number from somewhere else off the memory.
	leastResamples, mostResamples = 100, 10_000_000
	// mostUndefined is the share of resamples that may be without a value.
	mostUndefined = 0.05
)

// refuse says what is wrong with r, "" when nothing is.
func (r Resampling) refuse() string {
	switch {
	case !(r.Confidence > 0 && r.Confidence < 1):
		return "the confidence is not between 0 and 1"
	case r.Resamples < leastResamples:
		return fmt.Sprintf("%s resamples are too few for an interval, which takes %d", grouped(r.Resamples), leastResamples)
	case r.Resamples > mostResamples:
		return fmt.Sprintf("%s resamples are more than the %s there may be", grouped(r.Resamples), grouped(mostResamples))
	}
	return ""
}

// method says what was done, with what it takes to do it again.
func (r Resampling) method() string {
	kind := "BCa"
	if r.Percentile {
		kind = "percentile"
	}
	return fmt.Sprintf("bootstrap %s, %s resamples, seed %d", kind, grouped(r.Resamples), r.Seed)
}

// grouped writes a number with a comma between its thousands.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// refused is the answer for k statistics that nothing was computed of.
func (r Resampling) refused(k int, reason string) []Bootstrap {
	out := make([]Bootstrap, k)
	for i := range out {
		out[i] = Bootstrap{Method: r.method(), Reason: reason}
	}
	return out
}

// summarize makes the interval from the values of a statistic on resamples,
// which it sorts. acceleration is asked for when it is needed.
func (r Resampling) summarize(estimate float64, values []float64, acceleration func() float64) Bootstrap {
	b := Bootstrap{Method: r.method()}
	if !isFinite(estimate) {
		b.Reason = "the statistic is undefined on the rows themselves"
		return b
	}
	b.Estimate = estimate
	resamples := len(values)
	values = slices.DeleteFunc(values, func(v float64) bool { return !isFinite(v) })
	b.Undefined = resamples - len(values)
	if float64(b.Undefined) > mostUndefined*float64(resamples) {
		b.Reason = fmt.Sprintf("the statistic is undefined in %s of %s resamples", grouped(b.Undefined), grouped(resamples))
		return b
	}
	slices.Sort(values)
	if values[0] == values[len(values)-1] {
		b.Reason = "every resample gives the same value"
		return b
	}
	if b.SE = standardError(values); !isFinite(b.SE) {
		b.SE, b.Reason = 0, "the values are too large to compute with"
		return b
	}
	low, high := (1-r.Confidence)/2, (1+r.Confidence)/2
	if !r.Percentile {
		if b.Bias = biasCorrection(estimate, values); math.IsInf(b.Bias, 0) {
			b.Bias, b.Reason = 0, "every resample lies on the same side of the value itself"
			return b
		}
		b.Acceleration = acceleration()
		low, high = bcaLevel(low, b.Bias, b.Acceleration), bcaLevel(high, b.Bias, b.Acceleration)
	}
	if edge := 1 / float64(len(values)+1); !(low >= edge && high <= 1-edge && low < high) {
		b.Reason = "a bound lies beyond the outermost resamples"
		return b
	}
	lower, upper := Quantile(values, low), Quantile(values, high)
	if lower == upper {
		b.Reason = "nearly all resamples give the same value"
		return b
	}
	b.Lower, b.Upper, b.OK = lower, upper, true
	return b
}

// biasCorrection is z₀ of B. Efron, "Better bootstrap confidence intervals"
// (Journal of the American Statistical Association 82, 1987): where among the
// sorted values the estimate lies, as a normal quantile. Values equal to it
// count half, as in scipy's bootstrap, which matters for statistics that take
// few values.
func biasCorrection(estimate float64, values []float64) float64 {
	below, _ := slices.BinarySearch(values, estimate)
	notAbove, _ := slices.BinarySearchFunc(values, estimate, func(v, e float64) int {
		if v <= e {
			return -1
		}
		return 1
	})
	return NormalQuantile(float64(below+notAbove) / float64(2*len(values)))
}

// bcaLevel is the share of the values below the bound that would be at share
// without correction (Efron, 1987, equation 3.8; B. Efron and R. J.
// Tibshirani, "An Introduction to the Bootstrap", 1993, equation 14.10). It is
// NaN where the correction has no solution.
func bcaLevel(share, bias, acceleration float64) float64 {
	z := bias + NormalQuantile(share)
	stretch := 1 - float64(acceleration*z)
	if stretch <= 0 {
		return math.NaN()
	}
	return NormalCDF(bias + z/stretch)
}

// deletion is what statistics are without a row, a cluster or a group of them.
type deletion struct {
	stratum int32
	times   float64 // how many there are that give the same
	values  []float64
}

// acceleration is a of BCa from the jackknife: a sixth of the skewness of what
// each row adds (Efron and Tibshirani, 1993, equation 14.15), for several
// strata with the sums of all of them, as scipy's bootstrap does for several
// samples. Deletions, those of a stratum together, that leave the statistic
// undefined do not count. It is 0 when none changes anything.
func acceleration(deletions []deletion, statistic int) float64 {
	influences := make([]float64, len(deletions)) // 0 where undefined
	largest := 0.0
	for from := 0; from < len(deletions); {
		to, count, total := from, 0.0, 0.0
		for ; to < len(deletions) && deletions[to].stratum == deletions[from].stratum; to++ {
			if d := deletions[to]; isFinite(d.values[statistic]) {
				count += d.times
				total += float64(d.times * d.values[statistic])
			}
		}
		for i := from; i < to; i++ {
			if v := deletions[i].values[statistic]; isFinite(v) {
				influences[i] = (total/count - v) * ((count - 1) / count)
				largest = max(largest, math.Abs(influences[i]))
			}
		}
		from = to
	}
	if largest == 0 || !isFinite(largest) {
		return 0
	}
	squares, cubes := 0.0, 0.0
	for i, d := range deletions {
		u := influences[i] / largest // so that powers neither vanish nor overflow
		squares += float64(d.times * u * u)
		cubes += float64(d.times * u * u * u)
	}
	return cubes / (6 * squares * math.Sqrt(squares))
}

// standardError is the standard deviation of values, with ddof=1.
func standardError(values []float64) float64 {
	n := float64(len(values))
	return StdDev(values) * math.Sqrt(n/(n-1))
}
