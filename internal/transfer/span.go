package transfer

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/waybill-dev/waybill/internal/sorting"
)

// owing is what is wanted of one blob.
type owing struct {
	blob  Blob
	spans []*span

	mu       sync.Mutex
	answered bool // with a range: ranges work
}

// span is a part of a blob that is fetched at once.
type span struct {
	of       *owing
	from, to int64
	wants    []want // by offset
	taken    atomic.Bool
}

// plan says what to fetch: ranges that have few gaps, or the whole blob when
// most of it is wanted.
func (a *assembly) plan(wants []want) (spans []*span) {
	sorting.By(wants, func(v, w want) int {
		c, d := a.chunkOf(v), a.chunkOf(w)
		return cmp.Or(cmp.Compare(c.Blob, d.Blob), cmp.Compare(c.Offset, d.Offset),
			cmp.Compare(v.file, w.file), cmp.Compare(v.chunk, w.chunk))
	})
	for len(wants) > 0 {
		blob := a.chunkOf(wants[0]).Blob
		n := slices.IndexFunc(wants, func(w want) bool { return a.chunkOf(w).Blob != blob })
		if n < 0 {
			n = len(wants)
		}
		o := &owing{blob: a.index.Blobs[blob]}
		a.planBlob(o, wants[:n])
		spans = append(spans, o.spans...)
		wants = wants[n:]
	}
	return spans
}

func (a *assembly) planBlob(o *owing, wants []want) {
	needed, end := int64(0), int64(0)
	for _, w := range wants {
		c := a.chunkOf(w)
		if c.Offset >= end {
			needed += int64(c.Length)
		}
		end = max(end, c.Offset+int64(c.Length))
	}
	whole := needed > o.blob.Size/100*wholePercent
	var s *span
	begin := 0
	for i, w := range wants {
		c := a.chunkOf(w)
		end := c.Offset + int64(c.Length)
		if s == nil || !whole && (c.Offset-s.to > maxGap || end-s.from > maxSpan && end > s.to) {
			begin = i
			s = &span{of: o, from: c.Offset}
			o.spans = append(o.spans, s)
		}
		s.to = max(s.to, end)
		s.wants = wants[begin : i+1]
	}
}
