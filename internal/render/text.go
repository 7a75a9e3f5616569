package render

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

var textFormat = format{name: "text", report: textReport, sections: textSections}

// style is what a terminal is told before a piece of text ("Select Graphic
// Rendition" of ECMA-48); "" leaves it as it is.
type style string

const (
	plain  style = ""
	bold   style = "\x1b[1m"
	dim    style = "\x1b[2m"
	red    style = "\x1b[1;31m"
	green  style = "\x1b[32m"
	yellow style = "\x1b[33m"
	blue   style = "\x1b[34m"
	reset        = "\x1b[0m"
)

// defaultWidth is where sentences are wrapped when nobody says how wide the
// terminal is; narrowest is what a width is raised to.
const (
	defaultWidth = 100
	narrowest    = 40
)

// printer writes text. Everything that passes through it is already visible.
type printer struct {
	*bytes.Buffer
	color   bool
	width   int // for sentences
	table   int // for tables; 0 is as wide as need be
	indent  string
	verbose bool
}

func newPrinter(b *bytes.Buffer, o Options) *printer {
	p := &printer{Buffer: b, color: o.Color, width: defaultWidth, verbose: o.Verbose}
	if o.Width > 0 {
		p.width = max(o.Width, narrowest)
		p.table = p.width
	}
	return p
}

func (p *printer) styled(s string, st style) string {
	if !p.color || st == plain || s == "" {
		return s
	}
	return string(st) + s + reset
}

func textReport(b *bytes.Buffer, r *report.Report, o Options) error {
	p := newPrinter(b, o)
	p.headline(r)
	for i := range r.Findings {
		if r.Findings[i].Verdict != report.Pass {
			p.finding(&r.Findings[i])
		}
	}
	p.passes(r.Findings)
	for _, s := range r.Sections {
		p.WriteByte('\n')
		p.section(s)
	}
	return nil
}

func textSections(b *bytes.Buffer, sections []report.Section, o Options) error {
	p := newPrinter(b, o)
	for i, s := range sections {
		if i > 0 {
			p.WriteByte('\n')
		}
		p.section(s)
	}
	return nil
}

func (p *printer) headline(r *report.Report) {
	st := map[report.Verdict]style{report.Pass: bold + green, report.Fail: red, report.Inconclusive: bold + yellow}[r.Verdict]
	p.WriteString(p.styled(visible(string(r.Verdict)), st) + "  ")
	if r.Title != "" {
		p.WriteString(p.styled(visible(r.Title), bold) + ": ")
	}
	p.WriteString(counts(r.Summary) + "\n")
}

// mark is how a finding shows what it is: by shape, by word and by colour.
func mark(f *report.Finding) (symbol, word string, st style) {
	switch {
	case f.Verdict == report.Pass:
		return "✓", "PASS", green
	case f.Severity == report.Info:
		return "i", "INFO", blue
	case f.Severity == report.Warning:
		return "!", "WARNING", yellow
	case f.Verdict == report.Fail:
		return "✗", "FAIL", red
	}
	return "?", "INCONCLUSIVE", yellow
}

// finding writes one finding that is not a PASS:
//
//	✗ FAIL  reviews  column.not-null (text)  datasets/reviews/dataset.yaml:14:5
//	  12 of 5,000 values are null.
//	  expected  no nulls
//	  observed  12 nulls (0.24 %)
//	  → Remove the rows, or allow nulls.
func (p *printer) finding(f *report.Finding) {
	symbol, word, st := mark(f)
	p.WriteString("\n" + p.styled(symbol+" "+word, st))
	used := width(symbol) + 1 + width(word)
	for _, part := range []struct {
		text string
		st   style
	}{
		{visible(f.Artifact), bold},
		{visible(checkName(f)), plain},
		{visible(location(f.Location)), dim},
	} {
		if part.text == "" {
			continue
		}
		if w := width(part.text); used+2+w > p.width {
			p.WriteString("\n  ")
			used = 2 + w
		} else {
			p.WriteString("  ")
			used += 2 + w
		}
		p.WriteString(p.styled(part.text, part.st))
	}
	p.WriteByte('\n')
	p.paragraph("  ", "  ", visible(f.Message))
	p.labelled("expected", f.Expected)
	p.labelled("observed", f.Observed)
	if p.verbose {
		p.details(f)
	}
	if f.Hint != "" {
		p.paragraph("  "+p.styled("→", blue)+" ", "    ", visible(f.Hint))
	}
	if f.Doc != "" {
		p.paragraph("  "+p.styled("see ", dim), "      ", visible(f.Doc))
	}
}

// checkName is the rule with its subject.
func checkName(f *report.Finding) string {
	if f.Subject == "" {
		return ruleName(f)
	}
	return ruleName(f) + " (" + f.Subject + ")"
}

func (p *printer) details(f *report.Finding) {
	for _, key := range slices.Sorted(maps.Keys(f.Details)) {
		value, err := json.Marshal(f.Details[key])
		if err != nil {
			value = []byte("(" + err.Error() + ")")
		}
		p.labelled(key, string(value))
	}
}

func (p *printer) labelled(label, text string) {
	if text == "" {
		return
	}
	label = pad(visible(clip(label, longestLabel)), 8, false)
	p.paragraph("  "+p.styled(label, dim)+"  ", strings.Repeat(" ", width(label)+4), visible(text))
}

// paragraph writes text wrapped, the first line after first and the others
// after rest, which take the same number of columns.
func (p *printer) paragraph(first, rest, text string) {
	if text == "" {
		return
	}
	for i, line := range wrap(text, max(p.width-width(rest), narrowest/2), false) {
		if i == 0 {
			p.WriteString(first)
		} else {
			p.WriteString(rest)
		}
		p.WriteString(line + "\n")
	}
}

func (p *printer) passes(findings []report.Finding) {
	groups := passed(findings)
	if len(groups) == 0 {
		return
	}
	p.WriteByte('\n')
	for _, g := range groups {
		line := p.styled("✓", green) + " "
		if g.artifact != "" {
			line += p.styled(visible(g.artifact), bold) + ": "
		}
		p.WriteString(line + visible(g.sentence()) + "\n")
		if !p.verbose {
			continue
		}
		names := 0
		for _, f := range g.findings {
			names = max(names, min(width(visible(checkName(f))), 32))
		}
		for _, f := range g.findings {
			first := "  " + pad(visible(checkName(f)), names, false)
			p.paragraph(first+"  ", strings.Repeat(" ", names+4), visible(firstNonEmpty(f.Message, f.Observed, "passes")))
		}
	}
}

func firstNonEmpty(choices ...string) string {
	for _, c := range choices {
		if c != "" {
			return c
		}
	}
	return ""
}
