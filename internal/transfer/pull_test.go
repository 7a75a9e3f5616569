package transfer

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/registry"
)

func mustPush(t testing.TB, repo registry.Repository, contents ...string) {
	t.Helper()
	for _, c := range contents {
		if _, err := Push(context.Background(), repo, []Source{source("x", c)}, Options{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPull(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		mustPush(t, repo, "a", large, "")
		dir := t.TempDir()
		root := openRoot(t, dir)
		items := []Item{item("a.bin", "a", 0o644), item("deep/er/large.bin", large, 0o644), item("empty.bin", "", 0o644), item("run.sh", "a", 0o755)}
		stats, err := Pull(context.Background(), repo, items, root, Options{})
		if want := (Stats{Downloaded: 3, Skipped: 1, Bytes: int64(len(large)) + 1, Received: int64(len(large)) + 1}); err != nil || stats != want {
			t.Fatalf("got %+v, %v, want %+v", stats, err, want)
		}
		want := map[string]string{
			"a.bin": "-rw-r--r-- a", "deep/er/large.bin": "-rw-r--r-- " + large, "empty.bin": "-rw-r--r-- ", "run.sh": "-rwxr-xr-x a",
		}
		if runtime.GOOS != "windows" {
			sameTree(t, dir, want)
		}

		before, err := os.Stat(filepath.Join(dir, "a.bin"))
		if err != nil {
			t.Fatal(err)
		}
		stats, err = Pull(context.Background(), repo, items, root, Options{})
		if want := (Stats{Skipped: 4}); err != nil || stats != want {
			t.Errorf("again: got %+v, %v, want %+v", stats, err, want)
		}
		if after, err := os.Stat(filepath.Join(dir, "a.bin")); err != nil || !os.SameFile(before, after) {
			t.Errorf("an identical file was replaced (%v)", err)
		}

		// Damage of the same size, and a lost mode, whose bytes are at hand.
		writeFile(t, filepath.Join(dir, "deep/er/large.bin"), strings.ToUpper(large), 0o644)
		writeFile(t, filepath.Join(dir, "run.sh"), "a", 0o644)
		writeFile(t, filepath.Join(dir, "own.txt"), "the user's", 0o600)
		stats, err = Pull(context.Background(), repo, items, root, Options{})
		if runtime.GOOS == "windows" {
			return
		}
		if want := (Stats{Downloaded: 1, Skipped: 3, Bytes: int64(len(large)), Received: int64(len(large)), Reused: 1}); err != nil || stats != want {
			t.Errorf("repair: got %+v, %v, want %+v", stats, err, want)
		}
		want["own.txt"] = "-rw------- the user's"
		sameTree(t, dir, want)

		// A lost mode alone needs no registry.
		writeFile(t, filepath.Join(dir, "run.sh"), "a", 0o644)
		away := altered{Repository: repo, blob: func(context.Context, ocispec.Descriptor) (io.ReadCloser, error) {
			return nil, registry.ErrUnreachable
		}}
		if _, err := Pull(context.Background(), away, items, root, Options{}); err != nil {
			t.Errorf("mode: %v", err)
		}
		sameTree(t, dir, want)
	})
}

// endless counts what is read of it.
type endless struct{ read *atomic.Int64 }

func (e endless) Read(p []byte) (int, error) {
	e.read.Add(int64(len(p)))
	return len(p), nil
}

func (endless) Close() error { return nil }

// Whatever goes wrong, the folder is afterwards as it was before, without
// remains.
func TestPullFaults(t *testing.T) {
	fault := errors.New("connection reset")
	var read atomic.Int64
	// The bad blob is large; three good ones come with it.
	for name, c := range map[string]struct {
		blob func(good io.ReadCloser) (io.ReadCloser, error)
		want string
		is   error
	}{
		"truncated": {func(good io.ReadCloser) (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(good, 1<<20)), nil }, "1048576 of 3145728 bytes", ErrCorrupt},
		"empty":     {func(io.ReadCloser) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }, "0 of 3145728 bytes", ErrCorrupt},
		"oversized": {func(good io.ReadCloser) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(good, strings.NewReader("x"))), nil
		}, "more than the 3145728 bytes", ErrCorrupt},
		"endless": {func(io.ReadCloser) (io.ReadCloser, error) { return endless{&read}, nil }, "more than the 3145728 bytes", ErrCorrupt},
		"corrupt": {func(io.ReadCloser) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(strings.Replace(large, "f", "g", 1))), nil
		}, "digest is sha256:", ErrCorrupt},
		"cut": {func(good io.ReadCloser) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(io.LimitReader(good, 1<<20), failingReader{fault})), nil
		}, "after 1048576 of 3145728 bytes", fault},
		"no answer": {func(io.ReadCloser) (io.ReadCloser, error) { return nil, fault }, "connection reset", fault},
		"not found": {func(io.ReadCloser) (io.ReadCloser, error) { return nil, registry.ErrNotFound }, "bad.bin", registry.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			repo := repository(t, "oci-layout:registry")
			mustPush(t, repo, "a", "b", "c", large)
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "1.bin"), "old", 0o644)
			writeFile(t, filepath.Join(dir, "bad.bin"), "old as well", 0o644)
			writeFile(t, filepath.Join(dir, "own.txt"), "the user's", 0o600)
			before := snapshot(t, dir)
			failing := altered{Repository: repo, blob: func(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
				good, err := repo.Blob(ctx, desc)
				if err != nil || desc.Size == 1 {
					return good, err
				}
				t.Cleanup(func() { good.Close() })
				return c.blob(good)
			}, part: func(context.Context, ocispec.Descriptor, int64, int64) (io.ReadCloser, int64, error) {
				return nil, 0, registry.ErrRange
			}}
			items := []Item{item("1.bin", "a", 0o644), item("new/2.bin", "b", 0o644), item("bad.bin", large, 0o644), item("bad-twin.bin", large, 0o755), item("3.bin", "c", 0o644)}
			_, err := Pull(context.Background(), failing, items, openRoot(t, dir), Options{RetryWait: time.Microsecond})
			if err == nil || !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "pull bad.bin: ") {
				t.Errorf("got %v", err)
			}
			sameTree(t, dir, before)

			if _, err := Pull(context.Background(), repo, items, openRoot(t, dir), Options{}); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			if got := snapshot(t, dir)["bad.bin"]; !strings.HasSuffix(got, large) {
				t.Errorf("afterwards: bad.bin has %d bytes", len(got))
			}
		})
	}
	if n := read.Load(); n > int64(len(large))+1<<20 {
		t.Errorf("%d bytes of an endless answer were read", n)
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func TestPullCancelled(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	mustPush(t, repo, "a", large)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "a.bin"), "old", 0o644)
	before := snapshot(t, dir)
	ctx, cancel := context.WithCancel(context.Background())
	// In the middle of the large file, when the other may be complete.
	opts := Options{Concurrency: 1, Progress: func(e Event) {
		if e.Name == "large.bin" && e.Done > 0 {
			cancel()
		}
	}}
	_, err := Pull(ctx, repo, []Item{item("a.bin", "a", 0o644), item("large.bin", large, 0o644)}, openRoot(t, dir), opts)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	sameTree(t, dir, before)

	// A source that does not look at the context is left as well.
	ctx, cancel = context.WithCancel(context.Background())
	var read atomic.Int64
	deaf := altered{Repository: repo, blob: func(context.Context, ocispec.Descriptor) (io.ReadCloser, error) {
		cancel()
		return endless{&read}, nil
	}}
	if _, err := Pull(ctx, deaf, []Item{item("large.bin", large, 0o644)}, openRoot(t, dir), opts); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if read.Load() > 1<<20 {
		t.Errorf("read %d bytes after the end", read.Load())
	}
	sameTree(t, dir, before)
}

// Nothing outside the folder is written, read or replaced.
func TestPullStaysInside(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs symbolic links")
	}
	repo := repository(t, "oci-layout:registry")
	mustPush(t, repo, "evil")
	for name, c := range map[string]struct {
		path string
		link string // made before the pull, to the outside
	}{
		"parent":       {"../escaped.bin", ""},
		"absolute":     {"/tmp/waybill-escaped.bin", ""},
		"linked dir":   {"linked/x.bin", "linked"},
		"linked file":  {"x.bin", "x.bin"},
		"linked depth": {"a/b/x.bin", "a/b"},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			outside, dir := filepath.Join(base, "outside"), filepath.Join(base, "target")
			writeFile(t, filepath.Join(outside, "x.bin"), "good", 0o644)
			if err := os.MkdirAll(filepath.Join(dir, "a"), 0o755); err != nil {
				t.Fatal(err)
			}
			target := outside
			if strings.HasSuffix(c.link, ".bin") {
				target = filepath.Join(outside, "x.bin")
			}
			if c.link != "" {
				if err := os.Symlink(target, filepath.Join(dir, c.link)); err != nil {
					t.Fatal(err)
				}
			}
			before := snapshot(t, base)
			_, err := Pull(context.Background(), repo, []Item{item(c.path, "evil", 0o644)}, openRoot(t, dir), Options{})
			if err == nil || !strings.Contains(err.Error(), c.path) {
				t.Errorf("got %v", err)
			}
			sameTree(t, base, before)
		})
	}
}

func TestPullRefuses(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	mustPush(t, repo, "a")
	otherSize := item("b.bin", "a", 0o644)
	otherSize.Desc.Size = 2
	bad := item("bad.bin", "a", 0o644)
	bad.Desc.Digest = "md5:00"
	for name, c := range map[string]struct {
		items []Item
		want  string
	}{
		"twice":     {[]Item{item("a.bin", "a", 0o644), item("a.bin", "a", 0o644)}, "a.bin is listed twice"},
		"two sizes": {[]Item{item("a.bin", "a", 0o644), otherSize}, "one digest and two sizes"},
		"digest":    {[]Item{bad}, "bad.bin: digest"},
		"folder":    {[]Item{item("folder", "a", 0o644)}, "there is a folder of that name"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "folder", "own.txt"), "the user's", 0o600)
			before := snapshot(t, dir)
			if _, err := Pull(context.Background(), repo, c.items, openRoot(t, dir), Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
			sameTree(t, dir, before)
		})
	}
}
