package modelcheck_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/compat"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

var update = flag.Bool("update", false, "write the outputs of the examples into the documentation")

const docsFile = "../../docs/model-checks.md"

// The model of the examples.
const (
	docsManifest = `apiVersion: waybill.dev/v1
kind: Model
name: sentiment
license: Apache-2.0
owners: [ml-leads]
card: README.md
files: [model.safetensors]
datasets: {train: "reviews:train", evaluate: "reviews:test"}
`
	docsCard = `---
license: apache-2.0
datasets: [reviews]
---
# sentiment

## Intended use
Reviews.
## Limitations
English only.
## Evaluation
An accuracy of 0.87.
## Contact
ml-leads
`
)

func docsOptions(files map[string]string) modelcheck.Options {
	return modelcheck.Options{
		Now:  func() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) },
		Lock: &manifest.Lock{Metrics: map[string]float64{"accuracy": 0.8731, "f1": 0.8512, "precision": 0.84}},
		ReadFile: func(name string) ([]byte, error) {
			if text, ok := files[name]; ok {
				return []byte(text), nil
			}
			return nil, errors.New("there is no such file in the working tree")
		},
		License: func(name string) (string, bool) { return "CC-BY-4.0", name == "reviews" },
		Registered: func(context.Context) (modelcheck.Registered, error) {
			return modelcheck.Registered{Newest: ref.MustVersion("v1.2.0")}, nil
		},
		Previous: func(context.Context, string) (*modelcheck.Previous, error) {
			return &modelcheck.Previous{Name: "sentiment@v1.2.0", License: "Apache-2.0"}, nil
		},
		Baseline: func(context.Context, string) (*modelcheck.Baseline, error) {
			return &modelcheck.Baseline{Name: "sentiment@v1.2.0", Described: compat.Described{Manifest: compat.DeclaredInterface(manifest.Interface{
				Inputs: []manifest.Port{{Name: "text", Type: "string", Shape: []int64{-1}}}, Labels: []string{"negative", "neutral", "positive"},
			})}}, nil
		},
	}
}

// example is a block of yaml, with the card before it, and the text after it.
var example = regexp.MustCompile("(?s)\n(?:```markdown\n(.*?)```\n\n)?```yaml\n(.*?)```\n(\n```text\n(.*?)```\n)?")

// TestDocs holds that every check has its section in the documentation, and
// runs the examples there: what they print is what stands below them. With
// -update it is written there.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	parser, err := manifest.NewParser(modelcheck.Schemas(), nil)
	if err != nil {
		t.Fatal(err)
	}
	parts := sections(string(data))
	documented := map[string]bool{}
	for i, part := range parts[1:] {
		id, _, _ := strings.Cut(part[len("## "):], "\n")
		if documented[id] {
			t.Errorf("two sections about %s", id)
		}
		documented[id] = true
		m := example.FindStringSubmatchIndex(part)
		if m == nil {
			t.Errorf("%s has no example", id)
			continue
		}
		group := func(n int) string {
			if m[2*n] < 0 {
				return ""
			}
			return part[m[2*n]:m[2*n+1]]
		}
		got := runExample(t, parser, id, group(1), group(2))
		switch {
		case *update:
			parts[i+1] = part[:m[5]] + "```\n\n```text\n" + got + "```\n" + part[m[1]:]
		case got != group(4):
			t.Errorf("%s: the documentation says\n%s\nbut waybill prints\n%s\nrun: go test ./internal/modelcheck -run TestDocs -update", id, group(4), got)
		}
	}
	for _, r := range modelcheck.Catalog() {
		if !documented[r.ID] {
			t.Errorf("no section %q", r.ID)
		}
		delete(documented, r.ID)
	}
	for id := range documented {
		t.Errorf("a section about %q, which is no check", id)
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(docsFile, []byte(strings.Join(parts, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// sections cuts the documentation before the heading of each check. Cards in
// examples have headings too, but none of this form.
func sections(text string) []string {
	var out []string
	start := 0
	for _, at := range regexp.MustCompile(`(?m)^## (?:[a-z]+\.[a-z-]+|security)$`).FindAllStringIndex(text, -1) {
		out = append(out, text[start:at[0]])
		start = at[0]
	}
	return append(out, text[start:])
}

// runExample returns what waybill check prints about the check.
func runExample(t *testing.T, parser *manifest.Parser, id, card, yaml string) string {
	t.Helper()
	if card == "" {
		card = docsCard
	}
	a, err := parser.Artifact("models/sentiment/model.yaml", []byte(merged(docsManifest, yaml)))
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	dir := t.TempDir()
	var list []manifest.File
	for _, pattern := range a.Files[0].Patterns {
		content := weights(t, 1<<18)
		switch pattern.Glob {
		case "damaged.safetensors":
			content += "x"
		case "diverged.safetensors":
			content = floats(t, 1, math.NaN(), math.Inf(1))
		case "model.npy":
			content = "\x93NUMPY\x01\x00\x3d\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}" + strings.Repeat(" ", 7) + "\n1234"
		case "training.json":
			content = "{\n  \"token\": \"ghp_" + strings.Repeat("aB3", 12) + "\"\n}\n"
		case "model.pkl", "old.pkl":
			content = "\x80\x02cours.models\nRegressor\n."
		case "config.json":
			content = `{"architectures": ["Tiny"], "id2label": {"0": "negative", "1": "positive"}}`
		}
		if err := os.WriteFile(filepath.Join(dir, pattern.Glob), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		list = append(list, manifest.File{Path: pattern.Glob, Size: int64(len(content))})
	}
	findings, err := modelcheck.Run(t.Context(), a, dir, list, docsOptions(map[string]string{"models/sentiment/README.md": card}))
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	findings = slices.DeleteFunc(findings, func(f report.Finding) bool { return f.Check != id })
	for i := range findings {
		findings[i].Doc = "" // this is the documentation
		if l := findings[i].Location; strings.HasSuffix(l.File, ".yaml") {
			findings[i].Location = nil // lines of the example mean nothing
		}
	}
	var out bytes.Buffer
	if err := render.Report(&out, "text", report.New(findings), render.Options{}); err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(out.String(), "\n\n") // without the headline
	return body
}

// merged returns the manifest head with the top-level keys of an example, which
// replace its own.
func merged(head, example string) string {
	key := regexp.MustCompile(`(?m)^[a-zA-Z]+:`)
	own := key.FindAllString(example, -1)
	var out strings.Builder
	for line := range strings.Lines(head) {
		if !slices.Contains(own, key.FindString(line)) {
			out.WriteString(line)
		}
	}
	return out.String() + example
}
