package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
	orasregistry "oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/sorting"
)

const (
	dialTimeout = 5 * time.Second
	// answerTimeout covers a registry that hashes ten gigabytes again before
	// it answers an upload.
	answerTimeout = 5 * time.Minute
	// pingTimeout covers what waits to be sent before a ping of HTTP/2. Its
	// connections are shared, and one that is dead would be used again.
	pingTimeout = time.Minute
	maxPages    = 1000
)

// remoteHost is one host with its connections, tokens and credentials.
type remoteHost struct {
	host      string
	plainHTTP bool
	path      string // before the artifact's name
	policy    retryPolicy
	keychain  *keychain
	client    *auth.Client // retries
	bodies    *http.Client // sends blobs; an upload decides itself what follows a failure
	userAgent string

	profile    profile
	lessons    *lessons
	sessionDir string
	workflow   bool // runs in GitHub Actions
}

func newRemoteHost(addr address, accepts profile, opts Options) *remoteHost {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.DialContext = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	base.ResponseHeaderTimeout = answerTimeout
	base.MaxIdleConnsPerHost = 16
	base.DisableCompression = true // a blob is its bytes as stored
	base.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingTimeout / 2, PingTimeout: pingTimeout}
	base.WriteBufferSize = 64 << 10
	watched := &watchdog{base: base, limit: opts.Stall}

	h := &remoteHost{
		host:      addr.host,
		plainHTTP: opts.PlainHTTP || addr.loopback(),
		path:      addr.path,
		policy:    retryPolicy{wait: opts.RetryWait, now: opts.Now},
		keychain:  newKeychain(opts.Getenv),
		userAgent: opts.UserAgent,

		profile:    accepts,
		lessons:    &lessons{limits: accepts.limits},
		sessionDir: opts.SessionDir,
		workflow:   opts.Getenv("GITHUB_ACTIONS") == "true",
	}
	h.client = &auth.Client{
		Client:     &http.Client{Transport: &retry.Transport{Base: watched, Policy: func() retry.Policy { return h.policy }}},
		Header:     http.Header{"User-Agent": {opts.UserAgent}},
		ClientID:   "waybill",
		Credential: h.keychain.credential,
		Cache:      auth.NewCache(),
	}
	h.bodies = &http.Client{Transport: watched, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return h
}

// reference returns where the artifact name is, without asking for it.
func (h *remoteHost) reference(name string) (orasregistry.Reference, error) {
	path := name
	if h.path != "" {
		path = h.path + "/" + name
	}
	if len(path) > maxRepository {
		return orasregistry.Reference{}, fmt.Errorf("repository %s/%s: longer than %d bytes", h.host, path, maxRepository)
	}
	return orasregistry.Reference{Registry: h.host, Repository: path}, ref.CheckName(name)
}

func (h *remoteHost) repository(name string) (*remoteRepository, error) {
	reference, err := h.reference(name)
	if err != nil {
		return nil, err
	}
	return &remoteRepository{
		host: h,
		name: h.host + "/" + reference.Repository,
		repo: &remote.Repository{
			Client:               h.client,
			Reference:            reference,
			PlainHTTP:            h.plainHTTP,
			SkipReferrersGC:      true, // deleting needs a permission that few tokens have
			MaxMetadataBytes:     MaxManifest,
			TagListMaxPages:      maxPages,
			ReferrerListMaxPages: maxPages,
		},
	}, nil
}

func (h *remoteHost) ping(ctx context.Context) error {
	registry := &remote.Registry{RepositoryOptions: remote.RepositoryOptions{
		Client: h.client, Reference: orasregistry.Reference{Registry: h.host}, PlainHTTP: h.plainHTTP,
	}}
	return h.fail(h.operation(h.host, "ping"), registry.Ping(ctx))
}

// do sends a request without body, with credentials and retries.
func (h *remoteHost) do(ctx context.Context, method, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	return h.client.Do(req)
}

func (h *remoteHost) operation(repository, what string) operation {
	return operation{repository: repository, host: h.host, name: what, advice: h.profile.advice, workflow: h.workflow}
}

// fail adds to a refusal that stored credentials could not be read.
func (h *remoteHost) fail(op operation, err error) error {
	err = op.fail(err)
	e, ok := errors.AsType[*opError](err)
	if trouble := h.keychain.trouble(); ok && e.kind == ErrUnauthorized && trouble != nil {
		e.next = "stored credentials could not be read (" + printable(trouble.Error()) + "); " + e.next
	}
	return err
}

// remoteRepository is a Repository on the network.
type remoteRepository struct {
	host *remoteHost
	name string
	repo *remote.Repository
}

func (r *remoteRepository) String() string { return r.name }

func (r *remoteRepository) reading(what string) operation {
	return r.host.operation(r.name, what)
}

func (r *remoteRepository) pushing(what string) operation {
	op := r.reading(what)
	op.push = true
	return op
}

func (r *remoteRepository) removing(what string) operation {
	op := r.pushing(what)
	op.removes = true
	return op
}

func (r *remoteRepository) Resolve(ctx context.Context, tagOrDigest string) (ocispec.Descriptor, error) {
	op := r.reading("resolve " + clip(tagOrDigest))
	if err := checkTagOrDigest(tagOrDigest); err != nil {
		return ocispec.Descriptor{}, op.fail(err)
	}
	desc, err := r.repo.Resolve(ctx, tagOrDigest)
	if isHeadless(err) {
		desc, err = r.resolveByGet(ctx, tagOrDigest)
	}
	if err != nil {
		return ocispec.Descriptor{}, r.host.fail(op, err)
	}
	if err := errors.Join(checkDescriptor(desc), checkManifestSize(desc.Size)); err != nil {
		return ocispec.Descriptor{}, op.fail(err)
	}
	return plain(desc), nil
}

// isHeadless tells whether err comes from a registry that does not answer HEAD,
// or not with all that it must say: distribution-spec 1.1 only recommends the
// header Docker-Content-Digest.
func isHeadless(err error) bool {
	if response, ok := errors.AsType[*errcode.ErrorResponse](err); ok {
		return isNoMethod(response.StatusCode)
	}
	_, unanswered := errors.AsType[*url.Error](err)
	return err != nil && !unanswered && !errors.Is(err, errdef.ErrNotFound) && !errors.Is(err, auth.ErrBasicCredentialNotFound)
}

func (r *remoteRepository) resolveByGet(ctx context.Context, tagOrDigest string) (ocispec.Descriptor, error) {
	desc, body, err := r.repo.FetchReference(ctx, tagOrDigest)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, MaxManifest+1))
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if err := checkManifest(desc.MediaType, ref.Digest(desc.Digest), data); err != nil {
		return ocispec.Descriptor{}, err
	}
	return descriptorOf(desc.MediaType, data), nil
}

func (r *remoteRepository) Manifest(ctx context.Context, d ref.Digest) (ocispec.Descriptor, []byte, error) {
	op := r.reading("read manifest " + clip(string(d)))
	if _, err := ref.ParseDigest(string(d)); err != nil {
		return ocispec.Descriptor{}, nil, op.fail(err)
	}
	desc, data, err := r.manifest(ctx, d)
	if err != nil {
		return ocispec.Descriptor{}, nil, r.host.fail(op, err)
	}
	return desc, data, nil
}

func (r *remoteRepository) manifest(ctx context.Context, d ref.Digest) (ocispec.Descriptor, []byte, error) {
	desc, body, err := r.repo.FetchReference(ctx, string(d))
	if err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, MaxManifest+1))
	if err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	if err := checkManifest(desc.MediaType, d, data); err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	return descriptorOf(desc.MediaType, data), data, nil
}

// checkManifest compares a manifest that was read with what was asked for.
// Its media type must be the one it says of itself, so that one document
// cannot be read in two ways (image-spec 1.1, descriptor.md).
func checkManifest(mediaType string, d ref.Digest, data []byte) error {
	if err := checkManifestSize(int64(len(data))); err != nil {
		return err
	}
	if got := ref.Of(data); got != d {
		return fmt.Errorf("the manifest is corrupt: it has digest %s", got)
	}
	var own struct {
		MediaType string `json:"mediaType"`
	}
	if json.Unmarshal(data, &own) == nil && own.MediaType != "" && own.MediaType != mediaType {
		return fmt.Errorf("the manifest is of type %q, but is served as %q", clip(own.MediaType), clip(mediaType))
	}
	return nil
}

func (r *remoteRepository) Blob(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	op := r.reading("read blob " + short(desc))
	if err := checkDescriptor(desc); err != nil {
		return nil, op.fail(err)
	}
	body, err := r.repo.Blobs().Fetch(ctx, desc)
	if err != nil {
		return nil, r.host.fail(op, err)
	}
	blob := remoteBlob{body, func(err error) error { return r.host.fail(op, err) }}
	if seeker, ok := body.(io.Seeker); ok {
		return seekableBlob{blob, seeker}, nil
	}
	return blob, nil
}

// remoteBlob gives errors in the middle of a download the same form as others.
type remoteBlob struct {
	io.ReadCloser
	fail func(error) error
}

func (b remoteBlob) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = b.fail(err)
	}
	return n, err
}

type seekableBlob struct {
	remoteBlob
	io.Seeker
}

func (r *remoteRepository) HasBlob(ctx context.Context, desc ocispec.Descriptor) (bool, error) {
	op := r.reading("look for blob " + short(desc))
	if err := checkDescriptor(desc); err != nil {
		return false, op.fail(err)
	}
	stored, err := r.repo.Blobs().Resolve(ctx, desc.Digest.String())
	if err != nil {
		if err = r.host.fail(op, err); errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return false, err
	}
	return stored.Size == desc.Size, nil
}

func (r *remoteRepository) PushManifest(ctx context.Context, mediaType string, data []byte) (ocispec.Descriptor, error) {
	desc := descriptorOf(mediaType, data)
	op := r.pushing("push manifest " + short(desc))
	if err := checkManifestSize(desc.Size); err != nil {
		return ocispec.Descriptor{}, op.fail(err)
	}
	if err := r.repo.Manifests().Push(ctx, desc, bytes.NewReader(data)); err != nil {
		return ocispec.Descriptor{}, r.host.fail(op, err)
	}
	return desc, nil
}

func (r *remoteRepository) Tag(ctx context.Context, desc ocispec.Descriptor, tag string) error {
	op := r.pushing("tag " + short(desc) + " as " + clip(tag))
	if err := errors.Join(checkTag(tag), checkDescriptor(desc), checkManifestSize(desc.Size)); err != nil {
		return op.fail(err)
	}
	return r.host.fail(op, r.repo.Tag(ctx, desc, tag))
}

// Untag deletes the tag alone (distribution-spec 1.1, "Deleting tags"), which
// many registries do not offer.
func (r *remoteRepository) Untag(ctx context.Context, tag string) error {
	op := r.removing("remove tag " + clip(tag))
	if err := checkTag(tag); err != nil {
		return op.fail(err)
	}
	ctx = auth.AppendRepositoryScope(ctx, r.repo.Reference, auth.ActionPull, auth.ActionDelete)
	resp, err := r.host.do(ctx, http.MethodDelete, r.endpoint("manifests/"+tag))
	if err != nil {
		return r.host.fail(op, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusAccepted, http.StatusOK, http.StatusNoContent:
		return nil
	case http.StatusBadRequest: // distribution before 3.0: "digest invalid"
		return op.fail(fmt.Errorf("%w: %w", ErrUnsupported, responseError(resp)))
	}
	return r.host.fail(op, responseError(resp))
}

func (r *remoteRepository) Delete(ctx context.Context, desc ocispec.Descriptor) error {
	op := r.removing("delete manifest " + short(desc))
	if err := checkDescriptor(desc); err != nil {
		return op.fail(err)
	}
	return r.host.fail(op, r.repo.Manifests().Delete(ctx, plain(desc)))
}

// fallbackTagRE matches tags that stand in for the referrers API
// (distribution-spec 1.1, "Referrers Tag Schema").
var fallbackTagRE = regexp.MustCompile(`^sha256-[0-9a-f]{64}$`)

func (r *remoteRepository) Tags(ctx context.Context) ([]string, error) {
	var tags []string
	err := r.repo.Tags(ctx, "", func(page []string) error {
		for _, tag := range page {
			if checkTag(tag) == nil && !fallbackTagRE.MatchString(tag) {
				tags = append(tags, tag)
			}
		}
		if len(tags) > MaxTags {
			return fmt.Errorf("the repository has more than %d tags", MaxTags)
		}
		return nil
	})
	if err != nil {
		return nil, r.host.fail(r.reading("list tags"), err)
	}
	slices.Sort(tags)
	return slices.Compact(tags), nil
}

func (r *remoteRepository) Referrers(ctx context.Context, subject ocispec.Descriptor, artifactType string) ([]ocispec.Descriptor, error) {
	op := r.reading("list referrers of " + short(subject))
	if err := checkDescriptor(subject); err != nil {
		return nil, op.fail(err)
	}
	var found []ocispec.Descriptor
	err := r.repo.Referrers(ctx, plain(subject), artifactType, func(page []ocispec.Descriptor) error {
		for _, desc := range page {
			// What cannot be addressed, such as sha512, is not ours.
			if checkDescriptor(desc) == nil && (artifactType == "" || desc.ArtifactType == artifactType) {
				found = append(found, desc)
			}
		}
		if len(found) > MaxReferrers {
			return fmt.Errorf("there are more than %d", MaxReferrers)
		}
		return nil
	})
	if err != nil {
		return nil, r.host.fail(op, err)
	}
	return sortedByDigest(found), nil
}

func sortedByDigest(descs []ocispec.Descriptor) []ocispec.Descriptor {
	sorting.By(descs, func(a, b ocispec.Descriptor) int {
		return strings.Compare(string(a.Digest), string(b.Digest))
	})
	return slices.CompactFunc(descs, func(a, b ocispec.Descriptor) bool { return a.Digest == b.Digest })
}

func checkTagOrDigest(s string) error {
	if strings.Contains(s, ":") {
		_, err := ref.ParseDigest(s)
		return err
	}
	return checkTag(s)
}

// plain keeps what identifies the content.
func plain(desc ocispec.Descriptor) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: desc.MediaType, Digest: digest.Digest(desc.Digest), Size: desc.Size}
}
