package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"
)

// leaf reads the pages of one primitive column of the row group it was opened
// on.
type leaf struct {
	path     string
	index    int
	typ      Type
	physical parquet.Kind
	convert  converter
	maxDef   byte
	maxRep   byte

	pages  parquet.Pages
	page   parquet.Page
	levels int    // entries of the page that are not consumed
	reps   []byte // of those; nil when not repeated
	defs   []byte // of those; nil when none of the page is null
	values *Column
	codes  []int32 // into values, when the page has a dictionary
	at     int     // the next value: place in codes, or in values
	dict   *Column // of the row group, once converted
	plain  Column  // of the page
}

func (l *leaf) open(chunk parquet.ColumnChunk) {
	l.close()
	l.pages = chunk.Pages()
	l.dict, l.levels = nil, 0
}

func (l *leaf) close() {
	l.release()
	if l.pages != nil {
		l.pages.Close()
		l.pages = nil
	}
}

func (l *leaf) release() {
	if l.page != nil {
		parquet.Release(l.page)
		l.page = nil
	}
}

// more makes sure that the page has an entry, and returns io.EOF at the end
// of the row group.
func (l *leaf) more() error {
	for l.levels == 0 {
		l.release()
		page, err := l.pages.ReadPage()
		if err != nil {
			return err
		}
		l.page = page
		if err := l.load(); err != nil {
			return err
		}
	}
	return nil
}

// load takes a new page apart.
func (l *leaf) load() error {
	page := l.page
	l.levels = int(page.NumValues())
	l.reps, l.defs, l.at = page.RepetitionLevels(), page.DefinitionLevels(), 0
	if l.maxRep > 0 && len(l.reps) != l.levels || l.maxDef > 0 && len(l.defs) != l.levels {
		return errors.New("a page has fewer levels than values")
	}
	values := l.levels
	if l.maxDef > 0 {
		values = bytes.Count(l.defs, []byte{l.maxDef})
		if values == l.levels && l.maxRep == 0 {
			l.defs = nil
		}
	} else {
		l.defs = nil
	}
	if dict := page.Dictionary(); dict != nil {
		return l.loadCodes(dict, values)
	}
	l.codes, l.values = nil, &l.plain
	data := page.Data()
	if err := l.convert(&l.plain, data, values); err != nil {
		return err
	}
	return nil
}

func (l *leaf) loadCodes(dict parquet.Dictionary, values int) error {
	if l.dict == nil {
		l.dict = &Column{}
		data := dict.Page().Data()
		if err := l.convert(l.dict, data, dict.Len()); err != nil {
			return fmt.Errorf("dictionary: %w", err)
		}
		// The dictionary outlives its page: batches hand it out.
		l.dict.detach()
		l.dict.Type = l.typ
	}
	data := l.page.Data()
	l.codes, l.values = data.Int32(), l.dict
	if len(l.codes) < values {
		return errors.New("a page has fewer values than its levels say")
	}
	l.codes = l.codes[:values]
	n := uint32(l.dict.length())
	for _, c := range l.codes {
		if uint32(c) >= n {
			return fmt.Errorf("a page refers to value %d of a dictionary of %d", c, n)
		}
	}
	return nil
}

// fill makes c the next n rows of a column that does not repeat.
func (l *leaf) fill(c *Column, n int) error {
	c.truncate()
	for row := 0; row < n; {
		if err := l.more(); err != nil {
			return err
		}
		m := min(n-row, l.levels)
		if row == 0 && l.codes != nil {
			c.Dict = l.dict
		}
		if c.Dict != nil && l.codes == nil {
			// The writer gave up its dictionary amid these rows.
			if err := c.expand(row); err != nil {
				return err
			}
		}
		if err := l.take(c, row, m); err != nil {
			return err
		}
		row += m
		l.levels -= m
		if l.defs != nil {
			l.defs = l.defs[m:]
		}
	}
	return nil
}

// take appends the next m entries, the first of which is row.
func (l *leaf) take(c *Column, row, m int) error {
	if l.defs == nil {
		err := l.copyValues(c, l.at, l.at+m)
		l.at += m
		return err
	}
	for i := 0; i < m; {
		run := 0
		for i+run < m && l.defs[i+run] == l.maxDef {
			run++
		}
		if err := l.copyValues(c, l.at, l.at+run); err != nil {
			return err
		}
		l.at += run
		for i += run; i < m && l.defs[i] != l.maxDef; i++ {
			c.setNull(row + i)
			c.appendZero(l.typ.Kind)
		}
	}
	return nil
}

// copyValues appends values from..to of the page.
func (l *leaf) copyValues(c *Column, from, to int) error {
	if from == to {
		return nil
	}
	switch {
	case c.Dict != nil:
		for _, code := range l.codes[from:to] {
			c.Codes = append(c.Codes, uint32(code))
		}
		return nil
	case l.codes != nil:
		for _, code := range l.codes[from:to] {
			if err := c.appendRange(l.values, int(code), int(code)+1); err != nil {
				return err
			}
		}
		return nil
	}
	return c.appendRange(l.values, from, to)
}

// appendRange appends values from..to of a dense column of the same kind.
func (c *Column) appendRange(v *Column, from, to int) error {
	switch c.Type.Kind {
	case Bool:
		c.Bools = append(c.Bools, v.Bools[from:to]...)
	case Int, Uint, Date, Time, Timestamp:
		c.Ints = append(c.Ints, v.Ints[from:to]...)
	case Float:
		c.Floats = append(c.Floats, v.Floats[from:to]...)
	default:
		base, first := len(c.Data), v.Offsets[from]
		c.Data = append(c.Data, v.Data[first:v.Offsets[to]]...)
		if len(c.Data) > maxColumnBytes {
			return fmt.Errorf("its values are longer than %d MiB in %d rows", maxColumnBytes>>20, BatchRows)
		}
		for _, o := range v.Offsets[from+1 : to+1] {
			c.Offsets = append(c.Offsets, uint32(base)+o-first)
		}
	}
	return nil
}

// appendZero appends what stands in the place of a null.
func (c *Column) appendZero(kind Kind) {
	switch {
	case c.Dict != nil:
		c.Codes = append(c.Codes, 0)
	case kind == Bool:
		c.Bools = append(c.Bools, false)
	case kind == Int || kind == Uint || kind == Date || kind == Time || kind == Timestamp:
		c.Ints = append(c.Ints, 0)
	case kind == Float:
		c.Floats = append(c.Floats, 0)
	default:
		c.endText()
	}
}

// expand replaces codes by their values.
func (c *Column) expand(rows int) error {
	dict, codes := c.Dict, c.Codes
	c.Dict = nil
	for i := range rows {
		if c.Null(i) {
			c.appendZero(c.Type.Kind)
		} else if err := c.appendRange(dict, int(codes[i]), int(codes[i])+1); err != nil {
			return err
		}
	}
	c.Codes = c.Codes[:0]
	return nil
}

// truncate empties a column of any kind, keeping its memory.
func (c *Column) truncate() {
	c.Codes, c.Dict = c.Codes[:0], nil
	c.Bools, c.Ints, c.Floats = c.Bools[:0], c.Ints[:0], c.Floats[:0]
	switch c.Type.Kind {
	case Bool, Int, Uint, Float, Date, Time, Timestamp:
	default:
		c.Data, c.Offsets = c.Data[:0], append(c.Offsets[:0], 0)
	}
	c.clearNulls()
}

// detach copies what a dense column shares with a page.
func (c *Column) detach() {
	c.Bools = append([]bool(nil), c.Bools...)
	c.Ints = append([]int64(nil), c.Ints...)
	c.Floats = append([]float64(nil), c.Floats...)
	c.Data = append([]byte(nil), c.Data...)
	c.Offsets = append([]uint32(nil), c.Offsets...)
}

// length is the number of values of a dense column.
func (c *Column) length() int {
	return max(len(c.Bools), len(c.Ints), len(c.Floats), len(c.Offsets)-1)
}

// entry is one entry of a column that may repeat: a value, or the place of
// one that is missing.
type entry struct {
	rep, def byte
	value    *Column // with at; nil unless def is the column's highest
	at       int
}

// peek returns the next entry without its value, or io.EOF.
func (l *leaf) peek() (rep, def byte, err error) {
	if err := l.more(); err != nil {
		return 0, 0, err
	}
	def = l.maxDef
	if len(l.defs) > 0 {
		def = l.defs[0]
	}
	if len(l.reps) > 0 {
		rep = l.reps[0]
	}
	return rep, def, nil
}

// next consumes an entry.
func (l *leaf) next() (entry, error) {
	rep, def, err := l.peek()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return entry{}, err
	}
	e := entry{rep: rep, def: def}
	l.levels--
	if len(l.defs) > 0 {
		l.defs = l.defs[1:]
	}
	if len(l.reps) > 0 {
		l.reps = l.reps[1:]
	}
	if def == l.maxDef {
		e.value, e.at = l.values, l.at
		if l.codes != nil {
			e.at = int(l.codes[l.at])
		}
		l.at++
	}
	return e, nil
}

// checkOffsets tells whether offsets are those of n values within data.
func checkOffsets(offsets []uint32, data []byte, n int) error {
	if len(offsets) < n+1 {
		return errors.New("a page has fewer values than its levels say")
	}
	last := uint32(0)
	for _, o := range offsets[:n+1] {
		if o < last || uint64(o) > uint64(len(data)) || uint64(len(data)) > math.MaxUint32 {
			return errors.New("a page has values outside itself")
		}
		last = o
	}
	return nil
}
