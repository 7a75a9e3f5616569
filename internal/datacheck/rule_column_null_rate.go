package datacheck

import (
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type columnNullRateParams struct {
	OneColumn
	Max *float64 `param:"max,required" doc:"Largest share of the rows that may be null: 0.05 is 5 %."`
}

var columnNullRate = Rule{
	ID:     "column.null-rate",
	Doc:    "At most a given share of the rows lacks a value in the column.",
	Params: columnNullRateParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p columnNullRateParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly"); err != nil {
			return plan, err
		}
		if err := checkShare(spec, "max", p.Max); err != nil {
			return plan, err
		}
		column := spec.Columns[0]
		plan.Needs.Add(column, 0)
		plan.Rows = func() RowCheck { return &valueCount{column: column} }
		plan.Judge = func(f Facts) []report.Finding {
			v := f.Check.(*valueCount)
			return []report.Finding{tally{
				column: column, checked: v.checked, failed: v.failed, examples: v.examples, noun: "row", nulls: true, most: p.Max,
				problem: isAre(v.failed, "is null", "are null"), holds: "no row is null", expected: "at most " + percent(*p.Max) + " nulls",
			}.finding(spec, f)}
		}
		return plan, nil
	},
}
