package datacheck

import (
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type columnMostFrequentParams struct {
	OneColumn
	Values   []any    `param:"values" doc:"What the most frequent value may be; of several that are equally frequent, all."`
	MinShare *float64 `param:"minShare" doc:"Smallest share of the values that the most frequent one must have."`
	MaxShare *float64 `param:"maxShare" doc:"Largest share of the values that the most frequent one may have: 0.95 is 95 %."`
}

var columnMostFrequent = Rule{
	ID:     "column.most-frequent",
	Doc:    "The most frequent value of the column is one of a list, or has its share of the values; nulls are not counted. With maxShare: no value is nearly everywhere. More than 10,000 different values are INCONCLUSIVE.",
	Params: columnMostFrequentParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p columnMostFrequentParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly"); err != nil {
			return plan, err
		}
		if len(p.Values) == 0 && p.MinShare == nil && p.MaxShare == nil {
			return plan, mistake(spec, "column.most-frequent needs values, minShare or maxShare", "")
		}
		if err := checkShare(spec, "minShare", p.MinShare); err != nil {
			return plan, err
		}
		if err := checkShare(spec, "maxShare", p.MaxShare); err != nil {
			return plan, err
		}
		if p.MinShare != nil && p.MaxShare != nil && *p.MinShare > *p.MaxShare {
			return plan, mistake(spec, fmt.Sprintf("column.most-frequent: minShare %s is greater than maxShare %s", number(*p.MinShare), number(*p.MaxShare)), "")
		}
		column, among := spec.Columns[0], newValueSet(p.Values)
		plan.Needs.Add(column, 0)
		plan.Rows = func() RowCheck { return newValueTally(column, among) }
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{p.judge(column, among, f)} }
		return plan, nil
	},
}

func (p columnMostFrequentParams) judge(column string, among *valueSet, f Facts) report.Finding {
	v := f.Check.(*valueTally)
	out := report.Finding{Verdict: report.Pass, Subject: column, Expected: p.String(among)}
	switch {
	case v.total == 0:
		return tally{column: column, noun: "value", expected: out.Expected}.finding(manifest.CheckSpec{}, f)
	case v.found == nil:
		out.Verdict, out.Observed = report.Inconclusive, "more than "+count(profile.MaxDistinct, "different value")
		out.Message = fmt.Sprintf("%s: there are %s, and how often each one occurs is not counted", column, out.Observed)
		return out
	}
	var top []*frequency
	for _, id := range sortedKeys(v.found) {
		switch n := v.found[id]; {
		case len(top) == 0 || n.rows > top[0].rows:
			top = []*frequency{n}
		case n.rows == top[0].rows:
			top = append(top, n)
		}
	}
	rows, others := top[0].rows, 0
	part := float64(rows) / float64(v.total)
	for _, n := range top {
		if !n.among {
			others++
		}
	}
	what := "the most frequent value has"
	if len(top) > 1 {
		what = fmt.Sprintf("each of the %d most frequent values has", len(top))
	}
	out.Observed = fmt.Sprintf("%s %s of %s (%s)", what, report.Thousands(rows), count(v.total, "value"), percent(part))
	var reasons []string
	if len(p.Values) > 0 && others > 0 {
		reasons = append(reasons, "it is not among those named")
		if len(top) > 1 {
			reasons[0] = fmt.Sprintf("%d of them %s not among those named", others, isAre(int64(others), "is", "are"))
		}
	}
	if p.MinShare != nil && part < *p.MinShare {
		reasons = append(reasons, "at least "+percent(*p.MinShare)+" are expected")
	}
	if p.MaxShare != nil && part > *p.MaxShare {
		reasons = append(reasons, "at most "+percent(*p.MaxShare)+" are expected")
	}
	out.Message = fmt.Sprintf("%s: %s", column, out.Observed)
	if len(reasons) > 0 {
		out.Verdict = report.Fail
		out.Message += "; " + strings.Join(reasons, ", and ")
	}
	out.Details = map[string]any{"rows": v.total, "mostFrequent": rows, "share": shown(part)}
	if value, ok := f.sample(top[0].value); ok {
		out.Details["value"] = value
	}
	return out
}

func (p columnMostFrequentParams) String(among *valueSet) string {
	var out []string
	if len(p.Values) > 0 {
		out = append(out, "one of "+among.text)
	}
	if p.MinShare != nil {
		out = append(out, "at least "+percent(*p.MinShare)+" of the values")
	}
	if p.MaxShare != nil {
		out = append(out, "at most "+percent(*p.MaxShare)+" of the values")
	}
	return strings.Join(out, ", and ")
}

// valueTally is the RowCheck that counts how often each value occurs.
type valueTally struct {
	column string
	among  *valueSet
	total  int64
	found  map[string]*frequency // by identity; nil when there are more than profile.MaxDistinct
	text   []byte
}

type frequency struct {
	rows  int64
	value string // at most profile.MaxExample bytes
	among bool
}

func newValueTally(column string, among *valueSet) *valueTally {
	return &valueTally{column: column, among: among, found: map[string]*frequency{}}
}

func (v *valueTally) Observe(b *table.Batch) {
	c := b.Column(v.column)
	if c == nil {
		return
	}
	v.total += int64(b.Rows - c.NullCount())
	for i := range b.Rows {
		if v.found == nil {
			return
		}
		if c.Null(i) {
			continue
		}
		v.text = c.AppendText(v.text[:0], i)
		if n := v.found[string(v.text)]; n != nil && len(v.text) <= maxIdentity {
			n.rows++
			continue
		}
		id := identity(v.text)
		n := v.found[id]
		if n == nil {
			n = &frequency{value: string(v.text[:min(len(v.text), profile.MaxExample)]), among: v.among.has(c, i)}
			v.found[id] = n
		}
		if n.rows++; len(v.found) > profile.MaxDistinct {
			v.found = nil
		}
	}
}

// Merge gives up past profile.MaxDistinct, which depends only on which values
// there are.
func (v *valueTally) Merge(later RowCheck) {
	o := later.(*valueTally)
	v.total += o.total
	if o.found == nil {
		v.found = nil
	}
	if v.found == nil {
		return
	}
	for id, n := range o.found {
		if mine := v.found[id]; mine != nil {
			mine.rows += n.rows
		} else {
			v.found[id] = n
		}
	}
	if len(v.found) > profile.MaxDistinct {
		v.found = nil
	}
}
