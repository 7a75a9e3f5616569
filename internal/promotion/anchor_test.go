package promotion

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

// bareGit changes the remote by hand.
func (x *world) bareGit(args ...string) string {
	x.t.Helper()
	return x.git(append([]string{"-C", x.bare}, args...)...)
}

// T16: somebody cuts the ledger back, so that a hold is forgotten. A clone that
// never read it before sees it by the tags.
func TestT16LedgerTruncated(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	x.append(x.event(ledger.KindPromote, "v1.0.0", "staging"))
	short := x.bareGit("rev-parse", "waybill/ledger")
	x.release("v2.0.0", "two")
	whole := x.bareGit("rev-parse", "waybill/ledger")
	x.bareGit("update-ref", "refs/heads/waybill/ledger", short)
	y := x.clone("Eve", "eve@example.com")
	f := y.refusedBy("promotion.anchor", "production", Occasion{})
	if !strings.Contains(f.Message, "sentiment@v2.0.0") || !strings.Contains(f.Hint, "waybill/ledger") {
		t.Errorf("%+v", f)
	}
	// Back as it was, it is believed again.
	y.bareGit("update-ref", "refs/heads/waybill/ledger", whole)
	y.mustPromote("production", Occasion{})
}

// T16: somebody writes the ledger anew, whole in itself, with other evidence.
func TestT16LedgerRewritten(t *testing.T) {
	x := newWorld(t, openStages)
	e := x.release("v1.0.0", "one")
	other := filepath.Join(x.top, "other.git")
	x.git("clone", "-q", "--bare", "--no-tags", "--single-branch", x.bare, other)
	y := x.clone("Eve", "eve@example.com")
	y.git("remote", "set-url", "origin", other)
	y.open()
	e.Reason = "rewritten"
	y.append(e)
	x.bareGit("fetch", "-q", other, "+refs/heads/waybill/ledger:refs/heads/waybill/ledger")
	z := x.clone("Bob", "bob@example.com")
	f := z.refusedBy("promotion.anchor", "staging", Occasion{})
	if !strings.Contains(f.Message, "sentiment@v1.0.0") {
		t.Errorf("%+v", f)
	}
}

// Tags of a push that happens while the references are listed are no sign of a
// ledger that was cut.
func TestAnchorsOfAPushMeanwhile(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	l := x.ledger()
	x.append(x.event(ledger.KindPromote, "v1.0.0", "staging"))
	l.Refs.Tags, l.Refs.Peeled = x.ledger().Refs.Tags, x.ledger().Refs.Peeled
	g, err := newGate(context.Background(), x.w, l, "sentiment", "staging", "promote", Occasion{})
	x.must(err)
	g.version = g.a.Latest()
	g.read, err = ledger.Read(nil, nil) // the clone's store has moved on
	x.must(err)
	found, err := g.anchors(context.Background())
	if err != nil || len(found) != 1 || found[0].Verdict != report.Inconclusive {
		t.Errorf("%+v, %v", found, err)
	}
}

// T5: a Git tag is pointed at something else.
func TestT5TagMoved(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	x.append(x.event(ledger.KindPromote, "v1.0.0", "staging"))
	old := x.bareGit("rev-parse", "refs/tags/sentiment@v1.0.0")
	x.git("tag", "-f", "-a", "-m", "mine", "sentiment@v1.0.0", "HEAD~1")
	x.git("push", "-q", "-f", "origin", "refs/tags/sentiment@v1.0.0")
	x.refusedBy("promotion.tag", "production", Occasion{})
	x.bareGit("update-ref", "refs/tags/sentiment@v1.0.0", old)

	// Another tag, in which the event is named as waybill does.
	old = x.bareGit("rev-parse", "refs/tags/sentiment#staging#1")
	_, message, _ := strings.Cut(x.bareGit("cat-file", "tag", old), "\n\n")
	x.git("tag", "-f", "-a", "-m", message, "sentiment#staging#1", "HEAD~1")
	x.git("push", "-q", "-f", "origin", "refs/tags/sentiment#staging#1")
	f := x.refusedBy("promotion.anchor", "production", Occasion{})
	if f.Subject != "sentiment#staging#1" {
		t.Errorf("%+v", f)
	}
	x.bareGit("update-ref", "refs/tags/sentiment#staging#1", old)
	x.mustPromote("production", Occasion{})
}

// Tags that other tools set by hand are told, and refuse nothing.
func TestStrayTags(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	x.git("tag", "sentiment@v9.0.0")                       // lightweight
	x.git("tag", "-a", "-m", "by gto", "sentiment#prod#7") // annotated, of another tool
	x.git("tag", "-a", "-m", "by gto", "somebody@v1.0.0")  // about nothing of ours
	x.git("tag", "-a", "-m", "waybill-event: x", "v1.0.0") // not in the grammar
	x.git("push", "-q", "origin", "--tags")
	o := x.mustPromote("staging", Occasion{})
	var told []string
	for _, f := range o.Report.Findings {
		if f.Check == "promotion.anchor" {
			if f.Severity != report.Warning {
				t.Errorf("%+v", f)
			}
			told = append(told, f.Subject)
		}
	}
	if strings.Join(told, " ") != "sentiment#prod#7 sentiment@v9.0.0" {
		t.Errorf("%q", told)
	}
}

// A clone whose ledger is cut off whole knows none of its artifacts: a tag of
// any name shows that there were events.
func TestT16OtherArtifactCutOff(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	x.git("tag", "-a", "-m", "Registering\n\nwaybill-event: "+strings.Repeat("ab", 32), "reviews@v1.0.0")
	x.git("push", "-q", "origin", "--tags")
	x.refusedBy("promotion.anchor", "staging", Occasion{})
}

// T6: somebody with a token for the registry moves the OCI tag.
func TestT6OCITagMoved(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	two := x.lock("v2.0.0", "two")
	repo, err := x.w.Repository("sentiment")
	x.must(err)
	desc, err := repo.Resolve(context.Background(), string(two.Digest))
	x.must(err)
	x.must(repo.Tag(context.Background(), desc, "v1.0.0"))
	x.refusedBy("promotion.oci-tag", "staging", Occasion{})
}

// T12: an old version that was let in once does not come back by a promotion.
func TestT12Downgrade(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	x.mustPromote("staging", Occasion{})
	x.release("v2.0.0", "two")
	x.mustPromote("staging", Occasion{})
	o := x.promote("sentiment@v1.0.0", "staging", Options{})
	if f := findingOf(t, o.Report, "promotion.older"); o.Done || f.Verdict != report.Fail || !strings.Contains(f.Hint, "waybill rollback") || x.in("staging") != "v2.0.0" {
		t.Errorf("%+v", f)
	}
}

// T13: having been in one stage says nothing about another; the order of stages
// and the time in them hold.
func TestT13OtherStage(t *testing.T) {
	x := newWorld(t, "  try:\n  staging:\n  production: {from: [staging], soak: 24h}\n")
	x.release("v1.0.0", "one")
	x.mustPromote("try", Occasion{})
	x.refusedBy("promotion.from", "production", Occasion{})
	x.mustPromote("staging", Occasion{})
	x.later(23 * time.Hour)
	if o := x.promote("sentiment", "production", Options{}); o.Done || findingOf(t, o.Report, "promotion.from").Verdict != report.Fail {
		t.Errorf("before its time: %+v", o)
	}
	x.later(2 * time.Hour)
	x.mustPromote("production", Occasion{})
}

func FuzzEventOf(f *testing.F) {
	f.Add("Registering\n\nwaybill-event: " + strings.Repeat("ab", 32) + "\n")
	f.Add("waybill-event: ")
	f.Add("x\r\nwaybill-event: y\r\n")
	f.Fuzz(func(t *testing.T, message string) {
		if got := eventOf(message); got != strings.TrimSpace(got) || !strings.Contains(message, got) {
			t.Errorf("%q from %q", got, message)
		}
	})
}

// What ledger.Tags writes is what is read here.
func TestEventOf(t *testing.T) {
	e := ledger.Event{APIVersion: ledger.APIVersion, Seq: 1, Previous: strings.Repeat("0", 64), Time: noon, Kind: ledger.KindRegister, Artifact: "m1", ArtifactKind: "Model",
		Version: ref.MustVersion("v1.0.0"), ContentDigest: ref.Of(nil), Digest: ref.Of(nil), Commit: strings.Repeat("a", 40), Actor: ledger.Actor{Login: "ada"},
		Reason: "because\nwaybill-event: forged"}
	tags, err := ledger.Tags(e, new(ledger.State))
	if err != nil || len(tags) != 1 {
		t.Fatal(tags, err)
	}
	want, err := e.Hash()
	if got := eventOf(tags[0].Message); err != nil || got != want {
		t.Errorf("%q, want %q, %v", got, want, err)
	}
}
