// Package lint_test holds what runs with tokens to rules: the actions, the
// workflows of this repository, those of examples/ and those that waybill init
// writes. The lessons behind the rules are in rules_test.go; actionlint and
// zizmor look at the same files (scripts/lint, test/zizmor).
package lint_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/cli"
)

func TestActionsAndWorkflows(t *testing.T) {
	seen := lintTree(t, root, func(file string) bool {
		dir, base := filepath.Split(file)
		return base == "action.yml" || base == "action.yaml" || strings.HasSuffix(dir, ".github/workflows/")
	})
	if seen < 7 {
		t.Fatalf("only %d files were looked at; the test looks in the wrong place", seen)
	}
}

// TestInit holds what users get to the same rules.
func TestInit(t *testing.T) {
	var out bytes.Buffer
	dir := t.TempDir()
	for _, args := range [][]string{{"init", "-q"}, {"remote", "add", "origin", "https://github.com/acme/reviews.git"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, b)
		}
	}
	if code := cli.Run(context.Background(), dir, []string{"init", "--github"}, strings.NewReader(""), &out, &out); code != 0 {
		t.Fatalf("waybill init --github: exit code %d\n%s", code, &out)
	}
	if seen := lintTree(t, dir, func(file string) bool { return strings.Contains(file, ".github/workflows/") }); seen == 0 {
		t.Errorf("waybill init --github wrote no workflow\n%s", &out)
	}
}

// shown finds actions that documentation shows.
var shown = regexp.MustCompile(`uses:\s*([\w.-]+/[\w./-]+@\S+)`)

// TestDocs: what people copy is pinned too, or has a place for the commit.
func TestDocs(t *testing.T) {
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range shown.FindAllSubmatch(text, -1) {
				name, at, _ := strings.Cut(string(m[1]), "@")
				if !pinned.Match(m[1]) && at != "COMMIT" {
					t.Errorf("%s shows %s@%s; write @COMMIT, or a commit with its version", filepath.Base(file), name, at)
				}
			}
		}
	}
}

// lintTree looks at the YAML files of a tree that are wanted.
func lintTree(t *testing.T, tree string, wanted func(file string) bool) int {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(tree, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(tree, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(rel, ".yml") && !strings.HasSuffix(rel, ".yaml") || !wanted(rel):
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		seen++
		for _, p := range problems(text) {
			t.Errorf("%s: %s", rel, p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// good is a workflow without a problem; each case spoils one thing.
const good = `on:
  pull_request:
permissions:
  contents: read
concurrency:
  group: x-${{ github.ref }}
  cancel-in-progress: true
jobs:
  a:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2
        with:
          persist-credentials: false
      - run: echo "$TITLE"
        env:
          TITLE: ${{ github.event.pull_request.title }}
`

const goodAction = `runs:
  using: composite
  steps:
    - run: waybill action check
      shell: bash
`

func TestRules(t *testing.T) {
	for _, text := range []string{good, goodAction} {
		if got := problems([]byte(text)); len(got) > 0 {
			t.Errorf("problems with nothing wrong: %q", got)
		}
	}
	for _, c := range []struct{ name, text, old, new, want string }{
		{"tag", good, "@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "@v6", "not pinned"},
		{"short commit", good, "@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "@de0fac2", "not pinned"},
		{"image", good, "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "docker://alpine:3", "not pinned"},
		{"no version", good, " # v6.0.2", "", "no comment"},
		{"version is a branch", good, "# v6.0.2", "# main", "no comment"},
		{"credentials", good, "persist-credentials: false", "persist-credentials: true", "persist-credentials"},
		{"credentials by default", good, "        with:\n          persist-credentials: false\n", "", "persist-credentials"},
		{"expression in run", good, `"$TITLE"`, `"${{ github.event.pull_request.title }}"`, "an expression in run"},
		{"expression in script", good, `run: echo "$TITLE"`, `with: {script: "${{ github.head_ref }}"}`, "an expression in script"},
		{"target", good, "pull_request:", "pull_request_target:", "pull_request_target"},
		{"target in a list", good, "on:\n  pull_request:\n", "on: [push, pull_request_target]\n", "pull_request_target"},
		{"checkout after workflow_run", good, "on:\n  pull_request:\n", "on: {workflow_run: {workflows: [x]}}\n", "checks something out"},
		{"environment after workflow_run", good, "on:\n  pull_request:\n", "on: workflow_run # GITHUB_ENV\n", "writes the environment"},
		{"no permissions", good, "permissions:\n  contents: read\n", "", "no permissions"},
		{"write-all", good, "permissions:\n  contents: read\n", "permissions: write-all\n", "permissions: write-all"},
		{"write for all jobs", good, "contents: read\n", "contents: write\n", "write for every job"},
		{"no timeout", good, "    timeout-minutes: 5\n", "", "no timeout-minutes"},
		{"inherit", good, "    timeout-minutes: 5\n", "    timeout-minutes: 5\n    secrets: inherit\n", "secrets: inherit"},
		{"no concurrency", good, "concurrency:\n  group: x-${{ github.ref }}\n  cancel-in-progress: true\n", "", "no concurrency"},
		{"cancels main", good, "  pull_request:\n", "  pull_request:\n  push:\n", "more than pull requests"},
		{"cancels a promotion", good, `echo "$TITLE"`, "waybill promote x", "must happen"},
		{"drops a promotion", good, `echo "$TITLE"`, "waybill promote x", "a third run"},
		{"not composite", goodAction, "composite", "node24", "not composite"},
		{"sh", goodAction, "shell: bash", "shell: sh", "shell: bash"},
		{"nested", goodAction, "run: waybill action check", "uses: actions/cache@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v1", "a step of an action"},
		{"broken", goodAction, "runs:", "runs: [", "not YAML"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(c.text, c.old, c.new, 1)
			if c.name == "write for all jobs" {
				text += "  b:\n    runs-on: x\n    timeout-minutes: 1\n"
			}
			if text == c.text {
				t.Fatal("the case changes nothing")
			}
			if got := problems([]byte(text)); !strings.Contains(strings.Join(got, "\n"), c.want) {
				t.Errorf("got %q, want one that says %q", got, c.want)
			}
		})
	}
}
