package promotion

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
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

// The whole gate of a guarded stage in a workflow: a ledger of 10,000 events, 500
// of them signed approvals for 20 versions and 5 stages, and 200 reviews of the
// pull request. The fake GitHub is part of the time.
func BenchmarkGate(b *testing.B) {
	x, h, pr := broughtBy(b, "squash")
	first := x.ledger().State.Artifacts["sentiment"].Versions[0]
	events := make([]ledger.Event, 0, 10_000)
	digests := []ref.Digest{first.ContentDigest}
	versions := []ref.Version{first.Version}
	for i := range 19 {
		version := ref.Version{Major: 0, Minor: 1, Patch: uint64(i)}
		content := ref.Of([]byte(version.String()))
		events = append(events, ledger.Event{Kind: ledger.KindRegister, ArtifactKind: "Model", Artifact: "sentiment", Version: version,
			ContentDigest: content, Digest: content, Commit: first.Commit, Actor: first.By})
		digests, versions = append(digests, content), append(versions, version)
	}
	s, err := Statement(context.Background(), x.w, ref.Reference{Name: "sentiment"}, "production", "")
	x.must(err)
	stages := []string{"production", "staging", "canary", "shadow", "europe"}
	for i := range 500 {
		version, stage, login := i%len(versions), stages[i/len(versions)%len(stages)], []string{"alice", "bob"}[i%2]
		if version == 0 && stage == "production" {
			login = "mallory" // who may not
		}
		one := s
		one.Version, one.Stage, one.ContentDigest, one.At = versions[version], stage, digests[version], x.now().Add(-time.Duration(i)*time.Minute)
		signed, err := approval.Sign(keyOf(b, login), one)
		x.must(err)
		events = append(events, ledger.Event{Kind: ledger.KindApprove, Artifact: "sentiment", Version: one.Version, Stage: stage,
			ContentDigest: one.ContentDigest, PolicyDigest: s.PolicyDigest, Signed: &signed, Actor: ledger.Actor{ID: 1, Login: login}})
	}
	e := x.event(ledger.KindReject, "v1.0.0", "production")
	e.Run, e.Reason = "https://github.com/acme/reviews/actions/runs/1/attempts/1", "promotion.approvals: production needs 2 approvals and has 0"
	for len(events) < 9_999 {
		events = append(events, e)
	}
	x.append(events...)
	x.clockAfter()
	for i := range 199 {
		h.repo.Review(pr.Number, fmt.Sprintf("reader-%d", i), "APPROVED")
	}
	h.repo.Review(pr.Number, "bob", "APPROVED")
	run, on := h.waiting(x)
	x.must(run.Review("alice", "approved", ""))
	for b.Loop() {
		x.open()
		o, err := Promote(context.Background(), x.w, ref.Reference{Name: "sentiment", Version: first.Version}, "production", Options{Plan: true, On: on})
		x.must(err)
		if f := findingOf(b, o.Report, "promotion.approvals"); f.Verdict != report.Pass || len(o.Approvals) != 2 || o.Approvals[0].Login != "bob" {
			b.Fatalf("%+v", f)
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
