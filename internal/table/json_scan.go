package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// null is the kind that rowScanner gives null; no column has it.
const null Kind = 255

// maxDepth bounds nested values. Nothing recurses here, but whoever parses
// the text later may.
const maxDepth = 200

// rowScanner takes one JSON object apart into keys and values, by RFC 8259,
// without making Go values: numbers stay as they are written, so that none
// loses digits. encoding/json does the rare things (escapes, nested values).
type rowScanner struct {
	data    []byte
	pos     int
	started bool
	key     []byte // unescaped, when the key had escapes
	value   bytes.Buffer
}

func (s *rowScanner) start(data []byte) error {
	s.data, s.pos, s.started = data, 0, false
	s.space()
	if s.peek() != '{' {
		return fmt.Errorf("it begins with %s", s.here())
	}
	s.pos++
	return nil
}

// next returns the next key with its value: strings unescaped, nested values
// without space, everything else as written. After the last it returns io.EOF
// if nothing follows the object. Both slices are valid until the next call.
func (s *rowScanner) next() (key, value []byte, kind Kind, err error) {
	s.space()
	if s.peek() == '}' {
		s.pos++
		if s.space(); s.pos < len(s.data) {
			return nil, nil, 0, fmt.Errorf("%s follows it", s.here())
		}
		return nil, nil, 0, io.EOF
	}
	if s.started {
		if s.peek() != ',' {
			return nil, nil, 0, fmt.Errorf("%s stands where a comma or } should", s.here())
		}
		s.pos++
		s.space()
	}
	s.started = true
	if key, err = s.str(&s.key); err != nil {
		return nil, nil, 0, err
	}
	if s.space(); s.peek() != ':' {
		return nil, nil, 0, fmt.Errorf("%s stands where a colon should", s.here())
	}
	s.pos++
	s.space()
	value, kind, err = s.any()
	return key, value, kind, err
}

func (s *rowScanner) any() ([]byte, Kind, error) {
	switch c := s.peek(); {
	case c == '"':
		var own []byte
		v, err := s.str(&own)
		return v, String, err
	case c == '{':
		v, err := s.nested()
		return v, Struct, err
	case c == '[':
		v, err := s.nested()
		return v, List, err
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for _, w := range words {
		if bytes.HasPrefix(s.data[s.pos:], w.text) {
			s.pos += len(w.text)
			return w.text, w.kind, nil
		}
	}
	return nil, 0, fmt.Errorf("%s stands where a value should", s.here())
}

var words = []struct {
	text []byte
	kind Kind
}{{[]byte("true"), Bool}, {[]byte("false"), Bool}, {[]byte("null"), null}}

// str reads a string. own is where an unescaped copy may be kept.
func (s *rowScanner) str(own *[]byte) ([]byte, error) {
	if s.peek() != '"' {
		return nil, fmt.Errorf("%s stands where a key in quotes should", s.here())
	}
	from := s.pos
	for i := from + 1; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			return s.data[from+1 : i], nil
		case c == '\\':
			return s.escaped(from, own)
		case c < 0x20:
			return nil, fmt.Errorf("a string holds the control character %#02x", c)
		}
	}
	return nil, errors.New("a string is not closed")
}

func (s *rowScanner) escaped(from int, own *[]byte) ([]byte, error) {
	for i := from + 1; i < len(s.data); i++ {
		switch s.data[i] {
		case '\\':
			i++
		case '"':
			var text string
			if err := json.Unmarshal(s.data[from:i+1], &text); err != nil {
				return nil, err
			}
			s.pos = i + 1
			*own = append((*own)[:0], text...)
			return *own, nil
		}
	}
	return nil, errors.New("a string is not closed")
}

// nested reads an object or a list.
func (s *rowScanner) nested() ([]byte, error) {
	from, depth := s.pos, 0
	for i := from; i < len(s.data); i++ {
		switch s.data[i] {
		case '"':
			for i++; i < len(s.data) && s.data[i] != '"'; i++ {
				if s.data[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > maxDepth {
				return nil, fmt.Errorf("values are nested deeper than %d", maxDepth)
			}
		case '}', ']':
			if depth--; depth == 0 {
				s.pos = i + 1
				s.value.Reset()
				if err := json.Compact(&s.value, s.data[from:s.pos]); err != nil {
					return nil, err
				}
				return s.value.Bytes(), nil
			}
		}
	}
	return nil, errors.New("a nested value is not closed")
}

// number reads a number. One without fraction and exponent is an Int.
func (s *rowScanner) number() ([]byte, Kind, error) {
	from, kind := s.pos, Int
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return nil, 0, errors.New("a number has no digits")
	}
	if s.peek() == '.' {
		s.pos++
		if kind = Float; !s.digits() {
			return nil, 0, errors.New("a number ends in its point")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if kind = Float; !s.digits() {
			return nil, 0, errors.New("a number has no exponent after its e")
		}
	}
	return s.data[from:s.pos], kind, nil
}

func (s *rowScanner) digits() bool {
	from := s.pos
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > from
}

func (s *rowScanner) space() {
	for s.pos < len(s.data) && (s.data[s.pos] == ' ' || s.data[s.pos] == '\t' || s.data[s.pos] == '\r' || s.data[s.pos] == '\n') {
		s.pos++
	}
}

// peek returns the next byte, 0 at the end; checkText has refused NUL bytes.
func (s *rowScanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// here describes the place for messages.
func (s *rowScanner) here() string {
	if s.pos >= len(s.data) {
		return "the end of the line"
	}
	return fmt.Sprintf("%q (column %d)", s.data[s.pos], s.pos+1)
}
