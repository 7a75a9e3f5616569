package datacheck

import (
	"math"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

var numberFinite = Rule{
	ID:     "number.finite",
	Doc:    "Every value of the column is a finite number, neither NaN nor infinite; nulls are not looked at.",
	Params: struct{ OneColumn }{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p struct{ OneColumn }
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		column := spec.Columns[0]
		if t := schema[schema.Index(column)].Type; !t.Kind.Numeric() && t.Kind != table.Untyped {
			return wrongType(plan, column, t, "numbers"), nil
		}
		plan.Needs.Add(column, 0)
		plan.Rows = func() RowCheck { return &valueCount{column: column, fails: notFinite, each: eachNotFinite} }
		plan.Judge = func(f Facts) []report.Finding {
			v := f.Check.(*valueCount)
			return []report.Finding{tally{
				column: column, checked: v.checked, failed: v.failed, examples: v.examples, noun: "value",
				problem: isAre(v.failed, "is no finite number", "are no finite numbers"), holds: "all values are finite numbers", expected: "finite numbers",
			}.finding(spec, f)}
		}
		return plan, nil
	},
}

func eachNotFinite(c *table.Column, n int, bad func(i int)) bool {
	switch {
	case c.Floats != nil:
		for i, v := range c.Floats[:n] {
			if v-v != 0 { // NaN for NaN and infinities
				bad(i)
			}
		}
		return true
	case c.Ints != nil && c.Type.Kind.Numeric():
		return true
	}
	return false
}

func notFinite(c *table.Column, i int) bool {
	v, ok := c.Float(i)
	return !ok || math.IsNaN(v) || math.IsInf(v, 0)
}
