package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
)

// SweepResult sums up the blobs that Sweep removed, or would remove.
type SweepResult struct {
	Blobs int
	Bytes int64
}

// IsLayout tells whether the registry is a folder.
func (r *Registry) IsLayout() bool { return r.layout != nil }

// Stored tells when a manifest was stored, for a layout. Registries on the
// network do not say: known is false then.
func (r *Registry) Stored(d ref.Digest) (at time.Time, known bool, err error) {
	if r.layout == nil {
		return time.Time{}, false, nil
	}
	op := operation{repository: r.String(), name: "look for manifest " + clip(string(d))}
	if _, err := ref.ParseDigest(string(d)); err != nil {
		return time.Time{}, false, op.fail(err)
	}
	err = r.layout.read(func(root *os.Root) error {
		info, err := root.Stat(blobsDir + "/" + d.Hex())
		if errors.Is(err, fs.ErrNotExist) {
			return ErrNotFound
		}
		if err == nil {
			at = info.ModTime()
		}
		return err
	})
	return at, err == nil, op.fail(err)
}

// Sweep removes, from a layout, the blobs that no manifest in index.json needs
// and that were stored longer than grace ago: younger ones may belong to a
// push that has not come to its manifest. Without apply it only counts them.
// Registries on the network collect their garbage themselves: ErrUnsupported.
func (r *Registry) Sweep(ctx context.Context, grace time.Duration, apply bool) (SweepResult, error) {
	op := operation{repository: r.String(), name: "remove blobs that nothing needs"}
	if r.layout == nil {
		return SweepResult{}, op.fail(ErrUnsupported)
	}
	var done SweepResult
	err := r.layout.read(func(root *os.Root) error {
		sweep := func() (err error) {
			done, err = r.layout.sweepBlobs(ctx, root, grace, apply)
			return err
		}
		if !apply {
			return sweep()
		}
		return r.layout.locked(ctx, root, sweep)
	})
	if errors.Is(err, ErrNotFound) {
		return done, nil // there is no layout yet
	}
	return done, op.fail(err)
}

func (l *layout) sweepBlobs(ctx context.Context, root *os.Root, grace time.Duration, apply bool) (SweepResult, error) {
	var done SweepResult
	x, err := l.readIndex(root)
	if err != nil {
		return done, err
	}
	needed := needs{}
	for _, desc := range x.Manifests {
		if err := errors.Join(ctx.Err(), l.mark(root, desc, needed)); err != nil {
			return done, err
		}
	}
	files, err := fs.ReadDir(root.FS(), blobsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return done, nil
	}
	if err != nil {
		return done, err
	}
	now := l.now()
	for _, file := range files {
		name := blobsDir + "/" + file.Name()
		_, keep := needed[file.Name()]
		if _, err := ref.ParseDigest("sha256:" + file.Name()); err != nil || keep {
			continue
		}
		info, err := root.Lstat(name)
		if err != nil || !info.Mode().IsRegular() || now.Sub(info.ModTime()) <= grace {
			continue
		}
		if apply {
			if err := errors.Join(ctx.Err(), removeBlob(root, name)); err != nil {
				return done, fmt.Errorf("%s: %w", l.file(name), err)
			}
		}
		done.Blobs++
		done.Bytes += info.Size()
	}
	return done, nil
}

// needs has the blobs that manifests need, by the hex of their digests, and
// tells which of them were read as manifests themselves.
type needs map[string]bool

// mark adds a manifest that index.json lists, and all that it names. One that
// cannot be read stops the sweep: what it needs is not known.
func (l *layout) mark(root *os.Root, desc ocispec.Descriptor, needed needs) error {
	if checkDescriptor(desc) != nil || needed[ref.Digest(desc.Digest).Hex()] {
		return nil // a digest of another kind lies in another folder
	}
	needed[ref.Digest(desc.Digest).Hex()] = true
	var data []byte
	var err error
	switch desc.MediaType {
	case ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex:
		data, err = l.readManifest(root, desc)
	default:
		// Other tools list what they like. What is small enough to be a
		// manifest may be one, of an older kind.
		if desc.Size <= MaxManifest {
			data, err = readFile(root, blobPath(desc), MaxManifest)
		}
	}
	if err != nil {
		return fmt.Errorf("%w; push what it belongs to again, or delete its tag, before anything is removed", err)
	}
	var doc document
	if json.Unmarshal(data, &doc) != nil {
		return nil
	}
	if doc.Config != nil {
		needed.add(*doc.Config)
	}
	for _, layer := range doc.Layers {
		needed.add(layer)
	}
	for _, child := range doc.Manifests {
		has := false
		if checkDescriptor(child) == nil {
			if has, err = hasBlob(root, child); err != nil {
				return err
			}
		}
		if !has {
			continue // an index need not have all its variants
		}
		if err := l.mark(root, child, needed); err != nil {
			return err
		}
	}
	return nil
}

func (n needs) add(desc ocispec.Descriptor) {
	if checkDescriptor(desc) != nil {
		return
	}
	if hex := ref.Digest(desc.Digest).Hex(); !n[hex] {
		n[hex] = false
	}
}

// removeBlob removes a file that is read-only, which Windows does not want to.
func removeBlob(root *os.Root, name string) error {
	err := root.Remove(name)
	if errors.Is(err, fs.ErrPermission) {
		if root.Chmod(name, 0o644) == nil {
			err = root.Remove(name)
		}
	}
	return underlying(err)
}
