package cas

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
)

// ErrChanged means that a file changed while it was read, so that it has no
// digest.
var ErrChanged = errors.New("the file changed while it was read; try again when nothing writes to it")

// racyWindow is how long a file must have been left alone before its hash is
// remembered. File systems stamp times as coarsely as 2 s (FAT); a write in
// the same tick as the hash would leave size and times as they were. Git's
// index has the same rule ("racy git").
const racyWindow = 2 * time.Second

const (
	bufferSize = 1 << 20
	maxEntries = 3_000_000
)

// StatCache remembers the SHA-256 of files for as long as device, inode, size,
// mtime and ctime stay the same. Its methods may be called concurrently.
type StatCache struct {
	path string // of the cache file; "" keeps it in memory
	now  func() time.Time
	open func(string) (*os.File, error) // counted by tests

	mu      sync.Mutex
	entries map[string]entry // by absolute path
	used    map[string]struct{}
	dirty   bool
}

// stamp is what must not change for a digest to stay true.
type stamp struct {
	device, inode uint64
	size          int64
	mtime, ctime  int64 // ns since 1970; ctime is the birth time on Windows
}

type entry struct {
	stamp
	sum [sha256.Size]byte
}

// FileInfo is what DigestAll finds out about a file.
type FileInfo struct {
	Path       string // as it was given
	Digest     ref.Digest
	Size       int64 // bytes
	Executable bool  // some x bit is set; never on Windows
}

// OpenStatCache reads the cache file path; "" means a cache in memory only. A
// file that does not exist or is damaged is an empty cache: all it costs is
// time.
func OpenStatCache(path string) (*StatCache, error) {
	c := &StatCache{path: path, now: time.Now, open: Open, used: map[string]struct{}{}}
	if path != "" {
		entries, err := loadEntries(path)
		if err != nil {
			return nil, fmt.Errorf("read stat cache: %w", err)
		}
		c.entries = entries
	}
	if c.entries == nil {
		c.entries = map[string]entry{}
	}
	return c, nil
}

// buffers serve many artifacts of few files each.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, bufferSize)
	return &b
}}

// Digest returns digest, size in bytes and whether the file is executable. It
// reads the file only when the cache does not know it. A file that changes
// meanwhile is ErrChanged; anything but a regular file is an error.
func (c *StatCache) Digest(ctx context.Context, path string) (ref.Digest, int64, bool, error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	info, err := c.digest(ctx, path, *buf, func(int64) {})
	return info.Digest, info.Size, info.Executable, err
}

// Known is Digest for a regular file that need not be read. path is absolute,
// info is what Lstat has just said of it. What is not known, or no regular
// file, is for Digest.
func (c *StatCache) Known(path string, info fs.FileInfo) (FileInfo, bool) {
	// The times that a folder of Windows lists lag behind those of the file.
	if runtime.GOOS == "windows" || !info.Mode().IsRegular() {
		return FileInfo{}, false
	}
	sum, ok := c.get(filepath.Clean(path), stampOf(info))
	if !ok {
		return FileInfo{}, false
	}
	known := fileInfo(info, sum[:])
	known.Path = path
	return known, true
}

// DigestAll is Digest for many files, in the order of paths, with so many
// workers (GOMAXPROCS when 0). progress, if not nil, hears how many more bytes
// are done, from the cache or read; calls do not overlap. The first error
// stops the rest.
func (c *StatCache) DigestAll(ctx context.Context, paths []string, workers int, progress func(bytes int64)) ([]FileInfo, error) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, len(paths))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var (
		mu    sync.Mutex // guards progress and next
		next  int
		group sync.WaitGroup
	)
	report := func(n int64) {
		if progress != nil {
			mu.Lock()
			defer mu.Unlock()
			progress(n)
		}
	}
	infos := make([]FileInfo, len(paths))
	for range workers {
		group.Go(func() {
			buf := buffers.Get().(*[]byte)
			defer buffers.Put(buf)
			for ctx.Err() == nil {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= len(paths) {
					return
				}
				info, err := c.digest(ctx, paths[i], *buf, report)
				if err != nil {
					cancel(err) // the first cause wins
					return
				}
				infos[i] = info
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return infos, nil
}

func (c *StatCache) digest(ctx context.Context, path string, buf []byte, report func(int64)) (FileInfo, error) {
	info, err := c.lookUpOrHash(ctx, path, buf, report)
	if err != nil {
		return FileInfo{}, fmt.Errorf("hash %s: %w", path, err)
	}
	info.Path = path
	return info, nil
}

func (c *StatCache) lookUpOrHash(ctx context.Context, path string, buf []byte, report func(int64)) (FileInfo, error) {
	if err := ctx.Err(); err != nil {
		return FileInfo{}, err
	}
	key, err := filepath.Abs(path)
	if err != nil {
		return FileInfo{}, err
	}
	st, err := os.Stat(path)
	if err != nil {
		return FileInfo{}, underlying(err)
	}
	if !st.Mode().IsRegular() { // before opening it: a FIFO would block
		return FileInfo{}, errors.New("not a regular file")
	}
	if sum, ok := c.get(key, stampOf(st)); ok {
		report(st.Size())
		return fileInfo(st, sum[:]), nil
	}
	return c.hash(ctx, key, path, buf, report)
}

func (c *StatCache) hash(ctx context.Context, key, path string, buf []byte, report func(int64)) (FileInfo, error) {
	started := c.now()
	f, err := c.open(path)
	if err != nil {
		return FileInfo{}, underlying(err)
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return FileInfo{}, underlying(err)
	}
	if !before.Mode().IsRegular() {
		return FileInfo{}, errors.New("not a regular file")
	}
	h := sha256.New()
	n, err := hashAll(ctx, h, f, before.Size(), buf, report)
	if err != nil {
		return FileInfo{}, underlying(err)
	}
	// By name, so that a file that was replaced by another is noticed too.
	after, err := os.Stat(path)
	if err != nil {
		return FileInfo{}, underlying(err)
	}
	stamp := stampOf(before)
	if n != before.Size() || stamp != stampOf(after) {
		return FileInfo{}, ErrChanged
	}
	sum := h.Sum(nil)
	c.put(key, stamp, started, [sha256.Size]byte(sum))
	return fileInfo(before, sum), nil
}

// hashAll reads size bytes, or all that there are if fewer. That a file has more
// by now its stamp tells.
func hashAll(ctx context.Context, h hash.Hash, r io.Reader, size int64, buf []byte, report func(int64)) (total int64, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n, err := r.Read(buf)
		h.Write(buf[:n])
		total += int64(n)
		if n > 0 {
			report(int64(n))
		}
		if err == io.EOF || err == nil && total >= size {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

func (c *StatCache) get(key string, now stamp) (sum [sha256.Size]byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok || e.stamp != now {
		return sum, false
	}
	c.used[key] = struct{}{}
	return e.sum, true
}

// put remembers the sum of a file that began to be read at started, unless
// the file was touched so shortly before that a later change could hide.
// ctime counts as well, because tools set mtime back at will.
func (c *StatCache) put(key string, s stamp, started time.Time, sum [sha256.Size]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if started.UnixNano()-max(s.mtime, s.ctime) < int64(racyWindow) {
		if _, ok := c.entries[key]; ok {
			delete(c.entries, key)
			c.dirty = true
		}
		return
	}
	c.entries[key] = entry{stamp: s, sum: sum}
	c.used[key] = struct{}{}
	c.dirty = true
}

func fileInfo(st fs.FileInfo, sum []byte) FileInfo {
	return FileInfo{
		Digest:     ref.FromSum(sum),
		Size:       st.Size(),
		Executable: runtime.GOOS != "windows" && st.Mode()&0o111 != 0,
	}
}

// underlying drops operation and path from err, which the caller says better.
func underlying(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}
