package table

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

// csvReader reads RFC 4180: fields may be quoted, quotes within are doubled,
// quoted fields may hold separators and line ends. Lines end in LF or CRLF.
// The first record is the header. Unlike encoding/csv it tells an empty field
// from an empty string in quotes, works on columns, and bounds a record.
type csvReader struct {
	src   *source
	comma byte
	lines lineBuffer

	schema Schema
	column []int // of a field: index in batch.Columns, -1 when not wanted
	batch  Batch
	next   int64 // number of the next row
}

func openCSV(src *source, comma byte, opts Options) (Reader, error) {
	r := &csvReader{src: src, comma: comma, lines: lineBuffer{src: src, line: 1}, batch: Batch{File: opts.File}, next: 1}
	record, line, err := r.record()
	if err == io.EOF {
		return nil, src.dataError(0, "is empty: the first line must name the columns", nil)
	}
	if err != nil {
		return nil, err
	}
	names, err := r.header(record, line)
	if err != nil {
		return nil, err
	}
	for i, ok := range wanted(names, opts.Columns) {
		r.schema = append(r.schema, Field{Name: names[i]})
		r.column = append(r.column, -1)
		if ok {
			r.column[i] = len(r.batch.Columns)
			r.batch.Columns = append(r.batch.Columns, Column{Name: names[i]})
		}
	}
	return r, nil
}

// header returns the names that a record gives. A name may be missing, as in
// the index column that pandas writes: it is called after its place.
func (r *csvReader) header(record []byte, line int64) ([]string, error) {
	record = bytes.TrimPrefix(record, utf8BOM)
	var names []string
	var one Column
	for rest, more := record, true; more; {
		one.reset()
		var err error
		if rest, more, err = r.field(&one, rest, line); err != nil {
			return nil, err
		}
		name := string(one.Data)
		if name == "" {
			name = fmt.Sprintf("column%d", len(names)+1)
		}
		if names = append(names, name); len(names) > MaxColumns {
			break
		}
	}
	if why := checkNames(names); why != "" {
		return nil, r.src.dataError(line, why, nil)
	}
	return names, nil
}

func (r *csvReader) Schema() Schema { return r.schema }

func (r *csvReader) Close() error { return r.src.Close() }

func (r *csvReader) Next() (*Batch, error) {
	b := &r.batch
	b.First, b.Rows, b.Lines = r.next, 0, b.Lines[:0]
	for i := range b.Columns {
		b.Columns[i].reset()
	}
	for size := 0; b.Rows < BatchRows && size < batchBytes; {
		record, line, err := r.record()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := r.row(record, line); err != nil {
			return nil, err
		}
		b.Lines = append(b.Lines, line)
		b.Rows++
		size += len(record)
	}
	if b.Rows == 0 {
		return nil, io.EOF
	}
	r.next += int64(b.Rows)
	return b, nil
}

// row appends a record to the columns.
func (r *csvReader) row(record []byte, line int64) error {
	n := 0
	for rest, more := record, true; more; n++ {
		var c *Column
		if n < len(r.column) && r.column[n] >= 0 {
			c = &r.batch.Columns[r.column[n]]
		}
		var err error
		if rest, more, err = r.field(c, rest, line); err != nil {
			return err
		}
	}
	if n != len(r.schema) {
		return r.src.dataError(line, fmt.Sprintf("the record has %d fields, the header has %d", n, len(r.schema)), nil)
	}
	return nil
}

// field appends the first field of rest to c (nil: skips it) and returns what
// follows its separator, and whether there was one.
func (r *csvReader) field(c *Column, rest []byte, line int64) (after []byte, more bool, err error) {
	if len(rest) > 0 && rest[0] == '"' {
		return r.quoted(c, rest, line)
	}
	value := rest
	if i := bytes.IndexByte(rest, r.comma); i >= 0 {
		value, after, more = rest[:i], rest[i+1:], true
	}
	switch {
	case bytes.IndexByte(value, '"') >= 0:
		return nil, false, r.src.dataError(line, "a quote stands inside a field that does not begin with one; put the field in quotes and double the quotes within", nil)
	case c == nil:
	case len(value) == 0:
		c.appendNull()
	default:
		c.Data = append(c.Data, value...)
		c.endText()
	}
	return after, more, nil
}

func (r *csvReader) quoted(c *Column, rest []byte, line int64) (after []byte, more bool, err error) {
	rest = rest[1:]
	for {
		i := bytes.IndexByte(rest, '"')
		if i < 0 {
			return nil, false, r.src.dataError(line, "a quoted field is not closed", nil)
		}
		if c != nil {
			c.Data = append(c.Data, rest[:i]...)
		}
		rest = rest[i+1:]
		if len(rest) == 0 || rest[0] != '"' {
			break
		}
		if c != nil {
			c.Data = append(c.Data, '"')
		}
		rest = rest[1:]
	}
	if c != nil {
		c.endText()
	}
	if len(rest) == 0 {
		return nil, false, nil
	}
	if rest[0] != r.comma {
		return nil, false, r.src.dataError(line, "text follows the closing quote of a field", nil)
	}
	return rest[1:], true, nil
}

// record returns the next record without its line end, and its first line. A
// blank line is no record, except in a file of one column, where it is a null.
func (r *csvReader) record() ([]byte, int64, error) {
	for {
		line := r.lines.line
		record, err := r.lines.next(true)
		if err != nil {
			return nil, line, err
		}
		if len(record) == 0 && len(r.schema) != 1 {
			continue
		}
		return record, line, checkText(r.src, record, line)
	}
}

func checkText(src *source, record []byte, line int64) error {
	if bytes.IndexByte(record, 0) >= 0 {
		return src.dataError(line, "the record holds a NUL byte; is this a text file?", nil)
	}
	if !utf8.Valid(record) {
		return src.dataError(line, "the record is not valid UTF-8; save the file as UTF-8", nil)
	}
	return nil
}

// lineBuffer cuts a source into lines, or into CSV records: those go on past
// a line end that stands inside quotes.
type lineBuffer struct {
	src      *source
	line     int64 // number of the line that comes next, 1 first
	buf      []byte
	from, to int // what is read and not yet handed out
	eof      bool
}

// next returns the next line without its LF or CRLF, valid until the next
// call.
func (l *lineBuffer) next(quotes bool) ([]byte, error) {
	seen, lines, open := 0, int64(0), false // bytes of the record looked at
	for {
		rest := l.buf[l.from+seen : l.to]
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			if l.eof {
				return l.last(lines)
			}
			if err := l.fill(); err != nil {
				return nil, err
			}
			continue
		}
		lines++
		if quotes {
			open = open != oddQuotes(rest[:i])
		}
		seen += i + 1
		if open {
			continue
		}
		record := l.buf[l.from : l.from+seen-1]
		l.from += seen
		l.line += lines
		return bytes.TrimSuffix(record, []byte("\r")), nil
	}
}

// last returns what stands after the last line end.
func (l *lineBuffer) last(lines int64) ([]byte, error) {
	record := l.buf[l.from:l.to]
	l.from = l.to
	if len(record) == 0 {
		return nil, io.EOF
	}
	l.line += lines
	return bytes.TrimSuffix(record, []byte("\r")), nil
}

// fill reads more behind what is there.
func (l *lineBuffer) fill() error {
	if l.from > 0 && (l.from == l.to || l.to == len(l.buf)) {
		l.to = copy(l.buf, l.buf[l.from:l.to])
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

func oddQuotes(b []byte) bool {
	odd := false
	for {
		i := bytes.IndexByte(b, '"')
		if i < 0 {
			return odd
		}
		odd = !odd
		b = b[i+1:]
	}
}
