package transfer

import (
	"fmt"
	"io"
	"os"
	"sort"
	"sync"
)

// sourceReader reads sources at any place and has at most one open.
type sourceReader struct {
	sources []PackSource
	at      int // which is open
	file    *os.File
}

func (r *sourceReader) readAt(b []byte, source int, offset int64) error {
	s := r.sources[source]
	if r.file == nil || r.at != source {
		r.Close()
		file, err := s.Open()
		if err != nil {
			return fmt.Errorf("push %s: %w", s.Path, err)
		}
		r.at, r.file = source, file
	}
	n, err := r.file.ReadAt(b, offset)
	switch {
	case n == len(b):
		return nil
	case err == io.EOF:
		return changedSource(s.Path)
	}
	return fmt.Errorf("push %s: %w", s.Path, err)
}

// isUnchanged tells whether the source that is open, of which the last n bytes
// were read, was read whole and is known to be what its digest says.
func (r *sourceReader) isUnchanged(source, n int) bool {
	s := &r.sources[source]
	if s.Unchanged == nil || int64(n) != s.Size {
		return false
	}
	info, err := r.file.Stat()
	return err == nil && s.Unchanged(info)
}

func (r *sourceReader) Close() error {
	if r.file == nil {
		return nil
	}
	file := r.file
	r.file = nil
	return file.Close()
}

// partsReader reads a pack from the sources of its parts.
type partsReader struct {
	sourceReader
	parts []part
}

func (r *partsReader) ReadAt(b []byte, at int64) (read int, err error) {
	// The part in which at is: the last that begins at or before it.
	i := sort.Search(len(r.parts), func(i int) bool { return r.parts[i].chunk.Offset > at }) - 1
	for ; read < len(b) && i < len(r.parts); i++ {
		part := r.parts[i]
		within := at + int64(read) - part.chunk.Offset
		n := int(min(int64(len(b)-read), int64(part.chunk.Length)-within))
		if err := r.readAt(b[read:read+n], part.source, part.from+within); err != nil {
			return read, err
		}
		read += n
	}
	if read < len(b) {
		return read, io.EOF
	}
	return read, nil
}

// packReader is a pack as a stream. It verifies nothing: the pack was before, and
// the registry does again.
type packReader struct {
	mu     sync.Mutex // net/http may close a body while it is read
	r      io.ReaderAt
	size   int64
	done   int64 // position in the pack
	closed bool

	report   func(done int64)
	reported int64
}

func (r *packReader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, os.ErrClosed
	}
	if r.done == r.size && len(b) > 0 {
		return 0, io.EOF
	}
	n, err := r.r.ReadAt(b[:min(int64(len(b)), r.size-r.done)], r.done)
	r.done += int64(n)
	if err != nil && err != io.EOF {
		return n, err
	}
	// The event of the last byte is sent when the registry has accepted it.
	if r.done-r.reported >= eventStep && r.done < r.size {
		r.reported = r.done
		r.report(r.done)
	}
	return n, nil
}

// Seek makes resuming an upload cheap.
func (r *packReader) Seek(offset int64, whence int) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += r.done
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 || offset > r.size {
		return 0, fmt.Errorf("seek to %d in a pack of %d bytes", offset, r.size)
	}
	r.done, r.reported = offset, offset
	return offset, nil
}

// Close returns when nobody reads any more.
func (r *packReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if c, ok := r.r.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
