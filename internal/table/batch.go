package table

import (
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Batch is consecutive rows of one file, by column.
type Batch struct {
	Rows    int
	First   int64 // number of the first row; a file's first data row is 1
	File    int   // Options.File
	Columns []Column
	// Lines has the line of the file where each row begins; nil for formats
	// without lines.
	Lines []int64
	// Unknown counts, by key, the values of JSON lines whose key the schema
	// does not have, because it appeared only after the rows that the schema
	// was read from. At most 100 keys are told apart. nil when there are none.
	Unknown map[string]int64

	selected []int32 // rows of the batch that Select was called on
}

// Column returns the column called name, or nil when the file lacks it or
// Options.Columns left it out.
func (b *Batch) Column(name string) *Column {
	for i := range b.Columns {
		if b.Columns[i].Name == name {
			return &b.Columns[i]
		}
	}
	return nil
}

// Only returns the rows of b with the columns named, which it shares with b.
func (b *Batch) Only(columns []string) *Batch {
	out := *b
	out.Columns = nil
	for i := range b.Columns {
		if slices.Contains(columns, b.Columns[i].Name) {
			out.Columns = append(out.Columns, b.Columns[i])
		}
	}
	return &out
}

// Row returns the number of row i within its file, 1 for the first.
func (b *Batch) Row(i int) int64 {
	if b.selected != nil {
		return b.First + int64(b.selected[i])
	}
	return b.First + int64(i)
}

// Select returns a batch of only the rows given, by ascending index, and the
// columns named (nil for all). It shares dictionaries with b and is valid as
// long as b.
func (b *Batch) Select(rows []int32, columns []string) *Batch {
	out := &Batch{Rows: len(rows), First: b.First, File: b.File, selected: rows}
	if b.selected != nil {
		out.selected = make([]int32, len(rows))
		for j, i := range rows {
			out.selected[j] = b.selected[i]
		}
	}
	if b.Lines != nil {
		out.Lines = gather(b.Lines, rows)
	}
	names := make([]string, len(b.Columns))
	for i := range b.Columns {
		names[i] = b.Columns[i].Name
	}
	for i, ok := range wanted(names, columns) {
		if ok {
			out.Columns = append(out.Columns, b.Columns[i].pick(rows))
		}
	}
	return out
}

// Column is one column of a batch. Where Dict is set, row i has the value
// Codes[i] of Dict; otherwise the slice that the kind of Type names has one
// element a row (for Data: from Offsets[i] to Offsets[i+1]). What stands at
// the place of a null is unspecified.
type Column struct {
	Name string
	Type Type

	Codes []uint32
	Dict  *Column // without nulls

	Bools   []bool
	Ints    []int64
	Floats  []float64
	Data    []byte
	Offsets []uint32

	// Cells has the kind of each value of JSON lines: Bool, Int, Float,
	// String, List or Struct. nil elsewhere.
	Cells []Kind

	nulls     bitmap
	nullCount int
}

// Null tells whether row i has no value. In CSV that is an empty field
// without quotes (as PostgreSQL's COPY reads it); in JSON lines null, or no
// such key.
func (c *Column) Null(i int) bool { return c.nullCount > 0 && c.nulls.get(i) }

// NullCount is how many rows have no value.
func (c *Column) NullCount() int { return c.nullCount }

// At returns where the value of row i stands: c and i themselves, or the
// dictionary and a place in it.
func (c *Column) At(i int) (*Column, int) {
	if c.Dict != nil {
		return c.Dict, int(c.Codes[i])
	}
	return c, i
}

// Kind returns the kind of the value of row i: for JSON lines each value has
// its own.
func (c *Column) Kind(i int) Kind {
	if c.Cells != nil {
		return c.Cells[i]
	}
	return c.Type.Kind
}

// Bytes returns the value of row i as it stands in Data; nil when values of
// this type do not stand there.
func (c *Column) Bytes(i int) []byte {
	c, i = c.At(i)
	if c.Offsets == nil {
		return nil
	}
	return c.Data[c.Offsets[i]:c.Offsets[i+1]]
}

// Text returns the value of row i as text, "" for null. Equal values have
// equal text on every machine, whatever the file's format.
func (c *Column) Text(i int) string { return string(c.AppendText(nil, i)) }

// AppendText appends Text(i) to dst: integers and floats in their shortest
// form that reads back the same, dates and times as RFC 3339 writes them,
// bytes that are not UTF-8 as \x and hexadecimal digits.
func (c *Column) AppendText(dst []byte, i int) []byte {
	if c.Null(i) {
		return dst
	}
	c, i = c.At(i)
	switch c.Type.Kind {
	case Bool:
		return strconv.AppendBool(dst, c.Bools[i])
	case Int:
		return strconv.AppendInt(dst, c.Ints[i], 10)
	case Uint:
		return strconv.AppendUint(dst, uint64(c.Ints[i]), 10)
	case Float:
		return appendFloat(dst, c.Floats[i], c.Type.Bits)
	case Date:
		return c.instant(i).AppendFormat(dst, time.DateOnly)
	case Time:
		return c.instant(i).AppendFormat(dst, "15:04:05"+c.Type.Unit.fraction())
	case Timestamp:
		dst = c.instant(i).AppendFormat(dst, "2006-01-02T15:04:05"+c.Type.Unit.fraction())
		if c.Type.UTC {
			dst = append(dst, 'Z')
		}
		return dst
	case Bytes:
		if b := c.Bytes(i); !utf8.Valid(b) {
			return hex.AppendEncode(append(dst, `\x`...), b)
		}
	}
	return append(dst, c.Bytes(i)...)
}

// fraction is the layout that shows what a unit can hold, without trailing
// zeros.
func (u Unit) fraction() string {
	switch u {
	case Milli:
		return ".999"
	case Micro:
		return ".999999"
	}
	return ".999999999"
}

func appendFloat(dst []byte, f float64, bits int) []byte {
	if bits != 32 {
		bits = 64
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}

// Float returns the number of row i, and whether it has one: false for null,
// for text that is not a number and for kinds that are no numbers. Integers
// past 2^53 and decimals are rounded.
func (c *Column) Float(i int) (float64, bool) {
	if c.Null(i) {
		return 0, false
	}
	c, i = c.At(i)
	switch c.Kind(i) {
	case Int:
		if c.Cells == nil {
			return float64(c.Ints[i]), true
		}
	case Uint:
		return float64(uint64(c.Ints[i])), true
	case Float:
		if c.Cells == nil {
			return c.Floats[i], true
		}
	case Untyped, Decimal:
	default:
		return 0, false
	}
	return ParseNumber(c.Bytes(i))
}

// When returns the point in time of row i of a Date or Timestamp column, or
// of text that reads as one. Local times are taken as UTC.
func (c *Column) When(i int) (time.Time, bool) {
	if c.Null(i) {
		return time.Time{}, false
	}
	c, i = c.At(i)
	switch c.Kind(i) {
	case Date, Timestamp:
		return c.instant(i), true
	case Untyped, String:
		return ParseTime(c.Bytes(i))
	}
	return time.Time{}, false
}

func (c *Column) instant(i int) time.Time {
	v := c.Ints[i]
	if c.Type.Kind == Date {
		// A hostile day number must not overflow when it becomes seconds.
		v = min(max(v, math.MinInt32), math.MaxInt32)
		return time.Unix(v*86400, 0).UTC()
	}
	perSecond := int64(time.Second) / int64(max(c.Type.Unit, 1))
	return time.Unix(v/perSecond, v%perSecond*int64(max(c.Type.Unit, 1))).UTC()
}

// pick copies the rows given.
func (c *Column) pick(rows []int32) Column {
	out := Column{Name: c.Name, Type: c.Type, Dict: c.Dict}
	if c.nullCount > 0 {
		for j, i := range rows {
			if c.nulls.get(int(i)) {
				out.setNull(j)
			}
		}
	}
	if c.Cells != nil {
		out.Cells = gather(c.Cells, rows)
	}
	switch {
	case c.Dict != nil:
		out.Codes = gather(c.Codes, rows)
	case c.Bools != nil:
		out.Bools = gather(c.Bools, rows)
	case c.Ints != nil:
		out.Ints = gather(c.Ints, rows)
	case c.Floats != nil:
		out.Floats = gather(c.Floats, rows)
	case c.Offsets != nil:
		out.Offsets = make([]uint32, 1, len(rows)+1)
		for _, i := range rows {
			out.Data = append(out.Data, c.Data[c.Offsets[i]:c.Offsets[i+1]]...)
			out.Offsets = append(out.Offsets, uint32(len(out.Data)))
		}
	}
	return out
}

func gather[T any](from []T, rows []int32) []T {
	out := make([]T, len(rows))
	for j, i := range rows {
		out[j] = from[i]
	}
	return out
}

// reset empties a text column for the next batch, keeping its memory.
func (c *Column) reset() {
	c.Data = c.Data[:0]
	c.Offsets = append(c.Offsets[:0], 0)
	if c.Cells != nil {
		c.Cells = c.Cells[:0]
	}
	c.clearNulls()
}

func (c *Column) clearNulls() {
	clear(c.nulls)
	c.nullCount = 0
}

// endText ends the value whose text was appended to Data.
func (c *Column) endText() { c.Offsets = append(c.Offsets, uint32(len(c.Data))) }

// appendNull appends a row without a value to a text column.
func (c *Column) appendNull() {
	c.setNull(len(c.Offsets) - 1)
	c.endText()
}

func (c *Column) setNull(i int) {
	c.nulls.set(i)
	c.nullCount++
}

// bitmap grows as bits are set.
type bitmap []uint64

func (b bitmap) get(i int) bool { return i>>6 < len(b) && b[i>>6]&(1<<(i&63)) != 0 }

func (b *bitmap) set(i int) {
	for i>>6 >= len(*b) {
		*b = append(*b, 0)
	}
	(*b)[i>>6] |= 1 << (i & 63)
}
