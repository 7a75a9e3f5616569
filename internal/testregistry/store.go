package testregistry

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// blob is what is stored under one digest: in memory, in a file, or nowhere.
type blob struct {
	size int64
	data []byte
	path string
	gone bool // only digest and size are known
}

// smallBlob is what WithDiscard keeps all the same.
const smallBlob = 1 << 20

// content is a blob as it is served.
type content struct {
	io.ReaderAt
	size int64
	io.Closer
}

func (b *blob) open(how damage) (content, error) {
	c := content{ReaderAt: memory(b.data), size: b.size, Closer: io.NopCloser(nil)}
	if b.path != "" {
		f, err := os.Open(b.path)
		if err != nil {
			return content{}, err
		}
		c.ReaderAt, c.Closer = f, f
	}
	switch how {
	case corrupt:
		c.ReaderAt = flipped{c.ReaderAt, b.size / 2}
	case truncated:
		c.size /= 2
	case oversize:
		c.ReaderAt, c.size = padded{c.ReaderAt, b.size}, b.size+excess
	}
	return c, nil
}

// memory is a bytes.Reader of which only ReadAt is used.
type memory []byte

func (m memory) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(m)) {
		return 0, io.EOF
	}
	n := copy(p, m[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// flipped is content with one wrong byte.
type flipped struct {
	io.ReaderAt
	at int64
}

func (f flipped) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.ReaderAt.ReadAt(p, off)
	if f.at >= off && f.at < off+int64(n) {
		p[f.at-off] ^= 0xff
	}
	return n, err
}

// padded is content of that size with zeros after it.
type padded struct {
	io.ReaderAt
	size int64
}

func (z padded) ReadAt(p []byte, off int64) (int, error) {
	own := min(int64(len(p)), max(0, z.size-off))
	if n, err := z.ReaderAt.ReadAt(p[:own], off); int64(n) < own {
		return n, err
	}
	clear(p[own:])
	return len(p), nil
}

// upload is a blob that is not complete yet.
type upload struct {
	repository string
	receiving  sync.Mutex // held by the request whose body is being appended

	mu   sync.Mutex
	size int64
	hash hash.Hash
	data []byte
	file *os.File // instead of data
	drop bool     // keep the first smallBlob bytes only
	lost bool
}

// newUpload begins an upload that is stored as the options say.
func (o *options) newUpload(repository, id string) (*upload, error) {
	up := &upload{repository: repository, hash: sha256.New(), drop: o.discard}
	if o.dir == "" || o.discard {
		return up, nil
	}
	var err error
	up.file, err = os.Create(filepath.Join(o.dir, "upload-"+id))
	return up, err
}

func (u *upload) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.file != nil:
		if _, err := u.file.Write(p); err != nil {
			return 0, err
		}
	case u.drop && u.size+int64(len(p)) > smallBlob:
		u.data = nil
	default:
		u.data = append(u.data, p...)
	}
	u.hash.Write(p)
	u.size += int64(len(p))
	return len(p), nil
}

func (u *upload) progress() (size int64, lost bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.size, u.lost
}

// discard forgets the bytes; lost says that it was the registry's fault.
func (u *upload) discard(lost bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.lost = lost
	u.data = nil
	if u.file != nil {
		u.file.Close()
		os.Remove(u.file.Name())
	}
}

func (u *upload) digest() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return "sha256:" + hex.EncodeToString(u.hash.Sum(nil))
}

// store makes a blob of the upload, whose digest was compared.
func (u *upload) store(digest string) (*blob, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	b := &blob{size: u.size, data: u.data, gone: u.drop && u.size > smallBlob}
	if u.file == nil {
		return b, nil
	}
	b.path = filepath.Join(filepath.Dir(u.file.Name()), digest[len("sha256:"):])
	if err := u.file.Close(); err != nil {
		return nil, err
	}
	return b, os.Rename(u.file.Name(), b.path)
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
