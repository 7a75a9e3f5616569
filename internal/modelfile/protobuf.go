package modelfile

import (
	"context"
	"encoding/binary"
	"io"
)

// A reader of the protobuf wire format (protobuf.dev, "Encoding") that walks
// a message where it stands in the file: fields are shown with their place,
// and what nobody asks for is passed over without being read. Weights inside
// a message are never touched.

// protoWindow is how much is read at once. Messages of a model's graph are
// small, so that most of them stand in one window.
const protoWindow = 16 << 10

// maxProtoText is the longest text that is kept.
const maxProtoText = 64 << 10

// Wire types.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// protoReader reads anywhere in a file.
type protoReader struct {
	ctx    context.Context
	r      io.ReaderAt
	size   int64
	window []byte
	from   int64 // of the window in the file
	reads  int
	kept   int // bytes of texts
	limit  int // of kept
	broken func(at int64, reason string, args ...any) error
}

// protoField is one field. number is the value of varints and fixed ones;
// those of bytes stand from start to end.
type protoField struct {
	id         int
	wire       byte
	number     uint64
	at         int64 // of the tag
	start, end int64
}

// message calls each for every field between start and end.
func (p *protoReader) message(start, end int64, each func(f protoField) error) error {
	for at := start; at < end; {
		f, err := p.field(at, end)
		if err != nil {
			return err
		}
		if err := each(f); err != nil {
			return err
		}
		at = f.end
	}
	return nil
}

// field reads the one at at, in a message that ends at end.
func (p *protoReader) field(at, end int64) (f protoField, err error) {
	tag, next, err := p.varint(at, end)
	if err != nil {
		return f, err
	}
	if tag>>3 == 0 || tag>>3 >= 1<<29 {
		return f, p.broken(at, "a field has the number %d", tag>>3)
	}
	f = protoField{id: int(tag >> 3), wire: byte(tag & 7), at: at, start: next}
	switch f.wire {
	case wireVarint:
		f.number, f.end, err = p.varint(next, end)
		return f, err
	case wireBytes:
		n, start, err := p.varint(next, end)
		if err != nil {
			return f, err
		}
		if n > uint64(end-start) {
			return f, p.broken(at, "field %d claims %s where %d are left", f.id, countBytes(n), end-start)
		}
		f.start, f.end = start, start+int64(n)
		return f, nil
	case wireFixed64, wireFixed32:
		n := int64(8)
		if f.wire == wireFixed32 {
			n = 4
		}
		if n > end-next {
			return f, p.broken(at, "field %d ends after the message does", f.id)
		}
		f.end = next + n
		var b [8]byte
		err := p.read(b[:n], next)
		f.number = binary.LittleEndian.Uint64(b[:])
		return f, err
	}
	// Groups (3, 4) are of proto1; no model has them.
	return f, p.broken(at, "field %d is of the unknown wire type %d", f.id, f.wire)
}

// varint reads a number of at most ten bytes, and returns where it ends.
func (p *protoReader) varint(at, end int64) (v uint64, next int64, err error) {
	for i := range 10 {
		if at+int64(i) >= end {
			return 0, 0, p.broken(at, "a number ends after its message does")
		}
		b, err := p.byteAt(at + int64(i))
		if err != nil {
			return 0, 0, err
		}
		if i == 9 && b > 1 {
			break
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return v, at + int64(i) + 1, nil
		}
	}
	return 0, 0, p.broken(at, "a number is longer than 64 bits")
}

// text reads the bytes of f.
func (p *protoReader) text(f protoField) (string, error) {
	if f.wire != wireBytes {
		return "", p.broken(f.at, "field %d is not text", f.id)
	}
	n := f.end - f.start
	if n > maxProtoText {
		n = maxProtoText
	}
	b := make([]byte, n)
	if err := p.read(b, f.start); err != nil {
		return "", err
	}
	s := clipText(string(b))
	if p.kept += len(s); p.kept > p.limit {
		return "", p.broken(f.at, "names and texts of more than %s", countBytes(uint64(p.limit)))
	}
	return s, nil
}

// numbers calls each for the values of a repeated varint, packed or not.
func (p *protoReader) numbers(f protoField, each func(v uint64) error) error {
	switch f.wire {
	case wireVarint:
		return each(f.number)
	case wireBytes:
		for at := f.start; at < f.end; {
			v, next, err := p.varint(at, f.end)
			if err != nil {
				return err
			}
			if err := each(v); err != nil {
				return err
			}
			at = next
		}
		return nil
	}
	return p.broken(f.at, "field %d is not a number", f.id)
}

func (p *protoReader) byteAt(at int64) (byte, error) {
	if at < p.from || at >= p.from+int64(len(p.window)) {
		if err := p.fill(at); err != nil {
			return 0, err
		}
	}
	return p.window[at-p.from], nil
}

func (p *protoReader) fill(at int64) error {
	if p.reads++; p.reads%256 == 0 && p.ctx.Err() != nil {
		return p.ctx.Err()
	}
	if p.window == nil {
		p.window = make([]byte, 0, protoWindow)
	}
	n := min(int64(protoWindow), p.size-at)
	p.window, p.from = p.window[:n], at
	got, err := p.r.ReadAt(p.window, at)
	p.window = p.window[:got]
	if int64(got) == n {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	p.window = p.window[:0]
	return err
}

func (p *protoReader) read(b []byte, at int64) error {
	for len(b) > 0 {
		if _, err := p.byteAt(at); err != nil {
			return err
		}
		n := copy(b, p.window[at-p.from:])
		b, at = b[n:], at+int64(n)
	}
	return nil
}

// asMessage refuses a field that cannot hold a message.
func (p *protoReader) asMessage(f protoField, each func(f protoField) error) error {
	if f.wire != wireBytes {
		return p.broken(f.at, "field %d is not a message", f.id)
	}
	return p.message(f.start, f.end, each)
}
