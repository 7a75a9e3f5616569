package table

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
)

// arrowConverter appends n values to a dense column; b has their bytes, and
// for values of a bit the first one is bit first of b.
type arrowConverter func(c *Column, b []byte, first, n int)

func arrowBools(c *Column, b []byte, first, n int) {
	for i := first; i < first+n; i++ {
		c.Bools = append(c.Bools, b[i>>3]&(1<<(i&7)) != 0)
	}
}

func arrowInts(bits int, signed bool) arrowConverter {
	return func(c *Column, b []byte, _, n int) {
		c.Ints = slices.Grow(c.Ints, n)
		for i := range n {
			var v int64
			switch bits {
			case 8:
				v = int64(b[i])
			case 16:
				v = int64(binary.LittleEndian.Uint16(b[2*i:]))
			case 32:
				v = int64(binary.LittleEndian.Uint32(b[4*i:]))
			default:
				v = int64(binary.LittleEndian.Uint64(b[8*i:]))
			}
			if signed {
				v = v << (64 - bits) >> (64 - bits)
			}
			c.Ints = append(c.Ints, v)
		}
	}
}

func arrowFloats(bits int) arrowConverter {
	return func(c *Column, b []byte, _, n int) {
		c.Floats = slices.Grow(c.Floats, n)
		for i := range n {
			switch bits {
			case 16:
				c.Floats = append(c.Floats, half(binary.LittleEndian.Uint16(b[2*i:])))
			case 32:
				c.Floats = append(c.Floats, float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))))
			default:
				c.Floats = append(c.Floats, math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:])))
			}
		}
	}
}

// arrowDate64 makes days of milliseconds.
func arrowDate64(c *Column, b []byte, _, n int) {
	const day = 86_400_000
	for i := range n {
		ms := int64(binary.LittleEndian.Uint64(b[8*i:]))
		days := ms / day
		if ms%day < 0 {
			days--
		}
		c.Ints = append(c.Ints, days)
	}
}

func arrowFixedSize(size int) arrowConverter {
	return func(c *Column, b []byte, _, n int) {
		from := len(c.Data)
		c.Data = append(c.Data, b[:n*size]...)
		for i := range n {
			c.Offsets = append(c.Offsets, uint32(from+(i+1)*size))
		}
	}
}

func arrowUUIDs(c *Column, b []byte, _, n int) {
	for i := range n {
		c.Data = appendUUID(c.Data, b[16*i:][:16])
		c.endText()
	}
}

// arrowDecimals reads unscaled two's complement integers, the lowest byte
// first. A negative scale stands for zeros before the point.
func arrowDecimals(size, scale int) arrowConverter {
	return func(c *Column, b []byte, _, n int) {
		for i := range n {
			v := b[i*size:][:size]
			var text string
			if x, ok := arrowSmall(v); ok {
				text = strconv.FormatInt(x, 10)
			} else {
				raw := slices.Clone(v)
				slices.Reverse(raw)
				text = bigEndian(raw).String()
			}
			if scale < 0 && text != "0" {
				text += zeros(-scale)
			}
			c.Data = append(c.Data, decimalText(text, max(scale, 0))...)
			c.endText()
		}
	}
}

// arrowSmall returns a two's complement integer that 64 bits can hold.
func arrowSmall(v []byte) (int64, bool) {
	if len(v) == 4 {
		return int64(int32(binary.LittleEndian.Uint32(v))), true
	}
	x := int64(binary.LittleEndian.Uint64(v))
	for _, b := range v[8:] {
		if b != byte(x>>63) {
			return 0, false
		}
	}
	return x, true
}

func zeros(n int) string {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil).String()[1:]
}

// column makes c the values from..to of any array, those of nested ones as
// JSON text.
func (r *arrowReader) column(a *arrowArray, c *Column, from, to int64) error {
	if a.field.flat() || a.indices() {
		return r.load(a, c, from, to)
	}
	c.truncate()
	s, err := r.slice(a, from, to)
	if err != nil {
		return err
	}
	for i := range int(to - from) {
		if s.column.Null(i) {
			c.appendNull()
			continue
		}
		start := len(c.Data)
		if c.Data, err = s.appendValue(c.Data, i, start+MaxRecord); err != nil {
			return err
		}
		if err := r.spend(int64(len(c.Data) - start)); err != nil {
			return err
		}
		c.endText()
	}
	return nil
}

// arrowSlice is some rows of an array, ready to be written as JSON.
type arrowSlice struct {
	field        *arrowField
	column       Column  // values; of lists and structs only which are null
	starts, ends []int64 // of lists: elements, counted from the first of child
	children     []*arrowSlice
}

func (r *arrowReader) slice(a *arrowArray, from, to int64) (*arrowSlice, error) {
	s := &arrowSlice{field: a.field, column: Column{Type: a.field.typ}}
	if a.field.flat() || a.indices() {
		return s, r.load(a, &s.column, from, to)
	}
	n := to - from
	if err := r.spend(16*n + 256); err != nil {
		return nil, err
	}
	if err := r.loadNulls(a, &s.column, from, to); err != nil {
		return nil, err
	}
	first, last := from, to
	var err error
	switch a.field.layout {
	case arrowFixedList:
		size := int64(a.field.size)
		first, last = from*size, to*size
		for i := range n {
			s.starts, s.ends = append(s.starts, i*size), append(s.ends, (i+1)*size)
		}
	case arrowList:
		if first, last, err = r.listEnds(a, s, from, n); err != nil {
			return nil, err
		}
	case arrowListView:
		if first, last, err = r.listViews(a, s, from, n); err != nil {
			return nil, err
		}
	}
	for _, child := range a.children {
		c, err := r.slice(child, first, last)
		if err != nil {
			return nil, err
		}
		s.children = append(s.children, c)
	}
	return s, nil
}

// listEnds and listViews return the range of a list's elements.
func (r *arrowReader) listEnds(a *arrowArray, s *arrowSlice, from, n int64) (first, last int64, err error) {
	if n == 0 {
		return 0, 0, nil
	}
	ends, err := r.ends(a, from, n, a.children[0].n)
	if err != nil {
		return 0, 0, err
	}
	first, last = ends[0], ends[n]
	for i := range ends {
		ends[i] -= first
	}
	s.starts, s.ends = ends[:n], ends[1:]
	return first, last, nil
}

func (r *arrowReader) listViews(a *arrowArray, s *arrowSlice, from, n int64) (first, last int64, err error) {
	starts, err := r.numbers(a.offsets, a.field.wide, from, n)
	if err != nil {
		return 0, 0, err
	}
	sizes, err := r.numbers(a.data, a.field.wide, from, n)
	if err != nil {
		return 0, 0, err
	}
	limit := a.children[0].n
	for i, start := range starts {
		if s.column.Null(i) || sizes[i] == 0 {
			starts[i], sizes[i] = 0, 0
			continue
		}
		if start < 0 || sizes[i] < 0 || sizes[i] > limit || start > limit-sizes[i] {
			return 0, 0, fmt.Errorf("a list has elements %d to %d of %d", start, start+sizes[i], limit)
		}
		if last == 0 {
			first = start
		}
		first, last = min(first, start), max(last, start+sizes[i])
	}
	for i := range starts {
		if sizes[i] > 0 {
			starts[i] -= first
		}
		sizes[i] += starts[i]
	}
	s.starts, s.ends = starts, sizes
	return first, last, nil
}

// append appends value i as JSON, or fails past limit bytes.
func (s *arrowSlice) append(dst []byte, i, limit int) ([]byte, error) {
	if len(dst) > limit {
		return dst, fmt.Errorf("a value is longer than %d MiB", MaxRecord>>20)
	}
	if s.column.Null(i) {
		return append(dst, "null"...), nil
	}
	return s.appendValue(dst, i, limit)
}

func (s *arrowSlice) appendValue(dst []byte, i, limit int) ([]byte, error) {
	var err error
	switch {
	case s.field.flat() || s.field.indexed:
		if k := s.field.typ.Kind; k == List || k == Struct {
			return append(dst, s.column.Bytes(i)...), nil
		}
		v, at := s.column.At(i)
		return appendJSON(dst, v, at, v.Type), nil
	case s.field.asMap:
		return s.appendMap(dst, i, limit)
	case s.starts != nil || s.field.layout != arrowStruct:
		dst = append(dst, '[')
		for e := s.starts[i]; e < s.ends[i]; e++ {
			if e > s.starts[i] {
				dst = append(dst, ',')
			}
			if dst, err = s.children[0].append(dst, int(e), limit); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}
	dst = append(dst, '{')
	for k, c := range s.children {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, c.field.name), ':')
		if dst, err = c.append(dst, i, limit); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (s *arrowSlice) appendMap(dst []byte, i, limit int) ([]byte, error) {
	keys, values := s.children[0].children[0], s.children[0].children[1]
	dst = append(dst, '{')
	for e := int(s.starts[i]); e < int(s.ends[i]); e++ {
		if e > int(s.starts[i]) {
			dst = append(dst, ',')
		}
		key := "null"
		if !keys.column.Null(e) {
			key = keys.column.Text(e)
		}
		dst = append(appendQuoted(dst, key), ':')
		var err error
		if dst, err = values.append(dst, e, limit); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}
