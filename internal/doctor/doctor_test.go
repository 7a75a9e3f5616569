package doctor

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

type world struct {
	t                 *testing.T
	dir, bare, commit string
	w                 *workspace.Workspace
}

const project = "apiVersion: waybill.dev/v1\nkind: Project\nregistry: oci-layout:.waybill/registry\nstages:\n  staging:\n  production:\n"

func (x *world) git(args ...string) string {
	x.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = x.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		x.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (x *world) write(name, text string) {
	x.t.Helper()
	p := filepath.Join(x.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		x.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		x.t.Fatal(err)
	}
}

func (x *world) open() {
	x.t.Helper()
	parser, err := manifest.NewParser(nil, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	x.w, err = workspace.Open(context.Background(), x.dir, workspace.Options{Parser: parser, Getenv: func(string) string { return "" },
		Now: func() time.Time { return time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC) }})
	if err != nil {
		x.t.Fatal(err)
	}
}

// newWorld is a clone with a model that is locked, pushed, registered as v1.0.0
// and in staging.
func newWorld(t *testing.T) *world {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "GIT_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	top := t.TempDir()
	x := &world{t: t, dir: top, bare: filepath.Join(top, "remote.git")}
	x.git("init", "-q", "--bare", "-b", "main", x.bare)
	x.git("clone", "-q", x.bare, "clone")
	x.dir = filepath.Join(top, "clone")
	x.git("config", "user.name", "Ada")
	x.git("config", "user.email", "ada@example.com")
	x.git("checkout", "-q", "-B", "main")
	x.write("waybill.yaml", project)
	x.write("m/model.yaml", "apiVersion: waybill.dev/v1\nkind: Model\nname: sentiment\nfiles: [w.bin]\n")
	x.write("m/w.bin", "weights")
	x.write("m/p.csv", "id,label\n1,x\n")
	x.write(".gitignore", ".waybill/\n")
	x.open()
	ctx := context.Background()
	a := x.w.Artifacts[0]
	files, err := artifact.Scan(ctx, x.w.Root(), a, x.w.Stats(), nil)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := artifact.Encode(a.Kind, files)
	if err != nil {
		t.Fatal(err)
	}
	repo, err := x.w.Repository(a.Name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := artifact.Push(ctx, repo, enc, files, artifact.Dir(x.w.Dir(a)), artifact.PushOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := repo.Tag(ctx, enc.Desc, "v1.0.0"); err != nil {
		t.Fatal(err)
	}
	content, err := manifest.ContentDigest(files)
	if err != nil {
		t.Fatal(err)
	}
	lock := &manifest.Lock{APIVersion: manifest.APIVersion, Kind: a.Kind, Name: a.Name, ContentDigest: content,
		Encoding: manifest.Encoding{Repository: repo.String(), Digest: enc.Digest(), Size: enc.Desc.Size},
		Files:    files, Total: manifest.Total{Files: 1, Bytes: 7},
		Evidence: map[string]manifest.EvidenceRef{"predictions": {File: "p.csv", Digest: ref.Of([]byte("id,label\n1,x\n")), Size: 13}}}
	data, err := lock.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	x.write(a.LockPath(), string(data))
	x.git("add", "-A")
	x.git("commit", "-q", "-m", "model")
	x.git("push", "-q", "origin", "main")
	x.commit = x.git("rev-parse", "HEAD")
	e := ledger.Event{Artifact: a.Name, Version: ref.MustVersion("v1.0.0"), ContentDigest: content, Digest: enc.Digest(),
		Commit: x.commit, Actor: ledger.Actor{Login: "ada@example.com"}}
	register, promote := e, e
	register.Kind, register.ArtifactKind = ledger.KindRegister, "Model"
	promote.Kind, promote.Stage = ledger.KindPromote, "staging"
	x.append(register, promote)
	return x
}

func (x *world) append(events ...ledger.Event) {
	x.t.Helper()
	_, err := x.w.Append(context.Background(), func(context.Context, *workspace.Ledger) (workspace.Decision, error) {
		return workspace.Decision{Events: events, Message: "test"}, nil
	})
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *world) ledger() *workspace.Ledger {
	x.t.Helper()
	x.open()
	l, err := x.w.Ledger(context.Background())
	if err != nil {
		x.t.Fatal(err)
	}
	return l
}

// examine returns the report and what is not PASS, one line each.
func (x *world) examine(fix bool) (*report.Report, string, []string) {
	x.t.Helper()
	l := x.ledger()
	r, mended, err := Examine(context.Background(), x.w, l, fix)
	if err != nil {
		x.t.Fatal(err)
	}
	var lines []string
	for _, f := range r.Findings {
		if f.Verdict != report.Pass {
			lines = append(lines, string(f.Severity)+" "+string(f.Verdict)+" "+f.Check+" "+f.Message)
		}
	}
	return r, strings.Join(lines, "\n"), mended
}

func contains(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(got, s) {
			t.Errorf("%q is not in:\n%s", s, got)
		}
	}
}

// untag takes the tag out of the layout's index.
func (x *world) untag() {
	x.t.Helper()
	file := filepath.Join(x.dir, ".waybill", "registry", "index.json")
	data, err := os.ReadFile(file)
	if err != nil {
		x.t.Fatal(err)
	}
	var index map[string]any
	if err := json.Unmarshal(data, &index); err != nil {
		x.t.Fatal(err)
	}
	for _, m := range index["manifests"].([]any) {
		delete(m.(map[string]any), "annotations")
	}
	if data, err = json.Marshal(index); err != nil {
		x.t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		x.t.Fatal(err)
	}
}

func TestExamineAndFix(t *testing.T) {
	x := newWorld(t)
	// The evidence was never attached: the first repair.
	_, bad, _ := x.examine(false)
	if strings.Count(bad, "\n") != 0 {
		t.Errorf("more than the evidence:\n%s", bad)
	}
	contains(t, bad, "error FAIL state.evidence sentiment: the registry does not list")
	_, bad, mended := x.examine(true)
	if bad != "" || len(mended) != 1 {
		t.Errorf("evidence: mended %q, left:\n%s", mended, bad)
	}
	r, bad, mended := x.examine(true)
	if bad != "" || len(mended) != 0 || r.Verdict != report.Pass || r.Summary.Pass != 6 {
		t.Fatalf("healthy: %+v, mended %q, left:\n%s", r.Summary, mended, bad)
	}

	x.git("push", "-q", "origin", ":refs/tags/sentiment@v1.0.0")
	x.git("push", "-q", "-f", "origin", x.commit+":refs/tags/sentiment#staging#1")
	x.git("push", "-q", "origin", x.commit+":refs/tags/sentiment@v9.0.0", x.commit+":refs/tags/release-1", x.commit+":refs/tags/other@v1.0.0")
	x.untag()
	r, bad, mended = x.examine(false)
	contains(t, bad, "error FAIL state.tag tag sentiment@v1.0.0 is missing at the remote",
		"error FAIL state.tag tag sentiment#staging#1 was moved by hand: points to "+x.commit[:12],
		"warning FAIL state.tag tag sentiment@v9.0.0 at the remote is not the ledger's",
		"error FAIL state.oci-tag sentiment: the registry has no tag v1.0.0")
	if strings.Count(bad, "\n") != 3 || r.Verdict != report.Fail || len(mended) != 0 {
		t.Errorf("%s, mended %q:\n%s", r.Verdict, mended, bad)
	}
	r, bad, mended = x.examine(true)
	if len(mended) != 3 || r.Verdict != report.Pass || strings.Count(bad, "\n") != 0 {
		t.Errorf("%s, mended %q, left:\n%s", r.Verdict, mended, bad)
	}
	// Again, with a new look at remote and registry: nothing is left to mend,
	// and the stray tag is still there.
	_, bad, mended = x.examine(true)
	if len(mended) != 0 {
		t.Errorf("mended again: %q", mended)
	}
	contains(t, bad, "sentiment@v9.0.0")
}

func TestExamineLockAndHold(t *testing.T) {
	x := newWorld(t)
	x.append(ledger.Event{Kind: ledger.KindHold, Artifact: "sentiment", Version: ref.MustVersion("v1.0.0"), Actor: ledger.Actor{Login: "ada"}, Reason: "bad"})
	x.write("m/w.bin", "other")
	x.write("m/p.csv", "changed")
	_, bad, mended := x.examine(true)
	contains(t, bad, "warning FAIL state.ledger sentiment v1.0.0 is in staging and held", "warning FAIL state.lock sentiment: the files changed",
		"state.evidence", "p.csv changed since it was locked")
	if len(mended) != 0 {
		t.Errorf("mended %q", mended)
	}
	x.write("m/model.lock.json", "<<<<<<< ours\n{}\n")
	_, bad, _ = x.examine(false)
	contains(t, bad, "error FAIL state.lock m/model.lock.json: has a merge conflict")
}

func TestExamineNoRegistry(t *testing.T) {
	x := newWorld(t)
	x.write("waybill.yaml", strings.Replace(project, "oci-layout:.waybill/registry", "127.0.0.1:1/none", 1))
	r, bad, _ := x.examine(false)
	contains(t, bad, "error INCONCLUSIVE state.registry sentiment: the registry could not be asked")
	if r.Verdict != report.Inconclusive || strings.Count(bad, "\n") != 0 {
		t.Errorf("%s:\n%s", r.Verdict, bad)
	}
	if s := x.status(); s.Registry != "unknown" {
		t.Errorf("%+v", s)
	}
}

func (x *world) status() State {
	x.t.Helper()
	l := x.ledger()
	states, err := Status(context.Background(), x.w, l, x.w.Artifacts)
	if err != nil || len(states) != 1 {
		x.t.Fatal(states, err)
	}
	return states[0]
}

func TestStatus(t *testing.T) {
	x := newWorld(t)
	check := func(want ...string) {
		t.Helper()
		s := x.status()
		got := []string{s.Lock, s.Tree, s.Registry, s.Ledger, s.Version, s.Stages["staging"], s.Next}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	check("ok", "ok", "ok", "ok", "v1.0.0", "v1.0.0", "waybill promote sentiment --to production")
	x.write("m/w.bin", "other")
	check("ok", "changed", "ok", "ok", "v1.0.0", "v1.0.0", "waybill push sentiment")
	if err := os.Remove(filepath.Join(x.dir, "m", "w.bin")); err != nil {
		t.Fatal(err)
	}
	check("ok", "missing", "ok", "ok", "v1.0.0", "v1.0.0", "waybill pull sentiment")
	x.write("m/w.bin", "weights")
	if err := os.RemoveAll(filepath.Join(x.dir, ".waybill")); err != nil {
		t.Fatal(err)
	}
	check("ok", "ok", "not pushed", "ok", "v1.0.0", "v1.0.0", "waybill push sentiment")
	if err := os.Remove(filepath.Join(x.dir, "m", "model.lock.json")); err != nil {
		t.Fatal(err)
	}
	check("missing", "unknown", "unknown", "unknown", "", "v1.0.0", "waybill push sentiment")
}
