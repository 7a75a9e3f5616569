package stats

import "math"

// Newcombe returns the difference k1/n1 − k2/n2 of two independent proportions
// and its interval by the hybrid score method: number 10 of R. G. Newcombe,
// "Interval estimation for the difference between independent proportions:
// comparison of eleven methods" (Statistics in Medicine 17, 1998, 873-890).
// Arguments that make no sense give 0 and the interval from −1 to 1.
func Newcombe(k1, n1, k2, n2 int64, confidence float64) (difference, lower, upper float64) {
	if noProportion(k1, n1, confidence) || noProportion(k2, n2, confidence) {
		return 0, -1, 1
	}
	p1, p2 := float64(k1)/float64(n1), float64(k2)/float64(n2)
	l1, u1 := Wilson(k1, n1, confidence)
	l2, u2 := Wilson(k2, n2, confidence)
	difference = p1 - p2
	return difference, difference - math.Hypot(p1-l1, u2-p2), difference + math.Hypot(u1-p1, p2-l2)
}

// Pairs counts the rows on which two models were judged by what came of it:
// both were right, the first alone, the second alone, neither. Right stands
// for whatever the proportion counts.
type Pairs struct{ Both, First, Second, Neither int64 }

// N is the number of rows.
func (p Pairs) N() int64 { return p.Both + p.First + p.Second + p.Neither }

// Difference is the first model's proportion less the second's; 0 without
// rows.
func (p Pairs) Difference() float64 {
	if !p.valid() {
		return 0
	}
	return float64(p.First-p.Second) / float64(p.N())
}

// valid reports whether p counts at least one row, and no more than mostCount of
// a kind.
func (p Pairs) valid() bool {
	for _, count := range []int64{p.Both, p.First, p.Second, p.Neither} {
		if count < 0 || count > mostCount {
			return false
		}
	}
	return p.N() > 0
}

// NewcombePaired returns the difference of the proportions of two models on
// the same rows, first less second, and its interval by the score method with
// a corrected correlation: number 10 of R. G. Newcombe, "Improved confidence
// intervals for the difference between binomial proportions based on paired
// data" (Statistics in Medicine 17, 1998, 2635-2650). It has a width also when
// the models never disagree. Counts that make no sense give 0 and the interval
// from −1 to 1.
func NewcombePaired(p Pairs, confidence float64) (difference, lower, upper float64) {
	if !p.valid() || !isShare(confidence) {
		return 0, -1, 1
	}
	n := p.N()
	k1, k2 := p.Both+p.First, p.Both+p.Second
	p1, p2 := float64(k1)/float64(n), float64(k2)/float64(n)
	l1, u1 := Wilson(k1, n, confidence)
	l2, u2 := Wilson(k2, n, confidence)
	phi := p.correlation()
	difference = p.Difference()
	lower = difference - correlated(p1-l1, u2-p2, phi)
	upper = difference + correlated(u1-p1, p2-l2, phi)
	return difference, max(lower, -1), min(upper, 1)
}

// correlation is φ of the 2×2 table with Newcombe's correction: a positive
// numerator is lessened by n/2, down to 0. Without a variance it is 0.
func (p Pairs) correlation() float64 {
	a, b, c, d := float64(p.Both), float64(p.First), float64(p.Second), float64(p.Neither)
	numerator := float64(a*d) - float64(b*c)
	if numerator > 0 {
		numerator = max(numerator-float64((a+b+c+d)/2), 0)
	}
	// Two roots each, as the product of all four overflows sooner.
	denominator := math.Sqrt((a+b)*(c+d)) * math.Sqrt((a+c)*(b+d))
	if numerator == 0 || denominator == 0 {
		return 0
	}
	return min(max(numerator/denominator, -1), 1)
}

// correlated is the length √(x² − 2φxy + y²), written so that rounding cannot
// make the square negative.
func correlated(x, y, phi float64) float64 {
	d := x - y
	return math.Sqrt(float64(d*d) + 2*float64((1-phi)*float64(x*y)))
}

// WaldPaired returns the difference of two models' proportions on the same
// rows, first less second, with its standard error and the interval by the
// normal distribution. It has no width when the models never disagree and is
// too narrow for few rows: a gate decides by NewcombePaired. Counts that make
// no sense give 0, an infinite error and the interval from −1 to 1.
func WaldPaired(p Pairs, confidence float64) (difference, se, lower, upper float64) {
	if !p.valid() || !isShare(confidence) {
		return 0, math.Inf(1), -1, 1
	}
	n, difference := float64(p.N()), p.Difference()
	discordant, excess := float64(p.First+p.Second), float64(p.First-p.Second)
	se = math.Sqrt(max(discordant-float64(excess*difference), 0)) / n
	spread := float64(normalCritical(confidence) * se)
	return difference, se, max(difference-spread, -1), min(difference+spread, 1)
}
