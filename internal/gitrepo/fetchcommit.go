package gitrepo

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

const baseRef = plumbing.ReferenceName("refs/waybill/base")

// Tree is the object name of a commit's tree.
func (r *Repo) Tree(commit string) (string, error) {
	c, err := r.commit(commit)
	if err != nil {
		return "", err
	}
	return c.tree.String(), nil
}

// Parents are the parents of a commit, first the one that was merged into. They
// need not be in the clone: the commits of a shallow one name theirs.
func (r *Repo) Parents(rev string) ([]string, error) {
	hash, err := r.ResolveRevision(rev)
	if err != nil {
		return nil, err
	}
	c, err := r.commit(hash)
	if err != nil {
		return nil, fmt.Errorf("read the parents of %s: %w", clip(rev), err)
	}
	out := make([]string, len(c.parents))
	for i, p := range c.parents {
		out[i] = p.String()
	}
	return out, nil
}

// deeper is how many commits of a branch are asked for where the server does
// not give out a commit by its name; 0 is all of them.
var deeper = []int{50, 1000, 0}

// FetchCommit sees to it that the files of a commit can be read (ReadFile,
// Files, Changed): it is in the clone already, or its files are fetched without
// history into the private store. No ref, index or shallow mark of the clone
// changes. GitHub and other servers give out any commit that is reachable; of
// servers that do not, branch is fetched, as deep as it takes.
func (m *Remote) FetchCommit(ctx context.Context, hash, branch string) error {
	if !isHash(hash) {
		return fmt.Errorf("fetch %q: not a commit's object name", clip(hash))
	}
	if _, err := m.repo.commit(hash); err == nil && !m.repo.partial() {
		return nil
	}
	store, err := m.Ledger(ctx)
	if err != nil {
		return err
	}
	err = m.fetchBase(ctx, store, hash, hash, 1)
	if err == nil || ctx.Err() != nil || branch == "" {
		return errors.Join(err, ctx.Err())
	}
	for _, depth := range deeper {
		adv, refsErr := m.Refs(ctx)
		if refsErr != nil {
			return refsErr
		}
		tip := adv.Heads[branch]
		if tip == "" {
			return fmt.Errorf("fetch commit %s: the server does not give it out, and branch %s is gone: %w", short(hash), clip(branch), err)
		}
		if deepErr := m.fetchBase(ctx, store, hash, tip, depth); deepErr == nil {
			return nil
		} else if !errors.Is(deepErr, errNotReached) {
			return deepErr
		}
	}
	return fmt.Errorf("fetch commit %s: it is not on branch %s of %s any more; run the workflow again on the newest commit", short(hash), clip(branch), m)
}

var errNotReached = errors.New("the commit is not among those fetched")

// fetchBase fetches want with some of its history, which must bring commit.
func (m *Remote) fetchBase(ctx context.Context, store *LedgerStore, commit, want string, depth int) error {
	session, refs, err := m.upload(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	m.remember(refs)
	q := request{want: want, depth: depth, filter: packp.FilterBlobLimit(MaxFileBytes+1, packp.BlobLimitPrefixNone)}
	if err := m.download(ctx, session, refs.Capabilities, q, store.writePack); err != nil {
		return err
	}
	m.repo.reopenPolicy()
	if _, err := m.repo.commit(commit); err != nil {
		return errNotReached
	}
	if err := errors.Join(store.setShallow(baseRef, want), store.storage.SetReference(plumbing.NewHashReference(baseRef, plumbing.NewHash(commit)))); err != nil {
		return fmt.Errorf("store commit %s in %s: %w", short(commit), store.dir, err)
	}
	return nil
}
