package github_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/forge/github"
)

// When nobody can say whether a lost write was done, it is not done again: also
// a 404 of the look is no "it is not there".
func TestNothingIsCreatedTwiceWhenTheLookFails(t *testing.T) {
	for name, look := range map[string]http.HandlerFunc{
		"refused": gives(403, object{"message": "Resource not accessible by integration"}),
		"hidden":  gives(404, object{"message": "Not Found"}),
		"broken":  raw(500, ""),
	} {
		t.Run(name, func(t *testing.T) {
			a := serve(t, map[string]http.HandlerFunc{
				"POST /check-runs": cutOff, "GET /commits/" + shaA + "/check-runs": look,
				"POST /deployments": cutOff, "GET /deployments": look,
				"POST /deployments/1/statuses": cutOff, "GET /deployments/1/statuses": look,
				"POST /pulls": cutOff, "GET /pulls": look,
				"POST /releases": cutOff, "GET /releases": look,
				"POST /issues/7/comments": cutOff, "GET /issues/7/comments": look, "POST /graphql": viewer("github-actions[bot]", 41898282),
			})
			c := a.client()
			var errs []error
			keep := func(_ any, err error) { errs = append(errs, err) }
			keep(c.CreateCheckRun(ctx, aRun(0)))
			keep(c.CreateDeployment(ctx, forge.Deployment{SHA: shaA, Environment: "production", Task: "t"}))
			keep(c.CreateDeploymentStatus(ctx, 1, forge.DeploymentStatus{State: "success"}))
			keep(c.CreatePullRequest(ctx, forge.NewPullRequest{Title: "t", Head: "topic", Base: "main"}))
			keep(c.CreateRelease(ctx, forge.Release{Tag: "v1"}))
			keep(c.CreateComment(ctx, 7, "hello"))
			for i, err := range errs {
				if err == nil || !strings.Contains(err.Error(), "nobody knows whether it was done") || strings.Contains(err.Error(), "\n") {
					t.Errorf("write %d: %v", i, err)
				}
			}
			for _, post := range []string{"/check-runs", "/deployments", "/deployments/1/statuses", "/pulls", "/releases", "/issues/7/comments"} {
				if n := a.count("POST " + post); n != 1 {
					t.Errorf("%s was sent %d times", post, n)
				}
			}
		})
	}
}

// Only an address of this machine may be spoken to without TLS.
func TestPlainHTTPIsForThisMachine(t *testing.T) {
	for base, want := range map[string]bool{
		"http://127.0.0.1:8080": true, "http://[::1]:8080": true, "http://localhost:8080": true,
		"http://127.evil.example": false, "http://127.0.0.1.evil.example": false, "http://10.0.0.1": false, "http://localhost.example": false,
	} {
		_, err := github.New(github.Options{BaseURL: base, Repository: "acme/reviews", HTTP: http.DefaultClient, Now: time.Now})
		if (err == nil) != want {
			t.Errorf("%s: %v", base, err)
		}
	}
}

// net/http follows 301, 302 and 303 of a write with a GET, whose answer would
// be taken for the write's.
func TestRedirectedWriteIsNoRead(t *testing.T) {
	to := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }
	a := serve(t, map[string]http.HandlerFunc{
		"PATCH /issues/comments/1": to, "DELETE /issues/comments/1": to, "POST /issues/7/comments": to,
		"GET /elsewhere": gives(200, object{"id": 1}),
	})
	c := a.client()
	_, edited := c.EditComment(ctx, 1, "x")
	_, created := c.CreateComment(ctx, 7, "x")
	for _, err := range []error{edited, created, c.DeleteComment(ctx, 1)} {
		wants(t, err, "redirects", "with 302", "use its new name")
	}
	if n := a.count("GET /elsewhere"); n != 0 {
		t.Errorf("it was read %d times", n)
	}
}

// An address with a signature is not told to the next host, nor in an error.
func TestSignedAddressIsNotTold(t *testing.T) {
	last := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Referer(); got != "" {
			t.Errorf("another host was told %q", got)
		}
		_, _ = io.WriteString(w, "zip")
	}))
	defer last.Close()
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/odd") {
			w.Header().Set("Location", "http://storage/%zz?sig=2")
			w.WriteHeader(http.StatusFound)
			return
		}
		http.Redirect(w, r, last.URL+"/zip", http.StatusFound)
	}))
	defer storage.Close()
	to := func(address string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", address)
			w.WriteHeader(http.StatusFound)
		}
	}
	a := serve(t, map[string]http.HandlerFunc{
		"GET /actions/artifacts/5/zip": to(storage.URL + "/zip?sig=1"),
		"GET /actions/artifacts/6/zip": to(storage.URL + "/odd?sig=1"),
		"GET /actions/artifacts/7/zip": to("http://storage/%zz?sig=1"),
	})
	c := a.client()
	if data, err := c.DownloadArtifact(ctx, 5, 100); err != nil || string(data) != "zip" {
		t.Errorf("got %q, %v", data, err)
	}
	for _, id := range []int64{6, 7} {
		_, err := c.DownloadArtifact(ctx, id, 100)
		wants(t, err, "redirects to what is no address")
	}
}

// A refusal of a branch that is where it was is not taken for a faster push.
func TestRefusalOfABranchThatDidNotMove(t *testing.T) {
	s := &store{head: shaA}
	routes := s.routes(t)
	routes["PATCH /git/refs/heads/lock/main"] = gives(422, object{"message": "Object does not exist"})
	_, err := serve(t, routes).client().CommitFiles(ctx, "lock/main", shaA, lockFiles, "Lock")
	wants(t, err, "422 Object does not exist")
	if errors.Is(err, forge.ErrMoved) {
		t.Errorf("got %v", err)
	}
	// Where it did move, the error says to where.
	s = &store{head: shaB}
	_, err = serve(t, s.routes(t)).client().CommitFiles(ctx, "lock/main", shaA, lockFiles, "Lock")
	wants(t, err, "the branch has moved, to bbbbbbbbbbbb; fetch it")
}

// Elements of two bytes become structs of hundreds, so they are counted before.
func TestAnswersOfManySmallElements(t *testing.T) {
	for name, one := range map[string]string{"null": "null", "objects": "{}", "lists": "[]"} {
		text := "[" + strings.Repeat(one+",", 200_000) + one + "]"
		_, err := says(t, 200, text).Comments(ctx, 7)
		wants(t, err, "list the comments on pull request 7", "more than 100000 elements")
		if _, err := says(t, 200, `{"number":7,"labels":`+text+`}`).PullRequest(ctx, 7); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// A text that looks like many is one.
	body := strings.Repeat(`null,"[{}],\\`, 15_000)
	quoted, err := json.Marshal([]object{{"id": 1, "body": body}})
	if err != nil {
		t.Fatal(err)
	}
	all, err := says(t, 200, string(quoted)).Comments(ctx, 7)
	if err != nil || len(all) != 1 || all[0].Body != body {
		t.Errorf("got %d comments, %v", len(all), err)
	}
}

// Advice is given where it helps: an expired token needs no permission.
func TestAdvice(t *testing.T) {
	for status, want := range map[int]string{401: "401 no; the token is wrong or has expired: pass a valid one", 403: "403 no"} {
		a := serve(t, map[string]http.HandlerFunc{"GET /rules/branches/main": gives(status, object{"message": "no"})})
		_, err := a.client().BranchRules(ctx, "main")
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%d: got %v, want …%s", status, err, want)
		}
	}
}
