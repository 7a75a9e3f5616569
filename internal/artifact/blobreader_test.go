package artifact_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

func blobOf(data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{Digest: digest.Digest(ref.Of(data)), Size: int64(len(data))}
}

// TestBlobReader reads a blob of a registry here and there, from one that
// serves ranges and one that does not.
func TestBlobReader(t *testing.T) {
	data := make([]byte, 3<<20)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	desc := blobOf(data)
	for _, profile := range []testregistry.Profile{testregistry.Generic(), {NoRange: true}} {
		reg := testregistry.New(t, testregistry.WithProfile(profile))
		opened, err := registry.Open(reg.URL+"/acme", "", registry.Options{})
		if err != nil {
			t.Fatal(err)
		}
		repo, err := opened.Repository("model")
		if err != nil {
			t.Fatal(err)
		}
		if err := repo.PushBlob(t.Context(), desc, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }); err != nil {
			t.Fatal(err)
		}
		ranges := &artifact.Ranges{}
		r := artifact.NewBlobReader(t.Context(), repo, desc, ranges)
		random := rand.New(rand.NewPCG(3, 4))
		for range 200 {
			at := random.Int64N(desc.Size)
			p := make([]byte, random.IntN(200_000))
			n, err := r.ReadAt(p, at)
			want := data[at:min(desc.Size, at+int64(len(p)))]
			if !bytes.Equal(p[:n], want) || (err == io.EOF) != (n < len(p)) || err != nil && err != io.EOF {
				t.Fatalf("%d bytes at %d: got %d, %v", len(p), at, n, err)
			}
		}
		// What was fetched is kept, and not fetched again.
		if ranges.Requests > 60 || !profile.NoRange && ranges.Bytes > desc.Size {
			t.Errorf("%+v", ranges)
		}
		if _, err := r.ReadAt(make([]byte, 1), -1); err == nil {
			t.Error("before the beginning: no error")
		}
	}
}

// sparse is a repository of blobs that are mostly zero.
type sparse struct {
	registry.Repository
	blobs map[digest.Digest]string // how they begin
	whole bool                     // answers with all of a blob
}

func (s sparse) String() string { return "sparse" }

func (s sparse) BlobRange(_ context.Context, desc ocispec.Descriptor, offset, length int64) (io.ReadCloser, int64, error) {
	head := s.blobs[desc.Digest]
	if s.whole {
		return io.NopCloser(strings.NewReader(head)), 0, nil
	}
	p := make([]byte, length)
	if offset < int64(len(head)) {
		copy(p, head[offset:])
	}
	return io.NopCloser(bytes.NewReader(p)), offset, nil
}

// What inspecting a large model in a registry costs: at most 20 requests (two
// of them for manifest and tags are not made here) and 2 MiB.
func TestInspectOfLargeModelFetchesLittle(t *testing.T) {
	repo := sparse{blobs: map[digest.Digest]string{}}
	sizes := map[string]int64{}
	add := func(name, head string, size int64) {
		repo.blobs[digest.Digest(ref.Of([]byte(name)))] = head
		sizes[name] = size
	}
	const shards, layers, each = 5, 8, 250_000_000
	var weights []string
	for s := range shards {
		var header strings.Builder
		header.WriteString("{")
		at := int64(0)
		file := fmt.Sprintf("model-%05d-of-%05d.safetensors", s+1, shards)
		for l := range layers {
			for i, part := range []string{"self_attn.q_proj", "self_attn.k_proj", "mlp.up_proj", "mlp.down_proj", "input_layernorm"} {
				n := int64(64)
				if i == 0 {
					n = each
				}
				name := fmt.Sprintf("model.layers.%d.%s.weight", s*layers+l, part)
				fmt.Fprintf(&header, `%q:{"dtype":"U8","shape":[%d],"data_offsets":[%d,%d]},`, name, n, at, at+n)
				weights = append(weights, fmt.Sprintf("%q:%q", name, file))
				at += n
			}
		}
		text := strings.TrimSuffix(header.String(), ",") + "}"
		add(file, string(binary.LittleEndian.AppendUint64(nil, uint64(len(text))))+text, 8+int64(len(text))+at)
	}
	text := func(name, content string) { add(name, content, int64(len(content))) }
	text("model.safetensors.index.json", `{"weight_map":{`+strings.Join(weights, ",")+`}}`)
	text("config.json", `{"architectures":["LlamaForCausalLM"]}`)
	text("generation_config.json", `{}`)
	text("tokenizer_config.json", `{}`)
	text("special_tokens_map.json", `{}`)
	text("README.md", "text")
	text("LICENSE", "text")
	add("tokenizer.json", `{`, 9<<20)
	add("tokenizer.model", "\x0a", 500_000)

	var names []string
	for name := range sizes {
		names = append(names, name)
	}
	ranges := &artifact.Ranges{}
	set, err := modelfile.InspectFiles(t.Context(), names, func(name string) (io.ReaderAt, int64, error) {
		desc := ocispec.Descriptor{Digest: digest.Digest(ref.Of([]byte(name))), Size: sizes[name]}
		return artifact.NewBlobReader(t.Context(), repo, desc, ranges), desc.Size, nil
	}, modelfile.FilesOptions{TextBudget: 1 << 20, SkipText: true})
	if err != nil || len(set.Problems) > 0 {
		t.Fatal(err, set.Problems)
	}
	if set.Bytes < 10e9 || len(set.Tensors) != shards*layers*5 || set.Architecture != "LlamaForCausalLM" || set.Parameters < 10e9 {
		t.Errorf("got %d bytes, %d tensors, %s", set.Bytes, len(set.Tensors), set.Architecture)
	}
	t.Logf("%d requests, %d bytes", ranges.Requests, ranges.Bytes)
	if ranges.Requests > 18 || ranges.Bytes > 2<<20 {
		t.Errorf("fetched %d bytes in %d requests", ranges.Bytes, ranges.Requests)
	}
}

// A registry that answers with all of ten gigabytes is not listened to.
func TestBlobReaderWithoutRanges(t *testing.T) {
	desc := ocispec.Descriptor{Digest: digest.Digest(ref.Of([]byte("a"))), Size: 10e9}
	repo := sparse{blobs: map[digest.Digest]string{desc.Digest: strings.Repeat("x", 100)}, whole: true}
	r := artifact.NewBlobReader(t.Context(), repo, desc, &artifact.Ranges{})
	if _, err := r.ReadAt(make([]byte, 10), 9e9); err == nil || !strings.Contains(err.Error(), "pull the artifact") {
		t.Errorf("far in: %v", err)
	}
	if _, err := r.ReadAt(make([]byte, 10), 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut short: %v", err)
	}
}
