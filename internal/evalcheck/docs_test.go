package evalcheck

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

var update = flag.Bool("update", false, "write the outputs of the examples into the documentation")

const docsFile = "../../docs/evaluation-checks.md"

const docsManifest = `apiVersion: waybill.dev/v1
kind: Model
name: sentiment
owners: [ml-leads]
files: [model.safetensors]
`

// docsEnv is the evidence of the examples.
func docsEnv(t *testing.T) Env {
	r := random(1)
	var all []row
	s := &metric.Sample{}
	baseline := []int32{}
	for i := range 3000 {
		group := []string{"north", "north", "north", "south", "south", "west"}[i%6]
		if i < 12 {
			group = "east"
		}
		score := r.Float64()
		label, prediction := int32(0), int32(0)
		if r.Float64() < score {
			label = 1
		}
		threshold := 0.5
		if group == "west" {
			threshold = 0.66
		}
		if score >= threshold {
			prediction = 1
		}
		was := prediction
		if r.Float64() < 0.045 {
			was = 1 - prediction
		}
		all, s.Score, baseline = append(all, row{group, label, prediction}), append(s.Score, 0.5+1.3*(score-0.5)), append(baseline, was)
	}
	for i, v := range s.Score { // over-confident
		s.Score[i] = min(max(v, 0), 1)
	}
	candidate := set(all)
	candidate.Sample.Score = s.Score
	before := *candidate.Sample
	before.Prediction, before.Score = baseline, nil
	behaviours := behaviourHead + mft("negation", 50, 2) + mft("plain praise", 50, 0)
	outputs, original := "id,logit\n", "id,logit\n"
	for i := range 200 {
		v := r.NormFloat64()
		outputs += fmt.Sprintf("%d,%.6f\n", i, v*(1+2e-3*r.NormFloat64()))
		original += fmt.Sprintf("%d,%.6f\n", i, v)
	}
	return Env{
		Candidate: candidate,
		Pair: func(context.Context, string) (*Other, error) {
			return &Other{Name: "sentiment@v1.2.0", Pair: &predictions.Pair{Candidate: candidate.Sample, Baseline: &before}}, nil
		},
		File: files(t, "eval/behaviour.csv", behaviours, "eval/int8.csv", outputs, "eval/original.csv", original, "eval/latency.csv", recording(200, 1.04)),
	}
}

var (
	example = regexp.MustCompile("(?s)\n```yaml\n(.*?)```\n(\n```text\n(.*?)```\n)?")
	heading = regexp.MustCompile(`(?m)^## evaluation\.[a-z-]+$`)
)

// TestDocs holds that every check has its section in the documentation, and
// runs the examples there: what they print is what stands below them. With
// -update it is written there.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	parser, err := manifest.NewParser(Schemas(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	start := 0
	for _, at := range heading.FindAllStringIndex(string(data), -1) {
		parts, start = append(parts, string(data[start:at[0]])), at[0]
	}
	parts = append(parts, string(data[start:]))
	var documented []string
	for i, part := range parts[1:] {
		id, _, _ := strings.Cut(part[len("## "):], "\n")
		documented = append(documented, id)
		m := example.FindStringSubmatchIndex(part)
		if m == nil {
			t.Errorf("%s has no example", id)
			continue
		}
		said := ""
		if m[6] >= 0 {
			said = part[m[6]:m[7]]
		}
		got := runExample(t, parser, id, part[m[2]:m[3]])
		switch {
		case *update:
			parts[i+1] = part[:m[3]] + "```\n\n```text\n" + got + "```\n" + part[m[1]:]
		case got != said:
			t.Errorf("%s: the documentation says\n%s\nbut waybill prints\n%s\nrun: go test ./internal/evalcheck -run TestDocs -update", id, said, got)
		}
	}
	var ids []string
	for _, r := range Catalog() {
		ids = append(ids, r.ID)
	}
	if strings.Join(ids, " ") != strings.Join(documented, " ") {
		t.Errorf("documented are %v, there are %v", documented, ids)
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(docsFile, []byte(strings.Join(parts, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// runExample returns what waybill check prints about the check.
func runExample(t *testing.T, parser *manifest.Parser, id, yaml string) string {
	t.Helper()
	a, err := parser.Artifact("models/sentiment/model.yaml", []byte(docsManifest+yaml))
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	own, rest := Divide(a)
	if len(own) == 0 || len(rest) > 0 || own[0].Check != id {
		t.Fatalf("%s: the example is about %v", id, a.Checks)
	}
	findings, sections, err := Run(t.Context(), a, own, docsEnv(t))
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	for i := range findings {
		findings[i].Doc, findings[i].Location = "", nil // this is the documentation
	}
	if id == latencies.ID { // its sections are those of waybill bench
		sections = nil
	}
	var out bytes.Buffer
	if err := render.Report(&out, "text", report.New(findings, sections...), render.Options{}); err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(out.String(), "\n\n") // without the headline
	return body
}

// TestSchemas compiles the schema of every check.
func TestSchemas(t *testing.T) {
	parser, err := manifest.NewParser(Schemas(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ entry, want string }{
		{"check: evaluation.fairness, column: region, maxDifference: 0.1, groups: [a, 1, true], measure: tpr, minRows: 20, onInconclusive: warn, severity: warning", ""},
		{"check: evaluation.fairness, maxDifference: 0.1", "column"},
		{"check: evaluation.fairness, column: region, maxDifference: 0", "maxDifference"},
		{"check: evaluation.churn, against: \"#production\", max: 0.05, firstRelease: allow", ""},
		{"check: evaluation.churn, max: 0.05", "against"},
		{"check: evaluation.calibration, max: 0.05, bins: 15, norm: mce, confidence: 0.99", ""},
		{"check: evaluation.calibration, max: 0.05, norm: l2", "norm"},
		{"check: evaluation.behaviour, file: eval/b.csv, min: 0.9, tests: {a: 1, b: 0.8}, kinds: [mft], tolerance: 0.1", ""},
		{"check: evaluation.behaviour, file: ../b.csv", "file"},
		{"check: evaluation.parity, file: a.csv, reference: b.csv, key: id, columns: [x], atol: 1e-3, rtol: 0, mostly: 0.99, maxFlips: 0", ""},
		{"check: evaluation.latency, file: a.csv, percentile: 99.9, max: 50ms, ratio: 1.1, unit: ms", ""},
		{"check: evaluation.latency, file: a.csv, max: soon", "max"},
	} {
		a, err := parser.Artifact("models/sentiment/model.yaml", []byte(docsManifest+"checks: [{"+c.entry+"}]\n"))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.entry, err)
		}
		if err != nil {
			continue
		}
		if _, _, err := Run(t.Context(), a, a.Checks, Env{}); err != nil {
			t.Errorf("%s: %v", c.entry, err)
		}
	}
}
