// Package act holds end-to-end tests: the workflows that waybill writes, run by
// nektos/act on this machine, against a GitHub and a registry in memory. The
// script run beside it builds waybill, finds act and starts them.
//
// act stands for GitHub's runner where it matters here: it reads workflows and
// composite actions, evaluates expressions, runs the shell steps, and parses
// outputs. It does not know permissions (the token's are the fake GitHub's),
// concurrency groups, and environments. Its checkout copies the workspace, so
// that each lab checks out as actions/checkout does: one commit, no history.
package act

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

var update = flag.Bool("update", false, "write the golden comments")

// lab is one repository with all that is around it.
type lab struct {
	t       *testing.T
	dir     string
	origin  string // bare: what GitHub would hold
	work    string // where the author works
	actions string // this project's actions, without its sources
	env     []string

	gh       *githubtest.Server
	repo     *githubtest.Repository
	registry string

	mu   sync.Mutex
	runs int64
}

const (
	owner   = "acme"
	project = "reviews"
)

func newLab(t *testing.T, options ...githubtest.Option) *lab {
	t.Helper()
	for _, name := range []string{"WAYBILL_TEST_ACT", "WAYBILL_TEST_BINARY"} {
		if os.Getenv(name) == "" {
			t.Skip(name + " is not set: start this with test/act/run")
		}
	}
	l := &lab{t: t, dir: t.TempDir(), runs: 70}
	l.origin, l.work, l.actions = filepath.Join(l.dir, "origin.git"), filepath.Join(l.dir, "work"), filepath.Join(l.dir, "actions")
	home, settings := filepath.Join(l.dir, "home"), filepath.Join(l.dir, "gitconfig")
	url := "https://github.com/" + owner + "/" + project + ".git"
	l.write(settings, "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"+
		"[uploadpack]\n\tallowAnySHA1InWant = true\n[url \"file://"+l.origin+"\"]\n\tinsteadOf = "+url+"\n")
	l.write(filepath.Join(home, ".config", "act", "actrc"), "")
	l.env = []string{
		"HOME=" + home, "GIT_CONFIG_GLOBAL=" + settings, "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0", "NO_COLOR=1",
		"GIT_AUTHOR_DATE=2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z", "PATH=" + os.Getenv("PATH"),
	}
	reg := testregistry.New(t)
	l.registry = reg.URL + "/" + owner
	l.gh = githubtest.New(t, options...)
	l.repo = l.gh.Repository(owner, project)

	l.run(l.dir, "git", "init", "--quiet", "--bare", l.origin)
	l.run(l.dir, "git", "init", "--quiet", l.work)
	l.git("remote", "add", "origin", url)
	l.copyActions()
	return l
}

// copyActions puts what users fetch with uses: where act finds it, but for the
// sources, which a binary makes superfluous.
func (l *lab) copyActions() {
	root, err := filepath.Abs("../..")
	l.check(err)
	l.check(os.MkdirAll(l.actions, 0o755))
	for _, name := range []string{"action.yml", "actions", "scripts"} {
		l.run(l.dir, "cp", "-r", filepath.Join(root, name), l.actions+"/")
	}
}

func (l *lab) check(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) write(name, content string) {
	l.t.Helper()
	l.check(os.MkdirAll(filepath.Dir(name), 0o755))
	l.check(os.WriteFile(name, []byte(content), 0o644))
}

// put writes a file of the working tree.
func (l *lab) put(name, content string) { l.t.Helper(); l.write(filepath.Join(l.work, name), content) }

func (l *lab) run(dir, name string, args ...string) string {
	l.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, l.env
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		l.t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &out, &problems)
	}
	return strings.TrimSpace(out.String())
}

func (l *lab) git(args ...string) string { l.t.Helper(); return l.run(l.work, "git", args...) }

func (l *lab) waybill(args ...string) string {
	l.t.Helper()
	return l.run(l.work, os.Getenv("WAYBILL_TEST_BINARY"), args...)
}

// push records the working tree as a commit of a branch, here and at GitHub.
func (l *lab) push(branch, message string) string {
	l.t.Helper()
	l.git("checkout", "--quiet", "-B", branch)
	l.git("add", "--all")
	l.git("commit", "--quiet", "--allow-empty", "--message", message)
	l.git("push", "--quiet", "--force", "origin", branch)
	sha := l.git("rev-parse", "HEAD")
	l.repo.SetBranch(branch, sha)
	return sha
}

// checkout makes what actions/checkout does of a commit.
func (l *lab) checkout(sha string) string {
	l.t.Helper()
	dir, err := os.MkdirTemp(l.dir, "checkout-")
	l.check(err)
	for _, args := range [][]string{
		{"init", "--quiet"}, {"remote", "add", "origin", "https://github.com/" + owner + "/" + project + ".git"},
		{"fetch", "--quiet", "--depth=1", "--no-tags", "origin", sha}, {"checkout", "--quiet", "--detach", "FETCH_HEAD"},
	} {
		l.run(dir, "git", args...)
	}
	return dir
}

// job is a workflow run that is asked for.
type job struct {
	event       string
	payload     map[string]any
	workflow    string            // a file of .github/workflows
	sha         string            // what is checked out
	permissions map[string]string // of the token; the fake GitHub holds to them. nil: as the workflow says, for each job
	env         map[string]string
	id          int64  // of the run; 0: the next
	only        string // a job, which runs after those that it needs
	actor       string // octocat when empty
}

// done is a workflow run that ended.
type done struct {
	id        int64
	ok        bool
	log       string
	artifacts map[string]map[string]string // name, file: content
	asked     []string                     // requests to the API
	by        map[string][]string          // the same by job, where each has a token of its own
	took      time.Duration                // processor time of act and all below it
}

// act runs a workflow. It may be called from several goroutines; then asked is
// of all of them.
func (l *lab) act(j job) done {
	l.t.Helper()
	l.mu.Lock()
	l.runs++
	d := done{id: l.runs, by: map[string][]string{}}
	secret := fmt.Sprintf("ghs_lab%d", d.id)
	dir := l.checkout(j.sha)
	l.mu.Unlock()
	if j.id > 0 {
		d.id = j.id
	}
	event, left := dir+".json", dir+"-artifacts"
	data, err := json.Marshal(j.payload)
	l.check(err)
	l.write(event, string(data))
	l.check(os.MkdirAll(left, 0o755))

	flow := filepath.Join(dir, ".github", "workflows", j.workflow)
	var tokens map[string]string
	if j.permissions != nil {
		l.gh.AddToken(secret, githubtest.Token{Permissions: j.permissions})
	} else {
		flow, tokens = l.ownTokens(flow, secret)
		secret = "ghs_nothing" // which no step may need
	}
	args := append(l.args(j, d.id, dir, flow, secret), "--eventpath", event, "--env", "LAB_ARTIFACTS="+left)
	for token, job := range tokens {
		args = append(args, "--secret", secretOf(job)+"="+token)
	}
	cmd := exec.Command(os.Getenv("WAYBILL_TEST_ACT"), args...)
	cmd.Dir, cmd.Env = dir, append([]string{"XDG_CACHE_HOME=" + dir + "-cache"}, l.env...)
	before := len(l.gh.Requests())
	out, err := cmd.CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		l.t.Fatal(err)
	}
	d.ok, d.log, d.artifacts = err == nil, string(out), readArtifacts(l, left)
	d.took = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	for _, r := range l.gh.Requests()[before:] {
		d.asked = append(d.asked, r.Method+" "+r.Path)
		if job := tokens[r.Token]; job != "" {
			d.by[job] = append(d.by[job], fmt.Sprintf("%s %s %d", r.Method, r.Path, r.Status))
		}
	}
	return d
}

// step is one line that names an action.
var step = regexp.MustCompile(`(?m)^\s*(?:- )?uses:\s*['"]?([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)(/[^@\s]*)?@([^\s'"]+)`)

// local tells act where actions are that a workflow names, as act would clone
// each: ours, and stubs for those of others. It makes checkout itself.
func (l *lab) local(workflow string) []string {
	l.t.Helper()
	data, err := os.ReadFile(workflow)
	l.check(err)
	stubs, err := filepath.Abs("stubs")
	l.check(err)
	var args []string
	for _, m := range step.FindAllStringSubmatch(string(data), -1) {
		dir := filepath.Join(stubs, "any")
		switch m[1] {
		case "waybill-dev/waybill":
			dir = l.actions
		case "actions/upload-artifact":
			dir = filepath.Join(stubs, "upload-artifact")
		}
		args = append(args, "--local-repository", m[1]+"@"+m[3]+"="+dir)
	}
	return args
}

func readArtifacts(l *lab, dir string) map[string]map[string]string {
	l.t.Helper()
	out := map[string]map[string]string{}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	l.check(err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		l.check(err)
		name := filepath.Base(filepath.Dir(file))
		if out[name] == nil {
			out[name] = map[string]string{}
		}
		out[name][filepath.Base(file)] = string(data)
	}
	return out
}

// What differs from run to run: commits, since the project names a registry
// with a port, and addresses.
var (
	hexes   = regexp.MustCompile(`\b[0-9a-f]{40}\b`)
	address = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)
	runPath = regexp.MustCompile(`/actions/runs/[0-9]+`)
)

func (l *lab) stable(text string) string {
	text = hexes.ReplaceAllString(text, strings.Repeat("0", 40))
	text = address.ReplaceAllString(text, "127.0.0.1:1")
	return runPath.ReplaceAllString(text, "/actions/runs/1")
}
