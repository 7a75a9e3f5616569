package infer_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/datacheck"
	"github.com/waybill-dev/waybill/internal/infer"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// propose infers from files in dir and holds the outcome to its promise: it is
// a manifest and, unless there are very many columns, the same data passes.
func propose(t *testing.T, dir string, splits map[string]string) (*infer.Proposal, *manifest.Artifact) {
	t.Helper()
	var in []infer.Split
	files := map[string][]table.File{}
	head := "apiVersion: waybill.dev/v1\nkind: Dataset\nname: data\nfiles:\n"
	for _, name := range []string{"", "test", "train"} {
		file, ok := splits[name]
		if !ok {
			continue
		}
		files[name] = []table.File{{Name: file, Path: filepath.Join(dir, file)}}
		in = append(in, infer.Split{Name: name, Files: files[name]})
		if name == "" {
			head += "  - " + file + "\n"
		} else {
			head += "  " + name + ": " + file + "\n"
		}
	}
	p, err := infer.Dataset(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	parser, err := manifest.NewParser(nil, datacheck.Schemas())
	if err != nil {
		t.Fatal(err)
	}
	a, err := parser.Artifact("dataset.yaml", append([]byte(head), p.YAML...))
	if err != nil {
		t.Fatalf("%v\n%.10000s", err, p.YAML)
	}
	if len(a.Dataset.Columns) != p.Columns || len(a.Checks) != p.Checks {
		t.Errorf("%d columns and %d checks are there, said were %d and %d", len(a.Dataset.Columns), len(a.Checks), p.Columns, p.Checks)
	}
	if len(a.Dataset.Columns) < 100 { // binding checks takes the cube of it
		pass(t, p, a, files)
	}
	return p, a
}

func pass(t *testing.T, p *infer.Proposal, a *manifest.Artifact, files map[string][]table.File) {
	t.Helper()
	findings, _, err := datacheck.Run(context.Background(), a, files, datacheck.Options{TempDir: t.TempDir(), Now: func() time.Time { return time.Unix(0, 0) }})
	if err != nil {
		t.Fatalf("%v\n%s", err, p.YAML)
	}
	if len(findings) == 0 {
		t.Error("nothing was checked")
	}
	for _, f := range findings {
		if f.Verdict != report.Pass {
			t.Errorf("%s: %s: %s\n%.4000s", f.Check, f.Verdict, f.Message, p.YAML)
		}
	}
}

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestParquet(t *testing.T) {
	type row struct {
		UserID string   `parquet:"user_id"`
		Zip    string   `parquet:"zip"`
		Stars  int32    `parquet:"stars"`
		Share  float32  `parquet:"share"`
		Note   *string  `parquet:"note"`
		Raw    []byte   `parquet:"raw"`
		Tags   []string `parquet:"tags,list"`
		OK     bool     `parquet:"ok"`
	}
	dir := t.TempDir()
	for file, from := range map[string]int{"train.parquet": 0, "test.parquet": 100} {
		var rows []row
		for i := from; i < from+100; i++ {
			r := row{UserID: fmt.Sprintf("u-%d", i), Zip: fmt.Sprintf("%05d", i%7), Stars: int32(i % 5), Share: float32(i%10) / 10, Raw: []byte{0xff, byte(i)}, Tags: []string{"a"}, OK: i%2 == 0}
			if i%3 == 0 {
				note := strings.Repeat("so ", i%50)
				r.Note = &note
			}
			rows = append(rows, r)
		}
		var b bytes.Buffer
		w := parquet.NewGenericWriter[row](&b)
		if _, err := w.Write(rows); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		write(t, dir, file, b.Bytes())
	}
	p, a := propose(t, dir, map[string]string{"train": "train.parquet", "test": "test.parquet"})
	for _, want := range []string{
		"name: user_id\n    type: string\n    nullable: false # no value was missing\n    unique: true #",
		"name: zip\n    type: string\n    nullable: false # no value was missing\n    values: [\"00000\", \"00001\"",
		"name: stars\n    type: int32\n    nullable: false # no value was missing\n    values: [0, 1, 2, 3, 4] #",
		"name: share\n    type: float32\n", "name: raw\n    type: bytes\n", "name: tags\n    type: list\n", "name: ok\n    type: bool\n",
		"# 133 values were missing", // of note, which 34 and 33 rows have
		"{check: table.rows, min: 180}", "split.overlap, between: [train, test], column: user_id}", "column.range, column: share, min: 0, max: 1, severity: warning}",
	} {
		if !strings.Contains(string(p.YAML), want) {
			t.Errorf("no %q in\n%s", want, p.YAML)
		}
	}
	if n := slices.IndexFunc(a.Dataset.Columns, func(c manifest.Column) bool { return c.Name == "note" }); n < 0 || a.Dataset.Columns[n].Nullable != nil {
		t.Error("note, which has nulls, is said to have none")
	}
}

// TestOverlapUnknown: whether rows are shared is not claimed without knowing.
func TestOverlapUnknown(t *testing.T) {
	dir := t.TempDir()
	data := "text\n"
	for i := range 40 {
		data += fmt.Sprintf("text number %d\n", i)
	}
	write(t, dir, "train.csv", []byte(data))
	write(t, dir, "test.csv", []byte(data))
	p, a := propose(t, dir, map[string]string{"train": "train.csv", "test": "test.csv"})
	if !strings.Contains(string(p.YAML), "\n  # - {check: split.overlap, between: [train, test], column: text}\n") {
		t.Errorf("the check is not offered:\n%s", p.YAML)
	}
	if a.Dataset.Columns[0].Unique {
		t.Error("text is said to be unique, and every value is there twice")
	}
}

// TestManyKeys: columns of more values than a profile lists are unique only when
// they are.
func TestManyKeys(t *testing.T) {
	for _, last := range []int{20_000, 4} { // the second is there already
		dir := t.TempDir()
		var data [2]strings.Builder
		for i := range data {
			data[i].WriteString("id\n")
		}
		for i := range 20_000 {
			fmt.Fprintf(&data[i%2], "u-%d\n", i)
		}
		fmt.Fprintf(&data[1], "u-%d\n", last)
		write(t, dir, "train.csv", []byte(data[0].String()))
		write(t, dir, "test.csv", []byte(data[1].String()))
		_, a := propose(t, dir, map[string]string{"train": "train.csv", "test": "test.csv"})
		if got, want := a.Dataset.Columns[0].Unique, last == 20_000; got != want {
			t.Errorf("u-%d: unique is %v", last, got)
		}
	}
}

// TestHostile: whatever names and values are, the manifest parses, says what
// they are, and the data passes.
func TestHostile(t *testing.T) {
	pieces := []string{"'", "\"", "\n", ": ", "- ", "#", "{", "}", "[", ",", "%s", "%", "\\", "\x07", "\x7f", "\u2028", "\ufeff", "é", "日本", "no", "~", "null", "1", "0", "-0", "+", "1e5", "nan", "true", "2024-01-01", "=", "!", "&a", "*a", "|", ">", "@", "`", "\t", " ", "---", "<<", "\xff", "<script>"}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		word := func(n int) string {
			var b strings.Builder
			for range 1 + r.IntN(n) {
				b.WriteString(pieces[r.IntN(len(pieces))])
			}
			return b.String()
		}
		var header []string
		var choices [][]string
		for i := range 8 {
			// Names are different, and seldom but by their ends.
			header = append(header, word(3)+strings.Repeat("x", i))
			var c []string
			for range 1 + r.IntN(30) {
				c = append(c, word(2))
			}
			choices = append(choices, c)
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		seen := map[string]bool{}
		for i, h := range header {
			if seen[h] {
				header[i] = h + fmt.Sprint("-", i)
			}
			seen[header[i]] = true
		}
		w.Write(header)
		for range 1 + r.IntN(120) {
			var row []string
			for _, c := range choices {
				row = append(row, c[r.IntN(len(c))])
			}
			w.Write(row)
		}
		w.Flush()
		dir := t.TempDir()
		// A mark of byte order and bytes that are not UTF-8 are for the reader
		// to judge; here they would only be refused.
		data := bytes.ReplaceAll(bytes.TrimPrefix(b.Bytes(), []byte("\ufeff")), []byte{0xff}, []byte("?"))
		write(t, dir, "data.csv", data)
		_, a := propose(t, dir, map[string]string{"": "data.csv"})
		for _, c := range a.Dataset.Columns {
			if !strings.Contains(string(data), strings.ReplaceAll(c.Name, "\"", "\"\"")) {
				t.Errorf("seed %d: column %q is declared, which is not in the data", seed, c.Name)
			}
		}
		if t.Failed() {
			return
		}
	}
}

// TestUneven: what only some files have is left out, whether they have rows
// or not, and an empty split is compared with nothing.
func TestUneven(t *testing.T) {
	dir := t.TempDir()
	data := "a,b\n"
	for i := range 30 {
		data += fmt.Sprintf("text %d,\"\"\n", i)
	}
	write(t, dir, "train.csv", []byte(data))
	write(t, dir, "test.csv", []byte("c,a\n"))
	p, a := propose(t, dir, map[string]string{"train": "train.csv", "test": "test.csv"})
	if p.LeftOut != 2 || p.Columns != 1 || a.Dataset.Columns[0].Name != "a" || !strings.Contains(string(p.YAML), "# Left out: 2 columns, which are not in all of the files.") {
		t.Errorf("%d columns, %d left out:\n%s", p.Columns, p.LeftOut, p.YAML)
	}
	if strings.Contains(string(p.YAML), "overlap") {
		t.Errorf("a split without rows is compared:\n%s", p.YAML)
	}
	write(t, dir, "data.csv", []byte(data))
	if p, _ := propose(t, dir, map[string]string{"": "data.csv"}); !strings.Contains(string(p.YAML), `values: [""] #`) {
		t.Errorf("texts of no characters are values too:\n%s", p.YAML)
	}
}

// TestSecrets: values are shown as categories only.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	data := "card,long,rare,kind\n"
	for i := range 200 {
		data += fmt.Sprintf("secret-%d,%s,%s,a\n", i, strings.Repeat("l", 41), map[bool]string{true: "once", false: "often"}[i == 7])
	}
	write(t, dir, "data.csv", []byte(data))
	p, _ := propose(t, dir, map[string]string{"": "data.csv"})
	for _, no := range []string{"secret", "lll", "once", "often"} {
		if strings.Contains(string(p.YAML), no) {
			t.Errorf("%q is in\n%s", no, p.YAML)
		}
	}
	if !strings.Contains(string(p.YAML), "values: [a] # each was there at least 200 times") {
		t.Errorf("the category is not in\n%s", p.YAML)
	}
}

func TestNoRows(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "data.csv", []byte("a,b\n"))
	_, err := infer.Dataset(context.Background(), []infer.Split{{Files: []table.File{{Name: "data.csv", Path: filepath.Join(dir, "data.csv")}}}})
	if !errors.Is(err, infer.ErrNothing) {
		t.Errorf("got %v", err)
	}
}

// TestLongNames: however much there is to say, a manifest stays one.
func TestLongNames(t *testing.T) {
	dir := t.TempDir()
	var names, values []string
	for i := range 1200 {
		names = append(names, fmt.Sprintf("%d%s", i, strings.Repeat("\U000e0001", 90)))
		values = append(values, "text")
	}
	row := strings.Join(values, ",") + "\n"
	write(t, dir, "data.csv", []byte(strings.Join(names, ",")+"\n"+row+row))
	if p, _ := propose(t, dir, map[string]string{"": "data.csv"}); p.Columns < 100 || p.Columns >= 1000 || p.Columns+p.LeftOut != 1200 {
		t.Errorf("%d columns, %d left out", p.Columns, p.LeftOut)
	}
}

// TestFewRows: from a few rows little is concluded.
func TestFewRows(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "data.csv", []byte("id,text,score\n7,hello there,0.5\n"))
	p, a := propose(t, dir, map[string]string{"": "data.csv"})
	if p.Columns != 3 || p.Checks != 1 || a.Dataset.Columns[0].Nullable != nil || !strings.Contains(string(p.YAML), "{check: table.rows, min: 1} # 1 row was there, too few") {
		t.Errorf("got\n%s", p.YAML)
	}
	write(t, dir, "data.csv", []byte("label\n"+strings.Repeat("a\n", 19)))
	if _, a := propose(t, dir, map[string]string{"": "data.csv"}); a.Dataset.Columns[0].Values != nil {
		t.Error("19 rows make categories")
	}
}

// TestLongNumbers: digits that a number would not keep are text.
func TestLongNumbers(t *testing.T) {
	dir := t.TempDir()
	data := "card,amount,fraction\n"
	for i := range 30 {
		data += fmt.Sprintf("%d0000000000%010d,%d,0.%020d\n", 1+i, i, int64(9e18)+int64(i), i)
	}
	write(t, dir, "data.csv", []byte(data))
	_, a := propose(t, dir, map[string]string{"": "data.csv"})
	for i, want := range []string{"string", "int64", "float64"} {
		if c := a.Dataset.Columns[i]; string(c.Type) != want {
			t.Errorf("%s is %s, want %s", c.Name, c.Type, want)
		}
	}
}

// TestJSONValues: what is proposed of JSON lines holds for them, whatever kinds
// of values a column has.
func TestJSONValues(t *testing.T) {
	pieces := [][]string{
		{"1", "2", "-3", "9007199254740993", "18446744073709551615", "36893488147419103232"},
		{"0.5", "1.0", "1e300", "-0.0", "1e-320"},
		{"true", "false"}, {"null"}, {`""`, `"a"`, `"007"`, `"2024-01-01"`, `"nan"`, `"1"`, `" "`}, {"[1]", "[]"}, {`{"a":1}`, "{}"},
	}
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 2))
		var kinds [6][]string
		for i := range kinds {
			for range 1 + r.IntN(2) {
				kinds[i] = append(kinds[i], pieces[r.IntN(len(pieces))]...)
			}
		}
		var b strings.Builder
		for range 1 + r.IntN(90) {
			var cells []string
			for i, k := range kinds {
				if i == 0 || r.IntN(40) > 0 {
					cells = append(cells, fmt.Sprintf("%q:%s", fmt.Sprint("c", i), k[r.IntN(len(k))]))
				}
			}
			b.WriteString("{" + strings.Join(cells, ",") + "}\n")
		}
		dir := t.TempDir()
		write(t, dir, "data.jsonl", []byte(b.String()))
		propose(t, dir, map[string]string{"": "data.jsonl"})
		if t.Failed() {
			t.Fatalf("seed %d:\n%.3000s", seed, b.String())
		}
	}
}
