package modeldiff

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/sorting"
)

const (
	// segmentBytes are compared by one worker, and summed on their own: sums of
	// segments are added in order, whoever made them.
	segmentBytes = 8 << 20
	// pieceBytes are read at once; two pieces stay in the caches.
	pieceBytes = 256 << 10
	// maxOverlap bounds how often the bytes of a file are read: tensors of a
	// pickle may share their bytes, a million of them.
	maxOverlap = 4
)

// reader opens the files of a side, one at a time.
type reader struct {
	side Side
	path string
	r    io.ReaderAt
	size int64
	left int64 // bytes that may be read yet
}

func newReader(s Side) *reader { return &reader{side: s} }

func (r *reader) open(path string) error {
	if r.r != nil && r.path == path {
		return nil
	}
	r.close()
	file, size, err := r.side.Open(path)
	if err != nil {
		return err
	}
	r.path, r.r, r.size = path, file, size
	r.left = math.MaxInt64
	if size < math.MaxInt64/maxOverlap {
		r.left = size * maxOverlap
	}
	return nil
}

func (r *reader) close() {
	if c, ok := r.r.(io.Closer); ok {
		c.Close()
	}
	r.r = nil
}

// section is the bytes of a tensor; false when they are not known, or all
// tensors of the file together have been read too often.
func (r *reader) section(p place) (*io.SectionReader, bool, error) {
	if !slices.Contains([]string{"safetensors", "gguf", "onnx", "pytorch", "npy"}, p.format) {
		return nil, false, nil
	}
	if err := r.open(p.file); err != nil {
		return nil, false, err
	}
	if p.Bytes < 0 || p.Offset < 0 || p.Offset > r.size-p.Bytes || p.Bytes > r.left || p.format != "safetensors" && p.Offset == 0 && p.Bytes > 0 {
		return nil, false, nil
	}
	if p.format == "onnx" {
		if raw, err := isRaw(r.r, p); !raw || err != nil {
			return nil, false, err
		}
	}
	r.left -= p.Bytes
	return io.NewSectionReader(r.r, p.Offset, p.Bytes), true, nil
}

// isRaw tells whether the bytes of an ONNX tensor are raw_data (field 9 of
// TensorProto). Typed and external data stand elsewhere.
func isRaw(r io.ReaderAt, p place) (bool, error) {
	want := binary.AppendUvarint([]byte{9<<3 | 2}, uint64(p.Bytes))
	if p.Offset < int64(len(want)) {
		return false, nil
	}
	got := make([]byte, len(want))
	if _, err := r.ReadAt(got, p.Offset-int64(len(want))); err != nil {
		return false, fmt.Errorf("%s: tensor %q: %w", p.file, p.Name, err)
	}
	return bytes.Equal(got, want), nil
}

// job is a tensor that is read on both sides.
type job struct {
	two       *two
	from, to  *io.SectionReader
	different atomic.Bool
	sums      []sum // by segment
	of        elements
}

// segment is a part of a job.
type segment struct {
	job *job
	n   int
}

// values compares the bytes of pairs, and makes norms of those that differ.
func (c *comparison) values(pairs []*two) error {
	sorting.Stable(pairs, func(a, b *two) int {
		switch {
		case a.from.file != b.from.file:
			return bytes.Compare([]byte(a.from.file), []byte(b.from.file))
		case a.to.file != b.to.file:
			return bytes.Compare([]byte(a.to.file), []byte(b.to.file))
		case a.from.Offset < b.from.Offset:
			return -1
		case a.from.Offset > b.from.Offset:
			return 1
		}
		return 0
	})
	before, after := newReader(c.from), newReader(c.to)
	defer before.close()
	defer after.close()
	for len(pairs) > 0 {
		n := 1
		for n < len(pairs) && pairs[n].from.file == pairs[0].from.file && pairs[n].to.file == pairs[0].to.file {
			n++
		}
		if err := c.files(before, after, pairs[:n]); err != nil {
			return err
		}
		pairs = pairs[n:]
	}
	return nil
}

// files compares tensors of one file on each side.
func (c *comparison) files(before, after *reader, pairs []*two) error {
	var jobs []*job
	for _, p := range pairs {
		from, ok, err := before.section(p.from)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		to, ok, err := after.section(p.to)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		j := &job{two: p, from: from, to: to, of: elementsOf(p)}
		if p.from.Dtype != p.to.Dtype {
			j.different.Store(true)
		} else if p.from.Bytes != p.to.Bytes {
			continue // of one type and shape: one of them is wrong
		}
		jobs = append(jobs, j)
	}
	if err := c.each(jobs, func(j *job) int64 {
		if j.different.Load() {
			return 0
		}
		return segments(j.from.Size(), segmentBytes)
	}, compareSegment); err != nil {
		return err
	}
	for _, j := range jobs {
		j.two.outcome = equal
		if j.different.Load() {
			j.two.outcome = different
			if n := j.of.segments(); n > 0 {
				j.sums = make([]sum, n)
			}
		}
	}
	if err := c.each(jobs, func(j *job) int64 { return int64(len(j.sums)) }, sumSegment); err != nil {
		return err
	}
	for _, j := range jobs {
		if j.sums != nil {
			j.two.norms = total(j.sums)
		}
	}
	return nil
}

func segments(size, segment int64) int64 { return (size + segment - 1) / segment }

// buffers are those of one worker.
type buffers struct {
	from, to []byte
	x, y     []float64
	pairs    *pairs
}

// each calls one for all segments of jobs, on all workers.
func (c *comparison) each(jobs []*job, count func(*job) int64, one func(segment, *buffers) error) error {
	var all []segment
	for _, j := range jobs {
		for n := range count(j) {
			all = append(all, segment{j, int(n)})
		}
	}
	if len(all) == 0 {
		return nil
	}
	var next atomic.Int64
	g, ctx := errgroup.WithContext(c.ctx)
	for range min(c.workers, len(all)) {
		g.Go(func() error {
			b := &buffers{from: make([]byte, pieceBytes), to: make([]byte, pieceBytes)}
			for {
				i := next.Add(1) - 1
				if i >= int64(len(all)) {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := one(all[i], b); err != nil {
					t := all[i].job.two.to
					return fmt.Errorf("%s: tensor %q: %w", t.file, t.Name, err)
				}
			}
		})
	}
	return g.Wait()
}

// compareSegment looks for a difference, unless one was found.
func compareSegment(s segment, b *buffers) error {
	at := int64(s.n) * segmentBytes
	end := min(at+segmentBytes, s.job.from.Size())
	for at < end && !s.job.different.Load() {
		n := min(end-at, pieceBytes)
		if err := readBoth(s.job, b, at, n, at, n); err != nil {
			return err
		}
		if !bytes.Equal(b.from[:n], b.to[:n]) {
			s.job.different.Store(true)
		}
		at += n
	}
	return nil
}

func readBoth(j *job, b *buffers, from, nFrom, to, nTo int64) error {
	if err := readFull(j.from, b.from[:nFrom], from); err != nil {
		return err
	}
	return readFull(j.to, b.to[:nTo], to)
}

func readFull(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
