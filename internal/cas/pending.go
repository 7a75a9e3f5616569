package cas

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Pending is a file that is being written and not yet visible under its name.
// Several Pending files for one path may exist; the last to commit wins.
//
// A file is either written from its beginning by one goroutine, with Write, or
// in any order by several, with WriteAt. Seal gives its descriptor back, so
// that a hundred thousand files can wait to be committed together.
type Pending struct {
	root *Root
	path string // as given
	name string // in the system's form
	part string

	mu   sync.RWMutex
	file *os.File // nil when sealed
	gone bool     // committed, aborted or moved
	err  error    // of the first write that failed
}

// use calls f with the open file, which it opens again after Seal.
func (p *Pending) use(doing string, f func(*os.File) error) error {
	p.mu.RLock()
	for p.file == nil {
		p.mu.RUnlock()
		if err := p.reopen(); err != nil {
			return p.root.fail(doing, p.path, err)
		}
		p.mu.RLock()
	}
	defer p.mu.RUnlock()
	return f(p.file)
}

func (p *Pending) reopen() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return fs.ErrClosed
	}
	if p.file != nil {
		return nil
	}
	f, err := p.root.root.OpenFile(p.part, os.O_RDWR, 0)
	if err != nil {
		return underlying(err)
	}
	p.file = f
	return nil
}

// Write appends to the file. It must not be called after Seal.
func (p *Pending) Write(b []byte) (n int, err error) {
	return p.write(func(f *os.File) (int, error) { return f.Write(b) })
}

// WriteAt writes at an offset.
func (p *Pending) WriteAt(b []byte, offset int64) (n int, err error) {
	return p.write(func(f *os.File) (int, error) { return f.WriteAt(b, offset) })
}

func (p *Pending) write(f func(*os.File) (int, error)) (n int, err error) {
	failed := false
	err = p.use("write", func(file *os.File) (err error) {
		n, err = f(file)
		failed = err != nil
		return err
	})
	if failed {
		err = p.root.fail("write", p.path, err)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.err == nil {
			p.err = err
		}
	}
	return n, err
}

// ReadAt reads what was written.
func (p *Pending) ReadAt(b []byte, offset int64) (n int, err error) {
	err = p.use("read", func(f *os.File) (err error) {
		n, err = f.ReadAt(b, offset)
		return err
	})
	return n, err
}

// Clone makes the file the same as src without copying, where the file system
// can share blocks; elsewhere it is an error and nothing happened.
func (p *Pending) Clone(src *os.File) error {
	return p.use("clone", func(f *os.File) error { return reflink(f, src) })
}

// Reset drops what was written.
func (p *Pending) Reset() error {
	err := p.use("empty", func(f *os.File) error {
		if err := f.Truncate(0); err != nil {
			return err
		}
		_, err := f.Seek(0, io.SeekStart)
		return err
	})
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.err = nil
	}
	return err
}

// Seal gives the descriptor back. What was written stays.
func (p *Pending) Seal() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	p.file = nil
	if err != nil {
		err = p.root.fail("write", p.path, underlying(err))
		if p.err == nil {
			p.err = err
		}
	}
	return err
}

// Commit makes the file visible, complete and on disk, in place of the one
// that was there. When it fails, or when a write failed before, the old file
// stays and the written bytes are removed.
func (p *Pending) Commit() error {
	_, err := p.root.Commit([]*Pending{p})
	return err
}

// Abort removes what was written. After Commit it does nothing, so that it
// can be deferred.
func (p *Pending) Abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil {
		p.file.Close()
		p.file = nil
	}
	if !p.gone {
		p.root.root.Remove(p.part)
		p.gone = true
	}
}

// manyFiles is from where on syncing a whole file system is cheaper than
// syncing file by file.
const manyFiles = 64

// Commit makes all files visible, in their order. Before the first one appears
// all of them are complete and on disk. It returns how many appeared; the
// others are removed when it fails, and what they would have replaced stays.
func (r *Root) Commit(files []*Pending) (placed int, err error) {
	defer func() {
		for _, p := range files[placed:] {
			p.Abort()
		}
	}()
	for _, p := range files {
		p.mu.RLock()
		err, gone := p.err, p.gone
		p.mu.RUnlock()
		if err != nil {
			return 0, err
		}
		if gone {
			return 0, r.fail("commit", p.path, fs.ErrClosed)
		}
	}
	if err := r.sync(files); err != nil {
		return 0, err
	}
	folders := map[string]bool{}
	defer r.syncFolders(folders)
	for i, p := range files {
		if err := p.place(); err != nil {
			return i, r.fail("commit", p.path, err)
		}
		folders[filepath.Dir(p.name)] = true
		placed = i + 1
	}
	return placed, nil
}

// syncFolders makes renames survive a power failure. Like syncDir it is best
// effort.
func (r *Root) syncFolders(folders map[string]bool) {
	if len(folders) > manyFiles && r.self != nil && syncFS(r.self) == nil {
		return
	}
	for dir := range folders {
		syncDir(r.root.Open, dir)
	}
}

func (p *Pending) place() error {
	if err := p.root.checkTarget(p.name); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := renameOver(p.root.root.Rename, p.part, p.name); err != nil {
		return err
	}
	p.gone = true
	return nil
}

// sync brings what was written to disk and seals it.
func (r *Root) sync(files []*Pending) error {
	if len(files) > manyFiles {
		if err := sealAll(files); err != nil {
			return err
		}
		files = r.syncTogether(files)
	}
	for _, p := range files {
		if err := p.use("commit", (*os.File).Sync); err != nil {
			return r.fail("commit", p.path, err)
		}
		if err := p.Seal(); err != nil {
			return err
		}
	}
	return nil
}

func sealAll(files []*Pending) error {
	for _, p := range files {
		if err := p.Seal(); err != nil {
			return err
		}
	}
	return nil
}

// syncTogether syncs the file system of the folder, and returns the files that
// are on another one. When that cannot be done or fails, all are left: syncing
// each then tells which one.
func (r *Root) syncTogether(files []*Pending) (left []*Pending) {
	if r.self == nil {
		return files
	}
	own, err := r.self.Stat()
	if err != nil || syncFS(r.self) != nil {
		return files
	}
	same := map[string]bool{} // by folder
	return slices.DeleteFunc(slices.Clone(files), func(p *Pending) bool {
		dir := filepath.Dir(p.name)
		if _, known := same[dir]; !known {
			info, err := r.root.Stat(dir)
			same[dir] = err == nil && stampOf(info).device == stampOf(own).device
		}
		return same[dir]
	})
}

// moveTo ends the file in another place, outside of its folder.
func (p *Pending) moveTo(path string) error {
	if err := p.Seal(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return fs.ErrClosed
	}
	if err := os.Rename(filepath.Join(p.root.Name(), p.part), path); err != nil {
		return err
	}
	p.gone = true
	return nil
}
