package modelcheck

import (
	"context"
	"fmt"
	"regexp"

	"github.com/waybill-dev/waybill/internal/compat"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/schemas"
)

var interfaceCompatible = Rule{
	ID:    "interface.compatible",
	Doc:   "Callers of another version do not break: the rules that compatibility: has in use hold.",
	Group: report.GroupInterface,
	Params: map[string]any{
		"against":      map[string]any{"type": "string", "format": schemas.FormatReference, "description": "The version to compare with, such as \"#production\"; by default the newest one."},
		"firstRelease": map[string]any{"enum": []any{"allow", "refuse"}, "default": "refuse", "description": "What holds while there is no such version: it passes, or is INCONCLUSIVE."},
	},
	run: runInterfaceCompatible,
}

// maxBreaks is how many breaks are findings of their own.
const maxBreaks = 50

func runInterfaceCompatible(ctx context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	one := func(v report.Verdict, message, hint string) ([]report.Finding, error) {
		return []report.Finding{{Verdict: v, Message: message, Hint: hint}}, nil
	}
	if m.opts.Baseline == nil {
		return one(report.Inconclusive, "other versions are not known here", "run \"waybill check\" in the repository")
	}
	against, _ := spec.Params["against"].(string)
	was, err := m.opts.Baseline(ctx, against)
	switch {
	case err != nil:
		return nil, err
	case was == nil && spec.Params["firstRelease"] == "allow":
		return one(report.Pass, "there is no version to compare with yet, and the check allows a first release", "")
	case was == nil:
		return one(report.Inconclusive, "there is no version to compare with", "a first release needs \"firstRelease: allow\" in the check")
	}
	now, problem, err := describeRoot(ctx, m.artifact, m.root, m.files)
	switch {
	case err != nil:
		return nil, err
	case was.Problem != "":
		return one(report.Inconclusive, fmt.Sprintf("the interface of %s is not known: %s", was.Name, escaped(was.Problem)), "run \"waybill doctor\"; \"git fetch --unshallow\" brings its commit")
	case problem != "":
		return one(report.Inconclusive, "the files do not tell the interface: "+escaped(problem), "see files.readable")
	case !told(was.Described) || !told(now):
		return one(report.Inconclusive, fmt.Sprintf("the inputs and outputs are not known, here or in %s: the files do not tell them, and none are declared", was.Name), "declare them under interface: in "+m.artifact.Path)
	}
	breaks := compat.Check(was.Described, now, compat.ConfigOf(m.artifact))
	breaking := compat.Breaking(breaks)
	var findings []report.Finding
	for _, b := range breaking[:min(len(breaking), maxBreaks)] {
		findings = append(findings, report.Finding{
			Verdict: report.Fail, Rule: b.Rule, Subject: escaped(b.Name),
			Message:  fmt.Sprintf("callers of %s break: %s. %s", was.Name, escaped(b.Message), compat.Why(b.Rule)),
			Expected: escaped(b.From), Observed: escaped(b.To),
			Hint:    fmt.Sprintf("keep it as it was, register a version that says so, or accept it: %s under compatibility: ignore:", accepted(b)),
			Details: map[string]any{"class": string(b.Class), "baseline": was.Name, "breaks": len(breaking)},
		})
	}
	if findings != nil {
		return findings, nil
	}
	message := fmt.Sprintf("callers of %s do not break", was.Name)
	if n := len(breaks); n > 0 {
		message += fmt.Sprintf("; %d accepted under compatibility:", n)
	}
	return one(report.Pass, message, "")
}

// accepted is what lets one break pass, and no other of its rule.
func accepted(b compat.Break) string {
	if b.Name == "" {
		return fmt.Sprintf("{rule: %s, reason: …}", b.Rule)
	}
	name := escaped(b.Name)
	if !plainName.MatchString(name) {
		name = quoted(b.Name)
	}
	return fmt.Sprintf("{rule: %s, name: %s, reason: …}", b.Rule, name)
}

// plainName is a text that YAML takes for itself between braces.
var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./-]*$`)

// told tells whether anything is known of what goes in or comes out.
func told(d compat.Described) bool {
	return d.File.Inputs != nil || d.File.Outputs != nil || d.File.Labels != nil || d.Manifest.Inputs != nil || d.Manifest.Outputs != nil || d.Manifest.Labels != nil
}
