//go:build unix

package cas

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Open is os.Open for files that are read at once. It does without five system
// calls that os.Open makes to find out whether a file can be waited for, which a
// regular file cannot: that is most of what opening thousands of small ones costs.
func Open(path string) (*os.File, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err == nil {
			return os.NewFile(uintptr(fd), path), nil
		}
		if !errors.Is(err, syscall.EINTR) {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}
