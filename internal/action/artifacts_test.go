package action

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/action/runnertest"
)

func TestArtifacts(t *testing.T) {
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	s := newStep(t)
	s.write(t, "ARTIFACTS", "# theirs\noci://example.com/x@sha256:"+b)
	if err := s.Artifacts("ghcr.io/acme/m:v1.0.0@sha256:"+a, "oci://localhost:5000/d@sha256:"+b, "ghcr.io/acme/m:v1.0.0@sha256:"+a); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "ghcr.io/m", "ghcr.io/m@sha256:" + a[1:], "ghcr.io/m@sha512:" + a, "file:///etc/passwd", "oci://x=y@sha256:" + a,
		"ghcr.io/m@sha256:" + a + "\nmore", "oci-layout:.waybill/registry@sha256:" + a + " ", "ghcr.io/acme/m:v1.0.0@sha256:" + b,
	} {
		if err := s.Artifacts(bad); err == nil {
			t.Errorf("%q was declared", bad)
		}
	}
	got, err := runnertest.ParseArtifacts(s.read(t, "ARTIFACTS"))
	if err != nil || len(got) != 3 || got["ghcr.io/acme/m:v1.0.0"] != "sha256:"+a || got["localhost:5000/d"] != "sha256:"+b {
		t.Errorf("the runner reads %v, %v", got, err)
	}
	if lines := runnertest.Lines(string(s.read(t, "ARTIFACTS"))); len(lines) != 4 {
		t.Errorf("the file has the lines %q", lines)
	}
	delete(s.env, "GITHUB_ARTIFACTS")
	if err := s.Artifacts("ghcr.io/m@sha256:" + a); err != nil {
		t.Errorf("without the variable: %v", err)
	}
}

func TestTooManyArtifacts(t *testing.T) {
	s := newStep(t)
	var all []string
	for i := range artifactsLimit + 1 {
		all = append(all, fmt.Sprintf("ghcr.io/m%d@sha256:%064x", i, i))
	}
	if err := s.Artifacts(all...); err == nil || len(s.read(t, "ARTIFACTS")) > 0 {
		t.Errorf("501 artifacts: %v", err)
	}
	if err := s.Artifacts(all[1:]...); err != nil {
		t.Error(err)
	}
	if got, err := runnertest.ParseArtifacts(s.read(t, "ARTIFACTS")); err != nil || len(got) != artifactsLimit {
		t.Errorf("the runner reads %d, %v", len(got), err)
	}
}
