package render

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// entities are the characters by which markdown, HTML and GitHub's mathematics
// begin something. As entities they are themselves, in every context in which
// this package puts text; backslash escapes are not: GitHub splits table cells
// before it reads them.
var entities = [256]string{
	'&': "&amp;", '<': "&lt;", '>': "&gt;", '"': "&quot;",
	'|': "&#124;", '\\': "&#92;", '`': "&#96;", '*': "&#42;", '_': "&#95;", '~': "&#126;",
	'[': "&#91;", ']': "&#93;", '$': "&#36;",
}

// parting is a zero-width space. GitHub looks for mentions, issues and links
// in the finished text, where an entity is again the character it stands for;
// only a character in between keeps the two halves apart.
const parting = "&#8203;"

// inert returns s as markdown that shows s and does nothing: no markup, link,
// image, mention, issue reference or table cell comes of it.
func inert(s string) string {
	s = visible(s)
	if !strings.ContainsAny(s, "&<>\"|\\`*_~[]$@#:-.") && !hasCommit(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 32)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if n := commit(s, i); n > 0 {
			b.WriteString("<code>" + s[i:i+n] + "</code>")
			i += n - 1
			continue
		}
		if e := entities[c]; e != "" {
			b.WriteString(e)
			continue
		}
		if c == '.' && i >= 3 && strings.EqualFold(s[i-3:i], "www") {
			b.WriteString(parting) // before the point: www. itself begins a link
		}
		b.WriteByte(c)
		if parts(s, i) {
			b.WriteString(parting)
		}
	}
	return b.String()
}

// commit returns the length of what GitHub would link as a commit at s[i], or
// 0: a word of 7 to 40 hexadecimal digits. As code it is no link, and is
// copied as it stands. Whole numbers stay numbers.
func commit(s string, i int) int {
	if i > 0 && isWord(s[i-1]) {
		return 0
	}
	n, letters := 0, false
	for i+n < len(s) && n <= 40 {
		switch c := s[i+n]; {
		case isDigit(c):
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
			letters = true
		default:
			if n < 7 || !letters || isWord(c) {
				return 0
			}
			return n
		}
		n++
	}
	if n < 7 || n > 40 || !letters {
		return 0
	}
	return n
}

func hasCommit(s string) bool {
	for i := range len(s) {
		if commit(s, i) > 0 {
			return true
		}
	}
	return false
}

// inertLine is inert for text at the beginning of a line, where markdown has
// headings, lists and rules.
func inertLine(s string) string {
	out := inert(s)
	at := 0
	for at < len(out) && isDigit(out[at]) {
		at++
	}
	switch {
	case at == len(out):
		return out
	case at == 0 && strings.IndexByte("#+-=", out[0]) >= 0, at > 0 && strings.IndexByte(".)", out[at]) >= 0:
		return out[:at] + "&#" + strconv.Itoa(int(out[at])) + ";" + out[at+1:]
	}
	return out
}

// parts tells whether GitHub would make a link of what stands on both sides of
// s[i] and the character after it.
func parts(s string, i int) bool {
	rest := s[i+1:]
	switch s[i] {
	case '@': // @name, @org/team, mail addresses; a reference is none
		return rest != "" && !(i > 0 && isWord(s[i-1]) && isReference(rest))
	case '#': // #123, owner/name#123
		return rest != "" && isDigit(rest[0])
	case '-': // GH-123
		return i >= 2 && strings.EqualFold(s[i-2:i], "gh") && rest != "" && isDigit(rest[0])
	case ':': // https://…, :tada:
		return strings.HasPrefix(rest, "//") || isEmoji(rest)
	}
	return false
}

// isEmoji tells whether what stands after a colon can be the name of an emoji
// and its other colon. Of names without a letter there are four, so that times
// and places in files are none.
func isEmoji(s string) bool {
	letters := false
	for i := range min(len(s), 64) {
		switch c := s[i]; {
		case c == ':':
			return letters || s[:i] == "+1" || s[:i] == "-1" || s[:i] == "100" || s[:i] == "1234"
		case isDigit(c) || c == '+' || c == '-':
		case isWord(c):
			letters = true
		default:
			return false
		}
	}
	return false
}

// isReference tells whether what stands after NAME@ is a version or a digest,
// which people copy and which must therefore stay free of invisible
// characters. Neither can be the domain of a mail address: that ends in a
// letter.
func isReference(s string) bool {
	if strings.HasPrefix(s, "sha256:") {
		return true
	}
	v, ok := strings.CutPrefix(s, "v")
	if !ok || v == "" || !isDigit(v[0]) {
		return false
	}
	n := strings.IndexFunc(v, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	return n < 0 || v[n] < utf8.RuneSelf && !isWord(v[n]) && v[n] != '-' && v[n] != '+'
}

// code returns s as inline code. Nothing is read in a code span but its end
// and, in a table, the end of the cell; what could be either goes into a
// <code> element instead.
func code(s string) string {
	s = visible(s)
	switch {
	case strings.TrimSpace(s) == "":
		return inert(s)
	case strings.ContainsAny(s, "`|\\"):
		return "<code>" + inert(s) + "</code>"
	}
	return "`" + s + "`"
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}
