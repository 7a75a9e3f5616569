package stats

import (
	"fmt"
	"math"
)

// Rows says what is resampled.
type Rows struct {
	N int // rows
	// Strata numbers the stratum of each row, in any numbers: as many rows of
	// each are drawn as there are. nil: all rows are of one. At most 100.
	Strata []int32
	// Cluster numbers what rows have in common: whole clusters are drawn, so
	// that resamples differ in their number of rows. nil: each row is its own.
	// All rows of a cluster must be of one stratum.
	Cluster []int32
}

// jackknifeUnits is up to how many rows or clusters the acceleration takes one
// call for each, and into how many groups more than that are put.
const jackknifeUnits = 200

// mostStrata bounds the calls that the jackknife takes: of each stratum it
// leaves out at least ten groups.
const mostStrata = 100

// BootstrapRows bootstraps k statistics of rows. statistic computes them with
// row i taken weight[i] times, nil taking every row once; it must not keep or
// change weight. It puts them into out, which is filled with NaN before: what
// stays NaN, or is infinite, is undefined.
//
// With more than 200 rows or clusters the acceleration of BCa is from the
// jackknife that leaves out a group of them at a time, every two-hundredth,
// which estimates the same (J. Shao and D. Tu, "The Jackknife and Bootstrap",
// 1995, section 2.3).
//
// It takes r.Resamples + 201 calls of statistic, with strata up to 1,000 more,
// and r.Resamples times N random numbers. That is for the caller to keep
// within bounds.
func BootstrapRows(rows Rows, statistic func(weight []uint32, out []float64), k int, r Resampling) []Bootstrap {
	reason := r.refuse()
	var d design
	if reason == "" {
		d, reason = rows.design()
	}
	if reason != "" {
		return r.refused(k, reason)
	}
	random := newSource(r.Seed)
	draw := func(out []float64) {
		clear(d.count)
		for _, members := range d.strata {
			random.tally(d.count, members)
		}
		statistic(d.weights(), out)
	}
	jackknife := func() []deletion {
		return d.jackknife(func(out []float64) { statistic(d.weights(), out) }, k)
	}
	return r.run(valuesOf(k, func(out []float64) { statistic(nil, out) }), draw, jackknife)
}

// design is Rows made ready. Units are what is drawn: rows or clusters.
type design struct {
	strata  [][]int32 // units of each stratum; one nil when there are no strata
	count   []uint32  // how often each unit is taken
	cluster []int32   // the unit of each row; nil when units are rows
	weight  []uint32  // of rows; nil when units are rows
}

func (rows Rows) design() (d design, reason string) {
	switch {
	case rows.N < 0 || rows.N > math.MaxInt32:
		return d, "the number of rows is negative or too large"
	case rows.Strata != nil && len(rows.Strata) != rows.N, rows.Cluster != nil && len(rows.Cluster) != rows.N:
		return d, "strata or clusters are not as many as the rows"
	}
	units, what := rows.N, "rows"
	if rows.Cluster != nil {
		d.cluster, units = renumber(rows.Cluster)
		d.weight, what = make([]uint32, rows.N), "clusters"
	}
	if units < leastUnits {
		return d, tooFew(int64(units), what)
	}
	d.count = make([]uint32, units)
	if rows.Strata == nil {
		d.strata = [][]int32{nil}
		return d, ""
	}
	stratum, n := renumber(rows.Strata)
	if n > mostStrata {
		return d, fmt.Sprintf("there are %d strata, more than %d", n, mostStrata)
	}
	d.strata = make([][]int32, n)
	of := make([]int32, units) // one more than the stratum of a unit
	for i, s := range stratum {
		unit := int32(i)
		if d.cluster != nil {
			unit = d.cluster[i]
		}
		switch of[unit] {
		case 0:
			of[unit] = s + 1
			d.strata[s] = append(d.strata[s], unit)
		case s + 1:
		default:
			return d, "rows of one cluster are in several strata"
		}
	}
	for _, members := range d.strata {
		if len(members) < leastUnits {
			return d, "a stratum has too few " + what + ": " + tooFew(int64(len(members)), what)
		}
	}
	return d, ""
}

// renumber numbers values from 0 in the order in which they first appear.
func renumber(values []int32) (numbers []int32, n int) {
	seen := map[int32]int32{}
	numbers = make([]int32, len(values))
	for i, v := range values {
		number, ok := seen[v]
		if !ok {
			number = int32(len(seen))
			seen[v] = number
		}
		numbers[i] = number
	}
	return numbers, len(seen)
}

// weights returns the weights of rows that follow from count.
func (d *design) weights() []uint32 {
	if d.cluster == nil {
		return d.count
	}
	for i, unit := range d.cluster {
		d.weight[i] = d.count[unit]
	}
	return d.weight
}

// jackknife computes statistics without each unit, or without each of some
// groups of units, of which every stratum has its share.
func (d *design) jackknife(statistic func(out []float64), k int) []deletion {
	for i := range d.count {
		d.count[i] = 1
	}
	units := len(d.count)
	var deletions []deletion
	for s, members := range d.strata {
		size := len(members)
		unit := func(i int) int32 { return members[i] }
		if members == nil {
			size = units
			unit = func(i int) int32 { return int32(i) }
		}
		groups := size
		if units > jackknifeUnits {
			groups = min(size, max(leastUnits, size*jackknifeUnits/units))
		}
		set := func(group int, count uint32) {
			for i := group; i < size; i += groups {
				d.count[unit(i)] = count
			}
		}
		for g := range groups {
			set(g, 0)
			deletions = append(deletions, deletion{stratum: int32(s), times: 1, values: valuesOf(k, statistic)})
			set(g, 1)
		}
	}
	return deletions
}
