package cas

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Root is a folder that nothing written through it can leave, neither by ".."
// nor through a symbolic link, also when somebody changes the folder at the
// same time. Its methods may be called concurrently.
type Root struct {
	root *os.Root
}

// OpenRoot opens dir and creates it when it does not exist. dir itself is
// trusted and may be a symbolic link.
func OpenRoot(dir string) (*Root, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("open folder %s: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open folder %s: %w", dir, err)
	}
	return &Root{root: root}, nil
}

// Close releases the folder. Pending files must be committed or aborted before.
func (r *Root) Close() error { return r.root.Close() }

// Name returns the folder as OpenRoot was given it.
func (r *Root) Name() string { return r.root.Name() }

// Create begins to write the file path, which is relative to the root and has
// / between its folders. Folders are made as needed; one that exists must not
// be a symbolic link. Nothing is visible under path before Commit. perm is
// subject to umask.
func (r *Root) Create(path string, perm fs.FileMode) (*Pending, error) {
	p, err := r.create(path, perm)
	if err != nil {
		return nil, r.fail("create", path, err)
	}
	return p, nil
}

func (r *Root) create(path string, perm fs.FileMode) (*Pending, error) {
	if !fs.ValidPath(path) || path == "." || strings.Contains(path, `\`) || !filepath.IsLocal(filepath.FromSlash(path)) {
		return nil, errors.New("not a path inside the folder")
	}
	name := filepath.FromSlash(path)
	if err := r.makeParents(name); err != nil {
		return nil, err
	}
	if err := r.checkTarget(name); err != nil {
		return nil, err
	}
	part := partName(name)
	f, err := r.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	return &Pending{root: r, path: path, name: name, part: part, file: f}, nil
}

// makeParents makes the folders above name. os.Root follows symbolic links
// that stay inside the root; we refuse those as well, because a pull that
// writes through a link changes a file that it was not asked to change.
func (r *Root) makeParents(name string) error {
	for i := range len(name) {
		if name[i] != filepath.Separator {
			continue
		}
		dir := name[:i]
		if err := r.root.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		info, err := r.root.Lstat(dir)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is %s; remove it first", filepath.ToSlash(dir), kindOf(info))
		}
	}
	return nil
}

// checkTarget refuses what a file must not replace.
func (r *Root) checkTarget(name string) error {
	info, err := r.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("there is %s of that name; remove it first", kindOf(info))
	}
	return nil
}

func kindOf(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode.IsRegular():
		return "a file"
	}
	return "not a regular file"
}

func (r *Root) fail(doing, path string, err error) error {
	return fmt.Errorf("%s %s in %s: %w", doing, path, r.root.Name(), err)
}

// Pending is a file that is being written and not yet visible under its name.
// It must be used by one goroutine at a time. Several Pending files for one
// path may exist; the last to commit wins.
type Pending struct {
	root *Root
	path string // as given
	name string // in the system's form
	part string
	file *os.File // nil when committed or aborted
	err  error    // of the first Write that failed
}

// Write appends to the file.
func (p *Pending) Write(b []byte) (int, error) {
	if p.file == nil {
		return 0, p.root.fail("write", p.path, fs.ErrClosed)
	}
	n, err := p.file.Write(b)
	if err != nil {
		err = p.root.fail("write", p.path, err)
		if p.err == nil {
			p.err = err
		}
	}
	return n, err
}

// Commit makes the file visible, complete and on disk, in place of the one
// that was there. When it fails, or when a Write failed before, the old file
// stays and the written bytes are removed.
func (p *Pending) Commit() error {
	if p.err != nil {
		p.Abort()
		return p.err
	}
	if p.file == nil {
		return p.root.fail("commit", p.path, fs.ErrClosed)
	}
	if err := p.commit(); err != nil {
		p.Abort()
		return p.root.fail("commit", p.path, err)
	}
	return nil
}

func (p *Pending) commit() error {
	if err := p.file.Sync(); err != nil {
		return err
	}
	if err := p.file.Close(); err != nil {
		return err
	}
	if err := p.root.checkTarget(p.name); err != nil {
		return err
	}
	if err := renameOver(p.root.root.Rename, p.part, p.name); err != nil {
		return err
	}
	p.file = nil
	syncDir(p.root.root.Open, filepath.Dir(p.name))
	return nil
}

// Abort removes what was written. After Commit it does nothing, so that it
// can be deferred.
func (p *Pending) Abort() {
	if p.file == nil {
		return
	}
	p.file.Close()
	p.root.root.Remove(p.part)
	p.file = nil
}
