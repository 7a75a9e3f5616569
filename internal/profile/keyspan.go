package profile

import (
	"cmp"
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/table"
)

// span is rows of one file, one after the other, whose integers count up by
// one: what a column of ids mostly is. It stands for n keys.
type span struct {
	first key
	n     uint64
}

func (s span) last() uint64 { return s.first.lo + s.n - 1 }

// spanOf returns the span that the rows of a batch are, if they are one.
func spanOf(b *table.Batch, c *table.Column) (span, bool) {
	if c.NullCount() > 0 || b.Rows < 2 || b.Row(b.Rows-1)-b.Row(0) != int64(b.Rows-1) {
		return span{}, false
	}
	values := c
	if c.Dict != nil {
		values = c.Dict
	}
	switch values.Type.Kind {
	case table.Int, table.Uint, table.Date, table.Time, table.Timestamp:
	default:
		return span{}, false
	}
	hi, lo := makeKey(c, 0)
	if lo > math.MaxUint64-uint64(b.Rows) {
		return span{}, false // would begin again at 0
	}
	want := lo
	if c.Dict == nil {
		for _, v := range c.Ints[:b.Rows] {
			if uint64(v) != want {
				return span{}, false
			}
			want++
		}
	} else {
		for _, code := range c.Codes[:b.Rows] {
			if uint64(values.Ints[code]) != want {
				return span{}, false
			}
			want++
		}
	}
	return span{key{hi, lo, uint32(b.File), uint64(b.Row(0))}, uint64(b.Rows)}, true
}

// addSpan adds the keys of p, if it can to the span before.
func (s *keySet) addSpan(p span) {
	if n := len(s.spans); n > 0 {
		before := &s.spans[n-1]
		f := before.first
		if f.hi == p.first.hi && f.file == p.first.file && f.row+before.n == p.first.row && f.lo+before.n == p.first.lo {
			before.n += p.n
			return
		}
	}
	s.spans = append(s.spans, p)
}

// apart tells that all keys are those of spans that have no value in common:
// no value repeats then.
func (s *keySet) apart() bool {
	if s.size() > 0 || len(s.runs) > 0 {
		return false
	}
	slices.SortFunc(s.spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.first.hi, b.first.hi), cmp.Compare(a.first.lo, b.first.lo))
	})
	for i := 1; i < len(s.spans); i++ {
		if a, b := s.spans[i-1], s.spans[i]; a.first.hi == b.first.hi && a.last() >= b.first.lo {
			return false
		}
	}
	return true
}
