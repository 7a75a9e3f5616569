package datacheck

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
)

type labelBalanceParams struct {
	OneColumn
	MinShare *float64 `param:"minShare" doc:"Smallest share of the rows that each class must have: 0.05 is 5 %."`
	MaxRatio *float64 `param:"maxRatio" doc:"How many times as many rows the largest class may have as the smallest."`
	Classes  []any    `param:"classes" doc:"Classes that are expected, so that one without any row counts as 0 %. Default: those in the data."`
}

// maxClasses is how many classes are counted.
const maxClasses = 1000

var labelBalance = Rule{
	ID:     "label.balance",
	Doc:    "Every class of the column has its share of the rows, and none is far larger than another; nulls are not counted.",
	Params: labelBalanceParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p labelBalanceParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly"); err != nil {
			return plan, err
		}
		if p.MinShare == nil && p.MaxRatio == nil {
			return plan, mistake(spec, "label.balance needs minShare or maxRatio", "")
		}
		if err := checkShare(spec, "minShare", p.MinShare); err != nil {
			return plan, err
		}
		if p.MaxRatio != nil && *p.MaxRatio < 1 {
			return plan, mistake(spec, fmt.Sprintf("label.balance: maxRatio %s is below 1", number(*p.MaxRatio)), "")
		}
		column := spec.Columns[0]
		plan.Needs.Add(column, 0)
		plan.Rows = func() RowCheck { return &classCounts{column: column, rows: map[string]int64{}} }
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{p.judge(column, f)} }
		return plan, nil
	},
}

func (p labelBalanceParams) judge(column string, f Facts) report.Finding {
	c := f.Check.(*classCounts)
	out := report.Finding{Verdict: report.Inconclusive, Subject: column, Expected: p.String()}
	switch {
	case c.total == 0:
		return tally{column: column, noun: "value", expected: p.String()}.finding(manifest.CheckSpec{}, f)
	case c.rows == nil:
		out.Observed = "more than " + report.Thousands(maxClasses) + " classes"
		out.Message = fmt.Sprintf("%s: there are %s, which are not counted", column, out.Observed)
		out.Hint = "is it the column of the labels?"
		return out
	}
	for _, v := range p.Classes {
		name := className(v)
		c.rows[name] += 0
	}
	var classes []profile.Count
	for name, n := range c.rows {
		classes = append(classes, profile.Count{Value: name, Rows: n})
	}
	sorting.By(classes, func(a, b profile.Count) int {
		return cmp.Or(cmp.Compare(a.Rows, b.Rows), cmp.Compare(a.Value, b.Value))
	})
	smallest, largest := classes[0], classes[len(classes)-1]
	if len(classes) == 1 && p.MaxRatio != nil {
		out.Observed = "1 class"
		out.Message = fmt.Sprintf("%s: there are no two classes to compare, only one with %s", column, count(c.total, "row"))
		out.Hint = "classes: names those that are expected"
		return out
	}
	share := float64(smallest.Rows) / float64(c.total)
	ratio := float64(largest.Rows) / float64(smallest.Rows) // infinite for an empty class
	out.Verdict = report.Pass
	if p.MinShare != nil && share < *p.MinShare || p.MaxRatio != nil && ratio > *p.MaxRatio {
		out.Verdict = report.Fail
	}
	times := number(shown(ratio)) + " times the smallest"
	if math.IsInf(ratio, 0) {
		times = "and the smallest is empty"
	} else {
		times = "which is " + times
	}
	out.Observed = fmt.Sprintf("the smallest of %d classes has %s (%s), the largest %s, %s",
		len(classes), count(smallest.Rows, "row"), percent(share), count(largest.Rows, "row"), times)
	if len(classes) == 1 {
		out.Observed = "the only class has " + count(c.total, "row")
	}
	out.Message = fmt.Sprintf("%s: %s", column, out.Observed)
	out.Details = map[string]any{"rows": c.total, "classes": len(classes), "smallest": smallest.Rows, "largest": largest.Rows, "share": shown(share)}
	if name, ok := f.sample(smallest.Value); ok {
		out.Details["smallestClass"] = name
	}
	return out
}

func (p labelBalanceParams) String() string {
	text := ""
	if p.MinShare != nil {
		text = fmt.Sprintf("at least %s of the rows in every class", percent(*p.MinShare))
	}
	if p.MaxRatio != nil {
		if text != "" {
			text += ", and "
		}
		text += fmt.Sprintf("the largest class at most %s times the smallest", number(*p.MaxRatio))
	}
	return text
}

// className is the text that a value of the manifest has in the data.
func className(v any) string {
	if x, ok := v.(float64); ok {
		return number(x)
	}
	return fmt.Sprint(v)
}

// classCounts counts rows by class.
type classCounts struct {
	column string
	total  int64
	rows   map[string]int64 // nil when there are more than maxClasses
	text   []byte
}

func (v *classCounts) Observe(b *table.Batch) {
	c := b.Column(v.column)
	if c == nil {
		return
	}
	v.total += int64(b.Rows - c.NullCount())
	for i := range b.Rows {
		if c.Null(i) {
			continue
		}
		v.text = c.AppendText(v.text[:0], i)
		if len(v.text) > profile.MaxExample { // known by its hash, shown by its beginning
			sum := sha256.Sum256(v.text)
			v.text = append(v.text[:profile.MaxExample], sum[:16]...)
		}
		v.add(v.text, 1)
	}
}

// add gives up past maxClasses, which depends only on which classes there are.
func (v *classCounts) add(name []byte, n int64) {
	if v.rows == nil {
		return
	}
	if v.rows[string(name)] += n; len(v.rows) > maxClasses {
		v.rows = nil
	}
}

func (v *classCounts) Merge(later RowCheck) {
	o := later.(*classCounts)
	v.total += o.total
	if o.rows == nil {
		v.rows = nil
	}
	for name, n := range o.rows {
		v.add([]byte(name), n)
	}
}
