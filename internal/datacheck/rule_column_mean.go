package datacheck

import (
	"fmt"
	"math"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// boundsParams are those of checks that hold one number to two limits.
type boundsParams struct {
	OneColumn
	Min *float64 `param:"min" doc:"Smallest number allowed."`
	Max *float64 `param:"max" doc:"Largest number allowed."`
}

var columnMean = momentRule("column.mean", "mean", "The mean of the numbers of the column lies between min and max; nulls are not looked at.", 1,
	func(c *profile.Column) float64 { return c.Mean })

// momentRule is a check of a number that the profile computes from all
// numbers of a column, of which it needs some.
func momentRule(id, what, doc string, atLeast int64, pick func(*profile.Column) float64) Rule {
	return Rule{
		ID: id, Doc: doc, Params: boundsParams{},
		Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
			var p boundsParams
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
			if t := schema[schema.Index(column)].Type; !t.Kind.Numeric() && t.Kind != table.Untyped {
				return wrongType(plan, column, t, "numbers"), nil
			}
			plan.Needs.Add(column, profile.Moments)
			plan.Judge = func(f Facts) []report.Finding {
				s := statistic{column: column, what: what, bounds: p, atLeast: atLeast}
				if c := f.Profile.Columns[column]; c != nil {
					s.values, s.numbers, s.value = c.Rows-c.Nulls, c.Numbers, pick(c)
				}
				return []report.Finding{s.finding(f)}
			}
			return plan, nil
		},
	}
}

// statistic is the outcome of a check of one number about a column.
type statistic struct {
	column  string
	what    string // "mean"
	bounds  boundsParams
	values  int64 // that are not null
	numbers int64 // of them that are finite numbers
	atLeast int64 // numbers needed
	value   float64
}

// finding judges a statistic. It is not known when some of the values are no
// finite numbers: leaving them out would be a guess at what they mean.
func (s statistic) finding(f Facts) report.Finding {
	limits := columnRangeParams{Min: s.bounds.Min, Max: s.bounds.Max}
	out := report.Finding{Verdict: report.Inconclusive, Subject: s.column, Expected: s.what + " " + limits.String()}
	switch bad := s.values - s.numbers; {
	case s.values == 0:
		return tally{column: s.column, noun: "value", expected: out.Expected}.finding(manifest.CheckSpec{}, f)
	case bad > 0:
		out.Observed = fmt.Sprintf("%s of %s %s", report.Thousands(bad), count(s.values, "value"), isAre(bad, "is no finite number", "are no finite numbers"))
		out.Message = fmt.Sprintf("%s: the %s is not known, because %s", s.column, s.what, out.Observed)
		out.Hint = "number.finite finds them; leave them out with where: if they mean nothing"
		return out
	case s.numbers < s.atLeast:
		out.Observed = count(s.numbers, "value")
		out.Message = fmt.Sprintf("%s: the %s needs at least %s", s.column, s.what, count(s.atLeast, "value"))
		return out
	case math.IsNaN(s.value) || math.IsInf(s.value, 0):
		out.Observed = "a number too large"
		out.Message = fmt.Sprintf("%s: the %s is too large for a 64-bit float", s.column, s.what)
		return out
	}
	outside := func(v float64) bool {
		return s.bounds.Min != nil && v < *s.bounds.Min || s.bounds.Max != nil && v > *s.bounds.Max
	}
	out.Verdict, out.Observed = report.Pass, number(shown(s.value))
	if outside(s.value) {
		out.Verdict = report.Fail
		if !outside(shown(s.value)) {
			out.Observed = number(s.value) // or it would seem to be within
		}
	}
	out.Message = fmt.Sprintf("%s: the %s of %s is %s, expected %s", s.column, s.what, count(s.numbers, "value"), out.Observed, limits)
	out.Details = map[string]any{"value": shown(s.value), "rows": s.numbers}
	return out
}
