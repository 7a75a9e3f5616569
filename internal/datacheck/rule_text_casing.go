package datacheck

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/table"
)

type textCasingParams struct {
	OneColumn
	Case string `param:"case,required" enum:"lower,upper" doc:"The case that letters are in. Letters of scripts without case are always fine."`
}

var textCasing = Rule{
	ID:     "text.casing",
	Doc:    "Every text of the column is in lower case, or in upper case; nulls are not looked at.",
	Params: textCasingParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p textCasingParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		fold := unicode.ToLower
		if p.Case == "upper" {
			fold = unicode.ToUpper
		}
		other := func(r rune) bool { return fold(r) != r }
		in := "in " + p.Case + " case"
		return textCheck{
			fails:  func(text []byte) bool { return bytes.ContainsFunc(text, other) },
			noneOf: func(texts []byte) bool { return noneFolds(texts, p.Case) }, problem: [2]string{"is not " + in, "are not " + in},
			holds: "all values are " + in, expected: "text " + in,
		}.bind(plan, spec, schema), nil
	},
}

// noneFolds tells that texts are ASCII without letters of the other case.
func noneFolds(texts []byte, inCase string) bool {
	first := byte('A')
	if inCase == "upper" {
		first = 'a'
	}
	for _, b := range texts {
		if b >= utf8.RuneSelf || b-first < 26 {
			return false
		}
	}
	return true
}
