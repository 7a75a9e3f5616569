package registry_test

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

// options keeps the machine's credentials out of tests, and pauses short.
func options() registry.Options {
	return registry.Options{Getenv: func(string) string { return "" }, RetryWait: time.Millisecond}
}

func open(t *testing.T, url, baseDir string) *registry.Registry {
	t.Helper()
	reg, err := registry.Open(url, baseDir, options())
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

func repository(t *testing.T, reg *registry.Registry, name string) registry.Repository {
	t.Helper()
	repo, err := reg.Repository(name)
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

// everywhere runs a test on each kind of repository.
func everywhere(t *testing.T, test func(t *testing.T, reg *registry.Registry)) {
	t.Run("layout", func(t *testing.T) { test(t, open(t, "oci-layout:.waybill/registry", t.TempDir())) })
	t.Run("remote", func(t *testing.T) { test(t, open(t, testregistry.New(t).URL+"/acme", "")) })
	t.Run("remote with referrers API", func(t *testing.T) {
		test(t, open(t, testregistry.New(t, testregistry.WithReferrers()).URL, ""))
	})
	t.Run("remote with basic auth", func(t *testing.T) {
		test(t, openAs(t, testregistry.New(t, testregistry.WithBasicAuth("ada", "secret")).URL+"/acme", "ada", "secret"))
	})
	t.Run("remote with tokens", func(t *testing.T) {
		test(t, openAs(t, testregistry.New(t, testregistry.WithBearerAuth("ada", "secret")).URL+"/acme", "ada", "secret"))
	})
}

func describe(data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: "application/octet-stream", Digest: digest.Digest(ref.Of(data)), Size: int64(len(data))}
}

func opener(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

func pushBlob(t *testing.T, repo registry.Repository, data []byte) ocispec.Descriptor {
	t.Helper()
	desc := describe(data)
	if err := repo.PushBlob(t.Context(), desc, opener(data)); err != nil {
		t.Fatal(err)
	}
	return desc
}

// pushManifest stores an image manifest with one layer, and a subject if given.
func pushManifest(t *testing.T, repo registry.Repository, content string, subject *ocispec.Descriptor) (ocispec.Descriptor, []byte) {
	t.Helper()
	config, layer := pushBlob(t, repo, []byte("{}")), pushBlob(t, repo, []byte(content))
	data, err := json.Marshal(ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: "application/vnd.example." + strings.Fields(content)[0],
		Config:       config,
		Layers:       []ocispec.Descriptor{layer},
		Subject:      subject,
		Annotations:  map[string]string{"title": content},
	})
	if err != nil {
		t.Fatal(err)
	}
	desc, err := repo.PushManifest(t.Context(), ocispec.MediaTypeImageManifest, data)
	if err != nil {
		t.Fatal(err)
	}
	return desc, data
}

func tag(t *testing.T, repo registry.Repository, desc ocispec.Descriptor, name string) {
	t.Helper()
	if err := repo.Tag(t.Context(), desc, name); err != nil {
		t.Fatal(err)
	}
}

func wantTags(t *testing.T, repo registry.Repository, want ...string) {
	t.Helper()
	got, err := repo.Tags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("tags = %v, want %v", got, want)
	}
}

func same(a, b ocispec.Descriptor) bool {
	return a.MediaType == b.MediaType && a.Digest == b.Digest && a.Size == b.Size
}
