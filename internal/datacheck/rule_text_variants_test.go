package datacheck

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

func TestFoldText(t *testing.T) {
	for _, same := range [][]string{
		{"New York", "new york", "NEW-YORK", " New  York.", "(new_york)", "New\u00a0York"}, {"Straße", "straße"}, {"ΣΑΣ", "σας", "σασ"}, {"É", "é"}, {"A-1", "a1"}, {"..."}, {"--"},
		{"C"}, {"C++"}, {"C#"}, {"1.5"}, {"15"}, {"-15"}, {"5 %"}, {"5 €"}, {"北京", " 北京。"}, {""},
	} {
		for _, other := range [][]string{{"New Yorker"}, {"zzz"}} {
			if bytes.Equal(foldText([]byte(same[0])), foldText([]byte(other[0]))) {
				t.Errorf("%q is %q", same[0], other[0])
			}
		}
		for _, s := range same {
			if !bytes.Equal(foldText([]byte(s)), foldText([]byte(same[0]))) {
				t.Errorf("%q is not %q", s, same[0])
			}
		}
	}
	seen := map[string]string{}
	for _, s := range []string{"C", "C++", "C#", "1.5", "15", "-15", "5 %", "5 €", "...", "--", "", "n/a", "@home", "home"} {
		f := string(foldText([]byte(s)))
		if seen[f] != "" {
			t.Errorf("%q folds as %q does", s, seen[f])
		}
		seen[f] = s
	}
}

func TestTextVariants(t *testing.T) {
	const data = "id,a\n1,New York\n2,new york\n3,New York\n4,NEW-YORK\n5,Lyon\n6,\n7,lyon \n8,Oslo\n"
	runTextCases(t, []textCase{
		{"fails", "{check: text.variants, column: a}", data, report.Fail, "a: 3 of 7 values (42.9 %) are spelled otherwise than most that say the same; 2 texts have several spellings; first: data.csv rows 2, 4, 7"},
		{"mostly", "{check: text.variants, column: a, mostly: 0.5}", data, report.Pass, "at most 50 % may"},
		{"where", "{check: text.variants, column: a, where: 'int(id) > 4 and int(id) < 7'}", data, report.Pass, "a: no two texts differ only in case, white space or punctuation (1 value)"},
		{"groups", "{check: text.variants, column: a, groupBy: id}", data, report.Inconclusive, `where id="6"`},
		{"nulls", "{check: text.variants, column: a}", "id,a\n1,\n", report.Inconclusive, "there are no values to check"},
	})
	f := store(t, filepath.Join(t.TempDir(), "d.parquet"), []review{{ID: 1}})
	if found := runParquet(t, "{check: text.variants, column: id}", f); found.Verdict != report.Fail || !strings.Contains(found.Message, "is of type int64") {
		t.Errorf("%+v", found)
	}
	found, err := checkFiles(t, "{check: text.variants, column: a}", Options{Samples: manifest.SamplesFull}, map[string]string{"data.csv": data})
	if err != nil {
		t.Fatal(err)
	}
	want := []any{
		[]any{map[string]any{"value": "New York", "rows": int64(2)}, map[string]any{"value": "NEW-YORK", "rows": int64(1)}, map[string]any{"value": "new york", "rows": int64(1)}},
		[]any{map[string]any{"value": "Lyon", "rows": int64(1)}, map[string]any{"value": "lyon ", "rows": int64(1)}},
	}
	if got := found[0].Details["spellings"]; !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

// TestTooManyVariants holds that giving up depends only on how many texts there
// are, long ones and those of other files included.
func TestTooManyVariants(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, n := range []int{maxSpellings, maxSpellings + 1} {
		var rows []string
		for i := range n {
			rows = append(rows, fmt.Sprintf("%s%d", long[:i%2*200], i))
		}
		rows = append(rows, rows[:100]...)
		want := report.Pass
		if n > maxSpellings {
			want = report.Inconclusive
		}
		for _, cut := range []int{0, 50, n / 2} {
			files := map[string]string{"a.csv": "a\n" + strings.Join(rows[:cut], "\n") + "\n", "b.csv": "a\n" + strings.Join(rows[cut:], "\n") + "\n"}
			if found, err := checkFiles(t, "{check: text.variants, column: a}", Options{}, files); err != nil || found[0].Verdict != want {
				t.Errorf("%d, %d: %v %v", n, cut, found, err)
			}
		}
	}
}

func TestTextVariantsInShards(t *testing.T) {
	var rows []string
	for i := range 500 {
		word := fmt.Sprintf("Name %d%s", i*i%40, strings.Repeat(" long", i%3*20))
		if i%17 == 0 {
			word = strings.ToUpper(word)
		}
		rows = append(rows, fmt.Sprintf("%d,%s", i%3, word))
	}
	sameInShards(t, "{check: text.variants, column: t}", "g,t", rows)
	sameInShards(t, "{check: text.variants, column: t, groupBy: g}", "g,t", rows)
}
