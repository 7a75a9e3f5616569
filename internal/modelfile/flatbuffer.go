package modelfile

import (
	"context"
	"encoding/binary"
	"io"
)

// A reader of FlatBuffers (flatbuffers.dev, "FlatBuffer Internals") where they
// stand in a file. Nothing is verified beforehand: every offset is, when it is
// followed. Fields are numbered by their order in the schema. What is missing
// is zero, and so is everything below it.

type flatBuffer struct {
	*cursor
	start int64 // of the buffer in the file
	kept  int   // bytes of texts
}

// fbTable is a table and its vtable; the zero value has no fields.
type fbTable struct {
	at, vtable int64
	fields     int
}

// fbVector is n elements from at on.
type fbVector struct{ at, n int64 }

// maxFlatText is how many bytes of texts are kept.
const maxFlatText = 32 << 20

func newFlatBuffer(ctx context.Context, r io.ReaderAt, start, end int64, rule, hint string, steps int) *flatBuffer {
	return &flatBuffer{cursor: newCursor(ctx, r, end, binary.LittleEndian, rule, hint, steps), start: start}
}

func (b *flatBuffer) root() fbTable { return b.table(b.start + int64(b.numberAt(b.start, 4))) }

func (b *flatBuffer) table(at int64) fbTable {
	vtable := at - int64(int32(b.numberAt(at, 4)))
	if b.err == nil && (vtable < b.start || at <= b.start) {
		b.fail(max(0, at), "a table's fields stand before the beginning")
	}
	n := b.numberAt(vtable, 2)
	if b.err == nil && (n < 4 || n%2 != 0) {
		b.fail(vtable, "a table of %d bytes of fields", n)
	}
	if b.err != nil {
		return fbTable{}
	}
	return fbTable{at, vtable, int(n-4) / 2}
}

// field is where a field stands, 0 when it is not there.
func (b *flatBuffer) field(t fbTable, id int) int64 {
	if id >= t.fields || b.err != nil {
		return 0
	}
	offset := int64(b.numberAt(t.vtable+4+2*int64(id), 2))
	if offset == 0 {
		return 0
	}
	return t.at + offset
}

// number reads one of so many bytes; its sign is the caller's.
func (b *flatBuffer) number(t fbTable, id, bytes int) uint64 {
	if at := b.field(t, id); at > 0 {
		return b.numberAt(at, bytes)
	}
	return 0
}

// follow goes where the offset at at points.
func (b *flatBuffer) follow(at int64) int64 { return at + int64(b.numberAt(at, 4)) }

func (b *flatBuffer) sub(t fbTable, id int) fbTable {
	if at := b.field(t, id); at > 0 {
		return b.table(b.follow(at))
	}
	return fbTable{}
}

// vector reads one whose elements have so many bytes.
func (b *flatBuffer) vector(t fbTable, id int, bytes int64) fbVector {
	at := b.field(t, id)
	if at == 0 {
		return fbVector{}
	}
	at = b.follow(at)
	n := int64(b.numberAt(at, 4))
	if !b.holds(at+4, n*bytes) {
		return fbVector{}
	}
	return fbVector{at + 4, n}
}

// tableAt is an element of a vector of tables.
func (b *flatBuffer) tableAt(v fbVector, i int64) fbTable {
	if i >= v.n || b.err != nil {
		return fbTable{}
	}
	return b.table(b.follow(v.at + 4*i))
}

func (b *flatBuffer) text(t fbTable, id int) string {
	v := b.vector(t, id, 1)
	n := min(v.n, maxShown)
	if b.kept += int(n); b.kept > maxFlatText {
		b.fail(v.at, "names and texts of more than %d bytes", maxFlatText)
	}
	return clipText(string(b.pieceAt(v.at, n)))
}
