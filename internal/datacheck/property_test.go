package datacheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type review struct {
	ID    int64    `parquet:"id" json:"id"`
	Text  *string  `parquet:"text" json:"text"`
	Label int64    `parquet:"label" json:"label"`
	Lang  string   `parquet:"lang,dict" json:"lang"`
	Price *float64 `parquet:"price" json:"price"`
}

const reviewChecks = `apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
license: MIT
files: ["data*"]
columns:
  - {name: id, type: int64, unique: true}
  - {name: text, type: string, nullable: false}
  - {name: label, type: int8, values: [0, 1]}
  - {name: lang, type: string}
  - {name: price, type: float64, min: 0, max: 99.5}
checks:
  - {check: table.rows, min: 1000}
  - {check: text.length, column: text, min: 1, max: 40, mostly: 0.9}
  - {check: column.unique, column: text, mostly: 0.5, groupBy: lang}
  - {check: column.range, column: price, max: 90, where: 'label == 1 and lang != "fr"', groupBy: [lang, label]}
  - {check: column.values, column: lang, values: [en, de], where: 'price > 50'}
`

// moreChecks are those of the catalog that reviewChecks leaves out.
const moreChecks = `
  - {check: table.key, columns: [id, text]}
  - {check: table.duplicates, columns: [text, lang]}
  - {check: table.duplicates, mostly: 0.9}
  - {check: column.null-rate, column: price, max: 0.001}
  - {check: column.missing-tokens, column: text, tokens: ["12", "größe größe 7"], max: 0.0001}
  - {check: column.missing-tokens, column: price}
  - {check: column.distinct, column: label, max: 3}
  - {check: column.distinct, column: text, min: 10001}
  - {check: column.distinct, column: price, min: 10001, groupBy: lang}
  - {check: column.constant, column: lang}
  - {check: column.constant, column: label, groupBy: lang, mostly: 0.51}
  - {check: column.not-values, column: label, values: [2, 202]}
  - {check: column.mean, column: price, min: 49, max: 49.5}
  - {check: column.median, column: price, min: 49, max: 49.5}
  - {check: column.quantile, column: price, q: 0.9, groupBy: [lang, label], min: 89}
  - {check: column.sum, column: id, min: 1}
  - {check: column.stddev, column: price, max: 28.9}
  - {check: column.monotonic, column: id, direction: increasing, strict: true}
  - {check: column.monotonic, column: lang, direction: decreasing, mostly: 0.5, where: 'price > 50'}
  - {check: number.finite, column: price}
  - {check: rows.expression, expression: 'label < 2 and price <= 90'}
  - {check: rows.expression, expression: 'price != nil or lang == "fr"', groupBy: label}
  - {check: text.pattern, column: text, pattern: '[0-9]+$'}
  - {check: text.parses, column: text, as: integer, mostly: 0.1}
  - {check: text.whitespace, column: text}
  - {check: text.casing, column: lang, case: upper}
  - {check: label.balance, column: label, minShare: 0.4}
  - {check: label.balance, column: lang, maxRatio: 1.01, classes: [en, de, fr, it]}
`

func someReviews(n int) []review {
	rng := rand.New(rand.NewPCG(11, 12))
	rows := make([]review, n)
	for i := range rows {
		r := review{ID: int64(i), Label: int64(rng.IntN(2)), Lang: []string{"en", "de", "fr"}[rng.IntN(3)]}
		if rng.IntN(500) == 0 {
			r.ID, r.Label = int64(rng.IntN(n)), 2+200*int64(rng.IntN(2))
		}
		if rng.IntN(100) > 0 {
			text := strings.Repeat("größe ", rng.IntN(8)) + fmt.Sprint(rng.IntN(n))
			r.Text = &text
		}
		if rng.IntN(50) > 0 {
			price := float64(rng.IntN(10_000)) / 100
			r.Price = &price
		}
		rows[i] = r
	}
	return rows
}

// store writes rows in some format.
func store(t testing.TB, path string, rows []review) table.File {
	t.Helper()
	var out strings.Builder
	cell := func(s string) string { return `"` + s + `"` }
	switch {
	case strings.Contains(path, ".csv"):
		out.WriteString("id,text,label,lang,price\n")
		for _, r := range rows {
			text, price := "", ""
			if r.Text != nil {
				text = cell(*r.Text)
			}
			if r.Price != nil {
				price = fmt.Sprint(*r.Price)
			}
			fmt.Fprintf(&out, "%d,%s,%d,%s,%s\n", r.ID, text, r.Label, r.Lang, price)
		}
	case strings.Contains(path, ".jsonl"):
		enc := json.NewEncoder(&out)
		for _, r := range rows {
			if err := enc.Encode(r); err != nil {
				t.Fatal(err)
			}
		}
	default:
		if err := parquet.Write(&out, rows, parquet.MaxRowsPerRowGroup(int64(max(700, len(rows)/8)))); err != nil {
			t.Fatal(err)
		}
	}
	data := out.String()
	var packed strings.Builder
	switch filepath.Ext(path) {
	case ".gz":
		w := gzip.NewWriter(&packed)
		w.Write([]byte(data))
		w.Close()
		data = packed.String()
	case ".zst":
		w, err := zstd.NewWriter(&packed)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(data))
		w.Close()
		data = packed.String()
	}
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	return table.File{Name: filepath.Base(path), Path: path}
}

// outcome is findings without what depends on the files: places and formats.
func outcome(findings []report.Finding) []report.Finding {
	var out []report.Finding
	for _, f := range findings {
		if f.Check == Readable {
			continue
		}
		f.Message, _, _ = strings.Cut(f.Message, "; first:")
		if examples, ok := f.Details["examples"].([]any); ok {
			var values []any
			for _, e := range examples {
				values = append(values, e.(map[string]any)["value"])
			}
			f.Details["examples"] = values
		}
		out = append(out, f)
	}
	return out
}

// TestSameFindings is the property: formats, files, row groups, workers and
// memory do not change what is found.
func TestSameFindings(t *testing.T) {
	t.Run("first", func(t *testing.T) { sameFindings(t, reviewChecks) })
	head, _, _ := strings.Cut(reviewChecks, "checks:")
	t.Run("more", func(t *testing.T) { sameFindings(t, head+"checks:"+moreChecks) })
}

func sameFindings(t *testing.T, yaml string) {
	rows := someReviews(5000)
	a := parse(t, yaml)
	check := func(files []table.File, opts Options) []report.Finding {
		t.Helper()
		opts.Samples = manifest.SamplesFull
		opts.TempDir = t.TempDir()
		findings, _, err := Run(context.Background(), a, map[string][]table.File{"": files}, opts)
		if err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(opts.TempDir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		return outcome(findings)
	}
	want := check([]table.File{store(t, filepath.Join(t.TempDir(), "data.csv"), rows)}, Options{Workers: 1})
	failed := 0
	for _, f := range want {
		if f.Verdict == report.Fail {
			failed++
		}
	}
	if failed < 5 || failed == len(want) {
		t.Fatalf("the data tests little: %d of %d findings fail", failed, len(want))
	}
	rng := rand.New(rand.NewPCG(13, 14))
	for try, ext := range []string{".csv", ".csv.gz", ".csv.zst", ".jsonl", ".jsonl.gz", ".parquet", ".parquet"} {
		dir := t.TempDir()
		var files []table.File
		for from := 0; from < len(rows); {
			to := min(from+1+rng.IntN(2000), len(rows))
			files = append(files, store(t, filepath.Join(dir, fmt.Sprintf("data%02d%s", len(files), ext)), rows[from:to]))
			from = to
		}
		got := check(files, Options{Workers: 1 + try%3, Memory: int64(try % 2)})
		if len(got) != len(want) {
			t.Fatalf("%s: %d findings, want %d", ext, len(got), len(want))
		}
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("%s in %d files:\n%+v\nwant\n%+v", ext, len(files), got[i], want[i])
			}
		}
	}
}

func TestTooManyGroups(t *testing.T) {
	for _, n := range []int{maxGroups, maxGroups + 1} {
		rows := make([]review, n)
		for i := range rows {
			rows[i].ID = int64(i)
		}
		a := parse(t, "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: [d.parquet]\nchecks:\n  - {check: table.rows, min: 1, groupBy: id}\n")
		f := store(t, filepath.Join(t.TempDir(), "d.parquet"), rows)
		findings, _, err := Run(context.Background(), a, map[string][]table.File{"": {f}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := report.Pass
		if n > maxGroups {
			want = report.Inconclusive
		}
		if got := findings[len(findings)-1]; got.Verdict != want {
			t.Errorf("%d groups: %+v", n, got)
		}
	}
}

// TestTooManyGroupsInOneFile has them all in the second of three shards.
func TestTooManyGroupsInOneFile(t *testing.T) {
	a := parse(t, "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: ['*.csv']\nchecks:\n  - {check: table.rows, min: 1, groupBy: id}\n")
	many := make([]review, maxGroups+1)
	for i := range many {
		many[i].ID = int64(i)
	}
	dir := t.TempDir()
	files := []table.File{
		store(t, filepath.Join(dir, "a.csv"), many[:3]), store(t, filepath.Join(dir, "b.csv"), many), store(t, filepath.Join(dir, "c.csv"), many[:3]),
	}
	findings, _, err := Run(context.Background(), a, map[string][]table.File{"": files}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := findings[len(findings)-1]; got.Verdict != report.Inconclusive {
		t.Errorf("%+v", got)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	f := store(t, filepath.Join(t.TempDir(), "data.csv"), someReviews(10))
	if _, _, err := Run(ctx, parse(t, reviewChecks), map[string][]table.File{"": {f}}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// FuzzWhere holds that no expression, of where: or of a check, panics, runs on or sees a clock.
func FuzzWhere(f *testing.F) {
	for _, s := range []string{
		`label == 1`, `lang in ["en", "de"] and price > 1.5`, `$env["text"] contains "x"`, `text matches "^a+$"`, `len(text) > 3 ? true : false`,
		`price == nil`, `1..1000000000 == 3`, `all(text, # > 1)`, `now() > date("2026-01-01")`, `((((((`, `label ** 9999 > 1`, `[[[[[[1]]]]]] == nil`, `{"a": 1}.a == 1`,
		`upper(lang) + lang == "ENen"`, `text[0:99999] == ""`, `let x = 1; x == label`,
	} {
		f.Add(s)
	}
	file := store(f, filepath.Join(f.TempDir(), "data.csv"), someReviews(20))
	a := parse(f, reviewChecks)
	f.Fuzz(func(t *testing.T, where string) {
		a := *a
		at := manifest.Pos{File: "dataset.yaml", Line: 1, Column: 1}
		a.Checks = []manifest.CheckSpec{
			{Check: "table.rows", Where: where, Params: map[string]any{"min": int64(1)}, Pos: at},
			{Check: "rows.expression", Params: map[string]any{"expression": where}, Pos: at},
		}
		_, _, err := Run(context.Background(), &a, map[string][]table.File{"": {file}}, Options{})
		if mistakes := (manifest.Errors{}); err != nil && !errors.As(err, &mistakes) {
			t.Errorf("%q: %T %v", where, err, err)
		}
	})
}
