package check

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/evalcheck"
	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// evaluation judges one model by its predictions.
type evaluation struct {
	w       *workspace.Workspace
	t       Target
	scratch *scratch

	checks    []manifest.CheckSpec // those of package evalcheck to be run
	set       *testSet             // nil when no evaluation dataset is declared
	candidate *predictions.Set
	pairs     map[string]*paired // by reference
}

// paired is what became of finding the predictions to compare with.
type paired struct {
	other *other
	pair  *predictions.Pair
	why   *cannot
}

// evaluateModel judges the gates of a model and its checks of evaluation, and
// shows what its predictions say.
func evaluateModel(ctx context.Context, w *workspace.Workspace, t Target) ([]report.Finding, []report.Section, error) {
	e := &evaluation{w: w, t: t, scratch: &scratch{}, pairs: map[string]*paired{}}
	e.checks, _ = evalcheck.Divide(t.Artifact)
	return e.all(ctx)
}

func (e *evaluation) all(ctx context.Context) ([]report.Finding, []report.Section, error) {
	a := e.t.Artifact
	var findings []report.Finding
	var sections []report.Section
	why := cannotf("add evaluation: to "+a.Path, "the model has no evaluation: that says where its predictions stand")
	if a.Model.Evaluation != nil || len(a.Model.Gates) > 0 {
		var err error
		if findings, sections, err = e.run(ctx); errors.As(err, &why) {
			f := e.finding("evaluation.predictions")
			f.Verdict, f.Message, f.Hint = report.Inconclusive, why.message, why.hint
			findings, err = []report.Finding{f}, nil
		}
		if err != nil {
			return nil, nil, errors.Join(err, e.scratch.remove())
		}
	}
	if len(e.checks) > 0 {
		more, shown, err := evalcheck.Run(ctx, a, e.checks, e.env(why))
		if err != nil {
			return nil, nil, errors.Join(err, e.scratch.remove())
		}
		findings, sections = append(findings, more...), append(sections, shown...)
	}
	for i := range sections {
		sections[i].Title = a.Name + ": " + sections[i].Title
	}
	return findings, sections, e.scratch.remove()
}

// env is what the checks of the catalog look at. why says why there are no
// predictions, when there are none.
func (e *evaluation) env(why *cannot) evalcheck.Env {
	public := func(c *cannot) *evalcheck.Cannot { return &evalcheck.Cannot{Message: c.message, Hint: c.hint} }
	return evalcheck.Env{
		Candidate: e.candidate,
		Why:       public(why),
		Samples:   e.w.Project.Samples,
		Pair: func(ctx context.Context, reference string) (*evalcheck.Other, error) {
			r, err := ref.ParseRelative(reference, e.t.Artifact.Name)
			if err != nil {
				return nil, public(cannotf("", "%v", err))
			}
			p, err := e.paired(ctx, r)
			switch {
			case err != nil:
				return nil, err
			case p.why != nil:
				return nil, public(p.why)
			}
			return &evalcheck.Other{Name: p.other.name, Pair: p.pair, First: p.other.first, Itself: p.other.itself}, nil
		},
		File: func(name string) (table.File, error) {
			f, why := e.t.result(name)
			if why != nil {
				return f, public(why)
			}
			return f, nil
		},
	}
}

// Compared decides again, as things are now, the gates and checks by which a
// registered version is compared with other versions: what it was compared with
// when it was registered may not be what it would replace. It reads evidence
// alone, not the weights. There are no findings when nothing is compared.
func Compared(ctx context.Context, w *workspace.Workspace, what workspace.Resolved) ([]report.Finding, error) {
	e := &evaluation{w: w, scratch: &scratch{}, pairs: map[string]*paired{}}
	a, lock, err := e.lockOf(ctx, what)
	if err != nil {
		return nil, err
	}
	if a.Model == nil {
		return nil, nil
	}
	e.checks, _ = evalcheck.Divide(a)
	e.checks = slices.DeleteFunc(slices.Clone(e.checks), func(s manifest.CheckSpec) bool { return s.Params["against"] == nil })
	compares := func(g manifest.Gate) bool { _, ok := compared(g); return ok }
	if len(e.checks) == 0 && !slices.ContainsFunc(a.Model.Gates, compares) {
		return nil, nil
	}
	e.t = Target{Artifact: a, Lock: lock, Content: what.ContentDigest, Commit: what.Commit}
	if err := e.own(ctx, what); err != nil {
		return nil, errors.Join(err, e.scratch.remove())
	}
	findings, _, err := e.all(ctx)
	return slices.DeleteFunc(findings, func(f report.Finding) bool {
		i := slices.IndexFunc(a.Model.Gates, func(g manifest.Gate) bool { return f.Location != nil && *g.Pos.Location() == *f.Location })
		return i >= 0 && !compares(a.Model.Gates[i])
	}), err
}

// own fetches the predictions that were pushed with the version under test.
func (e *evaluation) own(ctx context.Context, what workspace.Resolved) error {
	bound, ok := e.t.Lock.Evidence[evidence.Predictions]
	if !ok {
		return nil
	}
	repo, err := e.w.Repository(what.Name)
	if err != nil {
		return err
	}
	remote, err := artifact.Read(ctx, repo, what.Digest)
	if err != nil {
		return err
	}
	found, err := evidence.List(ctx, repo, remote.Desc, evidence.Predictions)
	if err != nil {
		return err
	}
	for _, f := range found {
		if string(f.Layer.Digest) == string(bound.Digest) {
			e.t.PredictionsDigest = bound.Digest
			e.t.Predictions, err = e.fetch(ctx, repo, f)
			return err
		}
	}
	return nil
}

func (e *evaluation) finding(check string) report.Finding {
	a := e.t.Artifact
	f := report.Finding{Check: check, Group: report.GroupEvaluation, Artifact: a.Name, Location: a.Pos.Location(), Verdict: report.Pass}
	if a.Model.Evaluation != nil {
		f.Location = a.Model.Evaluation.Pos.Location()
	}
	return f
}

func (e *evaluation) run(ctx context.Context) ([]report.Finding, []report.Section, error) {
	a := e.t.Artifact
	ev := a.Model.Evaluation
	switch {
	case ev == nil:
		return nil, nil, cannotf("add evaluation: to "+a.Path, "there are gates but no evaluation: that says where predictions stand")
	case e.t.Predictions == "":
		return nil, nil, cannotf("predict the evaluation dataset with this model and write that file", "there are no predictions: %s does not exist", ev.Predictions)
	}
	bound, isBound := e.bound()
	if isBound && bound.Model != e.t.Content {
		return nil, nil, cannotf("predict again with these weights",
			"the predictions are those of other weights: the model's files have changed since, the predictions have not")
	}
	var err error
	if e.set, err = e.testSet(ctx); err != nil {
		return nil, nil, err
	}
	if isBound && e.set != nil && bound.Dataset != "" {
		why, err := e.otherRows(ctx, &other{name: "this model"}, bound.Dataset, e.set)
		if err != nil {
			return nil, nil, err
		}
		if why != nil {
			return nil, nil, cannotf("predict the evaluation dataset again", "the predictions are of another test set: %s has changed since (content %s then, %s now)",
				e.set.name, bound.Dataset.Short(), e.set.content.Short())
		}
	}
	if e.candidate, err = e.read(ctx, table.File{Name: a.Resolve(ev.Predictions), Path: e.t.Predictions}, ev, true); err != nil {
		return nil, nil, err
	}
	return e.judge(ctx)
}

// bound is what the lock says about these predictions, if it knows them.
func (e *evaluation) bound() (manifest.EvidenceRef, bool) {
	if e.t.Lock == nil {
		return manifest.EvidenceRef{}, false
	}
	bound, ok := e.t.Lock.Evidence[evidence.Predictions]
	return bound, ok && bound.Digest == e.t.PredictionsDigest
}

// read reads predictions as a manifest says, with the rows of the evaluation
// dataset beside them. What is wrong with them is a *cannot.
func (e *evaluation) read(ctx context.Context, f table.File, ev *manifest.Evaluation, columns bool) (*predictions.Set, error) {
	s := specOf(f, ev)
	if e.set != nil {
		s.Dataset = e.set.files
	}
	if columns {
		specs := slices.Concat(ev.Slices, ev.Search)
		for _, g := range e.t.Artifact.Model.Gates {
			specs = append(specs, g.Slices...)
		}
		s.Columns = evaluate.SliceColumns(append(specs, evalcheck.Columns(e.checks)...))
	}
	set, err := predictions.Read(ctx, s)
	var data *table.DataError
	var column *predictions.ColumnError
	if errors.As(err, &data) || errors.As(err, &column) {
		return nil, &cannot{message: err.Error()}
	}
	return set, err
}

// specOf says how the evaluation of a manifest has its predictions read.
func specOf(f table.File, ev *manifest.Evaluation) predictions.Spec {
	return predictions.Spec{
		Files: []table.File{f}, Task: metric.Task(ev.Task), Key: ev.Key, Label: ev.Label, Prediction: ev.Prediction, Score: ev.Score,
		Scores: ev.Scores, Positive: ev.Positive, Threshold: ev.Threshold, Query: ev.Query, Cluster: ev.Cluster,
	}
}

// judge decides every gate.
func (e *evaluation) judge(ctx context.Context) ([]report.Finding, []report.Section, error) {
	m := e.t.Artifact.Model
	var findings []report.Finding
	if len(m.Gates) == 0 {
		f := e.finding("evaluation.predictions")
		f.Message = fmt.Sprintf("%s read; no gate is declared", report.Count(e.candidate.N, "prediction"))
		if len(e.candidate.Problems) > 0 {
			f.Verdict, f.Message = report.Inconclusive, "nothing can be measured: "+e.candidate.Problems[0]
		}
		findings = append(findings, f)
	}
	if n := e.candidate.Relabelled; n > 0 {
		f := e.finding("evaluation.labels")
		f.Verdict, f.Hint = report.Fail, "write the file of predictions anew from the evaluation dataset, or leave its labels out"
		f.Message = fmt.Sprintf("the predictions have another label than %s in %s; what is shown here is computed with the labels of the dataset", e.set.name, report.Count(n, "row"))
		findings = append(findings, f)
	}
	var answers []*evaluate.Answer
	for i, g := range m.Gates {
		f, answer, err := e.gate(ctx, g)
		if err != nil {
			return nil, nil, err
		}
		if f.Subject == "" {
			f.Subject = fmt.Sprintf("%s %d", g.Metric, i+1)
		}
		findings = append(findings, f)
		if answer != nil {
			answers = append(answers, answer)
		}
	}
	return findings, evaluate.Show(e.candidate, e.beside(), answers, m.Evaluation.Slices), nil
}

// beside is the pair that curves are drawn of: that of the first gate that
// compares.
func (e *evaluation) beside() *predictions.Pair {
	for _, g := range e.t.Artifact.Model.Gates {
		if r, ok := compared(g); ok && e.pairs[r.String()] != nil {
			return e.pairs[r.String()].pair
		}
	}
	return nil
}

// gate decides one. The answer is nil where nothing was compared or measured.
func (e *evaluation) gate(ctx context.Context, g manifest.Gate) (report.Finding, *evaluate.Answer, error) {
	f := e.finding("gate." + g.Metric)
	f.Severity, f.Location = g.Severity, g.Pos.Location()
	answer, err := e.answer(ctx, g, &f)
	if err != nil {
		return f, nil, err
	}
	if f.Verdict == report.Inconclusive && g.OnInconclusive == "warn" {
		f.Severity = report.Warning
	}
	return f, answer, nil
}

func (e *evaluation) answer(ctx context.Context, g manifest.Gate, f *report.Finding) (*evaluate.Answer, error) {
	asked := asked(g)
	asked.Search = len(e.t.Artifact.Model.Evaluation.Search) > 0
	r, compares := compared(g)
	if !compares {
		answer := evaluate.Judge(e.candidate, asked)
		fill(f, answer)
		return answer, nil
	}
	f.Subject = fmt.Sprintf("%s against %s", g.Metric, r)
	p, err := e.paired(ctx, r)
	if err != nil {
		return nil, err
	}
	bounds := g.Min != nil || g.Max != nil
	switch {
	case p.why != nil:
		f.Verdict, f.Message, f.Hint = report.Inconclusive, p.why.message, p.why.hint
	case p.other.first && g.FirstRelease == "allow":
		f.Message = fmt.Sprintf("there is no %s yet, and the gate allows a first release", r)
	case p.other.first:
		f.Verdict, f.Message = report.Inconclusive, fmt.Sprintf("there is no %s to compare with", r)
		f.Hint = "a first release needs \"firstRelease: allow\" in the gate"
	case p.other.itself:
		f.Message = fmt.Sprintf("this is %s itself", p.other.name)
	default:
		asked.Against = p.other.name
		answer := evaluate.JudgePair(p.pair, asked)
		fill(f, answer)
		return answer, nil
	}
	if !bounds {
		return nil, nil
	}
	// What cannot be compared must keep within its bounds all the same. Why it
	// cannot be compared is told unless they fail.
	asked.Against, asked.Better, asked.Margin, asked.Relative = "", false, nil, nil
	answer := evaluate.Judge(e.candidate, asked)
	if answer.Verdict == report.Fail || answer.Verdict != report.Pass && f.Verdict == report.Pass {
		fill(f, answer)
	}
	answer.Verdict = f.Verdict // bounds that hold are not all that was asked
	return answer, nil
}

// fill says in a finding what was answered.
func fill(f *report.Finding, answer *evaluate.Answer) {
	said := answer.Finding()
	f.Verdict, f.Message, f.Expected, f.Observed, f.Hint, f.Details = said.Verdict, said.Message, said.Expected, said.Observed, said.Hint, said.Details
}

// compared is the version that a gate compares with.
func compared(g manifest.Gate) (ref.Reference, bool) {
	switch {
	case g.NotWorseThan != nil:
		return *g.NotWorseThan, true
	case g.BetterThan != nil:
		return *g.BetterThan, true
	}
	return ref.Reference{}, false
}

// asked is a gate in the words of package evaluate.
func asked(g manifest.Gate) evaluate.Gate {
	out := evaluate.Gate{
		Metric: g.Metric, Min: g.Min, Max: g.Max, Better: g.BetterThan != nil, Margin: g.Margin, Relative: g.Relative,
		Confidence: g.Confidence, Decide: g.Sure, Slices: g.Slices,
	}
	if g.PerSlice != nil {
		out.MinRows, out.SliceMargin = g.PerSlice.MinRows, g.PerSlice.Margin
	}
	return out
}

// paired finds, once for each reference, the predictions to compare with.
func (e *evaluation) paired(ctx context.Context, r ref.Reference) (*paired, error) {
	if p := e.pairs[r.String()]; p != nil {
		return p, nil
	}
	p := &paired{}
	e.pairs[r.String()] = p
	err := e.pair(ctx, r, p)
	if errors.As(err, &p.why) {
		err = nil
	}
	return p, err
}

func (e *evaluation) pair(ctx context.Context, r ref.Reference, p *paired) error {
	var err error
	if p.other, err = e.baseline(ctx, r, e.set); err != nil || p.other.file == "" {
		return err
	}
	set, err := e.read(ctx, table.File{Name: p.other.name + "/" + filepath.Base(p.other.file), Path: p.other.file}, p.other.ev, false)
	if err != nil {
		return err
	}
	p.pair = predictions.Join(e.candidate, set)
	if p.other.note != "" {
		p.pair.Notes = append(p.pair.Notes, p.other.note)
	}
	return nil
}

// Evaluate runs only what concerns the evaluation of models.
func Evaluate(ctx context.Context, w *workspace.Workspace, targets ...Target) (*report.Report, error) {
	var findings []report.Finding
	var sections []report.Section
	for _, t := range targets {
		f, s, err := evaluateModel(ctx, w, t)
		if err != nil {
			return nil, fmt.Errorf("evaluate %s: %w", t.Artifact.Name, err)
		}
		if f == nil {
			none := (&evaluation{t: t}).finding("evaluation.predictions")
			none.Verdict, none.Message, none.Hint = report.Inconclusive, "there is neither an evaluation nor a gate", "add evaluation: to "+t.Artifact.Path
			f = append(f, none)
		}
		findings, sections = append(findings, f...), append(sections, s...)
	}
	return report.New(findings, sections...), nil
}
