package metric

import (
	"cmp"
	"math"
	"slices"
)

// ranked is the rows of a sample by descending score. Rows of one score are a
// block: what is computed from it does not depend on their order.
type ranked struct {
	rows     []int32
	ends     []int32 // of each block, in rows
	positive []bool  // by place in rows
}

func rank(score []float64, positive func(row int32) bool) *ranked {
	r := &ranked{rows: descending(score), positive: make([]bool, len(score)), ends: make([]int32, 0, len(score))}
	for i, row := range r.rows {
		r.positive[i] = positive(row)
		if i+1 == len(r.rows) || score[r.rows[i+1]] != score[row] {
			r.ends = append(r.ends, int32(i+1))
		}
	}
	return r
}

// count sums the weights of the rows from place i to the end of a block.
func (r *ranked) count(i, end int32, weight []uint32) (positives, negatives int64) {
	for ; i < end; i++ {
		w := int64(1)
		if weight != nil {
			w = int64(weight[r.rows[i]])
		}
		if r.positive[i] {
			positives += w
		} else {
			negatives += w
		}
	}
	return positives, negatives
}

// totals counts all rows.
func (r *ranked) totals(weight []uint32) (positives, negatives int64) {
	return r.count(0, int32(len(r.rows)), weight)
}

// keyed is a row and half of the bits that order it.
type keyed struct {
	key uint32
	row int32
}

// orderBits are the bits of x, so that those of a greater number are less. Both
// zeros have the same.
func orderBits(x float64) uint64 {
	bits := math.Float64bits(x + 0) // −0 + 0 is 0
	if bits>>63 == 0 {
		return ^bits &^ (1 << 63)
	}
	return bits
}

// descending returns the numbers of the elements from the greatest to the
// least; equal ones stay in order. The upper half of the bits of a float64
// tells most scores apart, so it is sorted by that first.
func descending(x []float64) []int32 {
	pairs, room := make([]keyed, len(x)), make([]keyed, len(x))
	for i, v := range x {
		pairs[i] = keyed{uint32(orderBits(v) >> 32), int32(i)}
	}
	sortKeyed(pairs, room)
	for start, end := 0, 0; start < len(pairs); start = end {
		key := pairs[start].key
		for end = start + 1; end < len(pairs) && pairs[end].key == key; end++ {
		}
		if end-start > 1 {
			group := pairs[start:end]
			for i := range group {
				group[i].key = uint32(orderBits(x[group[i].row]))
			}
			sortKeyed(group, room)
		}
	}
	rows := make([]int32, len(pairs))
	for i, p := range pairs {
		rows[i] = p.row
	}
	return rows
}

// sortKeyed sorts by key. Equal ones, whose rows ascend, stay in order.
func sortKeyed(pairs, room []keyed) {
	switch {
	case len(pairs) == 2:
		if pairs[1].key < pairs[0].key {
			pairs[0], pairs[1] = pairs[1], pairs[0]
		}
	case len(pairs) < 1024:
		slices.SortFunc(pairs, func(a, b keyed) int {
			return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.row, b.row))
		})
	default:
		radix(pairs, room[:len(pairs)])
	}
}

// radix sorts by digits of eleven bits, the lowest first. Digits that all keys
// have in common cost nothing.
func radix(pairs, room []keyed) {
	const bits, digits = 11, 3
	var counts [digits][1 << bits]int32
	for _, p := range pairs {
		for d := range digits {
			counts[d][p.key>>(d*bits)&(1<<bits-1)]++
		}
	}
	from, to := pairs, room
	for d := range digits {
		count, shift := &counts[d], d*bits
		if int(count[from[0].key>>shift&(1<<bits-1)]) == len(from) {
			continue
		}
		at := int32(0)
		for i, n := range count {
			count[i], at = at, at+n
		}
		for _, p := range from {
			digit := p.key >> shift & (1<<bits - 1)
			to[count[digit]] = p
			count[digit]++
		}
		from, to = to, from
	}
	if &from[0] != &pairs[0] {
		copy(pairs, from)
	}
}
