package githubtest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) object(t *testing.T) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(a.body), &o); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return o
}

// try makes a request with the headers "Name: value".
func try(gh *githubtest.Server, token, method, path, body string, headers ...string) (answer, error) {
	if !strings.HasPrefix(path, "http") {
		path = gh.URL + path
	}
	req, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text)}, err
}

func send(t *testing.T, gh *githubtest.Server, want int, token, method, path, body string, headers ...string) answer {
	t.Helper()
	a, err := try(gh, token, method, path, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if a.status != want {
		t.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, want, a.body)
	}
	return a
}

const (
	admin = githubtest.AdminToken
	api   = "/repos/acme/reviews"
)

// start makes a repository with pull request 1.
func start(t *testing.T, opts ...githubtest.Option) (*githubtest.Server, *githubtest.Repository) {
	gh := githubtest.New(t, opts...)
	repo := gh.Repository("acme", "reviews")
	repo.Commit("main", "start", map[string]string{"a.txt": "a\n"})
	repo.Commit("better", "better", map[string]string{"a.txt": "b\n", "x/y.txt": "y\n"})
	repo.OpenPullRequest(githubtest.PullRequest{Title: "Better", Head: "better"})
	return gh, repo
}

// Git made these: the hashes are real.
func TestGitHashes(t *testing.T) {
	fixed := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	gh := githubtest.New(t, githubtest.WithNow(func() time.Time { return fixed }))
	repo := gh.Repository("acme", "reviews")
	repo.Commit("main", "start\n", map[string]string{"a.txt": "a\n", "a/b.txt": "b\n"})
	tree := send(t, gh, 200, "", "GET", api+"/git/trees/main", "").object(t)
	if want := "7a2575e050284e2d5db01567b2567bf9f87bd961"; tree["sha"] != want {
		t.Errorf("tree is %v, want %s", tree["sha"], want)
	}
	if got, want := repo.Ref("refs/heads/main"), "45f36561062501fd232695c0d2583006d89920d3"; got != want {
		t.Errorf("commit is %s, want %s", got, want)
	}
}

func TestPermissions(t *testing.T) {
	gh, repo := start(t)
	gh.AddToken("read", githubtest.Token{Permissions: map[string]string{"contents": "read"}})
	gh.AddToken("write", githubtest.Token{Permissions: map[string]string{"pull_requests": "write"}})
	gh.AddToken("pat", githubtest.Token{Login: "hubot", Person: true, Permissions: map[string]string{}})
	gh.AddToken("elsewhere", githubtest.Token{Repositories: []string{"acme/other"}})
	comment, body := api+"/issues/1/comments", `{"body":"hi"}`
	for _, c := range []struct {
		token   string
		private bool
		method  string
		path    string
		status  int
		message string
	}{
		{"", false, "GET", comment, 200, ""},
		{"", false, "POST", comment, 401, "Requires authentication"},
		{"wrong", false, "GET", comment, 401, "Bad credentials"},
		{"read", false, "POST", comment, 403, "Resource not accessible by integration"},
		{"pat", false, "POST", comment, 403, "Resource not accessible by personal access token"},
		{"write", false, "POST", comment, 201, ""},
		{"elsewhere", false, "POST", comment, 403, "Resource not accessible"},
		{"", true, "GET", comment, 404, "Not Found"},
		{"elsewhere", true, "GET", comment, 404, "Not Found"},
		{"read", true, "GET", comment, 403, "Resource not accessible by integration"},
		{"write", true, "GET", comment, 200, ""},
		{"write", false, "GET", "/user", 403, "Resource not accessible by integration"},
		{"pat", false, "GET", "/user", 200, "hubot"},
	} {
		repo.Private = c.private
		a := send(t, gh, c.status, c.token, c.method, c.path, body)
		if !strings.Contains(a.body, c.message) {
			t.Errorf("%s %s as %q: %s, want %q", c.method, c.path, c.token, a.body, c.message)
		}
		if accepted := a.header.Get("X-Accepted-GitHub-Permissions"); c.status == 403 && c.path == comment && c.method == "POST" &&
			accepted != "issues=write; pull_requests=write" {
			t.Errorf("X-Accepted-GitHub-Permissions is %q", accepted)
		}
	}
	viewer := send(t, gh, 200, "write", "POST", "/graphql", `{"query":"{viewer{login databaseId}}"}`)
	if !strings.Contains(viewer.body, `"databaseId":41898282`) {
		t.Errorf("viewer: %s", viewer.body)
	}
}

func TestPages(t *testing.T) {
	gh, repo := start(t, githubtest.WithEnterprise())
	for i := range 65 {
		repo.AddComment(1, "octocat", fmt.Sprint("comment ", i))
	}
	seen, pages := 0, 0
	for next := gh.URL + api + "/issues/1/comments"; next != ""; pages++ {
		a := send(t, gh, 200, admin, "GET", next, "")
		seen += strings.Count(a.body, `"body":"comment`)
		next = ""
		for link := range strings.SplitSeq(a.header.Get("Link"), ", ") {
			if target, ok := strings.CutSuffix(link, `>; rel="next"`); ok {
				next = target[1:]
			}
		}
	}
	if seen != 65 || pages != 3 {
		t.Errorf("%d comments on %d pages, want 65 on 3", seen, pages)
	}
	if a := send(t, gh, 200, admin, "GET", api+"/issues/1/comments?per_page=100", ""); a.header.Get("Link") != "" {
		t.Errorf("a link on the only page: %s", a.header.Get("Link"))
	}
}

func TestConditionalAndRateLimit(t *testing.T) {
	gh, repo := start(t, githubtest.WithRateLimit(2))
	first := send(t, gh, 200, admin, "GET", api+"/pulls/1", "")
	etag := "If-None-Match: " + first.header.Get("ETag")
	again := send(t, gh, 304, admin, "GET", api+"/pulls/1", "", etag)
	if again.body != "" || again.header.Get("X-RateLimit-Remaining") != "1" {
		t.Errorf("304 has %q and leaves %s", again.body, again.header.Get("X-RateLimit-Remaining"))
	}
	repo.UpdatePullRequest(1, func(pr *githubtest.PullRequest) { pr.Title = "Best" })
	send(t, gh, 200, admin, "GET", api+"/pulls/1", "", etag)
	a := send(t, gh, 403, admin, "GET", api+"/pulls/1", "")
	if !strings.Contains(a.body, "rate limit exceeded") || a.header.Get("X-RateLimit-Remaining") != "0" {
		t.Errorf("%s; remaining %s", a.body, a.header.Get("X-RateLimit-Remaining"))
	}
}

func TestFaults(t *testing.T) {
	gh, repo := start(t)
	post := "POST /repos/*/*/issues/*/comments"
	gh.Fail(post, githubtest.Fault{Status: 502, Times: 1})
	gh.Fail(post, githubtest.Fault{LoseAnswer: true, Times: 1})
	gh.Fail(post, githubtest.Fault{RateLimit: "secondary", RetryAfter: time.Minute, Times: 1})
	gh.Fail("GET /repos/**", githubtest.Fault{Truncate: true, After: 1, Times: 1})
	path, body := api+"/issues/1/comments", `{"body":"hi"}`

	send(t, gh, 502, admin, "POST", path, body)
	if n := len(repo.Comments(1)); n != 0 {
		t.Errorf("after 502: %d comments", n)
	}
	if _, err := try(gh, admin, "POST", path, body); err == nil {
		t.Error("the answer was not lost")
	}
	if n := len(repo.Comments(1)); n != 1 {
		t.Errorf("after the lost answer: %d comments", n)
	}
	if a := send(t, gh, 403, admin, "POST", path, body); a.header.Get("Retry-After") != "60" || !strings.Contains(a.body, "secondary rate limit") {
		t.Errorf("secondary rate limit: %v %s", a.header, a.body)
	}
	send(t, gh, 201, admin, "POST", path, body)
	send(t, gh, 200, admin, "GET", path, "")
	if _, err := try(gh, admin, "GET", path, ""); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the truncated answer: %v", err)
	}
	send(t, gh, 200, admin, "GET", path, "")

	var statuses []int
	for _, r := range gh.Requests() {
		statuses = append(statuses, r.Status)
	}
	if got := fmt.Sprint(statuses); got != "[502 0 403 201 200 200 200]" {
		t.Errorf("log: %s", got)
	}
	if r := gh.Requests()[0]; r.Path != path || string(r.Body) != body || r.Token != admin {
		t.Errorf("first request: %+v", r)
	}
}

func TestCheckRuns(t *testing.T) {
	gh, repo := start(t)
	sha := repo.PullRequests()[0].HeadSHA
	annotations := func(n int) string {
		one := `{"path":"a.txt","start_line":1,"end_line":1,"annotation_level":"warning","message":"m"}`
		return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]"
	}
	create := func(status int, rest string) answer {
		t.Helper()
		return send(t, gh, status, admin, "POST", api+"/check-runs", `{"name":"w","head_sha":"`+sha+`"`+rest+`}`)
	}
	create(422, `,"conclusion":"fine"`)
	create(422, `,"status":"completed"`)
	create(422, `,"output":{"title":"t"}`)
	create(422, `,"output":{"title":"t","summary":"s","annotations":`+annotations(51)+`}`)
	create(422, `,"output":{"title":"t","summary":"`+strings.Repeat("x", 65536)+`"}`)
	create(422, `,"output":"no object"`)
	run := create(201, `,"output":{"title":"t","summary":"s","annotations":`+annotations(50)+`}`).object(t)
	one := fmt.Sprintf("%s/check-runs/%.0f", api, run["id"])
	send(t, gh, 200, admin, "PATCH", one, `{"conclusion":"success","output":{"summary":"s","annotations":`+annotations(2)+`}}`)
	got := send(t, gh, 200, admin, "GET", one, "").object(t)
	if got["status"] != "completed" || got["output"].(map[string]any)["annotations_count"] != 52.0 {
		t.Errorf("%v", got)
	}
	create(201, "")
	list := api + "/commits/" + sha + "/check-runs?check_name=w"
	for query, want := range map[string]float64{"": 1, "&filter=all": 2, "&status=completed&filter=all": 1} {
		if n := send(t, gh, 200, admin, "GET", list+query, "").object(t)["total_count"]; n != want {
			t.Errorf("%s: %v check runs, want %v", query, n, want)
		}
	}
}

func TestArtifactDownload(t *testing.T) {
	gh, repo := start(t)
	run := repo.AddRun(githubtest.Run{})
	artifact := run.AddArtifact("report", map[string]string{"report.json": "{}"})
	path := fmt.Sprintf("%s/actions/artifacts/%d/zip", api, artifact.ID)
	send(t, gh, 401, "", "GET", path, "")
	location := send(t, gh, 302, admin, "GET", path, "").header.Get("Location")
	if u, err := url.Parse(location); err != nil || strings.HasPrefix(location, gh.ServerURL) || u.Hostname() != "localhost" {
		t.Errorf("redirected to %s", location)
	}
	// The store refuses a token that is not its own.
	at := strings.Replace(location, "localhost", "127.0.0.1", 1)
	send(t, gh, 401, admin, "GET", at, "")
	if a := send(t, gh, 200, "", "GET", at, ""); !bytes.Equal([]byte(a.body), artifact.Zip) {
		t.Errorf("%d bytes", len(a.body))
	}
	repo.Expire(artifact.ID)
	send(t, gh, 410, admin, "GET", path, "")
}
