package registry

import (
	"context"
	"errors"
	"net/http"

	"oras.land/oras-go/v2/registry/remote/errcode"
)

// mend decides what follows a failed request: nil when the upload goes on,
// from u.offset or, with u.location nil, from a new beginning.
func (u *upload) mend(ctx context.Context, f *failed, streak int) error {
	host := u.repo.host
	if errors.As(f.err, new(*elsewhereError)) {
		return f.err
	}
	pause, err := host.policy.pause(streak, f.resp)
	if later, ok := errors.AsType[*laterError](err); ok {
		later.error = f.err // it has read the registry's words
	}
	if err != nil {
		return err
	}
	switch status := f.status(); {
	case f.resp == nil, isTemporary(status), status == http.StatusUnauthorized: // expired on the way
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		return u.askPatiently(ctx)
	case status < 300: // nonsense
		u.drop()
		return nil
	case status == http.StatusTemporaryRedirect, status == http.StatusPermanentRedirect:
		return u.redirected(f)
	case status == http.StatusRequestEntityTooLarge && f.method == http.MethodPut && host.lessons.putTooLarge(f.sent):
		u.drop()
		return nil
	case status == http.StatusRequestEntityTooLarge && host.lessons.patchTooLarge(f.sent):
		return u.ask(ctx)
	case status == http.StatusBadRequest:
		return u.mendRefused(ctx, f)
	case status == http.StatusNotFound, status == http.StatusRequestedRangeNotSatisfiable:
	case f.method == http.MethodPatch && isNoMethod(status):
	default:
		return f.err
	}
	if f.method == http.MethodPatch {
		return u.mendPatch(ctx, f)
	}
	// Registries behind a load balancer lose uploads that they began themselves.
	u.drop()
	return sleep(ctx, pause)
}

// mendPatch follows a PATCH that the registry would not have there, or at all.
func (u *upload) mendPatch(ctx context.Context, f *failed) error {
	lessons := u.repo.host.lessons
	if f.resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		u.noUpload(f.err)
		return nil
	}
	got, ok := received(f.resp.Header.Get("Range"))
	if got == 1 && u.offset == 0 {
		got = 0 // "0-0" is nothing, too
	}
	switch {
	case ok && got != u.offset && got <= u.size:
		u.offset = got
		return nil
	case ok && got != u.offset:
		u.drop()
		return nil
	case lessons.patchTooLarge(f.sent):
		return u.ask(ctx)
	}
	u.drop()
	return nil
}

// noUpload gives up an upload that the registry does not know (err), and
// learns whether it knows of no uploads at all.
func (u *upload) noUpload(err error) {
	response, ok := errors.AsType[*errcode.ErrorResponse](err)
	lost := ok && response.StatusCode == http.StatusNotFound &&
		(hasCode(response, errcode.ErrorCodeBlobUploadUnknown) || hasCode(response, errcode.ErrorCodeBlobUploadInvalid))
	if !lost {
		u.repo.host.lessons.cannotPatch()
	}
	u.drop()
}

// mendRefused follows a 400. Content that changed is not sent again; content
// that was damaged on its way, or put together wrongly from pieces, is.
func (u *upload) mendRefused(ctx context.Context, f *failed) error {
	response, ok := errors.AsType[*errcode.ErrorResponse](f.err)
	if !ok {
		return f.err
	}
	if f.method == http.MethodPut && (hasCode(response, errcode.ErrorCodeDigestInvalid) || hasCode(response, errcode.ErrorCodeSizeInvalid)) {
		if err := u.src.check(ctx); err != nil {
			return err
		}
	} else if u.offset == 0 && !hasCode(response, errcode.ErrorCodeBlobUploadInvalid) && !hasCode(response, errcode.ErrorCodeBlobUploadUnknown) {
		return f.err
	}
	u.drop()
	return nil
}

// redirected sends the bytes where the answer says, if that is the same host.
func (u *upload) redirected(f *failed) error {
	if f.resp.Header.Get("Location") == "" {
		return f.err
	}
	return u.follow(f.resp)
}

// patience is how often a registry that cannot be reached is asked again about an
// upload that is on its way. The pauses between double; with those that each
// question has of itself they bridge an outage of half a minute.
const patience = 5

func (u *upload) askPatiently(ctx context.Context) error {
	for try := 0; ; try++ {
		err := u.ask(ctx)
		if try == patience || !isOutage(err) {
			return err
		}
		if err := sleep(ctx, u.repo.host.policy.backoff(try+2)); err != nil {
			return err
		}
	}
}

// isOutage tells whether the registry, or the way to it, is likely to come back.
func isOutage(err error) bool {
	if response, ok := errors.AsType[*errcode.ErrorResponse](err); ok {
		return isTemporary(response.StatusCode) && response.StatusCode != http.StatusTooManyRequests
	}
	return isDial(err) || isCut(err)
}

// ask learns how much the registry has. When it does not say, or makes no
// sense, the upload begins again.
func (u *upload) ask(ctx context.Context) error {
	host := u.repo.host
	limits := host.lessons.current()
	if limits.patch == noPatch {
		u.drop()
		return nil
	}
	resp, err := host.do(ctx, http.MethodGet, u.location.String())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch status := resp.StatusCode; {
	case status == http.StatusNoContent, status == http.StatusAccepted, status == http.StatusOK:
	case status == http.StatusUnauthorized, status == http.StatusForbidden, isTemporary(status):
		return responseError(resp)
	case status == http.StatusNotFound, isNoMethod(status):
		u.noUpload(responseError(resp))
		return nil
	default:
		u.drop()
		return nil
	}
	if err := u.follow(resp); err != nil {
		return err
	}
	// distribution says "0-0" for want of a way to write an empty range.
	got, _ := received(resp.Header.Get("Range"))
	if got == 1 {
		got = 0
	}
	if u.offset = got; got > u.size || got == 0 && limits.whole(u.size) {
		u.drop()
	}
	return nil
}

// isNoMethod tells whether the registry does not offer the request at all.
func isNoMethod(status int) bool {
	return status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented
}
