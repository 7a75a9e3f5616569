package promotion

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Hold keeps a version out of every stage; release ends that.
func Hold(ctx context.Context, w *workspace.Workspace, r ref.Reference, release bool, reason string) (*Outcome, error) {
	out := &Outcome{Artifact: r.Name, Tags: []string{}}
	var in []string // stages that have it
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
		hold, held := l.State.Artifacts[r.Name].Holds[what.Version]
		if release {
			kind, verb = ledger.KindReleaseHold, "release"
		}
		if held != release {
			out.Message, out.Event = fmt.Sprintf("nothing to do: %s@%s is held already", r.Name, what.Version), hold.Event
			if release {
				out.Message = fmt.Sprintf("nothing to do: %s@%s is not held", r.Name, what.Version)
			}
			return workspace.Decision{}, nil
		}
		in = in[:0]
		for _, name := range slices.Sorted(maps.Keys(l.State.Artifacts[r.Name].Stages)) {
			if l.State.Artifacts[r.Name].Stages[name].Version == what.Version {
				in = append(in, name)
			}
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
		if len(in) > 0 { // which a hold does not change
			out.Message = fmt.Sprintf("%s@%s is held; it stays in %s until that is rolled back: waybill rollback %s --stage %s --reason TEXT",
				r.Name, out.Version, strings.Join(in, ", "), r.Name, in[0])
		}
		if release {
			out.Message = fmt.Sprintf("%s@%s may enter stages again", r.Name, out.Version)
		}
	}
	return out, nil
}
