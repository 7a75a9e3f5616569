// Package evalcheck is the catalog of checks on what a model answers:
//
//	own, rest := evalcheck.Divide(artifact)
//	findings, sections, err := evalcheck.Run(ctx, artifact, own, evalcheck.Env{Candidate: set, File: open})
//
// They ask what a gate on one metric cannot: whether groups of people are
// treated alike, how many answers change, whether probabilities can be believed,
// how the model behaves on cases made for it, whether a converted model answers
// as the original does, and how long an answer takes.
//
// A verdict is one of a bound: PASS when the whole interval keeps the limit,
// FAIL when all of it is beyond, INCONCLUSIVE in between. confidence is
// one-sided, that of each bound, 0.95 by default; the interval shown has both
// bounds and so 0.90. A limit that allows nothing (every case passes, no
// value differs) is about the rows that were looked at, and decided by them.
// Where one check makes several claims, all of them must hold for a PASS, each
// at its confidence (an intersection-union test: R. L. Berger, "Multiparameter
// hypothesis testing and acceptance sampling", Technometrics 24, 1982); a FAIL
// of any is corrected for how many there are.
//
// What cannot be known is INCONCLUSIVE with the reason. What is wrong with the
// manifest is an error of type manifest.Errors.
//
// To add a check, add a file with its Rule and a line to catalog.
package evalcheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
	"github.com/waybill-dev/waybill/schemas"
)

// catalog is in the order of the documentation.
var catalog = []Rule{
	fairness,
	churn,
	calibration,
	behaviours,
	outputParity,
	latencies,
}

const (
	prefix = "evaluation."
	docs   = "https://waybill.dev/evaluation-checks#"
)

// Rule is one check.
type Rule struct {
	ID       string         // as manifests write it
	Doc      string         // one sentence: what it holds a model to
	Params   map[string]any // draft-07 properties of its parameters
	Required []string       // those without a default

	files []string // parameters that name a file
	// bind makes a judge of an entry. What the entry has wrong is noted in
	// params and becomes an error with its position.
	bind func(p *params) judge
}

// judge looks at the evidence. Of its findings, Run fills in what all findings
// of a check share. An error that is a *Cannot becomes INCONCLUSIVE.
type judge func(ctx context.Context, env *Env) ([]report.Finding, []report.Section, error)

// Env is what checks look at.
type Env struct {
	// Candidate is the model's predictions; nil where Why says why there are
	// none.
	Candidate *predictions.Set
	Why       *Cannot
	// Pair finds the predictions of another version of the model for the same
	// rows: the one that a reference names. Its error is a *Cannot when they
	// cannot be had.
	Pair func(ctx context.Context, reference string) (*Other, error)
	// File opens a file by its path relative to the manifest. Its error is a
	// *Cannot when it is not there or was made with other weights.
	File    func(name string) (table.File, error)
	Samples manifest.Samples // how much of a row may be shown
}

// Other is a version to compare with.
type Other struct {
	Name string // for people: "sentiment@v1.2.0"
	Pair *predictions.Pair
	// First says that there is no such version yet, Itself that it has the
	// content of the model under test. Pair is nil then.
	First, Itself bool
}

// Cannot says why something cannot be judged, and what to do about it.
type Cannot struct{ Message, Hint string }

func (c *Cannot) Error() string { return c.Message }

func cannot(hint, format string, args ...any) *Cannot {
	return &Cannot{Message: fmt.Sprintf(format, args...), Hint: hint}
}

// Catalog returns all checks in the order of the documentation.
func Catalog() []Rule { return slices.Clone(catalog) }

// Schemas returns what the catalog contributes to the schema of model.yaml.
func Schemas() []schemas.Check {
	out := make([]schemas.Check, len(catalog))
	for i, r := range catalog {
		out[i] = schemas.Check{ID: r.ID, Doc: r.Doc, Params: r.Params, Required: r.Required}
	}
	return out
}

// Divide returns the entries of checks: that are of this catalog, and the
// others.
func Divide(a *manifest.Artifact) (own, rest []manifest.CheckSpec) {
	for _, s := range a.Checks {
		if strings.HasPrefix(s.Check, prefix) {
			own = append(own, s)
		} else {
			rest = append(rest, s)
		}
	}
	return own, rest
}

// Files returns the files that entries of this catalog name, as they name them
// (relative to the manifest), in order and each once.
func Files(a *manifest.Artifact) []string {
	var out []string
	own, _ := Divide(a)
	for _, s := range own {
		r, _ := find(s.Check)
		for _, name := range r.files {
			if file, _ := s.Params[name].(string); file != "" && !slices.Contains(out, file) {
				out = append(out, file)
			}
		}
	}
	return out
}

// Columns returns the columns that entries need beside those that evaluation:
// names, in order and each once: to be read with the predictions.
func Columns(own []manifest.CheckSpec) []string {
	var specs []string
	for _, s := range own {
		if s.Check == fairness.ID {
			specs = append(specs, s.Columns...)
		}
	}
	return evaluate.SliceColumns(specs)
}

func find(id string) (Rule, bool) {
	i := slices.IndexFunc(catalog, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return Rule{}, false
	}
	return catalog[i], true
}

// Run runs the entries of a model that Divide gave. Findings and sections are
// in the order of the entries. Any error but manifest.Errors means that the
// outcome is unknown.
func Run(ctx context.Context, a *manifest.Artifact, own []manifest.CheckSpec, env Env) ([]report.Finding, []report.Section, error) {
	judges := make([]judge, len(own))
	var mistakes manifest.Errors
	for i, s := range own {
		p := &params{spec: s}
		if r, ok := find(s.Check); ok {
			judges[i] = r.bind(p)
		} else {
			p.unknown()
		}
		if p.err != nil {
			mistakes = append(mistakes, p.err)
		}
	}
	if len(mistakes) > 0 {
		return nil, nil, mistakes
	}
	var findings []report.Finding
	var sections []report.Section
	seen := map[[2]string]int{}
	for i, s := range own {
		found, shown, err := judges[i](ctx, &env)
		if err == nil {
			err = ctx.Err()
		}
		why := (*Cannot)(nil)
		switch {
		case errors.As(err, &why):
			found, shown = []report.Finding{{Verdict: report.Inconclusive, Message: why.Message, Hint: why.Hint}}, nil
		case err != nil:
			return nil, nil, fmt.Errorf("check %s: %s: %w", a.Name, s.Check, err)
		}
		for _, f := range found {
			f = complete(f, a, s)
			// Two entries may ask the same; their findings must have different
			// IDs all the same.
			key := [2]string{f.Check, f.Subject}
			if seen[key]++; seen[key] > 1 {
				f.Subject = strings.TrimSpace(fmt.Sprintf("%s (%d)", f.Subject, seen[key]))
			}
			findings = append(findings, f)
		}
		sections = append(sections, shown...)
	}
	return findings, sections, nil
}

// complete fills in what all findings of a check share.
func complete(f report.Finding, a *manifest.Artifact, s manifest.CheckSpec) report.Finding {
	f.Check, f.Rule, f.Group, f.Artifact, f.Doc = s.Check, s.Check, report.GroupEvaluation, a.Name, docs+s.Check
	f.Severity = cmp.Or(s.Severity, report.Error)
	if f.Verdict == report.Inconclusive && s.Params["onInconclusive"] == "warn" && f.Severity == report.Error {
		f.Severity = report.Warning
	}
	if f.Location = s.Pos.Location(); f.Location == nil {
		f.Location = a.Pos.Location()
	}
	return f
}

// predicted returns the model's predictions, or why there are none to judge.
func (e *Env) predicted() (*predictions.Set, error) {
	switch {
	case e.Candidate == nil && e.Why != nil:
		return nil, e.Why
	case e.Candidate == nil:
		return nil, cannot("add evaluation: to model.yaml", "there are no predictions")
	case len(e.Candidate.Problems) > 0:
		return nil, cannot("correct the file of predictions", "nothing can be computed: %s", text(strings.Join(e.Candidate.Problems, "; ")))
	case e.Candidate.Sample == nil || e.Candidate.Sample.N == 0:
		return nil, cannot("predict the evaluation dataset", "there are no predictions to judge: the file has no rows")
	}
	return e.Candidate, nil
}

// open opens a file that an entry names.
func (e *Env) open(name string) (table.File, error) {
	if e.File == nil {
		return table.File{}, cannot("run \"waybill check\" where the file is", "%s is not at hand", quoted(name))
	}
	return e.File(name)
}

// unreadable makes what is wrong with the contents of a file a *Cannot.
func unreadable(err error, hint string) error {
	if data := (*table.DataError)(nil); errors.As(err, &data) {
		return cannot(hint, "%s", text(err.Error()))
	}
	return err
}

// unknown reports an entry that no check is called.
func (p *params) unknown() {
	ids := make([]string, len(catalog))
	for i, r := range catalog {
		ids[i] = r.ID
	}
	hint := ""
	if near := ref.Nearest(p.spec.Check, ids); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	p.mistakef(hint, "there is no check %s", quoted(p.spec.Check))
}
