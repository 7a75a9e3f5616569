package datacheck

import (
	"fmt"
	"math"
	"strconv"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type tableGrowthParams struct {
	Against      *Against `param:"against,required" doc:"What to compare with: a reference to a version of this dataset (#production) or of another, or {model: REFERENCE, dataset: ROLE} for what a model was made with."`
	Min          *float64 `param:"min" doc:"Smallest change allowed, as a share of the rows there: -0.1 is 10 % fewer."`
	Max          *float64 `param:"max" doc:"Largest change allowed: 0.5 is half as many again."`
	FirstRelease string   `param:"firstRelease" enum:"allow" doc:"allow passes while there is nothing to compare with yet."`
}

var tableGrowth = Rule{
	ID:     "table.growth",
	Doc:    "The number of rows, of all splits together unless split: names some, has changed by no less than min and no more than max since an earlier version, as a share of the rows there.",
	Params: tableGrowthParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p tableGrowthParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly", "column", "groupBy"); err != nil {
			return plan, err
		}
		if err := checkBounds(spec, p.Min, p.Max); err != nil {
			return plan, err
		}
		if p.Max != nil && *p.Max < -1 {
			return plan, mistake(spec, fmt.Sprintf("table.growth: max %s is below -1", number(*p.Max)), "-1 is that no row is left")
		}
		plan.Compare = &Comparison{
			With: *p.Against, FirstRelease: p.FirstRelease,
			Bind: func(table.Schema) (Plan, error) { return Plan{Filter: plan.Filter}, nil },
			Profiled: func(d *profile.Document, _ Facts) (Facts, bool) {
				return Facts{Rows: d.Rows}, len(d.Shards) == 0
			},
		}
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{p.judge(f)} }
		return plan, nil
	},
}

func (p tableGrowthParams) judge(f Facts) report.Finding {
	before := f.Baseline.Rows
	out := report.Finding{Verdict: report.Inconclusive, Expected: p.String(), Observed: "no rows to compare with"}
	if before == 0 {
		out.Message = fmt.Sprintf("there %s, and none in %s to compare with", rowsThere(f.Rows), f.Baseline.Name)
		return out
	}
	change := growth(f.Rows, before)
	out.Verdict, out.Observed = report.Pass, changed(change)
	out.Message = fmt.Sprintf("there %s, %s than the %s of %s", rowsThere(f.Rows), changed(change), report.Thousands(before), f.Baseline.Name)
	if f.Rows == before {
		out.Message = fmt.Sprintf("there %s, as many as in %s", rowsThere(f.Rows), f.Baseline.Name)
	}
	out.Details = map[string]any{"rows": f.Rows, "before": before, "change": shown(change)}
	if p.Min != nil && change < *p.Min || p.Max != nil && change > *p.Max {
		out.Verdict = report.Fail
		out.Hint = "was a file left out, or loaded twice?"
	}
	return out
}

func (p tableGrowthParams) String() string {
	switch {
	case p.Max == nil:
		return fmt.Sprintf("at least %s than before", changed(*p.Min))
	case p.Min == nil:
		return fmt.Sprintf("at most %s than before", changed(*p.Max))
	}
	return fmt.Sprintf("from %s to %s than before", changed(*p.Min), changed(*p.Max))
}

// growth is the change from before, which is not 0, to now: 0.5 is half as
// many again. A quotient, so that 110 of 100 are 0.1 as the manifest has it.
func growth(now, before int64) float64 { return float64(now-before) / float64(before) }

// changed writes a growth for people: "12.5 % more", "3 % fewer".
func changed(by float64) string {
	word := "more"
	if by < 0 {
		word = "fewer"
	}
	if by = math.Abs(by); by < 10 {
		return percent(by) + " " + word
	}
	return strconv.FormatFloat(by, 'f', 1, 64) + " times " + word
}
