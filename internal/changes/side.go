package changes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/datadiff"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/transfer"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Side is an artifact as one side has it. Its files stand in Dir, or are to be
// pulled when that is "".
type Side struct {
	datadiff.State
	Artifact *manifest.Artifact
	Files    []manifest.File
	Encoding ref.Digest
	Dir      string
	Metrics  map[string]float64 // as the lock has them
}

// Only leaves the files of a split.
func (s *Side) Only(split string) error {
	var files []manifest.File
	for _, f := range s.Files {
		if f.Split == split {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return workspace.Usage("%s has no split %q", s.Reference, split)
	}
	s.Files = files
	return nil
}

// Working is the working tree; where its files are not at hand, its lock.
func Working(ctx context.Context, w *workspace.Workspace, name string) (Side, error) {
	m, err := w.Artifact(name)
	if err != nil {
		return Side{}, err
	}
	files, err := artifact.Scan(ctx, w.Root(), m, w.Stats(), nil)
	if errors.Is(err, fs.ErrNotExist) {
		if lock, lockErr := w.Lock(m); lockErr == nil && lock.Pushed() {
			return Locked(ctx, w, m, lock, "the working tree's lock")
		}
	}
	if err != nil {
		return Side{}, err
	}
	content, err := manifest.ContentDigest(files)
	if err != nil {
		return Side{}, err
	}
	s := Side{State: datadiff.State{Reference: "the working tree", ContentDigest: content}, Artifact: m, Files: files, Dir: w.Dir(m)}
	if lock, err := w.Lock(m); err == nil && lock.ContentDigest == content {
		s.Metrics = lock.Metrics
	}
	return s, nil
}

// At is what the lock in a commit names.
func At(ctx context.Context, w *workspace.Workspace, name, revision string) (Side, error) {
	commit, err := w.Repo.ResolveRevision(revision)
	if err != nil {
		return Side{}, workspace.Usage("%w", err)
	}
	m, err := w.ArtifactAt(commit, name)
	var lock *manifest.Lock
	if err == nil {
		lock, err = w.LockAt(commit, m)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Side{}, workspace.Usage("revision %s has no lock of it: %w", revision, err)
	}
	if err != nil {
		return Side{}, err
	}
	return Locked(ctx, w, m, lock, revision)
}

// Version is a registered version. The list of its files is that of its
// commit or, where a shallow clone lacks that, of the registry.
func Version(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, r ref.Reference) (Side, error) {
	what, err := w.Resolve(ctx, l, r)
	if err != nil {
		return Side{}, err
	}
	label := r.String()
	if !what.Version.IsZero() {
		label = r.Name + "@" + what.Version.String()
		if r.Stage != "" {
			label += " (" + r.Stage + ")"
		}
	}
	if what.Commit != "" {
		if m, err := w.ArtifactAt(what.Commit, r.Name); err == nil {
			if lock, err := w.LockAt(what.Commit, m); err == nil && lock.ContentDigest == what.ContentDigest {
				return Locked(ctx, w, m, lock, label)
			}
		}
	}
	m, err := w.Artifact(r.Name)
	if err != nil {
		return Side{}, err
	}
	return Locked(ctx, w, m, &manifest.Lock{ContentDigest: what.ContentDigest, Encoding: manifest.Encoding{Digest: what.Digest}}, label)
}

// Locked is what a lock names. Files that it does not list are listed by
// the registry.
func Locked(ctx context.Context, w *workspace.Workspace, m *manifest.Artifact, lock *manifest.Lock, label string) (Side, error) {
	s := Side{State: datadiff.State{Reference: label, ContentDigest: lock.ContentDigest}, Artifact: m, Files: lock.Files, Encoding: lock.Encoding.Digest, Metrics: lock.Metrics}
	if len(s.Files) > 0 {
		return s, nil
	}
	remote, _, err := open(ctx, w, s)
	if err != nil {
		return s, err
	}
	s.Files = remote.Files
	artifact.AssignSplits(m, s.Files)
	return s, nil
}

// open finds the encoding of a side in the registry, and how to pull files of it.
func open(ctx context.Context, w *workspace.Workspace, s Side) (*artifact.Remote, func(dir string, only func(manifest.File) bool) error, error) {
	name := s.Artifact.Name
	if s.Encoding == "" {
		return nil, nil, workspace.NotPushed(name)
	}
	repo, err := w.Repository(name)
	if err != nil {
		return nil, nil, err
	}
	remote, err := artifact.Read(ctx, repo, s.Encoding)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.Reference, err)
	}
	if remote.ContentDigest != s.ContentDigest {
		return nil, nil, fmt.Errorf("%s: the registry's %s holds content %s, not %s; run \"waybill doctor\"", s.Reference, s.Encoding, remote.ContentDigest, s.ContentDigest)
	}
	pull := func(dir string, only func(manifest.File) bool) error {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		_, err := artifact.Pull(ctx, remote, repo, dir, artifact.PullOptions{Only: only, Options: transfer.Options{Cache: w.Cache(), Now: w.Now}})
		return err
	}
	return remote, pull, nil
}
