package lock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// lineage keeps the previous lineage for the same weights, and captures it for
// others.
func (c *computation) lineage(ctx context.Context) (err error) {
	keep := c.unchanged()
	if keep && len(c.opts.TrainedOn) == 0 {
		c.Lock.Lineage = c.Previous.Lineage
		return nil
	}
	roles := map[string]ref.Reference{}
	for _, use := range c.a.Model.Datasets {
		roles[use.Role] = use.Ref
	}
	var l manifest.Lineage
	if keep && c.Previous.Lineage != nil {
		l = *c.Previous.Lineage
		for role, d := range l.Datasets {
			roles[role] = ref.Reference{Name: d.Name, Split: d.Split}
		}
	}
	given, err := c.trainedOn(roles)
	if err != nil {
		return err
	}
	datasets := maps.Clone(l.Datasets)
	if datasets == nil {
		datasets = map[string]manifest.LineageDataset{}
	}
	if !keep {
		maps.Copy(roles, given)
		given = roles
	}
	for _, role := range slices.Sorted(maps.Keys(given)) {
		if datasets[role], err = c.dataset(ctx, role, given[role]); err != nil {
			return err
		}
	}
	l.Datasets = datasets
	if !keep {
		if err := c.captureCode(ctx, &l); err != nil {
			return err
		}
	}
	if len(l.Datasets) > 0 || l.Code != "" || len(l.Lockfiles) > 0 || l.Image != "" {
		c.Lock.Lineage = &l
	}
	return nil
}

// trainedOn tells which roles Options.TrainedOn is about, out of those known.
func (c *computation) trainedOn(roles map[string]ref.Reference) (map[string]ref.Reference, error) {
	given := map[string]ref.Reference{}
	set := func(role string, r ref.Reference) error {
		if other, ok := given[role]; ok && other != r {
			return workspace.Usage("lock %s: %s and %s are both the role %q; name the datasets under datasets: in %s", c.a.Name, other, r, role, c.a.Path)
		}
		given[role] = r
		return nil
	}
	for _, r := range c.opts.TrainedOn {
		found := false
		for _, role := range slices.Sorted(maps.Keys(roles)) {
			old := roles[role]
			if old.Name != r.Name || r.Split != "" && old.Split != r.Split {
				continue
			}
			found = true
			with := r
			with.Split = old.Split
			if err := set(role, with); err != nil {
				return nil, err
			}
		}
		if !found {
			if err := set("train", r); err != nil {
				return nil, err
			}
		}
	}
	return given, nil
}

// dataset finds out what a reference means now: in the ledger when it names a
// version, stage or digest, and in the working tree otherwise.
func (c *computation) dataset(ctx context.Context, role string, r ref.Reference) (manifest.LineageDataset, error) {
	d := manifest.LineageDataset{Name: r.Name, Split: r.Split}
	fail := func(err error) (manifest.LineageDataset, error) {
		return d, fmt.Errorf("lock %s: datasets: %s: %w", c.a.Name, role, err)
	}
	a, err := c.w.Artifact(r.Name)
	if err == nil && a.Kind != manifest.KindDataset {
		return fail(workspace.Usage("%s is not a dataset", r.Name))
	}
	if r.Bare() {
		if err != nil {
			return fail(err)
		}
		l, err := c.w.Lock(a)
		if errors.Is(err, fs.ErrNotExist) {
			return fail(workspace.Usage("%s has no lock yet; run \"waybill lock %s\" first", r.Name, r.Name))
		}
		if err != nil {
			return fail(err)
		}
		d.ContentDigest = l.ContentDigest
		return d, nil
	}
	if c.ledger == nil {
		if c.ledger, err = c.w.Ledger(ctx); err != nil {
			return fail(err)
		}
	}
	found, err := c.w.Resolve(ctx, c.ledger, r)
	if err != nil {
		return fail(err)
	}
	d.ContentDigest, d.Version = found.ContentDigest, found.Version
	return d, nil
}

// captureCode fills in what, besides data, the weights were made from.
func (c *computation) captureCode(ctx context.Context, l *manifest.Lineage) error {
	var err error
	if l.Code, err = c.code(ctx); err != nil {
		return err
	}
	for _, p := range c.a.Model.Environment.Lockfiles {
		digest, _, err := c.digest(ctx, c.a.Resolve(p))
		if errors.Is(err, fs.ErrNotExist) {
			return workspace.Usage("%s: environment.lockfiles: %s does not exist; mend the path or remove it", c.a.Path, p)
		}
		if err != nil {
			return fmt.Errorf("%s: environment.lockfiles: %w", c.a.Path, err)
		}
		if l.Lockfiles == nil {
			l.Lockfiles = map[string]ref.Digest{}
		}
		l.Lockfiles[p] = digest
	}
	l.Image = c.a.Model.Environment.Image
	return nil
}

// code is the digest of the files that code: names, in the manner of a content
// digest with paths relative to the root. It is the same on every system, so
// that it knows no executable bits.
func (c *computation) code(ctx context.Context) (ref.Digest, error) {
	seen := map[string]bool{}
	for _, glob := range c.a.Model.Code {
		pattern := c.a.Resolve(glob)
		n := 0
		err := doublestar.GlobWalk(c.root.FS(), pattern, func(p string, d fs.DirEntry) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if d.Type().IsRegular() && isCode(pattern, p) {
				seen[p] = true
				n++
			}
			return nil
		}, doublestar.WithNoFollow())
		if err != nil {
			return "", fmt.Errorf("%s: code: %s: %w", c.a.Path, glob, err)
		}
		if n == 0 {
			return "", workspace.Usage("%s: code: %s matches no file; mend the path or remove it", c.a.Path, glob)
		}
	}
	if len(seen) == 0 {
		return "", nil
	}
	var files []manifest.File
	for _, p := range slices.Sorted(maps.Keys(seen)) {
		digest, size, err := c.digest(ctx, p)
		if err != nil {
			return "", fmt.Errorf("%s: code: %w", c.a.Path, err)
		}
		files = append(files, manifest.File{Path: p, Size: size, Digest: digest})
	}
	return manifest.ContentDigest(files)
}

// isCode leaves out what differs between two checkouts of one commit, and the
// locks themselves. Hidden files count when the pattern names the dot.
func isCode(pattern, p string) bool {
	named := strings.HasPrefix(pattern, ".") || strings.Contains(pattern, "/.")
	for part := range strings.SplitSeq(p, "/") {
		if part == ".git" || part == ".waybill" || part == "__pycache__" || strings.HasPrefix(part, ".") && !named {
			return false
		}
	}
	base := path.Base(p)
	return base != "model.lock.json" && base != "dataset.lock.json"
}

// digest is that of a regular file below the root; p is relative to it. Links
// that leave the root are refused.
func (c *computation) digest(ctx context.Context, p string) (ref.Digest, int64, error) {
	info, err := c.root.Lstat(p)
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, workspace.Usage("%s: is not a regular file", p)
	}
	digest, size, _, err := c.w.Stats().Digest(ctx, c.w.Path(p))
	return digest, size, err
}
