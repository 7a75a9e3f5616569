package registry_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

// interrupted pushes until the connection breaks and the registry is gone.
func interrupted(t *testing.T, server *testregistry.Registry, f file, opts registry.Options) {
	t.Helper()
	server.CutNextUpload(f.desc.Size * 6 / 10)
	server.FailMatching("GET /v2/sentiment/blobs/uploads/", 30, 503) // patience and one question, of five requests each
	err := openWith(t, server.URL, opts).PushBlob(t.Context(), f.desc, f.open)
	wantError(t, err, registry.ErrUnreachable, "503")
}

func sessionFiles(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestNextRunGoesOn(t *testing.T) {
	f := newFile(t, 20*mib)
	now := time.Now()
	for name, test := range map[string]struct {
		between func(t *testing.T, path string, server *testregistry.Registry)
		later   time.Duration
		percent int64
		uploads int
	}{
		"goes on":         {nil, 6 * 24 * time.Hour, 105, 1},
		"too old":         {nil, 8 * 24 * time.Hour, 165, 2},
		"from the future": {nil, -time.Hour, 165, 2},
		"not JSON":        {rewrite(`{"location":`), 0, 165, 2},
		"endless":         {rewrite(strings.Repeat(" ", mib)), 0, 165, 2},
		"at another host": {rewrite(`{"location":"http://127.0.0.1:1/upload","time":"` + now.Format(time.RFC3339) + `"}`), time.Hour, 165, 2},
		"forgotten by registry": {func(t *testing.T, _ string, server *testregistry.Registry) {
			server.FailMatching("GET /v2/sentiment/blobs/uploads/", 1, 404)
		}, 0, 165, 2},
		"refused by registry": {func(t *testing.T, _ string, server *testregistry.Registry) {
			server.FailMatching("GET /v2/sentiment/blobs/uploads/", 1, 403)
		}, 0, 165, 2},
	} {
		t.Run(name, func(t *testing.T) {
			server := testregistry.New(t)
			opts := options()
			opts.SessionDir = filepath.Join(t.TempDir(), "made", "when needed")
			opts.Now = func() time.Time { return now }
			interrupted(t, server, f, opts)
			files := sessionFiles(t, opts.SessionDir)
			if len(files) != 1 {
				t.Fatalf("remembered in %q", files)
			}
			if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
			}
			if test.between != nil {
				test.between(t, files[0], server)
			}
			opts.Now = func() time.Time { return now.Add(test.later) }
			f.push(t, openWith(t, server.URL, opts))
			wantBytes(t, server, f, test.percent)
			if n := server.Uploads(); n != test.uploads {
				t.Errorf("%d uploads began, want %d", n, test.uploads)
			}
			if files := sessionFiles(t, opts.SessionDir); len(files) != 0 {
				t.Errorf("left behind: %q", files)
			}
		})
	}
}

func rewrite(content string) func(t *testing.T, path string, server *testregistry.Registry) {
	return func(t *testing.T, path string, _ *testregistry.Registry) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A registry that is down in between does not cost the upload.
func TestSessionOutlivesAnOutage(t *testing.T) {
	server := testregistry.New(t)
	f := newFile(t, 17*mib)
	opts := options()
	opts.SessionDir = t.TempDir()
	interrupted(t, server, f, opts)
	server.FailMatching("GET /v2/sentiment/blobs/uploads/", 5, 503)
	err := openWith(t, server.URL, opts).PushBlob(t.Context(), f.desc, f.open)
	wantError(t, err, registry.ErrUnreachable, "503")
	f.push(t, openWith(t, server.URL, opts))
	wantBytes(t, server, f, 105)
}

// Small blobs and other processes' uploads leave no trace; a folder that
// cannot be written is no reason to fail.
func TestWithoutSession(t *testing.T) {
	server := testregistry.New(t)
	opts := options()
	opts.SessionDir = t.TempDir()
	small := newFile(t, mib)
	server.CutNextUpload(1000)
	small.push(t, openWith(t, server.URL, opts))
	if files := sessionFiles(t, opts.SessionDir); len(files) != 0 {
		t.Errorf("left behind: %q", files)
	}
	opts.SessionDir = filepath.Join(small.path, "not a folder")
	newFile(t, 17*mib).push(t, openWith(t, server.URL, opts))
}

// Two runs at once do not touch each other's upload.
func TestSessionBelongsToOneRun(t *testing.T) {
	server := testregistry.New(t)
	f := newFile(t, 17*mib)
	opts := options()
	opts.SessionDir = t.TempDir()
	again := sync.OnceFunc(func() { f.push(t, openWith(t, server.URL, opts)) })
	err := openWith(t, server.URL, opts).PushBlob(t.Context(), f.desc, func() (io.ReadCloser, error) {
		again() // while the first upload stands
		return f.open()
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := server.Uploads(); n != 2 {
		t.Errorf("%d uploads began, want 2", n)
	}
}

// An outage in the middle of an upload is waited out: nothing is sent twice.
func TestUploadOutlastsAnOutage(t *testing.T) {
	server := testregistry.New(t)
	f := newFile(t, 4*mib)
	server.CutNextUpload(f.desc.Size * 6 / 10)
	server.FailMatching("GET /v2/sentiment/blobs/uploads/", 25, 503)
	f.push(t, openWith(t, server.URL, options()))
	wantBytes(t, server, f, 105)
	if n := server.Uploads(); n != 1 {
		t.Errorf("%d uploads began", n)
	}
}
