package cas

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Root is a folder that nothing read or written through it can leave, neither
// by ".." nor through a symbolic link, also when somebody changes the folder at
// the same time. Its methods may be called concurrently.
type Root struct {
	root *os.Root
	self *os.File // the folder, open since before anything is written; nil where that cannot be
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
	self, err := root.Open(".")
	if err != nil {
		self = nil // only needed to sync many files at once
	}
	return &Root{root: root, self: self}, nil
}

// Close releases the folder. Pending files must be committed or aborted before.
func (r *Root) Close() error {
	if r.self != nil {
		r.self.Close()
	}
	return r.root.Close()
}

// Name returns the folder as OpenRoot was given it.
func (r *Root) Name() string { return r.root.Name() }

// File returns where the file path is, for those who read it by name.
func (r *Root) File(path string) string {
	return filepath.Join(r.root.Name(), filepath.FromSlash(path))
}

// Stat returns what is known of the regular file at path. Anything else, and
// what lies behind a symbolic link, is fs.ErrNotExist.
func (r *Root) Stat(path string) (fs.FileInfo, error) {
	name, err := localName(path)
	if err != nil {
		return nil, r.fail("look at", path, err)
	}
	for i := range len(name) {
		if name[i] != filepath.Separator {
			continue
		}
		if info, err := r.root.Lstat(name[:i]); err != nil || !info.IsDir() {
			return nil, r.fail("look at", path, fs.ErrNotExist)
		}
	}
	info, err := r.root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, r.fail("look at", path, underlying(err))
	}
	return info, nil
}

// Open opens the regular file at path for reading. Like Stat it follows no
// symbolic link.
func (r *Root) Open(path string) (*os.File, error) {
	if _, err := r.Stat(path); err != nil {
		return nil, err
	}
	f, err := r.root.Open(filepath.FromSlash(path))
	if err != nil {
		return nil, r.fail("open", path, underlying(err))
	}
	return f, nil
}

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
	name, err := localName(path)
	if err != nil {
		return nil, err
	}
	if err := r.makeParents(name); err != nil {
		return nil, err
	}
	if err := r.checkTarget(name); err != nil {
		return nil, err
	}
	part := partName(name)
	f, err := r.root.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	return &Pending{root: r, path: path, name: name, part: part, file: f}, nil
}

// localName returns path in the system's form, if it stays inside a folder.
func localName(path string) (string, error) {
	name := filepath.FromSlash(path)
	if !fs.ValidPath(path) || path == "." || strings.Contains(path, `\`) || !filepath.IsLocal(name) {
		return "", errors.New("not a path inside the folder")
	}
	return name, nil
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
		info, err := r.root.Lstat(dir)
		if errors.Is(err, fs.ErrNotExist) {
			if err := r.root.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			info, err = r.root.Lstat(dir)
		}
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

var partRE = regexp.MustCompile(`^(.+)` + regexp.QuoteMeta(partInfix) + `[0-9a-f]{1,16}$`)

// RemoveStale removes what a run that crashed left of paths: unfinished files
// that were last written to before that time. It is best effort.
func (r *Root) RemoveStale(paths []string, before time.Time) {
	folders := map[string]map[string]bool{} // folder -> beginnings of the names of unfinished files
	for _, path := range paths {
		name, err := localName(path)
		if err != nil {
			continue
		}
		dir, base := filepath.Split(name)
		if folders[dir] == nil {
			folders[dir] = map[string]bool{}
		}
		folders[dir][clipBase(base)] = true
	}
	for dir, bases := range folders {
		r.removeStale(dir, bases, before)
	}
}

func (r *Root) removeStale(dir string, bases map[string]bool, before time.Time) {
	f, err := r.root.Open(filepath.Clean(dir))
	if err != nil {
		return
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	for _, name := range names {
		m := partRE.FindStringSubmatch(name)
		if m == nil || !bases[m[1]] {
			continue
		}
		// Stat follows no symbolic link, so that nothing behind one is removed.
		info, err := r.Stat(filepath.ToSlash(dir + name))
		if err == nil && info.ModTime().Before(before) {
			r.root.Remove(dir + name)
		}
	}
}
