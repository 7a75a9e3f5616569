package gitrepo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// IsShallow tells whether a part of the history is not in this clone.
func (r *Repo) IsShallow() bool { return len(r.shallow()) > 0 }

// Missing lists, sorted, the branches and tags of a remote whose commits are not
// in this clone. The ledger does not count.
func (r *Repo) Missing(adv *Advertised) []string {
	var names []string
	for name, id := range adv.references() {
		if !r.has(id) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Tips returns where all references stand, name -> commit: HEAD (of all
// worktrees), branches, remote-tracking branches, tags and whatever else there
// is under refs/; and, unless adv is nil, the branches and tags of the remote as
// far as they are not Missing. A reference to something that is not a commit is
// left out.
func (r *Repo) Tips(adv *Advertised) (map[string]string, error) {
	tips := map[string]string{}
	fail := func(err error) (map[string]string, error) {
		return nil, fmt.Errorf("list the references of %s: %w", r.root, err)
	}
	if head, err := r.Head(); err == nil {
		tips["HEAD"] = head.Hash
	} else if !errors.Is(err, ErrNoCommits) {
		return fail(err)
	}
	worktrees, err := filepath.Glob(filepath.Join(r.commonDir, "worktrees", "*", "HEAD"))
	if err != nil {
		return fail(err)
	}
	for _, file := range append(worktrees, filepath.Join(r.commonDir, "HEAD")) {
		if id := readLine(file); isHash(id) {
			tips[file] = id
		}
	}
	r.mu.Lock()
	refs, err := r.stores[0].IterReferences()
	r.mu.Unlock()
	if err != nil {
		return fail(err)
	}
	add := func(name, id string) error {
		commit, err := r.tipCommit(plumbing.NewHash(id))
		if err != nil {
			return fmt.Errorf("%s: %w", clip(name), err)
		}
		if commit != "" {
			tips[name] = commit
		}
		return nil
	}
	err = refs.ForEach(func(ref *plumbing.Reference) error {
		if ref.Type() != plumbing.HashReference || ref.Name() == plumbing.HEAD {
			return nil // what a symbolic one names is listed itself
		}
		return add(ref.Name().String(), ref.Hash().String())
	})
	if err != nil {
		return fail(err)
	}
	for name, id := range adv.references() {
		if r.has(id) {
			if err := add("the remote's "+name, id); err != nil {
				return fail(err)
			}
		}
	}
	return tips, nil
}

// references are the branches and tags without the ledger, each with its commit.
func (adv *Advertised) references() map[string]string {
	refs := map[string]string{}
	if adv == nil {
		return refs
	}
	for name, commit := range adv.Heads {
		if name != LedgerBranch { // it is not read from the clone
			refs["refs/heads/"+name] = commit
		}
	}
	for name, id := range adv.Tags {
		refs["refs/tags/"+name] = cmp.Or(adv.Peeled[name], id)
	}
	return refs
}

// tipCommit follows annotated tags; "" when they lead to something else than a
// commit.
func (r *Repo) tipCommit(hash plumbing.Hash) (string, error) {
	commit, err := r.peel(hash)
	if errors.Is(err, errNotCommit) {
		return "", nil
	}
	return commit, err
}

// FileAt is a file as it stands in a commit.
type FileAt struct {
	Commit, Path string
	Blob         string // names its content
}

// FilesAt lists the files of many commits whose name (without folders) match
// likes. The same content is listed once, and folders that several commits have
// in common are read once, so that thousands of tags cost little more than one.
func (r *Repo) FilesAt(ctx context.Context, commits []string, match func(name string) bool) ([]FileAt, error) {
	w := tipWalk{repo: r, match: match, trees: map[plumbing.Hash]bool{}, blobs: map[plumbing.Hash]bool{}}
	for _, id := range commits {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := r.commit(id)
		if err == nil {
			err = w.tree(c.tree, id, "", 0)
		}
		if err != nil {
			return nil, fmt.Errorf("list the files of %s: %w", short(id), err)
		}
	}
	return w.found, nil
}

// ReadFileAt returns the content of a file that FilesAt listed, under the rules
// of ReadFile.
func (r *Repo) ReadFileAt(f FileAt) ([]byte, error) {
	data, err := r.readBlob(plumbing.NewHash(f.Blob))
	if err != nil {
		return nil, fmt.Errorf("read %s at %s: %w", f.Path, short(f.Commit), err)
	}
	return data, nil
}

type tipWalk struct {
	repo         *Repo
	match        func(name string) bool
	trees, blobs map[plumbing.Hash]bool // that were seen
	found        []FileAt
}

func (w *tipWalk) tree(hash plumbing.Hash, commit, prefix string, depth int) error {
	if w.trees[hash] {
		return nil
	}
	w.trees[hash] = true
	if depth > maxTreeDepth {
		return fmt.Errorf("folders are nested deeper than %d at %s", maxTreeDepth, clip(prefix))
	}
	entries, err := w.repo.tree(hash)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch {
		case e.mode == filemode.Dir:
			if err := w.tree(e.hash, commit, prefix+e.name+"/", depth+1); err != nil {
				return err
			}
		case isFile(e.mode) && w.match(e.name) && !w.blobs[e.hash]:
			w.blobs[e.hash] = true
			w.found = append(w.found, FileAt{Commit: commit, Path: prefix + e.name, Blob: e.hash.String()})
		}
	}
	return nil
}
