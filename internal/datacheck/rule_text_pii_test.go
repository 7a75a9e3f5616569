package datacheck

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// checkFiles runs one entry of checks: over files, and returns its findings.
func checkFiles(t *testing.T, entry string, opts Options, files map[string]string) ([]report.Finding, error) {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a := parse(t, "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: ['*']\nchecks:\n  - "+entry+"\n")
	findings, _, err := Run(context.Background(), a, expand(t, a, dir), opts)
	if err != nil {
		return nil, err
	}
	return findings[1:], nil
}

// textCase is an entry and what its one finding says.
type textCase struct {
	name, entry, data string // data is CSV
	verdict           report.Verdict
	message           string // a part of it
}

func runTextCases(t *testing.T, cases []textCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			found, err := checkFiles(t, c.entry, Options{}, map[string]string{"data.csv": c.data})
			if err != nil {
				t.Fatal(err)
			}
			if f := found[0]; f.Verdict != c.verdict || !strings.Contains(f.Message, c.message) {
				t.Errorf("%s %q, want %s %q", f.Verdict, f.Message, c.verdict, c.message)
			}
		})
	}
}

// sameInShards holds that rows in one file and in several, read by one worker or
// more, with and without groups, give the same findings.
func sameInShards(t *testing.T, entry, header string, rows []string) {
	t.Helper()
	run := func(workers, parts int) []report.Finding {
		files := map[string]string{}
		for p := range parts {
			from, to := len(rows)*p/parts, len(rows)*(p+1)/parts
			files[fmt.Sprintf("part%02d.csv", p)] = header + "\n" + strings.Join(rows[from:to], "\n") + "\n"
		}
		found, err := checkFiles(t, entry, Options{Workers: workers, Samples: manifest.SamplesFull}, files)
		if err != nil {
			t.Fatal(err)
		}
		found = outcome(found)
		for i := range found {
			found[i].Message, _, _ = strings.Cut(found[i].Message, "; farthest:")
		}
		return found
	}
	want := run(1, 1)
	for _, parts := range []int{2, 7} {
		if got := run(3, parts); !reflect.DeepEqual(got, want) {
			t.Errorf("%s in %d files:\n%+v\nwant\n%+v", entry, parts, got, want)
		}
	}
}

func TestTextPII(t *testing.T) {
	const data = "id,a,b\n1,x@example.org,\n2,,+4930123456\n3,y@example.org,call 4111 1111 1111 1111\n4,,\n5,fine,fine\n"
	runTextCases(t, []textCase{
		{"all", "{check: text.pii}", data, report.Fail, "all columns of text: 3 of 5 rows (60 %) have personal data or secrets: email in 2, phone in 1, credit-card in 1; first: data.csv rows 1, 2, 3"},
		{"one column", "{check: text.pii, column: b}", data, report.Fail, "b: 2 of 3 rows (66.7 %) have personal data or secrets: phone in 1, credit-card in 1; first: data.csv rows 2, 3"},
		{"kinds", "{check: text.pii, columns: [a, b], kinds: [iban, ip, key]}", data, report.Pass, "a, b: nothing of iban, ip, key was found (4 rows)"},
		{"max", "{check: text.pii, max: 3}", data, report.Pass, "at most 3 rows may"},
		{"past max", "{check: text.pii, max: 2}", data, report.Fail, "3 of 5 rows"},
		{"mostly", "{check: text.pii, mostly: 0.4}", data, report.Pass, "at most 60 % may"},
		{"where", "{check: text.pii, where: 'id == \"5\"'}", data, report.Pass, "was found (1 row)"},
		{"groups", "{check: text.pii, column: a, groupBy: id}", data, report.Fail, `where id="1": a: 1 of 1 row (100 %) has personal data or secrets: email in 1`},
		{"nulls", "{check: text.pii, column: a}", "id,a\n1,\n", report.Inconclusive, "there are no values to check; 1 row without one"},
	})
}

// TestTextPIINeverShown holds that no setting shows what was found.
func TestTextPIINeverShown(t *testing.T) {
	for samples, want := range map[manifest.Samples]string{manifest.SamplesNone: "", manifest.SamplesMasked: "j…@…", manifest.SamplesFull: "j…@…"} {
		found, err := checkFiles(t, "{check: text.pii}", Options{Samples: samples}, map[string]string{"data.csv": "a\nask jane.roe@example.org about it\n"})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(found)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(text); strings.Contains(s, "jane") || strings.Contains(s, "example.org") || strings.Contains(s, "ask") {
			t.Errorf("samples: %s: %s", samples, s)
		}
		first := found[0].Details["examples"].([]any)[0].(map[string]any)
		if shown, _ := first["value"].(string); shown != want || first["kind"] != "email" || first["column"] != "a" {
			t.Errorf("samples: %s: %v", samples, first)
		}
	}
}

func TestTextPIIOfOtherTypes(t *testing.T) {
	numbers := store(t, filepath.Join(t.TempDir(), "d.parquet"), []review{{Lang: "a@b.org", Price: new(float64)}})
	for entry, want := range map[string]report.Verdict{"{check: text.pii, column: price}": report.Fail, "{check: text.pii}": report.Fail, "{check: text.pii, column: text}": report.Inconclusive} {
		a := parse(t, "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: [d.parquet]\nchecks:\n  - "+entry+"\n")
		found, _, err := Run(context.Background(), a, map[string][]table.File{"": {numbers}}, Options{})
		if err != nil || found[1].Verdict != want {
			t.Errorf("%s: %v %v", entry, found, err)
		}
	}
	if _, err := checkFiles(t, "{check: text.pii, kinds: [name]}", Options{}, map[string]string{"data.csv": "a\nx\n"}); err == nil || !strings.Contains(err.Error(), `dataset.yaml:7:5: text.pii: "name" is no kind`) {
		t.Errorf("error %v", err)
	}
}

func TestTextPIIInShards(t *testing.T) {
	var rows []string
	for i := range 900 {
		text := []string{"plain", "a@b.org", "", "AKIAIOSFODNN7EXAMPLE and 203.0.113.77", "4242424242424242"}[i*i%7%5]
		rows = append(rows, fmt.Sprintf("%d,%s", i%3, text))
	}
	for _, entry := range []string{"{check: text.pii}", "{check: text.pii, groupBy: g}"} {
		sameInShards(t, entry, "g,t", rows)
	}
	// Values of dictionaries are looked at once; each row group has its own.
	var reviews []review
	for i := range 2800 {
		lang := "en"
		if i%2 == i/700%2 {
			lang = "a@b.org"
		}
		reviews = append(reviews, review{ID: int64(i), Lang: lang})
	}
	f := store(t, filepath.Join(t.TempDir(), "d.parquet"), reviews)
	a := parse(t, "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: [d.parquet]\nchecks:\n  - {check: text.pii, column: lang}\n  - {check: text.pii, column: lang, where: 'id < 6'}\n  - {check: text.pii, column: lang, where: 'id % 2 == 1'}\n")
	found, _, err := Run(context.Background(), a, map[string][]table.File{"": {f}}, Options{Workers: 1})
	if err != nil || !strings.Contains(found[1].Message, "1,400 of 2,800 rows") || !strings.Contains(found[2].Message, "3 of 6 rows") || !strings.Contains(found[3].Message, "700 of 1,400 rows") {
		t.Errorf("%+v %v", found, err)
	}
}
