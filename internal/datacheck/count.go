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
	// each, which may be nil, does the same for the first n rows of a column
	// without a dictionary, in a loop over its type: it calls bad for those that
	// fail, by ascending index. Of nulls it may say anything. false: there is no
	// loop for this type, ask fails.
	each func(c *table.Column, n int, bad func(i int)) bool

	checked  int64 // values looked at
	failed   int64
	examples profile.Examples

	dict    *table.Column
	verdict []byte // by code of dict: 0 unknown, 1 holds, 2 fails
	judged  bool   // no code of dict is unknown
	refused bool   // one of them fails, if judged
}

const (
	codeHolds = 1
	codeFails = 2
)

func (v *valueCount) Observe(b *table.Batch) {
	c := b.Column(v.column)
	switch {
	case c == nil:
		return
	case v.fails == nil:
		v.nulls(b, c)
		return
	}
	v.checked += int64(b.Rows - c.NullCount())
	bad := func(i int) {
		if !c.Null(i) {
			v.failed++
			v.examples.Add(b, c, i)
		}
	}
	if c.Dict != nil {
		v.coded(b, c, bad)
		return
	}
	if v.each != nil && v.each(c, b.Rows, bad) {
		return
	}
	for i := range b.Rows {
		if !c.Null(i) && v.fails(c, i) {
			bad(i)
		}
	}
}

func (v *valueCount) nulls(b *table.Batch, c *table.Column) {
	v.checked += int64(b.Rows)
	if c.NullCount() == 0 {
		return
	}
	v.failed += int64(c.NullCount())
	for i, kept := 0, 0; i < b.Rows && kept < profile.MaxPlaces; i++ {
		if c.Null(i) {
			kept++
			v.examples.Add(b, c, i)
		}
	}
}

// coded looks at a column with a dictionary, each of whose values is judged
// once: all of them before the first row, unless they are more than the rows.
func (v *valueCount) coded(b *table.Batch, c *table.Column, bad func(i int)) {
	if v.dict != c.Dict {
		v.dict, v.judged, v.refused = c.Dict, false, false
		n := values(c.Dict)
		v.verdict = append(v.verdict[:0], make([]byte, n)...)
		if n <= b.Rows {
			v.judgeAll(n)
		}
	}
	if v.judged && !v.refused {
		return
	}
	for i, code := range c.Codes[:b.Rows] {
		if c.Null(i) {
			continue
		}
		if v.verdict[code] == 0 {
			v.verdict[code] = codeHolds
			if v.fails(c.Dict, int(code)) {
				v.verdict[code] = codeFails
			}
		}
		if v.verdict[code] == codeFails {
			bad(i)
		}
	}
}

func (v *valueCount) judgeAll(n int) {
	for code := range v.verdict {
		v.verdict[code] = codeHolds
	}
	refuse := func(code int) { v.verdict[code], v.refused = codeFails, true }
	if v.each == nil || !v.each(v.dict, n, refuse) {
		for code := range n {
			if v.fails(v.dict, code) {
				refuse(code)
			}
		}
	}
	v.judged = true
}

// values is how many values a dictionary has.
func values(dict *table.Column) int {
	if dict.Offsets != nil {
		return len(dict.Offsets) - 1
	}
	return max(len(dict.Ints), len(dict.Floats), len(dict.Bools))
}

func (v *valueCount) Merge(later RowCheck) {
	o := later.(*valueCount)
	v.checked += o.checked
	v.failed += o.failed
	v.examples.Merge(o.examples)
}
