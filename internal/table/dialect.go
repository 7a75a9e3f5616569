package table

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Dialect says how a CSV file is written. The zero value is what most are: a
// header, fields separated by commas (by tabs in .tsv), quoted with ", UTF-8
// or what a byte order mark says. Where the header has no comma, a semicolon,
// tab or bar takes its place if the first rows agree on it; see Assumed.
type Dialect struct {
	Delimiter byte   // 0: find out
	Quote     byte   // 0: "
	Encoding  string // one of Encodings; "": UTF-8, or as the byte order mark says
	NoHeader  bool   // the first record is a row, columns are called column1, column2, …
}

// Check says what is wrong with d.
func (d Dialect) Check() error {
	for _, c := range []struct {
		name string
		b    byte
	}{{"delimiter", d.Delimiter}, {"quote", d.Quote}} {
		if b := c.b; b != 0 && (b == '\n' || b == '\r' || b >= 0x7f || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z') {
			return fmt.Errorf("%s %q: expected one ASCII character that is no letter, digit or line end", c.name, b)
		}
	}
	if d.quote() == d.Delimiter {
		return fmt.Errorf("delimiter and quote are both %q", d.Delimiter)
	}
	if d.Encoding != "" && !slices.Contains(Encodings, d.Encoding) {
		return fmt.Errorf("encoding %q: expected one of %s", d.Encoding, strings.Join(Encodings, ", "))
	}
	return nil
}

func (d Dialect) quote() byte {
	if d.Quote == 0 {
		return '"'
	}
	return d.Quote
}

// Assumed says what Open found out about a file that Dialect left open and
// that is not the usual, as in `the delimiter is ";"`; "" when there is nothing
// to say.
func Assumed(r Reader) string {
	if c, ok := r.(*csvReader); ok {
		return c.assumed
	}
	return ""
}

const (
	sniffBytes   = 64 << 10 // of the beginning of a file, which decide its delimiter
	sniffRecords = 20
)

// sniff returns the delimiter that head, the beginning of a file, is written
// with: a comma, unless the header has none and all of the first records have
// one and the same other delimiter equally often, and only one of the others.
// whole says that head is all of the file.
func sniff(head []byte, quote byte, whole bool) byte {
	candidates := []byte(";\t|")
	var first [4]int // how often each stands in the header; the last is the comma
	found := -1
	records := 0
	for ; records < sniffRecords; records++ {
		record, rest, ended := cutRecord(head, quote)
		if !ended && !whole || len(head) == 0 {
			break
		}
		head = rest
		if len(bytes.TrimSuffix(record, []byte("\r"))) == 0 {
			records-- // a blank line
			continue
		}
		n := countOutside(record, quote, [4]byte{';', '\t', '|', ','})
		if records == 0 {
			if first = n; n[3] > 0 {
				return ','
			}
			continue
		}
		for i := range candidates {
			if n[i] != first[i] {
				first[i] = 0 // not this one
			}
		}
	}
	if records < 2 {
		return ','
	}
	for i := range candidates {
		if first[i] == 0 {
			continue
		}
		if found >= 0 {
			return ','
		}
		found = i
	}
	if found < 0 {
		return ','
	}
	return candidates[found]
}

// cutRecord cuts off the first record; ended tells whether its line end is
// there.
func cutRecord(b []byte, quote byte) (record, rest []byte, ended bool) {
	open := false
	for i, c := range b {
		switch {
		case c == quote:
			open = !open
		case c == '\n' && !open:
			return b[:i], b[i+1:], true
		}
	}
	return b, nil, false
}

func countOutside(record []byte, quote byte, of [4]byte) (n [4]int) {
	open := false
	for _, c := range record {
		if c == quote {
			open = !open
		}
		for i, d := range of {
			if c == d && !open {
				n[i]++
			}
		}
	}
	return n
}

// loneCR tells whether head, without any LF, has line ends of CR alone, as
// Macintosh wrote them before 2001.
func loneCR(head []byte, quote byte) bool {
	if bytes.IndexByte(head, '\n') >= 0 {
		return false
	}
	n := countOutside(bytes.TrimSuffix(head, []byte("\r")), quote, [4]byte{'\r'})
	return n[0] > 0
}
