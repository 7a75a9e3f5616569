package datacheck

import (
	"math"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type columnQuantileParams struct {
	OneColumn
	Q   *float64 `param:"q,required" doc:"Which quantile: 0.5 is the median, 0.95 what 95 % of the numbers do not exceed."`
	Min *float64 `param:"min" doc:"Smallest number allowed."`
	Max *float64 `param:"max" doc:"Largest number allowed."`
}

var columnQuantile = Rule{
	ID:     "column.quantile",
	Doc:    "A quantile of the numbers of the column lies between min and max; nulls are not looked at. The verdict is exact; of many different numbers the quantile is shown as about what it is.",
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
	plan.Needs.Add(column, profile.Spread)
	plan.Needs.Grouped = len(spec.GroupBy) > 0
	plan.Rows = func() RowCheck { return newBounded(column, bounds) }
	plan.Judge = func(f Facts) []report.Finding {
		s := statistic{column: column, what: what, bounds: bounds, atLeast: 1}
		c := f.Profile.Columns[column]
		if c == nil {
			return []report.Finding{s.finding(f)}
		}
		s.values, s.numbers = c.Rows-c.Nulls, c.Numbers
		about := false
		if c.Numbers > 0 {
			s.value, about = f.Check.(*bounded).quantile(c, q)
		}
		out := s.finding(f)
		if about && out.Details != nil {
			out.Message = strings.Replace(out.Message, " is "+out.Observed+", expected", " is about "+out.Observed+", expected", 1)
			out.Observed = "about " + out.Observed
			out.Details["within"] = shown(c.Within)
		}
		return []report.Finding{out}
	}
	return plan, nil
}

// bounded is the RowCheck of a quantile, which need not be known to know on
// which side of a bound it lies: the quantile is between two numbers next to
// each other in their order. How many are on this side of the bound tells
// whether both of them are on one side; if not, they are the two numbers
// closest to the bound.
type bounded struct {
	column string
	sides  []*side // of min and max, as far as they are given
}

// side is what is known of the numbers on either side of a bound. Those equal to
// it are above min, and below max: where they are allowed.
type side struct {
	bound float64
	isMax bool
	below int64
	lower float64 // the largest below, if there is one
	upper float64 // the smallest above, or infinity
}

func newBounded(column string, bounds boundsParams) *bounded {
	out := &bounded{column: column}
	add := func(bound *float64, isMax bool) {
		if bound != nil {
			out.sides = append(out.sides, &side{*bound, isMax, 0, math.Inf(-1), math.Inf(1)})
		}
	}
	add(bounds.Min, false)
	add(bounds.Max, true)
	return out
}

func (s *side) add(v float64, n int64) {
	if v < s.bound || s.isMax && v == s.bound {
		s.below += n
		s.lower = max(s.lower, v)
	} else {
		s.upper = min(s.upper, v)
	}
}

func (q *bounded) Observe(b *table.Batch) {
	c := b.Column(q.column)
	if c == nil {
		return
	}
	for i := range b.Rows {
		if c.Null(i) {
			continue
		}
		if v, ok := c.Float(i); ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
			for _, s := range q.sides {
				s.add(v, 1)
			}
		}
	}
}

func (q *bounded) Merge(later RowCheck) {
	for i, o := range later.(*bounded).sides {
		s := q.sides[i]
		s.below += o.below
		s.lower, s.upper = max(s.lower, o.lower), min(s.upper, o.upper)
	}
}

// quantile returns the q-quantile of a column with numbers. about says that it
// may be another one on the same side of all bounds.
func (q *bounded) quantile(c *profile.Column, of float64) (v float64, about bool) {
	low, high, part := ranks(c.Numbers, of)
	if low == high && low == 0 {
		return c.Min, false
	}
	if low == high && low == c.Numbers-1 {
		return c.Max, false
	}
	v, about = between(c.Nth(low), c.Nth(high), part), c.Within > 0
	for _, s := range q.sides {
		switch {
		case high < s.below:
			v = min(v, s.lower)
		case low >= s.below:
			v = max(v, s.upper)
		default:
			return between(s.lower, s.upper, part), false
		}
	}
	return v, about
}

// ranks returns between which of n sorted numbers, counted from 0, the
// q-quantile lies, and how far from the first: at q*(n-1), definition 7 of R. J.
// Hyndman and Y. Fan, "Sample Quantiles in Statistical Packages" (1996), the
// default of R and NumPy. When it is a number itself, low and high are the same.
func ranks(n int64, q float64) (low, high int64, part float64) {
	rank := float64(q * float64(n-1))
	low = min(int64(rank), n-1)
	if part = rank - float64(low); part == 0 {
		return low, low, 0
	}
	return low, min(low+1, n-1), part
}

// between interpolates. The result is never past a or b, however it is rounded.
func between(a, b, part float64) float64 {
	v := float64(a*(1-part)) + float64(b*part)
	if d := b - a; !math.IsInf(d, 0) {
		v = a + float64(part*d)
	}
	return min(max(v, a), b)
}
