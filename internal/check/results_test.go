package check

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/datacheck"
	"github.com/waybill-dev/waybill/internal/evalcheck"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/lock"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// resultTree is a repository with a model whose checks name three files.
type resultTree struct {
	*testing.T
	dir string
	w   *workspace.Workspace
	a   *manifest.Artifact
}

func newResultTree(t *testing.T) *resultTree {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	tr := &resultTree{T: t, dir: t.TempDir()}
	if out, err := exec.Command("git", "init", "-q", tr.dir).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, out)
	}
	tr.write("waybill.yaml", "apiVersion: waybill.dev/v1\nkind: Project\nregistry: oci-layout:.waybill/registry\nstages:\n  staging:\n")
	tr.write("m/model.yaml", `apiVersion: waybill.dev/v1
kind: Model
name: sentiment
files: [w.bin]
checks:
  - {check: evaluation.latency, file: eval/latency.csv, max: 50ms}
  - {check: evaluation.parity, file: eval/small.csv, reference: eval/large.csv}
`)
	tr.write("m/w.bin", "one")
	tr.write("m/eval/latency.csv", "1\n2\n")
	tr.write("m/eval/small.csv", "id,y\n1,1\n")
	tr.write("m/eval/large.csv", "id,y\n1,2\n")
	tr.open()
	return tr
}

func (t *resultTree) open() {
	t.Helper()
	parser, err := manifest.NewParser(slices.Concat(modelcheck.Schemas(), evalcheck.Schemas()), datacheck.Schemas())
	if err != nil {
		t.Fatal(err)
	}
	t.w, err = workspace.Open(context.Background(), t.dir, workspace.Options{Parser: parser, Now: time.Now, Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	if t.a, err = t.w.Artifact("sentiment"); err != nil {
		t.Fatal(err)
	}
}

func (t *resultTree) write(name, text string) {
	t.Helper()
	p := filepath.Join(t.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// push does what the command does, and returns the lock.
func (t *resultTree) push() *manifest.Lock {
	t.Helper()
	ctx := context.Background()
	r, err := lock.Compute(ctx, t.w, t.a, lock.Options{})
	if err != nil {
		t.Fatal(err)
	}
	repo, err := t.w.Repository("sentiment")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := artifact.Push(ctx, repo, r.Encoding, r.Files, artifact.Dir(t.w.Dir(t.a)), artifact.PushOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, item := range r.Evidence {
		if _, err := evidence.Attach(ctx, repo, r.Encoding.Desc, item); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := lock.Write(t.w, t.a, r.Lock); err != nil {
		t.Fatal(err)
	}
	t.open()
	return r.Lock
}

func (t *resultTree) fetched(l *manifest.Lock) (Target, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "files")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := Fetched(context.Background(), t.w, t.a, l, dir)
	for name, r := range got.Results {
		if rel, err := filepath.Rel(filepath.Dir(dir), r.Path); err != nil || !filepath.IsLocal(rel) {
			t.Errorf("%s is at %s, outside of %s", name, r.Path, dir)
		}
	}
	return got, err
}

func (t *resultTree) working() Target {
	t.Helper()
	got, err := Working(context.Background(), t.w, t.a)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// serves holds that a file can be read, or says why not.
func (t *resultTree) serves(target Target, name, want, why string) {
	t.Helper()
	f, cannot := target.result(name)
	if cannot != nil {
		if why == "" || !strings.Contains(cannot.message, why) {
			t.Errorf("%s: %q, want %q", name, cannot.message, why)
		}
		return
	}
	data, err := os.ReadFile(f.Path)
	if why != "" || err != nil || string(data) != want || filepath.Base(f.Path) != filepath.Base(name) || f.Name != "m/"+strings.TrimPrefix(name, "./") {
		t.Errorf("%s: %q in %+v, %v; want %q %s", name, data, f, err, want, why)
	}
}

func TestResultsFetched(t *testing.T) {
	tr := newResultTree(t)
	tr.serves(tr.working(), "eval/latency.csv", "1\n2\n", "") // before there is a lock
	l := tr.push()
	if !tr.working().IsLocked(l) {
		t.Error("the working tree is not what was locked from it")
	}

	// As in a clone.
	if err := os.RemoveAll(filepath.Join(tr.dir, "m", "eval")); err != nil {
		t.Fatal(err)
	}
	tr.serves(tr.working(), "eval/latency.csv", "", "the lock names it")
	if tr.working().IsLocked(l) {
		t.Error("a working tree without results is what was locked")
	}
	got, err := tr.fetched(l)
	if err != nil {
		t.Fatal(err)
	}
	tr.serves(got, "eval/latency.csv", "1\n2\n", "")
	tr.serves(got, "./eval/small.csv", "id,y\n1,1\n", "")
	tr.serves(got, "eval/large.csv", "id,y\n1,2\n", "")
	tr.serves(got, "eval/other.csv", "", "does not exist")
	tr.serves(got, "../m/eval/small.csv", "", "leaves its folder")
	if !got.IsLocked(l) {
		t.Error("what was fetched is not what was locked")
	}

	// A blob that the registry lost.
	lost := ref.Of([]byte("1\n2\n"))
	err = filepath.WalkDir(filepath.Join(tr.dir, ".waybill"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == lost.Hex() {
			return os.Remove(p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = tr.fetched(l); err == nil || !strings.Contains(err.Error(), "eval/latency.csv cannot be had") || !strings.Contains(err.Error(), "waybill push sentiment") {
		t.Errorf("a blob is missing: %v", err)
	}
}

// TestResultsOfOtherWeights holds that results which were not made anew serve
// no longer, alone or beside others that were.
func TestResultsOfOtherWeights(t *testing.T) {
	tr := newResultTree(t)
	tr.push()
	tr.write("m/w.bin", "two")
	for range 2 { // before and after the lock is written anew
		tr.serves(tr.working(), "eval/latency.csv", "", "is of other weights")
		tr.serves(tr.working(), "eval/small.csv", "", "is of other weights")
		tr.serves(tr.working(), "eval/large.csv", "id,y\n1,2\n", "")
		got, err := tr.fetched(tr.push())
		if err != nil {
			t.Fatal(err)
		}
		tr.serves(got, "eval/latency.csv", "", "is of other weights")
	}

	tr.write("m/eval/latency.csv", "3\n4\n")
	got, err := tr.fetched(tr.push())
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []Target{got, tr.working()} {
		tr.serves(target, "eval/latency.csv", "3\n4\n", "")
		tr.serves(target, "eval/small.csv", "", "is of other weights")
		tr.serves(target, "eval/large.csv", "id,y\n1,2\n", "")
	}
}

func TestResultsNotListed(t *testing.T) {
	tr := newResultTree(t)
	l := tr.push()
	e := l.Evidence[evidence.Results]
	e.Digest = ref.Of([]byte("another index"))
	l.Evidence[evidence.Results] = e
	got, err := tr.fetched(l)
	if err != nil {
		t.Fatal(err)
	}
	tr.serves(got, "eval/latency.csv", "", "the lock names it")
}

func TestResultsRefused(t *testing.T) {
	tr := newResultTree(t)
	file := filepath.Join(tr.dir, "m", "eval", "latency.csv")
	refused := func(why string) {
		t.Helper()
		if _, err := Working(context.Background(), tr.w, tr.a); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %q", err, why)
		}
	}
	if err := os.Truncate(file, manifest.MaxResultSize+1); err == nil {
		refused("at most 2147483648")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(tr.dir, "waybill.yaml"), file); err == nil {
		refused("not a regular file")
	}
	if err := os.RemoveAll(filepath.Dir(file)); err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "latency.csv"), []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Dir(file)); err == nil {
		refused("escapes")
	}
}
