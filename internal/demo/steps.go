package demo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func (s *story) write(name, text string) {
	s.put(name, []byte(text))
	s.say("# wrote %s", name)
}

func (s *story) put(name string, data []byte) {
	if s.err != nil {
		return
	}
	p := filepath.Join(s.work, filepath.FromSlash(name))
	if s.err = os.MkdirAll(filepath.Dir(p), 0o755); s.err == nil {
		s.err = os.WriteFile(p, data, 0o644)
	}
}

// waybill runs a command as a user would type it, and expects an exit code.
func (s *story) waybill(want int, args ...string) {
	if s.err != nil {
		return
	}
	s.say("$ waybill %s", typed(args))
	code, stdout, stderr := s.Run(s.ctx, s.work, args...)
	if code == want && args[0] == "check" {
		stdout = clip(stdout)
	}
	s.indent(stdout)
	s.indent(stderr)
	if code != want {
		s.err = fmt.Errorf("\"waybill %s\" ended with exit code %d, expected %d: %s", typed(args), code, want, strings.TrimSpace(stderr))
	}
}

// clip keeps a chapter on a screen: the tables of a check are long.
func clip(text string) string {
	const most = 20
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	if len(lines) <= most+1 {
		return text
	}
	return strings.Join(lines[:most], "\n") + fmt.Sprintf("\n… and %d more lines\n", len(lines)-most)
}

func (s *story) quietly(args ...string) string {
	if s.err != nil {
		return ""
	}
	code, stdout, stderr := s.Run(s.ctx, s.work, args...)
	if code != 0 {
		s.err = fmt.Errorf("\"waybill %s\" ended with exit code %d: %s", typed(args), code, stderr)
	}
	return stdout
}

// git runs a command and returns what it printed.
func (s *story) git(dir string, args ...string) string {
	if s.err != nil {
		return ""
	}
	s.say("$ git %s", typed(args))
	c := exec.CommandContext(s.ctx, "git", args...)
	c.Dir, c.Env = dir, gitEnv(os.Environ())
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			err = errors.New("git is not installed")
		}
		s.err = fmt.Errorf("git %s: %w: %s", typed(args), err, strings.TrimSpace(out.String()))
	}
	return out.String()
}

// gitEnv is the environment of the story's git: the caller's without its
// GIT_ variables and configuration. A GIT_DIR, which hooks have set, would send
// the story's commits into the caller's repository; commit.gpgsign would ask
// for a key.
func gitEnv(env []string) []string {
	out := make([]string, 0, len(env)+4)
	for _, e := range env {
		name, _, _ := strings.Cut(strings.ToUpper(e), "=")
		if !strings.HasPrefix(name, "GIT_") || name == "GIT_EXEC_PATH" {
			out = append(out, e)
		}
	}
	return append(out, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
}

// say is not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (s *story) say(format string, args ...any) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.Out, format+"\n", args...)
	}
}

// indent prints output below its command.
func (s *story) indent(text string) {
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			s.say("  %s", line)
		}
	}
}

// typed shows arguments as somebody would type them.
func typed(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		if strings.ContainsAny(a, " '\"$#") {
			a = `"` + a + `"`
		}
		out[i] = a
	}
	return strings.Join(out, " ")
}
