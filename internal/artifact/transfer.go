package artifact

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/transfer"
)

// Dir returns how Push opens files that stand in dir, the manifest's folder.
func Dir(dir string) func(manifest.File) func() (io.ReadCloser, error) {
	return func(f manifest.File) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return os.Open(filepath.Join(dir, filepath.FromSlash(f.Path))) }
	}
}

// Push brings an encoding and its files into repo: first the files, then the
// config, and the manifest when all are there, so that nothing ever refers to
// bytes that are missing. What repo has already is not sent. Pushing again
// after an error sends only the rest. It sets no tag.
func Push(ctx context.Context, repo registry.Repository, enc *Encoding, files []manifest.File,
	open func(manifest.File) func() (io.ReadCloser, error), opts transfer.Options) (transfer.Stats, error) {
	byPath := make(map[string]manifest.File, len(files))
	for _, f := range files {
		byPath[f.Path] = f
	}
	sources := make([]transfer.Source, len(enc.Layers))
	for i, l := range enc.Layers {
		f, ok := byPath[l.Annotations[annotationPath]]
		if !ok || digest.Digest(f.Digest) != l.Digest {
			return transfer.Stats{}, fmt.Errorf("push: the encoding is not of these files, at %s", l.Annotations[annotationPath])
		}
		sources[i] = transfer.Source{Desc: l, Name: f.Path, Open: open(f)}
	}
	stats, err := transfer.Push(ctx, repo, sources, opts)
	if err != nil {
		return stats, err
	}
	if err := pushBytes(ctx, repo, enc.ConfigDesc, enc.Config); err != nil {
		return stats, fmt.Errorf("push the config: %w", err)
	}
	desc, err := repo.PushManifest(ctx, enc.MediaType, enc.Manifest)
	if err != nil {
		return stats, fmt.Errorf("push the manifest: %w", err)
	}
	if desc.Digest != enc.Desc.Digest {
		return stats, fmt.Errorf("push the manifest: %s: it was stored as %s, not %s", repo, desc.Digest, enc.Desc.Digest)
	}
	return stats, nil
}

func pushBytes(ctx context.Context, repo registry.Repository, desc ocispec.Descriptor, data []byte) error {
	has, err := repo.HasBlob(ctx, desc)
	if err != nil || has {
		return err
	}
	return repo.PushBlob(ctx, desc, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
}

// PullOptions say what to pull.
type PullOptions struct {
	// Only selects files; nil selects all.
	Only        func(manifest.File) bool
	Concurrency int
	Progress    transfer.Progress
}

// Pull makes the selected files in dir what they are in the registry, with the
// modes 0644 and 0755; see transfer.Pull for what it promises. Files in dir
// that the artifact does not have are left alone.
func Pull(ctx context.Context, remote *Remote, repo registry.Repository, dir string, opts PullOptions) (transfer.Stats, error) {
	if err := checkPaths(remote.Files); err != nil {
		return transfer.Stats{}, fmt.Errorf("pull: %w", err)
	}
	var items []transfer.Item
	for _, f := range remote.Files {
		if opts.Only != nil && !opts.Only(f) {
			continue
		}
		item := transfer.Item{Path: f.Path, Perm: modePlain, Desc: ocispec.Descriptor{
			MediaType: roleOf(remote.Kind, f.Path).mediaType(), Digest: digest.Digest(f.Digest), Size: f.Size,
		}}
		if f.Executable {
			item.Perm = modeExecutable
		}
		items = append(items, item)
	}
	root, err := cas.OpenRoot(dir)
	if err != nil {
		return transfer.Stats{}, fmt.Errorf("pull into %s: %w", dir, err)
	}
	defer root.Close()
	return transfer.Pull(ctx, repo, items, root, transfer.Options{Concurrency: opts.Concurrency, Progress: opts.Progress})
}
