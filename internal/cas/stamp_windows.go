package cas

import (
	"io/fs"
	"syscall"
)

// stampOf has no inode and no change time on Windows; when the file was
// created tells a replaced file from the old one.
func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if data, ok := info.Sys().(*syscall.Win32FileAttributeData); ok {
		s.ctime = data.CreationTime.Nanoseconds()
	}
	return s
}
