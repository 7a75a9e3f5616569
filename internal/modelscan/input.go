package modelscan

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/waybill-dev/waybill/internal/modelarchive"
)

// input is something to scan: a file, or a member of an archive.
type input struct {
	path string
	name string // the last part, for hints
	// r holds size bytes; nil when the content can only be read once, from stream.
	r      io.ReaderAt
	size   int64
	stream *bufio.Reader
	ended  error // what stream ended with, instead of io.EOF
	hinted bool  // somebody will load it as what its name says: a file, not a storage
	depth  int
	within string // the archive that it is a member of: "torch", "keras", ""
}

// head returns the first bytes, at most n.
func (in *input) head(n int) ([]byte, error) {
	if in.r == nil {
		b, err := in.stream.Peek(n)
		if err == io.EOF || err == bufio.ErrBufferFull {
			err = nil
		}
		return b, err
	}
	b := make([]byte, min(int64(n), in.size))
	k, err := in.r.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	return b[:k], err
}

// reader reads from the beginning. A stream can be had once.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (in *input) reader() io.Reader {
	if in.r != nil {
		return io.NewSectionReader(in.r, 0, in.size)
	}
	return in.stream
}

// newStream is an input that is decompressed while it is read. What is wrong
// with it ends it; the scan has then seen all bytes that there are.
func (s *scan) newStream(r io.Reader) *input {
	in := &input{size: -1}
	in.stream = bufio.NewReaderSize(&unpacked{s: s, in: in, r: r}, 1<<16)
	return in
}

// unpacked counts bytes against the budget and keeps the content's errors.
type unpacked struct {
	s  *scan
	in *input
	r  io.Reader
}

func (u *unpacked) Read(p []byte) (int, error) {
	if err := u.s.ctx.Err(); err != nil {
		return 0, err
	}
	if u.s.budget <= 0 {
		u.in.ended = &modelarchive.Problem{Rule: modelarchive.RuleLimit, Offset: -1, Unread: true,
			Message: fmt.Sprintf("more than %d bytes were decompressed; the rest was not looked into", u.s.limits.Unpacked)}
		return 0, io.EOF
	}
	n, err := u.r.Read(p[:min(int64(len(p)), u.s.budget)])
	u.s.budget -= int64(n)
	if err != nil && err != io.EOF && !u.s.ours(err) {
		u.in.ended = err
		err = io.EOF
	}
	return n, err
}

// end says what the stream ended with, as a finding.
func (s *scan) end(in *input) {
	if in.ended == nil {
		return
	}
	var p *modelarchive.Problem
	if errors.As(in.ended, &p) {
		q := *p
		s.problem(in, &q)
	} else {
		s.unread(in, modelarchive.RuleOpaque, -1, "it cannot be decompressed to its end: %v", in.ended)
	}
	in.ended = nil
}

// inMemory is how much of a stream is held without a file.
const inMemory = 1 << 20

// random makes a stream readable at any place, by copying it. It reports false
// if the stream is too long, which is then a finding.
func (s *scan) random(in *input) (bool, error) {
	if in.r != nil {
		return true, nil
	}
	var buf bytes.Buffer
	n, err := io.CopyN(&buf, in.stream, inMemory)
	if err == io.EOF {
		in.r, in.size, in.stream = bytes.NewReader(buf.Bytes()), n, nil
		return true, nil
	}
	if err != nil {
		return false, err
	}
	f, err := os.CreateTemp(s.opts.TempDir, "waybill-scan-*")
	if err != nil {
		return false, fmt.Errorf("copy %s: %w", in.path, err)
	}
	s.temps = append(s.temps, f)
	if _, err := f.Write(buf.Bytes()); err != nil {
		return false, fmt.Errorf("copy %s: %w", in.path, err)
	}
	more, err := io.Copy(f, io.LimitReader(in.stream, s.limits.Copied-n))
	if err != nil {
		return false, fmt.Errorf("copy %s: %w", in.path, err)
	}
	if _, err := in.stream.Peek(1); err == nil {
		s.unread(in, modelarchive.RuleLimit, -1, "it has more than %d bytes when decompressed, which is more than is copied", s.limits.Copied)
		return false, nil
	}
	in.r, in.size, in.stream = f, n+more, nil
	return true, nil
}
