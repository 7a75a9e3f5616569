package lock_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/lock"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

// newResults is a locked dataset and a model with two result files and one that
// is compared with; none is there yet.
func newResults(t testing.TB) tree {
	t.Helper()
	tr := newTree(t)
	tr.checks(`[
  {check: evaluation.latency, file: eval/latency.csv, max: 50ms},
  {check: evaluation.parity, file: ./eval/small.csv, reference: eval/large.csv, key: id},
]`)
	tr.lock("reviews")
	return tr
}

func (t tree) checks(list string) {
	t.Helper()
	t.write("m/model.yaml", `apiVersion: waybill.dev/v1
kind: Model
name: sentiment
files: [model.safetensors]
datasets: {evaluate: "reviews:test"}
checks: `+list+"\n")
}

func (t tree) remove(name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(t.dir, filepath.FromSlash(name))); err != nil {
		t.Fatal(err)
	}
}

// made tells of which weights each file of the lock is.
func made(l *manifest.Lock) map[string]ref.Digest {
	out := map[string]ref.Digest{}
	for _, f := range l.Evidence[evidence.Results].Files {
		out[f.Path] = f.Model
	}
	return out
}

func want(t *testing.T, what string, got map[string]ref.Digest, want map[string]ref.Digest) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
	for name, d := range want {
		if g, ok := got[name]; !ok || g != d {
			t.Errorf("%s: %s is of %q, want %q", what, name, g, d)
		}
	}
}

func TestResults(t *testing.T) {
	tr := newResults(t)
	r := tr.lock("sentiment")
	if r.Lock.Evidence != nil || r.Evidence != nil {
		t.Fatalf("results that are not there: %+v", r.Lock.Evidence)
	}
	tr.write("m/eval/latency.csv", "1\n2\n")
	tr.write("m/eval/small.csv", "id,y\n1,1\n")
	tr.write("m/eval/large.csv", "id,y\n1,1\n") // the same bytes
	r = tr.lock("sentiment")
	one := r.Lock.ContentDigest
	want(t, "first", made(r.Lock), map[string]ref.Digest{"eval/latency.csv": one, "eval/small.csv": one, "eval/large.csv": ""})
	e := r.Lock.Evidence[evidence.Results]
	data, _, err := tr.compute("reviews", lock.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range e.Files {
		if bound := f.Model != ""; bound != (f.Dataset == data.Lock.ContentDigest) {
			t.Errorf("%s is of the dataset %q", f.Path, f.Dataset)
		}
	}
	if len(r.Evidence) != 1 || len(r.Evidence[0].More) != 2 || e.Model != one {
		t.Fatalf("evidence: %+v of %s", r.Evidence, e.Model)
	}
	item := r.Evidence[0]
	body, err := item.Open()
	if err != nil {
		t.Fatal(err)
	}
	index, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	small := ref.Of([]byte("id,y\n1,1\n"))
	if ref.Of(index) != e.Digest || item.Digest != e.Digest || !strings.HasPrefix(string(index), `{"apiVersion":"waybill.dev/v1","files":[{"digest":"`+string(small)+`","path":"eval/large.csv","size":9},`) {
		t.Errorf("index: %s", index)
	}
	if again := tr.lock("sentiment"); text(t, again.Lock) != text(t, r.Lock) {
		t.Error("two locks of one tree differ")
	}

	// Other weights: what is unchanged is of the old ones, also when another
	// file was made anew.
	tr.weights(2)
	r = tr.lock("sentiment")
	two := r.Lock.ContentDigest
	want(t, "other weights", made(r.Lock), map[string]ref.Digest{"eval/latency.csv": one, "eval/small.csv": one, "eval/large.csv": ""})
	if r.Evidence != nil || r.Lock.Evidence[evidence.Results].Model != one {
		t.Errorf("results of other weights are attached: %+v", r.Evidence)
	}
	tr.write("m/eval/latency.csv", "3\n4\n")
	r = tr.lock("sentiment")
	want(t, "one anew", made(r.Lock), map[string]ref.Digest{"eval/latency.csv": two, "eval/small.csv": one, "eval/large.csv": ""})
	if e := r.Lock.Evidence[evidence.Results]; e.Model != two || len(e.Current()) != 2 || len(r.Evidence) != 1 || len(r.Evidence[0].More) != 2 {
		t.Errorf("evidence: %+v, attached %+v", e, r.Evidence)
	}

	// The old weights come back, and what was made with them is gone.
	tr.weights(1)
	r = tr.lock("sentiment")
	want(t, "old weights", made(r.Lock), map[string]ref.Digest{"eval/latency.csv": two, "eval/small.csv": one, "eval/large.csv": ""})
}

// TestResultsAbsent holds that a clone without the files keeps what was pushed.
func TestResultsAbsent(t *testing.T) {
	tr := newResults(t)
	tr.write("m/eval/latency.csv", "1\n2\n")
	tr.write("m/eval/small.csv", "id,y\n1,1\n")
	before := text(t, tr.lock("sentiment").Lock)
	tr.remove("m/eval/latency.csv")
	tr.remove("m/eval/small.csv")
	r := tr.lock("sentiment")
	if text(t, r.Lock) != before || r.Evidence != nil {
		t.Errorf("all are absent: %+v\n%s", r.Evidence, text(t, r.Lock))
	}

	// One is made anew: the other is attached with it, if the registry has it.
	tr.write("m/eval/latency.csv", "1\n3\n")
	r = tr.lock("sentiment")
	if len(made(r.Lock)) != 2 || len(r.Evidence) != 1 || len(r.Evidence[0].More) != 2 {
		t.Fatalf("one is absent: %+v", r.Evidence)
	}
	if _, err := r.Evidence[0].More[1].Open(); err == nil || !strings.Contains(err.Error(), "neither the registry nor the working tree") {
		t.Errorf("opening an absent file: %v", err)
	}

	// What the manifest does not name any more is dropped.
	tr.checks("[{check: evaluation.latency, file: eval/latency.csv, max: 50ms}]")
	want(t, "dropped", made(tr.lock("sentiment").Lock), map[string]ref.Digest{"eval/latency.csv": r.Lock.ContentDigest})
	tr.checks("[]")
	if r := tr.lock("sentiment"); r.Lock.Evidence != nil {
		t.Errorf("nothing is named: %+v", r.Lock.Evidence)
	}
}

func TestResultsRefused(t *testing.T) {
	tr := newResults(t)
	refused := func(file, why string) {
		t.Helper()
		tr.checks(`[{check: evaluation.latency, file: "` + file + `", max: 50ms}]`)
		if _, _, err := tr.compute("sentiment", lock.Options{}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", file, err, why)
		}
	}
	refused("eval/*.csv", "not every system can store")
	refused("src", "not a regular file")
	if err := os.Symlink(filepath.Join(tr.dir, "m", "uv.lock"), filepath.Join(tr.dir, "m", "link.csv")); err == nil {
		refused("link.csv", "not a regular file")
	}
	tr.write("m/huge.csv", "")
	if err := os.Truncate(filepath.Join(tr.dir, "m", "huge.csv"), manifest.MaxResultSize+1); err == nil {
		refused("huge.csv", "at most 2147483648")
	}
}
