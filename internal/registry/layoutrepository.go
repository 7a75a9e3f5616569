package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
)

// layoutRepository is a Repository in a folder. Artifacts share manifests and
// blobs, and have their own tags: NAME_TAG in index.json. Names have no "_".
type layoutRepository struct {
	layout *layout
	name   string
}

// manifestFacts is what Referrers needs of a manifest.
type manifestFacts struct {
	subject      string // digest
	artifactType string
	annotations  map[string]string
}

// document is the part of image manifests and indexes that is looked at.
type document struct {
	MediaType    string               `json:"mediaType"`
	ArtifactType string               `json:"artifactType"`
	Config       *ocispec.Descriptor  `json:"config"`
	Layers       []ocispec.Descriptor `json:"layers"`
	Manifests    []ocispec.Descriptor `json:"manifests"`
	Subject      *ocispec.Descriptor  `json:"subject"`
	Annotations  map[string]string    `json:"annotations"`
}

// artifactType falls back to the config's type, as the referrers API does.
func (d document) artifactType() string {
	if d.ArtifactType == "" && d.Config != nil {
		return d.Config.MediaType
	}
	return d.ArtifactType
}

func (r *layoutRepository) String() string { return r.layout.addr.String() + "/" + r.name }

// op is not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (r *layoutRepository) op(what string) operation {
	return operation{repository: r.String(), name: what}
}

func (r *layoutRepository) refName(tag string) string { return r.name + "_" + tag }

func (r *layoutRepository) Resolve(ctx context.Context, tagOrDigest string) (ocispec.Descriptor, error) {
	op := r.op("resolve " + clip(tagOrDigest))
	if err := errors.Join(ctx.Err(), checkTagOrDigest(tagOrDigest)); err != nil {
		return ocispec.Descriptor{}, op.fail(err)
	}
	var desc ocispec.Descriptor
	err := r.layout.read(func(root *os.Root) error {
		x, err := r.layout.readIndex(root)
		if err != nil {
			return err
		}
		var ok bool
		if strings.Contains(tagOrDigest, ":") {
			desc, ok = x.manifest(tagOrDigest)
		} else {
			desc, ok = x.tagged(r.refName(tagOrDigest))
		}
		if !ok {
			return ErrNotFound
		}
		return errors.Join(checkDescriptor(desc), checkManifestSize(desc.Size))
	})
	if err != nil {
		return ocispec.Descriptor{}, op.fail(err)
	}
	return plain(desc), nil
}

func (r *layoutRepository) Manifest(ctx context.Context, d ref.Digest) (ocispec.Descriptor, []byte, error) {
	op := r.op("read manifest " + clip(string(d)))
	_, err := ref.ParseDigest(string(d))
	if err := errors.Join(ctx.Err(), err); err != nil {
		return ocispec.Descriptor{}, nil, op.fail(err)
	}
	var desc ocispec.Descriptor
	var data []byte
	err = r.layout.read(func(root *os.Root) error {
		return r.layout.steady(root, func(x *index) (err error) {
			var ok bool
			if desc, ok = x.manifest(string(d)); !ok {
				return ErrNotFound
			}
			data, err = r.layout.readManifest(root, desc)
			return err
		})
	})
	if err != nil {
		return ocispec.Descriptor{}, nil, op.fail(err)
	}
	return plain(desc), data, nil
}

// readManifest reads a manifest that index.json lists, and verifies it.
func (l *layout) readManifest(root *os.Root, desc ocispec.Descriptor) ([]byte, error) {
	file := l.file(blobPath(desc))
	data, err := readFile(root, blobPath(desc), MaxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: is listed in %s, but the file is missing", file, indexFile)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if int64(len(data)) != desc.Size {
		return nil, fmt.Errorf("%s: has %d bytes, but %s says %d", file, len(data), indexFile, desc.Size)
	}
	if err := checkManifest(desc.MediaType, ref.Digest(desc.Digest), data); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return data, nil
}

func (r *layoutRepository) Blob(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	op := r.op("read blob " + short(desc))
	file, err := r.openBlob(ctx, desc)
	if err != nil {
		return nil, op.fail(err)
	}
	return file, nil
}

// BlobRange always begins at offset.
func (r *layoutRepository) BlobRange(ctx context.Context, desc ocispec.Descriptor, offset, length int64) (io.ReadCloser, int64, error) {
	op := r.op(fmt.Sprintf("read blob %s from byte %d", short(desc), offset))
	if offset < 0 || length < 0 || offset > desc.Size || length > desc.Size-offset {
		return nil, 0, op.fail(fmt.Errorf("%d bytes from there on are outside the blob, which has %d", length, desc.Size))
	}
	file, err := r.openBlob(ctx, desc)
	if err != nil {
		return nil, 0, op.fail(err)
	}
	return section{io.NewSectionReader(file, offset, length), file}, offset, nil
}

// section is a part of a file that closes the file.
type section struct {
	*io.SectionReader
	io.Closer
}

// openBlob opens a blob that has the size it should have.
func (r *layoutRepository) openBlob(ctx context.Context, desc ocispec.Descriptor) (file *os.File, err error) {
	if err := errors.Join(ctx.Err(), checkDescriptor(desc)); err != nil {
		return nil, err
	}
	err = r.layout.read(func(root *os.Root) error {
		f, size, err := openRegular(root, blobPath(desc))
		if errors.Is(err, fs.ErrNotExist) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.layout.file(blobPath(desc)), err)
		}
		if size != desc.Size {
			f.Close()
			return fmt.Errorf("%s: has %d bytes instead of %d: it is damaged; push it again", r.layout.file(blobPath(desc)), size, desc.Size)
		}
		file = f
		return nil
	})
	return file, err
}

func (r *layoutRepository) HasBlob(ctx context.Context, desc ocispec.Descriptor) (bool, error) {
	op := r.op("look for blob " + short(desc))
	if err := errors.Join(ctx.Err(), checkDescriptor(desc)); err != nil {
		return false, op.fail(err)
	}
	var has bool
	err := r.layout.read(func(root *os.Root) (err error) {
		has, err = hasBlob(root, desc)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return has, op.fail(err)
}

func (r *layoutRepository) PushBlob(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
	op := r.op("push blob " + short(desc))
	if err := checkDescriptor(desc); err != nil {
		return op.fail(err)
	}
	return op.fail(r.layout.write(ctx, func(root *os.Root) error {
		if has, err := hasBlob(root, desc); err != nil || has {
			return err
		}
		content, err := open()
		if err != nil {
			return err
		}
		return r.layout.storeBlob(ctx, root, desc, content)
	}))
}

func (r *layoutRepository) PushManifest(ctx context.Context, mediaType string, data []byte) (ocispec.Descriptor, error) {
	desc := descriptorOf(mediaType, data)
	op := r.op("push manifest " + short(desc))
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		return ocispec.Descriptor{}, op.fail(fmt.Errorf("not a manifest: %w", err))
	}
	if err := checkManifest(mediaType, ref.Digest(desc.Digest), data); err != nil {
		return ocispec.Descriptor{}, op.fail(err)
	}
	err := r.layout.write(ctx, func(root *os.Root) error {
		if err := checkBlobs(root, doc); err != nil {
			return err
		}
		if has, err := hasBlob(root, desc); err != nil {
			return err
		} else if !has {
			if err := r.layout.storeBlob(ctx, root, desc, io.NopCloser(bytes.NewReader(data))); err != nil {
				return err
			}
		}
		return r.layout.update(ctx, root, func(x *index) (bool, error) {
			// Again under the lock, which Sweep holds while it removes blobs.
			if err := checkBlobs(root, doc); err != nil {
				return false, err
			}
			if has, err := hasBlob(root, desc); err != nil || !has {
				return false, errors.Join(err, errors.New("the manifest was removed while it was pushed: push again"))
			}
			entry := desc
			entry.ArtifactType = doc.artifactType()
			return x.add(entry), nil
		})
	})
	if err != nil {
		return ocispec.Descriptor{}, op.fail(err)
	}
	return desc, nil
}

// checkBlobs refuses a manifest that names what is not stored, as registries
// do. A subject may come later.
func checkBlobs(root *os.Root, doc document) error {
	named := slices.Concat(doc.Layers, doc.Manifests)
	if doc.Config != nil {
		named = append(named, *doc.Config)
	}
	for _, desc := range named {
		if err := checkDescriptor(desc); err != nil {
			return err
		}
		has, err := hasBlob(root, desc)
		if err != nil {
			return err
		}
		if !has {
			return missing(desc)
		}
	}
	return nil
}

func (r *layoutRepository) Tag(ctx context.Context, desc ocispec.Descriptor, tag string) error {
	op := r.op("tag " + short(desc) + " as " + clip(tag))
	if err := errors.Join(ctx.Err(), checkTag(tag), checkDescriptor(desc)); err != nil {
		return op.fail(err)
	}
	return op.fail(r.layout.read(func(root *os.Root) error {
		return r.layout.update(ctx, root, func(x *index) (bool, error) {
			entry, ok := x.manifest(string(desc.Digest))
			if !ok {
				return false, fmt.Errorf("the manifest is %w: push it first", ErrNotFound)
			}
			return x.setTag(entry, r.refName(tag)), nil
		})
	}))
}

func (r *layoutRepository) Untag(ctx context.Context, tag string) error {
	op := r.op("remove tag " + clip(tag))
	if err := errors.Join(ctx.Err(), checkTag(tag)); err != nil {
		return op.fail(err)
	}
	return op.fail(r.layout.read(func(root *os.Root) error {
		return r.layout.update(ctx, root, func(x *index) (bool, error) {
			if !x.dropTag(r.refName(tag)) {
				return false, ErrNotFound
			}
			return true, nil
		})
	}))
}

// Delete removes this artifact's tags of a manifest. The manifest goes with
// them, unless tags of others name it too.
func (r *layoutRepository) Delete(ctx context.Context, desc ocispec.Descriptor) error {
	op := r.op("delete manifest " + short(desc))
	if err := errors.Join(ctx.Err(), checkDescriptor(desc)); err != nil {
		return op.fail(err)
	}
	return op.fail(r.layout.read(func(root *os.Root) error {
		return r.layout.update(ctx, root, func(x *index) (bool, error) {
			if !x.drop(string(desc.Digest), r.refName("")) {
				return false, ErrNotFound
			}
			return true, nil
		})
	}))
}

func (r *layoutRepository) Tags(ctx context.Context) ([]string, error) {
	op := r.op("list tags")
	var tags []string
	err := r.layout.read(func(root *os.Root) error {
		x, err := r.layout.readIndex(root)
		if err != nil {
			return err
		}
		for _, desc := range x.Manifests {
			if tag, ok := strings.CutPrefix(refName(desc), r.name+"_"); ok && checkTag(tag) == nil {
				tags = append(tags, tag)
			}
		}
		if len(tags) > MaxTags {
			return fmt.Errorf("there are more than %d", MaxTags)
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, op.fail(err)
	}
	slices.Sort(tags)
	return slices.Compact(tags), nil
}

func (r *layoutRepository) Referrers(ctx context.Context, subject ocispec.Descriptor, artifactType string) ([]ocispec.Descriptor, error) {
	op := r.op("list referrers of " + short(subject))
	if err := checkDescriptor(subject); err != nil {
		return nil, op.fail(err)
	}
	var found []ocispec.Descriptor
	err := r.layout.read(func(root *os.Root) error {
		return r.layout.steady(root, func(x *index) error {
			all, err := r.layout.referrers(ctx, root, x, artifactType)
			if err != nil {
				return err
			}
			found = slices.Clone(all[string(subject.Digest)])
			if len(found) > MaxReferrers {
				return fmt.Errorf("there are more than %d", MaxReferrers)
			}
			return nil
		})
	})
	if err != nil {
		return nil, op.fail(err)
	}
	for i := range found {
		found[i].Annotations = maps.Clone(found[i].Annotations)
	}
	return sortedByDigest(found), nil
}

// referrers finds those of one type, or of all when artifactType is "". It asks
// every manifest that may be one, but only once for each index.
func (l *layout) referrers(ctx context.Context, root *os.Root, x *index, artifactType string) (referrers, error) {
	if known, ok := x.bySubject.Load(artifactType); ok {
		return known.(referrers), nil
	}
	all := referrers{}
	for _, desc := range x.Manifests {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !mayRefer(desc, artifactType) {
			continue
		}
		facts, err := l.manifestFacts(root, desc)
		if err != nil {
			return nil, err
		}
		if facts.subject == "" || artifactType != "" && facts.artifactType != artifactType {
			continue
		}
		entry := plain(desc)
		entry.ArtifactType, entry.Annotations = facts.artifactType, facts.annotations
		all[facts.subject] = append(all[facts.subject], entry)
	}
	x.bySubject.Store(artifactType, all)
	return all, nil
}

// mayRefer spares reading manifests that cannot be referrers of that type.
func mayRefer(desc ocispec.Descriptor, artifactType string) bool {
	switch desc.MediaType {
	case ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex:
	default:
		return false
	}
	if artifactType != "" && desc.ArtifactType != "" && desc.ArtifactType != artifactType {
		return false
	}
	return checkDescriptor(desc) == nil
}

// manifestFacts reads a manifest once in the life of the layout: under one
// digest there is never another.
func (l *layout) manifestFacts(root *os.Root, desc ocispec.Descriptor) (manifestFacts, error) {
	if known, ok := l.facts.Load(desc.Digest); ok {
		return known.(manifestFacts), nil
	}
	data, err := l.readManifest(root, desc)
	if err != nil {
		return manifestFacts{}, err
	}
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		return manifestFacts{}, fmt.Errorf("%s: not a manifest: %w", l.file(blobPath(desc)), err)
	}
	facts := manifestFacts{artifactType: doc.artifactType()}
	if doc.Subject != nil {
		facts.subject, facts.annotations = string(doc.Subject.Digest), doc.Annotations
	}
	l.facts.Store(desc.Digest, facts)
	return facts, nil
}

// Mount has nothing to do: all artifacts share the blobs of a layout.
func (r *layoutRepository) Mount(ctx context.Context, desc ocispec.Descriptor, from string) (bool, error) {
	return r.HasBlob(ctx, desc)
}
