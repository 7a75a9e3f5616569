package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"runtime"
	"strconv"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
)

// blobPath is only called with descriptors that checkDescriptor accepted.
func blobPath(desc ocispec.Descriptor) string { return blobsDir + "/" + ref.Digest(desc.Digest).Hex() }

// hasBlob tells whether the blob is there with the right size.
func hasBlob(root *os.Root, desc ocispec.Descriptor) (bool, error) {
	info, err := root.Stat(blobPath(desc))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return info.Mode().IsRegular() && info.Size() == desc.Size, nil
}

// storeBlob writes content, verified, under its digest. No lock is needed:
// two processes that store one blob store the same bytes.
func (l *layout) storeBlob(ctx context.Context, root *os.Root, desc ocispec.Descriptor, content io.ReadCloser) error {
	defer content.Close()
	l.sweep.Do(func() { removeStale(root, l.now()) })
	if err := root.MkdirAll(blobsDir, 0o755); err != nil {
		return err
	}
	temp, err := ingestClone(ctx, root, desc, content)
	if temp == "" && err == nil {
		temp, err = ingest(root, &contextReader{ctx, verified(content, desc)}, 0o444)
	}
	if err != nil {
		return err
	}
	if err := installBlob(root, temp, desc); err != nil {
		root.Remove(temp)
		return err
	}
	syncDir(root, blobsDir)
	return nil
}

// ingest writes r to a new file, on disk when it returns. On errors nothing
// is left.
func ingest(root *os.Root, r io.Reader, perm fs.FileMode) (temp string, err error) {
	return newTemp(root, perm, func(f *os.File) error {
		_, err := io.CopyBuffer(fileWriter{f}, r, make([]byte, 256<<10))
		return err
	})
}

// ingestClone is ingest for a file whose blocks the layout can share until one
// of the two changes, which costs neither time nor space. What was stored is
// read and verified. temp is "" when content is no file, or the file system
// does not do that.
func ingestClone(ctx context.Context, root *os.Root, desc ocispec.Descriptor, content io.Reader) (temp string, err error) {
	source, ok := content.(*os.File)
	if !ok || desc.Size == 0 {
		return "", nil
	}
	temp, err = newTemp(root, 0o444, func(f *os.File) error {
		if !clone(f, source) {
			return errNotCloned
		}
		stored := verified(io.NopCloser(f), desc)
		_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, &contextReader{ctx, stored}, make([]byte, 256<<10))
		return err
	})
	if errors.Is(err, errNotCloned) {
		return "", nil
	}
	return temp, err
}

var errNotCloned = errors.New("cannot be cloned")

// clone is cloneFile, but for tests on file systems that cannot.
var clone = cloneFile

// newTemp makes a new file that fill writes, on disk when it returns. On errors
// nothing is left.
func newTemp(root *os.Root, perm fs.FileMode, fill func(*os.File) error) (temp string, err error) {
	if err := root.MkdirAll(ingestDir, 0o755); err != nil {
		return "", err
	}
	temp = ingestDir + "/" + strconv.FormatUint(rand.Uint64(), 36)
	f, err := root.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return "", err
	}
	if err = fill(f); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		root.Remove(temp)
		return "", err
	}
	return temp, nil
}

// fileWriter hides File.ReadFrom, which would ignore the buffer, and tells
// errors of the layout from those of the content.
type fileWriter struct{ file *os.File }

func (w fileWriter) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	if err != nil {
		err = fmt.Errorf("write to the layout: %w", underlying(err))
	}
	return n, err
}

// installBlob gives temp its name. Windows neither replaces a read-only file
// nor one that is being read; when that file is the same blob nothing is lost.
func installBlob(root *os.Root, temp string, desc ocispec.Descriptor) error {
	err := root.Rename(temp, blobPath(desc))
	if err == nil || runtime.GOOS != "windows" {
		return err
	}
	if ok, statErr := hasBlob(root, desc); statErr == nil && ok {
		return root.Remove(temp)
	}
	root.Chmod(blobPath(desc), 0o644)
	root.Remove(blobPath(desc))
	return root.Rename(temp, blobPath(desc))
}

// replaceFile makes name hold data, at once and durably.
func replaceFile(root *os.Root, name string, data []byte) error {
	temp, err := ingest(root, bytes.NewReader(data), 0o644)
	if err != nil {
		return err
	}
	for wait := time.Millisecond; ; wait *= 2 {
		err = root.Rename(temp, name)
		// Windows refuses while a reader has the file open.
		if err == nil || runtime.GOOS != "windows" || wait > time.Second {
			break
		}
		time.Sleep(wait)
	}
	if err != nil {
		root.Remove(temp)
		return err
	}
	syncDir(root, path.Dir(name))
	return nil
}

// removeStale removes what crashed processes left in ingest. A file that was
// not written to for a day belongs to nobody.
func removeStale(root *os.Root, now time.Time) {
	dir, err := root.Open(ingestDir)
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(10_000)
	for _, name := range names {
		info, err := root.Lstat(ingestDir + "/" + name)
		if err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) > staleIngest {
			root.Chmod(ingestDir+"/"+name, 0o644) // Windows
			root.Remove(ingestDir + "/" + name)
		}
	}
}

// contextReader makes a copy end when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// missing explains that a manifest came before its blobs.
func missing(desc ocispec.Descriptor) error {
	return fmt.Errorf("blob %s of the manifest is not stored: push it first", desc.Digest)
}
