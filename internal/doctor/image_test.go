package doctor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
	"github.com/waybill-dev/waybill/internal/transfer"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// pushImage is push with an image of the content under its tag, and under those
// given.
func (x *world) pushImage(content string, tags ...string) *artifact.Image {
	x.t.Helper()
	x.push(content)
	ctx := context.Background()
	dir := x.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "w.bin"), []byte(content), 0o644); err != nil {
		x.t.Fatal(err)
	}
	files := []manifest.File{{Path: "w.bin", Size: int64(len(content)), Digest: ref.Of([]byte(content))}}
	enc, err := artifact.Encode(manifest.KindModel, files)
	if err != nil {
		x.t.Fatal(err)
	}
	repo := x.repo()
	image, err := artifact.BuildImage(ctx, enc, files, artifact.Files(dir), nil)
	if err != nil {
		x.t.Fatal(err)
	}
	if _, err := artifact.PushImage(ctx, repo, image, artifact.Files(dir), transfer.Options{}); err != nil {
		x.t.Fatal(err)
	}
	id, err := manifest.ContentDigest(files)
	if err != nil {
		x.t.Fatal(err)
	}
	for _, tag := range append(tags, artifact.ImageTag("lock-"+id.Short())) {
		if err := repo.Tag(ctx, image.Desc, tag); err != nil {
			x.t.Fatal(err)
		}
	}
	return image
}

func (x *world) repo() registry.Repository {
	x.t.Helper()
	repo, err := x.w.Repository("sentiment")
	if err != nil {
		x.t.Fatal(err)
	}
	return repo
}

// An image goes together with its encoding, and stays with it. What is left of
// one whose encoding is gone goes alone.
func TestCollectGarbageImages(t *testing.T) {
	anywhere(t, func(t *testing.T, x *world, _ *testregistry.Registry) {
		ctx := context.Background()
		kept, gone := x.pushImage("weights"), x.pushImage("gone")
		x.age()
		g, _ := x.collect(true, 0)
		if len(g.Items) != 1 || g.Items[0].State != StateDeleted || len(g.Items[0].Tags) != 2 || !strings.HasSuffix(g.Items[0].Tags[1], "-image") {
			t.Errorf("%+v", g.Items)
		}
		if _, err := x.repo().Resolve(ctx, string(gone.Desc.Digest)); !errors.Is(err, workspace.ErrNotFound) {
			t.Errorf("the image is still there: %v", err)
		}
		if _, err := x.repo().Resolve(ctx, string(kept.Desc.Digest)); err != nil {
			t.Error(err)
		}
		for _, l := range kept.Layers {
			if has, err := x.repo().HasBlob(ctx, l.Desc); err != nil || !has {
				t.Errorf("a layer of the image that stays is gone: %v", err)
			}
		}
		if n := slices.IndexFunc(x.tags(), func(tag string) bool { return strings.HasSuffix(tag, "-image") }); n < 0 {
			t.Errorf("no image has a tag: %v", x.tags())
		}
		alone := x.pushImage("alone")
		encoding := x.push("alone")
		if err := x.repo().Delete(ctx, encoding); err != nil {
			t.Fatal(err)
		}
		x.age()
		if _, states := x.collect(true, 0); !slices.Equal(states, []string{string(alone.Desc.Digest) + " " + StateDeleted}) {
			t.Errorf("%v", states)
		}
	})
}

// Where the manifest asks for an image, Verify looks for it, and with deep for
// the files in its layers.
func TestVerifyImage(t *testing.T) {
	x := newWorld(t)
	x.examine(true)
	x.write("m/model.yaml", "apiVersion: waybill.dev/v1\nkind: Model\nname: sentiment\nfiles: [w.bin]\nkubernetes: true\n")
	x.open()
	contains(t, x.verify(false), "FAIL\nverify.image sentiment: the registry does not list its image", "run: waybill push sentiment")
	if got := x.verify(true, "sentiment@v1.0.0"); got != "PASS" {
		t.Errorf("the manifest of v1.0.0 asked for none: %s", got)
	}
	image := x.pushImage("weights")
	for _, deep := range []bool{false, true} {
		if got := x.verify(deep); got != "PASS" {
			t.Errorf("deep %v: %s", deep, got)
		}
	}
	layer := filepath.Join(x.dir, ".waybill", "registry", "blobs", "sha256", image.Layers[0].Desc.Digest.Encoded())
	if err := os.Remove(layer); err != nil {
		t.Fatal(err)
	}
	contains(t, x.verify(false), "verify.image sentiment: the registry does not have the image's layer of w.bin of ")
	// A layer that somebody else made, of the right size.
	other := make([]byte, image.Layers[0].Desc.Size)
	x.plant(image, other)
	if err := x.repo().Delete(context.Background(), image.Desc); err != nil {
		t.Fatal(err)
	}
	if got := x.verify(false); got != "PASS" {
		t.Errorf("sizes alone: %s", got)
	}
	contains(t, x.verify(true), "verify.content sentiment: the image's layer of w.bin: ", "it should have chunks of w.bin, which it has not")
	x.pushImage("weights")
	contains(t, x.verify(false), "FAIL\nverify.image", "2 images")
}

// The image that the ledger records is the one that has to be there, whatever the
// manifest asks for, and it is no evidence that could be attached.
func TestVerifyRecordedImage(t *testing.T) {
	x := newWorld(t)
	image := x.pushImage("other")
	encoding := x.push("other")
	content, err := manifest.ContentDigest([]manifest.File{{Path: "w.bin", Size: 5, Digest: ref.Of([]byte("other"))}})
	if err != nil {
		t.Fatal(err)
	}
	register := func(version string, image ref.Digest) {
		x.append(ledger.Event{Kind: ledger.KindRegister, ArtifactKind: "Model", Artifact: "sentiment", Version: ref.MustVersion(version),
			ContentDigest: content, Digest: ref.Digest(encoding.Digest), Commit: x.git("rev-parse", "HEAD"), Actor: ledger.Actor{Login: "ada@example.com"},
			Evidence: &ledger.Evidence{Others: map[string]ref.Digest{ledger.Image: image}}})
	}
	register("v1.1.0", ref.Digest(image.Desc.Digest))
	if got := x.verify(true, "sentiment@v1.1.0"); got != "PASS" {
		t.Error(got)
	}
	other := bytes.Repeat([]byte{1}, int(image.Layers[0].Desc.Size))
	x.plant(image, other)
	if err := x.repo().Delete(context.Background(), image.Desc); err != nil {
		t.Fatal(err)
	}
	contains(t, x.verify(false, "sentiment@v1.1.0"), "FAIL\nverify.image sentiment v1.1.0: the registry has an image of the same files, but not the one that was registered")
}

// plant stores an image with another layer.
func (x *world) plant(image *artifact.Image, other []byte) {
	x.t.Helper()
	ctx := context.Background()
	swap := func(data []byte, old, now digest.Digest) []byte {
		return []byte(strings.ReplaceAll(string(data), string(old), string(now)))
	}
	layer := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromBytes(other), Size: int64(len(other))}
	config := swap(image.Config, image.Layers[0].Desc.Digest, layer.Digest)
	configDesc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))}
	data := swap(swap(image.Manifest, image.Layers[0].Desc.Digest, layer.Digest), image.ConfigDesc.Digest, configDesc.Digest)
	for desc, blob := range map[*ocispec.Descriptor][]byte{&layer: other, &configDesc: config} {
		if err := x.repo().PushBlob(ctx, *desc, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(blob)), nil }); err != nil {
			x.t.Fatal(err)
		}
	}
	if _, err := x.repo().PushManifest(ctx, image.Desc.MediaType, data); err != nil {
		x.t.Fatal(err)
	}
}

// A version's image has its tag again after a fix.
func TestExamineImageTag(t *testing.T) {
	x := newWorld(t)
	x.write("m/model.yaml", "apiVersion: waybill.dev/v1\nkind: Model\nname: sentiment\nfiles: [w.bin]\nkubernetes: true\n")
	x.git("add", "-A")
	x.git("commit", "-q", "-m", "image")
	x.git("push", "-q", "origin", "main")
	image := x.pushImage("other", "v1.1.0-image")
	encoding := x.push("other")
	if err := x.repo().Tag(context.Background(), encoding, "v1.1.0"); err != nil {
		t.Fatal(err)
	}
	content, err := manifest.ContentDigest([]manifest.File{{Path: "w.bin", Size: 5, Digest: ref.Of([]byte("other"))}})
	if err != nil {
		t.Fatal(err)
	}
	x.append(ledger.Event{Kind: ledger.KindRegister, ArtifactKind: "Model", Artifact: "sentiment", Version: ref.MustVersion("v1.1.0"),
		ContentDigest: content, Digest: ref.Digest(encoding.Digest), Commit: x.git("rev-parse", "HEAD"), Actor: ledger.Actor{Login: "ada@example.com"}})
	if _, bad, mended := x.examine(true); strings.Contains(bad, "-image") || strings.Contains(strings.Join(mended, "\n"), "-image") {
		t.Errorf("mended %q, left:\n%s", mended, bad)
	}
	if err := x.repo().Untag(context.Background(), "v1.1.0-image"); err != nil {
		t.Fatal(err)
	}
	_, bad, _ := x.examine(false)
	contains(t, bad, "the registry has no tag v1.1.0-image")
	layer := filepath.Join(x.dir, ".waybill", "registry", "blobs", "sha256", image.Layers[0].Desc.Digest.Encoded())
	good, err := os.ReadFile(layer)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(layer, 0o644), os.WriteFile(layer, make([]byte, len(good)), 0o644)); err != nil {
		t.Fatal(err)
	}
	_, bad, _ = x.examine(true)
	contains(t, bad, "no tag v1.1.0-image; mending failed: the image's layer of w.bin: its bytes are other than they were")
	if err := os.WriteFile(layer, good, 0o644); err != nil {
		t.Fatal(err)
	}
	x.examine(true)
	desc, err := x.repo().Resolve(context.Background(), "v1.1.0-image")
	if err != nil || desc.Digest != image.Desc.Digest {
		t.Errorf("%v, %v", desc, err)
	}
}
