// Package card reads model cards: Markdown with YAML in front of it, as the
// Hugging Face Hub has them (https://huggingface.co/docs/hub/model-cards, and
// modelcard.md in huggingface/hub-docs for the keys).
//
//	c := card.Parse(data)
//	for _, p := range c.Problems {
//		fmt.Printf("line %d: %s\n", p.Line, p.Reason)
//	}
//	if s := c.Section("limitation"); s == nil || s.Empty() { … }
//
// Parse always returns a card: what is wrong with it is in Problems, and the
// rest is there all the same. Cards are taken to be hostile. What is read is
// bounded, nothing is expanded, and all text is as written: show it escaped.
package card

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits. Cards in use have some ten kilobytes.
const (
	MaxSize        = 1 << 20   // of a card
	maxFrontMatter = 256 << 10 // of the YAML in front
	maxDepth       = 20        // of values in each other in it
	maxNodes       = 20_000    // of values in it
	maxResults     = 1000      // metrics that are kept
	maxSections    = 2000
)

// Card is a model card.
type Card struct {
	Problems []Problem

	// What the front matter says; nil or empty where it does not.

	Licenses    []Text // one as a rule; the Hub takes lists
	LicenseName Text   // of "other"
	LicenseLink Text   // a file of the repository, or a URL
	BaseModels  []Text
	Datasets    []Text
	Version     Text
	Library     Text
	Pipeline    Text
	Contacts    []Text // developers, authors, maintainers, contact
	Metrics     []Metric
	Parameters  []Count // also those in the text

	FrontMatter bool // there is one, whether it can be read or not
	Sections    []Section

	// front begins in line frontLine, text, which follows it, in textLine.
	front, text         string
	frontLine, textLine int
}

// Text is a value with the line it stands in.
type Text struct {
	Value string
	Line  int // from 1
}

// Problem says what is wrong with a card.
type Problem struct {
	Line   int
	Reason string
	Hint   string
}

// Metric is one number under model-index.
type Metric struct {
	Type    string // "accuracy"
	Name    string // for people
	Average string // "macro", from the arguments
	// Value is the number, Unit half of what its last written digit counts:
	// 0.87 stands for all from 0.865 to 0.875.
	Value   float64
	Unit    float64
	Percent bool   // "87 %" is 0.87
	Written string // as it stands there
	Dataset string // the dataset's type, the Hub's id of it
	Title   string // the dataset's name, for people
	Split   string
	Line    int
}

// Parse reads a card.
func Parse(data []byte) *Card {
	c := &Card{textLine: 1}
	if len(data) > MaxSize {
		c.problem(1, "keep what is long in files of its own, and link it", "the card has %d bytes, at most %d are read", len(data), MaxSize)
		return c
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		at := 0
		for r := rune(0); at < len(data); {
			var n int
			if r, n = utf8.DecodeRune(data[at:]); r == utf8.RuneError && n == 1 {
				break
			}
			at += n
		}
		c.problem(1+bytes.Count(data[:at], []byte{'\n'}), "save it as UTF-8", "the card is not UTF-8")
		data = bytes.ToValidUTF8(data, []byte("\ufffd"))
	}
	c.text = string(data)
	if front, line, ok := c.cut(); ok {
		c.FrontMatter, c.front, c.frontLine = true, front, line
		c.frontMatter(front, line)
	}
	c.sections()
	c.counts()
	return c
}

// problem is not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (c *Card) problem(line int, hint, reason string, args ...any) {
	if len(c.Problems) < 20 {
		c.Problems = append(c.Problems, Problem{line, fmt.Sprintf(reason, args...), hint})
	}
}

// cut takes the front matter off the text, and returns it with the line it
// begins in. It stands between the first two lines of three hyphens, before
// which there may only be blank lines (huggingface_hub, repocard.py,
// REGEX_YAML_BLOCK).
func (c *Card) cut() (front string, line int, ok bool) {
	at, start, n := 0, -1, 0
	for l := range strings.Lines(c.text) {
		n++
		at += len(l)
		switch mark := strings.TrimRight(l, "\r\n \t") == "---"; {
		case start < 0 && mark:
			start, line = at, n+1
		case start < 0 && strings.TrimSpace(l) != "":
			c.problem(1, "begin the card with --- and the keys license, base_model, datasets and so on", "the card has no front matter")
			return "", 0, false
		case mark:
			front = c.text[start : at-len(l)]
			c.text, c.textLine = c.text[at:], n+1
			return front, line, true
		}
	}
	if start < 0 {
		c.problem(1, "begin the card with --- and the keys license, base_model, datasets and so on", "the card is empty")
		return "", 0, false
	}
	c.problem(line-1, "end it with a line of three hyphens", "the front matter is not closed")
	return "", 0, false
}

// clip quotes and shortens hostile text for messages.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
