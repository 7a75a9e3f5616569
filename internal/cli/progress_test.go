package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/transfer"
)

// fake is a progress whose clock the test moves. Width 0 is a log.
type fake struct {
	*progress
	strings.Builder
	time time.Time
}

func newFake(title string, files, width int) *fake {
	f := &fake{time: time.Unix(1_000_000, 0)}
	f.progress = &progress{out: &f.Builder, now: func() time.Time { return f.time }, title: title, files: files, blobs: map[string]int64{}}
	if width > 0 {
		f.width = func() int { return width }
	}
	f.begin()
	return f
}

func (f *fake) after(d time.Duration) *fake {
	f.time = f.time.Add(d)
	return f
}

// screen is what a terminal shows in its last line: a return goes back to the
// first column, and what is written stands over what was there.
func (f *fake) screen(t *testing.T) string {
	t.Helper()
	lines := strings.Split(f.Builder.String(), "\n")
	var row []rune
	for part := range strings.SplitSeq(lines[len(lines)-1], "\r") {
		text := []rune(part)
		if len(text) >= f.width() {
			t.Fatalf("%d columns on a terminal of %d: %q", len(text), f.width(), part)
		}
		row = append(text, row[min(len(text), len(row)):]...)
	}
	return strings.TrimRight(string(row), " ")
}

func TestProgressTerminal(t *testing.T) {
	f := newFake("sending reviews", 3, 100)
	want := func(line string) {
		t.Helper()
		if got := f.screen(t); got != line {
			t.Errorf("got  %q\nwant %q", got, line)
		}
	}
	f.event(transfer.Event{Total: 300e6})
	f.event(transfer.Event{Name: "a", Done: 100e6, Total: 100e6, Skipped: true})
	want("") // too early
	f.after(time.Second).event(transfer.Event{Name: "b", Total: 150e6})
	want("sending reviews: 100.0 MB of 300.0 MB, 0 B/s, 1 of 3 files")
	f.after(time.Second).event(transfer.Event{Name: "b", Done: 20e6, Total: 150e6})
	want("sending reviews: 120.0 MB of 300.0 MB, 10.0 MB/s, 18s left, 1 of 3 files")
	f.after(99 * time.Millisecond).event(transfer.Event{Name: "b", Done: 30e6, Total: 150e6})
	want("sending reviews: 120.0 MB of 300.0 MB, 10.0 MB/s, 18s left, 1 of 3 files") // ten times a second
	f.after(901 * time.Millisecond).event(transfer.Event{Name: "b", Done: 150e6, Total: 150e6})
	want("sending reviews: 250.0 MB of 300.0 MB, 50.0 MB/s, 1s left, 2 of 3 files")
	f.after(time.Second).event(transfer.Event{Name: "b", Done: 0, Total: 150e6}) // tried again
	want("sending reviews: 100.0 MB of 300.0 MB, 0 B/s, 1 of 3 files")
	f.after(10 * time.Second).event(transfer.Event{Name: "b", Done: 150e6, Total: 150e6})
	f.after(time.Second).event(transfer.Event{Name: "c", Done: 50e6, Total: 50e6})
	if got := f.screen(t); !strings.HasPrefix(got, "sending reviews: 300.0 MB of 300.0 MB") || !strings.HasSuffix(got, "3 of 3 files") {
		t.Errorf("got %q", got)
	}
	f.end()
	want("")
	length := f.Len()
	f.after(time.Hour).event(transfer.Event{Name: "late", Done: 1, Total: 2})
	f.end()
	if f.Len() != length || strings.Contains(f.Builder.String(), "\n") {
		t.Errorf("something was written after the end: %q", f.Builder.String()[length:])
	}
}

// A shorter line leaves nothing of a longer one, and none is as wide as the
// terminal, whatever that becomes.
func TestProgressNarrow(t *testing.T) {
	for width := range 70 {
		f := newFake("hashing reviews", 0, max(width, 1))
		for range 3 {
			f.after(time.Second).bytes(1_234_567)
		}
		got := f.screen(t)
		if whole := "hashing reviews: 3.7 MB, 1.2 MB/s"; got != strings.TrimRight(whole[:min(len(whole), max(width, 1)-1)], " ") {
			t.Errorf("width %d: got %q", width, got)
		}
		f.Reset()
		f.width = func() int { return max(width/2, 1) }
		f.after(time.Second).bytes(1)
		f.screen(t)
		f.end()
		if got := f.screen(t); got != "" {
			t.Errorf("width %d: %q is left", width, got)
		}
	}
	f := newFake("fetching a", 0, 60)
	f.event(transfer.Event{Total: 2e9})
	f.after(time.Second).event(transfer.Event{Name: "x", Done: 1e9, Total: 2e9})
	f.after(time.Second).event(transfer.Event{Name: "x", Done: 1, Total: 2e9})
	if got := f.screen(t); got != "fetching a: 1 B of 2.0 GB, 0 B/s" { // in a hundred years

		t.Errorf("got %q", got)
	}
}

// The rate is that of the last seconds, not of the whole.
func TestProgressRate(t *testing.T) {
	f := newFake("hashing reviews", 0, 100)
	for range 60 {
		f.after(time.Second).bytes(100e6)
	}
	for range 5 {
		f.after(time.Second).bytes(20e6)
	}
	if got := f.screen(t); got != "hashing reviews: 6.1 GB, 20.0 MB/s" {
		t.Errorf("got %q", got)
	}
	if len(f.samples) > 30 {
		t.Errorf("%d samples", len(f.samples))
	}
}

func TestProgressLog(t *testing.T) {
	f := newFake("sending reviews", 2, 0)
	f.event(transfer.Event{Total: 1e9})
	for i := range 100 {
		f.after(time.Second).event(transfer.Event{Name: "a", Done: int64(i+1) * 9e6, Total: 900e6})
	}
	f.event(transfer.Event{Name: "b", Done: 100e6, Total: 100e6, Skipped: true})
	f.end()
	want := `sending reviews: 90.0 MB of 1.0 GB, 9.0 MB/s, 1m41s left, 0 of 2 files
sending reviews: 360.0 MB of 1.0 GB, 9.0 MB/s, 1m11s left, 0 of 2 files
sending reviews: 630.0 MB of 1.0 GB, 9.0 MB/s, 41s left, 0 of 2 files
sending reviews: 900.0 MB of 1.0 GB, 9.0 MB/s, 11s left, 1 of 2 files
sending reviews: 1.0 GB in 1m40s, 9.0 MB/s, 2 of 2 files
`
	if got := f.Builder.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	short := newFake("sending reviews", 2, 0)
	short.after(quietFor).event(transfer.Event{Name: "a", Done: 5, Total: 10})
	short.Reset()
	short.end()
	if got := short.Builder.String(); got != "" {
		t.Errorf("after ten seconds: %q", got)
	}
	short = newFake("sending reviews", 2, 0)
	short.after(quietFor - 1).event(transfer.Event{Name: "a", Done: 10, Total: 10})
	short.end()
	if got := short.Builder.String(); got != "" {
		t.Errorf("in less than ten seconds: %q", got)
	}
}

func TestProgressVerbose(t *testing.T) {
	for _, width := range []int{0, 80} {
		f := newFake("fetching reviews", 3, width)
		f.verbose = true
		f.after(time.Second).event(transfer.Event{Name: "a\x1b[31m", Total: 2000})
		f.event(transfer.Event{Name: "a\x1b[31m", Done: 2000, Total: 2000})
		f.event(transfer.Event{Name: "empty"})
		f.event(transfer.Event{Name: "empty"})
		f.event(transfer.Event{Name: "there", Done: 1, Total: 1, Skipped: true})
		f.end()
		var lines []string
		for line := range strings.SplitSeq(f.Builder.String(), "\n") {
			if i := strings.LastIndex(line, "\r"); i >= 0 {
				line = line[i+1:]
			}
			if line != "" {
				lines = append(lines, line)
			}
		}
		if got := fmt.Sprintf("%q", lines); got != `["fetching reviews: a�[31m 2.0 kB" "fetching reviews: empty 0 B"]` {
			t.Errorf("width %d: got %s", width, got)
		}
		if f.blobsDone != 3 {
			t.Errorf("%d blobs are done", f.blobsDone)
		}
	}
}

func TestProgressQuiet(t *testing.T) {
	var out strings.Builder
	a := &app{stderr: &out, quiet: true, verbose: true, getenv: func(string) string { return "" }}
	p := a.progress("sending", "reviews", 2)
	p.now = func() time.Time { return p.begun.Add(time.Hour) }
	p.event(transfer.Event{Name: "a", Done: 1, Total: 1})
	p.bytes(5)
	p.end()
	if out.Len() > 0 {
		t.Errorf("got %q", out.String())
	}
}

func TestRoughly(t *testing.T) {
	for seconds, want := range map[float64]string{0.4: "0s", 59.9: "59s", 61: "1m01s", 3599: "59m59s", 3600: "1h00m", 3600*30 + 61: "30h01m"} {
		if got := roughly(seconds); got != want {
			t.Errorf("%v: got %s, want %s", seconds, got, want)
		}
	}
}
