package artifact

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// Limits that hold for every registry. GHCR takes no layer over 10 GB and ends
// an upload after 10 minutes; containerd and CRI-O take no manifest over 4 MiB.
const (
	MaxFiles        = 400
	MaxFileSize     = 10_000_000_000 // bytes; refused before hashing
	AdvisedFileSize = 2 << 30        // bytes; see Advice
	maxManifestSize = 4 << 20
)

// Annotations of layers. All but the title are ModelPack's.
const (
	annotationPath     = "org.cncf.model.filepath"
	annotationMetadata = "org.cncf.model.file.metadata+json"
	annotationUntested = "org.cncf.model.file.mediatype.untested"
)

// epoch is the modification time of every file: a checkout gives files the
// time of the checkout, which is no property of the content.
const epoch = "1970-01-01T00:00:00Z"

const (
	modePlain      = 0o644
	modeExecutable = 0o755
)

// Encoding is an artifact as a registry holds it. The bytes of Layers are the
// files; everything else is here.
type Encoding struct {
	Manifest   []byte // canonical JSON
	MediaType  string // of Manifest
	Desc       ocispec.Descriptor
	Config     []byte
	ConfigDesc ocispec.Descriptor
	Layers     []ocispec.Descriptor // one a file, in the manifest's order
}

// Digest returns the digest of the manifest.
func (e *Encoding) Digest() ref.Digest { return ref.Digest(e.Desc.Digest) }

// modelConfig is ModelPack's config (schema/config-schema.json, which is
// closed). Nothing about the model is said in it: what later releases would
// extract better would change the digest of unchanged files.
type modelConfig struct {
	Descriptor struct{} `json:"descriptor"`
	Config     struct{} `json:"config"`
	ModelFS    modelFS  `json:"modelfs"`
}

type modelFS struct {
	Type    string          `json:"type"`
	DiffIDs []digest.Digest `json:"diffIds"`
}

// fileMetadata is the value of annotationMetadata. Typeflag 0 is a regular
// file: a number, as modctl writes it, not tar's character.
type fileMetadata struct {
	Name     string `json:"name"` // without folders
	Mode     uint32 `json:"mode"`
	UID      uint32 `json:"uid"`
	GID      uint32 `json:"gid"`
	Size     int64  `json:"size"`
	MTime    string `json:"mtime"`
	Typeflag uint8  `json:"typeflag"`
}

// Encode returns the one encoding of files, whatever their order. Splits are
// not part of it. It refuses what no registry or system could hold: no files
// at all, more than MaxFiles, files over MaxFileSize, paths that
// manifest.CheckPath refuses or that collide where upper and lower case are
// the same.
func Encode(kind manifest.Kind, files []manifest.File) (*Encoding, error) {
	if err := checkFiles(kind, files); err != nil {
		return nil, err
	}
	layers, err := encodeLayers(kind, files)
	if err != nil {
		return nil, err
	}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Layers:    layers,
	}
	enc := &Encoding{MediaType: m.MediaType, Layers: layers}
	switch kind {
	case manifest.KindModel:
		m.ArtifactType = TypeModel
		config := modelConfig{ModelFS: modelFS{Type: "layers"}}
		for _, l := range layers {
			config.ModelFS.DiffIDs = append(config.ModelFS.DiffIDs, l.Digest)
		}
		if enc.Config, err = canonical.Marshal(config); err != nil {
			return nil, err
		}
		enc.ConfigDesc = describe(typeModelConfig, enc.Config)
	default:
		m.ArtifactType = TypeDataset
		enc.Config = []byte("{}")
		enc.ConfigDesc = describe(ocispec.MediaTypeEmptyJSON, enc.Config)
	}
	m.Config = enc.ConfigDesc
	if enc.Manifest, err = canonical.Marshal(m); err != nil {
		return nil, err
	}
	if len(enc.Manifest) > maxManifestSize {
		return nil, fmt.Errorf("the manifest would have %d bytes, registries take %d; use fewer files or shorter paths", len(enc.Manifest), maxManifestSize)
	}
	enc.Desc = describe(enc.MediaType, enc.Manifest)
	enc.Desc.ArtifactType = m.ArtifactType
	return enc, nil
}

func encodeLayers(kind manifest.Kind, files []manifest.File) ([]ocispec.Descriptor, error) {
	sorted := slices.Clone(files)
	sortByRole(kind, sorted)
	layers := make([]ocispec.Descriptor, len(sorted))
	for i, f := range sorted {
		mode := uint32(modePlain)
		if f.Executable {
			mode = modeExecutable
		}
		metadata, err := canonical.Marshal(fileMetadata{Name: path.Base(f.Path), Mode: mode, Size: f.Size, MTime: epoch})
		if err != nil {
			return nil, err
		}
		layers[i] = ocispec.Descriptor{
			MediaType: roleOf(kind, f.Path).mediaType(),
			Digest:    digest.Digest(f.Digest),
			Size:      f.Size,
			Annotations: map[string]string{
				ocispec.AnnotationTitle: f.Path,
				annotationPath:          f.Path,
				annotationMetadata:      string(metadata),
				annotationUntested:      "false",
			},
		}
	}
	return layers, nil
}

// sortByRole puts files in the order of layers.
func sortByRole(kind manifest.Kind, files []manifest.File) {
	sorting.By(files, func(a, b manifest.File) int {
		return cmp.Or(cmp.Compare(roleOf(kind, a.Path), roleOf(kind, b.Path)), strings.Compare(a.Path, b.Path))
	})
}

func describe(mediaType string, data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

// checkFiles holds what Encode documents.
func checkFiles(kind manifest.Kind, files []manifest.File) error {
	if kind != manifest.KindModel && kind != manifest.KindDataset {
		return fmt.Errorf("a %s has no files to encode", kind)
	}
	if len(files) == 0 {
		return errors.New("there are no files: an artifact has at least one")
	}
	if err := checkCount(len(files)); err != nil {
		return err
	}
	for _, f := range files {
		if _, err := ref.ParseDigest(string(f.Digest)); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if f.Size < 0 {
			return fmt.Errorf("%s: negative size", f.Path)
		}
		if err := checkSize(f.Path, f.Size); err != nil {
			return err
		}
	}
	if err := checkOneSize(files); err != nil {
		return err
	}
	return checkPaths(files)
}

func checkCount(n int) error {
	if n > MaxFiles {
		return fmt.Errorf("%d files, at most %d, since each is a layer; put them into fewer files or an archive, or, for a dataset, use layout: packed", n, MaxFiles)
	}
	return nil
}

func checkSize(p string, size int64) error {
	if size > MaxFileSize {
		return fmt.Errorf("%s: %.1f GB, registries take at most %d GB a layer; save it in shards of up to 2 GiB, or, in a dataset, use layout: packed", p, float64(size)/1e9, MaxFileSize/1_000_000_000)
	}
	return nil
}

// Advice returns what is allowed but unwise, one sentence each, for people:
// files so large that a slow link loses them.
func Advice(files []manifest.File) []string {
	var notes []string
	for _, f := range files {
		if f.Size > AdvisedFileSize {
			notes = append(notes, fmt.Sprintf("%s has %.1f GiB; shards of up to 2 GiB upload in parallel and within the time that registries give one upload", f.Path, float64(f.Size)/(1<<30)))
		}
	}
	return notes
}
