//go:build !unix

package cas

import "os"

// Open is os.Open.
func Open(path string) (*os.File, error) { return os.Open(path) }
