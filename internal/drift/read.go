package drift

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/table"
)

const (
	// maxCategories is how many different values of a column are told apart,
	// and maxAllCategories of all columns together; of each at least
	// minCategories.
	maxCategories    = 10_000
	maxAllCategories = 2_000_000
	minCategories    = 100
	// maxFew is how many different numbers of a column are at most taken as
	// categories.
	maxFew = 20
	// maxValues is how many numbers of a side are held, of all its columns
	// together; of each column at least minSample.
	maxValues = 5_000_000
	minSample = 1_000
)

// Side is one of the two that are compared: what is kept of its rows. It is
// not safe for concurrent use: each shard has its own, and they merge.
type Side struct {
	rows    int64
	names   []string // of all columns of the data, in its order
	columns map[string]*column
	samples int  // numbers held of a column
	most    int  // different values counted of a column
	profile bool // stands for data that was not read
}

// NewSide returns a side without rows. columns are all of the data's in its
// order, keep those that are compared, nil for all.
func NewSide(columns, keep []string) *Side {
	wanted := keep
	if wanted == nil {
		wanted = columns
	}
	n := max(len(wanted), 1)
	s := &Side{
		names: columns, columns: map[string]*column{},
		samples: max(maxValues/n, minSample), most: max(min(maxAllCategories/n, maxCategories), minCategories),
	}
	there := set(columns)
	for _, name := range wanted {
		if there[name] {
			s.columns[name] = newColumn(s.samples, s.most)
		}
	}
	return s
}

func set(names []string) map[string]bool {
	out := make(map[string]bool, len(names))
	for _, n := range names {
		out[n] = true
	}
	return out
}

// Observe adds the rows of a batch, in all the columns that it has.
func (s *Side) Observe(b *table.Batch) {
	s.rows += int64(b.Rows)
	for i := range b.Columns {
		// JSON lines have every column that was asked for.
		name := b.Columns[i].Name
		if s.columns[name] == nil {
			s.columns[name] = newColumn(s.samples, s.most)
		}
		s.columns[name].observe(b, &b.Columns[i])
	}
}

// Merge adds what later observed. The outcome does not depend on how rows were
// shared out. later is spent afterwards.
func (s *Side) Merge(later *Side) {
	s.rows += later.rows
	mine := set(s.names)
	for _, name := range later.names {
		if !mine[name] {
			s.names = append(slices.Clip(s.names), name)
		}
	}
	for name, k := range later.columns {
		if mine := s.columns[name]; mine != nil {
			mine.merge(k)
		} else {
			s.columns[name] = k
		}
	}
}

// column is what is kept of a column of a side.
type column struct {
	texts   int64 // values that are no numbers
	odd     int64 // NaN and infinite
	finite  int64
	times   int64 // of finite: instants, in seconds since 1970
	values  sampler
	numbers counter[float64]
	words   counter[string]

	profile bool
	// Of profiles alone.
	histogram *histogram // stands for the numbers
	partial   bool       // only the most frequent values are known
	estimate  int64      // how many different values a partial column has
	instants  bool       // which are dates or times
}

func newColumn(samples, most int) *column {
	return &column{values: newSampler(samples), numbers: newCounter[float64](most), words: newCounter[string](most)}
}

// present is how many rows have a value.
func (k *column) present() int64 { return k.finite + k.odd + k.texts }

// Read takes in the columns named of files, nil for all. A profile may stand for
// a file, if it is the only one.
func Read(ctx context.Context, files []table.File, columns []string) (*Side, error) {
	var all *Side
	for i, f := range files {
		s, err := read(ctx, f, i, columns)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = s
			continue
		}
		if s.profile || all.profile {
			return nil, &UsageError{"a profile stands for all of a side; merge several with \"waybill profile merge\""}
		}
		all.Merge(s)
	}
	return all, nil
}

func read(ctx context.Context, f table.File, number int, columns []string) (*Side, error) {
	if p, err := openProfile(f); err != nil {
		return nil, err
	} else if p != nil {
		return FromProfile(p, columns), nil
	}
	r, err := table.Open(ctx, f, table.Options{Columns: columns, File: number})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := NewSide(r.Schema().Names(), columns)
	for {
		b, err := r.Next()
		if err == io.EOF {
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		s.Observe(b)
	}
}

func (k *column) observe(b *table.Batch, c *table.Column) {
	var text []byte
	times := c.Type.Kind == table.Date || c.Type.Kind == table.Timestamp
	for i := range b.Rows {
		if c.Null(i) {
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
			if times {
				k.times++
			}
			k.values.add(b.File, b.Row(i), v)
			k.numbers.add(v)
		}
	}
}

func (k *column) merge(o *column) {
	k.texts += o.texts
	k.odd += o.odd
	k.finite += o.finite
	k.times += o.times
	k.values.merge(&o.values)
	k.numbers.merge(&o.numbers)
	k.words.merge(&o.words)
}

// number returns the value of row i as a number; instants are seconds since
// 1970.
func number(c *table.Column, i int) (float64, bool) {
	switch c.Type.Kind {
	case table.Date, table.Timestamp:
		t, ok := c.When(i)
		return seconds(t), ok
	}
	return c.Float(i)
}

func seconds(t time.Time) float64 { return float64(t.Unix()) + float64(t.Nanosecond())/1e9 }

// counter counts values until there are too many different ones.
type counter[T comparable] struct {
	rows map[T]*int64
	most int
	over bool
}

func newCounter[T comparable](most int) counter[T] {
	return counter[T]{rows: map[T]*int64{}, most: most}
}

func (c *counter[T]) add(v T) {
	if c.over {
		return
	}
	if n := c.rows[v]; n != nil {
		*n++
		return
	}
	c.insert(v, new(int64(1)))
}

func (c *counter[T]) insert(v T, n *int64) {
	if len(c.rows) >= c.most {
		c.rows, c.over = nil, true
		return
	}
	c.rows[v] = n
}

func (c *counter[T]) merge(o *counter[T]) {
	if o.over {
		c.rows, c.over = nil, true
	}
	for v, n := range o.rows {
		c.put(v, n)
	}
}

// put counts v n times, and keeps n to count on.
func (c *counter[T]) put(v T, n *int64) {
	if c.over {
		return
	}
	if p := c.rows[v]; p != nil {
		*p += *n
		return
	}
	c.insert(v, n)
}

// countText is add without an allocation for values that are known.
func countText(c *counter[string], text []byte) {
	if c.over {
		return
	}
	text = profile.Shortened(text)
	if n := c.rows[string(text)]; n != nil {
		*n++
		return
	}
	c.insert(string(text), new(int64(1)))
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

func (s *sampler) add(file int, row int64, v float64) {
	h := hash(file, row)
	if uint64(h) >= s.bound {
		return
	}
	s.hashes, s.values = append(s.hashes, h), append(s.values, v)
	for len(s.values) > s.limit {
		s.keep(s.bound / 2)
	}
}

// keep lowers the bound.
func (s *sampler) keep(bound uint64) {
	s.bound = bound
	kept := 0
	for i, h := range s.hashes {
		if uint64(h) < bound {
			s.hashes[kept], s.values[kept] = h, s.values[i]
			kept++
		}
	}
	s.hashes, s.values = s.hashes[:kept], s.values[:kept]
}

// merge keeps what one sampler would have kept of the rows of both: the bound
// is the highest at which they fit.
func (s *sampler) merge(o *sampler) {
	bound := min(s.bound, o.bound)
	if s.bound > bound {
		s.keep(bound)
	}
	if o.bound > bound {
		o.keep(bound)
	}
	s.hashes, s.values = append(s.hashes, o.hashes...), append(s.values, o.values...)
	for len(s.values) > s.limit {
		s.keep(s.bound / 2)
	}
}

// all tells whether nothing was left out.
func (s *sampler) all() bool { return s.bound == 1<<32 }

// hash mixes the number of a file and of its row (the finaliser of SplitMix64
// by S. Vigna).
func hash(file int, row int64) uint32 {
	x := (uint64(row) + uint64(file)<<40) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return uint32((x ^ x>>31) >> 32)
}

// has tells whether the file names the column, or has values of it: keys of
// JSON lines may come later than its schema was read from.
func (s *Side) has(name string) bool {
	k := s.columns[name]
	return slices.Contains(s.names, name) || k != nil && k.present() > 0
}

// checkColumns refuses names that neither side has.
func checkColumns(columns []string, reference, current *Side) error {
	for _, name := range columns {
		if !reference.has(name) && !current.has(name) {
			return &UsageError{fmt.Sprintf("column %q: neither side has it; the reference has: %s", name, list(reference.names))}
		}
	}
	return nil
}

// leastForNames is from how many values on a column can be told to be one of
// names.
const leastForNames = 50

// names says why the values of a column name rows rather than say how it is
// distributed, as identifiers and free text do; "" when they do not.
func (k *column) names() string {
	n := k.texts
	switch {
	case n < leastForNames || n < k.finite || k.times > 0 || k.instants:
	case k.words.over && !k.partial:
		return fmt.Sprintf("more than %d different values", k.words.most)
	case int64(len(k.words.rows)) > n/2 || k.partial && k.estimate > n/2:
		return "most values occur once"
	}
	return ""
}
