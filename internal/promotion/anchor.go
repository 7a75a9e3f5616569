package promotion

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// implied is what the ledger's events imply: the tags with the ids of their
// objects, and the hashes of the events.
type implied struct {
	tags   map[string]string
	events map[string]bool
}

// log is the whole ledger, read once for a decision.
func (g *gate) log() (*ledger.Log, error) {
	if g.read == nil {
		log, err := g.l.Log()
		if err != nil {
			return nil, err
		}
		g.read = log
	}
	return g.read, nil
}

// projection is what the ledger implies, worked out once for a decision.
func (g *gate) projection() (*implied, error) {
	if g.implied != nil {
		return g.implied, nil
	}
	log, err := g.log()
	if err != nil {
		return nil, err
	}
	events := log.Events()
	tags, err := ledger.Projection(events)
	if err != nil {
		return nil, err
	}
	out := &implied{tags: make(map[string]string, len(tags)), events: make(map[string]bool, len(events))}
	for _, t := range tags {
		out.tags[t.Name] = workspace.TagID(t)
	}
	for _, e := range events {
		hash, err := e.Hash()
		if err != nil {
			return nil, err
		}
		out.events[hash] = true
	}
	g.implied = out
	return out, nil
}

// Tags that differ from the ledger: so many are read, and so many are named one
// by one.
const (
	maxStrays = 500
	maxNamed  = 20
)

// anchors holds the ledger against the tags at the remote. Each of waybill's
// tags names the event that it comes from by its hash, and that hash covers all
// events before it: a tag whose event is not in the ledger shows that the branch
// was cut back, or written anew.
func (g *gate) anchors(ctx context.Context) ([]report.Finding, error) {
	f := g.finding("promotion.anchor")
	if g.l.Refs == nil {
		return []report.Finding{g.unanswered(f, "the remote for its tags", gitrepo.ErrUnreachable)}, nil
	}
	implied, err := g.projection()
	if err != nil {
		return nil, err
	}
	differ, annotated := g.differing(implied)
	if len(annotated) > maxStrays {
		f.Verdict = report.Fail
		f.Message = fmt.Sprintf("%d tags at the remote are not the ledger's, more than are read", len(annotated))
		f.Hint = "run \"waybill doctor\" to see them"
		return []report.Finding{f}, nil
	}
	messages, err := g.l.TagMessages(ctx, slices.Sorted(maps.Values(annotated)))
	if err != nil {
		return []report.Finding{g.unanswered(f, "the remote for its tags", err)}, nil
	}
	var cut, moved, strays []string
	for _, name := range differ {
		event := eventOf(messages[annotated[name]])
		_, ours := implied.tags[name]
		switch {
		case event != "" && !implied.events[event]:
			cut = append(cut, name)
		case ours && g.about(name):
			moved = append(moved, name)
		case g.about(name):
			strays = append(strays, name)
		}
	}
	if len(cut) > 0 {
		// A remote does not list its references in one instant: a tag may be that
		// of a push which the branch, read before it, did not show yet.
		now, err := g.l.Remote.Refs(ctx)
		if err == nil && now.Heads[gitrepo.LedgerBranch] != g.l.Commit {
			err = errors.New("somebody wrote to the ledger meanwhile")
		}
		if err != nil {
			return []report.Finding{g.unanswered(f, "the remote for its tags", err)}, nil
		}
	}
	return g.judgeAnchors(f, cut, moved, strays), nil
}

// differing lists the tags in waybill's grammar that the ledger does not imply
// as they are, and those among them that have an object, with its id.
func (g *gate) differing(implied *implied) (names []string, annotated map[string]string) {
	annotated = map[string]string{}
	for name, id := range g.l.Refs.Tags {
		if implied.tags[name] == id {
			continue
		}
		if _, err := ledger.ParseTag(name); err != nil {
			continue
		}
		names = append(names, name)
		if g.l.Refs.Peeled[name] != "" {
			annotated[name] = id
		}
	}
	slices.Sort(names)
	return names, annotated
}

// about tells whether a tag is about an artifact of the ledger; in a repository
// that uses GTO by itself there are others.
func (g *gate) about(tag string) bool {
	t, err := ledger.ParseTag(tag)
	return err == nil && g.l.State.Artifacts[t.Artifact] != nil
}

func (g *gate) judgeAnchors(f report.Finding, cut, moved, strays []string) []report.Finding {
	out := []report.Finding{}
	if len(cut) > 0 {
		f := f
		f.Verdict = report.Fail
		f.Message = fmt.Sprintf("the ledger was cut back or written anew: it lacks the events that the tags %s come from", list(cut))
		f.Hint = "nothing is promoted until it is whole: restore the branch " + gitrepo.LedgerBranch +
			" from a clone that has read it (its commit is in .git/waybill/ledger.git) and forbid force pushes to it; a tag that somebody made by hand is to be deleted"
		out = append(out, f)
	}
	for _, name := range moved[:min(len(moved), maxNamed)] {
		if name == g.a.Name+"@"+g.version.Version.String() {
			continue // gitTag says so
		}
		f := f
		f.Subject, f.Verdict = name, report.Fail
		f.Message = fmt.Sprintf("the Git tag %s was moved by hand", name)
		f.Hint = "find out who moved it; then run \"waybill doctor --fix\""
		out = append(out, f)
	}
	for _, name := range strays[:min(len(strays), maxNamed)] {
		f := f
		f.Subject, f.Severity, f.Verdict = name, report.Warning, report.Fail
		f.Message = fmt.Sprintf("the Git tag %s is not the ledger's; GTO and DVC will believe it", name)
		f.Hint = fmt.Sprintf("git push --delete %s 'refs/tags/%s'", g.l.Remote.Name(), name)
		out = append(out, f)
	}
	if len(out) == 0 {
		f.Message = "the ledger has every event that the remote's tags come from"
		out = append(out, f)
	}
	return out
}

// eventOf is the hash in the trailer that ledger.Tags writes, "" for a tag that
// has none.
func eventOf(message string) string {
	for line := range strings.Lines(message) {
		if hash, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "waybill-event: "); ok {
			return strings.TrimSpace(hash)
		}
	}
	return ""
}

func list(names []string) string {
	const most = 3
	shown := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		shown += fmt.Sprintf(" and %d more", more)
	}
	return report.Visible(shown)
}
