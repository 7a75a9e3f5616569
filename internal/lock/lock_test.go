package lock_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/datacheck"
	"github.com/waybill-dev/waybill/internal/evalcheck"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/lock"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

type tree struct {
	testing.TB
	dir string
}

func newTree(t testing.TB) tree {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	tr := tree{t, t.TempDir()}
	if out, err := exec.Command("git", "init", "-q", tr.dir).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, out)
	}
	tr.write("waybill.yaml", "apiVersion: waybill.dev/v1\nkind: Project\nregistry: oci-layout:.waybill/registry\nstages:\n  staging:\n")
	tr.write("data/dataset.yaml", "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nfiles: {train: [train.csv], test: [test.csv]}\n")
	tr.write("data/train.csv", "id,text\n1,a\n")
	tr.write("data/test.csv", "id,text\n2,b\n")
	tr.write("m/model.yaml", `apiVersion: waybill.dev/v1
kind: Model
name: sentiment
files: [model.safetensors]
code: ["src/**"]
datasets: {train: "reviews:train", evaluate: "reviews:test"}
environment: {lockfiles: [uv.lock], image: "img"}
interface: {labels: [negative, positive]}
evaluation: {predictions: p.csv, key: id, label: label, prediction: prediction}
`)
	tr.write("m/src/train.py", "train()\n")
	tr.write("m/uv.lock", "1\n")
	tr.weights(1)
	tr.write("m/p.csv", "id,label,prediction\n1,1,1\n2,0,1\n3,1,1\n")
	return tr
}

func (t tree) write(name, text string) {
	t.Helper()
	p := filepath.Join(t.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (t tree) weights(b byte) {
	t.Helper()
	var buf bytes.Buffer
	if err := modelfile.WriteSafetensors(&buf, []modelfile.NewTensor{{Name: "w", Dtype: "F32", Shape: []int64{2}, Data: []byte{b, 0, 0, 0, 0, 0, 0, 0}}}, nil); err != nil {
		t.Fatal(err)
	}
	t.write("m/model.safetensors", buf.String())
}

func (t tree) compute(name string, opts lock.Options) (*lock.Result, func() bool, error) {
	t.Helper()
	parser, err := manifest.NewParser(slices.Concat(modelcheck.Schemas(), evalcheck.Schemas()), datacheck.Schemas())
	if err != nil {
		t.Fatal(err)
	}
	w, err := workspace.Open(context.Background(), t.dir, workspace.Options{Parser: parser, Now: time.Now, Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.Artifact(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := lock.Compute(context.Background(), w, a, opts)
	return r, func() bool {
		t.Helper()
		changed, err := lock.Write(w, a, r.Lock)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}, err
}

// lock computes and writes.
func (t tree) lock(name string, trainedOn ...ref.Reference) *lock.Result {
	t.Helper()
	r, write, err := t.compute(name, lock.Options{TrainedOn: trainedOn})
	if err != nil {
		t.Fatal(err)
	}
	write()
	return r
}

func text(t testing.TB, l *manifest.Lock) string {
	t.Helper()
	b, err := l.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFirstLock(t *testing.T) {
	tr := newTree(t)
	if _, _, err := tr.compute("sentiment", lock.Options{}); !errors.Is(err, workspace.ErrUsage) || !strings.Contains(err.Error(), "waybill lock reviews") {
		t.Fatalf("without the dataset's lock: %v", err)
	}
	data := tr.lock("reviews")
	if f := data.Lock.Files; len(f) != 2 || f[0].Split != "test" || f[1].Split != "train" {
		t.Errorf("splits: %+v", f)
	}
	r, write, err := tr.compute("sentiment", lock.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Previous != nil || !write() || write() {
		t.Error("want no previous lock, and one write")
	}
	again := tr.lock("sentiment")
	if text(t, r.Lock) != text(t, again.Lock) {
		t.Errorf("two locks of one tree differ:\n%s\n%s", text(t, r.Lock), text(t, again.Lock))
	}
	l := r.Lock
	if l.Facts == nil || l.Facts.Format != "safetensors" || l.Facts.Parameters != 2 || l.Facts.Dtypes["F32"] != 2 || l.Facts.Interface == nil {
		t.Errorf("facts: %+v", l.Facts)
	}
	if got := l.Metrics["accuracy"]; got != 0.666666667 || len(l.Metrics) != 6 {
		t.Errorf("metrics: %v", l.Metrics)
	}
	e := l.Evidence[evidence.Predictions]
	if e.File != "p.csv" || e.Model != l.ContentDigest || e.Dataset != data.Lock.ContentDigest || len(r.Evidence) != 1 || r.Evidence[0].MediaType != "text/csv" {
		t.Errorf("evidence: %+v %+v", e, r.Evidence)
	}
	in := l.Lineage
	if in == nil || in.Datasets["train"] != (manifest.LineageDataset{Name: "reviews", Split: "train", ContentDigest: data.Lock.ContentDigest}) || in.Code == "" || in.Lockfiles["uv.lock"] != ref.Of([]byte("1\n")) || in.Image != "img" {
		t.Errorf("lineage: %+v", in)
	}
	if err := os.Remove(filepath.Join(tr.dir, "m", "p.csv")); err != nil {
		t.Fatal(err)
	}
	if r := tr.lock("sentiment"); r.Lock.Evidence != nil || r.Lock.Metrics != nil {
		t.Error("evidence without predictions")
	}
}

func TestLineage(t *testing.T) {
	tr := newTree(t)
	old := tr.lock("reviews").Lock.ContentDigest
	first := tr.lock("sentiment").Lock

	tr.write("data/train.csv", "id,text\n1,changed\n")
	tr.write("m/src/train.py", "train(2)\n")
	now := tr.lock("reviews").Lock.ContentDigest
	r := tr.lock("sentiment")
	if text(t, r.Lock) != text(t, first) {
		t.Error("old weights have a new lineage")
	}
	want := lock.Stale{Role: "evaluate", Name: "reviews", Locked: old, Now: now}
	if len(r.Stale) != 2 || r.Stale[0] != want {
		t.Errorf("stale: %+v", r.Stale)
	}

	// Said by hand: only the data changes.
	reviews := ref.Reference{Name: "reviews", Split: "train"}
	r, _, err := tr.compute("sentiment", lock.Options{TrainedOn: []ref.Reference{reviews}})
	if err != nil {
		t.Fatal(err)
	}
	in := r.Lock.Lineage
	if in.Datasets["train"].ContentDigest != now || in.Datasets["evaluate"].ContentDigest != old || in.Code != first.Lineage.Code {
		t.Errorf("trained on: %+v", in)
	}
	if r.Previous.Lineage.Datasets["train"].ContentDigest != old {
		t.Error("the previous lineage was written to")
	}

	tr.weights(2)
	r = tr.lock("sentiment")
	in = r.Lock.Lineage
	if in.Datasets["train"].ContentDigest != now || in.Code == first.Lineage.Code || len(r.Stale) != 0 {
		t.Errorf("new weights: %+v, stale %+v", in, r.Stale)
	}

	// Unchanged predictions are of the old weights.
	e := r.Lock.Evidence[evidence.Predictions]
	if e.Model != first.ContentDigest || e.Dataset != old || r.Evidence != nil || r.Lock.Metrics != nil {
		t.Errorf("unchanged predictions: %+v", e)
	}
	tr.write("m/p.csv", "id,label,prediction\n1,1,1\n")
	r = tr.lock("sentiment")
	if e := r.Lock.Evidence[evidence.Predictions]; e.Model != r.Lock.ContentDigest || e.Dataset != now || len(r.Evidence) != 1 {
		t.Errorf("new predictions: %+v", e)
	}
}

func TestTakeSide(t *testing.T) {
	tr := newTree(t)
	tr.lock("reviews")
	ours := text(t, tr.lock("sentiment").Lock)
	tr.write("data/test.csv", "id,text\n2,new\n")
	tr.lock("reviews")
	tr.weights(2)
	tr.write("m/p.csv", "id,label,prediction\n1,1,1\n")
	theirs := text(t, tr.lock("sentiment").Lock)
	conflict := "<<<<<<< HEAD\n" + ours + "||||||| base\n{}\n=======\n" + theirs + ">>>>>>> branch\n"
	for _, side := range []struct {
		ours bool
		want string
	}{{true, ours}, {false, theirs}} {
		got, err := lock.TakeSide([]byte(conflict), side.ours)
		if err != nil || string(got) != side.want {
			t.Errorf("ours=%t: %v\n%s", side.ours, err, got)
		}
	}
	// The files are those of theirs, and so must the lineage be.
	tr.write("data/test.csv", "id,text\n2,newer\n")
	tr.lock("reviews")
	tr.write("m/model.lock.json", conflict)
	if r := tr.lock("sentiment"); text(t, r.Lock) != theirs {
		t.Errorf("lock in a conflict:\n%s", text(t, r.Lock))
	}
	other := ref.Of([]byte("other"))
	mixed, data := tr.lock("sentiment").Lock, tr.lock("reviews").Lock
	mixed.Encoding.Digest, data.Encoding.Digest = other, other
	// The encoding of a dataset may be that of packs: the next push finds out.
	got, err := lock.TakeSide([]byte(text(t, data)+"<<<<<<< HEAD\n=======\n>>>>>>> b\n"), true)
	if err != nil || strings.Contains(string(got), string(other)) {
		t.Errorf("dataset: %v\n%s", err, got)
	}
	for name, bad := range map[string]string{
		"mixed both sides":  text(t, mixed) + "<<<<<<< HEAD\n=======\n>>>>>>> b\n",
		"no merge conflict": ours,
		"not closed":        "<<<<<<< HEAD\n" + ours + "=======\n",
		"marks":             "<<<<<<< HEAD\n<<<<<<< HEAD\n",
		"not a valid lock":  "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> b\n",
	} {
		if _, err := lock.TakeSide([]byte(bad), true); !errors.Is(err, workspace.ErrUsage) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Labels may stand in the evaluation dataset alone. A clone without its files
// keeps the metrics that are known of these predictions.
func TestLabelsOfTheDataset(t *testing.T) {
	tr := newTree(t)
	tr.write("data/test.csv", "id,label\n1,1\n2,0\n3,1\n4,0\n")
	tr.write("m/p.csv", "id,prediction\n1,1\n2,0\n3,0\n4,0\n")
	tr.lock("reviews")
	if got := tr.lock("sentiment").Lock.Metrics["accuracy"]; got != 0.75 {
		t.Fatalf("accuracy %v", got)
	}
	if err := os.Remove(filepath.Join(tr.dir, "data", "test.csv")); err != nil {
		t.Fatal(err)
	}
	if got := tr.lock("sentiment").Lock.Metrics["accuracy"]; got != 0.75 {
		t.Errorf("without the dataset's files: accuracy %v", got)
	}
	tr.write("m/p.csv", "id,prediction\n1,1\n2,0\n3,0\n4,1\n")
	if got := tr.lock("sentiment").Lock.Metrics; got != nil {
		t.Errorf("other predictions, no labels at hand: %v", got)
	}
}
