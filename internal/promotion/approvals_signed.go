package promotion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

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
	Verify(s ledger.Signed, recorded time.Time) (approval.Verified, error)
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
	b.copies = copies(b.a.Decisions)
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

// copies are the events that bring a signature which an earlier one has brought
// already, with that one's number: whoever may append can copy what somebody
// else signed, and it was given once. A signature that is written otherwise is
// the same if it is of the same statement and key.
func copies(all []ledger.Decision) map[int64]int64 {
	type signing struct{ statement, key string }
	byText, keys := map[string][]ledger.Decision{}, map[string]string{}
	for _, d := range all {
		if d.Kind == ledger.KindApprove && d.Signed != nil {
			byText[d.Signed.Statement] = append(byText[d.Signed.Statement], d)
		}
	}
	out, seen := map[int64]int64{}, map[signing]int64{}
	for text, same := range byText {
		for _, d := range same {
			if len(same) == 1 {
				break
			}
			key, known := keys[d.Signed.Signature]
			if !known {
				if k, err := approval.SigningKey(*d.Signed); err == nil {
					key = string(k.Marshal())
				}
				keys[d.Signed.Signature] = key
			}
			if key == "" {
				continue // it will not hold
			}
			if earlier, ok := seen[signing{text, key}]; ok {
				out[d.Event] = earlier
				continue
			}
			seen[signing{text, key}] = d.Event
		}
	}
	return out
}

// signature checks one approve event; why says what is wrong with it.
func (b *ballot) signature(d ledger.Decision, first string, spent spending) (c consent, why string) {
	v := b.version
	c = consent{person: manifest.Person{Login: d.By.Login, ID: d.By.ID}, via: viaSigned, at: d.At, where: fmt.Sprintf("event %d", d.Event)}
	switch {
	case d.Event <= spent.event:
		return c, fmt.Sprintf("it was spent by event %d", spent.event)
	case b.copies[d.Event] > 0:
		return c, fmt.Sprintf("it is a copy of event %d", b.copies[d.Event])
	case d.Signed == nil:
		return c, "nobody signed it"
	case d.Version != v.Version:
		return c, fmt.Sprintf("it names %s", orNoVersion(d))
	case d.ContentDigest != v.ContentDigest:
		return c, "it names other content"
	case d.PolicyDigest != b.policy.Digest:
		return c, "the policy was changed since"
	}
	verified, err := b.people.Verify(*d.Signed, d.At)
	if err != nil {
		return c, report.Visible(err.Error())
	}
	c.person, c.at, c.recorded = verified.Person, verified.Statement.At, d.At
	if c.at.Before(spent.at.Add(-skew)) {
		return c, fmt.Sprintf("it was signed before event %d, which spent it", spent.event)
	}
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

// spending is the event that used up approvals; zero for none.
type spending struct {
	event int64
	at    time.Time
}

// spentBy is the last event that used up what was approved before: the version
// entered or left the stage, or was held. Who wants it there again after that
// asks again. What was signed before it and recorded after it is used up too.
func spentBy(a *ledger.Artifact, events []ledger.Event, stage string, v *ledger.Version) spending {
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
	for i := range events {
		if events[i].Seq == spent {
			return spending{spent, events[i].Time}
		}
	}
	return spending{event: spent}
}
