package workspace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
)

// Ledger is the ledger as it was when it was read.
type Ledger struct {
	State *ledger.State
	// Commit is the head of the branch, "" when there is no ledger yet.
	Commit string
	// Refs is what the remote advertised; nil when it could not be asked and
	// State is what was known last.
	Refs   *gitrepo.Advertised
	Remote *gitrepo.Remote

	store *gitrepo.LedgerStore
}

// Log reads and verifies all events.
func (l *Ledger) Log() (*ledger.Log, error) {
	if l.store == nil {
		return ledger.Read(nil, nil)
	}
	names, read, err := l.store.Files()
	if err != nil {
		return nil, err
	}
	return ledger.Read(names, read)
}

// Ledger reads the ledger from the remote. When the remote cannot be reached
// it is what was known last, with a warning; a repository without a remote
// has an empty one.
func (w *Workspace) Ledger(ctx context.Context) (*Ledger, error) {
	l, err := w.fetchLedger(ctx)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, gitrepo.ErrNoRemote):
		return &Ledger{State: &ledger.State{}}, nil
	case l != nil && errors.Is(err, gitrepo.ErrUnreachable):
		w.warn(fmt.Sprintf("%v; showing the ledger as it was known last", err))
		return l, w.fold(l)
	}
	return nil, err
}

// fetchLedger needs the remote. With ErrUnreachable the ledger returned is
// the one known last, not folded.
func (w *Workspace) fetchLedger(ctx context.Context) (*Ledger, error) {
	remote, err := w.Repo.Remote(ctx)
	if err != nil {
		return nil, err
	}
	l := &Ledger{Remote: remote}
	if l.store, err = remote.Ledger(ctx); err != nil {
		return nil, err
	}
	refs, err := remote.Refs(ctx)
	if err != nil {
		l.Commit = l.store.Head()
		return l, err
	}
	l.Refs = refs
	if l.Commit, err = l.store.FetchFrom(ctx, refs); err != nil {
		return nil, err
	}
	return l, w.fold(l)
}

// fold fills in the state, from the cache when it is of the same commit.
func (w *Workspace) fold(l *Ledger) error {
	if l.Commit != "" {
		if data, err := os.ReadFile(w.foldFile()); err == nil && len(data) > 41 && string(data[:41]) == l.Commit+"\n" {
			var s ledger.State
			if s.UnmarshalCache(data[41:]) == nil {
				l.State = &s
				return nil
			}
		}
	}
	log, err := l.Log()
	if err != nil {
		return err
	}
	if l.State, err = ledger.Fold(log.Events()); err != nil {
		return err
	}
	for _, u := range l.State.Unknown {
		w.warn(fmt.Sprintf("event %d is of kind %q, which only a newer waybill understands; what follows leaves it out", u.Seq, u.Kind))
	}
	w.keepFold(l)
	return nil
}

func (w *Workspace) foldFile() string { return filepath.Join(w.privateDir(), "fold") }

// keepFold writes the cache. One that cannot be written costs time, nothing
// else.
func (w *Workspace) keepFold(l *Ledger) {
	if l.Commit == "" || len(l.State.Unknown) > 0 {
		return
	}
	if data, err := l.State.MarshalCache(); err == nil && os.MkdirAll(w.privateDir(), 0o755) == nil {
		_ = cas.WriteFile(w.foldFile(), append([]byte(l.Commit+"\n"), data...), 0o644)
	}
}

// Decision is what Append writes: drafts for ledger.Next, and the commit's
// message. No drafts: nothing to do.
type Decision struct {
	Events  []ledger.Event
	Message string
}

// Appended is what Append wrote.
type Appended struct {
	Events []ledger.Event
	Tags   []ledger.Tag
	Ledger *Ledger // the state after it
}

// appendTries bounds how often a lost race is decided again.
const appendTries = 10

// Append asks decide what to write on top of the ledger as it is now, and
// pushes events and tags in one atomic push. When somebody else was faster,
// everything is read and decided again: decide must not keep anything of the
// round before.
func (w *Workspace) Append(ctx context.Context, decide func(context.Context, *Ledger) (Decision, error)) (*Appended, error) {
	for range appendTries {
		l, err := w.fetchLedger(ctx)
		if err != nil {
			return nil, err
		}
		d, err := decide(ctx, l)
		if err != nil || len(d.Events) == 0 {
			return &Appended{Ledger: l}, err
		}
		done, err := w.push(ctx, l, d)
		if errors.Is(err, gitrepo.ErrLost) {
			if recorded := w.alreadyThere(ctx, done); recorded != nil {
				return recorded, nil
			}
			continue
		}
		return done, err
	}
	return nil, fmt.Errorf("ledger: lost the race against other writers %d times; try again", appendTries)
}

// alreadyThere looks whether a push that seemed lost did reach the remote: its
// newest event stands in the ledger under the same hash.
func (w *Workspace) alreadyThere(ctx context.Context, a *Appended) *Appended {
	l, err := w.fetchLedger(ctx)
	if err != nil || a == nil || len(a.Events) == 0 {
		return nil
	}
	log, err := l.Log()
	if err != nil {
		return nil
	}
	last := a.Events[len(a.Events)-1]
	want, err := last.Hash()
	if err != nil || last.Seq > int64(len(log.Events())) {
		return nil
	}
	if got, err := log.Events()[last.Seq-1].Hash(); err != nil || got != want {
		return nil
	}
	return &Appended{Events: a.Events, Tags: a.Tags, Ledger: l}
}

func (w *Workspace) push(ctx context.Context, l *Ledger, d Decision) (*Appended, error) {
	events, err := ledger.Next(l.State.Head, l.State, w.Now(), d.Events...)
	if err != nil {
		return nil, err
	}
	out := &Appended{Events: events, Ledger: l}
	lines := make([][]byte, len(events))
	state := l.State
	for i, e := range events {
		if lines[i], err = e.Line(); err != nil {
			return nil, err
		}
		tags, err := ledger.Tags(e, state)
		if err != nil {
			return nil, err
		}
		out.Tags = append(out.Tags, tags...)
		if err := state.Apply(e); err != nil {
			return nil, err
		}
	}
	_, read, err := l.store.Files()
	if err != nil {
		return nil, err
	}
	head := ledger.Head{Seq: events[0].Seq - 1}
	if head.Seq > 0 {
		head.Hash = events[0].Previous
	}
	changed, err := ledger.Append(read, head, lines)
	if err != nil {
		return nil, err
	}
	name, email := w.Repo.Identity()
	if name == "" {
		name = "waybill"
	}
	commit, err := l.store.Commit(l.Commit, changed, d.Message, gitrepo.Signature{Name: name, Email: email}, events[len(events)-1].Time)
	if err != nil {
		return nil, err
	}
	tags := GitTags(out.Tags)
	if err := l.store.Push(ctx, l.Commit, commit, tags, true); err != nil {
		return out, err
	}
	l.Commit = commit
	w.keepFold(l)
	if err := w.Repo.StoreTags(tags); err != nil {
		w.warn(fmt.Sprintf("the tags are at the remote, but not all could be written here: %v; run \"git fetch --tags\"", err))
	}
	return out, nil
}

// GitTags turns projected tags into the objects that Git stores.
func GitTags(tags []ledger.Tag) []gitrepo.Tag {
	out := make([]gitrepo.Tag, len(tags))
	for i, t := range tags {
		out[i] = gitrepo.Tag{Name: t.Name, Target: t.Target, Time: t.Time, Message: t.Message,
			Tagger: gitrepo.Signature{Name: t.TaggerName, Email: t.TaggerEmail}}
	}
	return out
}

// RepairTags makes the remote's tags what the ledger implies: creates the
// missing ones and replaces those that replace names.
func (l *Ledger) RepairTags(ctx context.Context, create []ledger.Tag, replace map[string]string) error {
	return l.store.PushTags(ctx, GitTags(create), replace)
}

// Policy reads waybill.yaml from the remote's default branch: a pull request
// or a laptop cannot loosen the rules it is judged by. The commit is where it
// was read.
func (w *Workspace) Policy(ctx context.Context, l *Ledger) (p *manifest.Project, commit string, err error) {
	if l.Remote == nil {
		return nil, "", gitrepo.ErrNoRemote
	}
	commit, branch, err := l.Remote.DefaultCommit(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("policy: the remote's default branch: %w; push your branch first", err)
	}
	data, err := w.Repo.ReadFile(commit, manifest.ProjectFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, "", Usage("policy: %s is not on the branch %s yet; merge it there first", manifest.ProjectFile, branch)
	}
	if err != nil {
		return nil, "", err
	}
	p, err = w.opts.Parser.Project(manifest.ProjectFile, data)
	return p, commit, err
}

// AsOf folds the ledger as it was on record at t.
func (l *Ledger) AsOf(t time.Time) (*ledger.State, error) {
	log, err := l.Log()
	if err != nil {
		return nil, err
	}
	return ledger.Fold(log.AsOf(t))
}
