package datacheck

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/report"
)

func TestColumnTypes(t *testing.T) {
	numbers := strings.Repeat("1,2.5\n2,-3\n", 10)
	runTextCases(t, []textCase{
		{"stray", "{check: column.types, column: a}", "g,a\n" + numbers + "1,n/a\n", report.Fail, "a: 1 of 21 values (4.76 %) is of another kind than most, which are numbers: text 1; first: data.csv row 21"},
		{"several kinds", "{check: column.types, column: a, max: 0.3}", "g,a\n" + numbers + "1,true\n1,x\n1,x\n1,2024-01-02\n", report.Fail, "4 of 24 values (16.7 %) are of another kind than most, which are numbers: text 2, dates or times 1, true or false 1"},
		{"one kind", "{check: column.types, column: a}", "g,a\n" + numbers + "1,\n", report.Pass, "a: all values are numbers (20 values)"},
		{"few", "{check: column.types, column: a, min: 0.05}", "g,a\n" + numbers + "1,n/a\n", report.Pass, "only more than 5 % and less than 10 % of such values fail"},
		{"mixed", "{check: column.types, column: a}", "g,a\n1,x\n1,2\n", report.Pass, "1 of 2 values (50 %)"},
		{"where", "{check: column.types, column: a, where: 'g == \"2\"'}", "g,a\n" + numbers + "1,n/a\n", report.Pass, "(10 values)"},
		{"groups", "{check: column.types, column: a, groupBy: g}", "g,a\n" + numbers + "1,n/a\n", report.Fail, `where g="1": a: 1 of 11 values`},
		{"nulls", "{check: column.types, column: a}", "g,a\n1,\n", report.Inconclusive, "there are no values to check"},
	})
	for entry, want := range map[string]string{
		"{check: column.types, column: a, min: 0.2}":              "min 0.2 is not smaller than max 0.1",
		"{check: column.types, column: a, max: -1}":               "max -1 is not a share",
		"{check: column.types, column: a, min: 0.1, mostly: 0.5}": "does not take mostly",
	} {
		if _, err := checkFiles(t, entry, Options{}, map[string]string{"data.csv": "a\n1\n"}); err == nil || !strings.HasPrefix(err.Error(), "dataset.yaml:7:5: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

// TestColumnTypesOfJSON holds that in JSON a value is what it is written as.
func TestColumnTypesOfJSON(t *testing.T) {
	lines := strings.Repeat("{\"a\": \"1\"}\n", 11)
	for data, want := range map[string]string{
		lines:                                                   "all values are text (11 values)",
		lines + "{\"a\": 1}\n{\"b\": 1}\n":                      "1 of 12 values (8.33 %) is of another kind than most, which are text: numbers 1",
		lines + "{\"a\": null}\n{\"a\": true}\n":                "true or false 1",
		lines + "{\"a\": [1]}\n":                                ": lists 1",
		lines + "{\"a\": {\"b\": 1}}\n":                         ": objects 1",
		lines + "{\"a\": \"2024-01-02T03:04:05Z\"}\n":           ": dates or times 1",
		strings.Repeat("{\"a\": 1.5}\n", 11) + "{\"a\": \"2\"}": "which are numbers: text 1",
	} {
		found, err := checkFiles(t, "{check: column.types, column: a}", Options{}, map[string]string{"data.jsonl": data})
		if err != nil || !strings.Contains(found[0].Message, want) {
			t.Errorf("%q: %v %v", data, found, err)
		}
	}
	f := store(t, filepath.Join(t.TempDir(), "d.parquet"), []review{{ID: 1, Lang: "en"}, {ID: 2, Lang: "5"}})
	for column, want := range map[string]string{"id": "all values are numbers", "lang": "1 of 2 values (50 %)"} {
		if found := runParquet(t, "{check: column.types, column: "+column+"}", f); found.Verdict != report.Pass || !strings.Contains(found.Message, want) {
			t.Errorf("%+v", found)
		}
	}
}

func TestColumnTypesInShards(t *testing.T) {
	var rows []string
	for i := range 500 {
		v := fmt.Sprint(i)
		if i*i%23 == 4 {
			v = "x" + v
		}
		rows = append(rows, fmt.Sprintf("%d,%s", i%3, v))
	}
	sameInShards(t, "{check: column.types, column: t}", "g,t", rows)
	sameInShards(t, "{check: column.types, column: t, groupBy: g}", "g,t", rows)
}
