package datacheck

import (
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

var columnUnique = Rule{
	ID:     "column.unique",
	Doc:    "No value of the column occurs in two rows; nulls are not compared. The same as unique: true in columns:.",
	Params: struct{ OneColumn }{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p struct{ OneColumn }
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		column := spec.Columns[0]
		plan.Needs.Add(column, profile.Unique)
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{judgeUnique(spec, column, f)} }
		return plan, nil
	},
}

func judgeUnique(spec manifest.CheckSpec, column string, f Facts) report.Finding {
	t := tally{
		column: column, noun: "value", holds: "all values are different", expected: "all values different",
		hint: "rows that were loaded twice, or a key that needs another column?",
	}
	c := f.Profile.Columns[column]
	if c == nil {
		return t.finding(spec, f)
	}
	t.checked, t.failed = c.Rows-c.Nulls, c.Duplicates
	t.problem = isAre(t.failed, "occurred in a row before", "occurred in rows before")
	t.examples = repeats(c.DuplicateOf)
	return withFirst(t.finding(spec, f), c.DuplicateOf, f)
}
