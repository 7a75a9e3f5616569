package release

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	ocidigest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/report"
)

// A report that is too large to be read costs the release its file, and no more.
func TestReportTooLarge(t *testing.T) {
	reg, err := registry.Open("oci-layout:registry", t.TempDir(), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	repo, err := reg.Repository("sentiment")
	if err != nil {
		t.Fatal(err)
	}
	opens := func(data []byte) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	}
	empty := ocispec.Descriptor{MediaType: ocispec.MediaTypeEmptyJSON, Digest: ocidigest.FromString("{}"), Size: 2}
	if err := repo.PushBlob(t.Context(), empty, opens([]byte("{}"))); err != nil {
		t.Fatal(err)
	}
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, ArtifactType: "application/vnd.example.model", Config: empty, Layers: []ocispec.Descriptor{empty}}
	m.SchemaVersion = 2
	manifest, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	subject, err := repo.PushManifest(t.Context(), m.MediaType, manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, long := range []bool{false, true} {
		r := report.New(nil)
		if long {
			r.Title = strings.Repeat("x", maxReport)
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		s := model()
		s.report, s.version.Digest = nil, ref.Digest(subject.Digest)
		s.version.Evidence = &ledger.Evidence{Report: ref.Of(data), Verdicts: map[string]string{"files": "PASS"}}
		if _, err := evidence.Attach(t.Context(), repo, subject, evidence.Item{Kind: evidence.Report, Name: "report.json", MediaType: "application/json",
			Digest: ref.Of(data), Size: int64(len(data)), Open: opens(data)}); err != nil {
			t.Fatal(err)
		}
		got, err := s.fetch(t.Context(), repo)
		if err != nil || (got == nil) != long || (s.report == nil) != long {
			t.Errorf("too large %t: %d bytes, %v", long, len(got), err)
		}
		if strings.Contains(s.notes(), "is not attached, since it has 8.4 MB") != long {
			t.Errorf("too large %t: the notes say\n%s", long, s.checks())
		}
	}
}
