package stats

import "math"

// ChiSquareSurvival returns the probability that a chi-square variable with
// df degrees of freedom exceeds x: the p-value of a statistic x. It is NaN
// for df that is not positive.
func ChiSquareSurvival(x, df float64) float64 {
	switch {
	case math.IsNaN(x) || !(df > 0):
		return math.NaN()
	case x <= 0:
		return 1
	case math.IsInf(x, 1):
		return 0
	}
	return upperGamma(df/2, x/2)
}

// upperGamma is the regularised upper incomplete gamma function Q(a, x), by
// the series of P below x = a + 1 (DLMF 8.11.4) and by the continued fraction
// of Q above (DLMF 8.9.2, evaluated as W. J. Lentz does). Each converges
// within some multiple of √a steps there.
func upperGamma(a, x float64) float64 {
	const epsilon, steps = 1e-16, 100_000
	logGamma, _ := math.Lgamma(a)
	front := math.Exp(float64(a*math.Log(x)) - x - logGamma)
	if x < a+1 {
		term, sum := 1/a, 1/a
		for n := 1.0; n < steps && term > sum*epsilon; n++ {
			term = float64(term * (x / (a + n)))
			sum += term
		}
		return min(max(1-float64(front*sum), 0), 1)
	}
	const tiny = 1e-300
	b := x + 1 - a
	c, d := 1/tiny, 1/b
	h := d
	for n := 1.0; n < steps; n++ {
		an := n * (a - n)
		b += 2
		if d = float64(an*d) + b; math.Abs(d) < tiny {
			d = tiny
		}
		if c = b + an/c; math.Abs(c) < tiny {
			c = tiny
		}
		d = 1 / d
		delta := float64(d * c)
		h *= delta
		if math.Abs(delta-1) < epsilon {
			break
		}
	}
	return min(max(front*h, 0), 1)
}

// NormalCDF is the standard normal distribution function Φ, accurate also in
// the lower tail.
func NormalCDF(z float64) float64 { return float64(math.Erfc(-z/math.Sqrt2) / 2) }

// NormalQuantile is the inverse of NormalCDF, to about 16 digits also for a
// tiny p: M. J. Wichura's PPND16 (Algorithm AS 241, Applied Statistics 37,
// 1988), which R's qnorm uses. It is infinite at 0 and 1, and NaN outside.
func NormalQuantile(p float64) float64 {
	switch {
	case math.IsNaN(p) || p < 0 || p > 1:
		return math.NaN()
	case p == 0 || p == 1:
		return math.Inf(int(2*p) - 1)
	}
	q := p - 0.5
	if math.Abs(q) <= 0.425 {
		r := 0.180625 - float64(q*q)
		return q * polynomial(r, 3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
			4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3) /
			polynomial(r, 1, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
				2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3)
	}
	r := math.Sqrt(-math.Log(min(p, 1-p)))
	var z float64
	if r <= 5 {
		r -= 1.6
		z = polynomial(r, 1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
			1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4) /
			polynomial(r, 1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
				1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9)
	} else {
		r -= 5
		z = polynomial(r, 6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
			2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7) /
			polynomial(r, 1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
				7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15)
	}
	return math.Copysign(z, q)
}

// normalCritical is how many standard errors an interval of this two-sided
// confidence reaches to either side: 1.96 for 0.95.
func normalCritical(confidence float64) float64 {
	return math.Sqrt2 * math.Erfinv(confidence)
}

// isShare reports whether v lies between 0 and 1, neither of them among it: a
// confidence that makes sense.
func isShare(v float64) bool { return v > 0 && v < 1 }

// KolmogorovSurvival returns the probability that the greatest distance
// between the empirical distribution of n values and their continuous true
// one is d or more. It follows R. Simard and P. L'Ecuyer, "Computing the
// two-sided Kolmogorov-Smirnov distribution" (Journal of Statistical Software
// 39, 2011), as scipy's kstwo does, with fewer methods: good to ten digits for
// n up to 140, to five up to 100,000, beyond to four or more while the
// probability is above 1e-6.
func KolmogorovSurvival(n int64, d float64) float64 {
	count := float64(n)
	nd2 := count * d * d
	switch {
	case n <= 0 || math.IsNaN(d):
		return math.NaN()
	case d >= 1:
		return 0
	case 2*count*d <= 1:
		return 1
	case count*d >= count-1, d >= 0.5, n <= 140 && nd2 > 4, n > 140 && nd2 >= 2.2:
		// The chance that the distance is reached on both sides is nil, or next
		// to it (W. Miller, 1956).
		return min(2*oneSided(n, d), 1)
	case n <= 140:
		return min(max(1-matrixKolmogorov(int(n), d), 0), 1)
	}
	return min(max(1-pelzGood(count, d), 0), 1)
}

// oneSided is the probability that the empirical distribution of n values
// lies d or more above the true one: the sum by Z. W. Birnbaum and F. H.
// Tingey (1951), all of whose terms are positive; past 100,000 values the
// limit by N. Smirnov (1944) with its first correction.
func oneSided(n int64, d float64) float64 {
	count := float64(n)
	if n > 100_000 {
		t := float64(6*count*d) + 1
		return math.Exp(-t * t / (18 * count))
	}
	logFactorial, _ := math.Lgamma(count + 1)
	sum := 0.0
	for j := 0.0; j < count; j++ {
		below := 1 - d - j/count
		if below <= 0 {
			break
		}
		lj, _ := math.Lgamma(j + 1)
		ln, _ := math.Lgamma(count - j + 1)
		sum += math.Exp(logFactorial - lj - ln + float64((j-1)*math.Log(d+j/count)) + float64((count-j)*math.Log(below)))
	}
	return float64(d * sum)
}

// matrixKolmogorov is P(D < d) by the power of a matrix: G. Marsaglia, W. W.
// Tsang and J. Wang, "Evaluating Kolmogorov's distribution" (Journal of
// Statistical Software 8, 2003), after J. Durbin.
func matrixKolmogorov(n int, d float64) float64 {
	k := int(float64(n)*d) + 1
	h := float64(k) - float64(float64(n)*d)
	m := 2*k - 1
	step := newSquare(m)
	for i := range m {
		for j := range m {
			if i-j+1 >= 0 {
				step[i][j] = 1
			}
		}
	}
	for i := range m {
		step[i][0] -= math.Pow(h, float64(i+1))
		step[m-1][i] -= math.Pow(h, float64(m-i))
	}
	if 2*h > 1 {
		step[m-1][0] += math.Pow(2*h-1, float64(m))
	}
	for i := range m {
		for j := range m {
			for g := 2; g <= i-j+1; g++ {
				step[i][j] /= float64(g)
			}
		}
	}
	power, exponent := step.power(n)
	p := power[k-1][k-1]
	for i := 1; i <= n; i++ {
		p = p * float64(i) / float64(n)
		if p < 1e-140 {
			p *= 1e140
			exponent -= 140
		}
	}
	return p * math.Pow(10, float64(exponent))
}

type square [][]float64

func newSquare(n int) square {
	s := make(square, n)
	for i := range s {
		s[i] = make([]float64, n)
	}
	return s
}

func (s square) times(t square) square {
	out := newSquare(len(s))
	for i := range s {
		for k, a := range s[i] {
			for j, b := range t[k] {
				out[i][j] += float64(a * b)
			}
		}
	}
	return out
}

// power returns s to the n as a matrix times ten to the exponent: the numbers
// outgrow a float64 otherwise.
func (s square) power(n int) (square, int) {
	if n == 1 {
		return s, 0
	}
	half, exponent := s.power(n / 2)
	out := half.times(half)
	exponent *= 2
	if n%2 == 1 {
		out = s.times(out)
	}
	if out[len(s)/2][len(s)/2] > 1e140 {
		for i := range out {
			for j := range out[i] {
				out[i][j] *= 1e-140
			}
		}
		exponent += 140
	}
	return out, exponent
}

// pelzGood is P(D < d) for large n: the limit by Kolmogorov with three
// corrections, in powers of 1/√n (W. Pelz and I. J. Good, Journal of the Royal
// Statistical Society B 38, 1976, as Simard and L'Ecuyer give it).
func pelzGood(n, d float64) float64 {
	const (
		terms = 40
		pi2   = math.Pi * math.Pi
		pi4   = pi2 * pi2
		pi6   = pi4 * pi2
	)
	x2 := float64(n * d * d)
	x := math.Sqrt(x2)
	x3, x4, x6 := x2*x, x2*x2, x2*x2*x2
	var k0, k1, k2, k3 float64
	for k := 0.5; k < terms; k++ {
		q := k * k
		e := math.Exp(-pi2 * q / (2 * x2))
		k0 += e
		k1 += float64(e * polynomial(q, -x2, pi2))
		k2 += float64(e * polynomial(q, x4*polynomial(x2, 2, 6), pi2*x2*polynomial(x2, -5, 2), pi4*polynomial(x2, 1, -2)))
		k3 += float64(e * polynomial(q, -x6*polynomial(x2, 30, 90), pi2*x4*polynomial(x2, 135, -96), pi4*x2*polynomial(x2, -60, 212), pi6*polynomial(x2, 5, -30)))
	}
	var k2more, k3more float64
	for k := 1.0; k < terms; k++ {
		q := k * k
		e := math.Exp(-pi2 * q / (2 * x2))
		k2more += float64(e * q * pi2)
		k3more += float64(e * q * pi2 * polynomial(q, 3*x2, -pi2))
	}
	first := k1 / (6 * x4)
	second := k2/(72*x4*x3) - k2more/(36*x3)
	third := k3/(6480*x6*x4) + k3more/(216*x6)
	return math.Sqrt(2*math.Pi) * polynomial(1/math.Sqrt(n), k0/x, first, second, third)
}

// polynomial is c[0] + c[1]·x + c[2]·x² + …
func polynomial(x float64, c ...float64) float64 {
	sum := 0.0
	for i := len(c) - 1; i >= 0; i-- {
		sum = float64(sum*x) + c[i]
	}
	return sum
}
