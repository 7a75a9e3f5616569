package datacheck

import (
	"fmt"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type columnDistinctParams struct {
	OneColumn
	Min *int64 `param:"min" doc:"Fewest different values allowed."`
	Max *int64 `param:"max" doc:"Most different values allowed."`
}

var columnDistinct = Rule{
	ID:     "column.distinct",
	Doc:    "The number of different values of the column, counted exactly, lies between min and max; nulls are not counted.",
	Params: columnDistinctParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p columnDistinctParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly"); err != nil {
			return plan, err
		}
		if err := checkBounds(spec, p.Min, p.Max); err != nil {
			return plan, err
		}
		column := spec.Columns[0]
		// Few values are counted in memory. For bounds past what that counts,
		// the values that repeat are found by sorting, which may go to disk.
		want := profile.Distinct
		if p.Min != nil && *p.Min > profile.MaxDistinct || p.Max != nil && *p.Max > profile.MaxDistinct {
			want = profile.Unique
		}
		plan.Needs.Add(column, want)
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{p.judge(column, want, f)} }
		return plan, nil
	},
}

func (p columnDistinctParams) judge(column string, want profile.Want, f Facts) report.Finding {
	c := f.Profile.Columns[column]
	if c == nil || c.Rows == c.Nulls {
		return tally{column: column, noun: "value", expected: p.String()}.finding(manifest.CheckSpec{}, f)
	}
	n, more := c.Distinct, ""
	if want == profile.Unique {
		n = c.Rows - c.Nulls - c.Duplicates
	} else if n > profile.MaxDistinct {
		n, more = profile.MaxDistinct, "more than "
	}
	out := report.Finding{
		Verdict: report.Pass, Subject: column, Expected: p.String(), Observed: more + count(n, "different value"),
		Details: map[string]any{"distinct": n, "rows": c.Rows - c.Nulls},
	}
	few := p.Min != nil && n < *p.Min
	many := p.Max != nil && (n > *p.Max || more != "")
	if few || many {
		out.Verdict = report.Fail
	}
	if more != "" {
		out.Details["more"] = true
	}
	out.Message = fmt.Sprintf("%s: there %s %s in %s, expected %s", column, isAre(n, "is", "are"), out.Observed, count(c.Rows-c.Nulls, "value"), out.Expected)
	return out
}

func (p columnDistinctParams) String() string {
	switch {
	case p.Max == nil:
		return "at least " + report.Thousands(*p.Min)
	case p.Min == nil:
		return "at most " + report.Thousands(*p.Max)
	}
	if *p.Min == *p.Max {
		return "exactly " + report.Thousands(*p.Min)
	}
	return report.Thousands(*p.Min) + " to " + report.Thousands(*p.Max)
}
