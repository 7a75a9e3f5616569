package evaluate

import (
	"fmt"
	"math"

	"github.com/waybill-dev/waybill/internal/stats"
)

// power is how likely a sample of the size that RequiredN names decides.
const power = 0.8

// inference is what rows say of a number: of a metric of one model, or of the
// difference of two models' values.
type inference struct {
	n            int64 // rows or queries that it rests on
	unit         string
	value        float64
	lower, upper float64
	method       string
	p            float64 // of "no difference"; NaN without a test
	why          string  // why there are no bounds; "" when there are
	// at returns the bounds of another two-sided confidence; nil when only the
	// ones above are known.
	at func(confidence float64) (lower, upper float64)
	// plan returns how many rows tell the number from one that lies distance
	// away; nil for a figure from the width of the interval.
	plan      func(assumed, distance, alpha float64) (int64, bool)
	seed      uint64
	resamples int
}

// noBounds is an inference that knows no more than a value.
func noBounds(n int64, value float64, why string, args ...any) inference {
	return inference{n: n, unit: "row", value: value, p: math.NaN(), why: fmt.Sprintf(why, args...)}
}

// bounded tells whether there are bounds that something can rest on.
func (i *inference) bounded() bool {
	return i.why == "" && i.lower <= i.upper && !math.IsInf(i.lower, 0) && !math.IsInf(i.upper, 0)
}

// mirrored is the inference of the negated number: a loss becomes a gain.
func (i inference) mirrored() inference {
	i.value, i.lower, i.upper = -i.value, -i.upper, -i.lower
	if at := i.at; at != nil {
		i.at = func(confidence float64) (float64, float64) {
			lower, upper := at(confidence)
			return -upper, -lower
		}
	}
	return i
}

// below is the p-value of "the number is at least limit": the least one-sided
// alpha at which the upper bound lies below it. Where the method gives bounds
// of one confidence only, they are scaled like those of a normal distribution.
func (i *inference) below(limit, confidence float64) float64 {
	if !i.bounded() || i.value >= limit {
		return 1
	}
	if i.at == nil {
		width := i.upper - i.value
		if width <= 0 {
			return 1
		}
		return 1 - stats.NormalCDF(stats.NormalQuantile(confidence)*(limit-i.value)/width)
	}
	low, high := -40.0, math.Log(0.5) // of alpha, as a logarithm
	for range 50 {
		middle := (low + high) / 2
		if _, upper := i.at(1 - 2*math.Exp(middle)); upper < limit {
			high = middle
		} else {
			low = middle
		}
	}
	return math.Exp(high)
}

// required is how many rows tell the number from limit when it truly is
// assumed, at the spread seen.
func (i *inference) required(assumed, limit, confidence float64) (int64, bool) {
	distance := math.Abs(assumed - limit)
	if !i.bounded() || distance == 0 {
		return 0, false
	}
	if i.plan != nil {
		return i.plan(assumed, distance, 1-confidence)
	}
	half := (i.upper - i.lower) / 2
	z := stats.NormalQuantile(confidence)
	if half <= 0 || z <= 0 {
		return 0, false
	}
	ratio := half / z * (z + stats.NormalQuantile(power)) / distance
	n := math.Ceil(float64(i.n) * ratio * ratio)
	if !(n < 1e15) {
		return 0, false
	}
	return max(int64(n), 1), true
}
