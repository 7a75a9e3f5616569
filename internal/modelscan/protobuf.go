package modelscan

import (
	"bufio"
	"errors"
	"io"
)

// protoReader walks protobuf messages (protobuf.dev, "Encoding") in one pass:
// it is told of each field, and goes into it, keeps it or passes over it. Every
// byte is read once at most, and weights are skipped.
type protoReader struct {
	in    *bufio.Reader
	skip  io.Seeker // nil if the source cannot
	at    int64     // of the next byte
	depth int
}

const (
	maxProtoDepth = 64
	maxProtoText  = 64 << 10
)

var errProto = errors.New("not a protobuf message")

func newProto(in *input) *protoReader {
	r := in.reader()
	p := &protoReader{in: bufio.NewReaderSize(r, 1<<15)}
	p.skip, _ = r.(io.Seeker)
	return p
}

// protoField is one field. Exactly one of bytes, into and nothing is asked of
// it, if it has a length.
type protoField struct {
	p      *protoReader
	number uint64
	wire   int
	value  uint64 // of varints and fixed numbers; else the length
	at     int64
	used   bool
}

func (p *protoReader) varint(end int64) (uint64, error) {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		if p.at >= end {
			return 0, errProto
		}
		c, err := p.in.ReadByte()
		if err != nil {
			return 0, noEnd(err)
		}
		p.at++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v, nil
		}
	}
	return 0, errProto
}

func (p *protoReader) discard(n int64) error {
	if buffered := int64(p.in.Buffered()); p.skip != nil && n > buffered+1<<15 {
		if _, err := p.in.Discard(int(buffered)); err != nil {
			return err
		}
		if _, err := p.skip.Seek(n-buffered, io.SeekCurrent); err != nil {
			return err
		}
		p.in.Reset(p.in2())
		p.at += n
		return nil
	}
	for n > 0 {
		k, err := p.in.Discard(int(min(n, 1<<20)))
		p.at += int64(k)
		n -= int64(k)
		if err != nil {
			return noEnd(err)
		}
	}
	return nil
}

// in2 is the source behind the buffer.
func (p *protoReader) in2() io.Reader { return p.skip.(io.Reader) }

// message gives each field up to byte end to visit.
func (p *protoReader) message(end int64, visit func(f *protoField) error) error {
	if p.depth++; p.depth > maxProtoDepth {
		return errors.New("messages are within one another more than 64 times")
	}
	defer func() { p.depth-- }()
	for p.at < end {
		at := p.at
		tag, err := p.varint(end)
		if err != nil {
			return err
		}
		f := &protoField{p: p, number: tag >> 3, wire: int(tag & 7), at: at}
		if f.number == 0 {
			return errProto
		}
		switch f.wire {
		case 0:
			if f.value, err = p.varint(end); err != nil {
				return err
			}
		case 1, 5:
			n := int64(8)
			if f.wire == 5 {
				n = 4
			}
			if end-p.at < n {
				return errProto
			}
			if err := p.discard(n); err != nil {
				return err
			}
		case 2:
			if f.value, err = p.varint(end); err != nil {
				return err
			}
			if f.value > uint64(end-p.at) {
				return errProto
			}
		default:
			return errProto
		}
		if err := visit(f); err != nil {
			return err
		}
		if f.wire == 2 && !f.used {
			if err := p.discard(int64(f.value)); err != nil {
				return err
			}
		}
	}
	return nil
}

// into visits the fields of a message within.
func (f *protoField) into(visit func(f *protoField) error) error {
	if f.wire != 2 {
		return errProto
	}
	f.used = true
	return f.p.message(f.p.at+int64(f.value), visit)
}

// text keeps a string's first 64 KiB.
func (f *protoField) text() (string, error) {
	if f.wire != 2 {
		return "", errProto
	}
	f.used = true
	b := make([]byte, min(f.value, maxProtoText))
	if _, err := io.ReadFull(f.p.in, b); err != nil {
		return "", noEnd(err)
	}
	f.p.at += int64(len(b))
	return string(b), f.p.discard(int64(f.value) - int64(len(b)))
}

// sniffProtobuf tells ONNX models and SavedModels, which have no mark, by their
// fields: content is one of them only if it is a message from its first byte to
// its last.
func (s *scan) sniffProtobuf(in *input, head []byte) (kind, error) {
	if len(head) < 2 || in.r == nil && !protoName(in.name) {
		return unknown, nil
	}
	if field, wire := head[0]>>3, head[0]&7; !protoName(in.name) && (field == 0 || head[0] >= 0x80 || wire != 0 && wire != 2) {
		return unknown, nil
	}
	if in.r == nil {
		if ok, err := s.random(in); !ok || err != nil {
			return unknown, err
		}
	}
	if in.name == "keras_metadata.pb" {
		return isKerasMeta, nil
	}
	var seen [32]int
	fields := 0
	p := newProto(in)
	err := p.message(in.size, func(f *protoField) error {
		if fields++; fields > 1<<22 {
			return errProto
		}
		if f.number < uint64(len(seen)) { // others may come with new versions
			seen[f.number]++
		}
		return nil
	})
	if err != nil {
		if s.ours(err) {
			return unknown, err
		}
		if !protoName(in.name) {
			return unknown, nil
		}
	}
	switch {
	case seen[7] > 0 && (seen[8] > 0 || seen[1] > 0): // graph; opset_import or ir_version
		return isONNX, nil
	case seen[2] > 0 && in.name == "saved_model.pb", seen[1] == 1 && seen[2] > 0 && seen[7] == 0 && seen[8] == 0 && ext(in.name) == ".pb":
		return isSaved, nil
	case ext(in.name) == ".onnx" && err != nil:
		return isONNX, nil // damaged: what can be seen is looked at
	}
	return unknown, nil
}

func protoName(name string) bool { return ext(name) == ".onnx" || ext(name) == ".pb" }
