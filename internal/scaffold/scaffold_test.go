package scaffold_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/scaffold"
)

var update = flag.Bool("update", false, "write the workflows of examples/")

var commit = strings.Repeat("0123456789", 4)

func TestParsePin(t *testing.T) {
	for in, want := range map[string]scaffold.Pin{
		commit:                   {Commit: commit, Version: "v0.0.0"},
		commit + "@v1.2.3":       {Commit: commit, Version: "v1.2.3"},
		commit + "@v1.2.3-rc.1":  {Commit: commit, Version: "v1.2.3-rc.1"},
		"":                       {},
		"main":                   {},
		commit[:39]:              {},
		commit + "0":             {},
		commit + "@":             {},
		commit + "@main":         {},
		commit + "\n- run: evil": {},
		commit + "@v1.2.3\nrun:": {},
	} {
		got, err := scaffold.ParsePin(in)
		if got != want || (err == nil) != (want != scaffold.Pin{}) {
			t.Errorf("ParsePin(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
}

// TestWorkflows reads what is written the way GitHub does. What else is wrong
// with a workflow, internal/lint finds.
func TestWorkflows(t *testing.T) {
	for name, c := range map[string]struct {
		options     scaffold.Options
		has, hasNot []string
	}{
		"nothing known": {scaffold.Options{}, []string{"actions/check@" + strings.Repeat("0", 40) + " # v0.0.0"}, []string{"packages:", "Log in"}},
		"GHCR": {scaffold.Options{Pin: scaffold.Pin{Commit: commit, Version: "v1.2.3"}, Packages: true},
			[]string{"packages: read", "actions/check@" + commit + " # v1.2.3", "actions/comment@" + commit + " # v1.2.3"}, []string{"Log in"}},
		"another registry": {scaffold.Options{Registry: "registry.example.com"}, []string{"# Log in to registry.example.com here"}, []string{"packages:"}},
		"stages": {scaffold.Options{Stages: []string{"on", "staging"}, Entry: "staging", Packages: true},
			[]string{"options: ['on', 'staging']", "default: 'on'", "to: 'staging'", "stage: 'on'", "deployment: false", "packages: write"}, nil},
		"no stage to enter": {scaffold.Options{Stages: []string{"production"}}, []string{"options: ['production']", "mode: deployed"}, []string{"matrix"}},
		"no stages":         {scaffold.Options{}, []string{"actions/register@"}, []string{"workflow_dispatch", "mode: apply"}},
		"hostile registry":  {scaffold.Options{Registry: "x\n      - run: evil"}, []string{"Log in to x???"}, []string{"\n      - run: evil"}},
	} {
		t.Run(name, func(t *testing.T) {
			all := ""
			for _, f := range scaffold.Workflows(c.options) {
				var doc map[string]any
				if err := yaml.Unmarshal([]byte(f.Text), &doc); err != nil {
					t.Fatalf("%s: %v\n%s", f.Path, err, f.Text)
				}
				if left := regexp.MustCompile(`USES-|STAGE|#(packages|login|stages|entry)\b`).FindString(f.Text); left != "" {
					t.Errorf("%s: %s was not filled in", f.Path, left)
				}
				all += f.Text
			}
			for _, s := range c.has {
				if !strings.Contains(all, s) {
					t.Errorf("%q is missing in\n%s", s, all)
				}
			}
			for _, s := range c.hasNot {
				if strings.Contains(all, s) {
					t.Errorf("%q must not be in\n%s", s, all)
				}
			}
		})
	}
}

// TestNames: workflow_run finds the first workflow by its name alone.
func TestNames(t *testing.T) {
	files := scaffold.Workflows(scaffold.Options{})
	var check struct{ Name string }
	var comment struct {
		On struct {
			Run struct{ Workflows []string } `yaml:"workflow_run"`
		}
	}
	for i, into := range []any{&check, &comment} { // the first two
		if err := yaml.Unmarshal([]byte(files[i].Text), into); err != nil {
			t.Fatal(err)
		}
	}
	if got := comment.On.Run.Workflows; check.Name == "" || len(got) != 1 || got[0] != check.Name {
		t.Errorf("the comment waits for %q, the check is called %q", got, check.Name)
	}
}

// TestPinsAreThoseOfThisRepository: one place to look when they are renewed.
func TestPinsAreThoseOfThisRepository(t *testing.T) {
	own := ""
	files, err := filepath.Glob("../../.github/workflows/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		own += string(text)
	}
	for _, f := range scaffold.Workflows(scaffold.Options{}) {
		for _, uses := range regexp.MustCompile(`actions/[a-z-]+@[0-9a-f]{40} # v[0-9.]+`).FindAllString(f.Text, -1) {
			if !strings.Contains(uses, strings.Repeat("0", 40)) && !strings.Contains(own, uses) {
				t.Errorf("%s: %s is not used in .github/workflows", f.Path, uses)
			}
		}
	}
}

// TestExampleWorkflows: the example has what a newcomer would get.
func TestExampleWorkflows(t *testing.T) {
	for _, f := range scaffold.Workflows(scaffold.Options{Packages: true, Stages: []string{"production", "staging"}, Entry: "staging"}) {
		name := filepath.Join("../../examples/sentiment", filepath.FromSlash(f.Path))
		if *update {
			if err := os.WriteFile(name, []byte(f.Text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != f.Text {
			t.Errorf("%s is not what init writes; run go test ./internal/scaffold -update", name)
		}
	}
}
