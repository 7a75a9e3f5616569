package artifact

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
	"github.com/waybill-dev/waybill/internal/transfer"
)

// imaged is an artifact of which there is an image, on disk and pushed.
type imaged struct {
	contents
	dir   string
	files []manifest.File
	enc   *Encoding
	reads atomic.Int32
}

func pushImaged(t *testing.T, repo registry.Repository, c contents) *imaged {
	t.Helper()
	m := &imaged{contents: c, dir: t.TempDir(), files: c.files()}
	for p, content := range c {
		m.write(t, p, content)
	}
	var err error
	if m.enc, err = Encode(manifest.KindModel, m.files); err != nil {
		t.Fatal(err)
	}
	if _, err := Push(context.Background(), repo, m.enc, m.files, Dir(m.dir), PushOptions{}); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *imaged) write(t *testing.T, p, content string) {
	t.Helper()
	p = filepath.Join(m.dir, filepath.FromSlash(p))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (m *imaged) open(f manifest.File) func() (*os.File, error) {
	open := Files(m.dir)(f)
	return func() (*os.File, error) {
		m.reads.Add(1)
		return open()
	}
}

func (m *imaged) build() (*Image, error) {
	return BuildImage(context.Background(), m.enc, m.files, m.open, nil)
}

func (m *imaged) push(t *testing.T, repo registry.Repository) (*Image, transfer.Stats) {
	t.Helper()
	image, err := m.build()
	if err != nil {
		t.Fatal(err)
	}
	stats, err := PushImage(context.Background(), repo, image, m.open, transfer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return image, stats
}

var (
	longName   = strings.Repeat("long-", 30) + ".bin"
	imageFiles = contents{
		"model.safetensors":                     strings.Repeat("w", 70_000),
		"block.bin":                             strings.Repeat("b", 512),
		"empty.bin":                             "",
		"config/tokenizer/vocab.json":           `{"a":0}`,
		"config/" + longName:                    "long",
		"bin/convert.sh":                        "exit",
		"ünïcode & signs.json":                  "{}",
		strings.Repeat("folder-/", 14) + "f.md": "deep", // USTAR splits it
	}
)

// The golden digests hold the bytes of headers, config and manifest, which
// archive/tar and encoding/json must not change under us.
func TestImageGolden(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	m := pushImaged(t, repo, imageFiles)
	image, _ := m.push(t, repo)
	golden(t, "image.manifest.json", image.Manifest)
	golden(t, "image.config.json", image.Config)
	var heads bytes.Buffer
	for _, l := range image.Layers {
		heads.Write(l.Head)
	}
	golden(t, "image.heads.tar", heads.Bytes())
	if want := digest.Digest("sha256:40650f01aa11c8201f3b6ba5a53ed7339d63077e5ba714651466bda17f136f2b"); image.Desc.Digest != want {
		t.Errorf("the manifest has %s, want %s", image.Desc.Digest, want)
	}
}

// What a registry holds unpacks to the files, with modes, and with folders that
// anybody may enter.
func TestImageUnpacks(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		ctx := context.Background()
		m := pushImaged(t, repo, imageFiles)
		image, stats := m.push(t, repo)
		if stats.Uploaded != len(imageFiles) {
			t.Errorf("%d layers were sent, want %d", stats.Uploaded, len(imageFiles))
		}
		_, data, err := repo.Manifest(ctx, ref.Digest(image.Desc.Digest))
		if err != nil {
			t.Fatal(err)
		}
		var got ocispec.Manifest
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if got.Subject == nil || got.Subject.Digest != m.enc.Desc.Digest || got.Config.MediaType != ocispec.MediaTypeImageConfig || got.ArtifactType != "" {
			t.Errorf("got %s", data)
		}
		rc, err := repo.Blob(ctx, got.Config)
		if err != nil {
			t.Fatal(err)
		}
		defer rc.Close()
		var config ocispec.Image
		if err := json.NewDecoder(rc).Decode(&config); err != nil {
			t.Fatal(err)
		}
		left := maps.Clone(imageFiles)
		for i, l := range got.Layers {
			if l.MediaType != ocispec.MediaTypeImageLayer || config.RootFS.DiffIDs[i] != l.Digest {
				t.Errorf("layer %d is %s of %s, its diff_id %s", i, l.Digest, l.MediaType, config.RootFS.DiffIDs[i])
			}
			rc, err := repo.Blob(ctx, l)
			if err != nil {
				t.Fatal(err)
			}
			left.untar(t, rc)
			rc.Close()
		}
		if len(left) > 0 {
			t.Errorf("the image lacks %q", slices.Collect(maps.Keys(left)))
		}
	})
}

// untar removes from c what is in the tar of a layer.
func (c contents) untar(t *testing.T, r io.Reader) {
	t.Helper()
	folders := map[string]bool{".": true}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" || h.ModTime.Unix() != 0 {
			t.Errorf("%s says more than it should: %+v", h.Name, h)
		}
		name := filepath.ToSlash(filepath.Clean(h.Name))
		if !folders[filepath.ToSlash(filepath.Dir(name))] {
			t.Errorf("%s comes before its folder", name)
		}
		if h.Typeflag == tar.TypeDir {
			if folders[name] = true; h.Mode != 0o755 {
				t.Errorf("%s has mode %o", name, h.Mode)
			}
			continue
		}
		mode := int64(0o644)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		if content, ok := c[name]; !ok || content != string(data) || h.Mode != mode || h.Typeflag != tar.TypeReg {
			t.Errorf("%s: mode %o, type %q, %d bytes", name, h.Mode, h.Typeflag, len(data))
		}
		delete(c, name)
	}
}

// A second push sends nothing, and of an image that was built before reads
// nothing; one of an image that lost a layer sends that layer.
func TestImagePushedTwice(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		ctx := context.Background()
		m := pushImaged(t, repo, imageFiles)
		built, err := m.build()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadImage(ctx, repo, m.enc, m.files, ref.Digest(built.Desc.Digest)); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("read before it was pushed: %v", err)
		}
		m.push(t, repo)
		m.reads.Store(0)
		again, err := ReadImage(ctx, repo, m.enc, m.files, ref.Digest(built.Desc.Digest))
		if err != nil {
			t.Fatal(err)
		}
		stats, err := PushImage(ctx, repo, again, m.open, transfer.Options{})
		if m.reads.Load() != 0 || stats.Uploaded != 0 || err != nil {
			t.Errorf("%d files were read, %d layers sent, %v", m.reads.Load(), stats.Uploaded, err)
		}
		found, err := FindImage(ctx, repo, &Remote{Desc: m.enc.Desc, Files: m.files})
		if err != nil || found.Desc.Digest != built.Desc.Digest {
			t.Errorf("found %+v, %v", found, err)
		}
		if _, err := ReadImage(ctx, repo, m.enc, m.files[1:], ref.Digest(built.Desc.Digest)); err == nil {
			t.Error("the image of other files was read")
		}
	})
}

func TestImageLostLayer(t *testing.T) {
	dir := t.TempDir()
	reg, err := registry.Open("oci-layout:registry", dir, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	repo, err := reg.Repository("sentiment")
	if err != nil {
		t.Fatal(err)
	}
	m := pushImaged(t, repo, imageFiles)
	image, _ := m.push(t, repo)
	lost := filepath.Join(dir, "registry", "blobs", "sha256", image.Layers[0].Desc.Digest.Encoded())
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}
	if _, stats := m.push(t, repo); stats.Uploaded != 1 {
		t.Errorf("%d layers were sent, want the lost one", stats.Uploaded)
	}
}

// An upload that breaks goes on in the middle of a tar.
func TestImageUploadResumes(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	m := pushImaged(t, repo, contents{"a.bin": strings.Repeat("0123456789", 400_000)})
	before := server.BytesReceived()
	server.CutNextUpload(3_000_000)
	image, _ := m.push(t, repo)
	if n := server.BytesReceived() - before; n > image.Layers[0].Desc.Size*105/100 {
		t.Errorf("%d bytes were received for a layer of %d", n, image.Layers[0].Desc.Size)
	}
}

// A manifest that anybody may have attached is not believed.
func TestImageHostile(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	m := pushImaged(t, repo, imageFiles)
	right, _ := m.push(t, repo)
	remote := &Remote{Desc: m.enc.Desc, Files: m.files}
	for name, change := range map[string]func(*ocispec.Manifest){
		"other subject":    func(m *ocispec.Manifest) { m.Subject.Size++ },
		"no subject":       func(m *ocispec.Manifest) { m.Subject = nil },
		"fewer layers":     func(m *ocispec.Manifest) { m.Layers = m.Layers[1:] },
		"order":            func(m *ocispec.Manifest) { slices.Reverse(m.Layers) },
		"size":             func(m *ocispec.Manifest) { m.Layers[0].Size++ },
		"media type":       func(m *ocispec.Manifest) { m.Layers[0].MediaType += "+gzip" },
		"digest":           func(m *ocispec.Manifest) { m.Layers[0].Digest = "sha256:../../x" },
		"other config":     func(m *ocispec.Manifest) { m.Config.Digest = digest.FromString("{}") },
		"foreign url":      func(m *ocispec.Manifest) { m.Layers[0].URLs = []string{"http://example.com"} },
		"other diff ids":   func(m *ocispec.Manifest) { m.Layers[0].Digest = digest.FromString("x") },
		"another document": func(m *ocispec.Manifest) { m.Layers = nil },
	} {
		var changed ocispec.Manifest
		if err := json.Unmarshal(right.Manifest, &changed); err != nil {
			t.Fatal(err)
		}
		change(&changed)
		data, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeImage(data, m.enc.Desc, m.files); err == nil {
			t.Errorf("%s: was believed", name)
		}
	}
	// Well-formed, but with another layer: only reading it would tell.
	layers := slices.Clone(right.Layers)
	other := make([]byte, layers[0].Desc.Size)
	layers[0].Desc.Digest = digest.FromBytes(other)
	planted, err := encodeImage(m.enc.Desc, layers)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		pushBytes(context.Background(), repo, layers[0].Desc, other),
		pushBytes(context.Background(), repo, planted.ConfigDesc, planted.Config),
	); err != nil {
		t.Fatal(err)
	}
	if _, err := repo.PushManifest(context.Background(), planted.Desc.MediaType, planted.Manifest); err != nil {
		t.Fatal(err)
	}
	if _, err := FindImage(context.Background(), repo, remote); err == nil || !strings.Contains(err.Error(), "2 images") {
		t.Errorf("got %v", err)
	}
}

func FuzzImage(f *testing.F) {
	files := contents{"a.bin": "x", "d/b.json": "{}"}.files()
	layers, err := imageLayers(files)
	if err != nil {
		f.Fatal(err)
	}
	subject := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("s"), Size: 1}
	for i := range layers {
		layers[i].Desc.Digest = digest.FromString(fmt.Sprint(i))
	}
	image, err := encodeImage(subject, layers)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(image.Manifest)
	f.Add([]byte(`{"layers":[{"digest":"sha256:"},{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		image, err := decodeImage(data, subject, files)
		if err == nil && (!bytes.Equal(data, image.Manifest) || len(image.Layers) != len(files)) {
			t.Errorf("took %s for an image", data)
		}
	})
}

// The image must never have other bytes than the encoding.
func TestImageFileChanged(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		for name, content := range map[string]string{"other": "Y", "longer": "yy", "shorter": ""} {
			m := pushImaged(t, repo, contents{"a.bin": "x", "b.bin": "y", name: "z"})
			m.write(t, "b.bin", content)
			if _, err := m.build(); err == nil || !strings.Contains(err.Error(), "b.bin changed while") {
				t.Errorf("%s, before: got %v", name, err)
			}
			m.write(t, "b.bin", "y")
			image, err := m.build()
			if err != nil {
				t.Fatal(err)
			}
			m.write(t, "b.bin", content)
			if _, err := PushImage(context.Background(), repo, image, m.open, transfer.Options{}); err == nil || !strings.Contains(err.Error(), "changed while") {
				t.Errorf("%s, after: got %v", name, err)
			}
			if _, err := repo.Resolve(context.Background(), string(image.Desc.Digest)); !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("%s: something refers to what is missing: %v", name, err)
			}
		}
	})
}

func TestCheckImage(t *testing.T) {
	many := make([]manifest.File, maxImageLayers+1)
	for i := range many {
		many[i] = file(fmt.Sprintf("f%d", i), "")
	}
	for want, files := range map[string][]manifest.File{
		"257 files, at most 256": many,
		`begins with ".wh."`:     {file("a/.wh.b", "")},
		"a/.wh.b/c: in an image": {file("a/.wh.b/c", "")},
	} {
		if err := CheckImage(files); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
	}
	if err := CheckImage(many[1:]); err != nil {
		t.Error(err)
	}
}

// The tar of a file reads the same from any place on.
func TestImageLayerSeeks(t *testing.T) {
	m := &imaged{dir: t.TempDir()}
	m.write(t, "d/a.bin", strings.Repeat("x", 700))
	f := file("d/a.bin", strings.Repeat("x", 700))
	layers, err := imageLayers([]manifest.File{f})
	if err != nil {
		t.Fatal(err)
	}
	rc, err := layers[0].open(m.open(f))
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	whole, err := io.ReadAll(rc)
	if err != nil || int64(len(whole)) != layers[0].Desc.Size || len(whole)%tarBlock != 0 {
		t.Fatalf("%d bytes, %v; want %d", len(whole), err, layers[0].Desc.Size)
	}
	for at := 0; at <= len(whole); at += 61 {
		if _, err := rc.(io.Seeker).Seek(int64(at), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(few{rc}); err != nil || !bytes.Equal(rest, whole[at:]) {
			t.Errorf("from %d on: %d bytes, %v", at, len(rest), err)
		}
	}
}

// few reads 13 bytes at a time.
type few struct{ io.Reader }

func (r few) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), 13)]) }

// Sizes past USTAR's 8 GiB are exact.
func TestImageLargeFile(t *testing.T) {
	f := manifest.File{Path: "large.bin", Size: 9_000_000_001}
	head, tail, err := tarAround(f)
	if err != nil {
		t.Fatal(err)
	}
	h, err := tar.NewReader(bytes.NewReader(head)).Next()
	if err != nil || h.Size != f.Size || h.Format != tar.FormatPAX {
		t.Errorf("got %+v, %v", h, err)
	}
	if total := int64(len(head)) + f.Size + int64(len(tail)); total%tarBlock != 0 {
		t.Errorf("%d bytes are not whole blocks", total)
	}
}
