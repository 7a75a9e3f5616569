package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// maxUploads is how often the bytes of one blob are sent from the beginning.
const maxUploads = 3

func (r *remoteRepository) endpoint(path string) string {
	scheme := "https"
	if r.host.plainHTTP {
		scheme = "http"
	}
	return fmt.Sprintf("%s://%s/v2/%s/%s", scheme, r.repo.Reference.Host(), r.repo.Reference.Repository, path)
}

// PushBlob uploads in one piece (distribution-spec 1.1, "POST then PUT"),
// which every registry accepts. oras-go does the same, but cannot read the
// content again, so that one reset connection or one expired token fails the
// push; hence this one.
func (r *remoteRepository) PushBlob(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
	op := r.pushing("push blob " + short(desc))
	if err := checkDescriptor(desc); err != nil {
		return op.fail(err)
	}
	ctx = auth.AppendRepositoryScope(ctx, r.repo.Reference, auth.ActionPull, auth.ActionPush)
	src := &blobSource{desc: desc, open: open}
	for attempt := 0; ; attempt++ {
		location, err := r.beginUpload(ctx) // has its own retries
		if err != nil {
			return r.host.fail(op, err)
		}
		if location == nil {
			return nil
		}
		resp, err := r.upload(ctx, location, src)
		if err == nil {
			return nil
		}
		if local := src.failure(); local != nil {
			return op.fail(local) // the registry's complaint is only its consequence
		}
		pause, _ := r.host.policy.Retry(attempt, resp, transportError(err))
		if isLostSession(err) {
			pause = r.host.policy.backoff(attempt)
		}
		if pause < 0 || attempt+1 >= maxUploads {
			return r.host.fail(op, err)
		}
		if err := sleep(ctx, pause); err != nil {
			return op.fail(err)
		}
	}
}

// upload sends the bytes once. The response of a refusal is returned as well,
// its body closed.
func (r *remoteRepository) upload(ctx context.Context, location *url.URL, src *blobSource) (*http.Response, error) {
	query := location.Query()
	query.Set("digest", src.desc.Digest.String())
	location.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, location.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	req.ContentLength = src.desc.Size
	req.GetBody = src.body
	if req.Body, err = src.body(); err != nil {
		return nil, err
	}
	resp, err := r.host.uploads.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusNoContent {
		return resp, responseError(resp)
	}
	return nil, nil
}

// beginUpload asks where to send the bytes. The location is nil when the
// registry has the blob already.
func (r *remoteRepository) beginUpload(ctx context.Context) (*url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.endpoint("blobs/uploads/"), nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.host.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusAccepted:
	case http.StatusCreated:
		return nil, nil
	default:
		return nil, responseError(resp)
	}
	location, err := resp.Location()
	if err != nil {
		return nil, fmt.Errorf("the registry did not say where to upload to: %w", err)
	}
	// A registry could otherwise have us send the content, and the token, to
	// a third party or in plain text (GHSA-jxpm-75mh-9fp7).
	if !sameOrigin(location, req.URL) {
		return nil, fmt.Errorf("the registry wants the upload at another host, %s://%s, which is refused", location.Scheme, clip(location.Host))
	}
	location.Host = req.URL.Host
	return location, nil
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

// transportError returns err when no response came, and nil when one did.
func transportError(err error) error {
	if _, ok := errors.AsType[*errcode.ErrorResponse](err); ok {
		return nil
	}
	return err
}

// isLostSession tells whether the registry forgot the upload that it began
// itself, as registries behind a load balancer do.
func isLostSession(err error) bool {
	response, ok := errors.AsType[*errcode.ErrorResponse](err)
	return ok && response.Method == http.MethodPut &&
		(response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusRequestedRangeNotSatisfiable)
}

// blobSource opens the content anew for each try, checks it on its way and
// remembers when it was the content that failed.
type blobSource struct {
	desc ocispec.Descriptor
	open func() (io.ReadCloser, error)

	mu  sync.Mutex
	err error
}

// body returns a request body that is never longer or other than described.
func (s *blobSource) body() (io.ReadCloser, error) {
	r, err := s.open()
	if err != nil {
		return nil, s.note(err)
	}
	v := verified(r, s.desc)
	if s.desc.Size > 0 {
		return &sourceBody{verifiedReader: v, source: s}, nil
	}
	// A body that is not http.NoBody would be sent in chunks, without length.
	defer r.Close()
	if _, err := v.Read(make([]byte, 1)); err != io.EOF {
		return nil, s.note(err)
	}
	return http.NoBody, nil
}

func (s *blobSource) note(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	return err
}

func (s *blobSource) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

type sourceBody struct {
	*verifiedReader
	source *blobSource
	closed atomic.Bool
}

func (b *sourceBody) Read(p []byte) (int, error) {
	n, err := b.verifiedReader.Read(p)
	if err != nil && err != io.EOF && !b.closed.Load() {
		b.source.note(err)
	}
	return n, err
}

// Close may come while Read runs, when the registry answers early; what Read
// says then is not the content's fault.
func (b *sourceBody) Close() error {
	b.closed.Store(true)
	return b.verifiedReader.Close()
}
