package datacheck

import (
	"fmt"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type textLengthParams struct {
	OneColumn
	Min *int64 `param:"min" doc:"Fewest characters (Unicode code points) allowed."`
	Max *int64 `param:"max" doc:"Most characters allowed."`
}

var textLength = Rule{
	ID:     "text.length",
	Doc:    "Every text of the column has between min and max characters; nulls are not looked at.",
	Params: textLengthParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p textLengthParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if p.Min == nil && p.Max == nil {
			return plan, mistake(spec, "text.length needs min or max", "")
		}
		if p.Min != nil && p.Max != nil && *p.Min > *p.Max {
			return plan, mistake(spec, fmt.Sprintf("text.length: min %d is greater than max %d", *p.Min, *p.Max), "")
		}
		column := spec.Columns[0]
		t := schema[schema.Index(column)].Type
		if t.Kind != table.Untyped && t.Kind != table.String && t.Kind != table.Bytes {
			return wrongType(plan, column, t, "text"), nil
		}
		plan.Needs.Add(column, profile.Lengths)
		plan.Rows = func() RowCheck { return &valueCount{column: column, fails: p.fails, each: p.each} }
		plan.Judge = func(f Facts) []report.Finding {
			v := f.Check.(*valueCount)
			t := tally{
				column: column, checked: v.checked, failed: v.failed, examples: v.examples, noun: "value",
				problem: isAre(v.failed, "does", "do") + " not have " + p.String(),
				holds:   "all values have " + p.String(), expected: p.String(),
			}
			if c := f.Profile.Columns[column]; c != nil && v.checked > 0 {
				t.observed = count(c.MaxLength, "character")
				if c.MinLength < c.MaxLength {
					t.observed = report.Thousands(c.MinLength) + " to " + t.observed
				}
			}
			return []report.Finding{t.finding(spec, f)}
		}
		return plan, nil
	},
}

func (p textLengthParams) fails(c *table.Column, i int) bool {
	text := c.Bytes(i)
	// Bytes are at least as many as characters, which spares counting them.
	if p.Min != nil && int64(len(text)) < *p.Min {
		return true
	}
	if p.Max != nil && int64(len(text)) <= *p.Max && (p.Min == nil || *p.Min <= 1) {
		return false
	}
	n := int64(utf8.RuneCount(text))
	return p.Min != nil && n < *p.Min || p.Max != nil && n > *p.Max
}

// each is fails for columns of text; see valueCount.
func (p textLengthParams) each(c *table.Column, n int, bad func(i int)) bool {
	if c.Offsets == nil {
		return false
	}
	for i := range n {
		if p.fails(c, i) {
			bad(i)
		}
	}
	return true
}

func (p textLengthParams) String() string {
	switch {
	case p.Max == nil:
		return "at least " + count(*p.Min, "character")
	case p.Min == nil:
		return "at most " + count(*p.Max, "character")
	}
	return report.Thousands(*p.Min) + " to " + count(*p.Max, "character")
}
