package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/table"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Result is a file that checks of an evaluation name.
type Result struct {
	Path   string // to open
	Digest ref.Digest
	// Model is the content of the model that it was made with, "" for a file
	// that is only compared with.
	Model ref.Digest
}

// result finds the file that a check names as name. Where it cannot serve,
// because it is not there or of other weights, why says so.
func (t Target) result(name string) (f table.File, why *cannot) {
	clean, err := manifest.ResultName(name)
	if err != nil {
		return f, cannotf("mend the path in "+t.Artifact.Path, "%v", err)
	}
	locked, isLocked := t.lockedResult(clean)
	got, ok := t.Results[clean]
	switch {
	case ok && got.Model != "" && got.Model != t.Content, !ok && isLocked && locked.Model != "" && locked.Model != t.Content:
		return f, cannotf("make it again with these weights; should it come out the same, change a byte that does not count, such as a line break at the end",
			"%s is of other weights: the model's files have changed since, it has not", clean)
	case ok:
		return table.File{Name: t.Artifact.Resolve(clean), Path: got.Path}, nil
	case isLocked:
		return f, cannotf("make it again, or check a version, which reads what was pushed with it; if that lacks it too, run \"waybill push "+t.Artifact.Name+"\" where it is",
			"%s is not here: the lock names it (%s), but it is neither in the working tree nor among what was fetched", clean, locked.Digest.Short())
	}
	return f, cannotf("make it with these weights, then run \"waybill push "+t.Artifact.Name+"\"", "%s does not exist", clean)
}

func (t Target) lockedResult(name string) (manifest.EvidenceFile, bool) {
	if t.Lock != nil {
		for _, f := range t.Lock.Evidence[evidence.Results].Files {
			if f.Path == name {
				return f, true
			}
		}
	}
	return manifest.EvidenceFile{}, false
}

// IsLocked tells whether these bytes are those of the lock: content,
// predictions and results.
func (t Target) IsLocked(lock *manifest.Lock) bool {
	if t.Content != lock.ContentDigest || t.PredictionsDigest != lock.Evidence[evidence.Predictions].Digest {
		return false
	}
	files := lock.Evidence[evidence.Results].Files
	for _, f := range files {
		if t.Results[f.Path].Digest != f.Digest {
			return false
		}
	}
	return len(files) == len(t.Results)
}

// workingResults finds the results in the working tree. Those whose bytes the
// lock knows were made with the weights that it names; others, with these.
func (t *Target) workingResults(ctx context.Context, w *workspace.Workspace) error {
	wanted, err := t.Artifact.ResultFiles()
	if err != nil {
		return workspace.Usage("%w", err)
	}
	if len(wanted) == 0 {
		return nil
	}
	root, err := os.OpenRoot(w.Root())
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range wanted {
		p := t.Artifact.Resolve(f.Name)
		info, err := root.Lstat(p) // no link leads out of the repository
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("the result file %s: %w", f.Name, err)
		}
		switch {
		case !info.Mode().IsRegular():
			return workspace.Usage("the result file %s is not a regular file", f.Name)
		case info.Size() > manifest.MaxResultSize:
			return workspace.Usage("the result file %s has %d bytes, at most %d; keep what the check needs", f.Name, info.Size(), int64(manifest.MaxResultSize))
		}
		found := Result{Path: w.Path(p)}
		if found.Digest, _, _, err = w.Stats().Digest(ctx, found.Path); err != nil {
			return fmt.Errorf("the result file %s: %w", f.Name, err)
		}
		if !f.Reference {
			found.Model = t.Content
			if t.Lock != nil {
				if known, ok := t.Lock.ResultOf(evidence.Results, found.Digest, t.Content); ok {
					found.Model = known.Model
				}
			}
		}
		t.addResult(f.Name, found)
	}
	return nil
}

func (t *Target) addResult(name string, r Result) {
	if t.Results == nil {
		t.Results = map[string]Result{}
	}
	t.Results[name] = r
}

// fetchedResults fetches the results that the lock names and that were pushed
// with its content, each verified, into a folder of its own below scratch: only
// the last part of its name is used there. Where the registry does not list
// them, there are none, and the checks say so; one that it lists and does not
// have is an error.
func (t *Target) fetchedResults(ctx context.Context, repo registry.Repository, subject ocispec.Descriptor, scratch string) error {
	bound, ok := t.Lock.Evidence[evidence.Results]
	if !ok || bound.Model != "" && bound.Model != t.Content {
		return nil
	}
	found, err := evidence.List(ctx, repo, subject, evidence.Results)
	if err != nil {
		return err
	}
	for _, e := range found {
		if string(e.Layer.Digest) != string(bound.Digest) {
			continue
		}
		holder, err := os.MkdirTemp(scratch, "results-")
		if err != nil {
			return err
		}
		for i, f := range bound.Current() {
			file := filepath.Join(holder, strconv.Itoa(i), path.Base(f.Path))
			if err := fetchResult(ctx, repo, e, f.Digest, file); err != nil {
				return fmt.Errorf("%s: the result file %s cannot be had: %w; run \"waybill push %s\" where it is",
					t.Artifact.Name, f.Path, err, t.Artifact.Name)
			}
			t.addResult(f.Path, Result{Path: file, Digest: f.Digest, Model: f.Model})
		}
		return nil
	}
	return nil
}

func fetchResult(ctx context.Context, repo registry.Repository, e evidence.Found, d ref.Digest, file string) error {
	r, err := evidence.FetchMore(ctx, repo, e, d, manifest.MaxResultSize)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := os.Mkdir(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, r)
	return errors.Join(err, out.Close())
}
