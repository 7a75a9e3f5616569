package delivery

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

const (
	file    = "deploy/prod/inference.yaml"
	service = `apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: sentiment}
spec:
  predictor:
    model:
      modelFormat: {name: onnx} # kept
      storageUri: "oci://old.example/sentiment@sha256:0000000000000000000000000000000000000000000000000000000000000000"
`
	project = `apiVersion: waybill.dev/v1
kind: Project
registry: "oci-layout:registry"
stages:
  staging: {}
  production: {environment: live}
`
	model = `apiVersion: waybill.dev/v1
kind: Model
name: sentiment
files: [w.bin]
deploy:
  production: [{file: /deploy/prod/inference.yaml, key: spec.predictor.model.storageUri, value: "oci://{ref}"}]
`
)

// world is a clone, its remote, and a GitHub that is that remote. Two versions
// of sentiment are registered, v0.1.0 and v0.2.0, and nothing is in a stage.
type world struct {
	t         *testing.T
	dir, bare string
	env       map[string]string
	w         *workspace.Workspace
	gh        *githubtest.Server
	repo      *githubtest.Repository
	client    *github.Client
}

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
	x := &world{t: t, dir: top, bare: filepath.Join(top, "remote.git"), env: map[string]string{}}
	x.git("init", "-q", "--bare", "-b", "main", x.bare)
	x.git("clone", "-q", x.bare, "clone")
	x.dir = filepath.Join(top, "clone")
	x.git("config", "user.name", "Ada")
	x.git("config", "user.email", "ada@example.com")
	x.git("checkout", "-q", "-B", "main")
	x.write("waybill.yaml", project)
	x.write("models/sentiment/model.yaml", model)
	x.write("models/sentiment/w.bin", "weights")
	x.write(file, service)
	commit := x.push("start")
	parser, err := manifest.NewParser(nil, nil)
	x.must(err)
	at := time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC)
	x.w, err = workspace.Open(context.Background(), x.dir, workspace.Options{Parser: parser,
		Getenv: func(k string) string { return x.env[k] }, Now: func() time.Time { at = at.Add(time.Minute); return at }})
	x.must(err)
	for _, v := range []string{"v0.1.0", "v0.2.0"} {
		x.append(ledger.Event{Kind: ledger.KindRegister, ArtifactKind: "Model", Artifact: "sentiment", Version: ref.MustVersion(v),
			ContentDigest: ref.Of([]byte(v)), Digest: digestOf(v), Commit: commit, Actor: ledger.Actor{ID: 1, Login: "ada"}})
	}
	x.gh = githubtest.New(t)
	x.repo = x.gh.Repository("acme", "reviews")
	x.repo.TokenMayOpenPulls = true
	x.must(x.repo.ReadFrom(x.bare))
	x.client, err = github.New(github.Options{BaseURL: x.gh.URL, Repository: "acme/reviews", Token: githubtest.AdminToken,
		HTTP: http.DefaultClient, Now: time.Now, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	x.must(err)
	return x
}

func digestOf(version string) ref.Digest { return ref.Of([]byte("encoding of " + version)) }

func (x *world) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
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
	x.must(os.MkdirAll(filepath.Dir(p), 0o755))
	x.must(os.WriteFile(p, []byte(text), 0o644))
}

// push commits everything to the default branch.
func (x *world) push(message string) string {
	x.t.Helper()
	x.git("add", "-A")
	x.git("commit", "-q", "--allow-empty", "-m", message)
	x.git("push", "-q", "origin", "HEAD:main")
	return x.git("rev-parse", "HEAD")
}

// merge merges a pull request on GitHub's page.
func (x *world) merge(number int) string {
	x.t.Helper()
	commit, err := x.repo.Merge(number, "squash", "octocat")
	x.must(err)
	return commit
}

func (x *world) append(events ...ledger.Event) {
	x.t.Helper()
	_, err := x.w.Append(context.Background(), func(context.Context, *workspace.Ledger) (workspace.Decision, error) {
		return workspace.Decision{Events: events, Message: "test"}, nil
	})
	x.must(err)
}

func (x *world) promote(version, stage string) {
	x.t.Helper()
	x.append(ledger.Event{Kind: ledger.KindPromote, Artifact: "sentiment", Version: ref.MustVersion(version), Stage: stage,
		ContentDigest: ref.Of([]byte(version)), Digest: digestOf(version), Actor: ledger.Actor{ID: 1, Login: "ada"}})
}

func (x *world) options() Options {
	return Options{Forge: x.client, Run: "https://github.com/acme/reviews/actions/runs/77"}
}

func (x *world) deliver(stage string, o Options) *Result {
	x.t.Helper()
	r, err := Deliver(context.Background(), x.w, "sentiment", stage, o)
	x.must(err)
	return r
}

// requests are what was asked of GitHub by do.
func (x *world) requests(do func()) []string {
	before := len(x.gh.Requests())
	do()
	var out []string
	for _, r := range x.gh.Requests()[before:] {
		out = append(out, r.Method+" "+r.Path)
	}
	return out
}

// onMain is a file of the remote's main.
func (x *world) onMain(name string) string {
	x.t.Helper()
	return x.git("--git-dir", x.bare, "show", "main:"+name)
}

// deployments are those to an environment, newest first, each "VERSION STATE".
func (x *world) deployments(environment string) []string {
	x.t.Helper()
	all, err := x.client.Deployments(context.Background(), environment, "")
	x.must(err)
	out := []string{}
	for _, d := range all {
		statuses, err := x.client.DeploymentStatuses(context.Background(), d.ID)
		x.must(err)
		state := "none"
		if len(statuses) > 0 {
			state = statuses[0].State
		}
		_, version, _ := strings.Cut(d.Description, " ")
		out = append(out, version+" "+state)
	}
	return out
}

func (x *world) deployed() *Seen {
	x.t.Helper()
	seen, err := Deployed(context.Background(), x.w, x.options())
	x.must(err)
	return seen
}

func (x *world) repository() string {
	x.t.Helper()
	r, err := x.w.Repository("sentiment")
	x.must(err)
	return r.String()
}

func deploymentOf(x *world, task, environment string) forge.Deployment {
	return forge.Deployment{SHA: x.git("rev-parse", "HEAD"), Task: task, Environment: environment, Description: "other theirs"}
}

func statusOf(state string) forge.DeploymentStatus { return forge.DeploymentStatus{State: state} }
