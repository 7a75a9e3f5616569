package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxIndex is how long an index.json may be: about 40,000 manifests.
const maxIndex = 16 << 20

// digestRE is the grammar of digests of any algorithm (image-spec 1.1,
// descriptor.md). Other tools may have written sha512; such entries are kept,
// but never looked up, because only sha256 becomes a path here.
var digestRE = regexp.MustCompile(`^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]{1,256}$`)

// index is the content of index.json: every manifest of the layout, once for
// each of its tags, or once without.
type index struct {
	ocispec.Index
}

func newIndex() *index {
	return &index{ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{},
	}}
}

// parseIndex reads index.json, which anybody may have written.
func parseIndex(data []byte) (*index, error) {
	if len(data) > maxIndex {
		return nil, fmt.Errorf("longer than %d bytes", maxIndex)
	}
	x := newIndex()
	x.SchemaVersion, x.Manifests = 0, nil
	if err := json.Unmarshal(data, &x.Index); err != nil {
		return nil, fmt.Errorf("not an OCI image index: %w", err)
	}
	if x.SchemaVersion != 2 {
		return nil, fmt.Errorf("not an OCI image index: schemaVersion is %d, not 2", x.SchemaVersion)
	}
	if x.MediaType != ocispec.MediaTypeImageIndex {
		return nil, fmt.Errorf("not an OCI image index: mediaType is %q", clip(x.MediaType))
	}
	for i, desc := range x.Manifests {
		if !digestRE.MatchString(string(desc.Digest)) {
			return nil, fmt.Errorf("manifest %d: %q is not a digest", i, clip(string(desc.Digest)))
		}
		if strings.HasPrefix(string(desc.Digest), "sha256:") {
			if err := checkDescriptor(desc); err != nil {
				return nil, fmt.Errorf("manifest %d: %w", i, err)
			}
		}
	}
	return x, nil
}

// encode writes the one form of the index: compact, tagged manifests by tag,
// then the others by digest. Equal contents give equal bytes.
func (x *index) encode() ([]byte, error) {
	x.normalize()
	data, err := json.Marshal(x.Index)
	if err != nil {
		return nil, err
	}
	if data = append(data, '\n'); len(data) > maxIndex {
		return nil, errors.New("index.json would become longer than 16 MiB: the layout is full; use a registry, or another folder")
	}
	return data, nil
}

// normalize drops untagged entries of manifests that have a tag as well, and
// sorts.
func (x *index) normalize() {
	tagged := map[string]bool{}
	for _, desc := range x.Manifests {
		if refName(desc) != "" {
			tagged[string(desc.Digest)] = true
		}
	}
	seen := map[string]bool{}
	x.Manifests = slices.DeleteFunc(x.Manifests, func(desc ocispec.Descriptor) bool {
		if refName(desc) != "" {
			return false
		}
		d := string(desc.Digest)
		again := tagged[d] || seen[d]
		seen[d] = true
		return again
	})
	slices.SortStableFunc(x.Manifests, func(a, b ocispec.Descriptor) int {
		nameA, nameB := refName(a), refName(b)
		if (nameA == "") != (nameB == "") {
			return strings.Compare(nameB, nameA) // tagged first
		}
		if c := strings.Compare(nameA, nameB); c != 0 {
			return c
		}
		return strings.Compare(string(a.Digest), string(b.Digest))
	})
}

// tagged returns the manifest with this ref name. When another tool wrote a
// name twice the last one counts, as it does for oras.
func (x *index) tagged(name string) (ocispec.Descriptor, bool) {
	for _, desc := range slices.Backward(x.Manifests) {
		if refName(desc) == name {
			return desc, true
		}
	}
	return ocispec.Descriptor{}, false
}

// manifest returns the entry of a manifest, whatever its tags.
func (x *index) manifest(digest string) (ocispec.Descriptor, bool) {
	for _, desc := range x.Manifests {
		if string(desc.Digest) == digest {
			return desc, true
		}
	}
	return ocispec.Descriptor{}, false
}

// add lists a manifest and tells whether it was not listed before.
func (x *index) add(desc ocispec.Descriptor) bool {
	if _, ok := x.manifest(string(desc.Digest)); ok {
		return false
	}
	x.Manifests = append(x.Manifests, desc)
	return true
}

// setTag makes name the tag of desc, which must be listed, and tells whether
// that changed anything.
func (x *index) setTag(desc ocispec.Descriptor, name string) bool {
	if now, ok := x.tagged(name); ok && now.Digest == desc.Digest {
		return false
	}
	x.dropTag(name)
	desc.Annotations = maps.Clone(desc.Annotations)
	if desc.Annotations == nil {
		desc.Annotations = map[string]string{}
	}
	desc.Annotations[ocispec.AnnotationRefName] = name
	x.Manifests = append(x.Manifests, desc)
	return true
}

// dropTag removes the tag name, keeps the manifest, and tells whether there
// was one.
func (x *index) dropTag(name string) bool {
	found := false
	for i, desc := range x.Manifests {
		if refName(desc) != name {
			continue
		}
		found = true
		annotations := maps.Clone(desc.Annotations)
		delete(annotations, ocispec.AnnotationRefName)
		if len(annotations) == 0 {
			annotations = nil
		}
		x.Manifests[i].Annotations = annotations
	}
	return found
}

func refName(desc ocispec.Descriptor) string { return desc.Annotations[ocispec.AnnotationRefName] }
