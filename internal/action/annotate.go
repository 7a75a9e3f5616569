package action

import (
	"fmt"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// Limits of annotations in the runner (ExecutionContext.AddIssue): of each kind
// the first ten of a step count, further ones are only lines of the log; a
// composite action is one step. Messages are cut. The title's is the API's.
const (
	perLevel      = 10
	messageLength = 4096
	titleLength   = 255
)

// levels are the commands that make annotations, and what many are called.
var levels = map[string]string{"error": "errors", "warning": "warnings", "notice": "notices"}

// Annotate shows findings on the lines of the files that they are about: what
// blocks (FAIL and INCONCLUSIVE) as errors, warnings as warnings, the rest as
// notices; what passed not at all. The runner takes ten of each kind: the worst
// go first, and where there are more the tenth says how many. Call it once.
//
// Where no runner listens it prints nothing: the report is what is read there.
func (a *Action) Annotate(findings []report.Finding) {
	if !a.OnRunner() {
		return
	}
	byLevel := map[string][]report.Finding{}
	for _, f := range findings {
		if level := levelOf(f); level != "" {
			byLevel[level] = append(byLevel[level], f)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, level := range []string{"error", "warning", "notice"} {
		all := byLevel[level]
		// What decides comes first, then what a line of a file shows.
		sorting.Stable(all, func(x, y report.Finding) int { return badness(x) - badness(y) })
		room := max(0, perLevel-a.spent[level])
		shown := len(all)
		if shown > room {
			shown = max(0, room-1)
		}
		for _, f := range all[:shown] {
			a.annotate(level, f)
		}
		if rest := len(all) - shown; rest > 0 && room > 0 {
			a.command(level, fmt.Sprintf("%s more %s: see the summary of this run", report.Thousands(int64(rest)), levels[level]), nil)
		}
		a.spent[level] += min(room, len(all))
	}
}

// levelOf is the command for a finding, "" for none.
func levelOf(f report.Finding) string {
	switch {
	case f.Verdict == report.Pass:
		return ""
	case f.Severity == report.Info:
		return "notice"
	case f.Severity == report.Warning:
		return "warning"
	}
	return "error"
}

func badness(f report.Finding) int {
	n := 0
	if f.Verdict != report.Fail {
		n += 2
	}
	if f.Location == nil {
		n++
	}
	return n
}

func (a *Action) annotate(level string, f report.Finding) {
	properties := map[string]string{}
	if title := titleOf(f); title != "" {
		properties["title"] = title
	}
	// A column counts only where there is a line (ValidateLinesAndColumns).
	if file := a.fileOf(f.Location); file != "" {
		properties["file"] = file
		if f.Location.Line > 0 {
			properties["line"] = strconv.Itoa(f.Location.Line)
			if f.Location.Column > 0 {
				properties["col"] = strconv.Itoa(f.Location.Column)
			}
		}
	}
	a.command(level, messageOf(f), properties)
}

func titleOf(f report.Finding) string {
	title := f.Check
	if f.Artifact != "" {
		title = f.Artifact + ": " + title
	}
	if f.Verdict == report.Inconclusive {
		title += " (INCONCLUSIVE)"
	}
	return strings.TrimSpace(clip(oneLine(title), titleLength))
}

// messageOf is the finding's text, of which the sentence that stands alone
// comes first and is cut last.
func messageOf(f report.Finding) string {
	lines := []string{oneLine(f.Message)}
	for _, l := range []struct{ label, text string }{{"Expected: ", f.Expected}, {"Observed: ", f.Observed}, {"", f.Hint}} {
		if l.text != "" {
			lines = append(lines, l.label+oneLine(l.text))
		}
	}
	return clip(strings.Join(lines, "\n"), messageLength)
}

// oneLine also bounds the work on what is longer than any annotation.
func oneLine(s string) string {
	if len(s) > 4*messageLength {
		s = s[:4*messageLength]
	}
	return strings.ReplaceAll(strings.ReplaceAll(visibleLines(s), "\n", " "), "\r", " ")
}

// fileOf is the location's file as GitHub wants it, relative to the root of the
// repository, or "" for a file elsewhere. An absolute path counts from the
// workspace.
func (a *Action) fileOf(l *report.Location) string {
	if l == nil || l.File == "" || len(l.File) > 4096 {
		return ""
	}
	file := l.File
	if filepath.IsAbs(file) {
		rel, err := filepath.Rel(a.getenv("GITHUB_WORKSPACE"), file)
		if err != nil {
			return ""
		}
		file = rel
	}
	file = path.Clean(filepath.ToSlash(file))
	if file == "." || file == ".." || strings.HasPrefix(file, "../") || strings.HasPrefix(file, "/") || file != report.Visible(file) {
		return ""
	}
	return file
}
