// Package check runs the check groups of artifacts over their bytes and
// returns one report: data and files by their catalogs, gates by recomputing
// metrics from predictions.
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
	"slices"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/datacheck"
	"github.com/waybill-dev/waybill/internal/evalcheck"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/imagecheck"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/table"
	"github.com/waybill-dev/waybill/internal/transfer"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Parser reads manifests with the parameters of all check catalogs.
func Parser() (*manifest.Parser, error) {
	return manifest.NewParser(slices.Concat(modelcheck.Schemas(), evalcheck.Schemas()), slices.Concat(datacheck.Schemas(), imagecheck.Schemas()))
}

// Target is an artifact with the bytes to check.
type Target struct {
	Artifact *manifest.Artifact
	Dir      string // where Files stand
	Files    []manifest.File
	Content  ref.Digest
	Lock     *manifest.Lock // nil when there is none
	// Commit is where the manifest is from, "" for the working tree.
	Commit string
	// Predictions is the file to open, "" when there is none;
	// PredictionsDigest is that of its bytes.
	Predictions       string
	PredictionsDigest ref.Digest
	// Results are the files that checks of an evaluation name, by
	// manifest.ResultFile.Name; result says of one why it cannot serve.
	Results map[string]Result
}

// Table says how one of the artifact's files is read as a table.
func (t Target) Table(f manifest.File) table.File {
	out := table.File{Name: path.Join(t.Artifact.Dir(), f.Path), Path: filepath.Join(t.Dir, filepath.FromSlash(f.Path))}
	if d := t.Artifact.Dataset; d != nil {
		out.Dialect = table.Dialect(d.CSV)
	}
	return out
}

// Tables are the files that can be read as tables, of one split or, for "",
// of all.
func (t Target) Tables(split string) []table.File {
	var out []table.File
	for _, f := range t.Files {
		if (split == "" || f.Split == split) && table.Format(f.Path) != "" {
			out = append(out, t.Table(f))
		}
	}
	return out
}

// tables are the files by split.
func (t Target) tables() map[string][]table.File {
	out := map[string][]table.File{}
	for _, f := range t.Files {
		out[f.Split] = append(out[f.Split], t.Table(f))
	}
	return out
}

// Working is the artifact as it stands in the working tree. With an error that
// is fs.ErrNotExist, files are missing; the target has the lock all the same.
func Working(ctx context.Context, w *workspace.Workspace, a *manifest.Artifact) (Target, error) {
	t := Target{Artifact: a, Dir: w.Dir(a)}
	var err error
	if t.Lock, err = w.Lock(a); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return t, err
	}
	if t.Files, err = artifact.Scan(ctx, w.Root(), a, w.Stats(), nil); err != nil {
		return t, err
	}
	if t.Content, err = manifest.ContentDigest(t.Files); err != nil {
		return t, err
	}
	if a.Model != nil && a.Model.Evaluation != nil {
		p := w.Path(a.Resolve(a.Model.Evaluation.Predictions))
		digest, _, _, err := w.Stats().Digest(ctx, p)
		switch {
		case err == nil:
			t.Predictions, t.PredictionsDigest = p, digest
		case !errors.Is(err, fs.ErrNotExist):
			return t, err
		}
	}
	if a.Model != nil {
		return t, t.workingResults(ctx, w)
	}
	return t, nil
}

// Absent tells whether none of the files that the lock names is in the working
// tree, as in a clone into which nothing was pulled.
func Absent(ctx context.Context, w *workspace.Workspace, a *manifest.Artifact, lock *manifest.Lock) bool {
	if len(lock.Files) == 0 { // too many to be named
		_, err := artifact.Scan(ctx, w.Root(), a, w.Stats(), nil)
		return errors.Is(err, fs.ErrNotExist)
	}
	return !slices.ContainsFunc(lock.Files, func(f manifest.File) bool {
		_, err := os.Lstat(filepath.Join(w.Dir(a), filepath.FromSlash(f.Path)))
		return err == nil
	})
}

// setSplits says of each file to which split it belongs: what the lock says, or
// for so many files that it does not list them the manifest.
func setSplits(files []manifest.File, a *manifest.Artifact, lock *manifest.Lock) {
	if len(lock.Files) == 0 {
		artifact.AssignSplits(a, files)
		return
	}
	splits := make(map[string]string, len(lock.Files))
	for _, f := range lock.Files {
		splits[f.Path] = f.Split
	}
	for i := range files {
		files[i].Split = splits[files[i].Path]
	}
}

// maxPredictions bounds what is fetched as evidence.
const maxPredictions = 8 << 30

// Fetched pulls what the lock names into dir, verified, with the predictions
// and results that are evidence about it: the bytes a version is made of,
// whatever the working tree holds.
func Fetched(ctx context.Context, w *workspace.Workspace, a *manifest.Artifact, lock *manifest.Lock, dir string) (Target, error) {
	t := Target{Artifact: a, Dir: dir, Lock: lock, Content: lock.ContentDigest}
	if !lock.Pushed() {
		return t, workspace.NotPushed(a.Name)
	}
	repo, err := w.Repository(a.Name)
	if err != nil {
		return t, err
	}
	remote, err := artifact.Read(ctx, repo, lock.Encoding.Digest)
	if err != nil {
		return t, fmt.Errorf("%s: %w; run \"waybill push %s\"", a.Name, err, a.Name)
	}
	if remote.ContentDigest != lock.ContentDigest {
		return t, fmt.Errorf("%s: the registry's %s holds content %s, the lock says %s; run \"waybill push %s\"",
			a.Name, lock.Encoding.Digest, remote.ContentDigest, lock.ContentDigest, a.Name)
	}
	if _, err := artifact.Pull(ctx, remote, repo, dir, artifact.PullOptions{Options: transfer.Options{Cache: w.Cache(), Now: w.Now}}); err != nil {
		return t, err
	}
	t.Files = remote.Files
	setSplits(t.Files, a, lock)
	if err := t.fetchedResults(ctx, repo, remote.Desc, filepath.Dir(dir)); err != nil {
		return t, err
	}
	want, ok := lock.Evidence[evidence.Predictions]
	if !ok {
		return t, nil
	}
	found, err := evidence.List(ctx, repo, remote.Desc, evidence.Predictions)
	if err != nil {
		return t, err
	}
	for _, f := range found {
		if string(f.Layer.Digest) != string(want.Digest) {
			continue
		}
		r, err := evidence.Fetch(ctx, repo, f, maxPredictions)
		if err != nil {
			return t, err
		}
		defer r.Close()
		holder, err := os.MkdirTemp(filepath.Dir(dir), "predictions-")
		if err != nil {
			return t, err
		}
		t.Predictions, t.PredictionsDigest = filepath.Join(holder, path.Base(f.Name)), want.Digest
		out, err := os.Create(t.Predictions)
		if err != nil {
			return t, err
		}
		_, err = io.Copy(out, r)
		return t, errors.Join(err, out.Close())
	}
	return t, nil
}
