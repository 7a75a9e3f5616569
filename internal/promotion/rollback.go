package promotion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Rollback puts the last version that was healthy in a stage, or the one that
// opts name, back into it, and holds the one that leaves out of every stage
// until somebody releases it. Both are one push: there is no moment at which
// what was rolled back may enter again.
func Rollback(ctx context.Context, w *workspace.Workspace, name, stage string, opts RollbackOptions) (*Outcome, error) {
	var out *Outcome
	done, err := w.Append(ctx, func(ctx context.Context, l *workspace.Ledger) (d workspace.Decision, err error) {
		out, d, err = decideRollback(ctx, w, l, name, stage, opts)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("rollback %s in %s: %w", name, stage, err)
	}
	if len(done.Events) > 0 {
		out.wrote(done)
		out.Message = fmt.Sprintf("rolled back %s in %s: %s → %s; %s is held", name, stage, out.From, out.Version, out.From)
	}
	return out, nil
}

// decideRollback decides on the ledger as it is. What it returns to be written
// is empty when that is refused, or opts are to try.
func decideRollback(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, name, stage string, opts RollbackOptions) (*Outcome, workspace.Decision, error) {
	nothing := workspace.Decision{}
	out := &Outcome{Artifact: name, Stage: stage, Tags: []string{}}
	if _, err := w.Resolve(ctx, l, ref.Reference{Name: name, Stage: stage}); err != nil {
		return out, nothing, err
	}
	g, err := newGate(ctx, w, l, name, stage, "rollback", opts.On)
	if err != nil {
		return out, nothing, err
	}
	current := g.a.Stages[stage]
	bad := g.a.Version(current.Version)
	if current.Kind == ledger.KindRollback && sameRun(current.Run, w.Run()) && !opts.DryRun {
		out.take(workspace.Resolved{Version: bad.Version, ContentDigest: bad.ContentDigest, Digest: bad.Digest})
		out.From, out.Event = current.History[len(current.History)-1].Version, current.Event
		out.Message = fmt.Sprintf("nothing to do: this run rolled %s back to %s already, by event %d", stage, bad.Version, current.Event)
		return out, nothing, nil
	}
	healthy, err := g.healthy()
	if err != nil {
		return out, nothing, err
	}
	if underway(current, healthy, opts) {
		out.take(workspace.Resolved{Version: bad.Version, ContentDigest: bad.ContentDigest, Digest: bad.Digest})
		out.From, out.Event = current.History[len(current.History)-1].Version, current.Event
		out.Message = fmt.Sprintf("no further back: event %d rolled %s back to %s already, and nobody recorded yet that it took effect, which comes first; to go further back at once, name the version",
			current.Event, stage, bad.Version)
		return out, nothing, nil
	}
	out.From = bad.Version
	g.version, err = g.target(opts.To, healthy)
	if errors.Is(err, ledger.ErrNoGood) {
		out.Report, out.Message = g.noWayBack(err), fmt.Sprintf("not rolled back: %s has no version to go back to", stage)
		return out, nothing, nil
	}
	if err != nil {
		return out, nothing, err
	}
	out.take(workspace.Resolved{Version: g.version.Version, ContentDigest: g.version.ContentDigest, Digest: g.version.Digest})
	if out.Report, err = g.judge(ctx); err != nil {
		return out, nothing, err
	}
	served, err := g.served(ctx, bad, opts.AcceptBreak)
	if err != nil {
		return out, nothing, err
	}
	out.Report.Findings = append(out.Report.Findings, g.wasHealthy(opts.To, healthy))
	image, err := g.imaged()
	if err != nil {
		return out, nothing, err
	}
	out.Report.Findings = append(out.Report.Findings, slices.Concat(served, image)...)
	out.Report.Finish()
	switch {
	case out.refused():
		out.Message = fmt.Sprintf("not rolled back: the gate of %s says %s", stage, out.Report.Verdict)
		return out, nothing, nil
	case opts.DryRun:
		out.Message = fmt.Sprintf("%s in %s would be rolled back: %s → %s; %s would be held", name, stage, bad.Version, g.version.Version, bad.Version)
		return out, nothing, nil
	}
	d, err := g.goBack(bad, opts.Reason)
	return out, d, err
}

// underway tells whether the rollback before this one is still to take effect,
// where files say so. Whoever asks again since the bad version is still served,
// after a run that was cut off or while its pull request is open, means that one:
// going back once more would hold the good version.
func underway(current *ledger.Assignment, h ledger.Healthy, opts RollbackOptions) bool {
	return current.Kind == ledger.KindRollback && h.Deployed && current.Deployed == nil && len(current.History) > 0 && opts.To.IsZero() && !opts.drill
}

// sameRun tells whether two addresses of run attempts are of one workflow run.
// One that failed after the ledger was written is run again to do the rest, and
// must not go back once more.
func sameRun(a, b string) bool {
	a, _, _ = strings.Cut(a, "/attempts/")
	b, _, _ = strings.Cut(b, "/attempts/")
	return a != "" && a == b
}

// goBack are the events of a rollback from bad: the hold first, which the
// rollback's own tags build on.
func (g *gate) goBack(bad *ledger.Version, reason string) (workspace.Decision, error) {
	actor, err := g.w.Actor()
	if err != nil {
		return workspace.Decision{}, err
	}
	good := g.version
	d := workspace.Decision{Message: fmt.Sprintf("rollback %s in %s from %s to %s", g.a.Name, g.stage.Name, bad.Version, good.Version)}
	if _, held := g.a.Holds[bad.Version]; !held {
		d.Events = append(d.Events, ledger.Event{Kind: ledger.KindHold, Artifact: g.a.Name, Version: bad.Version,
			ContentDigest: bad.ContentDigest, Actor: actor, PolicyDigest: g.policy.Digest, Run: g.w.Run(), Reason: reason})
	}
	d.Events = append(d.Events, ledger.Event{Kind: ledger.KindRollback, Artifact: g.a.Name, Version: good.Version, From: bad.Version,
		Stage: g.stage.Name, ContentDigest: good.ContentDigest, Digest: good.Digest, Actor: actor, Approvals: g.counted,
		PolicyDigest: g.policy.Digest, Run: g.w.Run(), Reason: reason})
	return d, nil
}

// healthy is what the stage asks of a version to go back to. Where its digest
// is written into files, one that no file ever named was never served.
func (g *gate) healthy() (ledger.Healthy, error) {
	h := ledger.Healthy{Soak: g.stage.RollbackSoak}
	a, err := g.w.ArtifactAt(g.commit, g.a.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist): // the manifest is gone; its versions are not
		return h, nil
	case err != nil:
		return h, err
	}
	h.Deployed = a.Model != nil && len(a.Model.Deploy[g.stage.Name]) > 0
	return h, nil
}

// noWayBack is the refusal when no version is good, with why each is not.
func (g *gate) noWayBack(why error) *report.Report {
	f := g.finding("promotion.healthy")
	f.Verdict, f.Message = report.Fail, why.Error()
	f.Hint = "name one that was there with --to, or promote a version that is mended"
	r := report.New([]report.Finding{f})
	r.Title = fmt.Sprintf("rollback %s in %s", g.a.Name, g.stage.Name)
	return r
}

// target is the version to go back to: to, which must have been there, or for
// none the last good one; ErrNoGood when there is none.
func (g *gate) target(to ref.Version, h ledger.Healthy) (*ledger.Version, error) {
	if to.IsZero() {
		good, err := ledger.LastGood(g.l.State, g.a.Name, g.stage.Name, h)
		return &good, err
	}
	current := g.a.Stages[g.stage.Name]
	v := g.a.Version(to)
	var before []string
	for _, t := range slices.Backward(current.History) {
		if s := t.Version.String(); t.Version != current.Version && !slices.Contains(before, s) {
			before = append(before, s)
		}
	}
	switch {
	case v == nil:
		return nil, workspace.Usage("%s@%s is not registered", g.a.Name, to)
	case to == current.Version:
		return nil, workspace.Usage("%s is what %s has now", to, g.stage.Name)
	case len(before) == 0:
		return nil, workspace.Usage("%s is the first version in %s: there is nothing to go back to", current.Version, g.stage.Name)
	case !slices.Contains(before, to.String()):
		const shown = 5
		if n := len(before) - shown; n > 0 {
			before = append(before[:shown], fmt.Sprintf("%d older ones", n))
		}
		return nil, workspace.Usage("%s was never in %s, and a rollback goes back to what was: it had %s; for a new version there is \"waybill promote\"",
			to, g.stage.Name, strings.Join(before, ", "))
	}
	return v, nil
}
