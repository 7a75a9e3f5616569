package act

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// gateLab is a lab with what a gate asks for: the workflows of
// examples/sentiment, people, keys, a protected branch and environment, in a
// private repository, where a token may read nothing that it was not given.
type gateLab struct {
	*lab
	client *github.Client
	actor  githubtest.User // who starts runs
}

const projectText = `apiVersion: waybill.dev/v1
kind: Project
registry: REGISTRY
people:
  leads: [{login: octocat, id: 583231}, {login: hubot, id: 480938}, {login: lin, id: 31337}]
stages:
  staging: {}
  production:
    from: [staging]
    environment: live
    approvals: {required: 2, from: [leads], exclude: [author, committer, dispatcher], maxAge: 72h}
    rollback: {approvals: {required: 0}}
`

const deployText = `deploy:
  production: [{file: /deploy/inference.yaml, key: spec.predictor.model.storageUri, value: "oci://{ref}"}]
`

const servingText = `apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: sentiment}
spec:
  predictor:
    model:
      # written by waybill
      storageUri: oci://REGISTRY/sentiment@sha256:0000000000000000000000000000000000000000000000000000000000000000
`

var live = githubtest.Environment{Name: "live", Reviewers: []string{"hubot", "octocat"}, PreventSelfReview: true, ProtectedBranches: true}

var octocat, lin = githubtest.User{Login: "octocat", ID: 583231}, githubtest.User{Login: "lin", ID: 31337}

func newGateLab(t *testing.T) *gateLab {
	t.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("ssh-keygen is not here: approvals are signed with SSH keys")
	}
	l := &gateLab{lab: newLab(t, githubtest.WithNow(time.Now)), actor: octocat}
	var err error
	l.client, err = github.New(github.Options{BaseURL: l.gh.URL, Repository: owner + "/" + project, Token: githubtest.AdminToken, HTTP: http.DefaultClient, Now: time.Now})
	l.check(err)
	for _, u := range []githubtest.User{lin, {Login: "hubot", ID: 480938}, {Login: "ada", ID: 5, Emails: []string{"ada@example.com"}}} {
		l.gh.AddUser(u)
	}
	l.repo.Private = true
	l.run(l.dir, "cp", "-r", filepath.Join(root(t), "examples", "sentiment", ".github"), l.work)
	l.put("waybill.yaml", strings.ReplaceAll(projectText, "REGISTRY", l.registry))
	l.put(".gitignore", "*.safetensors\n/datasets/**/data/\n")
	l.put("allowed_signers", "lin "+l.key("lin")+"\noctocat "+l.key("octocat")+"\nada,ada@example.com "+l.key("ada")+"\n")
	l.push("main", "Start")
	l.check(l.repo.ReadFrom(l.origin))
	l.repo.Protect("main", true)
	l.repo.AddEnvironment(live)
	return l
}

// key makes an SSH key and returns its public half.
func (l *gateLab) key(login string) string {
	l.t.Helper()
	file := l.keyFile(login)
	l.run(l.dir, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", login, "-f", file)
	data, err := os.ReadFile(file + ".pub")
	l.check(err)
	return strings.TrimSpace(string(data))
}

func (l *gateLab) keyFile(login string) string { return filepath.Join(l.dir, "key-"+login) }

// change brings what is in the working tree to main, as a pull request that ada
// opened and octocat merged, and returns what the push started.
func (l *gateLab) change(branch string) done {
	l.t.Helper()
	return l.mergeOf(l.propose(branch).Number)
}

func (l *gateLab) propose(branch string) githubtest.PullRequest {
	l.t.Helper()
	l.waybill("push")
	l.push(branch, "Change "+branch)
	return l.repo.OpenPullRequest(githubtest.PullRequest{Title: "Change " + branch, Head: branch, Author: "ada"})
}

func (l *gateLab) mergeOf(number int) done {
	l.t.Helper()
	sha, err := l.repo.Merge(number, "squash", "octocat")
	l.check(err)
	l.git("fetch", "--quiet", "origin")
	l.git("checkout", "--quiet", "-B", "main", sha)
	return l.flow("waybill-release.yml", "push", object{"ref": "refs/heads/main", "after": sha}, "")
}

// flow runs a workflow on main for an event, or one job of it.
func (l *gateLab) flow(workflow, event string, payload object, only string) done {
	l.t.Helper()
	j, _ := l.begin(workflow, event, payload, only)
	return l.act(j)
}

// begin is a run that somebody started, as GitHub knows it.
func (l *gateLab) begin(workflow, event string, payload object, only string) (job, *githubtest.Run) {
	l.t.Helper()
	sha := l.run(l.dir, "git", "--git-dir="+l.origin, "rev-parse", "main")
	path := ".github/workflows/" + workflow
	run := l.repo.AddRun(githubtest.Run{Event: event, Actor: l.actor.Login, HeadBranch: "main", HeadSHA: sha, Workflow: path})
	payload["repository"] = repository(owner, false)
	return job{event: event, payload: payload, workflow: workflow, sha: sha, id: run.ID, only: only, actor: l.actor.Login, env: map[string]string{
		"GITHUB_WORKFLOW_REF": owner + "/" + project + "/" + path + "@refs/heads/main", "GITHUB_ACTOR_ID": strconv.FormatInt(l.actor.ID, 10), "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_REF": "refs/heads/main"}}, run
}

// promotion is a run of waybill-promote.yml for production that somebody started.
// Its plan was made; nobody has reviewed it.
func (l *gateLab) promotion(artifact, digest string) (job, *githubtest.Run, done) {
	l.t.Helper()
	j, run := l.begin("waybill-promote.yml", "workflow_dispatch", object{"ref": "refs/heads/main",
		"inputs": object{"artifact": artifact, "stage": "production", "reason": "better on long reviews", "digest": digest}}, "plan")
	planned := l.act(j)
	j.only = ""
	run.Wait("live")
	return j, run, planned
}

// approve signs a version for production, on somebody's own machine.
func (l *gateLab) approve(artifact, login string) {
	l.t.Helper()
	defer func(was []string) { l.env = was }(l.env)
	l.env = append(slices.Clone(l.env), "GIT_AUTHOR_EMAIL="+login+"@example.com")
	l.waybill("approve", artifact, "--to", "production", "--key", l.keyFile(login))
}

// promote takes a version to production as it should be: lin has signed, hubot
// reviews the run.
func (l *gateLab) promote(artifact string) done {
	l.t.Helper()
	l.approve(artifact, "lin")
	j, run, planned := l.promotion(artifact, "")
	l.want(planned, true)
	l.check(run.Review("hubot", "approved", "go"))
	d := l.act(j)
	l.want(d, true)
	return d
}

// state is what the ledger says.
type state struct {
	Stages map[string]struct {
		Version   string
		Digest    string
		Approvals []struct{ Login, Via string }
		Deployed  *struct{ Event int64 }
	}
	Holds []struct{ Version string }
}

func (l *gateLab) state(name string) state {
	l.t.Helper()
	var s state
	l.check(json.Unmarshal([]byte(l.waybill("show", name, "--format", "json")), &s))
	return s
}

// has compares what is in a stage, and whether it is deployed.
func (l *gateLab) has(stage, version string, deployed bool) {
	l.t.Helper()
	s := l.state("sentiment").Stages[stage]
	if s.Version != version || (s.Deployed != nil) != deployed {
		l.t.Fatalf("%s has %s, deployed %t; want %s, %t", stage, s.Version, s.Deployed != nil, version, deployed)
	}
}

// deployments are the states of those to production, the newest first.
func (l *gateLab) deployments() string {
	l.t.Helper()
	all, err := l.client.Deployments(l.t.Context(), "live", "")
	l.check(err)
	var out []string
	for _, d := range all {
		statuses, err := l.client.DeploymentStatuses(l.t.Context(), d.ID)
		l.check(err)
		out = append(out, d.Description+" "+statuses[0].State)
	}
	return strings.Join(out, ", ")
}

func (l *gateLab) deploymentsAre(want string) {
	l.t.Helper()
	if got := l.deployments(); got != want {
		l.t.Errorf("deployments: %q, want %q", got, want)
	}
}

// waiting are the pull requests with deployment files that are open.
func (l *gateLab) waiting() (open []githubtest.PullRequest) {
	for _, pr := range l.repo.PullRequests() {
		if pr.State == "open" && strings.HasPrefix(pr.Head, "waybill/deploy-") {
			open = append(open, pr)
		}
	}
	return open
}

// ledger is the head of its branch, which moves with every event.
func (l *gateLab) ledger() string {
	return l.run(l.dir, "git", "--git-dir="+l.origin, "rev-parse", "waybill/ledger")
}
