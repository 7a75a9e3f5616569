package profile

import (
	"math"
	"math/bits"
	"slices"
)

// buckets counts numbers by the leading bits of their float64, so that a
// bucket is a range of numbers; the wider the data is spread, the fewer bits.
// While there are few different numbers all bits are kept and everything is
// exact. It is the uniform collapse of I. Epicoco et al., "UDDSketch: Accurate
// Tracking of Quantiles in Data Streams" (2020), on powers of two instead of
// logarithms, which differ between machines: adding takes a shift, and
// the bits kept depend on the set of numbers alone. So the order of additions
// and merges does not matter: merged shards are the same as a single run.
//
// With b bits of the mantissa kept, a quantile is within 2^-(b+1) of the true
// one, relative to it.
type buckets struct {
	shift  uint // low bits dropped, at most maxShift
	counts counter
	level  level
}

const (
	// maxBuckets is how many a finished sketch has at most, at level 0. While
	// numbers come in, twice as many are let grow before bits are dropped.
	maxBuckets = 1 << 14
	// maxShift drops the mantissa: 4,096 signs and exponents remain, which is
	// always few enough.
	maxShift = 52
	signBit  = 1 << 63
)

func newBuckets() *buckets { return &buckets{} }

// order maps finite numbers to integers in the same order.
func order(v float64) uint64 {
	if v == 0 {
		return signBit // -0 too
	}
	b := math.Float64bits(v)
	if b&signBit != 0 {
		return ^b
	}
	return b | signBit
}

func disorder(key uint64) float64 {
	if key&signBit != 0 {
		return math.Float64frombits(key &^ signBit)
	}
	return math.Float64frombits(^key)
}

// add counts a finite number n times.
func (s *buckets) add(v float64, n int64) {
	s.counts.add(order(v)>>s.shift, n)
	if s.counts.used > 2*s.level.buckets() {
		s.finish()
	}
}

// finish drops as few bits as leave at most as many buckets as the level allows.
func (s *buckets) finish() {
	most := s.level.buckets()
	if s.counts.used <= most {
		return
	}
	keys := make([]uint64, 0, s.counts.used)
	for _, t := range s.counts.slots {
		if t.n > 0 {
			keys = append(keys, t.key)
		}
	}
	slices.Sort(keys)
	// Neighbours are one once the highest bit in which they differ is dropped.
	var together [65]int
	for i := 1; i < len(keys); i++ {
		together[bits.Len64(keys[i]^keys[i-1])]++
	}
	more := uint(0)
	for n := len(keys); n > most && s.shift+more < maxShift; {
		more++
		n -= together[more]
	}
	s.coarsen(s.shift + more)
}

func (s *buckets) coarsen(shift uint) {
	if shift <= s.shift {
		return
	}
	fine := s.counts.slots
	s.counts = counter{}
	for _, t := range fine {
		if t.n > 0 {
			s.counts.add(t.key>>(shift-s.shift), t.n)
		}
	}
	s.shift = shift
}

func (s *buckets) merge(o *buckets) {
	s.coarsen(o.shift)
	for _, t := range o.counts.slots {
		if t.n > 0 {
			s.counts.add(t.key>>(s.shift-o.shift), t.n)
		}
	}
	s.finish()
}

// middle is the number that stands for a bucket.
func (s *buckets) middle(key uint64) float64 {
	low, high := disorder(key<<s.shift), disorder(key<<s.shift|(1<<s.shift-1))
	if math.Abs(low) < 0x1p-1022 || math.Abs(high) < 0x1p-1022 {
		if s.shift > 0 {
			return 0 // zero, or next to nothing
		}
	}
	if math.IsInf(high, 0) || math.IsNaN(high) || math.IsInf(low, 0) || math.IsNaN(low) {
		return math.Copysign(math.MaxFloat64, low)
	}
	return low + float64((high-low)/2)
}

// weighted is a number with how often it occurs.
type weighted struct {
	v float64
	n int64
}

// sorted returns the numbers that stand for the buckets, ascending, kept
// between the smallest and the largest that were seen.
func (s *buckets) sorted(least, most float64) []weighted {
	s.finish()
	keys := s.counts.sorted()
	out := make([]weighted, len(keys))
	for i, t := range keys {
		out[i] = weighted{min(max(s.middle(t.key), least), most), t.n}
	}
	return out
}

// bound is how far quantiles may be from the true ones, relative to them.
func (s *buckets) bound() float64 {
	if s.shift == 0 {
		return 0
	}
	return math.Ldexp(1, int(s.shift)-53)
}

// quantile interpolates between neighbours, as numpy.quantile does by default
// (type 7 of R. J. Hyndman and Y. Fan, "Sample Quantiles in Statistical
// Packages", 1996). total is the sum of all n and above zero.
func quantile(sorted []weighted, total int64, q float64) float64 {
	place := float64(total-1) * q
	below := int64(place)
	fraction := place - float64(below)
	low, seen := 0, int64(0)
	for seen+sorted[low].n <= below && low < len(sorted)-1 {
		seen += sorted[low].n
		low++
	}
	a := sorted[low].v
	if fraction == 0 || below+1 < seen+sorted[low].n || low == len(sorted)-1 {
		return a
	}
	b := sorted[low+1].v
	// a + (b-a)*fraction, where b-a may be past the largest float64.
	return float64(a*(1-fraction)) + float64(b*fraction)
}

// maxBins is how many bins a histogram has.
const maxBins = 20

// histogram counts into bins of equal width; the last one includes its end.
func histogram(sorted []weighted, least, most float64) (edges []float64, counts []int64) {
	width := most/maxBins - least/maxBins
	if least == most || least+width == least {
		n := int64(0)
		for _, w := range sorted {
			n += w.n
		}
		return []float64{least, most}, []int64{n}
	}
	for i := range maxBins {
		// By halves: the whole may be past the largest float64.
		edges = append(edges, 2*(least/2+float64(width/2*float64(i))))
	}
	edges = append(edges, most)
	counts = make([]int64, maxBins)
	bin := 0
	for _, w := range sorted {
		for bin < maxBins-1 && w.v >= edges[bin+1] {
			bin++
		}
		counts[bin] += w.n
	}
	return edges, counts
}
