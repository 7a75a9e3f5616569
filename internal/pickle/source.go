package pickle

import (
	"encoding/binary"
	"io"
	"sync"
)

// window is how much of the input is held: enough for a string's beginning
// that is looked into (nestedWindow) and for any argument that is kept.
const window = 128 << 10

var windows = sync.Pool{New: func() any { b := make([]byte, window); return &b }}

// source reads bytes in order. Once something is missing, ended is set and
// everything else is zero.
type source struct {
	r        io.Reader // nil when buf is all there is
	seek     io.Seeker // nil when r cannot
	pooled   *[]byte
	buf      []byte
	pos, end int   // of the next byte in buf, and of the last
	base     int64 // offset of buf[0]
	size     int64 // of the whole, -1 unknown
	ended    bool
	err      error // of r, io.EOF included
}

func newSource(r io.Reader) (*source, error) {
	s := &source{r: r, size: -1}
	if seeker, ok := r.(io.Seeker); ok {
		// A pipe has the method and cannot.
		if at, err := seeker.Seek(0, io.SeekCurrent); err == nil {
			end, err := seeker.Seek(0, io.SeekEnd)
			if err != nil {
				return nil, err
			}
			if _, err := seeker.Seek(at, io.SeekStart); err != nil {
				return nil, err
			}
			s.seek, s.size = seeker, end-at
		}
	}
	s.pooled = windows.Get().(*[]byte)
	s.buf = *s.pooled
	return s, nil
}

func (s *source) release() {
	if s.pooled != nil {
		windows.Put(s.pooled)
		s.pooled, s.buf = nil, nil
	}
}

func (s *source) at() int64 { return s.base + int64(s.pos) }

// left is what is known to be left of the input, -1 if nothing is.
func (s *source) left() int64 {
	if s.size < 0 {
		return -1
	}
	return s.size - s.at()
}

// fill makes n bytes ready, n being at most window, or as many as there are.
func (s *source) fill(n int) {
	if s.end-s.pos >= n || s.r == nil || s.err != nil {
		return
	}
	copy(s.buf, s.buf[s.pos:s.end])
	s.base += int64(s.pos)
	s.end -= s.pos
	s.pos = 0
	for idle := 0; s.end < n && s.err == nil; {
		got, err := s.r.Read(s.buf[s.end:])
		s.end += got
		s.err = err
		if got == 0 {
			if idle++; idle > 100 && err == nil {
				s.err = io.ErrNoProgress
			}
		}
	}
}

// peek gives up to n bytes, which stay to be read.
func (s *source) peek(n int) []byte {
	if s.end-s.pos < n {
		s.fill(n)
	}
	return s.buf[s.pos:min(s.pos+n, s.end)]
}

// take reads n bytes, n being at most window. They are valid until the next
// read.
func (s *source) take(n int) []byte {
	b := s.peek(n)
	s.pos += len(b)
	if len(b) < n {
		s.ended = true
		return nil
	}
	return b
}

func (s *source) byte() byte {
	if s.pos < s.end {
		b := s.buf[s.pos]
		s.pos++
		return b
	}
	if b := s.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (s *source) uint16() uint16 {
	if b := s.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (s *source) uint32() uint32 {
	if b := s.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (s *source) uint64() uint64 {
	if b := s.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// skip goes n bytes on.
func (s *source) skip(n int64) {
	if held := int64(s.end - s.pos); n > held {
		if s.r == nil || s.size >= 0 && n > s.left() {
			s.toEnd()
			s.ended = true
			return
		}
		n -= held
		s.base += int64(s.end)
		s.pos, s.end = 0, 0
		if s.seek != nil && n > window {
			if _, err := s.seek.Seek(n, io.SeekCurrent); err != nil {
				s.err, s.ended = err, true
				return
			}
			s.base += n
			return
		}
		for n > 0 {
			got := len(s.peek(int(min(n, window))))
			s.pos += got
			n -= int64(got)
			if got == 0 {
				s.ended = true
				return
			}
		}
		return
	}
	s.pos += int(n)
}

func (s *source) toEnd() {
	if s.size >= 0 && s.r != nil {
		s.base, s.pos, s.end = s.size, 0, 0
		if s.err == nil {
			s.err = io.EOF
		}
		return
	}
	s.pos = s.end
	for s.r != nil && len(s.peek(window)) > 0 {
		s.pos = s.end
	}
}

// drain goes to the end and says where that is.
func (s *source) drain() int64 {
	s.toEnd()
	return s.at()
}

// line reads up to and without the next newline, of which it keeps the first
// keep bytes (at most window); whole tells whether that is all, n how many
// there were. As _Unpickler_Readline does, it takes the end for a newline,
// which then has ended.
func (s *source) line(keep int) (kept []byte, n int64) {
	// Most lines are in the window.
	for i, b := range s.buf[s.pos:s.end] {
		if b == '\n' {
			line := s.buf[s.pos : s.pos+i]
			s.pos += i + 1
			return line[:min(i, keep)], int64(i)
		}
	}
	for {
		b := s.peek(4096)
		if len(b) == 0 {
			s.ended = true
			return kept, n
		}
		at := len(b)
		newline := false
		for i, c := range b {
			if c == '\n' {
				at, newline = i, true
				break
			}
		}
		if len(kept) < keep {
			kept = append(kept, b[:min(at, keep-len(kept))]...)
		}
		n += int64(at)
		s.pos += at
		if newline {
			s.pos++
			return kept, n
		}
	}
}
