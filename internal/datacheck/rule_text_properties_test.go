package datacheck

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

func TestProperties(t *testing.T) {
	for _, c := range []struct {
		property, text string
		want           float64
	}{
		{"words", "", 0}, {"words", "  ", 0}, {"words", "Don't stop, it’s 3 o'clock'", 5}, {"words", "straße größe", 2}, {"words", "well-known", 2}, {"words", "快速的狐狸", 1}, {"words", "a\u0301b c", 2},
		{"sentences", "", 0}, {"sentences", "One", 1}, {"sentences", "One. Two! Three?", 3}, {"sentences", "It is 3.14 long...", 1}, {"sentences", "He said \"no.\" Then left", 2}, {"sentences", "好。是吗？", 2},
		{"sentences", "?!", 0}, {"sentences", "Wait... what", 2}, {"sentences", "क्या। हाँ।", 2},
		{"average-word-length", "", 0}, {"average-word-length", "a bbb", 2}, {"average-word-length", "größe", 5}, {"average-word-length", "ab, abc!", 2.5},
		{"longest-token", "", 0}, {"longest-token", "ab größe!", 6}, {"longest-token", "x\u00a0yz", 2},
		{"repeated-character", "", 0}, {"repeated-character", "abc", 1}, {"repeated-character", "sooo!!!!", 4}, {"repeated-character", "ééé", 3}, {"repeated-character", "\xff\xff", 2},
		{"urls", "see http://a.org, HTTPS://B.org/x?y=http://z and www.c.org.", 3}, {"urls", "xhttp://a http:// www. awww.b", 0}, {"urls", "(https://a.org)(https://b.org)", 2}, {"urls", "http://[::1]/", 1}, {"urls", "www.www.org", 1},
		{"emoji", "hi", 0}, {"emoji", "😀😀 ☂️", 3}, {"emoji", "👍🏽", 1}, {"emoji", "👨‍👩‍👧‍👦", 1}, {"emoji", "🇩🇪🇫🇷", 2}, {"emoji", "© 2024 → #1", 0},
		{"non-letters", "", 0}, {"non-letters", "ab1!", 0.5}, {"non-letters", "ä ö", 0}, {"non-letters", "1 23", 0.75},
		{"upper-case", "", 0}, {"upper-case", "123", 0}, {"upper-case", "ABcd 12", 0.5}, {"upper-case", "ÄÖ中", 2.0 / 3},
		{"digits", "a1٣b", 0.5}, {"digits", "½x", 0},
		{"special-characters", "a, b.", 0}, {"special-characters", "€5+", 2.0 / 3}, {"special-characters", "a\u0000", 0.5}, {"special-characters", "😀", 1},
	} {
		if got := properties[c.property]([]byte(c.text)); got != c.want {
			t.Errorf("%s of %q: %v, want %v", c.property, c.text, got, c.want)
		}
	}
	all := strings.Split(describedEnum(t, textPropertiesParams{}, "property"), ",")
	if len(all) != len(properties) {
		t.Errorf("the schema has %d properties, the code %d", len(all), len(properties))
	}
	for _, name := range all {
		if properties[name] == nil {
			t.Errorf("%s is not measured", name)
		}
		for _, hostile := range []string{"\xff\xfe", strings.Repeat("\u200d", 9), "'", "http://", "\xf0\x9f", strings.Repeat("\xe2\x80", 5)} {
			if x := properties[name]([]byte(hostile)); math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
				t.Errorf("%s of %q: %v", name, hostile, x)
			}
		}
	}
}

// describedEnum is the list of values of a parameter that the schema has.
func describedEnum(t *testing.T, params any, name string) string {
	t.Helper()
	p, _, _ := describe(params)
	var out []string
	for _, v := range p[name].(map[string]any)["enum"].([]any) {
		out = append(out, v.(string))
	}
	return strings.Join(out, ",")
}

func TestTextProperties(t *testing.T) {
	const data = "g,a\n1,one two\n2,one\n1,\n2,one two three\n"
	runTextCases(t, []textCase{
		{"fails", "{check: text.properties, column: a, property: words, min: 2}", data, report.Fail, "a: 1 of 3 values (33.3 %) has words out of bounds (at least 2); first: data.csv row 2"},
		{"passes", "{check: text.properties, column: a, property: words, min: 1, max: 3}", data, report.Pass, "a: all values have words between 1 and 3 (3 values)"},
		{"mostly", "{check: text.properties, column: a, property: words, max: 2, mostly: 0.6}", data, report.Pass, "at most 40 % may"},
		{"where", "{check: text.properties, column: a, property: words, max: 2, where: 'g == \"1\"'}", data, report.Pass, "(1 value)"},
		{"groups", "{check: text.properties, column: a, property: words, max: 2, groupBy: g}", data, report.Fail, `where g="2": a: 1 of 2 values`},
		{"nulls", "{check: text.properties, column: a, property: words, min: 1}", "g,a\n1,\n", report.Inconclusive, "no values to check"},
	})
	for entry, want := range map[string]string{
		"{check: text.properties, column: a, property: words}":                 "text.properties needs min or max",
		"{check: text.properties, column: a, property: words, min: 2, max: 1}": "min 2 is greater than max 1",
	} {
		if _, err := checkFiles(t, entry, Options{}, map[string]string{"data.csv": data}); err == nil || !strings.Contains(err.Error(), "dataset.yaml:7:5: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

// TestTextPropertiesOfDictionary holds that values of a dictionary which no row
// chosen has do not count.
func TestTextPropertiesOfDictionary(t *testing.T) {
	f := store(t, filepath.Join(t.TempDir(), "d.parquet"), []review{{ID: 1, Lang: "english"}, {ID: 2, Lang: "de"}, {ID: 3, Lang: "de"}})
	found := runParquet(t, "{check: text.properties, column: lang, property: longest-token, max: 3, where: 'id > 1'}", f)
	if found.Verdict != report.Pass || found.Observed != "longest-token of 2" {
		t.Errorf("%+v", found)
	}
	found = runParquet(t, "{check: text.properties, column: price, property: words, max: 3}", f)
	if found.Verdict != report.Fail || !strings.Contains(found.Message, "the column is of type float64, the check is about text") {
		t.Errorf("%+v", found)
	}
}

func TestTextPropertiesInShards(t *testing.T) {
	var rows []string
	for i := range 500 {
		rows = append(rows, fmt.Sprintf("%d,%s", i%4, strings.Repeat("word ", i*i%11)))
	}
	sameInShards(t, "{check: text.properties, column: t, property: words, max: 7}", "g,t", rows)
	sameInShards(t, "{check: text.properties, column: t, property: upper-case, min: 0.5, groupBy: g}", "g,t", rows)
}

// runParquet runs one entry over a file.
func runParquet(t *testing.T, entry string, f table.File) report.Finding {
	t.Helper()
	a := parse(t, "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: [d.parquet]\nchecks:\n  - "+entry+"\n")
	found, _, err := Run(t.Context(), a, map[string][]table.File{"": {f}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return found[1]
}
