package card

import (
	"regexp"
	"strings"
)

// Section is a heading with what stands below it, that of deeper headings
// included.
type Section struct {
	Title string
	Level int // of the heading, from 1
	Line  int
	Body  string
}

// heading reads an ATX heading of CommonMark; level is 0 if the line is none.
func heading(l string) (level int, title string) {
	l, ok := indented(l)
	rest := strings.TrimLeft(l, "#")
	level = len(l) - len(rest)
	if !ok || level == 0 || level > 6 || rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return 0, ""
	}
	title = strings.Trim(rest, " \t")
	// A closing sequence counts where a space is before it.
	if bare := strings.TrimRight(title, "#"); bare == "" || bare != title && strings.HasSuffix(bare, " ") {
		title = strings.TrimRight(bare, " \t")
	}
	return level, title
}

func isHeading(l string) bool {
	level, _ := heading(l)
	return level > 0
}

// fence returns the mark by which a line begins or ends a block of code.
func fence(l string) string {
	l, ok := indented(l)
	if !ok || !strings.HasPrefix(l, "```") && !strings.HasPrefix(l, "~~~") {
		return ""
	}
	return l[:len(l)-len(strings.TrimLeft(l, l[:1]))]
}

// indented removes up to three spaces; with more the line is code.
func indented(l string) (string, bool) {
	rest := strings.TrimLeft(l, " ")
	return rest, len(l)-len(rest) <= 3
}

// sections finds the headings outside of code and comments (CommonMark 0.31,
// 4.2, 4.5 and 4.6).
func (c *Card) sections() {
	type open struct{ index, start int }
	var stack []open // sections that go on
	closeTo := func(level, end int) {
		for len(stack) > 0 && c.Sections[stack[len(stack)-1].index].Level >= level {
			last := stack[len(stack)-1]
			c.Sections[last.index].Body = c.text[last.start:end]
			stack = stack[:len(stack)-1]
		}
	}
	at, line, code, comment := 0, c.textLine-1, "", false
	for l := range strings.Lines(c.text) {
		start := at
		at += len(l)
		line++
		l = strings.TrimRight(l, "\r\n")
		if len(l) > 500 {
			continue
		}
		if code == "" {
			if l, comment = withoutComments(l, comment); l == "" {
				continue
			}
		}
		if mark := fence(l); mark != "" {
			switch {
			case code == "":
				code = mark
			case mark[0] == code[0] && len(mark) >= len(code):
				code = ""
			}
			continue
		}
		level, title := heading(l)
		if code != "" || level == 0 {
			continue
		}
		closeTo(level, start)
		if len(c.Sections) == maxSections {
			c.problem(line, "", "the card has more than %d headings", maxSections)
			break
		}
		stack = append(stack, open{len(c.Sections), at})
		c.Sections = append(c.Sections, Section{Title: title, Level: level, Line: line})
	}
	closeTo(0, len(c.text))
}

// Section returns the first section with something in it whose title holds one
// of words, or else the first whose title does; nil if none does.
func (c *Card) Section(words ...string) *Section {
	var empty *Section
	for i := range c.Sections {
		s := &c.Sections[i]
		title := strings.ToLower(s.Title)
		for _, word := range words {
			if !strings.Contains(title, word) {
				continue
			}
			if !s.Empty() {
				return s
			}
			if empty == nil {
				empty = s
			}
			break
		}
	}
	return empty
}

// placeholder is what the Hub's template leaves to be filled in
// (huggingface_hub, templates/modelcard_template.md), and its like.
var placeholder = regexp.MustCompile(`(?i)\[?more information needed\]?|\[optional\]|\{\{[^{}\n]{0,200}\}\}|\[(?:todo|tbd|fill in|insert [^\[\]\n]{0,60})\]|^\W*(?:todo|tbd|n/?a|none|coming soon)\W*$`)

// template returns the text of a template in a line. Most lines that have none
// are told by their letters, which is much faster.
func template(l string) string {
	if !strings.ContainsAny(l, "[{mMtTnNcC") {
		return ""
	}
	return placeholder.FindString(l)
}

// Empty tells whether nothing but headings, comments and text of a template
// stands in the section.
func (s *Section) Empty() bool {
	return !says(s.Body)
}

// says tells whether text says something.
func says(text string) bool {
	comment := false
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		l, comment = withoutComments(l, comment)
		if l == "" || isHeading(l) || template(l) != "" {
			continue
		}
		// Rules and tables' lines have no letters.
		if strings.ContainsFunc(l, func(r rune) bool {
			return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f
		}) {
			return true
		}
	}
	return false
}

// withoutComments removes <!-- … --> from a line that may begin in one.
func withoutComments(l string, inside bool) (string, bool) {
	var out strings.Builder
	for {
		if inside {
			_, after, ok := strings.Cut(l, "-->")
			if !ok {
				return strings.TrimRight(out.String(), " \t"), true
			}
			l, inside = after, false
		}
		before, after, ok := strings.Cut(l, "<!--")
		out.WriteString(before)
		if !ok {
			return strings.TrimRight(out.String(), " \t"), false
		}
		l, inside = after, true
	}
}

// Template returns where text of a template stands, up to most places.
func (c *Card) Template(most int) []Text {
	var out []Text
	line := c.textLine - 1
	for l := range strings.Lines(c.text) {
		line++
		l = l[:min(len(l), 1000)]
		if m := template(l); m != "" && !isHeading(strings.TrimRight(l, "\r\n")) {
			if out = append(out, Text{strings.TrimSpace(m), line}); len(out) == most {
				break
			}
		}
	}
	return out
}

var contactLine = regexp.MustCompile(`(?i)\b(?:contact|maintained by|maintainers?|developed by|authors?|owners?|questions)\b[^:\n]{0,40}:[*_ ]*(.*)`)

// Contact returns where the card says whom to ask; zero if it does not.
func (c *Card) Contact() Text {
	for _, t := range c.Contacts {
		if says(t.Value) {
			return t
		}
	}
	if s := c.Section("contact", "maintainer", "author", "owner"); s != nil && !s.Empty() {
		return Text{s.Title, s.Line}
	}
	line := c.textLine - 1
	for l := range strings.Lines(c.text) {
		line++
		l = strings.TrimRight(l[:min(len(l), 1000)], "\r\n")
		if !strings.Contains(l, ":") {
			continue
		}
		if m := contactLine.FindStringSubmatch(l); m != nil && says(m[1]) {
			return Text{strings.TrimSpace(m[1]), line}
		}
	}
	return Text{}
}

// Lines calls yield for each line of the text after the front matter.
func (c *Card) Lines(yield func(line int, text string) bool) {
	n := c.textLine - 1
	for l := range strings.Lines(c.text) {
		if n++; !yield(n, strings.TrimRight(l, "\r\n")) {
			return
		}
	}
}

// All calls yield for each line of the card, front matter included.
func (c *Card) All(yield func(line int, text string) bool) {
	n := c.frontLine
	for l := range strings.Lines(c.front) {
		if !yield(n, strings.TrimRight(l, "\r\n")) {
			return
		}
		n++
	}
	c.Lines(yield)
}
