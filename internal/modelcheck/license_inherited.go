package modelcheck

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/license"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

var licenseInherited = Rule{
	ID:    "license.inherited",
	Doc:   "The licences of the base models and datasets that the model was made from allow its own.",
	Group: report.GroupLicense,
	Params: map[string]any{
		"licenses": map[string]any{
			"type": "object", "additionalProperties": map[string]any{"type": "string", "minLength": 1},
			"description": "Licences of base models and datasets by name, where the repository does not say.",
		},
		"reviewed": map[string]any{
			"type": "object", "additionalProperties": map[string]any{"type": "string", "minLength": 1},
			"description": "Base models and datasets, by name, whose licence somebody has looked at and found to fit, with the reason.",
		},
	},
	run: runLicenseInherited,
}

// origin is something that the model was made from.
type origin struct {
	name     string
	dataset  bool
	location *report.Location // nil for the entry's own
}

func runLicenseInherited(_ context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	given := map[string]*license.Expression{}
	for name, s := range textsByName(spec.Params["licenses"]) {
		e, err := license.Read(s)
		if err != nil {
			return nil, fmt.Errorf("%s: licenses: %s: %w", spec.Pos, name, err)
		}
		given[name] = e
	}
	reviewed := textsByName(spec.Params["reviewed"])
	own, missing := m.license()
	if missing != nil {
		return []report.Finding{*missing}, nil
	}
	origins := m.origins()
	var findings []report.Finding
	for _, o := range origins {
		f := report.Finding{Subject: escaped(o.name), Location: o.location}
		if reason, ok := reviewed[o.name]; ok {
			f.Verdict, f.Message = report.Pass, fmt.Sprintf("the licence of %s was looked at: %s", escaped(o.name), escaped(reason))
			findings = append(findings, f)
			continue
		}
		m.judgeOrigin(&f, o, own, given[o.name])
		findings = append(findings, f)
	}
	if findings == nil {
		findings = []report.Finding{{Verdict: report.Pass, Message: "the model names no base model and no dataset that it was made from"}}
	}
	return findings, nil
}

// judgeOrigin fills in what the licence of o says about the model's own. That a
// model is a derivative of its base model is agreed on; whether it is one of
// the data that it was trained on is not, so that there the answer is never
// more than that somebody should look.
func (m *model) judgeOrigin(f *report.Finding, o origin, own, of *license.Expression) {
	what, verdict := "base model", report.Fail
	if o.dataset {
		what, verdict = "dataset", report.Inconclusive
	}
	name := what + " " + escaped(o.name)
	review := fmt.Sprintf("have it looked at, and note the outcome: reviewed: {%s: REASON}", escaped(o.name))
	if of == nil {
		var why string
		if of, why = m.licenseOf(o); of == nil {
			f.Verdict, f.Message = report.Inconclusive, fmt.Sprintf("the licence of the %s is not known: %s", name, why)
			f.Expected, f.Observed = "a licence that allows "+own.String(), "not known"
			f.Hint = fmt.Sprintf("write it into this check: licenses: {%s: SPDX-ID}", escaped(o.name))
			return
		}
	}
	f.Expected, f.Observed = "a licence that allows "+own.String(), of.String()
	switch c := license.Compatible(own, of); c.Answer {
	case license.Yes:
		f.Verdict, f.Message = report.Pass, fmt.Sprintf("the licence of the %s fits: %s", name, c.Reason)
	case license.Unclear:
		f.Verdict, f.Message, f.Hint = report.Inconclusive, fmt.Sprintf("whether the licence of the %s allows that of the model is unclear: %s", name, c.Reason), review
	default:
		f.Verdict, f.Message, f.Hint = verdict, fmt.Sprintf("the licence of the %s does not allow that of the model: %s", name, c.Reason), "use another one, publish the model under another licence, or "+review
		if o.dataset {
			f.Message, f.Hint = fmt.Sprintf("the terms of the %s may not allow the model's licence: %s", name, c.Reason), review
		}
	}
}

// licenseOf finds the licence of an origin: an artifact of the repository, or a
// family of models that everybody knows.
func (m *model) licenseOf(o origin) (*license.Expression, string) {
	if m.opts.License != nil {
		if s, ok := m.opts.License(o.name); ok {
			if s == "" {
				return nil, "its manifest declares none"
			}
			e, err := license.Read(s)
			if err != nil {
				return nil, escaped(err.Error())
			}
			return e, ""
		}
	}
	if !o.dataset {
		if e := license.OfModel(o.name); e != nil {
			return e, ""
		}
	}
	return nil, "it is not in this repository"
}

// origins are the base models that the card names, and the datasets that the
// model was made from; one that only evaluates it leaves nothing in it.
func (m *model) origins() []origin {
	var out []origin
	if c := m.readCard().card; c != nil {
		for _, b := range c.BaseModels {
			if !slices.ContainsFunc(out, func(o origin) bool { return o.name == b.Value }) && !strings.EqualFold(b.Value, m.artifact.Name) {
				out = append(out, origin{b.Value, false, &report.Location{File: m.artifact.Resolve(m.artifact.Model.Card), Line: b.Line}})
			}
		}
	}
	used := m.datasets()
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if used[name] {
			out = append(out, origin{name: name, dataset: true})
		}
	}
	return out
}

// textsByName reads a parameter that is a mapping of texts.
func textsByName(v any) map[string]string {
	out := map[string]string{}
	given, _ := v.(map[string]any)
	for name, v := range given {
		if s, ok := v.(string); ok {
			out[name] = s
		}
	}
	return out
}
