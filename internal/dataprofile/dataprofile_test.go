package dataprofile

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/table"
)

// dataset is files in a folder.
type dataset struct {
	t     testing.TB
	dir   string
	files []manifest.File
}

func (d *dataset) write(path, split, content string) {
	d.t.Helper()
	p := filepath.Join(d.dir, path)
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		d.t.Fatal(err)
	}
	f := manifest.File{Path: path, Split: split, Size: int64(len(content)), Digest: ref.Of([]byte(content))}
	i := slices.IndexFunc(d.files, func(f manifest.File) bool { return f.Path == path })
	if i < 0 {
		d.files = append(d.files, f)
	} else {
		d.files[i] = f
	}
}

func (d *dataset) open(f manifest.File) table.File {
	return table.File{Name: f.Path, Path: filepath.Join(d.dir, f.Path)}
}

func (d *dataset) make(folder string, earlier *Set) *Set {
	d.t.Helper()
	s, err := Make(context.Background(), d.files, Options{Open: d.open, Folder: folder, Earlier: func(context.Context) *Set { return earlier }})
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

func (d *dataset) amounts(s *Set, made, reused int) {
	d.t.Helper()
	if s.Made.Files != made || s.Reused.Files != reused {
		d.t.Errorf("made %d and reused %d, want %d and %d", s.Made.Files, s.Reused.Files, made, reused)
	}
}

func rows(from, to int) string {
	var b strings.Builder
	b.WriteString("id,price,word\n")
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "%d,%g,w%d\n", i, float64(i%97)/4, i%7)
	}
	return b.String()
}

func newDataset(t testing.TB) *dataset {
	d := &dataset{t: t, dir: t.TempDir()}
	d.write("a.csv", "train", rows(0, 300))
	d.write("b.csv", "train", rows(300, 500))
	d.write("notes.txt", "", "no table")
	d.write("test.csv", "test", rows(500, 560))
	return d
}

// document is a set as JSON, without its files.
func document(t testing.TB, s *Set, splits ...string) string {
	t.Helper()
	d, err := s.Document(context.Background(), splits)
	if err != nil {
		t.Fatal(err)
	}
	d.Files = nil
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What is put together of files says what one run over all of them would.
func TestDocument(t *testing.T) {
	d := newDataset(t)
	s := d.make("", nil)
	d.amounts(s, 3, 0)
	for _, splits := range [][]string{nil, {"train"}, {"test"}} {
		var files []table.File
		for _, f := range d.files {
			if table.Format(f.Path) != "" && (splits == nil || slices.Contains(splits, f.Split)) {
				files = append(files, d.open(f))
			}
		}
		whole, err := profile.Scan(context.Background(), files, profile.ScanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		doc := whole.Document(nil)
		doc.Files = nil
		want, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if got := document(t, s, splits...); got != string(want) {
			t.Errorf("%v: got %s\nwant %s", splits, got, want)
		}
	}
	if got := s.Rows(); got["train"] != 500 || got["test"] != 60 {
		t.Error(got)
	}
}

func TestFolder(t *testing.T) {
	d := newDataset(t)
	folder := filepath.Join(t.TempDir(), "profiles")
	first := d.make(folder, nil)
	d.amounts(first, 3, 0)
	second := d.make(folder, nil)
	d.amounts(second, 0, 3)
	if document(t, first) != document(t, second) {
		t.Error("kept profiles differ from those that were made")
	}
	// Another name or split is no other profile; other bytes are.
	d.write("c.csv", "test", rows(0, 300))
	d.write("b.csv", "train", rows(300, 501))
	d.amounts(d.make(folder, nil), 1, 3)
	// What is damaged is made anew.
	kept, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(kept) != 4 {
		t.Fatal(kept, err)
	}
	for i, p := range kept {
		if err := os.WriteFile(p, []byte{0x28, 0xb5, 0x2f, 0xfd}[:i], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	again := d.make(folder, nil)
	if again.Made.Files != 4-1 { // a.csv and c.csv are one
		t.Errorf("made %d", again.Made.Files)
	}
	// A file that only looks like a table has no profile.
	d.write("bad.csv", "train", "a,b\n1,2,3\n")
	d.write("labels.json", "train", `{"a": 1}`)
	s := d.make(folder, nil)
	if len(s.Skipped) != 1 || !strings.Contains(s.Skipped[0].Error(), "bad.csv") {
		t.Error(s.Skipped)
	}
}

func repository(t testing.TB) registry.Repository {
	t.Helper()
	reg, err := registry.Open("oci-layout:registry", t.TempDir(), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	repo, err := reg.Repository("reviews")
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

// subject is a manifest that evidence can be about.
func subject(t testing.TB, repo registry.Repository, content string) ocispec.Descriptor {
	t.Helper()
	config := ocispec.Descriptor{MediaType: ocispec.MediaTypeEmptyJSON, Digest: digest.FromString("{}"), Size: 2}
	if err := repo.PushBlob(context.Background(), config, opener([]byte("{}"))); err != nil {
		t.Fatal(err)
	}
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: []ocispec.Descriptor{}, Annotations: map[string]string{"content": content}}
	m.SchemaVersion = 2
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	desc, err := repo.PushManifest(context.Background(), m.MediaType, data)
	if err != nil {
		t.Fatal(err)
	}
	return desc
}

func attach(t testing.TB, repo registry.Repository, about ocispec.Descriptor, s *Set) evidence.Item {
	t.Helper()
	item, err := s.Evidence(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := evidence.Attach(context.Background(), repo, about, item); err != nil {
		t.Fatal(err)
	}
	return item
}

// A second version takes from the first what is unchanged, without fetching it.
func TestEvidence(t *testing.T) {
	ctx := context.Background()
	repo := repository(t)
	d := newDataset(t)
	v1 := subject(t, repo, "one")
	if s, err := Read(ctx, repo, v1); s != nil || err != nil {
		t.Fatalf("before: %v, %v", s, err)
	}
	first := d.make("", nil)
	item := attach(t, repo, v1, first)
	if len(item.More) != 3 {
		t.Fatalf("%d blobs", len(item.More))
	}
	read, err := Read(ctx, repo, v1)
	if err != nil || read == nil {
		t.Fatal(read, err)
	}
	if document(t, read, "train") != document(t, first, "train") {
		t.Error("what was read is not what was attached")
	}

	d.write("b.csv", "train", rows(300, 700))
	second := d.make("", read)
	d.amounts(second, 1, 2)
	for _, b := range second.stored {
		second.stored[b.Digest] = evidence.Blob{Name: b.Name, MediaType: b.MediaType, Digest: b.Digest, Size: b.Size,
			Open: func() (io.ReadCloser, error) { t.Error("an unchanged profile was fetched"); return nil, io.EOF }}
	}
	v2 := subject(t, repo, "two")
	attach(t, repo, v2, second)
	again, err := Read(ctx, repo, v2)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Rows(); got["train"] != 700 || got["test"] != 60 {
		t.Error(got)
	}
	if document(t, again) != document(t, d.make("", nil)) {
		t.Error("profiles of two versions together differ from those of one run")
	}
}

// Past the blobs that evidence may have, tables share them.
func TestManyTables(t *testing.T) {
	ctx := context.Background()
	repo := repository(t)
	d := &dataset{t: t, dir: t.TempDir()}
	for i := range 600 {
		d.write(fmt.Sprintf("%03d.csv", i), "", rows(i, i+2))
	}
	first := d.make("", nil)
	v1 := subject(t, repo, "one")
	item := attach(t, repo, v1, first)
	if len(item.More) > evidence.MaxMore || len(item.More) < 200 {
		t.Errorf("%d blobs", len(item.More))
	}
	read, err := Read(ctx, repo, v1)
	if err != nil {
		t.Fatal(err)
	}
	want := document(t, first)
	if document(t, read) != want {
		t.Error("what was read is not what was attached")
	}
	d.write("300.csv", "", rows(0, 1))
	second := d.make("", read)
	d.amounts(second, 1, 599)
	changed, err := second.Evidence(ctx)
	if err != nil {
		t.Fatal(err)
	}
	had := map[ref.Digest]bool{}
	for _, b := range item.More {
		had[b.Digest] = true
	}
	fresh := 0
	for _, b := range changed.More {
		if !had[b.Digest] {
			fresh++
		}
	}
	if fresh < 1 || fresh > 2 {
		t.Errorf("one file changed %d blobs", fresh)
	}
}

// What anybody may have pushed is refused when it contradicts itself.
func TestHostile(t *testing.T) {
	good := `{"apiVersion":"waybill.dev/v1","kind":"DatasetProfile","files":[{"path":"a.csv","digest":"D","size":1,"rows":1,"reader":"1 .csv","profile":"D","blob":"D"}]}`
	good = strings.ReplaceAll(good, `"D"`, `"`+string(ref.Of(nil))+`"`)
	if _, err := decode(strings.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"waybill.dev/v1", "waybill.dev/v9"},
		{"DatasetProfile", "Profile"},
		{"a.csv", "../a.csv"},
		{`"rows":1`, `"rows":-1`},
		{`"size":1`, `"size":-1`},
		{"sha256:", "md5:"},
		{"}]", ""},
	} {
		if _, err := decode(strings.NewReader(strings.Replace(good, change[0], change[1], 1))); err == nil {
			t.Errorf("%v was taken", change)
		}
	}
	// A profile of other rows than the index says.
	d := newDataset(t)
	s := d.make("", nil)
	s.Entries[1].Rows++
	if _, err := s.Document(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "b.csv: it is of 200 rows, not 201") {
		t.Error(err)
	}
	// A blob that does not hold what it should.
	repo := repository(t)
	about := subject(t, repo, "one")
	swapped := d.make("", nil)
	item, err := swapped.Evidence(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	r, _ := item.Open()
	data, _ := io.ReadAll(r)
	i := index{}
	if err := json.Unmarshal(data, &i); err != nil {
		t.Fatal(err)
	}
	i.Files[0].Blob, i.Files[1].Blob = i.Files[1].Blob, i.Files[0].Blob
	if data, err = json.Marshal(i); err != nil {
		t.Fatal(err)
	}
	item.Digest, item.Size, item.Open = ref.Of(data), int64(len(data)), opener(data)
	if _, err := evidence.Attach(context.Background(), repo, about, item); err != nil {
		t.Fatal(err)
	}
	read, err := Read(context.Background(), repo, about)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read.Document(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "does not hold the profile") {
		t.Error(err)
	}
}
