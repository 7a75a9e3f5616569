package registry_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

func TestLayoutBlobRange(t *testing.T) {
	repo := openLayout(t, t.TempDir())
	desc := pushBlob(t, repo, []byte("0123456789"))
	for _, test := range []struct {
		offset, length int64
		want           string
	}{{0, 10, "0123456789"}, {3, 4, "3456"}, {9, 1, "9"}, {10, 0, ""}, {4, 0, ""}} {
		r, start, err := repo.BlobRange(t.Context(), desc, test.offset, test.length)
		must(t, err)
		got, err := io.ReadAll(r)
		if err != nil || string(got) != test.want || start != test.offset {
			t.Errorf("%d+%d: %q from %d, %v", test.offset, test.length, got, start, err)
		}
		must(t, r.Close())
	}
	for _, at := range [][2]int64{{-1, 2}, {0, -1}, {0, 11}, {11, 0}, {5, 6}, {1, 1<<63 - 1}} {
		_, _, err := repo.BlobRange(t.Context(), desc, at[0], at[1])
		if err == nil || !strings.Contains(err.Error(), "outside the blob") {
			t.Errorf("%d+%d: %v", at[0], at[1], err)
		}
	}
	_, _, err := repo.BlobRange(t.Context(), describe([]byte("absent")), 0, 1)
	wantError(t, err, registry.ErrNotFound)
}

// Deleting takes this artifact's tags; what another one uses stays.
func TestLayoutDelete(t *testing.T) {
	reg := open(t, "oci-layout:layout", t.TempDir())
	repo, other := repository(t, reg, "sentiment"), repository(t, reg, "sentiment-2")
	shared, _ := pushManifest(t, repo, "shared", nil)
	own, _ := pushManifest(t, repo, "own", nil)
	report, _ := pushManifest(t, repo, "report", &own)
	for _, name := range []string{"v1", "lock-0123456789ab"} {
		tag(t, repo, shared, name)
		tag(t, repo, own, name+"-own")
	}
	tag(t, other, shared, "v7")
	must(t, repo.Delete(t.Context(), own))
	wantTags(t, repo, "lock-0123456789ab", "v1")
	wantError(t, repo.Delete(t.Context(), own), registry.ErrNotFound)
	if _, err := repo.Resolve(t.Context(), string(own.Digest)); err == nil {
		t.Error("the manifest is still listed")
	}
	if found, err := repo.Referrers(t.Context(), own, ""); err != nil || len(found) != 1 || !same(found[0], report) {
		t.Errorf("its referrers: %v, %v", found, err)
	}
	must(t, repo.Delete(t.Context(), report)) // it has no tag
	if found, err := repo.Referrers(t.Context(), own, ""); err != nil || len(found) != 0 {
		t.Errorf("its referrers are still listed: %v, %v", found, err)
	}
	must(t, repo.Delete(t.Context(), shared))
	wantTags(t, repo)
	wantTags(t, other, "v7")
	if desc, err := other.Resolve(t.Context(), "v7"); err != nil || !same(desc, shared) {
		t.Errorf("the other artifact's: %v, %v", desc, err)
	}
}

// aged makes everything in the layout that old.
func aged(t *testing.T, dir string, age time.Duration) {
	t.Helper()
	blobs := filepath.Join(dir, "layout", "blobs", "sha256")
	entries, err := os.ReadDir(blobs)
	must(t, err)
	at := time.Now().Add(-age)
	for _, e := range entries {
		must(t, os.Chtimes(filepath.Join(blobs, e.Name()), at, at))
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	reg := open(t, "oci-layout:layout", dir)
	repo := repository(t, reg, "sentiment")
	if done, err := reg.Sweep(t.Context(), 0, true); err != nil || done != (registry.SweepResult{}) {
		t.Fatalf("no layout yet: %+v, %v", done, err)
	}
	kept, _ := pushManifest(t, repo, "kept", nil)
	report, _ := pushManifest(t, repo, "report", &kept)
	gone, _ := pushManifest(t, repo, "gone", nil)
	pushBlob(t, repo, []byte("uploaded, never named"))
	must(t, repo.Delete(t.Context(), gone))
	foreign := filepath.Join(dir, "layout", "blobs", "sha256", "README")
	must(t, os.WriteFile(foreign, nil, 0o644))
	aged(t, dir, 48*time.Hour)
	young := pushBlob(t, repo, []byte("a push that has not come to its manifest"))

	want := registry.SweepResult{Blobs: 3, Bytes: gone.Size + int64(len("gone")+len("uploaded, never named"))}
	for _, apply := range []bool{false, true} {
		if done, err := reg.Sweep(t.Context(), 49*time.Hour, apply); err != nil || done.Blobs != 0 {
			t.Errorf("too young, apply %v: %+v, %v", apply, done, err)
		}
	}
	for _, step := range []struct {
		apply bool
		want  registry.SweepResult
	}{{false, want}, {false, want}, {true, want}, {true, registry.SweepResult{}}} {
		if done, err := reg.Sweep(t.Context(), time.Hour, step.apply); err != nil || done != step.want {
			t.Errorf("apply %v: %+v, %v; want %+v", step.apply, done, err, step.want)
		}
	}
	for _, desc := range []ocispec.Descriptor{kept, report, young, describe([]byte("kept")), describe([]byte("report")), describe([]byte("{}"))} {
		if has, err := repo.HasBlob(t.Context(), desc); err != nil || !has {
			t.Errorf("%s is gone (%v)", desc.Digest, err)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
	// What was swept can be pushed again.
	pushManifest(t, repo, "gone", nil)
}

// An index names manifests that need not be listed themselves, and a layer may
// be a manifest that is.
func TestSweepKeepsWhatIndexesNeed(t *testing.T) {
	dir := t.TempDir()
	reg := open(t, "oci-layout:layout", dir)
	repo := repository(t, reg, "sentiment")
	child, childData := pushManifest(t, repo, "child", nil)
	data, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{child}})
	must(t, err)
	if _, err := repo.PushManifest(t.Context(), ocispec.MediaTypeImageIndex, data); err != nil {
		t.Fatal(err)
	}
	must(t, repo.Delete(t.Context(), child)) // listed by the index alone from now on
	listed, listedData := pushManifest(t, repo, "listed", nil)
	holder, err := json.Marshal(ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: describe([]byte("{}")), Layers: []ocispec.Descriptor{describe(listedData)}})
	must(t, err)
	if _, err := repo.PushManifest(t.Context(), ocispec.MediaTypeImageManifest, holder); err != nil {
		t.Fatal(err)
	}
	aged(t, dir, 48*time.Hour)
	if done, err := reg.Sweep(t.Context(), time.Hour, true); err != nil || done.Blobs != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	for _, desc := range []ocispec.Descriptor{describe(childData), describe([]byte("child")), listed, describe([]byte("listed"))} {
		if has, err := repo.HasBlob(t.Context(), desc); err != nil || !has {
			t.Errorf("%s is gone (%v)", desc.Digest, err)
		}
	}
}

// What a damaged manifest needs is not known: nothing is removed.
func TestSweepRefusesDamage(t *testing.T) {
	dir := t.TempDir()
	reg := open(t, "oci-layout:layout", dir)
	repo := repository(t, reg, "sentiment")
	desc, _ := pushManifest(t, repo, "model", nil)
	loose := pushBlob(t, repo, []byte("loose"))
	aged(t, dir, 48*time.Hour)
	file := filepath.Join(dir, "layout", "blobs", "sha256", ref.Digest(desc.Digest).Hex())
	must(t, os.Chmod(file, 0o644))
	for _, damage := range []func(string) error{flipByte, os.Remove} {
		must(t, damage(file))
		for _, apply := range []bool{false, true} {
			if _, err := reg.Sweep(t.Context(), time.Hour, apply); err == nil || !strings.Contains(err.Error(), "layout/blobs/sha256/"+filepath.Base(file)) {
				t.Errorf("apply %v: %v", apply, err)
			}
		}
	}
	if has, err := repo.HasBlob(t.Context(), loose); err != nil || !has {
		t.Errorf("removed all the same: %v", err)
	}
}

func TestSweepRemote(t *testing.T) {
	reg := open(t, testregistry.New(t).URL, "")
	_, err := reg.Sweep(t.Context(), 0, true)
	wantError(t, err, registry.ErrUnsupported)
	if _, known, err := reg.Stored(ref.Of([]byte("x"))); known || err != nil || reg.IsLayout() {
		t.Errorf("%v, %v", known, err)
	}
}

func TestStored(t *testing.T) {
	dir := t.TempDir()
	reg := open(t, "oci-layout:layout", dir)
	desc, _ := pushManifest(t, repository(t, reg, "sentiment"), "model", nil)
	aged(t, dir, time.Hour)
	at, known, err := reg.Stored(ref.Digest(desc.Digest))
	if age := time.Since(at); err != nil || !known || age < 50*time.Minute || age > 2*time.Hour {
		t.Errorf("%v, %v, %v", at, known, err)
	}
	_, _, err = reg.Stored(ref.Of([]byte("absent")))
	wantError(t, err, registry.ErrNotFound)
	if _, _, err := reg.Stored("sha256:../../x"); err == nil {
		t.Error("a path as digest")
	}
}

// A blob that is swept between the two looks of PushManifest is noticed: the
// manifest is not listed without it.
func TestPushManifestWhileSweeping(t *testing.T) {
	dir := t.TempDir()
	repo := openLayout(t, dir)
	layer, config := pushBlob(t, repo, []byte("layer")), pushBlob(t, repo, []byte("{}"))
	data, err := json.Marshal(ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer}})
	must(t, err)
	lock := flock.New(filepath.Join(dir, "layout", ".lock"))
	must(t, lock.Lock())
	done := make(chan error)
	go func() {
		_, err := repo.PushManifest(t.Context(), ocispec.MediaTypeImageManifest, data)
		done <- err
	}()
	blobs := filepath.Join(dir, "layout", "blobs", "sha256")
	for { // past the first look
		if _, err := os.Stat(filepath.Join(blobs, ref.Of(data).Hex())); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	must(t, os.Remove(filepath.Join(blobs, ref.Digest(layer.Digest).Hex())))
	must(t, lock.Unlock())
	if err := <-done; err == nil || !strings.Contains(err.Error(), "push it first") {
		t.Errorf("PushManifest: %v", err)
	}
	if _, err := repo.Resolve(t.Context(), string(ref.Of(data))); err == nil {
		t.Error("the manifest is listed")
	}
}

// What other tools listed is read for what it needs, and leads nowhere else.
func TestSweepForeignManifest(t *testing.T) {
	dir := t.TempDir()
	reg := open(t, "oci-layout:layout", dir)
	repo := repository(t, reg, "sentiment")
	layer := pushBlob(t, repo, []byte("old layer"))
	const docker = "application/vnd.docker.distribution.manifest.v2+json"
	foreign := pushBlob(t, repo, []byte(`{"schemaVersion":2,"mediaType":"`+docker+`","config":{"digest":"sha256:../../../x","size":1},`+
		`"layers":[{"digest":"`+string(layer.Digest)+`","size":9},{"digest":"sha512:../x","size":-1},{}],"manifests":[{"digest":"sha256:..","size":1}]}`))
	blob := pushBlob(t, repo, []byte("not a manifest at all"))
	loose := pushBlob(t, repo, []byte("loose"))
	foreign.MediaType = docker
	index, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{foreign, blob, {MediaType: "a/b", Digest: "sha512:0123", Size: 1}}})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "layout", "index.json"), index, 0o644))
	aged(t, dir, time.Hour)
	done, err := reg.Sweep(t.Context(), time.Minute, true)
	if want := (registry.SweepResult{Blobs: 1, Bytes: loose.Size}); err != nil || done != want {
		t.Errorf("%+v, %v; want %+v", done, err, want)
	}
	for _, desc := range []ocispec.Descriptor{layer, foreign, blob} {
		if has, err := repo.HasBlob(t.Context(), desc); err != nil || !has {
			t.Errorf("%s is gone (%v)", desc.Digest, err)
		}
	}
}
