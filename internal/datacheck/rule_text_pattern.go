package datacheck

import (
	"fmt"
	"regexp"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type textPatternParams struct {
	OneColumn
	Pattern string `param:"pattern,required" doc:"A regular expression in RE2 syntax (https://github.com/google/re2/wiki/Syntax). It may match anywhere in the text; ^ and $ hold it to the whole."`
	Forbid  bool   `param:"forbid" doc:"No text may match, instead of every one."`
}

var textPattern = Rule{
	ID:     "text.pattern",
	Doc:    "Every text of the column matches a regular expression, or none does; nulls are not looked at.",
	Params: textPatternParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p textPatternParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if len(p.Pattern) > maxExpression {
			return plan, mistake(spec, fmt.Sprintf("text.pattern: the pattern is longer than %d bytes", maxExpression), "")
		}
		re, err := regexp.Compile(p.Pattern)
		if err != nil {
			return plan, mistake(spec, "text.pattern: "+err.Error(), "the syntax is RE2: it has no look-around and no back-references")
		}
		matches := newMatcher(p.Pattern, re)
		t := textCheck{
			problem: [2]string{"does not match ", "do not match "}, holds: "all values match " + shownText(p.Pattern), expected: "text that matches " + shownText(p.Pattern),
			fails: func(text []byte) bool { return matches(text) == p.Forbid },
		}
		if p.Forbid {
			t.problem, t.holds, t.expected = [2]string{"matches ", "match "}, "no value matches "+shownText(p.Pattern), "no text that matches "+shownText(p.Pattern)
		}
		t.problem[0] += shownText(p.Pattern)
		t.problem[1] += shownText(p.Pattern)
		return t.bind(plan, spec, schema), nil
	},
}

// textCheck is a check that looks at each text of a column by itself.
type textCheck struct {
	fails    func(text []byte) bool
	noneOf   func(texts []byte) bool // may be nil: quickly, that no part of texts can fail
	problem  [2]string               // of one text, and of several
	holds    string
	expected string
	hint     string
}

// each looks at all texts of a column; see valueCount.
func (t *textCheck) each(c *table.Column, n int, bad func(i int)) bool {
	if c.Offsets == nil {
		return false
	}
	if t.noneOf != nil && t.noneOf(c.Data[c.Offsets[0]:c.Offsets[n]]) {
		return true
	}
	for i := range n {
		if t.fails(c.Data[c.Offsets[i]:c.Offsets[i+1]]) {
			bad(i)
		}
	}
	return true
}

func (t textCheck) bind(plan Plan, spec manifest.CheckSpec, schema table.Schema) Plan {
	column := spec.Columns[0]
	if typ := schema[schema.Index(column)].Type; !isText(typ.Kind) {
		return wrongType(plan, column, typ, "text")
	}
	plan.Needs.Add(column, 0)
	plan.Rows = func() RowCheck {
		return &valueCount{column: column, each: t.each, fails: func(c *table.Column, i int) bool {
			if c.Offsets == nil {
				return t.fails([]byte(c.Text(i))) // a number, in another split
			}
			return t.fails(c.Bytes(i))
		}}
	}
	plan.Judge = func(f Facts) []report.Finding {
		v := f.Check.(*valueCount)
		return []report.Finding{tally{
			column: column, checked: v.checked, failed: v.failed, examples: v.examples, noun: "value",
			problem: isAre(v.failed, t.problem[0], t.problem[1]), holds: t.holds, expected: t.expected, hint: t.hint,
		}.finding(spec, f)}
	}
	return plan
}
