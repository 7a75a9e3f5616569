package profile

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/waybill-dev/waybill/internal/sorting"
)

// frequent finds the most frequent of more values than can be counted one by
// one, after J. Misra and D. Gries, "Finding repeated elements" (1982), merged
// as P. K. Agarwal et al., "Mergeable Summaries" (2012), show. A value's true
// count is between the one known and that plus lost; lost is at most the rows
// divided by one more than are kept. Values are known by their hash, so an
// adversary could make two of them one; nothing exact rests on this.
type frequent struct {
	index   []uint32 // by hash: see slot
	shift   uint
	entries []candidate
	fresh   []byte // texts of the candidates that came since the last cut
	lost    int64
	level   level
	room    int // more candidates than usual may gather now
}

// candidate is a value that may be frequent. Most are not and soon go, so
// that their text is made late.
type candidate struct {
	hash  uint64
	count int64
	text  string
	late  late
	bits  uint64 // a fixed-width value; or the text's place in fresh, from<<32 | to
}

// late says from what a candidate's text is to be made.
type late uint8

const (
	textThere late = iota
	textFresh
	textFixed
)

// keepFrequent candidates are kept at level 0; twice as many may gather before
// the rarest go.
const keepFrequent = 1 << 11

func newFrequent() *frequent { return &frequent{} }

// find returns the candidate for hash, new ones with a count of 0.
func (f *frequent) find(hash uint64) *candidate {
	if len(f.index) < max(leastSlots, 2*len(f.entries)) {
		f.reindex(max(leastSlots, 2*len(f.index)))
	}
	t := f.slot(hash)
	if *t != 0 {
		return &f.entries[*t&placeMask-1]
	}
	if len(f.entries) >= 2*f.level.frequent()+f.room {
		f.shrink()
		t = f.slot(hash)
	}
	f.entries = append(f.entries, candidate{hash: hash})
	*t = uint32(hash)&^placeMask | uint32(len(f.entries))
	return &f.entries[len(f.entries)-1]
}

// placeMask is the bits of a slot that hold a place among the entries, from
// 1; the others are of the hash, so that most others are told apart by them. A
// hash table this small stays in the processor's nearest cache.
const placeMask = 1<<16 - 1

// slot returns where hash is or would be in the index.
func (f *frequent) slot(hash uint64) *uint32 {
	mask := uint64(len(f.index) - 1)
	for i := hash * scatter >> f.shift; ; i = (i + 1) & mask {
		t := &f.index[i]
		if *t == 0 || (*t^uint32(hash))&^placeMask == 0 && f.entries[*t&placeMask-1].hash == hash {
			return t
		}
	}
}

// reindex builds an index of a size that is a power of two.
func (f *frequent) reindex(size int) {
	if len(f.index) == size {
		clear(f.index)
	} else {
		f.index = make([]uint32, size)
		f.shift = uint(64 - bits.TrailingZeros(uint(size)))
	}
	for i := range f.entries {
		hash := f.entries[i].hash
		*f.slot(hash) = uint32(hash)&^placeMask | uint32(i+1)
	}
}

// addText counts a text n times.
func (f *frequent) addText(hash uint64, text []byte, n int64) {
	c := f.find(hash)
	if c.count == 0 {
		from := len(f.fresh)
		f.fresh = append(f.fresh, text...)
		c.late, c.bits = textFresh, uint64(from)<<32|uint64(len(f.fresh))
	}
	c.count += n
}

// addFixed counts a fixed-width value n times.
func (f *frequent) addFixed(hash, v uint64, n int64) {
	c := f.find(hash)
	if c.count == 0 {
		c.late, c.bits = textFixed, v
	}
	c.count += n
}

// settle makes the texts that are late, those of fixed-width values by text.
func (f *frequent) settle(text func(uint64) string) {
	for i := range f.entries {
		switch c := &f.entries[i]; c.late {
		case textFresh:
			c.text, c.late = f.freshText(c), textThere
		case textFixed:
			c.text, c.late = text(c.bits), textThere
		}
	}
	f.fresh = nil
}

func (f *frequent) freshText(c *candidate) string {
	return string(f.fresh[c.bits>>32 : uint32(c.bits)])
}

// shrink leaves at most as many candidates as the level allows. It looks at the counts
// alone, so the order of the entries does not matter.
func (f *frequent) shrink() {
	if n := len(f.entries) - f.level.frequent(); n > 0 {
		f.cut(f.rarest(n))
	}
}

// rarest returns the n-th smallest count, from 1. Most counts are small, so
// that few have to be sorted.
func (f *frequent) rarest(n int) int64 {
	var of [64]int // candidates by count
	for i := range f.entries {
		if c := f.entries[i].count; c < int64(len(of)) {
			of[c]++
		}
	}
	for count, m := range of {
		if n -= m; n <= 0 {
			return int64(count)
		}
	}
	var large []int64
	for i := range f.entries {
		if c := f.entries[i].count; c >= int64(len(of)) {
			large = append(large, c)
		}
	}
	slices.Sort(large)
	return large[n-1]
}

func (f *frequent) cut(n int64) {
	f.lost += n
	kept := f.entries[:0]
	for _, e := range f.entries {
		if e.count -= n; e.count > 0 {
			if e.late == textFresh {
				e.text, e.late = f.freshText(&e), textThere
			}
			kept = append(kept, e)
		}
	}
	work := 2 * f.level.frequent()
	clear(f.entries[len(kept):])
	if f.entries = kept; cap(kept) > 2*work {
		f.entries = append(make([]candidate, 0, work), kept...)
	}
	f.reindex(2 * work)
	f.fresh = f.fresh[:0]
}

// merge adds o. Both are settled.
func (f *frequent) merge(o *frequent) {
	f.shrink() // so that no candidate is dropped half-way
	o.shrink()
	for _, e := range o.entries {
		c := f.find(e.hash)
		c.count += e.count
		c.text = e.text
	}
	f.lost += o.lost
	f.shrink()
}

// top returns the values that are frequent for certain: those whose known
// count is above what may have been lost.
func (f *frequent) top() []Count {
	out := []Count{}
	for _, e := range f.entries {
		if e.count > f.lost {
			out = append(out, Count{e.text, e.count})
		}
	}
	return firstCounts(out)
}

// firstCounts sorts by count and keeps the most frequent.
func firstCounts(counts []Count) []Count {
	sorting.By(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Value, b.Value))
	})
	return counts[:min(len(counts), topValues)]
}
