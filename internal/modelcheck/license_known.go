package modelcheck

import (
	"context"
	"fmt"

	"github.com/waybill-dev/waybill/internal/license"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// A licence that cannot be read is only a warning unless the manifest asks for
// more: manifests that were fine before should not fail for it.
var licenseKnown = Rule{
	ID:      "license.known",
	Doc:     "The licence of the manifest is an SPDX expression, or an id of the Hugging Face Hub.",
	Group:   report.GroupLicense,
	Always:  true,
	Unasked: report.Warning,
	run:     runLicenseKnown,
}

func runLicenseKnown(_ context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	written := m.artifact.License
	if written == "" && spec.Pos == (manifest.Pos{}) {
		return nil, nil
	}
	e, f := m.license()
	if f != nil {
		f.Verdict = report.Fail
		return []report.Finding{*f}, nil
	}
	for _, l := range e.Licenses() {
		if !license.Deprecated(l.ID) {
			continue
		}
		hint := "see https://spdx.org/licenses/ for the id that took its place"
		if _, err := license.Parse(l.ID + "-only"); err == nil {
			hint = fmt.Sprintf("write %[1]s-only or %[1]s-or-later: it makes a difference", l.ID)
		}
		return []report.Finding{{
			Verdict:  report.Fail,
			Message:  fmt.Sprintf("the licence %s is known, but SPDX has deprecated it", l.ID),
			Expected: "a current id of SPDX", Observed: quoted(written), Hint: hint,
		}}, nil
	}
	return []report.Finding{{Verdict: report.Pass, Message: fmt.Sprintf("the licence is %s (%s)", e, license.PropertiesOf(e))}}, nil
}

// license reads the licence that the manifest declares. Without one that can be
// read there is a finding instead, which is INCONCLUSIVE.
func (m *model) license() (*license.Expression, *report.Finding) {
	written := m.artifact.License
	f := &report.Finding{Verdict: report.Inconclusive, Expected: "an SPDX expression"}
	if written == "" {
		f.Message, f.Observed = "the manifest declares no licence", "none"
		f.Hint = "add license: with an id of https://spdx.org/licenses/ to " + m.artifact.Path
		return nil, f
	}
	e, err := license.Read(written)
	if err != nil {
		f.Message, f.Observed = "the manifest's licence is not known: "+escaped(err.Error()), quoted(written)
		f.Hint = "write an id of https://spdx.org/licenses/, or LicenseRef-NAME for one that is not listed there"
		return nil, f
	}
	return e, nil
}
