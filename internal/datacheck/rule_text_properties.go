package datacheck

import (
	"bytes"
	"fmt"
	"math"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type textPropertiesParams struct {
	OneColumn
	Property string   `param:"property,required" enum:"words,sentences,average-word-length,longest-token,repeated-character,urls,emoji,non-letters,upper-case,digits,special-characters" doc:"What is measured of each text. The last four are shares: 0.05 is 5 %."`
	Min      *float64 `param:"min" doc:"Smallest number allowed."`
	Max      *float64 `param:"max" doc:"Largest number allowed."`
}

var textProperties = Rule{
	ID:     "text.properties",
	Doc:    "A property of every text of the column, such as the number of its words, lies between min and max; nulls are not looked at.",
	Params: textPropertiesParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p textPropertiesParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := checkBounds(spec, p.Min, p.Max); err != nil {
			return plan, err
		}
		of, ok := properties[p.Property]
		if !ok {
			return plan, mistake(spec, fmt.Sprintf("text.properties: there is no property %q", shownText(p.Property)), "the properties are "+list(sortedKeys(properties), 20))
		}
		column := spec.Columns[0]
		if t := schema[schema.Index(column)].Type; !isText(t.Kind) {
			return wrongType(plan, column, t, "text"), nil
		}
		plan.Needs.Add(column, 0)
		limits := columnRangeParams{Min: p.Min, Max: p.Max}
		plan.Rows = func() RowCheck { return newPropertyCount(column, of, limits) }
		plan.Judge = func(f Facts) []report.Finding {
			v := f.Check.(*propertyCount)
			t := tally{
				column: column, checked: v.checked, failed: v.failed, examples: v.examples, noun: "value", expected: p.Property + " " + limits.String(),
				problem: fmt.Sprintf("%s %s out of bounds (%s)", isAre(v.failed, "has", "have"), p.Property, limits), holds: fmt.Sprintf("all values have %s %s", p.Property, limits),
			}
			if v.checked > 0 {
				t.observed = p.Property + " of " + span(number(shown(v.low)), number(shown(v.high)))
			}
			return []report.Finding{t.finding(spec, f)}
		}
		return plan, nil
	},
}

// propertyCount counts texts whose property is out of bounds, and keeps the
// smallest and largest that was seen.
type propertyCount struct {
	column string
	of     func([]byte) float64
	limits columnRangeParams

	checked, failed int64
	examples        profile.Examples
	low, high       float64

	dict     *table.Column
	measured []float64 // by code of dict; NaN: not yet
	text     []byte
}

func newPropertyCount(column string, of func([]byte) float64, limits columnRangeParams) *propertyCount {
	return &propertyCount{column: column, of: of, limits: limits, low: math.Inf(1), high: math.Inf(-1)}
}

func (v *propertyCount) Observe(b *table.Batch) {
	c := b.Column(v.column)
	if c == nil {
		return
	}
	v.checked += int64(b.Rows - c.NullCount())
	for i := range b.Rows {
		if c.Null(i) {
			continue
		}
		x := v.measure(c, i)
		v.low, v.high = min(v.low, x), max(v.high, x)
		if v.limits.Min != nil && x < *v.limits.Min || v.limits.Max != nil && x > *v.limits.Max {
			v.failed++
			v.examples.Add(b, c, i)
		}
	}
}

// measure measures each value of a dictionary once.
func (v *propertyCount) measure(c *table.Column, i int) float64 {
	if c.Dict == nil {
		if c.Offsets != nil {
			return v.of(c.Bytes(i))
		}
		v.text = c.AppendText(v.text[:0], i) // a number, in another split
		return v.of(v.text)
	}
	if v.dict != c.Dict {
		v.dict, v.measured = c.Dict, v.measured[:0]
	}
	code := int(c.Codes[i])
	for len(v.measured) <= code {
		v.measured = append(v.measured, math.NaN())
	}
	if x := v.measured[code]; x == x {
		return x
	}
	v.measured[code] = v.measure(c.Dict, code)
	return v.measured[code]
}

func (v *propertyCount) Merge(later RowCheck) {
	o := later.(*propertyCount)
	v.checked += o.checked
	v.failed += o.failed
	v.examples.Merge(o.examples)
	v.low, v.high = min(v.low, o.low), max(v.high, o.high)
}

// properties are measured in Unicode's characters (code points) and classes,
// so that they mean the same in every language that has the thing at all.
var properties = map[string]func([]byte) float64{
	"words":               func(b []byte) float64 { n, _ := words(b); return float64(n) },
	"sentences":           sentences,
	"average-word-length": func(b []byte) float64 { n, letters := words(b); return share(letters, n) },
	"longest-token":       longestToken,
	"repeated-character":  repeatedCharacter,
	"urls":                urls,
	"emoji":               emoji,
	"non-letters": func(b []byte) float64 {
		return shareOf(b, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsSpace(r) }, nil)
	},
	"upper-case": func(b []byte) float64 {
		return shareOf(b, func(r rune) bool { return unicode.IsUpper(r) || unicode.IsTitle(r) }, unicode.IsLetter)
	},
	"digits": func(b []byte) float64 { return shareOf(b, unicode.IsDigit, nil) },
	"special-characters": func(b []byte) float64 {
		return shareOf(b, func(r rune) bool {
			return !inWord(r) && !unicode.IsSpace(r) && !unicode.IsPunct(r)
		}, nil)
	},
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// shareOf is the share of characters that are of a class among those that
// count, or among all.
func shareOf(text []byte, is, counts func(rune) bool) float64 {
	part, whole := 0, 0
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		if counts != nil && !counts(r) {
			continue
		}
		whole++
		if is(r) {
			part++
		}
	}
	return share(part, whole)
}

// inWord tells whether a character is part of a word.
func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z'
	}
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r)
}

// words counts runs of letters, marks and numbers, and the characters in them.
// An apostrophe between two letters belongs to the word.
func words(text []byte) (n, characters int) {
	before := false
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		in := inWord(r)
		if !in && before && (r == '\'' || r == '’') {
			next, _ := utf8.DecodeRune(text[i:])
			in = unicode.IsLetter(next)
		}
		if in {
			characters++
			if !before {
				n++
			}
		}
		before = in
	}
	return n, characters
}

// sentences counts the ends of sentences: one or more of . ! ? … and what
// other scripts have instead (Unicode's property Sentence_Terminal), where white
// space, a closing mark or the end of the text follows; after those of full
// width anything may. Words after the last end are one more.
func sentences(text []byte) float64 {
	n, open := 0, false // there are words since the last end
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		switch {
		case inWord(r):
			open = true
		case open && (r == '…' || unicode.Is(unicode.Sentence_Terminal, r)):
			next, _ := utf8.DecodeRune(text[i:])
			if r >= 0x3000 || i == len(text) || unicode.IsSpace(next) || unicode.In(next, unicode.Pe, unicode.Pf) || next == '"' || next == '\'' {
				n++
				open = false
			}
		}
	}
	if open {
		n++
	}
	return float64(n)
}

// longestToken is the length of the longest run without white space.
func longestToken(text []byte) float64 {
	longest := 0
	for token := range bytes.FieldsSeq(text) {
		if len(token) > longest {
			longest = max(longest, utf8.RuneCount(token))
		}
	}
	return float64(longest)
}

// repeatedCharacter is how often a character stands in a row at most.
func repeatedCharacter(text []byte) float64 {
	longest, run, before := 0, 0, rune(-1)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		if r != before {
			run, before = 0, r
		}
		run++
		longest = max(longest, run)
	}
	return float64(longest)
}

// urls counts http://, https:// and www. where a word begins and another
// follows. An address ends at white space, a bracket, a quote or a comma.
func urls(text []byte) float64 {
	n := 0
	for i := 0; i < len(text); i++ {
		if c := text[i] | 0x20; c != 'h' && c != 'w' || !beginsURL(text, i) {
			continue
		}
		n++
		for i+1 < len(text) && text[i+1] > ' ' && bytes.IndexByte([]byte(`<>()[]{}",`), text[i+1]) < 0 {
			i++
		}
	}
	return float64(n)
}

func beginsURL(text []byte, i int) bool {
	if before, size := utf8.DecodeLastRune(text[:i]); size > 0 && inWord(before) {
		return false
	}
	for _, prefix := range []string{"http://", "https://", "www."} {
		if end := i + len(prefix); end < len(text) && bytes.EqualFold(text[i:end], []byte(prefix)) {
			next, _ := utf8.DecodeRune(text[end:])
			return inWord(next) || next == '['
		}
	}
	return false
}

// emoji counts pictographs. A sequence that is shown as one counts once: with
// a tone of skin, a variation selector, or joined by U+200D; so do the two
// letters of a flag.
func emoji(text []byte) float64 {
	const joiner, selector = '\u200d', '\ufe0f'
	n, joined, letter := 0, false, false
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		switch {
		case r >= 0x1f3fb && r <= 0x1f3ff || r == selector: // of the one before
		case r == joiner:
			joined = true
			continue
		case r >= 0x1f1e6 && r <= 0x1f1ff:
			if letter = !letter; letter {
				n++
			}
			joined = false
			continue
		case r >= 0x1f300 && r <= 0x1faff || r >= 0x2600 && r <= 0x27bf:
			if !joined {
				n++
			}
			joined = false
		default:
			joined = false
		}
		letter = false
	}
	return float64(n)
}
