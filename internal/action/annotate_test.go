package action

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/action/runnertest"
	"github.com/waybill-dev/waybill/internal/report"
)

// findings are n that fail, each on a line of its own.
func findings(n int) []report.Finding {
	out := make([]report.Finding, n)
	for i := range out {
		out[i] = report.Finding{Check: "table.rows", Artifact: "reviews", Verdict: report.Fail, Severity: report.Error,
			Location: &report.Location{File: "datasets/reviews/dataset.yaml", Line: i + 1}, Message: fmt.Sprintf("finding %d", i+1)}
	}
	return out
}

func TestAnnotate(t *testing.T) {
	s := newStep(t)
	s.env["GITHUB_WORKSPACE"] = s.dir
	s.Annotate([]report.Finding{
		{Check: "c", Verdict: report.Pass, Severity: report.Error, Message: "passed"},
		{Check: "info", Verdict: report.Fail, Severity: report.Info, Message: "told"},
		{Check: "drift", Artifact: "reviews", Verdict: report.Inconclusive, Severity: report.Error, Message: "no baseline", Hint: "register one"},
		{Check: "text.length", Artifact: "reviews", Verdict: report.Fail, Severity: report.Error, Message: "50% are\ntoo long", Expected: "at most 1",
			Observed: "2", Location: &report.Location{File: filepath.Join(s.dir, "a,b:c.yaml"), Line: 3, Column: 5}},
		{Check: "w", Verdict: report.Inconclusive, Severity: report.Warning, Message: "warned", Location: &report.Location{File: "../x", Line: 1}},
		{Check: "n", Verdict: report.Fail, Severity: report.Warning, Message: "no line", Location: &report.Location{File: "./m/../m.yaml", Column: 4}},
	})
	want := []runnertest.Command{
		{Name: "error", Data: "50% are too long\nExpected: at most 1\nObserved: 2",
			Properties: map[string]string{"title": "reviews: text.length", "file": "a,b:c.yaml", "line": "3", "col": "5"}},
		{Name: "error", Data: "no baseline\nregister one", Properties: map[string]string{"title": "reviews: drift (INCONCLUSIVE)"}},
		{Name: "warning", Data: "no line", Properties: map[string]string{"title": "n", "file": "m.yaml"}},
		{Name: "warning", Data: "warned", Properties: map[string]string{"title": "w (INCONCLUSIVE)"}},
		{Name: "notice", Data: "told", Properties: map[string]string{"title": "info"}},
	}
	got := s.stdout()
	if len(got.Issues) != len(want) || len(got.Log)+len(got.Failed) > 0 {
		t.Fatalf("got %+v", got)
	}
	for i, w := range want {
		if g := got.Issues[i]; g.Name != w.Name || g.Data != w.Data || !maps.Equal(g.Properties, w.Properties) {
			t.Errorf("%d: got %q, want %q", i, g, w)
		}
	}
}

func TestAnnotationBudget(t *testing.T) {
	for _, c := range []struct {
		said, findings, shown int
		note                  string
	}{
		{0, 10, 10, ""}, {0, 11, 9, "2 more errors: see the summary of this run"}, {0, 5000, 9, "4,991 more errors: see the summary of this run"},
		{3, 7, 7, ""}, {3, 8, 6, "2 more errors: see the summary of this run"}, {9, 2, 0, "2 more errors: see the summary of this run"},
		{10, 5, 0, ""}, {12, 5, 0, ""},
	} {
		s := newStep(t)
		for range c.said {
			s.Error("said before")
		}
		all := findings(c.findings)
		for i := range all[:len(all)-1] {
			all[i].Verdict = report.Inconclusive
		}
		s.Annotate(all)
		got := s.stdout()
		if len(got.Issues) != len(got.Commands) && c.said <= runnertest.IssuesPerType {
			t.Errorf("%+v: %d commands make %d annotations", c, len(got.Commands), len(got.Issues))
		}
		ours := got.Commands[c.said:]
		if c.note != "" {
			if last := ours[len(ours)-1]; last.Data != c.note {
				t.Errorf("%+v: the last says %q", c, last.Data)
			}
			ours = ours[:len(ours)-1]
		}
		if len(ours) != c.shown {
			t.Errorf("%+v: %d are shown", c, len(ours))
		}
		if s.Annotate(all); len(s.stdout().Commands) != len(got.Commands) && c.said+c.findings >= perLevel {
			t.Errorf("%+v: the second call goes past the budget", c)
		}
		if len(ours) > 0 && ours[0].Data != all[0].Message && !strings.HasSuffix(ours[0].Data, fmt.Sprint(c.findings)) {
			t.Errorf("%+v: the one that failed is not first, but %q", c, ours[0].Data)
		}
	}
}

func TestLongMessages(t *testing.T) {
	s := newStep(t)
	s.Annotate([]report.Finding{{Check: strings.Repeat("c", 5000), Message: strings.Repeat("\U0001f600", 1<<20), Verdict: report.Fail}})
	got := s.stdout().Issues[0]
	if n := utf16Len(got.Data); n > messageLength || n < messageLength-2 || !strings.HasSuffix(got.Data, "…") {
		t.Errorf("the message has %d characters, ends in %q", n, got.Data[len(got.Data)-8:])
	}
	if n := utf16Len(got.Properties["title"]); n != titleLength {
		t.Errorf("the title has %d characters", n)
	}
}

func FuzzAnnotate(f *testing.F) {
	for _, s := range []string{"", "x\n::set-env name=a::b", "##[add-path]/evil", "::stop-commands::x", "%0A::error::y", "\r::error::z", "a,b=c:d::e", "\x1b[0m", "=", " "} {
		f.Add(s, s, s, s, s, s, 1, 1)
	}
	f.Fuzz(func(t *testing.T, check, artifact, message, expected, hint, file string, line, column int) {
		s := newLog()
		finding := report.Finding{Check: check, Artifact: artifact, Message: message, Expected: expected, Hint: hint, Verdict: report.Fail,
			Severity: report.Error, Location: &report.Location{File: file, Line: line, Column: column}}
		s.Annotate([]report.Finding{finding})
		s.Notice(message)
		defer s.Group(check)()
		got := s.stdout()
		if len(got.Commands) != 3 || len(got.Issues) != 2 || len(got.Log)+len(got.Failed) > 0 || got.Stopped {
			t.Fatalf("the runner reads %+v", got)
		}
		c := got.Commands[0]
		if c.Name != "error" || c.Data != messageOf(finding) {
			t.Fatalf("the runner reads %q, want %q", c, messageOf(finding))
		}
		for key := range c.Properties {
			if key != "title" && key != "file" && key != "line" && key != "col" {
				t.Fatalf("the runner reads the property %q", key)
			}
		}
	})
}

func TestMask(t *testing.T) {
	s := newStep(t)
	s.Mask("")
	s.Mask(" \n ")
	s.Mask("one%0A")
	s.Mask("two\nlines\r\n\n")
	got := s.stdout()
	if len(got.Failed)+len(got.Log) > 0 {
		t.Errorf("%q %q", got.Failed, got.Log)
	}
	for _, secret := range []string{"one%0A", "two", "lines"} {
		if !strings.Contains("\x00"+strings.Join(got.Masks, "\x00")+"\x00", "\x00"+secret+"\x00") {
			t.Errorf("%q is not masked: %q", secret, got.Masks)
		}
	}
}

func TestGroup(t *testing.T) {
	s := newStep(t)
	end := s.Group("Check\n::error::x")
	end()
	end()
	if got, want := s.out.String(), "::group::Check\ufffd::error::x\n::endgroup::\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestOutputThatCannotBeWritten(t *testing.T) {
	s := newStep(t)
	s.Action.out = full{}
	s.Mask("secret")
	s.Group("g")()
	s.Annotate(findings(2))
	if err := s.Err(); err == nil || err.Error() != "no space left" {
		t.Errorf("Err is %v", err)
	}
}
