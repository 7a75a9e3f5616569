package table

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

// lineBuffer cuts a source into lines, or into CSV records: those go on past
// a line end that stands inside quotes. A record ends at the first line end
// before which quotes are even in number, whatever stands between them; so
// does Index count.
type lineBuffer struct {
	src      *source
	quote    byte  // 0: records are lines
	line     int64 // number of the line that comes next, 1 first
	buf      []byte
	from, to int // what is read and not yet handed out
	eof      bool
	// No quote and no NUL stands in buf from from to here.
	quoteAt, nulAt int
}

// next returns the next record without its LF or CRLF, valid until the next
// call, and whether there are quotes in it.
func (l *lineBuffer) next() (record []byte, quoted bool, err error) {
	seen, lines, open := 0, int64(0), false // bytes of the record looked at
	passed := 0                             // bytes after those, without a line end
	for {
		start := l.from + seen
		i := bytes.IndexByte(l.buf[start+passed:l.to], '\n')
		if i < 0 {
			if l.eof {
				return l.last(lines)
			}
			passed = l.to - start
			if err := l.fill(); err != nil {
				return nil, false, err
			}
			continue
		}
		i, passed = i+passed, 0
		lines++
		if l.quote != 0 && l.find(&l.quoteAt, l.quote, start+i) {
			quoted = true
			open = open != odd(l.buf[l.quoteAt:start+i], l.quote)
			l.quoteAt = start + i
		}
		seen += i + 1
		if open {
			continue
		}
		record := l.buf[l.from : l.from+seen-1]
		l.from += seen
		l.line += lines
		return bytes.TrimSuffix(record, []byte("\r")), quoted, nil
	}
}

// find moves at on to the next b, or to the end of what is read, and tells
// whether there is one before end.
func (l *lineBuffer) find(at *int, b byte, end int) bool {
	if *at < end && l.buf[*at] != b {
		if i := bytes.IndexByte(l.buf[*at:l.to], b); i >= 0 {
			*at += i
		} else {
			*at = l.to
		}
	}
	return *at < end
}

// last returns what stands after the last line end.
func (l *lineBuffer) last(lines int64) ([]byte, bool, error) {
	record := l.buf[l.from:l.to]
	l.from = l.to
	if len(record) == 0 {
		return nil, false, io.EOF
	}
	l.line += lines
	return bytes.TrimSuffix(record, []byte("\r")), l.quote != 0 && bytes.IndexByte(record, l.quote) >= 0, nil
}

// head returns the first n bytes, or all if there are less, and leaves them
// where they are.
func (l *lineBuffer) head(n int) ([]byte, error) {
	for l.to < n && !l.eof {
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
	return l.buf[:min(n, l.to)], nil
}

// seek continues at another place of the file.
func (l *lineBuffer) seek(at section) {
	l.src.seek(at)
	l.line = at.from.line
	l.from, l.to, l.quoteAt, l.nulAt, l.eof = 0, 0, 0, 0, false
}

// fill reads more behind what is there.
func (l *lineBuffer) fill() error {
	if l.from > 0 && (l.from == l.to || l.to == len(l.buf)) {
		l.to = copy(l.buf, l.buf[l.from:l.to])
		l.quoteAt, l.nulAt = max(l.quoteAt-l.from, 0), max(l.nulAt-l.from, 0)
		l.from = 0
	}
	if l.to == len(l.buf) {
		if l.to >= MaxRecord {
			return l.src.dataError(l.line, fmt.Sprintf("the record is longer than %d MiB; is a quote or a line end missing?", MaxRecord>>20), nil)
		}
		l.buf = append(l.buf, make([]byte, max(256<<10, len(l.buf)))...)
	}
	n, err := l.src.Read(l.buf[l.to:])
	l.to += n
	if err == io.EOF {
		l.eof = true
		return nil
	}
	return err
}

// check says what makes the record that next returned no text. It begins at
// line, and was the last one before what comes next.
func (l *lineBuffer) check(record []byte, line int64) error {
	if l.find(&l.nulAt, 0, l.from) {
		// There is one in the record, or in one that was skipped.
		if err := checkNUL(l.src, record, line); err != nil {
			return err
		}
		l.nulAt = l.from
	}
	return checkUTF8(l.src, record, line)
}

func checkText(src *source, record []byte, line int64) error {
	if err := checkNUL(src, record, line); err != nil {
		return err
	}
	return checkUTF8(src, record, line)
}

func checkNUL(src *source, record []byte, line int64) error {
	if bytes.IndexByte(record, 0) >= 0 {
		return src.dataError(line, "the record holds a NUL byte; is this a text file?", nil)
	}
	return nil
}

func checkUTF8(src *source, record []byte, line int64) error {
	switch {
	case utf8.Valid(record):
		return nil
	case src.encoding == "" || src.encoding == UTF8:
		return src.dataError(line, "the record is not valid UTF-8; save the file as UTF-8, or, for CSV, say what its encoding is", nil)
	}
	return src.dataError(line, "the record is not valid "+src.encoding, nil)
}

// odd tells whether b stands an odd number of times in data.
func odd(data []byte, b byte) bool { return bytes.Count(data, []byte{b})&1 == 1 }
