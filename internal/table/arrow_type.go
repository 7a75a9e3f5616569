package table

import (
	"errors"
	"fmt"
	"math"
	"reflect"
)

// arrowLayout is how the buffers of an array are arranged ("Physical Memory
// Layout" of the Arrow columnar format).
type arrowLayout uint8

const (
	arrowNothing   arrowLayout = iota // null: no buffers
	arrowFixed                        // validity, values
	arrowBinary                       // validity, offsets, data
	arrowView                         // validity, views, any number of data
	arrowList                         // validity, offsets; one child
	arrowListView                     // validity, offsets, sizes; one child
	arrowFixedList                    // validity; one child
	arrowStruct                       // validity; children
)

// arrowField is a column of a schema, or a part of one.
type arrowField struct {
	name     string
	typ      Type // of its values, whether they stand in a dictionary or not
	layout   arrowLayout
	bits     int  // arrowFixed: of a value
	wide     bool // offsets have 64 bits
	size     int  // arrowFixedList: elements
	asMap    bool // a list of keys and values, to be written as an object
	convert  arrowConverter
	children []*arrowField

	indexed bool // the array has indices into the dictionary with this id
	dict    int64
	index   *arrowField // of what type they are
}

const (
	maxArrowDepth = 64
	secondsUnit   = Unit(1e9) // the one that Parquet does not have

	arrowNull, arrowInt, arrowFloat, arrowBytes, arrowUtf8, arrowBool, arrowDecimal          = 1, 2, 3, 4, 5, 6, 7
	arrowDate, arrowTime, arrowTimestamp, arrowInterval, arrowListType, arrowStructType      = 8, 9, 10, 11, 12, 13
	arrowUnion, arrowFixedBytes, arrowFixedListType, arrowMap, arrowDuration, arrowLargeByte = 14, 15, 16, 17, 18, 19
	arrowLargeUtf8, arrowLargeList, arrowRunEnd, arrowByteView, arrowUtf8View                = 20, 21, 22, 23, 24
	arrowListViewType, arrowLargeListView                                                    = 25, 26
)

var errArrowMetadata = errors.New("the Arrow metadata are damaged")

// arrowSchema reads a Schema (format/Schema.fbs).
func arrowSchema(s flatTable) ([]*arrowField, error) {
	if s.int16(0, 0) != 0 {
		return nil, errors.New("the Arrow file is big-endian, which is not supported; write it on a little-endian machine")
	}
	at, n := s.vector(1, 4)
	if n > MaxColumns {
		return nil, fmt.Errorf("has %d columns, at most %d can be read", n, MaxColumns)
	}
	fields, left := make([]*arrowField, 0, n), maxSchema
	for i := range n {
		f, err := newArrowField(s.table(at+4*i), &left, maxArrowDepth)
		switch {
		case s.failed:
			return nil, errArrowMetadata
		case err != nil:
			return nil, fmt.Errorf("column %q: %w", clip(f.name), err)
		}
		fields = append(fields, f)
	}
	if s.failed {
		return nil, errArrowMetadata
	}
	return fields, nil
}

func newArrowField(t flatTable, left *int, depth int) (*arrowField, error) {
	f := &arrowField{name: t.string(0)}
	// Fields may share a name's bytes, or all of theirs.
	if *left -= 1 + len(f.name)/32; *left < 0 {
		return f, fmt.Errorf("the schema has more than %d columns and parts of them, or too long names", maxSchema)
	}
	if depth == 0 {
		return f, fmt.Errorf("it is more than %d levels deep", maxArrowDepth)
	}
	at, n := t.vector(5, 4)
	for i := range n {
		c, err := newArrowField(t.table(at+4*i), left, depth-1)
		if err != nil || t.failed {
			return f, err
		}
		f.children = append(f.children, c)
	}
	kind := t.byte(2)
	typ, _ := t.child(3)
	if err := f.setType(kind, typ); err != nil {
		return f, err
	}
	if len(f.children) != f.wantChildren() {
		return f, fmt.Errorf("a type with %d parts has %d", f.wantChildren(), len(f.children))
	}
	if f.bits == 128 && f.typ.Kind == Bytes && f.extension(t) == "arrow.uuid" {
		f.typ, f.convert = Type{Kind: String}, arrowUUIDs
	}
	if d, ok := t.child(4); ok {
		return f, f.setDictionary(d)
	}
	return f, nil
}

func (f *arrowField) wantChildren() int {
	switch f.layout {
	case arrowList, arrowListView, arrowFixedList:
		return 1
	case arrowStruct:
		return len(f.children)
	}
	return 0
}

// extension returns the name of an extension type, "" for the others.
func (f *arrowField) extension(t flatTable) string {
	at, n := t.vector(6, 4)
	for i := 0; i < n && !t.failed; i++ {
		if kv := t.table(at + 4*i); kv.string(0) == "ARROW:extension:name" {
			return kv.string(1)
		}
	}
	return ""
}

func (f *arrowField) setDictionary(d flatTable) error {
	f.indexed, f.dict = true, d.int64(0)
	f.index = &arrowField{typ: Type{Kind: Int, Bits: 32}, layout: arrowFixed, bits: 32, convert: arrowInts(32, true)}
	if i, ok := d.child(1); ok {
		return f.index.setType(arrowInt, i)
	}
	return nil
}

// setType reads a Type, whose fields depend on its kind.
func (f *arrowField) setType(kind byte, t flatTable) error {
	fixed := func(typ Type, bits int, convert arrowConverter) error {
		f.typ, f.layout, f.bits, f.convert = typ, arrowFixed, bits, convert
		return nil
	}
	shaped := func(kind Kind, layout arrowLayout, wide bool) error {
		f.typ, f.layout, f.wide = Type{Kind: kind}, layout, wide
		return nil
	}
	switch kind {
	case arrowNull:
		f.layout = arrowNothing // Untyped: nobody has said
		return nil
	case arrowBool:
		return fixed(Type{Kind: Bool}, 1, arrowBools)
	case arrowInt:
		bits, signed := t.int32(0, 0), t.byte(1) != 0
		if bits != 8 && bits != 16 && bits != 32 && bits != 64 {
			return fmt.Errorf("an integer has %d bits", bits)
		}
		kind := Uint
		if signed {
			kind = Int
		}
		return fixed(Type{Kind: kind, Bits: bits}, bits, arrowInts(bits, signed))
	case arrowFloat:
		if p := t.int16(0, 0); p >= 0 && p <= 2 {
			return fixed(Type{Kind: Float, Bits: 16 << p}, 16<<p, arrowFloats(16<<p))
		}
		return errArrowMetadata
	case arrowDecimal:
		return f.setDecimal(t)
	case arrowDate:
		if t.int16(0, 1) == 0 {
			return fixed(Type{Kind: Date}, 32, arrowInts(32, true))
		}
		return fixed(Type{Kind: Date}, 64, arrowDate64)
	case arrowTime, arrowTimestamp, arrowDuration:
		return f.setTime(kind, t)
	case arrowFixedBytes:
		n := t.int32(0, 0)
		if n < 1 || n > MaxRecord {
			return fmt.Errorf("values of a fixed size have %d bytes", n)
		}
		return fixed(Type{Kind: Bytes}, 8*n, arrowFixedSize(n))
	case arrowUtf8, arrowLargeUtf8:
		return shaped(String, arrowBinary, kind == arrowLargeUtf8)
	case arrowBytes, arrowLargeByte:
		return shaped(Bytes, arrowBinary, kind == arrowLargeByte)
	case arrowUtf8View:
		return shaped(String, arrowView, false)
	case arrowByteView:
		return shaped(Bytes, arrowView, false)
	case arrowListType, arrowLargeList:
		return shaped(List, arrowList, kind == arrowLargeList)
	case arrowListViewType, arrowLargeListView:
		return shaped(List, arrowListView, kind == arrowLargeListView)
	case arrowFixedListType:
		if f.size = t.int32(0, 0); f.size < 0 {
			return fmt.Errorf("a list has %d elements", f.size)
		}
		return shaped(List, arrowFixedList, false)
	case arrowStructType:
		return shaped(Struct, arrowStruct, false)
	case arrowMap:
		if len(f.children) != 1 || f.children[0].layout != arrowStruct || len(f.children[0].children) != 2 {
			return errors.New("a map has no keys and values")
		}
		key := f.children[0].children[0]
		f.asMap = key.typ.Kind != List && key.typ.Kind != Struct
		return shaped(Struct, arrowList, false)
	case arrowUnion:
		return errors.New("it is a union, which is not supported; give each type a column of its own")
	case arrowInterval:
		return errors.New("it is a calendar interval, which is not supported; write it as a number or a duration")
	case arrowRunEnd:
		return errors.New("it is run-end encoded, which is not supported; write it plain or with a dictionary")
	}
	return fmt.Errorf("its type has the number %d, which is not known", kind)
}

func (f *arrowField) setDecimal(t flatTable) error {
	scale, bits := t.int32(1, 0), t.int32(2, 128)
	if scale < -1000 || scale > 1000 {
		return fmt.Errorf("a decimal has scale %d", scale)
	}
	switch bits {
	case 32, 64, 128, 256:
	default:
		return fmt.Errorf("a decimal has %d bits", bits)
	}
	f.typ = Type{Kind: Decimal, Scale: max(scale, 0)}
	f.layout, f.bits, f.convert = arrowFixed, bits, arrowDecimals(bits/8, scale)
	return nil
}

// setTime reads times and durations. A duration is the whole number of its
// unit: a column has no kind of its own for it.
func (f *arrowField) setTime(kind byte, t flatTable) error {
	missing := 1 // milliseconds
	if kind == arrowTimestamp {
		missing = 0
	}
	u := t.int16(0, missing)
	if u < 0 || u > 3 {
		return errArrowMetadata
	}
	unit, bits := [...]Unit{secondsUnit, Milli, Micro, Nano}[u], 64
	switch kind {
	case arrowTime:
		f.typ = Type{Kind: Time, Unit: unit}
		if bits = t.int32(1, 32); bits != 32 && bits != 64 {
			return fmt.Errorf("a time has %d bits", bits)
		}
	case arrowTimestamp:
		f.typ = Type{Kind: Timestamp, Unit: unit, UTC: t.string(1) != ""}
	default:
		f.typ = Type{Kind: Int, Bits: 64}
	}
	f.layout, f.bits, f.convert = arrowFixed, bits, arrowInts(bits, true)
	return nil
}

// flat tells whether the column's values stand in a Column as they are.
func (f *arrowField) flat() bool { return f.layout < arrowList }

// sameType compares all but the name.
func (f *arrowField) sameType(g *arrowField) bool {
	if len(f.children) != len(g.children) || f.typ != g.typ || f.layout != g.layout || f.bits != g.bits || f.wide != g.wide || f.size != g.size || f.asMap != g.asMap {
		return false
	}
	for i := range f.children {
		a, b := f.children[i], g.children[i]
		if a.name != b.name || a.indexed != b.indexed || a.dict != b.dict || !reflect.DeepEqual(indexType(a), indexType(b)) || !a.sameType(b) {
			return false
		}
	}
	return true
}

func indexType(f *arrowField) Type {
	if f.index == nil {
		return Type{}
	}
	return f.index.typ
}

// arrowBlock is where a message of the file stands, as the footer has it.
type arrowBlock struct{ offset, metadata, body int64 }

// arrowFooter reads a Footer (format/File.fbs).
func arrowFooter(data []byte, size int64) (fields []*arrowField, dicts, batches []arrowBlock, err error) {
	t := flatRoot(data)
	schema, ok := t.child(1)
	if !ok {
		return nil, nil, nil, errArrowMetadata
	}
	if fields, err = arrowSchema(schema); err != nil {
		return nil, nil, nil, err
	}
	blocks := func(field int) []arrowBlock {
		at, n := t.vector(field, 24)
		out := make([]arrowBlock, 0, n)
		for i := range n {
			b := arrowBlock{t.i64(at + 24*i), int64(t.i32(at + 24*i + 8)), t.i64(at + 24*i + 16)}
			if b.offset < 0 || b.metadata < 0 || b.body < 0 || b.offset > size || b.metadata > size-b.offset || b.body > size-b.offset-b.metadata {
				err = fmt.Errorf("the footer puts a message at byte %d, outside the file", b.offset)
				return nil
			}
			out = append(out, b)
		}
		return out
	}
	dicts, batches = blocks(2), blocks(3)
	if t.failed {
		err = errArrowMetadata
	}
	return fields, dicts, batches, err
}

// arrowMessage is a Message (format/Message.fbs) with the place of its body.
type arrowMessage struct {
	kind       byte // arrowSchemaMessage, …
	schema     flatTable
	body, size int64 // in the file

	id      int64 // of a dictionary
	isDelta bool

	rows     int64
	nodes    []int64 // lengths
	buffers  []arrowBuffer
	variadic []int64
}

const (
	arrowSchemaMessage, arrowDictionary, arrowBatch = 1, 2, 3

	// No codec makes more of a byte: a block of Zstandard repeats one 2^17
	// times in four bytes, LZ4 adds 255 for each byte of a length.
	maxZstdRatio = 1 << 15
	maxLZ4Ratio  = 255
)

// readArrowMessage takes the metadata of a message apart.
func readArrowMessage(data []byte, body int64) (*arrowMessage, error) {
	t := flatRoot(data)
	m := &arrowMessage{kind: t.byte(1), body: body, size: t.int64(3)}
	head, ok := t.child(2)
	if t.failed || !ok || m.size < 0 {
		return nil, errArrowMetadata
	}
	batch := head
	switch m.kind {
	case arrowSchemaMessage:
		m.schema = head
		return m, nil
	case arrowDictionary:
		m.id, m.isDelta = head.int64(0), head.byte(2) != 0
		if batch, ok = head.child(1); !ok {
			return nil, errArrowMetadata
		}
	case arrowBatch:
	default:
		return nil, fmt.Errorf("a message of kind %d is neither a schema nor rows", m.kind)
	}
	if err := m.readBatch(batch); err != nil {
		return nil, err
	}
	if t.failed {
		return nil, errArrowMetadata
	}
	return m, nil
}

// readBatch reads a RecordBatch.
func (m *arrowMessage) readBatch(t flatTable) error {
	codec, ratio := arrowPlain, int64(1)
	if c, ok := t.child(3); ok {
		switch codec = int8(c.byte(0)); codec {
		case arrowLZ4:
			ratio = maxLZ4Ratio
		case arrowZstd:
			ratio = maxZstdRatio
		default:
			return fmt.Errorf("it is compressed with codec %d, which is not known", codec)
		}
	}
	m.rows = t.int64(0)
	// A column without values takes no bytes, but nobody has a billion of them.
	if m.rows < 0 || m.rows > 1<<24 && m.rows/8/ratio > m.size || m.rows > math.MaxInt32*16 {
		return fmt.Errorf("a record batch claims %d rows in %d bytes", m.rows, m.size)
	}
	at, n := t.vector(1, 16)
	for i := range n {
		length := t.i64(at + 16*i)
		if length < 0 {
			return errArrowMetadata
		}
		m.nodes = append(m.nodes, length)
	}
	at, n = t.vector(2, 16)
	for i := range n {
		b := arrowBuffer{at: t.i64(at + 16*i), n: t.i64(at + 16*i + 8), codec: codec}
		if b.at < 0 || b.n < 0 || b.n > m.size || b.at > m.size-b.n {
			return fmt.Errorf("a buffer claims bytes from %d on of a body of %d", b.at, m.size)
		}
		b.at += m.body
		m.buffers = append(m.buffers, b)
	}
	at, n = t.vector(4, 8)
	for i := range n {
		m.variadic = append(m.variadic, t.i64(at+8*i))
	}
	return nil
}
