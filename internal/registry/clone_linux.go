package registry

import (
	"os"
	"syscall"
)

// ficlone is FICLONE of linux/fs.h: _IOW(0x94, 9, int) as amd64 and arm64 have it.
const ficlone = 0x40049409

// cloneFile makes dst, an empty file, share the blocks of all of src. It returns
// false where that is not possible: Btrfs, XFS and bcachefs do it, within one
// file system.
func cloneFile(dst, src *os.File) bool {
	to, err := dst.SyscallConn()
	if err != nil {
		return false
	}
	from, err := src.SyscallConn()
	if err != nil {
		return false
	}
	cloned := false
	err = to.Control(func(to uintptr) {
		_ = from.Control(func(from uintptr) {
			_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, to, ficlone, from)
			cloned = errno == 0
		})
	})
	return err == nil && cloned
}
