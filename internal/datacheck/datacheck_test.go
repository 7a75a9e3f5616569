package datacheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

var update = flag.Bool("update", false, "write golden files")

// TestCases runs testdata/*.txtar: a dataset.yaml, its files, and the findings
// wanted. The comment above may say "samples: full".
func TestCases(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := runCase(t, archive)
			for i, f := range archive.Files {
				if f.Name != "want" {
					continue
				}
				if *update {
					archive.Files[i].Data = []byte(got)
					if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
						t.Fatal(err)
					}
				} else if got != string(f.Data) {
					t.Errorf("got\n%s\nwant\n%s", got, f.Data)
				}
			}
		})
	}
}

// runCase runs the checks of an archive and prints what they find.
func runCase(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	dir := t.TempDir()
	var a *manifest.Artifact
	for _, f := range archive.Files {
		if f.Name == "want" {
			continue
		}
		p := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		if f.Name == "dataset.yaml" {
			a = parse(t, string(f.Data))
		}
	}
	opts := Options{TempDir: dir}
	for line := range strings.Lines(string(archive.Comment)) {
		if s, ok := strings.CutPrefix(strings.TrimSpace(line), "samples: "); ok {
			opts.Samples = manifest.Samples(s)
		}
	}
	findings, _, err := Run(context.Background(), a, expand(t, a, dir), opts)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var out strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&out, "%s %s %s [%s] %s:%d\n  %s\n  expected: %s\n  observed: %s\n", f.Verdict, f.Severity, f.Rule, f.Subject, f.Location.File, f.Location.Line, f.Message, f.Expected, f.Observed)
		if f.Hint != "" {
			fmt.Fprintf(&out, "  hint: %s\n", f.Hint)
		}
		if f.Details != nil {
			var details bytes.Buffer
			enc := json.NewEncoder(&details)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(f.Details); err != nil {
				t.Error(err)
			}
			fmt.Fprintf(&out, "  details: %s", &details)
		}
		if f.Doc != docs+f.Check || f.Group != report.GroupData || f.Artifact != a.Name {
			t.Errorf("incomplete finding %+v", f)
		}
	}
	return out.String()
}

func parse(t testing.TB, yaml string) *manifest.Artifact {
	t.Helper()
	p, err := manifest.NewParser(nil, Schemas())
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.Artifact("dataset.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func expand(t testing.TB, a *manifest.Artifact, dir string) map[string][]table.File {
	t.Helper()
	files := map[string][]table.File{}
	for _, set := range a.Files {
		for _, p := range set.Patterns {
			names, err := doublestar.Glob(os.DirFS(dir), p.Glob)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range names {
				files[set.Split] = append(files[set.Split], table.File{Name: n, Path: filepath.Join(dir, filepath.FromSlash(n))})
			}
		}
	}
	return files
}

// TestMistakes are errors of manifests that their schema cannot see.
func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f.csv"), []byte("n,s\n1,x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for check, want := range map[string]string{
		"{check: table.rows}":                                                "dataset.yaml:7:5: table.rows needs min or max",
		"{check: table.rows, min: 5, max: 4}":                                "min 5 is greater than max 4",
		"{check: table.rows, min: 5, mostly: 0.5}":                           "table.rows does not take mostly",
		"{check: column.range, column: n}":                                   "needs min or max",
		"{check: column.range, column: n, min: 2, max: 1}":                   "min 2 is greater than max 1",
		"{check: text.length, column: s, min: 2, max: 1}":                    "min 2 is greater than max 1",
		"{check: schema}":                                                    "no columns are declared",
		"{check: table.columns, names: [n], where: 'n != nil'}":              "does not take where",
		"{check: table.key}":                                                 "table.key needs the columns of the key",
		"{check: table.key, columns: [n, s], groupBy: s, where: 'n > 1'}":    "where, character ",
		"{check: column.null-rate, column: n, max: 1.5}":                     "max 1.5 is not a share between 0 and 1",
		"{check: column.null-rate, column: n, max: 0.5, mostly: 0.5}":        "does not take mostly",
		"{check: column.missing-tokens, column: n, max: -1}":                 "max -1 is not a share",
		"{check: column.distinct, column: n}":                                "column.distinct needs min or max",
		"{check: column.distinct, column: n, min: 2, max: 1}":                "min 2 is greater than max 1",
		"{check: column.mean, column: n}":                                    "column.mean needs min or max",
		"{check: column.stddev, column: n, max: 1, mostly: 0.5}":             "column.stddev does not take mostly",
		"{check: column.quantile, column: n, q: 2, max: 1}":                  "q 2 is not a share",
		"{check: column.quantile, column: n, q: 0.5}":                        "column.quantile needs min or max",
		"{check: column.median, column: n, min: 2, max: 1}":                  "min 2 is greater than max 1",
		"{check: column.monotonic, column: n, direction: increasing}":        "columns of CSV and JSON lines are text unless columns: declares their type",
		"{check: text.pattern, column: s, pattern: '(?=x)'}":                 "the syntax is RE2",
		"{check: text.pattern, column: s, pattern: '(a{1000}){1000}'}":       "text.pattern: error parsing regexp",
		"{check: rows.expression, expression: 'n >'}":                        "rows.expression: expression, character ",
		"{check: rows.expression, expression: 'n > 1'}":                      "columns of CSV and JSON lines are text unless columns: declares their type",
		"{check: rows.expression, expression: 'x > 1'}":                      "unknown name x",
		"{check: rows.expression, expression: 'n'}":                          "expected bool, but got string",
		"{check: rows.expression, expression: 'all(1..9, # > 1)'}":           "rows.expression: expression",
		"{check: split.overlap}":                                             "split.overlap compares two splits",
		"{check: label.balance, column: s}":                                  "label.balance needs minShare or maxRatio",
		"{check: label.balance, column: s, maxRatio: 0.5}":                   "maxRatio 0.5 is below 1",
		"{check: column.not-null, column: n, where: 's =='}":                 "where, character ",
		"{check: column.not-null, column: n, where: 's'}":                    "expected bool, but got string",
		"{check: column.not-null, column: n, where: 'n > 1'}":                "columns of CSV and JSON lines are text unless columns: declares their type",
		"{check: column.not-null, column: n, where: 'x > 1'}":                "unknown name x",
		"{check: column.not-null, column: n, where: 'len(1..9) > 1'}":        "ranges",
		"{check: column.not-null, column: n, where: 'now() == now()'}":       "unknown name now",
		"{check: column.not-null, column: n, where: 'any([1], # > 0)'}":      "where",
		"{check: column.not-null, column: n, where: '$env[s] == nil'}":       "in quotes",
		"{check: column.not-null, column: n, where: 'repeat(s, 9) == \"\"'}": "unknown name repeat",
	} {
		a := parse(t, "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: [f.csv]\nchecks:\n  - "+check+"\n")
		_, _, err := Run(context.Background(), a, expand(t, a, dir), Options{})
		mistakes := manifest.Errors{}
		if !errors.As(err, &mistakes) || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "dataset.yaml:7:") {
			t.Errorf("%s: error %v, want one with %q", check, err, want)
		}
	}
}

func TestMissingFileIsNoFinding(t *testing.T) {
	a := parse(t, "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: [f.csv]\n")
	_, _, err := Run(context.Background(), a, map[string][]table.File{"": {{Name: "f.csv", Path: "/nowhere/f.csv"}}}, Options{})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestSchemas(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Schemas() {
		if seen[c.ID] || c.Doc == "" {
			t.Errorf("%s: twice, or without a sentence", c.ID)
		}
		seen[c.ID] = true
		for name, p := range c.Params {
			if p.(map[string]any)["description"] == "" || p.(map[string]any)["type"] == nil {
				t.Errorf("%s: %s has no description or type", c.ID, name)
			}
		}
	}
}

func TestSamples(t *testing.T) {
	long := strings.Repeat("é", 100)
	for _, c := range []struct {
		samples manifest.Samples
		in      string
		want    string
		ok      bool
	}{
		{"", "secret", "", false},
		{manifest.SamplesNone, "secret", "", false},
		{manifest.SamplesMasked, "Bob 42, b@x.de\n", `xxx 99, x@x.xx\n`, true},
		{manifest.SamplesFull, "Bob\x1b[31m \"q\"", `Bob\x1b[31m "q"`, true},
		{manifest.SamplesFull, long, strings.Repeat("é", 80) + "…", true},
	} {
		f := Facts{samples: c.samples}
		if got, ok := f.sample(c.in); got != c.want || ok != c.ok {
			t.Errorf("%s %q: %q, %v", c.samples, c.in, got, ok)
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := report.Thousands(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for share, want := range map[float64]string{0: "0 %", 0.5: "50 %", 1: "100 %", 0.99999999: "99.999 %", 1e-9: "<0.001 %", 0.01234: "1.23 %"} {
		if got := percent(share); got != want {
			t.Errorf("%v: %s, want %s", share, got, want)
		}
	}
}

// TestMostlyOfDecimals holds that shares are compared as a person reads them:
// 0.55 * 100 is more than 55 in floats.
func TestMostlyOfDecimals(t *testing.T) {
	for n := range int64(101) {
		share := float64(n) / 100
		out := tally{checked: 100, failed: 100 - n, noun: "row"}.finding(manifest.CheckSpec{Mostly: &share}, Facts{})
		if out.Verdict != report.Pass {
			t.Errorf("mostly %v: %s", share, out.Message)
		}
		out = tally{checked: 100, failed: n, noun: "row", most: &share}.finding(manifest.CheckSpec{}, Facts{})
		if out.Verdict != report.Pass {
			t.Errorf("at most %v: %s", share, out.Message)
		}
	}
}

// TestQuantile has values of numpy.quantile (NumPy 2.4.6), whose default
// method is linear.
func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		q    float64
		want float64
	}{{0, -2.5}, {0.1, -1.0999999999999999}, {0.25, 1}, {0.5, 2}, {0.75, 4}, {0.95, 90.79999999999998}, {1, 112.5}} {
		if got := quantile([]float64{4, 112.5, 1, 2, -2.5}, c.q); got != c.want {
			t.Errorf("%v: %v, want %v", c.q, got, c.want)
		}
	}
	if got := quantile([]float64{-math.MaxFloat64, math.MaxFloat64}, 0.5); got != 0 {
		t.Errorf("wide: %v", got)
	}
	if got := quantile([]float64{7}, 0.3); got != 7 {
		t.Errorf("one: %v", got)
	}
}

// TestTooManyNumbers holds that a quantile is given up by how many numbers
// there are, not by how they come.
func TestTooManyNumbers(t *testing.T) {
	for _, shards := range [][]int{{10}, {4, 6}, {1, 8, 1}, {11}, {4, 7}, {10, 1}} {
		kept, total := new(atomic.Int64), 0
		first := &numbers{column: "n", kept: kept, most: 10}
		var parts []*numbers
		for _, n := range shards {
			p := &numbers{column: "n", kept: kept, most: 10}
			p.Observe(&table.Batch{Rows: n, Columns: []table.Column{{Name: "n", Type: table.Type{Kind: table.Int, Bits: 64}, Ints: make([]int64, n)}}})
			parts, total = append(parts, p), total+n
		}
		for _, p := range parts {
			first.Merge(p)
		}
		if over := kept.Load() > 10; over != (total > 10) || !over && len(first.values) != total || first.count != int64(total) {
			t.Errorf("%v: over %v, %d of %d kept", shards, over, len(first.values), first.count)
		}
	}
}

func TestStraySpace(t *testing.T) {
	for text, want := range map[string][2]bool{
		"": {}, "a": {}, "a b": {}, " a": {true, true}, "a ": {true, true}, "a\u00a0": {true, true}, "a  b": {true, false}, "a \u2003b": {true, false},
		" ": {true, true}, "\n": {true, true}, "a\xff": {}, "ß ö": {}, "a\n\nb": {true, false}, "  a": {true, true},
	} {
		if got := [2]bool{strayspace([]byte(text), false), strayspace([]byte(text), true)}; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// TestLateColumn has a key that appears only after the rows that the schema of
// JSON lines is read from.
func TestLateColumn(t *testing.T) {
	dir := t.TempDir()
	lines := strings.Repeat("{\"a\": \"some text that is long enough\"}\n", 400_000) + "{\"b\": 1}\n"
	if err := os.WriteFile(filepath.Join(dir, "f.jsonl"), []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	head := "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: [f.jsonl]\nchecks:\n"
	a := parse(t, head+"  - {check: table.columns, names: [a]}\n  - {check: table.columns, names: [a], match: contains}\n")
	findings, _, err := Run(context.Background(), a, expand(t, a, dir), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f := findings[1]; f.Verdict != report.Fail || f.Message != "the data has b besides" {
		t.Errorf("%+v", f)
	}
	if f := findings[2]; f.Verdict != report.Pass {
		t.Errorf("%+v", f)
	}
}
