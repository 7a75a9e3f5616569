package datacheck

import (
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type schemaChangeParams struct {
	Against      *Against `param:"against,required" doc:"What to compare with: a reference to a version of this dataset (#production) or of another, or {model: REFERENCE, dataset: ROLE} for what a model was made with."`
	Allow        []string `param:"allow" doc:"Changes that pass: added, widened, reordered."`
	FirstRelease string   `param:"firstRelease" enum:"allow" doc:"allow passes while there is nothing to compare with yet."`
}

// The changes of a column.
const (
	changeRemoved   = "removed"
	changeRetyped   = "retyped"
	changeNarrowed  = "narrowed"
	changeWidened   = "widened"
	changeAdded     = "added"
	changeReordered = "reordered"
)

var allowedChanges = []string{changeAdded, changeWidened, changeReordered}

var schemaChange = Rule{
	ID:     "schema.change",
	Doc:    "The data has the columns that an earlier version has, of the same types and in the same order.",
	Params: schemaChangeParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p schemaChangeParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly", "where", "groupBy"); err != nil {
			return plan, err
		}
		for _, a := range p.Allow {
			if slices.Contains(allowedChanges, a) {
				continue
			}
			hint := "there are added, widened and reordered; a column that is gone, or holds less or other things, is a new version of the schema"
			if near := ref.Nearest(a, allowedChanges); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return plan, mistake(spec, fmt.Sprintf("schema.change: allow: there is no change %q", shownText(a)), hint)
		}
		// Only columns to which the files give no type are read.
		watch := func(plan *Plan, files table.Schema) {
			for _, f := range files {
				if isAbout(spec, f.Name) && f.Type.Kind == table.Untyped {
					plan.Needs.Add(f.Name, 0)
				}
			}
			plan.Rows = func() RowCheck { return newObservedTypes(files) }
		}
		files, _ := spec.Params["files"].(table.Schema)
		watch(&plan, files)
		plan.Compare = &Comparison{
			With: *p.Against, FirstRelease: p.FirstRelease, FileTypes: true,
			Bind: func(other table.Schema) (Plan, error) {
				var theirs Plan
				watch(&theirs, other)
				return theirs, nil
			},
			Profiled: func(d *profile.Document, _ Facts) (Facts, bool) { return typesOf(d) },
		}
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{p.judge(spec, f)} }
		return plan, nil
	},
}

// isAbout tells whether an entry is about a column: without columns:, all are.
func isAbout(spec manifest.CheckSpec, column string) bool {
	return len(spec.Columns) == 0 || slices.Contains(spec.Columns, column)
}

// typesOf makes facts of a profile, if all its files agree about the types.
func typesOf(d *profile.Document) (Facts, bool) {
	types := newObservedTypes(nil)
	out := Facts{Rows: d.Rows, Check: types}
	for _, c := range d.Columns {
		name, typed, ok := c.FileType(d.Rows)
		if !ok || len(d.Shards) > 0 {
			return out, false
		}
		seen := &typeSeen{name: name, typed: typed}
		if !typed && c.Count > 0 {
			seen.name = c.Type
		} else if !typed {
			seen.name = ""
		}
		types.of[c.Name] = seen
		out.Schema = append(out.Schema, table.Field{Name: c.Name})
	}
	return out, true
}

// change is what became of a column.
type change struct {
	column, kind string
	from, to     columnType
}

func (c change) String() string {
	switch c.kind {
	case changeRetyped, changeNarrowed, changeWidened:
		return fmt.Sprintf("%s %s (%s to %s)", escape(c.column), c.kind, c.from, c.to)
	case changeReordered:
		return "order changed"
	}
	return escape(c.column) + " " + c.kind
}

func (p schemaChangeParams) judge(spec manifest.CheckSpec, f Facts) report.Finding {
	there := f.Baseline.Name
	out := report.Finding{Verdict: report.Pass, Subject: list(spec.Columns, 10), Expected: "the columns of " + there}
	if len(p.Allow) > 0 {
		out.Expected += "; may be " + list(p.Allow, 10)
	}
	if len(f.Baseline.Schema) == 0 {
		out.Verdict, out.Observed, out.Message = report.Inconclusive, "no columns to compare with", there+" has no columns to compare with"
		return out
	}
	changes := changesOf(spec, *f.Baseline, f)
	var refused, passed []string
	details := []any{}
	for _, c := range changes {
		allowed := slices.Contains(p.Allow, c.kind)
		if allowed {
			passed = append(passed, c.String())
		} else {
			refused = append(refused, c.String())
		}
		if len(details) < 1000 {
			d := map[string]any{"change": c.kind, "allowed": allowed}
			for key, v := range map[string]string{"column": escape(c.column), "from": c.from.String(), "to": c.to.String()} {
				if v != "" {
					d[key] = v
				}
			}
			details = append(details, d)
		}
	}
	out.Details = map[string]any{"columns": len(f.Schema), "changes": details}
	out.Observed = count(int64(len(changes)), "change")
	switch {
	case len(changes) == 0:
		out.Message = fmt.Sprintf("the columns are those of %s", there)
		out.Observed = "no change"
	case len(refused) == 0:
		out.Message = fmt.Sprintf("%s since %s, which the check allows: %s", count(int64(len(passed)), "change"), there, list(passed, 10))
	default:
		out.Verdict = report.Fail
		out.Message = fmt.Sprintf("%s since %s: %s", count(int64(len(refused)), "change"), there, list(refused, 10))
		if len(passed) > 0 {
			out.Message += "; allowed: " + list(passed, 10)
		}
		out.Hint = "what reads the data must be ready for this; \"allow: [added, widened, reordered]\" names changes that it is ready for"
	}
	return out
}

// changesOf lists what was removed and retyped, by the order there, then what
// was added, and last whether the order of the others changed.
func changesOf(spec manifest.CheckSpec, before, now Facts) []change {
	var out []change
	var left []string
	types, theirs := now.Check.(*observedTypes), before.Check.(*observedTypes)
	for _, b := range before.Schema {
		if !isAbout(spec, b.Name) {
			continue
		}
		i := now.Schema.Index(b.Name)
		if i < 0 {
			out = append(out, change{column: b.Name, kind: changeRemoved, from: theirs.typeOf(b, table.Type{})})
			continue
		}
		left = append(left, b.Name)
		declared := types.declared(now.Schema[i])
		c := change{column: b.Name, from: theirs.typeOf(b, declared), to: types.typeOf(now.Schema[i], declared)}
		if c.kind = c.from.became(c.to); c.kind != "" {
			out = append(out, c)
		}
	}
	var order []string
	for _, n := range now.Schema {
		switch {
		case !isAbout(spec, n.Name):
		case before.Schema.Index(n.Name) < 0:
			out = append(out, change{column: n.Name, kind: changeAdded, to: types.typeOf(n, types.declared(n))})
		default:
			order = append(order, n.Name)
		}
	}
	if !slices.Equal(left, order) {
		out = append(out, change{kind: changeReordered})
	}
	return out
}

// columnType is the type of a column: that of the file or, of text, the
// narrowest that all values fit.
type columnType struct {
	name string // "" when there are no values to tell
	text bool   // of values
}

func (t columnType) String() string {
	if t.text && t.name != "" {
		return escape(t.name) + " as text"
	}
	return escape(t.name)
}

// became names the change to another type, "" for none. Text has no type but
// that of its values, so there only families count (whole numbers, numbers,
// dates, times, truth values, texts), and values of a narrower one are no
// change: they read as before.
func (t columnType) became(to columnType) string {
	a, b := t.name, to.name
	if a == "" || b == "" {
		return ""
	}
	if t.text || to.text {
		a, b = family(a), family(b)
		if to.text && (widens(b, a) || a == "string") {
			return ""
		}
	}
	switch {
	case a == b:
		return ""
	case widens(a, b):
		return changeWidened
	case widens(b, a):
		return changeNarrowed
	}
	return changeRetyped
}

// family is the widest type of the same kind of values.
func family(name string) string {
	t, err := table.ParseType(name)
	switch {
	case err != nil:
		return name
	case t.Kind == table.Int || t.Kind == table.Uint:
		return "int64"
	case t.Kind == table.Float || t.Kind == table.Decimal:
		return "float64"
	case t.Kind == table.Bytes:
		return "string"
	}
	return name
}

// widens tells whether every value of type a is one of type b, which is
// another.
func widens(a, b string) bool {
	from, err := table.ParseType(a)
	to, err2 := table.ParseType(b)
	if err != nil || err2 != nil || from == to {
		return false
	}
	switch {
	case from.Kind == table.Float && to.Kind == table.Float:
		return from.Bits < to.Bits
	case from.Kind == table.Date && to.Kind == table.Timestamp:
		return true
	}
	return table.Fits(from, to) == table.Always
}

// observedTypes is the RowCheck that finds out what types columns have.
type observedTypes struct{ of map[string]*typeSeen }

func newObservedTypes(files table.Schema) *observedTypes {
	t := &observedTypes{of: make(map[string]*typeSeen, len(files))}
	for _, f := range files {
		seen := &typeSeen{typed: f.Type.Kind != table.Untyped}
		if seen.typed {
			seen.name = f.Type.String()
		}
		t.of[f.Name] = seen
	}
	return t
}

// declared is the type that the manifest declares for a column of text; the
// zero type for none.
func (t *observedTypes) declared(f table.Field) table.Type {
	if seen := t.of[f.Name]; seen != nil && !seen.typed {
		return f.Type
	}
	return table.Type{}
}

// typeOf returns the type of a column. Text whose values fit the declared type
// has that.
func (t *observedTypes) typeOf(f table.Field, declared table.Type) columnType {
	seen := t.of[f.Name]
	switch {
	case seen == nil:
		return columnType{text: true}
	case seen.typed:
		return columnType{name: seen.name}
	}
	out := columnType{name: seen.text(), text: true}
	if want := family(declared.String()); declared.Kind != table.Untyped && out.name != "" {
		if have := family(out.name); have == want || widens(have, want) || want == "string" {
			out.name = declared.String()
		}
	}
	return out
}

func (t *observedTypes) Observe(b *table.Batch) {
	for i := range b.Columns {
		c := &b.Columns[i]
		if seen := t.of[c.Name]; seen != nil && !seen.typed && c.Type.Kind == table.Untyped {
			seen.observe(c, b.Rows)
		}
	}
}

func (t *observedTypes) Merge(later RowCheck) {
	for name, o := range later.(*observedTypes).of {
		seen := t.of[name]
		seen.values = seen.values || o.values
		seen.not |= o.not
	}
}

// typeSeen is what is known of the type of one column.
type typeSeen struct {
	name   string // of the file, or of a profile
	typed  bool   // by the file
	values bool   // there are any
	not    textTypes
}

// textTypes are the types that a text can be read as.
type textTypes uint8

const (
	readsInt textTypes = 1 << iota
	readsUint
	readsNumber
	readsBool
	readsDate
	readsTime
	readsAll = 1<<iota - 1
)

// observe looks at the values of a column of text, until they are of no type.
func (t *typeSeen) observe(c *table.Column, rows int) {
	for i := range rows {
		if t.values && t.not == readsAll {
			return
		}
		if c.Null(i) {
			continue
		}
		t.values = true
		text := c.Bytes(i)
		lacks := func(x textTypes, parse func([]byte) bool) {
			if t.not&x == 0 && !parse(text) {
				t.not |= x
			}
		}
		lacks(readsInt, func(b []byte) bool { _, ok := table.ParseInt(b); return ok })
		lacks(readsUint, func(b []byte) bool { _, ok := table.ParseUint(b); return ok })
		lacks(readsNumber, func(b []byte) bool { _, ok := table.ParseNumber(b); return ok })
		lacks(readsBool, func(b []byte) bool { _, ok := table.ParseBool(b); return ok })
		lacks(readsDate, func(b []byte) bool { _, ok := table.ParseDate(b); return ok })
		lacks(readsTime, func(b []byte) bool { _, ok := table.ParseTime(b); return ok })
	}
}

// text is the narrowest type of all values, named as profiles name it; "" when
// there are none.
func (t *typeSeen) text() string {
	switch {
	case t.name != "" || !t.values:
		return t.name
	case t.not&readsInt == 0:
		return "int64"
	case t.not&readsUint == 0:
		return "uint64"
	case t.not&readsNumber == 0:
		return "float64"
	case t.not&readsBool == 0:
		return "bool"
	case t.not&readsDate == 0:
		return "date"
	case t.not&readsTime == 0:
		return "timestamp"
	}
	return "string"
}
