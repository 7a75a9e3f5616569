package ledger

import (
	"fmt"
	"slices"
	"time"
)

// step is how far the events of one artifact lie apart: GTO orders tags by
// whole seconds, and a rollback makes tags of two seconds.
const step = 2 * time.Second

// maxAhead is how far the newest event may lie ahead of this machine's clock.
const maxAhead = 10 * time.Minute

// Next turns drafts into the events that follow head: it fills in apiVersion,
// seq, previous and time, and refuses what a reader would refuse. A draft has
// everything else. The time is now or, when that is later, two seconds after
// the artifact's newest event, so that several events at once and skewed
// clocks keep their order.
//
// state is the fold of the whole ledger up to head; it is not changed. Errors
// wrap ErrClock when the newest event lies more than ten minutes ahead of now,
// and ErrNewer when the ledger has events of a newer waybill.
func Next(head Head, state *State, now time.Time, drafts ...Event) ([]Event, error) {
	if state.Head != head {
		return nil, fmt.Errorf("ledger: the state is that of event %d, the head is event %d; fold the whole ledger before writing", state.Head.Seq, head.Seq)
	}
	if len(state.Unknown) > 0 {
		u := state.Unknown[0]
		return nil, fmt.Errorf("ledger: this ledger has events of kind %q (%s, first event %d), %w; upgrade waybill before changing anything",
			u.Kind, clip(u.APIVersion), u.Seq, ErrNewer)
	}
	scratch := state.forkFor(drafts)
	now = now.UTC().Truncate(time.Second)
	events := make([]Event, 0, len(drafts))
	for _, e := range drafts {
		if err := e.checkDraft(); err != nil {
			return nil, fmt.Errorf("ledger: %s of %s: %w", e.Kind, clip(e.Artifact), err)
		}
		e.APIVersion, e.Seq, e.Previous = APIVersion, head.Seq+1, head.previous()
		e.Approvals, e.Evidence, e.Signed = slices.Clone(e.Approvals), e.Evidence.clone(), e.Signed.clone()
		e.Time = now
		if a := state.Artifacts[e.Artifact]; a != nil && a.Newest.Sub(now) > maxAhead {
			return nil, fmt.Errorf("ledger: %s of %s: %w: its newest event is dated %s, %s ahead of this machine (%s); set the clock, or wait",
				e.Kind, e.Artifact, ErrClock, stamp(a.Newest), a.Newest.Sub(now), stamp(now))
		}
		if a := scratch.Artifacts[e.Artifact]; a != nil && len(a.Events) > 0 && e.Time.Before(a.Newest.Add(step)) {
			e.Time = a.Newest.Add(step)
		}
		line, err := e.Line()
		if err != nil {
			return nil, err
		}
		e.hash = Hash(line)
		if err := scratch.apply(&e); err != nil {
			return nil, fmt.Errorf("ledger: %s of %s: %w", e.Kind, e.Artifact, err)
		}
		head = scratch.Head
		events = append(events, e)
	}
	return events, nil
}

// checkDraft refuses what is the ledger's to decide, and fields that mean
// nothing for the kind: a reader would ignore them, a person might not.
func (e *Event) checkDraft() error {
	if e.APIVersion != "" && e.APIVersion != APIVersion || e.Seq != 0 || e.Previous != "" || !e.Time.IsZero() {
		return fmt.Errorf("a draft has no apiVersion, seq, previous and time of its own")
	}
	kind, ok := kinds[e.Kind]
	if !ok {
		return fmt.Errorf("kind %q is not known", clip(string(e.Kind)))
	}
	if extra := e.fields() &^ (kind.must | kind.may); extra != 0 {
		return fmt.Errorf("a %s event has no %s", e.Kind, extra)
	}
	if e.Signed != nil && e.Kind != KindApprove {
		return fmt.Errorf("a %s event has no signed", e.Kind)
	}
	return nil
}

// forkFor copies the artifacts that drafts are about and shares the rest.
func (s *State) forkFor(drafts []Event) *State {
	fork := &State{Head: s.Head, Artifacts: make(map[string]*Artifact, len(s.Artifacts)+1)}
	for name, a := range s.Artifacts {
		fork.Artifacts[name] = a
	}
	for _, e := range drafts {
		if a := s.Artifacts[e.Artifact]; a != nil && fork.Artifacts[e.Artifact] == a {
			fork.Artifacts[e.Artifact] = a.clone()
		}
	}
	return fork
}
