package gitrepo

import (
	"errors"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

// httpRemote serves the bare repository with git's own http-backend to those
// whose Authorization header is accepted, and records the headers it saw.
func httpRemote(t *testing.T, w *world, accept func(r *http.Request) bool) (url string, seen func() []string) {
	t.Helper()
	git(t, w.bare, "config", "http.receivepack", "true")
	backend := &cgi.Handler{
		Path: filepath.Join(git(t, w.dir, "--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + filepath.Dir(w.bare), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "HOME=" + os.Getenv("HOME")},
	}
	if _, err := os.Stat(backend.Path); err != nil {
		t.Skip("git-http-backend is not installed")
	}
	var mu sync.Mutex
	var headers []string
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		headers = append(headers, r.Header.Get("Authorization"))
		mu.Unlock()
		if !accept(r) {
			rw.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			http.Error(rw, "who are\x1b[31m you?", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/" + filepath.Base(w.bare), func() []string { mu.Lock(); defer mu.Unlock(); return headers }
}

func password(want string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		_, p, _ := r.BasicAuth()
		return p == want
	}
}

func TestHTTP(t *testing.T) {
	for _, test := range []struct {
		name   string
		accept func(*http.Request) bool
		set    func(t *testing.T, w *world, url string) string // returns the remote's URL
	}{
		{"anonymous", func(*http.Request) bool { return true }, func(t *testing.T, w *world, url string) string { return url }},
		{"in the URL", password("s3cret"), func(t *testing.T, w *world, url string) string {
			return strings.Replace(url, "://", "://me:s3cret@", 1)
		}},
		{"GITHUB_TOKEN", password("t0ken"), func(t *testing.T, w *world, url string) string {
			t.Setenv("GITHUB_TOKEN", "t0ken")
			t.Setenv("GITHUB_SERVER_URL", url[:strings.LastIndex(url, "/")])
			return url
		}},
		{"extraheader", func(r *http.Request) bool { return r.Header.Get("Authorization") == "basic eDp5" }, func(t *testing.T, w *world, url string) string {
			git(t, w.dir, "config", "http."+url[:strings.LastIndex(url, "/")]+"/.extraheader", "AUTHORIZATION: basic eDp5")
			return url
		}},
		{"a bad token, then a good header", func(r *http.Request) bool { return r.Header.Get("Authorization") == "basic eDp5" }, func(t *testing.T, w *world, url string) string {
			t.Setenv("GITHUB_TOKEN", "stale")
			t.Setenv("GITHUB_SERVER_URL", url[:strings.LastIndex(url, "/")])
			git(t, w.dir, "config", "http.extraheader", "AUTHORIZATION: basic eDp5")
			return url
		}},
		{"a credential helper", password("helped"), func(t *testing.T, w *world, url string) string {
			git(t, w.dir, "config", "credential.helper", `!f() { test "$1" = get && echo username=me && echo password=helped; }; f`)
			return url
		}},
		{"reading for all, pushing for some", func(r *http.Request) bool {
			return !strings.Contains(r.URL.String(), "receive-pack") || password("helped")(r)
		}, func(t *testing.T, w *world, url string) string {
			git(t, w.dir, "config", "credential.helper", `!f() { echo username=me; echo password=helped; }; f`)
			return url
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			url, _ := httpRemote(t, w, test.accept)
			git(t, w.dir, "remote", "set-url", "origin", test.set(t, w, url))
			l := store(t, w.dir)
			appendEvent(t, l, "one", tag("sentiment@v1.0.0", w.commit))
			second := appendEvent(t, l, "two")
			if err := os.RemoveAll(l.Dir()); err != nil {
				t.Fatal(err)
			}
			if head, err := store(t, w.dir).Fetch(ctx); head != second || err != nil {
				t.Errorf("a fresh fetch: %s, %v", head, err)
			}
			fsck(t, w.bare)
			if data, _ := os.ReadFile(filepath.Join(l.Dir(), "config")); strings.Contains(string(data), "s3cret") {
				t.Error("the store's configuration holds a password")
			}
		})
	}
}

func TestHTTPRefuses(t *testing.T) {
	w := newWorld(t)
	url, seen := httpRemote(t, w, func(*http.Request) bool { return false })
	git(t, w.dir, "remote", "set-url", "origin", strings.Replace(url, "://", "://me:s3cret@", 1))
	t.Setenv("GITHUB_TOKEN", "t0ken") // is not for this server
	_, err := remote(t, w.dir).Refs(ctx)
	if !errors.Is(err, ErrUnauthorized) || !strings.Contains(err.Error(), "contents: write") || strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("a refusal: %q", err)
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the password is shown: %v", err)
	}
	for _, h := range seen() {
		r := http.Request{Header: http.Header{"Authorization": {h}}}
		if _, p, _ := r.BasicAuth(); p == "t0ken" {
			t.Error("GITHUB_TOKEN was sent to a server that is not GitHub")
		}
	}
}

func TestNoPasswordInMessages(t *testing.T) {
	tg, err := newTarget("https://me:s3cret@example.com/a", "/")
	if err != nil {
		t.Fatal(err)
	}
	if got := tg.clean("GET https://me:s3cret@example.com/a:\n\x1b[31mno"); got != "GET https://me:***@example.com/a: [31mno" {
		t.Errorf("%q", got)
	}
}

func endpoint(t testing.TB, raw string) *transport.Endpoint {
	t.Helper()
	ep, err := parseEndpoint(raw, "/")
	if err != nil {
		t.Fatal(err)
	}
	return ep
}

func TestIsGitHub(t *testing.T) {
	for _, test := range []struct {
		server, url string
		want        bool
	}{
		{"", "https://github.com/a/b", true},
		{"", "https://GitHub.com:443/a/b", true},
		{"", "http://github.com/a/b", false},
		{"", "http://github.com:443/a/b", false},
		{"", "https://github.com.evil.example/a/b", false},
		{"", "https://github.com:8443/a/b", false},
		{"", "https://evil.example/github.com", false},
		{"https://ghe.example.com", "https://ghe.example.com/a/b", true},
		{"https://ghe.example.com", "http://ghe.example.com/a/b", false},
		{"http://127.0.0.1:3000", "http://127.0.0.1:3000/a/b", true},
		{"http://127.0.0.1:3000", "http://127.0.0.1:3001/a/b", false},
		{"nonsense", "https://nonsense/a/b", false},
	} {
		t.Setenv("GITHUB_SERVER_URL", test.server)
		if got := isGitHub(endpoint(t, test.url)); got != test.want {
			t.Errorf("server %q, %s: %v", test.server, test.url, got)
		}
	}
}

func TestExtraHeaders(t *testing.T) {
	header := func(sub, value string) setting { return setting{"http", sub, "extraheader", value} }
	for name, test := range map[string]struct {
		config config
		url    string
		want   string
	}{
		"none":              {nil, "https://github.com/a/b", ""},
		"checkout":          {config{header("https://github.com/", "AUTHORIZATION: basic eDp5")}, "https://github.com/a/b", "basic eDp5"},
		"everywhere":        {config{header("", "Authorization: x")}, "https://github.com/a/b", "x"},
		"another host":      {config{header("https://github.com/", "Authorization: x")}, "https://example.com/a/b", ""},
		"another scheme":    {config{header("https://github.com/", "Authorization: x")}, "http://github.com/a/b", ""},
		"another port":      {config{header("https://github.com:8443/", "Authorization: x")}, "https://github.com/a/b", ""},
		"the same port":     {config{header("https://github.com:443/", "Authorization: x")}, "https://github.com/a/b", "x"},
		"path":              {config{header("https://github.com/a", "Authorization: x")}, "https://github.com/a/b", "x"},
		"half a path":       {config{header("https://github.com/a", "Authorization: x")}, "https://github.com/ab/c", ""},
		"wildcard":          {config{header("https://*.example.com/", "Authorization: x")}, "https://git.example.com/a", "x"},
		"wildcard, deeper":  {config{header("https://*.example.com/", "Authorization: x")}, "https://a.git.example.com/a", ""},
		"specific wins":     {config{header("https://github.com/", "Authorization: x"), header("", "Authorization: y")}, "https://github.com/a", "x"},
		"both":              {config{header("https://github.com/", "Authorization: x"), header("https://github.com/", "Authorization: y")}, "https://github.com/a", "x|y"},
		"cleared":           {config{header("https://github.com/", "Authorization: x"), header("https://github.com/", "")}, "https://github.com/a", ""},
		"another user":      {config{header("https://me@github.com/", "Authorization: x")}, "https://github.com/a", ""},
		"smuggled":          {config{header("", "Authorization: x\r\nHost: evil")}, "https://github.com/a", ""},
		"no name":           {config{header("", ": x")}, "https://github.com/a", ""},
		"a name with space": {config{header("", "A b: x")}, "https://github.com/a", ""},
	} {
		got := strings.Join(test.config.extraHeaders(endpoint(t, test.url))["Authorization"], "|")
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestCredential(t *testing.T) {
	user, pass, err := parseCredential([]byte("protocol=https\nhost=github.com\nusername=me\r\npassword=a=b c\nquit\n"))
	if user != "me" || pass != "a=b c" || err != nil {
		t.Errorf("%q, %q, %v", user, pass, err)
	}
	if _, _, err := parseCredential([]byte("username=me\n")); err == nil {
		t.Error("an answer without a password was accepted")
	}
	got, err := credentialRequest(endpoint(t, "https://me@example.com:8443/a/b"))
	if want := "protocol=https\nhost=example.com:8443\npath=a/b\nusername=me\n\n"; got != want || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for _, raw := range []string{"https://example.com/a%0ahost=github.com", "https://a%0ahost=x@example.com/"} {
		if got, err := credentialRequest(endpoint(t, raw)); err == nil {
			t.Errorf("%s asks %q", raw, got)
		}
	}
}

func FuzzExtraHeader(f *testing.F) {
	f.Add("https://github.com/", "AUTHORIZATION: basic eDp5", "https://github.com/a/b")
	f.Add("https://*.example.com:8443/x/", "X: y", "https://me@git.example.com:8443/x/y")
	f.Add("", "A: \r\nB: c", "http://[::1]:80/")
	f.Fuzz(func(t *testing.T, pattern, line, raw string) {
		ep, err := parseEndpoint(raw, "/")
		if err != nil {
			return
		}
		for name, values := range (config{{"http", pattern, "extraheader", line}}).extraHeaders(ep) {
			for _, v := range values {
				if strings.ContainsAny(name+v, "\r\n\x00") || name == "" {
					t.Errorf("%q gives header %q: %q", line, name, v)
				}
			}
		}
	})
}

func FuzzCredential(f *testing.F) {
	f.Add([]byte("username=me\npassword=secret\n"))
	f.Add([]byte("password==\r\n\r\nusername"))
	f.Fuzz(func(t *testing.T, out []byte) {
		user, pass, err := parseCredential(out)
		if err == nil && (pass == "" || strings.ContainsAny(user+pass, "\n\x00")) {
			t.Errorf("%q gives %q, %q", out, user, pass)
		}
	})
}

func FuzzEndpoint(f *testing.F) {
	for _, raw := range []string{"https://github.com/a/b.git", "git@github.com:a/b", "../x", "file:///x", "ssh://h:22/x", "C:/x", "ext::x", "https://u:p@[::1]:1/x?y#z"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		ep, err := parseEndpoint(raw, "/root")
		if err != nil {
			return
		}
		if ep.Protocol == "file" && !filepath.IsAbs(ep.Path) {
			t.Errorf("%q is the local path %q", raw, ep.Path)
		}
		if ep.Protocol != "file" && (ep.Host == "" || ep.Host[0] == '-') {
			t.Errorf("%q has host %q", raw, ep.Host)
		}
		if request, err := credentialRequest(ep); err == nil && strings.Count(request, "\nhost=") > 1 {
			t.Errorf("%q asks %q", raw, request)
		}
		tg, err := newTarget(raw, "/root")
		if err != nil || ep.Password == "" {
			return
		}
		if strings.Contains(tg.url, ":"+ep.Password+"@") {
			t.Errorf("%q is shown as %q", raw, tg.url)
		}
	})
}
