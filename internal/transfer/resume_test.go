package transfer

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

// quick are options that do not wait.
func quick() Options { return Options{RetryWait: time.Microsecond} }

// wantContent fails unless the file of dir holds want, and no unfinished files
// are around.
func wantContent(t testing.TB, dir, path, want string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
	if err != nil || string(got) != want {
		t.Errorf("%s has %d bytes (%v), not the %d it should have", path, len(got), err, len(want))
	}
	noRemains(t, dir)
}

func noRemains(t testing.TB, dir string) {
	t.Helper()
	for path := range snapshot(t, dir) {
		if strings.Contains(path, ".part-") {
			t.Errorf("%s was left behind", path)
		}
	}
}

func TestPullResumes(t *testing.T) {
	content := string(noise(1, 20<<20))
	for name, c := range map[string]struct {
		profile testregistry.Profile
		wrong   string
		times   float64 // so often the content is sent
	}{
		"ranges":    {testregistry.Profile{}, "", 1.05},
		"no ranges": {testregistry.Profile{NoRange: true}, "", 3.05},
		"shifted":   {testregistry.Profile{}, "shifted", 3.05},
		"none":      {testregistry.Profile{}, "none", 3.05},
		"multipart": {testregistry.Profile{}, "multipart", 3.05},
		"short":     {testregistry.Profile{}, "short", 3.05},
		"long":      {testregistry.Profile{}, "long", 3.05},
		"416":       {testregistry.Profile{}, "416", 3.05},
	} {
		t.Run(name, func(t *testing.T) {
			server := testregistry.New(t, testregistry.WithProfile(c.profile))
			repo := repository(t, server.URL)
			mustPush(t, repo, content)
			server.CutNextDownload(12 << 20)
			server.CutNextDownload(4 << 20)
			server.WrongRange(c.wrong)
			dir := t.TempDir()
			stats, err := Pull(context.Background(), repo, []Item{item("model.bin", content, 0o644)}, openRoot(t, dir), quick())
			if err != nil {
				t.Fatal(err)
			}
			wantContent(t, dir, "model.bin", content)
			if limit := int64(c.times * float64(len(content))); server.BytesSent() > limit || stats.Received > limit || stats.Received < int64(len(content)) {
				t.Errorf("%d bytes were sent, %d received, at most %d are needed", server.BytesSent(), stats.Received, limit)
			}
			if stats.Bytes != int64(len(content)) || stats.Downloaded != 1 {
				t.Errorf("%+v", stats)
			}
		})
	}
}

// A line that breaks all the time is good enough as long as it gets on.
func TestPullBreaksOften(t *testing.T) {
	content := string(noise(1, 8<<20))
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	mustPush(t, repo, content)
	for range 2 * maxBreaks {
		server.CutNextDownload(600_000)
	}
	dir := t.TempDir()
	if _, err := Pull(context.Background(), repo, []Item{item("model.bin", content, 0o644)}, openRoot(t, dir), quick()); err != nil {
		t.Fatal(err)
	}
	wantContent(t, dir, "model.bin", content)
	if limit := int64(len(content)) * 105 / 100; server.BytesSent() > limit {
		t.Errorf("%d bytes were sent", server.BytesSent())
	}
}

// A registry that never gets anywhere is left in the end.
func TestPullGivesUp(t *testing.T) {
	content := string(noise(1, 2<<20))
	repo := repository(t, "oci-layout:registry")
	mustPush(t, repo, content)
	fault := errors.New("connection reset")
	asked := 0
	failing := altered{Repository: repo,
		blob: func(context.Context, ocispec.Descriptor) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader(content[:1<<20]), failingReader{fault})), nil
		},
		part: func(_ context.Context, _ ocispec.Descriptor, offset, _ int64) (io.ReadCloser, int64, error) {
			asked++
			return io.NopCloser(io.MultiReader(strings.NewReader(content[offset:offset+10]), failingReader{fault})), offset, nil
		},
	}
	dir := t.TempDir()
	_, err := Pull(context.Background(), failing, []Item{item("model.bin", content, 0o644)}, openRoot(t, dir), quick())
	if !errors.Is(err, fault) || asked != maxBreaks {
		t.Errorf("asked %d times: %v", asked, err)
	}
	sameTree(t, dir, map[string]string{})
}

// An answer to a range that lies about its place is found out at the end, and
// the blob fetched as a whole.
func TestPullDistrustsRanges(t *testing.T) {
	content := string(noise(1, 2<<20))
	repo := repository(t, "oci-layout:registry")
	mustPush(t, repo, content)
	first := true
	failing := altered{Repository: repo,
		blob: func(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
			if first {
				first = false
				return io.NopCloser(io.MultiReader(strings.NewReader(content[:1<<20]), failingReader{io.ErrUnexpectedEOF})), nil
			}
			return repo.Blob(ctx, desc)
		},
		part: func(_ context.Context, _ ocispec.Descriptor, offset, _ int64) (io.ReadCloser, int64, error) {
			return io.NopCloser(strings.NewReader(content[:len(content)-int(offset)])), offset, nil
		},
	}
	dir := t.TempDir()
	if _, err := Pull(context.Background(), failing, []Item{item("model.bin", content, 0o644)}, openRoot(t, dir), quick()); err != nil {
		t.Fatal(err)
	}
	wantContent(t, dir, "model.bin", content)
}

func TestPullGoesOnInTheNextRun(t *testing.T) {
	content := string(noise(1, 20<<20))
	for name, c := range map[string]struct {
		stop func(server *testregistry.Registry, cancel func())
		mend func(server *testregistry.Registry)
		is   error
	}{
		"cancelled": {func(_ *testregistry.Registry, cancel func()) { cancel() }, func(*testregistry.Registry) {}, context.Canceled},
		"down": {func(server *testregistry.Registry, _ func()) { server.Down(true) },
			func(server *testregistry.Registry) { server.Down(false) }, registry.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			server := testregistry.New(t)
			repo := repository(t, server.URL)
			mustPush(t, repo, content)
			base := t.TempDir()
			dir := filepath.Join(base, "target")
			writeFile(t, filepath.Join(dir, "model.bin"), "old", 0o644)
			before := snapshot(t, dir)
			items := []Item{item("model.bin", content, 0o644)}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			opts := quick()
			opts.Cache = cas.OpenStore(filepath.Join(base, "cache"), 1<<40)
			stopped := false
			opts.Progress = func(e Event) {
				if e.Done > 10<<20 && !stopped {
					stopped = true
					c.stop(server, cancel)
				}
			}
			if _, err := Pull(ctx, repo, items, openRoot(t, dir), opts); !errors.Is(err, c.is) {
				t.Fatal(err)
			}
			sameTree(t, dir, before)
			c.mend(server)
			opts.Progress = nil
			stats, err := Pull(context.Background(), repo, items, openRoot(t, dir), opts)
			if err != nil {
				t.Fatal(err)
			}
			wantContent(t, dir, "model.bin", content)
			if stats.Reused < 10<<20 || stats.Reused+stats.Received != int64(len(content)) {
				t.Errorf("%+v", stats)
			}
			if _, err := opts.Cache.Partial(ref.Digest(items[0].Desc.Digest)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the beginning is still there: %v", err)
			}
		})
	}
}

// What waits in the cache may be of another file by now.
func TestPullWrongBeginning(t *testing.T) {
	content := string(noise(1, 20<<20))
	for name, beginning := range map[string]string{
		"other": string(noise(2, 5<<20)), "longer": content + "x", "all other": string(noise(3, 20<<20)), "empty": "", "complete": content,
	} {
		t.Run(name, func(t *testing.T) {
			repo := repository(t, "oci-layout:registry")
			mustPush(t, repo, content)
			base := t.TempDir()
			opts := quick()
			opts.Cache = cas.OpenStore(filepath.Join(base, "cache"), 1<<40)
			it := item("model.bin", content, 0o644)
			writeFile(t, filepath.Join(base, "cache", "partial", ref.Digest(it.Desc.Digest).Hex()), beginning, 0o600)
			dir := filepath.Join(base, "target")
			stats, err := Pull(context.Background(), repo, []Item{it}, openRoot(t, dir), opts)
			if err != nil {
				t.Fatal(err)
			}
			wantContent(t, dir, "model.bin", content)
			if name == "complete" && stats.Received != 0 {
				t.Errorf("%d bytes were fetched again", stats.Received)
			}
			if right := strings.HasPrefix(beginning, content); (stats.Reused == int64(len(content))) != right || !right && stats.Reused != 0 {
				t.Errorf("%+v", stats)
			}
		})
	}
}

func TestPullCache(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	content, small := string(noise(1, 1<<20)), "small"
	mustPush(t, repo, content, small)
	base := t.TempDir()
	opts := quick()
	opts.Cache = cas.OpenStore(filepath.Join(base, "cache"), 1<<40)
	items := []Item{item("model.bin", content, 0o644), item("run.sh", content, 0o755), item("small.txt", small, 0o644)}
	pull := func(name string) (string, Stats) {
		t.Helper()
		dir := filepath.Join(base, name)
		stats, err := Pull(context.Background(), repo, items, openRoot(t, dir), opts)
		if err != nil {
			t.Fatal(err)
		}
		wantContent(t, dir, "model.bin", content)
		wantContent(t, dir, "run.sh", content)
		return dir, stats
	}
	all := Stats{Downloaded: 2, Skipped: 1, Bytes: 1<<20 + 5, Received: 1<<20 + 5}
	a, stats := pull("a")
	if stats != all {
		t.Errorf("first: %+v", stats)
	}
	b, stats := pull("b")
	if want := (Stats{Downloaded: 1, Skipped: 2, Bytes: 5, Received: 5, Reused: 1 << 20}); stats != want {
		t.Errorf("second: %+v", stats)
	}
	fileA, _ := os.Stat(filepath.Join(a, "model.bin"))
	fileB, _ := os.Stat(filepath.Join(b, "model.bin"))
	if os.SameFile(fileA, fileB) {
		t.Error("an edit of one clone's file would change the other's")
	}

	// Somebody writes to the file that the cache shares.
	f, err := os.OpenFile(filepath.Join(a, "model.bin"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("edited"), 1000); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, stats = pull("c"); stats != all {
		t.Errorf("after an edit: %+v", stats)
	}
	if _, stats = pull("d"); stats.Received != 5 {
		t.Errorf("the mended cache was not used: %+v", stats)
	}
}

// A cache that cannot be read costs a download.
func TestPullUnreadableCache(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	dir := t.TempDir()
	p := &puller{repo: repo, root: openRoot(t, dir), opts: quick().withDefaults(), m: &meter{}}
	it := item("model.bin", large, 0o644)
	src, err := os.CreateTemp(dir, "src")
	if err != nil {
		t.Fatal(err)
	}
	src.Close() // so that each read fails
	done, err := p.copyFrom(context.Background(), &target{desc: it.Desc, items: []Item{it}}, src)
	if done || err != nil {
		t.Errorf("%v, %v", done, err)
	}
	noRemains(t, dir)
}

// A pull that fails keeps what it has for the next one.
func TestPullKeepsCompleteFiles(t *testing.T) {
	for name, is := range map[string]error{"lost": registry.ErrNotFound, "corrupt": ErrCorrupt} {
		t.Run(name, func(t *testing.T) {
			repo := repository(t, "oci-layout:registry")
			content := string(noise(1, 1<<20))
			mustPush(t, repo, content, "other")
			bad := altered{Repository: repo, blob: func(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
				switch {
				case desc.Size > 5:
					return repo.Blob(ctx, desc)
				case is == ErrCorrupt:
					return opens("wrong")()
				}
				return nil, is
			}}
			base := t.TempDir()
			opts := quick()
			opts.Concurrency = 1
			opts.Cache = cas.OpenStore(filepath.Join(base, "cache"), 1<<40)
			dir := filepath.Join(base, "target")
			items := []Item{item("a.bin", content, 0o644), item("other.bin", "other", 0o644)}
			if _, err := Pull(context.Background(), bad, items, openRoot(t, dir), opts); !errors.Is(err, is) {
				t.Fatal(err)
			}
			sameTree(t, dir, map[string]string{})
			stats, err := Pull(context.Background(), repo, items, openRoot(t, dir), opts)
			if err != nil || stats.Received != 5 || stats.Reused != 1<<20 {
				t.Errorf("%+v, %v", stats, err)
			}
			wantContent(t, dir, "a.bin", content)
		})
	}
}

// What the stat cache says about a file is believed, so that it is not read.
func TestPullAsksForDigests(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	mustPush(t, repo, "aaaa", "bbbb")
	dir := t.TempDir()
	for path, content := range map[string]string{"known.bin": "????", "other.bin": "bbbb", "failing.bin": "aaaa", "longer.bin": "aaaaa"} {
		writeFile(t, filepath.Join(dir, path), content, 0o644)
	}
	opts := quick()
	opts.Digest = func(_ context.Context, file string) (ref.Digest, error) {
		switch file {
		case filepath.Join(dir, "known.bin"):
			return ref.Digest(describe("aaaa").Digest), nil
		case filepath.Join(dir, "other.bin"):
			return ref.Digest(describe("aaaa").Digest), nil
		case filepath.Join(dir, "failing.bin"):
			return "", cas.ErrChanged
		}
		t.Errorf("asked for %s", file)
		return "", nil
	}
	stats, err := Pull(context.Background(), repo, []Item{
		item("known.bin", "aaaa", 0o644), item("other.bin", "bbbb", 0o644), item("failing.bin", "aaaa", 0o644), item("longer.bin", "bbbb", 0o644),
	}, openRoot(t, dir), opts)
	if err != nil {
		t.Fatal(err)
	}
	// The bytes of known.bin were believed, but not good enough for a copy.
	for path, want := range map[string]string{"known.bin": "????", "other.bin": "bbbb", "failing.bin": "aaaa", "longer.bin": "bbbb"} {
		wantContent(t, dir, path, want)
	}
	if stats.Received != 8 {
		t.Errorf("%+v", stats)
	}
}

func TestPullRemovesStaleRemains(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	mustPush(t, repo, "a")
	dir := t.TempDir()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, age := range map[string]time.Duration{"a.bin.part-1": 25 * time.Hour, "a.bin.part-2": time.Hour, "b.bin.part-1": 25 * time.Hour} {
		writeFile(t, filepath.Join(dir, name), "", 0o644)
		if err := os.Chtimes(filepath.Join(dir, name), now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	opts := quick()
	opts.Now = func() time.Time { return now }
	if _, err := Pull(context.Background(), repo, []Item{item("a.bin", "a", 0o644)}, openRoot(t, dir), opts); err != nil {
		t.Fatal(err)
	}
	left := snapshot(t, dir)
	for name, want := range map[string]bool{"a.bin": true, "a.bin.part-1": false, "a.bin.part-2": true, "b.bin.part-1": true} {
		if _, there := left[name]; there != want {
			t.Errorf("%s: there %v", name, there)
		}
	}
}

// Many files of one content need no descriptor each.
func TestPullManyTwins(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	mustPush(t, repo, "twin")
	dir := t.TempDir()
	var items []Item
	for i := range 300 {
		items = append(items, item(strings.Repeat("x", i%3+1)+"/"+strings.Repeat("y", i/3+1), "twin", 0o644))
	}
	stats, err := Pull(context.Background(), repo, items, openRoot(t, dir), quick())
	if want := (Stats{Downloaded: 1, Skipped: 299, Bytes: 4, Received: 4}); err != nil || stats != want {
		t.Errorf("%+v, %v", stats, err)
	}
	if got := snapshot(t, dir); len(got) != 300 {
		t.Errorf("%d files", len(got))
	}
}
