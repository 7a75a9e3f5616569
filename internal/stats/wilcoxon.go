package stats

import (
	"cmp"
	"math"
	"slices"
)

// exactRanks is below how many differences WilcoxonSigned counts all ways to
// give them signs, as R does.
const exactRanks = 50

// WilcoxonSigned is the signed-rank test by F. Wilcoxon (Biometrics Bulletin 1,
// 1945) of differences being symmetric about null: v is the sum of the ranks
// of those above it. Differences equal to null are dropped, ties get the mean
// of their ranks. The two-sided p-value is exact for fewer than 50 differences
// without ties and without any dropped; else it is by the normal distribution,
// corrected for ties and for continuity: R's wilcox.test(paired = TRUE). It is
// 1 without differences, or with some that are not finite.
func WilcoxonSigned(d []float64, null float64) (v, pvalue float64, exact bool) {
	shifted := make([]float64, 0, len(d))
	for _, x := range d {
		if x -= null; !isFinite(x) {
			return 0, 1, false
		}
		if x != 0 {
			shifted = append(shifted, x)
		}
	}
	if len(shifted) == 0 {
		return 0, 1, false
	}
	slices.SortFunc(shifted, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
	n := float64(len(shifted))
	ties := 0.0 // Σ t³ − t
	for i, j := 0, 0; i < len(shifted); i = j {
		above := 0.0
		for j = i; j < len(shifted) && math.Abs(shifted[j]) == math.Abs(shifted[i]); j++ {
			if shifted[j] > 0 {
				above++
			}
		}
		t := float64(j - i)
		ties += float64(t*t*t) - t
		v += float64(above * (float64(i+j+1) / 2))
	}
	if len(shifted) < exactRanks && len(shifted) == len(d) && ties == 0 {
		return v, signedRanks(len(shifted), int(v)), true
	}
	z := v - float64(n*(n+1)/4)
	if z != 0 {
		z -= math.Copysign(0.5, z)
	}
	z /= math.Sqrt(n*(n+1)*(2*n+1)/24 - ties/48)
	return v, min(2*NormalCDF(-math.Abs(z)), 1), false
}

// signedRanks is the exact two-sided p-value of the rank sum v of n
// differences. It counts the subsets of 1 to n by their sum.
func signedRanks(n, v int) float64 {
	total := n * (n + 1) / 2
	ways := make([]float64, total+1) // up to 2⁴⁹, exact
	ways[0] = 1
	for rank := 1; rank <= n; rank++ {
		for s := total; s >= rank; s-- {
			ways[s] += ways[s-rank]
		}
	}
	tail := 0.0
	for s := 0; s <= min(v, total-v); s++ {
		tail += ways[s]
	}
	return min(2*math.Ldexp(tail, -n), 1)
}
