package datacheck

import (
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/pii"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type textPIIParams struct {
	Kinds []string `param:"kinds" doc:"What is looked for: email, phone, credit-card, iban, ip, key. Default: all of them."`
	Max   *int64   `param:"max" doc:"How many rows may have any of it. Default: 0."`
}

var textPII = Rule{
	ID:     "text.pii",
	Doc:    "No row has personal data or secrets in its texts: e-mail addresses, phone numbers, payment cards, bank accounts, IP addresses, keys. What is found is never shown, only where. Without columns: all columns of text are looked at.",
	Params: textPIIParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p textPIIParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		kinds, err := p.kinds(spec)
		if err != nil {
			return plan, err
		}
		columns := spec.Columns
		for _, name := range columns {
			if t := schema[schema.Index(name)].Type; !holdsText(t.Kind) {
				return wrongType(plan, name, t, "text"), nil
			}
		}
		plan.Subject = strings.Join(columns, ", ")
		if len(columns) == 0 {
			plan.Subject = "all columns of text"
			for _, f := range schema {
				if holdsText(f.Type.Kind) {
					columns = append(columns, f.Name)
				}
			}
		}
		for _, name := range columns {
			plan.Needs.Add(name, 0)
		}
		finder := pii.New(kinds)
		plan.Rows = func() RowCheck { return newPIICheck(finder, columns) }
		subject := plan.Subject
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{p.judge(spec, subject, kinds, f)} }
		return plan, nil
	},
}

// holdsText tells whether values of a kind are texts or JSON, which has texts
// in it.
func holdsText(k table.Kind) bool { return isText(k) || k == table.List || k == table.Struct }

func (p textPIIParams) kinds(spec manifest.CheckSpec) (pii.Kinds, error) {
	if len(p.Kinds) == 0 {
		return pii.All, nil
	}
	var out pii.Kinds
	for _, name := range p.Kinds {
		k, ok := pii.Parse(name)
		if !ok {
			return 0, mistake(spec, fmt.Sprintf("text.pii: %q is no kind of personal data", shownText(name)), "the kinds are "+strings.Join(pii.Names(), ", "))
		}
		out |= k
	}
	return out, nil
}

func (p textPIIParams) judge(spec manifest.CheckSpec, subject string, kinds pii.Kinds, f Facts) report.Finding {
	v := f.Check.(*piiCheck)
	t := tally{
		column: subject, checked: v.checked, failed: v.failed, noun: "row", nulls: true,
		holds: "nothing of " + kinds.String() + " was found", expected: "no " + kinds.String(),
		hint: "remove or replace it before the data is published",
	}
	for _, e := range v.examples {
		t.examples = append(t.examples, profile.Example{Place: e.Place})
	}
	rows, perKind := map[string]any{}, []string{}
	for _, k := range kinds.List() {
		if n := v.rows[k]; n > 0 {
			rows[k.String()] = n
			perKind = append(perKind, fmt.Sprintf("%s in %s", k, report.Thousands(n)))
		}
	}
	if v.failed == 0 {
		t.observed = "nothing found"
	}
	t.problem = isAre(v.failed, "has", "have") + " personal data or secrets: " + strings.Join(perKind, ", ")
	if p.Max != nil && *p.Max > 0 {
		t.expected = "at most " + count(*p.Max, "row") + " with " + kinds.String()
	}
	out := t.finding(spec, f)
	if out.Verdict == report.Fail && p.Max != nil && v.failed <= *p.Max {
		out.Verdict, out.Hint = report.Pass, ""
		out.Message = fmt.Sprintf("%s; at most %s may", out.Message, count(*p.Max, "row"))
	}
	if v.failed > 0 {
		out.Details["kinds"] = rows
		p.describe(out.Details["examples"].([]any), v.examples, f)
	}
	return out
}

// describe adds to examples in which column something was found and of what
// kind, and, where samples are shown at all, what it begins with.
func (p textPIIParams) describe(examples []any, found profile.Examples, f Facts) {
	for i, e := range found {
		column, rest, _ := strings.Cut(e.Value, "\x00")
		kind, masked, _ := strings.Cut(rest, "\x00")
		row := examples[i].(map[string]any)
		row["column"], row["kind"] = escape(column), kind
		if _, ok := f.sample(""); ok {
			row["value"] = escape(masked)
		}
	}
}

// piiCheck counts rows with personal data, by kind.
type piiCheck struct {
	finder  *pii.Finder
	columns []string
	matches []pii.Match

	checked  int64 // rows with a value in one of the columns
	failed   int64
	rows     map[pii.Kinds]int64
	examples profile.Examples // with column, kind and masked form; never the value

	dicts []piiDict // by column
}

// piiDict is what was found in the values of a dictionary.
type piiDict struct {
	dict  *table.Column
	found []pii.Kinds // by code
	known []bool
}

func newPIICheck(finder *pii.Finder, columns []string) *piiCheck {
	return &piiCheck{finder: finder, columns: columns, rows: map[pii.Kinds]int64{}, dicts: make([]piiDict, len(columns))}
}

func (v *piiCheck) Observe(b *table.Batch) {
	seen, found := make([]bool, b.Rows), make([]pii.Kinds, b.Rows)
	for k, name := range v.columns {
		c := b.Column(name)
		if c == nil {
			continue
		}
		if stored, _ := c.At(0); b.Rows == 0 || stored.Offsets == nil {
			continue // numbers, in another split
		}
		for i := range b.Rows {
			if c.Null(i) {
				continue
			}
			seen[i] = true
			if kinds := v.find(k, c, i); kinds != 0 {
				if found[i] == 0 {
					v.keep(b, name, c, i)
				}
				found[i] |= kinds
			}
		}
	}
	for i := range b.Rows {
		if seen[i] {
			v.checked++
		}
		if found[i] != 0 {
			v.failed++
			for _, k := range found[i].List() {
				v.rows[k]++
			}
		}
	}
}

// find returns what row i of a column has. Each value of a dictionary is
// looked at once.
func (v *piiCheck) find(column int, c *table.Column, i int) pii.Kinds {
	if c.Dict == nil {
		return v.scan(c.Bytes(i))
	}
	d := &v.dicts[column]
	if d.dict != c.Dict {
		*d = piiDict{dict: c.Dict}
	}
	code := int(c.Codes[i])
	if grow := code + 1 - len(d.found); grow > 0 {
		d.found = append(d.found, make([]pii.Kinds, grow)...)
		d.known = append(d.known, make([]bool, grow)...)
	}
	if !d.known[code] {
		d.found[code], d.known[code] = v.scan(c.Bytes(i)), true
	}
	return d.found[code]
}

func (v *piiCheck) scan(text []byte) (kinds pii.Kinds) {
	v.matches = v.finder.Find(v.matches[:0], text)
	for _, m := range v.matches {
		kinds |= m.Kind
	}
	return kinds
}

// keep notes where row i stands if it is among the first. Of several columns
// the first one counts.
func (v *piiCheck) keep(b *table.Batch, name string, c *table.Column, i int) {
	at := profile.Place{File: b.File, Row: b.Row(i)}
	if n := len(v.examples); n == profile.MaxPlaces && at.Compare(v.examples[n-1].Place) > 0 {
		return
	}
	text := c.Bytes(i)
	m := v.finder.Find(nil, text)[0]
	v.examples.Merge(profile.Examples{{Place: at, Value: name + "\x00" + m.Kind.String() + "\x00" + pii.Mask(m.Kind, text[m.Start:m.End])}})
}

func (v *piiCheck) Merge(later RowCheck) {
	o := later.(*piiCheck)
	v.checked += o.checked
	v.failed += o.failed
	v.examples.Merge(o.examples)
	for k, n := range o.rows {
		v.rows[k] += n
	}
}
