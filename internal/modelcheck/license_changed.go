package modelcheck

import (
	"context"
	"fmt"

	"github.com/waybill-dev/waybill/internal/license"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/schemas"
)

var licenseChanged = Rule{
	ID:    "license.changed",
	Doc:   "The licence is that of another version.",
	Group: report.GroupLicense,
	Params: map[string]any{
		"against":      map[string]any{"type": "string", "format": schemas.FormatReference, "description": "The version to compare with, such as \"#production\"; by default the newest one."},
		"firstRelease": map[string]any{"enum": []any{"allow", "refuse"}, "default": "refuse", "description": "What holds while there is no such version: it passes, or is INCONCLUSIVE."},
		"allow":        map[string]any{"type": "string", "minLength": 1, "description": "A licence that the model may change to."},
	},
	run: runLicenseChanged,
}

func runLicenseChanged(ctx context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	one := func(v report.Verdict, message, expected, observed, hint string) ([]report.Finding, error) {
		return []report.Finding{{Verdict: v, Message: message, Expected: expected, Observed: observed, Hint: hint}}, nil
	}
	var to *license.Expression
	if s, ok := spec.Params["allow"].(string); ok {
		var err error
		if to, err = license.Read(s); err != nil {
			return nil, fmt.Errorf("%s: allow: %w", spec.Pos, err)
		}
	}
	if m.opts.Previous == nil {
		return one(report.Inconclusive, "other versions are not known here", "", "", "run \"waybill check\" in the repository")
	}
	against, _ := spec.Params["against"].(string)
	was, err := m.opts.Previous(ctx, against)
	switch {
	case err != nil:
		return nil, err
	case was == nil && spec.Params["firstRelease"] == "allow":
		return one(report.Pass, "there is no version to compare with yet, and the check allows a first release", "", "", "")
	case was == nil:
		return one(report.Inconclusive, "there is no version to compare with", "", "", "a first release needs \"firstRelease: allow\" in the check")
	}
	if was.Problem != "" {
		return one(report.Inconclusive, fmt.Sprintf("the licence of %s is not known: %s", was.Name, escaped(was.Problem)), "", "", "fetch its commit: git fetch --unshallow")
	}
	now, missing := m.license()
	switch {
	case was.License == "" && m.artifact.License == "":
		return one(report.Inconclusive, fmt.Sprintf("the manifest declares no licence, nor did %s", was.Name), "", "none", missing.Hint)
	case missing != nil && m.artifact.License != "":
		return []report.Finding{*missing}, nil
	}
	before, err := license.Read(was.License)
	const hint = "tell who uses the model, and write allow: with the new licence into the check"
	switch {
	case missing != nil:
		return one(report.Fail, fmt.Sprintf("%s was under %s, and now no licence is declared", was.Name, escaped(was.License)), escaped(was.License), "none", "put license: back")
	case to != nil && license.Same(to, now):
		return one(report.Pass, fmt.Sprintf("the licence is %s, which the check allows to change to", now), "", "", "")
	case was.License == "":
		return one(report.Fail, fmt.Sprintf("%s declared no licence, and now it is %s", was.Name, now), "none", now.String(), hint)
	case err != nil:
		return one(report.Inconclusive, fmt.Sprintf("the licence of %s is not known: %s", was.Name, escaped(err.Error())), "", now.String(), hint)
	case license.Same(before, now):
		return one(report.Pass, fmt.Sprintf("the licence is %s, as of %s", now, was.Name), "", "", "")
	}
	return one(report.Fail, fmt.Sprintf("the licence has changed from %s (%s) to %s", before, was.Name, now), before.String(), now.String(), hint)
}
