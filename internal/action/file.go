package action

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf16"
)

// Limits of values. GitHub counts a job's outputs as UTF-16, 1 MB in all; one
// environment variable holds 32,767 characters on Windows.
const (
	outputLimit = 1 << 20
	envLimit    = 32_767
)

var (
	outputKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,99}$`)
	envKey    = regexp.MustCompile(`^WAYBILL_[A-Z0-9_]{1,90}$`)
)

// SetOutput sets an output of the step. The key is letters, digits, _ and -;
// the value may be anything up to 1 MB, which GitHub allows a job in all. Bytes
// that are no UTF-8 become U+FFFD, as the runner would read them.
func (a *Action) SetOutput(key, value string) error {
	if !outputKey.MatchString(key) {
		return fmt.Errorf("set an output: %q is no key: want a letter or _, then up to 99 letters, digits, _ or -", clip(key, 100))
	}
	if n := 2 * utf16Len(value); n > outputLimit {
		return fmt.Errorf("set output %s: the value has %d bytes as UTF-16; GitHub takes %d for all outputs of a job", key, n, outputLimit)
	}
	return a.setKey("output", "GITHUB_OUTPUT", key, value)
}

// SaveState saves a value for the post step of an action of JavaScript or
// Docker, which finds it as STATE_key. Composite actions have no post step.
func (a *Action) SaveState(key, value string) error {
	if !outputKey.MatchString(key) {
		return fmt.Errorf("save a state: %q is no key: want a letter or _, then up to 99 letters, digits, _ or -", clip(key, 100))
	}
	if utf16Len(value) > envLimit || strings.ContainsRune(value, 0) {
		return fmt.Errorf("save state %s: the value is longer than %d characters or has a zero byte, which no environment variable can hold", key, envLimit)
	}
	return a.setKey("state", "GITHUB_STATE", key, value)
}

// SetEnv sets an environment variable for the steps that follow. Its name begins
// with WAYBILL_: by others, such as NODE_OPTIONS, BASH_ENV, GIT_SSH_COMMAND or
// HTTPS_PROXY, a value would become code or steer later steps, and nobody can
// list them all. The runner itself refuses only NODE_OPTIONS.
func (a *Action) SetEnv(key, value string) error {
	switch {
	case !envKey.MatchString(key):
		return fmt.Errorf("set an environment variable: %q is no name that waybill sets: want WAYBILL_, then up to 90 capital letters, digits or _", clip(key, 100))
	case utf16Len(value) > envLimit || strings.ContainsRune(value, 0):
		return fmt.Errorf("set environment variable %s: the value is longer than %d characters or has a zero byte, which no environment variable can hold", key, envLimit)
	}
	return a.setKey("environment variable", "GITHUB_ENV", key, value)
}

// AddPath puts a folder in front of PATH for the steps that follow.
func (a *Action) AddPath(dir string) error {
	switch {
	case !filepath.IsAbs(dir):
		return fmt.Errorf("add %q to PATH: it is not an absolute path", clip(dir, 200))
	case strings.ContainsAny(dir, "\r\n\x00"+string(os.PathListSeparator)), dir != strings.ToValidUTF8(dir, ""):
		return fmt.Errorf("add %q to PATH: it has a line end, a zero byte, bytes that are no UTF-8, or %q, which separates folders", clip(dir, 200), os.PathListSeparator)
	}
	if !a.OnRunner() {
		return nil
	}
	if err := a.appendFile("GITHUB_PATH", dir+a.eol); err != nil {
		return fmt.Errorf("add %s to PATH: %w", dir, err)
	}
	return nil
}

// setKey writes KEY<<DELIMITER, the value, and DELIMITER. The value ends at a
// line that is the delimiter, so whoever knows it writes further keys; ours is
// random, and looked for in the value all the same.
func (a *Action) setKey(what, variable, key, value string) error {
	if !a.OnRunner() {
		return nil
	}
	value = strings.ToValidUTF8(value, "\ufffd")
	delimiter := "waybill_" + a.random()
	for try := 0; strings.Contains(value, delimiter); try++ {
		if try == 3 {
			return fmt.Errorf("set %s %s: every random delimiter occurs in the value", what, key)
		}
		delimiter = "waybill_" + a.random()
	}
	if err := a.appendFile(variable, key+"<<"+delimiter+a.eol+value+a.eol+delimiter+a.eol); err != nil {
		return fmt.Errorf("set %s %s: %w", what, key, err)
	}
	return nil
}

// appendFile adds whole lines to the file that an environment variable names,
// after ending a line that somebody else in this step left open: they would
// share it. Blank lines mean nothing to the runner.
func (a *Action) appendFile(variable, text string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, size, err := a.openFile(variable)
	if err != nil {
		return err
	}
	open, err := endsMidline(f, size)
	if err == nil && open {
		text = a.eol + text
	}
	if err == nil {
		_, err = f.WriteString(text)
	}
	return errors.Join(err, f.Close())
}

// openFile opens a file command's file for appending and tells its size.
func (a *Action) openFile(variable string) (*os.File, int64, error) {
	name := a.getenv(variable)
	if name == "" {
		return nil, 0, fmt.Errorf("%s is not set: the runner gives it to each step; a container or shell between must pass it on", variable)
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, 0, fmt.Errorf("open the file of %s: %w", variable, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("the file of %s, %s, is not a regular file", variable, name)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

func endsMidline(f io.ReaderAt, size int64) (bool, error) {
	if size == 0 {
		return false, nil
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], size-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}

// utf16Len counts characters as the runner, GitHub and Windows do.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// clip shortens text to limit characters, as counted by utf16Len.
func clip(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	n, fits := 0, 0
	for i, r := range s {
		n += max(1, utf16.RuneLen(r))
		if n > limit {
			return s[:fits] + "…"
		}
		if n < limit {
			fits = i + len(string(r))
		}
	}
	return s
}
