package ledger

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads canonical JSON (RFC 8785) and nothing else: no space, keys in
// order and therefore once, one way to escape. encoding/json would fold the
// case of keys, take the last of two equal ones and needs ten times as long;
// two readers that disagree about a line would be worth an attack.
//
// Strings without escapes are slices of the line: nothing is copied.
type scanner struct {
	s     string
	pos   int
	depth int
}

// maxDepth bounds the nesting of fields that a newer writer may have added.
const maxDepth = 32

func (c *scanner) fail(format string, args ...any) error {
	return fmt.Errorf("not canonical JSON at byte %d: %s", c.pos+1, fmt.Sprintf(format, args...))
}

// accept moves over b if it comes next.
func (c *scanner) accept(b byte) bool {
	if c.pos < len(c.s) && c.s[c.pos] == b {
		c.pos++
		return true
	}
	return false
}

func (c *scanner) expect(b byte) error {
	if c.accept(b) {
		return nil
	}
	if c.pos == len(c.s) {
		return c.fail("ends where %q is expected", b)
	}
	return c.fail("%q where %q is expected", c.s[c.pos], b)
}

func (c *scanner) end() error {
	if c.pos < len(c.s) {
		return c.fail("%q follows the object", c.s[c.pos])
	}
	return nil
}

// object calls each for every key; each must read the value.
func (c *scanner) object(each func(key string) error) error {
	if err := c.enter('{'); err != nil {
		return err
	}
	defer c.leave()
	if c.accept('}') {
		return nil
	}
	last, first := "", true
	for {
		start := c.pos
		key, err := c.text()
		if err != nil {
			return err
		}
		if !first && !inOrder(last, key) {
			c.pos = start
			return c.fail("key %q after %q: keys are sorted and stand once", clip(key), clip(last))
		}
		first = false
		last = key
		if err := c.expect(':'); err != nil {
			return err
		}
		if err := each(key); err != nil {
			return err
		}
		if c.accept('}') {
			return nil
		}
		if err := c.expect(','); err != nil {
			return err
		}
	}
}

// array calls each for every element; each must read it.
func (c *scanner) array(each func() error) error {
	if err := c.enter('['); err != nil {
		return err
	}
	defer c.leave()
	if c.accept(']') {
		return nil
	}
	for {
		if err := each(); err != nil {
			return err
		}
		if c.accept(']') {
			return nil
		}
		if err := c.expect(','); err != nil {
			return err
		}
	}
}

func (c *scanner) enter(open byte) error {
	if c.depth++; c.depth > maxDepth {
		return c.fail("nested deeper than %d", maxDepth)
	}
	return c.expect(open)
}

func (c *scanner) leave() { c.depth-- }

// text reads a string.
func (c *scanner) text() (string, error) {
	if err := c.expect('"'); err != nil {
		return "", err
	}
	start, ascii := c.pos, true
	for ; c.pos < len(c.s); c.pos++ {
		switch b := c.s[c.pos]; {
		case b == '"':
			s := c.s[start:c.pos]
			if !ascii && !utf8.ValidString(s) {
				return "", c.fail("the string is not UTF-8")
			}
			c.pos++
			return s, nil
		case b == '\\':
			return c.escaped(start)
		case b < 0x20:
			return "", c.fail("control character in a string")
		case b >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", c.fail("the string does not end")
}

// escaped reads the rest of a string that has escapes; c.pos is at the first.
func (c *scanner) escaped(start int) (string, error) {
	var out strings.Builder
	out.WriteString(c.s[start:c.pos])
	for c.pos < len(c.s) {
		b := c.s[c.pos]
		switch {
		case b == '"':
			if !utf8.ValidString(out.String()) {
				return "", c.fail("the string is not UTF-8")
			}
			c.pos++
			return out.String(), nil
		case b < 0x20:
			return "", c.fail("control character in a string")
		case b != '\\':
			out.WriteByte(b)
			c.pos++
		default:
			r, n := unescape(c.s[c.pos:])
			if n == 0 {
				return "", c.fail("an escape that RFC 8785 does not write")
			}
			out.WriteByte(r)
			c.pos += n
		}
	}
	return "", c.fail("the string does not end")
}

// unescape reads the one escape that RFC 8785 (section 3.2.2.2) allows for a
// character and returns its length, 0 when it is another.
func unescape(s string) (b byte, length int) {
	if len(s) < 2 {
		return 0, 0
	}
	if i := strings.IndexByte(`"\bfnrt`, s[1]); i >= 0 {
		return "\"\\\b\f\n\r\t"[i], 2
	}
	if len(s) < 6 || s[1:4] != "u00" || s[4] != '0' && s[4] != '1' || !isHex(s[5:6]) {
		return 0, 0
	}
	b = (s[4] - '0') << 4
	if d := s[5]; d <= '9' {
		b |= d - '0'
	} else {
		b |= d - 'a' + 10
	}
	if strings.IndexByte("\b\f\n\r\t", b) >= 0 {
		return 0, 0 // these have the short form
	}
	return b, 6
}

// integer reads a whole number from 0 to 2^53-1.
func (c *scanner) integer() (int64, error) {
	start := c.pos
	var n int64
	for ; c.pos < len(c.s) && c.s[c.pos] >= '0' && c.s[c.pos] <= '9'; c.pos++ {
		if n = n*10 + int64(c.s[c.pos]-'0'); n > maxInteger {
			return 0, c.fail("number above 2^53-1")
		}
	}
	if digits := c.pos - start; digits == 0 || digits > 1 && c.s[start] == '0' {
		c.pos = start
		return 0, c.fail("a whole number is expected")
	}
	return n, nil
}

// skip moves over a value of any type: a field that a newer writer added.
func (c *scanner) skip() error {
	if c.pos == len(c.s) {
		return c.fail("a value is expected")
	}
	switch c.s[c.pos] {
	case '{':
		return c.object(func(string) error { return c.skip() })
	case '[':
		return c.array(c.skip)
	case '"':
		_, err := c.text()
		return err
	}
	rest := c.s[c.pos:]
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(rest, word) {
			c.pos += len(word)
			return nil
		}
	}
	return c.skipNumber()
}

// skipNumber moves over -?int[.frac][e±exp] (RFC 8259, section 6).
func (c *scanner) skipNumber() error {
	digits := func() int {
		start := c.pos
		for c.pos < len(c.s) && c.s[c.pos] >= '0' && c.s[c.pos] <= '9' {
			c.pos++
		}
		return c.pos - start
	}
	c.accept('-')
	start := c.pos
	if n := digits(); n == 0 || n > 1 && c.s[start] == '0' {
		return c.fail("a value is expected")
	}
	if c.accept('.') && digits() == 0 {
		return c.fail("a digit is expected")
	}
	if c.accept('e') {
		if !c.accept('+') && !c.accept('-') {
			return c.fail("an exponent has a sign")
		}
		if digits() == 0 {
			return c.fail("a digit is expected")
		}
	}
	return nil
}

// inOrder tells whether a stands before b in RFC 8785, section 3.2.3: by
// UTF-16 code units, which differs from the order of bytes beyond U+FFFF.
func inOrder(a, b string) bool {
	if isASCII(a) && isASCII(b) {
		return a < b
	}
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b))) < 0
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
