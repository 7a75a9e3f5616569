package cas

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// Store is a folder of files by digest, for all clones of this user:
//
//	DIR/blobs/sha256/ab/HEX     files that were seen complete
//	DIR/partial/HEX             the beginnings of downloads that broke off
//
// A file gets in as a hard link, which costs no space for as long as the file
// stays where it is. Because it may be edited there, an entry is only likely to
// be what its name says: whoever reads one verifies it and drops it when it is
// something else. Several processes may use a store at the same time.
type Store struct {
	// Copy makes Add copy files that can be neither linked nor cloned.
	Copy bool

	dir   string
	limit int64
}

// OpenStore uses dir, which is made when it is needed. Trim keeps what only the
// store has below limit bytes.
func OpenStore(dir string, limit int64) *Store { return &Store{dir: dir, limit: limit} }

func (s *Store) blobs() string { return filepath.Join(s.dir, "blobs", "sha256") }

func (s *Store) blob(d ref.Digest) string {
	return filepath.Join(s.blobs(), d.Hex()[:2], d.Hex())
}

func (s *Store) partial(d ref.Digest) string {
	return filepath.Join(s.dir, "partial", d.Hex())
}

// Get opens the file that should have that digest. It is fs.ErrNotExist when
// there is none of that size.
func (s *Store) Get(d ref.Digest, size int64) (*os.File, error) {
	f, info, err := openPlain(s.blob(d))
	if err != nil {
		return nil, fmt.Errorf("read %s from the cache: %w", d.Short(), err)
	}
	if info.Size() != size {
		f.Close()
		s.Drop(d)
		return nil, fmt.Errorf("read %s from the cache: %w", d.Short(), fs.ErrNotExist)
	}
	return f, nil
}

// openPlain opens a regular file, through no symbolic link at its end.
func openPlain(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, nil, underlying(err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, underlying(err)
	}
	return f, info, nil
}

// Add keeps the file path, which was seen to have the digest: by a hard link,
// by a clone, or by a copy if Copy is set. One that is there already stays.
// Linking changes the ctime of the file, so that a StatCache should look at it
// only afterwards.
func (s *Store) Add(path string, d ref.Digest, size int64) error {
	if err := s.add(path, d, size); err != nil {
		return fmt.Errorf("keep %s in the cache: %w", path, err)
	}
	return nil
}

func (s *Store) add(path string, d ref.Digest, size int64) error {
	target := s.blob(d)
	if info, err := os.Lstat(target); err == nil && info.Mode().IsRegular() && info.Size() == size {
		return nil
	}
	src, info, err := openPlain(path)
	if err != nil {
		return err
	}
	defer src.Close()
	if info.Size() != size {
		return ErrChanged
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	part := partName(target)
	if os.Link(path, part) != nil {
		if err := s.copy(part, src, size); err != nil {
			os.Remove(part)
			return err
		}
	}
	err = renameOver(os.Rename, part, target)
	os.Remove(part) // rename(2) leaves it when both are links to one file
	return err
}

// copy clones src, or copies it where that is wanted.
func (s *Store) copy(path string, src *os.File, size int64) error {
	dst, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = reflink(dst, src)
	if err != nil && s.Copy {
		_, err = io.CopyN(dst, src, size)
	}
	return errors.Join(err, dst.Close())
}

// Keep is Add for a complete file that will not be committed.
func (s *Store) Keep(d ref.Digest, p *Pending) error {
	return s.take(s.blob(d), p)
}

// take ends p by moving it, which works inside one file system only.
func (s *Store) take(target string, p *Pending) error {
	err := os.MkdirAll(filepath.Dir(target), 0o700)
	if err == nil {
		err = p.moveTo(target)
	}
	if err != nil {
		p.Abort()
		return fmt.Errorf("keep %s in the cache: %w", p.path, err)
	}
	return nil
}

// Drop forgets a file, for example one that has another digest by now.
func (s *Store) Drop(d ref.Digest) { os.Remove(s.blob(d)) }

// KeepPartial ends p: what was written, the beginning of what has that digest,
// waits in the store. It is thrown away, with an error, when the store is on
// another file system.
func (s *Store) KeepPartial(d ref.Digest, p *Pending) error {
	return s.take(s.partial(d), p)
}

// Partial opens what KeepPartial left, fs.ErrNotExist when there is nothing. It
// is no more trustworthy than other entries.
func (s *Store) Partial(d ref.Digest) (*os.File, error) {
	f, _, err := openPlain(s.partial(d))
	if err != nil {
		return nil, fmt.Errorf("read the beginning of %s from the cache: %w", d.Short(), err)
	}
	return f, nil
}

// DropPartial forgets what KeepPartial left.
func (s *Store) DropPartial(d ref.Digest) { os.Remove(s.partial(d)) }

// Trim removes what was linked or written longest ago until what only the
// store has is not more than the limit. Files that a clone has as well cost
// nothing, and stay.
func (s *Store) Trim() error {
	type entry struct {
		path string
		stamp
	}
	var alone []entry
	var total int64
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return ignoreNotExist(err)
		}
		info, err := d.Info()
		if err != nil {
			return ignoreNotExist(err)
		}
		if links(info) <= 1 {
			alone = append(alone, entry{path, stampOf(info)})
			total += info.Size()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("trim the cache %s: %w", s.dir, err)
	}
	sorting.By(alone, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.ctime, b.ctime), cmp.Compare(a.mtime, b.mtime), cmp.Compare(a.path, b.path))
	})
	for _, e := range alone {
		if total <= s.limit {
			break
		}
		if err := ignoreNotExist(os.Remove(e.path)); err != nil {
			return fmt.Errorf("trim the cache %s: %w", s.dir, err)
		}
		total -= e.size
	}
	return nil
}

// ignoreNotExist is for what another process removed meanwhile.
func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
