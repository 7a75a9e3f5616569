package modelcheck

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/compat"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

var interfaceDeclared = Rule{
	ID:     "interface.declared",
	Doc:    "What the manifest declares under interface: is what the files tell: inputs, outputs, labels, their types and shapes.",
	Group:  report.GroupInterface,
	Always: true,
	run:    runInterfaceDeclared,
}

func runInterfaceDeclared(ctx context.Context, m *model, _ manifest.CheckSpec) ([]report.Finding, error) {
	if m.artifact.Model == nil || m.artifact.Model.Interface.IsZero() {
		return nil, nil
	}
	d, problem, err := describeRoot(ctx, m.artifact, m.root, m.files)
	if err != nil {
		return nil, err
	}
	if problem != "" {
		return []report.Finding{{Verdict: report.Inconclusive, Message: "the files do not tell the interface: " + escaped(problem), Hint: "see files.readable"}}, nil
	}
	file, declared := d.File, d.Manifest
	told := 0
	var findings []report.Finding
	for _, list := range []struct {
		what           string
		declared, file []compat.Port
		fits           func(declared, file int64) bool
	}{
		// An input promises to accept, an output what comes out.
		{"input", declared.Inputs, file.Inputs, func(d, f int64) bool { return f < 0 || d == f }},
		{"output", declared.Outputs, file.Outputs, func(d, f int64) bool { return d < 0 || f < 0 || d == f }},
	} {
		if list.declared != nil && list.file != nil {
			told++
			findings = append(findings, comparePorts(list.what, list.declared, list.file, list.fits)...)
		}
	}
	if declared.Labels != nil && file.Labels != nil {
		told++
		if !slices.Equal(declared.Labels, file.Labels) {
			findings = append(findings, mismatch("labels", "the labels are not those of the files", firstOf(declared.Labels), firstOf(file.Labels)))
		}
	}
	switch {
	case len(findings) > 0:
		return findings, nil
	case told == 0:
		return []report.Finding{{Verdict: report.Pass, Message: "the files do not tell their inputs, outputs or labels: the interface is taken as it is declared"}}, nil
	}
	return []report.Finding{{Verdict: report.Pass, Message: "the declared interface is that of the files"}}, nil
}

// comparePorts holds declared ports to those of the files.
func comparePorts(what string, declared, file []compat.Port, fits func(declared, file int64) bool) []report.Finding {
	is := make(map[string]compat.Port, len(file))
	for _, p := range file {
		is[p.Name] = p
	}
	var findings []report.Finding
	known := map[string]bool{}
	for _, d := range declared {
		known[d.Name] = true
		f, there := is[d.Name]
		switch {
		case !there:
			findings = append(findings, mismatch(d.Name, fmt.Sprintf("the files have no %s %s", what, escaped(d.Name)), d.String(), ""))
		case f.Type != "" && d.Type != f.Type, f.Kind != "tensor", d.Ranked && f.Ranked && !fit(d.Shape, f.Shape, fits):
			findings = append(findings, mismatch(d.Name, fmt.Sprintf("the %s %s is another one in the files", what, escaped(d.Name)), d.String(), f.String()))
		}
	}
	for _, f := range file {
		if !known[f.Name] && !f.Optional {
			findings = append(findings, mismatch(f.Name, fmt.Sprintf("the %s %s of the files is not declared", what, escaped(f.Name)), "", f.String()))
		}
	}
	return findings
}

func fit(declared, file []int64, fits func(declared, file int64) bool) bool {
	if len(declared) != len(file) {
		return false
	}
	for i := range declared {
		if !fits(declared[i], file[i]) {
			return false
		}
	}
	return true
}

func mismatch(subject, message, declared, file string) report.Finding {
	return report.Finding{
		Verdict: report.Fail, Subject: escaped(subject), Message: message, Expected: declared, Observed: escaped(file),
		Hint: "correct interface:, or export the model again; \"waybill inspect\" shows what the files tell",
	}
}

// firstOf writes the first of many texts.
func firstOf(texts []string) string {
	const most = 12
	s := escaped(strings.Join(texts[:min(len(texts), most)], ", "))
	if len(texts) > most {
		s += fmt.Sprintf(" and %d more", len(texts)-most)
	}
	return s
}
