package table

import "encoding/binary"

// Arrow's metadata are FlatBuffers (https://flatbuffers.dev/internals/): a
// table points back to a list of where its fields stand, so that whoever knows
// the fields' numbers reads them in place. flat does so with every position
// checked. After a failure all it reads is zero.
type flat struct {
	data   []byte
	tables int // still to be followed; positions may be shared, so that few bytes could make a large tree
	failed bool
}

const maxFlatTables = 1 << 20

// flatTable is a table of a flat; the zero value has no fields.
type flatTable struct {
	*flat
	at, fields, size int // where it begins; where its list of fields begins, and how long that is
}

// root returns the table that the whole of data is.
func flatRoot(data []byte) flatTable {
	f := &flat{data: data, tables: maxFlatTables}
	return f.table(0)
}

// bytes returns n bytes at a position.
func (f *flat) bytes(at, n int) []byte {
	if f.failed || at < 0 || n < 0 || at > len(f.data)-n {
		f.failed = true
		return make([]byte, min(max(n, 0), 8))
	}
	return f.data[at : at+n]
}

func (f *flat) u16(at int) int { return int(binary.LittleEndian.Uint16(f.bytes(at, 2))) }
func (f *flat) u32(at int) int { return int(binary.LittleEndian.Uint32(f.bytes(at, 4))) }
func (f *flat) i32(at int) int { return int(int32(binary.LittleEndian.Uint32(f.bytes(at, 4)))) }
func (f *flat) i64(at int) int64 {
	return int64(binary.LittleEndian.Uint64(f.bytes(at, 8)))
}

// table follows the offset that stands at a position.
func (f *flat) table(at int) flatTable {
	if f.tables--; f.tables < 0 {
		f.failed = true
	}
	t := flatTable{flat: f, at: at + f.u32(at)}
	t.fields = t.at - f.i32(t.at)
	t.size = f.u16(t.fields)
	return t
}

// field returns where field i stands, 0 when the table leaves it out.
func (t flatTable) field(i int) int {
	if t.flat == nil || 4+2*i+2 > t.size {
		return 0
	}
	offset := t.u16(t.fields + 4 + 2*i)
	if offset == 0 {
		return 0
	}
	return t.at + offset
}

func (t flatTable) byte(i int) byte {
	if at := t.field(i); at != 0 {
		return t.bytes(at, 1)[0]
	}
	return 0
}

func (t flatTable) int16(i, missing int) int {
	if at := t.field(i); at != 0 {
		return int(int16(t.u16(at)))
	}
	return missing
}

func (t flatTable) int32(i, missing int) int {
	if at := t.field(i); at != 0 {
		return t.i32(at)
	}
	return missing
}

func (t flatTable) int64(i int) int64 {
	if at := t.field(i); at != 0 {
		return t.i64(at)
	}
	return 0
}

// child returns a table within the table; ok is false when it is left out.
func (t flatTable) child(i int) (child flatTable, ok bool) {
	if at := t.field(i); at != 0 {
		return t.table(at), true
	}
	return flatTable{}, false
}

// vector returns where a vector's elements begin, and how many there are of
// so many bytes each.
func (t flatTable) vector(i, size int) (at, n int) {
	if at = t.field(i); at == 0 {
		return 0, 0
	}
	at += t.u32(at)
	n = t.u32(at)
	at += 4
	if t.failed || n > (len(t.data)-at)/size {
		t.failed = true
		return 0, 0
	}
	return at, n
}

// string returns a name; what is longer than any is cut, but remains too long.
func (t flatTable) string(i int) string {
	at, n := t.vector(i, 1)
	return string(t.bytes(at, min(n, maxName+1)))
}
