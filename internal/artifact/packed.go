package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/transfer"
)

// Media types of the layers of a packed dataset: first the index, which says
// where in the packs each file is, perhaps a delta that says what has changed
// since that index, then every pack that a file needs. They have no titles: a
// tool that does not know packs has no files to write.
const (
	typeIndex = "application/vnd.waybill.index.v1+zstd"
	typeDelta = "application/vnd.waybill.index-delta.v1+zstd"
	typePack  = "application/vnd.waybill.pack.v1"
)

// encodePacked returns the packed encoding that index describes; stored are the
// layers that hold the index. Other packs may hold the same files, so that one
// content digest can have several packed encodings.
func encodePacked(index *transfer.Index, stored ...ocispec.Descriptor) (*Encoding, error) {
	if len(index.Files) == 0 {
		return nil, errors.New("there are no files: an artifact has at least one")
	}
	layers := slices.Clone(stored)
	for _, b := range index.Blobs {
		layers = append(layers, ocispec.Descriptor{MediaType: typePack, Digest: digest.Digest(b.Digest), Size: b.Size})
	}
	if len(layers) > MaxFiles {
		return nil, fmt.Errorf("%d packs, at most %d", len(index.Blobs), MaxFiles-len(stored))
	}
	enc := &Encoding{MediaType: ocispec.MediaTypeImageManifest, Config: []byte("{}"), Layers: layers}
	enc.ConfigDesc = describe(ocispec.MediaTypeEmptyJSON, enc.Config)
	var err error
	enc.Manifest, err = canonical.Marshal(ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    enc.MediaType,
		ArtifactType: TypeDataset,
		Config:       enc.ConfigDesc,
		Layers:       layers,
	})
	if err != nil {
		return nil, err
	}
	enc.Desc = describe(enc.MediaType, enc.Manifest)
	enc.Desc.ArtifactType = TypeDataset
	return enc, nil
}

// PackOptions are those of PushPacked.
type PackOptions struct {
	transfer.Options
	// Previous are manifests of earlier versions in the same repository, the
	// nearest first. What they hold is not sent again. Those that are gone,
	// not packed, or cannot be read are passed over.
	Previous []ref.Digest
	// Unchanged tells of an open file whether it is known to still have its
	// digest, so that it need not be hashed once more; nil knows of none.
	Unchanged func(manifest.File, fs.FileInfo) bool
}

// maxPrevious bounds how many indexes are read for one push.
const maxPrevious = 4

// PushPacked brings the files of a dataset into repo in packs, and returns the
// encoding. Like Push it stores the manifest last, sets no tag, and sends only
// the rest when it is called again. When one of the previous versions is these
// files and complete, that is the encoding, and nothing is sent.
func PushPacked(ctx context.Context, repo registry.Repository, files []manifest.File,
	open func(manifest.File) func() (*os.File, error), opts PackOptions) (*Encoding, transfer.Stats, error) {
	fail := func(stats transfer.Stats, err error) (*Encoding, transfer.Stats, error) {
		return nil, stats, fmt.Errorf("push: %w", err)
	}
	if err := checkPacked(files); err != nil {
		return fail(transfer.Stats{}, err)
	}
	content, err := manifest.ContentDigest(files)
	if err != nil {
		return fail(transfer.Stats{}, err)
	}
	var previous []*transfer.Index
	var base *packedIndex // of the nearest version
	for _, d := range opts.Previous[:min(len(opts.Previous), maxPrevious)] {
		p, enc, err := readPacked(ctx, repo, d)
		if errors.Is(err, errNotPacked) || errors.Is(err, registry.ErrNotFound) {
			continue
		}
		if err != nil {
			return fail(transfer.Stats{}, err)
		}
		if p.content == content {
			complete, err := hasAll(ctx, repo, enc.Layers)
			if err != nil {
				return fail(transfer.Stats{}, err)
			}
			if complete {
				return enc, transfer.Stats{Skipped: len(enc.Layers)}, nil
			}
		}
		previous = append(previous, p.whole)
		if base == nil {
			base = p
		}
	}
	sources := make([]transfer.PackSource, len(files))
	for i, f := range files {
		sources[i] = transfer.PackSource{Path: f.Path, Size: f.Size, Digest: f.Digest, Executable: f.Executable, Open: open(f)}
		if opts.Unchanged != nil {
			sources[i].Unchanged = func(info fs.FileInfo) bool { return opts.Unchanged(f, info) }
		}
	}
	index, stats, err := transfer.Pack(ctx, repo, sources, transfer.PackOptions{
		Previous: previous, Cuts: Cuts, Concurrency: opts.Concurrency, Progress: opts.Progress,
	})
	if err != nil {
		return nil, stats, err
	}
	layers, err := pushIndex(ctx, repo, index, base)
	if err != nil {
		return fail(stats, fmt.Errorf("the index: %w", err))
	}
	enc, err := encodePacked(index, layers...)
	if err != nil {
		return fail(stats, err)
	}
	return enc, stats, pushManifest(ctx, repo, enc)
}

// A delta is stored in place of an index that is at least minIndex bytes long
// and maxDelta times as long as the delta.
const (
	minIndex = 64 << 10
	maxDelta = 4
)

// pushIndex stores an index: as what differs from the one of an earlier version,
// if that is much shorter, or else whole.
func pushIndex(ctx context.Context, repo registry.Repository, index *transfer.Index, base *packedIndex) ([]ocispec.Descriptor, error) {
	whole, err := index.Encode()
	if err != nil {
		return nil, err
	}
	if base != nil && len(whole) >= minIndex {
		delta, err := index.Delta(base.base, ref.Digest(base.stored.Digest)).Encode()
		if err != nil {
			return nil, err
		}
		if maxDelta*len(delta) <= len(whole) {
			desc := describe(typeDelta, delta)
			return []ocispec.Descriptor{base.stored, desc}, pushBytes(ctx, repo, desc, delta)
		}
	}
	desc := describe(typeIndex, whole)
	return []ocispec.Descriptor{desc}, pushBytes(ctx, repo, desc, whole)
}

// checkPacked is checkFiles for the packed layout, which has no limit for the
// size of a file.
func checkPacked(files []manifest.File) error {
	if len(files) == 0 {
		return errors.New("there are no files: an artifact has at least one")
	}
	for _, f := range files {
		if _, err := ref.ParseDigest(string(f.Digest)); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if f.Size < 0 {
			return fmt.Errorf("%s: negative size", f.Path)
		}
	}
	if err := checkOneSize(files); err != nil {
		return err
	}
	return checkPaths(files)
}

var errIncomplete = errors.New("a blob is missing")

// hasAll asks for hundreds of packs a few at a time.
func hasAll(ctx context.Context, repo registry.Repository, descs []ocispec.Descriptor) (bool, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(transfer.DefaultConcurrency)
	for _, d := range descs {
		group.Go(func() error {
			has, err := repo.HasBlob(ctx, d)
			if err == nil && !has {
				err = errIncomplete
			}
			return err
		})
	}
	err := group.Wait()
	if errors.Is(err, errIncomplete) {
		return false, nil
	}
	return err == nil, err
}

// errNotPacked means that an artifact has one layer a file, or an index that is
// of no use.
var errNotPacked = errors.New("not packed")

// packedIndex is the index of a packed dataset.
type packedIndex struct {
	whole   *transfer.Index
	base    *transfer.Index    // the same, unless a delta is applied to it
	stored  ocispec.Descriptor // the layer of base
	files   []manifest.File
	content ref.Digest
}

func readPacked(ctx context.Context, repo registry.Repository, d ref.Digest) (*packedIndex, *Encoding, error) {
	desc, data, err := repo.Manifest(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	m, _, err := parseManifest(data)
	if err != nil || !isPacked(m) {
		return nil, nil, errNotPacked
	}
	p, err := decodePacked(ctx, repo, m)
	switch _, unread := errors.AsType[fetchError](err); {
	case unread:
		return nil, nil, fmt.Errorf("read artifact: %s@%s: %w", repo, d, err)
	case err != nil:
		// Damaged, or of a later release. Whoever pushes has all content, and
		// should not depend on it.
		return nil, nil, fmt.Errorf("%w: %w", errNotPacked, err)
	}
	desc.ArtifactType = m.ArtifactType
	return p, &Encoding{Manifest: data, MediaType: desc.MediaType, Desc: desc, Config: []byte("{}"), ConfigDesc: m.Config, Layers: m.Layers}, nil
}

func isPacked(m *ocispec.Manifest) bool {
	return m.ArtifactType == TypeDataset && len(m.Layers) > 0 && m.Layers[0].MediaType == typeIndex
}

// decodePacked reads the index that a manifest names, and holds it to the
// manifest: the packs are exactly its other layers, so that a registry's garbage
// collection keeps what the files need, and no file comes from elsewhere.
func decodePacked(ctx context.Context, repo registry.Repository, m *ocispec.Manifest) (*packedIndex, error) {
	if len(m.Layers) > maxReadFiles {
		return nil, fmt.Errorf("it has %d layers, at most %d", len(m.Layers), maxReadFiles)
	}
	index := m.Layers[0]
	// Annotations, which anybody may have put there, are not taken over.
	p := &packedIndex{stored: ocispec.Descriptor{MediaType: typeIndex, Digest: index.Digest, Size: index.Size}}
	var err error
	if p.base, err = fetchIndex(ctx, repo, p.stored); err != nil {
		return nil, err
	}
	p.whole = p.base
	packs := m.Layers[1:]
	if len(packs) > 0 && packs[0].MediaType == typeDelta {
		delta, err := fetchDelta(ctx, repo, packs[0])
		if err != nil {
			return nil, err
		}
		if string(delta.Base) != string(p.stored.Digest) {
			return nil, fmt.Errorf("layer 2: the delta is of another index, %s", delta.Base)
		}
		if p.whole, err = delta.Apply(p.base); err != nil {
			return nil, err
		}
		packs = packs[1:]
	}
	if len(packs) != len(p.whole.Blobs) {
		return nil, fmt.Errorf("the index names %d packs, the manifest %d", len(p.whole.Blobs), len(packs))
	}
	for i, l := range packs {
		if l.MediaType != typePack {
			return nil, fmt.Errorf("pack %d: media type %q in a packed dataset", i+1, clip(l.MediaType))
		}
		if b := p.whole.Blobs[i]; string(b.Digest) != string(l.Digest) || b.Size != l.Size {
			return nil, fmt.Errorf("pack %d: the index names another, %s", i+1, b.Digest)
		}
	}
	p.files = make([]manifest.File, len(p.whole.Files))
	for i, f := range p.whole.Files {
		p.files[i] = manifest.File{Path: f.Path, Size: f.Size, Digest: f.Digest, Executable: f.Executable}
	}
	if err := checkPacked(p.files); err != nil {
		return nil, err
	}
	p.content, err = manifest.ContentDigest(p.files)
	return p, err
}

// maxIndexBlob is how long an index may be in a registry: that of two million
// files of a few chunks.
const maxIndexBlob = 128 << 20

// fetchIndex reads and verifies an index.
func fetchIndex(ctx context.Context, repo registry.Repository, desc ocispec.Descriptor) (*transfer.Index, error) {
	data, err := fetchBytes(ctx, repo, desc)
	if err != nil {
		return nil, fmt.Errorf("the index: %w", err)
	}
	return transfer.DecodeIndex(data)
}

func fetchDelta(ctx context.Context, repo registry.Repository, desc ocispec.Descriptor) (*transfer.IndexDelta, error) {
	data, err := fetchBytes(ctx, repo, desc)
	if err != nil {
		return nil, fmt.Errorf("the index: %w", err)
	}
	return transfer.DecodeIndexDelta(data)
}

// fetchError is one of the way to the registry, not of what is stored there.
type fetchError struct{ error }

func (e fetchError) Unwrap() error { return e.error }

// fetchBytes reads and verifies a blob of at most maxIndexBlob bytes.
func fetchBytes(ctx context.Context, repo registry.Repository, desc ocispec.Descriptor) ([]byte, error) {
	if desc.Size <= 0 || desc.Size > maxIndexBlob {
		return nil, fmt.Errorf("%d bytes, at most %d", desc.Size, maxIndexBlob)
	}
	r, err := repo.Blob(ctx, desc)
	if err != nil {
		return nil, fetchError{err}
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, desc.Size+1))
	if err != nil {
		return nil, fetchError{err}
	}
	if got := ref.Of(data); int64(len(data)) != desc.Size || string(got) != string(desc.Digest) {
		return nil, fmt.Errorf("the registry's answer is corrupt: it should be %s", desc.Digest)
	}
	return data, nil
}
