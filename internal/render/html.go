package render

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

var htmlFormat = format{name: "html", report: htmlReport, sections: htmlSections}

// htmlStyle has every colour as a variable, so that a test can hold each
// against its ground (WCAG 2.2, success criterion 1.4.3).
//
//go:embed html.css
var htmlStyle string

// htmlPolicy forbids the page to load or run anything (Content Security Policy
// Level 3): should a string ever come through as markup, it can do nothing.
const htmlPolicy = `default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'`

// A page is as long as it may be to be mailed and opened anywhere: detail is
// left out to get under htmlTarget, and htmlLimit is never passed.
const (
	htmlTarget = 250_000
	htmlLimit  = 1_000_000
	htmlFrame  = 20_000 // of it for the style, the head and the note of what was left out
	htmlRoom   = 2_000  // to close what is open and to say that rows are missing

	// Where the parts of a page end at the latest, so that none keeps the
	// next from being seen.
	findingsEnd = 600_000
	passesEnd   = 700_000
	sectionsEnd = htmlLimit - htmlFrame - htmlRoom
)

// detail is how much of a report a page shows.
type detail struct {
	passes  bool // each check that passed, not only how many
	details bool // the details of findings
	rows    int  // of a table, and columns, and lines of a text, at the most
}

// less lists what is left out of a page that is too long, one after the other:
// the passed checks, the details, the rows. At the last step findings and
// sections that do not fit the limit are left out too.
var less = []detail{
	{passes: true, details: true, rows: 1 << 30},
	{details: true, rows: 1 << 30},
	{rows: 1 << 30},
	{rows: 200},
	{rows: 50},
	{rows: 20},
}

// htmlReport writes one page that needs nothing else: no script, no network.
func htmlReport(b *bytes.Buffer, r *report.Report, o Options) error {
	symbol, class := htmlMark(&report.Finding{Verdict: r.Verdict})
	head := func(p *page) {
		p.WriteString("<header>\n<h1>")
		p.mark(symbol, string(r.Verdict), class)
		p.text(clip(r.Title, 200))
		p.WriteString("</h1>\n")
		p.counts(r.Summary)
		p.WriteString("</header>\n")
	}
	title := string(r.Verdict) + ": " + firstNonEmpty(r.Title, counts(r.Summary))
	writePage(b, title, head, func(p *page) {
		p.findings(r.Findings)
		p.passes(r.Findings, o.Verbose)
		p.allSections(r.Sections)
	})
	return nil
}

func htmlSections(b *bytes.Buffer, sections []report.Section, _ Options) error {
	title := "waybill"
	if len(sections) > 0 && sections[0].Title != "" {
		title += ": " + sections[0].Title
	}
	head := func(p *page) { p.WriteString("<header>\n<h1>waybill</h1>\n</header>\n") }
	writePage(b, title, head, func(p *page) { p.allSections(sections) })
	return nil
}

// writePage draws body with less and less detail until the page is short
// enough, and puts the frame around it.
func writePage(b *bytes.Buffer, title string, head, body func(*page)) {
	var p *page
	for _, d := range less {
		p = &page{Buffer: &bytes.Buffer{}, detail: d}
		body(p)
		if !p.over && p.Len() <= htmlTarget-htmlFrame {
			break
		}
	}
	main := p.Bytes()
	p.Buffer = b
	p.WriteString("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
	p.WriteString("<meta http-equiv=\"Content-Security-Policy\" content=\"" + htmlPolicy + "\">\n")
	p.WriteString("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>")
	p.text(clip(title, 200))
	p.WriteString("</title>\n<style>\n" + htmlStyle + "</style>\n</head>\n<body>\n")
	head(p)
	if left := p.left.String(); left != "" {
		p.WriteString("<p class=\"note\" role=\"note\">Left out to keep this page small: " + left + ". <code>--format json</code> has everything.</p>\n")
	}
	p.WriteString("<main>\n")
	p.Write(main)
	p.WriteString("</main>\n<footer>waybill · " + report.APIVersion + " · this page is complete and loads nothing</footer>\n</body>\n</html>\n")
}

// left is what a page does not show, counted.
type left struct {
	passes, details, rows, columns, findings, sections int
}

func (l left) String() string {
	var parts []string
	for _, c := range []struct {
		n             int
		of, one, many string
	}{
		{l.passes, "the list of ", "passed check", "passed checks"},
		{l.details, "the details of ", "finding", "findings"},
		{l.rows, "", "row", "rows"},
		{l.columns, "", "column", "columns"},
		{l.findings, "", "finding", "findings"},
		{l.sections, "", "section", "sections"},
	} {
		if c.n > 0 {
			parts = append(parts, c.of+counted(c.n, c.one, c.many))
		}
	}
	return strings.Join(parts, ", ")
}

// page writes HTML. Whatever comes from a report passes through text or
// number; nothing else may write a string that is not in this file.
type page struct {
	*bytes.Buffer
	detail detail
	left   left
	full   bool // something did not fit the part of the page that is being drawn
	over   bool // something did not fit at all
	ids    int
}

// markup are the characters by which HTML and XML begin something, in text and
// in quoted attributes, and the two that XML 1.0 does not have (section 2.2,
// Char) though they are Unicode.
var markup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;", "\ufffe", `\ufffe`, "\uffff", `\uffff`)

// escape returns s as text of HTML or XML, within an element or a quoted
// attribute.
func escape(s string) string { return markup.Replace(visible(s)) }

func (p *page) text(s string) { p.WriteString(escape(s)) }

// element writes one element that holds a string. What is given as tag may
// have attributes.
func (p *page) element(tag, s string) {
	name, _, _ := strings.Cut(tag, " ")
	p.WriteString("<" + tag + ">")
	p.text(s)
	p.WriteString("</" + name + ">")
}

// fits keeps what draw writes if the page then is at most limit long, and
// takes it back if not. Once something did not fit a part of the page, nothing
// else is tried for that part.
func (p *page) fits(limit int, draw func()) bool {
	if p.full {
		return false
	}
	at, left := p.Len(), p.left
	draw()
	if p.Len() <= limit {
		return true
	}
	p.Truncate(at)
	p.left = left
	p.full, p.over = true, true
	return false
}

// htmlMark is how a finding shows what it is: a symbol for those who see no
// colour, and the class that has the colour. The word stands beside it.
func htmlMark(f *report.Finding) (symbol, class string) {
	symbol, word, _ := mark(f)
	switch word {
	case "PASS":
		return symbol, "pass"
	case "FAIL":
		return symbol, "fail"
	case "INFO":
		return symbol, "info"
	}
	return symbol, "warn"
}

func (p *page) mark(symbol, word, class string) {
	p.WriteString(`<span class="mark ` + class + `"><span aria-hidden="true">` + symbol + `</span> `)
	p.text(word)
	p.WriteString("</span> ")
}

func (p *page) counts(s report.Summary) {
	p.WriteString("<ul class=\"counts\">\n")
	for _, c := range []struct {
		n           int
		word, class string
		f           report.Finding
	}{
		{s.Fail, "failed", "fail", report.Finding{Verdict: report.Fail}},
		{s.Inconclusive, "inconclusive", "warn", report.Finding{Verdict: report.Inconclusive}},
		{s.Warning, "warnings", "warn", report.Finding{Verdict: report.Fail, Severity: report.Warning}},
		{s.Pass, "passed", "pass", report.Finding{Verdict: report.Pass}},
	} {
		if c.n == 0 && c.word != "failed" && c.word != "passed" {
			continue
		}
		class, word := c.class, c.word
		if c.n == 0 {
			class = "quiet"
		}
		if c.n == 1 {
			word = strings.TrimSuffix(word, "s")
		}
		symbol, _ := htmlMark(&c.f)
		p.WriteString("<li>")
		p.mark(symbol, report.Thousands(int64(c.n)), class)
		p.WriteString(word + "</li>\n")
	}
	p.WriteString("</ul>\n")
}

// findings writes what is not a PASS, in the order of the report: what decides
// comes first.
func (p *page) findings(findings []report.Finding) {
	head := false
	for i := range findings {
		f := &findings[i]
		if f.Verdict == report.Pass {
			continue
		}
		if !head {
			p.WriteString("<h2>Findings</h2>\n")
			head = true
		}
		if !p.fits(findingsEnd, func() { p.finding(f) }) {
			p.left.findings++
		}
	}
	p.full = false
	if p.left.findings > 0 {
		p.WriteString("<p class=\"quiet\">… and " + counted(p.left.findings, "more finding", "more findings") + "</p>\n")
	}
}

func (p *page) finding(f *report.Finding) {
	symbol, word, _ := mark(f)
	_, class := htmlMark(f)
	p.WriteString(`<article class="` + class + "\">\n<h3>")
	p.mark(symbol, word, class)
	if f.Artifact != "" {
		p.element(`span class="artifact"`, f.Artifact)
		p.WriteByte(' ')
	}
	p.element("code", ruleName(f))
	if f.Subject != "" {
		p.WriteByte(' ')
		p.element(`span class="subject"`, f.Subject)
	}
	if at := location(f.Location); at != "" {
		p.WriteByte(' ')
		p.element(`span class="at"`, at)
	}
	p.WriteString("</h3>\n")
	if f.Message != "" {
		p.element("p", f.Message)
		p.WriteByte('\n')
	}
	p.terms([][2]string{{"expected", f.Expected}, {"observed", f.Observed}})
	switch {
	case isCommand(f.Hint):
		p.WriteString(`<p class="hint">`)
		p.element("code", f.Hint)
		p.WriteString("</p>\n")
	case f.Hint != "":
		p.element(`p class="hint"`, f.Hint)
		p.WriteByte('\n')
	}
	p.link(f.Doc)
	p.findingDetails(f)
	p.WriteString("</article>\n")
}

// isCommand tells whether a hint is a command, to be copied.
func isCommand(hint string) bool {
	return strings.HasPrefix(hint, "waybill ") && !strings.HasSuffix(hint, ".")
}

// terms writes what has a value as a list of terms.
func (p *page) terms(list [][2]string) {
	open := false
	for _, t := range list {
		if t[1] == "" {
			continue
		}
		if !open {
			p.WriteString("<dl>\n")
			open = true
		}
		p.element("dt", t[0])
		p.element("dd", t[1])
		p.WriteByte('\n')
	}
	if open {
		p.WriteString("</dl>\n")
	}
}

// link writes the address of a rule's documentation; a reader sees where it
// leads.
func (p *page) link(doc string) {
	if doc == "" {
		return
	}
	if address := webAddress(doc); address == "" {
		p.element(`p class="quiet"`, doc)
	} else {
		p.WriteString("<p>")
		p.element(`a rel="noopener noreferrer" href="`+escape(address)+`"`, doc)
		p.WriteString("</p>")
	}
	p.WriteByte('\n')
}

// webAddress returns doc, well-formed, if it leads to the web and to the host
// that it seems to lead to; else "".
func webAddress(doc string) string {
	u, err := url.Parse(doc)
	if err != nil || len(doc) > maxField || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return ""
	}
	return u.String()
}

func (p *page) findingDetails(f *report.Finding) {
	if len(f.Details) == 0 {
		return
	}
	if !p.detail.details {
		p.left.details++
		return
	}
	p.WriteString("<details><summary>Details</summary>\n")
	var list [][2]string
	for _, key := range slices.Sorted(maps.Keys(f.Details)) {
		value, err := json.Marshal(f.Details[key])
		if err != nil {
			value = []byte("(" + err.Error() + ")")
		}
		list = append(list, [2]string{clip(key, longestLabel), string(value)})
	}
	p.terms(list)
	p.WriteString("</details>\n")
}

// passes folds away what passed: how much for each artifact and group, and
// which checks.
func (p *page) passes(findings []report.Finding, open bool) {
	groups := passed(findings)
	if len(groups) == 0 {
		return
	}
	p.WriteString("<h2>Passed</h2>\n")
	missing := 0
	for _, g := range groups {
		if !p.fits(passesEnd, func() { p.passGroup(g, open) }) {
			missing++
			p.left.passes += len(g.findings)
		}
	}
	p.full = false
	if missing > 0 {
		p.WriteString("<p class=\"quiet\">… and " + counted(missing, "more group of checks", "more groups of checks") + "</p>\n")
	}
}

func (p *page) passGroup(g *passes, open bool) {
	says := g.sentence()
	if g.artifact != "" {
		says = g.artifact + ": " + says
	}
	if !p.detail.passes {
		p.WriteString("<p>")
		p.mark("✓", "PASS", "pass")
		p.text(says)
		p.WriteString("</p>\n")
		p.left.passes += len(g.findings)
		return
	}
	p.WriteString("<details")
	if open {
		p.WriteString(" open")
	}
	p.WriteString("><summary>")
	p.mark("✓", "PASS", "pass")
	p.text(says)
	p.WriteString("</summary>\n")
	p.openTable(says, "")
	p.WriteString(`<thead><tr><th scope="col">check</th><th scope="col">of</th><th scope="col">what was found</th></tr></thead>` + "\n<tbody>\n")
	for _, f := range g.findings {
		p.WriteString(`<tr><th scope="row"><code>`)
		p.text(ruleName(f))
		p.WriteString("</code></th>")
		p.element("td", f.Subject)
		p.element("td", firstNonEmpty(f.Message, f.Observed, "passes"))
		p.WriteString("</tr>\n")
	}
	p.closeTable()
	p.WriteString("</details>\n")
}
