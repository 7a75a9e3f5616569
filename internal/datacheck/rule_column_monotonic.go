package datacheck

import (
	"cmp"
	"math/big"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type columnMonotonicParams struct {
	OneColumn
	Direction string `param:"direction,required" enum:"increasing,decreasing" doc:"Where the values go from row to row."`
	Strict    bool   `param:"strict" doc:"Equal values in a row are refused as well."`
}

var columnMonotonic = Rule{
	ID:     "column.monotonic",
	Doc:    "The values of the column never go the other way from one row to the next, in the order of files and rows; nulls are skipped.",
	Params: columnMonotonicParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p columnMonotonicParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		column := spec.Columns[0]
		kind := schema[schema.Index(column)].Type.Kind
		switch kind {
		case table.Untyped:
			return plan, mistake(spec, "column.monotonic: how to order "+column+" is not known", "columns of CSV and JSON lines are text unless columns: declares their type")
		case table.Bool, table.List, table.Struct:
			return wrongType(plan, column, schema[schema.Index(column)].Type, "numbers, dates, times or text"), nil
		}
		plan.Needs.Add(column, 0)
		sign, onward, back := 1, "above", "below"
		if p.Direction == "decreasing" {
			sign, onward, back = -1, back, onward
		}
		wrong := back
		if p.Strict {
			wrong = "not " + onward
		}
		plan.Rows = func() RowCheck { return &steps{column: column, kind: kind, sign: sign, strict: p.Strict} }
		plan.Judge = func(f Facts) []report.Finding {
			s := f.Check.(*steps)
			return []report.Finding{tally{
				column: column, checked: s.checked, failed: s.failed, examples: s.examples, noun: "value",
				problem: isAre(s.failed, "is ", "are ") + wrong + " the one before", holds: "the values are " + p.String(), expected: p.String(),
			}.finding(spec, f)}
		}
		return plan, nil
	},
}

func (p columnMonotonicParams) String() string {
	if p.Strict {
		return "strictly " + p.Direction
	}
	return p.Direction + " or equal"
}

// steps compares each value with the one before.
type steps struct {
	column string
	kind   table.Kind
	sign   int // 1 up, -1 down
	strict bool

	checked  int64
	failed   int64
	examples profile.Examples
	first    *ordered
	last     ordered
}

// ordered is a value that can be compared with others of its column, and where
// it stands.
type ordered struct {
	example profile.Example
	number  float64   // of Float and Decimal
	whole   int64     // of Int, and of Time in nanoseconds
	natural uint64    // of Uint
	instant time.Time // of Date and Timestamp
	text    string    // of String, Bytes and Decimal
}

func (s *steps) Observe(b *table.Batch) {
	c := b.Column(s.column)
	if c == nil {
		return
	}
	from := s.run(b, c)
	for i := from; i < b.Rows; i++ {
		if c.Null(i) {
			continue
		}
		s.checked++
		v, ok := s.order(c, i)
		switch {
		case !ok:
			s.failed++ // it has no place in the order
			s.examples.Add(b, c, i)
			continue
		case s.first == nil:
			v.example = exampleOf(b, c, i)
			s.first = &v
		case s.wrong(s.last, v):
			s.failed++
			s.examples.Add(b, c, i)
		}
		s.last = v
	}
}

// run observes the rows of a batch that are stored as integers in the order of
// their values, without nulls, and returns how many that were: all or none.
func (s *steps) run(b *table.Batch, c *table.Column) int {
	stored := c
	if c.Dict != nil {
		stored = c.Dict
	}
	fits := stored.Type.Kind == s.kind && (s.kind == table.Int || s.kind == table.Date || s.kind == table.Timestamp)
	if !fits || c.NullCount() > 0 || b.Rows == 0 {
		return 0
	}
	bad := func(i int) {
		s.failed++
		s.examples.Add(b, c, i)
	}
	first, _ := s.order(c, 0)
	if s.first == nil {
		first.example = exampleOf(b, c, 0)
		s.first = &first
	} else if s.wrong(s.last, first) {
		bad(0)
	}
	at := func(i int) int64 {
		if c.Dict != nil {
			return stored.Ints[c.Codes[i]]
		}
		return stored.Ints[i]
	}
	before := at(0)
	for i := 1; i < b.Rows; i++ {
		v := at(i)
		if v < before && s.sign > 0 || v > before && s.sign < 0 || v == before && s.strict {
			bad(i)
		}
		before = v
	}
	s.checked += int64(b.Rows)
	s.last, _ = s.order(c, b.Rows-1)
	return b.Rows
}

func exampleOf(b *table.Batch, c *table.Column, i int) profile.Example {
	var e profile.Examples
	e.Add(b, c, i)
	return e[0]
}

func (s *steps) Merge(later RowCheck) {
	o := later.(*steps)
	s.checked += o.checked
	s.failed += o.failed
	s.examples.Merge(o.examples)
	switch {
	case o.first == nil:
		return
	case s.first == nil:
		s.first = o.first
	case s.wrong(s.last, *o.first):
		s.failed++
		s.examples.Merge(profile.Examples{o.first.example})
	}
	s.last = o.last
}

func (s *steps) wrong(before, after ordered) bool {
	d := s.sign * s.compare(before, after)
	return d > 0 || s.strict && d == 0
}

// order returns the value at i; false for NaN and for text that is not of the
// declared type.
func (s *steps) order(c *table.Column, i int) (v ordered, ok bool) {
	stored, at := c.At(i)
	switch s.kind {
	case table.Int:
		n, ok := intOf(c, i).(int)
		return ordered{whole: int64(n)}, ok
	case table.Uint:
		switch stored.Type.Kind {
		case table.Uint:
			return ordered{natural: uint64(stored.Ints[at])}, true
		case table.Int:
			return ordered{natural: uint64(stored.Ints[at])}, stored.Ints[at] >= 0
		}
		v.natural, ok = table.ParseUint(stored.Bytes(at))
	case table.Float, table.Decimal:
		v.number, ok = c.Float(i)
		if ok = ok && v.number == v.number; s.kind == table.Decimal {
			v.text = c.Text(i)
		}
	case table.Time:
		if ok = stored.Type.Kind == table.Time; ok {
			v.whole = stored.Ints[at] * int64(stored.Type.Unit)
		}
	case table.Date, table.Timestamp:
		v.instant, ok = c.When(i)
	default:
		return ordered{text: c.Text(i)}, true
	}
	return v, ok
}

func (s *steps) compare(a, b ordered) int {
	switch s.kind {
	case table.Int, table.Time:
		return cmp.Compare(a.whole, b.whole)
	case table.Uint:
		return cmp.Compare(a.natural, b.natural)
	case table.Date, table.Timestamp:
		return a.instant.Compare(b.instant)
	case table.Float, table.Decimal:
		if c := cmp.Compare(a.number, b.number); c != 0 || s.kind == table.Float {
			return c
		}
		return compareDecimals(a.text, b.text)
	}
	return cmp.Compare(a.text, b.text)
}

// compareDecimals compares decimals that are equal as floats. Those with an
// exponent, which only text files have, are taken as equal: writing out
// 1e-999999999 would take all memory.
func compareDecimals(a, b string) int {
	if strings.ContainsAny(a+b, "eE") {
		return 0
	}
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	if !okX || !okY {
		return 0
	}
	return x.Cmp(y)
}
