package action

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// Limits of $GITHUB_ARTIFACTS (CreateArtifactsFileCommand).
const (
	artifactsLimit     = 500
	artifactsFileLimit = 1 << 20
)

var subjectForm = regexp.MustCompile(`^oci://[A-Za-z0-9][A-Za-z0-9._:/-]{0,1000}@sha256:[0-9a-f]{64}$`)

// Artifacts tells the runner which artifacts of a registry the step made, as
// oci://REFERENCE@sha256:HEX (the scheme may be left out), so that GitHub can
// link and attest them. Runners since 2.336 give $GITHUB_ARTIFACTS for it;
// without it nothing happens, and the runner ignores it where the feature is
// off. It takes 500 a job and 1 MiB a step, and fails the step for a reference
// with two digests, so what would break this is an error here and not written.
func (a *Action) Artifacts(subjects ...string) error {
	checked := make([]string, 0, len(subjects))
	for _, s := range subjects {
		if !strings.Contains(s, "://") {
			s = "oci://" + s
		}
		if !subjectForm.MatchString(s) {
			return fmt.Errorf("declare artifact %q: want oci://REFERENCE@sha256: and 64 hexadecimal digits", clip(s, 200))
		}
		checked = append(checked, s)
	}
	if len(checked) == 0 || !a.OnRunner() || a.getenv("GITHUB_ARTIFACTS") == "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.appendArtifacts(checked); err != nil {
		return fmt.Errorf("declare %s: %w", report.Count(int64(len(checked)), "artifact"), err)
	}
	return nil
}

func (a *Action) appendArtifacts(subjects []string) (err error) {
	f, size, err := a.openFile("GITHUB_ARTIFACTS")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if size > artifactsFileLimit {
		return fmt.Errorf("the file of GITHUB_ARTIFACTS has %d bytes already; the runner takes %d", size, artifactsFileLimit)
	}
	had, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	if err != nil {
		return err
	}
	known := fields(string(had), "\r\n")
	digests := map[string]string{}
	for _, s := range append(slices.Clone(known), subjects...) {
		name, digest, _ := strings.Cut(strings.TrimPrefix(s, "oci://"), "@")
		if other, ok := digests[name]; ok && other != digest {
			return fmt.Errorf("%s would have two digests, %s and %s, which the runner refuses: name each with a tag", name, other, digest)
		}
		digests[name] = digest
	}
	text := ""
	if len(had) > 0 && had[len(had)-1] != '\n' {
		text = a.eol
	}
	for _, s := range subjects {
		if !slices.Contains(known, s) {
			known = append(known, s)
			text += s + a.eol
		}
	}
	if len(known) > artifactsLimit || int(size)+len(text) > artifactsFileLimit {
		return fmt.Errorf("the job would have %d artifacts; GitHub takes %d and a file of %d bytes", len(known), artifactsLimit, artifactsFileLimit)
	}
	_, err = f.WriteString(text)
	return err
}
