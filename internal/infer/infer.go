// Package infer proposes what a manifest could say about data that is there:
// its columns, and checks that it passes.
//
//	p, err := infer.Dataset(ctx, []infer.Split{{Name: "train", Files: files}})
//	manifest = append(manifest, p.YAML...)
//
// What is proposed holds for every row that was read. Where that is not known,
// nothing is said, or it stands in a comment for somebody to decide.
package infer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/table"
)

// Split is files under a name, "" when the dataset has no splits. All of them
// are tables.
type Split struct {
	Name  string
	Files []table.File
}

// Proposal is what was found.
type Proposal struct {
	Rows    int64  `json:"rows"`
	Columns int    `json:"columns"` // declared
	Checks  int    `json:"checks"`  // proposed, besides those that columns: means
	LeftOut int    `json:"leftOut"` // columns that are not declared; the YAML says why
	YAML    []byte `json:"-"`       // columns: and checks:
}

// ErrNothing is why there is no proposal: the files hold no rows.
var ErrNothing = errors.New("nothing could be inferred: there are no rows")

// Dataset reads all files once, columns that may be keys of many rows twice,
// and proposes what to declare. An error wraps ErrNothing when there are no
// rows.
func Dataset(ctx context.Context, splits []Split) (*Proposal, error) {
	s := &scan{total: profile.NewSummary(), texts: map[string]*textFacts{}, files: map[string]int{}}
	w := writer{texts: s.texts, filesOf: s.files}
	for _, split := range splits {
		before := s.total.Rows
		for _, f := range split.Files {
			if err := s.file(ctx, f); err != nil {
				return nil, fmt.Errorf("nothing could be inferred: %w", err)
			}
			w.files++
		}
		if split.Name != "" && s.total.Rows > before {
			w.splits = append(w.splits, split.Name)
		}
	}
	if s.total.Rows == 0 {
		return nil, ErrNothing
	}
	w.doc = s.total.Document(nil)
	var err error
	if w.unique, err = allDifferent(ctx, splits, w.doc); err != nil {
		return nil, fmt.Errorf("nothing could be inferred: %w", err)
	}
	return w.proposal(), nil
}

// maxKeys is how many columns a second pass looks at.
const maxKeys = 8

// allDifferent tells which columns of more values than a profile lists have no
// value twice. It reads those again whose estimate is close to that.
func allDifferent(ctx context.Context, splits []Split, d *profile.Document) (map[string]bool, error) {
	var needs profile.Needs
	var names []string
	for i := range d.Columns {
		c := &d.Columns[i]
		// The estimate has a standard error of 0.8 %.
		if c.DistinctEstimate && c.Distinct > c.Count-c.Count/25 && len(names) < maxKeys {
			needs.Add(c.Name, profile.Unique)
			names = append(names, c.Name)
		}
	}
	if names == nil {
		return nil, nil
	}
	spill := profile.NewSpill("", 0)
	found, err := readKeys(ctx, splits, names, profile.New(needs, spill))
	if err = errors.Join(err, spill.Close()); err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, n := range names {
		c := found.Columns[n]
		out[n] = c != nil && c.Duplicates == 0
	}
	return out, nil
}

func readKeys(ctx context.Context, splits []Split, columns []string, a *profile.Accumulator) (*profile.Profile, error) {
	number := 0
	for _, split := range splits {
		for _, f := range split.Files {
			if err := readFile(ctx, f, table.Options{Columns: columns, File: number}, a); err != nil {
				return nil, err
			}
			number++
		}
	}
	return a.Profile()
}

func readFile(ctx context.Context, f table.File, opts table.Options, a *profile.Accumulator) error {
	r, err := table.Open(ctx, f, opts)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = a.Observe(b)
		}
		if err != nil {
			return err
		}
	}
}

// scan summarizes files one after the other.
type scan struct {
	total *profile.Summary
	texts map[string]*textFacts
	files map[string]int // by column: how many have it
}

// textFacts is what a summary does not keep of untyped text, and a type has
// to know.
type textFacts struct {
	kinds  map[table.Kind]bool // of JSON values; Untyped for those of CSV
	padded bool                // "007", "+49", "-0": digits that are a name, not a number
	long   bool                // so many digits that a number would not keep them
}

func (s *scan) file(ctx context.Context, f table.File) error {
	format, opts := table.Format(f.Name), table.Options{}
	isTyped := format == ".parquet" || format == ".arrow"
	if isTyped {
		opts.Columns = []string{}
	}
	r, err := table.Open(ctx, f, opts)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, field := range r.Schema() {
		s.files[field.Name]++
	}
	if isTyped { // and read in parts
		found, err := profile.Scan(ctx, []table.File{f}, profile.ScanOptions{})
		if err == nil {
			s.total.Merge(found)
		}
		return err
	}
	found := profile.NewSummary()
	found.AddSchema(r.Schema())
	for {
		b, err := r.Next()
		if err == io.EOF {
			s.total.Merge(found)
			return nil
		}
		if err != nil {
			return err
		}
		found.Observe(b, 1)
		for i := range b.Columns {
			s.look(&b.Columns[i], b.Rows)
		}
	}
}

func (s *scan) look(c *table.Column, rows int) {
	facts := s.texts[c.Name]
	if facts == nil {
		facts = &textFacts{kinds: map[table.Kind]bool{}}
		s.texts[c.Name] = facts
	}
	last := table.Kind(255)
	for i := range rows {
		if c.Null(i) {
			continue
		}
		if k := c.Kind(i); k != last {
			facts.kinds[k], last = true, k
		}
		facts.padded = facts.padded || padded(c.Bytes(i))
		facts.long = facts.long || long(c.Bytes(i))
	}
}

// padded tells whether text that may be a number loses something when it is
// read as one.
func padded(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	switch b[0] {
	case '+':
		return true
	case '-':
		return b[1] == '0' && (len(b) == 2 || digit(b[2]))
	case '0':
		return digit(b[1])
	}
	return false
}

// long tells whether text is more digits than the largest uint64 has.
func long(b []byte) bool {
	const most = 20
	return len(b) > most && !slices.ContainsFunc(b, func(c byte) bool { return !digit(c) })
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
