//go:build !windows

package cas

func renameOver(rename func(from, to string) error, from, to string) error {
	return rename(from, to)
}
