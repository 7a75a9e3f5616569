package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/registry"
)

// ErrCorrupt is in the chain of errors about bytes that are not what their
// descriptor says: the registry, or something between, damaged them.
var ErrCorrupt = errors.New("the registry's answer is corrupt")

const (
	// maxBreaks is how often in a row a download may break without
	maxBreaks = 5
	// this progress, which is little for a bad line and much for a joke.
	leastAdvance = 256 << 10
	// maxDoublings bounds the pause between two tries.
	maxDoublings = 6
)

// stream reads the bytes from pos to end of a blob. What breaks is asked for
// again from where it broke, as a range; when ranges make no sense here, as
// the whole blob of which the beginning is thrown away. Nothing is verified.
type stream struct {
	ctx  context.Context
	repo registry.Repository
	desc ocispec.Descriptor
	m    *meter
	wait time.Duration

	pos, end int64
	whole    bool // ask for the whole blob
	body     io.ReadCloser
	at       int64 // where body is in the blob
	answered bool  // once at least
	resumed  bool  // more than once
	breaks   int
	mark     int64 // pos at the last break that counted
}

func (p *puller) stream(ctx context.Context, desc ocispec.Descriptor, from, to int64) *stream {
	return &stream{ctx: ctx, repo: p.repo, desc: desc, m: p.m, wait: p.opts.RetryWait, pos: from, end: to}
}

// Read never returns more than asked for, nor io.EOF before end.
func (s *stream) Read(b []byte) (int, error) {
	if s.pos == s.end {
		return 0, io.EOF
	}
	for {
		if err := s.begin(); err != nil {
			return 0, err
		}
		n, err := s.next(b)
		if n > 0 || err == nil && len(b) == 0 {
			return n, nil // an error comes again with the next read
		}
		if err == nil {
			continue
		}
		if err == io.EOF {
			err = fmt.Errorf("%w: %d of %d bytes", ErrCorrupt, s.at, s.desc.Size)
		} else {
			err = fmt.Errorf("after %d of %d bytes: %w", s.at, s.desc.Size, err)
		}
		if err := s.broke(err); err != nil {
			return 0, err
		}
	}
}

// next reads from the body; what lies before pos is thrown away.
func (s *stream) next(b []byte) (int, error) {
	skipping := s.at < s.pos
	if skipping {
		buf := buffers.Get().(*[]byte)
		defer buffers.Put(buf)
		b = (*buf)[:min(int64(len(*buf)), s.pos-s.at)]
	} else {
		b = b[:min(int64(len(b)), s.end-s.pos)]
	}
	n, err := s.body.Read(b)
	s.at += int64(n)
	s.m.received(int64(n))
	if skipping {
		if n > 0 {
			err = nil
		}
		return 0, err
	}
	s.pos += int64(n)
	return n, err
}

// begin asks the registry, unless it has answered.
func (s *stream) begin() error {
	for s.body == nil {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		err := s.open()
		if err == nil {
			s.resumed = s.answered
			s.answered = true
			return nil
		}
		if err := s.broke(err); err != nil {
			return err
		}
	}
	return s.ctx.Err()
}

func (s *stream) open() (err error) {
	if s.whole || s.pos == 0 && s.end == s.desc.Size {
		s.at = 0
		s.body, err = s.repo.Blob(s.ctx, s.desc)
		return err
	}
	body, start, err := s.repo.BlobRange(s.ctx, s.desc, s.pos, s.end-s.pos)
	if err != nil {
		return err
	}
	if start < 0 || start > s.pos {
		body.Close()
		return fmt.Errorf("%w: it begins at byte %d instead of %d", registry.ErrRange, start, s.pos)
	}
	s.body, s.at = body, start
	return nil
}

// broke returns err when there is no sense in asking again.
func (s *stream) broke(err error) error {
	s.close()
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	if errors.Is(err, registry.ErrRange) && !s.whole {
		s.whole = true
		return nil
	}
	for _, final := range []error{registry.ErrNotFound, registry.ErrUnauthorized, registry.ErrUnsupported} {
		if errors.Is(err, final) {
			return err
		}
	}
	if !s.answered {
		return err // the repository has tried again by itself
	}
	// Without ranges each try costs all bytes again.
	if s.pos-s.mark >= leastAdvance && !s.whole {
		s.breaks = 0
	}
	s.mark = s.pos
	if s.breaks++; s.breaks > maxBreaks {
		return err
	}
	return sleep(s.ctx, s.wait<<min(s.breaks-1, maxDoublings))
}

// seek makes pos the next byte to be read.
func (s *stream) seek(pos int64) {
	if s.at > pos {
		s.close()
	}
	s.pos = pos
}

// distrust drops the answer and asks for the whole blob from now on.
func (s *stream) distrust() {
	s.close()
	s.whole = true
}

// checkEnd refuses a blob that goes on after its end.
func (s *stream) checkEnd() error {
	if s.body == nil || s.at != s.desc.Size {
		return nil
	}
	if n, _ := io.ReadFull(s.body, make([]byte, 1)); n > 0 {
		s.m.received(1)
		return fmt.Errorf("%w: more than the %d bytes it should have", ErrCorrupt, s.desc.Size)
	}
	return nil
}

func (s *stream) close() {
	if s.body != nil {
		s.body.Close()
		s.body = nil
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
