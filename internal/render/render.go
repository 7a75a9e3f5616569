// Package render draws reports and sections: for a terminal, for a pull
// request, for a program.
//
// A caller names a format and need not know more:
//
//	err := render.Report(os.Stdout, "text", r, render.Options{Color: true, Width: 120})
//
// Everything in a report may come from outside: file names, cells of a
// dataset, what a registry answered, a whole report that a pull request's own
// workflow made. So no format lets a string act: on a terminal, control
// characters and the characters that reorder text are shown as escapes such as
// \x1b and \u202e; in markdown no string can open a tag, a link, a code block
// or a table cell, nor mention a person or an issue; in HTML and XML every
// string is text, and only an address of the web becomes a link.
//
// A format is one file that defines a value of type format, and its name in
// the list below.
package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// formats is every format there is, in the order in which help shows them.
var formats = []format{
	textFormat,
	markdownFormat,
	jsonFormat,
	htmlFormat,
	junitFormat,
	sarifFormat,
}

// format is one way of drawing. Both functions write all they have to say to
// the buffer or return an error; the buffer reaches the reader only as a whole.
// A format without sections is for reports only.
type format struct {
	name     string
	report   func(*bytes.Buffer, *report.Report, Options) error
	sections func(*bytes.Buffer, []report.Section, Options) error
}

// ErrFormat is wrapped by the error for a format that does not exist.
var ErrFormat = errors.New("unknown format")

// Options says how to draw. The zero value is right for a file or a pipe.
type Options struct {
	// Color lets the text format use the terminal's colours.
	Color bool
	// Width is the terminal's width in columns: sentences and tables are
	// wrapped to it. 0 wraps sentences at 100 columns and leaves tables as
	// wide as they are, so that other programs can read their lines.
	Width int
	// Verbose shows each PASS on a line of its own, and the details of
	// everything else.
	Verbose bool
}

// Formats returns the names that Report and Sections accept.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// CheckFormat returns an error wrapping ErrFormat, which names the formats
// there are, unless name is one of them. Callers that do long work first ask
// it before.
func CheckFormat(name string) error {
	_, err := find(name)
	return err
}

// CheckSections is CheckFormat for callers of Sections: some formats can only
// write reports.
func CheckSections(name string) error {
	f, err := find(name)
	if err != nil || f.sections != nil {
		return err
	}
	return fmt.Errorf("%w %q here: it is for reports of checks; use one of %s", ErrFormat, f.name, strings.Join(sectionFormats(), ", "))
}

func sectionFormats() []string {
	var names []string
	for _, f := range formats {
		if f.sections != nil {
			names = append(names, f.name)
		}
	}
	return names
}

// Report writes r to w. Errors wrap ErrFormat for an unknown format; others
// come from w, or tell of a number that the format cannot express.
func Report(w io.Writer, name string, r *report.Report, o Options) error {
	f, err := find(name)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := f.report(&b, r, o); err != nil {
		return fmt.Errorf("write report as %s: %w", f.name, err)
	}
	return flush(w, &b)
}

// Sections writes sections that belong to no report: what show, history and
// diff print. In JSON they stand under "sections" beside "apiVersion". Errors
// are those of Report; see CheckSections.
func Sections(w io.Writer, name string, sections []report.Section, o Options) error {
	if err := CheckSections(name); err != nil {
		return err
	}
	f, err := find(name)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := f.sections(&b, sections, o); err != nil {
		return fmt.Errorf("write sections as %s: %w", f.name, err)
	}
	return flush(w, &b)
}

func find(name string) (format, error) {
	for _, f := range formats {
		if f.name == name {
			return f, nil
		}
	}
	return format{}, fmt.Errorf("%w %q; use one of %s", ErrFormat, clip(name, 40), strings.Join(Formats(), ", "))
}

func flush(w io.Writer, b *bytes.Buffer) error {
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// counted is "1 check passes" or "7 checks pass".
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return report.Thousands(int64(n)) + " " + many
}

// counts is the summary in words, without what is zero.
func counts(s report.Summary) string {
	var parts []string
	for _, c := range []struct {
		n         int
		one, many string
	}{
		{s.Fail, "failed", "failed"},
		{s.Inconclusive, "inconclusive", "inconclusive"},
		{s.Warning, "warning", "warnings"},
		{s.Pass, "passed", "passed"},
	} {
		if c.n > 0 {
			parts = append(parts, counted(c.n, c.one, c.many))
		}
	}
	if len(parts) == 0 {
		return "nothing was checked"
	}
	return strings.Join(parts, ", ")
}

// passes is how many findings of one group passed for one artifact.
type passes struct {
	artifact, group string
	findings        []*report.Finding
}

// passed collects the PASS findings, in the order in which their artifact and
// group first appear.
func passed(findings []report.Finding) []*passes {
	var out []*passes
	index := map[[2]string]*passes{}
	for i := range findings {
		f := &findings[i]
		if f.Verdict != report.Pass {
			continue
		}
		k := [2]string{f.Artifact, f.Group}
		p := index[k]
		if p == nil {
			p = &passes{artifact: f.Artifact, group: f.Group}
			index[k] = p
			out = append(out, p)
		}
		p.findings = append(p.findings, f)
	}
	return out
}

// sentence is "7 data checks pass", "1 gate passes".
func (p *passes) sentence() string {
	one, many := p.group+" check passes", p.group+" checks pass"
	switch p.group {
	case "":
		one, many = "check passes", "checks pass"
	case report.GroupFiles:
		one, many = "file check passes", "file checks pass"
	case report.GroupEvaluation:
		one, many = "gate passes", "gates pass"
	}
	return counted(len(p.findings), one, many)
}

// ruleName is the check and the rule within it, which mostly is the check or
// begins with it.
func ruleName(f *report.Finding) string {
	switch {
	case f.Rule == "" || f.Rule == f.Check:
		return f.Check
	case strings.HasPrefix(f.Rule, f.Check+"."):
		return f.Rule
	}
	return f.Check + " " + f.Rule
}

// location is FILE:LINE:COLUMN as compilers write it, which terminals and
// editors turn into a link.
func location(l *report.Location) string {
	switch {
	case l == nil || l.File == "":
		return ""
	case l.Line <= 0:
		return l.File
	case l.Column <= 0:
		return fmt.Sprintf("%s:%d", l.File, l.Line)
	}
	return fmt.Sprintf("%s:%d:%d", l.File, l.Line, l.Column)
}
