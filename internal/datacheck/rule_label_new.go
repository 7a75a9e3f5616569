package datacheck

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
)

type labelNewParams struct {
	OneColumn
	Against      *Against `param:"against" doc:"Other data to compare with: a reference to a version of this dataset (#production) or of another, or {model: REFERENCE, dataset: ROLE} for what a model was made with. Without it, between: names two splits."`
	Vanished     string   `param:"vanished" enum:"allow,fail" doc:"Whether values may be gone that the other data has. Default: allow."`
	FirstRelease string   `param:"firstRelease" enum:"allow" doc:"allow passes while there is nothing to compare with yet."`
}

// maxLabels is how many different values are compared.
const maxLabels = 10_000

var labelNew = Rule{
	ID:     "label.new",
	Doc:    "The column has no value that other data lacks: an earlier version, or the first of two splits; nulls are not looked at. Values are compared as text.",
	Params: labelNewParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p labelNewParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "groupBy"); err != nil {
			return plan, err
		}
		column := spec.Columns[0]
		var sides []int8
		if p.Against == nil {
			if sides, err = sidesOf(spec); err != nil {
				return plan, mistake(spec, "label.new compares with other data or between two splits", "give against:, or between: [train, test]")
			}
		}
		plan.Needs.Add(column, 0)
		plan.Rows = func() RowCheck { return newLabelSides(column, sides) }
		plan.Judge = func(f Facts) []report.Finding {
			both := f.Check.(*labelSides)
			if p.Against == nil {
				return []report.Finding{p.judge(spec, f, both.of[1], both.of[0], escape(spec.Splits[0]))}
			}
			return []report.Finding{p.judge(spec, f, both.of[1], f.Baseline.Check.(*labelSides).of[1], f.Baseline.Name)}
		}
		if p.Against == nil {
			return plan, nil
		}
		plan.Compare = &Comparison{
			With: *p.Against, FirstRelease: p.FirstRelease,
			Bind: func(other table.Schema) (Plan, error) {
				theirs := Plan{Filter: plan.Filter, Rows: plan.Rows}
				if other.Index(column) < 0 {
					return theirs, fmt.Errorf("it has no column %s", escape(column))
				}
				theirs.Needs.Add(column, 0)
				return theirs, nil
			},
			Profiled: func(d *profile.Document, _ Facts) (Facts, bool) {
				side, ok := labelsOf(d, column)
				return Facts{Rows: d.Rows, Check: side}, ok
			},
		}
		return plan, nil
	},
}

// labelsOf are the values of a profile, if it has them all.
func labelsOf(d *profile.Document, column string) (*labelSides, bool) {
	side := newLabelSides(column, nil)
	i := slices.IndexFunc(d.Columns, func(c profile.DocumentColumn) bool { return c.Name == column })
	if i < 0 || len(d.Shards) > 0 {
		return nil, false
	}
	values, _, ok := d.Columns[i].Values(d.Rows)
	if !ok {
		return nil, false
	}
	for _, v := range values {
		side.of[1].add([]byte(v.Value), v.Rows, nil)
	}
	return side, true
}

func (p labelNewParams) judge(spec manifest.CheckSpec, f Facts, ours, theirs *labels, there string) report.Finding {
	column := ours.column
	t := tally{
		column: column, checked: ours.total, noun: "value", holds: "every value is in " + there + " too", expected: "values that " + there + " has",
		hint: "a model that was trained without a value cannot know it",
	}
	undecided := func(observed, message string) report.Finding {
		return report.Finding{Verdict: report.Inconclusive, Subject: column, Expected: t.expected, Observed: observed, Message: column + ": " + message}
	}
	switch {
	case ours.total == 0:
		return t.finding(spec, f)
	case theirs.total == 0:
		return undecided("no values to compare with", fmt.Sprintf("there are no values in %s to compare with", there))
	case ours.values == nil || theirs.values == nil:
		return undecided("more values", fmt.Sprintf("there are more than %s, too many to compare", count(maxLabels, "different value")))
	}
	added, gone := ours.lacking(theirs), theirs.lacking(ours)
	for _, v := range added {
		t.failed += v.rows
		t.examples.Merge(v.first)
	}
	t.problem = fmt.Sprintf("%s not in %s (%s%s)", isAre(t.failed, "is", "are"), there, count(int64(len(added)), "new value"), f.valueList(added))
	out := t.finding(spec, f)
	out.Details["new"], out.Details["vanished"] = len(added), len(gone)
	f.addValues(out.Details, "newValues", added)
	f.addValues(out.Details, "vanishedValues", gone)
	missing := fmt.Sprintf("%s of %s %s gone", count(int64(len(gone)), "value"), there, isAre(int64(len(gone)), "is", "are"))
	if len(gone) > 0 {
		out.Message += fmt.Sprintf("; %s%s", missing, f.valueList(gone))
	}
	if p.Vanished == "fail" {
		if out.Expected += ", and all of them"; len(gone) > 0 && out.Verdict == report.Pass {
			out.Verdict, out.Hint = report.Fail, ""
			out.Observed = missing
		}
	}
	return out
}

// valueList is the most frequent of some values, as far as they may be shown:
// ": a, b and 3 more", or "".
func (f *Facts) valueList(values []label) string {
	var shown []string
	for _, v := range values[:min(len(values), 10)] {
		if s, ok := f.sample(v.text); ok {
			shown = append(shown, s)
		}
	}
	if len(shown) == 0 {
		return ""
	}
	text := ": " + strings.Join(shown, ", ")
	if n := len(values) - len(shown); n > 0 {
		text += fmt.Sprintf(" and %s more", report.Thousands(int64(n)))
	}
	return text
}

// addValues adds values to details, as far as they may be shown.
func (f *Facts) addValues(details map[string]any, key string, values []label) {
	var out []any
	for _, v := range values[:min(len(values), 100)] {
		if s, ok := f.sample(v.text); ok {
			out = append(out, map[string]any{"value": s, "rows": v.rows})
		}
	}
	if len(out) > 0 {
		details[key] = out
	}
}

// labelSides is the values of a column: those of side 1 of two splits, and
// those of side 2 or, without sides, of all rows.
type labelSides struct {
	sides []int8
	of    [2]*labels
}

func newLabelSides(column string, sides []int8) *labelSides {
	l := &labelSides{sides: sides}
	for i := range l.of {
		l.of[i] = &labels{column: column, values: map[string]*label{}}
	}
	return l
}

func (l *labelSides) Observe(b *table.Batch) {
	side := int8(2)
	if l.sides != nil {
		side = sideOf(l.sides, b.File)
	}
	if side > 0 {
		l.of[side-1].observe(b)
	}
}

func (l *labelSides) Merge(later RowCheck) {
	for i, o := range later.(*labelSides).of {
		l.of[i].merge(o)
	}
}

// labels counts the rows of each value of a column.
type labels struct {
	column string
	total  int64
	values map[string]*label // nil when there are more than maxLabels
	text   []byte

	dict  *table.Column
	codes []*label // by code of dict; nil is not known yet
}

// label is one value, as profiles keep it.
type label struct {
	text  string
	rows  int64
	first profile.Examples
}

func (l *labels) observe(b *table.Batch) {
	c := b.Column(l.column)
	if c == nil {
		return
	}
	l.total += int64(b.Rows - c.NullCount())
	if c.Dict != nil && l.dict != c.Dict {
		l.dict, l.codes = c.Dict, make([]*label, values(c.Dict))
	}
	for i := range b.Rows {
		if l.values == nil {
			return
		}
		if c.Null(i) {
			continue
		}
		if c.Dict != nil {
			if v := l.codes[c.Codes[i]]; v != nil {
				v.rows++
				l.keep(v, b, c, i)
				continue
			}
		}
		l.text = c.AppendText(l.text[:0], i)
		v := l.value(profile.Shortened(l.text))
		if v == nil {
			return
		}
		v.rows++
		l.keep(v, b, c, i)
		if c.Dict != nil {
			l.codes[c.Codes[i]] = v
		}
	}
}

// keep remembers the first rows of a value.
func (l *labels) keep(v *label, b *table.Batch, c *table.Column, i int) {
	if len(v.first) < profile.MaxPlaces {
		v.first.Add(b, c, i)
	}
}

// value returns what is known of a value, nil when there are too many:
// whether that happens depends only on which values there are.
func (l *labels) value(text []byte) *label {
	v := l.values[string(text)]
	if v == nil && l.values != nil {
		if len(l.values) == maxLabels {
			l.values = nil
			return nil
		}
		v = &label{text: string(text)}
		l.values[v.text] = v
	}
	return v
}

func (l *labels) add(text []byte, rows int64, first profile.Examples) {
	l.total += rows
	if v := l.value(text); v != nil {
		v.rows += rows
		v.first.Merge(first)
	}
}

func (l *labels) merge(later *labels) {
	if later.values == nil {
		l.values = nil
		l.total += later.total
		return
	}
	for _, v := range later.values {
		l.add([]byte(v.text), v.rows, v.first)
	}
}

// lacking returns the values that other does not have, the most frequent first.
func (l *labels) lacking(other *labels) []label {
	var out []label
	for text := range maps.Keys(l.values) {
		if other.values[text] == nil {
			out = append(out, *l.values[text])
		}
	}
	sorting.By(out, func(a, b label) int { return cmp.Or(cmp.Compare(b.rows, a.rows), cmp.Compare(a.text, b.text)) })
	return out
}
