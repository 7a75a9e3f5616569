package modelcheck

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/card"
	"github.com/waybill-dev/waybill/internal/license"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

var cardLicense = Rule{
	ID:    "card.license",
	Doc:   "The card names a licence that is known; \"other\" has a name and a link to its text, which is there.",
	Group: report.GroupCard,
	run:   onCard("CARD002", runCardLicense),
}

func runCardLicense(_ context.Context, m *model, c *card.Card, _ manifest.CheckSpec) ([]report.Finding, error) {
	if len(c.Licenses) == 0 {
		f := m.cardFinding("CARD002", report.Fail, 1, "the card names no licence")
		f.Expected, f.Observed = "license: in the front matter", "none"
		f.Hint = "write license: with an id of https://huggingface.co/docs/hub/repositories-licenses, or of SPDX"
		return []report.Finding{f}, nil
	}
	var findings []report.Finding
	var names []string
	for _, l := range c.Licenses {
		e, err := license.Read(l.Value)
		switch {
		case err != nil:
			f := m.cardFinding("CARD002", report.Fail, l.Line, "the card's licence is not known: "+escaped(err.Error()))
			f.Subject, f.Expected, f.Observed = escaped(l.Value), "a licence of the Hugging Face Hub or of SPDX", quoted(l.Value)
			f.Hint = "write its id, or \"license: other\" with license_name and license_link"
			findings = append(findings, f)
		case e.ID == "LicenseRef-unknown":
			f := m.cardFinding("CARD002", report.Fail, l.Line, "the card says that the licence is unknown")
			f.Subject, f.Expected, f.Observed = "unknown", "a licence", "unknown"
			f.Hint = "find out under which licence the model may be used, and name it"
			findings = append(findings, f)
		case e.ID == "LicenseRef-other":
			findings = append(findings, m.otherLicense(c, l)...)
		}
		if err == nil {
			names = append(names, e.String())
		}
	}
	if findings == nil {
		findings = []report.Finding{m.cardFinding("", report.Pass, c.Licenses[0].Line, "the card's licence is known: "+strings.Join(names, ", "))}
	}
	return findings, nil
}

// otherLicense is about "license: other", which must say which.
func (m *model) otherLicense(c *card.Card, l card.Text) []report.Finding {
	fail := func(subject string, line int, message, observed, hint string) report.Finding {
		f := m.cardFinding("CARD003", report.Fail, line, message)
		f.Subject, f.Expected, f.Observed, f.Hint = subject, "license_name and license_link with license: other", observed, hint
		return f
	}
	var out []report.Finding
	if c.LicenseName.Value == "" {
		out = append(out, fail("license_name", l.Line, "the card's licence is \"other\", and no license_name says which", "no license_name", "add license_name"))
	}
	link := c.LicenseLink.Value
	switch {
	case link == "":
		out = append(out, fail("license_link", l.Line, "the card's licence is \"other\", and no license_link leads to its text", "no license_link",
			"add license_link: LICENSE, or the URL of the text"))
	case strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://"):
	case !m.hasFile(link):
		out = append(out, fail("license_link", c.LicenseLink.Line, fmt.Sprintf("the card links the licence's text as %s, which is no file of the model", quoted(link)),
			quoted(link), "add the file beside the card, or mend license_link"))
	}
	return out
}

// hasFile tells whether a path that the card names, relative to itself, is a
// file of the model or of the repository.
func (m *model) hasFile(name string) bool {
	name = path.Clean(strings.TrimPrefix(name, "./"))
	if manifest.CheckPath(name) != nil {
		return false
	}
	if slices.ContainsFunc(m.files, func(f manifest.File) bool { return f.Path == name }) {
		return true
	}
	if m.opts.ReadFile == nil {
		return false
	}
	_, err := m.opts.ReadFile(path.Join(path.Dir(m.artifact.Resolve(m.artifact.Model.Card)), name))
	return err == nil
}
