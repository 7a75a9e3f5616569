package workspace

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

// Resolved is what a reference means now. Version is zero for content that
// is not registered.
type Resolved struct {
	Name          string
	Version       ref.Version
	ContentDigest ref.Digest
	Digest        ref.Digest // of the encoding
	Commit        string     // where the version was registered
}

// Resolve looks a reference up in the ledger. A bare name is the greatest
// version. A content digest that is not registered is looked for in the
// working tree's lock.
func (w *Workspace) Resolve(ctx context.Context, l *Ledger, r ref.Reference) (Resolved, error) {
	a := l.State.Artifacts[r.Name]
	if a == nil || len(a.Versions) == 0 {
		if r.Digest != "" {
			return w.resolveLocked(r)
		}
		if _, err := w.Artifact(r.Name); err != nil {
			return Resolved{}, err
		}
		return Resolved{}, Usage("%s: no version is registered; run \"waybill register %s\"", r, r.Name)
	}
	var v *ledger.Version
	switch {
	case r.Digest != "":
		if v = a.ByContent(r.Digest); v == nil {
			return w.resolveLocked(r)
		}
	case r.Stage != "":
		s := a.Stages[r.Stage]
		if s == nil {
			return Resolved{}, Usage("%s: nothing is in %s; run \"waybill promote %s --to %s\"", r, r.Stage, r.Name, r.Stage)
		}
		v = a.Version(s.Version)
	case !r.Version.IsZero():
		if v = a.Version(r.Version); v == nil {
			known := make([]string, 0, len(a.Versions))
			for _, k := range a.Versions {
				known = append(known, k.Version.String())
			}
			slices.Reverse(known)
			return Resolved{}, Usage("%s: no such version; registered are %s", r, strings.Join(known[:min(5, len(known))], ", "))
		}
	default:
		v = a.Latest()
	}
	if v == nil {
		return Resolved{}, fmt.Errorf("%s: the ledger names a version that it does not have; run \"waybill doctor\"", r)
	}
	return Resolved{Name: r.Name, Version: v.Version, ContentDigest: v.ContentDigest, Digest: v.Digest, Commit: v.Commit}, nil
}

func (w *Workspace) resolveLocked(r ref.Reference) (Resolved, error) {
	if a, err := w.Artifact(r.Name); err == nil {
		if lock, err := w.Lock(a); err == nil && lock.ContentDigest == r.Digest {
			if !lock.Pushed() {
				return Resolved{}, NotPushed(r.Name)
			}
			return Resolved{Name: r.Name, ContentDigest: lock.ContentDigest, Digest: lock.Encoding.Digest}, nil
		}
	}
	return Resolved{}, Usage("%s: no version and no lock of this working tree has this content digest", r)
}

// NotPushed is the error about a lock that names no encoding yet.
func NotPushed(name string) error {
	return Usage("%s: the lock names content that was never pushed; run \"waybill push %s\"", name, name)
}

// ArtifactAt reads the manifest of the artifact name as it stands in a commit:
// where it stands in the working tree, or else wherever the commit has it.
func (w *Workspace) ArtifactAt(commit, name string) (*manifest.Artifact, error) {
	if a, err := w.Artifact(name); err == nil {
		if data, err := w.Repo.ReadFile(commit, a.Path); err == nil {
			if then, err := w.opts.Parser.Artifact(a.Path, data); err == nil && then.Name == name {
				return then, nil
			}
		}
	}
	files, err := w.Repo.Files(commit, func(p string) bool {
		return path.Base(p) == manifest.ModelFile || path.Base(p) == manifest.DatasetFile
	})
	if err != nil {
		return nil, err
	}
	for p := range files {
		data, err := w.Repo.ReadFile(commit, p)
		if err != nil {
			return nil, err
		}
		if a, err := w.opts.Parser.Artifact(p, data); err == nil && a.Name == name {
			return a, nil
		}
	}
	return nil, fmt.Errorf("%s: commit %.12s has no manifest of this name: %w", name, commit, fs.ErrNotExist)
}
