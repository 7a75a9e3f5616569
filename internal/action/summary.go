package action

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// summaryLimit leaves room below the megabyte past which the runner drops the
// whole summary (CreateStepSummaryCommand): masks can make it longer.
const summaryLimit = 900 << 10

const summaryNote = "\n\n> **Cut here.** A summary holds 900 KiB. The report of this run has the rest.\n"

// AddSummary adds markdown to the page of the run. Past 900 KiB in all it is
// cut where a block ends, what is open is closed, a note says so, and further
// summaries of the step are dropped. Each step has its own, and a job shows 20.
func (a *Action) AddSummary(markdown string) error {
	if !a.OnRunner() {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.summaryFull {
		return nil
	}
	f, size, err := a.openFile("GITHUB_STEP_SUMMARY")
	if err != nil {
		return fmt.Errorf("add to the summary: %w", err)
	}
	midline, err := endsMidline(f, size)
	if err == nil {
		text := strings.ToValidUTF8(markdown, "\ufffd")
		if midline {
			text = "\n" + text
		}
		if !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		if room := summaryLimit - size; int64(len(text)) > room {
			a.summaryFull = true
			text = cutSummary(text, int(max(0, room)))
		}
		_, err = f.WriteString(text)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("add to the summary: %w", err)
	}
	return nil
}

// cutSummary shortens markdown to room bytes, with what closes it and the note.
// Without room for the note there is nothing.
func cutSummary(markdown string, room int) string {
	const closers = 2 << 10
	if room < len(summaryNote) {
		return ""
	}
	at, closing := cutMarkdown(markdown, room-len(summaryNote)-closers)
	if len(closing) > closers {
		at, closing = 0, ""
	}
	return markdown[:at] + closing + summaryNote
}

// cutMarkdown finds where to cut markdown to at most room bytes, and what has
// to follow to close what is open there. A blank line outside of code is best,
// as no table, list or code is cut; the end of a line will do; a line that is
// longer than the room alone is cut between two characters.
func cutMarkdown(markdown string, room int) (at int, closing string) {
	if room <= 0 {
		return 0, ""
	}
	var open blocks
	best, bestClosing := 0, ""
	for at < len(markdown) {
		end := len(markdown)
		if i := strings.IndexByte(markdown[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if end > room {
			break
		}
		line := markdown[at:end]
		at = end
		open.read(line)
		if open.fence == "" && strings.TrimSpace(line) == "" {
			best, bestClosing = at, open.closing()
		}
	}
	switch {
	case best > room/2:
		return best, bestClosing
	case at == 0:
		for at = room; at > 0 && !utf8.RuneStart(markdown[at]); at-- {
		}
		open.read(markdown[:at])
		return at, "\n" + open.closing()
	}
	return at, open.closing()
}

// blocks is what is open at a line of markdown: fenced code (CommonMark 0.31,
// section 4.5) and <details>.
type blocks struct {
	fence   string
	details int
}

func (b *blocks) read(line string) {
	fence := fenceOf(line)
	switch {
	case b.fence != "":
		bare := strings.TrimSpace(line) == fence
		if fence != "" && fence[0] == b.fence[0] && len(fence) >= len(b.fence) && bare {
			b.fence = ""
		}
	case fence != "":
		b.fence = fence
	default:
		line = strings.ToLower(line)
		b.details = max(0, b.details+strings.Count(line, "<details")-strings.Count(line, "</details>"))
	}
}

// fenceOf is the run of at least three backticks or tildes that opens or closes
// fenced code, or "". An opening one of backticks has none after it.
func fenceOf(line string) string {
	text := strings.TrimLeft(line, " ")
	if len(line)-len(text) > 3 || text == "" || text[0] != '`' && text[0] != '~' {
		return ""
	}
	rest := strings.TrimLeft(text, text[:1])
	if n := len(text) - len(rest); n >= 3 && (text[0] == '~' || !strings.Contains(rest, "`")) {
		return text[:n]
	}
	return ""
}

func (b *blocks) closing() string {
	closing := ""
	if b.fence != "" {
		closing = b.fence + "\n"
	}
	if b.details > 0 {
		closing += "\n" + strings.Repeat("</details>\n", min(b.details, 100))
	}
	return closing
}
