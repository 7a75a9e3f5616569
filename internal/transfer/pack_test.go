package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

// dataset is a folder with files: path -> content.
type dataset struct {
	dir   string
	files map[string][]byte
}

func newDataset(t testing.TB, files map[string][]byte) dataset {
	d := dataset{dir: t.TempDir(), files: files}
	for path, content := range files {
		d.write(t, path, content)
	}
	return d
}

func (d dataset) write(t testing.TB, path string, content []byte) {
	t.Helper()
	d.files[path] = content
	writeFile(t, filepath.Join(d.dir, path), string(content), 0o644)
}

func (d dataset) sources() []PackSource {
	var sources []PackSource
	for path, content := range d.files {
		file := filepath.Join(d.dir, path)
		sources = append(sources, PackSource{
			Path: path, Size: int64(len(content)), Digest: ref.Of(content), Executable: strings.HasSuffix(path, ".sh"),
			Open: func() (*os.File, error) { return os.Open(file) },
		})
	}
	return sources
}

// mixed has small files, twins, an empty one and two large ones that share
// most of their content.
func mixed(t testing.TB) dataset {
	large := noise(20, 3<<20)
	files := map[string][]byte{
		"empty": nil, "run.sh": []byte("#!/bin/sh\n"), "large.bin": large,
		"larger.bin": slices.Concat(noise(21, 500_000), large), "twin/large.bin": large, "twin/run.sh": []byte("#!/bin/sh\n"),
	}
	for i := range 200 {
		files[fmt.Sprintf("small/%03d.bin", i)] = noise(byte(i), 1000+37*i)
	}
	return newDataset(t, files)
}

// unpack returns the files as the index and the blobs in repo have them, and
// fails when anything has another digest.
func unpack(t testing.TB, repo registry.Repository, x *Index) map[string][]byte {
	t.Helper()
	if _, err := DecodeIndex(encode(t, x)); err != nil {
		t.Fatal(err)
	}
	blobs := make([][]byte, len(x.Blobs))
	for i, b := range x.Blobs {
		rc, err := repo.Blob(context.Background(), describePack(b))
		if err != nil {
			t.Fatal(err)
		}
		blobs[i], err = io.ReadAll(rc)
		rc.Close()
		if err != nil || ref.Of(blobs[i]) != b.Digest {
			t.Fatalf("blob %d: %v", i, err)
		}
	}
	files := map[string][]byte{}
	for _, f := range x.Files {
		var content []byte
		for _, c := range f.Chunks {
			chunk := blobs[c.Blob][c.Offset : c.Offset+int64(c.Length)]
			if sha256.Sum256(chunk) != c.Sum {
				t.Fatalf("%s: a chunk has another sum", f.Path)
			}
			content = append(content, chunk...)
		}
		if ref.Of(content) != f.Digest || f.Executable != strings.HasSuffix(f.Path, ".sh") {
			t.Fatalf("%s: %d bytes have another digest, or the mode is wrong", f.Path, len(content))
		}
		files[f.Path] = content
	}
	return files
}

func pushed(t testing.TB, repo registry.Repository, d dataset, opts PackOptions) (*Index, Stats) {
	t.Helper()
	x, stats, err := Pack(context.Background(), repo, d.sources(), opts)
	if err != nil {
		t.Fatal(err)
	}
	got := unpack(t, repo, x)
	if len(got) != len(d.files) {
		t.Fatalf("%d files, want %d", len(got), len(d.files))
	}
	for path, content := range d.files {
		if !bytes.Equal(got[path], content) {
			t.Fatalf("%s differs", path)
		}
	}
	return x, stats
}

func stored(x *Index) (n int64) {
	for _, b := range x.Blobs {
		n += b.Size
	}
	return n
}

func TestPack(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		d := mixed(t)
		var events []Event
		opts := PackOptions{Target: 1 << 20, Progress: func(e Event) { events = append(events, e) }}
		x, stats := pushed(t, repo, d, opts)
		if len(x.Blobs) < 4 || stats.Uploaded != len(x.Blobs) || stats.Bytes != stored(x) {
			t.Errorf("%d blobs, %+v", len(x.Blobs), stats)
		}
		// Twins and shared content are stored once.
		content := 0
		for _, f := range d.files {
			content += len(f)
		}
		if most := int64(content - 6<<20 + 4*maxCut); stored(x) > most {
			t.Errorf("%d bytes are stored, want at most %d", stored(x), most)
		}
		if events[0] != (Event{Total: stored(x)}) {
			t.Errorf("first event is %+v", events[0])
		}
		last := map[string]Event{}
		for _, e := range events[1:] {
			if e.Done < last[e.Name].Done {
				t.Errorf("%+v after %+v", e, last[e.Name])
			}
			last[e.Name] = e
		}
		var done int64
		for _, e := range last {
			done += e.Done
		}
		if done != stored(x) || len(last) != len(x.Blobs) {
			t.Errorf("%d of %d bytes were told of, %d packs", done, stored(x), len(last))
		}

		// The same again sends nothing and is the same.
		again, stats := pushed(t, repo, d, PackOptions{Target: 1 << 20, Previous: []*Index{x}})
		if stats.Uploaded != 0 || stats.Bytes != 0 || stats.Skipped != len(x.Blobs) {
			t.Errorf("again: %+v", stats)
		}
		if !bytes.Equal(encode(t, again), encode(t, x)) {
			t.Error("again: another index")
		}
		// Without the index as well, by the packs' digests.
		again, stats = pushed(t, repo, d, PackOptions{Target: 1 << 20})
		if stats.Uploaded != 0 || !bytes.Equal(encode(t, again), encode(t, x)) {
			t.Errorf("without the index: %+v", stats)
		}
	})
}

func TestPackNothing(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	x, stats := pushed(t, repo, newDataset(t, map[string][]byte{}), PackOptions{})
	if len(x.Blobs) != 0 || stats != (Stats{}) {
		t.Errorf("%+v, %+v", x, stats)
	}
	x, _ = pushed(t, repo, newDataset(t, map[string][]byte{"a": nil, "b": nil}), PackOptions{})
	if len(x.Blobs) != 0 || len(x.Files) != 2 {
		t.Errorf("%+v", x)
	}
}

// An unchanged file is not even opened.
func TestPackReadsWhatChanged(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	d := mixed(t)
	x, _ := pushed(t, repo, d, PackOptions{})
	d.write(t, "small/007.bin", []byte("new"))
	sources := d.sources()
	for i, s := range sources {
		if s.Path != "small/007.bin" {
			sources[i].Open = func() (*os.File, error) { return nil, errors.New("is not to be opened") }
		}
	}
	_, stats, err := Pack(context.Background(), repo, sources, PackOptions{Previous: []*Index{x}})
	if err != nil || stats.Bytes != 3 {
		t.Errorf("%+v, %v", stats, err)
	}
}

func jsonLines(seed uint64, rows int) []byte {
	rnd := rand.New(rand.NewPCG(seed, 0))
	words := strings.Fields("the product arrived late and broken but support was kind so I would buy it again for my mother in spring")
	var b bytes.Buffer
	for i := range rows {
		fmt.Fprintf(&b, `{"id":%d,"user":%d,"label":%d,"text":"`, i, rnd.IntN(1e6), rnd.IntN(2))
		for range 10 + rnd.IntN(30) {
			b.WriteString(words[rnd.IntN(len(words))])
			b.WriteByte(' ')
		}
		b.WriteString("\"}\n")
	}
	return b.Bytes()
}

// One percent more rows cost at most 1.2 times their bytes, index included.
func TestPackAppend(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	all := jsonLines(1, 303_000)
	before := all[:len(all)*100/101]
	d := newDataset(t, map[string][]byte{"train.jsonl": before})
	x, _ := pushed(t, repo, d, PackOptions{})
	d.write(t, "train.jsonl", all)
	y, stats := pushed(t, repo, d, PackOptions{Previous: []*Index{x}})
	added := int64(len(all) - len(before))
	if sent := stats.Bytes + int64(len(encode(t, y))); sent > added*12/10 {
		t.Errorf("%d bytes were sent for %d new ones of %d", sent, added, len(all))
	}
}

// One percent of many small files cost one percent.
func TestPackFewOfMany(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	files := map[string][]byte{}
	for i := range 2000 {
		files[fmt.Sprintf("%02d/%04d.bin", i%50, i)] = slices.Concat(noise(byte(i), 2000), noise(byte(i/256), 2000))
	}
	d := newDataset(t, files)
	x, stats := pushed(t, repo, d, PackOptions{})
	if stats.Uploaded != 1 {
		t.Errorf("%+v", stats)
	}
	for i := 0; i < 2000; i += 100 {
		d.write(t, fmt.Sprintf("%02d/%04d.bin", i%50, i), slices.Concat(noise(byte(i), 1000), []byte{1}, noise(byte(i+1), 2999)))
	}
	sent := server.BytesReceived()
	_, stats = pushed(t, repo, d, PackOptions{Previous: []*Index{x}})
	if stats.Bytes != 20*4000 || server.BytesReceived()-sent != 20*4000 {
		t.Errorf("%+v, %d bytes arrived", stats, server.BytesReceived()-sent)
	}
}

// A pack that the registry lost is made anew from the files, also what a
// large file had in it.
func TestPackLost(t *testing.T) {
	d := mixed(t)
	repo := repository(t, "oci-layout:registry")
	x, _ := pushed(t, repo, d, PackOptions{Target: 1 << 20})
	lost := x.Blobs[1].Digest
	forgetful := without{altered{Repository: repo}, lost}
	y, stats, err := Pack(context.Background(), forgetful, d.sources(), PackOptions{Target: 1 << 20, Previous: []*Index{x}})
	if err != nil {
		t.Fatal(err)
	}
	unpack(t, repo, y)
	if stats.Uploaded == 0 || stats.Bytes > 2<<20 {
		t.Errorf("%+v", stats)
	}
	for _, b := range y.Blobs[:len(x.Blobs)-1] {
		if !slices.Contains(x.Blobs, b) || b.Digest == lost {
			t.Errorf("%s was not kept", b.Digest)
		}
	}
}

// without is a repository that lost a blob.
type without struct {
	altered
	lost ref.Digest
}

func (r without) HasBlob(ctx context.Context, desc ocispec.Descriptor) (bool, error) {
	if ref.Digest(desc.Digest) == r.lost {
		return false, nil
	}
	return r.altered.HasBlob(ctx, desc)
}

// A blob of which little is used is left behind; one of which more is used is not.
func TestPackLive(t *testing.T) {
	for keep, want := range map[int]int{29: 0, 30: 1} {
		files := map[string][]byte{}
		for i := range 100 {
			files[fmt.Sprintf("%03d", i)] = noise(byte(i), 1000)
		}
		d := newDataset(t, files)
		repo := repository(t, "oci-layout:registry")
		x, _ := pushed(t, repo, d, PackOptions{})
		for i := keep; i < 100; i++ {
			delete(d.files, fmt.Sprintf("%03d", i))
		}
		d.write(t, "new", []byte("new"))
		y, stats := pushed(t, repo, d, PackOptions{Previous: []*Index{x}})
		if stats.Skipped != want || len(y.Blobs) != 1+want || want == 0 && stored(y) != 29_003 {
			t.Errorf("%d%% in use: %+v, %d blobs with %d bytes", keep, stats, len(y.Blobs), stored(y))
		}
	}
}

// Versions that each add a little do not make the list of packs grow without end.
func TestPackMany(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	d := newDataset(t, map[string][]byte{"000": noise(0, 500_000)})
	opts := PackOptions{MaxPacks: 8, Target: 1 << 20}
	x, _ := pushed(t, repo, d, opts)
	first := x.Blobs[0]
	total := int64(0)
	for i := 1; i < 40; i++ {
		d.write(t, fmt.Sprintf("%03d", i), noise(byte(i), 1000+i))
		opts.Previous = []*Index{x}
		var stats Stats
		x, stats = pushed(t, repo, d, opts)
		total += stats.Bytes
		if len(x.Blobs) > 8 {
			t.Fatalf("version %d has %d blobs", i, len(x.Blobs))
		}
	}
	if !slices.Contains(x.Blobs, first) || total > 300_000 {
		t.Errorf("the large pack was sent again: %d bytes in all", total)
	}
	// Blobs that are kept do not count as new ones as well.
	d = newDataset(t, map[string][]byte{"a": noise(0, 900_000), "b": noise(1, 900_000), "c": noise(2, 900_000), "d": noise(3, 900_000)})
	opts = PackOptions{MaxPacks: 6, Target: 800_000}
	x, _ = pushed(t, repo, d, opts)
	d.write(t, "0", []byte("new"))
	opts.Previous = []*Index{x}
	if _, stats := pushed(t, repo, d, opts); stats.Skipped != 4 || stats.Uploaded != 1 {
		t.Errorf("%+v", stats)
	}
	// What is left behind counts as new.
	d = mixed(t)
	x, _ = pushed(t, repo, d, PackOptions{Target: 100_000})
	if y, _ := pushed(t, repo, d, PackOptions{MaxPacks: 6, Previous: []*Index{x}, Target: 2 << 20}); len(x.Blobs) < 30 || len(y.Blobs) > 6 {
		t.Errorf("%d blobs became %d", len(x.Blobs), len(y.Blobs))
	}
	// Also when there is nothing to keep, and when the target is too small.
	x, _ = pushed(t, repo, mixed(t), PackOptions{MaxPacks: 3, Target: 1000})
	if len(x.Blobs) > 3 {
		t.Errorf("%d blobs", len(x.Blobs))
	}
}

func TestPackChanged(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		for path, change := range map[string]func(d dataset, t *testing.T){
			"small/100.bin": func(d dataset, t *testing.T) {
				writeFile(t, filepath.Join(d.dir, "small/100.bin"), string(noise(99, 1000+37*100)), 0o644)
			},
			"small/050.bin": func(d dataset, t *testing.T) { writeFile(t, filepath.Join(d.dir, "small/050.bin"), "x", 0o644) },
			"large.bin": func(d dataset, t *testing.T) {
				writeFile(t, filepath.Join(d.dir, "large.bin"), string(noise(99, 3<<20)), 0o644)
			},
			"larger.bin": func(d dataset, t *testing.T) { writeFile(t, filepath.Join(d.dir, "larger.bin"), "x", 0o644) },
		} {
			d := mixed(t)
			change(d, t)
			x, _, err := Pack(context.Background(), repo, d.sources(), PackOptions{})
			want := "push " + path + ": it changed while it was being pushed; run the command again"
			if x != nil || err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	})
}

// A file that changes between the moment that it was hashed and the one that
// it is sent spoils nothing, and people are told which it was.
func TestPackChangedLate(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		for _, content := range []string{"short", strings.Repeat("x", 5000)} {
			d := mixed(t)
			changing := altered{Repository: repo, push: func(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
				writeFile(t, filepath.Join(d.dir, "small/100.bin"), content, 0o644)
				return repo.PushBlob(ctx, desc, open)
			}}
			x, stats, err := Pack(context.Background(), changing, d.sources(), PackOptions{Concurrency: 1, maxInMemory: 1})
			if x != nil || stats.Uploaded != 0 || err == nil || err.Error() != "push small/100.bin: it changed while it was being pushed; run the command again" {
				t.Errorf("%+v, %v", stats, err)
			}
		}
	})
}

// A pack in memory is what it was, whatever becomes of the files.
func TestPackInMemory(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		d := mixed(t)
		changing := altered{Repository: repo, push: func(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
			writeFile(t, filepath.Join(d.dir, "small/100.bin"), "changed", 0o644)
			return repo.PushBlob(ctx, desc, open)
		}}
		x, stats, err := Pack(context.Background(), changing, d.sources(), PackOptions{})
		if err != nil || stats.Uploaded == 0 {
			t.Fatalf("%+v, %v", stats, err)
		}
		i := slices.IndexFunc(x.Files, func(f IndexedFile) bool { return f.Path == "small/100.bin" })
		root := openRoot(t, t.TempDir())
		if _, err := PullIndexed(context.Background(), repo, x, []IndexedItem{{File: i, Perm: 0o644}}, root, Options{}); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(root.File("small/100.bin")); err != nil || ref.Of(got) != x.Files[i].Digest {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

// A file that is known to be unchanged is not hashed again; one that is not, is.
func TestPackUnchanged(t *testing.T) {
	for _, known := range []bool{true, false} {
		d := mixed(t)
		sources := d.sources()
		asked := 0
		for i := range sources {
			sources[i].Unchanged = func(info os.FileInfo) bool {
				if info.Size() != sources[i].Size {
					t.Errorf("%s: asked about %d bytes", sources[i].Path, info.Size())
				}
				asked++
				return known
			}
		}
		writeFile(t, filepath.Join(d.dir, "small/100.bin"), string(noise(99, 1000+37*100)), 0o644)
		_, _, err := Pack(context.Background(), repository(t, "oci-layout:registry"), sources, PackOptions{})
		if asked == 0 || (err == nil) != known {
			t.Errorf("known %t: asked %d times, %v", known, asked, err)
		}
	}
}

func TestPackGone(t *testing.T) {
	d := mixed(t)
	for _, path := range []string{"small/100.bin", "large.bin"} {
		if err := os.Remove(filepath.Join(d.dir, path)); err != nil {
			t.Fatal(err)
		}
		_, _, err := Pack(context.Background(), repository(t, "oci-layout:registry"), d.sources(), PackOptions{})
		if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "push "+path+": ") {
			t.Errorf("got %v", err)
		}
	}
}

// A push that broke off goes on where it was: packs that arrived are not sent again.
func TestPackBrokenOff(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	d := mixed(t)
	opts := PackOptions{Target: 1 << 20, Concurrency: 1}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	count := 0
	breaking := altered{Repository: repo, push: func(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
		if count++; count == 3 {
			cancel()
		}
		return repo.PushBlob(ctx, desc, open)
	}}
	x, stats, err := Pack(ctx, breaking, d.sources(), opts)
	if x != nil || !errors.Is(err, context.Canceled) || stats.Uploaded != 2 {
		t.Fatalf("%+v, %v", stats, err)
	}
	x, stats = pushed(t, repo, d, opts)
	if stats.Skipped != 2 || stats.Uploaded != len(x.Blobs)-2 {
		t.Errorf("%+v", stats)
	}
	// Cancelled before anything began.
	if _, stats, err := Pack(ctx, repo, d.sources(), opts); !errors.Is(err, context.Canceled) || stats != (Stats{}) {
		t.Errorf("%+v, %v", stats, err)
	}
}

// The connection breaks in the middle of a pack, and the registry goes away.
func TestPackFaults(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	d := mixed(t)
	server.CutNextUpload(1 << 20)
	x, _ := pushed(t, repo, d, PackOptions{Target: 2 << 20})
	server.Down(true)
	d.write(t, "new", []byte("new"))
	_, _, err := Pack(context.Background(), repo, d.sources(), PackOptions{Previous: []*Index{x}})
	if !errors.Is(err, registry.ErrUnreachable) || strings.Contains(err.Error(), "changed") {
		t.Errorf("got %v", err)
	}
}

func TestPackRefuses(t *testing.T) {
	good := func() []PackSource {
		return []PackSource{{Path: "a", Size: 1, Digest: ref.Of([]byte("a"))}, {Path: "b", Size: 1, Digest: ref.Of([]byte("b"))}}
	}
	for want, damage := range map[string]func(s []PackSource){
		`pack: "a" is listed twice`:       func(s []PackSource) { s[1].Path = "a" },
		`"../a": its path`:                func(s []PackSource) { s[0].Path = "../a" },
		`"a": digest "sha256:00"`:         func(s []PackSource) { s[0].Digest = "sha256:00" },
		`"a": -1 bytes cannot`:            func(s []PackSource) { s[0].Size = -1 },
		`"a": 0 bytes cannot`:             func(s []PackSource) { s[0].Size = 0 },
		`"a": 1 bytes cannot`:             func(s []PackSource) { s[0].Digest = ref.Of(nil) },
		`"a" and "b" have one digest and`: func(s []PackSource) { s[1].Digest, s[1].Size = s[0].Digest, 2 },
	} {
		sources := good()
		damage(sources)
		if _, _, err := Pack(context.Background(), repository(t, "oci-layout:registry"), sources, PackOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Previous indexes may cut one blob differently, or tell untruths: what comes
// out is consistent all the same, and no untruth is spread to new packs.
func TestPackPrevious(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	large := noise(30, 3<<20)
	d := newDataset(t, map[string][]byte{"large.bin": large})
	desc := ocispec.Descriptor{Digest: digest.FromBytes(large), Size: int64(len(large))}
	if err := repo.PushBlob(context.Background(), desc, opens(string(large))); err != nil {
		t.Fatal(err)
	}
	plain := func(cuts Cuts) *Index {
		x, err := PlainIndex([]PlainFile{{Path: "old.bin", Size: desc.Size, Digest: ref.Of(large), Pieces: split(t, large, cuts)}})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	// Larger than what is there, so that both indexes have something to give.
	d.write(t, "larger.bin", slices.Concat(large, noise(31, 1000)))
	x, stats := pushed(t, repo, d, PackOptions{Previous: []*Index{plain(opinion(false, 1<<20, 3<<20)), plain(nil)}})
	if x.Blobs[0].Digest != ref.Of(large) || stats.Bytes > 4<<20 {
		t.Errorf("%v, %+v", x.Blobs, stats)
	}
	// An index says that a file has chunks which it has not, and its blob is lost.
	liar := plain(nil)
	liar.Files[0].Chunks[0].Sum[0]++
	liar.Blobs[0].Digest = ref.Of([]byte("lost"))
	if _, err := liar.Encode(); err != nil {
		t.Fatal(err)
	}
	pushed(t, repository(t, "oci-layout:other"), d, PackOptions{Previous: []*Index{liar}})
	// An index gives a chunk another length.
	longer := &Index{Chunker: Chunker, Blobs: []Blob{{ref.Of([]byte("wrong")), 5}}, Files: []IndexedFile{{
		Path: "x", Size: 5, Digest: ref.Of([]byte("abc")), Chunks: []Chunk{{Sum: sha256.Sum256([]byte("abc")), Length: 5}},
	}}}
	if err := repo.PushBlob(context.Background(), describePack(longer.Blobs[0]), opens("wrong")); err != nil {
		t.Fatal(err)
	}
	pushed(t, repo, newDataset(t, map[string][]byte{"x": []byte("abc")}), PackOptions{Previous: []*Index{longer}})
	// How another chunker cuts is not taken over.
	other := plain(opinion(false, 1<<20, 3<<20))
	other.Chunker = "other-1"
	x, _ = pushed(t, repo, newDataset(t, map[string][]byte{"large.bin": large}), PackOptions{Previous: []*Index{other}})
	if x.Chunker != Chunker || len(x.Files[0].Chunks) != len(split(t, large, nil)) {
		t.Errorf("%d chunks", len(x.Files[0].Chunks))
	}
}

// The body of an upload is what was hashed, wherever it is read from.
func TestPackReaderSeeks(t *testing.T) {
	d := mixed(t)
	p := &packer{opts: PackOptions{Target: 100 << 20, MaxPacks: DefaultMaxPacks}, m: &meter{}}
	if err := p.list(d.sources()); err != nil {
		t.Fatal(err)
	}
	for _, step := range []func(context.Context) error{p.splitNew, p.reuse, p.place} {
		if err := step(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.packs) != 1 {
		t.Fatalf("%d packs", len(p.packs))
	}
	b := &p.packs[0]
	open := func() *packReader {
		return &packReader{r: &partsReader{sourceReader{sources: p.sources}, b.parts}, size: b.Size, report: func(int64) {}}
	}
	whole, err := io.ReadAll(open())
	if err != nil || int64(len(whole)) != b.Size {
		t.Fatal(err)
	}
	for _, content := range [][]byte{nil, make([]byte, 0, b.Size)} {
		kept := content
		d, err := p.hash(context.Background(), b, &kept)
		if err != nil || d != ref.Of(whole) || content != nil && !bytes.Equal(kept, whole) || content == nil && kept != nil {
			t.Errorf("hashed as %s, %d bytes kept, %v", d, len(kept), err)
		}
	}
	r := open()
	rnd := rand.New(rand.NewPCG(3, 4))
	buf := make([]byte, 100_000)
	for range 200 {
		at := rnd.Int64N(b.Size + 1)
		if n, err := r.Seek(at, io.SeekStart); n != at || err != nil {
			t.Fatal(n, err)
		}
		n, err := io.ReadFull(r, buf[:rnd.IntN(len(buf))])
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF || !bytes.Equal(buf[:n], whole[at:at+int64(n)]) {
			t.Fatalf("%d bytes at %d: %v", n, at, err)
		}
		if now, _ := r.Seek(0, io.SeekCurrent); now != at+int64(n) {
			t.Fatalf("stands at %d, not %d", now, at+int64(n))
		}
	}
	if end, err := r.Seek(0, io.SeekEnd); end != b.Size || err != nil {
		t.Error(end, err)
	}
	for _, bad := range []int64{-1, b.Size + 1} {
		if _, err := r.Seek(bad, io.SeekStart); err == nil {
			t.Errorf("seek to %d", bad)
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Read(buf); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
