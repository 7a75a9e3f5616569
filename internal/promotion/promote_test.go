package promotion

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

// meanwhile lets do happen when this world's next decision has read the ledger.
func (x *world) meanwhile(do func()) {
	now := x.now
	x.now = func() time.Time {
		x.now = now
		do()
		return now()
	}
}

// One of two promotions at once wins; the other decides again, on what is there
// then.
func TestRacedPromotion(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	x.release("v2.0.0", "two")
	y := x.clone("Bob", "bob@example.com")
	x.meanwhile(func() { y.mustPromote("staging", Occasion{}) })
	o := x.promote("sentiment@v1.0.0", "staging", Options{})
	if o.Done || findingOf(t, o.Report, "promotion.older").Verdict != report.Fail || x.in("staging") != "v2.0.0" {
		t.Errorf("%+v", o)
	}
	x.meanwhile(func() { y.append(y.event(ledger.KindHold, "v2.0.0", "")) })
	o = x.promote("sentiment@v2.0.0", "production", Options{})
	if o.Done || findingOf(t, o.Report, "promotion.hold").Verdict != report.Fail || x.in("production") != "" {
		t.Errorf("%+v", o)
	}
	x.meanwhile(func() { y.promote("sentiment@v1.0.0", "production", Options{}) })
	o = x.promote("sentiment@v1.0.0", "production", Options{})
	if o.Done || o.Report != nil || o.Event == 0 || !strings.HasPrefix(o.Message, "nothing to do") {
		t.Errorf("%+v", o)
	}
}

// A push that rules forbid writes nothing and names the way out. A refusal that
// cannot be put on record is told all the same.
func TestBlockedPush(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	before := x.ledger().Commit
	x.must(os.WriteFile(filepath.Join(x.bare, "hooks", "update"),
		[]byte("#!/bin/sh\necho \"error: GH013: Repository rule violations found for $1.\" >&2\necho \"- Cannot create ref due to creations being restricted.\" >&2\nexit 1\n"), 0o755))
	_, err := Promote(t.Context(), x.w, ref.Reference{Name: "sentiment"}, "staging", Options{})
	if !errors.Is(err, gitrepo.ErrRefused) || !strings.Contains(err.Error(), "Restrict creations") || !strings.Contains(err.Error(), "bypass list") || x.ledger().Commit != before {
		t.Errorf("%v", err)
	}
	h := x.github()
	on := h.within(x, h.run(x, githubtest.Run{Event: "pull_request"}))
	o := x.promote("sentiment", "staging", Options{On: on})
	if o.Report.Verdict != report.Fail || !strings.Contains(o.Message, "could not be recorded") || o.Event != 0 {
		t.Errorf("%+v", o)
	}
}

// A decided refusal is on record once for each attempt of a run, and never for
// a plan or on a machine that no forge knows.
func TestRejectOncePerAttempt(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	x.append(x.event(ledger.KindHold, "v1.0.0", ""))
	rejected := func() int {
		n := 0
		for _, d := range x.ledger().State.Artifacts["sentiment"].Decisions {
			if d.Kind == ledger.KindReject {
				n++
			}
		}
		return n
	}
	if o := x.promote("sentiment", "staging", Options{}); o.Report.Verdict != report.Fail || rejected() != 0 {
		t.Errorf("on a laptop: %d", rejected())
	}
	h := x.github()
	on := h.within(x, h.run(x, githubtest.Run{}))
	if o := x.promote("sentiment", "staging", Options{On: on, Plan: true}); o.Report.Verdict != report.Fail || rejected() != 0 {
		t.Errorf("a plan: %d", rejected())
	}
	for range 2 {
		x.promote("sentiment", "staging", Options{On: on})
	}
	if rejected() != 1 {
		t.Errorf("one run: %d", rejected())
	}
	on = h.within(x, h.run(x, githubtest.Run{}))
	o := x.promote("sentiment", "staging", Options{On: on})
	ds := x.ledger().State.Artifacts["sentiment"].Decisions
	d := ds[len(ds)-1]
	if rejected() != 2 || o.Done || o.Event != d.Event || d.Stage != "staging" || !strings.Contains(d.Reason, "promotion.hold") || d.Run == "" {
		t.Errorf("another run: %d, %+v, %+v", rejected(), o, d)
	}
}

// T8: what a workflow's inputs name is looked up; another content than the one
// that was planned is refused.
func TestT8ForgedInput(t *testing.T) {
	x := newWorld(t, openStages)
	e := x.release("v1.0.0", "one")
	r := ref.Reference{Name: "sentiment"}
	if _, err := Promote(t.Context(), x.w, r, "staging", Options{Expect: ref.Of([]byte("other"))}); err == nil || x.in("staging") != "" {
		t.Errorf("another content: %v", err)
	}
	if _, err := Promote(t.Context(), x.w, ref.Reference{Name: "sentiment", Digest: ref.Of([]byte("other"))}, "staging", Options{}); err == nil || x.in("staging") != "" {
		t.Errorf("an unknown content: %v", err)
	}
	if o := x.promote("sentiment", "staging", Options{Expect: e.ContentDigest, Plan: true}); o.Done || o.ContentDigest != e.ContentDigest || o.Commit == "" || o.PolicyDigest == "" {
		t.Errorf("%+v", o)
	}
	o := x.promote("sentiment", "staging", Options{Expect: e.ContentDigest})
	if !o.Done || o.Event != 2 || fmt.Sprint(o.Tags) != "[sentiment#staging#1]" {
		t.Errorf("%+v", o)
	}
}
