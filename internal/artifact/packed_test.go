package artifact

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
	"github.com/waybill-dev/waybill/internal/transfer"
)

// many are n files of 1,000 bytes.
func many(seed byte, n int) contents {
	rnd := rand.NewChaCha8([32]byte{seed})
	c := contents{}
	for i := range n {
		data := make([]byte, 1000)
		rnd.Read(data)
		c[fmt.Sprintf("%02d/%05d", i/100, i)] = string(data)
	}
	return c
}

func pushPacked(t testing.TB, repo registry.Repository, c contents, previous ...ref.Digest) (*Encoding, transfer.Stats) {
	t.Helper()
	dir := t.TempDir()
	open := func(f manifest.File) func() (*os.File, error) {
		return func() (*os.File, error) {
			name := filepath.Join(dir, f.Digest.Hex())
			if err := os.WriteFile(name, []byte(c[f.Path]), 0o644); err != nil {
				return nil, err
			}
			return os.Open(name)
		}
	}
	enc, stats, err := PushPacked(context.Background(), repo, c.files(), open, PackOptions{Previous: previous})
	if err != nil {
		t.Fatal(err)
	}
	return enc, stats
}

func TestPushPacked(t *testing.T) {
	everywhere(t, func(t *testing.T, repo registry.Repository) {
		ctx := context.Background()
		c := many(1, 1900)
		c["run.sh"], c["empty"] = "#!/bin/sh\n", ""
		first, _ := pushPacked(t, repo, c)
		again, stats := pushPacked(t, repo, c, first.Digest())
		if again.Digest() != first.Digest() || stats.Bytes != 0 {
			t.Errorf("the same files again: %s, %+v", again.Digest(), stats)
		}
		remote, err := Read(ctx, repo, first.Digest())
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := manifest.ContentDigest(c.files()); remote.ContentDigest != want || remote.Kind != manifest.KindDataset {
			t.Errorf("%+v", remote)
		}

		// A version after version: each is an index and what changed of it, and
		// never what changed of what changed.
		last := first
		for i := range 4 {
			c[fmt.Sprintf("00/%05d", i)] = fmt.Sprint("changed ", i)
			delete(c, fmt.Sprintf("17/%05d", 1700+i))
			next, stats := pushPacked(t, repo, c, last.Digest(), first.Digest())
			if stats.Bytes > 100 {
				t.Errorf("change %d: %d bytes in packs", i, stats.Bytes)
			}
			if len(next.Layers) < 3 || next.Layers[0].Digest != first.Layers[0].Digest || next.Layers[1].MediaType != typeDelta || next.Layers[1].Size > 4000 {
				t.Errorf("change %d: layers %+v", i, next.Layers)
			}
			last = next
		}
		got := filepath.Join(t.TempDir(), "got")
		if remote, err = Read(ctx, repo, last.Digest()); err != nil {
			t.Fatal(err)
		}
		if _, err := Pull(ctx, remote, repo, got, PullOptions{}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for p, want := range c {
			data, err := os.ReadFile(filepath.Join(got, filepath.FromSlash(p)))
			if err != nil || string(data) != want {
				t.Fatalf("%s: %v", p, err)
			}
			n++
		}
		if info, err := os.Stat(filepath.Join(got, "run.sh")); err != nil || n != len(remote.Files) {
			t.Errorf("%v, %d of %d files", info, n, len(remote.Files))
		}
		// Much that changed is worth an index of its own.
		other, _ := pushPacked(t, repo, many(2, 1900), last.Digest())
		if other.Layers[1].MediaType != typePack {
			t.Errorf("layers %+v", other.Layers)
		}
	})
}

// A version whose index is damaged, or of a later release, is no reason not to
// push the next one; a registry that does not answer is.
func TestPushPackedAfterDamage(t *testing.T) {
	server := testregistry.New(t)
	repo := repository(t, server.URL)
	c := many(1, 500)
	first, _ := pushPacked(t, repo, c)
	server.Corrupt(string(first.Layers[0].Digest))
	c["00/00000"] = "changed"
	second, stats := pushPacked(t, repo, c, first.Digest())
	if stats.Uploaded != 1 || stats.Bytes < 499_000 {
		t.Errorf("%+v", stats)
	}
	server.FailMatching("GET /v2/sentiment/blobs/"+string(second.Layers[0].Digest), 100, 403)
	open := func(manifest.File) func() (*os.File, error) { return nil }
	if _, _, err := PushPacked(context.Background(), repo, c.files(), open, PackOptions{Previous: []ref.Digest{second.Digest()}}); !errors.Is(err, registry.ErrUnauthorized) {
		t.Errorf("got %v", err)
	}
}

// What somebody wrote beside the index does not come into later manifests.
func TestPushPackedPlainDescriptors(t *testing.T) {
	repo := repository(t, "oci-layout:registry")
	c := many(1, 1900)
	first, _ := pushPacked(t, repo, c)
	layers := slices.Clone(first.Layers)
	layers[0].Annotations = map[string]string{ocispec.AnnotationTitle: "escaped"}
	data, err := canonical.Marshal(ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		ArtifactType: TypeDataset, Config: first.ConfigDesc, Layers: layers})
	if err != nil {
		t.Fatal(err)
	}
	annotated, err := repo.PushManifest(context.Background(), ocispec.MediaTypeImageManifest, data)
	if err != nil {
		t.Fatal(err)
	}
	c["00/00000"] = "changed"
	second, _ := pushPacked(t, repo, c, ref.Digest(annotated.Digest))
	if l := second.Layers[0]; l.Digest != layers[0].Digest || l.Annotations != nil {
		t.Errorf("%+v", l)
	}
}

// What a registry says of a packed dataset is checked before anything is
// believed.
func TestReadPackedHostile(t *testing.T) {
	ctx := context.Background()
	repo := repository(t, "oci-layout:registry")
	c := many(1, 1900)
	first, _ := pushPacked(t, repo, c)
	c["00/00000"] = "changed"
	second, _ := pushPacked(t, repo, c, first.Digest())
	push := func(data []byte) ocispec.Descriptor {
		desc := describe("x", data)
		if err := pushBytes(ctx, repo, desc, data); err != nil {
			t.Fatal(err)
		}
		return desc
	}
	garbage := push([]byte("no index"))
	sum := digest.FromString("x")
	unsafe := &transfer.Index{Chunker: "x", Blobs: []transfer.Blob{{Digest: ref.Digest(first.Layers[1].Digest), Size: first.Layers[1].Size}},
		Files: []transfer.IndexedFile{{Path: ".git/config", Size: 1, Digest: ref.Digest(sum), Chunks: []transfer.Chunk{{Sum: sha256.Sum256([]byte("x")), Length: 1}}}}}
	unsafeBlob, err := unsafe.Encode()
	if err != nil {
		t.Fatal(err)
	}
	unsafeDesc := push(unsafeBlob)
	for want, layers := range map[string][]ocispec.Descriptor{
		"the index names 1 packs, the manifest 0": {first.Layers[0]},
		"names another":                 {first.Layers[0], func() ocispec.Descriptor { d := garbage; d.MediaType = typePack; return d }()},
		"media type":                    {first.Layers[0], garbage},
		"cannot be decompressed":        {{MediaType: typeIndex, Digest: garbage.Digest, Size: garbage.Size}, first.Layers[1]},
		"the delta is of another index": {{MediaType: typeIndex, Digest: unsafeDesc.Digest, Size: unsafeDesc.Size}, second.Layers[1], second.Layers[2]},
		"reaches into .git":             {{MediaType: typeIndex, Digest: unsafeDesc.Digest, Size: unsafeDesc.Size}, first.Layers[1]},
		"0 bytes, at most":              {{MediaType: typeIndex, Digest: garbage.Digest}, first.Layers[1]},
		"damaged; push it again":        {{MediaType: typeIndex, Digest: garbage.Digest, Size: 1 << 20}, first.Layers[1]},
	} {
		var m ocispec.Manifest
		m.SchemaVersion, m.MediaType, m.ArtifactType, m.Config, m.Layers = 2, ocispec.MediaTypeImageManifest, TypeDataset, first.ConfigDesc, layers
		data, err := canonical.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		parsed, _, err := parseManifest(data)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodePacked(ctx, repo, parsed); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestAssignSplits(t *testing.T) {
	a := &manifest.Artifact{Kind: manifest.KindDataset, Dataset: &manifest.Dataset{}, Files: []manifest.FileSet{
		{Split: "train", Patterns: []manifest.Pattern{{Glob: "train/**/*.png"}, {Glob: "extra.csv"}}},
		{Split: "test", Patterns: []manifest.Pattern{{Glob: "test"}, {Glob: "more/"}}},
		{Split: "dots", Patterns: []manifest.Pattern{{Glob: "hidden/.*/**"}}},
	}}
	for p, want := range map[string]string{
		"train/a.png": "train", "train/b/c/d.png": "train", "train/a.jpg": "", "extra.csv": "train", "test/x": "test", "test2/x": "",
		"more/y/z": "test", "train/.hidden/a.png": "", "hidden/.a/b": "dots", "hidden/a/b": "",
	} {
		files := []manifest.File{{Path: p}}
		AssignSplits(a, files)
		if files[0].Split != want {
			t.Errorf("%s: split %q, want %q", p, files[0].Split, want)
		}
	}
}
