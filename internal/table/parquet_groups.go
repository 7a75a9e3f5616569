package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxGroupsFooter bounds what RowGroupEnds reads into memory: the footer of
// some ten thousand column chunks has a megabyte.
const maxGroupsFooter = 64 << 20

// RowGroupEnds returns where the row groups of a Parquet file end, ascending;
// the last end is size, that of the footer and whatever else follows the last
// row group. The content decides what is a Parquet file, and no page is read.
func RowGroupEnds(r io.ReaderAt, size int64) ([]int64, error) {
	if err := checkFooter(r, size); err != nil {
		return nil, err
	}
	footer, err := readFooter(r, size, maxGroupsFooter)
	if err != nil {
		return nil, err
	}
	length := int64(len(footer))
	groups, err := groupSpans(footer)
	if err != nil {
		return nil, err
	}
	ends, at := make([]int64, 0, len(groups)+1), int64(0)
	for i, g := range groups {
		switch {
		case g.end <= g.start:
			continue // without columns or bytes
		case g.start < max(at, 4) || g.end > size-8-length:
			return nil, fmt.Errorf("row group %d claims the bytes from %d to %d, in disorder or outside the data", i, g.start, g.end)
		}
		at = g.end
		ends = append(ends, at)
	}
	return append(ends, size), nil
}

// readFooter returns the footer of a file that checkFooter has passed.
func readFooter(r io.ReaderAt, size, limit int64) ([]byte, error) {
	var tail [4]byte
	if _, err := r.ReadAt(tail[:], size-8); err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(tail[:]))
	if length > size-12 || length > limit {
		return nil, fmt.Errorf("the Parquet footer has %d bytes, at most %d are read", length, min(limit, size-12))
	}
	footer := make([]byte, length)
	_, err := r.ReadAt(footer, size-8-length)
	return footer, err
}

// span is a range of bytes of the file.
type span struct{ start, end int64 }

// groupSpans reads the footer's row groups, and nothing else of it, without
// allocating what it claims and without recursion that it could drive:
// parquet-go's decoder does both.
func groupSpans(footer []byte) ([]span, error) {
	var groups []span
	t := thriftReader{data: footer}
	t.field(4, thriftList, func() { // FileMetaData.row_groups
		t.list(func() {
			group := span{}
			t.field(1, thriftList, func() { // RowGroup.columns
				t.list(func() {
					t.field(3, thriftStruct, func() { // ColumnChunk.meta_data
						group.include(t.columnSpan())
					})
				})
			})
			groups = append(groups, group)
		})
	})
	if t.failed {
		return nil, errDamagedFooter
	}
	return groups, nil
}

func (s *span) include(c span) {
	if s.end == 0 {
		*s = c
		return
	}
	s.start, s.end = min(s.start, c.start), max(s.end, c.end)
}

// columnSpan reads a ColumnMetaData.
func (t *thriftReader) columnSpan() span {
	var size, data, dictionary int64
	t.eachField(func(id int64, kind byte) bool {
		switch {
		case kind != thriftI64:
			return false
		case id == 7: // total_compressed_size
			size = t.varint()
		case id == 9: // data_page_offset
			data = t.varint()
		case id == 11: // dictionary_page_offset
			dictionary = t.varint()
		default:
			return false
		}
		return true
	})
	if dictionary > 0 && dictionary < data {
		data = dictionary
	}
	if data < 0 || size < 0 || data+size < data {
		t.failed = true
	}
	return span{data, data + size}
}

// Types of Thrift's compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
	thriftUUID   = 13
)

var errDamagedFooter = errors.New("the Parquet footer is damaged")

// maxThriftDepth is far deeper than Parquet nests its metadata.
const maxThriftDepth = 32

// thriftReader reads Thrift's compact protocol in place. After a failure all it
// reads is zero.
type thriftReader struct {
	data   []byte // what is left
	failed bool
}

// field reads a struct and calls read for its field with this id and kind.
func (t *thriftReader) field(id int64, kind byte, read func()) {
	t.eachField(func(gotID int64, gotKind byte) bool {
		if gotID != id || gotKind != kind {
			return false
		}
		read()
		return true
	})
}

// eachField reads a struct and calls each for every field. Those that it does
// not read, and says so, are skipped.
func (t *thriftReader) eachField(each func(id int64, kind byte) bool) {
	id := int64(0)
	for !t.failed {
		head := t.byte()
		if head == 0 {
			return
		}
		if delta := int64(head >> 4); delta != 0 {
			id += delta
		} else {
			id = t.varint()
		}
		if t.failed || id != int64(int16(id)) {
			t.failed = true
			return
		}
		if kind := head & 15; !each(id, kind) {
			t.skip(kind, false, maxThriftDepth)
		}
	}
}

// list reads a list of structs and calls each to read one.
func (t *thriftReader) list(each func()) {
	n, kind := t.listHead()
	if n > 0 && kind != thriftStruct {
		t.failed = true
	}
	for i := uint64(0); i < n && !t.failed; i++ {
		each()
	}
}

func (t *thriftReader) listHead() (n uint64, kind byte) {
	head := t.byte()
	if n = uint64(head >> 4); n == 15 {
		n = t.uvarint()
	}
	if n > uint64(len(t.data)) { // every element takes a byte at least
		t.failed = true
		return 0, 0
	}
	return n, head & 15
}

// skip passes over a value. A truth value takes a byte as an element only.
func (t *thriftReader) skip(kind byte, element bool, depth int) {
	if depth == 0 {
		t.failed = true
	}
	if t.failed {
		return
	}
	switch kind {
	case thriftTrue, thriftFalse:
		if element {
			t.take(1)
		}
	case thriftByte:
		t.take(1)
	case thriftI16, thriftI32, thriftI64:
		t.uvarint()
	case thriftDouble:
		t.take(8)
	case thriftBinary:
		t.take(t.uvarint())
	case thriftUUID:
		t.take(16)
	case thriftList, thriftSet:
		n, kind := t.listHead()
		for i := uint64(0); i < n && !t.failed; i++ {
			t.skip(kind, true, depth-1)
		}
	case thriftMap:
		n := t.uvarint()
		if n == 0 {
			return
		}
		if n > uint64(len(t.data))/2 {
			t.failed = true
		}
		kinds := t.byte()
		for i := uint64(0); i < n && !t.failed; i++ {
			t.skip(kinds>>4, true, depth-1)
			t.skip(kinds&15, true, depth-1)
		}
	case thriftStruct:
		for !t.failed {
			head := t.byte()
			if head == 0 {
				return
			}
			if head>>4 == 0 {
				t.uvarint()
			}
			t.skip(head&15, false, depth-1)
		}
	default:
		t.failed = true
	}
}

func (t *thriftReader) byte() byte {
	if len(t.data) == 0 {
		t.failed = true
		return 0
	}
	b := t.data[0]
	t.data = t.data[1:]
	return b
}

func (t *thriftReader) uvarint() uint64 {
	v, n := binary.Uvarint(t.data)
	if n <= 0 {
		t.failed = true
		return 0
	}
	t.data = t.data[n:]
	return v
}

// varint reads a number in zigzag form.
func (t *thriftReader) varint() int64 {
	v := t.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (t *thriftReader) take(n uint64) {
	if n > uint64(len(t.data)) {
		t.failed = true
		return
	}
	t.data = t.data[n:]
}
