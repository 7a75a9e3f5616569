package transfer

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

func fileSource(t testing.TB, name, content string) (Source, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	writeFile(t, path, content, 0o644)
	return Source{Name: name, Desc: describe(content), Open: func() (io.ReadCloser, error) { return os.Open(path) }}, path
}

// A file goes to the repository as it is, so that the system can send it, and
// its position tells how far it is.
func TestPushFile(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	s, _ := fileSource(t, "large.bin", large)
	seen := make(chan int64, 100)
	handed := altered{Repository: repo, push: func(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
		r, err := open()
		if err != nil {
			return err
		}
		f, ok := r.(*os.File)
		if !ok {
			t.Fatalf("got a %T", r)
		}
		if _, err := f.Seek(1<<20, io.SeekStart); err != nil {
			return err
		}
		for at := range seen {
			if at == 1<<20 {
				break
			}
		}
		r.Close()
		return repo.PushBlob(ctx, desc, open)
	}}
	before := runtime.NumGoroutine()
	_, err := Push(context.Background(), handed, []Source{s}, Options{Progress: func(e Event) { seen <- e.Done }})
	if err != nil {
		t.Fatal(err)
	}
	for wait := time.Millisecond; runtime.NumGoroutine() > before; wait *= 2 {
		if wait > time.Minute {
			t.Fatalf("%d goroutines are left, %d were there", runtime.NumGoroutine(), before)
		}
		time.Sleep(wait)
	}
}

// A file that changed after it was sent is no longer what is about to be
// referred to.
func TestPushFileChangesMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(path string) error
		refused bool
	}{
		"written": {func(path string) error { return os.WriteFile(path, []byte(strings.Replace(large, "0", "1", 1)), 0o644) }, true},
		"longer":  {func(path string) error { return os.WriteFile(path, []byte(large+"x"), 0o644) }, true},
		"touched": {func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)) }, false},
		"removed": {os.Remove, false},
	} {
		t.Run(name, func(t *testing.T) {
			repo := repository(t, testregistry.New(t).URL)
			s, path := fileSource(t, "large.bin", large)
			if err := os.Chtimes(path, time.Time{}, time.Unix(1.1e9, 0)); err != nil {
				t.Fatal(err)
			}
			changing := altered{Repository: repo, push: func(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
				err := repo.PushBlob(ctx, desc, open)
				return errors.Join(err, c.change(path))
			}}
			_, err := Push(context.Background(), changing, []Source{s}, Options{})
			if refused := errors.Is(err, errChanged); refused != c.refused || err != nil && !refused {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestPushMounts(t *testing.T) {
	ctx := context.Background()
	server := testregistry.New(t)
	reg, err := registry.Open(server.URL, t.TempDir(), registry.Options{RetryWait: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	base, err := reg.Repository("base")
	if err != nil {
		t.Fatal(err)
	}
	tuned, err := reg.Repository("tuned")
	if err != nil {
		t.Fatal(err)
	}
	mustPush(t, base, large)
	before := server.BytesReceived()
	known, unknown := source("large.bin", large), source("new.bin", "new")
	known.MountFrom = []string{"other", "base", "third"}
	unknown.MountFrom = []string{"base"}
	stats, err := Push(ctx, tuned, []Source{known, unknown}, Options{})
	if want := (Stats{Uploaded: 1, Skipped: 1, Bytes: 3}); err != nil || stats != want {
		t.Errorf("%+v, %v", stats, err)
	}
	if n := server.BytesReceived() - before; n != 3 {
		t.Errorf("%d bytes were sent", n)
	}
	for _, s := range []Source{known, unknown} {
		if has, err := tuned.HasBlob(ctx, s.Desc); !has || err != nil {
			t.Errorf("%s: there %v, %v", s.Name, has, err)
		}
	}
}

// Another reader than a file lets an upload go on in the middle, if it can.
func TestPushSeekable(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	for _, seekable := range []bool{true, false} {
		s := source("large.bin", large)
		s.Open = func() (io.ReadCloser, error) {
			if seekable {
				return struct {
					io.ReadSeeker
					io.Closer
				}{strings.NewReader(large), io.NopCloser(nil)}, nil
			}
			return io.NopCloser(io.MultiReader(strings.NewReader(large))), nil
		}
		var events []Event
		seeking := altered{Repository: repo, push: func(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
			r, err := open()
			if err != nil {
				return err
			}
			seeker, ok := r.(io.Seeker)
			if ok != seekable {
				t.Errorf("seekable: %v, want %v", ok, seekable)
			}
			if !ok {
				return nil
			}
			if _, err := seeker.Seek(1<<20, io.SeekStart); err != nil {
				return err
			}
			rest, err := io.ReadAll(r)
			if string(rest) != large[1<<20:] {
				t.Errorf("%d bytes after the first MiB", len(rest))
			}
			return err
		}}
		if _, err := Push(context.Background(), seeking, []Source{s}, Options{Progress: func(e Event) { events = append(events, e) }}); err != nil {
			t.Fatal(err)
		}
		if last := events[len(events)-1]; last.Done != last.Total {
			t.Errorf("%+v", events)
		}
	}
}

// The first event tells how much there is to do.
func TestProgressTotal(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	var events []Event
	note := Options{Progress: func(e Event) { events = append(events, e) }}
	if _, err := Push(context.Background(), repo, []Source{source("a", "a"), source("b", "bbb"), source("twin", "a")}, note); err != nil {
		t.Fatal(err)
	}
	if want := (Event{Total: 5}); len(events) == 0 || events[0] != want {
		t.Errorf("push: %+v", events)
	}
	events = nil
	if _, err := Pull(context.Background(), repo, []Item{item("a", "a", 0o644), item("b", "bbb", 0o644)}, openRoot(t, t.TempDir()), note); err != nil {
		t.Fatal(err)
	}
	if want := (Event{Total: 4}); len(events) == 0 || events[0] != want {
		t.Errorf("pull: %+v", events)
	}
}
