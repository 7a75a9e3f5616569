package registry_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
)

// largeLayout is a layout of n tagged manifests, each with a referrer, written
// without the code under test.
func largeLayout(tb testing.TB, n int) (string, []ocispec.Descriptor) {
	tb.Helper()
	dir := tb.TempDir()
	blobs := filepath.Join(dir, "layout", "blobs", "sha256")
	check := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	check(os.MkdirAll(blobs, 0o755))
	check(os.WriteFile(filepath.Join(dir, "layout", "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	store := func(data []byte) ocispec.Descriptor {
		check(os.WriteFile(filepath.Join(blobs, ref.Of(data).Hex()), data, 0o444))
		return describe(data)
	}
	config := store([]byte("{}"))
	add := func(artifactType, name string, subject *ocispec.Descriptor) ocispec.Descriptor {
		data, err := json.Marshal(ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
			ArtifactType: artifactType, Config: config, Layers: []ocispec.Descriptor{config}, Subject: subject, Annotations: map[string]string{"name": name}})
		check(err)
		desc := store(data)
		desc.MediaType = ocispec.MediaTypeImageManifest
		entry := desc
		entry.ArtifactType = artifactType
		if subject == nil {
			entry.Annotations = map[string]string{ocispec.AnnotationRefName: "sentiment_" + name}
		}
		index.Manifests = append(index.Manifests, entry)
		return desc
	}
	var models []ocispec.Descriptor
	for i := range n / 2 {
		model := add("application/vnd.example.model", fmt.Sprintf("v0.0.%d", i), nil)
		models = append(models, model)
		add("application/vnd.example.report", fmt.Sprintf("report-%d", i), &model)
	}
	data, err := json.Marshal(index)
	check(err)
	file := filepath.Join(dir, "layout", "index.json")
	check(os.WriteFile(file, data, 0o644))
	check(os.Chtimes(file, time.Time{}, time.Now().Add(-time.Hour)))
	return dir, models
}

// What one question to a layout of 10,000 manifests costs: asked again, and by a
// process that asks for the first time.
func BenchmarkLargeLayout(b *testing.B) {
	dir, models := largeLayout(b, 10_000)
	fresh := func() registry.Repository {
		reg, err := registry.Open("oci-layout:layout", dir, options())
		if err != nil {
			b.Fatal(err)
		}
		repo, err := reg.Repository("sentiment")
		if err != nil {
			b.Fatal(err)
		}
		return repo
	}
	last := models[len(models)-1]
	for _, q := range []struct {
		name string
		ask  func(registry.Repository, int) error
	}{
		{"Resolve tag", func(r registry.Repository, _ int) error {
			_, err := r.Resolve(b.Context(), "v0.0.4999")
			return err
		}},
		{"Resolve digest", func(r registry.Repository, _ int) error {
			_, err := r.Resolve(b.Context(), string(last.Digest))
			return err
		}},
		{"Referrers", func(r registry.Repository, _ int) error {
			found, err := r.Referrers(b.Context(), last, "")
			if err == nil && len(found) != 1 {
				err = fmt.Errorf("%d referrers", len(found))
			}
			return err
		}},
		{"Tag", func(r registry.Repository, i int) error {
			return r.Tag(b.Context(), models[i%len(models)], fmt.Sprintf("again-%d", i%100))
		}},
		{"PushManifest", func(r registry.Repository, i int) error {
			_, err := r.PushManifest(b.Context(), ocispec.MediaTypeImageManifest, fmt.Appendf(nil,
				`{"schemaVersion":2,"mediaType":%q,"annotations":{"n":"%d"}}`, ocispec.MediaTypeImageManifest, i%100))
			return err
		}},
	} {
		b.Run(q.name+"/again", func(b *testing.B) {
			repo := fresh()
			for i := 0; b.Loop(); i++ {
				if err := q.ask(repo, i); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(q.name+"/first", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if err := q.ask(fresh(), i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
