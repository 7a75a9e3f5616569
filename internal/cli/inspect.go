package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect FILE|FOLDER|REFERENCE",
		Short: "What a model's files say: tensors, inputs, labels, tokenizer, licence",
		Long: `Reads what the files say about themselves, without a framework and without loading the weights. What a file is, its
content decides. Of a version in the registry only the parts that tell are fetched; they are not verified, as
"waybill pull" does. A file that breaks the rules of its format is a finding, and exit code 1.`,
		Example: `  waybill inspect model.safetensors
  waybill inspect models/sentiment --verbose
  waybill inspect sentiment#production --format json`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.inspect(args[0]) },
	}
}

// remoteText is how many bytes of configurations and vocabularies are fetched
// from a registry.
const remoteText = 1 << 20

func (a *app) inspect(arg string) error {
	info, err := os.Stat(a.inDir(arg))
	var set *modelfile.Set
	switch {
	case err == nil:
		set, err = a.inspectPath(arg, info)
	case errors.Is(err, fs.ErrNotExist):
		r, isReference := a.asReference(arg)
		if !isReference {
			return usageError{fmt.Errorf("inspect %s: there is no such file or folder, and it is not a reference like NAME@v1.0.0", arg)}
		}
		set, err = a.inspectReference(r)
	}
	if err != nil {
		return err
	}
	for _, p := range set.Problems {
		fmt.Fprintf(a.stderr, "%s\n", visible(p.Error()))
		if doc := modelfile.RuleDoc(p.Rule); doc != "" {
			fmt.Fprintf(a.stderr, "  %s: %s\n", p.Rule, doc)
		}
		a.code = exitFail
	}
	return a.result(inspectedJSON(set), inspectSections(set, a.verbose)...)
}

func (a *app) inspectPath(arg string, info fs.FileInfo) (*modelfile.Set, error) {
	if !info.IsDir() {
		return modelfile.InspectFiles(a.ctx, []string{arg}, func(name string) (io.ReaderAt, int64, error) {
			return openRegular(os.Open(a.inDir(name)))
		}, modelfile.FilesOptions{})
	}
	root, err := os.OpenRoot(a.inDir(arg))
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", arg, err)
	}
	defer root.Close()
	var names []string
	err = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case d.Type()&fs.ModeSymlink != 0:
			// Caches of models are links; those out of the folder are left.
			if info, err := root.Stat(p); err != nil || !info.Mode().IsRegular() {
				return nil
			}
			names = append(names, p)
		case d.Type().IsRegular():
			names = append(names, p)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", arg, err)
	}
	if len(names) == 0 {
		return nil, usageError{fmt.Errorf("inspect %s: there is no file in it", arg)}
	}
	return modelfile.InspectFiles(a.ctx, names, func(name string) (io.ReaderAt, int64, error) {
		return openRegular(root.Open(filepath.FromSlash(name)))
	}, modelfile.FilesOptions{})
}

func openRegular(file *os.File, err error) (io.ReaderAt, int64, error) {
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is not a regular file; name a file or a folder")
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// inspectReference reads the files of a version in the registry.
func (a *app) inspectReference(r ref.Reference) (*modelfile.Set, error) {
	w, err := a.open()
	if err != nil {
		return nil, err
	}
	defer w.SaveStats()
	l, err := w.Ledger(a.ctx)
	if err != nil {
		return nil, err
	}
	what, _, err := a.locate(w, l, r)
	if err != nil {
		return nil, err
	}
	remote, open, ranges, err := a.remoteFiles(w, r.Name, what)
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", r, err)
	}
	var names []string
	for _, f := range remote.Files {
		names = append(names, f.Path)
	}
	set, err := modelfile.InspectFiles(a.ctx, names, open, modelfile.FilesOptions{TextBudget: remoteText, SkipText: true, Distant: true})
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", r, err)
	}
	if a.verbose {
		a.note("fetched %s in %d requests", bytesText(ranges.Bytes), ranges.Requests)
	}
	return set, nil
}

// remoteFiles opens the files of a version in the registry for reading parts
// of them.
func (a *app) remoteFiles(w *workspace.Workspace, name string, what workspace.Resolved) (*artifact.Remote, func(string) (io.ReaderAt, int64, error), *artifact.Ranges, error) {
	repo, err := w.Repository(name)
	if err != nil {
		return nil, nil, nil, err
	}
	remote, err := artifact.Read(a.ctx, repo, what.Digest)
	if err != nil {
		return nil, nil, nil, err
	}
	switch {
	case remote.ContentDigest != what.ContentDigest:
		return nil, nil, nil, fmt.Errorf("%s: the registry's %s holds other content than was registered; run \"waybill doctor\"", repo, what.Digest)
	case remote.Kind != manifest.KindModel:
		return nil, nil, nil, workspace.Usage("%s is a dataset; \"waybill profile %s\" says what is in it", name, name)
	}
	ranges := &artifact.Ranges{}
	open := func(p string) (io.ReaderAt, int64, error) {
		i := slices.IndexFunc(remote.Files, func(f manifest.File) bool { return f.Path == p })
		f := remote.Files[i]
		desc := ocispec.Descriptor{Digest: digest.Digest(f.Digest), Size: f.Size}
		return artifact.NewBlobReader(a.ctx, repo, desc, ranges), f.Size, nil
	}
	return remote, open, ranges, nil
}
