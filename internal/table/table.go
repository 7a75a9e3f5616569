// Package table reads tabular files as columns. CSV, TSV, JSON lines, JSON
// arrays (each also compressed with gzip or Zstandard) and Parquet come out
// as the same Batch, in bounded memory whatever the size of the file:
//
//	r, err := table.Open(ctx, table.File{Name: "data/train.csv", Path: path}, table.Options{})
//	defer r.Close()
//	for {
//		b, err := r.Next() // valid until the next call of Next
//		if err == io.EOF {
//			break
//		}
//		text := b.Column("text")
//		for i := range b.Rows {
//			if !text.Null(i) { use(b.Row(i), text.Text(i)) }
//		}
//	}
//
// Parquet columns have the type that the file gives them. Cells of CSV and
// JSON lines stay text (kind Untyped) until somebody asks for a number: a
// declared type decides what they should be, and what does not conform must
// be counted, not lost on the way.
//
// File.Dialect says how a CSV file is written, as far as Open does not find it
// out. Index and Parts cut large files into parts that workers read at the same
// time, with the rows, numbers and lines of the whole.
//
// Files are hostile. What is wrong with their contents is always a
// *DataError, so that a check can say so; any other error comes from the
// system or the context.
package table

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

const (
	// BatchRows is the most rows of a batch.
	BatchRows = 1 << 16
	// MaxRecord is the longest record, in bytes, of CSV and JSON lines. It
	// keeps a file without line ends from filling the memory.
	MaxRecord = 16 << 20
	// MaxColumns is how many columns a file may have.
	MaxColumns = 10_000

	maxName    = 1 << 12  // bytes of a column's name
	batchBytes = 16 << 20 // text after which a batch is handed out early
)

// File is a file to read.
type File struct {
	Name string // as findings and errors show it
	Path string // as the system opens it
	// Dialect is how a CSV file is written; other formats do not look at it.
	Dialect Dialect

	index *index // see Index
}

// Options say what to read. The zero value reads every column.
type Options struct {
	// Columns limits reading to these columns; the others cost little. nil
	// means all of them, an empty slice none: then only rows are counted. Names
	// that the file does not have are ignored, except in JSON lines, where they
	// are columns without values: keys may come late there.
	Columns []string
	// File is copied into each Batch, for who reads many files and must tell
	// their rows apart.
	File int
	// Parts limits reading to a range of the parts that Parts counts.
	Parts Range
}

// Range is From up to but without To; the zero value is everything.
type Range struct{ From, To int }

// Reader reads one file from front to back. It is not safe for concurrent
// use.
type Reader interface {
	// Schema has all columns of the file in its order, also those that
	// Options.Columns leaves out.
	Schema() Schema
	// Next returns the next rows, at most BatchRows and at least one, or
	// io.EOF. The batch and everything in it is valid until the next call.
	// After an error the reader is spent.
	Next() (*Batch, error)
	Close() error
}

// DataError says what is wrong with the contents of a file.
type DataError struct {
	File   string
	Line   int64 // 1-based line of the file where the record begins; 0 unknown
	Reason string
	Err    error // cause, may be nil
}

func (e *DataError) Error() string {
	where := e.File
	if e.Line > 0 {
		where = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	return "read " + where + ": " + e.Reason
}

func (e *DataError) Unwrap() error { return e.Err }

// Open reads the beginning of f: its format, header and schema. The name
// decides the format (.csv .tsv .jsonl .ndjson .json .parquet .arrow .arrows
// .feather, the text ones also with .gz or .zst), its contents the compression.
func Open(ctx context.Context, f File, opts Options) (Reader, error) {
	file, err := os.Open(f.Path)
	if err != nil {
		if system := new(fs.PathError); errors.As(err, &system) {
			err = system.Err // the name is said once, as people know the file
		}
		return nil, fmt.Errorf("open %s: %w", f.Name, err)
	}
	r, err := open(ctx, f, file, opts)
	if err != nil {
		file.Close()
		return nil, err
	}
	return r, nil
}

func open(ctx context.Context, f File, file *os.File, opts Options) (Reader, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.Name, err)
	}
	if info.IsDir() {
		return nil, &DataError{File: f.Name, Reason: "is a folder, not a file"}
	}
	ext := Format(f.Name)
	if ext == "" {
		return nil, &DataError{File: f.Name, Reason: "is of no format that can be read as a table: .csv, .tsv, .jsonl, .ndjson, .json (also with .gz or .zst), .parquet, .arrow, .arrows or .feather"}
	}
	switch ext {
	case ".parquet":
		return openParquet(ctx, f, file, info.Size(), opts)
	case ".arrow":
		return openArrow(ctx, f, file, info.Size(), opts)
	}
	if info.Size() == 0 {
		return nil, &DataError{File: f.Name, Reason: "is empty"}
	}
	at, err := f.index.section(f, opts.Parts, info.Size())
	if err != nil {
		return nil, err
	}
	src, err := newSource(ctx, f, file, ext, at.limit)
	if err != nil {
		return nil, err
	}
	var r Reader
	switch ext {
	case ".csv", ".tsv":
		r, err = openCSV(src, ext, at, opts)
	default:
		r, err = openJSON(src, ext == ".json", at, opts)
	}
	if err != nil {
		src.closeDecoder()
		return nil, err
	}
	return r, nil
}

// Format returns the extension that decides how a file called name is read:
// ".csv", ".tsv", ".jsonl", ".json", ".parquet" or ".arrow"; "" when Open
// cannot read it.
func Format(name string) string {
	base := strings.ToLower(path.Base(strings.ReplaceAll(name, `\`, "/")))
	ext := path.Ext(base)
	packed := ext == ".gz" || ext == ".zst"
	if packed {
		ext = path.Ext(strings.TrimSuffix(base, ext))
	}
	switch ext {
	case ".csv", ".tsv", ".jsonl", ".json":
		return ext
	case ".ndjson":
		return ".jsonl"
	case ".parquet", ".arrow":
		if !packed {
			return ext
		}
	case ".arrows", ".feather":
		if !packed {
			return ".arrow"
		}
	}
	return ""
}

// wanted tells which of names are to be read.
func wanted(names []string, columns []string) []bool {
	want := make([]bool, len(names))
	set := make(map[string]bool, len(columns))
	for _, c := range columns {
		set[c] = true
	}
	for i, n := range names {
		want[i] = columns == nil || set[n]
	}
	return want
}
