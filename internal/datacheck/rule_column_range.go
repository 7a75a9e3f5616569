package datacheck

import (
	"fmt"
	"math"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type columnRangeParams struct {
	OneColumn
	Min          *float64 `param:"min" doc:"Smallest number allowed."`
	Max          *float64 `param:"max" doc:"Largest number allowed."`
	ExclusiveMin bool     `param:"exclusiveMin" doc:"Numbers must be greater than min, not equal to it."`
	ExclusiveMax bool     `param:"exclusiveMax" doc:"Numbers must be smaller than max, not equal to it."`
}

var columnRange = Rule{
	ID:     "column.range",
	Doc:    "Every number of the column lies between min and max; NaN does not, and nulls are not looked at. The same as min: and max: in columns:.",
	Params: columnRangeParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p columnRangeParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if p.Min == nil && p.Max == nil {
			return plan, mistake(spec, "column.range needs min or max", "")
		}
		if p.Min != nil && p.Max != nil && *p.Min > *p.Max {
			return plan, mistake(spec, fmt.Sprintf("column.range: min %s is greater than max %s", number(*p.Min), number(*p.Max)), "")
		}
		column := spec.Columns[0]
		if t := schema[schema.Index(column)].Type; !t.Kind.Numeric() && t.Kind != table.Untyped {
			return wrongType(plan, column, t, "numbers"), nil
		}
		plan.Needs.Add(column, profile.Range)
		plan.Rows = func() RowCheck { return &valueCount{column: column, fails: p.fails, each: p.each} }
		plan.Judge = func(f Facts) []report.Finding {
			v := f.Check.(*valueCount)
			t := tally{
				column: column, checked: v.checked, failed: v.failed, examples: v.examples, noun: "value",
				problem: fmt.Sprintf("%s not %s", isAre(v.failed, "is", "are"), p),
				holds:   "all values are " + p.String(), expected: p.String(),
			}
			if c := f.Profile.Columns[column]; c != nil && c.Numbers > 0 {
				t.observed = span(number(c.Min), number(c.Max))
			}
			return []report.Finding{t.finding(spec, f)}
		}
		return plan, nil
	},
}

func (p columnRangeParams) fails(c *table.Column, i int) bool {
	v, ok := c.Float(i)
	if !ok || v != v {
		return true
	}
	return p.Min != nil && (v < *p.Min || p.ExclusiveMin && v == *p.Min) ||
		p.Max != nil && (v > *p.Max || p.ExclusiveMax && v == *p.Max)
}

// each is fails for columns of integers and floats; see valueCount.
func (p columnRangeParams) each(c *table.Column, n int, bad func(i int)) bool {
	low, high := math.Inf(-1), math.Inf(1)
	if p.Min != nil {
		if low = *p.Min; p.ExclusiveMin {
			low = math.Nextafter(low, math.Inf(1))
		}
	}
	if p.Max != nil {
		if high = *p.Max; p.ExclusiveMax {
			high = math.Nextafter(high, math.Inf(-1))
		}
	}
	if p.ExclusiveMin && math.IsInf(low, 1) || p.ExclusiveMax && math.IsInf(high, -1) {
		return false // there is no next number
	}
	switch {
	case c.Type.Kind == table.Int && c.Ints != nil:
		for i, v := range c.Ints[:n] {
			if v := float64(v); v < low || v > high {
				bad(i)
			}
		}
	case c.Type.Kind == table.Uint && c.Ints != nil:
		for i, v := range c.Ints[:n] {
			if v := float64(uint64(v)); v < low || v > high {
				bad(i)
			}
		}
	case c.Type.Kind == table.Float && c.Floats != nil:
		for i, v := range c.Floats[:n] {
			if !(v >= low && v <= high) { // NaN is neither
				bad(i)
			}
		}
	default:
		return false
	}
	return true
}

func (p columnRangeParams) String() string {
	low, high := "", ""
	if p.Min != nil {
		low = "at least " + number(*p.Min)
		if p.ExclusiveMin {
			low = "greater than " + number(*p.Min)
		}
	}
	if p.Max != nil {
		high = "at most " + number(*p.Max)
		if p.ExclusiveMax {
			high = "smaller than " + number(*p.Max)
		}
	}
	if low != "" && high != "" {
		return fmt.Sprintf("between %s and %s", limit(*p.Min, p.ExclusiveMin), limit(*p.Max, p.ExclusiveMax))
	}
	return low + high
}

// span is "1 to 5", or "1" where both ends are the same.
func span(low, high string) string {
	if low == high {
		return low
	}
	return low + " to " + high
}

func limit(v float64, exclusive bool) string {
	if exclusive {
		return number(v) + " (excluded)"
	}
	return number(v)
}

// wrongType fails a check because the column holds other things than it looks
// at: that is a change of the data, not a mistake in the manifest.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func wrongType(plan Plan, column string, t table.Type, want string) Plan {
	plan.Needs, plan.Rows = profile.Needs{}, nil
	plan.Judge = func(Facts) []report.Finding {
		return []report.Finding{{
			Verdict: report.Fail, Subject: column, Expected: want, Observed: t.String(),
			Message: fmt.Sprintf("%s: the column is of type %s, the check is about %s", column, t, want),
		}}
	}
	return plan
}
