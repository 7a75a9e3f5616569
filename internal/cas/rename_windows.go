package cas

import (
	"errors"
	"io/fs"
	"syscall"
	"time"
)

const errorSharingViolation = syscall.Errno(32)

// renameOver tries again for about a second, because Windows refuses to
// replace a file for as long as a virus scanner or another process has it open.
func renameOver(rename func(from, to string) error, from, to string) error {
	for wait := time.Millisecond; ; wait *= 2 {
		err := rename(from, to)
		busy := errors.Is(err, fs.ErrPermission) || errors.Is(err, errorSharingViolation)
		if !busy || wait > 512*time.Millisecond {
			return err
		}
		time.Sleep(wait)
	}
}
