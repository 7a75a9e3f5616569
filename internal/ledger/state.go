package ledger

import (
	"cmp"
	"fmt"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
)

// State is what a ledger adds up to: a pure function of its events. The zero
// value is the state of an empty ledger.
type State struct {
	// Head is the newest event that was folded.
	Head Head
	// Artifacts by name. One that only has approvals or rejections has no
	// versions yet.
	Artifacts map[string]*Artifact
	// Unknown has the events of a newer waybill, which are not part of the
	// rest of the state.
	Unknown []Unknown
}

// Unknown is an event that this release does not understand.
type Unknown struct {
	Seq        int64
	APIVersion string
	Kind       Kind
}

// Artifact is everything the ledger says about one model or dataset. The JSON
// names are those of "waybill show".
type Artifact struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // "Model", "Dataset"; "" before the first registration
	// Versions in the order of registration.
	Versions []Version `json:"versions"`
	// Stages by name: what is in them now, and what was before.
	Stages map[string]*Assignment `json:"stages"`
	Holds  map[ref.Version]Hold   `json:"holds"`
	// Decisions are the approvals and rejections, oldest first.
	Decisions  []Decision `json:"decisions"`
	Deprecated *Mark      `json:"deprecated,omitempty"`
	// Newest is the time of the artifact's newest event.
	Newest time.Time `json:"newest"`
	// Events are the seqs of all events of the artifact.
	Events []int64 `json:"events"`
	// Counter is the highest counter of the artifact's tags.
	Counter int64 `json:"-"`
}

// Version is a registered version.
type Version struct {
	Version       ref.Version `json:"version"`
	ContentDigest ref.Digest  `json:"contentDigest"`
	Digest        ref.Digest  `json:"digest"` // of the encoding
	Commit        string      `json:"commit"`
	RegisteredAt  time.Time   `json:"registeredAt"`
	By            Actor       `json:"by"`
	Event         int64       `json:"event"`
	Evidence      *Evidence   `json:"evidence,omitempty"`
	Approvals     []Approval  `json:"approvals,omitempty"`
	PolicyDigest  ref.Digest  `json:"policyDigest,omitempty"`
	Run           string      `json:"run,omitempty"`
	Reason        string      `json:"reason,omitempty"`
	Deprecated    *Mark       `json:"deprecated,omitempty"`
}

// Image is the digest of the version's container image, "" where none was
// recorded: not every version has one, and older releases recorded none.
func (v *Version) Image() ref.Digest {
	if v.Evidence == nil {
		return ""
	}
	return v.Evidence.Others[Image]
}

// Assignment is what a stage holds, with what it held before.
type Assignment struct {
	Tenure
	// History has the earlier tenures, oldest first.
	History []Tenure `json:"history"`
	// tagged are the versions whose newest tag in this stage is an
	// assignment, in ascending order; see leaving. The last is the current one.
	tagged []ref.Version
}

// Tenure is the time of one version in one stage.
type Tenure struct {
	Version       ref.Version `json:"version"`
	ContentDigest ref.Digest  `json:"contentDigest"`
	Digest        ref.Digest  `json:"digest"`
	Since         time.Time   `json:"since"`
	Until         time.Time   `json:"until,omitzero"` // zero: it is still there
	By            Actor       `json:"by"`
	Event         int64       `json:"event"`
	Kind          Kind        `json:"kind"` // KindPromote or KindRollback: how it came
	Approvals     []Approval  `json:"approvals,omitempty"`
	PolicyDigest  ref.Digest  `json:"policyDigest,omitempty"`
	Run           string      `json:"run,omitempty"`
	Reason        string      `json:"reason,omitempty"`
	// Deployed is when the deployment file said so; nil: assigned only.
	Deployed *Deployment `json:"deployed"`
	// RolledBack tells that a rollback ended it.
	RolledBack bool `json:"rolledBack,omitempty"`
}

// Deployment is a deployment file that reached its branch.
type Deployment struct {
	At     time.Time `json:"at"`
	By     Actor     `json:"by"`
	Commit string    `json:"commit"`
	Run    string    `json:"run,omitempty"`
	Event  int64     `json:"event"`
}

// Hold keeps a version out of every stage.
type Hold struct {
	Version ref.Version `json:"version"`
	Since   time.Time   `json:"since"`
	By      Actor       `json:"by"`
	Reason  string      `json:"reason,omitempty"`
	Event   int64       `json:"event"`
}

// Mark is a deprecation.
type Mark struct {
	At     time.Time `json:"at"`
	By     Actor     `json:"by"`
	Reason string    `json:"reason,omitempty"`
	Event  int64     `json:"event"`
}

// Decision is an approval or a rejection. Stage is "" for a registration that
// was rejected; Version is zero when the content had none.
type Decision struct {
	Kind          Kind        `json:"kind"`
	Stage         string      `json:"stage,omitempty"`
	Version       ref.Version `json:"version,omitzero"`
	ContentDigest ref.Digest  `json:"contentDigest"`
	At            time.Time   `json:"at"`
	By            Actor       `json:"by"`
	Approvals     []Approval  `json:"approvals,omitempty"`
	Signed        *Signed     `json:"signed,omitempty"`
	PolicyDigest  ref.Digest  `json:"policyDigest,omitempty"`
	Run           string      `json:"run,omitempty"`
	Reason        string      `json:"reason,omitempty"`
	Event         int64       `json:"event"`
}

// Fold adds events up. They are those of Log.Events or Log.AsOf. An event
// that contradicts the ones before it (a version registered twice, a rollback
// from a version that is not there) is a *CorruptError.
func Fold(events []Event) (*State, error) {
	s := new(State)
	for i := range events {
		if err := s.apply(&events[i]); err != nil {
			return nil, corruptAt(events[i].Seq, err.Error())
		}
	}
	return s, nil
}

// Apply adds one event. On an error, which is a *CorruptError, the state is
// as it was.
func (s *State) Apply(e Event) error {
	if err := s.apply(&e); err != nil {
		return corruptAt(e.Seq, err.Error())
	}
	return nil
}

func (s *State) apply(e *Event) error {
	if e.Seq <= s.Head.Seq {
		return fmt.Errorf("seq %d does not follow %d", e.Seq, s.Head.Seq)
	}
	hash, err := e.Hash()
	if err != nil {
		return err
	}
	if !e.Known() {
		s.Unknown = append(s.Unknown, Unknown{Seq: e.Seq, APIVersion: e.APIVersion, Kind: e.Kind})
	} else if err := s.applyKnown(e); err != nil {
		return err
	}
	s.Head = Head{Seq: e.Seq, Hash: hash}
	return nil
}

func (s *State) applyKnown(e *Event) error {
	a, ok := s.Artifacts[e.Artifact]
	if !ok {
		a = &Artifact{Name: e.Artifact}
	}
	if e.Time.Before(a.Newest) {
		return fmt.Errorf("time %s lies before an earlier event of %s (%s)", stamp(e.Time), a.Name, stamp(a.Newest))
	}
	if err := a.apply(e); err != nil {
		return err
	}
	if !ok {
		if s.Artifacts == nil {
			s.Artifacts = map[string]*Artifact{}
		}
		s.Artifacts[a.Name] = a
	}
	a.Newest = e.Time
	a.Events = append(a.Events, e.Seq)
	return nil
}

// apply changes nothing when it returns an error.
func (a *Artifact) apply(e *Event) error {
	switch e.Kind {
	case KindRegister:
		return a.register(e)
	case KindPromote:
		return a.promote(e)
	case KindRollback:
		return a.rollback(e)
	case KindDeploy:
		return a.deploy(e)
	case KindApprove, KindReject:
		a.Decisions = append(a.Decisions, Decision{Kind: e.Kind, Stage: e.Stage, Version: e.Version, ContentDigest: e.ContentDigest,
			At: e.Time, By: e.Actor, Approvals: e.Approvals, Signed: e.Signed, PolicyDigest: e.PolicyDigest, Run: e.Run, Reason: e.Reason, Event: e.Seq})
		return nil
	case KindHold:
		if _, err := a.content(e); err != nil {
			return err
		}
		if a.Holds == nil {
			a.Holds = map[ref.Version]Hold{}
		}
		a.Holds[e.Version] = Hold{Version: e.Version, Since: e.Time, By: e.Actor, Reason: e.Reason, Event: e.Seq}
		return nil
	case KindReleaseHold:
		if _, err := a.content(e); err != nil {
			return err
		}
		if delete(a.Holds, e.Version); len(a.Holds) == 0 {
			a.Holds = nil // as if there had been none: equal states are equal bytes
		}
		return nil
	case KindDeprecate:
		return a.deprecate(e)
	}
	return fmt.Errorf("kind %q has no meaning for the state", clip(string(e.Kind)))
}

func (a *Artifact) register(e *Event) error {
	if old := a.Version(e.Version); old != nil {
		return fmt.Errorf("%s@%s is registered twice, first by event %d", a.Name, e.Version, old.Event)
	}
	if a.Kind != "" && a.Kind != e.ArtifactKind {
		return fmt.Errorf("%s is a %s and cannot become a %s", a.Name, a.Kind, e.ArtifactKind)
	}
	a.Kind = e.ArtifactKind
	a.Versions = append(a.Versions, Version{Version: e.Version, ContentDigest: e.ContentDigest, Digest: e.Digest, Commit: e.Commit,
		RegisteredAt: e.Time, By: e.Actor, Event: e.Seq, Evidence: e.Evidence, Approvals: e.Approvals,
		PolicyDigest: e.PolicyDigest, Run: e.Run, Reason: e.Reason})
	a.Deprecated = nil // who registers a new version uses the artifact again; GTO reads it so as well
	return nil
}

func (a *Artifact) promote(e *Event) error {
	if _, err := a.content(e); err != nil {
		return err
	}
	a.enter(e, false)
	return nil
}

func (a *Artifact) rollback(e *Event) error {
	if _, err := a.content(e); err != nil {
		return err
	}
	switch current := a.Stages[e.Stage]; {
	case e.From == e.Version:
		return fmt.Errorf("rollback of %s from %s to itself", a.Name, e.From)
	case current == nil:
		return fmt.Errorf("rollback of %s#%s, where nothing is", a.Name, e.Stage)
	case current.Version != e.From:
		return fmt.Errorf("rollback of %s#%s from %s, where %s is", a.Name, e.Stage, e.From, current.Version)
	}
	a.enter(e, true)
	return nil
}

// enter puts the event's version into its stage. The counter and tagged move
// as the tags of the event do.
func (a *Artifact) enter(e *Event, rolledBack bool) {
	next := Tenure{Version: e.Version, ContentDigest: e.ContentDigest, Digest: e.Digest, Since: e.Time, By: e.Actor, Event: e.Seq, Kind: e.Kind,
		Approvals: e.Approvals, PolicyDigest: e.PolicyDigest, Run: e.Run, Reason: e.Reason}
	if a.Stages == nil {
		a.Stages = map[string]*Assignment{}
	}
	stage := a.Stages[e.Stage]
	leaving := stage.leaving(e)
	if stage == nil {
		stage = &Assignment{}
		a.Stages[e.Stage] = stage
	} else {
		stage.Until, stage.RolledBack = e.Time, rolledBack
		stage.History = append(stage.History, stage.Tenure)
	}
	stage.Tenure = next
	stage.tagged = stage.tagged[:len(stage.tagged)-len(leaving)]
	if n := len(stage.tagged); n == 0 || stage.tagged[n-1] != e.Version {
		stage.tagged = append(stage.tagged, e.Version)
	}
	a.Counter += int64(len(leaving)) + 1
}

// leaving returns the versions that the tags of e must take out of the stage
// before its version enters: the one that is rolled back, and all that GTO
// would still find in the stage and prefer because they are greater. Since
// nobody greater than the current version is ever left there, they are the
// last of tagged.
func (a *Assignment) leaving(e *Event) []ref.Version {
	if a == nil {
		return nil
	}
	n := len(a.tagged)
	for n > 0 && (a.tagged[n-1] == e.From || compare(a.tagged[n-1], e.Version) > 0) {
		n--
	}
	return a.tagged[n:]
}

// compare is Version.Compare, without building strings for the usual case.
func compare(v, w ref.Version) int {
	if c := cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch)); c != 0 {
		return c
	}
	if v == w {
		return 0
	}
	return v.Compare(w)
}

func (a *Artifact) deploy(e *Event) error {
	if _, err := a.content(e); err != nil {
		return err
	}
	d := &Deployment{At: e.Time, By: e.Actor, Commit: e.Commit, Run: e.Run, Event: e.Seq}
	stage := a.Stages[e.Stage]
	if stage == nil {
		return fmt.Errorf("deployment of %s#%s, where nothing is", a.Name, e.Stage)
	}
	if stage.Version == e.Version {
		stage.Deployed = d
		return nil
	}
	// The file may reach its branch when the next version was assigned already.
	for i := len(stage.History) - 1; i >= 0; i-- {
		if stage.History[i].Version == e.Version {
			stage.History[i].Deployed = d
			return nil
		}
	}
	return fmt.Errorf("deployment of %s@%s to %s, where it never was", a.Name, e.Version, e.Stage)
}

func (a *Artifact) deprecate(e *Event) error {
	mark := &Mark{At: e.Time, By: e.Actor, Reason: e.Reason, Event: e.Seq}
	if !e.Version.IsZero() {
		v, err := a.content(e)
		if err != nil {
			return err
		}
		v.Deprecated = mark
		return nil
	}
	if len(a.Versions) == 0 {
		return fmt.Errorf("deprecation of %s, which has no version", a.Name)
	}
	a.Deprecated = mark
	a.Counter++
	return nil
}

// content finds the version of e and holds the event against it: an event
// that names another content than the version has is about something else.
func (a *Artifact) content(e *Event) (*Version, error) {
	v := a.Version(e.Version)
	if v == nil {
		return nil, fmt.Errorf("%s of %s@%s, which is not registered", e.Kind, a.Name, e.Version)
	}
	if e.ContentDigest != "" && e.ContentDigest != v.ContentDigest {
		return nil, fmt.Errorf("%s of %s@%s with content %s; it was registered with %s", e.Kind, a.Name, e.Version, e.ContentDigest, v.ContentDigest)
	}
	return v, nil
}
