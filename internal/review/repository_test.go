package review_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/cli"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/review"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// repository is a clone with a bare remote and a registry beside it.
type repository struct {
	t    *testing.T
	work string
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	for k, v := range map[string]string{"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_SYSTEM": os.DevNull, "HOME": t.TempDir(), "GITHUB_ACTIONS": "",
		"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com"} {
		t.Setenv(k, v)
	}
	dir := t.TempDir()
	r := &repository{t: t, work: filepath.Join(dir, "work")}
	r.command(dir, "init", "-q", "--bare", "-b", "main", "origin.git")
	r.command(dir, "clone", "-q", "origin.git", "work")
	r.git("checkout", "-q", "-b", "main")
	return r
}

func (r *repository) command(dir string, args ...string) string {
	r.t.Helper()
	c := exec.Command("git", args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repository) git(args ...string) string { r.t.Helper(); return r.command(r.work, args...) }

func (r *repository) waybill(args ...string) {
	r.t.Helper()
	var out, errs bytes.Buffer
	if code := cli.Run(context.Background(), r.work, args, strings.NewReader(""), &out, &errs); code != 0 {
		r.t.Fatalf("waybill %s: %d\n%s%s", strings.Join(args, " "), code, out.String(), errs.String())
	}
}

func (r *repository) write(name, text string) {
	r.t.Helper()
	file := filepath.Join(r.work, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// commit returns the new commit.
func (r *repository) commit(message string) string {
	r.t.Helper()
	r.git("add", "-A")
	r.git("commit", "-qm", message)
	return r.git("rev-parse", "HEAD")
}

func (r *repository) open() *workspace.Workspace {
	r.t.Helper()
	parser, err := check.Parser()
	if err != nil {
		r.t.Fatal(err)
	}
	w, err := workspace.Open(context.Background(), r.work, workspace.Options{Parser: parser, Getenv: os.Getenv,
		Now:      func() time.Time { return time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC) },
		Registry: registry.Options{Getenv: func(string) string { return "" }}})
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

func (r *repository) tell(o review.Options) *review.Story {
	r.t.Helper()
	s, err := review.Tell(context.Background(), r.open(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

const (
	projectYAML = `apiVersion: waybill.dev/v1
kind: Project
registry: oci-layout:../registry
stages:
  staging: {}
  production: {from: [staging], requires: [data]}
`
	datasetYAML = `apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
files: {train: train.csv}
columns:
  - {name: id, type: int64, unique: true}
  - {name: label, type: int64, values: [0, 1]}
checks:
  - {check: table.rows, min: 3}
`
	modelYAML = `apiVersion: waybill.dev/v1
kind: Model
name: sentiment
files: [weights.bin]
datasets: {train: "reviews:train"}
`
	rows = "id,label\n1,0\n2,1\n3,0\n4,1\n"
)

// first is a repository with a dataset and a model of it on main.
func first(t *testing.T) (*repository, string) {
	r := newRepository(t)
	r.write("waybill.yaml", projectYAML)
	r.write("datasets/reviews/dataset.yaml", datasetYAML)
	r.write("datasets/reviews/train.csv", rows)
	r.write("models/sentiment/model.yaml", modelYAML)
	r.write("models/sentiment/weights.bin", "weights of a model")
	r.waybill("push")
	base := r.commit("first")
	r.git("push", "-q", "-u", "origin", "main")
	return r, base
}
