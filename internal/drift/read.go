package drift

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/waybill-dev/waybill/internal/table"
)

const (
	// maxCategories is how many different values of a column are told apart.
	maxCategories = 10_000
	// maxFew is how many different numbers of a column are at most taken as
	// categories.
	maxFew = 20
	// maxValues is how many numbers of a side are held, of all its columns
	// together; of each column at least minSample.
	maxValues = 5_000_000
	minSample = 10_000
)

// side is one of the two files.
type side struct {
	rows    int64
	names   []string // of all columns of the file, in its order
	columns map[string]*column
}

// column is what is kept of a column of a side.
type column struct {
	nulls   int64
	texts   int64 // values that are no numbers
	odd     int64 // NaN and infinite
	finite  int64
	values  sampler
	numbers counter[float64]
	words   counter[string]

	// Of profiles alone.
	histogram *histogram // stands for the numbers
	partial   bool       // only the most frequent values are known
}

func newColumn(limit int) *column {
	return &column{values: newSampler(limit), numbers: newCounter[float64](), words: newCounter[string]()}
}

// read takes in the columns named of a file, nil for all.
func read(ctx context.Context, f table.File, columns []string) (*side, error) {
	if p, err := openProfile(f); err != nil {
		return nil, err
	} else if p != nil {
		return fromProfile(p, columns), nil
	}
	r, err := table.Open(ctx, f, table.Options{Columns: columns})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := &side{names: r.Schema().Names(), columns: map[string]*column{}}
	wanted := columns
	if wanted == nil {
		wanted = s.names
	}
	limit := max(maxValues/max(len(wanted), 1), minSample)
	for _, name := range wanted {
		if slices.Contains(s.names, name) {
			s.columns[name] = newColumn(limit)
		}
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		s.rows += int64(b.Rows)
		for i := range b.Columns {
			// JSON lines have every column that was asked for.
			name := b.Columns[i].Name
			if s.columns[name] == nil {
				s.columns[name] = newColumn(limit)
			}
			s.columns[name].observe(b, &b.Columns[i])
		}
	}
}

func (k *column) observe(b *table.Batch, c *table.Column) {
	var text []byte
	for i := range b.Rows {
		if c.Null(i) {
			k.nulls++
			continue
		}
		v, ok := number(c, i)
		switch {
		case !ok:
			k.texts++
			text = c.AppendText(text[:0], i)
			countText(&k.words, text)
		case v-v != 0:
			k.odd++
		default:
			k.finite++
			k.values.add(b.Row(i), v)
			k.numbers.add(v)
		}
	}
}

// number returns the value of row i as a number; instants are seconds since
// 1970.
func number(c *table.Column, i int) (float64, bool) {
	switch c.Type.Kind {
	case table.Date, table.Timestamp:
		t, ok := c.When(i)
		return float64(t.Unix()) + float64(t.Nanosecond())/1e9, ok
	}
	return c.Float(i)
}

// counter counts values until there are too many different ones.
type counter[T comparable] struct {
	rows map[T]*int64
	over bool
}

func newCounter[T comparable]() counter[T] { return counter[T]{rows: map[T]*int64{}} }

func (c *counter[T]) add(v T) {
	if c.over {
		return
	}
	if n := c.rows[v]; n != nil {
		*n++
		return
	}
	c.insert(v)
}

func (c *counter[T]) insert(v T) {
	if len(c.rows) == maxCategories {
		c.rows, c.over = nil, true
		return
	}
	n := int64(1)
	c.rows[v] = &n
}

// maxText is how many bytes of a text tell it apart in memory.
const maxText = 4096

// countText is add without an allocation for values that are known.
func countText(c *counter[string], text []byte) {
	if c.over {
		return
	}
	if len(text) > maxText {
		text = shorten(text)
	}
	if n := c.rows[string(text)]; n != nil {
		*n++
		return
	}
	c.insert(string(text))
}

// sampler keeps values while they fit. Then it keeps those of the rows whose
// hash is below a bound, which it halves as often as needed: what is kept
// depends on the data alone, and every row is as likely as any other.
type sampler struct {
	limit  int
	bound  uint64 // of the 32-bit hashes
	hashes []uint32
	values []float64
}

func newSampler(limit int) sampler { return sampler{limit: limit, bound: 1 << 32} }

func (s *sampler) add(row int64, v float64) {
	h := hash(row)
	if uint64(h) >= s.bound {
		return
	}
	s.hashes, s.values = append(s.hashes, h), append(s.values, v)
	for len(s.values) > s.limit {
		s.bound /= 2
		kept := 0
		for i, h := range s.hashes {
			if uint64(h) < s.bound {
				s.hashes[kept], s.values[kept] = h, s.values[i]
				kept++
			}
		}
		s.hashes, s.values = s.hashes[:kept], s.values[:kept]
	}
}

// all tells whether nothing was left out.
func (s *sampler) all() bool { return s.bound == 1<<32 }

// hash mixes a row's number (the finaliser of SplitMix64 by S. Vigna).
func hash(row int64) uint32 {
	x := uint64(row) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return uint32((x ^ x>>31) >> 32)
}

// has tells whether the file names the column, or has values of it: keys of
// JSON lines may come later than its schema was read from.
func (s *side) has(name string) bool {
	k := s.columns[name]
	return slices.Contains(s.names, name) || k != nil && k.nulls < s.rows
}

// checkColumns refuses names that neither side has.
func checkColumns(columns []string, reference, current *side) error {
	for _, name := range columns {
		if !reference.has(name) && !current.has(name) {
			return &UsageError{fmt.Sprintf("column %q: neither side has it; the reference has: %s", name, list(reference.names))}
		}
	}
	return nil
}
