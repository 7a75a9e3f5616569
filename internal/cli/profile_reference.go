package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/dataprofile"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// asReference tells whether arg names data of an artifact rather than a file.
func (a *app) asReference(arg string) (ref.Reference, bool) {
	if _, err := os.Lstat(a.inDir(arg)); !errors.Is(err, fs.ErrNotExist) || strings.ContainsAny(arg, "*?[/\\.") && !strings.ContainsAny(arg, "@#") {
		return ref.Reference{}, false
	}
	r, err := ref.Parse(arg)
	return r, err == nil
}

// datasetProfile is the profile of a dataset with what it cost.
type datasetProfile struct {
	*profile.Document
	Reused dataprofile.Amount `json:"reused"` // files whose profile was at hand
	Made   dataprofile.Amount `json:"made"`   // files that were read
}

func (a *app) profileReference(r ref.Reference) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	set, err := a.profilesOf(w, r)
	if err != nil {
		return fmt.Errorf("profile %s: %w", r, err)
	}
	var splits []string
	if r.Split != "" {
		if splits = []string{r.Split}; !slices.Contains(set.Splits(), r.Split) {
			return usageError{fmt.Errorf("profile %s: no table is in the split %q; there are %s", r, r.Split, strings.Join(set.Splits(), ", "))}
		}
	}
	for _, skipped := range set.Skipped {
		a.warn(fmt.Sprintf("left out: %v", skipped))
	}
	if len(set.Entries) == 0 {
		return usageError{fmt.Errorf("profile %s: none of its files is a table", r)}
	}
	d, err := set.Document(a.ctx, splits)
	if err != nil {
		return fmt.Errorf("profile %s: %w", r, err)
	}
	out := datasetProfile{d, set.Reused, set.Made}
	sections := profileSections(d)
	read := fmt.Sprintf("%d of %d files were read (%s)", out.Made.Files, out.Made.Files+out.Reused.Files, bytesText(out.Made.Bytes))
	if out.Reused.Files > 0 {
		read += fmt.Sprintf("; the profiles of the others (%s) were at hand", bytesText(out.Reused.Bytes))
	}
	sections = append(sections, report.TextSection("", read))
	return a.result(out, sections...)
}

// profilesOf returns the profiles of what a reference means: those that were
// pushed with a version, or else made of its files.
func (a *app) profilesOf(w *workspace.Workspace, r ref.Reference) (*dataprofile.Set, error) {
	whole := r
	whole.Split = ""
	encoding, err := a.storedAs(w, whole)
	if err != nil {
		return nil, err
	}
	if encoding != "" {
		repo, err := w.Repository(r.Name)
		if err != nil {
			return nil, err
		}
		// Profiles that cannot be read are made again, from the files.
		if set, err := check.Profiles(a.ctx, repo, encoding); err == nil && set != nil {
			set.Reuse()
			return set, nil
		}
	}
	scratch, err := os.MkdirTemp("", "waybill-profile-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	t, err := a.target(w, whole, filepath.Join(scratch, "files"))
	if err != nil {
		return nil, err
	}
	if t.Artifact.Dataset == nil {
		return nil, workspace.Usage("%s is a model; profiles are of datasets", r.Name)
	}
	reading := a.progress("profiling", r.Name, 0)
	defer reading.end()
	return check.MakeProfiles(a.ctx, w, t, reading.bytes)
}

// storedAs returns the encoding of what a reference means, "" for files of the
// working tree that are there.
func (a *app) storedAs(w *workspace.Workspace, r ref.Reference) (ref.Digest, error) {
	if !r.Bare() {
		l, err := w.Ledger(a.ctx)
		if err != nil {
			return "", err
		}
		what, err := w.Resolve(a.ctx, l, r)
		return what.Digest, err
	}
	m, err := w.Artifact(r.Name)
	if err != nil {
		return "", err
	}
	if lock, err := w.Lock(m); err == nil && lock.Pushed() && check.Absent(a.ctx, w, m, lock) {
		return lock.Encoding.Digest, nil
	}
	return "", nil
}
