package doctor

import (
	"context"
	"errors"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/workspace"
)

// asker asks the registry, and stops when nobody answers: with a thousand
// artifacts the retries of each would take the better part of an hour.
type asker struct {
	w *workspace.Workspace
	// down is why the registry is not asked any more.
	down error
}

// resolve returns the manifest of a tag or digest in the repository of the
// artifact name. An error that is not workspace.ErrNotFound means that the
// registry gave no answer.
func (q *asker) resolve(ctx context.Context, name, tagOrDigest string) (ocispec.Descriptor, error) {
	if q.down != nil {
		return ocispec.Descriptor{}, q.down
	}
	repo, err := q.w.Repository(name)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, err := repo.Resolve(ctx, tagOrDigest)
	if err != nil && !errors.Is(err, workspace.ErrNotFound) {
		// It may be this one repository that is closed to us.
		if reg, regErr := q.w.Registry(); regErr == nil && reg.Ping(ctx) != nil {
			q.down = err
		}
	}
	return desc, err
}
