package promotion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// people is who a ballot knows; *approval.Directory has it.
type people interface {
	Members(groups []string) map[int64]manifest.Person
	Person(name string) (manifest.Person, bool)
	Verify(s ledger.Signed) (approval.Verified, error)
}

// files is what a ballot reads without a forge.
type files interface {
	// Lock is the registered version's, with its path.
	Lock(ctx context.Context) (path string, data []byte, err error)
	// LastChange is the commit that gave the file at path, as it was registered,
	// its content.
	LastChange(ctx context.Context, path string) (gitrepo.Change, error)
	Actor() (ledger.Actor, error)
	// Events are those of the whole ledger, oldest first.
	Events() ([]ledger.Event, error)
}

// ballot reads the people and their keys from the default branch.
func (g *gate) ballot(rule manifest.Approvals) (*ballot, error) {
	b := &ballot{gate: g, rule: rule, files: repository{g}}
	directory, err := directory(g.w, g.policy, g.commit)
	if err != nil {
		b.uncertain = append(b.uncertain, "signatures cannot be checked: "+report.Visible(err.Error()))
		b.hints = append(b.hints, "correct it on the default branch")
		if directory, err = approval.NewDirectory(g.policy.People, nil); err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
	}
	b.people = directory
	return b, nil
}

// directory reads the keys beside the policy that it belongs to.
func directory(w *workspace.Workspace, policy *manifest.Project, commit string) (*approval.Directory, error) {
	data, err := w.Repo.ReadFile(commit, approval.SignersFile)
	if errors.Is(err, fs.ErrNotExist) {
		return approval.NewDirectory(policy.People, nil)
	}
	if err != nil {
		return nil, err
	}
	signers, err := approval.ParseSigners(approval.SignersFile, data)
	if err != nil {
		return nil, err
	}
	return approval.NewDirectory(policy.People, signers)
}

// repository answers from the clone, its remote and the ledger.
type repository struct{ g *gate }

func (r repository) Lock(ctx context.Context) (string, []byte, error) {
	g := r.g
	if g.l.Remote != nil { // a shallow clone, as jobs have them, lacks the commit
		if err := g.l.Remote.FetchCommit(ctx, g.version.Commit, g.defaultBranch()); err != nil {
			return "", nil, err
		}
	}
	a, err := g.w.ArtifactAt(g.version.Commit, g.a.Name)
	if err != nil {
		return "", nil, err
	}
	data, err := g.w.Repo.ReadFile(g.version.Commit, a.LockPath())
	return a.LockPath(), data, err
}

func (r repository) LastChange(ctx context.Context, path string) (gitrepo.Change, error) {
	return r.g.w.Repo.LastChange(ctx, r.g.version.Commit, path)
}

func (r repository) Actor() (ledger.Actor, error) { return r.g.w.Actor() }

func (r repository) Events() ([]ledger.Event, error) {
	log, err := r.g.log()
	if err != nil {
		return nil, err
	}
	return log.Events(), nil
}

// maxVerified bounds the work that somebody who may append can cause: of more
// approvals for one version and stage the newest are checked.
const maxVerified = 500

// signed adds the approvals that the ledger has. That they are there proves
// nothing, the signature does: each must name this ledger, this content, this
// stage and the policy as it is now, so that it cannot be carried elsewhere.
func (b *ballot) signed() error {
	var found []ledger.Decision
	for _, d := range slices.Backward(b.a.Decisions) {
		if d.Kind == ledger.KindApprove && d.Stage == b.stage.Name && (d.Version == b.version.Version || d.ContentDigest == b.version.ContentDigest) {
			if len(found) == maxVerified {
				break
			}
			found = append(found, d)
		}
	}
	if len(found) == 0 {
		return nil
	}
	events, err := b.files.Events()
	if err != nil {
		return err
	}
	first := ""
	if len(events) > 0 {
		if first, err = events[0].Hash(); err != nil {
			return err
		}
	}
	spent := spentBy(b.a, events, b.stage.Name, b.version)
	for _, d := range found {
		c, why := b.signature(d, first, spent)
		if why != "" {
			b.not = append(b.not, discounted{c, why})
			continue
		}
		b.consents = append(b.consents, c)
	}
	return nil
}

// signature checks one approve event; why says what is wrong with it.
func (b *ballot) signature(d ledger.Decision, first string, spent int64) (c consent, why string) {
	v := b.version
	c = consent{person: manifest.Person{Login: d.By.Login, ID: d.By.ID}, via: viaSigned, at: d.At, where: fmt.Sprintf("event %d", d.Event)}
	switch {
	case d.Event <= spent:
		return c, fmt.Sprintf("it was spent by event %d", spent)
	case d.Signed == nil:
		return c, "nobody signed it"
	case d.Version != v.Version:
		return c, fmt.Sprintf("it names %s", orNoVersion(d))
	case d.ContentDigest != v.ContentDigest:
		return c, "it names other content"
	case d.PolicyDigest != b.policy.Digest:
		return c, "the policy was changed since"
	}
	verified, err := b.people.Verify(*d.Signed)
	if err != nil {
		return c, report.Visible(err.Error())
	}
	c.person, c.at = verified.Person, verified.Statement.At
	if !verified.Statement.Same(b.statement(first)) {
		return c, "what was signed is not what the event says: another ledger, version, stage, content or policy"
	}
	for _, a := range d.Approvals {
		if a.ID != c.person.ID {
			return c, "the event names somebody else than who signed"
		}
	}
	return c, ""
}

// statement is what a person has to sign for this version to enter this stage.
func (b *ballot) statement(first string) approval.Statement {
	v := b.version
	return approval.Statement{
		APIVersion: approval.APIVersion, Kind: approval.Kind, Ledger: first, Artifact: b.a.Name, Version: v.Version, Stage: b.stage.Name,
		ContentDigest: v.ContentDigest, Digest: v.Digest, PolicyDigest: b.policy.Digest,
	}
}

func orNoVersion(d ledger.Decision) string {
	if d.Version.IsZero() {
		return "no version"
	}
	return d.Version.String()
}

// spentBy is the last event that used up what was approved before: the version
// entered or left the stage, or was held. Who wants it there again after that
// asks again.
func spentBy(a *ledger.Artifact, events []ledger.Event, stage string, v *ledger.Version) int64 {
	var spent int64
	if s := a.Stages[stage]; s != nil {
		before := false // whether the tenure before this one was of v
		for _, t := range append(slices.Clone(s.History), s.Tenure) {
			if t.Version == v.Version || before {
				spent = max(spent, t.Event)
			}
			before = t.Version == v.Version
		}
	}
	for i := range events {
		if e := &events[i]; e.Kind == ledger.KindHold && e.Artifact == a.Name && e.Version == v.Version {
			spent = max(spent, e.Seq)
		}
	}
	return spent
}
