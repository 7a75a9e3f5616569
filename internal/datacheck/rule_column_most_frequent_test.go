package datacheck

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
)

func TestColumnMostFrequent(t *testing.T) {
	const data = "g,a\n1,x\n1,x\n2,x\n2,y\n2,1\n1,\n"
	runTextCases(t, []textCase{
		{"values", "{check: column.most-frequent, column: a, values: [y, z]}", data, report.Fail, "a: the most frequent value has 3 of 5 values (60 %); it is not among those named"},
		{"among", "{check: column.most-frequent, column: a, values: [x]}", data, report.Pass, "a: the most frequent value has 3 of 5 values (60 %)"},
		{"maxShare", "{check: column.most-frequent, column: a, maxShare: 0.5}", data, report.Fail, "; at most 50 % are expected"},
		{"minShare", "{check: column.most-frequent, column: a, minShare: 0.7}", data, report.Fail, "; at least 70 % are expected"},
		{"just", "{check: column.most-frequent, column: a, minShare: 0.6, maxShare: 0.6}", data, report.Pass, ""},
		{"where", "{check: column.most-frequent, column: a, values: [x], where: 'g == \"2\"'}", data, report.Fail, "each of the 3 most frequent values has 1 of 3 values (33.3 %); 2 of them are not among those named"},
		{"tied", "{check: column.most-frequent, column: a, values: [x, y, 1], where: 'g == \"2\"'}", data, report.Pass, ""},
		{"groups", "{check: column.most-frequent, column: a, maxShare: 0.5, groupBy: g}", data, report.Fail, `where g="1": a: the most frequent value has 2 of 2 values (100 %)`},
		{"nulls", "{check: column.most-frequent, column: a, maxShare: 0.5}", "g,a\n1,\n", report.Inconclusive, "there are no values to check"},
	})
	for entry, want := range map[string]string{
		"{check: column.most-frequent, column: a}":                             "needs values, minShare or maxShare",
		"{check: column.most-frequent, column: a, maxShare: 2}":                "maxShare 2 is not a share",
		"{check: column.most-frequent, column: a, minShare: 1, maxShare: 0.5}": "minShare 1 is greater than maxShare 0.5",
		"{check: column.most-frequent, column: a, maxShare: 0.5, mostly: 0.5}": "does not take mostly",
	} {
		if _, err := checkFiles(t, entry, Options{}, map[string]string{"data.csv": data}); err == nil || !strings.HasPrefix(err.Error(), "dataset.yaml:7:5: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", entry, err)
		}
	}
	for samples, want := range map[manifest.Samples]any{manifest.SamplesNone: nil, manifest.SamplesFull: "x"} {
		found, err := checkFiles(t, "{check: column.most-frequent, column: a, maxShare: 1}", Options{Samples: samples}, map[string]string{"data.csv": data})
		if err != nil || found[0].Details["value"] != want {
			t.Errorf("%s: %v %v", samples, found, err)
		}
	}
}

func TestColumnMostFrequentInShards(t *testing.T) {
	var rows []string
	for i := range 500 {
		rows = append(rows, fmt.Sprintf("%d,%s%d", i%3, strings.Repeat("long ", i%2*40), i*i%7))
	}
	sameInShards(t, "{check: column.most-frequent, column: t, maxShare: 0.2}", "g,t", rows)
	sameInShards(t, "{check: column.most-frequent, column: t, values: [1], groupBy: g}", "g,t", rows)
	for _, n := range []int{profile.MaxDistinct, profile.MaxDistinct + 1} {
		rows = rows[:0]
		for i := range n {
			rows = append(rows, fmt.Sprintf("1,%d", i))
		}
		sameInShards(t, "{check: column.most-frequent, column: t, maxShare: 0.2}", "g,t", rows)
		want := report.Pass
		if n > profile.MaxDistinct {
			want = report.Inconclusive
		}
		found, err := checkFiles(t, "{check: column.most-frequent, column: t, maxShare: 0.2}", Options{}, map[string]string{"a.csv": "g,t\n" + strings.Join(rows, "\n") + "\n"})
		if err != nil || found[0].Verdict != want {
			t.Errorf("%d: %v %v", n, found, err)
		}
	}
}
