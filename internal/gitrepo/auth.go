package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

const (
	helperTimeout   = 30 * time.Second // a helper that asks a person would wait forever
	maxHelperOutput = 64 << 10
)

// credentials yields what may open an http(s) URL, most explicit first:
// GITHUB_TOKEN (for GitHub's own host only), the URL's own user, the headers of
// http.<url>.extraheader (actions/checkout), nothing, and what git's credential
// helpers know. Everything else (ssh agent, local paths) is left to go-git.
func (m *Remote) credentials(ctx context.Context, t *target) iter.Seq[transport.AuthMethod] {
	return func(yield func(transport.AuthMethod) bool) {
		ep := t.endpoint
		if ep.Protocol != "http" && ep.Protocol != "https" {
			yield(nil)
			return
		}
		if token := os.Getenv("GITHUB_TOKEN"); token != "" && ep.User == "" && isGitHub(ep) {
			if !yield(&githttp.BasicAuth{Username: "x-access-token", Password: token}) {
				return
			}
		}
		if headers := m.repo.config.extraHeaders(ep); len(headers) > 0 {
			if !yield(headerAuth(headers)) {
				return
			}
		}
		if !yield(nil) { // go-git takes user and password out of the URL
			return
		}
		if auth, err := credentialFill(ctx, m.repo.root, ep); err == nil {
			yield(auth)
		}
	}
}

// isGitHub guards GITHUB_TOKEN: it is sent to github.com over https, or to
// exactly the server that GITHUB_SERVER_URL names, and to nobody else.
func isGitHub(ep *transport.Endpoint) bool {
	origins := []string{"https://github.com"}
	if s := os.Getenv("GITHUB_SERVER_URL"); s != "" {
		origins = append(origins, s)
	}
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme != ep.Protocol || u.Hostname() == "" {
			continue
		}
		port, _ := strconv.Atoi(u.Port())
		if strings.EqualFold(u.Hostname(), strings.Trim(ep.Host, "[]")) && effectivePort(u.Scheme, port) == effectivePort(ep.Protocol, ep.Port) {
			return true
		}
	}
	return false
}

func effectivePort(scheme string, port int) int {
	switch {
	case port != 0:
		return port
	case scheme == "https":
		return 443
	}
	return 80
}

// headerAuth sends the header lines of http.extraHeader. go-git drops them when
// a redirect leaves the origin.
type headerAuth http.Header

func (h headerAuth) Name() string   { return "http-extra-header" }
func (h headerAuth) String() string { return h.Name() }
func (h headerAuth) SetAuth(r *http.Request) {
	for name, values := range h {
		r.Header[name] = append([]string(nil), values...)
	}
}

// extraHeaders collects http.extraHeader and http.<url>.extraHeader for a URL as
// git does: a more specific URL replaces what less specific ones gave, equally
// specific ones add up, an empty value clears.
func (c config) extraHeaders(ep *transport.Endpoint) http.Header {
	out := http.Header{}
	best := urlMatch{}
	for _, s := range c {
		if s.section != "http" || s.key != "extraheader" {
			continue
		}
		var m urlMatch
		if s.sub != "" {
			var ok bool
			if m, ok = matchURL(s.sub, ep); !ok {
				continue
			}
		}
		if m.less(best) {
			continue
		}
		best = m
		if s.value == "" {
			clear(out)
			continue
		}
		if name, value, err := parseHeader(s.value); err == nil {
			out[name] = append(out[name], value)
		}
	}
	return out
}

// urlMatch is how well http.<url>.* fits; git compares host, path, user in that
// order (urlmatch.c).
type urlMatch struct {
	host, path int
	user       bool
}

func (a urlMatch) less(b urlMatch) bool {
	if a.host != b.host {
		return a.host < b.host
	}
	if a.path != b.path {
		return a.path < b.path
	}
	return !a.user && b.user
}

func matchURL(pattern string, ep *transport.Endpoint) (urlMatch, bool) {
	u, err := url.Parse(pattern)
	if err != nil || !strings.EqualFold(u.Scheme, ep.Protocol) {
		return urlMatch{}, false
	}
	port, _ := strconv.Atoi(u.Port())
	if effectivePort(ep.Protocol, port) != effectivePort(ep.Protocol, ep.Port) {
		return urlMatch{}, false
	}
	if u.User != nil && u.User.Username() != ep.User {
		return urlMatch{}, false
	}
	host, literal, ok := strings.ToLower(strings.Trim(ep.Host, "[]")), 0, true
	want, have := strings.Split(strings.ToLower(u.Hostname()), "."), strings.Split(host, ".")
	if ok = len(want) == len(have); ok {
		for i := range want { // "*" stands for one part
			ok = ok && (want[i] == "*" || want[i] == have[i])
			if want[i] != "*" {
				literal += len(want[i]) + 1
			}
		}
	}
	base := strings.TrimSuffix(u.Path, "/")
	path := "/" + strings.TrimPrefix(ep.Path, "/")
	ok = ok && (path == base || strings.HasPrefix(path, base+"/"))
	return urlMatch{host: literal + 1, path: len(base), user: u.User != nil}, ok
}

// parseHeader splits "Name: value" and refuses what could smuggle in another
// header.
func parseHeader(line string) (name, value string, err error) {
	name, value, ok := strings.Cut(line, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || name == "" || strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_!#$%&'*+.^`|~") != "" {
		return "", "", errors.New("http.extraHeader: not of the form \"Name: value\"")
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return "", "", errors.New("http.extraHeader: a control character in the value")
		}
	}
	return textproto.CanonicalMIMEHeaderKey(name), value, nil
}

// credentialFill asks `git credential fill`, without a terminal or a window.
func credentialFill(ctx context.Context, dir string, ep *transport.Endpoint) (transport.AuthMethod, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, err
	}
	request, err := credentialRequest(ep)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, helperTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, git, "-c", "core.askPass=", "credential", "fill")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "SSH_ASKPASS=", "GCM_INTERACTIVE=never")
	cmd.Stdin = strings.NewReader(request)
	cmd.WaitDelay = time.Second
	out := &limitedBuffer{limit: maxHelperOutput}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("git credential fill: %w", err)
	}
	user, password, err := parseCredential(out.Bytes())
	if err != nil {
		return nil, err
	}
	return &githttp.BasicAuth{Username: user, Password: password}, nil
}

// credentialRequest writes the input of git-credential(1). A line break in a
// value would ask for another host's password (CVE-2020-5260).
func credentialRequest(ep *transport.Endpoint) (string, error) {
	host := ep.Host
	if ep.Port != 0 {
		host += ":" + strconv.Itoa(ep.Port)
	}
	var b strings.Builder
	for _, kv := range [][2]string{{"protocol", ep.Protocol}, {"host", host}, {"path", strings.TrimPrefix(ep.Path, "/")}, {"username", ep.User}} {
		if strings.ContainsAny(kv[1], "\n\r\x00") {
			return "", fmt.Errorf("the URL's %s holds a line break", kv[0])
		}
		if kv[1] != "" {
			b.WriteString(kv[0] + "=" + kv[1] + "\n")
		}
	}
	return b.String() + "\n", nil
}

// parseCredential reads the output of git-credential(1).
func parseCredential(out []byte) (user, password string, err error) {
	for line := range strings.Lines(string(out)) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if !ok {
			continue
		}
		switch key {
		case "username":
			user = value
		case "password":
			password = value
		}
	}
	if password == "" || strings.ContainsAny(user+password, "\x00") {
		return "", "", errors.New("git credential fill: no password")
	}
	return user, password, nil
}

// limitedBuffer keeps the first limit bytes and discards the rest.
type limitedBuffer struct {
	bytes.Buffer
	limit int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if room := b.limit - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
