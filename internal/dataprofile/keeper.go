package dataprofile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/waybill-dev/waybill/internal/sorting"
)

// keeper keeps profiles in a folder, a file each, named by what was profiled.
// A file that is damaged is as good as none.
type keeper struct{ folder string }

// maxKept is how many profiles are kept; those that were made first go first.
const maxKept = 4096

func (k keeper) file(e *Entry) string {
	sum := sha256.Sum256([]byte(e.key()))
	return filepath.Join(k.folder, hex.EncodeToString(sum[:])+".json.zst")
}

// get returns the profile of e with its rows.
func (k keeper) get(e *Entry) (data []byte, rows int64, err error) {
	if k.folder == "" {
		return nil, 0, os.ErrNotExist
	}
	packed, err := os.ReadFile(k.file(e))
	if err != nil {
		return nil, 0, err
	}
	if data, err = unpack(packed); err != nil {
		return nil, 0, err
	}
	var head struct{ Rows int64 }
	err = json.Unmarshal(data, &head)
	return data, head.Rows, err
}

func (k keeper) put(e *Entry, data []byte) error {
	if k.folder == "" {
		return nil
	}
	if err := os.MkdirAll(k.folder, 0o755); err != nil {
		return err
	}
	// Not synced: frames have checksums, and what a crash spoils is made again.
	f, err := os.CreateTemp(k.folder, ".part-*")
	if err != nil {
		return err
	}
	_, err = f.Write(pack(data))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), k.file(e))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// trim removes the oldest files past maxKept.
func (k keeper) trim() {
	entries, err := os.ReadDir(k.folder)
	if err != nil || len(entries) <= maxKept {
		return
	}
	type old struct {
		name string
		at   int64
	}
	var files []old
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			files = append(files, old{e.Name(), info.ModTime().UnixNano()})
		}
	}
	sorting.By(files, func(a, b old) int { return cmp.Compare(b.at, a.at) })
	for _, f := range files[min(maxKept, len(files)):] {
		os.Remove(filepath.Join(k.folder, f.name))
	}
}
