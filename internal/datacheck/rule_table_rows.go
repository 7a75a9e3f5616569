package datacheck

import (
	"fmt"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type tableRowsParams struct {
	Min *int64 `param:"min" doc:"Fewest rows allowed."`
	Max *int64 `param:"max" doc:"Most rows allowed."`
}

var tableRows = Rule{
	ID:     "table.rows",
	Doc:    "The number of rows, of all splits together unless split: names some, lies between min and max.",
	Params: tableRowsParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p tableRowsParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly", "column"); err != nil {
			return plan, err
		}
		switch {
		case p.Min == nil && p.Max == nil:
			return plan, mistake(spec, "table.rows needs min or max", "")
		case p.Min != nil && p.Max != nil && *p.Min > *p.Max:
			return plan, mistake(spec, fmt.Sprintf("table.rows: min %d is greater than max %d", *p.Min, *p.Max), "")
		}
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{judgeRows(p, f.Rows)} }
		return plan, nil
	},
}

// rowsThere is "is 1 row" or "are 2 rows".
func rowsThere(n int64) string { return isAre(n, "is ", "are ") + count(n, "row") }

func judgeRows(p tableRowsParams, rows int64) report.Finding {
	out := report.Finding{Verdict: report.Pass, Observed: report.Thousands(rows), Details: map[string]any{"rows": rows}}
	switch {
	case p.Max == nil:
		out.Expected = "at least " + count(*p.Min, "row")
	case p.Min == nil:
		out.Expected = "at most " + count(*p.Max, "row")
	default:
		out.Expected = report.Thousands(*p.Min) + " to " + count(*p.Max, "row")
	}
	if p.Min != nil && rows < *p.Min || p.Max != nil && rows > *p.Max {
		out.Verdict = report.Fail
	}
	out.Message = fmt.Sprintf("there %s, expected %s", rowsThere(rows), out.Expected)
	return out
}
