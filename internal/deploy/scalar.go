package deploy

import (
	"bytes"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// token returns where the text of a scalar begins and ends in the file, with
// its quotes. The node has passed refuse.
func (f *file) token(n *yaml.Node) (start, end int, err error) {
	start, ok := f.offset(n)
	if !ok {
		return 0, 0, f.failAt(n, "the value cannot be found again in the file")
	}
	b := f.data[start:]
	size := 0
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0 && b[0] == '"':
		size = quotedEnd(b)
	case n.Style&yaml.SingleQuotedStyle != 0 && b[0] == '\'':
		size = singleEnd(b)
	case n.Style == 0 && bytes.HasPrefix(b, []byte(n.Value)):
		size = len(n.Value)
	}
	if size == 0 || f.line(start) != f.line(start+size-1) {
		return 0, 0, f.failAt(n, "the value is written over several lines; write it in one")
	}
	return start, start + size, nil
}

// singleEnd is the length of the text in single quotes at the beginning of b,
// or 0.
func singleEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		if b[i] != '\'' {
			continue
		}
		if i+1 < len(b) && b[i+1] == '\'' {
			i++
			continue
		}
		return i + 1
	}
	return 0
}

var (
	// plainText needs no quotes in any context of YAML, as far as its
	// characters go: no indicator in front, no ": " and " #", no brackets.
	plainText = regexp.MustCompile(`^[A-Za-z0-9_/.][A-Za-z0-9_/.:@+-]*$`)
	// numbers are what readers of YAML 1.1 or 1.2 may take for a number or a
	// time of day: sexagesimals (12:30:45) are numbers in 1.1.
	numbers = regexp.MustCompile(`^[-+]?[0-9._]*(:[0-9._]+)*([eE][-+]?[0-9]+)?$|^0[xob][0-9A-Fa-f_]+$`)
	// sameAsVersion is plain text in every schema: three numbers with dots.
	sameAsVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)
)

// words are texts that readers of YAML 1.1 or 1.2 take for something else.
var words = map[string]bool{
	"y": true, "n": true, "yes": true, "no": true, "on": true, "off": true, "true": true, "false": true,
	"null": true, ".inf": true, ".nan": true,
}

// isPlain tells whether s stays the same text without quotes.
func isPlain(s string) bool {
	if !plainText.MatchString(s) || strings.HasSuffix(s, ":") || words[strings.ToLower(s)] || s == "..." {
		return false
	}
	if sameAsVersion.MatchString(s) {
		return true
	}
	if numbers.MatchString(s) {
		return false
	}
	var n yaml.Node // dates, and what else yaml.v3 knows
	return yaml.Unmarshal([]byte(s), &n) == nil && len(n.Content) == 1 && n.Content[0].Kind == yaml.ScalarNode && n.Content[0].Tag == tagString
}

var doubleQuotes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// encode writes s in the style that the scalar has; plain text that would be
// read as something else gets quotes. s has no control characters.
func encode(s string, style yaml.Style) string {
	switch {
	case style&yaml.SingleQuotedStyle != 0:
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	case style&yaml.DoubleQuotedStyle == 0 && isPlain(s):
		return s
	}
	return `"` + doubleQuotes.Replace(s) + `"`
}
