package profile

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

const (
	// maxShapes is how many shapes of texts are counted at level 0; with more
	// of them there is no pattern to see, and none is reported.
	maxShapes = 1000
	// maxShape is after how many signs a shape ends in "…".
	maxShape = 32
	// topShapes is how many are reported.
	topShapes = 10
)

// sign is what stands for r in a shape.
func sign(r rune) rune {
	switch {
	case unicode.IsLetter(r), unicode.IsMark(r):
		return 'a'
	case unicode.IsDigit(r):
		return '9'
	case unicode.IsSpace(r):
		return ' '
	}
	return r
}

// noRun goes on no run.
const noRun = 0xff

// asciiSigns has, by character, its sign, and which sign would go on a run.
var asciiSigns = func() (signs [utf8.RuneSelf]struct{ sign, run byte }) {
	for r := range utf8.RuneSelf {
		s := byte(sign(rune(r)))
		signs[r].sign, signs[r].run = s, noRun
		if s == 'a' || s == '9' || s == ' ' {
			signs[r].run = s
		}
	}
	return signs
}()

// appendASCIIShape is appendShape of ASCII, without a branch for each run; it
// says false at the first other character.
func appendASCIIShape(dst, text []byte) ([]byte, bool) {
	var shape [maxShape + 1]byte
	n, run := 0, byte(noRun)
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return dst, false
		}
		s := &asciiSigns[c]
		shape[n] = s.sign
		if s.sign != run {
			n++
		}
		if n == len(shape) {
			return append(append(dst, shape[:maxShape]...), "…"...), true
		}
		run = s.run
	}
	return append(dst, shape[:n]...), true
}

// appendShape appends the shape of text: letters become a, digits 9, runs of
// either one sign, and space of any kind a blank.
func appendShape(dst, text []byte) []byte {
	if shape, ok := appendASCIIShape(dst, text); ok {
		return shape
	}
	return appendAnyShape(dst, text)
}

func appendAnyShape(dst, text []byte) []byte {
	last, signs := rune(-1), 0
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		r = sign(r)
		i += size
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

// knownShape is a shape that reading a text tells without looking at it again.
type knownShape uint8

// Those of decimal numbers and instants, in the order of knownShapes.
const (
	shapeUnknown  knownShape = 0
	shapeWhole    knownShape = 1
	shapeNegative knownShape = 5
	shapeDate     knownShape = 9
	shapeInstant  knownShape = 10
	shapeBlank    knownShape = 14
)

var knownShapes = [...]string{
	"", "9", "9.", ".9", "9.9", "-9", "-9.", "-.9", "-9.9", "9-9-9",
	"9-9-9a9:9:9", "9-9-9a9:9:9a", "9-9-9a9:9:9.9", "9-9-9a9:9:9.9a",
	"9-9-9 9:9:9", "9-9-9 9:9:9a", "9-9-9 9:9:9.9", "9-9-9 9:9:9.9a",
}

// shapes counts texts by shape. Whether there are too many depends on the set
// of shapes alone.
type shapes struct {
	index  map[string]int
	counts []Count
	over   bool
	level  level
	recent [16]uint16               // among counts: the shape of such a length that came last
	known  [len(knownShapes)]uint16 // among counts, from 1
}

func (s *shapes) addKnown(shape knownShape, n int64) {
	if at := s.known[shape]; at > 0 {
		s.counts[at-1].Rows += n
		return
	}
	s.add([]byte(knownShapes[shape]), n)
	if i, ok := s.index[knownShapes[shape]]; ok {
		s.known[shape] = uint16(i + 1)
	}
}

func (s *shapes) add(shape []byte, n int64) {
	if s.over {
		return
	}
	recent := &s.recent[len(shape)%len(s.recent)]
	if i := int(*recent); i < len(s.counts) && s.counts[i].Value == string(shape) {
		s.counts[i].Rows += n
		return
	}
	if i, ok := s.index[string(shape)]; ok {
		*recent = uint16(i)
		s.counts[i].Rows += n
		return
	}
	if len(s.counts) == s.level.shapes() {
		s.give()
		return
	}
	if s.index == nil {
		s.index = map[string]int{}
	}
	s.index[string(shape)] = len(s.counts)
	s.counts = append(s.counts, Count{string(shape), n})
}

// give gives up.
func (s *shapes) give() { *s = shapes{over: true, level: s.level} }

func (s *shapes) merge(o *shapes) {
	if o.over {
		s.give()
	}
	for _, c := range o.counts {
		s.add([]byte(c.Value), c.Rows)
	}
}

func (s *shapes) top() []Count {
	out := firstCounts(slices.Clone(s.counts))
	return out[:min(len(out), topShapes)]
}
