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

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/datacheck"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/transfer"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Parser reads manifests with the parameters of all check catalogs.
func Parser() (*manifest.Parser, error) {
	return manifest.NewParser(modelcheck.Schemas(), datacheck.Schemas())
}

// Target is an artifact with the bytes to check.
type Target struct {
	Artifact *manifest.Artifact
	Dir      string // where Files stand
	Files    []manifest.File
	Content  ref.Digest
	Lock     *manifest.Lock // nil when there is none
	// Predictions is the file to open, "" when there is none;
	// PredictionsDigest is that of its bytes.
	Predictions       string
	PredictionsDigest ref.Digest
}

// Working is the artifact as it stands in the working tree.
func Working(ctx context.Context, w *workspace.Workspace, a *manifest.Artifact) (Target, error) {
	t := Target{Artifact: a, Dir: w.Dir(a)}
	var err error
	if t.Files, err = artifact.Scan(ctx, w.Root(), a, w.Stats(), nil); err != nil {
		return t, err
	}
	if t.Content, err = manifest.ContentDigest(t.Files); err != nil {
		return t, err
	}
	if t.Lock, err = w.Lock(a); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
	return t, nil
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
// that are evidence about it: the bytes a version is made of, whatever the
// working tree holds.
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
