package modelcheck

import (
	"context"
	"encoding/binary"
	"io"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

// maxPiece is how much of a tensor one worker reads at once: with maxReaders of
// them, it bounds the memory that reading all weights takes.
const (
	maxPiece   = 1 << 20
	maxReaders = 8
)

// weights is a tensor whose bytes can be read where they stand.
type weights struct {
	modelfile.Tensor
	path   string
	format string
}

// unread says why the weights of some files are not known: of the first of
// them, and how many more there are. The zero value is that all are known.
type unread struct {
	why, hint string
	more      int
}

const (
	convert = "store the weights as safetensors"
	mend    = "see files.readable: mend the file, or get it again"
)

func (u *unread) add(why, hint string) {
	if u.why != "" {
		u.more++
		return
	}
	u.why, u.hint = why, hint
}

func (u unread) String() string {
	if u.more == 0 {
		return u.why
	}
	return u.why + ", and so it is with " + count(u.more, "other file")
}

// tensors lists the tensors of the files whose weights stand there as they are:
// safetensors, GGUF, and ONNX as far as they are raw_data. unknown says why
// there may be others.
func (m *model) tensors(ctx context.Context) (out []weights, unknown unread, err error) {
	for _, f := range m.files {
		got, err := m.inspect(ctx, f)
		switch {
		case err != nil:
			return nil, unknown, err
		case got.bad != nil:
			unknown.add(f.Path+" cannot be read", mend)
			continue
		case got.facts.Format == "" && f.Size > opaqueLimit:
			unknown.add(f.Path+" ("+size(f.Size)+") is of no format that waybill reads", convert)
			continue
		}
		switch got.facts.Format {
		case "safetensors", "gguf", "onnx":
		case "":
			continue
		default:
			unknown.add(f.Path+" is a "+got.facts.Format+" file, whose weights are not read", convert)
			continue
		}
		raw, err := m.rawTensors(f.Path, got.facts)
		if err != nil {
			return nil, unknown, err
		}
		if len(raw) < len(got.facts.Tensors) {
			unknown.add(f.Path+" has tensors whose weights are not raw bytes in the file", convert)
		}
		out = append(out, raw...)
	}
	return out, unknown, nil
}

// rawTensors are those whose bytes lie in the file. An ONNX initializer may also
// be elsewhere, or in fields of its type: where it is raw, the tag and length
// of raw_data (onnx.proto, TensorProto, field 9) stand before it. Together they
// cannot have more bytes than the file, so that reading them ends.
func (m *model) rawTensors(path string, facts *modelfile.Facts) ([]weights, error) {
	file, err := m.root.Open(filepath.FromSlash(path))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var out []weights
	left := facts.Bytes
	for _, t := range facts.Tensors {
		if t.Bytes < 0 || t.Offset < 0 || t.Bytes > left || t.Offset > facts.Bytes-t.Bytes {
			continue
		}
		if facts.Format == "onnx" {
			before := binary.AppendUvarint([]byte{9<<3 | 2}, uint64(t.Bytes))
			at := t.Offset - int64(len(before))
			got := make([]byte, len(before))
			if at < 0 {
				continue
			}
			if _, err := file.ReadAt(got, at); err != nil {
				return nil, err
			}
			if string(got) != string(before) {
				continue
			}
		}
		left -= t.Bytes
		out = append(out, weights{t, path, facts.Format})
	}
	return out, nil
}

// readers runs work for each of n things, a few at a time.
func readers(ctx context.Context, n int, work func(i int, buffer []byte) error) error {
	g, ctx := errgroup.WithContext(ctx)
	next := int64(-1)
	for range min(n, runtime.GOMAXPROCS(0), maxReaders) {
		g.Go(func() error {
			buffer := make([]byte, maxPiece)
			for {
				i := int(atomic.AddInt64(&next, 1))
				if i >= n {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := work(i, buffer); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// pieces reads n bytes at a place, piece by piece.
func pieces(ctx context.Context, r io.ReaderAt, at, n int64, buffer []byte, each func([]byte)) error {
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := buffer[:min(n, int64(len(buffer)))]
		if _, err := io.ReadFull(io.NewSectionReader(r, at, int64(len(b))), b); err != nil {
			return err
		}
		each(b)
		at, n = at+int64(len(b)), n-int64(len(b))
	}
	return nil
}
