package dataprofile

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// The payload of the evidence, and the blobs besides it: Zstandard frames of
// JSON documents, one a line.
const (
	indexName = "profiles.json"
	indexType = "application/vnd.waybill.profiles.v1+json"
	blobType  = "application/vnd.waybill.profile.v1+json+zstd"

	kind = "DatasetProfile"

	maxIndex = 64 << 20
	maxBlob  = 1 << 30 // packed, and unpacked
	maxFiles = 1_000_000
)

type index struct {
	APIVersion string  `json:"apiVersion"`
	Kind       string  `json:"kind"`
	Files      []Entry `json:"files"`
}

// Evidence returns the set as it is attached to an encoding. A table has a blob
// of its own, or, past evidence.MaxMore tables, shares one with those whose
// digests begin alike: so a file that changes touches one or two of them.
func (s *Set) Evidence(ctx context.Context) (evidence.Item, error) {
	var none evidence.Item
	groups := map[string][]*Entry{}
	entries := slices.Clone(s.Entries)
	sorting.By(entries, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
	for i := range entries {
		e := &entries[i]
		name := string(e.Profile)
		if len(entries) > evidence.MaxMore {
			name = e.Digest.Hex()[:2]
		}
		groups[name] = append(groups[name], e)
	}
	item := evidence.Item{Kind: evidence.Profile, Name: indexName, MediaType: indexType}
	have := map[ref.Digest]bool{}
	for _, name := range sortedKeys(groups) {
		if b, ok := s.stored[groups[name][0].Blob]; ok && len(entries) <= evidence.MaxMore {
			if !have[b.Digest] {
				have[b.Digest] = true
				item.More = append(item.More, b)
			}
			continue
		}
		data, err := s.lines(ctx, groups[name])
		if err != nil {
			return none, err
		}
		packed := pack(data)
		d := ref.Of(packed)
		for _, e := range groups[name] {
			e.Blob = d
		}
		if have[d] {
			continue
		}
		have[d] = true
		item.More = append(item.More, evidence.Blob{Name: blobName(d), MediaType: blobType, Digest: d, Size: int64(len(packed)), Open: opener(packed)})
	}
	data, err := canonical.Marshal(index{profile.APIVersion, kind, entries})
	if err != nil {
		return none, err
	}
	item.Digest, item.Size, item.Open = ref.Of(data), int64(len(data)), opener(data)
	return item, nil
}

// lines are the profiles of some entries, one a line, in the order of their
// digests.
func (s *Set) lines(ctx context.Context, entries []*Entry) ([]byte, error) {
	digests := map[ref.Digest]bool{}
	for _, e := range entries {
		digests[e.Profile] = true
	}
	var out []byte
	for _, d := range sortedKeys(digests) {
		data, err := s.documents[d](ctx)
		if err != nil {
			return nil, err
		}
		out = append(append(out, data...), '\n')
	}
	return out, nil
}

func blobName(d ref.Digest) string { return "profiles/" + d.Short() + ".json.zst" }

func opener(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

// Read returns the profiles that are attached to an encoding, nil when there
// are none. They may come from anybody who may push: what contradicts itself is
// an error when it is used.
func Read(ctx context.Context, repo registry.Repository, subject ocispec.Descriptor) (*Set, error) {
	found, err := evidence.List(ctx, repo, subject, evidence.Profile)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		if f.Layer.MediaType != indexType {
			continue
		}
		r, err := evidence.Fetch(ctx, repo, f, maxIndex)
		if err != nil {
			return nil, err
		}
		s, err := decode(r)
		r.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: evidence %s: %w", repo, f.Desc.Digest, err)
		}
		for blob, profiles := range s.blobs() {
			b := &remote{repo: repo, found: f, blob: blob}
			for _, d := range profiles {
				s.documents[d] = func(ctx context.Context) ([]byte, error) { return b.line(ctx, d) }
			}
			if len(profiles) == 1 {
				s.stored[blob] = evidence.Blob{
					Name: blobName(blob), MediaType: blobType, Digest: blob, Size: f.More[blob].Size,
					Open: func() (io.ReadCloser, error) { return evidence.FetchMore(ctx, repo, f, blob, maxBlob) },
				}
			}
		}
		return s, nil
	}
	return nil, nil
}

func decode(r io.Reader) (*Set, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var i index
	if err := json.Unmarshal(data, &i); err != nil {
		return nil, fmt.Errorf("not an index of profiles: %w", err)
	}
	switch {
	case i.APIVersion != profile.APIVersion || i.Kind != kind:
		return nil, fmt.Errorf("not an index of profiles: apiVersion %.40q and kind %.40q", i.APIVersion, i.Kind)
	case len(i.Files) > maxFiles:
		return nil, fmt.Errorf("an index of %d files", len(i.Files))
	}
	for _, e := range i.Files {
		if err := manifest.CheckPath(e.Path); err != nil {
			return nil, err
		}
		for _, d := range []ref.Digest{e.Digest, e.Profile, e.Blob} {
			if _, err := ref.ParseDigest(string(d)); err != nil {
				return nil, fmt.Errorf("%s: %w", e.Path, err)
			}
		}
		if e.Rows < 0 || e.Size < 0 {
			return nil, fmt.Errorf("%s: %d rows in %d bytes", e.Path, e.Rows, e.Size)
		}
	}
	s := newSet()
	s.Entries = i.Files
	return s, nil
}

// blobs are the profiles by the blob that holds them.
func (s *Set) blobs() map[ref.Digest][]ref.Digest {
	out := map[ref.Digest][]ref.Digest{}
	for _, e := range s.Entries {
		if !slices.Contains(out[e.Blob], e.Profile) {
			out[e.Blob] = append(out[e.Blob], e.Profile)
		}
	}
	return out
}

// remote is a blob in a registry, fetched when it is needed first.
type remote struct {
	repo  registry.Repository
	found evidence.Found
	blob  ref.Digest

	mu    sync.Mutex
	lines map[ref.Digest][]byte
}

func (b *remote) line(ctx context.Context, d ref.Digest) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lines == nil {
		r, err := evidence.FetchMore(ctx, b.repo, b.found, b.blob, maxBlob)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		packed, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		data, err := unpack(packed)
		if err != nil {
			return nil, err
		}
		if line := bytes.TrimSuffix(data, []byte("\n")); ref.Of(line) == d {
			return line, nil // the only one: others need not be kept for later
		}
		b.lines = map[ref.Digest][]byte{}
		for line := range bytes.Lines(data) {
			line = bytes.TrimSuffix(line, []byte("\n"))
			b.lines[ref.Of(line)] = line
		}
	}
	line, ok := b.lines[d]
	if !ok {
		return nil, fmt.Errorf("blob %s does not hold the profile %s", b.blob.Short(), d.Short())
	}
	return line, nil
}

// The coders are made once: each takes megabytes.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic(err) // the options are constants
		}
		return w
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlob))
		if err != nil {
			panic(err) // the options are constants
		}
		return r
	})
)

// pack compresses data, the same on every machine.
func pack(data []byte) []byte { return encoder().EncodeAll(data, nil) }

func unpack(packed []byte) ([]byte, error) {
	data, err := decoder().DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("unpack a profile: %w", err)
	}
	return data, nil
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
