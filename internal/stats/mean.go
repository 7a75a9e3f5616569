package stats

import (
	"math"
	"slices"
)

// MeanEstimate is the mean of numbers with its standard error and its interval
// by Student's t with DF degrees of freedom.
//
// DF is 0 where there is no interval: fewer than two numbers, or numbers that
// are not finite or whose squares are not. SE and the bounds are infinite
// then, and Mean is 0 unless it is known. An SE of 0 says that all numbers are
// equal, or too close for their squares: an interval without width, in which
// nobody should put trust.
type MeanEstimate struct {
	N                          int64
	Mean, SE, DF, Lower, Upper float64
}

// MeanInterval returns the mean of x and its interval. confidence is
// two-sided, in (0, 1); others give an infinite interval.
func MeanInterval(x []float64, confidence float64) MeanEstimate {
	n := float64(len(x))
	m := MeanEstimate{N: int64(len(x)), SE: math.Inf(1), Lower: math.Inf(-1), Upper: math.Inf(1)}
	if len(x) == 0 {
		return m
	}
	mean := compensated(x, func(v float64) float64 { return v }) / n
	if !isFinite(mean) {
		return m
	}
	// Rounding must not leave a spread to numbers that are equal.
	mean = min(max(mean, slices.Min(x)), slices.Max(x))
	m.Mean = mean
	squares := compensated(x, func(v float64) float64 { return float64((v - mean) * (v - mean)) })
	if len(x) < 2 || !isFinite(squares) || !isShare(confidence) {
		return m
	}
	m.DF = n - 1
	m.SE = math.Sqrt(squares / m.DF / n)
	spread := float64(studentCritical(confidence, m.DF) * m.SE)
	m.Lower, m.Upper = mean-spread, mean+spread
	return m
}

// studentCritical is normalCritical for Student's t.
func studentCritical(confidence, df float64) float64 {
	return -StudentQuantile((1-confidence)/2, df)
}

// PairedT is the paired t-test of differences: their mean with its interval,
// and the statistic and two-sided p-value of the mean being null. Where there
// is no interval, or one without width, they are 0 and 1.
func PairedT(d []float64, null, confidence float64) (m MeanEstimate, t, pvalue float64) {
	m = MeanInterval(d, confidence)
	if m.DF == 0 || m.SE == 0 || !isFinite(null) {
		return m, 0, 1
	}
	t = (m.Mean - null) / m.SE
	if !isFinite(t) {
		return m, 0, 1
	}
	return m, t, 2 * StudentCDF(-math.Abs(t), m.DF)
}

// compensated is the sum of f(x) as A. Neumaier adds (Zeitschrift für
// Angewandte Mathematik und Mechanik 54, 1974): what rounding loses is kept
// and added at the end.
func compensated(x []float64, f func(float64) float64) float64 {
	total, lost := 0.0, 0.0
	for _, v := range x {
		term := f(v)
		next := total + term
		if math.Abs(total) >= math.Abs(term) {
			lost += (total - next) + term
		} else {
			lost += (term - next) + total
		}
		total = next
	}
	return total + lost
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
