package promotion

import (
	"context"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Promote assigns the version that r means (a bare name: the newest) to a
// stage when its gate lets it in. A version that is there already is left
// alone.
func Promote(ctx context.Context, w *workspace.Workspace, r ref.Reference, stage, reason string) (*Outcome, error) {
	out := &Outcome{Artifact: r.Name, Stage: stage, Tags: []string{}}
	done, err := w.Append(ctx, func(ctx context.Context, l *workspace.Ledger) (workspace.Decision, error) {
		*out = Outcome{Artifact: r.Name, Stage: stage, Tags: []string{}}
		what, err := w.Resolve(ctx, l, r)
		if err != nil {
			return workspace.Decision{}, err
		}
		if what.Version.IsZero() {
			return workspace.Decision{}, workspace.Usage("%s is not registered; run \"waybill register %s\"", r, r.Name)
		}
		out.take(what)
		g, err := newGate(ctx, w, l, r.Name, stage, "promote")
		if err != nil {
			return workspace.Decision{}, err
		}
		g.version = g.a.Version(what.Version)
		if s := g.a.Stages[stage]; s != nil {
			if s.Version == what.Version {
				out.Message = fmt.Sprintf("nothing to do: %s is in %s already, since event %d", what.Version, stage, s.Event)
				return workspace.Decision{}, nil
			}
			out.From = s.Version
		}
		if out.Report, err = g.judge(ctx); err != nil {
			return workspace.Decision{}, err
		}
		if out.refused() {
			out.Message = fmt.Sprintf("not promoted: the gate of %s says %s", stage, out.Report.Verdict)
			return workspace.Decision{}, nil
		}
		actor, err := w.Actor()
		if err != nil {
			return workspace.Decision{}, err
		}
		return workspace.Decision{Message: fmt.Sprintf("promote %s@%s to %s", r.Name, what.Version, stage), Events: []ledger.Event{{
			Kind: ledger.KindPromote, Artifact: r.Name, Version: what.Version, Stage: stage, ContentDigest: what.ContentDigest,
			Digest: what.Digest, Actor: actor, PolicyDigest: g.policy.Digest, Run: w.Run(), Reason: reason,
		}}}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("promote %s to %s: %w", r, stage, err)
	}
	if len(done.Events) > 0 {
		out.wrote(done)
		out.Message = fmt.Sprintf("promoted %s@%s to %s", r.Name, out.Version, stage)
	}
	return out, nil
}

// Rollback puts the last good version back into a stage, and holds the bad one
// out of every stage until somebody releases it.
func Rollback(ctx context.Context, w *workspace.Workspace, name, stage, reason string) (*Outcome, error) {
	out := &Outcome{Artifact: name, Stage: stage, Tags: []string{}}
	done, err := w.Append(ctx, func(ctx context.Context, l *workspace.Ledger) (workspace.Decision, error) {
		*out = Outcome{Artifact: name, Stage: stage, Tags: []string{}}
		if _, err := w.Resolve(ctx, l, ref.Reference{Name: name, Stage: stage}); err != nil {
			return workspace.Decision{}, err
		}
		g, err := newGate(ctx, w, l, name, stage, "rollback")
		if err != nil {
			return workspace.Decision{}, err
		}
		good, err := ledger.LastGood(l.State, name, stage)
		if err != nil {
			return workspace.Decision{}, workspace.Usage("%w", err)
		}
		g.version = &good
		bad := g.a.Version(g.a.Stages[stage].Version)
		out.From = bad.Version
		out.take(workspace.Resolved{Version: good.Version, ContentDigest: good.ContentDigest, Digest: good.Digest})
		if out.Report, err = g.judge(ctx); err != nil {
			return workspace.Decision{}, err
		}
		if out.refused() {
			out.Message = fmt.Sprintf("not rolled back: the gate of %s says %s", stage, out.Report.Verdict)
			return workspace.Decision{}, nil
		}
		actor, err := w.Actor()
		if err != nil {
			return workspace.Decision{}, err
		}
		d := workspace.Decision{Message: fmt.Sprintf("rollback %s in %s from %s to %s", name, stage, bad.Version, good.Version)}
		if _, held := g.a.Holds[bad.Version]; !held {
			d.Events = append(d.Events, ledger.Event{Kind: ledger.KindHold, Artifact: name, Version: bad.Version,
				ContentDigest: bad.ContentDigest, Actor: actor, PolicyDigest: g.policy.Digest, Run: w.Run(), Reason: reason})
		}
		d.Events = append(d.Events, ledger.Event{Kind: ledger.KindRollback, Artifact: name, Version: good.Version, From: bad.Version, Stage: stage,
			ContentDigest: good.ContentDigest, Digest: good.Digest, Actor: actor, PolicyDigest: g.policy.Digest, Run: w.Run(), Reason: reason})
		return d, nil
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

// Hold keeps a version out of every stage; release ends that.
func Hold(ctx context.Context, w *workspace.Workspace, r ref.Reference, release bool, reason string) (*Outcome, error) {
	out := &Outcome{Artifact: r.Name, Tags: []string{}}
	done, err := w.Append(ctx, func(ctx context.Context, l *workspace.Ledger) (workspace.Decision, error) {
		what, err := w.Resolve(ctx, l, r)
		if err != nil {
			return workspace.Decision{}, err
		}
		if what.Version.IsZero() {
			return workspace.Decision{}, workspace.Usage("%s is not a registered version", r)
		}
		out.take(what)
		kind, verb := ledger.KindHold, "hold"
		_, held := l.State.Artifacts[r.Name].Holds[what.Version]
		if release {
			kind, verb = ledger.KindReleaseHold, "release"
		}
		if held != release {
			out.Message = fmt.Sprintf("nothing to do: %s@%s is held already", r.Name, what.Version)
			if release {
				out.Message = fmt.Sprintf("nothing to do: %s@%s is not held", r.Name, what.Version)
			}
			return workspace.Decision{}, nil
		}
		actor, err := w.Actor()
		if err != nil {
			return workspace.Decision{}, err
		}
		return workspace.Decision{Message: fmt.Sprintf("%s %s@%s", verb, r.Name, what.Version), Events: []ledger.Event{{
			Kind: kind, Artifact: r.Name, Version: what.Version, ContentDigest: what.ContentDigest, Actor: actor, Run: w.Run(), Reason: reason}}}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("hold %s: %w", r, err)
	}
	if len(done.Events) > 0 {
		out.wrote(done)
		out.Message = fmt.Sprintf("%s@%s is held out of every stage", r.Name, out.Version)
		if release {
			out.Message = fmt.Sprintf("%s@%s may enter stages again", r.Name, out.Version)
		}
	}
	return out, nil
}

func (o *Outcome) take(r workspace.Resolved) {
	o.Version, o.ContentDigest, o.Digest = r.Version, r.ContentDigest, r.Digest
}

// newGate reads the policy from the default branch and finds the stage in it.
func newGate(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, name, stage, action string) (*gate, error) {
	policy, _, err := w.Policy(ctx, l)
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
	return &gate{w: w, l: l, policy: policy, stage: s, a: l.State.Artifacts[name], now: w.Now(), action: action}, nil
}
