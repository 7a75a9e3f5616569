package render

import (
	"bytes"

	"github.com/waybill-dev/waybill/internal/report"
)

// What follows is for who writes markdown of its own around parts that come
// from outside, as comments on pull requests do. Everything from outside goes
// through one of these.

// Inert returns s as GitHub-flavoured markdown, on one line, that shows s and
// does nothing: no markup, HTML, link, image, emoji, mention, reference to an
// issue or commit, nor the end of a table's cell comes of it. Characters that act instead
// of showing are written as escapes.
func Inert(s string) string { return inert(s) }

// Code is Inert, set as code: for paths, commands and digests, which people
// copy.
func Code(s string) string { return code(s) }

// Visible is s as plain text, in which characters that act are written as
// escapes.
func Visible(s string) string { return visible(s) }

// Clip shortens s to n characters, the last of which then is "…".
func Clip(s string, n int) string { return clip(s, n) }

// MarkdownSection draws one section as the markdown format does, under a
// heading.
func MarkdownSection(s report.Section) string {
	var b bytes.Buffer
	markdown{&b}.section(s)
	return b.String()
}

// MarkdownFinding draws a finding as a row of a table of three columns:
// what it says, of which check, and what was found.
func MarkdownFinding(f *report.Finding) string {
	return "| " + findingSymbol(f) + " | " + whichCheck(f) + " | " + whatFound(f) + " |\n"
}

// MarkdownFindingHead is the head of the table that MarkdownFinding makes rows
// of.
const MarkdownFindingHead = "| | Check | What was found |\n|:--|:--|:--|\n"
