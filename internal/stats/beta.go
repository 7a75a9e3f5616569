package stats

import "math"

// BetaCDF is the regularised incomplete beta function I_x(a, b): the
// probability that a beta variable is at most x. It is NaN for a or b that is
// not positive.
func BetaCDF(x, a, b float64) float64 {
	if math.IsNaN(x) || !isShape(a) || !isShape(b) {
		return math.NaN()
	}
	lower, _ := incompleteBeta(x, 1-x, a, b)
	return lower
}

// BetaQuantile is the inverse of BetaCDF: 0 for p of 0 or less, 1 for p of 1
// or more. It is NaN for a or b that is not positive.
func BetaQuantile(p, a, b float64) float64 {
	if math.IsNaN(p) || !isShape(a) || !isShape(b) {
		return math.NaN()
	}
	x, _ := logistic(betaLogit(p, 1-p, a, b))
	return x
}

func isShape(a float64) bool { return a > 0 && !math.IsInf(a, 1) }

// incompleteBeta returns I_x(a, b) and 1 − I_x(a, b), each with its own
// digits: neither is lost when the other is nearly 1. y is 1 − x, which the
// caller may know better.
func incompleteBeta(x, y, a, b float64) (lower, upper float64) {
	// The smaller of x and y has the digits to compare with the mean by.
	above := x > (a+1)/(a+b+2)
	if y < x {
		above = y < (b+1)/(a+b+2)
	}
	switch {
	case x <= 0:
		return 0, 1
	case y <= 0:
		return 1, 0
	case above:
		upper = betaTail(y, x, b, a)
		return 1 - upper, upper
	}
	lower = betaTail(x, y, a, b)
	return lower, 1 - lower
}

// betaTail is I_x(a, b) for x up to about the mean, by the continued fraction
// of A. R. DiDonato and A. H. Morris (ACM Transactions on Mathematical Software
// 18, 1992, equation 9), every second step of DLMF 8.17.22, evaluated as W. J.
// Lentz does. It converges there within some multiple of √max(a, b) steps, and
// keeps its digits where x is nearly 1.
func betaTail(x, y, a, b float64) float64 {
	const epsilon, tiny, steps = 1e-16, 1e-300, 1_000_000
	distance := float64(a*y) - float64(b*x) + 1
	h := max(a/(a+1)*distance, tiny)
	c, d := h, 0.0
	for m := 1.0; m < steps; m++ {
		odd := a + float64(2*m) - 1
		numerator := (a + m - 1) / odd * ((a + b + m - 1) / odd) * m * (b - m) * x * x
		denominator := m + float64(m*(b-m)/odd*x) + float64((a+m)/(odd+2)*(distance+float64(m*(1+y))))
		if d = denominator + float64(numerator*d); math.Abs(d) < tiny {
			d = tiny
		}
		if c = denominator + numerator/c; math.Abs(c) < tiny {
			c = tiny
		}
		d = 1 / d
		change := float64(c * d)
		h *= change
		if math.Abs(change-1) <= epsilon {
			break
		}
	}
	return min(max(a/(a+b)*b*betaTerm(x, y, a, b)/h, 0), 1)
}

// betaTerm is Γ(a+b+1) / (Γ(a+1)·Γ(b+1)) · x^a · y^b: for whole numbers the
// probability of a successes in a+b trials. It keeps its digits for large a
// and b: C. Loader, "Fast and accurate computation of binomial probabilities"
// (2000), as R's dbinom.
func betaTerm(x, y, a, b float64) float64 {
	n := a + b
	log := stirlingError(n) - stirlingError(a) - stirlingError(b) - deviance(a, float64(n*x)) - deviance(b, float64(n*y))
	return math.Exp(log) * math.Sqrt(n/(2*math.Pi)/a/b)
}

// stirlingError is the error of Stirling's formula, ln Γ(z+1) −
// ln(√(2πz)·(z/e)^z): Loader's δ.
func stirlingError(z float64) float64 {
	if z < 15 {
		logGamma, _ := math.Lgamma(z + 1)
		return logGamma - float64((z+0.5)*math.Log(z)) + z - float64(0.5*math.Log(2*math.Pi))
	}
	return polynomial(1/(z*z), 1.0/12, -1.0/360, 1.0/1260, -1.0/1680, 1.0/1188) / z
}

// deviance is x·ln(x/m) + m − x, half the deviance of a Poisson variable:
// Loader's bd0.
func deviance(x, m float64) float64 {
	if math.Abs(x-m) >= 0.1*(x+m) {
		return float64(x*math.Log(x/m)) + m - x
	}
	v := (x - m) / (x + m)
	s := float64((x - m) * v)
	term := 2 * x * v
	for j := 3.0; j < 1000; j += 2 {
		term *= v * v
		next := s + term/j
		if next == s {
			break
		}
		s = next
	}
	return s
}

// logistic returns 1/(1+e^−u) and 1/(1+e^u), both with all their digits.
func logistic(u float64) (x, y float64) {
	e := math.Exp(-math.Abs(u))
	x, y = 1/(1+e), e/(1+e)
	if u < 0 {
		return y, x
	}
	return x, y
}

// betaLogit returns u where I_x(a, b) = p at x = 1/(1+e^−u); q is 1 − p. On
// this scale the logarithm of either tail is concave, so that Newton's steps
// on the smaller one converge from wherever they start; a bracket guards them
// against rounding. It is infinite where p or q is 0.
func betaLogit(p, q, a, b float64) float64 {
	switch {
	case p <= 0:
		return math.Inf(-1)
	case q <= 0:
		return math.Inf(1)
	}
	// As near to 0 as this, the tail is a power of x. Where 1−x is, x is 1.
	const far = 600
	if first, _ := incompleteBeta(math.Exp(-far), 1, a, b); first > p {
		return -far + math.Log(p/first)/a
	}
	low, high := -far-1.0, far+1.0
	u := math.Log(a/b) + float64(NormalQuantile(min(p, 1))*math.Sqrt(1/a+1/b))
	for range 200 {
		if !(u > low && u < high) {
			u = (low + high) / 2
		}
		x, y := logistic(u)
		lower, upper := incompleteBeta(x, y, a, b)
		excess := math.Log(lower / p) // positive when u is too large
		tail := lower
		if p > q {
			excess, tail = -math.Log(upper/q), upper
		}
		if excess > 0 {
			high = u
		} else {
			low = u
		}
		step := float64(-excess * (tail / betaTerm(x, y, a, b)) / a / b * (a + b))
		if excess == 0 || math.Abs(step) <= 2e-16*math.Abs(u) || high-low <= 2e-16*math.Abs(u) {
			break
		}
		u += step // NaN and infinities end up in the middle
	}
	return u
}
