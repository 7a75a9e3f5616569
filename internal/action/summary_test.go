package action

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/action/runnertest"
)

func TestAddSummary(t *testing.T) {
	s := newStep(t)
	s.write(t, "STEP_SUMMARY", "theirs")
	for _, text := range []string{"# One", "two\n"} {
		if err := s.AddSummary(text); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := string(s.read(t, "STEP_SUMMARY")), "theirs\n# One\ntwo\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLongSummary(t *testing.T) {
	big := strings.Repeat("A paragraph of a report.\n\n", 50_000)
	for name, text := range map[string]string{
		"paragraphs": big, "one line": strings.Repeat("\u65e5", 400_000),
		"details": "<details><summary>x</summary>\n\n" + big, "code": "```\n" + big, "deep": strings.Repeat("<details>", 200_000),
		"fence": strings.Repeat("`", 1<<20), "table": "| a |\n|--|\n" + strings.Repeat("| 1 |\n", 200_000),
	} {
		s := newStep(t)
		if err := s.AddSummary(text); err != nil {
			t.Fatal(err)
		}
		if err := s.AddSummary("later"); err != nil {
			t.Fatal(err)
		}
		got, err := runnertest.ParseSummary(s.read(t, "STEP_SUMMARY"))
		if err != nil || len(got) > summaryLimit || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if !strings.HasSuffix(got, summaryNote) {
			t.Errorf("%s: ends in %q", name, got[max(0, len(got)-100):])
		}
		if name != "fence" && len(got) < summaryLimit-5<<10 {
			t.Errorf("%s: only %d bytes are left", name, len(got))
		}
	}
}

func TestSummaryWithoutRoom(t *testing.T) {
	s := newStep(t)
	s.write(t, "STEP_SUMMARY", strings.Repeat("x", summaryLimit-10))
	if err := s.AddSummary("more than ten bytes"); err != nil {
		t.Fatal(err)
	}
	if n := len(s.read(t, "STEP_SUMMARY")); n > summaryLimit {
		t.Errorf("%d bytes", n)
	}
}

func TestCutMarkdown(t *testing.T) {
	for _, c := range []struct {
		markdown string
		room     int
		want     string
	}{
		{"one\n\ntwo\n\nthree\n", 12, "one\n\ntwo\n\n"},
		{"one\ntwo\nthree\n", 10, "one\ntwo\n"},
		{"x\n\n```go\na\n\nb\n\nc\n```\n", 16, "x\n\n```go\na\n\nb\n\n```\n"},
		{"long enough text\n\n```go\na\nb\n```\n", 28, "long enough text\n\n"},
		{"long enough text\n\n```go\na\n\nb\n```\n", 28, "long enough text\n\n"},
		{"~~~~\n~~~\n`````\na\nb\n", 18, "~~~~\n~~~\n`````\na\n~~~~\n"},
		{"    ```\na\nb\n", 10, "    ```\na\n"},
		{"``` a`b\na\nb\n", 11, "``` a`b\na\n"},
		{"<details>\n<DETAILS open>\n</details>\na\nb\n", 38, "<details>\n<DETAILS open>\n</details>\na\n\n</details>\n"},
		{"\u65e5\u672c", 4, "\u65e5\n"},
	} {
		at, closing := cutMarkdown(c.markdown, c.room)
		if got := c.markdown[:at] + closing; got != c.want {
			t.Errorf("%q to %d: got %q, want %q", c.markdown, c.room, got, c.want)
		}
	}
}
