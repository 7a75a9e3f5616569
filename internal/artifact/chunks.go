package artifact

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/transfer"
)

// chunkIndex is the kind of evidence that says how the layers of a plain
// artifact divide into chunks. It is a convenience for pulls: nothing depends on
// it, and it can be made again from the layers.
const chunkIndex = "chunk-index"

// minIndexed is the size in bytes from which a file is worth an index: smaller
// ones are fetched whole about as fast.
const minIndexed = 1 << 20

// Changed returns the files of at least a mebibyte that before has under the
// same path with other bytes: those of which a pull may find parts at hand. A
// file that is new everywhere needs no index.
func Changed(files, before []manifest.File) []manifest.File {
	old := make(map[string]ref.Digest, len(before))
	for _, f := range before {
		old[f.Path] = f.Digest
	}
	return slices.DeleteFunc(slices.Clone(files), func(f manifest.File) bool {
		d, ok := old[f.Path]
		return !ok || d == f.Digest || f.Size < minIndexed
	})
}

// PushIndex attaches to an encoding that repo has the chunk index of some of its
// files. Without files it does nothing.
func PushIndex(ctx context.Context, repo registry.Repository, enc *Encoding, files []manifest.File, open func(manifest.File) func() (*os.File, error)) error {
	if len(files) == 0 {
		return nil
	}
	fail := func(err error) error { return fmt.Errorf("push the chunk index: %w", err) }
	plain := make([]transfer.PlainFile, len(files))
	for i, f := range files {
		pieces, err := split(ctx, f, open(f))
		if err != nil {
			return fail(err)
		}
		plain[i] = transfer.PlainFile{Path: f.Path, Size: f.Size, Digest: f.Digest, Executable: f.Executable, Pieces: pieces}
	}
	index, err := transfer.PlainIndex(plain)
	if err != nil {
		return fail(err)
	}
	blob, err := index.Encode()
	if err != nil {
		return fail(err)
	}
	_, err = evidence.Attach(ctx, repo, enc.Desc, evidence.Item{
		Kind: chunkIndex, Name: "chunk-index.zst", MediaType: typeIndex, Digest: ref.Of(blob), Size: int64(len(blob)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(blob)), nil },
	})
	if err != nil {
		return fail(err)
	}
	return nil
}

func split(ctx context.Context, f manifest.File, open func() (*os.File, error)) ([]transfer.Piece, error) {
	file, err := open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	pieces, whole, err := transfer.Split(ctx, f.Path, file, f.Size, Cuts)
	if err != nil {
		return nil, err
	}
	if whole != f.Digest {
		return nil, errChanged(f)
	}
	return pieces, nil
}

// Whoever can write to the repository can attach indexes, in any number. Ours
// have a thousandth of what they are about.
const (
	maxIndexPercent = 1       // of the files,
	freeIndex       = 1 << 20 // past this many bytes
	maxIndexTries   = 4
)

// findIndex returns the chunk index of a plain artifact, nil when there is none
// that can be used. It costs a pull a few requests, never its success: whatever
// is wrong with an index, files can be fetched whole.
func findIndex(ctx context.Context, repo registry.Repository, remote *Remote) *transfer.Index {
	found, err := evidence.List(ctx, repo, remote.Desc, chunkIndex)
	if err != nil {
		return nil
	}
	limit := int64(freeIndex)
	for _, f := range remote.Files {
		limit += f.Size / 100 * maxIndexPercent
	}
	tries := 0
	for _, f := range found {
		if f.Layer.MediaType != typeIndex || f.Layer.Size > limit {
			continue
		}
		if tries++; tries > maxIndexTries {
			break
		}
		index, err := fetchIndex(ctx, repo, f.Layer)
		if err == nil && describes(index, remote) {
			return index
		}
	}
	return nil
}

// describes tells whether an index, which anybody may have attached, says of
// each of its files what the artifact's manifest says, and takes each from its
// own layer.
func describes(index *transfer.Index, remote *Remote) bool {
	files := make(map[string]manifest.File, len(remote.Files))
	for _, f := range remote.Files {
		files[f.Path] = f
	}
	for _, x := range index.Files {
		f, ok := files[x.Path]
		if !ok || f.Digest != x.Digest || f.Size != x.Size || f.Executable != x.Executable {
			return false
		}
		for _, c := range x.Chunks {
			if b := index.Blobs[c.Blob]; b.Digest != f.Digest || b.Size != f.Size {
				return false
			}
		}
	}
	return true
}

// layer describes the blob of a plain file.
func layer(kind manifest.Kind, f manifest.File) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: roleOf(kind, f.Path).mediaType(), Digest: digest.Digest(f.Digest), Size: f.Size}
}
