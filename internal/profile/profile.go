// Package profile accumulates facts about the columns of a table, batch by
// batch, in one pass:
//
//	var needs profile.Needs
//	needs.Add("price", profile.Range|profile.Moments)
//	a := profile.New(needs, spill)
//	a.Observe(batch) // for every batch
//	p, err := a.Profile()
//
// Accumulators of parts of a table merge into that of the whole. Everything
// here is exact, sums included, so the result does not depend on how the rows
// were cut into files, batches and shards, on the number of workers or on the
// architecture. What would need memory without bound is either given up
// openly (Column.Distinct past MaxDistinct) or spilled to disk (Unique and Keys).
package profile

import (
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/internal/table"
)

// Want is a set of facts. Rows and nulls are always counted.
type Want uint8

const (
	// Range is the smallest and largest number, or text for columns that hold
	// other things than numbers.
	Range Want = 1 << iota
	// Moments are sum, mean and standard deviation of the numbers.
	Moments
	// Lengths are the shortest and longest text, in characters.
	Lengths
	// Distinct is how many values there are, and which are most frequent.
	Distinct
	// Unique finds values that occur more than once, exactly.
	Unique
	// Spread is how the numbers are spread; see Column.Nth.
	Spread
)

// Needs says what to accumulate. The zero value is rows alone.
type Needs struct {
	Columns map[string]Want
	// Types are declared types; values that are not of them are counted.
	Types map[string]table.Type
	Keys  []Key // see AddKey
	// Grouped says that there are many accumulators, one for each group of rows,
	// so that each keeps less for Spread.
	Grouped bool
}

// Add asks for facts of a column, in addition to what was asked before.
func (n *Needs) Add(column string, w Want) {
	if n.Columns == nil {
		n.Columns = map[string]Want{}
	}
	n.Columns[column] |= w
}

// AddType asks how many values of a column are of type t.
func (n *Needs) AddType(column string, t table.Type) {
	n.Add(column, 0)
	if n.Types == nil {
		n.Types = map[string]table.Type{}
	}
	n.Types[column] = t
}

// Merge asks for all that o asks for.
func (n *Needs) Merge(o Needs) {
	for c, w := range o.Columns {
		n.Add(c, w)
	}
	for c, t := range o.Types {
		n.AddType(c, t)
	}
	for _, k := range o.Keys {
		n.AddKey(k)
	}
	n.Grouped = n.Grouped || o.Grouped
}

// Names returns the columns that are needed, sorted.
func (n *Needs) Names() []string { return slices.Sorted(maps.Keys(n.Columns)) }

// Place is where a row stands: the file as table.Options.File numbers it, and
// the row within.
type Place struct {
	File int
	Row  int64
}

// Compare orders places as a reader meets them.
func (p Place) Compare(q Place) int {
	if p.File != q.File {
		return p.File - q.File
	}
	switch {
	case p.Row < q.Row:
		return -1
	case p.Row > q.Row:
		return 1
	}
	return 0
}

// MaxPlaces is how many places of rows are kept as examples.
const MaxPlaces = 5

// Example is a row with the value that made it one.
type Example struct {
	Place Place
	Value string // as Column.Text has it, at most MaxExample bytes
}

// MaxExample is how many bytes of a value an example keeps.
const MaxExample = 512

// Examples are the first rows of a kind. They merge by place, so that the
// same ones remain whatever the order of the shards.
type Examples []Example

// Add keeps row i of c if it is among the first.
func (e *Examples) Add(b *table.Batch, c *table.Column, i int) {
	p := Place{b.File, b.Row(i)}
	if len(*e) == MaxPlaces && p.Compare((*e)[MaxPlaces-1].Place) > 0 {
		return
	}
	value := c.Text(i)
	if len(value) > MaxExample {
		value = value[:MaxExample]
	}
	e.insert(Example{p, value})
}

// Merge keeps the first of both.
func (e *Examples) Merge(o Examples) {
	for _, x := range o {
		e.insert(x)
	}
}

func (e *Examples) insert(x Example) {
	i, _ := slices.BinarySearchFunc(*e, x, func(a, b Example) int { return a.Place.Compare(b.Place) })
	if i == MaxPlaces {
		return
	}
	*e = slices.Insert(*e, i, x)
	*e = (*e)[:min(len(*e), MaxPlaces)]
}

// Profile is what was found.
type Profile struct {
	Rows    int64
	Columns map[string]*Column   // those of Needs that the data has
	Keys    map[string]*KeyFacts // by Key.ID
}

// Column is the facts of one column. Facts that were not asked for are zero.
type Column struct {
	Rows, Nulls int64

	// Misfits counts values that are not of the declared type.
	Misfits        int64
	MisfitExamples Examples

	Numbers  int64 // values that are finite numbers
	NaNs     int64 // not a number, or infinite
	Min, Max float64
	Sum      float64
	Mean     float64
	StdDev   float64 // of the sample (n-1); 0 for fewer than two numbers

	MinText, MaxText     string // by bytes; at most MaxExample of them
	MinLength, MaxLength int64  // in characters

	Distinct    int64 // past MaxDistinct: MaxDistinct+1, meaning more
	Top         []Count
	Duplicates  int64       // rows whose value occurred in a row before
	DuplicateOf []Duplicate // the first of them

	// Within is how far Nth may be from the truth, relative to it: 0 while there
	// are few different numbers.
	Within float64
	spread []weighted
}

// Nth returns the n-th smallest of the numbers, from 0, if Spread was asked for.
func (c *Column) Nth(n int64) float64 {
	for _, w := range c.spread {
		if n -= w.n; n < 0 {
			return w.v
		}
	}
	return c.Max
}

// Count is a value with the number of its rows.
type Count struct {
	Value string
	Rows  int64
}

// Accumulator collects facts. It is not safe for concurrent use: each shard
// has its own.
type Accumulator struct {
	needs   Needs
	spill   *Spill
	rows    int64
	columns map[string]*columnState
	keys    []*compound
}

// New returns an accumulator. spill may be nil when nothing of Unique and
// Keys is needed; it is shared by all accumulators of a run.
func New(needs Needs, spill *Spill) *Accumulator {
	a := &Accumulator{needs: needs, spill: spill, columns: map[string]*columnState{}}
	for _, k := range needs.Keys {
		a.keys = append(a.keys, &compound{key: k, set: keySet{spill: spill}})
	}
	return a
}

// Observe adds the rows of a batch. Errors come from spilling to disk.
func (a *Accumulator) Observe(b *table.Batch) error {
	for _, do := range a.Tasks(b) {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// Tasks are what Observe does, in parts that may be done at the same time. All
// of them must be done before the next batch.
func (a *Accumulator) Tasks(b *table.Batch) []func() error {
	a.rows += int64(b.Rows)
	var tasks []func() error
	for i := range b.Columns {
		c := &b.Columns[i]
		want, ok := a.needs.Columns[c.Name]
		if !ok {
			continue
		}
		s := a.columns[c.Name]
		if s == nil {
			s = newColumnState(want, &a.needs, c.Name, a.spill)
			a.columns[c.Name] = s
		}
		tasks = append(tasks, func() error { return s.observe(b, c) })
	}
	for _, k := range a.keys {
		tasks = append(tasks, func() error { return k.observe(b) })
	}
	return tasks
}

// Merge adds what o observed. o is spent afterwards.
func (a *Accumulator) Merge(o *Accumulator) error {
	a.rows += o.rows
	for name, s := range o.columns {
		if mine := a.columns[name]; mine == nil {
			a.columns[name] = s
		} else if err := mine.merge(s); err != nil {
			return err
		}
	}
	for i, k := range a.keys {
		if err := k.merge(o.keys[i]); err != nil {
			return err
		}
	}
	return nil
}

// Profile returns the facts about all rows observed.
func (a *Accumulator) Profile() (*Profile, error) {
	p := &Profile{Rows: a.rows, Columns: make(map[string]*Column, len(a.columns)), Keys: map[string]*KeyFacts{}}
	for name, s := range a.columns {
		c, err := s.column()
		if err != nil {
			return nil, err
		}
		p.Columns[name] = c
	}
	for _, k := range a.keys {
		facts, err := k.result()
		if err != nil {
			return nil, err
		}
		p.Keys[k.key.ID()] = facts
	}
	return p, nil
}
