package ledger

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Tag is an annotated Git tag that an event implies. It depends on the events
// alone, so whoever makes it makes the same object.
type Tag struct {
	Name   string
	Target string // the commit
	// Time is the tagger's date, UTC: by it GTO and DVC order tags.
	Time                    time.Time
	TaggerName, TaggerEmail string
	// Message ends in a newline. Its trailers lead back to the event:
	// "waybill-event: HASH" and, if there is one, "waybill-reason: …".
	Message string
}

// Tags returns the tags of event e, given the state before it, in the order
// of their dates.
//
//	register    NAME@vX.Y.Z
//	promote     NAME#STAGE#N
//	rollback    NAME#STAGE!#N on the bad version, NAME#STAGE#N+1 a second later on the good one
//	deprecate   NAME@deprecated#N, of the whole artifact
//
// Other kinds have none; nor has the deprecation of one version, for which
// GTO only knows the deregistration, and that would empty its stages.
//
// N is one more than the highest counter of the artifact's tags. GTO does not
// take stages to be exclusive: of all versions not unassigned, `which` prefers
// the greatest. When a version enters a stage below others that are still
// assigned there, all of those are unassigned first, so that every reader of
// gto and dvc names the one that entered.
func Tags(e Event, before *State) ([]Tag, error) {
	hash, err := e.Hash()
	if err != nil {
		return nil, err
	}
	a := before.Artifacts[e.Artifact]
	if a == nil {
		a = &Artifact{Name: e.Artifact}
	}
	p := projector{event: &e, hash: hash, artifact: a, counter: a.Counter}
	switch e.Kind {
	case KindRegister:
		p.add(TagName{Kind: TagRegistration, Version: e.Version.String()}, e.Commit, 0,
			fmt.Sprintf("Registering artifact %s version %s", e.Artifact, e.Version))
	case KindPromote, KindRollback:
		p.enter()
	case KindDeprecate:
		if latest := a.Latest(); e.Version.IsZero() && latest != nil {
			p.addCounted(TagName{Kind: TagDeprecation}, latest.Commit, 0, fmt.Sprintf("Deprecating artifact '%s'", e.Artifact))
		}
	}
	return p.tags, nil
}

// Projection returns all tags that a ledger implies, in the order of its
// events. Errors are those of Fold.
func Projection(events []Event) ([]Tag, error) {
	var tags []Tag
	state := new(State)
	for i := range events {
		if events[i].Known() {
			more, err := Tags(events[i], state)
			if err != nil {
				return nil, err
			}
			tags = append(tags, more...)
		}
		if err := state.apply(&events[i]); err != nil {
			return nil, corruptAt(events[i].Seq, err.Error())
		}
	}
	return tags, nil
}

// projector collects the tags of one event.
type projector struct {
	event    *Event
	hash     string
	artifact *Artifact
	counter  int64
	tags     []Tag
}

func (p *projector) enter() {
	e := p.event
	entering := p.artifact.Version(e.Version)
	if entering == nil {
		return // Fold refuses the event
	}
	var later time.Duration
	for _, v := range p.artifact.Stages[e.Stage].leaving(e) {
		bad := p.artifact.Version(v)
		if bad == nil {
			continue // cannot be in a folded state, only in a forged cache
		}
		p.addCounted(TagName{Kind: TagAssignment, Stage: e.Stage, Removed: true}, bad.Commit, 0,
			fmt.Sprintf("Unassigning stage '%s' to artifact '%s' version '%s'", e.Stage, e.Artifact, v))
		later = time.Second
	}
	p.addCounted(TagName{Kind: TagAssignment, Stage: e.Stage}, entering.Commit, later,
		fmt.Sprintf("Assigning stage %s to artifact %s version %s", e.Stage, e.Artifact, e.Version))
}

func (p *projector) addCounted(name TagName, commit string, later time.Duration, subject string) {
	p.counter++
	name.Counted, name.Counter = true, p.counter
	p.add(name, commit, later, subject)
}

func (p *projector) add(name TagName, commit string, later time.Duration, subject string) {
	e := p.event
	name.Artifact = e.Artifact
	message := subject + "\n\nwaybill-event: " + p.hash + "\n"
	if reason := oneLine(e.Reason); reason != "" {
		message += "waybill-reason: " + reason + "\n"
	}
	tagger, email := tagger(e.Actor)
	p.tags = append(p.tags, Tag{Name: name.String(), Target: commit, Time: e.Time.Add(later), TaggerName: tagger, TaggerEmail: email, Message: message})
}

// tagger writes an actor as Git wants names: no angle brackets, no control
// characters, not empty.
func tagger(a Actor) (name, email string) {
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '<' || r == '>' {
			return -1
		}
		return r
	}, oneLine(a.Login)))
	if name == "" {
		name = "waybill"
	}
	local := strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (isAlphanumeric(byte(r)) || strings.ContainsRune("-_.[]", r)) {
			return r
		}
		return '-'
	}, name)
	return name, fmt.Sprintf("%d+%s@users.noreply.waybill.dev", a.ID, local)
}

// oneLine makes white space and control characters single spaces, so that a
// reason cannot add a line to the message.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}
