package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codecs of a body, as CompressionType of format/Message.fbs numbers them.
const (
	arrowLZ4   int8 = 0
	arrowZstd  int8 = 1
	arrowPlain int8 = -1
)

const (
	maxArrowHeld = 512 << 20 // uncompressed bytes of one record batch's columns
	maxArrowRow  = 256 << 20 // bytes that a single row may take
	arrowWindow  = 16 << 10  // read at once where values lie about
)

// arrowBuffer is a range of the file, or what was in it.
type arrowBuffer struct {
	at, n    int64
	codec    int8
	open     bool // the codec's work is done: data, or the file has the bytes
	data     []byte
	windowAt int64
	window   []byte
}

// arrowArray is the rows of a column, or of a part of one, in a record batch.
// Its buffers are read where and when they are needed.
type arrowArray struct {
	field    *arrowField
	values   bool // of a dictionary: not its indices
	n        int64
	valid    *arrowBuffer
	offsets  *arrowBuffer // or the values of a fixed size, or views
	data     *arrowBuffer // or the sizes of list views
	variadic []*arrowBuffer
	children []*arrowArray
}

// indices tells whether the array has places in a dictionary.
func (a *arrowArray) indices() bool { return a.field.indexed && !a.values }

// array takes the next array of a message: nodes and buffers stand in the
// order of a walk through the schema.
func (m *arrowMessage) array(f *arrowField, values bool) (*arrowArray, error) {
	if len(m.nodes) == 0 {
		return nil, errors.New("a record batch lacks columns of its schema")
	}
	a := &arrowArray{field: f, values: values, n: m.nodes[0]}
	m.nodes = m.nodes[1:]
	layout := f.layout
	if a.indices() {
		layout = arrowFixed
	}
	var err error
	take := func() *arrowBuffer {
		if len(m.buffers) == 0 {
			err = errors.New("a record batch lacks buffers of its columns")
			return &arrowBuffer{open: true}
		}
		b := &m.buffers[0]
		m.buffers = m.buffers[1:]
		return b
	}
	a.valid = &arrowBuffer{open: true}
	if layout != arrowNothing {
		a.valid = take()
	}
	switch layout {
	case arrowFixed, arrowList:
		a.offsets = take()
	case arrowBinary, arrowListView:
		a.offsets, a.data = take(), take()
	case arrowView:
		a.offsets = take()
		if len(m.variadic) == 0 || m.variadic[0] < 0 || m.variadic[0] > int64(len(m.buffers)) {
			return nil, errors.New("a record batch lacks buffers of its columns")
		}
		for range m.variadic[0] {
			a.variadic = append(a.variadic, take())
		}
		m.variadic = m.variadic[1:]
	}
	if layout == arrowFixed {
		return a, err // of a dictionary only the indices are here
	}
	for _, f := range f.children {
		c, err := m.array(f, false)
		switch {
		case err != nil:
			return nil, err
		case layout == arrowStruct && c.n < a.n, layout == arrowFixedList && a.field.size > 0 && c.n/int64(a.field.size) < a.n:
			return nil, fmt.Errorf("a part has %d values for %d rows", c.n, a.n)
		}
		a.children = append(a.children, c)
	}
	return a, err
}

var errArrowShort = errors.New("a buffer is shorter than its rows")

// read returns n bytes of a buffer, which are not to be changed.
func (r *arrowReader) read(b *arrowBuffer, from, n int64) ([]byte, error) {
	if !b.open {
		if err := r.decompress(b); err != nil {
			return nil, err
		}
	}
	if from < 0 || n < 0 || from > b.n || n > b.n-from {
		return nil, errArrowShort
	}
	if b.data != nil {
		return b.data[from : from+n], nil
	}
	if n == 0 {
		return nil, nil
	}
	out := make([]byte, n)
	_, err := r.in.ReadAt(out, b.at+from)
	return out, unexpected(err)
}

// peek is read for short values that lie about.
func (r *arrowReader) peek(b *arrowBuffer, from, n int64) ([]byte, error) {
	if !b.open || b.data != nil || n > arrowWindow || from < 0 || n < 0 || from > b.n-n {
		return r.read(b, from, n)
	}
	if from < b.windowAt || from+n > b.windowAt+int64(len(b.window)) {
		var err error
		if b.window, err = r.read(b, from, min(arrowWindow, b.n-from)); err != nil {
			return nil, err
		}
		b.windowAt = from
	}
	return b.window[from-b.windowAt:][:n], nil
}

// decompress opens a buffer. A compressed one begins with the length that it
// is to have, or -1 when compressing it would have been of no use.
func (r *arrowReader) decompress(b *arrowBuffer) error {
	b.open = true
	if b.codec == arrowPlain || b.n == 0 {
		return nil
	}
	if b.n < 8 {
		return errArrowShort
	}
	var head [8]byte
	if _, err := r.in.ReadAt(head[:], b.at); err != nil {
		return unexpected(err)
	}
	size := int64(binary.LittleEndian.Uint64(head[:]))
	b.at, b.n = b.at+8, b.n-8
	if size == -1 {
		return nil
	}
	ratio := int64(maxLZ4Ratio)
	if b.codec == arrowZstd {
		ratio = maxZstdRatio
	}
	switch {
	case size < 0 || size/ratio > b.n:
		return fmt.Errorf("a buffer of %d bytes claims %d uncompressed", b.n, size)
	case size > maxArrowHeld-r.held:
		return fmt.Errorf("a record batch has more than %d MiB uncompressed; write it with fewer rows in a batch", maxArrowHeld>>20)
	}
	r.held += size
	packed := make([]byte, b.n)
	if _, err := r.in.ReadAt(packed, b.at); err != nil {
		return unexpected(err)
	}
	var err error
	if b.data, err = r.unpack(b.codec, packed, int(size)); err != nil {
		return fmt.Errorf("decompressing failed: %w", err)
	}
	b.n = size
	return nil
}

func (r *arrowReader) unpack(codec int8, packed []byte, size int) ([]byte, error) {
	if codec == arrowLZ4 {
		if r.lz4 == nil {
			r.lz4 = lz4.NewReader(nil)
		}
		r.lz4.Reset(bytes.NewReader(packed))
		out := make([]byte, size)
		_, err := io.ReadFull(r.lz4, out)
		return out, err
	}
	if r.zstd == nil {
		var err error
		if r.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxArrowHeld)); err != nil {
			return nil, err
		}
	}
	var head zstd.Header
	if err := head.Decode(packed); err != nil {
		return nil, err
	}
	if head.HasFCS && head.FrameContentSize != uint64(size) {
		return nil, fmt.Errorf("it holds %d bytes where %d are claimed", head.FrameContentSize, size)
	}
	out, err := r.zstd.DecodeAll(packed, make([]byte, 0, size))
	if err == nil && len(out) != size {
		err = fmt.Errorf("it holds %d bytes where %d are claimed", len(out), size)
	}
	return out, err
}

// errArrowWide says that rows take more memory than a batch should; fewer of
// them may not.
var errArrowWide = fmt.Errorf("a row takes more than %d MiB", maxArrowRow>>20)

func (r *arrowReader) spend(n int64) error {
	if r.budget -= n; r.budget < 0 {
		return errArrowWide
	}
	return nil
}

// load makes c the values from..to of a flat array.
func (r *arrowReader) load(a *arrowArray, c *Column, from, to int64) error {
	c.truncate()
	n := to - from
	if err := r.spend(8 * n); err != nil || n == 0 {
		return err
	}
	if err := r.loadNulls(a, c, from, to); err != nil {
		return err
	}
	switch {
	case a.indices():
		return r.loadCodes(a, c, from, to)
	case a.field.layout == arrowNothing:
		for i := range n {
			c.setNull(int(i))
			c.endText()
		}
		return nil
	case a.field.layout == arrowBinary:
		return r.loadBinary(a, c, from, to)
	case a.field.layout == arrowView:
		return r.loadViews(a, c, from, to)
	}
	return r.loadFixed(a, a.field, c, from, to)
}

func (r *arrowReader) loadNulls(a *arrowArray, c *Column, from, to int64) error {
	if a.valid.n == 0 {
		return nil
	}
	first := from / 8
	bits, err := r.read(a.valid, first, (to+7)/8-first)
	if err != nil {
		return err
	}
	for i := from; i < to; i++ {
		if bits[i/8-first]&(1<<(i&7)) == 0 {
			c.setNull(int(i - from))
		}
	}
	return nil
}

func (r *arrowReader) loadFixed(a *arrowArray, f *arrowField, c *Column, from, to int64) error {
	bits := int64(f.bits)
	first := from * bits / 8
	b, err := r.read(a.offsets, first, (to*bits+7)/8-first)
	if err != nil {
		return err
	}
	if f.typ.Kind == Bytes || f.typ.Kind == String {
		if err := r.spend(4 * int64(len(b))); err != nil {
			return err
		}
	}
	f.convert(c, b, int(from*bits%8), int(to-from))
	return nil
}

// ends reads n+1 offsets, which must ascend up to limit.
func (r *arrowReader) ends(a *arrowArray, from, n, limit int64) ([]int64, error) {
	offsets, err := r.numbers(a.offsets, a.field.wide, from, n+1)
	if err != nil {
		return nil, err
	}
	last := int64(0)
	for _, o := range offsets {
		if o < last || o > limit {
			return nil, fmt.Errorf("an offset is %d, after %d and of %d", o, last, limit)
		}
		last = o
	}
	return offsets, nil
}

func (r *arrowReader) numbers(b *arrowBuffer, wide bool, from, n int64) ([]int64, error) {
	width := int64(4)
	if wide {
		width = 8
	}
	raw, err := r.read(b, from*width, n*width)
	if err != nil {
		return nil, err
	}
	var c Column
	arrowInts(int(8*width), true)(&c, raw, 0, int(n))
	return c.Ints, nil
}

func (r *arrowReader) loadBinary(a *arrowArray, c *Column, from, to int64) error {
	if !a.data.open {
		if err := r.decompress(a.data); err != nil {
			return err
		}
	}
	ends, err := r.ends(a, from, to-from, a.data.n)
	if err != nil {
		return err
	}
	first, last := ends[0], ends[len(ends)-1]
	if err := r.spend(last - first); err != nil {
		return err
	}
	data, err := r.read(a.data, first, last-first)
	if err != nil {
		return err
	}
	c.Data = append(c.Data, data...)
	for _, end := range ends[1:] {
		c.Offsets = append(c.Offsets, uint32(end-first))
	}
	return nil
}

// loadViews reads values of up to 12 bytes in their place, and longer ones
// from a buffer and offset ("Variable-size Binary View Layout").
func (r *arrowReader) loadViews(a *arrowArray, c *Column, from, to int64) error {
	views, err := r.read(a.offsets, 16*from, 16*(to-from))
	if err != nil {
		return err
	}
	for i := 0; len(views) > 0; i++ {
		view := views[:16]
		views = views[16:]
		n := int64(int32(binary.LittleEndian.Uint32(view)))
		switch {
		case c.Null(i):
		case n >= 0 && n <= 12:
			c.Data = append(c.Data, view[4:4+n]...)
		default:
			k := int64(int32(binary.LittleEndian.Uint32(view[8:])))
			if n < 0 || k < 0 || k >= int64(len(a.variadic)) {
				return fmt.Errorf("a value of %d bytes is in buffer %d of %d", n, k, len(a.variadic))
			}
			if err := r.spend(n); err != nil {
				return err
			}
			data, err := r.peek(a.variadic[k], int64(int32(binary.LittleEndian.Uint32(view[12:]))), n)
			if err != nil {
				return err
			}
			c.Data = append(c.Data, data...)
		}
		c.endText()
	}
	return nil
}

// arrowDict is a dictionary as far as the messages up to here have it.
type arrowDict struct {
	field  *arrowField
	wanted bool
	values *Column // nil before the first message
	nulls  bitmap  // of the values: a Column's dictionary has none
}

func (r *arrowReader) loadCodes(a *arrowArray, c *Column, from, to int64) error {
	var raw Column
	if err := r.loadFixed(a, a.field.index, &raw, from, to); err != nil {
		return err
	}
	d := r.dicts[a.field.dict]
	if c.Dict = d.values; c.Dict == nil {
		c.Dict = &Column{Type: a.field.typ} // all rows may be null
	}
	n := uint64(c.Dict.length())
	for i, code := range raw.Ints {
		switch {
		case c.Null(i):
			code = 0
		case uint64(code) >= n:
			return fmt.Errorf("row %d of a record batch refers to value %d of a dictionary of %d", from+int64(i)+1, code, n)
		case d.nulls.get(int(code)):
			c.setNull(i)
		}
		c.Codes = append(c.Codes, uint32(code))
	}
	return nil
}

// addDictionary reads the values of a dictionary, or more of them. Columns
// that were handed out keep the values they had.
func (r *arrowReader) addDictionary(m *arrowMessage) error {
	d := r.dicts[m.id]
	switch {
	case d == nil:
		return fmt.Errorf("dictionary %d belongs to no column", m.id)
	case !d.wanted:
		return nil
	case d.values != nil && !m.isDelta && !r.stream:
		return fmt.Errorf("dictionary %d is replaced, which the file format does not allow", m.id)
	case m.isDelta && d.values == nil:
		return fmt.Errorf("dictionary %d is continued before it begins", m.id)
	}
	a, err := m.array(d.field, true)
	if err != nil {
		return err
	}
	if a.n != m.rows {
		return fmt.Errorf("dictionary %d has %d values where %d are claimed", m.id, a.n, m.rows)
	}
	r.held, r.budget = 0, maxColumnBytes
	more := &Column{Type: d.field.typ}
	if err := r.column(a, more, 0, a.n); err != nil {
		if errors.Is(err, errArrowWide) {
			err = fmt.Errorf("it has more than %d MiB", maxColumnBytes>>20)
		}
		return fmt.Errorf("dictionary %d: %w", m.id, err)
	}
	if d.values == nil || !m.isDelta {
		d.values, d.nulls = &Column{Type: d.field.typ}, nil
		d.values.truncate()
	}
	whole := *d.values
	n := whole.length()
	if err := whole.appendRange(more, 0, int(a.n)); err != nil || whole.length() > math.MaxInt32 {
		return fmt.Errorf("dictionary %d is too large: %w", m.id, err)
	}
	d.values = &whole
	if more.nullCount > 0 {
		for i := range int(a.n) {
			if more.Null(i) {
				d.nulls.set(n + i)
			}
		}
	}
	return nil
}
