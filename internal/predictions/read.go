package predictions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// MaxRows is how many rows predictions may have, fewer when they have many
// columns: they are kept in memory, in 16 bytes for the key, and as many to find
// it, and 4 to 8 for each other column.
const MaxRows = 100_000_000

var maxBytes = 8 << 30 // of all columns; tests lower it

// ColumnError says that a file lacks a column that Spec names.
type ColumnError struct {
	File    string
	Role    string // "key", "label", "prediction", "score", "query", "cluster", "column"
	Column  string
	Present []string
}

func (e *ColumnError) Error() string {
	s := fmt.Sprintf("evaluate %s: has no column %q (%s)", e.File, e.Column, e.Role)
	if near := ref.Nearest(e.Column, e.Present); near != "" {
		s += fmt.Sprintf("; did you mean %q?", near)
	}
	shown := e.Present
	if len(shown) > 20 {
		shown = shown[:20]
	}
	quoted := make([]string, len(shown))
	for i, name := range shown {
		quoted[i] = strconv.Quote(clip(name))
	}
	s += "; it has " + strings.Join(quoted, ", ")
	if more := len(e.Present) - len(shown); more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// want is a column to read, and where its values go.
type want struct {
	role, name string
	into       sink
}

type sink interface {
	// add appends the values of the rows given, or of all when rows is nil. c
	// is nil when the batch has no such column.
	add(c *table.Column, b *table.Batch, rows []int32) error
}

// scan reads all rows of the files in order. choose, unless nil, returns which
// rows of a batch are wanted.
func scan(ctx context.Context, files []table.File, wants []want, choose func(*table.Batch) []int32) (*shards, error) {
	s := &shards{files: files}
	for _, f := range files {
		s.starts = append(s.starts, s.rows)
		if err := s.scanFile(ctx, f, wants, choose); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *shards) scanFile(ctx context.Context, f table.File, wants []want, choose func(*table.Batch) []int32) error {
	names := make([]string, len(wants))
	for i, w := range wants {
		names[i] = w.name
	}
	r, err := table.Open(ctx, f, table.Options{Columns: names})
	if err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	defer r.Close()
	for _, w := range wants {
		if r.Schema().Index(w.name) < 0 {
			return &ColumnError{File: f.Name, Role: w.role, Column: w.name, Present: r.Schema().Names()}
		}
	}
	limit := min(MaxRows, maxBytes/(8*(len(wants)+3)))
	for {
		b, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("evaluate: %w", err)
		}
		if s.rows += b.Rows; s.rows > limit {
			return fmt.Errorf("evaluate: %w", &table.DataError{File: f.Name, Reason: fmt.Sprintf("there are more than %s rows of %s, which are as many as can be evaluated at once; "+
				"evaluate a sample of them", report.Thousands(limit), plural(len(wants), "column"))})
		}
		var rows []int32
		if choose != nil {
			if rows = choose(b); len(rows) == 0 {
				continue
			}
		}
		for _, w := range wants {
			if err := w.into.add(b.Column(w.name), b, rows); err != nil {
				return fmt.Errorf("evaluate: %w", atCell(f, w.name, b, err))
			}
		}
	}
}

func atCell(f table.File, column string, b *table.Batch, err error) error {
	var cell *cellError
	if !errors.As(err, &cell) {
		return err
	}
	e := &table.DataError{File: f.Name, Reason: fmt.Sprintf("column %q, row %d: %s", clip(column), b.Row(cell.row), cell.reason)}
	if b.Lines != nil {
		e.Line = b.Lines[cell.row]
	}
	return e
}

// schema returns the columns that all files have, by name.
func schema(ctx context.Context, files []table.File) (map[string]bool, error) {
	counts := map[string]int{}
	for _, f := range files {
		r, err := table.Open(ctx, f, table.Options{Columns: []string{}})
		if err != nil {
			return nil, fmt.Errorf("evaluate: %w", err)
		}
		for _, name := range r.Schema().Names() {
			counts[name]++
		}
		r.Close()
	}
	all := map[string]bool{}
	for name, n := range counts {
		all[name] = n == len(files)
	}
	return all, nil
}

// DefaultKey returns "id" when every file has a column of that name whose values
// are all there and no two the same, else "".
func DefaultKey(ctx context.Context, files ...table.File) string {
	const name = "id"
	if len(files) == 0 {
		return ""
	}
	for _, f := range files {
		keys := &keyColumn{}
		if _, err := scan(ctx, []table.File{f}, []want{{"key", name, keys}}, nil); err != nil {
			return ""
		}
		if keys.index(); keys.noKey.rows > 0 || keys.twice.rows > 0 {
			return ""
		}
	}
	return name
}
