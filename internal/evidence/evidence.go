// Package evidence stores results about an artifact beside it: predictions,
// profiles, reports. Each is an OCI artifact of its own whose subject is the
// artifact's manifest (a referrer, in the words of the distribution-spec).
//
//	desc, err := evidence.Attach(ctx, repo, enc.Desc, evidence.Item{Kind: evidence.Report, …})
//	found, err := evidence.List(ctx, repo, enc.Desc, evidence.Report)
//	r, err := evidence.Fetch(ctx, repo, found[0], 16<<20)
//
// A list of referrers proves nothing: whoever can write to the repository can
// add to it, and registries without the referrers API can lose entries when two
// clients write at once. Callers that decide something compare the digest of
// Found.Layer with the one in the lock or the ledger.
package evidence

import (
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

// Kinds of evidence. Others may be used as well; they are lower-case letters,
// digits and "-".
const (
	Predictions = "predictions" // of a model on a dataset's rows
	Profile     = "profile"     // of a dataset's columns
	Report      = "report"      // findings of the check groups
	Results     = "results"     // files that checks of an evaluation read
)

// The artifact type of a kind is typePrefix + kind + typeSuffix.
const (
	typePrefix = "application/vnd.waybill."
	typeSuffix = ".v1+json"
)

var kindRE = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Item is evidence to attach.
type Item struct {
	Kind      string
	Name      string // file name under which other tools save the payload
	MediaType string // of the payload
	Digest    ref.Digest
	Size      int64 // bytes
	// Open returns the payload from its beginning, each time it is called.
	Open func() (io.ReadCloser, error)
	// More are blobs that the payload names by their digests, stored as layers
	// after it: at most MaxMore.
	More []Blob
}

// Blob is bytes that belong to evidence.
type Blob struct {
	Name      string // as Item.Name
	MediaType string
	Digest    ref.Digest
	Size      int64 // bytes
	// Open is not called for what the registry has.
	Open func() (io.ReadCloser, error)
}

// MaxMore is how many blobs evidence may have besides its payload.
const MaxMore = 256

// descriptor is the layer of a blob.
func (b Blob) descriptor() ocispec.Descriptor {
	return ocispec.Descriptor{
		MediaType: b.MediaType, Digest: digest.Digest(b.Digest), Size: b.Size,
		Annotations: map[string]string{ocispec.AnnotationTitle: b.Name},
	}
}

// payload is the blob of the payload itself.
func (item Item) payload() Blob {
	return Blob{item.Name, item.MediaType, item.Digest, item.Size, item.Open}
}

// Built is evidence as a registry holds it.
type Built struct {
	Manifest []byte // canonical JSON
	Desc     ocispec.Descriptor
	Config   ocispec.Descriptor // the empty config, {}
	Layer    ocispec.Descriptor // the payload
}

// emptyConfig is the content of Built.Config (OCI image-spec 1.1, "Guidance
// for an Empty Descriptor").
var emptyConfig = []byte("{}")

// Build returns the manifest of evidence about subject. It is a function of
// its arguments alone: there is no time in it, and of the subject only media
// type, digest and size, so that attaching twice attaches once.
func Build(subject ocispec.Descriptor, item Item) (*Built, error) {
	if err := item.check(); err != nil {
		return nil, err
	}
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	built := &Built{
		Config: ocispec.Descriptor{MediaType: ocispec.MediaTypeEmptyJSON, Digest: digest.FromBytes(emptyConfig), Size: int64(len(emptyConfig))},
		Layer:  item.payload().descriptor(),
	}
	layers := []ocispec.Descriptor{built.Layer}
	for _, b := range item.More {
		layers = append(layers, b.descriptor())
	}
	data, err := canonical.Marshal(ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: artifactType(item.Kind),
		Config:       built.Config,
		Layers:       layers,
		Subject:      &ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
	})
	if err != nil {
		return nil, err
	}
	built.Manifest = data
	built.Desc = ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageManifest, ArtifactType: artifactType(item.Kind),
		Digest: digest.FromBytes(data), Size: int64(len(data)),
	}
	return built, nil
}

func artifactType(kind string) string { return typePrefix + kind + typeSuffix }

func (item Item) check() error {
	if !kindRE.MatchString(item.Kind) {
		return fmt.Errorf("evidence kind %q: use lower-case letters, digits and -", clip(item.Kind))
	}
	if len(item.More) > MaxMore {
		return fmt.Errorf("evidence %s: %d blobs, at most %d", item.Kind, len(item.More), MaxMore)
	}
	for _, b := range append([]Blob{item.payload()}, item.More...) {
		if err := b.check(); err != nil {
			return fmt.Errorf("evidence %s: %w", item.Kind, err)
		}
	}
	return nil
}

func (b Blob) check() error {
	if err := manifest.CheckPath(b.Name); err != nil {
		return err
	}
	if b.MediaType == "" {
		return fmt.Errorf("%s: no media type", b.Name)
	}
	if _, err := ref.ParseDigest(string(b.Digest)); err != nil {
		return fmt.Errorf("%s: %w", b.Name, err)
	}
	if b.Size < 0 {
		return fmt.Errorf("%s: negative size", b.Name)
	}
	return nil
}

func checkSubject(subject ocispec.Descriptor) error {
	if _, err := ref.ParseDigest(string(subject.Digest)); err != nil {
		return fmt.Errorf("subject of evidence: %w", err)
	}
	if subject.MediaType == "" || subject.Size <= 0 {
		return errors.New("subject of evidence: media type and size are needed; resolve it first")
	}
	return nil
}

// clip keeps hostile text in messages short.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
