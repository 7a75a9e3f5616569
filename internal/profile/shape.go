package profile

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

const (
	// maxShapes is how many shapes of texts are counted; with more of them
	// there is no pattern to see, and none is reported.
	maxShapes = 1000
	// maxShape is after how many signs a shape ends in "…".
	maxShape = 32
	// topShapes is how many are reported.
	topShapes = 10
)

// appendShape appends the shape of text: letters become a, digits 9, runs of
// either one sign, and space of any kind a blank.
func appendShape(dst, text []byte) []byte {
	last, signs := rune(0), 0
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
		}
		i += size
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			r = 'a'
		case r >= '0' && r <= '9':
			r = '9'
		case r == ' ', r < utf8.RuneSelf && r > ' ':
		case unicode.IsLetter(r), unicode.IsMark(r):
			r = 'a'
		case unicode.IsDigit(r):
			r = '9'
		case unicode.IsSpace(r):
			r = ' '
		}
		if r == last && (r == 'a' || r == '9' || r == ' ') {
			continue
		}
		if signs == maxShape {
			return append(dst, "…"...)
		}
		dst = utf8.AppendRune(dst, r)
		last = r
		signs++
	}
	return dst
}

// shapes counts texts by shape. Whether there are too many depends on the set
// of shapes alone.
type shapes struct {
	index  map[string]int
	counts []Count
	over   bool
}

func (s *shapes) add(shape []byte, n int64) {
	if s.over {
		return
	}
	if i, ok := s.index[string(shape)]; ok {
		s.counts[i].Rows += n
		return
	}
	if len(s.counts) == maxShapes {
		*s = shapes{over: true}
		return
	}
	if s.index == nil {
		s.index = map[string]int{}
	}
	s.index[string(shape)] = len(s.counts)
	s.counts = append(s.counts, Count{string(shape), n})
}

func (s *shapes) merge(o *shapes) {
	if o.over {
		*s = shapes{over: true}
	}
	for _, c := range o.counts {
		s.add([]byte(c.Value), c.Rows)
	}
}

func (s *shapes) top() []Count {
	out := firstCounts(slices.Clone(s.counts))
	return out[:min(len(out), topShapes)]
}
