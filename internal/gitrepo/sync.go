package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// Fetch brings the store to the remote's ledger and returns its commit, "" when
// the branch does not exist yet. Objects travel only when the advertised commit
// is not the stored one, and then only those that are new.
//
// The ledger only ever grows. When the branch is gone, or a file no longer
// begins with what was read before, the error is ErrRewritten and the store
// keeps what it knows.
func (l *LedgerStore) Fetch(ctx context.Context) (head string, err error) {
	session, refs, err := l.remote.upload(ctx)
	if err != nil {
		return "", err
	}
	defer session.Close()
	l.remote.remember(refs)
	known := l.Head()
	advertised, ok := refs.References[ledgerRef.String()]
	if !ok {
		if known != "" {
			return "", fmt.Errorf("fetch the ledger from %s: %w: branch %s is gone, %s was its commit; restore it with git push, or delete %s if that was meant",
				l.remote, ErrRewritten, LedgerBranch, known, l.dir)
		}
		return "", nil
	}
	head = advertised.String()
	whole := l.complete(known)
	if head == known && whole {
		return head, nil
	}
	if !whole {
		known = ""
	}
	if err := l.fetch(ctx, session, refs, head, known); err != nil {
		return "", err
	}
	return head, nil
}

// FetchFrom is Fetch without a round trip when adv, an advertisement read a
// moment ago, shows that the store is up to date.
func (l *LedgerStore) FetchFrom(ctx context.Context, adv *Advertised) (head string, err error) {
	if head, known := adv.Heads[LedgerBranch], l.Head(); head == known && (head == "" || l.complete(head)) {
		return head, nil
	}
	return l.Fetch(ctx)
}

func (l *LedgerStore) fetch(ctx context.Context, session transport.UploadPackSession, refs *packp.AdvRefs, head, known string) error {
	// A commit that was written here (Push, then a lost answer) is no news.
	if !l.complete(head) {
		objects, err := l.remote.downloadObjects(ctx, session, refs.Capabilities, ledgerRequest(head, known), l.any)
		if err != nil {
			return err
		}
		for _, o := range objects {
			if _, err := l.objects.write(o.kind, o.data); err != nil {
				return fmt.Errorf("store the ledger in %s: %w", l.dir, err)
			}
		}
	}
	if err := l.check(head); err != nil {
		return fmt.Errorf("fetch the ledger from %s: branch %s is not a whole ledger: %w", l.remote, LedgerBranch, err)
	}
	if err := l.checkGrown(known, head); err != nil {
		return fmt.Errorf("fetch the ledger from %s: %w", l.remote, err)
	}
	if err := l.setHead(head); err != nil {
		return fmt.Errorf("store the ledger in %s: %w", l.dir, err)
	}
	l.tidy(head)
	return nil
}

// ledgerRequest asks for one commit, without what the known one brings along.
func ledgerRequest(head, known string) request {
	q := request{want: head, depth: 1}
	if known != "" {
		q.haves, q.shallows, q.thin = []string{known}, []string{known}, true
	}
	return q
}

// checkGrown reads the trees of both commits and the files that differ.
func (l *LedgerStore) checkGrown(from, to string) error {
	old, err := l.files(from)
	if err != nil {
		return err
	}
	now, err := l.files(to)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(old))
	for name := range old {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if now[name] == old[name] {
			continue
		}
		before, err := l.read("blob", old[name])
		if err != nil {
			return err
		}
		var after []byte
		if id := now[name]; id != "" {
			if after, err = l.read("blob", id); err != nil {
				return err
			}
		}
		if !bytes.HasPrefix(after, before) {
			return fmt.Errorf("%w: %s no longer begins with what was read here before (commit %s, now %s); find out who did that, and delete %s to accept it",
				ErrRewritten, name, short(from), short(to), l.dir)
		}
	}
	return nil
}

// DefaultCommit is the commit of the remote's default branch, with the branch's
// name. It uses what Refs or Fetch last read from this Remote, or asks. When the
// commit is not in this clone, its files are fetched without history into the
// private store, where ReadFile, Files and Changed find them. ErrNoCommits says
// that the remote has no such branch yet.
func (m *Remote) DefaultCommit(ctx context.Context) (hash, branch string, err error) {
	adv := m.last
	if adv == nil {
		if adv, err = m.Refs(ctx); err != nil {
			return "", "", err
		}
	}
	branch = adv.DefaultBranch
	hash = adv.Heads[branch]
	if hash == "" {
		return "", branch, fmt.Errorf("find the default branch of remote %s: %w; push a first commit", m, ErrNoCommits)
	}
	if !m.repo.partial() && m.repo.has(hash) {
		return hash, branch, nil
	}
	store, err := m.Ledger(ctx)
	if err != nil {
		return "", "", err
	}
	if ref, err := store.storage.Reference(policyRef); err == nil && ref.Hash().String() == hash && store.storage.HasEncodedObject(ref.Hash()) == nil {
		return hash, branch, nil
	}
	hash, err = m.fetchDefault(ctx, store, branch, !m.repo.partial())
	if errors.Is(err, errPackTooLarge) { // too much has changed to do it in memory
		hash, err = m.fetchDefault(ctx, store, branch, false)
	}
	return hash, branch, err
}

// fetchDefault asks for the references again, on the session that then sends
// the pack: the branch may have moved since. If thin, what HEAD brings along is
// not sent.
func (m *Remote) fetchDefault(ctx context.Context, store *LedgerStore, branch string, thin bool) (string, error) {
	session, refs, err := m.upload(ctx)
	if err != nil {
		return "", err
	}
	defer session.Close()
	hash := m.remember(refs).Heads[branch]
	if hash == "" {
		return "", fmt.Errorf("fetch %s from remote %s: the branch is gone; try again", branch, m)
	}
	if !m.repo.partial() && m.repo.has(hash) {
		return hash, nil
	}
	q := request{want: hash, depth: 1, filter: packp.FilterBlobLimit(MaxFileBytes+1, packp.BlobLimitPrefixNone)}
	head, err := m.repo.Head()
	if q.thin = thin && err == nil; q.thin {
		q.haves, q.shallows = []string{head.Hash}, m.repo.shallow()
		var objects []packObject
		if objects, err = m.downloadObjects(ctx, session, refs.Capabilities, q, m.repo.any); err == nil {
			err = store.addPack(objects)
		}
	} else {
		err = m.download(ctx, session, refs.Capabilities, q, store.writePack)
	}
	if err != nil {
		return "", err
	}
	if err := errors.Join(store.setShallow(policyRef, hash),
		store.storage.SetReference(plumbing.NewHashReference(policyRef, plumbing.NewHash(hash)))); err != nil {
		return "", fmt.Errorf("store %s in %s: %w", branch, store.dir, err)
	}
	store.tidyPacks()
	m.repo.reopenPolicy()
	return hash, nil
}

// writePack keeps a self-contained pack, indexed.
func (l *LedgerStore) writePack(pack io.Reader) error {
	w, err := l.storage.PackfileWriter()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, pack)
	return errors.Join(err, w.Close())
}

// addPack keeps the objects of a thin pack: with its bases it is one no more.
func (l *LedgerStore) addPack(objects []packObject) error {
	list := make([]rawObject, len(objects))
	for i, o := range objects {
		list[i] = rawObject{o.kind, o.data}
	}
	pack, err := encodePack(list)
	if err == nil {
		err = l.writePack(bytes.NewReader(pack))
	}
	if err != nil {
		return fmt.Errorf("store the default branch in %s: %w", l.dir, err)
	}
	return nil
}

// any looks an object of unknown kind up in the ledger.
func (l *LedgerStore) any(id string) (rawObject, bool) {
	for _, kind := range []string{"blob", "tree", "commit"} {
		if data, err := l.read(kind, id); err == nil {
			return rawObject{kind, data}, true
		}
	}
	return rawObject{}, false
}

// any looks an object of unknown kind up in the clone.
func (r *Repo) any(id string) (rawObject, bool) {
	hash := plumbing.NewHash(id)
	if n, err := r.size(hash); err != nil || n > maxInflatedBytes {
		return rawObject{}, false
	}
	o, err := r.encoded(plumbing.AnyObject, hash)
	if err != nil {
		return rawObject{}, false
	}
	in, err := o.Reader()
	if err != nil {
		return rawObject{}, false
	}
	defer in.Close()
	data, err := io.ReadAll(in)
	return rawObject{o.Type().String(), data}, err == nil
}
