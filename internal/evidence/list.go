package evidence

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// Found is evidence that a registry lists.
type Found struct {
	Desc  ocispec.Descriptor // of the manifest
	Kind  string
	Layer ocispec.Descriptor // of the payload
	Name  string             // of the payload; a safe relative path
	// More are the blobs besides the payload, by digest.
	More map[ref.Digest]ocispec.Descriptor
}

// maxFound bounds how many manifests List reads for one subject. An artifact
// has a handful of referrers of ours.
const maxFound = 1000

// List returns the evidence about subject, of one kind or of all when kind is
// "", ordered by kind and digest. Referrers that are not evidence as Build
// writes it (signatures, other tools' files, damaged manifests, manifests about
// another subject) are passed over.
func List(ctx context.Context, repo registry.Repository, subject ocispec.Descriptor, kind string) ([]Found, error) {
	fail := func(err error) ([]Found, error) {
		return nil, fmt.Errorf("list evidence: %w", err)
	}
	filter := ""
	if kind != "" {
		filter = artifactType(kind)
	}
	referrers, err := repo.Referrers(ctx, subject, filter)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return fail(err)
	}
	var found []Found
	seen := map[ref.Digest]bool{}
	for _, r := range referrers {
		d, err := ref.ParseDigest(string(r.Digest))
		// A registry need not filter (distribution-spec 1.1, "Listing
		// Referrers"), nor tell the artifact type.
		if err != nil || seen[d] || r.ArtifactType != "" && !wanted(r.ArtifactType, kind) {
			continue
		}
		seen[d] = true
		if len(seen) > maxFound {
			return fail(fmt.Errorf("%s: %s has over %d referrers", repo, subject.Digest, maxFound))
		}
		desc, data, err := repo.Manifest(ctx, d)
		if errors.Is(err, registry.ErrNotFound) {
			continue // listed, but deleted since
		}
		if err != nil {
			return fail(err)
		}
		if f, err := decode(data, ref.Digest(subject.Digest)); err == nil && wanted(artifactType(f.Kind), kind) {
			f.Desc = desc
			found = append(found, f)
		}
	}
	sorting.By(found, func(a, b Found) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(string(a.Desc.Digest), string(b.Desc.Digest)))
	})
	return found, nil
}

// wanted tells whether t is the artifact type of kind, or of any when kind is
// "".
func wanted(t, kind string) bool {
	if kind != "" {
		return t == artifactType(kind)
	}
	_, ok := kindOf(t)
	return ok
}

func kindOf(artifactType string) (string, bool) {
	kind, prefix := strings.CutPrefix(artifactType, typePrefix)
	kind, suffix := strings.CutSuffix(kind, typeSuffix)
	return kind, prefix && suffix && kindRE.MatchString(kind)
}

// decode reads a manifest that claims to be evidence about subject.
func decode(data []byte, subject ref.Digest) (Found, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Found{}, err
	}
	kind, ok := kindOf(m.ArtifactType)
	switch {
	case !ok:
		return Found{}, fmt.Errorf("artifact type %q is not of evidence", clip(m.ArtifactType))
	case m.MediaType != ocispec.MediaTypeImageManifest || m.Config.MediaType != ocispec.MediaTypeEmptyJSON:
		return Found{}, fmt.Errorf("media type %q with config %q", clip(m.MediaType), clip(m.Config.MediaType))
	case m.Subject == nil || ref.Digest(m.Subject.Digest) != subject:
		return Found{}, errors.New("it is about something else")
	case len(m.Layers) == 0 || len(m.Layers) > 1+MaxMore:
		return Found{}, fmt.Errorf("%d layers, not 1 to %d", len(m.Layers), 1+MaxMore)
	}
	f := Found{Kind: kind, Layer: m.Layers[0], Name: m.Layers[0].Annotations[ocispec.AnnotationTitle]}
	for i, layer := range m.Layers {
		if err := manifest.CheckPath(layer.Annotations[ocispec.AnnotationTitle]); err != nil {
			return Found{}, err
		}
		d, err := ref.ParseDigest(string(layer.Digest))
		if err != nil {
			return Found{}, err
		}
		if layer.Size < 0 {
			return Found{}, errors.New("negative size")
		}
		if i == 0 {
			continue
		}
		if f.More == nil {
			f.More = map[ref.Digest]ocispec.Descriptor{}
		}
		f.More[d] = layer
	}
	return f, nil
}
