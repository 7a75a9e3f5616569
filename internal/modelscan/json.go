package modelscan

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonReader reads JSON in one pass, with the byte of every value and without a
// tree: configurations may be large, and what is looked for in them is small.
// It takes what Python's json takes besides: NaN, Infinity. Texts are kept up
// to maxTemplate, the depth is bounded.
type jsonReader struct {
	in    *bufio.Reader
	at    int64
	buf   []byte
	depth int
	// enter and leave are told of objects and arrays; value of the others. The
	// key is "" in arrays.
	enter func(key string, at int64, object bool)
	leave func()
	value func(key string, at int64, text string, isText bool)
}

const maxJSONDepth = 500

var errJSON = errors.New("not JSON")

func (j *jsonReader) broken(format string, args ...any) error {
	return fmt.Errorf("%w: byte %d: "+format, append([]any{errJSON, j.at}, args...)...)
}

func (j *jsonReader) byte() (byte, error) {
	c, err := j.in.ReadByte()
	if err == nil {
		j.at++
	}
	return c, err
}

func (j *jsonReader) back() {
	if j.in.UnreadByte() == nil {
		j.at--
	}
}

// space returns the next byte that is not white space.
func (j *jsonReader) space() (byte, error) {
	for {
		c, err := j.byte()
		if err != nil || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c, noEnd(err)
		}
	}
}

// document reads one value and the white space behind it.
func (j *jsonReader) document() error {
	if bom, _ := j.in.Peek(3); string(bom) == "\xef\xbb\xbf" {
		if _, err := j.in.Discard(3); err != nil {
			return err
		}
		j.at = 3
	}
	if err := j.any(""); err != nil {
		return err
	}
	if _, err := j.space(); err != io.ErrUnexpectedEOF {
		if err != nil {
			return err
		}
		return j.broken("something follows the value")
	}
	return nil
}

func (j *jsonReader) any(key string) error {
	c, err := j.space()
	if err != nil {
		return err
	}
	at := j.at - 1
	switch c {
	case '{', '[':
		if j.depth++; j.depth > maxJSONDepth {
			return j.broken("more than %d values are within one another", maxJSONDepth)
		}
		j.enter(key, at, c == '{')
		if err := j.items(c == '{'); err != nil {
			return err
		}
		j.leave()
		j.depth--
	case '"':
		text, err := j.text()
		if err != nil {
			return err
		}
		j.value(key, at, text, true)
	default:
		j.buf = append(j.buf[:0], c)
		for {
			c, err := j.byte()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			if c == ',' || c == '}' || c == ']' || c <= ' ' {
				j.back()
				break
			}
			if j.buf = append(j.buf, c); len(j.buf) > 4096 {
				return j.broken("a number has more than 4096 digits")
			}
		}
		if c := j.buf[0]; c != '-' && (c < '0' || c > '9') && c != 't' && c != 'f' && c != 'n' && c != 'N' && c != 'I' {
			return j.broken("%q is no value", j.buf[0])
		}
		j.value(key, at, string(j.buf), false)
	}
	return nil
}

func (j *jsonReader) items(object bool) error {
	closing := byte(']')
	if object {
		closing = '}'
	}
	for first := true; ; first = false {
		c, err := j.space()
		if err != nil {
			return err
		}
		if c == closing && first {
			return nil
		}
		if !first {
			if c == closing {
				return nil
			}
			if c != ',' {
				return j.broken("%q where a comma belongs", c)
			}
			if c, err = j.space(); err != nil {
				return err
			}
		}
		key := ""
		if object {
			if c != '"' {
				return j.broken("%q where a key begins", c)
			}
			if key, err = j.text(); err != nil {
				return err
			}
			if c, err = j.space(); err != nil {
				return err
			}
			if c != ':' {
				return j.broken("%q where a colon belongs", c)
			}
		} else {
			j.back()
		}
		if err := j.any(key); err != nil {
			return err
		}
	}
}

// text reads a string behind its quote. What is longer than maxTemplate is cut.
func (j *jsonReader) text() (string, error) {
	b := j.buf[:0]
	defer func() { j.buf = b[:0] }()
	for {
		c, err := j.byte()
		if err != nil {
			return "", noEnd(err)
		}
		switch {
		case c == '"':
			return string(b), nil
		case c == '\\':
			if b, err = j.escape(b); err != nil {
				return "", err
			}
		case len(b) <= maxTemplate:
			b = append(b, c)
		}
	}
}

func (j *jsonReader) escape(b []byte) ([]byte, error) {
	c, err := j.byte()
	if err != nil {
		return b, noEnd(err)
	}
	if len(b) > maxTemplate {
		return b, nil
	}
	switch c {
	case 'n':
		return append(b, '\n'), nil
	case 't':
		return append(b, '\t'), nil
	case 'r':
		return append(b, '\r'), nil
	case 'b':
		return append(b, '\b'), nil
	case 'f':
		return append(b, '\f'), nil
	case '"', '\\', '/':
		return append(b, c), nil
	case 'u':
		r, err := j.hex()
		if err != nil {
			return b, err
		}
		if utf16.IsSurrogate(r) {
			if next, _ := j.in.Peek(6); len(next) == 6 && next[0] == '\\' && next[1] == 'u' {
				if low, err := strconv.ParseUint(string(next[2:]), 16, 16); err == nil {
					if both := utf16.DecodeRune(r, rune(low)); both != utf8.RuneError {
						if _, err := j.in.Discard(6); err != nil {
							return b, err
						}
						j.at += 6
						r = both
					}
				}
			}
		}
		return utf8.AppendRune(b, r), nil
	}
	return b, j.broken("\\%c is no escape", c)
}

func (j *jsonReader) hex() (rune, error) {
	var h [4]byte
	if _, err := io.ReadFull(j.in, h[:]); err != nil {
		return 0, noEnd(err)
	}
	j.at += 4
	n, err := strconv.ParseUint(string(h[:]), 16, 16)
	if err != nil {
		return 0, j.broken("%q are no hexadecimal digits", h)
	}
	return rune(n), nil
}
