package artifact

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
)

// fetching counts the blobs that are fetched.
type fetching struct {
	registry.Repository
	blobs int
}

func (f *fetching) Blob(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	f.blobs++
	return f.Repository.Blob(ctx, desc)
}

// Indexes that others attached cost a few requests, and the right one is found
// among them.
func TestFindIndex(t *testing.T) {
	ctx := context.Background()
	repo := repository(t, "oci-layout:registry")
	content := make([]byte, 2<<20)
	rand.NewChaCha8([32]byte{}).Read(content)
	remote := pushed(t, repo, contents{"model.bin": string(content)})
	attach := func(payload []byte) {
		t.Helper()
		_, err := evidence.Attach(ctx, repo, remote.Desc, evidence.Item{
			Kind: chunkIndex, Name: "x.zst", MediaType: typeIndex, Digest: ref.Of(payload), Size: int64(len(payload)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(payload)), nil },
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		attach(bytes.Repeat([]byte("x"), 2<<20+i))
	}
	name := filepath.Join(t.TempDir(), "model.bin")
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
	open := func(manifest.File) func() (*os.File, error) { return func() (*os.File, error) { return os.Open(name) } }
	if err := PushIndex(ctx, repo, &Encoding{Desc: remote.Desc}, remote.Files, open); err != nil {
		t.Fatal(err)
	}
	counted := &fetching{Repository: repo}
	if x := findIndex(ctx, counted, remote); x == nil || counted.blobs != 1 {
		t.Errorf("found %v after %d fetches", x != nil, counted.blobs)
	}
	for i := range 20 {
		attach([]byte{byte(i)})
	}
	counted.blobs = 0
	findIndex(ctx, counted, remote)
	if counted.blobs > maxIndexTries {
		t.Errorf("%d indexes were fetched", counted.blobs)
	}
}
