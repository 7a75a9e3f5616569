package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

const mib = 1 << 20

// file is content on disk, which the system sends itself.
type file struct {
	path string
	data []byte
	desc ocispec.Descriptor
}

func newFile(t *testing.T, size int) file {
	t.Helper()
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size >> 16)}).Read(data)
	f := file{path: filepath.Join(t.TempDir(), "model.bin"), data: data, desc: describe(data)}
	if err := os.WriteFile(f.path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f file) open() (io.ReadCloser, error) { return os.Open(f.path) }

// seeking hides what a file is, and keeps that it can seek.
type seeking struct{ io.ReadSeekCloser }

func (f file) push(t *testing.T, repo registry.Repository) {
	t.Helper()
	if err := repo.PushBlob(t.Context(), f.desc, f.open); err != nil {
		t.Fatal(err)
	}
	f.wantStored(t, repo)
}

func (f file) wantStored(t *testing.T, repo registry.Repository) {
	t.Helper()
	r, err := repo.Blob(t.Context(), f.desc)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, f.data) {
		t.Fatalf("stored %d bytes, %v; want the %d pushed", len(got), err, len(f.data))
	}
}

func openWith(t *testing.T, url string, opts registry.Options) registry.Repository {
	t.Helper()
	reg, err := registry.Open(url, "", opts)
	if err != nil {
		t.Fatal(err)
	}
	return repository(t, reg, "sentiment")
}

// wantBytes limits what was sent, in percent of the content.
func wantBytes(t *testing.T, server *testregistry.Registry, f file, percent int64) {
	t.Helper()
	if got, most := server.BytesReceived(), f.desc.Size*percent/100; got > most {
		t.Errorf("sent %d bytes for a blob of %d, want at most %d", got, f.desc.Size, most)
	}
}

// requests counts those that begin so: "PATCH".
func requests(server *testregistry.Registry, prefix string) int {
	n := 0
	for _, request := range server.Requests() {
		if strings.HasPrefix(request, prefix) {
			n++
		}
	}
	return n
}

func TestBrokenUploadGoesOn(t *testing.T) {
	f := newFile(t, 64*mib)
	for name, open := range map[string]func() (io.ReadCloser, error){
		"file": f.open,
		"seeker": func() (io.ReadCloser, error) {
			r, err := os.Open(f.path)
			return seeking{r}, err
		},
		"stream": opener(f.data),
	} {
		t.Run(name, func(t *testing.T) {
			server := testregistry.New(t)
			repo := openWith(t, server.URL, options())
			server.CutNextUpload(f.desc.Size * 6 / 10)
			if err := repo.PushBlob(t.Context(), f.desc, open); err != nil {
				t.Fatal(err)
			}
			f.wantStored(t, repo)
			wantBytes(t, server, f, 105)
			if n := server.Uploads(); n != 1 {
				t.Errorf("%d uploads began, want 1", n)
			}
		})
	}
}

// As long as every try gets further there may be any number of them.
func TestUploadBreaksOftenAndAdvances(t *testing.T) {
	server := testregistry.New(t)
	f := newFile(t, 16*mib)
	server.CutUploads(12, mib)
	f.push(t, openWith(t, server.URL, options()))
	wantBytes(t, server, f, 105)
	if n := server.Uploads(); n != 1 {
		t.Errorf("%d uploads began, want 1", n)
	}
}

func TestUploadThatNeverAdvancesEnds(t *testing.T) {
	server := testregistry.New(t)
	f := newFile(t, mib)
	server.CutUploads(100, 0)
	err := openWith(t, server.URL, options()).PushBlob(t.Context(), f.desc, f.open)
	wantError(t, err, registry.ErrUnreachable, "push blob", "connection lost", "try again")
	if n := server.Uploads(); n != 3 {
		t.Errorf("%d uploads began, want 3", n)
	}
}

func TestUploadToKindsOfRegistries(t *testing.T) {
	f := newFile(t, 10*mib)
	for name, test := range map[string]struct {
		server  testregistry.Profile
		profile string
		chunk   int64
		cut     int64 // percent that arrives of the first body
		percent int64
		uploads int
		patches int // with bodies
	}{
		"ghcr":                       {testregistry.GHCR(), "ghcr", 0, 0, 100, 1, 0},
		"ghcr, cut":                  {testregistry.GHCR(), "ghcr", 0, 65, 105, 1, 1},
		"ghcr unknown, cut":          {testregistry.GHCR(), "", 0, 40, 165, 1, 3},
		"ecr":                        {testregistry.ECR(), "ecr", 0, 0, 100, 1, 0},
		"ecr, cut":                   {testregistry.ECR(), "ecr", 0, 65, 170, 2, 0},
		"ecr unknown, cut":           {testregistry.ECR(), "", 0, 65, 105, 1, 1},
		"ecr unknown, in chunks":     {testregistry.ECR(), "", 2 * mib, 0, 100, 1, 2},
		"gar":                        {testregistry.GAR(), "gar", 0, 0, 100, 1, 0},
		"gar, cut":                   {testregistry.GAR(), "gar", 0, 65, 170, 2, 0},
		"gar unknown, cut":           {testregistry.GAR(), "", 0, 65, 170, 2, 0},
		"gar unknown, in chunks":     {testregistry.GAR(), "", 2 * mib, 0, 125, 2, 1},
		"acr, cut":                   {testregistry.ACR(), "acr", 0, 65, 105, 1, 1},
		"debian, cut":                {testregistry.Debian(), "", 0, 65, 170, 2, 0},
		"chunks":                     {testregistry.Generic(), "", 3 * mib, 0, 100, 1, 4},
		"chunks, cut":                {testregistry.Generic(), "", 3 * mib, 65, 105, 1, 4},
		"never in chunks":            {testregistry.GHCR(), "ghcr", -1, 65, 170, 2, 0},
		"413 to the whole":           {testregistry.Profile{MaxBody: 5 * mib}, "", 0, 0, 205, 2, 3},
		"413 to a chunk":             {testregistry.Profile{MaxBody: 4 * mib}, "", 6 * mib, 0, 165, 1, 4},
		"absolute locations":         {testregistry.Profile{AbsoluteLocation: true}, "", 0, 65, 105, 1, 1},
		"quay takes 10 MiB as it is": {testregistry.Generic(), "quay", 0, 0, 100, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := testregistry.New(t, testregistry.WithProfile(test.server), testregistry.WithRepositories("sentiment"))
			opts := options()
			opts.Profile, opts.Chunk = test.profile, test.chunk
			if test.cut > 0 {
				server.CutNextUpload(f.desc.Size * test.cut / 100)
			}
			f.push(t, openWith(t, server.URL, opts))
			wantBytes(t, server, f, test.percent)
			if n := server.Uploads(); n != test.uploads {
				t.Errorf("%d uploads began, want %d", n, test.uploads)
			}
			if n := requests(server, "PATCH"); n != test.patches {
				t.Errorf("%d PATCHes, want %d: %q", n, test.patches, server.Requests())
			}
		})
	}
}

// What a host has refused once it is not asked again.
func TestLimitsAreLearned(t *testing.T) {
	f, second := newFile(t, 10*mib), newFile(t, 11*mib)
	for name, test := range map[string]struct {
		server testregistry.Profile
		again  string // request that the second upload does not repeat
	}{
		"no PATCH":    {testregistry.Profile{NoPatch: true}, "GET /v2/sentiment/blobs/uploads/"},
		"small PATCH": {testregistry.Profile{MaxPatch: 4 * mib}, ""},
		"small PUT":   {testregistry.Profile{MaxBody: 4 * mib}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := testregistry.New(t, testregistry.WithProfile(test.server))
			repo := openWith(t, server.URL, options())
			server.CutNextUpload(f.desc.Size / 2)
			f.push(t, repo)
			asked, before := requests(server, test.again), server.BytesReceived()
			if test.server.MaxBody == 0 {
				server.CutNextUpload(second.desc.Size / 2)
			}
			second.push(t, repo)
			if n := requests(server, test.again); test.again != "" && n != asked {
				t.Errorf("%s was asked again", test.again)
			}
			if sent := server.BytesReceived() - before; test.server.NoPatch == (sent < second.desc.Size*105/100) {
				t.Errorf("the second upload sent %d bytes for %d", sent, second.desc.Size)
			}
		})
	}
}

func TestUploadTooLarge(t *testing.T) {
	for _, profile := range []testregistry.Profile{{MaxBody: mib}, {MaxBody: mib, NoPatch: true}} {
		server := testregistry.New(t, testregistry.WithProfile(profile))
		f := newFile(t, 10*mib)
		err := openWith(t, server.URL, options()).PushBlob(t.Context(), f.desc, f.open)
		if err == nil || !strings.Contains(err.Error(), "413") || !strings.Contains(err.Error(), "push in smaller pieces (--chunk 1MiB), or split the file") {
			t.Errorf("%+v: %v", profile, err)
		}
		if n := len(server.Requests()); n > 10 {
			t.Errorf("%+v: %d requests", profile, n)
		}
	}
}

func TestTokenExpiresDuringUpload(t *testing.T) {
	f := newFile(t, 20*mib)
	for name, test := range map[string]struct {
		cut     int64
		percent int64
	}{
		"of the whole": {0, 205},
		"of the rest":  {18 * mib, 115},
	} {
		t.Run(name, func(t *testing.T) {
			server := testregistry.New(t, testregistry.WithBearerAuth("ada", "secret"))
			repo := repository(t, openAs(t, server.URL, "ada", "secret"), "sentiment")
			opened := 0
			open := func() (io.ReadCloser, error) {
				// The first body is cut, the one after it loses the token.
				if opened++; test.cut == 0 && opened == 1 || test.cut > 0 && opened == 2 {
					server.ExpireTokenDuringUpload()
				}
				return f.open()
			}
			if test.cut > 0 {
				server.CutNextUpload(test.cut)
			}
			if err := repo.PushBlob(t.Context(), f.desc, open); err != nil {
				t.Fatal(err)
			}
			f.wantStored(t, repo)
			wantBytes(t, server, f, test.percent)
		})
	}
}

func TestUploadIsRetriedLater(t *testing.T) {
	server := testregistry.New(t)
	f := newFile(t, mib)
	repo := openWith(t, server.URL, options())
	for _, status := range []int{429, 500, 503} {
		server.FailMatching("PUT ", 1, status)
		server.RetryAfter("0")
		f.push(t, repo)
	}
	server.FailMatching("PUT ", 1, 429)
	server.RetryAfter("90")
	err := repo.PushBlob(t.Context(), f.desc, f.open)
	wantError(t, err, registry.ErrUnreachable, "429", "(the registry asks to wait 1m30s)")
}

// The answer to the last request is lost: the blob is there all the same.
func TestOnlyTheAnswerIsLost(t *testing.T) {
	f := newFile(t, mib)
	for _, status := range []int{http.StatusNotFound, http.StatusMethodNotAllowed} {
		var posts atomic.Int32
		repo := scripted(t, func(w http.ResponseWriter, req *http.Request) {
			switch req.Method {
			case http.MethodPost:
				posts.Add(1)
				accept(w, "")
			case http.MethodPut:
				io.Copy(io.Discard, req.Body)
				panic(http.ErrAbortHandler)
			case http.MethodGet:
				w.WriteHeader(status)
			case http.MethodHead:
				w.Header().Set("Content-Length", fmt.Sprint(f.desc.Size))
			}
		})
		if err := repo.PushBlob(t.Context(), f.desc, f.open); err != nil || posts.Load() != 1 {
			t.Errorf("status %d: %v after %d beginnings", status, err, posts.Load())
		}
	}
}

func TestChangedFileIsNotPushed(t *testing.T) {
	server := testregistry.New(t)
	repo := openWith(t, server.URL, options())
	for name, test := range map[string]struct {
		change func(path string, data []byte) error
		want   string
	}{
		"other bytes": {func(path string, data []byte) error {
			data[0] ^= 1
			return os.WriteFile(path, data, 0o600)
		}, "it changed since it was described"},
		"shorter": {func(path string, _ []byte) error { return os.Truncate(path, 5) }, "has 5 bytes instead of 1048576"},
		"longer":  {func(path string, _ []byte) error { return os.Truncate(path, 2*mib) }, "has 2097152 bytes instead of 1048576"},
		"gone":    {func(path string, _ []byte) error { return os.Remove(path) }, "no such file"},
	} {
		f := newFile(t, mib)
		if err := test.change(f.path, bytes.Clone(f.data)); err != nil {
			t.Fatal(err)
		}
		err := repo.PushBlob(t.Context(), f.desc, f.open)
		if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, registry.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
		if has, err := repo.HasBlob(t.Context(), f.desc); has || err != nil {
			t.Errorf("%s: stored all the same: %v", name, err)
		}
	}
	if n := requests(server, "PUT"); n != 1 {
		t.Errorf("content that changed was sent %d times", n)
	}
}

// A file that shrinks between a break and the next try is the file's fault.
func TestFileShrinksBeforeItGoesOn(t *testing.T) {
	server := testregistry.New(t)
	f := newFile(t, 4*mib)
	server.CutNextUpload(2 * mib)
	opened := 0
	err := openWith(t, server.URL, options()).PushBlob(t.Context(), f.desc, func() (io.ReadCloser, error) {
		if opened++; opened == 2 {
			if err := os.Truncate(f.path, 3*mib); err != nil {
				t.Error(err)
			}
		}
		return f.open()
	})
	if err == nil || !strings.Contains(err.Error(), "has 3145728 bytes instead of 4194304") || errors.Is(err, registry.ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

// accept answers as a registry that has begun an upload, or taken a piece.
func accept(w http.ResponseWriter, span string) {
	w.Header().Set("Location", "/upload/1")
	if span != "" {
		w.Header().Set("Range", span)
	}
	w.WriteHeader(http.StatusAccepted)
}

// scripted is hostile that answers one request at a time.
func scripted(t *testing.T, handler http.HandlerFunc) registry.Repository {
	t.Helper()
	var mu sync.Mutex
	return hostile(t, func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		handler(w, req)
	})
}

func TestUploadElsewhere(t *testing.T) {
	f := newFile(t, mib)
	server := testregistry.New(t)
	server.WrongLocation("https://storage.example/upload?secret")
	err := openWith(t, server.URL, options()).PushBlob(t.Context(), f.desc, f.open)
	if want := server.URL + "/sentiment: push blob sha256:" + f.desc.Digest.Encoded()[:12] +
		": the registry wants the upload at another host, https://storage.example, which is refused; " +
		"content and token are only sent to " + server.URL + ": have the registry take uploads itself, without redirecting them"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	for name, lie := range map[string]string{"status": http.MethodGet, "PATCH": http.MethodPatch, "redirect": http.MethodPut} {
		repo := scripted(t, func(w http.ResponseWriter, req *http.Request) {
			io.Copy(io.Discard, req.Body)
			elsewhere := func(status int) {
				w.Header().Set("Location", "http://storage.example/upload")
				w.Header().Set("Range", "0-9")
				w.WriteHeader(status)
			}
			switch {
			case req.Method == lie:
				elsewhere(map[string]int{http.MethodGet: 204, http.MethodPatch: 202, http.MethodPut: 307}[lie])
			case req.Method == http.MethodPost:
				accept(w, "")
			case req.Method == http.MethodGet:
				ranged(204, "0-9")(w)
			default:
				panic(http.ErrAbortHandler)
			}
		})
		if err := repo.PushBlob(t.Context(), f.desc, f.open); err == nil || !strings.Contains(err.Error(), "at another host, http://storage.example, which is refused") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCanceledUpload(t *testing.T) {
	server := testregistry.New(t)
	f := newFile(t, mib)
	ctx, cancel := context.WithCancel(t.Context())
	server.CutUploads(1, 1000)
	server.FailMatching("GET ", 100, 503)
	opened := 0
	err := openWith(t, server.URL, options()).PushBlob(ctx, f.desc, func() (io.ReadCloser, error) {
		opened++
		cancel()
		return f.open()
	})
	if !errors.Is(err, context.Canceled) || opened != 1 {
		t.Errorf("%v after %d tries", err, opened)
	}
}

func TestUnknownProfile(t *testing.T) {
	opts := options()
	opts.Profile = "harbour"
	_, err := registry.Open("localhost:5000", "", opts)
	if want := `registry profile "harbour" is not known; there are generic, ghcr, ecr, gar, acr, dockerhub, quay`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
