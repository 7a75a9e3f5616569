package profile

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/table"
)

// Summary is all facts about all columns of a table, in bounded memory. A
// column with at most MaxDistinct values is the exact list of them with their
// counts, and everything else follows from it; past that it is sums,
// extremes and sketches. Tables of more than fullColumns columns keep less of
// each; see level. Everything but the most frequent values past MaxDistinct is
// independent of the order in which rows came and shards merged.
//
// It is not safe for concurrent use: each shard has its own.
type Summary struct {
	Rows    int64
	columns []*columnSummary
	byName  map[string]*columnSummary
	leveled int // columns that are known to be of their level
}

// NewSummary returns a summary of no rows.
func NewSummary() *Summary { return &Summary{byName: map[string]*columnSummary{}} }

// AddSchema makes columns known, so that they are there without rows too.
func (s *Summary) AddSchema(schema table.Schema) {
	for _, f := range schema {
		s.column(f.Name, f.Type.String())
	}
	s.raise()
}

// raise brings all columns to the level of so many, once more have come.
func (s *Summary) raise() {
	if len(s.columns) == s.leveled {
		return
	}
	s.leveled = len(s.columns)
	for _, c := range s.columns {
		c.raise(levelOf(s.leveled))
	}
}

func (s *Summary) column(name, typ string) *columnSummary {
	c := s.byName[name]
	if c == nil {
		c = &columnSummary{name: name, typ: typ}
		s.byName[name] = c
		s.columns = append(s.columns, c)
	}
	if c.typ != typ {
		c.typ = mixed
	}
	return c
}

// mixed is the type of a column that has different ones in different files.
const mixed = "mixed"

// Observe adds the rows of a batch, with so many workers at a time. All
// batches of a summary are of one file; summaries of several are merged.
func (s *Summary) Observe(b *table.Batch, workers int) {
	s.Rows += int64(b.Rows)
	for i := range b.Columns {
		s.column(b.Columns[i].Name, b.Columns[i].Type.String())
	}
	s.raise()
	s.observe(b, workers)
}

// observe is Observe of columns that are known, without counting the rows.
func (s *Summary) observe(b *table.Batch, workers int) {
	var g errgroup.Group
	g.SetLimit(max(workers, 1))
	for i := range b.Columns {
		c := &b.Columns[i]
		into := s.byName[c.Name]
		if workers <= 1 {
			into.observe(c, b.Rows)
			continue
		}
		g.Go(func() error { into.observe(c, b.Rows); return nil })
	}
	g.Wait()
}

// Merge adds what o observed. o is spent afterwards.
func (s *Summary) Merge(o *Summary) {
	s.Rows += o.Rows
	for i, c := range o.columns {
		if s.byName[c.name] == nil {
			s.byName[c.name] = c
			s.columns = append(s.columns, c)
			continue
		}
		s.column(c.name, c.typ).merge(c)
		o.columns[i] = nil // its memory is free from here on
	}
	o.byName = nil
	s.raise()
}

// columnSummary is exact while many is nil.
type columnSummary struct {
	name, typ   string
	rows, nulls int64
	level       level

	index  map[string]int32 // into few, by text
	few    []value
	recent []uint16   // into few: the value whose text ended so that came last
	fixed  counter    // rows by value, of columns of numbers and times
	kind   table.Type // of fixed
	many   *many

	perCode []int64 // scratch: rows by code of a dictionary
	text    []byte  // scratch
}

// value is one of few values, with its rows.
type value struct {
	text  string // long ones shortened; see shorten
	rows  int64
	chars int64 // of the text as it was
	typed bool  // of a fixed-width column
	reading
}

func (c *columnSummary) observe(col *table.Column, rows int) {
	c.rows += int64(rows)
	c.nulls += int64(col.NullCount())
	if col.Dict == nil {
		if fixedWidth(col) {
			c.addFixed(col, rows)
			return
		}
		plain := col.Type.Kind != table.Bytes
		for i := range rows {
			switch {
			case col.Null(i):
			case plain && c.many != nil:
				c.many.addText(col.Data[col.Offsets[i]:col.Offsets[i+1]], 1)
			default:
				c.add(col, i, 1)
			}
		}
		return
	}
	// A dictionary: look at each value once, however many rows have it.
	c.perCode = append(c.perCode[:0], make([]int64, dictLen(col))...)
	for i, code := range col.Codes[:rows] {
		if !col.Null(i) {
			c.perCode[code]++
		}
	}
	for code, n := range c.perCode {
		if n > 0 {
			c.add(col.Dict, code, n)
		}
	}
	if c.level > 0 {
		c.perCode = nil // of all columns of a wide table it is much
	}
}

// fixedWidth tells whether values stand in Bools, Ints or Floats.
func fixedWidth(col *table.Column) bool { return col.Offsets == nil }

// fixedBits is a fixed-width value as 64 bits, the same for equal values.
func fixedBits(col *table.Column, i int) uint64 {
	switch col.Type.Kind {
	case table.Bool:
		if col.Bools[i] {
			return 1
		}
		return 0
	case table.Float:
		v := col.Floats[i]
		switch {
		case v == 0:
			return 0 // -0 too
		case v != v:
			return math.Float64bits(math.NaN())
		}
		return math.Float64bits(v)
	}
	return uint64(col.Ints[i])
}

// fixedColumn is a column of the one value that has these bits.
func fixedColumn(t table.Type, v uint64) *table.Column {
	return &table.Column{Type: t, Ints: []int64{int64(v)}, Floats: []float64{math.Float64frombits(v)}, Bools: []bool{v == 1}}
}

func (c *columnSummary) addFixed(col *table.Column, rows int) {
	c.kind = col.Type
	for i := range rows {
		switch {
		case col.Null(i):
		case c.many != nil:
			c.many.addFixed(col, i, 1)
		default:
			c.fixed.add(fixedBits(col, i), 1)
			c.overflow()
		}
	}
}

// overflow makes many of too many fixed-width values, whose texts are not
// needed yet.
func (c *columnSummary) overflow() {
	switch {
	case c.fixed.used <= c.level.distinct():
	case len(c.few) > 0:
		c.settle()
	default:
		c.many = c.newMany()
		c.many.addFixedValues(c.kind, c.fixed.sorted())
		c.fixed = counter{}
	}
}

// settle gives fixed-width values their text, as all others have.
func (c *columnSummary) settle() {
	fixed := c.fixed.sorted()
	c.fixed = counter{}
	for _, v := range fixed {
		c.add(fixedColumn(c.kind, v.key), 0, v.n)
	}
	if c.many != nil {
		c.many.settle(c.kind)
	}
}

// add accounts for n rows with the value at i, which is not null.
func (c *columnSummary) add(col *table.Column, i int, n int64) {
	fixed := fixedWidth(col)
	if fixed && c.many != nil {
		c.kind = col.Type
		c.many.addFixed(col, i, n)
		return
	}
	text := col.Bytes(i)
	if fixed || col.Kind(i) == table.Bytes {
		c.text = col.AppendText(c.text[:0], i)
		text = c.text
	}
	if c.many != nil {
		c.many.addText(text, n)
		return
	}
	key := text
	if len(key) > MaxExample {
		key = shorten(key)
	}
	recent := c.recentOf(key)
	if recent != nil {
		if at := int(*recent); at < len(c.few) && c.few[at].text == string(key) {
			c.few[at].rows += n
			return
		}
	}
	if at, ok := c.index[string(key)]; ok {
		if recent != nil {
			*recent = uint16(at)
		}
		c.few[at].rows += n
		return
	}
	v := value{text: string(key), rows: n, chars: int64(utf8.RuneCount(text)), reading: read(key)}
	if fixed {
		v.typed, v.hash = true, fixedHash(col, i)
		v.number, v.isNumber = col.Float(i)
	}
	c.insert(v)
}

// recentOf spares most rows of few values the way through index. It is nil as
// long as there are not many rows.
func (c *columnSummary) recentOf(text []byte) *uint16 {
	if c.recent == nil {
		if c.rows < 2*recentValues {
			return nil
		}
		c.recent = make([]uint16, recentValues)
	}
	end := uint64(len(text))
	if len(text) >= 8 {
		end += binary.LittleEndian.Uint64(text[len(text)-8:])
	} else {
		for _, b := range text {
			end = end<<8 | uint64(b)
		}
	}
	return &c.recent[end*seedText>>(64-recentBits)]
}

const (
	recentBits   = 12
	recentValues = 1 << recentBits
)

// insert adds a value that is not among the few.
func (c *columnSummary) insert(v value) {
	if c.index == nil {
		c.index = map[string]int32{}
	}
	c.index[v.text] = int32(len(c.few))
	c.few = append(c.few, v)
	if len(c.few) > c.level.distinct() {
		c.crowd()
	}
}

// crowd makes many of the few.
func (c *columnSummary) crowd() {
	c.many = c.newMany()
	c.many.addValues(c.few)
	c.index, c.few, c.recent = nil, nil, nil
}

func (c *columnSummary) newMany() *many {
	m := newMany()
	m.raise(c.level)
	return m
}

func (c *columnSummary) merge(o *columnSummary) {
	c.rows += o.rows
	c.nulls += o.nulls
	c.raise(o.level)
	o.raise(c.level)
	c.settle()
	o.settle()
	switch {
	case c.many == nil && o.many == nil:
		c.mergeFew(o.few)
	case o.many == nil:
		c.many.addValues(o.few)
	case c.many == nil:
		few := c.few
		c.many, c.index, c.few, c.recent = o.many, nil, nil, nil
		c.many.addValues(few)
	default:
		c.many.merge(o.many)
	}
}

// mergeFew adds values to few others. When both are too many, they become
// candidates for the most frequent one side after the other, so that the
// order within does not matter.
func (c *columnSummary) mergeFew(few []value) {
	fresh := 0
	for i := range few {
		if _, ok := c.index[few[i].text]; !ok {
			fresh++
		}
	}
	if len(c.few)+fresh > c.level.distinct() {
		c.crowd()
		c.many.addValues(few)
		return
	}
	for _, v := range few {
		if at, ok := c.index[v.text]; ok {
			c.few[at].rows += v.rows
		} else {
			c.insert(v)
		}
	}
}
