package profile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

const (
	// MaxDistinct is how many different values of a column are counted one by
	// one. Past it they are "more", and no most frequent ones are known.
	MaxDistinct = 10_000
	// topValues is how many of the most frequent values are reported.
	topValues = 20
)

// valueCounts counts rows by value. Whether it overflows depends on the set
// of values alone, so the outcome is the same in whatever order they came.
type valueCounts struct {
	index  map[string]int
	counts []Count
	over   bool
}

func newValueCounts() *valueCounts { return &valueCounts{index: map[string]int{}} }

func (v *valueCounts) add(text []byte, n int64) {
	if v.over {
		return
	}
	if len(text) > MaxExample {
		text = shorten(text)
	}
	if i, ok := v.index[string(text)]; ok {
		v.counts[i].Rows += n
		return
	}
	if len(v.counts) == MaxDistinct {
		v.index, v.counts, v.over = nil, nil, true
		return
	}
	value := string(text)
	v.index[value] = len(v.counts)
	v.counts = append(v.counts, Count{value, n})
}

// shorten keeps long values apart by their hash.
func shorten(text []byte) []byte {
	sum := sha256.Sum256(text)
	return hex.AppendEncode(append(slices.Clone(text[:MaxExample-40]), "… "...), sum[:16])
}

func (v *valueCounts) merge(o *valueCounts) {
	if o.over {
		v.index, v.counts, v.over = nil, nil, true
	}
	for _, c := range o.counts {
		v.add([]byte(c.Value), c.Rows)
	}
}

func (v *valueCounts) result() (distinct int64, top []Count) {
	if v.over {
		return MaxDistinct + 1, nil
	}
	top = slices.SortedFunc(slices.Values(v.counts), func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Value, b.Value))
	})
	return int64(len(top)), top[:min(len(top), topValues)]
}
