package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/transfer"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) pullCommand() *cobra.Command {
	var o pullFlags
	c := &cobra.Command{
		Use:   "pull REFERENCE…",
		Short: "Fetch and verify the bytes of a version, a stage or a lock",
		Long: `Everything is verified before any file becomes visible. A bare name is the newest version or, when none is
registered, what the lock names. Without --dir the files go where the manifest wants them; files that were
changed by hand are not overwritten. Of files that are there in another version only what differs is fetched.`,
		Example: `  waybill pull sentiment#production --dir out/
  waybill pull reviews@v1.0.0:test --dir test/
  waybill pull sentiment --path config.json --path 'tokenizer*'`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.pull(args, o) },
	}
	c.Flags().StringVar(&o.dir, "dir", "", "folder for the files")
	c.Flags().BoolVar(&o.force, "force", false, "overwrite files that were changed by hand")
	c.Flags().StringArrayVar(&o.paths, "path", nil, "fetch only files whose path matches this glob (repeatable)")
	return c
}

type pullFlags struct {
	dir   string
	force bool
	paths []string
}

func (a *app) pull(args []string, o pullFlags) error {
	for _, glob := range o.paths {
		if !doublestar.ValidatePattern(glob) {
			return usageError{fmt.Errorf("--path %q: not a valid glob", glob)}
		}
	}
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	l, err := w.Ledger(a.ctx)
	if err != nil {
		return err
	}
	out := []pulled{}
	for _, arg := range args {
		r, err := ref.Parse(arg)
		if err != nil {
			return usageError{err}
		}
		one, err := a.pullOne(w, l, r, o)
		if err != nil {
			return err
		}
		out = append(out, one)
	}
	return a.showPulled(out)
}

type pulled struct {
	Reference     string      `json:"reference"`
	Version       ref.Version `json:"version"`
	ContentDigest ref.Digest  `json:"contentDigest"`
	Digest        ref.Digest  `json:"digest"`
	Files         int         `json:"files"`
	Bytes         int64       `json:"bytes"` // that came from the registry

	uncached int64 // bytes of files too small for the cache
}

func (a *app) pullOne(w *workspace.Workspace, l *workspace.Ledger, r ref.Reference, o pullFlags) (pulled, error) {
	what, lock, err := a.locate(w, l, r)
	if err != nil {
		return pulled{}, err
	}
	target := o.dir
	if target != "" && !filepath.IsAbs(target) {
		target = filepath.Join(a.workDir(), target)
	}
	out := pulled{Reference: r.String(), Version: what.Version, ContentDigest: what.ContentDigest, Digest: what.Digest}
	if err := a.fetch(w, r, what, lock, target, o, &out); err != nil {
		return pulled{}, fmt.Errorf("pull %s: %w", r, err)
	}
	return out, nil
}

func (a *app) showPulled(out []pulled) error {
	var rows [][]string
	for _, p := range out {
		shown := p.Version.String()
		if shown == "" {
			shown = "lock"
		}
		rows = append(rows, []string{p.Reference, shown, p.ContentDigest.Short(), fmt.Sprint(p.Files), bytesText(p.Bytes)})
	}
	return a.result(map[string]any{"apiVersion": report.APIVersion, "pulled": out},
		report.TableSection("", []string{"reference", "version", "content", ">files", ">fetched"}, rows))
}

// locate resolves r, and reads the lock that belongs to it where there is one.
func (a *app) locate(w *workspace.Workspace, l *workspace.Ledger, r ref.Reference) (workspace.Resolved, *manifest.Lock, error) {
	m, errTree := w.Artifact(r.Name)
	s := l.State.Artifacts[r.Name]
	if r.Bare() && (s == nil || len(s.Versions) == 0) && errTree == nil {
		lock, err := w.Lock(m)
		if errors.Is(err, fs.ErrNotExist) {
			return workspace.Resolved{}, nil, workspace.Usage("pull %s: no version is registered and there is no lock; nothing was pushed yet", r.Name)
		}
		if err != nil {
			return workspace.Resolved{}, nil, err
		}
		if !lock.Pushed() {
			return workspace.Resolved{}, nil, workspace.NotPushed(r.Name)
		}
		return workspace.Resolved{Name: r.Name, ContentDigest: lock.ContentDigest, Digest: lock.Encoding.Digest}, lock, nil
	}
	what, err := w.Resolve(a.ctx, l, r)
	if err != nil {
		return what, nil, err
	}
	if errTree != nil {
		return what, nil, nil
	}
	if lock, err := w.Lock(m); err == nil && lock.ContentDigest == what.ContentDigest {
		return what, lock, nil
	}
	if what.Commit != "" {
		if lock, err := w.LockAt(what.Commit, m); err == nil && lock.ContentDigest == what.ContentDigest {
			return what, lock, nil
		}
	}
	return what, nil, nil
}

func (a *app) fetch(w *workspace.Workspace, r ref.Reference, what workspace.Resolved, lock *manifest.Lock, dir string, o pullFlags, out *pulled) error {
	repo, err := w.Repository(r.Name)
	if err != nil {
		return err
	}
	remote, err := artifact.Read(a.ctx, repo, what.Digest)
	if err != nil {
		return err
	}
	if remote.ContentDigest != what.ContentDigest {
		return fmt.Errorf("%s: the registry's %s holds other content than was registered; run \"waybill doctor\"", repo, what.Digest)
	}
	wanted, err := a.wanted(w, r, what, lock, remote.Files, o.paths)
	if err != nil {
		return err
	}
	inPlace := dir == ""
	if inPlace {
		m, err := w.Artifact(r.Name)
		if err != nil {
			return err
		}
		dir = w.Dir(m)
		if !o.force {
			if err := a.keepChanges(w, m, repo, remote, wanted, dir); err != nil {
				return err
			}
		}
	}
	fetching := a.progress("fetching", r.Name, len(wanted))
	opts := artifact.PullOptions{
		Options: transfer.Options{
			Progress: fetching.event, Cache: w.Cache(), Now: a.now,
			Digest: func(ctx context.Context, file string) (ref.Digest, error) {
				digest, _, _, err := w.Stats().Digest(ctx, file)
				return digest, err
			},
		},
		Only: func(f manifest.File) bool { return wanted[f.Path] },
	}
	stats, err := artifact.Pull(a.ctx, remote, repo, dir, opts)
	fetching.end()
	if err != nil {
		return err
	}
	if cache := w.Cache(); cache != nil {
		if err := cache.Trim(); err != nil {
			a.warn(err.Error())
		}
	}
	if inPlace && len(wanted) == len(remote.Files) {
		w.SetHeld(r.Name, what.Digest)
	}
	out.Bytes, out.Files = stats.Received, len(wanted)
	for _, f := range remote.Files {
		if wanted[f.Path] && f.Size < transfer.LeastCached {
			out.uncached += f.Size
		}
	}
	return nil
}

// wanted are the paths of the files that the reference's split and the globs
// select.
func (a *app) wanted(w *workspace.Workspace, r ref.Reference, what workspace.Resolved, lock *manifest.Lock, files []manifest.File, globs []string) (map[string]bool, error) {
	files = slices.Clone(files)
	if r.Split != "" {
		if err := a.assignSplits(w, r, what, lock, files); err != nil {
			return nil, err
		}
	}
	wanted := map[string]bool{}
	splits, inSplit := map[string]bool{}, 0
	for _, f := range files {
		splits[f.Split] = true
		if r.Split != "" && f.Split != r.Split {
			continue
		}
		inSplit++
		if len(globs) == 0 || slices.ContainsFunc(globs, func(g string) bool { return doublestar.MatchUnvalidated(g, f.Path) }) {
			wanted[f.Path] = true
		}
	}
	switch {
	case inSplit == 0:
		return nil, workspace.Usage("there is no split %q; it has %q", r.Split, slices.Sorted(maps.Keys(splits)))
	case len(wanted) == 0:
		return nil, workspace.Usage("--path: no file matches; the first is %s", files[0].Path)
	}
	return wanted, nil
}

// assignSplits says to which split each file belongs: what the lock of this
// version says, or for so many files that it does not list them the manifest.
func (a *app) assignSplits(w *workspace.Workspace, r ref.Reference, what workspace.Resolved, lock *manifest.Lock, files []manifest.File) error {
	if lock != nil && len(lock.Files) > 0 {
		splits := map[string]string{}
		for _, f := range lock.Files {
			splits[f.Path] = f.Split
		}
		for i := range files {
			files[i].Split = splits[files[i].Path]
		}
		return nil
	}
	m, err := w.Artifact(r.Name)
	if lock == nil && what.Commit != "" {
		m, err = w.ArtifactAt(what.Commit, r.Name)
	}
	if err != nil {
		return workspace.Usage("neither lock nor manifest of this version say which files belong to the split %q: %w", r.Split, err)
	}
	artifact.AssignSplits(m, files)
	return nil
}

// keepChanges refuses to overwrite what would be lost: bytes that neither the
// version has nor the registry holds.
func (a *app) keepChanges(w *workspace.Workspace, m *manifest.Artifact, repo registry.Repository, remote *artifact.Remote, wanted map[string]bool, dir string) error {
	stored := a.stored(w, m, repo, remote)
	for _, f := range remote.Files {
		if !wanted[f.Path] {
			continue
		}
		p := filepath.Join(dir, filepath.FromSlash(f.Path))
		if _, err := os.Lstat(p); err != nil {
			continue
		}
		digest, size, executable, err := w.Stats().Digest(a.ctx, p)
		if err == nil && digest == f.Digest {
			continue
		}
		held := false
		if err == nil {
			held, err = stored(manifest.File{Path: f.Path, Digest: digest, Size: size, Executable: executable})
		}
		switch {
		case errors.Is(err, cas.ErrChanged), err == nil && !held:
			return workspace.Usage("%s was changed here and would be overwritten; push it first, or use --dir or --force", f.Path)
		case err != nil:
			return err
		}
	}
	return nil
}

// maxKnown is how many versions are looked at for files of a packed dataset.
const maxKnown = 6

// stored returns a function that tells whether the registry has the bytes of a
// file. A plain layer can be asked for by its digest. Files in packs cannot, so
// that the versions tell which this folder may hold: the one that was pushed or
// pulled here last, the lock's, and the newest registered ones.
func (a *app) stored(w *workspace.Workspace, m *manifest.Artifact, repo registry.Repository, remote *artifact.Remote) func(manifest.File) (bool, error) {
	var known map[ref.Digest]bool
	return func(f manifest.File) (bool, error) {
		desc := ocispec.Descriptor{Digest: digest.Digest(f.Digest), Size: f.Size}
		if has, err := repo.HasBlob(a.ctx, desc); err != nil || has {
			return has, err
		}
		if m.Kind != manifest.KindDataset {
			return false, nil
		}
		if known == nil {
			known = map[ref.Digest]bool{}
			for _, d := range a.earlier(w, m, remote.Desc.Digest) {
				r, err := artifact.Read(a.ctx, repo, d)
				if errors.Is(err, registry.ErrNotFound) {
					continue
				}
				if err != nil {
					return false, err
				}
				for _, f := range r.Files {
					known[f.Digest] = true
				}
			}
		}
		return known[f.Digest], nil
	}
}

// earlier lists encodings of a that this folder may hold or the registry may
// have packs of, the nearest first, without one.
func (a *app) earlier(w *workspace.Workspace, m *manifest.Artifact, without digest.Digest) []ref.Digest {
	var out []ref.Digest
	add := func(d ref.Digest) {
		if d != "" && string(d) != string(without) && !slices.Contains(out, d) && len(out) < maxKnown {
			out = append(out, d)
		}
	}
	add(w.Held(m.Name))
	if lock, err := w.Lock(m); err == nil {
		add(lock.Encoding.Digest)
	}
	if l, err := w.Ledger(a.ctx); err == nil {
		if s := l.State.Artifacts[m.Name]; s != nil {
			for _, v := range slices.Backward(s.Versions) {
				add(v.Digest)
			}
		}
	}
	return out
}
