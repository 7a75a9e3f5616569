package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/table"
	"github.com/waybill-dev/waybill/internal/transfer"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// cannot says why something cannot be judged: it is a finding, no error.
type cannot struct{ message, hint string }

func (c *cannot) Error() string { return c.message }

func cannotf(hint, format string, args ...any) *cannot {
	return &cannot{message: fmt.Sprintf(format, args...), hint: hint}
}

// testSet is the rows that a model is evaluated on.
type testSet struct {
	name    string     // "reviews:test"
	content ref.Digest // of the dataset; "" when none is declared
	// rows identifies the files of the split alone, so that new training rows
	// do not make it another test set. "" when the lock does not list them.
	rows ref.Digest
	// files are the tables, where they could be had.
	files []table.File
}

// same tells whether predictions of two test sets are of the same rows.
func (s *testSet) same(t *testSet) bool {
	return s.content == t.content || s.rows != "" && s.rows == t.rows
}

// evaluated is the dataset in the role "evaluate" as the manifest of a model
// names it now.
func evaluated(a *manifest.Artifact) *manifest.DatasetUse {
	for i, use := range a.Model.Datasets {
		if use.Role == "evaluate" {
			return &a.Model.Datasets[i]
		}
	}
	return nil
}

// rowsOf is the content digest of one split's files, "" when the lock does not
// list them.
func rowsOf(lock *manifest.Lock, split string) (ref.Digest, error) {
	var files []manifest.File
	for _, f := range lock.Files {
		if split == "" || f.Split == split {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return "", nil
	}
	return manifest.ContentDigest(files)
}

// testSet finds the evaluation dataset as it is named now, with its files: in
// the working tree where they are there, or else in the registry. It is nil
// when the manifest names none.
func (e *evaluation) testSet(ctx context.Context) (*testSet, error) {
	use := evaluated(e.t.Artifact)
	if use == nil {
		return nil, nil
	}
	s := &testSet{name: use.Ref.String()}
	if use.Ref.Bare() && e.t.Commit == "" {
		return s, e.fromTree(ctx, s, use.Ref)
	}
	l, err := e.w.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	r := use.Ref
	if r.Bare() { // of a version: the dataset it was evaluated on
		bound := e.t.Lock.Evidence[evidence.Predictions].Dataset
		if bound == "" {
			return nil, cannotf("push it again with predictions", "the lock does not say on which dataset the predictions were made")
		}
		r = ref.Reference{Name: r.Name, Split: r.Split, Digest: bound}
	}
	what, err := e.w.Resolve(ctx, l, r)
	if err != nil {
		return nil, err
	}
	return s, e.fromRegistry(ctx, s, what, use.Ref.Split)
}

// fromTree takes the dataset as it stands in the working tree or, where it was
// not pulled, as its lock names it.
func (e *evaluation) fromTree(ctx context.Context, s *testSet, r ref.Reference) error {
	d, err := e.w.Artifact(r.Name)
	if err != nil {
		return err
	}
	if d.Dataset == nil {
		return cannotf("name a dataset under datasets: evaluate", "%s is a model, not a dataset", r.Name)
	}
	t, err := Working(ctx, e.w, d)
	if err == nil {
		s.content = t.Content
		s.rows, err = rowsOf(&manifest.Lock{Files: t.Files}, r.Split)
		s.files = t.Tables(r.Split)
		return err
	}
	if t.Lock == nil || !t.Lock.Pushed() {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	return e.pull(ctx, s, d, t.Lock, r.Split)
}

// fromRegistry takes a version of the dataset.
func (e *evaluation) fromRegistry(ctx context.Context, s *testSet, what workspace.Resolved, split string) error {
	d, lock, err := e.lockOf(ctx, what)
	if err != nil {
		return err
	}
	return e.pull(ctx, s, d, lock, split)
}

// lockOf is the manifest and lock of a version: at the commit of its
// registration or, when it is not registered, in the working tree.
func (e *evaluation) lockOf(ctx context.Context, what workspace.Resolved) (*manifest.Artifact, *manifest.Lock, error) {
	if what.Commit == "" {
		d, err := e.w.Artifact(what.Name)
		if err != nil {
			return nil, nil, err
		}
		lock, err := e.w.Lock(d)
		if err == nil && lock.ContentDigest != what.ContentDigest {
			err = fmt.Errorf("the lock of %s is of other content than %s", what.Name, what.ContentDigest.Short())
		}
		return d, lock, err
	}
	d, err := e.w.ArtifactAt(what.Commit, what.Name)
	if err != nil { // a shallow clone, as jobs have them, lacks the commit
		if fetchErr := e.bring(ctx, what.Commit); fetchErr != nil {
			return nil, nil, fmt.Errorf("%w; %w", err, fetchErr)
		}
		if d, err = e.w.ArtifactAt(what.Commit, what.Name); err != nil {
			return nil, nil, err
		}
	}
	lock, err := e.w.LockAt(what.Commit, d)
	return d, lock, err
}

// bring fetches the files of one commit, without history. Nothing of the clone
// changes.
func (e *evaluation) bring(ctx context.Context, commit string) error {
	remote, err := e.w.Repo.Remote(ctx)
	if err != nil {
		return err
	}
	_, branch, err := remote.DefaultCommit(ctx)
	if err != nil {
		return err
	}
	return remote.FetchCommit(ctx, commit, branch)
}

// pull fetches the tables of one split, verified.
func (e *evaluation) pull(ctx context.Context, s *testSet, d *manifest.Artifact, lock *manifest.Lock, split string) error {
	s.content = lock.ContentDigest
	var err error
	if s.rows, err = rowsOf(lock, split); err != nil {
		return err
	}
	if !lock.Pushed() {
		return workspace.NotPushed(d.Name)
	}
	repo, err := e.w.Repository(d.Name)
	if err != nil {
		return err
	}
	remote, err := artifact.Read(ctx, repo, lock.Encoding.Digest)
	if err != nil {
		return err
	}
	if remote.ContentDigest != lock.ContentDigest {
		return fmt.Errorf("%s: the registry's %s holds content %s, the lock says %s", d.Name, lock.Encoding.Digest, remote.ContentDigest, lock.ContentDigest)
	}
	dir, err := e.scratch.next()
	if err != nil {
		return err
	}
	t := Target{Artifact: d, Dir: dir, Lock: lock, Content: lock.ContentDigest, Files: remote.Files}
	setSplits(t.Files, d, lock)
	wanted := map[string]bool{}
	for _, f := range t.Files {
		wanted[f.Path] = (split == "" || f.Split == split) && table.Format(f.Path) != ""
	}
	_, err = artifact.Pull(ctx, remote, repo, dir, artifact.PullOptions{
		Options: transfer.Options{Cache: e.w.Cache(), Now: e.w.Now},
		Only:    func(f manifest.File) bool { return wanted[f.Path] },
	})
	s.files = t.Tables(split)
	return err
}

// other is the predictions of the version that a gate compares with.
type other struct {
	name string // "sentiment@v1.0.0 (#production)"
	// itself tells that it is the content under test: there is nothing to
	// compare.
	itself bool
	// first tells that there is no such version yet.
	first bool
	ev    *manifest.Evaluation // how its predictions are to be read
	file  string
	note  string
}

// baseline finds the predictions that the version under r left as evidence, on
// the rows of set. Why there are none is a *cannot.
func (e *evaluation) baseline(ctx context.Context, r ref.Reference, set *testSet) (*other, error) {
	l, err := e.w.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	if isFirst(l, r) {
		return &other{name: r.String(), first: true}, nil
	}
	what, err := e.w.Resolve(ctx, l, r)
	if err != nil {
		return nil, err
	}
	o := &other{name: what.Name + "@" + what.Version.String(), itself: what.ContentDigest == e.t.Content}
	if what.Version.IsZero() {
		o.name = what.Name + "@" + what.ContentDigest.Short()
	}
	if r.Stage != "" {
		o.name += " (#" + r.Stage + ")"
	}
	if o.itself {
		return o, nil
	}
	a, lock, err := e.lockOf(ctx, what)
	if err != nil {
		return nil, cannotf("fetch the history of the default branch: \"git fetch --unshallow\", in a workflow actions/checkout with fetch-depth: 0", "the manifest of %s cannot be read: %v", o.name, err)
	}
	if o.ev = a.Model.Evaluation; o.ev == nil {
		o.ev = e.t.Artifact.Model.Evaluation
	}
	repo, err := e.w.Repository(what.Name)
	if err != nil {
		return nil, err
	}
	return o, e.predictions(ctx, o, what, lock, repo, set)
}

// predictions fetches those made when the version was pushed, if they are of
// the same rows, or those attached for these rows later.
func (e *evaluation) predictions(ctx context.Context, o *other, what workspace.Resolved, lock *manifest.Lock, repo registry.Repository, set *testSet) error {
	remote, err := artifact.Read(ctx, repo, what.Digest)
	if err != nil {
		return err
	}
	found, err := evidence.List(ctx, repo, remote.Desc, evidence.Predictions)
	if err != nil {
		return err
	}
	bound, has := lock.Evidence[evidence.Predictions]
	if has && bound.Model != "" && bound.Model != lock.ContentDigest {
		has = false // they were of other weights
	}
	var why error
	if has {
		if why, err = e.otherRows(ctx, o, bound.Dataset, set); err != nil {
			return err
		}
	} else {
		why = cannotf(o.predict(e, set), "%s was pushed without predictions", o.name)
	}
	if why == nil {
		for _, f := range found {
			if string(f.Layer.Digest) == string(bound.Digest) {
				o.file, err = e.fetch(ctx, repo, f)
				return err
			}
		}
		return cannotf("push them again from "+what.Commit, "the predictions of %s (%s) are not in the registry any more", o.name, bound.Digest.Short())
	}
	if set == nil {
		return why
	}
	later := slices.DeleteFunc(found, func(f evidence.Found) bool { return !strings.HasPrefix(f.Name, attachedPrefix(set.content)) })
	switch {
	case len(later) == 0:
		return why
	case len(later) > 1:
		return cannotf("delete those that are wrong from the registry", "%d different files of predictions of %s are attached for %s", len(later), o.name, set.name)
	}
	o.note = fmt.Sprintf("the predictions of %s on %s were attached after it was registered", o.name, set.name)
	// They are written as those of now, by who attached them.
	o.ev = e.t.Artifact.Model.Evaluation
	o.file, err = e.fetch(ctx, repo, later[0])
	return err
}

// otherRows says why predictions on the dataset bound are not of the rows of
// set, nil when they are.
func (e *evaluation) otherRows(ctx context.Context, o *other, bound ref.Digest, set *testSet) (why, err error) {
	switch {
	case set == nil && bound == "":
		return nil, nil // the keys and labels of the rows must agree
	case set == nil:
		return cannotf("name the dataset under datasets: evaluate", "%s was evaluated on a dataset, and the manifest names none now", o.name), nil
	case bound == "":
		return cannotf(o.predict(e, set), "%s does not say on which dataset it was evaluated", o.name), nil
	case bound == set.content:
		return nil, nil
	}
	was := &testSet{content: bound}
	use := evaluated(e.t.Artifact)
	l, err := e.w.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	if what, err := e.w.Resolve(ctx, l, ref.Reference{Name: use.Ref.Name, Digest: bound}); err == nil {
		if _, lock, err := e.lockOf(ctx, what); err == nil {
			if was.rows, err = rowsOf(lock, use.Ref.Split); err != nil {
				return nil, err
			}
		}
	}
	if was.same(set) {
		return nil, nil
	}
	return cannotf(o.predict(e, set), "%s was evaluated on another test set (%s has content %s then, %s now)", o.name, use.Ref, bound.Short(), set.content.Short()), nil
}

// predict is the hint that says how the baseline is evaluated on these rows.
func (o *other) predict(e *evaluation, set *testSet) string {
	name, _, _ := strings.Cut(o.name, " ")
	where := ""
	if set != nil {
		where = " " + set.name
	}
	return fmt.Sprintf("run \"waybill pull %s --dir old\", predict%s with it, and attach the result: \"waybill evaluate %s --predictions FILE --attach\"", name, where, name)
}

// attachedPrefix begins the name of predictions that were attached to a version
// for a dataset that is not the one it was pushed with.
func attachedPrefix(dataset ref.Digest) string {
	_, hex, _ := strings.Cut(string(dataset), ":")
	return "on-" + hex + "/"
}

// fetch saves evidence as a file of the same name, by which its format is known.
func (e *evaluation) fetch(ctx context.Context, repo registry.Repository, f evidence.Found) (file string, err error) {
	r, err := evidence.Fetch(ctx, repo, f, maxPredictions)
	if err != nil {
		return "", err
	}
	defer r.Close()
	dir, err := e.scratch.next()
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, path.Base(f.Name))
	out, err := os.Create(file)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, r)
	return file, errors.Join(err, out.Close())
}
