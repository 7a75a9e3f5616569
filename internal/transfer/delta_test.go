package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

// tensors is the content of a model file: tensors of 64 KiB, of which changed
// says the seed where it is not the usual one.
type tensors struct {
	n       int
	changed map[int]byte
}

const tensorSize = 64 << 10

func (m tensors) content() []byte {
	out := make([]byte, 0, m.n*tensorSize)
	for i := range m.n {
		tensor := noise(m.changed[i], tensorSize)
		tensor[0], tensor[1] = byte(i), byte(i>>8)
		out = append(out, tensor...)
	}
	return out
}

// tensorCuts cuts a file at its tensors.
func tensorCuts(_ string, _ io.ReaderAt, size int64) (ends []int64, shifting bool, err error) {
	for end := int64(tensorSize); end <= size; end += tensorSize {
		ends = append(ends, end)
	}
	return ends, false, nil
}

// plainIndex is the index of files that are each a blob of their own, which it
// pushes.
func plainIndex(t testing.TB, repo registry.Repository, files map[string][]byte) *Index {
	t.Helper()
	var plain []PlainFile
	for path, content := range files {
		mustPush(t, repo, string(content))
		plain = append(plain, PlainFile{Path: path, Size: int64(len(content)), Digest: ref.Of(content), Pieces: split(t, content, tensorCuts)})
	}
	x, err := PlainIndex(plain)
	if err != nil {
		t.Fatal(err)
	}
	encode(t, x)
	return x
}

func deltaOptions() Options {
	opts := quick()
	opts.Cuts = tensorCuts
	return opts
}

// allOf selects all files of an index.
func allOf(x *Index) []IndexedItem {
	items := make([]IndexedItem, len(x.Files))
	for i := range items {
		items[i] = IndexedItem{File: i, Perm: 0o644}
		if x.Files[i].Executable {
			items[i].Perm = 0o755
		}
	}
	return items
}

// wantTree fails unless dir has exactly these files.
func wantTree(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	got := snapshot(t, dir)
	for path, content := range files {
		if !strings.HasSuffix(got[path], " "+string(content)) {
			t.Errorf("%s has %d bytes, not the %d it should have", path, len(got[path]), len(content))
		}
		delete(got, path)
	}
	for path := range got {
		t.Errorf("%s should not be there", path)
	}
}

func TestPullIndexed(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		d := mixed(t)
		x, _ := pushed(t, repo, d, PackOptions{Target: 1 << 20})
		dir := t.TempDir()
		root := openRoot(t, dir)
		stats, err := PullIndexed(context.Background(), repo, x, allOf(x), root, quick())
		if err != nil {
			t.Fatal(err)
		}
		wantTree(t, dir, d.files)
		if stats.Received != stored(x) || stats.Bytes < stored(x) {
			t.Errorf("%+v, the packs have %d bytes", stats, stored(x))
		}
		if info, err := os.Stat(filepath.Join(dir, "twin", "run.sh")); err != nil || info.Mode()&0o100 == 0 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		stats, err = PullIndexed(context.Background(), repo, x, allOf(x), root, quick())
		if want := (Stats{Skipped: len(x.Files)}); err != nil || stats != want {
			t.Errorf("again: %+v, %v", stats, err)
		}

		// One small file and the middle of a large one are missing.
		writeFile(t, filepath.Join(dir, "small", "007.bin"), "other", 0o644)
		damaged := slices.Clone(d.files["large.bin"])
		copy(damaged[1<<20:], "damaged")
		writeFile(t, filepath.Join(dir, "large.bin"), string(damaged), 0o644)
		stats, err = PullIndexed(context.Background(), repo, x, allOf(x), root, quick())
		if err != nil || stats.Received > 300_000 || stats.Reused < 2<<20 {
			t.Errorf("repair: %+v, %v", stats, err)
		}
		wantTree(t, dir, d.files)
	})
}

// 5 % of the tensors changed: hardly more than those are fetched.
func TestPullChangedTensors(t *testing.T) {
	for name, c := range map[string]struct {
		profile testregistry.Profile
		wrong   string
		limit   float64 // of what changed
	}{
		"ranges":    {testregistry.Profile{}, "", 1.1},
		"no ranges": {testregistry.Profile{NoRange: true}, "", 20 * 1.1},
		"shifted":   {testregistry.Profile{}, "shifted", 20 * 1.1},
		"none":      {testregistry.Profile{}, "none", 20 * 1.1},
		"multipart": {testregistry.Profile{}, "multipart", 20 * 1.1},
		"416":       {testregistry.Profile{}, "416", 20 * 1.1},
		"long":      {testregistry.Profile{}, "long", 20 * 5},
		"short":     {testregistry.Profile{}, "short", 20 * 5},
	} {
		t.Run(name, func(t *testing.T) {
			server := testregistry.New(t, testregistry.WithProfile(c.profile))
			repo := repository(t, server.URL)
			old := tensors{n: 400}
			now := tensors{n: 400, changed: map[int]byte{}}
			for i := range 20 {
				now.changed[10+i*19] = 1
			}
			files := map[string][]byte{"model.safetensors": now.content(), "config.json": []byte("{}")}
			x := plainIndex(t, repo, map[string][]byte{"model.safetensors": files["model.safetensors"]})
			mustPush(t, repo, "{}")
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "model.safetensors"), string(old.content()), 0o644)
			server.WrongRange(c.wrong)
			// The config has no place in the index.
			opts := deltaOptions()
			opts.Index = x
			items := []Item{item("model.safetensors", string(files["model.safetensors"]), 0o644), item("config.json", "{}", 0o644)}
			stats, err := Pull(context.Background(), repo, items, openRoot(t, dir), opts)
			if err != nil {
				t.Fatal(err)
			}
			wantTree(t, dir, files)
			changed := 20*int64(tensorSize) + 2
			if limit := int64(c.limit * float64(changed)); server.BytesSent() > limit || stats.Received > limit {
				t.Errorf("%d bytes were sent, %d received; %d changed", server.BytesSent(), stats.Received, changed)
			}
			if stats.Bytes != changed || stats.Reused != 380*tensorSize || stats.Downloaded != 2 {
				t.Errorf("%+v", stats)
			}
		})
	}
}

// A blob of which nearly everything is wanted is fetched with one request.
func TestPullIndexedWholeBlob(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	files := map[string][]byte{"model.safetensors": tensors{n: 100}.content()}
	x := plainIndex(t, repo, files)
	before := len(server.Requests())
	dir := t.TempDir()
	if _, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), deltaOptions()); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, files)
	if asked := server.Requests()[before:]; len(asked) > 2 || len(server.Ranges()) > 0 { // and /v2/
		t.Errorf("asked %q, ranges %q", asked, server.Ranges())
	}
}

// So is one of which here and there something is at hand.
func TestPullIndexedMostOfABlob(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	changed := map[int]byte{}
	for i := range 200 {
		if i == 0 || i%40 >= 6 {
			changed[i] = 1
		}
	}
	files := map[string][]byte{"model.safetensors": tensors{n: 200, changed: changed}.content()}
	x := plainIndex(t, repo, files)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "model.safetensors"), string(tensors{n: 200}.content()), 0o644)
	stats, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), deltaOptions())
	if err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, files)
	if len(server.Ranges()) > 0 || stats.Received != x.Blobs[0].Size {
		t.Errorf("asked for %q: %+v", server.Ranges(), stats)
	}
}

// manySmall is a dataset of n small files in one pack.
func manySmall(t testing.TB, repo registry.Repository, n int) (map[string][]byte, *Index) {
	t.Helper()
	files := map[string][]byte{}
	x := &Index{Chunker: Chunker}
	var blob []byte
	for i := range n {
		path, content := fmt.Sprintf("train/%03d/%05d.txt", i/200, i), fmt.Appendf(nil, "%d %x", i, noise(byte(i), 20+i%30))
		files[path] = content
		chunk := Chunk{Sum: sha256.Sum256(content), Length: uint32(len(content)), Offset: int64(len(blob))}
		x.Files = append(x.Files, IndexedFile{Path: path, Size: int64(len(content)), Digest: ref.Of(content), Chunks: []Chunk{chunk}})
		blob = append(blob, content...)
	}
	mustPush(t, repo, string(blob))
	x.Blobs = []Blob{{Digest: ref.Of(blob), Size: int64(len(blob))}}
	encode(t, x)
	return files, x
}

func TestPullManySmallFiles(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	files, x := manySmall(t, repo, 5_000)
	before := server.BytesSent()
	asked := len(server.Requests())
	dir := t.TempDir()
	stats, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), quick())
	if err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, files)
	if sent := server.BytesSent() - before; sent != stored(x) || stats.Received != sent || stats.Downloaded != len(files) {
		t.Errorf("%d bytes were sent of %d: %+v", sent, stored(x), stats)
	}
	if n := len(server.Requests()) - asked; n > 2*len(x.Blobs) {
		t.Errorf("%d requests for %d packs", n, len(x.Blobs))
	}
}

// A part of a dataset costs about its share; neighbours share a request.
func TestPullSomeSmallFiles(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	files := map[string][]byte{}
	for i := range 400 {
		files[fmt.Sprintf("%d/%03d.bin", i/100, i)] = noise(byte(i), 40_000+i)
	}
	x, _ := pushed(t, repo, newDataset(t, files), PackOptions{})
	before := server.BytesSent()
	var items []IndexedItem
	want := map[string][]byte{}
	for i, f := range x.Files {
		if strings.HasPrefix(f.Path, "1/") && i%2 == 0 || f.Path == "3/399.bin" {
			items = append(items, IndexedItem{File: i, Perm: 0o644})
			want[f.Path] = files[f.Path]
		}
	}
	dir := t.TempDir()
	if _, err := PullIndexed(context.Background(), repo, x, items, openRoot(t, dir), quick()); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, want)
	if sent := server.BytesSent() - before; sent > 100*40_400 {
		t.Errorf("%d bytes were sent", sent)
	}
	if got := server.Ranges(); len(got) != 2 {
		t.Errorf("asked for %q", got)
	}
}

// Where ranges do not work the answer serves everything that is wanted of the
// blob, and nobody asks again.
func TestPullIndexedWithoutRanges(t *testing.T) {
	server := testregistry.New(t, testregistry.WithProfile(testregistry.Profile{NoRange: true}))
	repo := repository(t, server.URL)
	files := map[string][]byte{"model.safetensors": tensors{n: 200, changed: map[int]byte{5: 1, 50: 1, 80: 1, 120: 1, 160: 1, 199: 1}}.content()}
	x := plainIndex(t, repo, files)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "model.safetensors"), string(tensors{n: 200}.content()), 0o644)
	stats, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), deltaOptions())
	if err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, files)
	if n := len(server.Ranges()); n != 1 {
		t.Errorf("asked %d times: %q", n, server.Ranges())
	}
	if stats.Received > x.Blobs[0].Size {
		t.Errorf("%+v", stats)
	}
}

func TestPullIndexedResumes(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	changed := map[int]byte{}
	for i := range 100 {
		changed[50+i] = 1
	}
	files := map[string][]byte{"model.safetensors": tensors{n: 300, changed: changed}.content()}
	x := plainIndex(t, repo, files)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "model.safetensors"), string(tensors{n: 300}.content()), 0o644)
	server.CutNextDownload(4 << 20)
	server.CutNextDownload(1 << 20)
	stats, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), deltaOptions())
	if err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, files)
	if limit := int64(100*tensorSize) * 105 / 100; server.BytesSent() > limit || stats.Received > limit {
		t.Errorf("%d bytes were sent, %+v", server.BytesSent(), stats)
	}
	if len(server.Ranges()) != 3 {
		t.Errorf("asked for %q", server.Ranges())
	}
}

// An index is believed in nothing. A file that is a blob of its own is right
// all the same; one in packs is an error that changes nothing.
func TestPullLyingIndex(t *testing.T) {
	lies := map[string]func(x *Index){
		"sum":     func(x *Index) { x.Files[0].Chunks[3].Sum[0] ^= 1 },
		"offset":  func(x *Index) { x.Files[0].Chunks[3].Offset += 100 },
		"order":   func(x *Index) { c := x.Files[0].Chunks; c[3], c[4] = c[4], c[3] },
		"overlap": func(x *Index) { c := x.Files[0].Chunks; c[3] = c[2] },
		"all sums": func(x *Index) {
			for i := range x.Files[0].Chunks {
				x.Files[0].Chunks[i].Sum = [32]byte{byte(i), byte(i >> 8)}
			}
		},
	}
	content := tensors{n: 40}.content()
	for name, lie := range lies {
		t.Run("plain/"+name, func(t *testing.T) {
			repo := repository(t, "oci-layout:registry")
			files := map[string][]byte{"model.safetensors": content}
			x := plainIndex(t, repo, files)
			lie(x)
			dir := t.TempDir()
			if _, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), deltaOptions()); err != nil {
				t.Fatal(err)
			}
			wantTree(t, dir, files)
		})
		t.Run("packed/"+name, func(t *testing.T) {
			server := testregistry.New(t)
			repo := repository(t, server.URL)
			x, _ := pushed(t, repo, newDataset(t, map[string][]byte{"large.bin": content, "other.bin": noise(1, 5000)}), PackOptions{Cuts: tensorCuts})
			lie(x)
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "large.bin"), "old", 0o644)
			before := snapshot(t, dir)
			_, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), deltaOptions())
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "pull large.bin: ") {
				t.Errorf("got %v", err)
			}
			sameTree(t, dir, before)
		})
	}
}

// A range that is not the one that was asked for is found out by its chunks,
// and the blob read from its beginning.
func TestPullIndexedDistrustsRanges(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	d := newDataset(t, map[string][]byte{"large.bin": tensors{n: 40}.content(), "other.bin": noise(1, 5<<20)})
	x, _ := pushed(t, repo, d, PackOptions{Cuts: tensorCuts})
	lying := altered{Repository: repo, part: func(ctx context.Context, desc ocispec.Descriptor, offset, length int64) (io.ReadCloser, int64, error) {
		r, _, err := repo.BlobRange(ctx, desc, offset-1, length)
		return r, offset, err
	}}
	dir := t.TempDir()
	if _, err := PullIndexed(context.Background(), lying, x, allOf(x)[1:], openRoot(t, dir), deltaOptions()); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, map[string][]byte{"other.bin": d.files["other.bin"]})
}

// An index that lies here and there costs the blob a few times, not once for
// each lie.
func TestPullManyLies(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	changed := map[int]byte{}
	for i := 3; i < 300; i += 6 {
		changed[i] = 1
	}
	files := map[string][]byte{"model.safetensors": tensors{n: 300, changed: changed}.content()}
	x := plainIndex(t, repo, files)
	for i := range changed {
		x.Files[0].Chunks[i].Sum = [32]byte{byte(i), byte(i >> 8)}
	}
	for _, concurrency := range []int{1, 4} {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "model.safetensors"), string(tensors{n: 300}.content()), 0o644)
		opts := deltaOptions()
		opts.Concurrency = concurrency
		stats, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), opts)
		if err != nil {
			t.Fatal(err)
		}
		wantTree(t, dir, files)
		if size := x.Blobs[0].Size; stats.Received > int64(2*concurrency+1)*size+size/2 {
			t.Errorf("%d at a time: %d bytes for a file of %d", concurrency, stats.Received, size)
		}
	}
}

// A chunk that is right does not make a file right.
func TestPullChunkOfAnotherFile(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	mustPush(t, repo, "bbbb")
	x := &Index{Chunker: Chunker, Blobs: []Blob{{Digest: ref.Of([]byte("bbbb")), Size: 4}}, Files: []IndexedFile{
		{Path: "a.bin", Size: 4, Digest: ref.Of([]byte("aaaa")), Chunks: []Chunk{{Sum: sha256.Sum256([]byte("bbbb")), Length: 4}}},
	}}
	dir := t.TempDir()
	if _, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), quick()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	wantTree(t, dir, nil)
}

func TestPullDamagedPack(t *testing.T) {
	for name, damage := range map[string]func(server *testregistry.Registry, digest string){
		"corrupt":   (*testregistry.Registry).Corrupt,
		"truncated": (*testregistry.Registry).Truncate,
		"down":      func(server *testregistry.Registry, _ string) { server.Down(true) },
		"cut": func(server *testregistry.Registry, _ string) {
			server.CutNextDownload(100_000)
			server.FailMatching("GET", 1000, 403)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := testregistry.New(t)
			repo := repository(t, server.URL)
			d := mixed(t)
			x, _ := pushed(t, repo, d, PackOptions{Target: 2 << 20})
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "large.bin"), "old", 0o644)
			before := snapshot(t, dir)
			damage(server, string(x.Blobs[1].Digest))
			if _, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), quick()); err == nil {
				t.Error("nobody noticed")
			}
			sameTree(t, dir, before)
		})
	}
	repo := repository(t, "oci-layout:registry")
	x, _ := pushed(t, repo, mixed(t), PackOptions{})
	for _, n := range []int{-1, len(x.Files)} {
		if _, err := PullIndexed(context.Background(), repo, x, []IndexedItem{{File: n}}, openRoot(t, t.TempDir()), quick()); err == nil {
			t.Errorf("file %d was found", n)
		}
	}
}

// Nothing is taken from the files of another chunker, and a file that is
// renamed among those wanted is not fetched.
func TestPullLocalChunks(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	a, b := noise(1, 300_000), noise(2, 400_000)
	x := plainIndex(t, repo, map[string][]byte{"a.bin": b, "b.bin": a})
	for chunker, want := range map[string]int64{Chunker: 0, "other-2": 700_000} {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "a.bin"), string(a), 0o644)
		writeFile(t, filepath.Join(dir, "b.bin"), string(b), 0o644)
		x.Chunker = chunker
		stats, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), deltaOptions())
		if err != nil || stats.Received != want || stats.Reused != 700_000-want {
			t.Errorf("%s: %+v, %v", chunker, stats, err)
		}
		wantTree(t, dir, map[string][]byte{"a.bin": b, "b.bin": a})
	}
}

// Content that repeats is fetched once and written wherever it belongs.
func TestPullRepeatedChunks(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	zeros := make([]byte, 20<<20)
	d := newDataset(t, map[string][]byte{"zeros.bin": zeros, "more.bin": slices.Concat(zeros[:5<<20], noise(1, 100_000))})
	x, _ := pushed(t, repo, d, PackOptions{})
	before := server.BytesSent()
	dir := t.TempDir()
	if _, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), quick()); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, d.files)
	if sent := server.BytesSent() - before; sent > 1<<20 {
		t.Errorf("%d bytes were sent", sent)
	}
}

// A packed dataset comes from the cache as well, and a pull that fails leaves
// there what it had.
func TestPullIndexedCache(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	d := mixed(t)
	x, _ := pushed(t, repo, d, PackOptions{Target: 2 << 20})
	base := t.TempDir()
	opts := quick()
	opts.Cache = cas.OpenStore(filepath.Join(base, "cache"), 1<<40)
	dir := filepath.Join(base, "a")
	if _, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), opts); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(base, "b")
	stats, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), opts)
	if err != nil || stats.Reused < 6<<20 || stats.Received > 2<<20 {
		t.Errorf("%+v, %v", stats, err)
	}
	wantTree(t, dir, d.files)
}

// A file that is written to while its chunks are copied costs a request.
func TestPullLocalFileChanges(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	content := tensors{n: 40, changed: map[int]byte{7: 1}}.content()
	x := plainIndex(t, repo, map[string][]byte{"model.safetensors": content})
	dir := t.TempDir()
	path := filepath.Join(dir, "model.safetensors")
	writeFile(t, path, string(tensors{n: 40}.content()), 0o644)
	opts := deltaOptions()
	opts.Progress = func(e Event) {
		if e.Name != "" && e.Done == 0 {
			if err := os.WriteFile(path, noise(9, 1<<20), 0o644); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := PullIndexed(context.Background(), repo, x, allOf(x), openRoot(t, dir), opts); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, map[string][]byte{"model.safetensors": content})
}

func TestPullIndexedCancelled(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	d := mixed(t)
	x, _ := pushed(t, repo, d, PackOptions{Target: 1 << 20})
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	slow := altered{Repository: repo, blob: func(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
		if n++; n == 3 {
			cancel()
			return io.NopCloser(bytes.NewReader(nil)), nil
		}
		return repo.Blob(ctx, desc)
	}}
	opts := quick()
	opts.Concurrency = 1
	if _, err := PullIndexed(ctx, slow, x, allOf(x), openRoot(t, dir), opts); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	sameTree(t, dir, map[string]string{})
}

// IndexedItem is a file of an index to pull.
type IndexedItem struct {
	File int // in Index.Files
	Perm fs.FileMode
}

// PullIndexed is Pull for files of an index.
func PullIndexed(ctx context.Context, repo registry.Repository, x *Index, files []IndexedItem, root *cas.Root, opts Options) (Stats, error) {
	items := make([]Item, len(files))
	for i, it := range files {
		if it.File < 0 || it.File >= len(x.Files) {
			return Stats{}, fmt.Errorf("pull: the index has no file %d", it.File)
		}
		f := &x.Files[it.File]
		items[i] = Item{Path: f.Path, Perm: it.Perm, Desc: ocispec.Descriptor{
			MediaType: "application/octet-stream", Digest: digest.Digest(f.Digest), Size: f.Size,
		}}
	}
	opts.Index = x
	return Pull(ctx, repo, items, root, opts)
}
