package modelcheck

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/license"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

var licenseConsistent = Rule{
	ID:    "license.consistent",
	Doc:   "Manifest, card, licence file and what the model's files say of themselves name one licence.",
	Group: report.GroupLicense,
	run:   runLicenseConsistent,
}

// licenseSource is one place that says under which licence the model is.
type licenseSource struct {
	what     string // "the card"
	license  *license.Expression
	location *report.Location
}

func runLicenseConsistent(ctx context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	var sources []licenseSource
	var findings []report.Finding
	if m.artifact.License != "" {
		e, f := m.license()
		if f != nil {
			findings = append(findings, *f)
		} else {
			sources = append(sources, licenseSource{"the manifest", e, m.location(spec)})
		}
	}
	sources = append(sources, m.cardLicenses()...)
	sources = append(sources, m.licenseFiles()...)
	for _, f := range m.files {
		got, err := m.inspect(ctx, f)
		if err != nil {
			return nil, err
		}
		if got.facts == nil || got.facts.License == "" {
			continue
		}
		at := m.locationOf(spec, f.Path)
		e, err := license.Read(got.facts.License)
		if err != nil {
			findings = append(findings, report.Finding{
				Verdict: report.Inconclusive, Subject: f.Path, Location: at,
				Message:  fmt.Sprintf("%s says that its licence is %s, which is not known", escaped(f.Path), quoted(got.facts.License)),
				Observed: quoted(got.facts.License), Hint: "find out which licence it means; write it into the file's metadata as SPDX does",
			})
			continue
		}
		sources = append(sources, licenseSource{f.Path, e, at})
	}
	if len(sources) == 0 {
		if findings == nil {
			findings = []report.Finding{{Verdict: report.Inconclusive, Message: "nothing says under which licence the model is", Observed: "none",
				Hint: "add license: to " + m.artifact.Path}}
		}
		return findings, nil
	}
	first := sources[0]
	agreed := []string{escaped(first.what)}
	for _, s := range sources[1:] {
		if license.Agree(first.license, s.license) {
			agreed = append(agreed, escaped(s.what))
			continue
		}
		findings = append(findings, report.Finding{
			Verdict: report.Fail, Subject: escaped(s.what), Location: s.location,
			Message:  fmt.Sprintf("%s says %s, %s says %s", escaped(first.what), first.license, escaped(s.what), s.license),
			Expected: first.license.String(), Observed: s.license.String(),
			Hint: "find out which holds, and mend the other",
		})
	}
	if findings == nil {
		message := fmt.Sprintf("only %s names a licence: %s", escaped(first.what), first.license)
		if last := len(agreed) - 1; last > 0 {
			message = fmt.Sprintf("%s and %s say %s", strings.Join(agreed[:last], ", "), agreed[last], first.license)
		}
		findings = []report.Finding{{Verdict: report.Pass, Message: message}}
	}
	return findings, nil
}

// cardLicenses is what the card says, nothing if it does not or cannot be read:
// card.license is about that. Several licences are a choice.
func (m *model) cardLicenses() []licenseSource {
	c := m.readCard().card
	if c == nil || len(c.Licenses) == 0 {
		return nil
	}
	var of []*license.Expression
	for _, l := range c.Licenses {
		e, err := license.Read(l.Value)
		if err != nil || e.ID == "LicenseRef-unknown" {
			return nil
		}
		of = append(of, e)
	}
	e := of[0]
	if len(of) > 1 {
		e = &license.Expression{Op: license.Or, Of: of}
	}
	return []licenseSource{{"the card", e, &report.Location{File: m.artifact.Resolve(m.artifact.Model.Card), Line: c.Licenses[0].Line}}}
}

// licenseNames are what files with a licence's text are called, in any case.
var licenseNames = []string{"LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "LICENCE.md", "LICENCE.txt", "COPYING", "LICENSE.rst"}

// maxLicense is how much is read of a file with a licence's text.
const maxLicense = 256 << 10

// licenseFiles recognises the texts beside the manifest and among the model's
// files. What is not recognised says nothing.
func (m *model) licenseFiles() []licenseSource {
	var out []licenseSource
	seen := map[string]bool{}
	add := func(name string, data []byte) {
		seen[strings.ToLower(name)] = true
		if e := license.Recognize(string(data)); e != nil {
			out = append(out, licenseSource{name, e, &report.Location{File: m.artifact.Resolve(name)}})
		}
	}
	for _, f := range m.files {
		if f.Size > maxLicense || !slices.ContainsFunc(licenseNames, func(n string) bool { return strings.EqualFold(path.Base(f.Path), n) }) {
			continue
		}
		if data, err := m.root.ReadFile(filepath.FromSlash(f.Path)); err == nil {
			add(f.Path, data[:min(len(data), maxLicense)])
		}
	}
	if m.opts.ReadFile == nil {
		return out
	}
	for _, name := range licenseNames {
		if seen[strings.ToLower(name)] {
			continue
		}
		if data, err := m.opts.ReadFile(m.artifact.Resolve(name)); err == nil {
			add(name, data[:min(len(data), maxLicense)])
		}
	}
	return out
}
