package evalcheck

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

var model = &manifest.Artifact{Name: "sentiment", Path: "models/sentiment/model.yaml", Kind: "Model"}

// spec is an entry of checks: of names and values by turns.
func spec(check string, params ...any) manifest.CheckSpec {
	s := manifest.CheckSpec{Check: check, Params: map[string]any{}, Pos: manifest.Pos{File: model.Path, Line: 20}}
	for i := 0; i+1 < len(params); i += 2 {
		switch key := params[i].(string); key {
		case "column":
			s.Columns = []string{params[i+1].(string)}
		case "mostly":
			v := params[i+1].(float64)
			s.Mostly = &v
		case "severity":
			s.Severity = report.Severity(params[i+1].(string))
		default:
			s.Params[key] = params[i+1]
		}
	}
	return s
}

// run runs entries and holds what every finding has.
func run(t testing.TB, env Env, own ...manifest.CheckSpec) ([]report.Finding, []report.Section) {
	t.Helper()
	findings, sections, err := Run(t.Context(), model, own, env)
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) < len(own) {
		t.Errorf("%d findings of %d entries", len(findings), len(own))
	}
	r := report.New(slices.Clone(findings), sections...) // which sorts
	if _, err := json.Marshal(r); err != nil {
		t.Errorf("the report is no JSON: %v", err)
	}
	ids := map[string]bool{}
	for _, f := range r.Findings {
		if ids[f.ID] {
			t.Errorf("two findings with one ID: %+v", f)
		}
		ids[f.ID] = true
		said := fmt.Sprint(f.Message, f.Observed, f.Expected, f.Hint, f.Details)
		if f.Message == "" || f.Group != report.GroupEvaluation || f.Artifact != model.Name || f.Location == nil || f.Doc == "" {
			t.Errorf("incomplete finding %+v", f)
		}
		if f.Verdict != report.Pass && f.Hint == "" {
			t.Errorf("no way out: %+v", f)
		}
		if strings.Contains(said, "NaN") || strings.Contains(said, "Inf") || strings.Contains(said, "%!") {
			t.Errorf("not a number: %s", said)
		}
	}
	return findings, sections
}

// one runs one entry that makes one finding.
func one(t testing.TB, env Env, own manifest.CheckSpec) report.Finding {
	t.Helper()
	findings, _ := run(t, env, own)
	if len(findings) != 1 {
		t.Fatalf("%d findings: %+v", len(findings), findings)
	}
	return findings[0]
}

// wants holds a finding to "VERDICT part of the message".
func wants(t testing.TB, f report.Finding, want string) {
	t.Helper()
	verdict, message, _ := strings.Cut(want, " ")
	if string(f.Verdict) != verdict || !strings.Contains(f.Message, message) {
		t.Errorf("got %s %s\nwant %s", f.Verdict, f.Message, want)
	}
}

// row is a row of binary predictions.
type row struct {
	group             string
	label, prediction int32
}

// rows are n times one row.
func rows(n int, group string, label, prediction int32) []row {
	out := make([]row, n)
	for i := range out {
		out[i] = row{group, label, prediction}
	}
	return out
}

// set makes predictions of rows, with their group as the column region.
func set(all ...[]row) *predictions.Set {
	s := &metric.Sample{Task: metric.Binary, Classes: []string{"0", "1"}, Positive: 1}
	v := &predictions.Values{}
	codes := map[string]int32{"": metric.Missing}
	for _, part := range all {
		for _, r := range part {
			if _, known := codes[r.group]; !known {
				codes[r.group] = int32(len(v.Names))
				v.Names = append(v.Names, r.group)
			}
			s.Label, s.Prediction, v.Codes = append(s.Label, r.label), append(s.Prediction, r.prediction), append(v.Codes, codes[r.group])
		}
	}
	s.N = len(s.Label)
	return &predictions.Set{Sample: s, N: int64(s.N), Columns: map[string]*predictions.Values{"region": v}}
}

// files makes an Env that opens the files given by name and content.
func files(t testing.TB, nameContent ...string) func(string) (table.File, error) {
	dir := t.TempDir()
	for i := 0; i+1 < len(nameContent); i += 2 {
		path := filepath.Join(dir, nameContent[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(nameContent[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) (table.File, error) {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			return table.File{}, &Cannot{name + " does not exist", "write it"}
		}
		return table.File{Name: name, Path: path}, nil
	}
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

func BenchmarkMillionRows(b *testing.B) {
	s := probabilities(1_000_000, 1, 1)
	s.Sample.Prediction = make([]int32, s.Sample.N)
	v := &predictions.Values{Names: []string{"a", "b", "c", "d"}}
	for i := range s.Sample.N {
		v.Codes = append(v.Codes, int32(i%4))
		if s.Sample.Score[i] > 0.5 {
			s.Sample.Prediction[i] = 1
		}
	}
	s.Columns = map[string]*predictions.Values{"region": v}
	for _, c := range []manifest.CheckSpec{
		spec("evaluation.fairness", "column", "region", "measure", "equalised-odds", "maxDifference", 0.1, "minRatio", 0.8),
		spec("evaluation.calibration", "max", 0.05),
	} {
		b.Run(c.Check, func(b *testing.B) {
			for b.Loop() {
				run(b, Env{Candidate: s}, c)
			}
		})
	}
}
