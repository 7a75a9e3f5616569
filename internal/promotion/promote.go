package promotion

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Promote assigns the version that r means (a bare name: the newest) to a
// stage when its gate lets it in. A version that is there already is left
// alone. In a workflow, a refusal is recorded, once for each attempt of a run;
// what could not be decided never is.
func Promote(ctx context.Context, w *workspace.Workspace, r ref.Reference, stage string, opts Options) (*Outcome, error) {
	out := &Outcome{Artifact: r.Name, Stage: stage, Tags: []string{}}
	done, err := w.Append(ctx, func(ctx context.Context, l *workspace.Ledger) (workspace.Decision, error) {
		*out = Outcome{Artifact: r.Name, Stage: stage, Tags: []string{}}
		return promote(ctx, w, l, r, opts, out)
	})
	switch {
	case err != nil && out.refused():
		// What was decided is worth more than the record of it.
		out.Message += fmt.Sprintf("; that could not be recorded: %v", err)
		return out, nil
	case err != nil:
		return nil, fmt.Errorf("promote %s to %s: %w", r, stage, err)
	case len(done.Events) > 0 && out.refused():
		out.Event = done.Events[0].Seq
	case len(done.Events) > 0:
		out.wrote(done)
		out.Message = fmt.Sprintf("promoted %s@%s to %s", r.Name, out.Version, stage)
	}
	return out, nil
}

// promote decides on the ledger as it is now.
func promote(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, r ref.Reference, opts Options, out *Outcome) (none workspace.Decision, err error) {
	what, err := w.Resolve(ctx, l, r)
	if err != nil {
		return none, err
	}
	if what.Version.IsZero() {
		return none, workspace.Usage("%s is not registered; run \"waybill register %s\"", r, r.Name)
	}
	out.take(what)
	if opts.Expect != "" && opts.Expect != what.ContentDigest {
		planned := string(opts.Expect)
		if v := registered(l.State, r.Name, opts.Expect); v != nil {
			planned = fmt.Sprintf("%s@%s (%s)", r.Name, v.Version, opts.Expect)
		}
		now := fmt.Sprintf("%s is %s (%s) now", r, what.Version, what.ContentDigest)
		if !r.Version.IsZero() {
			now = fmt.Sprintf("%s has the content %s", r, what.ContentDigest)
		}
		return none, workspace.Usage("%s, and %s was planned: plan again, and have that approved", now, planned)
	}
	g, err := newGate(ctx, w, l, r.Name, out.Stage, "promote", opts.On)
	if err != nil {
		return none, err
	}
	g.version, out.Commit, out.PolicyDigest = g.a.Version(what.Version), g.commit, g.policy.Digest
	if s := g.a.Stages[out.Stage]; s != nil {
		if s.Version == what.Version {
			out.Event, out.Approvals = s.Event, s.Approvals
			out.Message = fmt.Sprintf("nothing to do: %s is in %s already, since event %d", what.Version, out.Stage, s.Event)
			return none, nil
		}
		out.From = s.Version
	}
	if out.Report, err = g.judge(ctx); err != nil {
		return none, err
	}
	out.Approvals = g.counted
	switch {
	case out.refused():
		out.Message = fmt.Sprintf("not promoted: the gate of %s says %s", out.Stage, out.Report.Verdict)
	case opts.Plan:
		out.Message = fmt.Sprintf("%s@%s would be promoted to %s", r.Name, what.Version, out.Stage)
	}
	if opts.Plan {
		return none, nil
	}
	actor, err := w.Actor()
	if err != nil {
		return none, err
	}
	e := ledger.Event{
		Kind: ledger.KindPromote, Artifact: r.Name, Version: what.Version, Stage: out.Stage, ContentDigest: what.ContentDigest, Digest: what.Digest,
		Actor: actor, Approvals: g.counted, PolicyDigest: g.policy.Digest, Run: w.Run(), Reason: opts.Reason,
	}
	if out.refused() {
		if out.Report.Verdict != report.Fail || e.Run == "" || g.rejected(e.Run) {
			return none, nil
		}
		e.Kind, e.Reason = ledger.KindReject, unmet(out.Report)
		return workspace.Decision{Message: fmt.Sprintf("reject %s@%s for %s", r.Name, what.Version, out.Stage), Events: []ledger.Event{e}}, nil
	}
	return workspace.Decision{Message: fmt.Sprintf("promote %s@%s to %s", r.Name, what.Version, out.Stage), Events: []ledger.Event{e}}, nil
}

// rejected tells whether the refusal of this content by this attempt of a run
// stands in the ledger.
func (g *gate) rejected(run string) bool {
	return slices.ContainsFunc(g.a.Decisions, func(d ledger.Decision) bool {
		return d.Kind == ledger.KindReject && d.Run == run && d.Stage == g.stage.Name && d.ContentDigest == g.version.ContentDigest
	})
}

// unmet is the reason of a refusal: the conditions that decided it, in short.
func unmet(r *report.Report) string {
	const most = 1000
	var b strings.Builder
	for _, f := range r.Findings {
		if f.Verdict != report.Fail || f.Severity == report.Warning || f.Severity == report.Info {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.Check + ": " + report.Visible(f.Message))
	}
	if b.Len() <= most {
		return b.String()
	}
	return strings.ToValidUTF8(b.String()[:most], "") + "…"
}

func (o *Outcome) take(r workspace.Resolved) {
	o.Version, o.ContentDigest, o.Digest = r.Version, r.ContentDigest, r.Digest
}

// newGate reads the policy from the default branch and finds the stage in it.
func newGate(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, name, stage, action string, on Occasion) (*gate, error) {
	policy, commit, err := w.Policy(ctx, l)
	if err != nil {
		return nil, err
	}
	s, ok := policy.Stage(stage)
	if !ok {
		hint := "declare it under stages: in " + manifest.ProjectFile + " and merge that"
		if near := ref.Nearest(stage, policy.StageNames()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, workspace.Usage("the default branch declares no stage %q (it has %s); %s", stage, strings.Join(policy.StageNames(), ", "), hint)
	}
	return &gate{w: w, l: l, policy: policy, commit: commit, on: on, stage: s, a: l.State.Artifacts[name], now: w.Now(), action: action}, nil
}
