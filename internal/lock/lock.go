// Package lock computes what model.lock.json and dataset.lock.json say, from
// the files of the working tree:
//
//	r, err := lock.Compute(ctx, w, a, lock.Options{})
//	changed, err := lock.Write(w, a, r.Lock)
//
// Computing writes nothing, and the same tree gives the same lock. Lock the
// datasets of a model first: its lineage is taken from their locks, as
// workspace.Select orders them.
package lock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Options say how to lock. The zero value is the usual.
type Options struct {
	// TrainedOn says on which datasets the model was trained, where the
	// manifest and the working tree do not tell. Each takes the place of the
	// roles of this dataset (of those with its split, when it names one), or
	// else is the role "train".
	TrainedOn []ref.Reference
	// Progress, if not nil, hears how many more bytes of the artifact's files
	// are digested.
	Progress func(bytes int64)
}

// Result is a lock and what was found out on the way.
type Result struct {
	Lock *manifest.Lock
	// Previous is the lock that stands in the working tree, nil when there is
	// none. Of one with a merge conflict it is the side of these files, or
	// else ours.
	Previous *manifest.Lock
	Files    []manifest.File
	// Encoding is nil for a dataset in packs: pushing makes it, and Packed puts
	// it into the lock.
	Encoding *artifact.Encoding
	// Evidence is to be attached to the encoding. Predictions and results that
	// were made with other weights are not among it.
	Evidence []evidence.Item
	Stale    []Stale // by role
}

// Stale is a dataset that has moved on since the model was made.
type Stale struct {
	Role, Name  string
	Locked, Now ref.Digest // content digests
}

// Compute returns the lock of a as its files are now.
//
// The lineage is captured when the content digest is not that of the previous
// lock, and kept as it is otherwise: old weights never saw new data. Predictions
// and result files that are unchanged stay bound to the weights they were made
// with. With Options.TrainedOn only the roles it is about change in a lineage
// that is kept.
//
// What a person can mend by a command or in a manifest is workspace.ErrUsage.
func Compute(ctx context.Context, w *workspace.Workspace, a *manifest.Artifact, opts Options) (*Result, error) {
	if a.Model == nil && len(opts.TrainedOn) > 0 {
		return nil, workspace.Usage("lock %s: it is a dataset; only models are trained on something", a.Name)
	}
	root, err := os.OpenRoot(w.Root())
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", a.Name, err)
	}
	defer root.Close()
	c := &computation{w: w, a: a, root: root, opts: opts}
	if err := c.content(ctx); err != nil {
		return nil, err
	}
	c.readPrevious()
	if c.Encoding == nil && c.unchanged() {
		c.Lock.Encoding = c.Previous.Encoding
	}
	if a.Model != nil {
		for _, step := range []func(context.Context) error{c.facts, c.lineage, c.predictions, c.results} {
			if err := step(ctx); err != nil {
				return nil, err
			}
		}
		c.findStale()
	}
	return &c.Result, nil
}

// computation is one call of Compute.
type computation struct {
	Result
	w    *workspace.Workspace
	a    *manifest.Artifact
	root *os.Root
	opts Options
	// before are the previous lock or, after a merge conflict, both sides.
	before []*manifest.Lock
	ledger *workspace.Ledger // nil until it is asked
}

// content fills in what the files are.
func (c *computation) content(ctx context.Context) (err error) {
	c.Files, err = artifact.Scan(ctx, c.w.Root(), c.a, c.w.Stats(), c.opts.Progress)
	if errors.Is(err, fs.ErrNotExist) {
		return workspace.Usage("%w", err)
	}
	if err != nil {
		return err
	}
	digest, err := manifest.ContentDigest(c.Files)
	if err != nil {
		return fmt.Errorf("lock %s: %w", c.a.Name, err)
	}
	if !artifact.IsPacked(c.a, c.Files) {
		if c.Encoding, err = artifact.Encode(c.a.Kind, c.Files); err != nil {
			return fmt.Errorf("lock %s: %w", c.a.Name, err)
		}
	}
	repo, err := c.w.Repository(c.a.Name)
	if err != nil {
		return err
	}
	c.Lock = &manifest.Lock{
		APIVersion:    manifest.APIVersion,
		Kind:          c.a.Kind,
		Name:          c.a.Name,
		ContentDigest: digest,
		Encoding:      manifest.Encoding{Repository: repo.String()},
		Total:         manifest.Total{Files: int64(len(c.Files))},
	}
	if c.Encoding != nil {
		c.encoded(c.Encoding)
	}
	if len(c.Files) <= manifest.MaxLockFiles {
		c.Lock.Files = c.Files
	}
	for _, f := range c.Files {
		c.Lock.Total.Bytes += f.Size
	}
	return nil
}

// Packed puts the encoding that pushing made into the lock.
func (r *Result) Packed(enc *artifact.Encoding) {
	r.Encoding = enc
	r.encoded(enc)
}

func (r *Result) encoded(enc *artifact.Encoding) {
	r.Lock.Encoding.Digest, r.Lock.Encoding.Size = enc.Digest(), enc.Desc.Size
}

// readPrevious looks for what is known about these weights. Of a lock with a
// merge conflict both sides count, and for a damaged one the commit's: writing
// the lock anew must not give old weights a new lineage. The name is not looked
// at, so that the lineage survives a new name.
func (c *computation) readPrevious() {
	add := func(data []byte, err error) {
		if err != nil {
			return
		}
		if l, err := manifest.ParseLock(c.a.LockPath(), data); err == nil && l.Kind == c.a.Kind {
			c.before = append(c.before, l)
		}
	}
	data, err := os.ReadFile(c.w.Path(c.a.LockPath()))
	if err != nil {
		return
	}
	add(data, nil)
	if len(c.before) == 0 {
		add(TakeSide(data, true))
		add(TakeSide(data, false))
	}
	if len(c.before) == 0 {
		add(c.w.Repo.ReadFile("HEAD", c.a.LockPath()))
	}
	for _, l := range c.before {
		if c.Previous == nil || c.Previous.ContentDigest != c.Lock.ContentDigest && l.ContentDigest == c.Lock.ContentDigest {
			c.Previous = l
		}
	}
}

// unchanged tells whether the weights are those of the previous lock.
func (c *computation) unchanged() bool {
	return c.Previous != nil && c.Previous.ContentDigest == c.Lock.ContentDigest
}

// facts reads the model's files. A file that breaks its own format leaves the
// lock without facts: the check files.readable says what is wrong with it.
func (c *computation) facts(ctx context.Context) error {
	names := make([]string, len(c.Files))
	for i, f := range c.Files {
		names[i] = f.Path
	}
	set, err := modelfile.InspectFiles(ctx, names, func(name string) (io.ReaderAt, int64, error) {
		f, err := os.Open(c.w.Path(c.a.Resolve(name)))
		if err != nil {
			return nil, 0, err
		}
		info, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, 0, err
		}
		return f, info.Size(), nil
	}, modelfile.FilesOptions{})
	if err != nil {
		return fmt.Errorf("lock %s: %w", c.a.Name, err)
	}
	facts := manifest.Facts{}
	if len(set.Problems) == 0 && set.Format != "" {
		facts = manifest.Facts{Format: set.Format, Parameters: set.Parameters, Dtypes: set.Dtypes}
	}
	if !c.a.Model.Interface.IsZero() {
		facts.Interface = &c.a.Model.Interface
	}
	if facts.Format != "" || facts.Interface != nil {
		c.Lock.Facts = &facts
	}
	return nil
}

// findStale compares the lineage with the datasets' locks. A dataset that is
// not in the working tree, or not locked, has not moved on.
func (c *computation) findStale() {
	if c.Lock.Lineage == nil {
		return
	}
	for _, role := range slices.Sorted(maps.Keys(c.Lock.Lineage.Datasets)) {
		d := c.Lock.Lineage.Datasets[role]
		a, err := c.w.Artifact(d.Name)
		if err != nil {
			continue
		}
		now, err := c.w.Lock(a)
		if err == nil && now.ContentDigest != d.ContentDigest {
			c.Stale = append(c.Stale, Stale{Role: role, Name: d.Name, Locked: d.ContentDigest, Now: now.ContentDigest})
		}
	}
}

// Write puts l beside the manifest of a, unless the same bytes stand there.
func Write(w *workspace.Workspace, a *manifest.Artifact, l *manifest.Lock) (changed bool, err error) {
	data, err := l.Bytes()
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", a.Name, err)
	}
	// What nobody could read again must not take the place of a good lock.
	if _, err := manifest.ParseLock(a.LockPath(), data); err != nil {
		return false, err
	}
	file := w.Path(a.LockPath())
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, data) {
		return false, nil
	}
	if err := cas.WriteFile(file, data, 0o644); err != nil {
		return false, fmt.Errorf("lock %s: %w", a.Name, err)
	}
	return true, nil
}
