package stats

import (
	"fmt"
	"math"
)

// Resampling says how to bootstrap. Results depend on nothing else but the
// data: the same Seed gives the same numbers.
type Resampling struct {
	Seed       uint64
	Resamples  int     // 100 to 10,000,000
	Confidence float64 // two-sided, in (0, 1)
	// Percentile asks for the percentile interval; otherwise it is BCa, the
	// bias-corrected and accelerated one by B. Efron (1987), as scipy's
	// bootstrap has it.
	Percentile bool
}

// Bootstrap is what resampling tells about one statistic. No number in it is
// NaN or infinite.
type Bootstrap struct {
	// Estimate is the value on the data itself, 0 when it is undefined there;
	// SE the standard deviation of the values on resamples.
	Estimate, Lower, Upper, SE float64
	// Bias is z₀ and Acceleration a of BCa; 0 for percentile intervals.
	Bias, Acceleration float64
	Undefined          int    // resamples on which the statistic is undefined
	Method             string // "bootstrap BCa, 10,000 resamples, seed 1"
	// OK tells that Lower and Upper are an interval. Otherwise they are 0, and
	// Reason is why, in words that may end a sentence. That every resample gives
	// the same value is such a reason: it is how a statistic looks that no row
	// seen has disturbed yet, and says little about the next.
	OK     bool
	Reason string
}

// BootstrapCells bootstraps k statistics of rows that fall into few kinds,
// with cells the count of each. A resample is as many rows drawn from them
// with replacement: a multinomial table, drawn in time proportional to the
// number of cells, whatever the number of rows.
//
// statistic computes the statistics from a table like cells, which it must not
// keep or change. It puts them into out, which is filled with NaN before: what
// stays NaN, or is infinite, is undefined. The acceleration of BCa is from the
// jackknife over all rows, which takes one call for each kind.
func BootstrapCells(cells []int64, statistic func(cells []int64, out []float64), k int, r Resampling) []Bootstrap {
	reason := r.refuse()
	total := int64(0)
	for _, c := range cells {
		switch {
		case c < 0 || c > mostRows-total:
			reason = "counts of rows are negative or too large"
		default:
			total += c
		}
	}
	if reason == "" && total < leastUnits {
		reason = tooFew(total, "rows")
	}
	if reason != "" {
		return r.refused(k, reason)
	}
	table := make([]int64, len(cells))
	random := newSource(r.Seed)
	draw := func(out []float64) {
		random.multinomial(table, cells, total)
		statistic(table, out)
	}
	jackknife := func() []deletion {
		var deletions []deletion
		copy(table, cells)
		for i, c := range cells {
			if c > 0 {
				table[i]--
				deletions = append(deletions, deletion{times: float64(c), values: valuesOf(k, func(out []float64) { statistic(table, out) })})
				table[i]++
			}
		}
		return deletions
	}
	return r.run(valuesOf(k, func(out []float64) { statistic(cells, out) }), draw, jackknife)
}

// run draws resamples and makes an interval for each statistic.
func (r Resampling) run(estimates []float64, draw func(out []float64), jackknife func() []deletion) []Bootstrap {
	values := make([][]float64, len(estimates))
	for j := range values {
		values[j] = make([]float64, r.Resamples)
	}
	out := make([]float64, len(estimates))
	for i := range r.Resamples {
		undefine(out)
		draw(out)
		for j, v := range out {
			values[j][i] = v
		}
	}
	var deletions []deletion
	results := make([]Bootstrap, len(estimates))
	for j, estimate := range estimates {
		results[j] = r.summarize(estimate, values[j], func() float64 {
			if deletions == nil {
				deletions = jackknife()
			}
			return acceleration(deletions, j)
		})
	}
	return results
}

func valuesOf(k int, statistic func(out []float64)) []float64 {
	out := make([]float64, k)
	undefine(out)
	statistic(out)
	return out
}

func undefine(out []float64) {
	for i := range out {
		out[i] = math.NaN()
	}
}

func tooFew(n int64, what string) string {
	return fmt.Sprintf("%d %s are too few for the bootstrap, which takes %d", n, what, leastUnits)
}
