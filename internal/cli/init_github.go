package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/scaffold"
)

// initGitHub writes the workflows, for the stages that there are, and returns what was done and what is left
// to do, one sentence each. Files that are there stay as they are.
func (a *app) initGitHub(repo *gitrepo.Repo, pin scaffold.Pin) ([]string, error) {
	o := scaffold.Options{Pin: pin}
	data, err := os.ReadFile(filepath.Join(repo.Root(), manifest.ProjectFile))
	if err != nil {
		return nil, err
	}
	p, err := manifest.NewParser(nil, nil)
	if err != nil {
		return nil, err
	}
	project, err := p.Project(manifest.ProjectFile, data)
	if err != nil {
		return nil, err
	}
	for _, s := range slices.Backward(project.Stages) {
		o.Stages = append(o.Stages, s.Name)
		if len(s.From) == 0 && s.Environment == "" && s.Approvals.Required == 0 {
			o.Entry = s.Name
		}
	}
	host, _, _ := strings.Cut(project.Registry, "/")
	folder := strings.HasPrefix(project.Registry, "oci-layout:")
	switch {
	case folder:
	case host == "ghcr.io":
		o.Packages = true
	default:
		o.Registry = host
	}
	var done, next []string
	for _, f := range scaffold.Workflows(o) {
		wrote, err := writeNew(repo.Root(), f)
		if err != nil {
			return nil, err
		}
		if wrote {
			done = append(done, "wrote "+f.Path)
			if f.Path == scaffold.ReleasePath && o.Entry != "" {
				done = append(done, fmt.Sprintf("after each merge to the default branch, new versions enter %s, which asks for no approval: where people are to agree first, give it approvals: in %s, remove %s, and run this again",
					o.Entry, manifest.ProjectFile, f.Path))
			}
		} else {
			done = append(done, "kept "+f.Path)
		}
	}
	if o.Pin == scaffold.Unpinned {
		next = append(next, `the workflows name no release of waybill yet: put the commit of one in place of the zeros, and its version behind it; or remove them and run "waybill init --github --pin COMMIT@VERSION"`)
	}
	if folder {
		next = append(next, fmt.Sprintf("registry %s is a folder of this machine, which a runner does not have: name a registry in %s", project.Registry, manifest.ProjectFile))
	}
	if o.Registry != "" {
		next = append(next, fmt.Sprintf("log in to %s before the check: docs/github.md of waybill has the steps", o.Registry))
	}
	if host, _ := a.remoteRepository(repo); host != "" && host != "github.com" {
		next = append(next, fmt.Sprintf("%s needs mirrors of waybill-dev/waybill, actions/checkout and actions/upload-artifact, and WAYBILL_DOWNLOAD_URL in the workflow's env where waybill's releases are mirrored", host))
	}
	next = append(next, `an admin requires the job "check" on the default branch, once it has run; "waybill doctor --github" lists what else an admin sets`)
	for _, n := range next {
		done = append(done, "to do: "+n)
	}
	return done, nil
}

// writeNew writes a file that is not there yet; not through links that lead out
// of the repository.
func writeNew(root string, f scaffold.File) (bool, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return false, err
	}
	defer r.Close()
	name := filepath.FromSlash(f.Path)
	if _, err := r.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err := r.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return false, fmt.Errorf("write %s: %w", f.Path, err)
	}
	return true, cas.WriteFile(filepath.Join(root, name), []byte(f.Text), 0o644)
}

// ownPin is the commit that this waybill was built from, where it was built
// from a clean clone: the actions of that commit build the same. A release
// cannot know its own, which holds the sums of the binaries.
func ownPin() scaffold.Pin {
	info, ok := debug.ReadBuildInfo()
	if !ok || version != "devel" {
		return scaffold.Unpinned
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	p, err := scaffold.ParsePin(settings["vcs.revision"])
	if err != nil || settings["vcs.modified"] != "false" {
		return scaffold.Unpinned
	}
	return p
}
