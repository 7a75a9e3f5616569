package datacheck

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
)

// maxSpellings is how many different texts are compared.
const maxSpellings = 10_000

var textVariants = Rule{
	ID:     "text.variants",
	Doc:    "No two texts of the column differ only in case, white space or punctuation, as New York and new-york do; nulls are not looked at. More than 10,000 different texts are INCONCLUSIVE.",
	Params: struct{ OneColumn }{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p struct{ OneColumn }
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		column := spec.Columns[0]
		if t := schema[schema.Index(column)].Type; !isText(t.Kind) {
			return wrongType(plan, column, t, "text"), nil
		}
		plan.Needs.Add(column, 0)
		plan.Rows = func() RowCheck { return newSpellings(column) }
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{judgeVariants(spec, column, f)} }
		return plan, nil
	},
}

func judgeVariants(spec manifest.CheckSpec, column string, f Facts) report.Finding {
	v := f.Check.(*spellings)
	t := tally{
		column: column, checked: v.checked, noun: "value",
		holds: "no two texts differ only in case, white space or punctuation", expected: "one spelling of each text",
		hint: "write each of them one way",
	}
	if v.found == nil {
		more := "more than " + count(maxSpellings, "different text")
		return report.Finding{
			Verdict: report.Inconclusive, Subject: column, Expected: t.expected, Observed: more,
			Message: fmt.Sprintf("%s: there are %s, which are not compared", column, more), Hint: "is it a column of categories?",
		}
	}
	several := v.several()
	for _, group := range several {
		for _, s := range group[1:] {
			t.failed += s.rows
			t.examples.Merge(profile.Examples{s.first})
		}
	}
	t.problem = fmt.Sprintf("%s spelled otherwise than most that say the same; %s %s several spellings",
		isAre(t.failed, "is", "are"), count(int64(len(several)), "text"), isAre(int64(len(several)), "has", "have"))
	out := t.finding(spec, f)
	if len(several) > 0 {
		out.Details["texts"] = len(several)
		if shown := shownSpellings(several, f); shown != nil {
			out.Details["spellings"] = shown
		}
	}
	return out
}

// shownSpellings lists the first few texts with the first few of their
// spellings, if values may be shown.
func shownSpellings(several [][]*spelling, f Facts) []any {
	var out []any
	for _, group := range several[:min(len(several), profile.MaxPlaces)] {
		var one []any
		for _, s := range group[:min(len(group), profile.MaxPlaces)] {
			value, ok := f.sample(s.first.Value)
			if !ok {
				return nil
			}
			one = append(one, map[string]any{"value": value, "rows": s.rows})
		}
		out = append(out, one)
	}
	return out
}

// spellings is the RowCheck that counts the different texts of a column.
type spellings struct {
	column  string
	checked int64
	found   map[string]*spelling // by identity; nil when there are more than maxSpellings
	text    []byte
}

// spelling is one text as it is written.
type spelling struct {
	rows   int64
	first  profile.Example // the first row that has it
	folded string
}

func newSpellings(column string) *spellings {
	return &spellings{column: column, found: map[string]*spelling{}}
}

func (v *spellings) Observe(b *table.Batch) {
	c := b.Column(v.column)
	if c == nil {
		return
	}
	v.checked += int64(b.Rows - c.NullCount())
	for i := range b.Rows {
		if v.found == nil {
			return
		}
		if c.Null(i) {
			continue
		}
		v.text = c.AppendText(v.text[:0], i)
		if s := v.found[string(v.text)]; s != nil && len(v.text) <= maxIdentity {
			s.rows++
			continue
		}
		id := identity(v.text)
		s := v.found[id]
		if s == nil {
			s = &spelling{first: exampleOf(b, c, i), folded: identity(foldText(v.text))}
			v.found[id] = s
		}
		if s.rows++; len(v.found) > maxSpellings {
			v.found = nil
		}
	}
}

// Merge gives up past maxSpellings, which depends only on which texts there are.
func (v *spellings) Merge(later RowCheck) {
	o := later.(*spellings)
	v.checked += o.checked
	if o.found == nil {
		v.found = nil
	}
	if v.found == nil {
		return
	}
	for id, s := range o.found {
		if mine := v.found[id]; mine != nil {
			mine.rows += s.rows
		} else {
			v.found[id] = s
		}
	}
	if len(v.found) > maxSpellings {
		v.found = nil
	}
}

// several returns the texts that are written in several ways, those with the
// most rows first; of each, the most frequent spelling first.
func (v *spellings) several() [][]*spelling {
	groups := map[string][]*spelling{}
	for _, id := range sortedKeys(v.found) {
		s := v.found[id]
		groups[s.folded] = append(groups[s.folded], s)
	}
	var out [][]*spelling
	for _, folded := range sortedKeys(groups) {
		group := groups[folded]
		if len(group) < 2 {
			continue
		}
		sorting.Stable(group, func(a, b *spelling) int { return cmp.Compare(b.rows, a.rows) })
		out = append(out, group)
	}
	rows := func(group []*spelling) (n int64) {
		for _, s := range group {
			n += s.rows
		}
		return n
	}
	sorting.Stable(out, func(a, b []*spelling) int { return cmp.Compare(rows(b), rows(a)) })
	return out
}

// maxIdentity is the longest text that stands for itself.
const maxIdentity = 128

// identity is a short text itself and the SHA-256 of a long one. No text of up to
// maxIdentity bytes is as long as the latter.
func identity(text []byte) string {
	if len(text) <= maxIdentity {
		return string(text)
	}
	sum := sha256.Sum256(text)
	return fmt.Sprintf("%0*x", maxIdentity+1, sum)
}

// foldText is what a text has in common with its variants: letters in one
// case (Unicode's simple case folding, by way of capitals), no white space and no
// punctuation, but for marks that tell names apart: C, C++ and C#. A number is
// left as it is, because a point or a sign makes another one of it, and so is
// what has only marks.
func foldText(text []byte) []byte {
	if _, ok := table.ParseNumber(text); ok {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		if unicode.IsSpace(r) || unicode.IsPunct(r) && r != '#' && r != '%' && r != '&' && r != '*' && r != '@' {
			continue
		}
		out = utf8.AppendRune(out, unicode.ToLower(unicode.ToUpper(r)))
	}
	if len(out) == 0 {
		return text
	}
	return out
}
