package latency

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// fake runs nothing: its runs take 1, 2, 3 … milliseconds, and the one with
// the number bad ends as told.
func fake(log *[]string, name string, bad int, o Outcome, err error) Series {
	n := 0
	return Series{Name: name, Run: func(context.Context) (Outcome, error) {
		n++
		*log = append(*log, fmt.Sprint(name, n))
		if n == bad {
			return o, err
		}
		return Outcome{Took: time.Duration(n) * time.Millisecond}, nil
	}}
}

func TestRecord(t *testing.T) {
	record := func(seed uint64) ([]string, *Samples) {
		var log []string
		var done []int
		r := Recorder{Series: []Series{fake(&log, Candidate, 0, Outcome{}, nil), fake(&log, Baseline, 0, Outcome{}, nil), fake(&log, Again, 0, Outcome{}, nil)},
			Rounds: 20, Warmup: 2, Seed: seed, Progress: func(n, total int) { done = append(done, n, total) }}
		s, err := r.Record(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(done) != 44 || done[0] != 1 || done[43] != 22 {
			t.Errorf("progress %v", done)
		}
		return log, s
	}
	log, s := record(1)
	if len(log) != 66 || len(s.Rows) != 60 || s.Rounds() != 20 {
		t.Fatalf("%d runs, %d samples", len(log), len(s.Rows))
	}
	orders := map[string]bool{}
	for round := range 20 {
		seen, order := map[string]bool{}, ""
		for _, row := range s.Rows[3*round : 3*round+3] {
			// The first two runs of each command were warm-up.
			if row.Round != int64(round) || row.Seconds != float64(round+3)/1000 || seen[row.Command] {
				t.Errorf("round %d: %+v", round, row)
			}
			seen[row.Command] = true
			order += row.Command + " "
		}
		orders[order] = true
	}
	if len(orders) < 4 {
		t.Errorf("orders of a round: %v", orders)
	}
	if again, _ := record(1); !reflect.DeepEqual(again, log) {
		t.Error("the same seed gives another order")
	}
	if other, _ := record(2); reflect.DeepEqual(other, log) {
		t.Error("another seed gives the same order")
	}
}

func TestRecordFailures(t *testing.T) {
	var log []string
	r := Recorder{Series: []Series{fake(&log, Candidate, 3, Outcome{Took: time.Second, Exit: 7, Stderr: "no model\n"}, nil)}, Rounds: 9}
	s, err := r.Record(t.Context())
	if err == nil || err.Error() != "run 3 of the candidate ended with exit code 7:\nno model" {
		t.Error(err)
	}
	if len(s.Rows) != 3 || s.Rows[2].Exit != 7 {
		t.Errorf("%+v", s.Rows)
	}
	r = Recorder{Series: []Series{fake(&log, Candidate, 2, Outcome{Exit: 1}, nil)}, Rounds: 9, Warmup: 3}
	if s, err = r.Record(t.Context()); err == nil || err.Error() != "warm-up run 2 of the candidate ended with exit code 1" || len(s.Rows) != 0 {
		t.Error(s, err)
	}
	gone := errors.New("gone")
	r = Recorder{Series: []Series{fake(&log, Baseline, 2, Outcome{}, gone)}, Rounds: 9}
	if s, err = r.Record(t.Context()); !errors.Is(err, gone) || err.Error() != "run the baseline: gone" || len(s.Rows) != 1 {
		t.Error(s, err)
	}
}

// What was measured is kept, but not the run that was stopped.
func TestRecordInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	r := Recorder{Rounds: 9, Series: []Series{{Name: Candidate, Run: func(context.Context) (Outcome, error) {
		if n++; n == 4 {
			cancel()
			return Outcome{Exit: -1}, nil
		}
		return Outcome{Took: 1}, nil
	}}}}
	if s, err := r.Record(ctx); !errors.Is(err, context.Canceled) || len(s.Rows) != 3 {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestMain is also the command that TestCommand times.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "be" {
		be(os.Args[2])
	}
	os.Exit(m.Run())
}

func be(what string) {
	switch what {
	case "fine":
		fmt.Println("printed")
	case "failing":
		fmt.Fprint(os.Stderr, strings.Repeat("x", 1<<20), "the end\n")
		os.Exit(3)
	case "slow":
		time.Sleep(time.Minute)
	case "server", "mute", "dying", "endless", "wordy":
		for n, in := 1, bufio.NewScanner(os.Stdin); in.Scan(); n++ {
			switch {
			case what == "dying" && n == 3:
				fmt.Fprintln(os.Stderr, "out of memory")
				os.Exit(9)
			case what == "mute":
			case what == "wordy":
				fmt.Print("one\ntwo\n")
			case what == "endless":
				for {
					if _, err := os.Stdout.Write(make([]byte, 1<<20)); err != nil {
						os.Exit(1)
					}
				}
			case len(in.Text()) != n%2+1: // lines come in turns: "ab", "a", "ab"
				os.Exit(8)
			default:
				fmt.Println(strings.Repeat(in.Text(), 100_000))
			}
		}
	case "fed":
		var word string
		if fmt.Scan(&word); word != "hello" {
			os.Exit(4)
		}
	}
	os.Exit(0)
}

func TestCommand(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(in, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(0, 0)
	clock := func() time.Time { at = at.Add(5 * time.Second); return at }
	run := func(what string) *Command { return &Command{Args: []string{self, "be", what}, Now: clock} }

	if o, err := run("fine").Run(t.Context()); err != nil || o != (Outcome{Took: 5 * time.Second}) {
		t.Errorf("%+v, %v", o, err)
	}
	o, err := run("failing").Run(t.Context())
	if err != nil || o.Exit != 3 || len(o.Stderr) != stderrTail || !strings.HasSuffix(o.Stderr, "xthe end\n") {
		t.Errorf("%+v, %v", o, err)
	}
	for range 2 { // each run gets it from the beginning
		fed := run("fed")
		fed.Stdin = in
		if o, err := fed.Run(t.Context()); err != nil || o.Exit != 0 {
			t.Errorf("%+v, %v", o, err)
		}
	}
	if o, err := run("fed").Run(t.Context()); err != nil || o.Exit != 4 {
		t.Errorf("without input: %+v, %v", o, err)
	}
	slow := run("slow")
	slow.Timeout = 50 * time.Millisecond
	if _, err := slow.Run(t.Context()); err == nil || err.Error() != "took longer than 50ms" {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := run("slow").Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := (&Command{Args: []string{"no-such-program-here"}, Now: clock}).Run(t.Context()); err == nil {
		t.Error("ran what there is not")
	}
}

func TestServer(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	lines, err := Lines([]byte("ab\na\n"))
	if err != nil || len(lines) != 2 {
		t.Fatal(lines, err)
	}
	if _, err := Lines(nil); err == nil || err.Error() != "has no lines" {
		t.Error(err)
	}
	at := time.Unix(0, 0)
	clock := func() time.Time { at = at.Add(5 * time.Second); return at }
	for _, c := range []struct {
		what, err string
		rounds    int
	}{
		{"server", "", 10},
		{"dying", "run 3 of the candidate ended with exit code 9:\nout of memory", 3},
		{"silent", "run the candidate: it ended without an answer to line 1; --lines takes a command that answers every line with one", 0},
		{"mute", "run the candidate: took longer than 200ms to answer line 1", 0},
		{"endless", "run the candidate: the answer to line 1: has more than 64 MiB without a line end", 0},
		{"wordy", "run the candidate: the answer to line 1: has more than one line; --lines takes a command that answers every line with one", 0},
	} {
		s := &Server{Args: []string{self, "be", c.what}, Lines: lines, Now: clock}
		if c.what == "mute" {
			s.Timeout = 200 * time.Millisecond
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := (&Recorder{Rounds: 10, Series: []Series{{Candidate, s.Run}}}).Record(t.Context())
		s.Close()
		if said := fmt.Sprint(err); err == nil && c.err != "" || err != nil && said != c.err {
			t.Errorf("%s: %v", c.what, err)
		}
		if len(got.Rows) != c.rounds || c.rounds > 0 && got.Rows[0].Seconds != 5 {
			t.Errorf("%s: %+v", c.what, got.Rows)
		}
	}
}

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		`predict --rows 10`:           {"predict", "--rows", "10"},
		"  a \t b\n":                  {"a", "b"},
		`a 'b c' "d e" f\ g`:          {"a", "b c", "d e", "f g"},
		`a'b'"c"`:                     {"abc"},
		`a "" ''`:                     {"a", "", ""},
		`a "say \"hi\"" 'it\s' "\n"`:  {"a", `say "hi"`, `it\s`, `\n`},
		`C:\tools\run.exe "C:\a b\c"`: {`C:\tools\run.exe`, `C:\a b\c`},
		`a \\ \`:                      {"a", `\`, `\`},
		`a $HOME *.csv | b`:           {"a", "$HOME", "*.csv", "|", "b"},
		`a \"`:                        {"a", `"`},
	} {
		if got, err := Split(line); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
	for line, want := range map[string]string{"": "names no program", "  ": "names no program", `'' a`: "names no program", `a "b`: `the quote " is not closed`, `a 'b\'c'`: "the quote ' is not closed"} {
		if got, err := Split(line); err == nil || err.Error() != want {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
}

// FuzzSplit: whatever Split gives comes back when it is quoted.
func FuzzSplit(f *testing.F) {
	f.Add(`a 'b c' "d \" e" f\ g C:\x`)
	f.Fuzz(func(t *testing.T, line string) {
		args, err := Split(line)
		if err != nil {
			return
		}
		var quoted []string
		for _, a := range args {
			parts := strings.Split(a, "'")
			quoted = append(quoted, "'"+strings.Join(parts, `'\''`)+"'")
		}
		if again, err := Split(strings.Join(quoted, " ")); err != nil || !reflect.DeepEqual(again, args) {
			t.Errorf("%q: %q, then %q, %v", line, args, again, err)
		}
	})
}
