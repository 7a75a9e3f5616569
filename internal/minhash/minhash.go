// Package minhash finds sets that are alike among many, without comparing
// each with each:
//
//	s := minhash.For(0.8)
//	a := minhash.Words(text, 3)
//	for band, key := range s.Keys(nil, a) {
//		// sets with an equal key in a band are candidates …
//	}
//	minhash.AtLeast(a, b, 0.8) // … which Jaccard similarity decides
//
// Sets are the shingles of texts: A. Z. Broder, "On the resemblance and
// containment of documents" (1997). Two sets have an equal minimum under a
// random hash with a probability that is their Jaccard similarity; banding
// those minima is J. Leskovec, A. Rajaraman, J. D. Ullman, "Mining of Massive
// Datasets", section 3.4. All hashes are fixed, so that the same texts give
// the same keys on every machine.
package minhash

import (
	"math"
	"slices"
)

// hashes is how many minima there are of a set, at most.
const hashes = 128

// leastRecall is the share of pairs at the similarity asked for that For
// finds, at least.
const leastRecall = 0.99

// Scheme is how the minima of a set become keys: Bands keys, each of Rows
// minima.
type Scheme struct{ Bands, Rows int }

// For returns the most selective scheme, of at most 128 minima, that finds a
// pair of the similarity given with a probability of 99 % or more, and pairs
// that are more alike with a higher one. A similarity below 0.04 has none; it
// gets the least selective scheme.
func For(similarity float64) Scheme {
	for rows := hashes; rows > 1; rows-- {
		s := Scheme{hashes / rows, rows}
		if s.Recall(similarity) >= leastRecall {
			return s
		}
	}
	return Scheme{hashes, 1}
}

// Recall is the probability that two sets of the Jaccard similarity given
// have an equal key in at least one band: 1-(1-s^r)^b.
func (s Scheme) Recall(similarity float64) float64 {
	miss := 1 - power(similarity, s.Rows)
	return 1 - power(miss, s.Bands)
}

// power multiplies, because math.Pow may round differently from machine to
// machine.
func power(x float64, n int) float64 {
	out := 1.0
	for range n {
		out = float64(out * x)
	}
	return out
}

// Keys appends to dst the keys of a set, one for each band. The empty set has
// none.
func (s Scheme) Keys(dst []uint64, set Set) []uint64 {
	if len(set) == 0 {
		return dst
	}
	for band := range s.Bands {
		key := uint64(band)
		for row := range s.Rows {
			f := &functions[band*s.Rows+row]
			least := uint64(math.MaxUint64)
			for _, x := range set {
				least = min(least, f.a*x+f.b)
			}
			key = combine(key, least)
		}
		dst = append(dst, mix(key))
	}
	return dst
}

// functions are ax+b modulo 2^64. That they mix low bits badly does no harm:
// what they are applied to is mixed well, and the minimum looks at high bits.
var functions = func() (f [hashes]struct{ a, b uint64 }) {
	state := uint64(0)
	next := func() uint64 { // splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014)
		state += 0x9e3779b97f4a7c15
		return mix(state)
	}
	for i := range f {
		f[i].a, f[i].b = next()|1, next()
	}
	return f
}()

// mix is the finalizer of splitmix64: each bit of x changes half of the
// result's.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func combine(h, x uint64) uint64 { return mix(h*0x9e3779b97f4a7c15 + x) }

// Jaccard returns how many elements two sets have in common, and how many
// they have together.
func Jaccard(a, b Set) (common, all int) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			common++
			i++
			j++
		}
	}
	return common, len(a) + len(b) - common
}

// AtLeast tells whether the Jaccard similarity of two sets is at least the
// one given. Two empty sets are not alike.
func AtLeast(a, b Set, similarity float64) bool {
	if !Comparable(a, b, similarity) {
		return false
	}
	common, all := Jaccard(a, b)
	return all > 0 && float64(common)/float64(all) >= similarity
}

// Comparable tells from their sizes alone whether two sets can be as similar
// as that: the similarity is at most the smaller size divided by the larger.
func Comparable(a, b Set, similarity float64) bool {
	small, large := min(len(a), len(b)), max(len(a), len(b))
	return float64(small)/float64(max(large, 1)) >= similarity
}

// Set is the hashes of a text's shingles, ascending and without repetition.
// Two different shingles of a pair of texts have the same hash by chance once
// in 2^64 pairs of shingles.
type Set []uint64

func newSet(shingles []uint64) Set {
	slices.Sort(shingles)
	return Set(slices.Clip(slices.Compact(shingles)))
}
