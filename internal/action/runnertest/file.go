// Package runnertest is the runner's half of the protocol that package action
// speaks, for tests: it reads files and standard output as the GitHub Actions
// runner does, with the same limits, and tells what a workflow would have got.
//
// It follows github.com/actions/runner, src/Runner.Worker: FileCommandManager,
// CreateStepSummaryCommand, CreateArtifactsFileCommand, ActionCommandManager
// and ExecutionContext, and src/Runner.Common/ActionCommand, as of runner
// 2.336. Where the runner is lenient this package is too, also where that is
// odd: a test must see what the runner would do, not what it should.
package runnertest

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Pair is a key with its value, as one entry of a file command's file gives it.
type Pair struct{ Key, Value string }

// ParseFile reads what a step left in GITHUB_OUTPUT, GITHUB_ENV or GITHUB_STATE
// (EnvFileKeyValuePairs in FileCommandManager.cs). The entries come in the
// order of the file; of equal keys the last one counts. An error is one with
// which the runner fails the step. On Windows a line may also end in CR LF.
func ParseFile(data []byte, windows bool) ([]Pair, error) {
	var pairs []Pair
	r := lines{text: strings.ToValidUTF8(strings.TrimPrefix(string(data), "\ufeff"), "\ufffd"), windows: windows}
	for {
		line, _, ok := r.next()
		if !ok {
			return pairs, nil
		}
		if line == "" {
			continue
		}
		equals, heredoc := strings.Index(line, "="), strings.Index(line, "<<")
		switch {
		case equals >= 0 && (heredoc < 0 || equals < heredoc):
			// The runner tests the line, not the key, so an empty key passes.
			pairs = append(pairs, Pair{line[:equals], line[equals+1:]})
		case heredoc >= 0:
			key, delimiter := line[:heredoc], line[heredoc+2:]
			if key == "" || delimiter == "" {
				return pairs, fmt.Errorf("invalid format %q: name and delimiter must not be empty", line)
			}
			value, err := r.until(delimiter)
			if err != nil {
				return pairs, err
			}
			pairs = append(pairs, Pair{key, value})
		default:
			return pairs, fmt.Errorf("invalid format %q", line)
		}
	}
}

// lines reads a text as ReadLine of FileCommandManager.cs does.
type lines struct {
	text    string
	at      int
	windows bool
}

// next returns a line and what ended it, which is "" at the end of the text.
func (r *lines) next() (line, newline string, ok bool) {
	if r.at >= len(r.text) {
		return "", "", false
	}
	rest := r.text[r.at:]
	lf := strings.IndexByte(rest, '\n')
	if lf < 0 {
		r.at = len(r.text)
		return rest, "", true
	}
	r.at += lf + 1
	if r.windows && lf > 0 && rest[lf-1] == '\r' {
		return rest[:lf-1], "\r\n", true
	}
	return rest[:lf], "\n", true
}

// until returns the text before the line that is the delimiter, without the
// line end before it.
func (r *lines) until(delimiter string) (string, error) {
	start, end := r.at, r.at
	for {
		line, newline, ok := r.next()
		switch {
		case !ok:
			return "", fmt.Errorf("matching delimiter not found: %q", delimiter)
		case line == delimiter:
			return r.text[start:end], nil
		case newline == "":
			return "", fmt.Errorf("EOF marker missing new line: %q", delimiter)
		}
		end = r.at - len(newline)
	}
}

// Map is what the pairs come to: of equal keys the last.
func Map(pairs []Pair) map[string]string {
	m := map[string]string{}
	for _, p := range pairs {
		m[p.Key] = p.Value
	}
	return m
}

// ParsePath reads GITHUB_PATH: a folder a line, blank lines skipped
// (AddPathFileCommand). ReadAllLines also ends a line at a lone CR.
func ParsePath(data []byte) []string {
	return slices.DeleteFunc(Lines(string(data)), func(l string) bool { return l == "" })
}

// SummaryLimit is how large GITHUB_STEP_SUMMARY may be; more and the runner
// drops all of it (CreateStepSummaryCommand, _attachmentSizeLimit).
const SummaryLimit = 1 << 20

// ParseSummary returns what the page of the run would show: all or nothing.
func ParseSummary(data []byte) (string, error) {
	if len(data) > SummaryLimit {
		return "", fmt.Errorf("$GITHUB_STEP_SUMMARY supports content up to a size of %dk, got %dk", SummaryLimit/1024, len(data)/1024)
	}
	return string(data), nil
}

// ParseArtifacts reads GITHUB_ARTIFACTS (CreateArtifactsFileCommand): the
// digest of each reference. Only subjects in a registry are known here; a line
// that the runner would take for a file is an error.
func ParseArtifacts(data []byte) (map[string]string, error) {
	if len(data) > 1<<20 {
		return nil, fmt.Errorf("the file is larger than 1 MiB")
	}
	subjects := map[string]string{}
	for _, line := range Lines(string(data)) {
		line = strings.TrimFunc(line, unicode.IsSpace)
		if line == "" || line[0] == '#' {
			continue
		}
		if strings.Contains(line, "=") {
			return nil, fmt.Errorf("%q: entries containing '=' are reserved", line)
		}
		rest, ok := strings.CutPrefix(line, "oci://")
		if !ok {
			return nil, fmt.Errorf("%q: not an oci:// subject", line)
		}
		at := strings.LastIndex(rest, "@sha256:")
		if at < 1 || len(rest) != at+len("@sha256:")+64 || strings.Trim(rest[at+len("@sha256:"):], "0123456789abcdefABCDEF") != "" {
			return nil, fmt.Errorf("%q: must include an @sha256:<hex> digest", line)
		}
		name, digest := rest[:at], strings.ToLower(rest[at+1:])
		if had, ok := subjects[name]; ok && had != digest {
			return nil, fmt.Errorf("%q: conflicting digests %s and %s", name, had, digest)
		}
		subjects[name] = digest
		if len(subjects) > 500 {
			return nil, fmt.Errorf("more than 500 artifacts")
		}
	}
	return subjects, nil
}
