// Package registry speaks OCI: it stores and finds manifests, blobs, tags and
// referrers in one place, which is either a registry on the network or an OCI
// image layout in a folder. Both behave alike, so that everything above works
// on a laptop without a server.
//
//	reg, err := registry.Open("ghcr.io/acme/reviews", root, registry.Options{})
//	repo, err := reg.Repository("sentiment")        // ghcr.io/acme/reviews/sentiment
//	err = repo.PushBlob(ctx, desc, open)            // blobs first,
//	desc, err := repo.PushManifest(ctx, mt, data)   // then the manifest that names them,
//	err = repo.Tag(ctx, desc, "v1.0.0")             // then the tag
//
// What comes back is hostile until checked. Manifests are at most MaxManifest
// bytes long and have the digest that was asked for; lists are capped;
// descriptors in lists have valid digests and sizes. Blobs are streams: the
// caller limits them to desc.Size and verifies the digest (see package transfer).
//
// Blobs are sent whole, and after a broken connection from where the registry
// says that it ended. One on which nothing moves for Options.Stall is broken.
// What a host takes in one request is a profile, chosen by its name and
// corrected by its answers.
//
// Errors name the repository, the operation, the HTTP status and the next
// step. Callers branch with errors.Is on the sentinels below; anything else, a
// full disk for example, is found by errors.Is as well.
//
// Formats: OCI image-spec 1.1 (manifest.md, image-layout.md) and
// distribution-spec 1.1.
package registry

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
)

var (
	// ErrNotFound means that the repository, manifest, blob or tag does not
	// exist, or that a layout folder was not created yet.
	ErrNotFound = errors.New("not found")
	// ErrUnauthorized means that the registry knows no such user or refuses
	// what the user asked for (HTTP 401 and 403).
	ErrUnauthorized = errors.New("unauthorized")
	// ErrUnreachable means that the registry cannot be asked at all: no such
	// host, connection refused, timeout, or 429 and 5xx even after retries.
	ErrUnreachable = errors.New("registry unreachable")
	// ErrUnsupported means that the registry does not offer the operation.
	ErrUnsupported = errors.New("not supported by the registry")
	// ErrRange means that the registry's answer to a range request makes no
	// sense: ask for the whole blob instead.
	ErrRange = errors.New("the registry's answer to a range request makes no sense")
)

// Limits on what a registry may answer.
const (
	MaxManifest  = 4 << 20 // bytes; what every registry accepts (distribution-spec 1.1, "Pushing Manifests")
	MaxTags      = 100_000 // tags of one repository
	MaxReferrers = 10_000  // referrers of one manifest
)

// Options configure Open. The zero value is right for the command line.
type Options struct {
	// PlainHTTP speaks HTTP instead of HTTPS to every host. Without it only
	// loopback addresses are spoken to in plain.
	PlainHTTP bool
	// UserAgent is sent with every request; "waybill" when empty.
	UserAgent string
	// Getenv reads where credentials are (DOCKER_CONFIG, HOME,
	// REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR), those of a workflow (GITHUB_TOKEN,
	// GITHUB_ACTOR) and whether this is one (GITHUB_ACTIONS); os.Getenv when nil.
	Getenv func(string) string
	// Now tells which temporary files of a layout and which remembered uploads
	// are stale; time.Now when nil.
	Now func() time.Time
	// RetryWait is the pause before a failed request is tried again; it
	// doubles with each further try. 250 ms when zero.
	RetryWait time.Duration
	// Stall is how long a request may move nothing, or a question go without
	// answer, before it is broken off and tried again. 2 minutes when zero.
	Stall time.Duration
	// SessionDir is where unfinished uploads of large blobs are remembered, so
	// that the next run goes on with them; "" when they are not.
	SessionDir string
	// Profile names what the registry takes in one request: generic, ghcr,
	// ecr, … When empty the host tells.
	Profile string
	// Chunk sends blobs in pieces of that many bytes. When negative they are
	// only ever sent whole; when zero the profile decides.
	Chunk int64
}

func (o Options) withDefaults() Options {
	if o.UserAgent == "" {
		o.UserAgent = "waybill"
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.RetryWait <= 0 {
		o.RetryWait = 250 * time.Millisecond
	}
	if o.Stall <= 0 {
		o.Stall = 2 * time.Minute
	}
	return o
}

// Repository holds the manifests and blobs of one artifact. All methods may
// be called concurrently, by several processes too.
type Repository interface {
	// String returns "ghcr.io/acme/reviews/sentiment", or for a layout
	// "oci-layout:.waybill/registry/sentiment": what the project says, never
	// made absolute, so that it may be stored in a lock.
	String() string

	// Resolve returns the descriptor of a manifest by its tag or digest;
	// ErrNotFound when there is none.
	Resolve(ctx context.Context, tagOrDigest string) (ocispec.Descriptor, error)

	// Manifest returns a manifest of at most MaxManifest bytes whose digest
	// was verified.
	Manifest(ctx context.Context, digest ref.Digest) (ocispec.Descriptor, []byte, error)

	// Blob opens a blob. The bytes are not verified: read at most desc.Size+1
	// of them and compare the digest. The reader is an io.Seeker too where
	// the store can serve ranges.
	Blob(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error)

	// BlobRange opens length bytes of a blob, from offset on. Many registries
	// answer with the whole blob; start is where the reader begins, offset or 0.
	// The reader may give more than length bytes. Like those of Blob they are
	// not verified, and a part cannot be by the blob's digest. ErrRange when
	// the answer is neither the part nor the whole.
	BlobRange(ctx context.Context, desc ocispec.Descriptor, offset, length int64) (r io.ReadCloser, start int64, err error)

	// HasBlob tells whether the blob is stored with digest and size. A damaged
	// one of another size does not count, so that pushing again mends it.
	HasBlob(ctx context.Context, desc ocispec.Descriptor) (bool, error)

	// PushBlob stores what open returns. It is idempotent, and it fails when
	// size or digest differ from desc, with nothing stored. open is called
	// again for every request that carries content, each reader is closed. An
	// *os.File is left to the system to send, another io.Seeker is positioned,
	// any other reader is read up to where its content is wanted.
	PushBlob(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error

	// Mount makes a blob that the repository of the artifact from has one of
	// this repository, without sending it. It returns false when the registry
	// does not do that, or the other has no such blob: push it then.
	Mount(ctx context.Context, desc ocispec.Descriptor, from string) (bool, error)

	// PushManifest stores a manifest whose blobs were pushed before. When it
	// has a subject, Referrers of that subject lists it from now on. On
	// registries without the referrers API concurrent pushes for one subject
	// can lose entries: list and push again.
	PushManifest(ctx context.Context, mediaType string, data []byte) (ocispec.Descriptor, error)

	// Tag makes tag name the manifest desc, which was pushed before. A tag
	// that names another manifest is moved.
	Tag(ctx context.Context, desc ocispec.Descriptor, tag string) error

	// Untag removes a tag and keeps the manifest. Registries may refuse:
	// ErrUnsupported.
	Untag(ctx context.Context, tag string) error

	// Delete removes a manifest and with it all its tags. Blobs stay until the
	// registry, or Sweep for a layout, collects them. Registries may refuse:
	// ErrUnsupported. ErrNotFound when there is none.
	Delete(ctx context.Context, desc ocispec.Descriptor) error

	// Tags returns all tags, sorted, without those that store referrers
	// ("sha256-…"). A repository to which nothing was pushed has none, or is
	// ErrNotFound.
	Tags(ctx context.Context) ([]string, error)

	// Referrers returns the manifests that have subject as their subject,
	// sorted by digest, with artifactType and annotations; with artifactType
	// only those of that type. None is not an error; ErrNotFound when the
	// repository does not exist.
	Referrers(ctx context.Context, subject ocispec.Descriptor, artifactType string) ([]ocispec.Descriptor, error)
}

// Registry is the place that the project's "registry:" names.
type Registry struct {
	url    address
	layout *layout     // when url is a folder,
	remote *remoteHost // else the host
}

// Open reads url: "ghcr.io/acme/reviews", "localhost:5000", "oci-layout:DIR".
// DIR is relative to baseDir, the root of the project. Nothing is asked or
// created yet.
func Open(url, baseDir string, opts Options) (*Registry, error) {
	addr, err := parseAddress(url)
	if err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	accepts, err := profileFor(addr.host, opts)
	if err != nil {
		return nil, err
	}
	if addr.dir != "" {
		return &Registry{url: addr, layout: newLayout(addr, baseDir, opts)}, nil
	}
	return &Registry{url: addr, remote: newRemoteHost(addr, accepts, opts)}, nil
}

// String returns the url as Open accepts it.
func (r *Registry) String() string { return r.url.String() }

// Repository returns the repository of the artifact name. It asks nobody; a
// repository comes into being when something is pushed.
func (r *Registry) Repository(name string) (Repository, error) {
	if err := ref.CheckName(name); err != nil {
		return nil, err
	}
	if r.layout != nil {
		return &layoutRepository{layout: r.layout, name: name}, nil
	}
	repo, err := r.remote.repository(name)
	if err != nil {
		return nil, err
	}
	return repo, nil
}

// Ping tells whether the registry answers and accepts the credentials, or
// whether the folder can be read as a layout. A layout that does not exist
// yet is fine: the first push creates it.
func (r *Registry) Ping(ctx context.Context) error {
	if r.layout != nil {
		return r.layout.ping(ctx)
	}
	return r.remote.ping(ctx)
}

// descriptorOf describes data.
func descriptorOf(mediaType string, data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.Digest(ref.Of(data)), Size: int64(len(data))}
}
