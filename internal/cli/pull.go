package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) pullCommand() *cobra.Command {
	var dir string
	var force bool
	c := &cobra.Command{
		Use:   "pull REFERENCE…",
		Short: "Fetch and verify the bytes of a version, a stage or a lock",
		Long: `Everything is verified before any file becomes visible. A bare name is the newest version or, when none is
registered, what the lock names. Without --dir the files go where the manifest wants them; files that were
changed by hand are not overwritten.`,
		Example: "  waybill pull sentiment#production --dir out/\n  waybill pull reviews@v1.0.0:test --dir test/\n  waybill pull sentiment",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.pull(args, dir, force) },
	}
	c.Flags().StringVar(&dir, "dir", "", "folder for the files")
	c.Flags().BoolVar(&force, "force", false, "overwrite files that were changed by hand")
	return c
}

func (a *app) pull(args []string, dir string, force bool) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	l, err := w.Ledger(a.ctx)
	if err != nil {
		return err
	}
	var rows [][]string
	out := []map[string]any{}
	for _, arg := range args {
		r, err := ref.Parse(arg)
		if err != nil {
			return usageError{err}
		}
		what, lock, err := a.locate(w, l, r)
		if err != nil {
			return err
		}
		target := dir
		if target != "" && !filepath.IsAbs(target) {
			target = filepath.Join(a.workDir(), target)
		}
		stats, files, err := a.fetch(w, r, what, lock, target, force)
		if err != nil {
			return fmt.Errorf("pull %s: %w", r, err)
		}
		shown := what.Version.String()
		if shown == "" {
			shown = "lock"
		}
		rows = append(rows, []string{r.String(), shown, what.ContentDigest.Short(), fmt.Sprint(files), bytesText(stats)})
		out = append(out, map[string]any{"reference": r.String(), "version": what.Version, "contentDigest": what.ContentDigest,
			"digest": what.Digest, "files": files, "bytes": stats})
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

func (a *app) fetch(w *workspace.Workspace, r ref.Reference, what workspace.Resolved, lock *manifest.Lock, dir string, force bool) (int64, int, error) {
	repo, err := w.Repository(r.Name)
	if err != nil {
		return 0, 0, err
	}
	remote, err := artifact.Read(a.ctx, repo, what.Digest)
	if err != nil {
		return 0, 0, err
	}
	if remote.ContentDigest != what.ContentDigest {
		return 0, 0, fmt.Errorf("%s: the registry's %s holds other content than was registered; run \"waybill doctor\"", repo, what.Digest)
	}
	opts := artifact.PullOptions{Progress: a.progress(r.Name)}
	if r.Split != "" {
		if opts.Only, err = onlySplit(lock, r.Split); err != nil {
			return 0, 0, err
		}
	}
	if dir == "" {
		m, err := w.Artifact(r.Name)
		if err != nil {
			return 0, 0, err
		}
		dir = w.Dir(m)
		if !force {
			if err := a.keepChanges(w, m, remote.Files, dir); err != nil {
				return 0, 0, err
			}
		}
	}
	n := 0
	for _, f := range remote.Files {
		if opts.Only == nil || opts.Only(f) {
			n++
		}
	}
	stats, err := artifact.Pull(a.ctx, remote, repo, dir, opts)
	return stats.Bytes, n, err
}

func onlySplit(lock *manifest.Lock, split string) (func(manifest.File) bool, error) {
	if lock == nil || len(lock.Files) == 0 {
		return nil, workspace.Usage("the lock of this version does not say which files belong to the split %q", split)
	}
	in, splits := map[string]bool{}, map[string]bool{}
	for _, f := range lock.Files {
		splits[f.Split] = true
		if f.Split == split {
			in[f.Path] = true
		}
	}
	if len(in) == 0 {
		names := []string{}
		for s := range splits {
			names = append(names, s)
		}
		return nil, workspace.Usage("there is no split %q; it has %q", split, names)
	}
	return func(f manifest.File) bool { return in[f.Path] }, nil
}

// keepChanges refuses to overwrite what neither the version nor the lock
// knows: it would be lost.
func (a *app) keepChanges(w *workspace.Workspace, m *manifest.Artifact, files []manifest.File, dir string) error {
	known := map[string]ref.Digest{}
	if lock, err := w.Lock(m); err == nil {
		for _, f := range lock.Files {
			known[f.Path] = f.Digest
		}
	}
	for _, f := range files {
		p := filepath.Join(dir, filepath.FromSlash(f.Path))
		if _, err := os.Lstat(p); err != nil {
			continue
		}
		digest, _, _, err := w.Stats().Digest(a.ctx, p)
		if errors.Is(err, cas.ErrChanged) || err == nil && digest != f.Digest && digest != known[f.Path] {
			return workspace.Usage("%s was changed here and would be overwritten; push it first, or use --dir or --force", f.Path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
