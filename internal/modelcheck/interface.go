package modelcheck

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/waybill-dev/waybill/internal/compat"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelfile"
)

// Baseline is another version of a model, as its callers see it.
type Baseline struct {
	Name string // for people: "sentiment@v1.2.0"
	compat.Described
	Problem string // why it is not known, "" if it is
}

// Describe reads what callers of the model a rely on. open returns the bytes
// of a file. problem says why the files do not tell it all, "" if they do.
func Describe(ctx context.Context, a *manifest.Artifact, files []manifest.File, open func(name string) (io.ReaderAt, int64, error), opts modelfile.FilesOptions) (d compat.Described, problem string, err error) {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.Path
	}
	set, err := modelfile.InspectFiles(ctx, names, open, opts)
	if err != nil {
		return d, "", err
	}
	for _, p := range set.Problems {
		// Of a folder's texts config.json alone tells what callers rely on;
		// vocabularies of no known form are not compared as such.
		if p.Format != "huggingface" || path.Base(p.Path) == "config.json" {
			problem = p.Error()
			break
		}
	}
	return compat.Described{File: compat.Of(set, files), Manifest: compat.Declared(a)}, problem, nil
}

// DescribeDir is Describe for files on disk.
func DescribeDir(ctx context.Context, a *manifest.Artifact, dir string, files []manifest.File) (compat.Described, string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return compat.Described{}, "", err
	}
	defer root.Close()
	return describeRoot(ctx, a, root, files)
}

func describeRoot(ctx context.Context, a *manifest.Artifact, root *os.Root, files []manifest.File) (compat.Described, string, error) {
	return Describe(ctx, a, files, func(name string) (io.ReaderAt, int64, error) {
		file, err := root.Open(filepath.FromSlash(name))
		if err != nil {
			return nil, 0, err
		}
		info, err := file.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is not a regular file", name)
		}
		if err != nil {
			file.Close()
			return nil, 0, err
		}
		return file, info.Size(), nil
	}, modelfile.FilesOptions{})
}
