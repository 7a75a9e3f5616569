package table

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
)

const (
	maxFooter       = 256 << 20 // bytes of Parquet metadata
	maxParquetRows  = 1 << 40
	parquetBatch    = 64 << 20  // uncompressed bytes that a batch aims at
	maxColumnBytes  = 1 << 30   // of one column in one batch
	parquetReadSize = 256 << 10 // bytes read at a time of a column
	parquetReads    = 64 << 20  // and of all of them; of at least 4 KiB each
)

// parquetReader reads a file row group by row group. Columns of primitive
// type come as the file stores them, with its dictionaries; nested ones
// become JSON text.
//
// parquet-go checks much of what it reads, but not all: damaged files still
// make it panic (index out of range, type mismatches). Every call of it here
// runs under protect, which turns a panic into a *DataError.
type parquetReader struct {
	name   string
	in     *fileAt
	file   *parquet.File
	groups []parquet.RowGroup // still to read
	group  int                // index in the file of the first of them
	schema Schema
	flat   []flatColumn
	nested []nestedColumn
	batch  Batch

	next     int64 // number of the next row
	rows     int64 // left in the current row group
	perBatch int
}

// flatColumn and nestedColumn are wanted columns and their place in the batch.
type flatColumn struct {
	at   int
	leaf *leaf
}

type nestedColumn struct {
	at   int
	root *node
}

func openParquet(ctx context.Context, f File, file *os.File, size int64, opts Options) (r Reader, err error) {
	in := &fileAt{ctx: ctx, file: file, name: f.Name}
	p := &parquetReader{name: f.Name, in: in, batch: Batch{File: opts.File}, next: 1}
	err = p.protect(func() error {
		if err := checkFooter(in, size); err != nil {
			return err
		}
		leaves, err := checkMetadata(in, size)
		if err != nil {
			return err
		}
		readSize := int(min(max(parquetReads/max(leaves, 1), 4<<10), parquetReadSize))
		p.file, err = parquet.OpenFile(in, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(readSize))
		if err != nil {
			return err
		}
		return p.prepare(opts)
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (p *parquetReader) parts() int { return len(p.groups) }

var errEncrypted = errors.New("the Parquet file is encrypted, which is not supported; write it without encryption")

// checkFooter looks at the ends of the file, so that the usual damage, a file
// cut short, is called so, and the footer's length is no reason to allocate.
func checkFooter(in io.ReaderAt, size int64) error {
	var head, tail [8]byte
	if size < 12 {
		return fmt.Errorf("%d bytes are too few for a Parquet file", size)
	}
	if _, err := in.ReadAt(head[:4], 0); err != nil {
		return err
	}
	if _, err := in.ReadAt(tail[:], size-8); err != nil {
		return err
	}
	switch {
	case string(head[:4]) == "PARE" || string(tail[4:]) == "PARE":
		return errEncrypted
	case string(head[:4]) != "PAR1":
		return errors.New("not a Parquet file: it does not begin with PAR1")
	case string(tail[4:]) != "PAR1":
		return errors.New("the Parquet file is cut short: it does not end in PAR1")
	}
	if n := int64(binary.LittleEndian.Uint32(tail[:4])); n > size-12 || n > maxFooter {
		return fmt.Errorf("the Parquet footer claims %d bytes in a file of %d", n, size)
	}
	return nil
}

// prepare makes schema, columns and the range of row groups.
func (p *parquetReader) prepare(opts Options) error {
	root := p.file.Root()
	names := make([]string, len(root.Columns()))
	for i, c := range root.Columns() {
		names[i] = c.Name()
	}
	if why := checkNames(names); why != "" {
		return errors.New(why)
	}
	elements := leafElements(p.file.Metadata())
	want := wanted(names, opts.Columns)
	for i, c := range root.Columns() {
		n, err := newNode(c, elements)
		if err != nil {
			return fmt.Errorf("column %q: %w", clip(names[i]), err)
		}
		p.schema = append(p.schema, Field{Name: names[i], Type: n.columnType()})
		if !want[i] {
			continue
		}
		at := len(p.batch.Columns)
		p.batch.Columns = append(p.batch.Columns, Column{Name: names[i], Type: n.columnType()})
		if n.leaf != nil && !n.repeated {
			p.flat = append(p.flat, flatColumn{at, n.leaf})
		} else {
			p.nested = append(p.nested, nestedColumn{at, n})
		}
	}
	return p.chooseGroups(opts.Parts)
}

func (p *parquetReader) chooseGroups(parts Range) error {
	p.groups = p.file.RowGroups()
	total := int64(0)
	for i, g := range p.groups {
		n := g.NumRows()
		if n < 0 || n > maxParquetRows-total {
			return fmt.Errorf("row group %d claims %d rows", i, n)
		}
		if total += n; parts.To > 0 && i < parts.From {
			p.next += n
		}
	}
	if parts.To > 0 {
		to := min(parts.To, len(p.groups))
		p.group = min(parts.From, to)
		p.groups = p.groups[p.group:to]
	}
	return nil
}

func (p *parquetReader) Schema() Schema { return p.schema }

func (p *parquetReader) Close() error {
	p.eachLeaf(func(l *leaf) { l.close() })
	return p.in.file.Close()
}

func (p *parquetReader) eachLeaf(do func(*leaf)) {
	for _, c := range p.flat {
		do(c.leaf)
	}
	for _, c := range p.nested {
		c.root.eachLeaf(do)
	}
}

func (p *parquetReader) Next() (*Batch, error) {
	if err := p.in.ctx.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", p.name, err)
	}
	for p.rows == 0 {
		if len(p.groups) == 0 {
			return nil, io.EOF
		}
		if err := p.protect(p.openGroup); err != nil {
			return nil, err
		}
	}
	n := int(min(p.rows, int64(p.perBatch)))
	if err := p.protect(func() error { return p.fill(n) }); err != nil {
		return nil, err
	}
	p.batch.Rows, p.batch.First = n, p.next
	p.next += int64(n)
	p.rows -= int64(n)
	return &p.batch, nil
}

// openGroup turns to the next row group, and sizes its batches so that wide
// rows do not fill the memory.
func (p *parquetReader) openGroup() error {
	group, meta := p.groups[0], p.file.Metadata().RowGroups[p.group]
	p.groups = p.groups[1:]
	p.group++
	p.rows = group.NumRows()
	chunks := group.ColumnChunks()
	bytes := int64(0)
	var failed error
	p.eachLeaf(func(l *leaf) {
		if l.index >= len(chunks) || l.index >= len(meta.Columns) {
			failed = fmt.Errorf("a row group lacks the column %q", clip(l.path))
			return
		}
		chunk := &meta.Columns[l.index].MetaData
		if err := checkPages(p.in, chunk); err != nil {
			failed = fmt.Errorf("column %q: %w", clip(l.path), err)
			return
		}
		bytes += max(0, chunk.TotalUncompressedSize)
		l.open(chunks[l.index])
	})
	perRow := bytes/max(p.rows, 1) + 1
	p.perBatch = int(min(max(parquetBatch/perRow, 1), BatchRows))
	return failed
}

func (p *parquetReader) fill(n int) error {
	for _, f := range p.flat {
		if err := f.leaf.fill(&p.batch.Columns[f.at], n); err != nil {
			return fmt.Errorf("column %q: %w", clip(f.leaf.path), err)
		}
	}
	for _, f := range p.nested {
		c := &p.batch.Columns[f.at]
		c.reset()
		for i := range n {
			if err := f.root.appendRow(c); err != nil {
				return fmt.Errorf("column %q, row %d: %w", clip(c.Name), p.next+int64(i), err)
			}
		}
	}
	return nil
}

// protect runs do and says whose fault its failure is: the file's, unless
// reading it from the disk failed or the context ended.
func (p *parquetReader) protect(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("damaged Parquet: %v", r)
		}
		if err == nil {
			return
		}
		if p.in.err != nil {
			err = fmt.Errorf("read %s: %w", p.name, p.in.err)
			return
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("the data ends before the rows that the footer promises: %w", err)
		}
		err = &DataError{File: p.name, Reason: err.Error(), Err: err}
	}()
	return do()
}

// fileAt remembers failures of the system, which parquet-go wraps in its own.
type fileAt struct {
	ctx  context.Context
	file *os.File
	name string
	err  error
}

func (f *fileAt) ReadAt(b []byte, off int64) (int, error) {
	if f.err == nil {
		f.err = f.ctx.Err()
	}
	if f.err != nil {
		return 0, f.err
	}
	if off < 0 {
		return 0, fmt.Errorf("the file points to offset %d", off)
	}
	n, err := f.file.ReadAt(b, off)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}
