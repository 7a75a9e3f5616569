package datacheck

import (
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

var columnConstant = Rule{
	ID:     "column.constant",
	Doc:    "All rows have the same value in the column, or as many as mostly: says; nulls are not looked at. That a column is not constant is column.distinct with min: 2.",
	Params: struct{ OneColumn }{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p struct{ OneColumn }
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		column := spec.Columns[0]
		plan.Needs.Add(column, profile.Distinct)
		plan.Rows = func() RowCheck { return &firstValues{column: column} }
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{judgeConstant(spec, column, f)} }
		return plan, nil
	},
}

func judgeConstant(spec manifest.CheckSpec, column string, f Facts) report.Finding {
	t := tally{
		column: column, noun: "value", holds: "all values are the same", expected: "one value",
	}
	c := f.Profile.Columns[column]
	if c == nil || c.Rows == c.Nulls {
		return t.finding(spec, f)
	}
	if c.Distinct > profile.MaxDistinct {
		more := "more than " + count(profile.MaxDistinct, "different value")
		out := report.Finding{Verdict: report.Fail, Subject: column, Expected: t.expected, Observed: more}
		out.Message = fmt.Sprintf("%s: there are %s", column, more)
		if spec.Mostly != nil {
			out.Verdict = report.Inconclusive
			out.Message += ", and how often each one occurs is not counted"
		}
		return out
	}
	t.checked = c.Rows - c.Nulls
	t.failed = t.checked - c.Top[0].Rows
	t.problem = isAre(t.failed, "is", "are") + " not the most frequent one"
	if t.failed > 0 {
		t.observed = count(c.Distinct, "different value")
	}
	for _, e := range f.Check.(*firstValues).first {
		// Rows that show other values; long ones are kept by their hash.
		if e.Value != c.Top[0].Value && len(e.Value) < profile.MaxExample {
			t.examples = append(t.examples, e)
		}
	}
	t.examples = t.examples[:min(len(t.examples), profile.MaxPlaces)]
	return t.finding(spec, f)
}

// firstValues keeps the first few different values, each with the row where it
// occurs first.
type firstValues struct {
	column string
	first  profile.Examples
	text   []byte
}

// maxFirst leaves profile.MaxPlaces of them beside the most frequent value.
const maxFirst = profile.MaxPlaces + 1

func (v *firstValues) Observe(b *table.Batch) {
	c := b.Column(v.column)
	if c == nil {
		return
	}
	for i := 0; i < b.Rows && len(v.first) < maxFirst; i++ {
		if c.Null(i) {
			continue
		}
		v.text = c.AppendText(v.text[:0], i)
		v.add(v.text, profile.Place{File: b.File, Row: b.Row(i)})
	}
}

func (v *firstValues) add(text []byte, at profile.Place) {
	text = text[:min(len(text), profile.MaxExample)]
	known := func(e profile.Example) bool { return e.Value == string(text) }
	if len(v.first) < maxFirst && !slices.ContainsFunc(v.first, known) {
		v.first = append(v.first, profile.Example{Place: at, Value: string(text)})
	}
}

func (v *firstValues) Merge(later RowCheck) {
	for _, e := range later.(*firstValues).first {
		v.add([]byte(e.Value), e.Place)
	}
}
