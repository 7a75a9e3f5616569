package workspace

import (
	"context"
	"os"

	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/manifest"
)

// ReleaseCommit is the commit that versions are registered at: HEAD, which
// must be on the remote's default branch. Anything else could vanish, and its
// checks were those of a branch that nobody merged.
func (w *Workspace) ReleaseCommit(ctx context.Context, l *Ledger) (string, error) {
	head, err := w.Repo.Head()
	if err != nil {
		return "", usageError{err}
	}
	if l.Refs == nil {
		return "", Usage("there is no remote to register at; run: git remote add origin URL: %w", gitrepo.ErrNoRemote)
	}
	ok, err := w.Repo.Contains(ctx, l.Refs, head.Hash)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", Usage("commit %.12s is not on the remote's default branch (%s); merge it and run \"git push\" first", head.Hash, l.Refs.DefaultBranch)
	}
	return head.Hash, nil
}

// CommittedAt tells whether manifest and lock of a stand in the commit exactly
// as in the working tree, and the evidence files it names need not.
func (w *Workspace) CommittedAt(commit string, a *manifest.Artifact) error {
	for _, p := range []string{manifest.ProjectFile, a.Path, a.LockPath()} {
		data, err := os.ReadFile(w.Path(p))
		if os.IsNotExist(err) {
			return Usage("%s: %s does not exist; run \"waybill push %s\" and commit it", a.Name, p, a.Name)
		}
		if err != nil {
			return err
		}
		same, err := w.Repo.Committed(commit, p, data)
		if err != nil {
			return err
		}
		if !same {
			return Usage("%s: %s differs from the commit %.12s; run: git add %s && git commit && git push", a.Name, p, commit, p)
		}
	}
	return nil
}
