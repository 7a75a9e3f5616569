package distribution

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
)

// Eight processes attach evidence to one artifact at the same time; afterwards
// all of it is listed.
func TestEightAttaches(t *testing.T) {
	addr := address(t)
	repo, err := open(addr)
	if err != nil {
		t.Fatal(err)
	}
	empty := ocispec.DescriptorEmptyJSON
	if err := repo.PushBlob(t.Context(), empty, text("{}")); err != nil {
		t.Fatal(err)
	}
	subject, err := repo.PushManifest(t.Context(), ocispec.MediaTypeImageManifest, fmt.Appendf(nil,
		`{"schemaVersion":2,"mediaType":%q,"artifactType":"application/vnd.example","config":{"mediaType":%q,"digest":%q,"size":2},"layers":[{"mediaType":%q,"digest":%q,"size":2}]}`,
		ocispec.MediaTypeImageManifest, empty.MediaType, empty.Digest, empty.MediaType, empty.Digest))
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var processes []*exec.Cmd
	for i := range 8 {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), fmt.Sprintf("WAYBILL_TEST_ATTACH=%s %s %d %d", addr, subject.Digest, subject.Size, i))
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		processes = append(processes, cmd)
	}
	for i, cmd := range processes {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
	// Another client, which has not seen any of them.
	repo, err = open(addr)
	if err != nil {
		t.Fatal(err)
	}
	found, err := evidence.List(t.Context(), repo, subject, evidence.Report)
	if err != nil || len(found) != 8 {
		t.Errorf("%d of 8 are listed, %v", len(found), err)
	}
}

// attach is what one of the processes does: "HOST SUBJECT SIZE NUMBER".
func attach(job string) error {
	fields := strings.Fields(job)
	repo, err := open(fields[0])
	if err != nil {
		return err
	}
	subject := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.Digest(fields[1])}
	fmt.Sscan(fields[2], &subject.Size)
	report := "report of process " + fields[3]
	_, err = evidence.Attach(context.Background(), repo, subject, evidence.Item{
		Kind: evidence.Report, Name: "report.json", MediaType: "application/json",
		Digest: ref.Of([]byte(report)), Size: int64(len(report)), Open: text(report),
	})
	return err
}

func open(addr string) (registry.Repository, error) {
	reg, err := registry.Open(addr+"/attach", "", registry.Options{Getenv: func(string) string { return "" }})
	if err != nil {
		return nil, err
	}
	return reg.Repository("subject")
}

func text(s string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}
