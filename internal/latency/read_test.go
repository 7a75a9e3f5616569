package latency

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/table"
)

func readText(t testing.TB, name, text, unit string) (*Samples, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return Read(t.Context(), table.File{Name: name, Path: path}, unit)
}

func TestRead(t *testing.T) {
	two := &Samples{Rows: []Sample{{Candidate, 0, 0.25, 0}, {Baseline, 0, 0.5, 0}}}
	failed := &Samples{Rows: []Sample{{Candidate, 0, 0.25, -1}, {Again, 3, 0.5, 0}}}
	alone := &Samples{Alone: true, Rows: []Sample{{Candidate, 0, 0.25, 0}, {Candidate, 1, 0.5, 0}}}
	for _, c := range []struct {
		name, text, unit string
		want             *Samples
	}{
		{"a.csv", "command,round,seconds\ncandidate,0,0.25\nbaseline,0,0.5\n", "", two},
		{"a.csv", "command,round,seconds\ncandidate,0,0.25\nbaseline,0,0.5\n", "ms", two}, // the unit is that of bare columns
		{"a.csv", "exit,note,seconds,round,command\n-1,x,0.25,0,candidate\n,,0.5,3,baseline2\n", "", failed},
		{"a.jsonl", `{"command":"candidate","round":0,"seconds":0.25,"exit":-1}` + "\n" + `{"command":"baseline2","round":3,"seconds":5e-1}`, "", failed},
		{"a.csv", "latency\n250\n500\n", "ms", alone},
		{"a.csv", "250\n500\n", "ms", alone},
		{"a.txt", "# by hand\n0.25\n\n 0.5 \n", "s", alone},
		{"a", "250000\n5e5", "us", alone},
	} {
		got, err := readText(t, c.name, c.text, c.unit)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
}

func TestReadHostile(t *testing.T) {
	const head = "command,round,seconds,exit\ncandidate,0,1,0\n"
	for _, c := range []struct{ name, text, want string }{
		{"a.csv", "command,seconds\ncandidate,1\n", `read a.csv: has no column "round"`},
		{"a.csv", "command\ncandidate\n", `has no column "round"`},
		{"a.csv", head + "canditate,1,1,0\n", `read a.csv:3: row 2: command "canditate": expected candidate, baseline or baseline2; did you mean "candidate"?`},
		{"a.csv", head + ",1,1,0\n", `command ""`},
		{"a.csv", head + "candidate,1,NaN,0\n", "read a.csv:3: row 2: "},
		{"a.csv", head + "candidate,1,-1,0\n", "a.csv:3: row 2: -1 s: expected a time above 0"},
		{"a.csv", head + "candidate,1,0,0\n", "row 2: 0 s: expected a time above 0"},
		{"a.csv", head + "candidate,1,1e300,0\n", "up to 1,000,000 s"},
		{"a.csv", head + "candidate,1,1e999,0\n", "a.csv:3: row 2: "},
		{"a.csv", head + "candidate,1,,0\n", `seconds "": expected a number`},
		{"a.csv", head + "candidate,1,fast,0\n", `seconds "fast": expected a number`},
		{"a.csv", head + "candidate,-1,1,0\n", `round "-1": expected a whole number`},
		{"a.csv", head + "candidate,1.5,1,0\n", `round "1.5": expected a whole number`},
		{"a.csv", head + "candidate,1e300,1,0\n", `round "1e300": expected a whole number`},
		{"a.csv", head + "candidate,0,1,0\n", "a.csv:3: row 2: the candidate ran in round 0 before"},
		{"a.csv", head + "candidate,1,1,oops\n", `exit "oops": expected an exit code`},
		{"a.csv", "command,round,seconds\n", "has no runs"},
		{"a.csv", "", "is empty"},
		{"a.csv", "seconds\n1\n-2\n", "a.csv:3: row 2: -2 s: expected a time above 0"},
		{"a.csv", "seconds\n1\nx\n", `row 2: "x": expected a number`},
		{"a.csv", "NaN\n1\n", "a.csv:1: row 1: NaN s"},
		{"a.csv", "1,2\n", `has no column "command"`},
		{"a.txt", "1\nNaN\n", "a.txt:2: row 2: NaN s: expected a time above 0"},
		{"a.txt", "1\n1e-320\n", "a.txt:2: row 2: 1e-320 s: expected a time above 0"},
		{"a.txt", "1\n+Inf\n", "a.txt:2: row 2: +Inf s"},
		{"a.txt", "1\n1e999\n", "a.txt:2: row 2: +Inf s"},
		{"a.txt", "1\n1 ms\n", `a.txt:2: "1 ms": expected a number`},
		{"a.txt", "# nothing\n", "has no runs"},
		{"a.txt", strings.Repeat("1", 1<<17), "line too long"},
		{"a.parquet", "PAR1", "read a.parquet"},
	} {
		_, err := readText(t, c.name, c.text, "s")
		var data *table.DataError
		if err == nil || !errors.As(err, &data) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %.40q: %v, want %q", c.name, c.text, err, c.want)
		}
	}
	if _, err := readText(t, "a.txt", "1\n", "min"); err == nil || !strings.Contains(err.Error(), `unit "min": expected s, ms or us`) {
		t.Error(err)
	}
	if _, err := readText(t, "a.txt", strings.Repeat("1\n", MaxSamples+1), "s"); err == nil || !strings.Contains(err.Error(), "has more than 1,000,000 runs") {
		t.Error(err)
	}
	if _, err := Read(t.Context(), table.File{Name: "a.txt", Path: filepath.Join(t.TempDir(), "a.txt")}, "s"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// FuzzRead: what is read can be written, read again and judged.
func FuzzRead(f *testing.F) {
	f.Add("command,round,seconds,exit\ncandidate,0,0.25,0\nbaseline,0,0.5,3\nbaseline2,1,1e-9,-1\n", true)
	f.Add("latency\n0.25\n0.5\n", true)
	f.Add("1\n2\n3\nNaN\n", false)
	f.Fuzz(func(t *testing.T, text string, csv bool) {
		name := "a.txt"
		if csv {
			name = "a.csv"
		}
		s, err := readText(t, name, text, "s")
		if err != nil {
			return
		}
		r := Judge(s, Gate{Margin: ptr(0.05), Max: ptr(1.), Resamples: 200})
		Sections(r)
		for _, row := range s.Rows {
			if row.Seconds < 1e-9 {
				return // is written as 0
			}
		}
		var out bytes.Buffer
		if err := s.WriteCSV(&out); err != nil {
			t.Fatal(err)
		}
		again, err := readText(t, "b.csv", out.String(), "s")
		if err != nil || len(again.Rows) != len(s.Rows) {
			t.Fatalf("%v, %+v, %+v", err, s, again)
		}
	})
}
