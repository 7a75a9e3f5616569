package datacheck

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
)

type columnTypesParams struct {
	OneColumn
	Min *float64 `param:"min" doc:"A share of strays up to this one is fine. Default: 0."`
	Max *float64 `param:"max" doc:"From this share on the kinds are taken to be mixed on purpose. Default: 0.1."`
}

var columnTypes = Rule{
	ID:     "column.types",
	Doc:    "The values of the column are of one kind: numbers, dates and times, true and false, lists, objects or other text. A few strays of other kinds fail, more than min and less than max of the values; nulls are not looked at.",
	Params: columnTypesParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p columnTypesParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly"); err != nil {
			return plan, err
		}
		if err := checkShare(spec, "min", p.Min); err != nil {
			return plan, err
		}
		if err := checkShare(spec, "max", p.Max); err != nil {
			return plan, err
		}
		// The range of Deepchecks' MixedDataTypes begins at 1 %: a single stray
		// would pass it.
		low, high := 0.0, 0.1
		if p.Min != nil {
			low = *p.Min
		}
		if p.Max != nil {
			high = *p.Max
		}
		if low >= high {
			return plan, mistake(spec, fmt.Sprintf("column.types: min %s is not smaller than max %s", number(low), number(high)), "")
		}
		column := spec.Columns[0]
		plan.Needs.Add(column, 0)
		plan.Rows = func() RowCheck { return &formCounts{column: column} }
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{judgeTypes(spec, column, low, high, f)} }
		return plan, nil
	},
}

func judgeTypes(spec manifest.CheckSpec, column string, low, high float64, f Facts) report.Finding {
	v := f.Check.(*formCounts)
	t := tally{column: column, noun: "value", expected: fmt.Sprintf("values of one kind; others at most %s or at least %s", percent(low), percent(high))}
	if low == 0 {
		t.expected = fmt.Sprintf("values of one kind, or others at least %s", percent(high))
	}
	most := valueForm(0)
	for form, x := range v.forms {
		t.checked += x.rows
		if x.rows > v.forms[most].rows {
			most = valueForm(form)
		}
	}
	if t.checked == 0 {
		return t.finding(spec, f)
	}
	var parts []valueForm
	counts := map[string]any{}
	for form, x := range v.forms {
		if x.rows > 0 {
			parts = append(parts, valueForm(form))
			counts[valueForm(form).String()] = x.rows
		}
		if valueForm(form) != most {
			t.failed += x.rows
			t.examples.Merge(x.examples)
		}
	}
	sorting.Stable(parts, func(a, b valueForm) int { return cmp.Compare(v.forms[b].rows, v.forms[a].rows) })
	var strays []string
	for _, form := range parts[1:] {
		strays = append(strays, fmt.Sprintf("%s %s", form, report.Thousands(v.forms[form].rows)))
	}
	t.holds = fmt.Sprintf("all values are %s", most)
	t.problem = fmt.Sprintf("%s of another kind than most, which are %s: %s", isAre(t.failed, "is", "are"), most, strings.Join(strays, ", "))
	t.hint = "write them as the others are, or as nulls"
	out := t.finding(spec, f)
	if part := float64(t.failed) / float64(t.checked); out.Verdict == report.Fail && (part <= low || part >= high) {
		out.Verdict, out.Hint = report.Pass, ""
		out.Message += fmt.Sprintf("; only more than %s and less than %s of such values fail", percent(low), percent(high))
	}
	out.Details["kinds"] = counts
	return out
}

// valueForm is what a value reads as.
type valueForm uint8

const (
	formNumber valueForm = iota
	formTime
	formBool
	formText
	formList
	formObject
	formCount
)

func (f valueForm) String() string {
	return [...]string{"numbers", "dates or times", "true or false", "text", "lists", "objects"}[f]
}

// formCounts counts the values of a column by their form, and keeps the first
// rows of each.
type formCounts struct {
	column string
	forms  [formCount]struct {
		rows     int64
		examples profile.Examples
	}
}

func (v *formCounts) Observe(b *table.Batch) {
	c := b.Column(v.column)
	if c == nil {
		return
	}
	for i := range b.Rows {
		if c.Null(i) {
			continue
		}
		x := &v.forms[formOf(c, i)]
		if x.rows++; len(x.examples) < profile.MaxPlaces {
			x.examples.Add(b, c, i) // rows come in order
		}
	}
}

func (v *formCounts) Merge(later RowCheck) {
	for form, x := range later.(*formCounts).forms {
		v.forms[form].rows += x.rows
		v.forms[form].examples.Merge(x.examples)
	}
}

// formOf is the kind that JSON says a value has. Elsewhere a text may be any.
func formOf(c *table.Column, i int) valueForm {
	c, i = c.At(i)
	switch c.Kind(i) {
	case table.Bool:
		return formBool
	case table.Int, table.Uint, table.Float, table.Decimal:
		return formNumber
	case table.Date, table.Time, table.Timestamp:
		return formTime
	case table.List:
		return formList
	case table.Struct:
		return formObject
	}
	text := c.Bytes(i)
	if c.Cells != nil {
		// A string of JSON is one whatever it says, but for times, which JSON
		// has no other way to write.
		if _, ok := table.ParseTime(text); ok {
			return formTime
		}
		return formText
	}
	if _, ok := table.ParseNumber(text); ok {
		return formNumber
	}
	if _, ok := table.ParseTime(text); ok {
		return formTime
	}
	if _, ok := table.ParseBool(text); ok {
		return formBool
	}
	return formText
}
