package check

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/datacheck"
	"github.com/waybill-dev/waybill/internal/dataprofile"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/table"
	"github.com/waybill-dev/waybill/internal/transfer"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// baselines finds what the checks of a dataset compare with: profiles that are
// evidence, or else the files, pulled into scratch.
type baselines struct {
	w       *workspace.Workspace
	t       Target
	scratch *scratch
}

// scratch is a folder that is made when it is needed first.
type scratch struct {
	dir   string
	count int
}

func (s *scratch) next() (string, error) {
	if s.dir == "" {
		var err error
		if s.dir, err = os.MkdirTemp("", "waybill-baseline-"); err != nil {
			return "", err
		}
	}
	s.count++
	dir := filepath.Join(s.dir, strconv.Itoa(s.count), "files")
	return dir, os.MkdirAll(dir, 0o755)
}

func (s *scratch) remove() error {
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

// Baseline implements datacheck.Baselines.
func (b *baselines) Baseline(ctx context.Context, with datacheck.Against) (*datacheck.Baseline, error) {
	r, err := ref.ParseRelative(with.Reference, b.t.Artifact.Name)
	if err != nil {
		return nil, err
	}
	var splits []string
	if r.Split != "" {
		splits = []string{r.Split}
	}
	if with.Role == "" && r.Bare() {
		return b.workingTree(ctx, r.Name, splits)
	}
	l, err := b.w.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	what, err := b.resolve(ctx, l, r)
	if err != nil {
		return nil, err
	}
	if with.Role != "" {
		d, err := b.madeWith(what, with.Role)
		if err != nil {
			return nil, err
		}
		if d.Split != "" {
			splits = []string{d.Split}
		}
		if what, err = b.resolve(ctx, l, ref.Reference{Name: d.Name, Digest: d.ContentDigest}); err != nil {
			return nil, err
		}
	}
	name := what.Name + "@" + what.ContentDigest.Short()
	if !what.Version.IsZero() {
		name = what.Name + "@" + what.Version.String()
	}
	switch {
	case with.Role != "":
		name += " (" + with.String() + ")"
	case r.Stage != "":
		name += " (#" + r.Stage + ")"
	}
	return &datacheck.Baseline{
		Name: name, Splits: splits,
		Profile: func(ctx context.Context, splits []string) (*profile.Document, error) {
			return b.profile(ctx, what, splits)
		},
		Files: func(ctx context.Context) (map[string][]table.File, error) { return b.files(ctx, what) },
	}, nil
}

// resolve finds a version. That there is none is datacheck.ErrNoBaseline.
func (b *baselines) resolve(ctx context.Context, l *workspace.Ledger, r ref.Reference) (workspace.Resolved, error) {
	if isFirst(l, r) {
		what := "is registered"
		if r.Stage != "" {
			what = "is in " + r.Stage
		}
		return workspace.Resolved{}, fmt.Errorf("%w: no version of %s %s", datacheck.ErrNoBaseline, r.Name, what)
	}
	return b.w.Resolve(ctx, l, r)
}

// isFirst tells whether a reference names nothing because nothing was released
// yet.
func isFirst(l *workspace.Ledger, r ref.Reference) bool {
	state := l.State.Artifacts[r.Name]
	return r.Digest == "" && (state == nil || len(state.Versions) == 0 || r.Stage != "" && state.Stages[r.Stage] == nil)
}

// madeWith returns the dataset that a version of a model has in a role.
func (b *baselines) madeWith(model workspace.Resolved, role string) (manifest.LineageDataset, error) {
	var none manifest.LineageDataset
	a, err := b.w.ArtifactAt(model.Commit, model.Name)
	if err != nil {
		return none, err
	}
	lock, err := b.w.LockAt(model.Commit, a)
	if err != nil {
		return none, err
	}
	if lock.Lineage != nil {
		if d, ok := lock.Lineage.Datasets[role]; ok {
			return d, nil
		}
	}
	return none, fmt.Errorf("the lineage of %s@%s has no dataset in the role %q", model.Name, model.Version, role)
}

// workingTree is another dataset as it stands in the working tree, or as its
// lock names it when the files are not there.
func (b *baselines) workingTree(ctx context.Context, name string, splits []string) (*datacheck.Baseline, error) {
	if name == b.t.Artifact.Name {
		return nil, fmt.Errorf("%s is this dataset itself; name a version or a stage of it", name)
	}
	a, err := b.w.Artifact(name)
	if err != nil {
		return nil, err
	}
	if a.Dataset == nil {
		return nil, fmt.Errorf("%s is a model; give {model: %s, dataset: ROLE}", name, name)
	}
	files := func(ctx context.Context) (map[string][]table.File, error) {
		t, err := Working(ctx, b.w, a)
		if err == nil {
			return t.tables(), nil
		}
		lock, lockErr := b.w.Lock(a)
		if lockErr != nil || !lock.Pushed() {
			return nil, err
		}
		dir, err := b.scratch.next()
		if err != nil {
			return nil, err
		}
		if t, err = Fetched(ctx, b.w, a, lock, dir); err != nil {
			return nil, err
		}
		return t.tables(), nil
	}
	return &datacheck.Baseline{Name: name, Splits: splits, Files: files}, nil
}

// profile returns nil when there is none that can be used: the files tell the
// same, at a price.
func (b *baselines) profile(ctx context.Context, what workspace.Resolved, splits []string) (*profile.Document, error) {
	set, err := b.profiles(ctx, what.Name, what.Digest)
	if err != nil || set == nil {
		return nil, ctx.Err()
	}
	for _, s := range splits {
		if !slices.Contains(set.Splits(), s) {
			return nil, nil
		}
	}
	d, err := set.Document(ctx, splits)
	if err != nil {
		return nil, ctx.Err()
	}
	return d, nil
}

// profiles are those attached to an encoding, nil when there are none.
func (b *baselines) profiles(ctx context.Context, name string, encoding ref.Digest) (*dataprofile.Set, error) {
	repo, err := b.w.Repository(name)
	if err != nil {
		return nil, err
	}
	return Profiles(ctx, repo, encoding)
}

// files pulls the files of a version.
func (b *baselines) files(ctx context.Context, what workspace.Resolved) (map[string][]table.File, error) {
	dir, err := b.scratch.next()
	if err != nil {
		return nil, err
	}
	t := Target{Dir: dir, Content: what.ContentDigest}
	if t.Artifact, err = b.artifactOf(what); err != nil {
		return nil, err
	}
	repo, err := b.w.Repository(what.Name)
	if err != nil {
		return nil, err
	}
	remote, err := artifact.Read(ctx, repo, what.Digest)
	if err != nil {
		return nil, err
	}
	if remote.ContentDigest != what.ContentDigest {
		return nil, fmt.Errorf("the registry's %s holds content %s, not %s", what.Digest, remote.ContentDigest, what.ContentDigest)
	}
	if _, err := artifact.Pull(ctx, remote, repo, dir, artifact.PullOptions{Options: transfer.Options{Cache: b.w.Cache(), Now: b.w.Now}}); err != nil {
		return nil, err
	}
	t.Files = remote.Files
	artifact.AssignSplits(t.Artifact, t.Files)
	return t.tables(), nil
}

// artifactOf is the manifest that a version was registered with or, when that
// commit is not at hand, the one of now.
func (b *baselines) artifactOf(what workspace.Resolved) (*manifest.Artifact, error) {
	if what.Commit != "" {
		if a, err := b.w.ArtifactAt(what.Commit, what.Name); err == nil {
			return a, nil
		}
	}
	return b.w.Artifact(what.Name)
}

// History implements datacheck.Baselines.
func (b *baselines) History(ctx context.Context, most int) ([]datacheck.Past, error) {
	l, err := b.w.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	state := l.State.Artifacts[b.t.Artifact.Name]
	if state == nil {
		return nil, nil
	}
	versions := state.Versions
	for i, v := range versions {
		if v.ContentDigest == b.t.Content {
			versions = versions[:i] // what came after it is not its past
			break
		}
	}
	var out []datacheck.Past
	for _, v := range slices.Backward(versions) {
		if len(out) == most {
			break
		}
		set, err := b.profiles(ctx, b.t.Artifact.Name, v.Digest)
		if err != nil {
			return nil, fmt.Errorf("rows of %s: %w", v.Version, err)
		}
		if set != nil {
			out = append(out, datacheck.Past{Version: v.Version.String(), Rows: set.Rows()})
		}
	}
	return out, nil
}
