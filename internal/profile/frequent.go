package profile

import (
	"cmp"
	"slices"
)

// frequent finds the most frequent of more values than can be counted one by
// one, after J. Misra and D. Gries, "Finding repeated elements" (1982), merged
// as P. K. Agarwal et al., "Mergeable Summaries" (2012), show. A value's true
// count is between the one known and that plus lost; lost is at most the rows
// divided by keepFrequent+1. Values are known by their hash, so an
// adversary could make two of them one; nothing exact rests on this.
type frequent struct {
	index   counter // by hash: the place among entries, from 1
	entries []candidate
	lost    int64
	room    int // more candidates than workFrequent may gather now
}

type candidate struct {
	hash  uint64
	count int64
	text  string
	raw   bool   // a fixed-width value, whose text is made at the end
	bits  uint64 // of it
}

const (
	keepFrequent = 1 << 11
	// workFrequent candidates may gather before the rarest go.
	workFrequent = 1 << 12
)

func newFrequent() *frequent { return &frequent{} }

// find returns the candidate for hash, new ones with a count of 0.
func (f *frequent) find(hash uint64) *candidate {
	if f.index.used > 0 {
		if t := f.index.slot(hash); t.n > 0 {
			return &f.entries[t.n-1]
		}
	}
	if len(f.entries) >= workFrequent+f.room {
		f.shrink()
	}
	f.entries = append(f.entries, candidate{hash: hash})
	f.index.add(hash, int64(len(f.entries)))
	return &f.entries[len(f.entries)-1]
}

// shrink leaves at most keepFrequent candidates. It looks at the counts
// alone, so the order of the entries does not matter.
func (f *frequent) shrink() {
	if len(f.entries) <= keepFrequent {
		return
	}
	counts := make([]int64, len(f.entries))
	for i, e := range f.entries {
		counts[i] = e.count
	}
	slices.Sort(counts)
	f.cut(counts[len(counts)-keepFrequent-1])
}

func (f *frequent) cut(n int64) {
	f.lost += n
	f.index.resize(2 * workFrequent)
	kept := f.entries[:0]
	for _, e := range f.entries {
		if e.count -= n; e.count > 0 {
			kept = append(kept, e)
			f.index.add(e.hash, int64(len(kept)))
		}
	}
	clear(f.entries[len(kept):])
	f.entries = kept
}

// merge adds o, whose candidates have their text.
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
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Value, b.Value))
	})
	return counts[:min(len(counts), topValues)]
}
