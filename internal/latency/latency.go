// Package latency records how long commands take, and judges what was
// recorded.
//
// Two commands are compared by running them in turns: a round runs each of them
// once, in an order drawn anew, so that whatever slows the machine for a while
// slows both. The baseline runs twice a round where its own noise is to be
// known: a machine on which the same command differs from itself by more than
// the margin cannot show that another command does not.
//
//	samples, err := (&latency.Recorder{Series: series, Rounds: 400}).Record(ctx)
//	result := latency.Judge(samples, latency.Gate{Percentiles: []float64{0.5}, Margin: &margin})
//
// Samples can be written, read again and judged later, and recordings of other
// tools can be read: see Read. Judge is pure: the same samples and the same gate
// give the same result everywhere.
//
// Intervals assume that runs are independent of each other. Runs on a machine
// that gets warmer, fuller or busier are not; rounds make that harmless for a
// ratio, not for a percentile of one command.
package latency

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"
)

// Commands, as the column "command" of a recording names them.
const (
	Candidate = "candidate"
	Baseline  = "baseline"
	// Again is the baseline a second time.
	Again = "baseline2"
)

// Limits of a recording.
const (
	MaxSamples = 1_000_000
	MaxSeconds = 1e6
	// No clock tells less from 0, and ratios are to stay finite.
	minSeconds = 1e-12
)

// Sample is one run of one command.
type Sample struct {
	Command string
	Round   int64 // runs of the same round belong together
	Seconds float64
	Exit    int // exit code; runs that failed are counted, not timed
}

// Samples is a recording.
type Samples struct {
	Rows []Sample
	// Alone tells that the recording names no rounds: it has one command, and
	// nothing to compare with.
	Alone bool
}

// WriteCSV writes the recording as Read reads it.
func (s *Samples) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"command", "round", "seconds", "exit"}); err != nil {
		return err
	}
	for _, r := range s.Rows {
		if err := out.Write([]string{r.Command, strconv.FormatInt(r.Round, 10),
			strconv.FormatFloat(r.Seconds, 'f', 9, 64), strconv.Itoa(r.Exit)}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// Has tells whether a command was run.
func (s *Samples) Has(command string) bool {
	return slices.ContainsFunc(s.Rows, func(r Sample) bool { return r.Command == command })
}

// Rounds is how many rounds every command has run, of a recording that a
// Recorder made.
func (s *Samples) Rounds() int {
	count := map[string]int{}
	for _, r := range s.Rows {
		count[r.Command]++
	}
	least := len(s.Rows)
	for _, n := range count {
		least = min(least, n)
	}
	return least
}

// series is the runs of one command that did not fail, in rounds ascending.
type series struct {
	rounds  []int64
	seconds []float64
	failed  int64
	exit    int // of the first that failed
}

func (s *Samples) of(command string) series {
	var out series
	for _, r := range s.Rows {
		switch {
		case r.Command != command:
		case r.Exit != 0:
			if out.failed == 0 {
				out.exit = r.Exit
			}
			out.failed++
		default:
			out.rounds = append(out.rounds, r.Round)
			out.seconds = append(out.seconds, r.Seconds)
		}
	}
	return out
}
