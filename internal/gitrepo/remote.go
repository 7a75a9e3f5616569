package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// Remote is the repository that everybody shares. Making one asks nothing of
// the network.
type Remote struct {
	repo        *Repo
	name        string
	fetch, push *target
	last        *Advertised
}

// target is one URL of a remote, and the credentials that worked for it.
type target struct {
	endpoint *transport.Endpoint
	url      string // for people: without a password
	auth     transport.AuthMethod
	authOK   bool
}

// Advertised is what a remote says it has.
type Advertised struct {
	// DefaultBranch is where the remote's HEAD points, else main or master if
	// there is one; "" in an empty repository.
	DefaultBranch string
	Heads         map[string]string // branch -> commit
	Tags          map[string]string // tag -> tag object, or commit of a lightweight tag
	Peeled        map[string]string // annotated tag -> commit

	remote *Remote
}

// Remote chooses the remote of the current branch, else "origin", else the only
// one there is; ErrNoRemote otherwise. URLs are rewritten by url.*.insteadOf as
// git does.
func (r *Repo) Remote(ctx context.Context) (*Remote, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	names := r.config.subsections("remote", "url")
	var name string
	if branch := r.branch(); branch != "" {
		name = r.config.get("branch", branch, "remote")
	}
	if !slices.Contains(names, name) { // unset, ".", or a bare URL
		name = "origin"
	}
	if !slices.Contains(names, name) && len(names) == 1 {
		name = names[0]
	}
	if !slices.Contains(names, name) {
		if len(names) == 0 {
			return nil, fmt.Errorf("find the remote of %s: %w; run git remote add origin URL", r.root, ErrNoRemote)
		}
		return nil, fmt.Errorf("find the remote of %s: %w is named origin and the branch has none; choose one of %s with git branch --set-upstream-to",
			r.root, ErrNoRemote, clip(strings.Join(names, ", ")))
	}
	m := &Remote{repo: r, name: name}
	url := r.config.get("remote", name, "url")
	fetch, _ := r.config.rewrite(url, "insteadof")
	var err error
	if m.fetch, err = newTarget(fetch, r.root); err != nil {
		return nil, fmt.Errorf("remote %s: %w", name, err)
	}
	push := fetch
	if p := r.config.get("remote", name, "pushurl"); p != "" {
		push, _ = r.config.rewrite(p, "insteadof")
	} else if p, ok := r.config.rewrite(url, "pushinsteadof"); ok {
		push = p
	}
	m.push = m.fetch
	if push != fetch {
		if m.push, err = newTarget(push, r.root); err != nil {
			return nil, fmt.Errorf("remote %s: push URL: %w", name, err)
		}
	}
	return m, nil
}

// Name is the remote's name in the configuration.
func (m *Remote) Name() string { return m.name }

// URL is where the remote is, without a password.
func (m *Remote) URL() string { return m.fetch.url }

func (m *Remote) String() string { return m.name + " (" + m.fetch.url + ")" }

// newTarget understands what git understands: URLs, host:path and local paths,
// which are relative to the working tree's root.
func newTarget(raw, root string) (*target, error) {
	ep, err := parseEndpoint(raw, root)
	if err != nil {
		return nil, err
	}
	shown := *ep
	shown.Password = ""
	t := &target{endpoint: ep, url: clip(shown.String())}
	if ep.Protocol == "file" {
		t.url = clip(ep.Path)
	}
	return t, nil
}

func parseEndpoint(raw, root string) (*transport.Endpoint, error) {
	if raw == "" || strings.ContainsAny(raw, "\x00\r\n") {
		return nil, fmt.Errorf("%q is not a URL", clip(raw))
	}
	before, _, colon := strings.Cut(raw, ":")
	scheme := colon && !strings.ContainsAny(before, "/\\")
	isURL := scheme && strings.HasPrefix(raw[len(before):], "://")
	switch {
	case scheme && strings.HasPrefix(raw[len(before):], "::"):
		return nil, fmt.Errorf("%s:: needs a remote helper, which only git itself can run; use https, ssh or a path", clip(before))
	case !isURL && (!scheme || filepath.VolumeName(raw) != ""):
		path := raw
		if !filepath.IsAbs(path) {
			path = filepath.Join(root, path)
		}
		return &transport.Endpoint{Protocol: "file", Path: path}, nil
	}
	ep, err := transport.NewEndpoint(raw)
	if err != nil {
		return nil, errors.New("the URL is malformed") // its text may hold a password
	}
	switch ep.Protocol {
	case "git+ssh", "ssh+git":
		ep.Protocol = "ssh"
	case "http", "https", "ssh", "git", "file":
	default:
		return nil, fmt.Errorf("scheme %s is not supported; use https, ssh or a path", clip(ep.Protocol))
	}
	if ep.Protocol == "file" && !strings.HasPrefix(ep.Path, "/") {
		return nil, fmt.Errorf("%q is not an absolute file URL", clip(raw))
	}
	if ep.Protocol != "file" && (ep.Host == "" || ep.Host[0] == '-') {
		return nil, errors.New("the URL has no usable host")
	}
	return ep, nil
}

// Refs asks the remote for its branches and tags: one round trip. An empty
// repository has none, which is no error.
func (m *Remote) Refs(ctx context.Context) (*Advertised, error) {
	session, refs, err := m.upload(ctx)
	if err != nil {
		return nil, err
	}
	session.Close()
	return m.remember(refs), nil
}

func (m *Remote) remember(refs *packp.AdvRefs) *Advertised {
	a := &Advertised{
		Heads:  map[string]string{},
		Tags:   make(map[string]string, len(refs.References)),
		Peeled: make(map[string]string, len(refs.Peeled)),
		remote: m,
	}
	for name, hash := range refs.References {
		if short, ok := strings.CutPrefix(name, "refs/heads/"); ok {
			a.Heads[short] = hash.String()
		} else if short, ok := strings.CutPrefix(name, "refs/tags/"); ok {
			a.Tags[short] = hash.String()
		}
	}
	for name, hash := range refs.Peeled {
		if short, ok := strings.CutPrefix(name, "refs/tags/"); ok {
			a.Peeled[short] = hash.String()
		}
	}
	for _, symref := range refs.Capabilities.Get(capability.SymRef) {
		if branch, ok := strings.CutPrefix(symref, "HEAD:refs/heads/"); ok {
			a.DefaultBranch = branch
		}
	}
	for _, guess := range []string{"main", "master"} {
		if a.Heads[a.DefaultBranch] == "" && a.Heads[guess] != "" {
			a.DefaultBranch = guess
		}
	}
	m.last = a
	return a
}

// upload opens a session for reading. The caller closes it.
func (m *Remote) upload(ctx context.Context) (transport.UploadPackSession, *packp.AdvRefs, error) {
	session, refs, err := m.connect(ctx, m.fetch, func(c transport.Transport, ep *transport.Endpoint, auth transport.AuthMethod) (transport.Session, error) {
		return c.NewUploadPackSession(ep, auth)
	})
	if err != nil {
		return nil, nil, m.fail("read from", m.fetch, err)
	}
	return session.(transport.UploadPackSession), refs, nil
}

// receive opens a session for writing. The caller closes it.
func (m *Remote) receive(ctx context.Context) (transport.ReceivePackSession, *packp.AdvRefs, error) {
	session, refs, err := m.connect(ctx, m.push, func(c transport.Transport, ep *transport.Endpoint, auth transport.AuthMethod) (transport.Session, error) {
		return c.NewReceivePackSession(ep, auth)
	})
	if err != nil {
		return nil, nil, m.fail("push to", m.push, err)
	}
	return session.(transport.ReceivePackSession), refs, nil
}

type opener func(transport.Transport, *transport.Endpoint, transport.AuthMethod) (transport.Session, error)

// connect reads the advertisement with the credentials that worked before, or
// else with each that may be meant for this URL until one is accepted.
func (m *Remote) connect(ctx context.Context, t *target, open opener) (transport.Session, *packp.AdvRefs, error) {
	c, err := transportOf(t.endpoint)
	if err != nil {
		return nil, nil, err
	}
	try := func(auth transport.AuthMethod) (transport.Session, *packp.AdvRefs, error) {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		ep := *t.endpoint // a redirect changes it
		session, err := open(c, &ep, auth)
		if err != nil {
			return nil, nil, err
		}
		refs, err := session.AdvertisedReferencesContext(ctx)
		if errors.Is(err, transport.ErrEmptyRemoteRepository) {
			return session, packp.NewAdvRefs(), nil
		}
		if err != nil {
			session.Close()
			return nil, nil, err
		}
		return session, refs, nil
	}
	if t.authOK {
		// Reading may have gone without credentials where pushing does not.
		if session, refs, err := try(t.auth); !isAuthError(err) {
			return session, refs, err
		}
	}
	var first error
	for auth := range m.credentials(ctx, t) {
		session, refs, err := try(auth)
		if err == nil {
			t.auth, t.authOK = auth, true
			return session, refs, nil
		}
		if first == nil {
			first = err
		}
		if !isAuthError(err) {
			return nil, nil, err
		}
	}
	return nil, nil, first
}

func isAuthError(err error) bool {
	return errors.Is(err, transport.ErrAuthenticationRequired) || errors.Is(err, transport.ErrAuthorizationFailed) || errors.Is(err, transport.ErrRepositoryNotFound)
}

// remoteError says what was tried with which remote. Its text is made safe to
// show: servers send whole pages, and some errors quote the URL.
type remoteError struct {
	what  string
	kind  error
	cause error
	text  string
	hint  string
}

func (e *remoteError) Error() string {
	s := e.what + ": " + e.kind.Error()
	if e.text != "" {
		s += ": " + e.text
	}
	if e.hint != "" {
		s += "; " + e.hint
	}
	return s
}

func (e *remoteError) Unwrap() []error { return []error{e.kind, e.cause} }

func (m *Remote) fail(verb string, t *target, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s remote %s (%s): %w", verb, m.name, t.url, err)
	}
	e := &remoteError{what: fmt.Sprintf("%s remote %s (%s)", verb, m.name, t.url), kind: ErrUnreachable, cause: err, text: t.clean(err.Error())}
	switch {
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		e.kind = ErrUnauthorized
		e.hint = "set up a credential helper for this host (gh auth setup-git), or GITHUB_TOKEN; in a workflow add \"permissions: contents: write\""
	case errors.Is(err, transport.ErrRepositoryNotFound):
		e.hint = "check git remote -v, and that your account may see the repository"
	case errors.Is(err, plumbing.ErrObjectNotFound), errors.Is(err, io.ErrUnexpectedEOF):
		e.hint = "try again"
	case t.endpoint.Protocol == "ssh":
		e.hint = "ssh works through the agent (ssh-add) and known_hosts; check with ssh -T, or use https"
	}
	return e
}

// clean takes a password out of a message about this URL.
func (t *target) clean(s string) string {
	if p := t.endpoint.Password; p != "" {
		s = strings.ReplaceAll(s, p, "***")
	}
	return clip(s)
}
