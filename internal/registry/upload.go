package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

const (
	// maxUploads is how often an upload begins, or goes on in a row
	maxUploads = 3
	// without having got so much further since the last time.
	leastProgress = 64 << 10
)

func (r *remoteRepository) endpoint(path string) string {
	scheme := "https"
	if r.host.plainHTTP {
		scheme = "http"
	}
	return fmt.Sprintf("%s://%s/v2/%s/%s", scheme, r.repo.Reference.Host(), r.repo.Reference.Repository, path)
}

// PushBlob uploads in one piece (distribution-spec 1.1, "POST then PUT"),
// which every registry accepts, and goes on in pieces where that broke.
// oras-go does the former only, and one reset connection or one expired token
// fails the push; hence this one.
func (r *remoteRepository) PushBlob(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
	op := r.pushing("push blob " + short(desc))
	if err := checkDescriptor(desc); err != nil {
		return op.fail(err)
	}
	origin, err := url.Parse(r.endpoint("blobs/uploads/"))
	if err != nil {
		return op.fail(err)
	}
	s := openSession(r.host.sessionDir, r.host.policy.now, r.name, desc)
	defer s.close()
	u := &upload{repo: r, origin: origin, src: &blobSource{desc: desc, open: open}, size: desc.Size, session: s}
	ctx = auth.AppendRepositoryScope(ctx, r.repo.Reference, auth.ActionPull, auth.ActionPush)
	if err := u.run(ctx); err != nil {
		return r.host.fail(op, err)
	}
	s.forget()
	return nil
}

// upload is one blob on its way.
type upload struct {
	repo    *remoteRepository
	origin  *url.URL // where uploads begin; they go nowhere else
	src     *blobSource
	size    int64
	session *session

	location      *url.URL // newest; nil before the upload has begun
	offset        int64    // how much the registry has
	least         int64    // smallest piece that it takes
	authorization string   // of the last request that the registry let pass
}

// run sends one request after the other until the blob is stored.
func (u *upload) run(ctx context.Context) error {
	if err := u.recall(ctx); err != nil {
		return err
	}
	reached := u.offset // where the last failure left the upload
	var last error
	streak := 0 // failures without progress between them
	begun := 0
	for fruitless := 0; ; {
		if u.location == nil {
			if begun++; begun > maxUploads {
				return last
			}
			if last != nil && u.stored(ctx) {
				return nil // only the answer was lost
			}
			if stored, err := u.begin(ctx); stored || err != nil {
				return err
			}
			reached = 0
		}
		stored, f := u.send(ctx)
		switch {
		case stored:
			return nil
		case f == nil:
			continue
		case u.src.failure() != nil:
			return u.src.failure() // the registry's complaint is only its consequence
		case ctx.Err() != nil:
			return f.err
		}
		last = f.err
		if err := u.mend(ctx, f, streak); err != nil {
			return err
		}
		// A 416 that names another offset is no progress: the registry would
		// otherwise decide how often it is asked.
		if u.location != nil && u.offset >= reached+leastProgress && f.status() != http.StatusRequestedRangeNotSatisfiable {
			reached, streak, fruitless = u.offset, 0, 0
			continue
		}
		reached = u.offset
		streak++
		if fruitless++; fruitless >= maxUploads {
			return last
		}
	}
}

// recall goes on with the upload of an earlier run. One that the registry does
// not let us go on with is no error.
func (u *upload) recall(ctx context.Context) error {
	location := u.session.location()
	if location == nil || u.checkOrigin(location) != nil {
		return nil
	}
	u.location = location
	err := u.ask(ctx)
	response, refused := errors.AsType[*errcode.ErrorResponse](err)
	if refused && !isTemporary(response.StatusCode) || errors.As(err, new(*elsewhereError)) {
		u.drop()
		return nil
	}
	return err // the registry cannot be asked; the session stays for the next run
}

// begin asks where to send the bytes; the registry may have them already.
func (u *upload) begin(ctx context.Context) (stored bool, err error) {
	resp, err := u.repo.host.do(ctx, http.MethodPost, u.origin.String()) // with retries
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusAccepted:
	case http.StatusCreated:
		return true, nil
	default:
		return false, responseError(resp)
	}
	if resp.Header.Get("Location") == "" {
		return false, errors.New("the registry did not say where to upload to")
	}
	u.offset = 0
	// What cannot be read is 0 (distribution-spec 1.1, "Pushing a blob in chunks").
	u.least, _ = strconv.ParseInt(resp.Header.Get("OCI-Chunk-Min-Length"), 10, 64)
	return false, u.follow(resp)
}

// follow takes the newest location and authorization from an answer.
func (u *upload) follow(resp *http.Response) error {
	if resp.Header.Get("Location") != "" {
		location, err := resp.Location()
		if err != nil {
			return fmt.Errorf("the registry's location for the upload cannot be read: %w", err)
		}
		if err := u.checkOrigin(location); err != nil {
			return err
		}
		location.Host, location.User, location.Fragment = u.origin.Host, nil, ""
		if u.location == nil || *u.location != *location {
			u.session.remember(u.repo.name, u.src.desc, location)
		}
		u.location = location
	}
	if a := resp.Request.Header.Get("Authorization"); a != "" {
		u.authorization = a
	}
	return nil
}

// checkOrigin refuses other hosts: a registry could otherwise have us send the
// content, and the token, to a third party or in plain text
// (GHSA-jxpm-75mh-9fp7).
func (u *upload) checkOrigin(location *url.URL) error {
	if sameOrigin(location, u.origin) {
		return nil
	}
	return &elsewhereError{location: location, origin: u.origin}
}

// sameOrigin treats "example.com" and "example.com:443" as the same https host.
func sameOrigin(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		if p := u.Port(); p != "" {
			return p
		}
		return map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return a.Scheme == b.Scheme && a.Hostname() == b.Hostname() && port(a) == port(b)
}

// stored tells whether the blob is there in spite of what went wrong.
func (u *upload) stored(ctx context.Context) bool {
	has, err := u.repo.HasBlob(ctx, u.src.desc)
	return err == nil && has
}

// drop gives the upload up, to begin another.
func (u *upload) drop() {
	u.session.forget()
	u.location, u.offset = nil, 0
}

// failed is a request that did not do what it was sent for.
type failed struct {
	method string
	sent   int64          // length of its body
	resp   *http.Response // closed; nil when none came
	err    error
}

func (f *failed) status() int {
	if f.resp == nil {
		return 0
	}
	return f.resp.StatusCode
}

// send does the next request: all in one PUT, a PATCH of the next piece, or
// the PUT that closes an upload of pieces.
func (u *upload) send(ctx context.Context) (stored bool, f *failed) {
	limits := u.repo.host.lessons.current()
	f = &failed{method: http.MethodPut}
	switch {
	case u.offset == 0 && limits.whole(u.size):
		f.sent = u.size
	case u.offset < u.size:
		f.method, f.sent = http.MethodPatch, limits.piece(u.size-u.offset, u.least)
	}
	resp, err := u.request(ctx, f.method, f.sent)
	if err != nil {
		f.err = err
		return false, f
	}
	defer resp.Body.Close()
	f.resp = resp
	switch {
	case f.method == http.MethodPut && (resp.StatusCode == http.StatusCreated || resp.StatusCode == http.StatusNoContent):
		return true, nil
	case f.method == http.MethodPatch && resp.StatusCode >= 200 && resp.StatusCode < 300:
		f.err = u.accepted(resp, u.offset+f.sent)
	default:
		f.err = responseError(resp)
	}
	if f.err != nil {
		return false, f
	}
	return false, nil
}

// request sends n bytes of the content from u.offset on. The transport gets a
// body that it cannot rewind, and the authorization that was good for the
// request before: sending bytes again is decided here alone.
func (u *upload) request(ctx context.Context, method string, n int64) (*http.Response, error) {
	location := *u.location
	if method == http.MethodPut {
		// Signed queries do not survive being encoded again.
		if location.RawQuery != "" {
			location.RawQuery += "&"
		}
		location.RawQuery += "digest=" + url.QueryEscape(u.src.desc.Digest.String())
	}
	req, err := http.NewRequestWithContext(ctx, method, location.String(), nil)
	if err != nil {
		return nil, err
	}
	if req.Body, err = u.src.body(u.offset, n); err != nil {
		return nil, err
	}
	req.ContentLength = n
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("User-Agent", u.repo.host.userAgent)
	if method == http.MethodPatch {
		req.Header.Set("Content-Range", fmt.Sprintf("%d-%d", u.offset, u.offset+n-1))
	}
	if u.authorization != "" {
		req.Header.Set("Authorization", u.authorization)
	}
	return u.repo.host.bodies.Do(req)
}

// accepted takes the answer to a PATCH that ended at end.
func (u *upload) accepted(resp *http.Response, end int64) error {
	if resp.StatusCode == http.StatusCreated {
		// Amazon ECR says so of pieces (kitops-ml/kitops#821). Go on this once;
		// the location may be that of the blob, which is not there yet.
		u.repo.host.lessons.cannotPatch()
		if location, err := resp.Location(); err != nil || !strings.Contains(location.Path, "/uploads/") {
			resp.Header.Del("Location")
		}
	}
	if err := u.follow(resp); err != nil {
		return err
	}
	got, ok := received(resp.Header.Get("Range"))
	if !ok {
		got = end
	}
	if got <= u.offset || got > end {
		return fmt.Errorf("the registry says that it has %d bytes after it was sent those from %d to %d", got, u.offset, end)
	}
	u.offset = got
	return nil
}

// received reads the Range header of an upload, "0-N" with N inclusive
// (distribution-spec 1.1, "Pushing a blob in chunks"); some write "bytes=0-N".
func received(header string) (n int64, ok bool) {
	first, last, found := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	if !found || first != "0" {
		return 0, false
	}
	end, err := strconv.ParseUint(last, 10, 62)
	return int64(end) + 1, err == nil
}
