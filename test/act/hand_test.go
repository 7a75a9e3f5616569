package act

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// step runs "waybill action check" in a checkout with the environment that a
// runner sets, without act, and returns its processor time.
func (l *lab) step(dir string, j job) time.Duration {
	l.t.Helper()
	d := l.stepIn(dir, j)
	if !d.ok {
		l.t.Fatalf("waybill action check:\n%s", d.log)
	}
	return d.took
}

func (l *lab) stepIn(dir string, j job) done {
	l.t.Helper()
	temp, err := os.MkdirTemp(l.dir, "runner-")
	l.check(err)
	const secret = "ghs_hand"
	l.gh.AddToken(secret, githubtest.Token{Permissions: j.permissions})
	data, err := json.Marshal(j.payload)
	l.check(err)
	files := map[string]string{"GITHUB_EVENT_PATH": string(data), "GITHUB_OUTPUT": "", "GITHUB_ENV": "", "GITHUB_PATH": "", "GITHUB_STATE": "", "GITHUB_STEP_SUMMARY": ""}
	env := append([]string{
		"CI=true", "GITHUB_ACTIONS=true", "GITHUB_API_URL=" + l.gh.URL, "GITHUB_GRAPHQL_URL=" + l.gh.GraphQLURL, "GITHUB_SERVER_URL=https://github.com",
		"GITHUB_REPOSITORY=" + owner + "/" + project, "GITHUB_EVENT_NAME=" + j.event, "GITHUB_SHA=" + j.sha, "GITHUB_REF=refs/pull/1/merge",
		"GITHUB_REF_NAME=1/merge", "GITHUB_BASE_REF=main", "GITHUB_RUN_ID=5", "GITHUB_RUN_ATTEMPT=1", "GITHUB_ACTOR=octocat", "GITHUB_WORKSPACE=" + dir,
		"RUNNER_TEMP=" + temp, "RUNNER_OS=Linux", "RUNNER_ARCH=X64", "INPUT_TOKEN=" + secret, "INPUT_WORKING-DIRECTORY=.",
	}, l.env...)
	for name, content := range files {
		file := filepath.Join(temp, strings.ToLower(name))
		l.write(file, content)
		env = append(env, name+"="+file)
	}
	cmd := exec.Command(os.Getenv("WAYBILL_TEST_BINARY"), "action", "check")
	cmd.Dir, cmd.Env = dir, env
	before := len(l.gh.Requests())
	out, err := cmd.CombinedOutput()
	d := done{ok: err == nil, log: string(out), took: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), artifacts: map[string]map[string]string{}}
	for _, r := range l.gh.Requests()[before:] {
		d.asked = append(d.asked, r.Method+" "+r.Path)
	}
	outputs, err := os.ReadFile(filepath.Join(temp, "github_output"))
	l.check(err)
	d.artifacts["outputs"] = map[string]string{"outputs": string(outputs)}
	return d
}

// TestShallow: one commit and nothing else is in the clone, and is left so.
func TestShallow(t *testing.T) {
	l := newLab(t)
	l.start()
	for i := range 30 {
		l.data(300+i, "fine")
		l.waybill("lock", "reviews")
		l.push("main", "More rows")
	}
	l.data(20, "fine")
	l.waybill("push")
	l.push("shrink", "Fewer rows")
	j := l.pullRequest(l.open("shrink", owner), "opened")
	dir := l.checkout(j.sha)
	before := l.run(dir, "git", "status", "--porcelain") + l.run(dir, "git", "for-each-ref")
	d := l.stepIn(dir, j)
	if d.ok {
		t.Fatalf("a dataset that shrank passes:\n%s", d.log)
	}
	l.contains(d.artifacts["outputs"]["outputs"], "FAIL", "review.json")
	l.contains(d.log, "table.rows")
	if n := l.run(dir, "git", "rev-list", "--count", "HEAD"); n != "1" {
		t.Errorf("%s commits are reachable from HEAD, 1 was checked out", n)
	}
	if after := l.run(dir, "git", "status", "--porcelain") + l.run(dir, "git", "for-each-ref"); after != before {
		t.Errorf("the clone was changed: %q, was %q", after, before)
	}
}
