package datacheck

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type columnQuantileParams struct {
	OneColumn
	Q   *float64 `param:"q,required" doc:"Which quantile: 0.5 is the median, 0.95 what 95 % of the numbers do not exceed."`
	Min *float64 `param:"min" doc:"Smallest number allowed."`
	Max *float64 `param:"max" doc:"Largest number allowed."`
}

// maxKept is how many numbers one check of a quantile keeps, of all groups
// together: 32 MiB. A quantile of more numbers would have to be estimated.
const maxKept = 4 << 20

var columnQuantile = Rule{
	ID:     "column.quantile",
	Doc:    "A quantile of the numbers of the column lies between min and max; nulls are not looked at. It is exact, and INCONCLUSIVE past 4,194,304 numbers.",
	Params: columnQuantileParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p columnQuantileParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := checkShare(spec, "q", p.Q); err != nil {
			return plan, err
		}
		return bindQuantile(plan, spec, schema, number(*p.Q)+" quantile", *p.Q, boundsParams{Min: p.Min, Max: p.Max})
	},
}

// bindQuantile makes the plan of column.quantile and column.median.
func bindQuantile(plan Plan, spec manifest.CheckSpec, schema table.Schema, what string, q float64, bounds boundsParams) (Plan, error) {
	if err := refuse(spec, "mostly"); err != nil {
		return plan, err
	}
	if err := checkBounds(spec, bounds.Min, bounds.Max); err != nil {
		return plan, err
	}
	column := spec.Columns[0]
	if t := schema[schema.Index(column)].Type; !t.Kind.Numeric() && t.Kind != table.Untyped {
		return wrongType(plan, column, t, "numbers"), nil
	}
	plan.Needs.Add(column, 0)
	kept := new(atomic.Int64)
	plan.Rows = func() RowCheck { return &numbers{column: column, kept: kept, most: maxKept} }
	plan.Judge = func(f Facts) []report.Finding {
		n := f.Check.(*numbers)
		s := statistic{column: column, what: what, bounds: bounds, values: n.count, numbers: n.count - n.others, atLeast: 1}
		if n.kept.Load() > n.most {
			return []report.Finding{{
				Verdict: report.Inconclusive, Subject: column, Expected: fmt.Sprintf("at most %s", count(n.most, "number")), Observed: "more numbers",
				Message: fmt.Sprintf("%s: there are more than %s, of which no exact quantile is kept", column, count(n.most, "number")),
				Hint:    "look at fewer rows with where: or split:",
			}}
		}
		if len(n.values) > 0 {
			s.value = quantile(n.values, q)
		}
		return []report.Finding{s.finding(f)}
	}
	return plan, nil
}

// numbers is the RowCheck that keeps the numbers of a column.
type numbers struct {
	column string
	kept   *atomic.Int64 // by all shards and groups of the check
	most   int64
	count  int64 // values that are not null
	others int64 // of them that are no finite numbers
	values []float64
}

func (n *numbers) Observe(b *table.Batch) {
	c := b.Column(n.column)
	if c == nil {
		return
	}
	before := len(n.values)
	for i := range b.Rows {
		if c.Null(i) {
			continue
		}
		n.count++
		if v, ok := c.Float(i); !ok || math.IsNaN(v) || math.IsInf(v, 0) {
			n.others++
		} else {
			n.values = append(n.values, v)
		}
	}
	// Every number is counted once, so whether there are too many does not
	// depend on the order in which the shards come.
	if n.kept.Add(int64(len(n.values)-before)) > n.most {
		n.values = nil
	}
}

func (n *numbers) Merge(later RowCheck) {
	o := later.(*numbers)
	n.count += o.count
	n.others += o.others
	n.values = append(n.values, o.values...)
}

// quantile interpolates between the two values next to rank q*(n-1), counted
// from 0: definition 7 of R. J. Hyndman and Y. Fan, "Sample Quantiles in
// Statistical Packages" (1996), the default of R and NumPy. It sorts values,
// of which there is at least one.
func quantile(values []float64, q float64) float64 {
	slices.Sort(values)
	rank := float64(q * float64(len(values)-1))
	low := min(int(rank), len(values)-1)
	high := min(low+1, len(values)-1)
	a, b, part := values[low], values[high], rank-float64(low)
	if d := b - a; !math.IsInf(d, 0) {
		return a + float64(part*d)
	}
	return float64(a*(1-part)) + float64(b*part)
}
