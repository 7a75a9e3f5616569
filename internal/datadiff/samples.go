package datadiff

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/table"
)

// Samples are the first rows of each kind, with as much of their values as the
// project's report.samples allows.
type Samples struct {
	Added   []Row        `json:"added"`
	Removed []Row        `json:"removed"`
	Changed []ChangedRow `json:"changed"`
}

// Row is one row. Cells without a value are null.
type Row struct {
	File  string             `json:"file"`
	Row   int64              `json:"row"`
	Cells map[string]*string `json:"cells"`
}

// ChangedRow is a row whose key both sides have.
type ChangedRow struct {
	File    Pair[string]             `json:"file"`
	Row     Pair[int64]              `json:"row"`
	Key     map[string]*string       `json:"key"`
	Columns map[string]Pair[*string] `json:"columns"` // those that differ
}

const (
	maxSampleCells = 20 // of a row
	maxSampleText  = 80 // characters of a value
)

// samples reads the rows found once more; nil when none may be shown.
func (c *comparison) samples(ctx context.Context, o outcome, key []string) (*Samples, error) {
	if c.opts.Samples != manifest.SamplesMasked && c.opts.Samples != manifest.SamplesFull {
		return nil, nil
	}
	want := slices.Concat(o.addedAt, o.removedAt)
	for _, p := range o.changedAt {
		want = append(want, p.From, p.To)
	}
	slices.Sort(want)
	rows, err := c.fetch(ctx, want)
	if err != nil {
		return nil, err
	}
	out := &Samples{Added: []Row{}, Removed: []Row{}, Changed: []ChangedRow{}}
	for _, p := range o.addedAt {
		out.Added = append(out.Added, c.row(p, rows[p]))
	}
	for _, p := range o.removedAt {
		out.Removed = append(out.Removed, c.row(p, rows[p]))
	}
	for _, p := range o.changedAt {
		out.Changed = append(out.Changed, c.changedRow(p, rows[p.From], rows[p.To], key))
	}
	return out, nil
}

// fetched is the cells of a row that both sides have columns for.
type fetched struct {
	shown []*string
	exact [][]byte // as they are compared
}

var errEnough = errors.New("all rows were found")

// fetch reads the rows at the places given, in order.
func (c *comparison) fetch(ctx context.Context, want []place) (map[place]fetched, error) {
	out := map[place]fetched{}
	columns := make([]string, len(c.common))
	for i, f := range c.common {
		columns[i] = f.name
	}
	for len(want) > 0 {
		file := want[0].file()
		end := slices.IndexFunc(want, func(p place) bool { return p.file() != file })
		if end < 0 {
			end = len(want)
		}
		err := eachBatch(ctx, c.file(file), table.Options{Columns: columns, File: file}, func(b *table.Batch) error {
			cells := c.pick(b)
			for _, p := range want[:end] {
				if i := int(p.row() - b.First); i >= 0 && i < b.Rows {
					out[p] = c.copyRow(cells, i)
				}
			}
			if b.First+int64(b.Rows) > want[end-1].row() {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return nil, err
		}
		want = want[end:]
	}
	return out, nil
}

func (c *comparison) copyRow(cells []*table.Column, i int) fetched {
	var out fetched
	for j, col := range cells {
		var shown *string
		if col != nil && !col.Null(i) {
			s := c.show(col.Text(i))
			shown = &s
		}
		out.shown = append(out.shown, shown)
		out.exact = append(out.exact, c.common[j].append(nil, col, i))
	}
	return out
}

func (c *comparison) file(n int) table.File {
	if n < c.to.first {
		return c.from.files[n]
	}
	return c.to.files[n-c.to.first]
}

func (c *comparison) row(p place, cells fetched) Row {
	r := Row{c.file(p.file()).Name, p.row(), map[string]*string{}}
	for j, v := range cells.shown[:min(len(cells.shown), maxSampleCells)] {
		r.Cells[c.common[j].name] = v
	}
	return r
}

func (c *comparison) changedRow(p Pair[place], before, after fetched, key []string) ChangedRow {
	r := ChangedRow{
		File: Pair[string]{c.file(p.From.file()).Name, c.file(p.To.file()).Name}, Row: Pair[int64]{p.From.row(), p.To.row()},
		Key: map[string]*string{}, Columns: map[string]Pair[*string]{},
	}
	if len(before.exact) < len(c.common) || len(after.exact) < len(c.common) {
		return r // the files were changed while they were read
	}
	for j, f := range c.common {
		switch {
		case slices.Contains(key, f.name):
			r.Key[f.name] = after.shown[j]
		case !bytes.Equal(before.exact[j], after.exact[j]) && len(r.Columns) < maxSampleCells:
			r.Columns[f.name] = Pair[*string]{before.shown[j], after.shown[j]}
		}
	}
	return r
}

// show returns what may be shown of a value, fit to be shown. Masking keeps
// its form: letters become x, digits 9.
func (c *comparison) show(s string) string {
	if c.opts.Samples != manifest.SamplesFull {
		s = strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r) || unicode.IsMark(r):
				return 'x'
			case unicode.IsNumber(r):
				return '9'
			}
			return r
		}, s)
	}
	return escape(s)
}

// escape makes text from data fit to be shown: control characters as Go
// escapes them, and not too long.
func escape(s string) string {
	characters := 0
	for i := range s {
		if characters++; characters > maxSampleText {
			s = s[:i] + "…"
			break
		}
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
