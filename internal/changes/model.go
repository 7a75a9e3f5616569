package changes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/compat"
	"github.com/waybill-dev/waybill/internal/datadiff"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modeldiff"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// compareModel compares two states of a model, and tells how many bytes were
// fetched for that.
func compareModel(ctx context.Context, w *workspace.Workspace, from, to Side) (_ *modeldiff.Model, fetched int64, err error) {
	scratch, err := os.MkdirTemp("", "waybill-diff-")
	if err != nil {
		return nil, 0, err
	}
	defer os.RemoveAll(scratch)
	before, err := openModel(ctx, w, from, to, filepath.Join(scratch, "from"))
	if err != nil {
		return nil, 0, err
	}
	defer before.close()
	after, err := openModel(ctx, w, to, from, filepath.Join(scratch, "to"))
	if err != nil {
		return nil, 0, err
	}
	defer after.close()
	before.other, after.other = after, before
	var sides [2]modeldiff.Side
	for i, m := range []*modelSide{before, after} {
		if sides[i], err = describe(ctx, m); err != nil {
			return nil, 0, err
		}
	}
	opts := modeldiff.Options{Compatibility: compat.ConfigOf(to.Artifact), Workers: runtime.GOMAXPROCS(0)}
	out, err := modeldiff.Compare(ctx, sides[0], sides[1], opts)
	return out, before.fetched + after.fetched + before.ranges.Bytes + after.ranges.Bytes, err
}

// modelSide opens the files of one side: on disk, pulled because the other
// side does not have them, on the other side's disk, or in the registry.
type modelSide struct {
	Side
	root    *os.Root              // nil when nothing is on disk
	on      map[ref.Digest]string // what is on disk, by path in root
	digests map[string]ref.Digest
	remote  func(path string) (io.ReaderAt, int64, error)
	other   *modelSide
	fetched int64
	ranges  *artifact.Ranges
}

func (m *modelSide) close() {
	if m.root != nil {
		m.root.Close()
	}
}

// openModel pulls what other does not have into dir, unless the files are at
// hand.
func openModel(ctx context.Context, w *workspace.Workspace, s, other Side, dir string) (*modelSide, error) {
	m := &modelSide{Side: s, on: map[ref.Digest]string{}, digests: map[string]ref.Digest{}, ranges: &artifact.Ranges{}}
	has := map[ref.Digest]bool{}
	for _, f := range other.Files {
		has[f.Digest] = true
	}
	var missing []manifest.File
	for _, f := range s.Files {
		m.digests[f.Path] = f.Digest
		if s.Dir != "" {
			m.on[f.Digest] = f.Path
		} else if !has[f.Digest] {
			missing = append(missing, f)
			m.on[f.Digest] = f.Path
			m.fetched += f.Size
		}
	}
	if s.Dir == "" {
		repo, err := w.Repository(s.Artifact.Name)
		if err != nil {
			return nil, err
		}
		remote, pull, err := open(ctx, w, s)
		if err != nil {
			return nil, err
		}
		if len(missing) > 0 {
			if err := pull(dir, datadiff.Has(missing)); err != nil {
				return nil, err
			}
			m.Dir = dir
		}
		m.remote = func(path string) (io.ReaderAt, int64, error) {
			i := slices.IndexFunc(remote.Files, func(f manifest.File) bool { return f.Path == path })
			if i < 0 {
				return nil, 0, fmt.Errorf("the registry has no %s of %s", path, s.Reference)
			}
			f := remote.Files[i]
			return artifact.NewBlobReader(ctx, repo, ocispec.Descriptor{Digest: digest.Digest(f.Digest), Size: f.Size}, m.ranges), f.Size, nil
		}
	}
	if m.Dir != "" {
		var err error
		if m.root, err = os.OpenRoot(m.Dir); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// open returns the bytes of a file, from where they are nearest.
func (m *modelSide) open(path string) (io.ReaderAt, int64, error) {
	for _, s := range []*modelSide{m, m.other} {
		if p, ok := s.on[m.digests[path]]; ok && s.root != nil {
			return regular(s.root.Open(filepath.FromSlash(p)))
		}
	}
	if m.remote == nil {
		return nil, 0, fmt.Errorf("%s has no file %s", m.Reference, path)
	}
	return m.remote(path)
}

// describe reads what the files of a side say about the model.
func describe(ctx context.Context, m *modelSide) (modeldiff.Side, error) {
	var names []string
	for _, f := range m.Files {
		names = append(names, f.Path)
	}
	set, err := modelfile.InspectFiles(ctx, names, m.open, modelfile.FilesOptions{})
	if err != nil {
		return modeldiff.Side{}, err
	}
	return modeldiff.Side{Set: set, Files: m.Files, Open: m.open,
		Described: compat.Described{File: compat.Of(set, m.Files), Manifest: compat.Declared(m.Artifact)}}, nil
}

// regular takes a file that was opened, unless it is something else than a file.
func regular(file *os.File, err error) (io.ReaderAt, int64, error) {
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", info.Name())
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}
