package promotion

import (
	"context"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
)

// A whole decision, the fetched ledger read and folded, over 10,000 events.
func BenchmarkPlanOf10000Events(b *testing.B) {
	x := newWorld(b, openStages)
	x.release("v1.0.0", "one")
	e := x.event(ledger.KindReject, "v1.0.0", "staging")
	e.Run, e.Reason = "https://github.com/acme/reviews/actions/runs/1/attempts/1", "promotion.from: it was never there"
	events := make([]ledger.Event, 9_999)
	for i := range events {
		events[i] = e
	}
	x.append(events...)
	x.clockAfter()
	for b.Loop() {
		x.open()
		if _, err := Promote(context.Background(), x.w, ref.Reference{Name: "sentiment"}, "production", Options{Plan: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// clockAfter makes it later than the newest event.
func (x *world) clockAfter() {
	at := x.ledger().State.Artifacts["sentiment"].Newest
	x.later(at.Sub(x.now()))
}

// What a promotion asks of the forge, at most once each: this run, whether its
// branch is protected, and the run that registered the version.
func TestRequestsOfAGate(t *testing.T) {
	x := newWorld(t, openStages)
	e := x.lock("v1.0.0", "one")
	h := x.github()
	registering := h.run(x, githubtest.Run{Event: "push"})
	e.Run = h.attempt(registering.ID, 1)
	x.append(e)
	for stage, run := range map[string]*githubtest.Run{"staging": registering, "production": h.run(x, githubtest.Run{})} {
		on := h.within(x, run) // a version may be registered and promoted in one run
		h.ResetRequests()
		x.mustPromote(stage, on)
		seen := map[string]bool{}
		for _, r := range h.Requests() {
			if seen[r.Method+r.Path] {
				t.Errorf("asked twice: %s %s", r.Method, r.Path)
			}
			seen[r.Method+r.Path] = true
		}
		if len(seen) > 4 {
			t.Errorf("%d requests: %v", len(seen), seen)
		}
	}
}
