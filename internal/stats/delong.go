package stats

import "math"

// Areas are the areas under the ROC curves of several scores of the same rows,
// with their covariance by E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson
// ("Comparing the areas under two or more correlated receiver operating
// characteristic curves: a nonparametric approach", Biometrics 44, 1988).
type Areas struct {
	Value []float64
	// Cov is nil with one positive or one negative: one row has no variance.
	Cov                  [][]float64
	Positives, Negatives int64
	// apart[i][j] is the variance of Value[i]−Value[j]. Taken from Cov it would
	// lose its digits where two scores are nearly the same.
	apart [][]float64
}

// DeLong computes areas under ROC curves: for each score the chance that it
// orders a positive above a negative, ties counting half. It takes O(N log N)
// by midranks (X. Sun and W. Xu, "Fast implementation of DeLong's algorithm",
// IEEE Signal Processing Letters 21, 2014). The result equals that of pROC's
// roc, var and cov (direction "<").
//
// It is false when a class is missing, when there are no scores, when one is
// NaN or when their number differs from that of the rows.
func DeLong(positive []bool, scores ...[]float64) (*Areas, bool) {
	// Positives are numbered first: what has a number below m is positive.
	slot := make([]uint32, len(positive))
	m := 0
	for i, p := range positive {
		if p {
			slot[i] = uint32(m)
			m++
		}
	}
	n := 0
	for i, p := range positive {
		if !p {
			slot[i] = uint32(m + n)
			n++
		}
	}
	if m == 0 || n == 0 || len(scores) == 0 || uint64(m+n) > math.MaxUint32 {
		return nil, false
	}
	a := &Areas{Value: make([]float64, len(scores)), Positives: int64(m), Negatives: int64(n)}
	placements := make([][]float64, len(scores))
	order := make([]scored, 2*(m+n))
	for k, score := range scores {
		if len(score) != len(positive) {
			return nil, false
		}
		for i, v := range score {
			if math.IsNaN(v) {
				return nil, false
			}
			order[i] = scored{orderedBits(v), slot[i]}
		}
		sorted := radixSort(order[:m+n], order[m+n:])
		a.Value[k], placements[k] = place(sorted, m, n)
	}
	if m > 1 && n > 1 {
		a.covary(placements)
	}
	return a, true
}

// place returns the area and by how much the placement of each row differs
// from it: of a positive, the share of negatives below it, of a negative, the
// share of positives above it (DeLong et al., equations 4 and 5).
func place(sorted []scored, m, n int) (area float64, placement []float64) {
	placement = make([]float64, m+n)
	doubled := int64(0) // twice the number of pairs in order; exact
	positivesBelow, negativesBelow := 0, 0
	for from := 0; from < len(sorted); {
		to, p := from, 0
		for to < len(sorted) && sorted[to].key == sorted[from].key {
			if int(sorted[to].slot) < m {
				p++
			}
			to++
		}
		tied := to - from - p // negatives
		ofPositive := 2*negativesBelow + tied
		ofNegative := 2*(m-positivesBelow-p) + p
		for _, s := range sorted[from:to] {
			if int(s.slot) < m {
				placement[s.slot] = float64(ofPositive) / float64(2*n)
			} else {
				placement[s.slot] = float64(ofNegative) / float64(2*m)
			}
		}
		doubled += int64(p) * int64(ofPositive)
		positivesBelow, negativesBelow, from = positivesBelow+p, negativesBelow+tied, to
	}
	area = float64(doubled) / (2 * float64(m) * float64(n))
	for i := range placement {
		placement[i] -= area
	}
	return area, placement
}

// covary fills Cov and apart from what place returned.
func (a *Areas) covary(placements [][]float64) {
	m, n := int(a.Positives), int(a.Negatives)
	k := len(placements)
	a.Cov, a.apart = newSquare(k), newSquare(k)
	ofPositives, ofNegatives := float64(m)*float64(m-1), float64(n)*float64(n-1)
	for i, x := range placements {
		for j, y := range placements[:i+1] {
			product := func(from, to int) (product, apart float64) {
				for r := from; r < to; r++ {
					product += float64(x[r] * y[r])
					apart += float64((x[r] - y[r]) * (x[r] - y[r]))
				}
				return product, apart
			}
			p, pApart := product(0, m)
			q, qApart := product(m, m+n)
			a.Cov[i][j] = p/ofPositives + q/ofNegatives
			a.apart[i][j] = pApart/ofPositives + qApart/ofNegatives
			a.Cov[j][i], a.apart[j][i] = a.Cov[i][j], a.apart[i][j]
		}
	}
}

// Interval is the interval of Value[i], within 0 and 1: Wald's, as pROC's
// ci.auc has it. confidence is two-sided.
//
// Where 0 or 1 is within four standard errors, areas scatter more to one side
// than to the other, and the bound of Wald's on that side promises too much.
// Each bound is then the outer one of Wald's and of that on the scale of the
// logit (M. S. Pepe, "The Statistical Evaluation of Medical Tests", 2003,
// section 5.2.4), cut at 0 and 1.
//
// With fewer than twenty rows of a class their variance is itself hardly known,
// so each bound is also moved out to that of Wilson's interval for the greatest
// variance there can be, A(1−A)/min(positives, negatives) (D. van Dantzig, "On
// the consistency and the power of Wilcoxon's two sample test", Indagationes
// Mathematicae 13, 1951).
//
// A score that separates the classes without an error, or is the same for all
// rows, has no variance, which does not make it certain. Take the smaller of
// the two classes, each row of it paired with another one of the other class:
// min(positives, negatives) independent pairs, all of the same outcome. The
// bound is that of C. J. Clopper and E. S. Pearson (1934) for the share of
// that outcome, everything else being taken as the worst.
//
// With one positive or one negative, and where the confidence makes no sense,
// it is from 0 to 1.
func (a *Areas) Interval(i int, confidence float64) (lower, upper float64) {
	if a.Cov == nil || !(confidence > 0 && confidence < 1) {
		return 0, 1
	}
	value, variance := a.Value[i], a.Cov[i][i]
	if variance == 0 {
		share := a.sameOutcome(confidence)
		return float64(share * value), max(value, float64(share*value)+(1-share))
	}
	se, z := math.Sqrt(variance), -NormalQuantile((1-confidence)/2)
	spread := float64(z * se)
	lower, upper = value-spread, value+spread
	if n := float64(min(a.Positives, a.Negatives)); n < 20 {
		z2 := z * z
		center := value + z2/(2*n)
		reach := float64(z * math.Sqrt(float64(value*(1-value))/n+z2/(4*n*n)))
		lower, upper = min(lower, (center-reach)/(1+z2/n)), max(upper, (center+reach)/(1+z2/n))
	}
	if min(value, 1-value) < 4*se {
		logit := math.Log(value / (1 - value))
		spread /= value * (1 - value)
		lower = min(lower, 1/(1+math.Exp(spread-logit)))
		upper = max(upper, 1/(1+math.Exp(-spread-logit)))
	}
	return max(lower, 0), min(upper, 1)
}

// Difference is Value[i]−Value[j] with its standard error, Wald's interval
// within −1 and 1 (confidence is two-sided), and the test of whether the areas
// are the same: pROC's roc.test(method = "delong").
//
// Two scores that order all pairs alike have a difference without variance.
// The interval is then what the argument of Interval gives: that so many
// independent pairs were the same leaves room for others that are not (J. A.
// Hanley and A. Lippman-Hand, "If nothing goes wrong, is everything all
// right?", Journal of the American Medical Association 249, 1983). se and z
// are 0 and p is 1 then.
//
// With one positive or one negative, and where the confidence makes no sense,
// the interval is from −1 to 1.
func (a *Areas) Difference(i, j int, confidence float64) (difference, se, lower, upper, z, p float64) {
	difference = a.Value[i] - a.Value[j]
	if a.Cov == nil {
		return difference, 0, -1, 1, 0, 1
	}
	se = math.Sqrt(a.apart[i][j])
	z, p = 0, 1
	if se > 0 {
		z = difference / se
		p = min(1, 2*NormalCDF(-math.Abs(z)))
	}
	switch {
	case !(confidence > 0 && confidence < 1):
		return difference, se, -1, 1, z, p
	case se == 0:
		share := a.sameOutcome(confidence)
		lower, upper = float64(share*difference)-(1-share), float64(share*difference)+(1-share)
	default:
		spread := float64(-NormalQuantile((1-confidence)/2) * se)
		lower, upper = difference-spread, difference+spread
	}
	return difference, se, max(lower, -1), min(upper, 1), z, p
}

// sameOutcome is the lower bound, one of two, of the share of pairs that have
// an outcome which all independent pairs had.
func (a *Areas) sameOutcome(confidence float64) float64 {
	return math.Pow((1-confidence)/2, 1/float64(min(a.Positives, a.Negatives)))
}

// scored is a row by its score.
type scored struct {
	key  uint64
	slot uint32
}

// orderedBits are bits that order as the numbers do; those of 0 and −0 are the
// same.
func orderedBits(v float64) uint64 {
	bits := math.Float64bits(v + 0)
	if bits>>63 == 1 {
		return ^bits
	}
	return bits | 1<<63
}

// radixSort sorts by key, a byte at a time from the last, and leaves out bytes
// that are the same in all keys. It returns the one of its arguments, which
// are as long, that holds the result.
func radixSort(from, to []scored) []scored {
	var counts [8][256]uint32
	for _, s := range from {
		for b := range counts {
			counts[b][byte(s.key>>(8*b))]++
		}
	}
	for b := range counts {
		at, next := &counts[b], uint32(0)
		if at[byte(from[0].key>>(8*b))] == uint32(len(from)) {
			continue
		}
		for i, count := range at {
			at[i] = next
			next += count
		}
		for _, s := range from {
			i := byte(s.key >> (8 * b))
			to[at[i]] = s
			at[i]++
		}
		from, to = to, from
	}
	return from
}
