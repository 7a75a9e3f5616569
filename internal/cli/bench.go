package cli

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/latency"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// bench is the flags of waybill bench.
type bench struct {
	baseline, stdin, samples, from, unit string
	percentiles                          []string
	shell, twice, lines                  bool
	runs, warmup                         int
	timeout, max                         time.Duration
	margin                               float64
	gate                                 latency.Gate
}

// benchResult is what waybill bench prints as JSON.
type benchResult struct {
	*latency.Result
	From        string              `json:"from,omitempty"` // the recording that was read
	Commands    map[string][]string `json:"commands,omitempty"`
	Environment *benchEnvironment   `json:"environment,omitempty"`
}

// benchEnvironment is where runs were recorded, as far as it helps to read them
// and tells nothing about whose machine it was.
type benchEnvironment struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`
	CPUs int    `json:"cpus"`
}

func (a *app) benchCommand() *cobra.Command {
	var b bench
	c := &cobra.Command{
		Use:   "bench [flags] -- COMMAND [ARGUMENT…]",
		Short: "How long a command takes, and whether it is slower than a baseline",
		Long: `Runs a command many times, in turns with a baseline where one is named, and shows percentiles of the time from its start to
its exit with intervals (--lines: from a line to its answer). --max and --margin judge the percentiles that --percentile names. Each round runs every command once, in an
order drawn anew; the baseline runs twice, because a machine on which the same command differs from itself by more than the margin
cannot judge another. What the commands print is discarded. A recording that was kept, or made elsewhere, is judged with --from.
Exit code 0: PASS, or nothing was asked; 1: FAIL; 3: INCONCLUSIVE; 4: a command failed.`,
		Example: `  waybill bench -- ./predict --model new.onnx --input rows.json
  waybill bench --baseline './predict --model old.onnx' --margin 0.05 --runs 400 -- ./predict --model new.onnx
  waybill bench --percentile 99 --max 50ms --runs 500 --samples latency.csv -- ./predict --model new.onnx
  waybill bench --lines --stdin rows.jsonl --runs 1000 --percentile 99 --max 5ms -- ./serve --model new.onnx
  waybill bench --from latency.csv --percentile 90,99 --max 50ms --format json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := b.check(cmd, args); err != nil {
				return usageError{fmt.Errorf("bench: %w", err)}
			}
			return a.bench(&b, args)
		},
	}
	f := c.Flags()
	f.SetInterspersed(false) // flags after the command are its own
	f.StringVar(&b.baseline, "baseline", "", "command to compare with; quotes keep arguments together, no shell is used")
	f.BoolVar(&b.shell, "shell", false, `run both commands by "sh -c"`)
	f.IntVar(&b.runs, "runs", 100, "rounds to record")
	f.IntVar(&b.warmup, "warmup", 5, "rounds before them that are not recorded")
	f.StringVar(&b.samples, "samples", "", "write every run to this CSV file")
	f.DurationVar(&b.timeout, "timeout", 5*time.Minute, "most that a run may take, 0 for no limit")
	f.StringVar(&b.stdin, "stdin", "", "file that each run gets as its standard input")
	f.BoolVar(&b.lines, "lines", false, "start each command once and time its answers: a line for each line of --stdin")
	f.BoolVar(&b.twice, "aa", true, "run the baseline twice a round, to know the noise of the machine")
	f.StringSliceVar(&b.percentiles, "percentile", []string{"50"}, "percentiles that --max and --margin judge, like 50,99")
	f.DurationVar(&b.max, "max", 0, "most that they may take, like 50ms")
	f.Float64Var(&b.margin, "margin", 0.05, "by how much they may be slower than the baseline's, as a share")
	f.Float64Var(&b.gate.Confidence, "confidence", latency.DefaultConfidence, "how sure PASS and FAIL are, each")
	f.Uint64Var(&b.gate.Seed, "seed", latency.DefaultSeed, "of the order of the runs and of the bootstrap")
	f.StringVar(&b.from, "from", "", "judge this recording instead of running commands")
	f.StringVar(&b.unit, "unit", "s", "unit of a recording that is one column of times: s, ms or us")
	return c
}

// check makes the gate of the flags, and refuses what cannot work before
// anything is run.
func (b *bench) check(cmd *cobra.Command, args []string) error {
	set := cmd.Flags().Changed
	for _, p := range b.percentiles {
		q, err := strconv.ParseFloat(strings.TrimPrefix(p, "p"), 64)
		if err != nil {
			return fmt.Errorf("--percentile %q: expected a number like 99", p)
		}
		b.gate.Percentiles = append(b.gate.Percentiles, q/100)
	}
	if set("max") {
		seconds := b.max.Seconds()
		b.gate.Max = &seconds
	}
	if b.baseline != "" || set("margin") {
		b.gate.Margin = &b.margin
	}
	if err := b.gate.Check(); err != nil {
		return err
	}
	if b.from != "" {
		for _, name := range []string{"baseline", "shell", "runs", "warmup", "samples", "timeout", "stdin", "lines", "aa"} {
			if set(name) {
				return fmt.Errorf("--%s records, --from reads what was recorded: use one of them", name)
			}
		}
		if len(args) > 0 {
			return fmt.Errorf("--from reads a recording and runs no command: leave out %q", args[0])
		}
		return nil
	}
	switch {
	case len(args) == 0:
		return errors.New(`names no command; usage: waybill bench [flags] -- COMMAND [ARGUMENT…], or --from FILE`)
	case b.shell && len(args) != 1:
		return fmt.Errorf("--shell takes the command as one argument in quotes, not as %d", len(args))
	case b.runs < 1 || b.runs > latency.MaxSamples/3:
		return fmt.Errorf("--runs %d: expected 1 to %s", b.runs, report.Thousands(latency.MaxSamples/3))
	case b.warmup < 0 || b.warmup > latency.MaxSamples:
		return fmt.Errorf("--warmup %d: expected 0 to %s", b.warmup, report.Thousands(latency.MaxSamples))
	case b.timeout < 0:
		return fmt.Errorf("--timeout %s: expected a duration, or 0 for no limit", b.timeout)
	case b.baseline == "" && set("margin"):
		return errors.New("--margin compares with a baseline: name one with --baseline")
	case b.baseline == "" && set("aa"):
		return errors.New("--aa runs the baseline twice: name one with --baseline")
	case b.lines && b.stdin == "":
		return errors.New("--lines asks what stands in a file, a line at a time: name it with --stdin")
	case set("unit"):
		return errors.New("--unit says how a recording is written: it goes with --from")
	}
	return nil
}

func (a *app) bench(b *bench, args []string) error {
	var samples *latency.Samples
	var err error
	out := benchResult{From: b.from}
	if b.from != "" {
		samples, err = a.readBench(b)
	} else {
		out.Environment = &benchEnvironment{runtime.GOOS, runtime.GOARCH, runtime.NumCPU()}
		samples, out.Commands, err = a.record(b, args)
	}
	if err != nil {
		return err
	}
	out.Result = latency.Judge(samples, b.gate)
	switch out.Verdict {
	case report.Fail:
		a.code = exitFail
	case report.Inconclusive:
		a.code = exitInconclusive
	}
	sections := latency.Sections(out.Result)
	if e := out.Environment; e != nil {
		what := "from the start of the process to its exit"
		if b.lines {
			what = "from a line to its answer"
		}
		sections = append(sections, report.TextSection("Recorded", fmt.Sprintf("%s, on %s/%s with %s", what, e.OS, e.Arch, report.Count(int64(e.CPUs), "CPU"))))
	}
	return a.result(out, sections...)
}

func (a *app) readBench(b *bench) (*latency.Samples, error) {
	s, err := latency.Read(a.ctx, table.File{Name: b.from, Path: a.inDir(b.from)}, b.unit)
	var data *table.DataError
	switch {
	case errors.As(err, &data):
		return nil, usageError{err}
	case err != nil:
		return nil, fmt.Errorf("bench: %w", err)
	}
	if b.gate.Margin == nil && !s.Alone && s.Has(latency.Baseline) {
		b.gate.Margin = &b.margin
	}
	return s, nil
}
