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

func (r *sourceReader) Close() error {
	if r.file == nil {
		return nil
	}
	file := r.file
	r.file = nil
	return file.Close()
}

// packReader is a pack as a stream, read from the sources as it goes. It
// verifies nothing: the pack was before, and the registry does again.
type packReader struct {
	mu      sync.Mutex // net/http may close a body while it is read
	sources sourceReader
	parts   []part
	size    int64
	done    int64 // position in the pack
	closed  bool

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
	read := 0
	// The part in which the position is: the last that begins at or before it.
	i := sort.Search(len(r.parts), func(i int) bool { return r.parts[i].chunk.Offset > r.done }) - 1
	for read < len(b) && r.done < r.size {
		part := r.parts[i]
		within := r.done - part.chunk.Offset
		n := int(min(int64(len(b)-read), int64(part.chunk.Length)-within))
		if err := r.sources.readAt(b[read:read+n], part.source, part.from+within); err != nil {
			return read, err
		}
		read += n
		r.done += int64(n)
		i++
	}
	// The event of the last byte is sent when the registry has accepted it.
	if r.done-r.reported >= eventStep && r.done < r.size {
		r.reported = r.done
		r.report(r.done)
	}
	return read, nil
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

func (r *packReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return r.sources.Close()
}
