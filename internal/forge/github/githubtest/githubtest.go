// Package githubtest is a GitHub in memory, for tests and the demo: as much of
// GitHub's REST API as waybill speaks, with state. A comment that is written
// can be listed, edited and deleted; a job that waits for an environment goes
// on when a reviewer approves it.
//
// It answers in the shape of GitHub's own OpenAPI description, which
// test/contract holds it to, and refuses as GitHub does: 403 with the
// permission that is missing, 404 where GitHub hides what a token may not see,
// 422 for what makes no sense.
//
//	gh := githubtest.New(t)
//	repo := gh.Repository("acme", "reviews")
//	base := repo.Commit("main", "start", map[string]string{"waybill.yaml": "…"})
//	repo.Commit("better", "retrain", map[string]string{"models/m/model.yaml": "…"})
//	pr := repo.OpenPullRequest(githubtest.PullRequest{Title: "Retrain", Head: "better"})
//	gh.AddToken("secret", githubtest.Token{Permissions: map[string]string{"pull_requests": "write"}})
//	gh.Fail("POST /repos/*/*/issues/*/comments", githubtest.Fault{LoseAnswer: true, Times: 1})
//	client := …(gh.URL, "secret")
//
// People act through methods: Review and Merge for pull requests; Review, Bypass
// and Rerun for workflow runs.
//
//	repo.Review(pr.Number, "lin", "APPROVED")
//	tip, err := repo.Merge(pr.Number, "squash", "octocat")
//	run := repo.AddRun(githubtest.Run{Event: "workflow_dispatch", Actor: "octocat"})
//	run.Wait("production")
//	err = run.Review("lin", "approved", "go")
//
// ReadFrom puts a bare repository on disk behind a Repository, which git can
// push to and fetch from.
//
// What tests ask and change directly (Repository, PullRequest, Run …) needs no
// token. A Server may be used from several goroutines.
package githubtest

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// AdminToken may do everything, as a person who owns every repository.
const AdminToken = "githubtest-admin"

// TB is what New needs of a test.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Option changes what New and Serve start.
type Option func(*Server)

// WithNow tells the server the time, which should be the client's where rate
// limits are waited for; without it, a clock that starts at
// 2026-01-01T00:00:00Z and advances one second with every question.
func WithNow(now func() time.Time) Option { return func(s *Server) { s.now = now } }

// WithEnterprise makes the server a GitHub Enterprise Server: the REST API is
// below /api/v3, uploads below /api/uploads, GraphQL at /api/graphql, and what
// 3.17 does not know is left out.
func WithEnterprise() Option { return func(s *Server) { s.enterprise = true } }

// WithRateLimit sets how many requests a token may make in an hour (5,000).
func WithRateLimit(n int) Option { return func(s *Server) { s.rateLimit = n } }

// WithMiddleware puts a handler around the API, within the faults: it sees the
// requests as they came and the answers as they were meant.
func WithMiddleware(wrap func(http.Handler) http.Handler) Option {
	return func(s *Server) { s.api = wrap(s.api) }
}

// Server is the fake. Its fields are set by New and Serve.
type Server struct {
	// URL is the API's base, as GITHUB_API_URL has it: without a final slash.
	URL string
	// ServerURL is GITHUB_SERVER_URL: where pages for people would be.
	ServerURL string
	// GraphQLURL is GITHUB_GRAPHQL_URL.
	GraphQLURL string
	// UploadURL is where assets of releases are sent, without a final slash.
	UploadURL string

	http       *httptest.Server
	api        http.Handler
	now        func() time.Time
	enterprise bool
	rateLimit  int

	mu       sync.Mutex
	lastID   int64
	ticks    int
	served   int                    // requests
	repos    map[string]*Repository // by lower-case "owner/name"
	users    map[string]*User       // by lower-case login
	tokens   map[string]*Token
	used     map[string]int // requests by token
	resetAt  time.Time
	faults   []*fault
	requests []Request
}

// New starts a server that ends with the test.
func New(t TB, opts ...Option) *Server {
	t.Helper()
	s, err := Serve("127.0.0.1:0", opts...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Serve starts a server on an address such as 127.0.0.1:8080, for a process
// that is not a test.
func Serve(addr string, opts ...Option) (*Server, error) {
	s := &Server{
		rateLimit: 5000, lastID: 1000,
		repos: map[string]*Repository{}, users: map[string]*User{}, tokens: map[string]*Token{}, used: map[string]int{},
	}
	s.now = s.tick
	s.api = http.HandlerFunc(s.serveAPI)
	for _, opt := range opts {
		opt(s)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("fake GitHub: %w", err)
	}
	s.http = &httptest.Server{Listener: listener, Config: &http.Server{Handler: s}}
	s.http.Start()
	s.ServerURL = s.http.URL
	s.URL, s.GraphQLURL = s.ServerURL, s.ServerURL+"/graphql"
	s.UploadURL = s.ServerURL + "/uploads"
	if s.enterprise {
		s.UploadURL = s.ServerURL + "/api/uploads"
		s.URL, s.GraphQLURL = s.ServerURL+"/api/v3", s.ServerURL+"/api/graphql"
	}
	s.AddUser(User{Login: "github-actions[bot]", ID: 41898282, Bot: true})
	s.AddUser(User{Login: "octocat", ID: 583231})
	s.AddUser(User{Login: "web-flow", ID: 19864447, Emails: []string{"noreply@github.com"}}) // commits of the web page
	s.AddToken(AdminToken, Token{Login: "octocat", Person: true})
	return s, nil
}

// Close ends the server and the connections it has.
func (s *Server) Close() {
	s.mu.Lock()
	for _, r := range s.repos {
		r.source.close()
	}
	s.mu.Unlock()
	s.http.CloseClientConnections()
	s.http.Close()
}

func (s *Server) tick() time.Time {
	s.ticks++
	return time.Date(2026, 1, 1, 0, 0, s.ticks, 0, time.UTC)
}

// nextID returns ids that ascend over all kinds of things. s.mu is held.
func (s *Server) nextID() int64 {
	s.lastID++
	return s.lastID
}

// User is an account.
type User struct {
	Login string
	ID    int64 // 0: the next free one
	Bot   bool
	// Emails are addresses by which GitHub knows whose a commit is. Beside them
	// are LOGIN@users.noreply.github.com and ID+LOGIN@users.noreply.github.com.
	Emails []string
}

// AddUser makes an account known, or returns the one that is, which then also
// has the addresses.
func (s *Server) AddUser(u User) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.user(u)
}

func (s *Server) user(u User) *User {
	key := strings.ToLower(u.Login)
	if known := s.users[key]; known != nil {
		known.Emails = append(known.Emails, u.Emails...)
		return known
	}
	if u.ID == 0 {
		u.ID = s.nextID()
	}
	s.users[key] = &u
	return &u
}

// login returns the account of that name, which is made when there is none.
func (s *Server) login(name string) *User {
	return s.user(User{Login: name, Bot: strings.HasSuffix(name, "[bot]")})
}

// accountOf returns whose an address is, nil where GitHub does not know.
func (s *Server) accountOf(email string) *User {
	email = strings.ToLower(email)
	local, noreply := strings.CutSuffix(email, "@users.noreply.github.com")
	id, _, numbered := strings.Cut(local, "+")
	for login, u := range s.users {
		mine := slices.ContainsFunc(u.Emails, func(e string) bool { return strings.EqualFold(e, email) })
		if mine || noreply && (!numbered && local == login || numbered && id == strconv.FormatInt(u.ID, 10)) {
			return u
		}
	}
	return nil
}

// addressee is the account that a commit is shown with, or null.
func (s *Server) addressee(who signature) any {
	if u := s.accountOf(who.Email); u != nil {
		return s.accountJSON(u)
	}
	return nil
}

// Token says who a token belongs to and what it may do.
type Token struct {
	// Login is the account; github-actions[bot] when empty.
	Login string
	// Person makes it a personal access token; without it, it is an
	// installation's, such as GITHUB_TOKEN, which has no GET /user.
	Person bool
	// Permissions are "read" or "write" by name as X-Accepted-GitHub-Permissions
	// has it: contents, pull_requests, issues, checks, actions, deployments …
	// nil permits everything.
	Permissions map[string]string
	// Repositories are the "owner/name" that the token is for; nil: all.
	Repositories []string
}

// AddToken makes the server accept a token. Metadata can always be read.
func (s *Server) AddToken(secret string, t Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Login == "" {
		t.Login = "github-actions[bot]"
	}
	s.login(t.Login)
	s.tokens[secret] = &t
}
