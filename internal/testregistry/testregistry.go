// Package testregistry is an OCI registry in memory, for tests. It follows
// distribution-spec 1.1 where registries differ least, and misbehaves on
// demand:
//
//	reg := testregistry.New(t, testregistry.WithReferrers())
//	r, err := registry.Open(reg.URL+"/acme", "", registry.Options{})
//	reg.CutNextUpload(1 << 20)      // the connection breaks after 1 MiB
//	…
//	if reg.BytesReceived() > …      // did the client begin again?
//
// Uploads are resumable: what arrived before a connection broke is kept, GET
// on the upload tells how much that is, and PATCH goes on from there. A
// manifest whose blobs are missing is refused. Without WithReferrers it is
// like ghcr.io: 404 on the referrers API, no OCI-Subject header.
package testregistry

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// TB is the part of testing.TB that New uses; programs that are not tests
// need not link package testing.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Registry is a running registry. Its methods may be called at any time.
type Registry struct {
	URL string // "127.0.0.1:41234", what "registry:" in a project begins with

	options  options
	listener net.Listener
	server   *http.Server

	mu       sync.Mutex
	repos    map[string]*repository
	uploads  map[string]*upload
	tokens   map[string]grant
	sequence int

	faults   faults
	requests []string
	received int64
}

type options struct {
	referrers       bool
	auth            string // "", "basic" or "bearer"
	user, password  string
	anonymousPull   bool
	readOnly        bool
	onlyExisting    map[string]bool
	refuseTagDelete bool
	pageSize        int
}

type faults struct {
	failures   int // how many requests still fail
	status     int
	retryAfter string
	cutUpload  int64 // bytes; -1 when off
	corrupt    map[string]bool
}

// Option changes what the registry supports.
type Option func(*options)

// WithReferrers turns the referrers API and the OCI-Subject header on.
func WithReferrers() Option { return func(o *options) { o.referrers = true } }

// WithBasicAuth demands user and password with every request.
func WithBasicAuth(user, password string) Option {
	return func(o *options) { o.auth, o.user, o.password = "basic", user, password }
}

// WithBearerAuth demands tokens, which /token gives out for user and password.
func WithBearerAuth(user, password string) Option {
	return func(o *options) { o.auth, o.user, o.password = "bearer", user, password }
}

// WithAnonymousPull gives out tokens to read without a password.
func WithAnonymousPull() Option { return func(o *options) { o.anonymousPull = true } }

// WithReadOnly refuses every write with 403.
func WithReadOnly() Option { return func(o *options) { o.readOnly = true } }

// WithRepositories refuses pushes to any other repository with 404, as Amazon
// ECR does.
func WithRepositories(names ...string) Option {
	return func(o *options) {
		o.onlyExisting = map[string]bool{}
		for _, name := range names {
			o.onlyExisting[name] = true
		}
	}
}

// WithoutTagDelete answers 405 to the deletion of a tag.
func WithoutTagDelete() Option { return func(o *options) { o.refuseTagDelete = true } }

// WithPageSize lists tags in pages of at most n.
func WithPageSize(n int) Option { return func(o *options) { o.pageSize = n } }

// New starts a registry that ends with the test.
func New(t TB, opts ...Option) *Registry {
	t.Helper()
	r, stop, err := start(opts)
	if err != nil {
		t.Fatalf("test registry: %v", err)
	}
	t.Cleanup(stop)
	return r
}

// Start starts a registry and returns how to stop it. It panics when the
// machine has no loopback address to listen on.
func Start(opts ...Option) (*Registry, func()) {
	r, stop, err := start(opts)
	if err != nil {
		panic("test registry: " + err.Error())
	}
	return r, stop
}

func start(opts []Option) (*Registry, func(), error) {
	r := &Registry{
		repos:   map[string]*repository{},
		uploads: map[string]*upload{},
		tokens:  map[string]grant{},
		faults:  faults{cutUpload: -1, corrupt: map[string]bool{}},
	}
	for _, opt := range opts {
		opt(&r.options)
	}
	if err := r.listen("127.0.0.1:0"); err != nil {
		return nil, nil, err
	}
	r.URL = r.listener.Addr().String()
	return r, func() { r.Down(true) }, nil
}

func (r *Registry) listen(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(r.serve), ReadHeaderTimeout: 10 * time.Second}
	r.listener, r.server = listener, server
	go server.Serve(listener)
	return nil
}

// FailNext answers the next n requests with status and nothing else.
func (r *Registry) FailNext(n, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.failures, r.faults.status, r.faults.retryAfter = n, status, ""
}

// RetryAfter makes failures that FailNext asked for carry the header.
func (r *Registry) RetryAfter(value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.retryAfter = value
}

// CutNextUpload resets the connection of the next PATCH or PUT of a blob once
// that many bytes of its body arrived. Those bytes are kept.
func (r *Registry) CutNextUpload(after int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.cutUpload = after
}

// Corrupt serves wrong bytes, of the right length, for the blob or manifest.
func (r *Registry) Corrupt(digest string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.corrupt[digest] = true
}

// Down stops listening and breaks all connections, or listens again on the
// same port. What is stored stays.
func (r *Registry) Down(down bool) {
	if down {
		r.server.Close()
		return
	}
	if err := r.listen(r.URL); err != nil {
		panic("test registry: " + err.Error())
	}
}

// ExpireTokens makes all tokens given out so far invalid.
func (r *Registry) ExpireTokens() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.tokens)
}

// Requests returns all requests so far: "PUT /v2/acme/sentiment/manifests/v1".
func (r *Registry) Requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.requests...)
}

// BytesReceived returns how many bytes of blobs arrived, again and again
// counted when sent again.
func (r *Registry) BytesReceived() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.received
}

func (r *Registry) serve(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, req.Method+" "+req.URL.Path)
	failing := r.faults.failures > 0
	if failing {
		r.faults.failures--
	}
	status, retryAfter := r.faults.status, r.faults.retryAfter
	r.mu.Unlock()

	if failing {
		io.Copy(io.Discard, req.Body)
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		refuse(w, status, "UNKNOWN", "failed on demand")
		return
	}
	w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
	if req.URL.Path == "/token" && r.options.auth == "bearer" {
		r.serveToken(w, req)
		return
	}
	path, ok := strings.CutPrefix(req.URL.Path, "/v2/")
	if !ok {
		http.NotFound(w, req)
		return
	}
	name, rest := splitPath(path)
	if !r.authorize(w, req, name) {
		return
	}
	if path == "" {
		io.WriteString(w, "{}")
		return
	}
	r.route(w, req, name, rest)
}

// splitPath parts "acme/sentiment/blobs/sha256:…" at the last component that
// names a resource.
func splitPath(path string) (name, rest string) {
	for _, resource := range []string{"/blobs/", "/manifests/", "/tags/", "/referrers/"} {
		if i := strings.LastIndex(path, resource); i > 0 {
			return path[:i], path[i+1:]
		}
	}
	return "", path
}

func (r *Registry) route(w http.ResponseWriter, req *http.Request, name, rest string) {
	write := req.Method != http.MethodGet && req.Method != http.MethodHead
	if write && r.options.readOnly {
		refuse(w, http.StatusForbidden, "DENIED", "requested access to the resource is denied")
		return
	}
	if write && r.options.onlyExisting != nil && !r.options.onlyExisting[name] {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "the repository does not exist")
		return
	}
	kind, id, _ := strings.Cut(rest, "/")
	switch {
	case kind == "blobs" && strings.HasPrefix(id, "uploads/"):
		r.serveUpload(w, req, name, strings.TrimPrefix(id, "uploads/"))
	case kind == "blobs":
		r.serveBlob(w, req, name, id)
	case kind == "manifests":
		r.serveManifest(w, req, name, id)
	case kind == "tags" && id == "list":
		r.serveTags(w, req, name)
	case kind == "referrers" && r.options.referrers:
		r.serveReferrers(w, req, name, id)
	default:
		http.NotFound(w, req)
	}
}

// refuse answers as distribution-spec 1.1, "Error Codes", says.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
}

// next returns a number that was not used before.
func (r *Registry) next() string {
	r.sequence++
	return fmt.Sprintf("%08x", r.sequence)
}
