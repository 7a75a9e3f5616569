// Package demo plays waybill's story in a folder: a bare repository as remote,
// a clone, and an OCI layout as registry. It runs the real commands, which it
// is given as a function, and really trains a small classifier. Three people
// have SSH keys in that folder, with which they approve.
package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Run runs one waybill command in dir.
type Run func(ctx context.Context, dir string, args ...string) (code int, stdout, stderr string)

// Options of Play.
type Options struct {
	Dir     string // "" is a temporary folder
	Reviews string // file of reviews, see the command's help; "" generates some
	Keep    bool   // keep a temporary folder
	Out     io.Writer
	Run     Run
}

// Play tells the story to Options.Out and ends with "demo: ok". Any command
// that does not end as the story says is an error.
func Play(ctx context.Context, o Options) error {
	rows := generate(2400)
	if o.Reviews != "" {
		f, err := os.Open(o.Reviews)
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		defer f.Close()
		if rows, err = readReviews(o.Reviews, f); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", "waybill-demo-")
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		if !o.Keep {
			defer os.RemoveAll(dir)
		}
		o.Dir = dir
	}
	if entries, err := os.ReadDir(o.Dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("demo: %s is not empty; name a new folder", o.Dir)
	}
	s := &story{Options: o, ctx: ctx, work: filepath.Join(o.Dir, "work")}
	s.train, s.test = split(rows)
	for _, chapter := range []func(){s.begin, s.firstRelease, s.firstApprovals, s.brokenLabels, s.secondRelease, s.secondApprovals, s.goBack, s.whoLetItIn, s.lookBack} {
		if chapter(); s.err != nil {
			return fmt.Errorf("demo: %w", s.err)
		}
	}
	if o.Keep {
		s.say("\nLook around: %s (clone), %s (remote), %s (registry), %s (keys)", s.work, filepath.Join(o.Dir, "origin.git"), filepath.Join(o.Dir, "registry"), filepath.Join(o.Dir, "keys"))
	} else {
		s.say("\nTo look around, run it again with --dir DIR.")
	}
	s.say("demo: ok")
	return nil
}
