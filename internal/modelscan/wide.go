package modelscan

import (
	"bufio"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// utf16Or32 tells text in wider units by its first bytes, as Python's
// json.loads does with bytes (Lib/json/__init__.py, detect_encoding).
func utf16Or32(head []byte) bool {
	unit, _, _ := wideUnit(head)
	return unit > 0
}

// wideUnit is how many bytes a unit has, 0 for UTF-8, and how long the mark is.
func wideUnit(head []byte) (unit int, order binary.ByteOrder, mark int) {
	if len(head) < 4 {
		return 0, nil, 0
	}
	little, big := binary.LittleEndian, binary.BigEndian
	switch h := string(head[:4]); {
	case h == "\xff\xfe\x00\x00":
		return 4, little, 4
	case h == "\x00\x00\xfe\xff":
		return 4, big, 4
	case h[:2] == "\xff\xfe":
		return 2, little, 2
	case h[:2] == "\xfe\xff":
		return 2, big, 2
	case h[0] == 0 && h[1] == 0:
		return 4, big, 0
	case h[0] == 0:
		return 2, big, 0
	case h[1] == 0 && h[2] == 0 && h[3] == 0:
		return 4, little, 0
	case h[1] == 0:
		return 2, little, 0
	}
	return 0, nil, 0
}

// wide reads UTF-16 or UTF-32 as UTF-8.
type wide struct {
	in    *bufio.Reader
	unit  int
	order binary.ByteOrder
	rest  []byte
	next  rune // a unit that was read too far, -1 for none
	buf   [utf8.UTFMax]byte
}

func newWide(r io.Reader, head []byte) io.Reader {
	unit, order, mark := wideUnit(head)
	w := &wide{in: bufio.NewReader(r), unit: unit, order: order, next: -1}
	w.in.Discard(mark) // the reader ends there if it cannot
	return w
}

func (w *wide) read() (rune, error) {
	if r := w.next; r >= 0 {
		w.next = -1
		return r, nil
	}
	var b [4]byte
	if _, err := io.ReadFull(w.in, b[:w.unit]); err != nil {
		return 0, err
	}
	if w.unit == 2 {
		return rune(w.order.Uint16(b[:])), nil
	}
	return rune(min(w.order.Uint32(b[:]), utf8.MaxRune+1)), nil
}

func (w *wide) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(w.rest) == 0 {
			r, err := w.read()
			if err != nil {
				if n > 0 {
					return n, nil
				}
				return 0, err
			}
			if w.unit == 2 && utf16.IsSurrogate(r) {
				if low, err := w.read(); err == nil {
					if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
						r = both
					} else {
						w.next = low
					}
				}
			}
			w.rest = utf8.AppendRune(w.buf[:0], r)
		}
		k := copy(p[n:], w.rest)
		w.rest = w.rest[k:]
		n += k
	}
	return n, nil
}
