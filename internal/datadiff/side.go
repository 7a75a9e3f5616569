package datadiff

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/table"
)

// side is one side of the comparison of a split.
type side struct {
	files  []table.File
	first  int // number of the first file
	schema []column
	places map[string]int // of columns in schema
	json   bool           // all files are JSON

	count   int64
	rows    *sorter
	profile *profile.Accumulator
	values  map[string]*values
	spans   map[string]*span
	unknown map[string]bool
}

// column is a column of all files of a side.
type column struct {
	Name  string
	types []table.Type // different ones, as the files have them
}

func (c *column) has(k table.Kind) bool {
	return slices.ContainsFunc(c.types, func(t table.Type) bool { return t.Kind == k })
}

// index is where a column stands in schema; -1 if it does not.
func (s *side) index(name string) int {
	if i, ok := s.places[name]; ok {
		return i
	}
	return -1
}

func (s *side) addColumn(name string) int {
	i := len(s.schema)
	s.places[name] = i
	s.schema = append(s.schema, column{Name: name})
	return i
}

// open reads the schemas. declared are columns that JSON lines have even if
// they come late.
func (s *side) open(ctx context.Context, declared []string) error {
	s.json, s.places = len(s.files) > 0, map[string]int{}
	for _, f := range s.files {
		r, err := table.Open(ctx, f, table.Options{Columns: []string{}})
		if err != nil {
			return err
		}
		schema := r.Schema()
		if err := r.Close(); err != nil {
			return err
		}
		if format := table.Format(f.Name); format != ".jsonl" && format != ".json" {
			s.json = false
		}
		for _, field := range schema {
			i := s.index(field.Name)
			if i < 0 {
				i = s.addColumn(field.Name)
			}
			if !slices.Contains(s.schema[i].types, field.Type) {
				s.schema[i].types = append(s.schema[i].types, field.Type)
			}
		}
		if len(s.schema) > table.MaxColumns {
			return &table.DataError{File: f.Name, Reason: fmt.Sprintf("with it, the files of the split have more than %d columns", table.MaxColumns)}
		}
	}
	if s.json {
		s.extend(declared)
	}
	return nil
}

// extend adds columns of JSON lines that the first rows did not show.
func (s *side) extend(names []string) {
	for _, n := range names {
		if s.index(n) < 0 && len(s.schema) < table.MaxColumns {
			i := s.addColumn(n)
			s.schema[i].types = []table.Type{{}}
		}
	}
}

// adopt makes columns of the keys that were not read.
func (s *side) adopt() []string {
	late := slices.Sorted(maps.Keys(s.unknown))
	s.extend(late)
	return late
}

// read reads both sides, each on its own core.
func (c *comparison) read(ctx context.Context, sides []*side) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range sides {
		s.start(c)
		g.Go(func() error { return s.readAll(ctx, c) })
	}
	return g.Wait()
}

func (s *side) start(c *comparison) {
	var needs profile.Needs
	s.values, s.spans, s.unknown, s.count = map[string]*values{}, map[string]*span{}, map[string]bool{}, 0
	for _, f := range c.profiled() {
		needs.Add(f.name, profile.Range|profile.Moments)
		s.values[f.name] = &values{seen: map[string]struct{}{}}
		s.spans[f.name] = &span{}
	}
	for _, col := range s.schema[:min(len(s.schema), maxProfiled)] {
		needs.Add(col.Name, profile.Range) // tells numbers from text
	}
	s.profile = profile.New(needs, nil)
	s.rows = newSorter(c.opts.Temp, c.opts.Memory/8*3)
}

func (s *side) close() error {
	if s.rows == nil {
		return nil
	}
	return s.rows.close()
}

func (s *side) readAll(ctx context.Context, c *comparison) error {
	names := make([]string, 0, len(s.schema))
	for _, col := range s.schema {
		names = append(names, col.Name)
	}
	for i, f := range s.files {
		err := eachBatch(ctx, f, table.Options{Columns: names, File: s.first + i}, func(b *table.Batch) error {
			for key := range b.Unknown {
				s.unknown[key] = true
			}
			return s.observe(c, b)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func eachBatch(ctx context.Context, f table.File, opts table.Options, do func(*table.Batch) error) error {
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
		if err != nil {
			return err
		}
		if err := do(b); err != nil {
			return err
		}
	}
}

func (s *side) observe(c *comparison, b *table.Batch) error {
	s.count += int64(b.Rows)
	if err := s.profile.Observe(b); err != nil {
		return err
	}
	for i := range b.Columns {
		col := &b.Columns[i]
		if v := s.values[col.Name]; v != nil {
			v.observe(col, b.Rows)
			s.spans[col.Name].observe(col, b.Rows)
		}
	}
	columns := c.pick(b)
	var cells, key []byte
	for i := range b.Rows {
		r := record{at: makePlace(b.File, b.Row(i))}
		cells = cells[:0]
		for j := range columns {
			cells = c.common[j].append(cells, columns[j], i)
		}
		r.row = makeHash(sha256.Sum256(cells))
		r.key = r.row
		if len(c.key) > 0 {
			key = key[:0]
			for _, j := range c.key {
				key = c.common[j].append(key, columns[j], i)
			}
			r.key = makeHash(sha256.Sum256(key))
		}
		if err := s.rows.add(r); err != nil {
			return err
		}
	}
	return nil
}

// pick returns the common columns of b; nil where its file has none of a name.
func (c *comparison) pick(b *table.Batch) []*table.Column {
	byName := make(map[string]*table.Column, len(b.Columns))
	for i := range b.Columns {
		byName[b.Columns[i].Name] = &b.Columns[i]
	}
	out := make([]*table.Column, len(c.common))
	for j, f := range c.common {
		out[j] = byName[f.name]
	}
	return out
}

// cellFormat says how the cells of a column are written so that equal ones are
// equal bytes, whatever formats the two sides have.
type cellFormat struct {
	name    string
	float   bool // one side stores floats, the other writes them as text: 1.50 is 1.5
	decimal bool // so with decimals, of which every digit counts
	quote   bool // both sides are JSON, where "1" is not 1
}

// append writes cell i: what kind of cell it is, its length, its text. No
// sequence of cells is written like another.
func (f *cellFormat) append(dst []byte, c *table.Column, i int) []byte {
	if c == nil || c.Null(i) {
		return append(dst, 0)
	}
	mark := byte(1)
	if f.quote && c.Kind(i) == table.String {
		mark = 2
	}
	var b [64]byte
	var text []byte
	switch kind := c.Type.Kind; kind {
	case table.Bool, table.Int, table.Uint, table.Float, table.Date, table.Time, table.Timestamp:
		text = c.AppendText(b[:0], i)
	default:
		text = c.Bytes(i)
		if kind == table.Decimal || f.decimal && kind == table.Untyped && isDecimal(text) {
			text = trimDecimal(text)
		}
		if v, ok := table.ParseNumber(text); f.float && kind == table.Untyped && ok {
			text = strconv.AppendFloat(b[:0], v, 'g', -1, 64)
		}
	}
	dst = append(dst, mark)
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// isDecimal tells whether text is digits with a point among them.
func isDecimal(text []byte) bool {
	text = bytes.TrimPrefix(text, []byte("-"))
	whole, part, _ := bytes.Cut(text, []byte("."))
	digits := func(b []byte) bool { return len(b) > 0 && len(bytes.Trim(b, "0123456789")) == 0 }
	return digits(whole) && digits(part)
}

// trimDecimal makes 12.50 and 12.500 the same.
func trimDecimal(text []byte) []byte {
	if !slices.Contains(text, '.') {
		return text
	}
	return []byte(strings.TrimSuffix(strings.TrimRight(string(text), "0"), "."))
}

// nearest is the column that a wrong key may have meant.
func (c *comparison) nearest(name string) string {
	names := make([]string, len(c.common))
	for i, f := range c.common {
		names[i] = f.name
	}
	return ref.Nearest(name, names)
}

// round9 keeps nine digits, which is what is shown of statistics; false for
// what is no finite number.
func round9(v float64) (float64, bool) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 9, 64), 64)
	return r, err == nil
}
