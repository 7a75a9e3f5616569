package datadiff

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
)

// Data is what differs in the rows of a dataset.
type Data struct {
	Splits map[string]*Split `json:"splits"` // those of which tables differ; "" for a dataset without splits
	Reused int               `json:"reused"` // files of both sides, which were not read
	Other  int               `json:"other"`  // files that differ and are no tables
	// Moved counts rows, by key or whole, that changed the split. Each is one
	// removed there and one added here. nil when less than two splits could be
	// compared, or their columns differ.
	Moved []MovedRows `json:"moved,omitempty"`
}

// Split is what differs in one split, as far as the files that differ tell.
type Split struct {
	Rows Rows `json:"rows"`
	// Key is the columns by which rows were matched; without any, whole rows
	// were compared, and a changed row counts as one removed and one added.
	Key     []string `json:"key"`
	Note    string   `json:"note,omitempty"`    // why the key was not used
	Problem string   `json:"problem,omitempty"` // why rows could not be compared
	Reused  int      `json:"reused"`            // files of both sides, which Rows does not count
	Schema  Schema   `json:"schema"`
	Columns []Column `json:"columns"`
	Samples *Samples `json:"samples,omitempty"`
}

// Rows counts rows. Rows that only moved are no difference.
type Rows struct {
	From    int64 `json:"from"`
	To      int64 `json:"to"`
	Added   int64 `json:"added"`
	Removed int64 `json:"removed"`
	Changed int64 `json:"changed"`
}

// Side is one side of a comparison of data.
type Side struct {
	Dir   string          // where the files stand
	Name  string          // of that folder, as messages show it
	Files []manifest.File // to be read: those of Differing
	CSV   manifest.CSV    // how those are written that are CSV
}

// Options say how to compare.
type Options struct {
	// Key is the columns that identify a row. A split that lacks one of them is
	// a *KeyError.
	Key []string
	// Unique are columns that the manifest says are unique: without Key, the
	// first of them that both sides have is the key.
	Unique []string
	// Declared are columns that JSON lines may have, wherever they appear first.
	Declared []string
	Samples  manifest.Samples
	// Memory bounds, in bytes, what sorting rows takes; 0 means DefaultMemory.
	Memory int64
	// Temp is the folder for temporary files, "" the system's.
	Temp string
}

// DefaultMemory is what Options.Memory takes 0 for.
const DefaultMemory = 64 << 20

// KeyError says that a key names a column that a side does not have.
type KeyError struct{ Column, Split, Nearest string }

func (e *KeyError) Error() string {
	s := fmt.Sprintf("key %q: not a column of both sides", e.Column)
	if e.Split != "" {
		s = fmt.Sprintf("key %q: not a column of both sides of the split %s", e.Column, e.Split)
	}
	if e.Nearest != "" {
		s += fmt.Sprintf("; did you mean %q?", e.Nearest)
	}
	return s
}

// CompareData reads the files that differ and compares their rows and columns,
// split by split. A file whose contents cannot be read is a Problem of its
// split; an error comes from the system, the context or the key.
func CompareData(ctx context.Context, from, to Side, reading Reading, opts Options) (*Data, error) {
	if opts.Memory == 0 {
		opts.Memory = DefaultMemory
	}
	if len(reading.From)+len(reading.To) > maxFiles {
		return nil, fmt.Errorf("compare rows: %d files differ, at most %d can be compared", len(reading.From)+len(reading.To), maxFiles)
	}
	d := &Data{Splits: map[string]*Split{}, Other: reading.Other}
	names := map[string]bool{}
	for _, f := range slices.Concat(reading.From, reading.To) {
		names[f.Split] = true
	}
	for _, n := range reading.Reused {
		d.Reused += n
	}
	m := newMoves(opts.Temp, opts.Memory/4)
	defer m.close()
	var done []*comparison
	for _, name := range slices.Sorted(maps.Keys(names)) {
		m.splits = append(m.splits, name)
		c := &comparison{name: name, opts: opts, moves: m, from: newSide(from, reading.From, name, 0)}
		c.to = newSide(to, reading.To, name, len(c.from.files))
		s, err := c.run(ctx)
		if err != nil {
			return nil, err
		}
		s.Reused = reading.Reused[name]
		d.Splits[name] = s
		if s.Problem == "" {
			done = append(done, c)
		}
		c.from, c.to = nil, nil // and with them what sorting took
	}
	var err error
	d.Moved, err = d.moved(m, done)
	return d, err
}

// moved counts moves by key where all splits were compared by the same one.
func (d *Data) moved(m *moves, done []*comparison) ([]MovedRows, error) {
	if len(done) < 2 {
		return nil, nil
	}
	first, by := done[0], m.byKey
	key := d.Splits[first.name].Key
	for _, c := range done {
		if !slices.Equal(c.common, first.common) {
			return nil, nil
		}
		if k := d.Splits[c.name].Key; len(k) == 0 || !slices.Equal(k, key) {
			by = m.byRow
		}
	}
	return m.count(by)
}

// Problem joins the problems of the splits; nil when all could be compared.
func (d *Data) Problem() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(d.Splits)) {
		if p := d.Splits[name].Problem; p != "" {
			errs = append(errs, errors.New(p))
		}
	}
	return errors.Join(errs...)
}

// comparison compares one split.
type comparison struct {
	name     string
	opts     Options
	from, to *side
	moves    *moves

	common []cellFormat // columns of both sides, by name
	key    []int        // places in common
}

func newSide(s Side, files []manifest.File, split string, first int) *side {
	out := &side{first: first}
	for _, f := range files {
		if f.Split == split {
			out.files = append(out.files, table.File{Name: path.Join(s.Name, f.Path), Path: filepath.Join(s.Dir, filepath.FromSlash(f.Path)), Dialect: table.Dialect(s.CSV)})
		}
	}
	return out
}

// maxRounds is how often a split is read anew because keys of JSON lines
// appeared late.
const maxRounds = 3

func (c *comparison) run(ctx context.Context) (*Split, error) {
	s := &Split{Key: []string{}, Schema: newSchema(), Columns: []Column{}}
	for _, side := range []*side{c.from, c.to} {
		if err := side.open(ctx, c.opts.Declared); err != nil {
			return s, s.blame(err)
		}
	}
	for round := 0; ; round++ {
		c.formats()
		if err := c.chooseKey(s); err != nil {
			return s, err
		}
		late, err := c.compare(ctx, s)
		if err != nil {
			return s, s.blame(err)
		}
		if len(late) == 0 {
			return s, nil
		}
		if round == maxRounds {
			s.Problem = fmt.Sprintf("compare rows of %s: keys such as %q appear only after the first rows; declare them in columns: of the manifest", c.label(), late[0])
			return s, nil
		}
	}
}

func (c *comparison) label() string {
	if c.name != "" {
		return c.name
	}
	return "the dataset"
}

// blame makes what is wrong with the contents of a file the split's problem,
// and returns any other error.
func (s *Split) blame(err error) error {
	var data *table.DataError
	if !errors.As(err, &data) {
		return err
	}
	*s = Split{Problem: data.Error(), Key: []string{}, Schema: newSchema(), Columns: []Column{}}
	return nil
}

// formats settles which columns are compared, and how their cells are written.
func (c *comparison) formats() {
	c.common = nil
	for _, f := range c.from.schema {
		i := c.to.index(f.Name)
		if i < 0 {
			continue
		}
		g := c.to.schema[i]
		c.common = append(c.common, cellFormat{
			name:    f.Name,
			float:   f.has(table.Float) && g.has(table.Untyped) || f.has(table.Untyped) && g.has(table.Float),
			decimal: f.has(table.Decimal) && g.has(table.Untyped) || f.has(table.Untyped) && g.has(table.Decimal),
			quote:   c.from.json && c.to.json,
		})
	}
	// A side without files has no columns: then there is nothing to match.
	if len(c.from.files) == 0 || len(c.to.files) == 0 {
		for _, f := range slices.Concat(c.from.schema, c.to.schema) {
			c.common = append(c.common, cellFormat{name: f.Name})
		}
	}
	sorting.By(c.common, func(a, b cellFormat) int { return strings.Compare(a.name, b.name) })
}

func (c *comparison) find(column string) int {
	return slices.IndexFunc(c.common, func(f cellFormat) bool { return f.name == column })
}

func (c *comparison) chooseKey(s *Split) error {
	c.key, s.Key, s.Note = nil, []string{}, ""
	for _, name := range c.opts.Key {
		i := c.find(name)
		if i < 0 {
			return &KeyError{name, c.name, c.nearest(name)}
		}
		c.key, s.Key = append(c.key, i), append(s.Key, name)
	}
	if len(c.key) > 0 {
		return nil
	}
	for _, name := range c.opts.Unique {
		if i := c.find(name); i >= 0 {
			c.key, s.Key = []int{i}, []string{name}
			return nil
		}
	}
	return nil
}

// compare reads both sides, at the same time, and merges what was read. It
// returns keys of JSON lines that were not read because they came late.
func (c *comparison) compare(ctx context.Context, s *Split) (late []string, err error) {
	sides := []*side{c.from, c.to}
	defer func() {
		for _, side := range sides {
			err = errors.Join(err, side.close())
		}
	}()
	if err := c.read(ctx, sides); err != nil {
		return nil, err
	}
	for _, side := range sides {
		late = append(late, side.adopt()...)
	}
	if len(late) > 0 {
		return late, nil
	}
	m := &matcher{split: makePlace(c.to.first, 0), moves: c.moves}
	if err := mergeSorted([]*sorter{c.from.rows, c.to.rows}, m.add); err != nil {
		return nil, err
	}
	m.endKey()
	if m.err != nil {
		return nil, m.err
	}
	result := c.outcome(s, m)
	s.Rows = Rows{c.from.count, c.to.count, result.added, result.removed, result.changed}
	if err := c.columns(s); err != nil {
		return nil, err
	}
	s.Samples, err = c.samples(ctx, result, s.Key)
	return nil, err
}

// outcome picks the way of counting that the keys allow.
func (c *comparison) outcome(s *Split, m *matcher) outcome {
	if len(c.key) == 0 {
		return m.byRow
	}
	if n := m.repeated; n.From+n.To > 0 {
		s.Note = fmt.Sprintf("%s is not unique (%s before and %s after repeat a key), so whole rows were compared",
			strings.Join(s.Key, ", "), plural(n.From, "row"), plural(n.To, "row"))
		s.Key = []string{}
		return m.byRow
	}
	return m.byKey
}
