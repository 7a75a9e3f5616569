package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/datadiff"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/transfer"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) diffCommand() *cobra.Command {
	var o diffFlags
	c := &cobra.Command{
		Use:   "diff REFERENCE [REFERENCE]",
		Short: "What differs between two states of a model or a dataset: files, columns, rows, tensors",
		Long: `A bare name is the working tree. One reference is compared with the working tree, a bare name with its newest version.
Rows are matched by --key, or by a column that the manifest says is unique; else, and where keys repeat, whole
rows are compared. Of models, tensors, vocabulary, configuration and interface are compared, and by how much values
changed. Only files that differ are read, or fetched. Differences are information: the exit code is 0.
Values of rows are shown as report.samples of waybill.yaml allows.`,
		Example: `  waybill diff reviews                              # the newest version and the working tree
  waybill diff reviews@v1.0.0 reviews --key id
  waybill diff reviews#production reviews@v1.1.0 --format markdown
  waybill diff reviews --from origin/main --to HEAD  # the locks of two commits`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error { return a.diff(args, o) },
	}
	c.Flags().StringSliceVar(&o.key, "key", nil, "columns that together identify a row")
	c.Flags().StringVar(&o.from, "from", "", "Git revision whose lock is the side before")
	c.Flags().StringVar(&o.to, "to", "", "Git revision whose lock is the side after (default the working tree)")
	return c
}

type diffFlags struct {
	key      []string
	from, to string
}

// diffSide is an artifact as one side has it. Its files stand in dir, or are
// to be pulled when that is "".
type diffSide struct {
	datadiff.State
	artifact *manifest.Artifact
	files    []manifest.File
	encoding ref.Digest
	dir      string
	metrics  map[string]float64 // as the lock has them
}

func (a *app) diff(args []string, o diffFlags) error {
	refs, err := diffRefs(args, o)
	if err != nil {
		return usageError{fmt.Errorf("diff: %w", err)}
	}
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	from, to, err := a.diffSides(w, refs, o, len(args) == 1 && refs[0].Bare())
	if err != nil {
		return fmt.Errorf("diff %s: %w", refs[0].Name, err)
	}
	d := datadiff.Diff{APIVersion: report.APIVersion, Artifact: refs[0].Name, From: from.State, To: to.State,
		Files: datadiff.CompareFiles(from.files, to.files), Lineage: []string{}}
	if to.artifact.Dataset != nil {
		d.Lineage = datadiff.Dependents(d.Artifact, w.Artifacts, func(m *manifest.Artifact) *manifest.Lock {
			lock, err := w.Lock(m)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				a.warn(err.Error())
			}
			return lock
		})
		if d.Data, err = a.diffData(w, from, to, o.key); err != nil {
			return fmt.Errorf("diff %s: %w", d.Artifact, err)
		}
		if problem := d.Data.Problem(); problem != nil {
			a.warn(fmt.Sprintf("diff %s: %v", d.Artifact, problem))
			a.code = exitOutside
		}
	}
	if to.artifact.Model != nil {
		m, sections, err := a.diffModel(w, d, from, to)
		if err != nil {
			return fmt.Errorf("diff %s: %w", d.Artifact, err)
		}
		return a.result(m, sections...)
	}
	return a.result(d, d.Sections()...)
}

// diffRefs reads the arguments: two references of one artifact, or one to
// compare with the working tree or by revisions.
func diffRefs(args []string, o diffFlags) ([]ref.Reference, error) {
	var refs []ref.Reference
	for _, arg := range args {
		r, err := ref.Parse(arg)
		if err != nil {
			return nil, err
		}
		refs = append(refs, r)
	}
	switch {
	case len(refs) == 2 && refs[0].Name != refs[1].Name:
		return nil, fmt.Errorf("%s and %s are not states of one artifact", args[0], args[1])
	case o.to != "" && o.from == "":
		return nil, errors.New("--to needs --from, the revision to compare with")
	case o.from != "" && (len(refs) == 2 || !refs[0].Bare()):
		return nil, errors.New("--from and --to take the name of an artifact, without a version and alone")
	case len(refs) == 1:
		refs = append(refs, ref.Reference{Name: refs[0].Name, Split: refs[0].Split})
	case refs[0].Split != refs[1].Split:
		return nil, fmt.Errorf("%s and %s are not of one split", args[0], args[1])
	}
	return refs, nil
}

// diffSides resolves both sides; newest says that the first is the newest
// version although it is a bare name.
func (a *app) diffSides(w *workspace.Workspace, refs []ref.Reference, o diffFlags, newest bool) (from, to diffSide, err error) {
	var l *workspace.Ledger
	if o.from == "" {
		if l, err = w.Ledger(a.ctx); err != nil {
			return from, to, err
		}
	}
	side := func(r ref.Reference, revision string, newest bool) (s diffSide, err error) {
		switch {
		case revision != "":
			s, err = a.diffRevision(w, r.Name, revision)
		case r.Bare() && !newest:
			s, err = a.diffWorking(w, r.Name)
		default:
			s, err = a.diffVersion(w, l, r)
		}
		if err == nil && r.Split != "" {
			err = s.only(r.Split)
		}
		return s, err
	}
	if from, err = side(refs[0], o.from, newest); err != nil {
		return from, to, err
	}
	if to, err = side(refs[1], o.to, false); err != nil {
		return from, to, err
	}
	if from.artifact.Kind != to.artifact.Kind {
		return from, to, workspace.Usage("it was a %s and is a %s", from.artifact.Kind, to.artifact.Kind)
	}
	return from, to, nil
}

// only leaves the files of a split.
func (s *diffSide) only(split string) error {
	var files []manifest.File
	for _, f := range s.files {
		if f.Split == split {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return workspace.Usage("%s has no split %q", s.Reference, split)
	}
	s.files = files
	return nil
}

// diffWorking is the working tree; where its files are not at hand, its lock.
func (a *app) diffWorking(w *workspace.Workspace, name string) (diffSide, error) {
	m, err := w.Artifact(name)
	if err != nil {
		return diffSide{}, err
	}
	files, err := artifact.Scan(a.ctx, w.Root(), m, w.Stats(), nil)
	if errors.Is(err, fs.ErrNotExist) {
		if lock, lockErr := w.Lock(m); lockErr == nil && lock.Pushed() {
			return a.diffLocked(w, m, lock, "the working tree's lock")
		}
	}
	if err != nil {
		return diffSide{}, err
	}
	content, err := manifest.ContentDigest(files)
	if err != nil {
		return diffSide{}, err
	}
	s := diffSide{State: datadiff.State{Reference: "the working tree", ContentDigest: content}, artifact: m, files: files, dir: w.Dir(m)}
	if lock, err := w.Lock(m); err == nil && lock.ContentDigest == content {
		s.metrics = lock.Metrics
	}
	return s, nil
}

// diffRevision is what the lock in a commit names.
func (a *app) diffRevision(w *workspace.Workspace, name, revision string) (diffSide, error) {
	commit, err := w.Repo.ResolveRevision(revision)
	if err != nil {
		return diffSide{}, usageError{err}
	}
	m, err := w.ArtifactAt(commit, name)
	var lock *manifest.Lock
	if err == nil {
		lock, err = w.LockAt(commit, m)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return diffSide{}, workspace.Usage("revision %s has no lock of it: %w", revision, err)
	}
	if err != nil {
		return diffSide{}, err
	}
	return a.diffLocked(w, m, lock, revision)
}

// diffVersion is a registered version. The list of its files is that of its
// commit or, where a shallow clone lacks that, of the registry.
func (a *app) diffVersion(w *workspace.Workspace, l *workspace.Ledger, r ref.Reference) (diffSide, error) {
	what, err := w.Resolve(a.ctx, l, r)
	if err != nil {
		return diffSide{}, err
	}
	label := r.String()
	if !what.Version.IsZero() {
		label = r.Name + "@" + what.Version.String()
		if r.Stage != "" {
			label += " (" + r.Stage + ")"
		}
	}
	if what.Commit != "" {
		if m, err := w.ArtifactAt(what.Commit, r.Name); err == nil {
			if lock, err := w.LockAt(what.Commit, m); err == nil && lock.ContentDigest == what.ContentDigest {
				return a.diffLocked(w, m, lock, label)
			}
		}
	}
	m, err := w.Artifact(r.Name)
	if err != nil {
		return diffSide{}, err
	}
	return a.diffLocked(w, m, &manifest.Lock{ContentDigest: what.ContentDigest, Encoding: manifest.Encoding{Digest: what.Digest}}, label)
}

// diffLocked is what a lock names. Files that it does not list are listed by
// the registry.
func (a *app) diffLocked(w *workspace.Workspace, m *manifest.Artifact, lock *manifest.Lock, label string) (diffSide, error) {
	s := diffSide{State: datadiff.State{Reference: label, ContentDigest: lock.ContentDigest}, artifact: m, files: lock.Files, encoding: lock.Encoding.Digest, metrics: lock.Metrics}
	if len(s.files) > 0 {
		return s, nil
	}
	remote, _, err := a.diffRemote(w, s)
	if err != nil {
		return s, err
	}
	s.files = remote.Files
	artifact.AssignSplits(m, s.files)
	return s, nil
}

func (a *app) diffRemote(w *workspace.Workspace, s diffSide) (*artifact.Remote, func(dir string, only func(manifest.File) bool) error, error) {
	name := s.artifact.Name
	if s.encoding == "" {
		return nil, nil, workspace.NotPushed(name)
	}
	repo, err := w.Repository(name)
	if err != nil {
		return nil, nil, err
	}
	remote, err := artifact.Read(a.ctx, repo, s.encoding)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.Reference, err)
	}
	if remote.ContentDigest != s.ContentDigest {
		return nil, nil, fmt.Errorf("%s: the registry's %s holds content %s, not %s; run \"waybill doctor\"", s.Reference, s.encoding, remote.ContentDigest, s.ContentDigest)
	}
	pull := func(dir string, only func(manifest.File) bool) error {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		_, err := artifact.Pull(a.ctx, remote, repo, dir, artifact.PullOptions{Only: only, Options: transfer.Options{Cache: w.Cache(), Now: w.Now}})
		return err
	}
	return remote, pull, nil
}

// diffData brings the files that differ to hand and compares their rows.
func (a *app) diffData(w *workspace.Workspace, from, to diffSide, key []string) (*datadiff.Data, error) {
	reading := datadiff.Differing(from.files, to.files)
	scratch, err := os.MkdirTemp("", "waybill-diff-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	have := func(s diffSide, files []manifest.File, folder string) (datadiff.Side, error) {
		side := datadiff.Side{Dir: s.dir, Name: s.artifact.Dir(), Files: files, CSV: s.artifact.Dataset.CSV}
		if s.dir != "" || len(files) == 0 {
			return side, nil
		}
		side.Dir = filepath.Join(scratch, folder)
		_, pull, err := a.diffRemote(w, s)
		if err != nil {
			return side, err
		}
		return side, pull(side.Dir, datadiff.Has(files))
	}
	before, err := have(from, reading.From, "from")
	if err != nil {
		return nil, err
	}
	after, err := have(to, reading.To, "to")
	if err != nil {
		return nil, err
	}
	opts := datadiff.Options{Key: key, Samples: w.Project.Samples, Temp: scratch}
	for _, c := range to.artifact.Dataset.Columns {
		opts.Declared = append(opts.Declared, c.Name)
		if c.Unique {
			opts.Unique = append(opts.Unique, c.Name)
		}
	}
	data, err := datadiff.CompareData(a.ctx, before, after, reading, opts)
	var wrong *datadiff.KeyError
	if errors.As(err, &wrong) {
		return nil, usageError{err}
	}
	return data, err
}
