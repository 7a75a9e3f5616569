package datacheck

import (
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

var columnNotNull = Rule{
	ID:     "column.not-null",
	Doc:    "No row lacks a value in the column. The same as nullable: false in columns:.",
	Params: struct{ OneColumn }{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p struct{ OneColumn }
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		column := spec.Columns[0]
		plan.Needs.Add(column, 0)
		plan.Rows = func() RowCheck { return &valueCount{column: column} }
		plan.Judge = func(f Facts) []report.Finding {
			v := f.Check.(*valueCount)
			return []report.Finding{tally{
				column: column, checked: v.checked, failed: v.failed, examples: v.examples, noun: "row", nulls: true,
				problem: isAre(v.failed, "is null", "are null"), holds: "no row is null", expected: "no nulls",
			}.finding(spec, f)}
		}
		return plan, nil
	},
}
