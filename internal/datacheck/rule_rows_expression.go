package datacheck

import (
	"encoding/json"
	"fmt"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type rowsExpressionParams struct {
	Expression string `param:"expression,required" doc:"What must be true of every row, written as for where:, such as end >= start."`
}

var rowsExpression = Rule{
	ID:     "rows.expression",
	Doc:    "An expression over the columns is true of every row. Rows where a column that it names is null are not looked at, unless the expression speaks of nil.",
	Params: rowsExpressionParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p rowsExpressionParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "column"); err != nil {
			return plan, err
		}
		c, err := compile(spec, "expression", p.Expression, schema)
		if err != nil {
			return plan, err
		}
		filter := &Filter{Where: p.Expression, condition: c}
		for _, f := range c.fields {
			plan.Needs.Add(f.Name, 0)
		}
		plan.Subject = shownText(p.Expression)
		plan.Rows = func() RowCheck { return &expressionCheck{evaluator: newEvaluator(filter)} }
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{judgeExpression(spec, p.Expression, f)} }
		return plan, nil
	},
}

func judgeExpression(spec manifest.CheckSpec, expression string, f Facts) report.Finding {
	e := f.Check.(*expressionCheck)
	if n := e.errors; n > 0 {
		out := unanswered("expression", n, e.failedRows(), f)
		out.Subject = shownText(expression)
		return out
	}
	out := tally{
		column: shownText(expression), checked: e.checked, failed: e.failed, examples: e.examples, noun: "row", nulls: true,
		problem: isAre(e.failed, "does not hold to it", "do not hold to it"), holds: "true of all rows", expected: "true of every row",
	}.finding(spec, f)
	if e.checked == 0 && f.Rows > 0 {
		out.Message = fmt.Sprintf("%s: there are no rows to check; in %s a column that it names is null", shownText(expression), count(f.Rows, "row"))
	}
	rows, _ := out.Details["examples"].([]any)
	for i, r := range rows {
		if _, ok := f.sample(""); ok {
			r.(map[string]any)["values"] = e.values(e.examples[i], f)
		}
	}
	return out
}

// expressionCheck evaluates an expression for every row.
type expressionCheck struct {
	*evaluator
	checked  int64 // rows that it can be true or false of
	failed   int64
	examples profile.Examples // with the values of the columns as a JSON list
}

func (e *expressionCheck) failedRows() profile.Examples { return e.evaluator.failed }

func (e *expressionCheck) Observe(b *table.Batch) {
	columns := e.columns(b)
	known, other := e.vectorized(columns, b.Rows)
	for i := range b.Rows {
		var ok, nulls bool
		var err error
		if other == nil || !other[i] {
			ok = known[i]
		} else {
			ok, nulls, err = e.holds(columns, i)
		}
		switch {
		case nulls && (err != nil || !ok && !e.filter.nils):
			continue // unknown, as in a CHECK of SQL
		case err != nil:
			e.fail(profile.Place{File: b.File, Row: b.Row(i)}, err)
			continue
		}
		e.checked++
		if !ok {
			e.failed++
			e.keep(profile.Place{File: b.File, Row: b.Row(i)}, columns, i)
		}
	}
}

// keep notes the values that made a row fail.
func (e *expressionCheck) keep(at profile.Place, columns []*table.Column, i int) {
	if n := len(e.examples); n == profile.MaxPlaces && at.Compare(e.examples[n-1].Place) > 0 {
		return
	}
	values := make([]*string, len(columns))
	for j, c := range columns {
		if c != nil && !c.Null(i) {
			text := c.Text(i)
			text = text[:min(len(text), profile.MaxExample)]
			values[j] = &text
		}
	}
	row, err := json.Marshal(values)
	if err != nil {
		row = nil // texts can always be written
	}
	e.examples.Merge(profile.Examples{{Place: at, Value: string(row)}})
}

// values returns what may be shown of the row that keep noted, by column.
func (e *expressionCheck) values(row profile.Example, f Facts) map[string]any {
	var texts []*string
	if json.Unmarshal([]byte(row.Value), &texts) != nil {
		return nil
	}
	out := map[string]any{}
	for j, field := range e.filter.fields {
		out[field.Name] = nil
		if texts[j] != nil {
			out[field.Name], _ = f.sample(*texts[j])
		}
	}
	return out
}

func (e *expressionCheck) Merge(later RowCheck) {
	o := later.(*expressionCheck)
	e.checked += o.checked
	e.failed += o.failed
	e.examples.Merge(o.examples)
	e.errors += o.errors
	e.evaluator.failed.Merge(o.evaluator.failed)
}
