package artifact

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/transfer"
)

// Image is a model as a container image without a program, for runtimes that
// mount nothing else as a volume (containerd). It stands beside the encoding,
// which is its subject, and takes no part in the identity of the model. Its
// bytes are a function of the files.
//
// Each file is a layer, in the order of the encoding: an uncompressed tar. A
// registry thus stores every file twice, and a node unpacks only what changed
// and what comes after it.
type Image struct {
	Manifest   []byte // canonical JSON
	Desc       ocispec.Descriptor
	Config     []byte
	ConfigDesc ocispec.Descriptor
	Layers     []ImageLayer
}

// ImageLayer is the tar of one file.
type ImageLayer struct {
	Desc       ocispec.Descriptor
	File       manifest.File
	Head, Tail []byte // what stands before and after the file's bytes
}

// maxImageLayers is how many layers nodes can be trusted to mount: the overlay
// file system takes their names in one page of memory, and each may need ten
// bytes.
const maxImageLayers = 256

// whiteout begins the names of files that delete others (OCI image-spec 1.1,
// "Whiteouts").
const whiteout = ".wh."

// ImageTag returns the tag of the image of the encoding that has the tag given.
func ImageTag(tag string) string { return tag + "-image" }

// CheckImage tells why there can be no image of files.
func CheckImage(files []manifest.File) error {
	if len(files) > maxImageLayers {
		return fmt.Errorf("kubernetes: %d files, at most %d, since each is a layer that nodes mount; put them into fewer files, or remove the key", len(files), maxImageLayers)
	}
	for _, f := range files {
		for part := range strings.SplitSeq(f.Path, "/") {
			if strings.HasPrefix(part, whiteout) {
				return fmt.Errorf("kubernetes: %s: in an image, a name that begins with %q deletes a file; rename it, or remove the key", f.Path, whiteout)
			}
		}
	}
	return nil
}

// BuildImage makes the image of an encoding by reading each file once; hashed,
// which may be nil, is told of every part, one call at a time.
func BuildImage(ctx context.Context, enc *Encoding, files []manifest.File,
	open func(manifest.File) func() (*os.File, error), hashed func(n int64)) (*Image, error) {
	fail := func(err error) (*Image, error) { return nil, fmt.Errorf("make the image: %w", err) }
	if err := CheckImage(files); err != nil {
		return fail(err)
	}
	layers, err := imageLayers(files)
	if err != nil {
		return fail(err)
	}
	if err := hashLayers(ctx, layers, open, hashed); err != nil {
		return fail(err)
	}
	image, err := encodeImage(enc.Desc, layers)
	if err != nil {
		return fail(err)
	}
	return image, nil
}

// ReadImage returns the image of an encoding that was built before and has this
// digest, registry.ErrNotFound when repo does not have it.
func ReadImage(ctx context.Context, repo registry.Repository, enc *Encoding, files []manifest.File, d ref.Digest) (*Image, error) {
	_, data, err := repo.Manifest(ctx, d)
	var image *Image
	if err == nil {
		image, err = decodeImage(data, enc.Desc, files)
	}
	if err != nil {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	return image, nil
}

// PushImage brings an image into repo: the layers, the config, and the manifest
// when all are there. What repo has is not sent. It sets no tag.
func PushImage(ctx context.Context, repo registry.Repository, image *Image,
	open func(manifest.File) func() (*os.File, error), opts transfer.Options) (transfer.Stats, error) {
	sources := make([]transfer.Source, len(image.Layers))
	for i, l := range image.Layers {
		sources[i] = transfer.Source{Desc: l.Desc, Name: l.File.Path, Open: func() (io.ReadCloser, error) { return l.open(open(l.File)) }}
	}
	stats, err := transfer.Push(ctx, repo, sources, opts)
	if err != nil {
		return stats, fmt.Errorf("the image: %w", err)
	}
	if err := pushBytes(ctx, repo, image.ConfigDesc, image.Config); err != nil {
		return stats, fmt.Errorf("push the image's config: %w", err)
	}
	// Also when it is there: a list of referrers that lost it is mended so.
	desc, err := repo.PushManifest(ctx, image.Desc.MediaType, image.Manifest)
	if err == nil && desc.Digest != image.Desc.Digest {
		err = fmt.Errorf("%s: it was stored as %s, not %s", repo, desc.Digest, image.Desc.Digest)
	}
	if err != nil {
		return stats, fmt.Errorf("push the image's manifest: %w", err)
	}
	return stats, nil
}

// ErrImages means that a registry lists several images of one encoding.
var ErrImages = errors.New("at most one can be right")

// FindImage returns the image of a model, registry.ErrNotFound when repo lists
// none, ErrImages when it lists several. Anybody can have attached it: whether
// the layers hold the files, only reading them tells.
func FindImage(ctx context.Context, repo registry.Repository, remote *Remote) (*Image, error) {
	found, err := findImages(ctx, repo, remote.Desc, remote.Files)
	switch {
	case err != nil:
		return nil, fmt.Errorf("find the image: %w", err)
	case len(found) == 0:
		return nil, fmt.Errorf("%s has no image of %s: %w", repo, remote.Desc.Digest, registry.ErrNotFound)
	case len(found) > 1:
		return nil, fmt.Errorf("%s has %d images of %s, %s and %s: %w; \"waybill push --format json\" names it, delete the others",
			repo, len(found), remote.Desc.Digest, found[0].Desc.Digest, found[1].Desc.Digest, ErrImages)
	}
	return found[0], nil
}

// maxImages bounds how many manifests are read in search of an image.
const maxImages = 100

// findImages returns the referrers of subject that are an image of files in all
// but, possibly, the content of layers. What is otherwise is passed over.
func findImages(ctx context.Context, repo registry.Repository, subject ocispec.Descriptor, files []manifest.File) ([]*Image, error) {
	referrers, err := repo.Referrers(ctx, subject, ocispec.MediaTypeImageConfig)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(referrers) > maxImages {
		return nil, fmt.Errorf("%s: %s has %d referrers that are images, at most %d", repo, subject.Digest, len(referrers), maxImages)
	}
	var found []*Image
	for _, r := range referrers {
		_, data, err := repo.Manifest(ctx, ref.Digest(r.Digest))
		if errors.Is(err, registry.ErrNotFound) {
			continue // listed, but deleted since
		}
		if err != nil {
			return nil, err
		}
		if image, err := decodeImage(data, subject, files); err == nil {
			found = append(found, image)
		}
	}
	return found, nil
}

var errOtherImage = errors.New("not the image of these files")

// decodeImage reads a manifest that should be the image of files. Only the
// digests of the layers are taken from it; all else must be as encodeImage has it.
func decodeImage(data []byte, subject ocispec.Descriptor, files []manifest.File) (*Image, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	layers, err := imageLayers(files)
	if err != nil {
		return nil, err
	}
	if len(m.Layers) != len(layers) {
		return nil, errOtherImage
	}
	for i, l := range m.Layers {
		if _, err := ref.ParseDigest(string(l.Digest)); err != nil {
			return nil, err
		}
		layers[i].Desc.Digest = l.Digest
	}
	image, err := encodeImage(subject, layers)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(data, image.Manifest) {
		return nil, errOtherImage
	}
	return image, nil
}

// encodeImage returns the image that has layers.
//
// The platform is a formality. Kubernetes pulls a volume for the platform of the
// node, but of an image without an index containerd takes the one manifest
// "without considering the platform inside of the config" (core/images,
// Manifest; its CRI then unpacks it for any platform), and CRI-O only logs that
// it is another. Naming none would be against image-spec 1.1, which requires it.
func encodeImage(subject ocispec.Descriptor, layers []ImageLayer) (*Image, error) {
	image := &Image{Layers: layers}
	config := ocispec.Image{
		Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"},
		RootFS:   ocispec.RootFS{Type: "layers"},
	}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Subject:   &ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
	}
	for _, l := range layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.Desc.Digest)
		m.Layers = append(m.Layers, l.Desc)
	}
	var err error
	if image.Config, err = canonical.Marshal(config); err != nil {
		return nil, err
	}
	image.ConfigDesc = describe(ocispec.MediaTypeImageConfig, image.Config)
	m.Config = image.ConfigDesc
	if image.Manifest, err = canonical.Marshal(m); err != nil {
		return nil, err
	}
	image.Desc = describe(m.MediaType, image.Manifest)
	return image, nil
}

// imageLayers returns the layers, without digests.
func imageLayers(files []manifest.File) ([]ImageLayer, error) {
	sorted := slices.Clone(files)
	sortByRole(manifest.KindModel, sorted)
	layers := make([]ImageLayer, len(sorted))
	for i, f := range sorted {
		head, tail, err := tarAround(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		layers[i] = ImageLayer{File: f, Head: head, Tail: tail, Desc: ocispec.Descriptor{
			MediaType: ocispec.MediaTypeImageLayer, Size: int64(len(head)) + f.Size + int64(len(tail)),
		}}
	}
	return layers, nil
}
