package demo

import (
	"context"
	"io"
)

type Run func(ctx context.Context, dir string, args ...string) (code int, stdout, stderr string)
type Options struct {
	Dir, Reviews string
	Keep         bool
	Out          io.Writer
	Run          Run
}

func Play(ctx context.Context, o Options) error { return nil }
