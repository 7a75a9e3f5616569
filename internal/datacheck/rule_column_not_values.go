package datacheck

import (
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type columnNotValuesParams struct {
	OneColumn
	Values []any `param:"values,required" doc:"The values that must not occur: texts, numbers, true and false."`
}

var columnNotValues = Rule{
	ID:     "column.not-values",
	Doc:    "No value of the column is one of a list; nulls are not looked at.",
	Params: columnNotValuesParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p columnNotValuesParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		column, forbidden := spec.Columns[0], newValueSet(p.Values)
		plan.Needs.Add(column, 0)
		plan.Rows = func() RowCheck { return &valueCount{column: column, fails: forbidden.has} }
		plan.Judge = func(f Facts) []report.Finding {
			v := f.Check.(*valueCount)
			return []report.Finding{tally{
				column: column, checked: v.checked, failed: v.failed, examples: v.examples, noun: "value",
				problem: isAre(v.failed, "is", "are") + " among those forbidden", holds: "no value is among those forbidden",
				expected: "none of " + forbidden.text,
			}.finding(spec, f)}
		}
		return plan, nil
	},
}
