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
			term *= x / (a + n)
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
		delta := d * c
		h *= delta
		if math.Abs(delta-1) < epsilon {
			break
		}
	}
	return min(max(front*h, 0), 1)
}

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
	x2 := n * d * d
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
