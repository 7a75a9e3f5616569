package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// The folder, as image-spec 1.1, image-layout.md, has it. Beside that are
// .lock, which whoever changes index.json holds, and ingest, where files are
// written before they get their name; other readers ignore both.
const (
	indexFile  = ocispec.ImageIndexFile
	layoutFile = ocispec.ImageLayoutFile
	lockFile   = ".lock"
	ingestDir  = "ingest"
	blobsDir   = "blobs/sha256"
)

const (
	lockTimeout = 2 * time.Minute
	lockPoll    = 5 * time.Millisecond
	staleIngest = 24 * time.Hour
)

// errNothingPushed is ErrNotFound for a layout that does not exist yet.
var errNothingPushed = fmt.Errorf("%w: nothing was pushed yet", ErrNotFound)

// layout is an OCI image layout that holds all artifacts of a project. No
// state is kept between calls except facts about immutable content, because
// other processes use the folder too. Everything goes through os.Root, so
// that links in the folder lead nowhere else.
type layout struct {
	addr  address
	dir   string
	now   func() time.Time
	turn  chan struct{} // holds one token; spares goroutines the polling for .lock
	sweep sync.Once
	facts sync.Map // digest -> manifestFacts

	// latest is the index as it was read last: many questions to a large
	// layout read and parse it once.
	latest atomic.Pointer[parsedIndex]
}

type parsedIndex struct {
	data  []byte
	index *index
	// file is index.json when data was read, nil while it was so young that it
	// could change again and look the same.
	file fs.FileInfo
}

// settled is longer than any file system takes for two changes of one time.
const settled = 2 * time.Second

func newLayout(addr address, baseDir string, opts Options) *layout {
	l := &layout{addr: addr, dir: addr.folder(baseDir), now: opts.Now, turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

func (l *layout) ping(ctx context.Context) error {
	op := operation{repository: l.addr.String(), name: "open"}
	err := l.read(func(root *os.Root) error {
		_, err := l.readIndex(root)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return op.fail(err)
}

// file names a file of the layout for errors, as the project spells it.
func (l *layout) file(name string) string { return l.addr.dir + "/" + name }

// read calls fn with the layout opened; errNothingPushed when there is none.
func (l *layout) read(fn func(*os.Root) error) error {
	root, err := os.OpenRoot(l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return errNothingPushed
	}
	if err != nil {
		return err
	}
	defer root.Close()
	if err := l.checkVersion(root); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			if free, emptyErr := isFree(root); emptyErr == nil && free {
				return errNothingPushed
			}
			// Another writer may have made the layout between the two looks.
			if err := l.checkVersion(root); err == nil {
				return fn(root)
			}
			return fmt.Errorf("the folder is not an OCI image layout: it has no %s file", layoutFile)
		}
		return err
	}
	return fn(root)
}

// checkVersion returns fs.ErrNotExist when there is no oci-layout file.
func (l *layout) checkVersion(root *os.Root) error {
	data, err := readFile(root, layoutFile, 4<<10)
	if err != nil {
		return err
	}
	var marker ocispec.ImageLayout
	if err := json.Unmarshal(data, &marker); err != nil {
		return fmt.Errorf("%s: not valid JSON: %w", l.file(layoutFile), err)
	}
	if marker.Version != ocispec.ImageLayoutVersion {
		return fmt.Errorf("%s: version %q is not known, only %s", l.file(layoutFile), clip(marker.Version), ocispec.ImageLayoutVersion)
	}
	return nil
}

// isFree tells whether a folder may become a layout: it is empty, or holds
// only what an interrupted creation leaves.
func isFree(root *os.Root) (bool, error) {
	dir, err := root.Open(".")
	if err != nil {
		return false, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(6)
	if err != nil && err != io.EOF {
		return false, err
	}
	for _, name := range names {
		switch name {
		case lockFile, ingestDir, "blobs", indexFile:
		default:
			return false, nil
		}
	}
	return true, nil
}

// write is read for calls that store something: it creates the layout.
func (l *layout) write(ctx context.Context, fn func(*os.Root) error) error {
	err := l.read(fn)
	if !errors.Is(err, errNothingPushed) {
		return err
	}
	if err := l.create(ctx); err != nil {
		return err
	}
	return l.read(fn)
}

// create makes an empty layout. The oci-layout file comes last: what has one
// is complete.
func (l *layout) create(ctx context.Context) error {
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(l.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if free, err := isFree(root); err != nil {
		return err
	} else if !free {
		if l.checkVersion(root) == nil {
			return nil // another process was faster
		}
		return errors.New("the folder has other files and is not an OCI image layout: choose an empty one")
	}
	return l.locked(ctx, root, func() error {
		if l.checkVersion(root) == nil {
			return nil
		}
		if err := root.MkdirAll(blobsDir, 0o755); err != nil {
			return err
		}
		index, err := newIndex().encode()
		if err != nil {
			return err
		}
		marker, err := json.Marshal(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
		if err != nil {
			return err
		}
		// One that is there belongs to a layout whose oci-layout file was lost,
		// with all its tags.
		if _, err := root.Lstat(indexFile); errors.Is(err, fs.ErrNotExist) {
			err = replaceFile(root, indexFile, index)
			if err != nil {
				return err
			}
		}
		return replaceFile(root, layoutFile, marker)
	})
}

// locked runs fn while nobody else changes the layout. Locks of the system
// end with their process, so that a crash leaves none behind.
func (l *layout) locked(ctx context.Context, root *os.Root, fn func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lockTimeout, fmt.Errorf(
		"%s: another process has held the lock for %v; wait for it to end", l.file(lockFile), lockTimeout))
	defer cancel()
	select {
	case <-l.turn:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { l.turn <- struct{}{} }()

	// flock opens by name and would follow a link.
	if info, err := root.Lstat(lockFile); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", l.file(lockFile))
	}
	lock := flock.New(filepath.Join(l.dir, lockFile), flock.SetPermissions(0o644))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("lock %s: %w", l.file(lockFile), err)
	}
	defer lock.Unlock()
	return fn()
}

// readIndex returns index.json as it is now. The result is shared: it must not
// be changed.
func (l *layout) readIndex(root *os.Root) (*index, error) {
	info, err := root.Stat(indexFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.file(indexFile), underlying(err))
	}
	known := l.latest.Load()
	if known != nil && known.file != nil && os.SameFile(info, known.file) &&
		info.Size() == known.file.Size() && info.ModTime().Equal(known.file.ModTime()) {
		return known.index, nil
	}
	data, err := readFile(root, indexFile, maxIndex)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.file(indexFile), err)
	}
	now := &parsedIndex{data: data}
	if l.now().Sub(info.ModTime()) > settled {
		now.file = info
	}
	if known != nil && bytes.Equal(known.data, data) {
		now.index = known.index
	} else if now.index, err = parseIndex(data); err != nil {
		return nil, fmt.Errorf("%s: %w; restore the file, or delete %s and push again", l.file(indexFile), err, l.addr.dir)
	}
	l.latest.Store(now)
	return now.index, nil
}

// maxSteady is how often an index is read that changes all the time.
const maxSteady = 3

// steady calls fn with the index, and again when fn fails and the index is
// another by then: what it listed may have been deleted and swept meanwhile.
func (l *layout) steady(root *os.Root, fn func(*index) error) error {
	for try := 1; ; try++ {
		x, err := l.readIndex(root)
		if err != nil {
			return err
		}
		if err = fn(x); err == nil || try == maxSteady {
			return err
		}
		if now, readErr := l.readIndex(root); readErr != nil || now == x {
			return err
		}
	}
}

// update changes index.json: under the lock, from what it holds now. change
// tells whether there is anything to write.
func (l *layout) update(ctx context.Context, root *os.Root, change func(*index) (bool, error)) error {
	return l.locked(ctx, root, func() error {
		now, err := l.readIndex(root)
		if err != nil {
			return err
		}
		x := now.clone()
		changed, err := change(x)
		if err != nil || !changed {
			return err
		}
		data, err := x.encode()
		if err != nil {
			return err
		}
		if err := replaceFile(root, indexFile, data); err != nil {
			return fmt.Errorf("write %s: %w", l.file(indexFile), err)
		}
		l.latest.Store(&parsedIndex{data: data, index: x})
		return nil
	})
}

// readFile reads a regular file of at most limit bytes. It looks before it
// opens: opening a FIFO would wait forever.
func readFile(root *os.Root, name string, limit int64) ([]byte, error) {
	f, size, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, fmt.Errorf("has %d bytes, more than the %d that are allowed", size, limit)
	}
	// One byte more than its size, to see that it is the whole file.
	data := make([]byte, size+1)
	n, err := io.ReadFull(f, data)
	if err != io.ErrUnexpectedEOF && err != io.EOF {
		if err == nil {
			err = errors.New("it grew while it was read; try again")
		}
		return nil, underlying(err)
	}
	return data[:n], nil
}

// openRegular opens a regular file. The size is that of the file which was
// opened: between the two looks another process may have replaced it.
func openRegular(root *os.Root, name string) (*os.File, int64, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, 0, underlying(err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("not a regular file")
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, 0, underlying(err)
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, 0, underlying(err)
	}
	return f, info.Size(), nil
}

// underlying drops operation and path from err, which the caller says better.
func underlying(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// syncDir makes a rename survive a power failure, where the system can.
func syncDir(root *os.Root, dir string) {
	if runtime.GOOS == "windows" {
		return
	}
	if d, err := root.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}
