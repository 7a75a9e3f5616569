package runnertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The cases are those of the runner's own tests (src/Test/L0/Worker:
// SetOutputFileCommandL0, CreateStepSummaryCommandL0, ActionCommandManagerL0,
// ActionCommandL0) and of its code.
func TestParseFile(t *testing.T) {
	for _, c := range []struct {
		file    string
		windows bool
		want    []Pair
		err     string
	}{
		{"", false, nil, ""},
		{"\n\n", false, nil, ""},
		{"MY_OUTPUT=MY VALUE", false, []Pair{{"MY_OUTPUT", "MY VALUE"}}, ""},
		{"A=1\n\nB=2\nA=3\n", false, []Pair{{"A", "1"}, {"B", "2"}, {"A", "3"}}, ""},
		{"A=", false, []Pair{{"A", ""}}, ""},
		{"A==B=C", false, []Pair{{"A", "=B=C"}}, ""},
		{"=A", false, []Pair{{"", "A"}}, ""},
		{"A=B<<C", false, []Pair{{"A", "B<<C"}}, ""},
		{"A<<EOF\none\n\ntwo\nEOF\nB=1", false, []Pair{{"A", "one\n\ntwo"}, {"B", "1"}}, ""},
		{"A<<EOF\nEOF\n", false, []Pair{{"A", ""}}, ""},
		{"A<<EOF\n\nEOF\n", false, []Pair{{"A", ""}}, ""},
		{"A<<EOF\n EOF\nEOF", false, []Pair{{"A", " EOF"}}, ""},
		{"A<<E=F\nx\nE=F", false, []Pair{{"A", "x"}}, ""},
		{"A<<EOF\nx\r\nEOF\n", false, []Pair{{"A", "x\r"}}, ""},
		{"A<<EOF\r\nx\r\nEOF\r\n", true, []Pair{{"A", "x"}}, ""},
		{"A<<EOF\nx\ny\r\nz\nEOF\n", true, []Pair{{"A", "x\ny\r\nz"}}, ""},
		{"A<<EOF\r\nx\r\nEOF\r\n", false, []Pair{{"A", "x\r"}}, ""}, // the delimiter has the CR, too
		{"\ufeffA=1", false, []Pair{{"A", "1"}}, ""},
		{"A=1\nB", false, []Pair{{"A", "1"}}, "invalid format"},
		{"<<EOF\nx\nEOF", false, nil, "must not be empty"},
		{"A<<\nx\n", false, nil, "must not be empty"},
		{"A<<EOF\nx\n", false, nil, "matching delimiter not found"},
		{"A<<EOF one two EOF", false, nil, "matching delimiter not found"},
		{"A<<EOF\nx EOF", false, nil, "EOF marker missing new line"},
	} {
		got, err := ParseFile([]byte(c.file), c.windows)
		if !slices.Equal(got, c.want) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: got %q, %v; want %q, %q", c.file, got, err, c.want, c.err)
		}
	}
}

func TestParseStdout(t *testing.T) {
	r := ParseStdout(Lines("plain\n  ::warning file=a%2Cb,line=1,col=,=x::50%25%0Aoff\rsee ##[error title=a%3Bb;file=c]old%5D\r\n::Error::loud\n" +
		"::unknown::x\n::error\n::set-env name=A::b\n::stop-commands::T0KEN\n::error::no\n##[error]no\n::t0ken::\n::add-mask::a%0Ab\n::stop-commands::error\n" +
		"::stop-commands::\n::debug::%250A\n::stop-commands::on\n"))
	want := []Command{
		{"warning", map[string]string{"file": "a,b", "line": "1"}, "50%\noff"},
		{"error", map[string]string{"title": "a;b", "file": "c"}, "old]"},
		{"Error", map[string]string{}, "loud"},
		{"set-env", map[string]string{"name": "A"}, "b"},
		{"add-mask", map[string]string{}, "a\nb"},
		{"debug", map[string]string{}, "%0A"},
	}
	if fmt.Sprint(r.Commands) != fmt.Sprint(want) {
		t.Errorf("commands\n%q, want\n%q", r.Commands, want)
	}
	if want := []string{"plain", "::unknown::x", "::error", "::error::no", "##[error]no"}; !slices.Equal(r.Log, want) {
		t.Errorf("log %q, want %q", r.Log, want)
	}
	if !slices.Equal(r.Masks, []string{"a\nb", "a", "b"}) || len(r.Issues) != 3 || len(r.Failed) != 3 || !r.Stopped {
		t.Errorf("masks %q, issues %q, failed %q, stopped %v", r.Masks, r.Issues, r.Failed, r.Stopped)
	}
}

func TestLimits(t *testing.T) {
	r := ParseStdout(slices.Repeat([]string{"::error::" + strings.Repeat("\U0001f600", 3000), "::notice::n"}, 11))
	if len(r.Issues) != 20 || len(r.Commands) != 22 || len([]rune(r.Issues[0].Data)) != MessageLength/2 {
		t.Errorf("%d issues of %d commands, %d characters", len(r.Issues), len(r.Commands), len([]rune(r.Issues[0].Data)))
	}
	if _, err := ParseSummary(make([]byte, SummaryLimit)); err != nil {
		t.Error(err)
	}
	if _, err := ParseSummary(make([]byte, SummaryLimit+1)); err == nil {
		t.Error("a summary of more than 1 MiB is kept")
	}
	if got := ParsePath([]byte("/a\n\n/b\r/c")); !slices.Equal(got, []string{"/a", "/b", "/c"}) {
		t.Errorf("path: %q", got)
	}
}

func TestParseArtifacts(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("a", 64)
	for file, want := range map[string]int{
		"": 0, "# note\n\n  oci://x" + digest + "\r\noci://x" + digest: 1, "a.txt": -1, "oci://x": -1, "oci://" + digest: -1, "oci://a=b" + digest: -1,
		"oci://x" + digest + "\noci://x@sha256:" + strings.Repeat("b", 64): -1, strings.Repeat("#", 1<<20+1): -1,
	} {
		got, err := ParseArtifacts([]byte(file))
		if (err != nil) != (want < 0) || err == nil && len(got) != want {
			t.Errorf("%.80q: got %v, %v", file, got, err)
		}
	}
}

// FuzzParseFile: keys come from the file, and a file that is well formed stays
// so, and keeps its meaning, when another pair follows.
func FuzzParseFile(f *testing.F) {
	for _, s := range []string{"A=1\n", "A<<EOF\nx\nEOF\n", "A<<EOF\r\nx\r\nEOF\r\n", "=\n", "A<<", "\n"} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, windows bool) {
		before, err := ParseFile(data, windows)
		if err != nil {
			return
		}
		after, err := ParseFile(slices.Concat(data, []byte("\nKEY<<END\nvalue\nEND\n")), windows)
		if err != nil || len(after) != len(before)+1 || after[len(before)] != (Pair{"KEY", "value"}) {
			t.Fatalf("%q becomes %q, %v", before, after, err)
		}
	})
}
