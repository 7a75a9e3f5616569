package registry_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

// openAs opens url with a Docker configuration that holds the login.
func openAs(t *testing.T, url, user, password string) *registry.Registry {
	t.Helper()
	host, _, _ := strings.Cut(url, "/")
	login := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	return openWithConfig(t, url, fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, login))
}

func openWithConfig(t *testing.T, url, config string) *registry.Registry {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := options()
	opts.Getenv = func(key string) string { return map[string]string{"DOCKER_CONFIG": dir}[key] }
	reg, err := registry.Open(url, "", opts)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

func wantError(t *testing.T, err, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%v; want %v", err, kind)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

func TestRefusedConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	listener.Close()
	reg := open(t, host+"/acme", "")
	repo := repository(t, reg, "sentiment")
	_, err = repo.Resolve(t.Context(), "v1.0.0")
	wantError(t, err, registry.ErrUnreachable, host+"/acme/sentiment: resolve v1.0.0: connection refused by "+host, "is the registry running?")
	wantError(t, repo.PushBlob(t.Context(), describe([]byte("x")), opener([]byte("x"))), registry.ErrUnreachable, "connection refused")
	wantError(t, reg.Ping(t.Context()), registry.ErrUnreachable, host+": ping: ")
}

func TestRefusedByRegistry(t *testing.T) {
	t.Run("no credentials", func(t *testing.T) {
		for _, opt := range []testregistry.Option{testregistry.WithBasicAuth("ada", "secret"), testregistry.WithBearerAuth("ada", "secret")} {
			reg := testregistry.New(t, opt)
			repo := repository(t, open(t, reg.URL, ""), "sentiment")
			_, err := repo.Resolve(t.Context(), "v1.0.0")
			wantError(t, err, registry.ErrUnauthorized, "401 unauthorized", "log in first: docker login "+reg.URL)
			err = repo.PushBlob(t.Context(), describe([]byte("x")), opener([]byte("x")))
			wantError(t, err, registry.ErrUnauthorized, "401 unauthorized", "docker login")
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		reg := testregistry.New(t, testregistry.WithBearerAuth("ada", "secret"))
		_, err := repository(t, openAs(t, reg.URL, "ada", "guess"), "sentiment").Tags(t.Context())
		wantError(t, err, registry.ErrUnauthorized, "list tags: 401 unauthorized: incorrect username or password")
	})
	t.Run("may read, not write", func(t *testing.T) {
		reg := testregistry.New(t, testregistry.WithReadOnly())
		repo := repository(t, open(t, reg.URL, ""), "sentiment")
		err := repo.PushBlob(t.Context(), describe([]byte("x")), opener([]byte("x")))
		wantError(t, err, registry.ErrUnauthorized, "403 denied: requested access to the resource is denied", "may not push here")
	})
	t.Run("repository must be created first", func(t *testing.T) {
		reg := testregistry.New(t, testregistry.WithRepositories("sentiment"))
		r := open(t, reg.URL, "")
		pushManifest(t, repository(t, r, "sentiment"), "one", nil)
		err := repository(t, r, "other").PushBlob(t.Context(), describe([]byte("x")), opener([]byte("x")))
		wantError(t, err, registry.ErrNotFound, "404 name unknown", "need the repository to be created")
	})
	t.Run("tags cannot be deleted", func(t *testing.T) {
		reg := testregistry.New(t, testregistry.WithoutTagDelete())
		repo := repository(t, open(t, reg.URL, ""), "sentiment")
		desc, _ := pushManifest(t, repo, "one", nil)
		tag(t, repo, desc, "v1")
		wantError(t, repo.Untag(t.Context(), "v1"), registry.ErrUnsupported, "405 unsupported")
	})
}

func TestAnonymousPull(t *testing.T) {
	server := testregistry.New(t, testregistry.WithBearerAuth("ada", "secret"), testregistry.WithAnonymousPull())
	desc, _ := pushManifest(t, repository(t, openAs(t, server.URL, "ada", "secret"), "sentiment"), "one", nil)
	repo := repository(t, open(t, server.URL, ""), "sentiment")
	if _, _, err := repo.Manifest(t.Context(), ref.Digest(desc.Digest)); err != nil {
		t.Fatal(err)
	}
	err := repo.PushBlob(t.Context(), describe([]byte("x")), opener([]byte("x")))
	wantError(t, err, registry.ErrUnauthorized, "401")
}

// A helper that is not installed does not stand in the way of public content,
// but is named when the registry wants a login.
func TestBrokenCredentialStore(t *testing.T) {
	for name, config := range map[string]string{
		"missing helper": `{"credsStore":"waybill-test-not-installed"}`,
		"not JSON":       `{"auths":`,
	} {
		t.Run(name, func(t *testing.T) {
			public := testregistry.New(t)
			if _, err := repository(t, openWithConfig(t, public.URL, config), "sentiment").Tags(t.Context()); !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("public: %v, want ErrNotFound", err)
			}
			private := testregistry.New(t, testregistry.WithBasicAuth("ada", "secret"))
			_, err := repository(t, openWithConfig(t, private.URL, config), "sentiment").Tags(t.Context())
			wantError(t, err, registry.ErrUnauthorized, "stored credentials could not be read")
		})
	}
}

func TestRetries(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, open(t, server.URL, ""), "sentiment")
	desc, data := pushManifest(t, repo, "one", nil)

	for _, status := range []int{500, 502, 503, 504, 429, 408} {
		server.FailNext(2, status)
		if _, err := repo.Resolve(t.Context(), string(desc.Digest)); err != nil {
			t.Errorf("resolve with two %d: %v", status, err)
		}
		server.FailNext(2, status)
		if _, err := repo.PushManifest(t.Context(), desc.MediaType, data); err != nil {
			t.Errorf("push with two %d: %v", status, err)
		}
	}
	server.FailNext(100, 503)
	_, err := repo.Tags(t.Context())
	wantError(t, err, registry.ErrUnreachable, "list tags: 503", "try again later")
	before := len(server.Requests())
	err = repo.PushBlob(t.Context(), describe([]byte("x")), opener([]byte("x")))
	wantError(t, err, registry.ErrUnreachable, "503")
	if n := len(server.Requests()) - before; n > 5 {
		t.Errorf("a push sent %d requests to a registry that is down", n)
	}
	server.FailNext(1, 429)
	server.RetryAfter("3600")
	_, err = repo.Tags(t.Context())
	wantError(t, err, registry.ErrUnreachable, "429", "(the registry asks to wait 1h0m0s); wait a while")
	server.FailNext(1, 418)
	if _, err := repo.Tags(t.Context()); err == nil || errors.Is(err, registry.ErrUnreachable) {
		t.Errorf("418 is not a matter of reach: %v", err)
	}
}

// A connection that breaks in the middle costs a second upload, not the push.
func TestPushBlobRewinds(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, open(t, server.URL, ""), "sentiment")
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	counter := &openCounter{data: data}
	server.CutNextUpload(300_000)
	if err := repo.PushBlob(t.Context(), describe(data), counter.open); err != nil {
		t.Fatal(err)
	}
	counter.wait(t)
	if counter.opened != 2 {
		t.Errorf("opened %d times, want 2", counter.opened)
	}
	if has, err := repo.HasBlob(t.Context(), describe(data)); err != nil || !has {
		t.Errorf("HasBlob = %v, %v", has, err)
	}
}

// A token that expires between the start of an upload and its bytes is renewed.
func TestPushBlobRenewsToken(t *testing.T) {
	server := testregistry.New(t, testregistry.WithBearerAuth("ada", "secret"))
	repo := repository(t, openAs(t, server.URL, "ada", "secret"), "sentiment")
	data := []byte("hello")
	first := true
	err := repo.PushBlob(t.Context(), describe(data), func() (io.ReadCloser, error) {
		if first {
			first = false
			server.ExpireTokens()
		}
		return io.NopCloser(bytes.NewReader(data)), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRegistryComesBack(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, open(t, server.URL, ""), "sentiment")
	desc, _ := pushManifest(t, repo, "one", nil)
	server.Down(true)
	_, err := repo.Resolve(t.Context(), string(desc.Digest))
	wantError(t, err, registry.ErrUnreachable)
	server.Down(false)
	if _, err := repo.Resolve(t.Context(), string(desc.Digest)); err != nil {
		t.Fatal(err)
	}
}

func TestCorruptAnswers(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, open(t, server.URL, ""), "sentiment")
	desc, _ := pushManifest(t, repo, "one", nil)
	server.Corrupt(string(desc.Digest))
	_, _, err := repo.Manifest(t.Context(), ref.Digest(desc.Digest))
	if err == nil || !strings.Contains(err.Error(), "corrupt") {
		t.Errorf("Manifest with wrong bytes: %v", err)
	}
}

// hostile answers everything with one function, to be worse than testregistry.
func hostile(t *testing.T, handler http.HandlerFunc) registry.Repository {
	t.Helper()
	return hostileWith(t, options(), handler)
}

func hostileWith(t *testing.T, opts registry.Options, handler http.HandlerFunc) registry.Repository {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handlers that break off
	server.Start()
	t.Cleanup(server.Close)
	return openWith(t, strings.TrimPrefix(server.URL, "http://"), opts)
}

func TestHostileRegistry(t *testing.T) {
	some := ref.Of([]byte("some"))
	t.Run("endless manifest", func(t *testing.T) {
		repo := hostile(t, func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
			w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<40))
			w.Header().Set("Docker-Content-Digest", string(some))
			if req.Method == http.MethodGet {
				for range 8 << 10 {
					w.Write(make([]byte, 1<<10))
				}
			}
		})
		if _, _, err := repo.Manifest(t.Context(), some); err == nil || !strings.Contains(err.Error(), "more than the 4194304") {
			t.Errorf("Manifest: %v", err)
		}
		if _, err := repo.Resolve(t.Context(), "v1"); err == nil || !strings.Contains(err.Error(), "more than the 4194304") {
			t.Errorf("Resolve: %v", err)
		}
	})
	t.Run("other type than the manifest says", func(t *testing.T) {
		data := []byte(`{"mediaType":"application/vnd.oci.image.index.v1+json"}`)
		repo := hostile(t, func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
			w.Write(data)
		})
		if _, _, err := repo.Manifest(t.Context(), ref.Of(data)); err == nil || !strings.Contains(err.Error(), "is served as") {
			t.Errorf("Manifest: %v", err)
		}
	})
	t.Run("endless pages of tags", func(t *testing.T) {
		n := 0
		repo := hostile(t, func(w http.ResponseWriter, req *http.Request) {
			n++
			w.Header().Set("Link", fmt.Sprintf(`</v2/sentiment/tags/list?last=%d>; rel="next"`, n))
			tags := make([]string, 1000)
			for i := range tags {
				tags[i] = fmt.Sprintf(`"t%d-%d"`, n, i)
			}
			fmt.Fprintf(w, `{"tags":[%s]}`, strings.Join(tags, ","))
		})
		if _, err := repo.Tags(t.Context()); err == nil || !strings.Contains(err.Error(), "more than 100000 tags") {
			t.Errorf("Tags: %v", err)
		}
	})
	t.Run("strange tags and referrers", func(t *testing.T) {
		repo := hostile(t, func(w http.ResponseWriter, req *http.Request) {
			if strings.HasSuffix(req.URL.Path, "/tags/list") {
				io.WriteString(w, `{"tags":["v1","../../etc","","\u001b[31m","v1","sha256-`+strings.Repeat("a", 64)+`"]}`)
				return
			}
			w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
			fmt.Fprintf(w, `{"schemaVersion":2,"manifests":[
				{"digest":"../../x","size":1},{"digest":%q,"size":-5},{"digest":%q,"size":7,"artifactType":"b"},{"digest":%q,"size":7,"artifactType":"a"}]}`,
				some, ref.Of([]byte("b")), some)
		})
		wantTags(t, repo, "v1")
		found, err := repo.Referrers(t.Context(), describe([]byte("x")), "a")
		if err != nil || len(found) != 1 || string(found[0].Digest) != string(some) {
			t.Errorf("Referrers = %v, %v", found, err)
		}
	})
	t.Run("upload elsewhere", func(t *testing.T) {
		for _, location := range []string{"http://evil.example/upload", "https://127.0.0.1:1/upload"} {
			repo := hostile(t, func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("Location", location)
				w.WriteHeader(http.StatusAccepted)
			})
			err := repo.PushBlob(t.Context(), describe([]byte("x")), opener([]byte("x")))
			if err == nil || !strings.Contains(err.Error(), "at another host") {
				t.Errorf("PushBlob to %s: %v", location, err)
			}
		}
	})
	t.Run("control characters in messages", func(t *testing.T) {
		repo := hostile(t, func(w http.ResponseWriter, req *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"errors":[{"code":"DENIED","message":"\u001b]0;owned\u0007\nfake: line `+strings.Repeat("x", 5000)+`"}]}`)
		})
		_, err := repo.Tags(t.Context())
		wantError(t, err, registry.ErrUnauthorized, "403 denied: ]0;owned fake: line")
		if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) || len(err.Error()) > 1000 {
			t.Errorf("message is not clean: %q", err)
		}
	})
}

// A registry that refuses before it has read everything makes the transport
// close the content under the reader; the refusal is what counts.
func TestEarlyRefusal(t *testing.T) {
	repo := hostile(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost {
			w.Header().Set("Location", "/upload")
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		http.NewResponseController(w).Flush()
	})
	err := repo.PushBlob(t.Context(), describe(make([]byte, 1<<20)), func() (io.ReadCloser, error) {
		return &blockingReader{closed: make(chan struct{})}, nil
	})
	wantError(t, err, registry.ErrUnauthorized, "403 forbidden")
}

// blockingReader reads a little, then nothing until it is closed, and fails.
type blockingReader struct {
	begun  bool
	closed chan struct{}
	once   sync.Once
}

func (r *blockingReader) Read(p []byte) (int, error) {
	if !r.begun {
		r.begun = true
		return min(len(p), 100), nil
	}
	<-r.closed
	return 0, fs.ErrClosed
}

func (r *blockingReader) Close() error {
	r.once.Do(func() { close(r.closed) })
	return nil
}

func TestTagPages(t *testing.T) {
	server := testregistry.New(t, testregistry.WithPageSize(2))
	repo := repository(t, open(t, server.URL, ""), "sentiment")
	desc, _ := pushManifest(t, repo, "one", nil)
	for _, name := range []string{"v5", "v3", "v1", "v4", "v2"} {
		tag(t, repo, desc, name)
	}
	wantTags(t, repo, "v1", "v2", "v3", "v4", "v5")
}

func TestUserAgent(t *testing.T) {
	var agents []string
	repo := hostile(t, func(w http.ResponseWriter, req *http.Request) {
		agents = append(agents, req.Header.Get("User-Agent"))
		io.WriteString(w, `{"tags":[]}`)
	})
	wantTags(t, repo)
	if !slices.Equal(agents, []string{"waybill"}) {
		t.Errorf("User-Agent %q", agents)
	}
}

func TestDelete(t *testing.T) {
	server := testregistry.New(t, testregistry.WithBearerAuth("ada", "secret"))
	repo := repository(t, openAs(t, server.URL, "ada", "secret"), "sentiment")
	desc, _ := pushManifest(t, repo, "one", nil)
	tag(t, repo, desc, "v1")
	if err := repo.Delete(t.Context(), desc); err != nil {
		t.Fatal(err)
	}
	if _, err := repo.Resolve(t.Context(), "v1"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("the tag outlived its manifest: %v", err)
	}
	err := repo.Delete(t.Context(), desc)
	wantError(t, err, registry.ErrNotFound, "delete manifest sha256:")
	if strings.Contains(err.Error(), "created") {
		t.Errorf("what cannot be deleted is to be created: %v", err)
	}
	repo = hostile(t, func(w http.ResponseWriter, req *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) })
	wantError(t, repo.Delete(t.Context(), desc), registry.ErrUnsupported)
}

// distribution-spec 1.1 asks for neither HEAD's digest nor, of some, for HEAD.
func TestResolveWithoutHead(t *testing.T) {
	manifest := []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}`)
	server := testregistry.New(t, testregistry.WithProfile(testregistry.Profile{NoDigestHeader: true}))
	repo := openWith(t, server.URL, options())
	desc, _ := pushManifest(t, repo, "one", nil)
	tag(t, repo, desc, "v1")
	for _, reference := range []string{"v1", string(desc.Digest)} {
		if got, err := repo.Resolve(t.Context(), reference); err != nil || !same(got, desc) {
			t.Errorf("Resolve %s = %+v, %v; want %+v", reference, got, err, desc)
		}
	}
	_, err := repo.Resolve(t.Context(), "v2")
	wantError(t, err, registry.ErrNotFound)

	for name, test := range map[string]struct {
		status int
		digest string
		want   string
	}{
		"no HEAD":          {405, string(ref.Of(manifest)), ""},
		"no HEAD, no sum":  {501, "", ""},
		"lies in its GET":  {405, string(ref.Of([]byte("other"))), "corrupt"},
		"digest is no one": {200, "sha256:x", "Docker-Content-Digest"},
	} {
		repo := hostile(t, func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
			if test.digest != "" {
				w.Header().Set("Docker-Content-Digest", test.digest)
			}
			if req.Method == http.MethodHead {
				w.WriteHeader(test.status)
				return
			}
			w.Write(manifest)
		})
		got, err := repo.Resolve(t.Context(), "v1")
		switch {
		case test.want == "" && (err != nil || string(got.Digest) != string(ref.Of(manifest)) || got.Size != int64(len(manifest))):
			t.Errorf("%s: %+v, %v", name, got, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
