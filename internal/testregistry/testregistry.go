// Package testregistry is an OCI registry in memory, for tests. It follows
// distribution-spec 1.1 where registries differ least, and misbehaves on
// demand:
//
//	reg := testregistry.New(t, testregistry.WithProfile(testregistry.GHCR()))
//	r, err := registry.Open(reg.URL+"/acme", "", registry.Options{})
//	reg.CutNextUpload(1 << 20)      // the connection breaks after 1 MiB
//	…
//	if reg.BytesReceived() > …      // did the client begin again?
//
// Uploads are resumable: what arrived before a connection broke is kept, GET
// on the upload tells how much that is, and PATCH goes on from there. A
// manifest whose blobs are missing is refused. Without WithReferrers or a
// profile that has it the referrers API is 404, and no OCI-Subject is sent. A
// Profile makes the registry behave like a known one; faults are asked for at
// any time, also several at once; what the client did is counted.
package testregistry

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

	requests           []string
	ranges             []string
	begun              int
	bodies, peakBodies int
	received, sent     atomic.Int64
}

type options struct {
	profile         Profile
	dir             string
	discard         bool
	auth            string // "", "basic" or "bearer"
	user, password  string
	anonymousPull   bool
	readOnly        bool
	onlyExisting    map[string]bool
	refuseTagDelete bool
	pageSize        int
}

// Option changes what the registry supports.
type Option func(*options)

// WithProfile makes the registry like the one that p describes.
func WithProfile(p Profile) Option { return func(o *options) { o.profile = p } }

// WithReferrers turns the referrers API and the OCI-Subject header on, after
// what WithProfile said.
func WithReferrers() Option { return func(o *options) { o.profile.Referrers = true } }

// WithDir keeps blobs as files in a folder that exists, so that large ones
// need no memory. They are left there.
func WithDir(dir string) Option { return func(o *options) { o.dir = dir } }

// WithDiscard verifies blobs over 1 MiB and then throws their bytes away: HEAD
// knows them, GET does not.
func WithDiscard() Option { return func(o *options) { o.discard = true } }

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
		faults:  faults{damaged: map[string]damage{}},
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

// Requests returns all requests so far: "PUT /v2/acme/sentiment/manifests/v1".
func (r *Registry) Requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// BytesReceived returns how many bytes of blobs arrived, again and again
// counted when sent again.
func (r *Registry) BytesReceived() int64 { return r.received.Load() }

// BytesSent returns how many bytes of blobs were in answers to GET.
func (r *Registry) BytesSent() int64 { return r.sent.Load() }

// Ranges returns the Range headers of all requests for blobs so far.
func (r *Registry) Ranges() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ranges)
}

// Uploads returns how many uploads were begun; mounts are none.
func (r *Registry) Uploads() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun
}

// PeakUploads returns how many bodies of blobs arrived at the same time, at
// most.
func (r *Registry) PeakUploads() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peakBodies
}

func (r *Registry) serve(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	request := req.Method + " " + req.URL.Path
	r.requests = append(r.requests, request)
	f, failing := r.failing(request)
	r.mu.Unlock()

	if failing {
		r.drain(req)
		if f.retryAfter != "" {
			w.Header().Set("Retry-After", f.retryAfter)
		}
		refuse(w, f.status, "UNKNOWN", "failed on demand")
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
	profile := r.options.profile
	limited := profile.RequireRepositories || r.options.onlyExisting != nil
	if write && limited && !r.options.onlyExisting[name] {
		r.drain(req)
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "the repository does not exist")
		return
	}
	kind, id, _ := strings.Cut(rest, "/")
	switch {
	case profile.MaxBody > 0 && req.ContentLength > profile.MaxBody:
		r.drain(req)
		http.Error(w, "413 Request Entity Too Large", http.StatusRequestEntityTooLarge)
	case kind == "blobs" && strings.HasPrefix(id, "uploads/"):
		r.serveUpload(w, req, name, strings.TrimPrefix(id, "uploads/"))
	case kind == "blobs":
		r.serveBlob(w, req, name, id)
	case kind == "manifests":
		r.serveManifest(w, req, name, id)
	case kind == "tags" && id == "list":
		r.serveTags(w, req, name)
	case kind == "referrers" && profile.Referrers:
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

// nextNumber returns one that was not used before. r.mu is held.
func (r *Registry) nextNumber() string {
	r.sequence++
	return fmt.Sprintf("%08x", r.sequence)
}
