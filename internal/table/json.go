package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxUnknown is how many keys outside the schema a batch tells apart.
const maxUnknown = 100

// jsonSpace is what RFC 8259 calls insignificant whitespace.
const jsonSpace = " \t\r\n"

// jsonReader reads one object a line, or a JSON array of objects. Its schema
// is the keys of the first BatchRows rows in the order of their appearance,
// and then those of Options.Columns that these rows do not have.
type jsonReader struct {
	src    *source
	lines  lineBuffer
	array  *json.Decoder // nil for lines
	limit  *recordLimit  // of array
	ended  bool          // array
	schema Schema
	index  map[string]int // of a key in schema
	column []int          // of a schema's field in batch.Columns, -1 when not wanted
	only   []string
	batch  Batch
	row    rowScanner
	first  bool // the first batch, read to know the schema, is waiting
	next   int64
}

func openJSON(src *source, mayBeArray bool, at section, opts Options) (Reader, error) {
	columns := opts.Columns
	r := &jsonReader{src: src, lines: lineBuffer{src: src, line: 1}, index: map[string]int{}, only: columns, batch: Batch{File: opts.File}, next: 1}
	if x := src.file.index; x != nil {
		for _, key := range x.names {
			r.learn(key)
		}
	} else if err := r.readSchema(mayBeArray); err != nil {
		return nil, err
	}
	if at.from.row > 0 {
		r.batch.Rows, r.array = 0, nil
		r.next = at.from.row
		r.lines.seek(at)
	}
	r.first = r.batch.Rows > 0
	// A key that is asked for may come later, or never: it is a column of
	// nulls so far.
	for _, key := range columns {
		if _, ok := r.index[key]; !ok {
			r.batch.Columns[r.column[r.learn(key)]].pad(r.batch.Rows)
		}
	}
	return r, nil
}

// readSchema reads the first batch.
func (r *jsonReader) readSchema(mayBeArray bool) error {
	if mayBeArray {
		if err := r.detectArray(); err != nil {
			return err
		}
	}
	if err := r.read(true); err != nil && err != io.EOF {
		return err
	}
	if len(r.schema) == 0 && r.batch.Rows == 0 {
		return r.src.dataError(0, "is empty: no row tells which columns there are", nil)
	}
	if why := checkNames(r.schema.Names()); why != "" {
		return r.src.dataError(0, why, nil)
	}
	return nil
}

// detectArray looks at the first byte that is no space.
func (r *jsonReader) detectArray() error {
	var head []byte
	for len(head) == 0 && !r.lines.eof {
		if err := r.lines.fill(); err != nil {
			return err
		}
		head = bytes.TrimLeft(r.lines.buf[:r.lines.to], jsonSpace)
	}
	if len(head) == 0 || head[0] != '[' {
		return nil
	}
	r.limit = &recordLimit{r: io.MultiReader(bytes.NewReader(head), r.src), src: r.src, left: MaxRecord}
	r.array = json.NewDecoder(r.limit)
	_, err := r.array.Token()
	return err
}

func (r *jsonReader) Schema() Schema { return r.schema }

func (r *jsonReader) Close() error { return r.src.Close() }

func (r *jsonReader) Next() (*Batch, error) {
	if r.first {
		r.first = false
	} else if err := r.read(false); err != nil {
		return nil, err
	}
	r.batch.First = r.next
	r.next += int64(r.batch.Rows)
	return &r.batch, nil
}

// read fills the batch. While learn is set, new keys become columns.
func (r *jsonReader) read(learn bool) error {
	b := &r.batch
	b.Rows, b.Lines, b.Unknown = 0, b.Lines[:0], nil
	for i := range b.Columns {
		b.Columns[i].reset()
	}
	for size := 0; b.Rows < BatchRows && size < batchBytes; {
		record, line, err := r.record()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := r.add(record, line, learn); err != nil {
			return err
		}
		size += len(record)
	}
	if r.array != nil {
		b.Lines = nil
	}
	if b.Rows == 0 {
		return io.EOF
	}
	return nil
}

// record returns the next line that is not blank, or element of the array.
func (r *jsonReader) record() ([]byte, int64, error) {
	if r.array != nil {
		record, err := r.element()
		return record, 0, err
	}
	for {
		line := r.lines.line
		record, _, err := r.lines.next()
		if err != nil {
			return nil, line, err
		}
		if record = bytes.Trim(record, jsonSpace); len(record) > 0 {
			return record, line, r.lines.check(record, line)
		}
	}
}

func (r *jsonReader) element() ([]byte, error) {
	row := r.next + int64(r.batch.Rows)
	bad := func(err error) error {
		var data *DataError
		var syntax *json.SyntaxError
		if errors.As(err, &data) {
			return err
		}
		if errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return r.src.dataError(0, fmt.Sprintf("row %d: not valid JSON: %v", row, err), err)
		}
		return err
	}
	if r.ended {
		return nil, io.EOF
	}
	r.limit.left = MaxRecord
	if !r.array.More() {
		r.ended = true
		if _, err := r.array.Token(); err != nil {
			return nil, bad(err)
		}
		if _, err := r.array.Token(); err != io.EOF {
			return nil, r.src.dataError(0, "something follows the JSON array", nil)
		}
		return nil, io.EOF
	}
	var raw json.RawMessage
	if err := r.array.Decode(&raw); err != nil {
		return nil, bad(err)
	}
	return raw, checkText(r.src, raw, 0)
}

// recordLimit refuses to read more than left bytes, which is set anew for
// each element: json.Decoder would hold an element of any size.
type recordLimit struct {
	r    io.Reader
	src  *source
	left int
}

func (l *recordLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, l.src.dataError(0, fmt.Sprintf("an element of the array is longer than %d MiB", MaxRecord>>20), nil)
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// add appends one object as a row.
func (r *jsonReader) add(record []byte, line int64, learn bool) error {
	b := &r.batch
	if err := r.row.start(record); err != nil {
		return r.bad(line, err)
	}
	for {
		key, value, kind, err := r.row.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return r.bad(line, err)
		}
		f, ok := r.index[string(key)]
		if !ok {
			if !learn {
				b.addUnknown(string(key))
				continue
			}
			if f = r.learn(string(key)); len(r.schema) > MaxColumns {
				return r.src.dataError(line, fmt.Sprintf("has more than %d columns", MaxColumns), nil)
			}
		}
		if r.column[f] < 0 || kind == null {
			continue // padded below
		}
		c := &b.Columns[r.column[f]]
		if len(c.Cells) > b.Rows {
			return r.bad(line, fmt.Errorf("the key %q stands twice in one object", clip(string(key))))
		}
		c.pad(b.Rows)
		c.appendCell(value, kind)
	}
	b.Rows++
	b.Lines = append(b.Lines, line)
	for i := range b.Columns {
		b.Columns[i].pad(b.Rows)
	}
	return nil
}

func (r *jsonReader) bad(line int64, err error) error {
	reason := fmt.Sprintf("not a JSON object: %v", err)
	if line == 0 {
		reason = fmt.Sprintf("row %d: %s", r.next+int64(r.batch.Rows), reason)
	}
	return r.src.dataError(line, reason, err)
}

// learn adds a column for a key seen for the first time.
func (r *jsonReader) learn(key string) int {
	f := len(r.schema)
	r.schema = append(r.schema, Field{Name: key})
	r.index[key] = f
	r.column = append(r.column, -1)
	if wanted([]string{key}, r.only)[0] {
		r.column[f] = len(r.batch.Columns)
		r.batch.Columns = append(r.batch.Columns, Column{Name: key, Offsets: []uint32{0}, Cells: []Kind{}})
	}
	return f
}

func (b *Batch) addUnknown(key string) {
	if b.Unknown == nil {
		b.Unknown = map[string]int64{}
	}
	if _, ok := b.Unknown[key]; ok || len(b.Unknown) < maxUnknown {
		b.Unknown[key]++
	}
}

// pad appends nulls until the column has n rows.
func (c *Column) pad(n int) {
	for len(c.Cells) < n {
		c.appendNull()
		c.Cells = append(c.Cells, Untyped)
	}
}

func (c *Column) appendCell(value []byte, kind Kind) {
	c.Data = append(c.Data, value...)
	c.endText()
	c.Cells = append(c.Cells, kind)
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
