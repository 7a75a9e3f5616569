package check

import (
	"context"

	"github.com/waybill-dev/waybill/internal/dataprofile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Profiles are those attached to the encoding of a dataset, nil when there are
// none.
func Profiles(ctx context.Context, repo registry.Repository, encoding ref.Digest) (*dataprofile.Set, error) {
	desc, err := repo.Resolve(ctx, string(encoding))
	if err != nil {
		return nil, err
	}
	return dataprofile.Read(ctx, repo, desc)
}

// MakeProfiles profiles the tables of a dataset. Files that this clone has
// profiled before, or that have a profile in the registry as part of what is
// locked or of the newest version, are not read. progress, if not nil, hears
// how many more bytes were.
func MakeProfiles(ctx context.Context, w *workspace.Workspace, t Target, progress func(int64)) (*dataprofile.Set, error) {
	return dataprofile.Make(ctx, t.Files, dataprofile.Options{
		Open: t.Table, Folder: w.ProfileDir(), Progress: progress,
		Earlier: func(ctx context.Context) *dataprofile.Set { return earlierProfiles(ctx, w, t) },
	})
}

// earlierProfiles are those of what the lock names, or of the newest version
// that has any. They only spare work: a registry that does not answer has
// none.
func earlierProfiles(ctx context.Context, w *workspace.Workspace, t Target) *dataprofile.Set {
	name := t.Artifact.Name
	repo, err := w.Repository(name)
	if err != nil {
		return nil
	}
	var encodings []ref.Digest
	if t.Lock != nil && t.Lock.Pushed() {
		encodings = append(encodings, t.Lock.Encoding.Digest)
	}
	if l, err := w.Ledger(ctx); err == nil {
		if s := l.State.Artifacts[name]; s != nil {
			if v := s.Latest(); v != nil {
				encodings = append(encodings, v.Digest)
			}
		}
	}
	for _, d := range encodings {
		if set, err := Profiles(ctx, repo, d); err == nil && set != nil {
			return set
		}
	}
	return nil
}
