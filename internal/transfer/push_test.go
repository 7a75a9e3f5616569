package transfer

import (
	"context"
	"errors"
	"io"
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

func TestPushSendsEachDigestOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		ctx := context.Background()
		sources := []Source{source("a.bin", "a"), source("large.bin", large), source("empty.bin", ""), source("twin.bin", "a")}
		stats, err := Push(ctx, repo, sources, Options{})
		if want := (Stats{Uploaded: 3, Skipped: 1, Bytes: int64(len(large)) + 1}); err != nil || stats != want {
			t.Fatalf("got %+v, %v, want %+v", stats, err, want)
		}
		for _, s := range sources {
			if has, err := repo.HasBlob(ctx, s.Desc); !has || err != nil {
				t.Errorf("%s: there %v, %v", s.Name, has, err)
			}
		}
		stats, err = Push(ctx, repo, sources, Options{})
		if want := (Stats{Skipped: 4}); err != nil || stats != want {
			t.Errorf("again: got %+v, %v, want %+v", stats, err, want)
		}
	})
}

// A file that is no longer what was digested is named, and is not in the
// registry.
func TestPushChangedFile(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		for name, now := range map[string]string{
			"other.bin": strings.Replace(large, "0", "1", 1), "shorter.bin": large[:len(large)/2], "longer.bin": large + "x", "emptied.bin": "",
		} {
			path := filepath.Join(t.TempDir(), name)
			writeFile(t, path, now, 0o644)
			s := Source{Name: name, Desc: describe(large), Open: func() (io.ReadCloser, error) { return os.Open(path) }}
			_, err := Push(context.Background(), repo, []Source{source("a.bin", "a"), s}, Options{})
			if want := "push " + name; err == nil || !strings.Contains(err.Error(), want) ||
				!strings.Contains(err.Error(), "changed while it was being pushed; run the command again") {
				t.Errorf("%s: got %v", name, err)
			}
			if has, err := repo.HasBlob(context.Background(), s.Desc); has || err != nil {
				t.Errorf("%s: there %v, %v", name, has, err)
			}
		}
	})
}

func TestPushMissingFile(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	s := source("gone.bin", "x")
	s.Open = func() (io.ReadCloser, error) { return os.Open(filepath.Join(t.TempDir(), "gone.bin")) }
	_, err := Push(context.Background(), repo, []Source{s}, Options{})
	if !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "changed") {
		t.Errorf("got %v", err)
	}
}

// What arrived before the registry went away is not sent again.
func TestPushAgainSendsTheRest(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	sources := []Source{source("1.bin", "1"), source("2.bin", large), source("3.bin", "333"), source("4.bin", "4444")}
	failing := altered{Repository: repo, push: func(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
		if desc.Digest == sources[2].Desc.Digest {
			server.Down(true)
		}
		return repo.PushBlob(ctx, desc, open)
	}}
	stats, err := Push(context.Background(), failing, sources, Options{Concurrency: 1})
	if !errors.Is(err, registry.ErrUnreachable) || stats.Uploaded != 2 || !strings.Contains(err.Error(), "push 3.bin: ") || strings.Contains(err.Error(), "changed") {
		t.Fatalf("got %+v, %v", stats, err)
	}
	server.Down(false)
	before := server.BytesReceived()
	stats, err = Push(context.Background(), repo, sources, Options{})
	if want := (Stats{Uploaded: 2, Skipped: 2, Bytes: 7}); err != nil || stats != want {
		t.Errorf("got %+v, %v, want %+v", stats, err, want)
	}
	if n := server.BytesReceived() - before; n != 7 {
		t.Errorf("%d bytes were sent, 7 were missing", n)
	}
}

// A connection that breaks is no fault of the source, whether the repository
// tries again by itself or leaves that to the user.
func TestPushConnectionCut(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	server.CutNextUpload(2 << 20)
	sources := []Source{source("large.bin", large)}
	_, err := Push(context.Background(), repo, sources, Options{})
	if err != nil {
		if !errors.Is(err, registry.ErrUnreachable) || strings.Contains(err.Error(), "changed") {
			t.Fatal(err)
		}
		if _, err = Push(context.Background(), repo, sources, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if has, err := repo.HasBlob(context.Background(), sources[0].Desc); !has || err != nil {
		t.Errorf("there %v, %v", has, err)
	}
}

// A repository that begins an upload again reads the source anew, and progress
// tells so.
func TestPushRetried(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	retrying := altered{Repository: repo, push: func(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
		r, err := open()
		if err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, r, 2<<20); err != nil {
			return err
		}
		if err := r.Close(); err != nil {
			return err
		}
		return repo.PushBlob(ctx, desc, open)
	}}
	var begun []int64 // how far the upload was when it began again
	last := int64(0)
	stats, err := Push(context.Background(), retrying, []Source{source("large.bin", large)}, Options{Progress: func(e Event) {
		if e.Name != "" && e.Done == 0 {
			begun = append(begun, last)
		}
		last = e.Done
	}})
	if want := (Stats{Uploaded: 1, Bytes: int64(len(large))}); err != nil || stats != want {
		t.Errorf("got %+v, %v, want %+v", stats, err, want)
	}
	if len(begun) != 2 || begun[1] < 1<<20 || last != int64(len(large)) {
		t.Errorf("began after %v bytes, ended at %d", begun, last)
	}
}

func TestFirstErrorStopsTheRest(t *testing.T) {
	fault := errors.New("the first")
	var started atomic.Int32
	repo := altered{Repository: repository(t, "oci-layout:registry"),
		push: func(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
			if desc.Size == 1 {
				for started.Load() < 2 {
					if ctx.Err() != nil {
						return ctx.Err()
					}
				}
				return fault
			}
			started.Add(1)
			<-ctx.Done() // would wait for ever
			return ctx.Err()
		}}
	sources := []Source{source("a", "22"), source("b", "333"), source("bad", "1"), source("d", "4444"), source("e", "55555"), source("f", "666666")}
	_, err := Push(context.Background(), repo, sources, Options{Concurrency: 3})
	if !errors.Is(err, fault) {
		t.Errorf("got %v", err)
	}
	if n := started.Load(); n > 4 {
		t.Errorf("%d transfers began", n)
	}
}

func TestConcurrency(t *testing.T) {
	for option, want := range map[int]int32{0: DefaultConcurrency, -1: DefaultConcurrency, 1: 1, 2: 2} {
		var now, most atomic.Int32
		var mu sync.Mutex
		repo := repository(t, "oci-layout:registry")
		counting := altered{Repository: repo, push: func(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
			mu.Lock()
			most.Store(max(most.Load(), now.Add(1)))
			mu.Unlock()
			defer now.Add(-1)
			return repo.PushBlob(ctx, desc, open)
		}}
		var sources []Source
		for i := range 20 {
			sources = append(sources, source("x", strings.Repeat("x", i)))
		}
		if _, err := Push(context.Background(), counting, sources, Options{Concurrency: option}); err != nil {
			t.Fatal(err)
		}
		if most.Load() > want {
			t.Errorf("concurrency %d: %d at a time", option, most.Load())
		}
	}
}

func TestPushRefuses(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	bad, negative := source("bad.bin", "x"), source("negative.bin", "x")
	bad.Desc.Digest = "sha512:00"
	negative.Desc.Size = -1
	for _, s := range []Source{bad, negative} {
		if _, err := Push(context.Background(), repo, []Source{s}, Options{}); err == nil || !strings.Contains(err.Error(), s.Name) {
			t.Errorf("%s: got %v", s.Name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Push(ctx, repo, []Source{source("a", "a")}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// Each blob is told of from 0 to its total, without a step back.
func TestProgress(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		twice := large + large
		sources := []Source{source("a.bin", "a"), source("large.bin", twice), source("twin.bin", "a")}
		check := func(events []Event, skipped ...string) {
			t.Helper()
			last := map[string]Event{}
			steps := map[string]int{}
			for _, e := range events {
				if before, ok := last[e.Name]; ok && (e.Done < before.Done || before.Skipped || before.Done == before.Total) {
					t.Errorf("%+v after %+v", e, before)
				} else if !ok && e.Done != 0 && !e.Skipped {
					t.Errorf("%s begins at %d", e.Name, e.Done)
				}
				last[e.Name] = e
				steps[e.Name]++
			}
			for _, name := range []string{"a.bin", "large.bin", "twin.bin"} {
				if e := last[name]; e.Done != e.Total || e.Total == 0 {
					t.Errorf("%s ends at %+v", name, e)
				}
			}
			for _, name := range skipped {
				if !last[name].Skipped {
					t.Errorf("%s was not skipped", name)
				}
			}
			if n := steps["large.bin"]; len(skipped) < 3 && (n < 4 || n > 8) {
				t.Errorf("%d events of 6 MiB", n)
			}
		}
		var events []Event
		note := Options{Progress: func(e Event) { events = append(events, e) }}
		if _, err := Push(context.Background(), repo, sources, note); err != nil {
			t.Fatal(err)
		}
		check(events, "twin.bin")
		events = nil
		if _, err := Push(context.Background(), repo, sources, note); err != nil {
			t.Fatal(err)
		}
		check(events, "a.bin", "large.bin", "twin.bin")
		events = nil
		items := []Item{item("a.bin", "a", 0o644), item("large.bin", twice, 0o644), item("twin.bin", "a", 0o755)}
		if _, err := Pull(context.Background(), repo, items, openRoot(t, t.TempDir()), note); err != nil {
			t.Fatal(err)
		}
		check(events, "twin.bin")
	})
}
