package datacheck

import (
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/table"
)

type textWhitespaceParams struct {
	OneColumn
	Repeated bool `param:"repeated" doc:"White space in a row within the text is allowed, as between paragraphs. Default: false."`
}

var textWhitespace = Rule{
	ID:     "text.whitespace",
	Doc:    "No text of the column begins or ends with white space, or has two of it in a row; nulls are not looked at. White space is what Unicode says.",
	Params: textWhitespaceParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p textWhitespaceParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		t := textCheck{
			fails:   func(text []byte) bool { return strayspace(text, p.Repeated) },
			problem: [2]string{"has stray white space", "have stray white space"}, holds: "no value has stray white space",
			expected: "no white space at the ends or in a row", hint: "trim the texts before they are written",
		}
		if p.Repeated {
			t.expected = "no white space at the ends"
		}
		return t.bind(plan, spec, schema), nil
	},
}

// strayspace tells whether text has white space at an end or, unless repeated
// is allowed, next to other white space.
func strayspace(text []byte, repeated bool) bool {
	before := true // as if space stood before the text
	for i, start := 0, true; i < len(text); start = false {
		space, size := asciiSpace[text[i]], 1
		if text[i] >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRune(text[i:])
			space = unicode.IsSpace(r)
		}
		if space && before && (start || !repeated) {
			return true
		}
		before = space
		i += size
	}
	return before && len(text) > 0
}

// asciiSpace is unicode.IsSpace of single bytes.
var asciiSpace = [256]bool{' ': true, '\t': true, '\n': true, '\v': true, '\f': true, '\r': true}
