package artifact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
	"github.com/waybill-dev/waybill/internal/transfer"
)

// everywhere runs f against an empty repository of each sort.
func everywhere(t *testing.T, f func(t *testing.T, repo registry.Repository)) {
	t.Helper()
	t.Run("layout", func(t *testing.T) { f(t, repository(t, "oci-layout:registry")) })
	t.Run("remote", func(t *testing.T) { f(t, repository(t, testregistry.New(t).URL)) })
}

func repository(t testing.TB, url string) registry.Repository {
	t.Helper()
	reg, err := registry.Open(url, t.TempDir(), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	repo, err := reg.Repository("sentiment")
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

// contents is an artifact's files: path -> bytes, executable where the path
// ends in .sh.
type contents map[string]string

func (c contents) files() []manifest.File {
	var files []manifest.File
	for path, content := range c {
		f := file(path, content)
		f.Executable = strings.HasSuffix(path, ".sh")
		files = append(files, f)
	}
	return files
}

func (c contents) open(f manifest.File) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(c[f.Path])), nil }
}

func (c contents) check(t *testing.T, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if want, ok := c[rel]; !ok || string(got) != want {
			t.Errorf("%s has %q", rel, got)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o644)
		if strings.HasSuffix(rel, ".sh") {
			want = 0o755
		}
		if runtime.GOOS != "windows" && info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", rel, info.Mode(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n != len(c) {
		t.Errorf("%d files, want %d", n, len(c))
	}
}

// random makes an artifact with nested folders, twins and empty files.
func random(rnd *rand.Rand) contents {
	c := contents{}
	extensions := []string{".bin", ".json", ".md", ".sh", ".csv", "", ".Üx"}
	for i := range 1 + rnd.IntN(12) {
		path := fmt.Sprintf("f%d%s", i, extensions[rnd.IntN(len(extensions))])
		for range rnd.IntN(3) {
			path = fmt.Sprintf("d%d/%s", rnd.IntN(2), path)
		}
		c[path] = strings.Repeat("x", rnd.IntN(3)) + strings.Repeat("y", rnd.IntN(2)*70000)
	}
	return c
}

// What was pushed is what is read and pulled, whatever the order.
func TestRoundTrip(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		ctx := context.Background()
		rnd := rand.New(rand.NewPCG(7, 11))
		for i := range 20 {
			c := random(rnd)
			kind := []manifest.Kind{manifest.KindModel, manifest.KindDataset}[i%2]
			files := c.files()
			enc, err := Encode(kind, files)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Push(ctx, repo, enc, files, c.open, PushOptions{}); err != nil {
				t.Fatal(err)
			}
			remote, err := Read(ctx, repo, enc.Digest())
			if err != nil {
				t.Fatal(err)
			}
			checkRemote(t, remote, kind, files)
			if remote.Desc.Digest != enc.Desc.Digest || remote.Desc.Size != enc.Desc.Size {
				t.Errorf("read %+v, pushed %+v", remote.Desc, enc.Desc)
			}
			dir := filepath.Join(t.TempDir(), "new")
			if _, err := Pull(ctx, remote, repo, dir, PullOptions{}); err != nil {
				t.Fatal(err)
			}
			c.check(t, dir)
			again, err := Push(ctx, repo, enc, files, c.open, PushOptions{})
			if err != nil || again.Uploaded != 0 || again.Bytes != 0 || again.Skipped != len(files) {
				t.Errorf("pushed again: %+v, %v", again, err)
			}
		}
	})
}

func TestPullOnly(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	c := contents{"a.json": "1", "weights/b.bin": "2"}
	remote := pushed(t, repo, c)
	dir := t.TempDir()
	only := func(f manifest.File) bool { return f.Path == "a.json" }
	if _, err := Pull(context.Background(), remote, repo, dir, PullOptions{Only: only}); err != nil {
		t.Fatal(err)
	}
	contents{"a.json": "1"}.check(t, dir)
}

func pushed(t *testing.T, repo registry.Repository, c contents) *Remote {
	t.Helper()
	enc, err := Encode(manifest.KindModel, c.files())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Push(context.Background(), repo, enc, c.files(), c.open, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	remote, err := Read(context.Background(), repo, enc.Digest())
	if err != nil {
		t.Fatal(err)
	}
	return remote
}

// Nothing refers to a file that changed while it was being pushed, and the
// next push, which knows the new bytes, sends what is missing and no more.
func TestPushChangedFile(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		ctx := context.Background()
		c := contents{"a.bin": "same", "b.bin": "before"}
		files := c.files()
		enc, err := Encode(manifest.KindModel, files)
		if err != nil {
			t.Fatal(err)
		}
		c["b.bin"] = "after!"
		_, err = Push(ctx, repo, enc, files, c.open, PushOptions{Options: transfer.Options{Concurrency: 1}})
		if err == nil || !strings.Contains(err.Error(), "push b.bin") || !strings.Contains(err.Error(), "changed while it was being pushed") {
			t.Errorf("got %v", err)
		}
		if _, err := Read(ctx, repo, enc.Digest()); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("the manifest: %v", err)
		}
		remote := pushed(t, repo, c)
		if got, want := len(remote.Files), 2; got != want {
			t.Errorf("%d files, want %d", got, want)
		}
	})
}

func TestPushOtherFiles(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	c := contents{"a.bin": "1"}
	enc, err := Encode(manifest.KindModel, c.files())
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []contents{{"a.bin": "2"}, {"b.bin": "1"}, {}} {
		if _, err := Push(context.Background(), repo, enc, other.files(), other.open, PushOptions{}); err == nil || !strings.Contains(err.Error(), "not of these files") {
			t.Errorf("%v: got %v", other, err)
		}
	}
}

func TestReadHostile(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		ctx := context.Background()
		if _, err := Read(ctx, repo, ref.Of([]byte("nothing"))); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("missing: got %v", err)
		}
		c := contents{"a.bin": "x"}
		pushed(t, repo, c) // so that the blobs of the hostile manifest are there
		data := hostile(t, func(m, l, a object) {
			setPath(a, "../../escaped")
			m["config"] = l // a blob that is there
			m["config"].(object)["mediaType"] = typeModelConfig
			m["layers"] = copies(l, 1, func(int) string { return "../../escaped" })
			m["layers"].([]any)[0].(object)["mediaType"] = roleWeight.mediaType()
		})
		desc, err := repo.PushManifest(ctx, ocispec.MediaTypeImageManifest, data)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Read(ctx, repo, ref.Digest(desc.Digest))
		if err == nil || !strings.Contains(err.Error(), "leaves its folder") || !strings.Contains(err.Error(), string(desc.Digest)) {
			t.Errorf("got %v", err)
		}
	})
}

// A Remote that did not come from Read is not trusted either.
func TestPullChecksPaths(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "target")
	repo := repository(t, "oci-layout:registry")
	pushed(t, repo, contents{"a.bin": "x"})
	for _, path := range []string{"../escaped", "/escaped", ".git/hooks/x", "model.yaml"} {
		remote := &Remote{Kind: manifest.KindModel, Files: []manifest.File{file(path, "x")}}
		if _, err := Pull(context.Background(), remote, repo, dir, PullOptions{}); err == nil {
			t.Errorf("%s was pulled", path)
		}
	}
	if entries, err := os.ReadDir(base); err != nil || len(entries) != 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}

// A registry that serves other bytes than it was given leaves no trace.
func TestPullCorrupt(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	remote := pushed(t, repo, contents{"a.bin": "one", "b.bin": "two"})
	server.Corrupt(string(ref.Of([]byte("two"))))
	dir := t.TempDir()
	_, err := Pull(context.Background(), remote, repo, dir, PullOptions{})
	if !errors.Is(err, transfer.ErrCorrupt) || !strings.Contains(err.Error(), "b.bin") {
		t.Errorf("got %v", err)
	}
	contents{}.check(t, dir)
}

// The manifests that tools find must have the shape they look for.
func TestManifestShape(t *testing.T) {
	enc, err := Encode(manifest.KindDataset, datasetFiles)
	if err != nil {
		t.Fatal(err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(enc.Manifest, &m); err != nil {
		t.Fatal(err)
	}
	if m.ArtifactType != TypeDataset || m.Config.MediaType != ocispec.MediaTypeEmptyJSON || m.Config.Digest != ocispec.DescriptorEmptyJSON.Digest ||
		len(m.Annotations) != 0 || m.Subject != nil {
		t.Errorf("got %s", enc.Manifest)
	}
	if i := slices.IndexFunc(m.Layers, func(l ocispec.Descriptor) bool { return l.MediaType != "application/vnd.cncf.model.dataset.v1.raw" }); i >= 0 {
		t.Errorf("layer %d has media type %s", i, m.Layers[i].MediaType)
	}
}
