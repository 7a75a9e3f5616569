package cas

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"unicode/utf8"
)

// partInfix marks files that are not finished: NAME.part-HEX. One is left
// behind only by a crash, and is never mistaken for NAME.
const partInfix = ".part-"

// WriteFile replaces the file path by data, or creates it with perm (before
// umask). Readers see the old content or the new, never a mixture, also after
// a crash. On any error the old file is as it was. A symbolic link at path is
// replaced, not followed. The folder must exist.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	part := partName(path)
	if err := writePart(part, data, perm); err != nil {
		os.Remove(part)
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := renameOver(os.Rename, part, path); err != nil {
		os.Remove(part)
		return fmt.Errorf("write %s: %w", path, err)
	}
	syncDir(os.Open, filepath.Dir(path))
	return nil
}

func writePart(part string, data []byte, perm fs.FileMode) error {
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// partName returns a new name beside path.
func partName(path string) string {
	dir, base := filepath.Split(path)
	return dir + clipBase(base) + partInfix + strconv.FormatUint(rand.Uint64(), 16)
}

// clipBase leaves room for an ending: file systems allow 255 bytes a name. No
// character is cut in two, which some of them refuse.
func clipBase(base string) string {
	n := min(len(base), 200)
	for n > 190 && n < len(base) && !utf8.RuneStart(base[n]) {
		n--
	}
	return base[:n]
}

// syncDir makes a rename in dir survive a power failure. It is best effort:
// some file systems, and Windows, cannot sync a folder.
func syncDir(open func(string) (*os.File, error), dir string) {
	if d, err := open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}
