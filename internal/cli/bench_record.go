package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/latency"
	"github.com/waybill-dev/waybill/internal/report"
)

// record runs the commands. What was measured is kept, also when it ends early.
func (a *app) record(b *bench, args []string) (*latency.Samples, map[string][]string, error) {
	if b.samples != "" { // to learn of it now, not after the last run
		if info, err := os.Stat(filepath.Dir(a.inDir(b.samples))); err != nil || !info.IsDir() {
			return nil, nil, usageError{fmt.Errorf("bench: --samples %s: there is no such folder", b.samples)}
		}
	}
	if b.stdin != "" {
		if info, err := os.Stat(a.inDir(b.stdin)); err != nil || info.IsDir() {
			return nil, nil, usageError{fmt.Errorf("bench: --stdin %s: there is no such file", b.stdin)}
		}
	}
	commands, err := b.commands(args)
	if err != nil {
		return nil, nil, usageError{fmt.Errorf("bench: %w", err)}
	}
	r := latency.Recorder{Rounds: b.runs, Warmup: b.warmup, Seed: b.gate.Seed, Progress: a.benchProgress()}
	for _, name := range []string{latency.Candidate, latency.Baseline, latency.Again} {
		command := commands[name]
		if name == latency.Again && b.twice {
			command = commands[latency.Baseline]
		}
		if command == nil {
			continue
		}
		run, stop, err := a.timed(b, name, command)
		if err != nil {
			return nil, nil, err
		}
		defer stop()
		r.Series = append(r.Series, latency.Series{Name: name, Run: run})
	}
	samples, err := r.Record(a.ctx)
	kept := ""
	if b.samples != "" && len(samples.Rows) > 0 {
		var csv bytes.Buffer
		if err := samples.WriteCSV(&csv); err != nil {
			return nil, nil, err
		}
		if err := cas.WriteFile(a.inDir(b.samples), csv.Bytes(), 0o644); err != nil {
			return nil, nil, fmt.Errorf("bench: write the samples: %w", err)
		}
		kept = "; what was measured until then is in " + b.samples
	}
	switch {
	case err == nil:
		return samples, commands, nil
	case errors.Is(err, context.Canceled):
		return nil, nil, fmt.Errorf("bench: interrupted in round %d of %d%s", samples.Rounds()+1, b.runs, kept)
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return nil, nil, usageError{fmt.Errorf("bench: %w", err)}
	}
	var failed *latency.RunError
	if errors.As(err, &failed) && kept != "" {
		a.note("bench: stopped at the first run that failed%s", kept)
		kept = ""
	}
	return nil, nil, fmt.Errorf("bench: %w%s", err, kept)
}

// timed is what a run of a command is: all of it, or with --lines an answer.
func (a *app) timed(b *bench, name string, command []string) (run func(context.Context) (latency.Outcome, error), stop func(), err error) {
	if !b.lines {
		c := &latency.Command{Args: command, Dir: a.dir, Timeout: b.timeout, Now: time.Now}
		if b.stdin != "" {
			c.Stdin = a.inDir(b.stdin)
		}
		return c.Run, func() {}, nil
	}
	data, err := os.ReadFile(a.inDir(b.stdin))
	if err != nil {
		return nil, nil, err
	}
	lines, err := latency.Lines(data)
	if err != nil {
		return nil, nil, usageError{fmt.Errorf("bench: --stdin %s: %w", b.stdin, err)}
	}
	s := &latency.Server{Args: command, Dir: a.dir, Lines: lines, Timeout: b.timeout, Now: time.Now}
	if err := s.Start(a.ctx); err != nil {
		return nil, nil, usageError{fmt.Errorf("bench: start the %s: %w", name, err)}
	}
	return s.Run, s.Close, nil
}

// commands are the arguments of the commands by name.
func (b *bench) commands(args []string) (map[string][]string, error) {
	out := map[string][]string{latency.Candidate: args}
	if b.baseline != "" {
		split, err := latency.Split(b.baseline)
		if err != nil && !b.shell {
			return nil, fmt.Errorf("--baseline %q: %w", b.baseline, err)
		}
		out[latency.Baseline] = split
	}
	if b.shell {
		out[latency.Candidate] = []string{"sh", "-c", args[0]}
		if b.baseline != "" {
			out[latency.Baseline] = []string{"sh", "-c", b.baseline}
		}
	}
	return out, nil
}

// benchProgress says now and then how far it is.
func (a *app) benchProgress() func(done, total int) {
	const every = 10 * time.Second
	spoke := time.Now()
	return func(done, total int) {
		if now := time.Now(); now.Sub(spoke) >= every {
			spoke = now
			a.note("bench: %s of %s rounds", report.Thousands(done), report.Thousands(total))
		}
	}
}
