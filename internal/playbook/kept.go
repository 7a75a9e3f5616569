package playbook

import (
	"bytes"
	"errors"
	"strings"
)

const (
	keepBegin = "<!-- keep -->"
	keepEnd   = "<!-- /keep -->"
)

// Errors about a file that must not be written over.
var (
	// ErrForeign: the file is not one that this package wrote.
	ErrForeign = errors.New("it was not made by \"waybill playbook\"; move it away, or name another file with --output")
	// ErrMarkers: one of the two markers is gone, or both are.
	ErrMarkers = errors.New("of the two lines " + keepBegin + " and " + keepEnd + " one is missing: what people wrote could be lost; put it back")
)

// Kept returns what people wrote between the markers of a page, line ends
// included, "" for an empty page. The first begin and the last end count.
func Kept(old []byte) (string, error) {
	if len(bytes.TrimSpace(old)) == 0 {
		return "", nil
	}
	text := unix(old)
	if !strings.HasPrefix(text, headBegin) {
		return "", ErrForeign
	}
	begin, end, at := -1, -1, 0
	for line := range strings.Lines(text) {
		switch strings.TrimSpace(line) {
		case keepBegin:
			if begin < 0 {
				begin = at + len(line)
			}
		case keepEnd:
			end = at
		}
		at += len(line)
	}
	if begin < 0 || end < begin {
		return "", ErrMarkers
	}
	return text[begin:end], nil
}

// Difference finds the first line in which a page is not as it should be: its
// number, and what each side has there. Line 0: they are the same. Ends of lines
// do not count, since Git may have changed them.
func Difference(old, page []byte) (line int, have, want string) {
	a, b := strings.Split(unix(old), "\n"), strings.Split(unix(page), "\n")
	for i := range max(len(a), len(b)) {
		have, want = "", ""
		if i < len(a) {
			have = a[i]
		}
		if i < len(b) {
			want = b[i]
		}
		if have != want || i >= len(a) || i >= len(b) {
			return i + 1, have, want
		}
	}
	return 0, "", ""
}

func unix(data []byte) string { return strings.ReplaceAll(string(data), "\r\n", "\n") }
