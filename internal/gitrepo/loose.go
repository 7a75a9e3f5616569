package gitrepo

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// objectID names an object as git does: SHA-1 of "KIND SIZE\0" and the content.
func objectID(kind string, data []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "%s %d\x00", kind, len(data))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

func memoryObject(kind string, data []byte) *plumbing.MemoryObject {
	o := &plumbing.MemoryObject{}
	t, _ := plumbing.ParseObjectType(kind)
	o.SetType(t)
	o.Write(data)
	return o
}

// looseObjects is an "objects" folder whose files hold one object each, in
// git's loose format but with zlib's stored blocks: any git reads it, and so it
// is read here at the speed of a copy, several times faster than go-git reads
// packs.
type looseObjects string

func (l looseObjects) path(id string) string { return filepath.Join(string(l), id[:2], id[2:]) }

// has reports whether the object is there, without reading it.
func (l looseObjects) has(id string) bool {
	info, err := os.Stat(l.path(id))
	return err == nil && info.Size() > 0
}

// write stores an object, if it is not there yet, so that a crash at any point
// leaves either nothing or the whole.
func (l looseObjects) write(kind string, data []byte) (id string, err error) {
	id = objectID(kind, data)
	if l.has(id) {
		return id, nil
	}
	var b bytes.Buffer
	b.Grow(len(data) + len(data)>>10 + 64)
	z, err := zlib.NewWriterLevel(&b, zlib.NoCompression)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(z, "%s %d\x00", kind, len(data))
	z.Write(data)
	if err := z.Close(); err != nil {
		return "", err
	}
	dir := filepath.Dir(l.path(id))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, "tmp_obj_")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b.Bytes())
	if cerr := f.Chmod(0o444); err == nil {
		err = cerr
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), l.path(id))
	}
	if err != nil && l.has(id) {
		err = nil // another process wrote it meanwhile (Windows refuses the rename)
	}
	return id, err
}

// read returns an object of the given kind after checking its name. Not there
// is fs.ErrNotExist.
func (l looseObjects) read(kind, id string, limit int64) ([]byte, error) {
	f, err := os.Open(l.path(id))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit+limit>>8+1024 {
		return nil, fmt.Errorf("%s %s: larger than %d bytes", kind, id, limit)
	}
	packed := make([]byte, info.Size())
	if _, err := io.ReadFull(f, packed); err != nil {
		return nil, err
	}
	data, err := inflateLoose(kind, packed, limit)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, id, err)
	}
	if objectID(kind, data) != id {
		return nil, fmt.Errorf("%s %s: its content has changed on disk", kind, id)
	}
	return data, nil
}

// inflateLoose decodes a loose object file, whoever wrote it.
func inflateLoose(kind string, packed []byte, limit int64) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var head [32]byte
	n, err := io.ReadFull(z, head[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(head[:n], []byte(kind+" "))
	digits, start, nul := bytes.Cut(rest, []byte{0})
	size, err := strconv.ParseInt(string(digits), 10, 64)
	if !ok || !nul || err != nil || size < int64(len(start)) {
		return nil, fmt.Errorf("not a loose object of kind %s", kind)
	}
	if size > limit {
		return nil, fmt.Errorf("%d bytes; at most %d are read", size, limit)
	}
	data := make([]byte, size)
	copy(data, start)
	if _, err := io.ReadFull(z, data[len(start):]); err != nil {
		return nil, err
	}
	if n, err := io.ReadFull(z, head[:1]); n != 0 || !errors.Is(err, io.EOF) {
		return nil, errors.New("longer than its header says, or its checksum is wrong")
	}
	return data, nil
}

// prune removes the objects that keep does not name, once there are more than
// slack of them. Those younger than an hour, by the clock of the file system,
// stay: another process may have just written or may be reading them.
func (l looseObjects) prune(keep map[string]bool, slack int) {
	type file struct {
		path string
		mod  time.Time
	}
	var spare []file
	var newest time.Time
	dirs, _ := os.ReadDir(string(l))
	for _, d := range dirs {
		if len(d.Name()) != 2 {
			continue
		}
		files, _ := os.ReadDir(filepath.Join(string(l), d.Name()))
		for _, f := range files {
			info, err := f.Info()
			if err != nil {
				continue
			}
			if info.ModTime().After(newest) {
				newest = info.ModTime()
			}
			if !keep[d.Name()+f.Name()] {
				spare = append(spare, file{filepath.Join(string(l), d.Name(), f.Name()), info.ModTime()})
			}
		}
	}
	if len(spare) <= slack {
		return
	}
	for _, f := range spare {
		if newest.Sub(f.mod) > pruneGrace {
			os.Remove(f.path)
		}
	}
}

func notExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
