package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/waybill-dev/waybill/internal/transfer"
)

// How often people are told. Short work is not worth a word: on a terminal
// nothing is drawn before redrawEvery, in a log nothing is said before quietFor.
const (
	redrawEvery = 100 * time.Millisecond
	quietFor    = 10 * time.Second
	lineEvery   = 30 * time.Second
	rateWindow  = 5 * time.Second
	sampleEvery = rateWindow / 20
)

// progress shows on stderr how far one phase of a command is. A terminal has
// one line, which is drawn over and in the end wiped out; anything else, a
// workflow's log above all, gets a line now and then. It speaks when it hears
// something, and does so from one goroutine at a time.
type progress struct {
	out     io.Writer
	now     func() time.Time
	width   func() int // of the terminal; nil for a log
	silent  bool
	verbose bool // a line for each blob that moved

	title string // "sending reviews"
	files int    // that it is about, 0 when that is not known

	begun, spoke time.Time
	done, total  int64            // bytes; total is 0 when it is not known
	moved        int64            // bytes of done that were not there before
	blobs        map[string]int64 // bytes done
	blobsDone    int
	samples      []sample // of the last rateWindow
	drawn        int      // columns that the line on the terminal has
}

// sample is how much had moved at a time.
type sample struct {
	at    time.Time
	moved int64
}

// progress begins a phase: what is done to which artifact, and to how many
// files when that is known. It ends with end.
func (a *app) progress(verb, name string, files int) *progress {
	p := &progress{out: a.stderr, now: time.Now, silent: a.quiet, verbose: a.verbose,
		title: verb + " " + name, files: files, blobs: map[string]int64{}}
	f, isFile := a.stderr.(*os.File)
	if isFile && term.IsTerminal(int(f.Fd())) && a.getenv("TERM") != "dumb" && a.getenv("CI") == "" {
		p.width = func() int {
			w, _, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 80
			}
			return w
		}
	}
	p.begin()
	return p
}

func (p *progress) begin() {
	p.begun = p.now()
	p.spoke = p.begun
	p.samples = []sample{{p.begun, 0}}
}

// bytes hears that n more bytes are done.
func (p *progress) bytes(n int64) {
	p.done += n
	p.moved += n
	p.speak()
}

// event hears how far a blob is: it is a transfer.Progress.
func (p *progress) event(e transfer.Event) {
	if e.Name == "" {
		p.total = e.Total
		return
	}
	before, known := p.blobs[e.Name]
	wasDone := known && before == e.Total
	isDone := e.Done == e.Total
	p.blobs[e.Name] = e.Done
	p.done += e.Done - before
	if !e.Skipped {
		p.moved += e.Done - before
	}
	switch {
	case isDone && !wasDone:
		p.blobsDone++
		if p.verbose && !e.Skipped {
			p.line(fmt.Sprintf("%s: %s %s", p.title, e.Name, bytesText(e.Total)))
		}
	case wasDone && !isDone: // it is tried again
		p.blobsDone--
	}
	p.speak()
}

// speak draws or writes a line if it is time to.
func (p *progress) speak() {
	if p.silent {
		return
	}
	now := p.now()
	p.sample(now)
	switch {
	case p.width != nil:
		if now.Sub(p.spoke) >= redrawEvery {
			p.spoke = now
			p.draw(p.text(now))
		}
	case now.Sub(p.begun) >= quietFor && (p.spoke.Equal(p.begun) || now.Sub(p.spoke) >= lineEvery):
		p.spoke = now
		p.line(p.text(now))
	}
}

// sample remembers what the rate is computed from.
func (p *progress) sample(now time.Time) {
	if now.Sub(p.samples[len(p.samples)-1].at) < sampleEvery {
		return
	}
	p.samples = append(p.samples, sample{now, p.moved})
	for len(p.samples) > 2 && now.Sub(p.samples[1].at) >= rateWindow {
		p.samples = p.samples[1:]
	}
}

// rate is in bytes a second, over the last rateWindow.
func (p *progress) rate(now time.Time) float64 {
	from := p.samples[0]
	seconds := now.Sub(from.at).Seconds()
	if seconds <= 0 || p.moved <= from.moved {
		return 0
	}
	return float64(p.moved-from.moved) / seconds
}

// text is what a line says.
func (p *progress) text(now time.Time) string {
	parts := []string{bytesText(p.done)}
	if p.total > 0 {
		parts[0] = fmt.Sprintf("%s of %s", parts[0], bytesText(p.total))
	}
	rate := p.rate(now)
	parts = append(parts, bytesText(int64(rate))+"/s")
	if left := p.total - p.done; left > 0 && rate > 0 {
		if seconds := float64(left) / rate; seconds < 100*3600 {
			parts = append(parts, roughly(seconds)+" left")
		}
	}
	return p.title + ": " + strings.Join(append(parts, p.filesText()...), ", ")
}

func (p *progress) filesText() []string {
	if p.files < 2 {
		return nil
	}
	return []string{fmt.Sprintf("%d of %d files", p.blobsDone, p.files)}
}

// roughly writes a duration as people say it.
func roughly(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%ds", int(d.Seconds()))
}

// draw puts s over the line on the terminal. The last column stays free: some
// terminals would begin a new line after it.
func (p *progress) draw(s string) {
	room := max(p.width()-1, 0)
	columns := []rune(visible(s))
	columns = columns[:min(len(columns), room)]
	fmt.Fprintf(p.out, "\r%s%s", string(columns), strings.Repeat(" ", max(min(p.drawn, room)-len(columns), 0)))
	p.drawn = len(columns)
}

// wipe removes the line from the terminal.
func (p *progress) wipe() {
	if p.drawn > 0 {
		p.draw("")
		fmt.Fprint(p.out, "\r")
	}
}

// line writes a line that stays.
func (p *progress) line(s string) {
	if p.silent {
		return
	}
	p.wipe()
	fmt.Fprintln(p.out, visible(s))
}

// end wipes the terminal's line; a log hears what long work came to. What
// follows an end is a new phase's.
func (p *progress) end() {
	if p.silent {
		return
	}
	p.wipe()
	took := p.now().Sub(p.begun)
	if p.width == nil && took > quietFor {
		parts := []string{fmt.Sprintf("%s in %s", bytesText(p.done), roughly(took.Seconds())),
			bytesText(int64(float64(p.moved)/took.Seconds())) + "/s"}
		p.line(p.title + ": " + strings.Join(append(parts, p.filesText()...), ", "))
	}
	p.silent = true
}
