package gitrepo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

const (
	// MaxFileBytes is the largest file that ReadFile and the ledger return.
	MaxFileBytes = 32 << 20

	maxTreeDepth = 128
)

// emptyTree need not be stored to exist.
var emptyTree = plumbing.NewHash("4b825dc642cb6eb9a060e54bf8d69288fbee4904")

// encoded finds an object in the repository, its alternates or the private
// store.
func (r *Repo) encoded(kind plumbing.ObjectType, hash plumbing.Hash) (plumbing.EncodedObject, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.stores {
		o, err := s.EncodedObject(kind, hash)
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			return o, err
		}
	}
	if s := r.policyStore(); s != nil {
		return s.EncodedObject(kind, hash)
	}
	return nil, plumbing.ErrObjectNotFound
}

// policyStore opens the private store if it is there. Callers hold mu.
func (r *Repo) policyStore() *filesystem.Storage {
	if r.policy == nil && looksBare(r.storeDir()) {
		r.policy = openStorage(osfs.New(r.storeDir()))
	}
	return r.policy
}

// size is checked before an object is read: reading allocates it whole.
func (r *Repo) size(hash plumbing.Hash) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	stores := r.stores
	if s := r.policyStore(); s != nil {
		stores = append(stores[:len(stores):len(stores)], s)
	}
	for _, s := range stores {
		n, err := s.EncodedObjectSize(hash)
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			return n, err
		}
	}
	return 0, plumbing.ErrObjectNotFound
}

func (r *Repo) commit(rev string) (*commitObject, error) {
	if !isHash(rev) {
		return nil, fmt.Errorf("%q is not a commit's object name", clip(rev))
	}
	o, err := r.encoded(plumbing.CommitObject, plumbing.NewHash(rev))
	if err != nil {
		return nil, missing("commit "+rev, err)
	}
	return readCommit(o)
}

func readCommit(o plumbing.EncodedObject) (*commitObject, error) {
	data, err := readObject(o)
	var c *commitObject
	if err == nil {
		c, err = decodeCommit(data)
	}
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", o.Hash(), err)
	}
	c.hash = o.Hash()
	return c, nil
}

func (r *Repo) tree(hash plumbing.Hash) ([]fileEntry, error) {
	if hash.IsZero() || hash == emptyTree {
		return nil, nil
	}
	o, err := r.encoded(plumbing.TreeObject, hash)
	if err != nil {
		return nil, missing("tree "+hash.String(), err)
	}
	data, err := readObject(o)
	var entries []fileEntry
	if err == nil {
		entries, err = decodeTree(data)
	}
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w", hash, err)
	}
	return entries, nil
}

func missing(what string, err error) error {
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return fmt.Errorf("%s is not in this clone; run git fetch (in a workflow: actions/checkout with fetch-depth: 0)", what)
	}
	return fmt.Errorf("%s: %w", what, err)
}

var errNotFile = errors.New("it is a folder, a symbolic link or a submodule, not a file")

// entry finds the file at path. Not there is fs.ErrNotExist.
func (r *Repo) entry(rev, path string) (fileEntry, error) {
	c, err := r.commit(rev)
	if err != nil {
		return fileEntry{}, err
	}
	if !fs.ValidPath(path) || path == "." {
		return fileEntry{}, &fs.PathError{Op: "read", Path: path, Err: fs.ErrInvalid}
	}
	at := fileEntry{mode: filemode.Dir, hash: c.tree}
	for _, name := range strings.Split(path, "/") {
		entries, err := []fileEntry(nil), error(nil)
		if at.mode == filemode.Dir {
			if entries, err = r.tree(at.hash); err != nil {
				return fileEntry{}, err
			}
		}
		found := false
		for _, e := range entries {
			if e.name == name {
				at, found = e, true
				break
			}
		}
		if !found {
			return fileEntry{}, fs.ErrNotExist
		}
	}
	if !isFile(at.mode) {
		return fileEntry{}, errNotFile
	}
	return at, nil
}

func isFile(m filemode.FileMode) bool {
	return m == filemode.Regular || m == filemode.Executable || m == filemode.Deprecated
}

// ReadFile returns a file as it stands in commit rev. An error is
// fs.ErrNotExist when the commit has no such file. Files over MaxFileBytes and
// symbolic links are refused.
func (r *Repo) ReadFile(rev, path string) ([]byte, error) {
	data, err := r.readFile(rev, path)
	if err != nil {
		return nil, fmt.Errorf("read %s at %s: %w", path, short(rev), err)
	}
	return data, nil
}

func (r *Repo) readFile(rev, path string) ([]byte, error) {
	e, err := r.entry(rev, path)
	if err != nil {
		return nil, err
	}
	return r.readBlob(e.hash)
}

// readBlob reads a file of at most MaxFileBytes.
func (r *Repo) readBlob(hash plumbing.Hash) ([]byte, error) {
	size, err := r.size(hash)
	if err != nil {
		return nil, missing("its content", err)
	}
	if size > MaxFileBytes {
		return nil, fmt.Errorf("%d bytes; at most %d are read", size, MaxFileBytes)
	}
	o, err := r.encoded(plumbing.BlobObject, hash)
	if err != nil {
		return nil, missing("its content", err)
	}
	in, err := o.Reader()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(in)
}

// Committed reports whether the file at path in commit rev is exactly data. A
// file that the commit does not have is not committed.
func (r *Repo) Committed(rev, path string, data []byte) (bool, error) {
	e, err := r.entry(rev, path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotFile) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("compare %s with %s: %w", path, short(rev), err)
	}
	return e.hash.String() == objectID("blob", data), nil
}

// Files lists the files of commit rev for which match (nil: every path) is
// true, path -> blob. It reads trees only; symbolic links and submodules are
// left out.
func (r *Repo) Files(rev string, match func(path string) bool) (map[string]string, error) {
	files := map[string]string{}
	c, err := r.commit(rev)
	if err == nil {
		err = r.walk(c.tree, plumbing.ZeroHash, "", 0, func(path string, to, _ plumbing.Hash) {
			if !to.IsZero() && (match == nil || match(path)) {
				files[path] = to.String()
			}
		})
	}
	if err != nil {
		return nil, fmt.Errorf("list the files of %s: %w", short(rev), err)
	}
	return files, nil
}

// Changed lists, sorted, the files that were added, removed or changed between
// two commits and for which match (nil: every path) is true. from == "" is the
// empty tree. The working tree is not looked at.
func (r *Repo) Changed(from, to string, match func(path string) bool) ([]string, error) {
	var old plumbing.Hash
	var paths []string
	c, err := r.commit(to)
	if err == nil && from != "" {
		var f *commitObject
		if f, err = r.commit(from); err == nil {
			old = f.tree
		}
	}
	if err == nil {
		err = r.walk(c.tree, old, "", 0, func(path string, _, _ plumbing.Hash) {
			if match == nil || match(path) {
				paths = append(paths, path)
			}
		})
	}
	if err != nil {
		return nil, fmt.Errorf("compare %s with %s: %w", short(from), short(to), err)
	}
	sort.Strings(paths)
	return paths, nil
}

// walk visits every file that differs between two trees (a zero hash is the
// empty tree), without reading subtrees that are the same. A file on one side
// only has a zero hash on the other.
func (r *Repo) walk(to, from plumbing.Hash, prefix string, depth int, visit func(path string, to, from plumbing.Hash)) error {
	if to == from {
		return nil
	}
	if depth > maxTreeDepth {
		return fmt.Errorf("folders are nested deeper than %d at %s", maxTreeDepth, clip(prefix))
	}
	a, err := r.tree(to)
	if err != nil {
		return err
	}
	b, err := r.tree(from)
	if err != nil {
		return err
	}
	olds := make(map[string]fileEntry, len(b))
	for _, e := range b {
		olds[e.name] = e
	}
	both := func(name string, now, old fileEntry) error {
		path := prefix + name
		if n, o := fileHash(now), fileHash(old); n != o || now.mode != old.mode && !n.IsZero() {
			visit(path, n, o)
		}
		if n, o := dirHash(now), dirHash(old); n != o {
			return r.walk(n, o, path+"/", depth+1, visit)
		}
		return nil
	}
	for _, e := range a {
		if err := both(e.name, e, olds[e.name]); err != nil {
			return err
		}
		delete(olds, e.name)
	}
	for name, e := range olds {
		if err := both(name, fileEntry{}, e); err != nil {
			return err
		}
	}
	return nil
}

func fileHash(e fileEntry) plumbing.Hash {
	if isFile(e.mode) {
		return e.hash
	}
	return plumbing.ZeroHash
}

func dirHash(e fileEntry) plumbing.Hash {
	if e.mode == filemode.Dir {
		return e.hash
	}
	return plumbing.ZeroHash
}

// short is a revision as messages show it.
func short(rev string) string {
	if rev == "" {
		return "the empty tree"
	}
	if isHash(rev) {
		return rev[:12]
	}
	return clip(rev)
}
