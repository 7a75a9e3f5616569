package promotion

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// world is a clone with the model sentiment, its remote and its registry.
type world struct {
	t         testing.TB
	top       string
	dir, bare string
	env       map[string]string // of the workspace
	now       func() time.Time
	w         *workspace.Workspace
}

// noon is what the clock of a world shows at first.
var noon = time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC)

// newWorld is a clone whose waybill.yaml, at the remote too, has stages, which
// is YAML that stands under "stages:" and may go on with other keys. No version
// is registered.
func newWorld(t testing.TB, stages string) *world {
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
	x := &world{t: t, top: top, dir: top, bare: filepath.Join(top, "remote.git"), env: map[string]string{}, now: func() time.Time { return noon }}
	x.git("init", "-q", "--bare", "-b", "main", x.bare)
	x.git("clone", "-q", x.bare, "clone")
	x.dir = filepath.Join(top, "clone")
	x.identify("Ada", "ada@example.com")
	x.git("checkout", "-q", "-B", "main")
	x.write("waybill.yaml", "apiVersion: waybill.dev/v1\nkind: Project\nregistry: \"oci-layout:"+filepath.ToSlash(filepath.Join(top, "registry"))+"\"\nstages:\n"+stages)
	x.write("m/model.yaml", "apiVersion: waybill.dev/v1\nkind: Model\nname: sentiment\nfiles: [w.bin]\n")
	x.write("m/w.bin", "weights")
	x.write("README.md", "a project\n")
	x.push("start")
	x.open()
	return x
}

// clone is another clone of the same remote, with the same registry and clock.
func (x *world) clone(name, email string) *world {
	x.t.Helper()
	y := *x
	y.env, y.dir = map[string]string{}, x.top
	y.git("clone", "-q", x.bare, "clone-"+name)
	y.dir = filepath.Join(x.top, "clone-"+name)
	y.identify(name, email)
	y.open()
	return &y
}

func (x *world) identify(name, email string) {
	x.git("config", "user.name", name)
	x.git("config", "user.email", email)
}

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

// push commits everything to the default branch and returns the commit.
func (x *world) push(message string) string {
	x.t.Helper()
	x.git("add", "-A")
	x.git("commit", "-q", "--allow-empty", "-m", message)
	x.git("push", "-q", "origin", "HEAD:main")
	return x.git("rev-parse", "HEAD")
}

// open reads the working tree again.
func (x *world) open() {
	x.t.Helper()
	parser, err := manifest.NewParser(nil, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	x.w, err = workspace.Open(context.Background(), x.dir, workspace.Options{Parser: parser,
		Getenv: func(k string) string { return x.env[k] }, Now: func() time.Time { return x.now() }})
	if err != nil {
		x.t.Fatal(err)
	}
}

// later advances the clock.
func (x *world) later(d time.Duration) {
	at := x.now().Add(d)
	x.now = func() time.Time { return at }
}

// lock makes content the model's file, pushes its bytes, commits and pushes
// model and lock, and returns the register event of it.
func (x *world) lock(version, content string) ledger.Event {
	x.t.Helper()
	ctx := context.Background()
	x.write("m/w.bin", content)
	x.open()
	a := x.w.Artifacts[0]
	files, err := artifact.Scan(ctx, x.w.Root(), a, x.w.Stats(), nil)
	x.must(err)
	enc, err := artifact.Encode(a.Kind, files)
	x.must(err)
	repo, err := x.w.Repository(a.Name)
	x.must(err)
	_, err = artifact.Push(ctx, repo, enc, files, artifact.Dir(x.w.Dir(a)), artifact.PushOptions{})
	x.must(err)
	v := ref.MustVersion(version)
	x.must(repo.Tag(ctx, enc.Desc, v.OCITag()))
	digest, err := manifest.ContentDigest(files)
	x.must(err)
	lock := &manifest.Lock{APIVersion: manifest.APIVersion, Kind: a.Kind, Name: a.Name, ContentDigest: digest,
		Encoding: manifest.Encoding{Repository: repo.String(), Digest: enc.Digest(), Size: enc.Desc.Size},
		Files:    files, Total: manifest.Total{Files: 1, Bytes: int64(len(content))}}
	data, err := lock.Bytes()
	x.must(err)
	x.write(a.LockPath(), string(data))
	return ledger.Event{Kind: ledger.KindRegister, ArtifactKind: string(manifest.KindModel), Artifact: a.Name, Version: v,
		ContentDigest: digest, Digest: enc.Digest(), Commit: x.push("model " + version), Actor: ledger.Actor{ID: 41, Login: "ada"},
		Evidence: &ledger.Evidence{Report: ref.Of([]byte("report")), Verdicts: map[string]string{report.GroupFiles: "PASS", report.GroupSecurity: "PASS"}}}
}

// release registers content as a version, with evidence of checks that passed.
func (x *world) release(version, content string) ledger.Event {
	x.t.Helper()
	e := x.lock(version, content)
	x.append(e)
	return e
}

// event is one about a registered version.
func (x *world) event(kind ledger.Kind, version, stage string) ledger.Event {
	x.t.Helper()
	v := x.ledger().State.Artifacts["sentiment"].Version(ref.MustVersion(version))
	e := ledger.Event{Kind: kind, Artifact: "sentiment", Version: v.Version, Stage: stage, ContentDigest: v.ContentDigest, Digest: v.Digest,
		Actor: ledger.Actor{ID: 41, Login: "ada"}}
	if kind == ledger.KindHold || kind == ledger.KindReleaseHold {
		e.Stage = ""
	}
	return e
}

func (x *world) append(events ...ledger.Event) {
	x.t.Helper()
	_, err := x.w.Append(context.Background(), func(context.Context, *workspace.Ledger) (workspace.Decision, error) {
		return workspace.Decision{Events: events, Message: "test"}, nil
	})
	x.must(err)
}

func (x *world) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *world) ledger() *workspace.Ledger {
	x.t.Helper()
	l, err := x.w.Ledger(context.Background())
	x.must(err)
	return l
}

// in is the version in a stage, "" for none.
func (x *world) in(stage string) string {
	x.t.Helper()
	if a := x.ledger().State.Artifacts["sentiment"]; a != nil && a.Stages[stage] != nil {
		return a.Stages[stage].Version.String()
	}
	return ""
}

func (x *world) promote(reference, stage string, opts Options) *Outcome {
	x.t.Helper()
	r, err := ref.Parse(reference)
	x.must(err)
	o, err := Promote(context.Background(), x.w, r, stage, opts)
	x.must(err)
	return o
}

// hub is the world's GitHub, and the repository acme/reviews there.
type hub struct {
	*githubtest.Server
	repo *githubtest.Repository
}

// github makes the world one that GitHub knows, with a protected default
// branch.
func (x *world) github() *hub {
	x.t.Helper()
	h := x.githubWithout()
	h.repo.AddRuleset(githubtest.Ruleset{Name: "main", Include: []string{"~DEFAULT_BRANCH"}, Rules: []map[string]any{{"type": "pull_request"}}})
	return h
}

// githubWithout leaves the default branch unprotected.
func (x *world) githubWithout() *hub {
	x.t.Helper()
	gh := githubtest.New(x.t, githubtest.WithNow(func() time.Time { return x.now() }))
	h := &hub{gh, gh.Repository("acme", "reviews")}
	x.must(h.repo.ReadFrom(x.bare))
	h.AddUser(githubtest.User{Login: "ada", ID: 41})
	return h
}

// run makes a run of the default branch's newest commit by ada, unless told
// otherwise.
func (h *hub) run(x *world, run githubtest.Run) *githubtest.Run {
	if run.Event == "" {
		run.Event = "workflow_dispatch"
	}
	if run.Actor == "" {
		run.Actor = "ada"
	}
	if run.HeadSHA == "" {
		run.HeadSHA = x.git("rev-parse", "origin/main")
	}
	if run.Workflow == "" {
		run.Workflow = ".github/workflows/promote.yml"
	}
	return h.repo.AddRun(run)
}

// within makes the world's commands those of a run, and returns what a gate is
// asked with.
func (h *hub) within(x *world, run *githubtest.Run) Occasion {
	x.t.Helper()
	client, err := github.New(github.Options{BaseURL: h.URL, Repository: "acme/reviews", Token: githubtest.AdminToken, HTTP: http.DefaultClient,
		Now: func() time.Time { return x.now() }, Sleep: func(context.Context, time.Duration) error { return nil }, MaxWait: -1})
	x.must(err)
	x.env = map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": h.ServerURL, "GITHUB_REPOSITORY": "acme/reviews", "GITHUB_RUN_ID": fmt.Sprint(run.ID),
		"GITHUB_RUN_ATTEMPT": fmt.Sprint(run.Attempt), "GITHUB_ACTOR": run.Actor, "GITHUB_ACTOR_ID": fmt.Sprint(h.AddUser(githubtest.User{Login: run.Actor}).ID)}
	x.open()
	return Occasion{Forge: client, Repository: "acme/reviews", RunID: run.ID, Attempt: int64(run.Attempt),
		WorkflowRef: "acme/reviews/" + run.Workflow + "@refs/heads/" + run.HeadBranch}
}

// finding is the one of a check, of an error unless there is only a warning.
func findingOf(t testing.TB, r *report.Report, check string) report.Finding {
	t.Helper()
	for _, f := range r.Findings { // what decides comes first
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("no finding of %s in %+v", check, r.Findings)
	return report.Finding{}
}
