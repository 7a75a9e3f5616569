package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// blobSource opens the content anew for each request and remembers when it was
// the content that failed.
type blobSource struct {
	desc ocispec.Descriptor
	open func() (io.ReadCloser, error)

	mu  sync.Mutex
	err error
}

// contentError is a failure of what was to be pushed, not of the registry.
type contentError struct{ error }

func (e contentError) Unwrap() error { return e.error }

// body returns n bytes of the content, from offset on, as the body of a
// request. A file that is wanted to its end is returned as it is, so that
// net/http leaves it to the system to send (sendfile); nobody hashes on the
// way, since the registry does.
func (s *blobSource) body(offset, n int64) (io.ReadCloser, error) {
	if n == 0 && s.desc.Size > 0 { // closes an upload
		return http.NoBody, nil
	}
	r, err := s.open()
	if err != nil {
		return nil, s.note(err)
	}
	body, err := s.part(r, offset, n)
	if err != nil {
		r.Close()
		return nil, s.note(err)
	}
	return body, nil
}

func (s *blobSource) part(r io.ReadCloser, offset, n int64) (io.ReadCloser, error) {
	end := offset + n
	f, _ := r.(*os.File)
	if f != nil {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			f = nil
		} else if info.Size() != s.desc.Size {
			return nil, errLength(info.Size(), s.desc.Size)
		}
	}
	if err := forward(r, offset); err != nil {
		return nil, err
	}
	if f != nil && end == s.desc.Size && n > 0 {
		return f, nil
	}
	body := &partBody{r: r, source: s, pos: offset, end: end}
	if n > 0 {
		return body, nil
	}
	// A body that is not http.NoBody would be sent in chunks, without length.
	if _, err := body.Read(make([]byte, 1)); err != io.EOF {
		return nil, err
	}
	return http.NoBody, r.Close()
}

// forward positions r, whose beginning has not been read, at offset.
func forward(r io.Reader, offset int64) error {
	if offset == 0 {
		return nil
	}
	if seeker, ok := r.(io.Seeker); ok {
		_, err := seeker.Seek(offset, io.SeekStart)
		return err
	}
	if n, err := io.CopyN(io.Discard, r, offset); err == io.EOF {
		return fmt.Errorf("the content has only %d bytes: it changed since it was described", n)
	} else if err != nil {
		return err
	}
	return nil
}

// check reads the content and tells when it is no longer what is described.
func (s *blobSource) check(ctx context.Context) error {
	r, err := s.open()
	if err != nil {
		return s.note(err)
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, &contextReader{ctx, verified(r, s.desc)}); err != nil {
		return s.note(err)
	}
	return nil
}

func (s *blobSource) note(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = contentError{err}
	return s.err
}

func (s *blobSource) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// partBody reads the content up to end. When that is the end of the content,
// the last bytes are kept back until it is known that no more follow.
type partBody struct {
	r        io.ReadCloser
	source   *blobSource
	pos, end int64
	ended    bool
	closed   atomic.Bool
}

func (b *partBody) Read(p []byte) (int, error) {
	if b.ended || len(p) == 0 {
		return 0, io.EOF
	}
	n, err := b.read(p)
	if err != nil && err != io.EOF && !b.closed.Load() {
		b.source.note(err)
	}
	return n, err
}

func (b *partBody) read(p []byte) (n int, err error) {
	if left := b.end - b.pos; int64(len(p)) > left {
		p = p[:left]
	}
	size := b.source.desc.Size
	if len(p) > 0 {
		n, err = b.r.Read(p)
		b.pos += int64(n)
		switch {
		case err == io.EOF && b.pos < b.end:
			return n, errLength(b.pos, size)
		case err != nil && err != io.EOF, b.pos < b.end:
			return n, err
		}
	}
	b.ended = true
	if b.end < size || err == io.EOF {
		return n, io.EOF
	}
	switch extra, err := io.ReadFull(b.r, make([]byte, 1)); {
	case extra > 0:
		return 0, errTooLong(size)
	case err != io.EOF:
		return 0, err
	}
	return n, io.EOF
}

// Close may come while Read runs, when the registry answers early; what Read
// says then is not the content's fault.
func (b *partBody) Close() error {
	b.closed.Store(true)
	return b.r.Close()
}
