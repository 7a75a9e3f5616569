package latency

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Outcome is how one run of a command ended.
type Outcome struct {
	Took   time.Duration
	Exit   int
	Stderr string // the end of it
}

// Series is a command to time.
type Series struct {
	Name string // Candidate, Baseline or Again
	// Run runs it once. An error means that it could not be run, or not to its
	// end; a command that ends with an exit code is an Outcome.
	Run func(context.Context) (Outcome, error)
}

// Recorder runs commands in turns.
type Recorder struct {
	Series []Series
	Rounds int // each runs every command once
	Warmup int // rounds before them that are not recorded
	// Seed decides the order of the commands in each round.
	Seed uint64
	// Progress is called after each round, warm-up included; nil for none.
	Progress func(done, total int)
}

// RunError says that a command could be run and failed.
type RunError struct {
	Command string
	Round   int // 1-based
	Warmup  bool
	Exit    int
	Stderr  string // the end of it
}

func (e *RunError) Error() string {
	what := "run"
	if e.Warmup {
		what = "warm-up run"
	}
	s := fmt.Sprintf("%s %d of the %s ended with exit code %d", what, e.Round, e.Command, e.Exit)
	if tail := strings.TrimSpace(e.Stderr); tail != "" {
		s += ":\n" + tail
	}
	return s
}

// Record runs all rounds. It stops when ctx is done and when a command fails,
// since the time that a failure takes says nothing about an answer; the samples
// until then are returned with the error, the failed run among them.
func (r *Recorder) Record(ctx context.Context) (*Samples, error) {
	out := &Samples{}
	order := rand.New(rand.NewPCG(r.Seed, 0))
	turns := make([]int, len(r.Series))
	for i := range turns {
		turns[i] = i
	}
	for round := -r.Warmup; round < r.Rounds; round++ {
		order.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
		for _, i := range turns {
			s, err := r.once(ctx, r.Series[i], round)
			if s != nil && round >= 0 {
				out.Rows = append(out.Rows, *s)
			}
			if err != nil {
				return out, err
			}
		}
		if r.Progress != nil {
			r.Progress(round+r.Warmup+1, r.Rounds+r.Warmup)
		}
	}
	return out, nil
}

func (r *Recorder) once(ctx context.Context, s Series, round int) (*Sample, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	number, warmup := round+1, round < 0
	if warmup {
		number += r.Warmup
	}
	o, err := s.Run(ctx)
	switch {
	case ctx.Err() != nil: // it was stopped, whatever it says
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("run the %s: %w", s.Name, err)
	}
	out := &Sample{Command: s.Name, Round: int64(round), Seconds: max(o.Took, 1).Seconds(), Exit: o.Exit}
	if o.Exit != 0 {
		return out, &RunError{Command: s.Name, Round: number, Warmup: warmup, Exit: o.Exit, Stderr: o.Stderr}
	}
	return out, nil
}
