package github_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge/github"
)

const (
	token = "ghs_secretsecretsecret"
	shaA  = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	shaB  = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	shaC  = "cccccccccccccccccccccccccccccccccccccccc"
)

var start = time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC)

// api is a server that answers as a test says, and remembers what was asked.
type api struct {
	*httptest.Server
	t      *testing.T
	mu     sync.Mutex
	asked  []string // "GET /repos/acme/reviews/pulls/7"
	sent   []string // bodies
	slept  []time.Duration
	routes map[string]http.HandlerFunc
	logged []string
}

// serve starts an api with handlers by "METHOD /path below repos/acme/reviews",
// or by "METHOD /path" from the root.
func serve(t *testing.T, routes map[string]http.HandlerFunc) *api {
	t.Helper()
	a := &api{t: t, routes: routes}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		name := r.Method + " " + strings.TrimPrefix(r.URL.EscapedPath(), "/repos/acme/reviews")
		a.mu.Lock()
		a.asked = append(a.asked, name)
		a.sent = append(a.sent, string(body))
		handler := a.routes[name]
		a.mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer "+token {
			t.Errorf("%s came with authorization %q", name, r.Header.Get("Authorization"))
		}
		if handler == nil {
			t.Errorf("unexpected request %s", name)
			answer(w, 404, map[string]any{"message": "Not Found"})
			return
		}
		handler(w, r)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *api) client(change ...func(*github.Options)) *github.Client {
	a.t.Helper()
	o := github.Options{
		BaseURL: a.URL, Repository: "acme/reviews", Token: token, HTTP: a.Server.Client(),
		Now: func() time.Time { return start },
		Sleep: func(ctx context.Context, d time.Duration) error {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.slept = append(a.slept, d)
			return ctx.Err()
		},
		Log: func(s string) { a.mu.Lock(); a.logged = append(a.logged, s); a.mu.Unlock() },
	}
	for _, f := range change {
		f(&o)
	}
	c, err := github.New(o)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() {
		if all := strings.Join(a.logged, "\n"); strings.Contains(all, token) || strings.Contains(all, "sig=") {
			a.t.Errorf("a secret was logged: %s", all)
		}
	})
	return c
}

// count is how often something was asked for.
func (a *api) count(name string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, asked := range a.asked {
		if asked == name {
			n++
		}
	}
	return n
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// gives answers a request with status and body.
func gives(status int, body any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, status, body) }
}

// raw answers with text as it is.
func raw(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = io.WriteString(w, text) }
}

// inTurn answers the first request with the first handler, and all past the
// last with the last.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	n := 0
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := handlers[min(n, len(handlers)-1)]
		n++
		mu.Unlock()
		h(w, r)
	}
}

// cutOff ends the connection without an answer.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

type object = map[string]any

func user(login string, id int) object { return object{"login": login, "id": id, "type": "User"} }

func pull(number int, headOwner, ref, sha string) object {
	repo := func(owner string) object { return object{"name": "reviews", "owner": user(owner, 1)} }
	return object{
		"number": number, "state": "open", "title": "New weights", "user": user("octocat", 583231),
		"head":     object{"ref": ref, "sha": sha, "repo": repo(headOwner)},
		"base":     object{"ref": "main", "sha": shaB, "repo": repo("acme")},
		"html_url": fmt.Sprintf("https://github.com/acme/reviews/pull/%d", number), "merge_commit_sha": shaC,
	}
}

// viewer answers GraphQL's question who the token is.
func viewer(login string, id int) http.HandlerFunc {
	return gives(200, object{"data": object{"viewer": object{"login": login, "databaseId": id}}})
}

// wants fails unless err says all of texts and not the token.
func wants(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
	if strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "sig=") {
		t.Errorf("error %q tells a secret", err)
	}
}
