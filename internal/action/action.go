// Package action speaks the protocol between a step of a workflow and the
// GitHub Actions runner: inputs, outputs, summaries, annotations, masks, and
// what the event was.
//
// Much of what goes through it was written by others: titles, branches, cards,
// names of columns, rows. The runner reads a step's standard output and its
// files for commands, so that text in the wrong place is a command. This
// package therefore holds three promises, which fuzz tests keep against a port
// of the runner's own parser (package runnertest):
//
//   - whatever a value is, exactly one key comes out, with that value;
//   - whatever a message is, no other command comes out of it;
//   - nothing is lost without a word to one of the runner's limits: ten
//     annotations of a kind, 4,096 characters, one megabyte of summary.
//
// Nothing panics: what can fail returns an error, except commands on standard
// output, whose first error Err returns.
//
// Where GITHUB_ACTIONS is not "true", as on a laptop, verbs work all the same:
// outputs, environment, states, paths, summaries, artifacts, masks and
// annotations go nowhere, groups and messages are plain lines.
//
// The words are those of the runner (github.com/actions/runner, 2.336) and of
// https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions.
// Package github.com/sethvargo/go-githubactions encodes commands. Its Action is
// not used: the fixed delimiter of SetOutput, SetEnv and SaveState lets a value
// write further keys, it panics where it cannot write, and it brings
// html/template into the binary.
package action

import (
	"crypto/rand"
	"io"
	"runtime"
	"strings"
	"sync"

	"github.com/sethvargo/go-githubactions"

	"github.com/waybill-dev/waybill/internal/report"
)

// Action is one step as the runner sees it. It may be used from many
// goroutines. Make it with New, one for a process: the budgets are a step's.
type Action struct {
	getenv func(string) string
	// eol ends lines of files: CR LF on Windows, whose runner takes a CR before
	// the LF for a part of the line end.
	eol string
	// random makes what nobody can guess: 128 bits as letters and digits.
	random func() string

	mu  sync.Mutex
	out io.Writer
	err error
	// spent counts the annotations by command.
	spent map[string]int
	// stopped is the open stretch of text that is not ours, or nil.
	stopped *stretch
	// summaryFull is set once a summary was cut.
	summaryFull bool
}

// New makes an Action from the environment and from where the runner listens:
// os.Getenv and os.Stdout.
func New(getenv func(string) string, stdout io.Writer) *Action {
	a := &Action{getenv: getenv, out: stdout, eol: "\n", random: rand.Text, spent: map[string]int{}}
	if runtime.GOOS == "windows" {
		a.eol = "\r\n"
	}
	return a
}

// OnRunner tells whether a runner listens.
func (a *Action) OnRunner() bool { return a.getenv("GITHUB_ACTIONS") == "true" }

// Err is the first error of writing commands to standard output.
func (a *Action) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// Mask hides a secret, and each of its lines, in all that the log shows from
// then on. Blank secrets hide nothing.
func (a *Action) Mask(secret string) {
	if !a.OnRunner() || strings.TrimSpace(secret) == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.command("add-mask", secret, nil)
	// Older runners mask only the whole text, which no line of a log has.
	lines := strings.FieldsFunc(secret, func(r rune) bool { return r == '\n' || r == '\r' })
	for _, l := range lines {
		if l != secret && strings.TrimSpace(l) != "" {
			a.command("add-mask", l, nil)
		}
	}
}

// Group folds what follows under a title in the log, until the function it
// returns is called. Groups do not nest: a second one ends the first.
func (a *Action) Group(title string) func() {
	a.say("group", report.Visible(title), "")
	return sync.OnceFunc(func() {
		if a.OnRunner() {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.command("endgroup", "", nil)
		}
	})
}

// Debug says something to those who turned debug logging on, and on a laptop
// to nobody.
func (a *Action) Debug(message string) {
	if a.OnRunner() {
		a.say("debug", message, "")
	}
}

// Notice makes an annotation of the run. It counts against the ten of its kind
// that the runner takes, as do Warning and Error.
func (a *Action) Notice(message string) { a.say("notice", message, "notice: ") }

// Warning makes an annotation of the run. See Notice.
func (a *Action) Warning(message string) { a.say("warning", message, "warning: ") }

// Error makes an annotation of the run. It does not fail the step. See Notice.
func (a *Action) Error(message string) { a.say("error", message, "error: ") }

// say writes a message as a command, or with a prefix where no runner listens.
func (a *Action) say(name, message, prefix string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.OnRunner() {
		a.write(prefix + visibleLines(message) + "\n")
		return
	}
	if _, counted := levels[name]; counted {
		a.spent[name]++
	}
	a.command(name, clip(visibleLines(message), messageLength), nil)
}

// command writes one command; a.mu is held. Where text that is not ours is
// being shown, commands are off: they are turned on for this one, in the same
// stream, or the runner could read it too early and show what was to be masked.
func (a *Action) command(name, message string, properties map[string]string) {
	line := (&githubactions.Command{Name: name, Message: message, Properties: properties}).String() + "\n"
	if a.stopped == nil {
		a.write(line)
		return
	}
	if err := a.stopped.interrupt(line); err != nil && a.err == nil {
		a.err = err
	}
}

func (a *Action) write(s string) {
	if _, err := io.WriteString(a.out, s); err != nil && a.err == nil {
		a.err = err
	}
}

// visibleLines replaces control characters, which log viewers and terminals
// obey, and those that turn the direction of text, but keeps lines.
func visibleLines(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		if r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u200e' || r == '\u200f' || r == '\u061c' {
			return '\ufffd'
		}
		return r
	}, s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = report.Visible(strings.ReplaceAll(l, "\t", " "))
	}
	return strings.Join(lines, "\n")
}
