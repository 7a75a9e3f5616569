package profile

import (
	"math"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/table"
)

// columnState is what a column's facts are computed from.
type columnState struct {
	want     Want
	declared *table.Type
	facts    Column // counts, extremes and examples
	sum, sq  exactSum
	texts    int64 // values that MinText and MinLength are about
	spread   *buckets
	values   *valueCounts
	keys     *keySet
	counts   []int64 // scratch: rows by code of a dictionary
	text     []byte  // scratch
}

// groupedLevel is the level of what is kept of each of many groups.
const groupedLevel = 4

func newColumnState(want Want, needs *Needs, name string, spill *Spill) *columnState {
	s := &columnState{want: want}
	if want&Spread != 0 {
		s.spread = newBuckets()
		if needs.Grouped {
			s.spread.level = groupedLevel
		}
	}
	if t, ok := needs.Types[name]; ok {
		s.declared = &t
	}
	if want&Distinct != 0 {
		s.values = newValueCounts()
	}
	if want&Unique != 0 {
		s.keys = &keySet{spill: spill}
	}
	return s
}

func (s *columnState) observe(b *table.Batch, c *table.Column) error {
	s.facts.Rows += int64(b.Rows)
	s.facts.Nulls += int64(c.NullCount())
	if s.declared != nil && table.Fits(c.Type, *s.declared) != table.Always {
		s.conform(b, c)
	}
	if s.keys != nil {
		if err := s.keys.observe(b, c); err != nil {
			return err
		}
	}
	if s.want&^Unique == 0 {
		return nil
	}
	if c.Dict == nil {
		for i := range b.Rows {
			if !c.Null(i) {
				s.add(c, i, 1)
			}
		}
		return nil
	}
	// A dictionary: look at each value once, however many rows have it.
	s.counts = append(s.counts[:0], make([]int64, dictLen(c))...)
	for i, code := range c.Codes[:b.Rows] {
		if !c.Null(i) {
			s.counts[code]++
		}
	}
	for code, n := range s.counts {
		if n > 0 {
			s.add(c.Dict, code, n)
		}
	}
	return nil
}

func dictLen(c *table.Column) int {
	n := 0
	for _, code := range c.Codes {
		n = max(n, int(code)+1)
	}
	return n
}

func (s *columnState) conform(b *table.Batch, c *table.Column) {
	for i := range b.Rows {
		if !c.Conforms(i, *s.declared) {
			s.facts.Misfits++
			s.facts.MisfitExamples.Add(b, c, i)
		}
	}
}

// add accounts for n rows with the value at i, which is not null.
func (s *columnState) add(c *table.Column, i int, n int64) {
	if s.want&(Range|Moments|Spread) != 0 {
		if v, ok := c.Float(i); ok {
			s.number(v, n)
		}
	}
	textual := s.want & (Range | Lengths | Distinct)
	if c.Type.Kind.Numeric() {
		textual &^= Range
	}
	if textual == 0 {
		return
	}
	text := c.Bytes(i)
	if text == nil || c.Kind(i) == table.Bytes {
		s.text = c.AppendText(s.text[:0], i)
		text = s.text
	}
	if textual&(Range|Lengths) != 0 {
		s.extremes(text)
	}
	if s.values != nil {
		s.values.add(text, n)
	}
}

func (s *columnState) number(v float64, n int64) {
	f := &s.facts
	if math.IsNaN(v) || math.IsInf(v, 0) {
		f.NaNs += n
		return
	}
	if f.Numbers == 0 || v < f.Min {
		f.Min = v
	}
	if f.Numbers == 0 || v > f.Max {
		f.Max = v
	}
	f.Numbers += n
	if s.spread != nil {
		s.spread.add(v, n)
	}
	if s.want&Moments != 0 {
		s.sum.addProduct(v, float64(n))
		// v*v exactly: the rounded product and what rounding lost.
		square := v * v
		s.sq.addProduct(square, float64(n))
		s.sq.addProduct(math.FMA(v, v, -square), float64(n))
	}
}

func (s *columnState) extremes(text []byte) {
	f := &s.facts
	if s.want&Range != 0 {
		short := text[:min(len(text), MaxExample)]
		if s.texts == 0 || string(short) < f.MinText {
			f.MinText = string(short)
		}
		if s.texts == 0 || string(short) > f.MaxText {
			f.MaxText = string(short)
		}
	}
	if s.want&Lengths != 0 {
		length := int64(utf8.RuneCount(text))
		if s.texts == 0 || length < f.MinLength {
			f.MinLength = length
		}
		f.MaxLength = max(f.MaxLength, length)
	}
	s.texts++
}

func (s *columnState) merge(o *columnState) error {
	f, g := &s.facts, &o.facts
	if g.Numbers > 0 {
		if f.Numbers == 0 || g.Min < f.Min {
			f.Min = g.Min
		}
		if f.Numbers == 0 || g.Max > f.Max {
			f.Max = g.Max
		}
	}
	if o.texts > 0 {
		if s.texts == 0 || g.MinText < f.MinText {
			f.MinText = g.MinText
		}
		if s.texts == 0 || g.MaxText > f.MaxText {
			f.MaxText = g.MaxText
		}
		if s.texts == 0 || g.MinLength < f.MinLength {
			f.MinLength = g.MinLength
		}
		f.MaxLength = max(f.MaxLength, g.MaxLength)
	}
	f.Rows += g.Rows
	f.Nulls += g.Nulls
	f.Misfits += g.Misfits
	f.MisfitExamples.Merge(g.MisfitExamples)
	f.Numbers += g.Numbers
	f.NaNs += g.NaNs
	s.texts += o.texts
	s.sum.merge(&o.sum)
	s.sq.merge(&o.sq)
	if s.spread != nil {
		s.spread.merge(o.spread)
	}
	if s.values != nil {
		s.values.merge(o.values)
	}
	if s.keys != nil {
		return s.keys.merge(o.keys)
	}
	return nil
}

func (s *columnState) column() (*Column, error) {
	c := s.facts
	if s.spread != nil && c.Numbers > 0 {
		c.spread, c.Within = s.spread.sorted(c.Min, c.Max), s.spread.bound()
	}
	if s.want&Moments != 0 {
		c.Sum, c.Mean, c.StdDev = moments(&s.sum, &s.sq, c.Numbers)
	}
	if s.values != nil {
		c.Distinct, c.Top = s.values.result()
	}
	if s.keys != nil {
		var err error
		if c.Duplicates, c.DuplicateOf, err = s.keys.duplicates(); err != nil {
			return nil, err
		}
	}
	return &c, nil
}
