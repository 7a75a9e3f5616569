package artifact

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/transfer"
)

// Dir returns how Push opens files that stand in dir, the manifest's folder.
func Dir(dir string) func(manifest.File) func() (io.ReadCloser, error) {
	files := Files(dir)
	return func(f manifest.File) func() (io.ReadCloser, error) {
		open := files(f)
		return func() (io.ReadCloser, error) { return open() }
	}
}

// Files is Dir for PushPacked and PushIndex, which read at any place.
func Files(dir string) func(manifest.File) func() (*os.File, error) {
	return func(f manifest.File) func() (*os.File, error) {
		return func() (*os.File, error) { return cas.Open(filepath.Join(dir, filepath.FromSlash(f.Path))) }
	}
}

// PushOptions are those of Push.
type PushOptions struct {
	transfer.Options
	// MountFrom names artifacts of the same registry that have a layer of this
	// digest; nil means none.
	MountFrom func(ref.Digest) []string
}

// Push brings an encoding and its files into repo: first the files, then the
// config, and the manifest when all are there, so that nothing ever refers to
// bytes that are missing. What repo has already is not sent. Pushing again
// after an error sends only the rest. It sets no tag.
func Push(ctx context.Context, repo registry.Repository, enc *Encoding, files []manifest.File,
	open func(manifest.File) func() (io.ReadCloser, error), opts PushOptions) (transfer.Stats, error) {
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
		if opts.MountFrom != nil {
			sources[i].MountFrom = opts.MountFrom(f.Digest)
		}
	}
	stats, err := transfer.Push(ctx, repo, sources, opts.Options)
	if err != nil {
		return stats, err
	}
	return stats, pushManifest(ctx, repo, enc)
}

// pushManifest stores config and manifest of an encoding whose layers are there.
func pushManifest(ctx context.Context, repo registry.Repository, enc *Encoding) error {
	if err := pushBytes(ctx, repo, enc.ConfigDesc, enc.Config); err != nil {
		return fmt.Errorf("push the config: %w", err)
	}
	desc, err := repo.PushManifest(ctx, enc.MediaType, enc.Manifest)
	if err != nil {
		return fmt.Errorf("push the manifest: %w", err)
	}
	if desc.Digest != enc.Desc.Digest {
		return fmt.Errorf("push the manifest: %s: it was stored as %s, not %s", repo, desc.Digest, enc.Desc.Digest)
	}
	return nil
}

func pushBytes(ctx context.Context, repo registry.Repository, desc ocispec.Descriptor, data []byte) error {
	has, err := repo.HasBlob(ctx, desc)
	if err != nil || has {
		return err
	}
	return repo.PushBlob(ctx, desc, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
}

// PullOptions say what to pull and how.
type PullOptions struct {
	transfer.Options // Index and Cuts are set by Pull
	// Only selects files; nil selects all.
	Only func(manifest.File) bool
}

// Pull makes the selected files in dir what they are in the registry, with the
// modes 0644 and 0755; see transfer.Pull for what it promises. Files in dir
// that the artifact does not have are left alone. Of a file that dir has in
// another version only what differs is fetched, where packs or a chunk index
// tell what that is.
func Pull(ctx context.Context, remote *Remote, repo registry.Repository, dir string, opts PullOptions) (transfer.Stats, error) {
	if err := checkPaths(remote.Files); err != nil {
		return transfer.Stats{}, fmt.Errorf("pull: %w", err)
	}
	var items []transfer.Item
	for _, f := range remote.Files {
		if opts.Only != nil && !opts.Only(f) {
			continue
		}
		item := transfer.Item{Path: f.Path, Perm: modePlain, Desc: layer(remote.Kind, f)}
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
	opts.Cuts, opts.Index = Cuts, remote.Index
	if opts.Index == nil && replacesLarge(root, items) {
		opts.Index = findIndex(ctx, repo, remote)
	}
	return transfer.Pull(ctx, repo, items, root, opts.Options)
}

// replacesLarge tells whether there is a large file where one is wanted: parts
// of it may be of use.
func replacesLarge(root *cas.Root, items []transfer.Item) bool {
	return slices.ContainsFunc(items, func(it transfer.Item) bool {
		if it.Desc.Size < minIndexed {
			return false
		}
		info, err := root.Stat(it.Path)
		return err == nil && info.Mode().IsRegular() && info.Size() >= minIndexed
	})
}
