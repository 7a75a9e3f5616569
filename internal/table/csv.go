package table

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// csvReader reads RFC 4180: fields may be quoted, quotes within are doubled,
// quoted fields may hold separators and line ends. Lines end in LF or CRLF.
// The first record is the header, unless the dialect says otherwise. Unlike
// encoding/csv it tells an empty field from an empty string in quotes, works
// on columns, and bounds a record.
type csvReader struct {
	src     *source
	comma   byte
	quote   byte
	assumed string // see Assumed
	lines   lineBuffer

	schema Schema
	column []int // of a field: index in batch.Columns, -1 when not wanted
	batch  Batch
	next   int64  // number of the next row
	blank  int64  // lines before the first record
	first  []byte // the first record, when it is a row and not yet read
	atLine int64  // of first
}

func openCSV(src *source, ext string, at section, opts Options) (Reader, error) {
	d := src.file.Dialect
	if err := d.Check(); err != nil {
		return nil, fmt.Errorf("open %s: %w", src.file.Name, err)
	}
	r := &csvReader{src: src, comma: d.Delimiter, quote: d.quote(), batch: Batch{File: opts.File}, next: 1}
	r.lines = lineBuffer{src: src, line: 1, quote: r.quote}
	x := src.file.index
	if x != nil {
		r.comma, r.assumed = x.comma, x.assumed
	} else if err := r.sniff(ext); err != nil {
		return nil, err
	}
	if x == nil || at.from.row == 0 {
		if err := r.readHeader(opts); err != nil {
			return nil, err
		}
	} else {
		r.setNames(x.names, opts)
	}
	if at.from.row > 0 {
		r.first = nil
		r.next = at.from.row
		r.lines.seek(at)
	}
	return r, nil
}

func (r *csvReader) readHeader(opts Options) error {
	record, quoted, line, err := r.record()
	if err == io.EOF {
		return r.src.dataError(0, "is empty: the first line must name the columns", nil)
	}
	if err != nil {
		return err
	}
	names, err := r.header(record, quoted, line)
	if err != nil {
		return err
	}
	if r.src.file.Dialect.NoHeader {
		r.first, r.atLine = bytes.Clone(record), line
	}
	r.setNames(names, opts)
	return nil
}

func (r *csvReader) setNames(names []string, opts Options) {
	for i, ok := range wanted(names, opts.Columns) {
		r.schema = append(r.schema, Field{Name: names[i]})
		r.column = append(r.column, -1)
		if ok {
			r.column[i] = len(r.batch.Columns)
			r.batch.Columns = append(r.batch.Columns, Column{Name: names[i]})
		}
	}
}

// sniff decides the delimiter that nobody gave.
func (r *csvReader) sniff(ext string) error {
	head, err := r.lines.head(sniffBytes)
	if err != nil {
		return err
	}
	if loneCR(head, r.quote) {
		return r.src.dataError(1, "lines end in CR alone; save the file with LF or CRLF", nil)
	}
	switch {
	case r.comma != 0:
	case ext == ".tsv":
		r.comma = '\t'
	default:
		if r.comma = sniff(head, r.quote, r.lines.eof && r.lines.to == len(head)); r.comma != ',' {
			r.assumed = fmt.Sprintf("the delimiter is %q", string(r.comma))
		}
	}
	if r.comma == r.quote {
		return fmt.Errorf("open %s: delimiter and quote are both %q", r.src.file.Name, r.quote)
	}
	return nil
}

// header returns the names that a record gives. A name may be missing, as in
// the index column that pandas writes: it is called after its place.
func (r *csvReader) header(record []byte, quoted bool, line int64) ([]string, error) {
	var names []string
	var one Column
	for rest, more := record, true; more; {
		one.reset()
		var err error
		if rest, more, err = r.field(&one, rest, quoted, line); err != nil {
			return nil, err
		}
		name := string(one.Data)
		if name == "" || r.src.file.Dialect.NoHeader {
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
		record, quoted, line, err := r.record()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := r.row(record, quoted, line); err != nil {
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
func (r *csvReader) row(record []byte, quoted bool, line int64) error {
	n := 0
	for rest, more := record, true; more; n++ {
		var c *Column
		if n < len(r.column) && r.column[n] >= 0 {
			c = &r.batch.Columns[r.column[n]]
		}
		if !quoted {
			// field without what quotes need; most records are such.
			value := rest
			if i := indexNear(rest, r.comma); i >= 0 {
				value, rest = rest[:i], rest[i+1:]
			} else {
				more = false
			}
			if c != nil {
				c.appendField(value)
			}
			continue
		}
		var err error
		if rest, more, err = r.field(c, rest, quoted, line); err != nil {
			return err
		}
	}
	if n != len(r.schema) {
		return r.ragged(n, line)
	}
	return nil
}

func (c *Column) appendField(value []byte) {
	if len(value) == 0 {
		c.appendNull()
		return
	}
	c.Data = append(c.Data, value...)
	c.endText()
}

// indexNear is bytes.IndexByte, faster where b stands among the first bytes.
func indexNear(data []byte, b byte) int {
	if len(data) >= 8 {
		const ones, high = 0x0101010101010101, 0x8080808080808080
		w := binary.LittleEndian.Uint64(data) ^ ones*uint64(b)
		// The lowest bit that is set is exact; those above it may not be.
		if w = (w - ones) &^ w & high; w != 0 {
			return bits.TrailingZeros64(w) / 8
		}
		if i := bytes.IndexByte(data[8:], b); i >= 0 {
			return i + 8
		}
		return -1
	}
	return bytes.IndexByte(data, b)
}

func (r *csvReader) ragged(n int, line int64) error {
	what := "the header"
	if r.src.file.Dialect.NoHeader {
		what = "the first record"
	}
	reason := fmt.Sprintf("the record has %d fields, %s has %d", n, what, len(r.schema))
	if r.assumed != "" {
		reason += "; as the first rows suggest, " + r.assumed
	}
	return r.src.dataError(line, reason, nil)
}

// field appends the first field of rest to c (nil: skips it) and returns what
// follows its separator, and whether there was one. quoted tells whether
// there are quotes in the record.
func (r *csvReader) field(c *Column, rest []byte, quoted bool, line int64) (after []byte, more bool, err error) {
	if quoted && len(rest) > 0 && rest[0] == r.quote {
		return r.quoted(c, rest, line)
	}
	value := rest
	if i := indexNear(rest, r.comma); i >= 0 {
		value, after, more = rest[:i], rest[i+1:], true
	}
	switch {
	case quoted && bytes.IndexByte(value, r.quote) >= 0:
		return nil, false, r.src.dataError(line, "a quote stands inside a field that does not begin with one; put the field in quotes and double the quotes within", nil)
	case c != nil:
		c.appendField(value)
	}
	return after, more, nil
}

func (r *csvReader) quoted(c *Column, rest []byte, line int64) (after []byte, more bool, err error) {
	rest = rest[1:]
	for {
		i := bytes.IndexByte(rest, r.quote)
		if i < 0 {
			return nil, false, r.src.dataError(line, "a quoted field is not closed", nil)
		}
		if c != nil {
			c.Data = append(c.Data, rest[:i]...)
		}
		rest = rest[i+1:]
		if len(rest) == 0 || rest[0] != r.quote {
			break
		}
		if c != nil {
			c.Data = append(c.Data, r.quote)
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

// record returns the next record without its line end, whether there are
// quotes in it, and its first line. A blank line is no record, except in a
// file of one column, where it is a null.
func (r *csvReader) record() (record []byte, quoted bool, line int64, err error) {
	if record, line = r.first, r.atLine; record != nil {
		r.first = nil
		return record, bytes.IndexByte(record, r.quote) >= 0, line, nil
	}
	for {
		line := r.lines.line
		record, quoted, err := r.lines.next()
		if err != nil {
			return nil, false, line, err
		}
		if len(record) == 0 && len(r.schema) != 1 {
			if r.schema == nil {
				r.blank++
			}
			continue
		}
		return record, quoted, line, r.lines.check(record, line)
	}
}
