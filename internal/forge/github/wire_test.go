package github_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/forge/github"
)

var ctx = context.Background()

func TestReadsAreRepeated(t *testing.T) {
	ok := gives(200, pull(7, "acme", "topic", shaA))
	for name, faults := range map[string][]http.HandlerFunc{
		"502":     {raw(502, "bad gateway"), ok},
		"cut off": {cutOff, cutOff, ok},
		"half an answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99")
			fmt.Fprint(w, "{")
		}, ok},
		"four times nothing": {raw(500, ""), raw(503, ""), raw(504, ""), raw(500, ""), ok},
	} {
		t.Run(name, func(t *testing.T) {
			a := serve(t, map[string]http.HandlerFunc{"GET /pulls/7": inTurn(faults...)})
			pr, err := a.client().PullRequest(ctx, 7)
			if err != nil || pr.Head.SHA != shaA {
				t.Fatalf("got %+v, %v", pr, err)
			}
			if len(a.slept) != len(faults)-1 {
				t.Errorf("it paused %v after %d faults", a.slept, len(faults)-1)
			}
		})
	}
	a := serve(t, map[string]http.HandlerFunc{"GET /pulls/7": raw(503, "")})
	_, err := a.client().PullRequest(ctx, 7)
	wants(t, err, "read pull request 7 of acme/reviews", "503", "try again later")
	if n := a.count("GET /pulls/7"); n != 5 {
		t.Errorf("asked %d times, want 5", n)
	}
	if !slices.IsSorted(a.slept) {
		t.Errorf("pauses %v do not grow", a.slept)
	}
}

func TestSilenceEnds(t *testing.T) {
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	a := serve(t, map[string]http.HandlerFunc{"GET /pulls/7": inTurn(silent, gives(200, pull(7, "acme", "topic", shaA)))})
	pr, err := a.client(func(o *github.Options) { o.Timeout = 50 * time.Millisecond }).PullRequest(ctx, 7)
	if err != nil || pr.Number != 7 {
		t.Errorf("got %+v, %v", pr, err)
	}
}

func TestCancelledContextEnds(t *testing.T) {
	cancelled, cancel := context.WithCancel(ctx)
	a := serve(t, map[string]http.HandlerFunc{"GET /pulls/7": func(w http.ResponseWriter, _ *http.Request) { cancel(); w.WriteHeader(500) }})
	if _, err := a.client().PullRequest(cancelled, 7); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := a.count("GET /pulls/7"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// limited refuses with headers; Date is an hour behind this machine's clock.
func limited(status int, message string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", start.Add(-time.Hour).Format(http.TimeFormat))
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		answer(w, status, object{"message": message})
	}
}

func TestRateLimitsAreWaitedFor(t *testing.T) {
	reset := fmt.Sprint(start.Add(-time.Hour).Add(40 * time.Second).Unix())
	for name, c := range map[string]struct {
		fault http.HandlerFunc
		want  time.Duration
	}{
		"primary":                {limited(403, "API rate limit exceeded", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", reset), 41 * time.Second},
		"secondary":              {limited(403, "You have exceeded a secondary rate limit", "Retry-After", "30"), 30 * time.Second},
		"secondary, no header":   {limited(403, "You have exceeded a secondary rate limit"), time.Minute},
		"429":                    {limited(429, "slow down"), time.Minute},
		"reset long ago":         {limited(403, "", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1"), time.Second},
		"impossible reset":       {limited(429, "", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "-9"), time.Minute},
		"both: Retry-After wins": {limited(429, "", "Retry-After", "7", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", reset), 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			// A limit is refused before anything is done, so writes are sent again too.
			a := serve(t, map[string]http.HandlerFunc{
				"POST /issues/7/comments": inTurn(c.fault, gives(201, object{"id": 1, "body": "hello"})),
			})
			if _, err := a.client().CreateComment(ctx, 7, "hello"); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(a.slept, []time.Duration{c.want}) {
				t.Errorf("waited %v, want %v", a.slept, c.want)
			}
		})
	}
}

func TestRateLimitBeyondTheBudget(t *testing.T) {
	for _, retryAfter := range []string{"181", "4000000000"} {
		a := serve(t, map[string]http.HandlerFunc{"GET /pulls/7": limited(403, "secondary rate limit", "Retry-After", retryAfter)})
		_, err := a.client().PullRequest(ctx, 7)
		wants(t, err, "read pull request 7 of acme/reviews", "secondary rate limit", "run again after 2026-03-0")
		var l *forge.RateLimited
		if !errors.As(err, &l) || !errors.Is(err, forge.ErrRateLimited) || !l.Secondary || l.Until.Before(start.Add(181*time.Second)) || l.Until.After(start.Add(25*time.Hour)) {
			t.Errorf("got %#v", err)
		}
		if len(a.slept) > 0 {
			t.Errorf("waited %v", a.slept)
		}
	}
	// The budget is one for all requests, so nothing waits for ever.
	a := serve(t, map[string]http.HandlerFunc{"GET /pulls/7": limited(429, "", "Retry-After", "50")})
	if _, err := a.client().PullRequest(ctx, 7); !errors.Is(err, forge.ErrRateLimited) || len(a.slept) != 3 {
		t.Errorf("got %v after %v", err, a.slept)
	}
	a = serve(t, map[string]http.HandlerFunc{"GET /pulls/7": limited(429, "", "Retry-After", "1")})
	if _, err := a.client(func(o *github.Options) { o.MaxWait = -1 }).PullRequest(ctx, 7); !errors.Is(err, forge.ErrRateLimited) || len(a.slept) != 0 {
		t.Errorf("got %v after %v", err, a.slept)
	}
}

// go-github refuses by itself when an answer said that nothing remains.
func TestLastRequestOfTheHourIsNotTheLast(t *testing.T) {
	a := serve(t, map[string]http.HandlerFunc{"GET /pulls/7": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-RateLimit-Limit", "1000")
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", fmt.Sprint(time.Now().Add(time.Hour).Unix()))
		answer(w, 200, pull(7, "acme", "topic", shaA))
	}})
	c := a.client()
	for range 2 {
		if _, err := c.PullRequest(ctx, 7); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPages(t *testing.T) {
	comments := func(w http.ResponseWriter, r *http.Request) {
		page := r.URL.Query().Get("page")
		if r.URL.Query().Get("per_page") != "100" {
			t.Errorf("per_page is %q", r.URL.Query().Get("per_page"))
		}
		n := map[string]int{"1": 100, "2": 100, "3": 50}[page]
		if page != "3" {
			var next int
			_, _ = fmt.Sscan(page, &next)
			w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?page=%d>; rel="next"`, r.Host, r.URL.Path, next+1))
		}
		var out []object
		for i := range n {
			out = append(out, object{"id": i + 1, "body": page, "user": nil})
		}
		answer(w, 200, out)
	}
	a := serve(t, map[string]http.HandlerFunc{"GET /issues/7/comments": comments})
	all, err := a.client().Comments(ctx, 7)
	if err != nil || len(all) != 250 || all[249].Body != "3" {
		t.Errorf("got %d comments, %v", len(all), err)
	}
	// A server that always has one more page.
	a = serve(t, map[string]http.HandlerFunc{"GET /issues/7/comments": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?page=2>; rel="next"`, r.Host, r.URL.Path))
		answer(w, 200, []object{})
	}})
	_, err = a.client().Comments(ctx, 7)
	wants(t, err, "list the comments on pull request 7", "more than 5000")
	if n := a.count("GET /issues/7/comments"); n > 52 {
		t.Errorf("asked for %d pages", n)
	}
}

func TestNotModified(t *testing.T) {
	a := serve(t, map[string]http.HandlerFunc{"GET /pulls/7": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"abc"`)
		if r.Header.Get("If-None-Match") == `"abc"` {
			w.WriteHeader(304)
			return
		}
		answer(w, 200, pull(7, "acme", "topic", shaA))
	}})
	c := a.client()
	for range 2 {
		if pr, err := c.PullRequest(ctx, 7); err != nil || pr.Number != 7 {
			t.Fatalf("got %+v, %v", pr, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	refuse := func(status int, header string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Accepted-GitHub-Permissions", header)
			answer(w, status, object{"message": "Resource not accessible\nby integration \u202e", "documentation_url": "https://docs.github.com"})
		}
	}
	for _, c := range []struct {
		status int
		header string
		needs  string
		want   string
	}{
		{403, "", "pull-requests: write", `comment on pull request 7 of acme/reviews: 403 Resource not accessible by integration; the token needs "pull-requests: write" under permissions: in the workflow`},
		{403, "issues=write; pull_requests=write", "pull-requests: write", `"pull-requests: write"`},
		{403, "pull_requests=write; issues=write", "pull-requests: write", "the token of a run for a fork may only read"},
		{403, "contents=write,workflows=write", "contents: write, workflows: write", `"contents: write, workflows: write", which a workflow cannot give its own token: pass the token of a GitHub App`},
		{403, "administration=read", "administration: read", `"administration: read", which a workflow cannot give its own token`},
		{403, "metadata=read", "pull-requests: write", `"pull-requests: write" under permissions:`},
		{403, "metadata=read,checks=read; contents=read", "checks: read", `"checks: read" under permissions:`},
		{403, "evil=`rm -rf`", "pull-requests: write", `"pull-requests: write"`},
		{404, "", "pull-requests: write", "404 Resource not accessible by integration: GitHub answers so also to a token that may not do it"},
		{401, "", "pull-requests: write", "the token is wrong or has expired"},
	} {
		a := serve(t, map[string]http.HandlerFunc{"POST /issues/7/comments": refuse(c.status, c.header)})
		_, err := a.client().CreateComment(ctx, 7, "hello")
		wants(t, err, c.want)
		var no *forge.NotAllowed
		if !errors.As(err, &no) || no.Needs != c.needs || no.Status != c.status || !errors.Is(err, forge.ErrNotAllowed) {
			t.Errorf("%d %q: got %#v", c.status, c.header, err)
		}
		if errors.Is(err, forge.ErrNotFound) != (c.status == 404) {
			t.Errorf("%d: ErrNotFound is wrong", c.status)
		}
	}
	a := serve(t, map[string]http.HandlerFunc{"POST /issues/7/comments": gives(403, object{"message": "Repository was archived so is read-only."})})
	_, err := a.client().CreateComment(ctx, 7, "hello")
	wants(t, err, "archived")
	if strings.Contains(err.Error(), "permissions:") {
		t.Errorf("wrong advice: %v", err)
	}
	a = serve(t, map[string]http.HandlerFunc{"GET /pulls/7": refuse(404, "pull_requests=read")})
	_, err = a.client().PullRequest(ctx, 7)
	wants(t, err, "read pull request 7 of acme/reviews: 404 not found", `or the token may not see it, for which it needs "pull-requests: read"`)
	if !errors.Is(err, forge.ErrNotFound) || errors.Is(err, forge.ErrNotAllowed) {
		t.Errorf("got %#v", err)
	}
}
