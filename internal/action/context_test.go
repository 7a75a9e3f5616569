package action

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var (
	headSHA = strings.Repeat("a", 40)
	baseSHA = strings.Repeat("b", 40)
)

const runner = `GITHUB_EVENT_NAME=pull_request
GITHUB_REPOSITORY=acme/reviews
GITHUB_REF=refs/pull/7/merge
GITHUB_REF_NAME=7/merge
GITHUB_BASE_REF=main
GITHUB_HEAD_REF=better-model
GITHUB_RUN_ID=123
GITHUB_RUN_ATTEMPT=2
GITHUB_ACTOR=dependabot[bot]
GITHUB_ACTOR_ID=49699333
GITHUB_TRIGGERING_ACTOR=nektos/act
GITHUB_API_URL=https://ghe.example.com/api/v3/
GITHUB_SERVER_URL=https://ghe.example.com
GITHUB_WORKFLOW=Check: models
GITHUB_WORKFLOW_REF=acme/reviews/.github/workflows/check.yml@refs/heads/main
GITHUB_JOB=waybill
RUNNER_TEMP=/tmp/runner`

// event is a step to which an event happened.
func event(t *testing.T, payload string) *step {
	t.Helper()
	s := newStep(t)
	for _, line := range strings.Split(runner, "\n") {
		key, value, _ := strings.Cut(line, "=")
		s.env[key] = value
	}
	s.env["GITHUB_SHA"] = strings.Repeat("c", 40)
	s.env["GITHUB_EVENT_PATH"] = filepath.Join(s.dir, "event.json")
	payload = strings.NewReplacer("HEAD_SHA", headSHA, "BASE_SHA", baseSHA).Replace(payload)
	s.write(t, "event.json", payload)
	return s
}

const pullRequest = `{"action":"opened","number":7,"repository":{"default_branch":"main"},"pull_request":{"number":7,"draft":true,
	"user":{"login":"mallory","id":66,"type":"User"},
	"head":{"sha":"HEAD_SHA","ref":"better-model","repo":{"name":"reviews","fork":true,"owner":{"login":"mallory","id":66}}},
	"base":{"sha":"BASE_SHA","ref":"main","repo":{"name":"reviews","fork":false,"owner":{"login":"acme","id":1}}}}}`

func TestPullRequestContext(t *testing.T) {
	c, err := event(t, pullRequest).Context()
	if err != nil {
		t.Fatal(err)
	}
	want := PullRequest{Number: 7, Draft: true, Author: Account{Login: "mallory", ID: 66},
		Head: Branch{SHA: headSHA, Ref: "better-model", Owner: "mallory", Repo: "reviews", Fork: true},
		Base: Branch{SHA: baseSHA, Ref: "main", Owner: "acme", Repo: "reviews"}}
	if c.PullRequest == nil || *c.PullRequest != want || !c.PullRequest.FromFork() {
		t.Errorf("got %+v", c.PullRequest)
	}
	if c.MergeGroup != nil || c.WorkflowRun != nil || c.DefaultBranch != "main" || len(c.Event) == 0 {
		t.Errorf("got %+v", c)
	}
	got := fmt.Sprint(c.EventName, c.Owner, c.Repo, c.Ref, c.RunID, c.RunAttempt, c.Actor, c.ActorID, c.TriggeringActor, c.APIURL, c.GraphQLURL, c.RunURL(), c.Temp)
	if want := fmt.Sprint("pull_request", "acme", "reviews", "refs/pull/7/merge", 123, 2, "dependabot[bot]", 49699333, "nektos/act",
		"https://ghe.example.com/api/v3", "https://api.github.com/graphql", "https://ghe.example.com/acme/reviews/actions/runs/123", "/tmp/runner"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDeletedFork(t *testing.T) {
	gone := strings.Replace(pullRequest, `{"name":"reviews","fork":true,"owner":{"login":"mallory","id":66}}`, "null", 1)
	gone = strings.Replace(gone, `{"login":"mallory","id":66,"type":"User"}`, "null", 1)
	c, err := event(t, gone).Context()
	if err != nil || c.PullRequest.Head.Owner != "" || !c.PullRequest.FromFork() || c.PullRequest.Author != (Account{}) {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestMergeGroupContext(t *testing.T) {
	c, err := event(t, `{"merge_group":{"base_sha":"BASE_SHA","base_ref":"refs/heads/main","head_sha":"HEAD_SHA","head_ref":"refs/heads/gh-readonly-queue/main/pr-7"}}`).Context()
	if err != nil || *c.MergeGroup != (MergeGroup{baseSHA, "refs/heads/main", headSHA, "refs/heads/gh-readonly-queue/main/pr-7"}) {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestWorkflowRunContext(t *testing.T) {
	c, err := event(t, `{"workflow_run":{"id":9,"run_attempt":1,"name":"Check\nmodels","head_sha":"HEAD_SHA","head_branch":"better","event":"pull_request",
		"conclusion":"failure","head_repository":{"name":"reviews","fork":true,"owner":{"login":"mallory"}},"pull_requests":[]}}`).Context()
	want := WorkflowRun{ID: 9, Attempt: 1, Name: "Check\ufffdmodels", HeadSHA: headSHA, HeadBranch: "better", Event: "pull_request", Conclusion: "failure",
		HeadRepository: Repository{Owner: "mallory", Name: "reviews", Fork: true}}
	if err != nil || *c.WorkflowRun != want {
		t.Errorf("got %+v, %v", c, err)
	}
	c, err = event(t, `{"workflow_run":{"id":9,"head_sha":"HEAD_SHA","head_branch":null,"conclusion":null,"head_repository":null}}`).Context()
	if err != nil || c.WorkflowRun.HeadRepository != (Repository{}) {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestHostileEvents(t *testing.T) {
	replaced := func(old, new string) string { return strings.Replace(pullRequest, old, new, 1) }
	for name, payload := range map[string]string{
		"no JSON": "{", "null": "null", "list": "[]", "empty": "", "two": "{}{}",
		"negative number": replaced(`"number":7,"draft"`, `"number":-7,"draft"`), "no number": replaced(`"number":7,"draft"`, `"draft"`),
		"number as text": replaced(`"number":7,"draft"`, `"number":"7","draft"`), "fraction": replaced(`"number":7,"draft"`, `"number":7.5,"draft"`),
		"option as commit": replaced("HEAD_SHA", "--upload-pack=evil"), "short commit": replaced("HEAD_SHA", "abc"), "no commit": replaced("HEAD_SHA", ""),
		"two lines": replaced(`"ref":"better-model"`, `"ref":"a\n::error::b"`), "long": replaced("better-model", strings.Repeat("x", 2000)),
		"path as owner": replaced(`"owner":{"login":"mallory"`, `"owner":{"login":"../acme"`), "repository": replaced(`"name":"reviews"`, `"name":"a/b"`),
		"merge group": `{"merge_group":{}}`, "run": `{"workflow_run":{"id":0}}`, "deep": strings.Repeat("[", 1<<20),
	} {
		if c, err := event(t, payload).Context(); err == nil {
			t.Errorf("%s: got %+v", name, c)
		}
	}
	s := event(t, "{}")
	s.write(t, "event.json", strings.Repeat(" ", eventLimit)+"{}")
	if _, err := s.Context(); err == nil || !strings.Contains(err.Error(), "larger than 25 MiB") {
		t.Errorf("a huge payload: %v", err)
	}
	if err := os.Remove(s.env["GITHUB_EVENT_PATH"]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Context(); err == nil {
		t.Error("a missing payload is no error")
	}
}

func TestHostileEnvironment(t *testing.T) {
	for key, value := range map[string]string{
		"GITHUB_REPOSITORY": "acme", "GITHUB_SHA": "HEAD", "GITHUB_RUN_ID": "-1", "GITHUB_RUN_ATTEMPT": "x", "GITHUB_REF": "a\nb",
		"GITHUB_API_URL": "file:///etc", "GITHUB_SERVER_URL": "https://user:pass@example.com", "GITHUB_GRAPHQL_URL": "https://", "GITHUB_ACTOR": "a\x1b[2J",
	} {
		s := event(t, "{}")
		s.env[key] = value
		if _, err := s.Context(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%q: %v", key, value, err)
		}
	}
}

func TestContextOnALaptop(t *testing.T) {
	c, err := New(func(string) string { return "" }, nil).Context()
	if err != nil || c.APIURL != "https://api.github.com" || c.Repository != "" || c.Event != nil || c.RunURL() != "" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add(pullRequest)
	f.Fuzz(func(t *testing.T, payload string) {
		c := &Context{}
		if err := c.parseEvent([]byte(strings.NewReplacer("HEAD_SHA", headSHA, "BASE_SHA", baseSHA).Replace(payload))); err != nil || c.PullRequest == nil {
			return
		}
		p := c.PullRequest
		if p.Number < 1 || !hashForm.MatchString(p.Head.SHA) || !hashForm.MatchString(p.Base.SHA) || strings.ContainsAny(p.Head.Ref+p.Head.Owner+p.Head.Repo+p.Author.Login, "\n\r\x00\x1b") {
			t.Fatalf("got %+v", p)
		}
	})
}

func TestInputs(t *testing.T) {
	s := newStep(t)
	s.env["INPUT_FAIL-ON-INCONCLUSIVE"] = " True "
	s.env["INPUT_OFF"] = "false"
	s.env["INPUT_ODD"] = "yes"
	s.env["INPUT_NAMES"] = "sentiment, reviews\r\n\n reviews,,\n spam "
	if got := s.Lines("names"); !slices.Equal(got, []string{"sentiment, reviews", "reviews,,", "spam"}) {
		t.Errorf("Lines: %q", got)
	}
	if got := s.List("names"); !slices.Equal(got, []string{"sentiment", "reviews", "spam"}) {
		t.Errorf("List: %q", got)
	}
	if s.List("none") != nil || s.Lines("none") != nil || s.Input("none") != "" {
		t.Error("an input that is not set has something")
	}
	for name, want := range map[string]bool{"fail-on-inconclusive": true, "off": false, "none": true} {
		if got, err := s.Bool(name, true); got != want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := s.Bool("odd", true); err == nil || !strings.Contains(err.Error(), `input odd: "yes"`) {
		t.Errorf("odd: %v", err)
	}
}
