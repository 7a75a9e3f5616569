package datadiff

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
)

// Schema is what differs in the columns of a split.
type Schema struct {
	Added     []Field  `json:"added"`
	Removed   []Field  `json:"removed"`
	Changed   []Retype `json:"changed"`
	Reordered bool     `json:"reordered"` // the columns of both sides stand in another order
}

// Field is a column with its type. Of CSV and JSON lines it is "number" where
// every value is one, else "text".
type Field struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Retype is a column whose type changed.
type Retype struct {
	Name string `json:"name"`
	Pair[string]
}

func newSchema() Schema { return Schema{Added: []Field{}, Removed: []Field{}, Changed: []Retype{}} }

// Empty tells whether the schema is the same.
func (s *Schema) Empty() bool {
	return len(s.Added)+len(s.Removed)+len(s.Changed) == 0 && !s.Reordered
}

// Column compares a column that both sides have.
type Column struct {
	Name  string      `json:"name"`
	Nulls Pair[int64] `json:"nulls"`
	// Min and Max are of numbers and times, Mean of numbers; null where a side
	// has none.
	Min  *Pair[any]      `json:"min,omitempty"`
	Max  *Pair[any]      `json:"max,omitempty"`
	Mean *Pair[*float64] `json:"mean,omitempty"`
	// Categorical tells whether the values are categories, of at most a
	// thousand. NewValues and VanishedValues are those that only one side has;
	// the first hundred are listed.
	Categorical    bool     `json:"categorical"`
	NewValues      []string `json:"newValues"`
	VanishedValues []string `json:"vanishedValues"`
	NewCount       int      `json:"newCount,omitempty"`
	VanishedCount  int      `json:"vanishedCount,omitempty"`
}

const (
	maxProfiled = 1000 // columns; the others are only compared row by row
	maxValues   = 1000 // different values of a column of categories
	maxCategory = 100  // bytes of a category
	maxShown    = 100  // categories listed
	fewValues   = 20   // that are categories as soon as one of them occurs twice
)

// profiled is the columns whose facts are compared.
func (c *comparison) profiled() []cellFormat { return c.common[:min(len(c.common), maxProfiled)] }

// values collects the different values of a column that may be one of
// categories.
type values struct {
	seen map[string]struct{} // nil once there are too many, or too long ones
	used []bool              // scratch: codes of a dictionary
	text []byte              // scratch
}

func (v *values) observe(c *table.Column, rows int) {
	if v.seen == nil {
		return
	}
	if c.Dict == nil {
		for i := range rows {
			if !c.Null(i) && !v.add(c, i) {
				return
			}
		}
		return
	}
	v.used = v.used[:0]
	for i, code := range c.Codes[:rows] {
		if c.Null(i) {
			continue
		}
		if n := int(code) + 1; n > len(v.used) {
			v.used = append(v.used, make([]bool, n-len(v.used))...)
		}
		v.used[code] = true
	}
	for code, used := range v.used {
		if used && !v.add(c.Dict, code) {
			return
		}
	}
}

func (v *values) add(c *table.Column, i int) bool {
	v.text = c.AppendText(v.text[:0], i)
	if _, ok := v.seen[string(v.text)]; ok {
		return true
	}
	if len(v.seen) == maxValues || len(v.text) > maxCategory {
		v.seen = nil
		return false
	}
	v.seen[string(v.text)] = struct{}{}
	return true
}

// categorical tells whether values are categories rather than free text, names
// or numbers of things, which would be sample rows in disguise: they must
// repeat, each twice on average, or at all where there are few.
func (v *values) categorical(present int64) bool {
	n := int64(len(v.seen))
	return n*2 <= present || n <= fewValues && n < present
}

// columns compares schemas and the facts of the columns.
func (c *comparison) columns(s *Split) error {
	before, err := c.from.profile.Profile()
	if err != nil {
		return err
	}
	after, err := c.to.profile.Profile()
	if err != nil {
		return err
	}
	s.Schema = c.schema(before, after)
	s.Columns = []Column{}
	for _, f := range c.profiled() {
		if c.from.index(f.name) < 0 || c.to.index(f.name) < 0 {
			continue // one side has no files
		}
		s.Columns = append(s.Columns, c.column(f.name, before.Columns[f.name], after.Columns[f.name]))
	}
	// In the order of the side after, which readers know.
	sorting.By(s.Columns, func(a, b Column) int { return c.to.index(a.Name) - c.to.index(b.Name) })
	return nil
}

func (c *comparison) column(name string, before, after *profile.Column) Column {
	if before == nil {
		before = &profile.Column{}
	}
	if after == nil {
		after = &profile.Column{}
	}
	// Rows of files without the column have no value either.
	present := Pair[int64]{before.Rows - before.Nulls, after.Rows - after.Nulls}
	out := Column{Name: name, Nulls: Pair[int64]{c.from.count - present.From, c.to.count - present.To}, NewValues: []string{}, VanishedValues: []string{}}
	if numeric(before) && numeric(after) && before.Numbers+after.Numbers > 0 {
		out.Min = &Pair[any]{shown(before, before.Min), shown(after, after.Min)}
		out.Max = &Pair[any]{shown(before, before.Max), shown(after, after.Max)}
		out.Mean = &Pair[*float64]{mean(before), mean(after)}
	} else if a, b := c.from.spans[name], c.to.spans[name]; a.known(present.From) && b.known(present.To) {
		out.Min = &Pair[any]{a.earliest, b.earliest}
		out.Max = &Pair[any]{a.latest, b.latest}
	}
	c.categories(&out, present)
	return out
}

// categories compares the values of a column that has categories.
func (c *comparison) categories(out *Column, present Pair[int64]) {
	a, b := c.from.values[out.Name], c.to.values[out.Name]
	if a.seen == nil || b.seen == nil || !a.categorical(present.From) && !b.categorical(present.To) {
		return
	}
	without := func(x, y *values) []string {
		list := []string{}
		for _, v := range slices.Sorted(maps.Keys(x.seen)) {
			if _, ok := y.seen[v]; !ok {
				list = append(list, v)
			}
		}
		return list
	}
	out.Categorical, out.NewValues, out.VanishedValues = true, without(b, a), without(a, b)
	out.NewCount, out.VanishedCount = len(out.NewValues), len(out.VanishedValues)
	out.NewValues = out.NewValues[:min(out.NewCount, maxShown)]
	out.VanishedValues = out.VanishedValues[:min(out.VanishedCount, maxShown)]
}

// numeric tells whether every value of a column is a number; so is a column
// without values.
func numeric(c *profile.Column) bool { return c.Numbers+c.NaNs == c.Rows-c.Nulls }

func shown(c *profile.Column, v float64) any {
	if r, ok := round9(v); ok && c.Numbers > 0 {
		return r
	}
	return nil
}

func mean(c *profile.Column) *float64 {
	if r, ok := round9(c.Mean); ok && c.Numbers > 0 {
		return &r
	}
	return nil
}

// span is the earliest and the latest time of a column of dates or times.
type span struct {
	times            int64
	first, last      time.Time
	earliest, latest string
}

func (s *span) observe(c *table.Column, rows int) {
	if c.Type.Kind != table.Date && c.Type.Kind != table.Timestamp {
		return
	}
	for i := range rows {
		t, ok := c.When(i)
		if !ok {
			continue
		}
		if s.times == 0 || t.Before(s.first) {
			s.first, s.earliest = t, c.Text(i)
		}
		if s.times == 0 || t.After(s.last) {
			s.last, s.latest = t, c.Text(i)
		}
		s.times++
	}
}

// known tells whether all values were times.
func (s *span) known(present int64) bool { return s.times > 0 && s.times == present }

// schema compares the columns of both sides.
func (c *comparison) schema(before, after *profile.Profile) Schema {
	out := newSchema()
	if len(c.from.files) == 0 || len(c.to.files) == 0 {
		return out
	}
	var order []int // places after, in the order before
	for _, f := range c.from.schema {
		was, i := typeOf(&f, before), c.to.index(f.Name)
		if i < 0 {
			out.Removed = append(out.Removed, Field{f.Name, was})
			continue
		}
		order = append(order, i)
		is := typeOf(&c.to.schema[i], after)
		if was != is && was != "empty" && is != "empty" && (was != "text" || is != "string") && (was != "string" || is != "text") {
			out.Changed = append(out.Changed, Retype{f.Name, Pair[string]{was, is}})
		}
	}
	for _, f := range c.to.schema {
		if c.from.index(f.Name) < 0 {
			out.Added = append(out.Added, Field{f.Name, typeOf(&f, after)})
		}
	}
	out.Reordered = !slices.IsSorted(order)
	return out
}

// typeOf names the type of a column: all that its files give it.
func typeOf(c *column, p *profile.Profile) string {
	var names []string
	for _, t := range c.types {
		name := t.String()
		if facts := p.Columns[c.Name]; t.Kind == table.Untyped && facts != nil {
			switch {
			case facts.Rows == facts.Nulls:
				name = "empty"
			case numeric(facts):
				name = "number"
			}
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " or ")
}
