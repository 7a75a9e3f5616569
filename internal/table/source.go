package table

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// source is a text file, decompressed and as UTF-8 without byte order mark,
// with what its reader needs to name it.
type source struct {
	ctx      context.Context
	file     File
	os       *os.File
	r        io.Reader
	unzip    io.Closer // nil when plain
	encoding string
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// newSource reads the first limit bytes of file, or all of them if it is
// compressed.
func newSource(ctx context.Context, f File, file *os.File, ext string, limit int64) (*source, error) {
	s := &source{ctx: ctx, file: f, os: file}
	raw := bufio.NewReaderSize(io.NewSectionReader(file, 0, limit), 64<<10)
	head, _ := raw.Peek(4)
	s.r = raw
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, s.dataError(0, "not a valid gzip file", err)
		}
		s.r, s.unzip = z, z
	case bytes.HasPrefix(head, zstdMagic):
		// The window is what a hostile frame can make the decoder allocate.
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, s.dataError(0, "not a valid Zstandard file", err)
		}
		s.r, s.unzip = z, z.IOReadCloser()
	case bytes.HasPrefix(head, []byte("PAR1")):
		return nil, s.dataError(0, "holds Parquet; name it .parquet", nil)
	}
	declared := ""
	if ext == ".csv" || ext == ".tsv" {
		declared = f.Dialect.Encoding
	}
	if err := s.decode(declared); err != nil {
		s.closeDecoder()
		return nil, err
	}
	return s, nil
}

// decode finds the encoding and makes UTF-8 of it.
func (s *source) decode(declared string) error {
	text := bufio.NewReaderSize(s.r, 16) // longer reads pass it by
	head, _ := text.Peek(3)              // an error comes again with the first Read
	s.r = text
	marked, length := byteOrderMark(head)
	s.encoding = declared
	switch {
	case marked == "":
	case declared == "" || declared == marked:
		s.encoding = marked
		if _, err := text.Discard(length); err != nil {
			return err
		}
	default:
		return s.dataError(0, fmt.Sprintf("begins with the byte order mark of %s, but is declared to be %s; correct encoding, or leave it out", marked, declared), nil)
	}
	s.r = newTranscoder(s.r, s.encoding)
	return nil
}

// seek continues with the bytes of at, of a file that is not compressed and
// whose encoding has one byte for each character of ASCII.
func (s *source) seek(at section) {
	if at.from.offset >= at.to {
		s.r = bytes.NewReader(nil)
		return
	}
	s.r = newTranscoder(io.NewSectionReader(s.os, at.from.offset, at.to-at.from.offset), s.encoding)
}

// divisible tells whether seek can be used.
func (s *source) divisible() bool { return s.unzip == nil && !wide(s.encoding) }

// Read fills p as far as one read of the file allows, and says of every
// failure whose fault it is.
func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, fmt.Errorf("read %s: %w", s.file.Name, err)
	}
	n, err := s.r.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	if s.unzip != nil {
		// Truncated and damaged streams look alike to whoever wants the data;
		// failures of the disk come as *fs.PathError.
		if _, disk := err.(*fs.PathError); !disk {
			return n, s.dataError(0, fmt.Sprintf("decompressing failed: %v", err), err)
		}
	}
	return n, fmt.Errorf("read %s: %w", s.file.Name, err)
}

func (s *source) dataError(line int64, reason string, err error) error {
	return &DataError{File: s.file.Name, Line: line, Reason: reason, Err: err}
}

func (s *source) closeDecoder() {
	if s.unzip != nil {
		s.unzip.Close()
	}
}

func (s *source) Close() error {
	s.closeDecoder()
	return s.os.Close()
}
