package stats

import "math"

// manyDegrees is from where Student's t is the normal distribution, to all
// digits.
const manyDegrees = 1e17

// StudentCDF is the distribution function of Student's t with df degrees of
// freedom, by the incomplete beta function (DLMF 8.17). It is NaN for df that
// is not positive.
func StudentCDF(t, df float64) float64 {
	switch {
	case math.IsNaN(t) || !(df > 0):
		return math.NaN()
	case df > manyDegrees:
		return NormalCDF(t)
	case t == 0:
		return 0.5
	}
	// x = df/(df+t²) without the overflow of t².
	r := math.Abs(t) / math.Sqrt(df)
	x, y := 1/(1+float64(r*r)), 1/(1+1/r/r)
	tail, _ := incompleteBeta(x, y, df/2, 0.5)
	if t > 0 {
		return 1 - float64(tail/2)
	}
	return tail / 2
}

// StudentQuantile is the inverse of StudentCDF: infinite at 0 and 1, NaN
// outside and for df that is not positive.
func StudentQuantile(p, df float64) float64 {
	switch {
	case math.IsNaN(p) || p < 0 || p > 1 || !(df > 0):
		return math.NaN()
	case df > manyDegrees:
		return NormalQuantile(p)
	case p == 0.5:
		return 0
	case p > 0.5:
		return -StudentQuantile(1-p, df)
	}
	// u is the logit of df/(df+t²), so that t² = df·e^−u.
	u := betaLogit(2*p, 1-2*p, df/2, 0.5)
	return -math.Sqrt(df) * math.Exp(-u/2)
}
