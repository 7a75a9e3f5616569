package table

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// Encodings of text that Dialect.Encoding may name.
const (
	UTF8        = "utf-8"
	Latin1      = "latin1" // ISO 8859-1
	Windows1252 = "windows-1252"
	UTF16LE     = "utf-16le"
	UTF16BE     = "utf-16be"
)

// Encodings lists them.
var Encodings = []string{UTF8, Latin1, Windows1252, UTF16LE, UTF16BE}

// byteOrderMark returns the encoding that the first bytes of a file name, and
// how many they are; "" when they name none.
func byteOrderMark(head []byte) (encoding string, length int) {
	switch {
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		return UTF8, 3
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return UTF16LE, 2
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return UTF16BE, 2
	}
	return "", 0
}

// wide tells whether a line end takes more than one byte.
func wide(encoding string) bool { return encoding == UTF16LE || encoding == UTF16BE }

// windows1252 is what the bytes 0x80 to 0x9f are in windows-1252, by the index
// of the WHATWG Encoding Standard; all others are as in ISO 8859-1.
var windows1252 = [32]rune{
	0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d, 0x017d, 0x8f,
	0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d, 0x017e, 0x0178,
}

// notText is no byte of UTF-8: it stands for what an encoding does not allow,
// so that the record that holds it is found not to be valid.
const notText = 0xff

// transcoder reads text of another encoding as UTF-8.
type transcoder struct {
	r       io.Reader
	convert func(t *transcoder, last bool) // moves from in to out
	order   binary.ByteOrder
	in, out []byte // not yet converted, not yet read
	buf     [32 << 10]byte
	space   []byte // of out
	err     error
}

// newTranscoder returns r itself for UTF-8.
func newTranscoder(r io.Reader, encoding string) io.Reader {
	switch encoding {
	case Latin1:
		return &transcoder{r: r, convert: func(t *transcoder, _ bool) { t.bytes(nil) }}
	case Windows1252:
		return &transcoder{r: r, convert: func(t *transcoder, _ bool) { t.bytes(&windows1252) }}
	case UTF16LE:
		return &transcoder{r: r, convert: (*transcoder).utf16, order: binary.LittleEndian}
	case UTF16BE:
		return &transcoder{r: r, convert: (*transcoder).utf16, order: binary.BigEndian}
	}
	return r
}

func (t *transcoder) Read(p []byte) (int, error) {
	for len(t.out) == 0 {
		if t.err != nil {
			return 0, t.err
		}
		left := copy(t.buf[:], t.in) // at most part of a character
		var n int
		n, t.err = t.r.Read(t.buf[left:])
		t.in = t.buf[:left+n]
		t.out = t.space[:0]
		t.convert(t, t.err == io.EOF)
		t.space = t.out[:0]
	}
	n := copy(p, t.out)
	t.out = t.out[n:]
	return n, nil
}

// bytes converts characters of one byte each. c1 is what 0x80 to 0x9f are,
// nil for themselves.
func (t *transcoder) bytes(c1 *[32]rune) {
	for _, b := range t.in {
		switch {
		case b < utf8.RuneSelf:
			t.out = append(t.out, b)
		case b < 0xa0 && c1 != nil:
			t.out = utf8.AppendRune(t.out, c1[b-0x80])
		default:
			t.out = utf8.AppendRune(t.out, rune(b))
		}
	}
	t.in = nil
}

func (t *transcoder) utf16(last bool) {
	in := t.in
	for len(in) >= 2 {
		c := rune(t.order.Uint16(in))
		if !utf16.IsSurrogate(c) {
			t.out = utf8.AppendRune(t.out, c)
			in = in[2:]
			continue
		}
		if len(in) < 4 && !last {
			break
		}
		whole := rune(utf8.RuneError)
		if len(in) >= 4 {
			whole = utf16.DecodeRune(c, rune(t.order.Uint16(in[2:])))
		}
		if whole == utf8.RuneError {
			t.out = append(t.out, notText)
			in = in[2:]
			continue
		}
		t.out = utf8.AppendRune(t.out, whole)
		in = in[4:]
	}
	if last && len(in) > 0 { // half a character
		t.out = append(t.out, notText)
		in = nil
	}
	t.in = in
}
