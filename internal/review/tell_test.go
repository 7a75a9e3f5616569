package review_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/review"
)

func artifactOf(t *testing.T, s *review.Story, name string) review.Artifact {
	t.Helper()
	i := slices.IndexFunc(s.Artifacts, func(a review.Artifact) bool { return a.Name == name })
	if i < 0 {
		t.Fatalf("%s is not told of: %+v", name, s.Artifacts)
	}
	return s.Artifacts[i]
}

func TestTellChangedData(t *testing.T) {
	r, base := first(t)
	r.write("datasets/reviews/train.csv", "id,label\n1,0\n2,1\n3,0\n4,7\n5,1\n")
	r.waybill("push", "reviews")
	head := r.commit("a bad label")
	s := r.tell(review.Options{Base: base, Head: head})
	if s.Verdict != report.Fail || s.Blocking() != report.Fail || s.Bootstrap || len(s.Artifacts) != 2 || s.Total != 2 {
		t.Fatalf("%s, %d artifacts of %d", s.Verdict, len(s.Artifacts), s.Total)
	}
	d := artifactOf(t, s, "reviews")
	if d.Change != review.Changed || !slices.Equal(d.Parts, []string{"lock", "files"}) || d.Headline != "+1 row, ±1 row" {
		t.Errorf("%s %v: %s", d.Change, d.Parts, d.Headline)
	}
	if d.From == "" || d.To == "" || d.From == d.To || !slices.Equal(d.Dependents, []string{"sentiment"}) {
		t.Errorf("from %s to %s, used by %v", d.From, d.To, d.Dependents)
	}
	production := d.Stages[slices.IndexFunc(d.Stages, func(s review.Stage) bool { return s.Name == "production" })]
	var why []string
	for _, c := range production.Conditions {
		if c.Verdict != report.Pass {
			why = append(why, c.Message)
		}
	}
	if production.Verdict != report.Fail || !slices.Contains(why, "the data checks fail") || !slices.Contains(why, "v0.1.0 was never in staging") {
		t.Errorf("production: %s %q", production.Verdict, why)
	}
	m := artifactOf(t, s, "sentiment")
	stale := slices.ContainsFunc(m.Findings, func(f report.Finding) bool { return f.Check == "lineage.stale" && f.Verdict == report.Fail })
	if m.Change != review.Dependent || !slices.Equal(m.Because, []string{"reviews"}) || !stale || len(m.Stages) != 0 {
		t.Errorf("%s because %v, stale: %v", m.Change, m.Because, stale)
	}
	body := s.Comment(review.CommentLimit, review.CommentOptions{})
	for _, want := range []string{"because reviews changed", "+1 row", "the data checks fail", "flowchart LR"} {
		if !strings.Contains(body, want) {
			t.Errorf("the comment does not say %q:\n%s", want, body)
		}
	}
}

// TestTellWithoutFiles: the bytes are in the registry alone.
func TestTellWithoutFiles(t *testing.T) {
	r, base := first(t)
	r.write("datasets/reviews/train.csv", rows+"5,1\n")
	r.waybill("push", "reviews")
	r.write(".gitignore", "*.csv\n")
	r.git("rm", "-q", "--cached", "datasets/reviews/train.csv")
	head := r.commit("more rows")
	if err := os.Remove(filepath.Join(r.work, "datasets/reviews/train.csv")); err != nil {
		t.Fatal(err)
	}
	d := artifactOf(t, r.tell(review.Options{Base: base, Head: head}), "reviews")
	if d.Verdict != report.Pass || d.Headline != "+1 row" {
		t.Errorf("%s: %s: %+v", d.Verdict, d.Headline, d.Findings)
	}
}

func TestTellStaleLock(t *testing.T) {
	r, base := first(t)
	r.write("datasets/reviews/train.csv", rows+"5,1\n")
	s := r.tell(review.Options{Base: base, Head: r.commit("more rows, the old lock")})
	i := slices.IndexFunc(s.Report().Findings, func(f report.Finding) bool { return f.Check == "lock.current" && f.Verdict == report.Fail })
	if s.Verdict != report.Fail || i < 0 {
		t.Errorf("%s: %+v", s.Verdict, s.Report().Findings)
	}
}

func TestTellBootstrap(t *testing.T) {
	r := newRepository(t)
	r.write("README.md", "nothing yet\n")
	base := r.commit("before waybill")
	r.git("push", "-q", "-u", "origin", "main")
	r.write("waybill.yaml", projectYAML)
	r.write("datasets/reviews/dataset.yaml", datasetYAML)
	r.write("datasets/reviews/train.csv", "id,label\n1,7\n")
	head := r.commit("waybill")
	for _, b := range []string{base, ""} {
		s := r.tell(review.Options{Base: b, Head: head})
		a := artifactOf(t, s, "reviews")
		if !s.Bootstrap || s.Verdict != report.Fail || s.Blocking() != report.Pass || a.Change != review.Added || s.Project != review.Added {
			t.Errorf("base %q: bootstrap %v, %s, blocking %s, %s", b, s.Bootstrap, s.Verdict, s.Blocking(), a.Change)
		}
		if run := s.CheckRun(); run.Conclusion != "success" {
			t.Errorf("the check run says %s", run.Conclusion)
		}
	}
}

func TestTellRemovedAndLoosened(t *testing.T) {
	r, base := first(t)
	r.git("rm", "-qr", "datasets/reviews")
	r.write("waybill.yaml", strings.Replace(projectYAML, ", requires: [data]", "", 1))
	s := r.tell(review.Options{Base: base, Head: r.commit("away with it")})
	a := artifactOf(t, s, "reviews")
	if a.Change != review.Removed || a.From == "" || a.To != "" || s.Project != review.Changed {
		t.Errorf("%+v, project %s", a, s.Project)
	}
	if !slices.ContainsFunc(s.Findings, func(f report.Finding) bool { return f.Check == "policy.weakened" }) {
		t.Errorf("nothing says that the rules were loosened: %+v", s.Findings)
	}
}

// T11: who may approve with which key is policy: a pull request that changes it
// says so, and whom.
func TestT11TellSigners(t *testing.T) {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEjjZvYIK5oVOpyJH5O1pURfYbqkR4ZCDmJ/aGrNPkAP\n"
	r, base := first(t)
	r.write("allowed_signers", "mallory "+key)
	head := r.commit("a key")
	said := func(base, head, check, what string) {
		t.Helper()
		s := r.tell(review.Options{Base: base, Head: head})
		if !slices.ContainsFunc(s.Findings, func(f report.Finding) bool { return f.Check == check && strings.Contains(f.Message, what) }) {
			t.Errorf("%s %q is not in %+v", check, what, s.Findings)
		}
	}
	said(base, head, "policy.weakened", "mallory may approve with a key that was not theirs, SHA256:")
	r.write("allowed_signers", "mallory valid-before=\"20270101Z\" "+key)
	ends := r.commit("it ends")
	if s := r.tell(review.Options{Base: head, Head: ends}); len(s.Findings) > 0 {
		t.Errorf("%+v", s.Findings)
	}
	r.write("allowed_signers", "mallory "+key)
	said(ends, r.commit("it goes on"), "policy.weakened", "mallory may approve for longer")
	r.write("allowed_signers", "* "+key)
	said(head, r.commit("anybody's"), "policy.signers", "no signature will count")
}

// TestTellUnreadableBase: a project that this release cannot read is no reason to
// block nothing.
func TestTellUnreadableBase(t *testing.T) {
	r, _ := first(t)
	r.write("waybill.yaml", projectYAML+"future: yes\n")
	r.write("datasets/reviews/dataset.yaml", "apiVersion: waybill.dev/v9\n")
	base := r.commit("of a later release")
	r.write("waybill.yaml", projectYAML)
	r.write("datasets/reviews/dataset.yaml", datasetYAML)
	s := r.tell(review.Options{Base: base, Head: r.commit("back")})
	n := 0
	for _, f := range s.Findings {
		if f.Check == "review.base" && f.Verdict == report.Inconclusive && f.Severity == report.Warning {
			n++
		}
	}
	if s.Bootstrap || n != 2 || artifactOf(t, s, "reviews").Change != review.Added {
		t.Errorf("bootstrap %v, %d problems: %+v", s.Bootstrap, n, s.Findings)
	}
}

// TestTellUnreachableRegistry: what cannot be found out is INCONCLUSIVE, and the
// rest is told.
func TestTellUnreachableRegistry(t *testing.T) {
	r, base := first(t)
	r.write("datasets/reviews/train.csv", rows+"5,1\n")
	r.waybill("push", "reviews")
	head := r.commit("more rows")
	if err := os.RemoveAll(filepath.Join(r.work, "..", "registry")); err != nil {
		t.Fatal(err)
	}
	s := r.tell(review.Options{Base: base, Head: head})
	a := artifactOf(t, s, "reviews")
	if !slices.ContainsFunc(a.Findings, func(f report.Finding) bool { return f.Check == "review.diff" && f.Verdict == report.Inconclusive }) || a.Verdict != report.Pass {
		t.Errorf("%s: %+v", a.Verdict, a.Findings)
	}
	if err := os.Remove(filepath.Join(r.work, "datasets/reviews/train.csv")); err != nil {
		t.Fatal(err)
	}
	a = artifactOf(t, r.tell(review.Options{Base: base, Head: head}), "reviews")
	if a.Verdict != report.Inconclusive {
		t.Errorf("without files: %s: %+v", a.Verdict, a.Findings)
	}
}

func TestTellNothing(t *testing.T) {
	r, base := first(t)
	r.write("README.md", "words\n")
	s := r.tell(review.Options{Base: base, Head: r.commit("words")})
	if len(s.Artifacts) != 0 || len(s.Findings) != 0 || s.Verdict != report.Pass {
		t.Errorf("%+v", s)
	}
}

// TestTellManifestOnly: of an artifact whose bytes are the same nothing is
// compared, and what is made from it is not checked again.
func TestTellManifestOnly(t *testing.T) {
	r, base := first(t)
	r.write("datasets/reviews/dataset.yaml", datasetYAML+"description: Reviews.\n")
	s := r.tell(review.Options{Base: base, Head: r.commit("a description")})
	if len(s.Artifacts) != 1 || s.Artifacts[0].Headline != "the same content" || len(s.Artifacts[0].Diff) != 0 {
		t.Errorf("%+v", s.Artifacts)
	}
}

func TestTellNames(t *testing.T) {
	r, base := first(t)
	r.write("datasets/reviews/train.csv", rows+"5,1\n")
	r.write("models/sentiment/weights.bin", "other weights")
	r.waybill("push")
	s := r.tell(review.Options{Base: base, Head: r.commit("both"), Names: []string{"sentiment"}})
	if len(s.Artifacts) != 1 || s.Artifacts[0].Name != "sentiment" || s.Artifacts[0].Change != review.Changed {
		t.Errorf("%+v", s.Artifacts)
	}
	_, err := review.Tell(context.Background(), r.open(), review.Options{Base: base, Names: []string{"sentimant"}})
	if err == nil || !strings.Contains(err.Error(), `did you mean "sentiment"`) {
		t.Errorf("a misspelt name: %v", err)
	}
}

// TestTellMany tells of one changed artifact among 200, and of no other.
func TestTellMany(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 200 artifacts")
	}
	r := newRepository(t)
	r.write("waybill.yaml", projectYAML)
	for i := range 200 {
		dir := fmt.Sprintf("datasets/d%03d", i)
		r.write(dir+"/dataset.yaml", strings.Replace(datasetYAML, "name: reviews", fmt.Sprintf("name: d%03d", i), 1))
		r.write(dir+"/train.csv", rows)
	}
	r.waybill("push", "d007")
	base := r.commit("many")
	r.git("push", "-q", "-u", "origin", "main")
	r.write("datasets/d007/train.csv", rows+"5,0\n")
	r.waybill("push", "d007")
	head := r.commit("one")
	w := r.open()
	began := time.Now()
	s, err := review.Tell(context.Background(), w, review.Options{Base: base, Head: head})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("one of 200: %s", time.Since(began))
	if len(s.Artifacts) != 1 || s.Total != 200 {
		t.Errorf("%d of %d", len(s.Artifacts), s.Total)
	}
}

// TestTellSamples: a pull request that asks to show rows is not the one that may.
func TestTellSamples(t *testing.T) {
	r, base := first(t)
	r.write("waybill.yaml", projectYAML+"report: {samples: full}\n")
	r.write("datasets/reviews/train.csv", strings.Replace(rows, "4,1", "4,0", 1))
	r.waybill("push", "reviews")
	s := r.tell(review.Options{Base: base, Head: r.commit("show me the rows")})
	d := artifactOf(t, s, "reviews")
	if data, err := json.Marshal(d.Diff); err != nil || bytes.Contains(bytes.ToLower(data), []byte("first rows")) {
		t.Errorf("rows are shown, %v: %s", err, data)
	}
	if !slices.ContainsFunc(s.Findings, func(f report.Finding) bool { return f.Check == "policy.weakened" && f.Subject == "samples" }) {
		t.Errorf("nothing says that more would be shown: %+v", s.Findings)
	}
}

// TestTellLockGone: without a lock nothing says what is reviewed.
func TestTellLockGone(t *testing.T) {
	r, base := first(t)
	r.git("rm", "-q", "datasets/reviews/dataset.lock.json")
	a := artifactOf(t, r.tell(review.Options{Base: base, Head: r.commit("no lock")}), "reviews")
	if a.Verdict != report.Fail || !strings.Contains(a.Findings[0].Message, "its lock is gone") {
		t.Errorf("%s: %+v", a.Verdict, a.Findings)
	}
	for _, s := range a.Stages {
		if s.Verdict != report.Fail {
			t.Errorf("what no lock names could enter %s: %s", s.Name, s.Verdict)
		}
	}
	r, base = first(t)
	r.write("datasets/reviews/dataset.lock.json", "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n")
	a = artifactOf(t, r.tell(review.Options{Base: base, Head: r.commit("a conflict")}), "reviews")
	if a.Verdict != report.Fail || a.Findings[0].Location.File != "datasets/reviews/dataset.lock.json" || len(a.Stages) > 0 {
		t.Errorf("a conflict: %s: %+v", a.Verdict, a.Findings)
	}
}

// TestTellNamedDependent: a job for a model hears of the data that it is made
// from, though it was not asked about them.
func TestTellNamedDependent(t *testing.T) {
	r, base := first(t)
	r.write("datasets/reviews/train.csv", rows+"5,1\n")
	r.waybill("push", "reviews")
	s := r.tell(review.Options{Base: base, Head: r.commit("more rows"), Names: []string{"sentiment"}})
	if len(s.Artifacts) != 1 || s.Artifacts[0].Name != "sentiment" || s.Artifacts[0].Change != review.Dependent {
		t.Errorf("%+v", s.Artifacts)
	}
}
