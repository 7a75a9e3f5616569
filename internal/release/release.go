// Package release makes a release of a registered version at the forge: notes
// that tell what changed, how it was checked and where it comes from, and the
// documents that prove it as files.
//
//	c, err := release.Of(ctx, w, l, "sentiment", version)
//	done, err := release.Publish(ctx, client, c, release.Options{})
//
// A release shows a version and decides nothing: the version is the event in the
// ledger and its tag, both of which are there before. What is in a release is
// a function of that event, of the commit and of the report that it names, so
// that a run that was cut off is completed by the next one, with the same bytes.
//
// Much of what the notes show was written by others: names of files, cards,
// messages of findings. It passes through package render, which lets none of it
// act.
package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/card"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// maxReport is how large a report may be to be shown and attached.
const maxReport = 8 << 20

// Content is what a release says and holds.
type Content struct {
	// Tag is the version's own, which waybill set when it registered: annotated,
	// as GTO asks for. Commit is where it points.
	Tag, Commit  string
	Title, Notes string
	Prerelease   bool
	Assets       []Asset
	// tagged says why the tag is not as it should be, "" when it is.
	tagged string
}

// Asset is a file of a release.
type Asset struct {
	Name, MediaType string
	Data            []byte
	Digest          ref.Digest
}

func (c *Content) add(name string, data []byte) {
	c.Assets = append(c.Assets, Asset{Name: name, MediaType: "application/json", Data: data, Digest: ref.Of(data)})
}

// source is all that notes are made of.
type source struct {
	name     string
	kind     manifest.Kind
	version  *ledger.Version
	artifact *manifest.Artifact
	lock     *manifest.Lock
	// report is what the version was registered on, nil where there is none.
	report *report.Report
	// unattached says why the release does not have the report, "" where it has.
	unattached string
	card       *card.Card // nil where there is none
	// previous is the version before, nil for the first; before is its lock, nil
	// where that cannot be had.
	previous *ledger.Version
	before   *manifest.Lock
	// datasets are the versions of the lineage's datasets, by content.
	datasets   map[ref.Digest]ref.Version
	repository string
	event      string // hash of the event in the ledger
}

// Of gathers what there is to say of a registered version.
func Of(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, name string, version ref.Version) (*Content, error) {
	c, err := of(ctx, w, l, name, version)
	if err != nil {
		return nil, fmt.Errorf("release of %s@%s: %w", name, version, err)
	}
	return c, nil
}

func of(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, name string, version ref.Version) (*Content, error) {
	a := l.State.Artifacts[name]
	if a == nil || a.Version(version) == nil {
		return nil, workspace.Usage("the ledger has no such version; run \"waybill show %s\"", name)
	}
	if l.Refs == nil || l.Remote == nil {
		return nil, errors.New("the remote did not answer")
	}
	s := &source{name: name, version: a.Version(version), datasets: map[ref.Digest]ref.Version{}}
	lockData, err := s.committed(ctx, w, l)
	if err != nil {
		return nil, err
	}
	reportData, err := s.evidence(ctx, w)
	if err != nil {
		return nil, err
	}
	if err := s.ledger(ctx, w, l, a); err != nil {
		return nil, err
	}
	c := &Content{
		Tag: name + "@" + version.String(), Commit: s.version.Commit, Title: name + " " + version.String(),
		Notes: s.notes(), Prerelease: version.Pre != "",
	}
	c.tagged = tagged(l, c.Tag, c.Commit)
	c.add(path.Base(s.artifact.LockPath()), lockData)
	if reportData != nil {
		c.add("report.json", reportData)
	}
	if s.lock.Facts != nil {
		facts, err := canonical.Marshal(s.lock.Facts)
		if err != nil {
			return nil, err
		}
		c.add("facts.json", facts)
	}
	return c, nil
}

// tagged tells whether the remote has the tag as an annotated one at the
// commit. A release whose tag is missing makes GitHub set a lightweight one,
// which GTO does not read, and which nobody could set right where releases are
// immutable.
func tagged(l *workspace.Ledger, tag, commit string) string {
	_, there := l.Refs.Tags[tag]
	at, annotated := l.Refs.Peeled[tag]
	switch {
	case !there:
		return "the remote does not have the tag " + tag
	case !annotated:
		return "the remote's tag " + tag + " is not waybill's: it is a lightweight one"
	case at != commit:
		return fmt.Sprintf("the remote's tag %s is at commit %.12s, and the version was registered at %.12s", tag, at, commit)
	}
	return ""
}

// committed reads manifest, lock and card where the version was registered.
func (s *source) committed(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger) ([]byte, error) {
	commit := s.version.Commit
	if err := l.Remote.FetchCommit(ctx, commit, l.Refs.DefaultBranch); err != nil {
		return nil, err
	}
	var err error
	if s.artifact, err = w.ArtifactAt(commit, s.name); err != nil {
		return nil, err
	}
	s.kind = s.artifact.Kind
	if s.lock, err = w.LockAt(commit, s.artifact); err != nil {
		return nil, err
	}
	if s.lock.ContentDigest != s.version.ContentDigest {
		return nil, fmt.Errorf("the lock in commit %.12s names other content (sha256:%s…) than the ledger (sha256:%s…)", commit, s.lock.ContentDigest.Short(), s.version.ContentDigest.Short())
	}
	if m := s.artifact.Model; m != nil && m.Card != "" {
		data, err := w.Repo.ReadFile(commit, s.artifact.Resolve(m.Card))
		if err == nil {
			s.card = card.Parse(data)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return w.Repo.ReadFile(commit, s.artifact.LockPath())
}

// evidence fetches the report that the ledger names, by its digest.
func (s *source) evidence(ctx context.Context, w *workspace.Workspace) ([]byte, error) {
	repo, err := w.Repository(s.name)
	if err != nil {
		return nil, err
	}
	s.repository = repo.String()
	if s.version.Evidence == nil || s.version.Evidence.Report == "" {
		return nil, nil
	}
	return s.fetch(ctx, repo)
}

// fetch reads the report out of the registry. One that is too large is left
// there: the checks of many artifacts say much, and that must not keep a version
// without a release for good.
func (s *source) fetch(ctx context.Context, repo registry.Repository) ([]byte, error) {
	want := s.version.Evidence.Report
	subject, err := repo.Resolve(ctx, string(s.version.Digest))
	if err != nil {
		return nil, err
	}
	all, err := evidence.List(ctx, repo, subject, evidence.Report)
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		if string(f.Layer.Digest) != string(want) {
			continue
		}
		if f.Layer.Size > maxReport {
			s.unattached = fmt.Sprintf("The report of the checks is not attached, since it has %s. It is beside the version in the registry, with the digest %s.", size(f.Layer.Size), want)
			return nil, nil
		}
		r, err := evidence.Fetch(ctx, repo, f, maxReport)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		s.report = &report.Report{}
		if err := json.Unmarshal(data, s.report); err != nil {
			return nil, fmt.Errorf("read the report %s: %w", want, err)
		}
		return data, nil
	}
	return nil, fmt.Errorf("%s does not have the report %s that the ledger names; run \"waybill doctor\"", s.repository, want)
}

// ledger reads what is known of other versions, and the event.
func (s *source) ledger(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, a *ledger.Artifact) error {
	for i := range a.Versions {
		v := &a.Versions[i]
		if v.Version.Compare(s.version.Version) < 0 && v.Event < s.version.Event && (s.previous == nil || v.Version.Compare(s.previous.Version) > 0) {
			s.previous = v
		}
	}
	if p := s.previous; p != nil {
		err := l.Remote.FetchCommit(ctx, p.Commit, l.Refs.DefaultBranch)
		if ctx.Err() != nil {
			return err
		}
		// A commit that is gone, or a lock that cannot be read, is told in the notes.
		if was, err := w.ArtifactAt(p.Commit, s.name); err == nil {
			if lock, err := w.LockAt(p.Commit, was); err == nil && lock.ContentDigest == p.ContentDigest {
				s.before = lock
			}
		}
	}
	if s.lock.Lineage != nil {
		for _, d := range s.lock.Lineage.Datasets {
			if of := l.State.Artifacts[d.Name]; of != nil {
				if v := of.ByContent(d.ContentDigest); v != nil {
					s.datasets[d.ContentDigest] = v.Version
				}
			}
		}
	}
	log, err := l.Log()
	if err != nil {
		return err
	}
	events := log.Events()
	if s.version.Event < 1 || s.version.Event > int64(len(events)) {
		return fmt.Errorf("the ledger has no event %d", s.version.Event)
	}
	s.event, err = events[s.version.Event-1].Hash()
	return err
}
