package datacheck

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type columnValuesParams struct {
	OneColumn
	Values []any `param:"values,required" doc:"The values allowed: texts, numbers, true and false."`
}

var columnValues = Rule{
	ID:     "column.values",
	Doc:    "Every value of the column is one of a list; nulls are not looked at. The same as values: in columns:.",
	Params: columnValuesParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p columnValuesParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		column, allowed := spec.Columns[0], newValueSet(p.Values)
		plan.Needs.Add(column, 0)
		plan.Rows = func() RowCheck {
			return &valueCount{column: column, fails: func(c *table.Column, i int) bool { return !allowed.has(c, i) }, each: allowed.eachOther}
		}
		plan.Judge = func(f Facts) []report.Finding {
			v := f.Check.(*valueCount)
			out := tally{
				column: column, checked: v.checked, failed: v.failed, examples: v.examples, noun: "value",
				problem: isAre(v.failed, "is not one of those allowed", "are not among those allowed"),
				holds:   "all values are among those allowed", expected: "one of " + allowed.text,
				hint: "add the new value to the list if it is meant to be there",
			}.finding(spec, f)
			return []report.Finding{out}
		}
		return plan, nil
	},
}

// valueSet is a list of values to look up cells in. Numbers are compared as
// numbers (1 and 1.0 are one), everything else as text.
type valueSet struct {
	numbers map[float64]bool
	texts   map[string]bool
	bools   map[bool]bool
	text    string // the list, for people
}

func newValueSet(values []any) *valueSet {
	s := &valueSet{numbers: map[float64]bool{}, texts: map[string]bool{}, bools: map[bool]bool{}}
	var shown []string
	for _, v := range values {
		switch v := v.(type) {
		case string:
			s.texts[v] = true
			shown = append(shown, strconv.Quote(v))
			continue
		case bool:
			s.bools[v] = true
		case float64:
			s.numbers[v] = true
		case int64:
			if float64(v) < 1<<53 && float64(v) > -(1<<53) {
				s.numbers[float64(v)] = true
			} else {
				s.texts[strconv.FormatInt(v, 10)] = true
			}
		}
		shown = append(shown, fmt.Sprint(v))
	}
	s.text = strings.Join(shown[:min(len(shown), 10)], ", ")
	if len(shown) > 10 {
		s.text += fmt.Sprintf(" and %d more", len(shown)-10)
	}
	return s
}

func (s *valueSet) has(c *table.Column, i int) bool {
	if len(s.numbers) > 0 {
		if v, ok := c.Float(i); ok && math.Abs(v) < 1<<53 && s.numbers[v] {
			return true
		}
	}
	if len(s.bools) > 0 {
		if v, ok := boolOf(c, i).(bool); ok && s.bools[v] {
			return true
		}
	}
	return len(s.texts) > 0 && s.texts[c.Text(i)]
}

// eachOther calls other for the rows of a column of truth values that the set
// does not have; see valueCount.
func (s *valueSet) eachOther(c *table.Column, n int, other func(i int)) bool {
	if c.Bools == nil || n == 0 {
		return false
	}
	var has [2]bool
	for i, v := range []bool{false, true} {
		one := table.Column{Type: c.Type, Bools: []bool{v}}
		has[i] = s.has(&one, 0)
	}
	if has[0] && has[1] {
		return true
	}
	for i, v := range c.Bools[:n] {
		if v && !has[1] || !v && !has[0] {
			other(i)
		}
	}
	return true
}
