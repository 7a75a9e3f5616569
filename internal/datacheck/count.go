package datacheck

import (
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/table"
)

// valueCount is the RowCheck of checks that look at one value at a time: it
// counts those that fail and keeps the first of them.
type valueCount struct {
	column string
	// fails judges a value that is not null. nil: nulls are what fails.
	fails func(c *table.Column, i int) bool

	checked  int64 // values looked at
	failed   int64
	examples profile.Examples

	dict    *table.Column
	verdict []byte // by code of dict: 0 unknown, 1 holds, 2 fails
}

func (v *valueCount) Observe(b *table.Batch) {
	c := b.Column(v.column)
	if c == nil {
		return
	}
	if v.fails == nil {
		v.checked += int64(b.Rows)
	} else {
		v.checked += int64(b.Rows - c.NullCount())
	}
	if v.fails == nil && c.NullCount() == 0 {
		return
	}
	for i := range b.Rows {
		if v.bad(c, i) {
			v.failed++
			v.examples.Add(b, c, i)
		}
	}
}

func (v *valueCount) bad(c *table.Column, i int) bool {
	null := c.Null(i)
	if null || v.fails == nil {
		return null && v.fails == nil
	}
	if c.Dict == nil {
		return v.fails(c, i)
	}
	// A dictionary: judge each of its values once.
	if v.dict != c.Dict {
		v.dict, v.verdict = c.Dict, v.verdict[:0]
	}
	code := int(c.Codes[i])
	for len(v.verdict) <= code {
		v.verdict = append(v.verdict, 0)
	}
	if v.verdict[code] == 0 {
		v.verdict[code] = 1
		if v.fails(c.Dict, code) {
			v.verdict[code] = 2
		}
	}
	return v.verdict[code] == 2
}

func (v *valueCount) Merge(later RowCheck) {
	o := later.(*valueCount)
	v.checked += o.checked
	v.failed += o.failed
	v.examples.Merge(o.examples)
}
