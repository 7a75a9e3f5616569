package who

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"slices"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// viaSigned is how an event records an approval that an approve event has a
// signature for.
const viaSigned = "signed"

// maxVerified bounds the work that somebody who may append can cause.
const maxVerified = 500

// directory knows the people and keys of the default branch.
func directory(w *workspace.Workspace, policy *manifest.Project, commit string) (*approval.Directory, error) {
	data, err := w.Repo.ReadFile(commit, approval.SignersFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	signers, err := approval.ParseSigners(approval.SignersFile, data)
	if err != nil {
		return nil, err
	}
	return approval.NewDirectory(policy.People, signers)
}

// approvals are those that t counted, each with what its signature is worth
// today.
func (q *inquiry) approvals(stage string, t ledger.Tenure) []Approval {
	out, recorded := []Approval{}, 0
	for _, given := range t.Approvals {
		a := Approval{Approval: given, Signature: Unsigned}
		if given.Via == viaSigned {
			q.signature(&a, stage, t)
		} else {
			recorded++
		}
		login := report.Visible(given.Login)
		switch a.Signature {
		case Fails:
			q.doubt("the signature of %s does not hold today: %s", login, a.Why)
		case Missing:
			q.doubt("the approval of %s is recorded as signed, and the ledger has no signature of theirs for this version, stage and time", login)
		case Unchecked:
			q.doubt("the signature of %s could not be checked: %s", login, a.Why)
		}
		out = append(out, a)
	}
	if recorded > 0 {
		q.doubt("%s recorded by the run that promoted, not signed", were(recorded, "approval"))
	}
	return out
}

func were(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " was"
	}
	return report.Count(int64(n), noun) + " were"
}

// signature finds the approve event that a stands on: of the same content and
// stage, before t, signed at the time that a names. What was signed must be an
// approval of exactly this under the policy that t names, by the same person.
func (q *inquiry) signature(a *Approval, stage string, t ledger.Tenure) {
	a.Signature = Missing
	if q.people == nil {
		a.Signature, a.Why = Unchecked, q.keysUnread
	}
	want := approval.Statement{APIVersion: approval.APIVersion, Kind: approval.Kind, Ledger: q.first, Artifact: q.name, Version: t.Version,
		Stage: stage, ContentDigest: t.ContentDigest, Digest: t.Digest, PolicyDigest: t.PolicyDigest}
	for _, d := range slices.Backward(q.a.Decisions) {
		if d.Kind != ledger.KindApprove || d.Stage != stage || d.Event >= t.Event || d.ContentDigest != t.ContentDigest || d.Signed == nil {
			continue
		}
		s, err := approval.ParseStatement([]byte(d.Signed.Statement))
		if err != nil || !s.At.Equal(a.At) {
			continue
		}
		if q.verified++; q.verified > maxVerified {
			a.Signature, a.Why = Unchecked, "the ledger has too many approvals"
			return
		}
		if q.people == nil {
			a.Event, a.Key, a.Reason = d.Event, fingerprint(*d.Signed), s.Reason
			return
		}
		v, err := q.people.Verify(*d.Signed, d.At)
		switch {
		case err == nil && v.Person.ID == a.ID && s.Same(want):
			a.Signature, a.Why, a.Event, a.Key, a.Reason = Holds, "", d.Event, v.Key, s.Reason
			return
		case err != nil && d.By.ID == a.ID:
			a.Why = report.Visible(err.Error())
		case err == nil && v.Person.ID == a.ID:
			a.Why = "what was signed is another ledger, version, stage, content or policy"
		default: // somebody else, in the same second
			continue
		}
		a.Signature, a.Event, a.Key, a.Reason = Fails, d.Event, fingerprint(*d.Signed), s.Reason
	}
}

// fingerprint is that of the key which a signature names, as ssh-keygen -l
// writes it.
func fingerprint(s ledger.Signed) string {
	key, err := approval.SigningKey(s)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(key.Marshal())
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// enough compares the approvals with what the policy asks for. Where the policy
// is another one now, there is nothing to compare with.
func (q *inquiry) enough(stage string, t ledger.Tenure) {
	switch {
	case q.policy == nil:
		q.doubt("whether the approvals were enough: %s", q.policyWhy)
		return
	case t.PolicyDigest == "":
		q.doubt("event %d does not say by which policy it was decided", t.Event)
		return
	case t.PolicyDigest != q.policy.Digest:
		q.doubt("whether the approvals were enough: event %d names another %s than that of now, and what that asked for is not compared", t.Event, manifest.ProjectFile)
		return
	}
	s, ok := q.policy.Stage(stage)
	rule := s.Approvals
	if t.Kind == ledger.KindRollback {
		rule = s.Rollback
	}
	people := map[int64]bool{}
	for _, a := range t.Approvals {
		people[a.ID] = true
	}
	switch {
	case !ok:
		q.doubt("the policy that event %d names has no stage %s: no gate of waybill wrote it", t.Event, stage)
	case len(people) < rule.Required:
		q.doubt("the policy asks for %s, and event %d records those of %d: no gate of waybill wrote it", report.Count(int64(rule.Required), "approval"), t.Event, len(people))
	}
	if q.people == nil {
		return
	}
	members := q.people.Members(rule.From)
	for _, a := range t.Approvals {
		if _, ok := members[a.ID]; !ok {
			q.doubt("%s (id %d) is not among the people whose approval counts: no gate of waybill wrote event %d", report.Visible(a.Login), a.ID, t.Event)
		}
	}
}

// version finds what has this content.
func (q *inquiry) version(name string, content ref.Digest) ref.Version {
	if a := q.state.Artifacts[name]; a != nil {
		if v := a.ByContent(content); v != nil {
			return v.Version
		}
	}
	return ref.Version{}
}
