package datacheck

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

const (
	docsFile = "../../docs/checks.md"
	docsData = "testdata/docs"
	// allHaveOutput makes a section without a tested example a failure.
	allHaveOutput = true
)

// docsSection is a part of the documentation about one check.
type docsSection struct {
	id      string
	example string // the first yaml block
	output  string // the text block after it
	hasText bool
}

// docsExample is a block of yaml with the block of text right after it, if any.
var docsExample = regexp.MustCompile("(?s)\n```yaml\n(.*?)```\n(\n```text\n(.*?)```\n)?")

func docsSections(text string) []docsSection {
	var out []docsSection
	for part := range strings.SplitSeq("\n"+text, "\n## ") {
		id, body, _ := strings.Cut(part, "\n")
		s := docsSection{id: strings.TrimSpace(id)}
		if m := docsExample.FindStringSubmatch(body); m != nil {
			s.example, s.hasText, s.output = m[1], m[2] != "", m[3]
		}
		out = append(out, s)
	}
	return out[1:] // without what stands before the first one
}

// TestDocs holds that every check has its section in the documentation, and
// runs the examples there over testdata/docs: what they print is what stands
// below them. With -update it is written there.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{Readable}
	for _, r := range Catalog() {
		ids = append(ids, r.ID)
	}
	text := string(data)
	documented := map[string]bool{}
	for _, s := range docsSections(text) {
		switch {
		case strings.HasPrefix(s.id, "image."):
			continue // package imagecheck has these
		case !slices.Contains(ids, s.id):
			t.Errorf("docs/checks.md has a section about %q, which is no check", s.id)
			continue
		case documented[s.id]:
			t.Errorf("docs/checks.md has two sections about %s", s.id)
		}
		documented[s.id] = true
		if s.example == "" || !s.hasText && !*update {
			if allHaveOutput {
				t.Errorf("%s: docs/checks.md has no example with its output", s.id)
			} else {
				t.Logf("%s: docs/checks.md has no example with its output", s.id)
			}
			continue
		}
		t.Run(s.id, func(t *testing.T) {
			got := runExample(t, s)
			if *update {
				text = withOutput(text, s, got)
			} else if got != s.output {
				t.Errorf("docs/checks.md says\n%s\nbut waybill prints\n%s\nrun: go test ./internal/datacheck -run TestDocs -update", s.output, got)
			}
		})
	}
	for _, id := range ids {
		if !documented[id] {
			t.Errorf("docs/checks.md has no section %q", id)
		}
	}
	if *update && !t.Failed() && text != string(data) {
		// Somebody may have edited the file meanwhile.
		if now, err := os.ReadFile(docsFile); err != nil || !bytes.Equal(now, data) {
			t.Fatal("docs/checks.md was changed by somebody else; run again", err)
		}
		if err := os.WriteFile(docsFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// withOutput puts output below the example of a section.
func withOutput(text string, s docsSection, output string) string {
	start := strings.Index("\n"+text, "\n## "+s.id+"\n")
	m := docsExample.FindStringSubmatchIndex(text[start:])
	end := start + m[3] + len("```\n")
	rest := text[start+m[1]:]
	return text[:end] + "\n```text\n" + output + "```\n" + rest
}

// runExample returns what waybill check prints about the entries of an example.
func runExample(t *testing.T, s docsSection) string {
	t.Helper()
	head, err := os.ReadFile(docsData + "/dataset.yaml")
	if err != nil {
		t.Fatal(err)
	}
	a := parse(t, merged(string(head), s.example))
	now := func() time.Time { return time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC) }
	findings, _, err := Run(context.Background(), a, expand(t, a, docsData), Options{Now: now, TempDir: t.TempDir(), Baselines: baselinesIn(t, a, docsData), ReadFile: func(name string) ([]byte, error) {
		return os.ReadFile(docsData + "/" + name)
	}})
	if err != nil {
		t.Fatal(err)
	}
	asked := []string{s.id}
	for _, c := range a.Checks {
		asked = append(asked, c.Check)
	}
	var shown []report.Finding
	passes := true
	for _, f := range findings {
		if slices.Contains(asked, f.Check) {
			f.Location, f.Doc = nil, "" // lines of the example mean nothing, and this is the documentation
			shown = append(shown, f)
			passes = passes && f.Verdict == report.Pass
		}
	}
	var out bytes.Buffer
	// Only with verbose are passes more than counted.
	if err := render.Report(&out, "text", report.New(shown), render.Options{Verbose: passes}); err != nil {
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
	keep := true
	for line := range strings.Lines(head) {
		if k := key.FindString(line); k != "" {
			keep = !slices.Contains(own, k)
		}
		if keep {
			out.WriteString(line)
		}
	}
	return out.String() + example
}
