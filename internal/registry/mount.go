package registry

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// Mount asks for the blob in distribution-spec 1.1's way, "Mounting a blob
// from another repository". What the registry begins instead is taken back.
// The other repository is asked first: a registry that has nothing to mount
// answers like one that never mounts, and that is not to be confused.
func (r *remoteRepository) Mount(ctx context.Context, desc ocispec.Descriptor, from string) (bool, error) {
	op := r.pushing("mount blob " + short(desc) + " from " + clip(from))
	other, err := r.host.repository(from)
	if err := errors.Join(checkDescriptor(desc), err); err != nil {
		return false, op.fail(err)
	}
	if !r.host.lessons.mayMount() {
		return false, nil
	}
	switch has, err := other.HasBlob(ctx, desc); {
	case errors.Is(err, ErrUnreachable), ctx.Err() != nil:
		return false, err
	case err != nil, !has:
		return false, nil
	}
	source := other.repo.Reference
	ctx = auth.AppendRepositoryScope(ctx, r.repo.Reference, auth.ActionPull, auth.ActionPush)
	ctx = auth.AppendRepositoryScope(ctx, source, auth.ActionPull)
	query := url.Values{"mount": {string(digest.Digest(desc.Digest))}, "from": {source.Repository}}
	resp, err := r.host.do(ctx, http.MethodPost, r.endpoint("blobs/uploads/")+"?"+query.Encode())
	if err != nil {
		if err = r.host.fail(op, err); errors.Is(err, ErrUnauthorized) { // to read the other
			return false, nil
		}
		return false, err
	}
	defer resp.Body.Close()
	switch status := resp.StatusCode; {
	case status == http.StatusCreated:
		r.host.lessons.mount(true)
		return true, nil
	case isTemporary(status):
		return false, r.host.fail(op, responseError(resp))
	case status == http.StatusAccepted:
		r.cancelUpload(ctx, resp)
	}
	r.host.lessons.mount(false)
	return false, nil
}

// cancelUpload takes an upload back, best effort: registries forget it anyway.
func (r *remoteRepository) cancelUpload(ctx context.Context, begun *http.Response) {
	location, err := begun.Location()
	if err != nil || !sameOrigin(location, begun.Request.URL) {
		return
	}
	if resp, err := r.host.do(ctx, http.MethodDelete, location.String()); err == nil {
		resp.Body.Close()
	}
}
