package registry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content/oci"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
)

var update = flag.Bool("update", false, "write golden files")

func openLayout(t *testing.T, dir string) registry.Repository {
	t.Helper()
	return repository(t, open(t, "oci-layout:layout", dir), "sentiment")
}

// The bytes of the folder are frozen: other tools read them, and people may
// keep the folder in Git.
func TestLayoutGolden(t *testing.T) {
	dir := t.TempDir()
	repo := openLayout(t, dir)
	one, _ := pushManifest(t, repo, "model", nil)
	pushManifest(t, repo, "report", &one)
	two, _ := pushManifest(t, repo, "model two", nil)
	tag(t, repo, two, "v1.1.0")
	tag(t, repo, one, "v1.0.0")
	tag(t, repo, one, "lock-0123456789ab")

	var got bytes.Buffer
	for _, name := range []string{"oci-layout", "index.json"} {
		data, err := os.ReadFile(filepath.Join(dir, "layout", name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "-- %s --\n%s\n", name, strings.ReplaceAll(strings.TrimSpace(string(data)), `},{"media`, "},\n{\"media"))
	}
	blobs, err := os.ReadDir(filepath.Join(dir, "layout", "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	for _, blob := range blobs {
		info, err := blob.Info()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%s %d\n", blob.Name(), info.Size())
		if mode := info.Mode().Perm(); mode&0o222 != 0 {
			t.Errorf("blob %s can be written to: %v", blob.Name(), mode)
		}
	}
	golden := filepath.Join("testdata", "layout.golden")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("layout:\n%s\nwant:\n%s", got.String(), want)
	}
	left, err := os.ReadDir(filepath.Join(dir, "layout", "ingest"))
	if err != nil || len(left) != 0 {
		t.Errorf("left in ingest: %v, %v", left, err)
	}
}

// oras reads the folder: manifests, tags and referrers.
func TestLayoutForOras(t *testing.T) {
	dir := t.TempDir()
	repo := openLayout(t, dir)
	model, data := pushManifest(t, repo, "model", nil)
	report, _ := pushManifest(t, repo, "report", &model)
	tag(t, repo, model, "v1.0.0")
	store, err := oci.NewFromFS(t.Context(), os.DirFS(filepath.Join(dir, "layout")))
	must(t, err)
	desc, err := store.Resolve(t.Context(), "sentiment_v1.0.0")
	if err != nil || !same(desc, model) {
		t.Fatalf("Resolve = %+v, %v", desc, err)
	}
	r, err := store.Fetch(t.Context(), desc)
	must(t, err)
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		t.Errorf("Fetch = %q, %v", got, err)
	}
	if found, err := store.Predecessors(t.Context(), model); err != nil || len(found) != 1 || !same(found[0], report) {
		t.Errorf("Predecessors = %+v, %v", found, err)
	}
}

// Errors and String show the folder as the project spells it.
func TestLayoutNeverAbsolute(t *testing.T) {
	dir := t.TempDir()
	repo := openLayout(t, dir)
	if got := repo.String(); got != "oci-layout:layout/sentiment" {
		t.Errorf("String = %q", got)
	}
	pushManifest(t, repo, "model", nil)
	if err := os.WriteFile(filepath.Join(dir, "layout", "index.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := repo.Resolve(t.Context(), "v1")
	if err == nil || strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "layout/index.json") {
		t.Errorf("error %v", err)
	}
}

func TestLayoutDoesNotExist(t *testing.T) {
	dir := t.TempDir()
	repo := openLayout(t, dir)
	desc := describe([]byte("x"))
	_, resolveErr := repo.Resolve(t.Context(), "v1")
	_, _, manifestErr := repo.Manifest(t.Context(), ref.Digest(desc.Digest))
	_, blobErr := repo.Blob(t.Context(), desc)
	_, tagsErr := repo.Tags(t.Context())
	_, referrersErr := repo.Referrers(t.Context(), desc, "")
	for _, err := range []error{resolveErr, manifestErr, blobErr, tagsErr, referrersErr, repo.Tag(t.Context(), desc, "v1"), repo.Untag(t.Context(), "v1")} {
		wantError(t, err, registry.ErrNotFound, "nothing was pushed yet", "oci-layout:layout/sentiment: ")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("reading created %v, %v", entries, err)
	}
}

// Only an empty folder becomes a layout; others have an owner.
func TestForeignFolder(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "layout"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "layout", "thesis.tex"), nil, 0o644))
	repo := openLayout(t, dir)
	err := repo.PushBlob(t.Context(), describe([]byte("x")), opener([]byte("x")))
	if err == nil || !strings.Contains(err.Error(), "is not an OCI image layout") {
		t.Errorf("PushBlob: %v", err)
	}
	if entries, _ := os.ReadDir(filepath.Join(dir, "layout")); len(entries) != 1 {
		t.Errorf("the folder was changed: %v", entries)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDamagedLayout(t *testing.T) {
	x64 := strings.Repeat("a", 64)
	for name, test := range map[string]struct{ file, content, want string }{
		"empty index":        {"index.json", "", "layout/index.json: not an OCI image index"},
		"cut index":          {"index.json", `{"schemaVersion":2,"manif`, "layout/index.json: not an OCI image index"},
		"no version":         {"index.json", `{}`, "schemaVersion is 0"},
		"other type":         {"index.json", `{"schemaVersion":2,"mediaType":"x"}`, `mediaType is "x"`},
		"path as digest":     {"index.json", `{"schemaVersion":2,"manifests":[{"digest":"../../x"}]}`, `manifest 0: "../../x" is not a digest`},
		"path in digest":     {"index.json", `{"schemaVersion":2,"manifests":[{"digest":"sha256:../../../x"}]}`, "manifest 0"},
		"upper-case digest":  {"index.json", `{"schemaVersion":2,"manifests":[{"digest":"sha256:` + strings.ToUpper(x64) + `"}]}`, "lower-case"},
		"negative size":      {"index.json", `{"schemaVersion":2,"manifests":[{"digest":"sha256:` + x64 + `","size":-1}]}`, "negative"},
		"too large a size":   {"index.json", `{"schemaVersion":2,"manifests":[{"digest":"sha256:` + x64 + `","size":99999999999999999999}]}`, "not an OCI image index"},
		"index over 16 MiB":  {"index.json", strings.Repeat(" ", 16<<20+1), "more than the 16777216"},
		"unknown version":    {"oci-layout", `{"imageLayoutVersion":"9.0.0"}`, `layout/oci-layout: version "9.0.0"`},
		"marker is not JSON": {"oci-layout", `hello`, "layout/oci-layout: not valid JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			reg := open(t, "oci-layout:layout", dir)
			repo := repository(t, reg, "sentiment")
			desc, _ := pushManifest(t, repo, "model", nil)
			must(t, os.WriteFile(filepath.Join(dir, "layout", test.file), []byte(test.content), 0o644))
			_, resolveErr := repo.Resolve(t.Context(), "v1")
			for i, err := range []error{resolveErr, repo.Tag(t.Context(), desc, "v1"), reg.Ping(t.Context())} {
				if err == nil || errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("call %d: %v, want %q", i, err, test.want)
				}
			}
			// What is damaged is left for people to look at.
			if now, err := os.ReadFile(filepath.Join(dir, "layout", test.file)); err != nil || string(now) != test.content {
				t.Errorf("%s was changed", test.file)
			}
		})
	}
}

func TestDamagedManifest(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"missing":   os.Remove,
		"cut":       func(path string) error { return os.Truncate(path, 10) },
		"longer":    func(path string) error { return os.Truncate(path, 5<<20) },
		"bit flip":  flipByte,
		"directory": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			repo := openLayout(t, dir)
			desc, data := pushManifest(t, repo, "model", nil)
			file := filepath.Join(dir, "layout", "blobs", "sha256", ref.Digest(desc.Digest).Hex())
			must(t, os.Chmod(file, 0o644))
			must(t, damage(file))
			other := openLayout(t, dir)
			_, _, err := other.Manifest(t.Context(), ref.Digest(desc.Digest))
			_, referrersErr := other.Referrers(t.Context(), desc, "")
			for i, err := range []error{err, referrersErr} {
				if err == nil || !strings.Contains(err.Error(), "layout/blobs/sha256/") {
					t.Errorf("call %d: %v", i, err)
				}
			}
			if name == "missing" || name == "cut" || name == "longer" {
				if _, err := other.PushManifest(t.Context(), desc.MediaType, data); err != nil {
					t.Fatal(err)
				}
				if _, _, err := other.Manifest(t.Context(), ref.Digest(desc.Digest)); err != nil {
					t.Errorf("pushing again did not mend it: %v", err)
				}
			}
		})
	}
}

func flipByte(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[len(data)/2] ^= 1
	return os.WriteFile(path, data, 0o644)
}

func TestBlobOfOtherSize(t *testing.T) {
	dir := t.TempDir()
	repo := openLayout(t, dir)
	desc := pushBlob(t, repo, []byte("hello"))
	file := filepath.Join(dir, "layout", "blobs", "sha256", ref.Digest(desc.Digest).Hex())
	must(t, os.Chmod(file, 0o644))
	must(t, os.Truncate(file, 2))
	if _, err := repo.Blob(t.Context(), desc); err == nil || !strings.Contains(err.Error(), "has 2 bytes instead of 5") {
		t.Errorf("Blob: %v", err)
	}
	if has, err := repo.HasBlob(t.Context(), desc); err != nil || has {
		t.Errorf("HasBlob = %v, %v", has, err)
	}
	pushBlob(t, repo, []byte("hello"))
	if has, err := repo.HasBlob(t.Context(), desc); err != nil || !has {
		t.Errorf("HasBlob after pushing again = %v, %v", has, err)
	}
}

// Links in the folder lead nowhere.
func TestLinksInLayout(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	data := []byte("secret")
	must(t, os.MkdirAll(secret, 0o755))
	desc := describe(data)
	must(t, os.WriteFile(filepath.Join(secret, ref.Digest(desc.Digest).Hex()), data, 0o644))

	repo := openLayout(t, dir)
	pushBlob(t, repo, []byte("x"))
	blobs := filepath.Join(dir, "layout", "blobs", "sha256")
	must(t, os.RemoveAll(blobs))
	if err := os.Symlink(secret, blobs); err != nil {
		t.Skip(err)
	}
	if _, err := repo.Blob(t.Context(), desc); err == nil {
		t.Error("read a blob outside the layout")
	}
	if err := repo.PushBlob(t.Context(), describe([]byte("y")), opener([]byte("y"))); err == nil {
		t.Error("wrote a blob outside the layout")
	}
	if entries, _ := os.ReadDir(secret); len(entries) != 1 {
		t.Errorf("written outside: %v", entries)
	}

	lock := filepath.Join(dir, "layout", ".lock")
	os.Remove(lock)
	must(t, os.Symlink(filepath.Join(dir, "elsewhere"), lock))
	if err := repo.Untag(t.Context(), "v1"); err == nil || !strings.Contains(err.Error(), "layout/.lock: not a regular file") {
		t.Errorf("lock is a link: %v", err)
	}
}

// Entries of other tools survive our changes.
func TestForeignEntries(t *testing.T) {
	dir := t.TempDir()
	repo := openLayout(t, dir)
	desc, _ := pushManifest(t, repo, "model", nil)
	file := filepath.Join(dir, "layout", "index.json")
	var x ocispec.Index
	data, err := os.ReadFile(file)
	must(t, err)
	must(t, json.Unmarshal(data, &x))
	foreign := []ocispec.Descriptor{
		{MediaType: "application/x", Digest: "sha512:0123", Size: 1, Annotations: map[string]string{"a": "b"}},
		{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size, Annotations: map[string]string{ocispec.AnnotationRefName: "latest", "a": "b"}},
	}
	x.Manifests = append(x.Manifests, foreign...)
	x.Annotations = map[string]string{"by": "others"}
	data, err = json.Marshal(x)
	must(t, err)
	must(t, os.WriteFile(file, data, 0o644))

	tag(t, repo, desc, "v1")
	wantTags(t, repo, "v1")
	data, err = os.ReadFile(file)
	must(t, err)
	x = ocispec.Index{}
	must(t, json.Unmarshal(data, &x))
	var names []string
	for _, d := range x.Manifests {
		names = append(names, d.Annotations[ocispec.AnnotationRefName]+" "+string(d.Digest[:10]))
	}
	if want := []string{"latest " + string(desc.Digest[:10]), "sentiment_v1 " + string(desc.Digest[:10]), " sha512:012"}; !slices.Equal(names, want) {
		t.Errorf("manifests = %q, want %q", names, want)
	}
	if x.Annotations["by"] != "others" {
		t.Errorf("annotations = %v", x.Annotations)
	}
}

func TestReadOnlyLayout(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("permissions do not bind this user")
	}
	dir := t.TempDir()
	repo := openLayout(t, dir)
	desc, _ := pushManifest(t, repo, "model", nil)
	tag(t, repo, desc, "v1")
	layout := filepath.Join(dir, "layout")
	must(t, filepath.WalkDir(layout, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o555)
		}
		return err
	}))
	defer os.Chmod(layout, 0o755)
	if _, err := openLayout(t, dir).Resolve(t.Context(), "v1"); err != nil {
		t.Error(err)
	}
	err := openLayout(t, dir).PushBlob(t.Context(), describe([]byte("y")), opener([]byte("y")))
	wantError(t, err, fs.ErrPermission)
}

func TestStaleIngest(t *testing.T) {
	dir := t.TempDir()
	pushBlob(t, openLayout(t, dir), []byte("x"))
	ingest := filepath.Join(dir, "layout", "ingest")
	now := time.Now()
	for name, age := range map[string]time.Duration{"old": 25 * time.Hour, "young": 23 * time.Hour} {
		file := filepath.Join(ingest, name)
		must(t, os.WriteFile(file, nil, 0o444))
		must(t, os.Chtimes(file, now.Add(-age), now.Add(-age)))
	}
	pushBlob(t, openLayout(t, dir), []byte("y"))
	entries, err := os.ReadDir(ingest)
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != "young" {
		t.Errorf("ingest holds %v, want only young", entries)
	}
}
