package datacheck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// folders are baselines in folders of a test: baseline/ is what #production
// means, other names are datasets of one file.
type folders struct {
	t        testing.TB
	a        *manifest.Artifact
	dir      string
	history  []Past
	profiles bool // there are profiles
	fetched  []string
}

func (f *folders) Baseline(ctx context.Context, with Against) (*Baseline, error) {
	name, file := "reviews@v1.2.0 ("+with.Reference+")", "baseline"
	switch {
	case with.Role != "":
		name = "reviews@v1.1.0 (" + with.String() + ")"
	case with.Reference == "#staging":
		return nil, fmt.Errorf("%w: no reviews in staging is registered", ErrNoBaseline)
	case with.Reference == "#broken":
		return nil, errors.New("registry.example: connection refused")
	case !strings.ContainsAny(with.Reference, "#@"):
		name, file = with.Reference, with.Reference
	}
	files := map[string][]table.File{}
	if file == "baseline" {
		files = expand(f.t, f.a, filepath.Join(f.dir, file))
	} else {
		paths, err := filepath.Glob(filepath.Join(f.dir, file, "*"))
		if err != nil {
			return nil, err
		}
		for _, p := range paths {
			files[""] = append(files[""], table.File{Name: file + "/" + filepath.Base(p), Path: p})
		}
	}
	b := &Baseline{Name: name, Files: func(context.Context) (map[string][]table.File, error) {
		f.fetched = append(f.fetched, name)
		return files, nil
	}}
	if with.Role != "" {
		b.Splits = []string{with.Role}
	}
	b.Profile = func(ctx context.Context, splits []string) (*profile.Document, error) {
		if !f.profiles {
			return nil, nil
		}
		var list []table.File
		for name, of := range files {
			if len(splits) == 0 || slices.Contains(splits, name) {
				list = append(list, of...)
			}
		}
		s, err := profile.Scan(ctx, list, profile.ScanOptions{})
		if err != nil {
			return nil, err
		}
		return s.Document(nil), nil
	}
	return b, nil
}

func (f *folders) History(_ context.Context, most int) ([]Past, error) {
	return f.history[:min(most, len(f.history))], nil
}

// baselinesIn returns the baselines of a test's folder, nil when it has none.
func baselinesIn(t testing.TB, a *manifest.Artifact, dir string) Baselines {
	if _, err := os.Stat(filepath.Join(dir, "baseline")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return &folders{t: t, a: a, dir: dir, history: docsHistory}
}

// docsHistory is the versions before baseline/, of the documentation's dataset.
var docsHistory = []Past{
	{Version: "v1.2.0", Rows: map[string]int64{"train": 29, "test": 8}},
	{Version: "v1.1.0", Rows: map[string]int64{"train": 27, "test": 7}},
	{Version: "v1.0.1", Rows: map[string]int64{"train": 25, "test": 7}},
	{Version: "v1.0.0", Rows: map[string]int64{"train": 24, "test": 6}},
	{Version: "v0.9.0", Rows: map[string]int64{"train": 21, "test": 6}},
}

const compareHead = `
apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
license: MIT
files: {train: train.csv, test: test.csv}
columns: [{name: price, type: float64}, {name: label, type: string}]
checks:
`

// compareFiles are a dataset and its baseline: prices moved, labels did not.
func compareFiles(t *testing.T) string {
	dir := t.TempDir()
	write := func(name string, rows int, shift float64) {
		var b strings.Builder
		b.WriteString("price,label\n")
		for i := range rows {
			fmt.Fprintf(&b, "%g,%s\n", shift+float64(i*7919%1000)/10, []string{"good", "bad", "good"}[i%3])
		}
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("train.csv", 600, 40)
	write("test.csv", 90, 0)
	write("baseline/train.csv", 500, 0)
	write("baseline/test.csv", 90, 0)
	return dir
}

func runCompare(t *testing.T, dir, checks string, change func(*folders)) (string, *folders) {
	t.Helper()
	a := parse(t, compareHead+checks)
	f := &folders{t: t, a: a, dir: dir}
	if change != nil {
		change(f)
	}
	findings, _, err := Run(context.Background(), a, expand(t, a, dir), Options{Baselines: f, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, finding := range findings {
		if finding.Check != Readable && finding.Check != schemaRule.ID {
			out = append(out, fmt.Sprintf("%s [%s] %s", finding.Verdict, finding.Subject, finding.Message))
		}
	}
	return strings.Join(out, "\n"), f
}

func TestDrift(t *testing.T) {
	dir := compareFiles(t)
	for _, c := range []struct{ checks, want string }{
		{`  - {check: drift, against: "#production", splits: [train], column: price}`, "FAIL [price in train] train: price: drifted from reviews@v1.2.0 (#production): ks 0."},
		{`  - {check: drift, against: "#production", splits: [train], column: label}`, "PASS [label in train] train: label: as in reviews@v1.2.0 (#production): chi-square 0"},
		{`  - {check: drift, against: "#production", split: test}`, "PASS [2 columns in test] test: 0 of 2 columns drifted from reviews@v1.2.0 (#production)"},
		{`  - {check: drift, against: "#production", split: train}`, "FAIL [2 columns in train] train: 1 of 2 columns drifted from reviews@v1.2.0 (#production): price\nFAIL [price in train] "},
		{`  - {check: drift, against: "#production", split: train, maxShare: 0.5}`, "PASS [2 columns in train] train: 1 of 2 columns drifted from reviews@v1.2.0 (#production): price"},
		{`  - {check: drift, against: {model: "sentiment#production", dataset: train}, split: test, column: price}`, "PASS [price in test] test: price: as in reviews@v1.1.0 (train of sentiment#production): "},
		{`  - {check: drift, against: "#production", split: train, column: price, where: price < 60, method: wasserstein, max: 0.4}`, "FAIL [price in train where price < 60] train: price: drifted"},
		{`  - {check: drift, against: "#production", split: train, column: price, groupBy: [label], method: ks}`, "FAIL [price [label=\"bad\"] in train] train: where label=\"bad\": price: drifted"},
		{`  - {check: drift, against: "#staging", column: price}`, "INCONCLUSIVE [price] cannot be compared with #staging: there is none yet: no reviews in staging"},
		{`  - {check: drift, against: "#staging", column: price, firstRelease: allow}`, "PASS [price] there is no #staging yet"},
		{`  - {check: drift, against: "#broken", column: price}`, "INCONCLUSIVE [price] cannot be compared with #broken: registry.example: connection refused"},
	} {
		for _, profiles := range []bool{false, true} {
			got, f := runCompare(t, dir, c.checks, func(f *folders) { f.profiles = profiles })
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("%s (profiles %v):\n%s\nwant %s", c.checks, profiles, got, c.want)
			}
			filtered := strings.Contains(c.checks, "where") || strings.Contains(c.checks, "groupBy")
			if read := len(f.fetched) > 0; profiles && read != filtered {
				t.Errorf("%s: the baseline's files were fetched: %v", c.checks, f.fetched)
			}
		}
	}
}

func TestDriftMistakes(t *testing.T) {
	for check, want := range map[string]string{
		`{check: drift, against: "#production", max: 0.1}`:                               "drift: max and minP are thresholds of one method",
		`{check: drift, against: "#production", method: ks, max: 0.1}`:                   "give minP: instead of max:",
		`{check: drift, against: "#production", method: psi, minP: 0.1}`:                 "give max: instead of minP:",
		`{check: drift, against: "#production", preset: tfdv}`:                           "preset tfdv has no default threshold",
		`{check: drift, against: "#production", preset: deepchecks, method: hellinger}`:  "preset deepchecks has no hellinger",
		`{check: drift, against: "#production", mostly: 0.5}`:                            "drift does not take mostly",
		`{check: drift, against: "#production", method: psi, type: text}`:                "",
		`{check: drift, against: {model: "sentiment#production"}}`:                       "",
		`{check: drift, against: {model: "sentiment#production", dataset: a, split: b}}`: "",
		`{check: drift}`: "",
	} {
		p, err := manifest.NewParser(nil, Schemas())
		if err != nil {
			t.Fatal(err)
		}
		a, err := p.Artifact("dataset.yaml", []byte(compareHead+"  - "+check))
		if err == nil {
			_, _, err = Run(context.Background(), a, expand(t, a, compareFiles(t)), Options{})
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "dataset.yaml:9:") {
			t.Errorf("%s: %v, want %s", check, err, want)
		}
	}
}

// What a comparison says does not depend on how the rows are shared out.
func TestDriftShards(t *testing.T) {
	dir := compareFiles(t)
	a := parse(t, compareHead+`  - {check: drift, against: "#production"}`)
	whole, _, err := Run(context.Background(), a, expand(t, a, dir), Options{Baselines: &folders{t: t, a: a, dir: dir}, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "train.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	for i, part := range [][]string{lines[1:200], lines[200:201], lines[201:]} {
		text := lines[0] + strings.Join(part, "")
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("train%d.csv", i)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := parse(t, strings.Replace(compareHead, "train: train.csv", `train: "train?.csv"`, 1)+`  - {check: drift, against: "#production"}`)
	shared, _, err := Run(context.Background(), b, expand(t, b, dir), Options{Baselines: &folders{t: t, a: a, dir: dir}, Workers: 4})
	if err != nil {
		t.Fatal(err)
	}
	if show(whole) != show(shared) {
		t.Errorf("%s\n%s", show(whole), show(shared))
	}
}

func show(findings []report.Finding) string {
	var out []string
	for _, f := range findings {
		if f.Check != Readable {
			out = append(out, fmt.Sprint(f.Verdict, " ", f.Subject, " ", f.Message, " ", f.Details))
		}
	}
	return strings.Join(out, "\n")
}
