package render

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

var markdownFormat = format{name: "markdown", report: markdownReport, sections: markdownSections}

// markdownReport writes GitHub-flavoured markdown for comments and job
// summaries: the verdict, a table of what needs a reader, the passes folded
// away, the sections.
func markdownReport(b *bytes.Buffer, r *report.Report, o Options) error {
	m := markdown{b}
	m.WriteString("### " + verdictSymbol(r.Verdict) + " " + inert(string(r.Verdict)) + ": ")
	if r.Title != "" {
		m.WriteString(inert(r.Title) + ": ")
	}
	m.WriteString(counts(r.Summary) + "\n")
	m.findings(r.Findings)
	m.passes(r, o)
	for _, s := range r.Sections {
		m.WriteByte('\n')
		m.section(s)
	}
	return nil
}

func markdownSections(b *bytes.Buffer, sections []report.Section, _ Options) error {
	m := markdown{b}
	for i, s := range sections {
		if i > 0 {
			m.WriteByte('\n')
		}
		m.section(s)
	}
	return nil
}

// markdown writes GitHub-flavoured markdown. Whatever comes from a report
// passes through inert, code or fence.
type markdown struct{ *bytes.Buffer }

func verdictSymbol(v report.Verdict) string {
	switch v {
	case report.Pass:
		return "✅"
	case report.Fail:
		return "❌"
	}
	return "❔"
}

func findingSymbol(f *report.Finding) string {
	_, word, _ := mark(f)
	switch word {
	case "INFO":
		return "ℹ️ info"
	case "WARNING":
		return "⚠️ warning"
	}
	return verdictSymbol(f.Verdict) + " " + inert(string(f.Verdict))
}

// findings writes the table of all that is not a PASS. The numbers stand on
// lines of their own in one cell: six columns do not fit a comment.
func (m markdown) findings(findings []report.Finding) {
	head := false
	for i := range findings {
		f := &findings[i]
		if f.Verdict == report.Pass {
			continue
		}
		if !head {
			m.WriteString("\n" + MarkdownFindingHead)
			head = true
		}
		m.WriteString(MarkdownFinding(f))
	}
}

// whichCheck is the cell that says of what the finding is and where.
func whichCheck(f *report.Finding) string {
	var parts []string
	if f.Artifact != "" {
		parts = append(parts, strong(f.Artifact))
	}
	name := code(ruleName(f))
	if ownDoc.MatchString(f.Doc) {
		name = "[" + name + "](" + f.Doc + ")"
	}
	if f.Subject != "" {
		name += " " + code(f.Subject)
	}
	parts = append(parts, name)
	if at := location(f.Location); at != "" {
		parts = append(parts, code(at))
	}
	return strings.Join(parts, "<br>")
}

// ownDoc is the documentation of a check. Reports may come from anybody: only
// links to this project's pages become links.
var ownDoc = regexp.MustCompile(`^https://waybill\.dev/[a-z0-9./#-]+$`)

func strong(s string) string {
	if s == "" {
		return ""
	}
	return "**" + inert(s) + "**"
}

func whatFound(f *report.Finding) string {
	parts := []string{inert(f.Message)}
	if f.Expected != "" {
		parts = append(parts, "expected: "+inert(f.Expected))
	}
	if f.Observed != "" {
		parts = append(parts, "observed: "+inert(f.Observed))
	}
	switch {
	case isCommand(f.Hint):
		parts = append(parts, "→ "+code(f.Hint))
	case f.Hint != "":
		parts = append(parts, "→ "+inert(f.Hint))
	}
	return strings.Join(parts, "<br>")
}

// passes folds away what passed: a line for each artifact and group, and when
// verbose a line for each finding.
func (m markdown) passes(r *report.Report, o Options) {
	groups := passed(r.Findings)
	if len(groups) == 0 {
		return
	}
	n := 0
	for _, g := range groups {
		n += len(g.findings)
	}
	m.WriteString("\n<details><summary>" + verdictSymbol(report.Pass) + " " + counted(n, "check passed", "checks passed") + "</summary>\n\n")
	m.WriteString("| | Passed | Checks |\n|:--|:--|:--|\n")
	for _, g := range groups {
		m.WriteString("| " + strong(g.artifact) + " | " + inert(g.sentence()) + " | ")
		for i, f := range g.findings {
			if i > 0 && o.Verbose {
				m.WriteString("<br>")
			} else if i > 0 {
				m.WriteString(", ")
			}
			m.WriteString(code(f.Check))
			if f.Subject != "" {
				m.WriteString(" " + inert(f.Subject))
			}
			if o.Verbose && f.Message != "" {
				m.WriteString(": " + inert(f.Message))
			}
		}
		m.WriteString(" |\n")
	}
	m.WriteString("\n</details>\n")
}

func (m markdown) section(s report.Section) {
	if s.Title != "" {
		m.WriteString("#### " + inert(s.Title) + "\n\n")
	}
	switch {
	case s.Table != nil:
		m.table(s.Table)
	case s.Intervals != nil:
		m.fence(func(p *printer) { p.intervals(s.Intervals) })
	case s.Histogram != nil:
		m.fence(func(p *printer) { p.histogram(s.Histogram) })
	case s.Curves != nil:
		m.curves(s.Curves.Clean())
	case s.Matrix != nil:
		m.matrix(matrix{s.Matrix})
	case s.Text != nil:
		m.prose(*s.Text)
	}
}

func (m markdown) table(t *report.Table) {
	m.cells(t, func(_, _ int, cell string) string { return inert(cell) })
}

// cells writes a table; draw makes markdown of a cell in row i, column j.
func (m markdown) cells(t *report.Table, draw func(i, j int, cell string) string) {
	columns := len(t.Columns)
	for _, row := range t.Rows {
		columns = max(columns, len(row))
	}
	if columns == 0 {
		return
	}
	head, rule := make([]string, columns), make([]string, columns)
	for i := range head {
		rule[i] = ":--"
		if i < len(t.Columns) {
			head[i] = inert(t.Columns[i].Title)
			if t.Columns[i].Align == report.Right {
				rule[i] = "--:"
			}
		}
	}
	m.WriteString("| " + strings.Join(head, " | ") + " |\n|" + strings.Join(rule, "|") + "|\n")
	for n, row := range t.Rows {
		m.WriteString("|")
		for i := range columns {
			cell := ""
			if i < len(row) {
				cell = draw(n, i, row[i])
			}
			m.WriteString(" " + cell + " |")
		}
		m.WriteByte('\n')
	}
	switch {
	case t.Omitted > 0:
		m.WriteString("\n… and " + report.Thousands(int64(t.Omitted)) + " more\n")
	case len(t.Rows) == 0:
		m.WriteString("\nnone\n")
	}
}

// prose writes lines that begin with a space as a code block, because their
// author has set them, and the others as paragraphs.
func (m markdown) prose(text string) {
	var block []string
	inCode := false
	end := func() {
		if len(block) == 0 {
			return
		}
		if inCode {
			m.fence(func(p *printer) { p.prose(strings.Join(block, "\n")) })
		} else {
			m.WriteString(strings.Join(block, "<br>\n") + "\n")
		}
		block = nil
	}
	for _, line := range lines(text) {
		line = strings.TrimRight(line, " ")
		set := strings.HasPrefix(line, " ")
		if line == "" || set != inCode {
			end()
		}
		if inCode = set; line == "" {
			m.WriteByte('\n')
			continue
		}
		if !set {
			line = inertLine(line)
		}
		block = append(block, line)
	}
	end()
}

// fenceWidth is how wide a code block may be before a comment on GitHub has to
// be moved sideways.
const fenceWidth = 80

// fence writes what draw draws as text in a code block, whose fence is longer
// than any run of backticks in it (CommonMark 0.31, "Fenced code blocks").
func (m markdown) fence(draw func(*printer)) {
	var inner bytes.Buffer
	p := newPrinter(&inner, Options{})
	p.width = fenceWidth
	draw(p)
	marker := strings.Repeat("`", max(3, longestRun(inner.String(), '`')+1))
	m.WriteString(marker + "text\n" + inner.String() + marker + "\n")
}

func longestRun(s string, c byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
