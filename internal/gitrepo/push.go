package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/storage/memory"
)

const zeroHash = "0000000000000000000000000000000000000000"

// command is one reference to change: exactly from old to new, or not at all.
type command struct{ ref, old, new string }

// Push moves the ledger branch from parent ("" when it does not exist) to
// commit and creates the tags, all in one atomic push. Tag targets must be at
// the remote already.
//
// A tag that exists with exactly this content counts as created. One that
// exists with other content refuses the push (ErrRefused) if mustNotExist, and
// is otherwise left as it is: the ledger is the truth, the tag a projection.
//
// ErrLost: somebody else moved the branch; nothing was changed. After a
// connection that broke at the wrong moment, the event may be in the ledger
// that the next Fetch brings: look before writing it again. ErrTags:
// the event is recorded, but a tag is missing; Push again completes it.
func (l *LedgerStore) Push(ctx context.Context, parent, commit string, tags []Tag, mustNotExist bool) error {
	m := l.remote
	session, refs, err := m.receive(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	now := strings.TrimPrefix(refs.References[ledgerRef.String()].String(), zeroHash)
	if now != parent && now != commit {
		return l.lost(parent, now)
	}
	tagCommands, tagObjects, err := planTags(refs, tags, func(t Tag, have string) (bool, error) {
		if have != "" && mustNotExist {
			return false, fmt.Errorf("push to remote %s (%s): %w: tag %s exists already as %s", m.name, m.push.url, ErrRefused, t.Name, short(have))
		}
		return have == "", nil
	})
	if err != nil {
		return err
	}
	if now == commit { // an earlier Push got this far
		return l.pushTagsOf(ctx, session, refs.Capabilities, commit, tagCommands, tagObjects)
	}
	news, err := l.news(parent, commit)
	if err != nil {
		return fmt.Errorf("push the ledger: %w", err)
	}
	branch := command{ledgerRef.String(), or(parent, zeroHash), commit}
	if len(tagCommands) > 0 && !refs.Capabilities.Supports(capability.Atomic) {
		return l.pushInTwo(ctx, session, refs.Capabilities, branch, news, tagCommands, tagObjects)
	}
	err = m.send(ctx, session, refs.Capabilities, append([]command{branch}, tagCommands...), append(news, tagObjects...))
	if err != nil {
		return l.judge(ctx, parent, commit, tagCommands, err)
	}
	return l.recorded(commit)
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func (l *LedgerStore) lost(parent, now string) error {
	return fmt.Errorf("push the ledger to remote %s (%s): %w: %s is at %s, not at %s; fetch and decide again",
		l.remote.name, l.remote.push.url, ErrLost, LedgerBranch, shortOrNone(now), shortOrNone(parent))
}

func shortOrNone(commit string) string {
	if commit == "" {
		return "no commit"
	}
	return short(commit)
}

// recorded makes the store's head what the remote just accepted.
func (l *LedgerStore) recorded(commit string) error {
	if err := l.setHead(commit); err != nil {
		return fmt.Errorf("the event is recorded, but the store %s could not be brought up to date (the next fetch will): %w", l.dir, err)
	}
	l.tidy(commit)
	return nil
}

// pushInTwo is for remotes without atomic pushes: the ledger decides, tags
// follow. A crash between leaves tags to be repaired from the ledger.
func (l *LedgerStore) pushInTwo(ctx context.Context, session receiver, adv *capability.List, branch command, news []rawObject, tags []command, objects []rawObject) error {
	m := l.remote
	if err := m.send(ctx, session, adv, []command{branch}, news); err != nil {
		if err := l.judge(ctx, strings.TrimPrefix(branch.old, zeroHash), branch.new, nil, err); err != nil {
			return err
		}
	}
	next, refs, err := m.receive(ctx) // a session carries one push
	if err != nil {
		return errors.Join(l.recorded(branch.new), tagsMissing(err))
	}
	defer next.Close()
	return l.pushTagsOf(ctx, next, refs.Capabilities, branch.new, tags, objects)
}

// pushTagsOf creates the tags of a commit that the remote already has.
func (l *LedgerStore) pushTagsOf(ctx context.Context, session receiver, adv *capability.List, commit string, tags []command, objects []rawObject) error {
	var err error
	if len(tags) > 0 {
		if err = l.remote.send(ctx, session, adv, tags, objects); err != nil {
			err = tagsMissing(err)
		}
	}
	return errors.Join(l.recorded(commit), err)
}

// tagsMissing keeps only the text of err: that the tags were refused must not
// look as if the event had been.
func tagsMissing(err error) error {
	return fmt.Errorf("%w: %v; repair with waybill doctor --fix", ErrTags, err)
}

// judge finds out what a failed push did. Answers get lost, and servers word a
// lost race in many ways, so the branch itself is asked.
func (l *LedgerStore) judge(ctx context.Context, parent, commit string, tags []command, failure error) error {
	adv, err := l.remote.Refs(ctx)
	if err != nil {
		return errors.Join(failure, err)
	}
	switch now := adv.Heads[LedgerBranch]; now {
	case parent:
		return failure
	case commit:
		for _, c := range tags {
			if adv.Tags[strings.TrimPrefix(c.ref, "refs/tags/")] != c.new {
				return errors.Join(l.recorded(commit), tagsMissing(failure))
			}
		}
		return l.recorded(commit)
	default:
		return l.lost(parent, now)
	}
}

// PushTags creates tags, and replaces those that replace names (tag -> the
// object it is now). It serves repairs: the ledger branch is not touched. Tags
// that are right already are left alone. ErrLost: a tag is not, or no longer,
// what replace says (or exists and is not in replace); with an atomic remote
// nothing was changed then.
func (l *LedgerStore) PushTags(ctx context.Context, create []Tag, replace map[string]string) error {
	m := l.remote
	names := map[string]bool{}
	for _, t := range create {
		names[t.Name] = true
	}
	for name := range replace {
		if !names[name] {
			return fmt.Errorf("push tags: %s is to be replaced, but there is nothing to replace it with", clip(name))
		}
	}
	session, refs, err := m.receive(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	commands, objects, err := planTags(refs, create, func(t Tag, have string) (bool, error) {
		if want := replace[t.Name]; want != have {
			return false, fmt.Errorf("push tags to remote %s (%s): %w: tag %s is at %s, not at %s",
				m.name, m.push.url, ErrLost, t.Name, or(have, "no object"), or(want, "no object"))
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if len(commands) == 0 {
		return nil
	}
	return m.send(ctx, session, refs.Capabilities, commands, objects)
}

// planTags turns tags into commands and objects. Those that the remote has as
// they should be need nothing; about the others, decide is asked with what the
// remote has under that name, "" for nothing.
func planTags(refs *packp.AdvRefs, tags []Tag, decide func(t Tag, have string) (push bool, err error)) ([]command, []rawObject, error) {
	var commands []command
	var objects []rawObject
	seen := map[string]string{}
	for _, t := range tags {
		if err := t.check(); err != nil {
			return nil, nil, err
		}
		o := rawObject{"tag", t.encode()}
		id := objectID(o.kind, o.data)
		if other, twice := seen[t.Name]; twice {
			if other != id {
				return nil, nil, fmt.Errorf("tag %s: given twice with different content", t.Name)
			}
			continue
		}
		seen[t.Name] = id
		ref := "refs/tags/" + t.Name
		have := strings.TrimPrefix(refs.References[ref].String(), zeroHash)
		if have == id {
			continue
		}
		push, err := decide(t, have)
		if err != nil {
			return nil, nil, err
		}
		if push {
			commands = append(commands, command{ref, or(have, zeroHash), id})
			objects = append(objects, o)
		}
	}
	return commands, objects, nil
}

// rawObject is what goes into a pack.
type rawObject struct {
	kind string
	data []byte
}

// news lists the objects of commit that parent does not have.
func (l *LedgerStore) news(parent, commit string) ([]rawObject, error) {
	old := map[string]bool{}
	if parent != "" {
		if err := l.eachEntry(parent, func(_ string, e treeEntry) { old[e.id] = true }); err != nil {
			return nil, err
		}
	}
	data, err := l.read("commit", commit)
	if err != nil {
		return nil, err
	}
	objects := []rawObject{{"commit", data}}
	var failed error
	err = l.eachEntry(commit, func(_ string, e treeEntry) {
		if old[e.id] || failed != nil {
			return
		}
		old[e.id] = true
		kind := "blob"
		if e.mode == modeDir {
			kind = "tree"
		}
		data, err := l.read(kind, e.id)
		objects, failed = append(objects, rawObject{kind, data}), err
	})
	return objects, errors.Join(err, failed)
}

// send does one receive-pack: all commands or, from a remote that cannot do
// that, each for itself. Not Remote.Push of go-git, which walks into the tags'
// targets and offers no exact old values.
func (m *Remote) send(ctx context.Context, session receiver, adv *capability.List, commands []command, objects []rawObject) error {
	req := packp.NewReferenceUpdateRequestFromCapabilities(adv)
	progress := &limitedBuffer{limit: 16 << 10}
	req.Progress = progress
	want := []capability.Capability{capability.Sideband64k}
	if len(commands) > 1 {
		want = append(want, capability.Atomic)
	}
	for _, c := range want {
		if adv.Supports(c) {
			if err := req.Capabilities.Set(c); err != nil {
				return err
			}
		}
	}
	for _, c := range commands {
		req.Commands = append(req.Commands, &packp.Command{Name: plumbing.ReferenceName(c.ref), Old: plumbing.NewHash(c.old), New: plumbing.NewHash(c.new)})
	}
	pack, err := encodePack(objects)
	if err != nil {
		return fmt.Errorf("push to remote %s: %w", m.name, err)
	}
	req.Packfile = io.NopCloser(bytes.NewReader(pack))
	report, err := session.ReceivePack(ctx, req)
	if report == nil && err == nil && req.Capabilities.Supports(capability.ReportStatus) {
		err = io.ErrUnexpectedEOF // over HTTP go-git takes an empty answer for none that was due
	}
	if report != nil {
		if refused := m.refusal(report, progress.String()); refused != nil {
			return refused
		}
	}
	if err != nil {
		return m.fail("push to", m.push, err)
	}
	return nil
}

type receiver interface {
	ReceivePack(context.Context, *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error)
}

// refusal puts the server's verdicts and what its hooks printed into an error.
func (m *Remote) refusal(report *packp.ReportStatus, said string) error {
	var reasons []string
	if report.UnpackStatus != "ok" && report.UnpackStatus != "" {
		reasons = append(reasons, "unpack: "+report.UnpackStatus)
	}
	for _, s := range report.CommandStatuses {
		if s.Status != "ok" {
			reasons = append(reasons, s.ReferenceName.String()+": "+s.Status)
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	sort.Strings(reasons)
	e := &remoteError{what: fmt.Sprintf("push to remote %s (%s)", m.name, m.push.url), kind: ErrRefused, cause: report.Error()}
	e.text = clip(strings.Join(reasons, ", "))
	e.hint = ruleHint(strings.Join(reasons, ", ") + "\n" + said)
	if said = clip(said); said != "" {
		e.text += "; the remote says: " + said
	}
	if strings.Contains(e.text, "missing necessary objects") {
		e.hint = "a tag names a commit that is not at the remote yet; push the branch first"
	}
	return e
}

func encodePack(objects []rawObject) ([]byte, error) {
	store := memory.NewStorage()
	hashes := make([]plumbing.Hash, 0, len(objects))
	for _, o := range objects {
		h, err := store.SetEncodedObject(memoryObject(o.kind, o.data))
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, h)
	}
	var b bytes.Buffer
	if _, err := packfile.NewEncoder(&b, store, false).Encode(hashes, 0); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
