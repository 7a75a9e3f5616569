package artifact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/transfer"
)

// What Read accepts is wider than what Encode writes, because other tools
// write ModelPacks as well. The total is far beyond any artifact and far from
// overflowing sums.
const (
	maxReadFiles = 4000
	maxReadBytes = 1 << 50
)

// Remote is an artifact in a registry, as its manifest tells.
type Remote struct {
	Desc          ocispec.Descriptor // of the manifest
	Kind          manifest.Kind
	Files         []manifest.File // sorted by path; splits are not known to a registry
	ContentDigest ref.Digest      // recomputed from Files
	// Index says where the files are in the packs; nil unless the artifact is a
	// packed dataset.
	Index *transfer.Index
}

// Read fetches the manifest with this digest and returns what it holds. It
// trusts nothing in it: media types, paths, sizes and digests are checked, and
// the content digest is computed from the files, for the caller to compare
// with the lock. An artifact that is not there is registry.ErrNotFound.
func Read(ctx context.Context, repo registry.Repository, digest ref.Digest) (*Remote, error) {
	desc, data, err := repo.Manifest(ctx, digest)
	if err != nil {
		return nil, fmt.Errorf("read artifact: %w", err)
	}
	m, kind, err := parseManifest(data)
	var remote *Remote
	switch {
	case err != nil:
	case isPacked(m):
		var p *packedIndex
		if p, err = decodePacked(ctx, repo, m); err == nil {
			remote = &Remote{Kind: kind, Files: p.files, ContentDigest: p.content, Index: p.whole}
		}
	default:
		remote, err = decodePlain(m, kind)
	}
	if err != nil {
		return nil, fmt.Errorf("read artifact: %s@%s: not one that this release can use: %w", repo, digest, err)
	}
	remote.Desc = desc
	return remote, nil
}

// parseManifest reads what is common to all layouts.
func parseManifest(data []byte) (*ocispec.Manifest, manifest.Kind, error) {
	if len(data) > maxManifestSize {
		return nil, "", fmt.Errorf("the manifest has %d bytes, at most %d", len(data), maxManifestSize)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, "", fmt.Errorf("the manifest is not valid JSON: %w", err)
	}
	kind, err := kindOf(&m)
	return &m, kind, err
}

// decodePlain reads the manifest of an artifact with one layer a file. The
// result satisfies checkPaths.
func decodePlain(m *ocispec.Manifest, kind manifest.Kind) (*Remote, error) {
	switch {
	case len(m.Layers) == 0:
		return nil, errors.New("it has no files")
	case len(m.Layers) > maxReadFiles:
		return nil, fmt.Errorf("it has %d layers, at most %d", len(m.Layers), maxReadFiles)
	}
	remote := &Remote{Kind: kind, Files: make([]manifest.File, len(m.Layers))}
	var total int64
	for i, l := range m.Layers {
		f, err := decodeLayer(kind, l)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
		if total += f.Size; total > maxReadBytes {
			return nil, errors.New("its files have over a pebibyte")
		}
		remote.Files[i] = f
	}
	if err := checkPaths(remote.Files); err != nil {
		return nil, err
	}
	if err := checkOneSize(remote.Files); err != nil {
		return nil, err
	}
	sorting.By(remote.Files, func(a, b manifest.File) int { return strings.Compare(a.Path, b.Path) })
	var err error
	remote.ContentDigest, err = manifest.ContentDigest(remote.Files)
	return remote, err
}

// kindOf tells what a manifest holds, by artifactType, or by the config of
// ModelPacks from before artifactType.
func kindOf(m *ocispec.Manifest) (manifest.Kind, error) {
	if m.SchemaVersion != 2 || m.MediaType != ocispec.MediaTypeImageManifest {
		return "", fmt.Errorf("media type %q, schema version %d: expected an OCI image manifest (an index has one for each variant; name one of them)", clip(m.MediaType), m.SchemaVersion)
	}
	config := m.Config.MediaType
	switch {
	case m.ArtifactType == TypeModel && config == typeModelConfig, m.ArtifactType == "" && config == typeModelConfig:
		return manifest.KindModel, nil
	case m.ArtifactType == TypeDataset && (config == ocispec.MediaTypeEmptyJSON || config == typeModelConfig):
		return manifest.KindDataset, nil
	}
	return "", fmt.Errorf("artifact type %q with config %q is neither a model (ModelPack) nor a dataset", clip(m.ArtifactType), clip(config))
}

// decodeLayer checks all that one layer says of its file.
func decodeLayer(kind manifest.Kind, l ocispec.Descriptor) (manifest.File, error) {
	fail := func(format string, args ...any) (manifest.File, error) {
		return manifest.File{}, fmt.Errorf(format, args...)
	}
	p, err := layerPath(l.Annotations)
	if err != nil {
		return fail("%w", err)
	}
	name, raw := strings.CutSuffix(l.MediaType, typeLayerSuffix)
	name, ours := strings.CutPrefix(name, typeLayerPrefix)
	known := slices.Contains([]string{"weight", "weight.config", "code", "dataset", "doc"}, name)
	switch {
	case !raw || !ours || !known:
		return fail("media type %q: only uncompressed ModelPack layers of one file (%s…%s) are read", clip(l.MediaType), typeLayerPrefix, typeLayerSuffix)
	case kind == manifest.KindDataset && name != roleDataset.String():
		return fail("media type %q in a dataset", clip(l.MediaType))
	case l.Size < 0 || l.Size > maxReadBytes:
		return fail("%q: size %d", p, l.Size)
	}
	d, err := ref.ParseDigest(string(l.Digest))
	if err != nil {
		return fail("%q: %w", p, err)
	}
	executable, err := layerExecutable(l)
	if err != nil {
		return fail("%q: %w", p, err)
	}
	return manifest.File{Path: p, Size: l.Size, Digest: d, Executable: executable}, nil
}

// layerPath returns the path in the annotations. Tools differ in which of the
// two they obey, so they must agree; modctl writes only its own.
func layerPath(annotations map[string]string) (string, error) {
	p, title := annotations[annotationPath], annotations[ocispec.AnnotationTitle]
	if p == "" {
		return "", fmt.Errorf("no annotation %s", annotationPath)
	}
	if title != "" && title != p {
		return "", fmt.Errorf("annotations name two paths, %q and %q", clip(p), clip(title))
	}
	return p, manifest.CheckPath(p)
}

func layerExecutable(l ocispec.Descriptor) (bool, error) {
	value, ok := l.Annotations[annotationMetadata]
	if !ok {
		return false, nil
	}
	var metadata struct {
		Mode     uint32 `json:"mode"`
		Size     *int64 `json:"size"`
		Typeflag int    `json:"typeflag"`
	}
	switch err := json.Unmarshal([]byte(value), &metadata); {
	case err != nil:
		return false, fmt.Errorf("annotation %s: %w", annotationMetadata, err)
	case metadata.Typeflag != 0:
		return false, fmt.Errorf("is not a regular file (type %d)", metadata.Typeflag)
	case metadata.Size != nil && *metadata.Size != l.Size:
		return false, fmt.Errorf("has two sizes, %d and %d", l.Size, *metadata.Size)
	}
	return metadata.Mode&0o100 != 0, nil
}

// clip keeps hostile text in messages short.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
