package check

import (
	"context"

	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// surroundings are what checks of a model look at besides its files. The ledger
// is asked only by checks that need it.
func surroundings(w *workspace.Workspace, t Target) modelcheck.Options {
	return modelcheck.Options{
		Lock:     t.Lock,
		Now:      w.Now,
		ReadFile: t.named(w),
		License: func(name string) (string, bool) {
			a, err := w.Artifact(name)
			if err != nil {
				return "", false
			}
			return a.License, true
		},
		Registered: func(ctx context.Context) (modelcheck.Registered, error) { return registered(ctx, w, t) },
		Previous: func(ctx context.Context, reference string) (*modelcheck.Previous, error) {
			return previous(ctx, w, t, reference)
		},
		Baseline: func(ctx context.Context, reference string) (*modelcheck.Baseline, error) {
			return baselineOf(ctx, w, t, reference)
		},
	}
}

func registered(ctx context.Context, w *workspace.Workspace, t Target) (modelcheck.Registered, error) {
	var out modelcheck.Registered
	l, err := w.Ledger(ctx)
	if err != nil {
		return out, err
	}
	state := l.State.Artifacts[t.Artifact.Name]
	if state == nil {
		return out, nil
	}
	for _, v := range state.Versions {
		if v.ContentDigest == t.Content {
			out.This = v.Version
		}
		if out.Newest.IsZero() || v.Version.Compare(out.Newest) > 0 {
			out.Newest = v.Version
		}
	}
	return out, nil
}

// previous finds another version, nil when there is none yet.
func previous(ctx context.Context, w *workspace.Workspace, t Target, reference string) (*modelcheck.Previous, error) {
	name := t.Artifact.Name
	r := ref.Reference{Name: name}
	if reference != "" {
		var err error
		if r, err = ref.ParseRelative(reference, name); err != nil {
			return nil, err
		}
	}
	l, err := w.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	state := l.State.Artifacts[r.Name]
	if state == nil || len(state.Versions) == 0 || r.Stage != "" && state.Stages[r.Stage] == nil {
		return nil, nil
	}
	was, err := w.Resolve(ctx, l, r)
	if err != nil {
		return nil, err
	}
	out := &modelcheck.Previous{Name: r.Name + "@" + was.Version.String()}
	// A shallow clone does not have the commit.
	if a, err := w.ArtifactAt(was.Commit, r.Name); err != nil {
		out.Problem = err.Error()
	} else {
		out.License = a.License
	}
	return out, nil
}
