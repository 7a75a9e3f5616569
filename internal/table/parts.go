package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// partBytes is how much of a text file a part has, and partBlock how much of it
// Index reads at a time. Tests make them small.
var (
	partBytes int64 = 16 << 20
	partBlock       = 256 << 10
)

// Parts returns how many parts of f can be read on their own with
// Options.Parts: the row groups of Parquet, the record batches of Arrow's file
// format; of text files what Index found, 1 without it.
func Parts(ctx context.Context, f File) (int, error) {
	if f.index != nil {
		return len(f.index.starts), nil
	}
	if ext := Format(f.Name); ext != ".parquet" && ext != ".arrow" {
		return 1, nil
	}
	r, err := Open(ctx, f, Options{Columns: []string{}})
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return r.(interface{ parts() int }).parts(), nil
}

// Index returns f with what Parts and Open need to read a large CSV or JSON
// lines file in parts: where they begin. It reads the file once, as fast as
// line ends and quotes can be counted. How many parts there are depends on the
// size of the file alone, and their rows, with their numbers and lines, are
// those of the whole. Compressed files, UTF-16 and JSON arrays stay one part.
//
// The result is for the file as it is; once its size has changed, Open fails.
func Index(ctx context.Context, f File) (File, error) {
	f.index = nil
	ext := Format(f.Name)
	if ext == "" || ext == ".parquet" || ext == ".arrow" {
		return f, nil
	}
	info, err := os.Stat(f.Path)
	if err != nil || info.Size() < 2*partBytes || info.IsDir() {
		return f, nil // what is wrong is for Open to say
	}
	r, err := Open(ctx, f, Options{Columns: []string{}})
	if err != nil {
		return f, err
	}
	defer r.Close()
	c := counting{ctx: ctx, size: info.Size()}
	x := &index{size: info.Size()}
	// before is how many of the records counted, or of those that are not
	// blank, come before the first row.
	var before int64
	var blanks bool // count as rows
	switch r := r.(type) {
	case *csvReader:
		if !r.src.divisible() {
			return f, nil
		}
		c.file, c.quote = r.src.os, r.quote
		x.names, x.comma, x.assumed = r.schema.Names(), r.comma, r.assumed
		if !f.Dialect.NoHeader {
			before = 1
		}
		if blanks = len(r.schema) == 1; blanks {
			before += r.blank
		}
		if x.starts, err = c.starts(); err != nil {
			return f, fmt.Errorf("read %s: %w", f.Name, err)
		}
		if x.starts[1].records <= r.blank {
			return f, nil // a part begins before the header ends
		}
	case *jsonReader:
		if r.array != nil || !r.src.divisible() {
			return f, nil
		}
		c.file = r.src.os
		x.names = r.schema.Names()
		if x.starts, err = c.starts(); err != nil {
			return f, fmt.Errorf("read %s: %w", f.Name, err)
		}
	}
	for i := range x.starts[1:] {
		s := &x.starts[i+1]
		s.row = 1 + s.records - before
		if !blanks {
			s.row -= s.blanks
		}
	}
	f.index = x
	return f, nil
}

// index is where the parts of a text file begin.
type index struct {
	size    int64
	starts  []start
	names   []string // of the columns
	comma   byte     // of CSV
	assumed string   // see Assumed
}

// start is where a part begins: at the beginning of a record. The first part
// begins with the file, header and all, and is the zero start.
type start struct {
	offset, line, row int64
	records, blanks   int64 // before it: all of them, and those that are blank lines
}

// section is what a reader is to read: the bytes between two starts. It is
// to read no further than limit, even for the header.
type section struct {
	from      start
	to, limit int64
}

// section returns what some parts of a file of this size are.
func (x *index) section(f File, parts Range, size int64) (section, error) {
	end := start{offset: size, line: 1, row: 1}
	switch {
	case x != nil && x.size != size:
		return section{}, &DataError{File: f.Name, Reason: fmt.Sprintf("had %d bytes when reading began and has %d now", x.size, size)}
	case parts.To <= 0:
		return section{to: size, limit: size}, nil
	case x == nil && parts.From > 0:
		return section{from: end, to: size, limit: size}, nil
	case x == nil:
		return section{to: size, limit: size}, nil
	}
	at := func(i int) start {
		if i < len(x.starts) {
			return x.starts[i]
		}
		return end
	}
	s := section{from: at(parts.From), to: at(parts.To).offset, limit: size}
	if parts.From <= 0 {
		s.from, s.limit = start{}, s.to
	}
	return s, nil
}

// counting counts the records of a file.
type counting struct {
	ctx   context.Context
	file  *os.File
	size  int64
	quote byte // 0: records are lines
}

// starts returns where the parts begin, without row numbers. A part begins
// after the first record that ends past a multiple of partBytes. Whether a line
// end is inside quotes depends on all quotes before it; so each part is counted
// for both cases, on its own, and what came before it decides between them.
func (c *counting) starts() ([]start, error) {
	tallies := make([]tally, c.size/partBytes)
	g, ctx := errgroup.WithContext(c.ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range tallies {
		from, to := int64(i)*partBytes, int64(i+1)*partBytes
		if i == len(tallies)-1 {
			to = c.size
		}
		g.Go(func() (err error) {
			tallies[i], err = c.tally(ctx, from, to)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := make([]start, len(tallies))
	open := 0
	var sum start
	sum.line = 1
	for i, t := range tallies {
		e := t.edges[open]
		out[i] = start{offset: -1}
		if e.ends > 0 {
			out[i] = start{offset: e.first, line: sum.line + e.firstLines, records: sum.records + 1, blanks: sum.blanks + e.firstBlank}
		}
		sum.line += t.lines
		sum.records += e.ends
		sum.blanks += e.blanks
		open = t.after(open)
	}
	// Where a part has no end of a record, it begins where the next one does.
	next := start{offset: c.size, line: sum.line, records: sum.records, blanks: sum.blanks}
	for i := len(out) - 1; i > 0; i-- {
		if out[i].offset < 0 {
			out[i] = next
		}
		next = out[i]
	}
	out[0] = start{}
	return out, nil
}

// tally counts the bytes between two places of the file.
func (c *counting) tally(ctx context.Context, from, to int64) (tally, error) {
	t := tally{quote: c.quote}
	// The two bytes before tell whether the first line is blank. Before the
	// file there is, as it were, a line end, and a byte order mark is nothing.
	buf := make([]byte, 2+partBlock)
	buf[0], buf[1] = '\n', '\n'
	if from > 0 {
		if _, err := c.file.ReadAt(buf[:2], from-2); err != nil {
			return t, err
		}
	} else {
		var head [3]byte
		if _, err := c.file.ReadAt(head[:], 0); err != nil {
			return t, err
		}
		if _, n := byteOrderMark(head[:]); n == 3 {
			from = 3
		}
	}
	for from < to {
		if err := ctx.Err(); err != nil {
			return t, err
		}
		block := buf[2:min(int64(len(buf)), 2+to-from)]
		n, err := c.file.ReadAt(block, from)
		if n < len(block) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return t, err
		}
		if c.quote != 0 {
			t.records(buf[:2+n], from)
		} else {
			t.countLines(buf[:2+n], from)
		}
		buf[0], buf[1] = buf[n], buf[n+1]
		from += int64(n)
	}
	return t, nil
}
