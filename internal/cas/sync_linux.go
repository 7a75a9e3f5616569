package cas

import (
	"errors"
	"os"
	"runtime"
	"syscall"
)

// sysSyncfs is the number of the system call; package syscall lacks it on amd64.
var sysSyncfs = map[string]uintptr{"amd64": 306, "arm64": 267}[runtime.GOARCH]

// syncFS brings everything on the file system of f to disk, with one call
// instead of one a file. It fails when writing anything there failed since f
// was opened (Linux 5.8 and later).
func syncFS(f *os.File) error {
	if sysSyncfs == 0 {
		return errors.ErrUnsupported
	}
	return control(f, func(fd uintptr) error {
		return system(sysSyncfs, fd, 0, 0)
	})
}

// reflink makes dst share the blocks of src, where the file system can: Btrfs,
// XFS, bcachefs.
func reflink(dst, src *os.File) error {
	const ficlone = 0x40049409 // linux/fs.h
	return control(src, func(from uintptr) error {
		return control(dst, func(to uintptr) error {
			return system(syscall.SYS_IOCTL, to, ficlone, from)
		})
	})
}

// control calls f with the descriptor of file, which stays open meanwhile.
func control(file *os.File, f func(fd uintptr) error) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	return errors.Join(conn.Control(func(fd uintptr) { failed = f(fd) }), failed)
}

func system(call, a, b, c uintptr) error {
	if _, _, errno := syscall.Syscall(call, a, b, c); errno != 0 {
		return errno
	}
	return nil
}
