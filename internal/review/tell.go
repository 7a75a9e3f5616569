package review

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/changes"
	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/policy"
	"github.com/waybill-dev/waybill/internal/promotion"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Options say what to tell.
type Options struct {
	// Base is the commit to compare with, "" when there is none: everything
	// counts as added. Both commits must be at hand.
	Base string
	// Head is the commit that the working tree stands at; "" is HEAD.
	Head string
	// Names are the artifacts to tell of, with what depends on them; nil: all.
	Names []string
	// Samples is how much of rows may be shown, where base and head allow more; ""
	// is as much as they allow.
	Samples manifest.Samples
	// Note hears of progress; it may be nil.
	Note func(string)
}

// teller is one Tell at work.
type teller struct {
	w       *workspace.Workspace
	o       Options
	sides   *sides
	policy  *manifest.Project // of the base; of the head while there is none
	state   *ledger.State     // nil when the ledger could not be read
	scratch string
	story   *Story
}

// Tell compares base and head. What could not be found out about an artifact is
// an INCONCLUSIVE finding of it; an error means that there is no story.
func Tell(ctx context.Context, w *workspace.Workspace, o Options) (*Story, error) {
	if o.Head == "" {
		head, err := w.Repo.Head()
		if err != nil {
			return nil, err
		}
		o.Head = head.Hash
	}
	s := &Story{APIVersion: report.APIVersion, Kind: Kind, Base: o.Base, Head: o.Head, Total: len(w.Artifacts),
		Artifacts: []Artifact{}, Findings: []report.Finding{}}
	t := &teller{w: w, o: o, story: s}
	var err error
	if t.sides, err = readSides(w, o.Base, o.Head); err != nil {
		return nil, err
	}
	for _, name := range o.Names {
		if t.sides.byName[name] == nil { // it may have been removed
			if _, err := w.Artifact(name); err != nil {
				return nil, err
			}
		}
	}
	s.Bootstrap, s.Project = t.sides.project == nil, t.sides.projectChange()
	t.policy = t.sides.project
	if s.Bootstrap {
		t.policy = w.Project
	} else {
		s.Findings = append(s.Findings, policy.Compare(policy.Side{Project: t.sides.project, Artifacts: t.sides.artifacts},
			policy.Side{Project: w.Project, Artifacts: w.Artifacts})...)
		found, err := t.sides.signers(w, o.Base, o.Head)
		if err != nil {
			return nil, err
		}
		s.Findings = append(s.Findings, found...)
	}
	s.Findings = append(s.Findings, t.sides.problems...)
	defer func(p *manifest.Project) { w.Project = p }(w.Project)
	w.Project = t.sides.shown(w.Project, o.Samples)
	subjects := t.sides.subjects(w, o.Names)
	if len(subjects) > 0 {
		if err := t.readLedger(ctx); err != nil {
			return nil, err
		}
		if t.scratch, err = os.MkdirTemp("", "waybill-review-"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(t.scratch)
	}
	for i, sub := range subjects {
		a, err := t.one(ctx, i, sub)
		if err != nil {
			return nil, err
		}
		s.Artifacts = append(s.Artifacts, *a)
	}
	s.finish()
	return s, nil
}

// finish adds up, and sorts what needs a reader first. A verdict that is there
// already is never bettered: a story that was read may have lost the findings
// that it came from.
func (s *Story) finish() {
	var all []report.Finding
	for i := range s.Artifacts {
		a := &s.Artifacts[i]
		r := report.New(a.Findings)
		a.Findings, a.Verdict, a.Summary = r.Findings, worse(a.Verdict, r.Verdict), r.Summary
		s.Verdict = worse(s.Verdict, a.Verdict)
		all = append(all, r.Findings...)
	}
	r := report.New(s.Findings)
	s.Findings = r.Findings
	sum, verdict := report.Summarize(append(all, r.Findings...))
	s.Summary, s.Verdict = sum, worse(s.Verdict, verdict)
	sorting.Stable(s.Artifacts, func(a, b Artifact) int {
		if a.rank() != b.rank() {
			return a.rank() - b.rank()
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// worse is the worse of two verdicts; what is none does not count.
func worse(a, b report.Verdict) report.Verdict {
	for _, v := range []report.Verdict{report.Fail, report.Inconclusive} {
		if a == v || b == v {
			return v
		}
	}
	return report.Pass
}

func (a *Artifact) rank() int {
	switch {
	case a.Verdict == report.Fail:
		return 0
	case a.Verdict == report.Inconclusive:
		return 1
	case a.Change == Dependent:
		return 4
	case a.Change == Removed:
		return 3
	}
	return 2
}

// readLedger keeps the state of the ledger. A review without it is worth
// something all the same: the checks that need it say so themselves.
func (t *teller) readLedger(ctx context.Context) error {
	l, err := t.w.Ledger(ctx)
	if err == nil {
		t.state = l.State
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f := finding("review.ledger", "", nil)
	f.Severity, f.Verdict = report.Warning, report.Inconclusive
	f.Message, f.Hint = "what the stages hold is not known: "+err.Error(), "run again when the repository's remote can be reached"
	t.story.Findings = append(t.story.Findings, f)
	return nil
}

func finding(check, artifact string, at *report.Location) report.Finding {
	return report.Finding{Check: check, Group: report.GroupState, Artifact: artifact, Location: at, Verdict: report.Pass, Severity: report.Error}
}

func (t *teller) note(s string) {
	if t.o.Note != nil {
		t.o.Note(s)
	}
}

// one tells of one artifact.
func (t *teller) one(ctx context.Context, i int, sub subject) (*Artifact, error) {
	a := &Artifact{Name: sub.name(), Kind: string(sub.any().Kind), Path: sub.any().Path, Change: sub.change, Parts: nonNil(sub.parts), Because: nonNil(sub.because),
		Dependents: []string{}, Findings: []report.Finding{}, Evaluation: []report.Section{}, Diff: []report.Section{}, Stages: []Stage{}}
	t.note(a.Name + ": " + string(a.Change))
	if sub.any().Dataset != nil {
		a.Dependents = nonNil(changes.Dependents(t.w, a.Name, nil))
	}
	if sub.change == Removed {
		t.removed(a, sub)
		return a, nil
	}
	target, err := t.target(ctx, sub.head, filepath.Join(t.scratch, strconv.Itoa(i), "files"))
	if err == nil {
		a.To = target.Content
		err = t.check(ctx, a, sub, target)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	checked := err == nil
	if !checked {
		a.Findings = append(a.Findings, t.unchecked(sub.head, err))
	}
	if err := t.diff(ctx, a, sub, target); err != nil {
		return nil, err
	}
	if sub.change != Dependent && checked {
		t.stages(a)
	}
	return a, nil
}

// unchecked is why an artifact could not be checked. A lock that is none, as
// after a merge with conflicts, is wrong; the rest nobody knows yet.
func (t *teller) unchecked(m *manifest.Artifact, err error) report.Finding {
	if _, lockErr := t.w.Lock(m); lockErr != nil && !errors.Is(lockErr, fs.ErrNotExist) {
		f := finding("lock.current", m.Name, &report.Location{File: m.LockPath(), Line: 1})
		f.Verdict, f.Message, f.Hint = report.Fail, "the lock cannot be read, so nothing was checked: "+lockErr.Error(), "waybill lock "+m.Name
		return f
	}
	f := finding("review.check", m.Name, m.Pos.Location())
	f.Verdict, f.Message = report.Inconclusive, "it could not be checked: "+err.Error()
	return f
}

// target is the artifact as the working tree has it or, where its files are not
// in Git, as its lock names it.
func (t *teller) target(ctx context.Context, m *manifest.Artifact, dir string) (check.Target, error) {
	target, err := check.Working(ctx, t.w, m)
	if !errors.Is(err, fs.ErrNotExist) || target.Lock == nil || !target.Lock.Pushed() || !check.Absent(ctx, t.w, m, target.Lock) {
		return target, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return target, err
	}
	return check.Fetched(ctx, t.w, m, target.Lock, dir)
}

func (t *teller) check(ctx context.Context, a *Artifact, sub subject, target check.Target) error {
	r, err := check.Run(ctx, t.w, target)
	if err != nil {
		return err
	}
	a.Findings = append(a.Findings, r.Findings...)
	a.Evaluation = append(a.Evaluation, r.Sections...)
	had := false
	if sub.base != nil {
		_, err := t.w.LockAt(t.o.Base, sub.base)
		had = !errors.Is(err, fs.ErrNotExist)
	}
	a.Findings = append(a.Findings, locked(target, had))
	return nil
}

// locked says whether the lock that is reviewed is that of the files; had, whether
// the base has one.
func locked(target check.Target, had bool) report.Finding {
	m := target.Artifact
	f := finding("lock.current", m.Name, &report.Location{File: m.LockPath(), Line: 1})
	switch {
	case target.Lock == nil && had:
		f.Verdict, f.Location = report.Fail, m.Pos.Location()
		f.Message, f.Hint = "its lock is gone, so nothing says which content is meant", "waybill push "+m.Name
	case target.Lock == nil:
		f.Severity, f.Verdict, f.Location = report.Warning, report.Fail, m.Pos.Location()
		f.Message, f.Hint = "it has no lock yet, so it cannot be registered", "waybill push "+m.Name
	case target.Lock.ContentDigest != target.Content:
		f.Verdict, f.Message, f.Hint = report.Fail, "the lock names other content than the files have", "waybill push "+m.Name
		f.Expected, f.Observed = target.Lock.ContentDigest.Short(), target.Content.Short()
	default:
		f.Message = "the lock is that of the files"
	}
	return f
}

// removed tells what still uses an artifact that is gone.
func (t *teller) removed(a *Artifact, sub subject) {
	if lock, err := t.w.LockAt(t.o.Base, sub.base); err == nil {
		a.From = lock.ContentDigest
	}
	if len(a.Dependents) > 0 {
		f := finding("review.removed", a.Name, &report.Location{File: a.Path})
		f.Severity, f.Verdict = report.Warning, report.Fail
		f.Message = "it is removed, and models are made from it: " + strings.Join(a.Dependents, ", ")
		a.Findings = append(a.Findings, f)
	}
	if t.state == nil || t.state.Artifacts[a.Name] == nil {
		return
	}
	stages := t.state.Artifacts[a.Name].Stages
	for _, s := range t.policy.Stages {
		if there := stages[s.Name]; there != nil {
			a.Stages = append(a.Stages, Stage{Name: s.Name, Now: there.Version.String(), Verdict: report.Pass,
				Conditions: []Condition{{Verdict: report.Pass, Message: "what is there stays; nothing new can be promoted"}}})
		}
	}
}

// stages tells what a promotion of this content would meet. Content that no lock
// names meets nothing: it cannot be registered.
func (t *teller) stages(a *Artifact) {
	if t.state == nil {
		return
	}
	unlocked := slices.ContainsFunc(a.Findings, func(f report.Finding) bool { return f.Check == "lock.current" && f.Verdict != report.Pass })
	c := promotion.Content{Name: a.Name, Kind: manifest.Kind(a.Kind), Digest: a.To, Verdicts: report.New(slices.Clone(a.Findings)).ByGroup()}
	for _, p := range promotion.Plan(t.policy, t.state, t.w.Now(), c) {
		s := Stage{Name: p.Stage, Would: p.Would.String(), Verdict: p.Report.Verdict, Conditions: []Condition{}}
		if !p.Now.IsZero() {
			s.Now = p.Now.String()
		}
		if unlocked {
			s.Verdict = report.Fail
			s.Conditions = append(s.Conditions, Condition{Verdict: report.Fail, Message: "the lock does not name this content", Hint: "waybill push " + a.Name})
		}
		for _, f := range p.Report.Findings {
			s.Conditions = append(s.Conditions, Condition{Verdict: f.Verdict, Message: f.Message, Hint: f.Hint})
		}
		a.Stages = append(a.Stages, s)
	}
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
