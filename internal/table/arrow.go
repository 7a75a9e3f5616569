package table

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// arrowReader reads Arrow's file format (also called Feather version 2) and
// its stream format, as "Serialization and Interprocess Communication (IPC)"
// of the Arrow columnar format 1.5 describes them. Columns that are not wanted
// are not read, and of the others a batch at a time, unless they are
// compressed: then a record batch is held.
//
// It is our own because the Go library of Arrow would add 5 MB to the program,
// allocates what a file claims, and reads all columns.
type arrowReader struct {
	name   string
	in     *fileAt
	size   int64
	schema Schema
	fields []*arrowField
	places []int // of each field in the batch; -1 when it is not wanted
	dicts  map[int64]*arrowDict

	stream     bool
	pos        int64        // of the next message of a stream
	dictBlocks []arrowBlock // of a file, not yet read
	blocks     []arrowBlock

	arrays []*arrowArray // of the record batch, by place
	row    int64         // of the record batch: the next one
	rows   int64         // of the record batch
	next   int64         // of the file
	batch  Batch

	perBatch int
	budget   int64 // bytes that the batch may still take
	held     int64 // uncompressed bytes of the record batch
	zstd     *zstd.Decoder
	lz4      *lz4.Reader
}

const arrowMagic = "ARROW1"

func openArrow(ctx context.Context, f File, file *os.File, size int64, opts Options) (Reader, error) {
	r := &arrowReader{name: f.Name, in: &fileAt{ctx: ctx, file: file, name: f.Name}, size: size, next: 1, perBatch: BatchRows, batch: Batch{File: opts.File}, dicts: map[int64]*arrowDict{}}
	if err := r.open(); err != nil {
		return nil, r.blame(err)
	}
	if err := r.prepare(opts.Columns); err != nil {
		return nil, r.blame(err)
	}
	if err := r.choose(opts.Parts); err != nil {
		return nil, r.blame(err)
	}
	return r, nil
}

func (r *arrowReader) open() error {
	head := make([]byte, min(r.size, 8))
	if _, err := r.in.ReadAt(head, 0); err != nil && err != io.EOF {
		return err
	}
	switch {
	case len(head) == 0:
		return errors.New("is empty")
	case string(head[:min(4, len(head))]) == "FEA1":
		return errors.New("is Feather of version 1, which is not supported; write version 2")
	case string(head[:min(6, len(head))]) == arrowMagic:
		return r.openFile()
	}
	r.stream = true
	m, err := r.nextMessage()
	if err == io.EOF || err == nil && m.kind != arrowSchemaMessage {
		err = errors.New("it begins with no schema")
	}
	if err != nil {
		return fmt.Errorf("not an Arrow file or stream: %w", err)
	}
	r.fields, err = arrowSchema(m.schema)
	return err
}

func (r *arrowReader) openFile() error {
	tail := make([]byte, 10)
	if r.size < 8+10 {
		return fmt.Errorf("the Arrow file is cut short: it has %d bytes", r.size)
	}
	if _, err := r.in.ReadAt(tail, r.size-10); err != nil {
		return err
	}
	if string(tail[4:]) != arrowMagic {
		return fmt.Errorf("the Arrow file is cut short: it does not end in %s", arrowMagic)
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if n > r.size-18 || n > maxFooter {
		return fmt.Errorf("the Arrow footer claims %d bytes in a file of %d", n, r.size)
	}
	footer := make([]byte, n)
	if _, err := r.in.ReadAt(footer, r.size-10-n); err != nil {
		return err
	}
	var err error
	r.fields, r.dictBlocks, r.blocks, err = arrowFooter(footer, r.size)
	return err
}

// prepare makes the schema, and the places of the columns that are wanted.
func (r *arrowReader) prepare(columns []string) error {
	names := make([]string, len(r.fields))
	for i, f := range r.fields {
		names[i] = f.name
	}
	if why := checkNames(names); why != "" {
		return errors.New(why)
	}
	r.places = make([]int, len(r.fields))
	for i, want := range wanted(names, columns) {
		f := r.fields[i]
		r.schema = append(r.schema, Field{Name: f.name, Type: f.typ})
		r.places[i] = -1
		if want {
			r.places[i] = len(r.batch.Columns)
			r.batch.Columns = append(r.batch.Columns, Column{Name: f.name, Type: f.typ})
		}
		if err := r.findDictionaries(f, want); err != nil {
			return fmt.Errorf("column %q: %w", clip(f.name), err)
		}
	}
	r.arrays = make([]*arrowArray, len(r.batch.Columns))
	return nil
}

func (r *arrowReader) findDictionaries(f *arrowField, want bool) error {
	if f.indexed {
		d := r.dicts[f.dict]
		if d == nil {
			d = &arrowDict{field: f}
			r.dicts[f.dict] = d
		}
		if !d.field.sameType(f) {
			return fmt.Errorf("dictionary %d has values of two types", f.dict)
		}
		d.wanted = d.wanted || want
	}
	for _, c := range f.children {
		if err := r.findDictionaries(c, want); err != nil {
			return err
		}
	}
	return nil
}

// choose keeps the record batches of a range, and counts the rows before it.
func (r *arrowReader) choose(parts Range) error {
	if parts.To <= 0 || r.stream {
		return nil
	}
	from := min(parts.From, len(r.blocks))
	for _, b := range r.blocks[:from] {
		m, _, err := r.message(b.offset)
		if err != nil {
			return err
		}
		if m.rows > maxParquetRows-r.next {
			return errArrowMetadata
		}
		r.next += m.rows
	}
	r.blocks = r.blocks[from:max(from, min(parts.To, len(r.blocks)))]
	return nil
}

func (r *arrowReader) Schema() Schema { return r.schema }

// parts is how many record batches a file has; those of a stream are not
// known before it is read.
func (r *arrowReader) parts() int {
	if r.stream {
		return 1
	}
	return len(r.blocks)
}

func (r *arrowReader) Close() error {
	if r.zstd != nil {
		r.zstd.Close()
	}
	return r.in.file.Close()
}

func (r *arrowReader) Next() (*Batch, error) {
	if err := r.in.ctx.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", r.name, err)
	}
	for r.row == r.rows {
		if err := r.nextBatch(); err == io.EOF {
			return nil, io.EOF
		} else if err != nil {
			return nil, r.blame(err)
		}
	}
	n, err := r.fill()
	if err != nil {
		return nil, r.blame(err)
	}
	r.batch.Rows, r.batch.First = n, r.next
	r.next += int64(n)
	r.row += int64(n)
	return &r.batch, nil
}

// fill makes the batch of the next rows, of fewer when they are wide.
func (r *arrowReader) fill() (int, error) {
	for {
		n := min(int64(r.perBatch), r.rows-r.row)
		r.budget = parquetBatch
		if n == 1 {
			r.budget = maxArrowRow
		}
		var err error
		for i := 0; i < len(r.arrays) && err == nil; i++ {
			if err = r.column(r.arrays[i], &r.batch.Columns[i], r.row, r.row+n); err != nil && err != errArrowWide {
				return 0, fmt.Errorf("column %q: %w", clip(r.batch.Columns[i].Name), err)
			}
		}
		if err == nil {
			return int(n), nil
		}
		if n == 1 {
			return 0, fmt.Errorf("row %d: %w", r.next, err)
		}
		r.perBatch = int(n+1) / 2
	}
}

// nextBatch turns to the next record batch.
func (r *arrowReader) nextBatch() error {
	for _, b := range r.dictBlocks {
		m, _, err := r.message(b.offset)
		if err != nil {
			return err
		}
		if m.kind != arrowDictionary {
			return errors.New("the footer calls something a dictionary that is none")
		}
		if err := r.addDictionary(m); err != nil {
			return err
		}
	}
	r.dictBlocks = nil
	for {
		m, err := r.nextMessage()
		if err != nil {
			return err
		}
		switch {
		case m.kind == arrowBatch:
			return r.take(m)
		case m.kind == arrowDictionary && r.stream:
			if err := r.addDictionary(m); err != nil {
				return err
			}
		default:
			return errors.New("a message holds no rows where some were due")
		}
	}
}

// take makes the arrays of a record batch.
func (r *arrowReader) take(m *arrowMessage) error {
	r.row, r.rows, r.held = 0, m.rows, 0
	if m.rows > maxParquetRows-r.next {
		return errArrowMetadata
	}
	for i, f := range r.fields {
		a, err := m.array(f, false)
		if err == nil && a.n != m.rows {
			err = fmt.Errorf("it has %d values for %d rows", a.n, m.rows)
		}
		if err != nil {
			return fmt.Errorf("column %q: %w", clip(f.name), err)
		}
		if r.places[i] >= 0 {
			r.arrays[r.places[i]] = a
		}
	}
	return nil
}

// nextMessage returns the next message of a stream or record batch of a file,
// or io.EOF.
func (r *arrowReader) nextMessage() (*arrowMessage, error) {
	if !r.stream {
		if len(r.blocks) == 0 {
			return nil, io.EOF
		}
		m, _, err := r.message(r.blocks[0].offset)
		r.blocks = r.blocks[1:]
		return m, err
	}
	if r.pos == r.size {
		return nil, io.EOF // an end may be marked, but need not
	}
	m, end, err := r.message(r.pos)
	if err == nil && m == nil {
		return nil, io.EOF
	}
	r.pos = end
	return m, err
}

// message reads the message at a position and returns where it ends; nil is
// the mark of a stream's end ("Encapsulated message format").
func (r *arrowReader) message(at int64) (m *arrowMessage, end int64, err error) {
	short := errors.New("the Arrow data are cut short: they end amid a message")
	var head [8]byte
	n, err := r.in.ReadAt(head[:], at)
	if err != nil && err != io.EOF {
		return nil, 0, err
	}
	if n < 4 {
		return nil, 0, short
	}
	length, prefix := binary.LittleEndian.Uint32(head[:]), int64(4) // as before version 0.15
	if length == 1<<32-1 {
		if n < 8 {
			return nil, 0, short
		}
		length, prefix = binary.LittleEndian.Uint32(head[4:]), 8
	}
	at += prefix
	switch {
	case length == 0 && r.stream:
		return nil, at, nil
	case length > maxFooter:
		return nil, 0, fmt.Errorf("a message claims %d bytes of metadata", length)
	case int64(length) > r.size-at:
		return nil, 0, short
	}
	metadata := make([]byte, length)
	if _, err := r.in.ReadAt(metadata, at); err != nil {
		return nil, 0, unexpected(err)
	}
	at += int64(length)
	if m, err = readArrowMessage(metadata, at); err != nil {
		return nil, 0, err
	}
	if m.size > r.size-at {
		return nil, 0, short
	}
	return m, at + m.size, nil
}

// blame says whose fault a failure is: the file's, unless reading it from the
// disk failed or the context ended.
func (r *arrowReader) blame(err error) error {
	if r.in.err != nil {
		return fmt.Errorf("read %s: %w", r.name, r.in.err)
	}
	return &DataError{File: r.name, Reason: err.Error(), Err: err}
}
