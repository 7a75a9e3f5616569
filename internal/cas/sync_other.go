//go:build !linux

package cas

import (
	"errors"
	"os"
)

func syncFS(*os.File) error { return errors.ErrUnsupported }

func reflink(dst, src *os.File) error { return errors.ErrUnsupported }
