package metric

import (
	"math"
	"slices"
)

// Metrics of one query that has a relevant row. k is how many of its first rows
// are looked at; a query may have fewer.

// ndcg is sklearn.metrics.ndcg_score, k = 0 for all rows: the gain of a row is
// its truth, the discount log2(1 + place). A query of one row, which
// scikit-learn refuses, has 1.
func ndcg(k int) func(*query) float64 {
	return func(q *query) float64 {
		n := len(q.rows)
		if k > 0 {
			n = min(n, k)
		}
		q.ideal = q.ideal[:0]
		for _, row := range q.rows {
			q.ideal = append(q.ideal, q.sample.Truth[row])
		}
		slices.SortFunc(q.ideal, func(a, b float64) int {
			switch {
			case a > b:
				return -1
			case a < b:
				return 1
			}
			return 0
		})
		var found, best sum
		for _, b := range q.blocks {
			if b.start >= n {
				break
			}
			var discounts sum
			for i := b.start; i < min(b.end, n); i++ {
				discounts.add(discount(i))
			}
			found.add(float64(b.gain / float64(b.size()) * discounts.value()))
		}
		for i, gain := range q.ideal[:n] {
			best.add(float64(gain * discount(i)))
		}
		return min(found.value()/best.value(), 1)
	}
}

func discount(place int) float64 { return 1 / math.Log2(float64(place+2)) }

// averagePrecisionAtBlocks is average_precision_score: precision at the end of
// each block of rows of one score, by the recall that the block adds.
func averagePrecisionAtBlocks(q *query) float64 {
	var total sum
	for _, b := range q.blocks {
		precision := float64(b.before+b.relevant) / float64(b.end)
		total.add(float64(float64(b.relevant) * precision))
	}
	return total.value() / float64(q.relevant)
}

// precisionUpTo is the mean of the precision at each relevant row among the
// first k, where those that are missing there count as 0 unless k is too small
// for them: trec_eval's map_cut but for its divisor, which is min(relevant
// rows, k) so that the best order has 1.
func precisionUpTo(k int) func(*query) float64 {
	return func(q *query) float64 {
		var total sum
		for _, b := range q.blocks {
			if b.start >= k {
				break
			}
			n, r := float64(b.size()), float64(b.relevant)
			for i := b.start; i < min(b.end, k) && r > 0; i++ {
				// Given that this row is the relevant one, so many of those of
				// the block before it are expected to be.
				earlier := 0.0
				if n > 1 {
					earlier = float64(i-b.start) * (r - 1) / (n - 1)
				}
				total.add(float64(r / n * (float64(b.before+1) + earlier) / float64(i+1)))
			}
		}
		return min(total.value()/float64(min(q.relevant, k)), 1)
	}
}

// reciprocalRank is 1/place of the first relevant row.
func reciprocalRank(q *query) float64 {
	for _, b := range q.blocks {
		if b.relevant == 0 {
			continue
		}
		// chance is that of the first relevant row to be the one at i.
		n, r := float64(b.size()), float64(b.relevant)
		chance := r / n
		var total sum
		for j := 0; j+b.relevant <= b.size(); j++ {
			total.add(float64(chance / float64(b.start+j+1)))
			if rest := n - float64(j) - 1; rest > 0 {
				chance *= (rest + 1 - r) / rest
				chance = float64(chance)
			}
		}
		return total.value()
	}
	return 0
}

// found is how many relevant rows are expected among the first k.
func (q *query) found(k int) float64 {
	n := 0.0
	for _, b := range q.blocks {
		switch {
		case b.end <= k:
			n += float64(b.relevant)
		case b.start < k:
			n += float64(b.relevant) * float64(k-b.start) / float64(b.size())
		}
	}
	return n
}

func recallAt(k int) func(*query) float64 {
	return func(q *query) float64 { return q.found(k) / float64(q.relevant) }
}

// precisionAt divides by k also where a query has fewer rows, as trec_eval's P
// does.
func precisionAt(k int) func(*query) float64 {
	return func(q *query) float64 { return q.found(k) / float64(k) }
}

// hitRate is 1 when a relevant row is among the first k, or the share of the
// orders of rows of one score in which it is.
func hitRate(k int) func(*query) float64 {
	return func(q *query) float64 {
		for _, b := range q.blocks {
			switch {
			case b.start >= k:
				return 0
			case b.relevant == 0:
				continue
			case b.end <= k || k-b.start > b.size()-b.relevant:
				return 1
			}
			miss := 1.0
			for j := range k - b.start {
				miss *= float64(b.size()-b.relevant-j) / float64(b.size()-j)
			}
			return 1 - miss
		}
		return 0
	}
}
