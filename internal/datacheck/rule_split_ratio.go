package datacheck

import (
	"fmt"
	"math"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type splitRatioParams struct {
	Shares    map[string]float64 `param:"shares,required" doc:"The share of the rows that each split should have; together 1."`
	Tolerance *float64           `param:"tolerance" doc:"How far a share may be off. Default 0.02."`
}

var splitRatio = Rule{
	ID:     "split.ratio",
	Doc:    "The splits have the shares of the rows that they should have, of all rows of the splits named.",
	Params: splitRatioParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p splitRatioParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly", "column"); err != nil {
			return plan, err
		}
		if len(spec.Splits) > 0 {
			return plan, mistake(spec, "split.ratio does not take splits", "shares: names them")
		}
		if p.Tolerance == nil {
			tolerance := 0.02
			p.Tolerance = &tolerance
		}
		if err := checkShare(spec, "tolerance", p.Tolerance); err != nil {
			return plan, err
		}
		sum := 0.0
		for _, s := range sortedKeys(p.Shares) {
			share := p.Shares[s]
			if err := checkShare(spec, "share", &share); err != nil {
				return plan, err
			}
			sum += share
		}
		if math.Abs(sum-1) > 1e-6 {
			return plan, mistake(spec, fmt.Sprintf("split.ratio: the shares add up to %s, not to 1", number(shown(sum))), "0.8 is 80 %")
		}
		known, _ := spec.Params["files"].(splitFiles)
		plan.Splits, plan.Subject = sortedKeys(p.Shares), list(sortedKeys(p.Shares), 10)
		plan.Rows = func() RowCheck { return &splitRows{splitOf: known.splitOf, rows: map[string]int64{}} }
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{p.judge(plan.Subject, f)} }
		return plan, nil
	},
}

func (p splitRatioParams) judge(subject string, f Facts) report.Finding {
	rows := f.Check.(*splitRows).rows
	var want, have, off []string
	shares := map[string]any{}
	for _, s := range sortedKeys(p.Shares) {
		want = append(want, fmt.Sprintf("%s %s", escape(s), percent(p.Shares[s])))
		if f.Rows == 0 {
			continue
		}
		share := float64(rows[s]) / float64(f.Rows)
		shares[s] = shown(share)
		text := fmt.Sprintf("%s %s", escape(s), percent(share))
		have = append(have, text)
		// Rounded, because 0.8 - 0.78 is more than 0.02.
		if shown(math.Abs(share-p.Shares[s])) > *p.Tolerance {
			off = append(off, fmt.Sprintf("%s has %s, %s, instead of %s", escape(s), count(rows[s], "row"), percent(share), percent(p.Shares[s])))
		}
	}
	out := report.Finding{
		Verdict: report.Pass, Subject: subject, Expected: fmt.Sprintf("%s of the rows, to within %s", strings.Join(want, ", "), percent(*p.Tolerance)),
		Observed: strings.Join(have, ", "), Message: fmt.Sprintf("of %s: %s", count(f.Rows, "row"), strings.Join(have, ", ")),
		Details: map[string]any{"rows": f.Rows, "shares": shares},
	}
	switch {
	case f.Rows == 0:
		out.Verdict, out.Observed, out.Message, out.Details = report.Inconclusive, "no rows", "there are no rows to check", nil
	case len(off) > 0:
		out.Verdict, out.Message = report.Fail, fmt.Sprintf("of %s, %s", count(f.Rows, "row"), list(off, 10))
		out.Hint = "was a file left out, or put into the wrong split?"
	}
	return out
}

// splitRows counts rows by split.
type splitRows struct {
	splitOf []string
	rows    map[string]int64
}

func (s *splitRows) Observe(b *table.Batch) {
	if b.File < len(s.splitOf) {
		s.rows[s.splitOf[b.File]] += int64(b.Rows)
	}
}

func (s *splitRows) Merge(later RowCheck) {
	for split, n := range later.(*splitRows).rows {
		s.rows[split] += n
	}
}
