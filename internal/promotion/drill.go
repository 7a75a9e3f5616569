package promotion

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Drill tells whether a rollback would work now, and writes nothing: of one
// artifact, or for name "" of all; in one stage, or for stage "" in all of the
// policy that hold one. A stage with nothing to go back to is a FAIL; of all
// stages looked at together, one that holds its first version has nothing yet, and
// is a warning. Approvals are given for a rollback that somebody wants, so here they are not missed. Those
// that could not be tried are the error, beside the outcomes of the others.
func Drill(ctx context.Context, w *workspace.Workspace, name, stage string, on Occasion) ([]*Outcome, error) {
	l, err := w.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	policy, _, err := w.Policy(ctx, l)
	if err != nil {
		return nil, err
	}
	names, stages := slices.Sorted(maps.Keys(l.State.Artifacts)), policy.StageNames()
	if name != "" {
		names = []string{name}
	}
	if stage != "" {
		stages = []string{stage}
	}
	outs, errs := []*Outcome{}, []error(nil)
	for _, n := range names {
		a := l.State.Artifacts[n]
		for _, s := range stages {
			if a == nil || a.Stages[s] == nil {
				if name == "" || stage == "" {
					continue
				} // else it says that nothing is there
			}
			out, err := drill(ctx, w, l, n, s, on)
			if err == nil && (name == "" || stage == "") && len(a.Stages[s].History) == 0 {
				out.soften("promotion.healthy", report.Warning)
				out.Message = fmt.Sprintf("%s in %s is at its first version: there is nothing to go back to yet", n, s)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("rollback drill of %s in %s: %w", n, s, err))
				continue
			}
			outs = append(outs, out)
		}
	}
	if len(outs)+len(errs) == 0 && name+stage != "" {
		return nil, workspace.Usage("rollback drill: %s: nothing is there", strings.Trim(name+"#"+stage, "#"))
	}
	return outs, errors.Join(errs...)
}

func drill(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, name, stage string, on Occasion) (*Outcome, error) {
	out, _, err := decideRollback(ctx, w, l, name, stage, RollbackOptions{DryRun: true, On: on, drill: true})
	if err != nil {
		return nil, err
	}
	out.soften("promotion.approvals", report.Info)
	out.soften("promotion.environment", report.Info)
	out.Message = fmt.Sprintf("a rollback of %s in %s would work: %s → %s", name, stage, out.From, out.Version)
	switch {
	case out.Version.IsZero():
		out.Message = fmt.Sprintf("a rollback of %s in %s would not work: there is no healthy version to go back to", name, stage)
	case out.refused():
		out.Message = fmt.Sprintf("a rollback of %s in %s would be refused: the gate says %s", name, stage, out.Report.Verdict)
	}
	return out, nil
}

// soften gives the findings of a check another severity, where they do not pass.
func (o *Outcome) soften(check string, to report.Severity) {
	for i := range o.Report.Findings {
		if f := &o.Report.Findings[i]; f.Check == check && f.Verdict != report.Pass {
			f.Severity = to
		}
	}
	o.Report.Finish()
}
