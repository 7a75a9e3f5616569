//go:build !(linux || openbsd || dragonfly || darwin || freebsd || netbsd || windows)

package cas

import "io/fs"

func stampOf(info fs.FileInfo) stamp {
	return stamp{size: info.Size(), mtime: info.ModTime().UnixNano()}
}
