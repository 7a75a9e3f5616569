package datacheck

import (
	"encoding/json"
	"math"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/table"
)

type textParsesParams struct {
	OneColumn
	As string `param:"as,required" enum:"date,time,integer,number,json" doc:"What the texts are: a date (2006-01-02), a time (a date, or a date and time as ISO 8601 writes them), an integer of any size, a finite decimal number, or JSON."`
}

// forms are how each value of as: reads a text.
var forms = map[string]struct {
	one, several string
	ok           func([]byte) bool
}{
	"date":    {"a date", "dates", func(b []byte) bool { _, ok := table.ParseDate(b); return ok }},
	"time":    {"a time", "times", func(b []byte) bool { _, ok := table.ParseTime(b); return ok }},
	"integer": {"an integer", "integers", isInteger},
	"number": {"a number", "numbers", func(b []byte) bool {
		v, ok := table.ParseNumber(b)
		return ok && !math.IsNaN(v) && !math.IsInf(v, 0)
	}},
	"json": {"JSON", "JSON", json.Valid},
}

func isInteger(b []byte) bool {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

var textParses = Rule{
	ID:     "text.parses",
	Doc:    "Every text of the column reads as a date, a time, an integer, a number or JSON; nulls are not looked at.",
	Params: textParsesParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p textParsesParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		form := forms[p.As]
		return textCheck{
			fails: func(text []byte) bool { return !form.ok(text) }, problem: [2]string{"is not " + form.one, "are not " + form.several},
			holds: "all values are " + form.several, expected: "text that reads as " + form.one,
		}.bind(plan, spec, schema), nil
	},
}
