package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/sorting"
)

// maxIndex is how long an index.json may be: about 40,000 manifests.
const maxIndex = 16 << 20

// digestRE is the grammar of digests of any algorithm (image-spec 1.1,
// descriptor.md). Other tools may have written sha512; such entries are kept,
// but never looked up, because only sha256 becomes a path here.
var digestRE = regexp.MustCompile(`^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]{1,256}$`)

// index is the content of index.json: every manifest of the layout, once for
// each of its tags, or once without. An index that several goroutines use is
// not changed any more; see clone.
type index struct {
	ocispec.Index
	// Where in Manifests a ref name stands last, and a digest first.
	byName, byDigest map[string]int
	// bySubject remembers what Referrers found: artifact type -> referrers.
	bySubject sync.Map
}

// referrers are the manifests of one artifact type by the digest of their
// subject.
type referrers map[string][]ocispec.Descriptor

func newIndex() *index {
	x := &index{Index: ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{},
	}}
	x.locate()
	return x
}

// clone returns a copy that can be changed.
func (x *index) clone() *index {
	c := &index{Index: x.Index, byName: maps.Clone(x.byName), byDigest: maps.Clone(x.byDigest)}
	c.Manifests = slices.Clone(x.Manifests)
	return c
}

// locate fills byName and byDigest.
func (x *index) locate() {
	x.byName, x.byDigest = make(map[string]int, len(x.Manifests)), make(map[string]int, len(x.Manifests))
	for i := range x.Manifests {
		x.located(i)
	}
}

func (x *index) located(i int) {
	desc := x.Manifests[i]
	if _, ok := x.byDigest[string(desc.Digest)]; !ok {
		x.byDigest[string(desc.Digest)] = i
	}
	if name := refName(desc); name != "" {
		x.byName[name] = i
	}
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
	x.locate()
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
	sorting.Stable(x.Manifests, func(a, b ocispec.Descriptor) int {
		nameA, nameB := refName(a), refName(b)
		if (nameA == "") != (nameB == "") {
			return strings.Compare(nameB, nameA) // tagged first
		}
		if c := strings.Compare(nameA, nameB); c != 0 {
			return c
		}
		return strings.Compare(string(a.Digest), string(b.Digest))
	})
	x.locate()
}

// tagged returns the manifest with this ref name. When another tool wrote a
// name twice the last one counts, as it does for oras.
func (x *index) tagged(name string) (ocispec.Descriptor, bool) {
	i, ok := x.byName[name]
	if !ok {
		return ocispec.Descriptor{}, false
	}
	return x.Manifests[i], true
}

// manifest returns the entry of a manifest, whatever its tags.
func (x *index) manifest(digest string) (ocispec.Descriptor, bool) {
	i, ok := x.byDigest[digest]
	if !ok {
		return ocispec.Descriptor{}, false
	}
	return x.Manifests[i], true
}

// add lists a manifest and tells whether it was not listed before.
func (x *index) add(desc ocispec.Descriptor) bool {
	if _, ok := x.manifest(string(desc.Digest)); ok {
		return false
	}
	x.append(desc)
	return true
}

func (x *index) append(desc ocispec.Descriptor) {
	x.Manifests = append(x.Manifests, desc)
	x.located(len(x.Manifests) - 1)
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
	x.append(desc)
	return true
}

// dropTag removes the tag name, keeps the manifest, and tells whether there
// was one.
func (x *index) dropTag(name string) bool {
	if _, ok := x.byName[name]; !ok {
		return false
	}
	for i, desc := range x.Manifests {
		if refName(desc) != name {
			continue
		}
		annotations := maps.Clone(desc.Annotations)
		delete(annotations, ocispec.AnnotationRefName)
		if len(annotations) == 0 {
			annotations = nil
		}
		x.Manifests[i].Annotations = annotations
	}
	delete(x.byName, name)
	return true
}

// drop removes the tags of a manifest that begin with prefix, and the manifest
// itself unless it has others: another artifact may have the same bytes. It
// tells whether the manifest was listed.
func (x *index) drop(digest, prefix string) bool {
	if _, ok := x.byDigest[digest]; !ok {
		return false
	}
	gone := func(name string) bool { return name == "" || strings.HasPrefix(name, prefix) }
	x.Manifests = slices.DeleteFunc(x.Manifests, func(desc ocispec.Descriptor) bool {
		return string(desc.Digest) == digest && gone(refName(desc))
	})
	x.locate()
	return true
}

func refName(desc ocispec.Descriptor) string { return desc.Annotations[ocispec.AnnotationRefName] }
