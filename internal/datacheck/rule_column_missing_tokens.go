package datacheck

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type columnMissingTokensParams struct {
	OneColumn
	Tokens []string `param:"tokens" doc:"Texts that stand for a missing value, whatever their case and the space around them. Default: the empty text, -, --, ?, #N/A, N/A, NA, nan, nil, none and null."`
	Max    *float64 `param:"max" doc:"Largest share of the values that may be such a text: 0.05 is 5 %. Default: 0."`
}

// missingTokens are those of the texts that pandas 2.2 reads as missing
// (io.parsers.readers.STR_NA_VALUES) which are no values of anything else,
// and the marks that people write by hand.
var missingTokens = []string{"", "-", "--", "?", "#n/a", "n/a", "na", "nan", "nil", "none", "null"}

// maxToken is the longest text that can be a token, so that long texts need
// not be folded to know that they are none.
const maxToken = 100

var columnMissingTokens = Rule{
	ID:     "column.missing-tokens",
	Doc:    "No text of the column only stands for a missing value, such as N/A or -; nulls are not looked at.",
	Params: columnMissingTokensParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p columnMissingTokensParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly"); err != nil {
			return plan, err
		}
		if err := checkShare(spec, "max", p.Max); err != nil {
			return plan, err
		}
		tokens := p.Tokens
		if len(tokens) == 0 {
			tokens = missingTokens
		}
		set, shown := tokenSet{texts: map[string]bool{}}, []string{}
		for _, t := range tokens {
			if len(t) > maxToken {
				return plan, mistake(spec, "column.missing-tokens: a token is longer than 100 bytes", "")
			}
			set.add(strings.ToLower(strings.TrimSpace(t)))
			shown = append(shown, strconv.Quote(t))
		}
		column := spec.Columns[0]
		plan.Needs.Add(column, 0)
		plan.Rows = func() RowCheck {
			return &valueCount{
				column: column, fails: func(c *table.Column, i int) bool { return set.has(c, i) },
				each: func(c *table.Column, n int, bad func(i int)) bool {
					for i := range n {
						if set.has(c, i) {
							bad(i)
						}
					}
					return true
				},
			}
		}
		plan.Judge = func(f Facts) []report.Finding {
			v := f.Check.(*valueCount)
			t := tally{
				column: column, checked: v.checked, failed: v.failed, examples: v.examples, noun: "value", most: p.Max,
				problem: isAre(v.failed, "stands", "stand") + " for a missing value", holds: "no value stands for a missing one",
				expected: "none of " + list(shown, 20), hint: "write nulls: an empty field in CSV, null in JSON lines and Parquet",
			}
			if p.Max != nil {
				t.expected = "at most " + percent(*p.Max) + " of " + list(shown, 20)
			}
			return []report.Finding{t.finding(spec, f)}
		}
		return plan, nil
	},
}

// tokenSet is texts in lower case.
type tokenSet struct {
	texts   map[string]bool
	longest int // bytes
}

func (s *tokenSet) add(text string) {
	s.texts[text] = true
	s.longest = max(s.longest, len(text))
}

// has tells whether the value at i is text that the set has, folded. Values
// that are not stored as text cannot be.
func (s *tokenSet) has(c *table.Column, i int) bool {
	c, i = c.At(i)
	if c.Offsets == nil {
		return false
	}
	text := bytes.TrimSpace(c.Bytes(i))
	// Folding makes a text shorter: by two thirds at most, from the Kelvin sign
	// to k.
	if len(text) > maxToken || len(text) > utf8.UTFMax*s.longest {
		return false
	}
	var folded [maxToken]byte
	for j, b := range text {
		if b >= utf8.RuneSelf {
			return s.texts[string(text)] || s.texts[string(bytes.ToLower(text))]
		}
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		folded[j] = b
	}
	return s.texts[string(folded[:len(text)])]
}
