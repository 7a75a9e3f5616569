package stats

import "math"

// The measures below compare two discrete distributions: p of the reference,
// q of what is compared with it, proportions of the same categories or bins
// in the same order. Tools differ in what they do about categories that one
// side lacks, in the base of logarithms and in the root: each function says
// what it does, and Floor and FillZeros are the two treatments of zeros in
// use.

// Proportions divides counts by their sum. Without any it returns zeros.
func Proportions(counts []float64) []float64 {
	total := sum(counts)
	out := make([]float64, len(counts))
	for i, c := range counts {
		if total > 0 {
			out[i] = c / total
		}
	}
	return out
}

// Floor returns p with every proportion below least raised to it, not scaled
// to 1 again: what Deepchecks does with 0.01 before it computes PSI.
func Floor(p []float64, least float64) []float64 {
	out := make([]float64, len(p))
	for i, v := range p {
		out[i] = max(v, least)
	}
	return out
}

// FillZeros returns p with zeros alone replaced, not scaled to 1 again: by
// 0.0001, or by a millionth of the smallest other proportion where that is
// 0.0001 or less. So does Evidently before it computes PSI and KL.
func FillZeros(p []float64) []float64 {
	smallest := math.Inf(1)
	for _, v := range p {
		if v > 0 {
			smallest = min(smallest, v)
		}
	}
	fill := 1e-4
	if smallest <= 1e-4 {
		fill = smallest / 1e6
	}
	out := make([]float64, len(p))
	for i, v := range p {
		if out[i] = v; v == 0 {
			out[i] = fill
		}
	}
	return out
}

// PSI is the population stability index, Σ(p−q)·ln(p/q): infinite when one
// side alone is zero somewhere.
func PSI(p, q []float64) float64 {
	s := 0.0
	for i := range p {
		if p[i] != q[i] {
			s += float64((p[i] - q[i]) * math.Log(p[i]/q[i]))
		}
	}
	return s
}

// KL is the divergence by Kullback and Leibler of q from p, Σp·ln(p/q), in
// nats: infinite when q is zero where p is not.
func KL(p, q []float64) float64 {
	s := 0.0
	for i := range p {
		if p[i] > 0 {
			s += float64(p[i] * math.Log(p[i]/q[i]))
		}
	}
	return s
}

// JSDivergence is the divergence by Jensen and Shannon, the mean KL of p and q
// from the middle between them, in nats: 0 to ln 2. Divide by math.Ln2 for
// base 2. Its root is the Jensen-Shannon distance.
func JSDivergence(p, q []float64) float64 {
	s := 0.0
	for i := range p {
		m := (p[i] + q[i]) / 2
		if p[i] > 0 {
			s += float64(p[i] * math.Log(p[i]/m))
		}
		if q[i] > 0 {
			s += float64(q[i] * math.Log(q[i]/m))
		}
	}
	return max(s/2, 0)
}

// Hellinger is the distance √(1−Σ√(pq)), 0 to 1. It is computed as
// √(½Σ(√p−√q)²), which is the same for proportions and exactly 0 for equal
// ones.
func Hellinger(p, q []float64) float64 {
	s := 0.0
	for i := range p {
		d := math.Sqrt(p[i]) - math.Sqrt(q[i])
		s += float64(d * d)
	}
	return math.Sqrt(s / 2)
}

// LInfinity is the greatest difference of a proportion, max|p−q|.
func LInfinity(p, q []float64) float64 {
	s := 0.0
	for i := range p {
		s = max(s, math.Abs(p[i]-q[i]))
	}
	return s
}

// TotalVariation is the distance ½Σ|p−q|: the share of rows that would have
// to change.
func TotalVariation(p, q []float64) float64 {
	s := 0.0
	for i := range p {
		s += math.Abs(p[i] - q[i])
	}
	return s / 2
}

// ChiSquareFit is Pearson's test of whether current counts fit the
// proportions of the reference, as if those were known and not themselves
// counted: scipy.stats.chisquare(current, reference·n/m), with one degree of
// freedom less than there are categories. A category that the reference
// lacks makes the statistic infinite; those that both lack do not count.
func ChiSquareFit(reference, current []float64) (statistic, p float64) {
	scale := sum(current) / sum(reference)
	k := 0.0
	for i := range reference {
		if reference[i] == 0 && current[i] == 0 {
			continue
		}
		k++
		expected := float64(reference[i] * scale)
		d := current[i] - expected
		statistic += float64(d*d) / expected
	}
	if k < 2 {
		return 0, 1
	}
	return statistic, ChiSquareSurvival(statistic, k-1)
}

// ChiSquareHomogeneity is Pearson's test of whether two samples come from one
// distribution, on the 2×k table of their counts:
// scipy.stats.chi2_contingency. yates applies the correction for continuity
// to 2×2 tables, as scipy does by default. Categories that both lack do not
// count.
func ChiSquareHomogeneity(reference, current []float64, yates bool) (statistic, p float64) {
	m, n := sum(reference), sum(current)
	k := 0.0
	for i := range reference {
		if reference[i]+current[i] > 0 {
			k++
		}
	}
	if k < 2 || m == 0 || n == 0 {
		return 0, 1
	}
	for i := range reference {
		both := reference[i] + current[i]
		if both == 0 {
			continue
		}
		expected := float64(both * (n / (m + n)))
		d := math.Abs(current[i] - expected) // the same in either row
		if yates && k == 2 {
			d -= min(0.5, d)
		}
		statistic += float64(d*d) / expected
		statistic += float64(d*d) / (both - expected)
	}
	return statistic, ChiSquareSurvival(statistic, k-1)
}

// CramersV is the strength of the dependence of the category on the sample,
// from ChiSquareHomogeneity with Yates' correction: 0 to 1. corrected removes
// the bias of small samples (W. Bergsma, Journal of the Korean Statistical
// Society 42, 2013), as Deepchecks does.
func CramersV(reference, current []float64, corrected bool) float64 {
	statistic, _ := ChiSquareHomogeneity(reference, current, true)
	n := sum(reference) + sum(current)
	k := 0.0
	for i := range reference {
		if reference[i]+current[i] > 0 {
			k++
		}
	}
	if k < 2 || n < 2 {
		return 0
	}
	if !corrected {
		return math.Sqrt(statistic / n) // min(2, k) − 1 is 1
	}
	phi2 := max(0, statistic/n-(k-1)/(n-1))
	rows := 2 - 1/(n-1)
	columns := k - float64((k-1)*(k-1))/(n-1)
	if d := min(rows, columns) - 1; d > 0 {
		return min(math.Sqrt(phi2/d), 1)
	}
	return 0
}

func sum(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s
}
