package datacheck

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// hostileChecks is an entry for every check of the catalog, about the columns
// id, t (text), n (number), d (date) and l (label).
var hostileChecks = []string{
	"check: table.rows, min: 1",
	"check: table.rows, max: 0",
	"check: table.columns, names: [id, t, n, d, l]",
	"check: table.duplicates",
	"check: table.duplicates, columns: [t, n]",
	"check: table.key, columns: [id, l]",
	`check: table.foreign-key, column: t, references: "#production"`,
	`check: table.growth, against: "#production", min: -0.5, max: 0.5`,
	"check: table.volume",
	"check: table.freshness, column: d, maxAge: 7d",
	"check: table.gaps, column: d, every: day",
	"check: table.gaps, column: d, every: month, max: 3",
	`check: schema.change, against: "#production"`,
	"check: column.not-null, column: t",
	"check: column.null-rate, column: n, max: 0.1",
	"check: column.missing-tokens, column: t",
	"check: column.unique, column: id",
	"check: column.distinct, column: n, min: 2",
	"check: column.distinct, column: t, max: 0",
	"check: column.constant, column: n",
	"check: column.values, column: n, values: [0, 9007199254740993]",
	"check: column.not-values, column: n, values: [0, 9007199254740992]",
	"check: column.range, column: n, min: 0, max: 9007199254740992",
	"check: column.range, column: id, min: 0, max: 9007199254740992",
	"check: column.mean, column: n, min: 0",
	"check: column.median, column: n, min: 0",
	"check: column.quantile, column: n, q: 0.9, max: 3",
	"check: column.sum, column: n, max: 3",
	"check: column.sum, column: id, max: 3",
	"check: column.stddev, column: n, max: 3",
	"check: column.monotonic, column: n, direction: increasing",
	"check: column.monotonic, column: d, direction: increasing, strict: true",
	"check: column.most-frequent, column: t, values: [x], maxShare: 0.9",
	"check: column.outliers, column: n",
	"check: column.outliers, column: n, method: zscore",
	"check: column.outliers, column: n, method: mad",
	"check: column.types, column: t",
	"check: column.types, column: n, max: 0.5",
	"check: number.finite, column: n",
	"check: rows.expression, expression: 'n > 1'",
	"check: rows.expression, expression: 'n / n == 1'",
	"check: rows.expression, expression: 'id % 2 == 0'",
	"check: text.length, column: t, min: 1",
	"check: text.pattern, column: t, pattern: '^a'",
	"check: text.parses, column: t, as: json",
	"check: text.whitespace, column: t",
	"check: text.casing, column: t, case: lower",
	"check: text.variants, column: t",
	"check: text.properties, column: t, property: average-word-length, min: 1",
	"check: text.properties, column: t, property: upper-case, max: 0.5",
	"check: text.pii",
	"check: text.pii, column: t, max: 1",
	"check: text.near-duplicates, column: t",
	"check: split.overlap, between: [train, test], columns: [t]",
	"check: split.overlap, between: [train, test]",
	"check: split.near-overlap, between: [train, test], column: t",
	"check: split.ratio, shares: {train: 0.5, test: 0.5}",
	`check: split.stability, column: id, against: "#production"`,
	`check: drift, against: "#production"`,
	`check: drift, against: "#production", columns: [n], method: ks`,
	`check: drift, against: "#production", columns: [n], method: psi`,
	`check: drift, against: "#production", columns: [l], method: chi-square`,
	`check: drift, against: "#production", columns: [n], method: wasserstein`,
	"check: label.balance, column: l, minShare: 0.2, maxRatio: 2",
	"check: label.balance, column: l, maxRatio: 2, classes: [a, zz]",
	"check: label.conflicts, column: l, on: [t]",
	"check: label.new, column: l, between: [train, test]",
	`check: label.new, column: l, against: "#production", vanished: fail`,
	"check: leakage.date, column: d, between: [train, test]",
	"check: leakage.feature, label: l",
	"check: leakage.id, column: id, label: l",
}

// hostileData are the rows of a split, by what is odd about them.
var hostileData = map[string][]string{
	"ordinary":   {"1,abc def ghi,1,2026-03-01,a", "2,x,2,2026-03-02,b", "3,x,2.5,2026-03-03,a", "4,Long words here,3,2026-03-04,b", "5,y,4,2026-03-05,a", "6,z,5,2026-03-06,b"},
	"no rows":    nil,
	"one row":    {"1,x,1,2026-03-01,a"},
	"all null":   {",,,,", ",,,,", ",,,,"},
	"all empty":  {`"","","","",""`, `"","","","",""`},
	"null empty": {`1,,,,`, `2,"","","",""`},
	"not finite": {"1,nan,NaN,2026-03-01,a", "2,inf,Infinity,2026-03-01,b", "3,-inf,-Inf,2026-03-01,a"},
	"minus zero": {"0,-0,-0,2026-03-01,a", "0,0,0,2026-03-01,b", "-0,-0.0,0.0,2026-03-01,a"},
	"extremes":   {"9223372036854775807,9007199254740993,1e308,0001-01-01,a", "-9223372036854775808,18446744073709551615,1e308,9999-12-31,b", "9007199254740993,9007199254740992,-1e308,1900-02-29,a", "9007199254740992,x,5e-324,0000-00-00,b"},
	"beyond":     {"9223372036854775808,x,1e999,10000-01-01,a", "-9223372036854775809,x,-1e999,-0001-01-01,b"},
	"controls":   {"1,\"ab\x1b[31m\",1,2026-03-01,\"\u202eab\"", "2,\"line\nbreak\",2,2026-03-02,\"<script>\"", "3,\"| pipe `tick`\",3,2026-03-02,\"| x |\""},
}

// hostileModes are what is added to an entry, if it takes that.
var hostileModes = []string{"", ", where: 'n != nil', mostly: 0.5", ", groupBy: l", ", where: 'l == \"none\"'"}

// oddWords are what arithmetic and plurals gone wrong leave in a message.
var oddWords = regexp.MustCompile(`\bNaN %|[+-]Inf\b|\b0 of 0\b|%!|<nil>|\bare 1 |\b1 (rows|values|texts|numbers|classes|columns|groups)\b|\b0 (row|value)\b`)

const hostileHead = `apiVersion: waybill.dev/v1
kind: Dataset
name: odd
license: MIT
files: {train: train.csv, test: test.csv}
columns:
  - {name: id, type: int64}
  - {name: n, type: float64}
  - {name: d, type: date}
  - {name: t, type: string}
checks:
`

// TestHostileData is the property that whatever the data is like, every check
// answers: findings can be written as JSON, nothing is divided by zero, and
// nothing to look at is never a PASS.
func TestHostileData(t *testing.T) {
	p, err := manifest.NewParser(nil, Schemas())
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range hostileModes {
		entries := hostileEntries(t, p, mode)
		for train, rows := range hostileData {
			for _, test := range []string{"ordinary", "no rows"} {
				t.Run(train+", "+test+mode, func(t *testing.T) {
					dir := hostileFiles(t, rows, hostileData[test])
					nothing := len(rows)+len(hostileData[test]) == 0 || strings.Contains(mode, "none")
					for i, f := range hostileRun(t, p, dir, entries) {
						holdFinding(t, entries[i], f, nothing)
					}
				})
			}
		}
	}
}

// hostileEntries are those that take a mode.
func hostileEntries(t *testing.T, p *manifest.Parser, mode string) []string {
	dir := hostileFiles(t, hostileData["ordinary"], hostileData["ordinary"])
	var out []string
	for _, entry := range hostileChecks {
		a, err := p.Artifact("dataset.yaml", []byte(hostileHead+"  - {"+entry+mode+"}\n"))
		if err != nil {
			continue
		}
		_, _, err = Run(t.Context(), a, expand(t, a, dir), Options{Baselines: baselinesIn(t, a, dir)})
		if wrong := (manifest.Errors)(nil); !errors.As(err, &wrong) {
			out = append(out, entry+mode)
		}
	}
	return out
}

func hostileFiles(t *testing.T, train, test []string) string {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "baseline"), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, rows := range map[string][]string{"train.csv": train, "test.csv": test, "baseline/train.csv": test, "baseline/test.csv": train} {
		writeFile(t, filepath.Join(dir, path), "id,t,n,d,l\n"+strings.Join(append(slices.Clone(rows), ""), "\n"))
	}
	return dir
}

// hostileRun returns the findings of each entry.
func hostileRun(t *testing.T, p *manifest.Parser, dir string, entries []string) map[int][]report.Finding {
	a, err := p.Artifact("dataset.yaml", []byte(hostileHead+"  - {"+strings.Join(entries, "}\n  - {")+"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{
		Samples: manifest.SamplesFull, TempDir: dir, Baselines: baselinesIn(t, a, dir),
		Now: func() time.Time { return time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC) },
	}
	findings, _, err := Run(t.Context(), a, expand(t, a, dir), opts)
	if err != nil {
		t.Fatal(err)
	}
	out := map[int][]report.Finding{}
	for i := range entries {
		out[i] = nil
	}
	for _, f := range findings {
		if i := f.Location.Line - strings.Count(hostileHead, "\n") - 1; i >= 0 {
			out[i] = append(out[i], f)
		}
	}
	return out
}

func holdFinding(t *testing.T, entry string, found []report.Finding, nothing bool) {
	if len(found) == 0 {
		t.Errorf("%s: no finding", entry)
	}
	for _, f := range found {
		if _, err := json.Marshal(f); err != nil {
			t.Errorf("%s: %v", entry, err)
		}
		for _, s := range []string{f.Message, f.Observed, f.Expected, f.Subject} {
			if m := oddWords.FindString(s); m != "" {
				t.Errorf("%s: %q in %s %s", entry, m, f.Verdict, s)
			}
			if strings.ContainsAny(s, "\x1b\n\u202e") {
				t.Errorf("%s: control characters in %q", entry, s)
			}
		}
		if f.Verdict == report.Pass && nothing && !strings.Contains(entry, "table.") && !strings.Contains(entry, "schema.") {
			t.Errorf("%s: %s of nothing: %s", entry, f.Verdict, f.Message)
		}
	}
}

// TestWideInt holds that an expression does not take an unsigned number past
// the greatest signed one for a negative one.
func TestWideInt(t *testing.T) {
	type row struct {
		U uint64 `parquet:"u"`
	}
	path := filepath.Join(t.TempDir(), "d.parquet")
	if err := parquet.WriteFile(path, []row{{1}, {1<<64 - 1}, {2}}); err != nil {
		t.Fatal(err)
	}
	file := table.File{Name: "d.parquet", Path: path}
	for _, entry := range []string{"{check: rows.expression, expression: 'u > 0'}", "{check: rows.expression, expression: 'abs(u) > 0'}", "{check: rows.expression, expression: 'u == 5 or u + 1 > 0'}", "{check: column.unique, column: u, where: 'u > 0'}"} {
		f := runParquet(t, entry, file)
		if f.Verdict != report.Inconclusive || !strings.Contains(f.Message, "cannot be evaluated for 1 row; first: d.parquet row 2") {
			t.Errorf("%s: %s %s", entry, f.Verdict, f.Message)
		}
	}
	for _, entry := range []string{"{check: rows.expression, expression: 'u != nil'}", "{check: column.unique, column: u, where: 'u != nil'}"} {
		if f := runParquet(t, entry, file); f.Verdict != report.Pass || !strings.Contains(f.Message, "(3 ") {
			t.Errorf("%s: %s %s", entry, f.Verdict, f.Message)
		}
	}
}

func TestHostileNames(t *testing.T) {
	long := strings.Repeat("x", 4096)
	runTextCases(t, []textCase{
		{"quotes in groups", "{check: column.unique, column: c, groupBy: [a, b]}",
			"a,b,c\n\"x\"\", b=\"\"y\",z,1\nx,\"y\"\", b=\"\"z\",1\n", report.Pass, "holds in 2 of 2 groups"},
		{"long labels", "{check: label.balance, column: l, maxRatio: 1}",
			"l\n" + long + "a\n" + long + "b\n", report.Pass, "the smallest of 2 classes has 1 row"},
		{"long column", "{check: column.constant, column: " + long + "}",
			long + "\na\nb\n", report.Fail, strings.Repeat("x", maxSample) + "…: 1 of 2 values"},
	})
	_, err := checkFiles(t, `{check: column.unique, column: not, where: 'not != "a"'}`, Options{}, map[string]string{"d.csv": "not\nb\n"})
	if err == nil || !strings.Contains(err.Error(), `$env["its name"]`) {
		t.Error(err)
	}
	found, err := checkFiles(t, `{check: column.unique, column: not, where: '$env["not"] != "a"'}`, Options{}, map[string]string{"d.csv": "not\nb\n"})
	if err != nil || found[0].Verdict != report.Pass {
		t.Error(found, err)
	}
}

func TestAgeText(t *testing.T) {
	now := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	for then, want := range map[string]string{
		"0001-01-01T00:00:00Z": "739,706 days", "2026-03-21T13:00:00Z": "10 days", "2026-03-30T10:30:00Z": "2d1h", "2026-04-01T11:59:00Z": "1m0s",
	} {
		at, err := time.Parse(time.RFC3339, then)
		if err != nil {
			t.Fatal(err)
		}
		if got := ageText(now, at); got != want {
			t.Errorf("%s: %s, want %s", then, got, want)
		}
	}
}
