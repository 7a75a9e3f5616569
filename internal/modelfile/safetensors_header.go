package modelfile

import (
	"bufio"
	"context"
	"io"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/report"
)

// The header is read with a parser of its own: encoding/json keeps the last
// of two equal keys, replaces bytes that are not UTF-8 and does not say where
// a value stood. The grammar is small (an object of objects of strings, whole
// numbers and arrays of these), so there is no depth to bound.

// header is the state of one pass over the header's bytes.
type header struct {
	r   *bufio.Reader
	at  int64 // of the next byte, in the file
	buf []byte
	err error // of the reader
}

const (
	maxKey     = 1 << 16 // longer than any name of a tensor
	noByte     = 0       // what peek and next give at the end; JSON never has it
	metadataID = "__metadata__"
)

// readHeader parses the n bytes of the header that r holds. The tensors are
// checked for their form only, not yet for their layout.
func readHeader(ctx context.Context, r io.Reader, n int64) ([]entry, map[string]string, error) {
	h := &header{r: bufio.NewReaderSize(r, int(min(n+1, 1<<16))), at: 8}
	var entries []entry
	var metadata map[string]string
	seen := map[string]struct{}{}
	err := h.object(func(key string, at int64) error {
		if _, twice := seen[key]; twice {
			return broken(ruleTwice, at, hintTamper, "the key %s stands twice in the header", quote(key))
		}
		seen[key] = struct{}{}
		if len(seen)%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if key == metadataID {
			var err error
			metadata, err = h.metadata()
			return err
		}
		if len(entries) == maxTensors {
			return broken(ruleLimit, at, "split the model into several files", "there are more than %s tensors", report.Thousands(maxTensors))
		}
		e := entry{name: key, at: at}
		if err := h.entry(&e); err != nil {
			return err
		}
		entries = append(entries, e)
		return nil
	})
	if err == nil {
		if c := h.peek(); c != noByte || !h.ended() {
			err = h.syntax("something follows the header's JSON object")
		}
	}
	switch {
	case h.err == nil || h.err == io.EOF && h.at == 8+n:
	case h.err == io.EOF:
		return nil, nil, io.ErrUnexpectedEOF
	default:
		return nil, nil, h.err
	}
	return entries, metadata, err
}

// metadata reads the value of __metadata__.
func (h *header) metadata() (map[string]string, error) {
	m := map[string]string{}
	if h.peek() != '{' {
		return nil, broken(ruleMetadata, h.at, hintRewrite, "__metadata__ is not an object")
	}
	return m, h.object(func(key string, at int64) error {
		if _, twice := m[key]; twice {
			return broken(ruleTwice, at, hintTamper, "the key %s stands twice in __metadata__", quote(key))
		}
		if h.peek() != '"' {
			return broken(ruleMetadata, h.at, "write the value as text", "__metadata__ %s is not a string", quote(key))
		}
		value, err := h.str(maxSafetensorsHeader)
		m[key] = value
		return err
	})
}

// entry reads the value of a tensor's key.
func (h *header) entry(e *entry) error {
	bad := func(reason string) error {
		return broken(ruleEntry, h.at, hintRewrite, "tensor %s: %s", quote(e.name), reason)
	}
	if h.peek() != '{' {
		return bad("is not an object")
	}
	var dtype, shape, offsets bool
	err := h.object(func(key string, at int64) error {
		var have *bool
		var err error
		switch key {
		case "dtype":
			have, err = &dtype, h.dtype(e, dtype)
		case "shape":
			have, err = &shape, h.shape(e, shape)
		case "data_offsets":
			have, err = &offsets, h.offsets(e, offsets)
		default:
			return broken(ruleEntry, at, hintRewrite, "tensor %s: unknown key %s", quote(e.name), quote(key))
		}
		if *have {
			return broken(ruleTwice, at, hintTamper, "tensor %s: the key %s stands twice", quote(e.name), quote(key))
		}
		*have = true
		return err
	})
	switch {
	case err != nil:
		return err
	case !dtype:
		return bad("has no dtype")
	case !shape:
		return bad("has no shape")
	case !offsets:
		return bad("has no data_offsets")
	}
	return nil
}

// dtype, shape and offsets read one value each; a second one is refused by
// the caller, so they leave it unread.
func (h *header) dtype(e *entry, again bool) error {
	if again {
		return nil
	}
	if h.peek() != '"' {
		return broken(ruleEntry, h.at, hintRewrite, "tensor %s: dtype is not a string", quote(e.name))
	}
	at := h.at
	name, err := h.str(maxKey)
	if err != nil {
		return err
	}
	for i := range safetensorsDtypes {
		// The table's string is kept, not the header's: half a million
		// tensors share it.
		if safetensorsDtypes[i].name == name {
			e.dtype = safetensorsDtypes[i].name
			return nil
		}
	}
	return broken(ruleDtype, at, "if the format has gained it, use a newer release of waybill", "tensor %s: unknown dtype %s", quote(e.name), quote(name))
}

func (h *header) shape(e *entry, again bool) error {
	if again {
		return nil
	}
	var dims [maxRank]int64
	n := 0
	err := h.numbers(e, "shape", func(v uint64, at int64) error {
		if n == maxRank {
			return broken(ruleLimit, at, hintRewrite, "tensor %s: has more than %d dimensions", quote(e.name), maxRank)
		}
		if v > math.MaxInt64 {
			return broken(ruleSize, at, hintTamper, "tensor %s: the dimension %d is too large for any file", quote(e.name), v)
		}
		dims[n] = int64(v)
		n++
		return nil
	})
	e.shape = append(make([]int64, 0, n), dims[:n]...)
	return err
}

func (h *header) offsets(e *entry, again bool) error {
	if again {
		return nil
	}
	var pair [2]uint64
	n := 0
	start := h.at
	err := h.numbers(e, "data_offsets", func(v uint64, at int64) error {
		if n < 2 {
			pair[n] = v
		}
		n++
		return nil
	})
	if err == nil && n != 2 {
		err = broken(ruleEntry, start, hintRewrite, "tensor %s: data_offsets has %d numbers, not 2", quote(e.name), n)
	}
	e.begin, e.end = pair[0], pair[1]
	return err
}

// numbers reads an array of whole numbers.
func (h *header) numbers(e *entry, what string, each func(v uint64, at int64) error) error {
	if h.peek() != '[' {
		return broken(ruleEntry, h.at, hintRewrite, "tensor %s: %s is not an array", quote(e.name), what)
	}
	h.next()
	if h.peek() == ']' {
		h.next()
		return nil
	}
	for {
		c := h.peek()
		at := h.at
		h.buf = h.buf[:0]
		// One byte more than the longest uint64, so that a longer one fails
		// to parse instead of being cut.
		for len(h.buf) < 21 && (c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E') {
			h.buf = append(h.buf, c)
			h.next()
			c = h.look()
		}
		v, err := strconv.ParseUint(string(h.buf), 10, 64)
		if err != nil || len(h.buf) > 1 && h.buf[0] == '0' {
			return broken(ruleEntry, at, hintRewrite, "tensor %s: %s has something other than whole numbers from 0 to 2^64-1", quote(e.name), what)
		}
		if err := each(v, at); err != nil {
			return err
		}
		switch h.peek() {
		case ',':
			h.next()
		case ']':
			h.next()
			return nil
		default:
			return h.syntax("an array goes on with \",\" or ends with \"]\"")
		}
	}
}

// object reads "{", then for every key calls each with the reader before the
// value, then "}".
func (h *header) object(each func(key string, at int64) error) error {
	if h.peek() != '{' {
		return h.syntax("an object begins with \"{\"")
	}
	h.next()
	if h.peek() == '}' {
		h.next()
		return nil
	}
	for {
		if h.peek() != '"' {
			return h.syntax("a key is a string in quotation marks")
		}
		at := h.at
		key, err := h.str(maxKey)
		if err != nil {
			return err
		}
		if h.peek() != ':' {
			return h.syntax("a key is followed by \":\"")
		}
		h.next()
		if err := each(key, at); err != nil {
			return err
		}
		switch h.peek() {
		case ',':
			h.next()
		case '}':
			h.next()
			return nil
		default:
			return h.syntax("an object goes on with \",\" or ends with \"}\"")
		}
	}
}

// str reads a string of at most limit bytes, its escapes resolved.
func (h *header) str(limit int) (string, error) {
	start := h.at
	h.next() // the quotation mark
	h.buf = h.buf[:0]
	for {
		c := h.look()
		switch {
		case c == '"':
			h.next()
			if !utf8.Valid(h.buf) {
				return "", broken(ruleJSON, start, hintRewrite, "a string is not UTF-8")
			}
			return string(h.buf), nil
		case c == '\\':
			h.next()
			if err := h.escape(); err != nil {
				return "", err
			}
		case c < 0x20: // noByte too
			return "", h.syntax("a string ends with a quotation mark and has no control characters")
		default:
			h.buf = append(h.buf, c)
			h.next()
		}
		if len(h.buf) > limit {
			return "", broken(ruleLimit, start, hintRewrite, "a name is longer than %s bytes", report.Thousands(uint64(limit)))
		}
	}
}

// escape reads what follows a backslash (RFC 8259, section 7). Half a
// surrogate pair is refused, as the reference does.
func (h *header) escape() error {
	c := h.look()
	h.next()
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r, ok := h.hex4()
		if ok && utf16.IsSurrogate(r) {
			low := rune(-1)
			if h.look() == '\\' {
				if h.next(); h.look() == 'u' {
					h.next()
					low, ok = h.hex4()
				}
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				ok = false
			}
		}
		if !ok {
			return h.syntax("\\u is followed by four hexadecimal digits, and surrogates come in pairs")
		}
		h.buf = utf8.AppendRune(h.buf, r)
		return nil
	default:
		return h.syntax("an unknown escape follows a backslash")
	}
	h.buf = append(h.buf, c)
	return nil
}

func (h *header) hex4() (rune, bool) {
	var r rune
	for range 4 {
		c := h.look()
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
		h.next()
	}
	return r, true
}

// look returns the next byte without taking it, noByte at the end.
func (h *header) look() byte {
	b, err := h.r.Peek(1)
	if err != nil {
		h.err = err
		return noByte
	}
	return b[0]
}

// peek is look past white space.
func (h *header) peek() byte {
	for {
		switch c := h.look(); c {
		case ' ', '\t', '\r', '\n':
			h.next()
		default:
			return c
		}
	}
}

// next takes a byte that look has shown.
func (h *header) next() {
	if _, err := h.r.Discard(1); err == nil {
		h.at++
	}
}

func (h *header) ended() bool { return h.err != nil }

func (h *header) syntax(expected string) *FormatError {
	return broken(ruleJSON, h.at, hintRewrite, "the header is not JSON: %s", expected)
}
