package datacheck

import (
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

var tableKey = Rule{
	ID:     "table.key",
	Doc:    "The columns named are a key: no two rows have the same values in all of them. Rows with a null in one of them are not compared; column.not-null finds those.",
	Params: struct{}{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p struct{}
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if len(spec.Columns) == 0 {
			return plan, mistake(spec, "table.key needs the columns of the key", "name them with columns:")
		}
		key := profile.Key{Columns: spec.Columns, Nulls: profile.SkipAnyNull}
		plan.Needs.AddKey(key)
		plan.Judge = func(f Facts) []report.Finding {
			t := tally{
				column: strings.Join(spec.Columns, ", "), noun: "row", holds: "every row has a key of its own", expected: "a key that no two rows share",
				hint: "rows that were loaded twice, or a key that needs another column?",
			}
			return []report.Finding{judgeKey(t, "has the key of an earlier row", "have the keys of earlier rows", spec, key, f)}
		}
		return plan, nil
	},
}
