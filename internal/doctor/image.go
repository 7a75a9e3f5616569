package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// findImage returns the image that the manifest asks for, nil when there should
// be none. One that is missing is a finding; an encoding that cannot be read
// becomes one elsewhere.
func (v *verifier) findImage(ctx context.Context) (*artifact.Image, error) {
	if !v.hasImage {
		return nil, nil
	}
	repo, err := v.w.Repository(v.name)
	if err != nil {
		return nil, err
	}
	remote, err := artifact.Read(ctx, repo, v.digest)
	if err != nil {
		return nil, nil
	}
	image, err := artifact.FindImage(ctx, repo, remote)
	if errors.Is(err, workspace.ErrNotFound) {
		v.fail(checkImage, "", v.digest, "the registry does not list its image, which kubernetes: true asks for")
		return nil, nil
	}
	if errors.Is(err, artifact.ErrImages) {
		v.fail(checkImage, "", v.digest, err.Error())
		return nil, nil
	}
	if err == nil && v.image != "" && string(image.Desc.Digest) != string(v.image) {
		v.fail(checkImage, "", v.image, "the registry has an image of the same files, but not the one that was registered")
	}
	return image, err
}

// imageBlobs are the config and the layers of an image, none of nil.
func imageBlobs(image *artifact.Image) []blob {
	if image == nil {
		return nil
	}
	blobs := []blob{{checkImage, "the image's config", image.ConfigDesc}}
	for _, l := range image.Layers {
		blobs = append(blobs, blob{checkImage, "the image's layer of " + l.File.Path, l.Desc})
	}
	return blobs
}

// imageChunks says what the layers of an image have to be, by their digests:
// the files, and around them what makes a tar of them.
func imageChunks(image *artifact.Image) map[string][]chunk {
	chunks := map[string][]chunk{}
	for _, l := range image.Layers {
		start := int64(len(l.Head))
		end := start + l.File.Size
		parts := []chunk{{0, start, sha256.Sum256(l.Head), l.File.Path}}
		if l.File.Size > 0 {
			parts = append(parts, chunk{start, end, sumOf(l.File.Digest), l.File.Path})
		}
		chunks[string(l.Desc.Digest)] = append(parts, chunk{end, l.Desc.Size, sha256.Sum256(l.Tail), l.File.Path})
	}
	return chunks
}

// proveImage reads the layers of an image that anybody may have attached.
func proveImage(ctx context.Context, w *workspace.Workspace, name string, image *artifact.Image) error {
	repo, err := w.Repository(name)
	if err != nil {
		return err
	}
	chunks := imageChunks(image)
	for _, l := range image.Layers {
		r, err := repo.Blob(ctx, l.Desc)
		if err == nil {
			err = rehash(ctx, r, blob{desc: l.Desc}, chunks[string(l.Desc.Digest)], func(int64) {})
		}
		if err != nil {
			return fmt.Errorf("the image's layer of %s: %w", l.File.Path, err)
		}
	}
	return nil
}

func sumOf(d ref.Digest) (sum [sha256.Size]byte) {
	hex.Decode(sum[:], []byte(d.Hex())) // a ref.Digest is well-formed
	return sum
}
