package promotion

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

// T1: nobody who had a part in a change approves it, whichever way.
func TestT1SelfApproval(t *testing.T) {
	coauthored := func(line string) func(*poll) {
		return func(x *poll) { x.commits[1].Message = "new weights\n\n" + line + "\n" }
	}
	for name, c := range map[string]struct {
		who  manifest.Person
		part func(*poll)
	}{
		"author of the pull request": {mallory, func(x *poll) {
			x.commits[0].Author, x.commits[1].Author, x.commits[1].Committer = accountOf(eve), accountOf(eve), accountOf(eve)
		}},
		"author of one commit":        {alice, func(x *poll) { x.commits[1].Author = accountOf(alice) }},
		"author of the squash":        {alice, func(x *poll) { x.commits[0].Author = accountOf(alice) }},
		"committer":                   {alice, func(x *poll) { x.commits[1].Committer = accountOf(alice) }},
		"co-author by account":        {alice, coauthored("Co-authored-by: Alice <1+alice@users.noreply.github.com>")},
		"co-author, renamed":          {alice, coauthored("Co-authored-by: Alice <1+alicia@users.noreply.github.com>")},
		"co-author, in small letters": {alice, coauthored("co-authored-by:alice<alice@users.noreply.github.com>")},
		"pusher": {alice, func(x *poll) {
			x.runs[40] = forge.Run{ID: 40, Event: "push", HeadSHA: older, Actor: accountOf(alice)}
		}},
		"who registered it by hand": {alice, func(x *poll) {
			x.runs[40] = forge.Run{ID: 40, Event: "workflow_dispatch", HeadSHA: squashed, Actor: accountOf(alice)}
		}},
		"who registered it elsewhere": {alice, func(x *poll) {
			x.gate.version.Run, x.gate.version.By = "", ledger.Actor{ID: alice.ID, Login: "alice"}
		}},
		"dispatcher": {dave, func(x *poll) {}},
		"who started it first": {dave, func(x *poll) {
			x.runs[50] = forge.Run{ID: 50, Attempt: 1, Actor: accountOf(dave), TriggeringActor: accountOf(bob), Created: noon}
		}},
		"who started it again": {alice, func(x *poll) {
			x.runs[50] = forge.Run{ID: 50, Attempt: 1, Actor: accountOf(dave), TriggeringActor: accountOf(alice), Created: noon}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for via, approve := range map[string]func(*poll){
				"signed":      func(x *poll) { x.sign(c.who, nil) },
				"review":      func(x *poll) { x.review(c.who, forge.ReviewApproved, nil) },
				"environment": func(x *poll) { x.deploy(c.who) },
			} {
				x := newPoll(t, 1)
				c.part(x)
				approve(x)
				f := x.says(report.Fail, c.who.Login+"'s "+via+" approval", "does not count: they ")
				if strings.Contains(f.Hint, c.who.Login) {
					t.Errorf("they are told to approve: %s", f.Hint)
				}
				x.gate.stage.Approvals.Exclude = nil
				x.says(report.Pass, c.who.Login)
			}
		})
	}
	x := newPoll(t, 1) // carol merged it, and the run that this started registered it
	x.review(carol, forge.ReviewApproved, nil)
	x.says(report.Pass, "carol (review")
	x.commits[0].Committer = accountOf(carol) // by a rebase
	x.says(report.Pass, "carol (review")
	x.pulls = nil // it was pushed
	x.sign(carol, nil)
	x.says(report.Fail, "carol's signed approval", "they committed 111111111111")
}

// T2: a number of approvals is a number of people, and an environment's review
// is one of them at most.
func TestT2OneOfTwo(t *testing.T) {
	x := newPoll(t, 2)
	x.deploy(alice)
	x.says(report.Fail, "needs 2 approvals and has 1", "alice (environment", "waybill approve sentiment@v1.0.0 --to production", "bob, carol")
	x.deploy(bob)
	x.says(report.Fail, "an environment's review counts once")
	x.sign(alice, nil)
	x.sign(alice, nil)
	x.review(alice, forge.ReviewApproved, nil)
	// She signed, so the environment's review can be bob's.
	x.says(report.Pass, "alice (signed", "bob (environment")
	x.approved = x.approved[:1]
	x.says(report.Fail, "has 1")
	x.review(bob, forge.ReviewApproved, nil)
	x.says(report.Pass, "alice (signed", "bob (review")
	want := []ledger.Approval{{ID: 1, Login: "alice", At: noon.Add(-time.Hour), Via: "signed"}, {ID: 2, Login: "bob", At: x.reviews[1].Submitted, Via: "review"}}
	if !slices.Equal(x.gate.counted, want) {
		t.Errorf("the event would record %v", x.gate.counted)
	}
}

func TestOutsiders(t *testing.T) {
	x := newPoll(t, 1)
	x.deploy(eve)
	x.sign(eve, nil)
	x.review(eve, forge.ReviewApproved, nil)
	x.says(report.Fail, "eve's environment approval", "eve's signed approval", "eve's review approval", "not among the people")
	x.gate.stage.Approvals.From = nil // all people
	x.says(report.Pass, "eve")
}

// T7: the answer about a run's reviews does not say which attempt they were of.
func TestT7Rerun(t *testing.T) {
	for _, change := range []func(*poll){
		func(x *poll) { r := x.runs[50]; r.Attempt = 2; x.runs[50] = r },
		func(x *poll) { x.gate.on.Attempt = 2 },
	} {
		x := newPoll(t, 1)
		x.deploy(alice)
		x.says(report.Pass)
		change(x)
		x.says(report.Fail, "this is attempt 2")
		x.guard(report.Fail, report.Error, "of a new run")
	}
}

// T13: what was approved for one stage, version, content, ledger or policy is
// approved for no other.
func TestT13Replay(t *testing.T) {
	other := ref.Of([]byte("other"))
	for name, change := range map[string]func(*ledger.Decision, *approval.Statement){
		"stage":           func(_ *ledger.Decision, s *approval.Statement) { s.Stage = "staging" },
		"version":         func(_ *ledger.Decision, s *approval.Statement) { s.Version.Minor = 1 },
		"artifact":        func(_ *ledger.Decision, s *approval.Statement) { s.Artifact = "reviews" },
		"content":         func(_ *ledger.Decision, s *approval.Statement) { s.ContentDigest = other },
		"encoding":        func(_ *ledger.Decision, s *approval.Statement) { s.Digest = other },
		"policy":          func(_ *ledger.Decision, s *approval.Statement) { s.PolicyDigest = other },
		"ledger":          func(_ *ledger.Decision, s *approval.Statement) { s.Ledger = strings.Repeat("f", 64) },
		"event's content": func(d *ledger.Decision, _ *approval.Statement) { d.ContentDigest = other },
		"event's version": func(d *ledger.Decision, _ *approval.Statement) { d.Version.Minor = 1 },
		"event's policy":  func(d *ledger.Decision, _ *approval.Statement) { d.PolicyDigest = other },
		"event's approver": func(d *ledger.Decision, _ *approval.Statement) {
			d.Approvals = []ledger.Approval{{ID: 2, Login: "bob"}}
		},
		"another signature":   func(d *ledger.Decision, _ *approval.Statement) { d.Signed = &ledger.Signed{Signature: "forged"} },
		"dated in the future": func(_ *ledger.Decision, s *approval.Statement) { s.At = noon.Add(11 * time.Minute) },
		"expired":             func(_ *ledger.Decision, s *approval.Statement) { s.At = noon.Add(-73 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			x := newPoll(t, 1)
			x.sign(alice, change)
			x.says(report.Fail, "does not count")
			x.sign(alice, nil)
			x.says(report.Pass, "alice (signed")
		})
	}
	x := newPoll(t, 1)
	x.sign(alice, func(d *ledger.Decision, _ *approval.Statement) { d.Stage = "staging" })
	x.says(report.Fail)
	x.sign(alice, nil)
	x.gate.a.Decisions[1].Signed = nil
	x.says(report.Fail, "nobody signed it")
}

// T12: an approval is used up when the version enters or leaves the stage, or is
// held: who wants an old version back asks again.
func TestT12Spent(t *testing.T) {
	v1, v2 := ref.Version{Major: 1}, ref.Version{Major: 2}
	for name, happen := range map[string]func(*poll) int64{
		"entered": func(x *poll) int64 {
			n := x.record(ledger.Event{Kind: ledger.KindPromote})
			x.gate.a.Stages = map[string]*ledger.Assignment{"production": {Tenure: ledger.Tenure{Version: v1, Event: n}}}
			return n
		},
		"left": func(x *poll) int64 {
			n := x.record(ledger.Event{Kind: ledger.KindPromote})
			x.gate.a.Stages = map[string]*ledger.Assignment{"production": {Tenure: ledger.Tenure{Version: v2, Event: n}, History: []ledger.Tenure{{Version: v1, Event: 1}}}}
			return n
		},
		"was held": func(x *poll) int64 { return x.record(ledger.Event{Kind: ledger.KindHold, Version: v1}) },
	} {
		t.Run(name, func(t *testing.T) {
			x := newPoll(t, 1)
			x.sign(alice, nil)
			x.says(report.Pass)
			happen(x)
			x.says(report.Fail, "it was spent by event 3")
			x.sign(alice, nil)
			x.says(report.Pass)
		})
	}
	x := newPoll(t, 1) // another version, and another stage
	x.sign(alice, nil)
	x.record(ledger.Event{Kind: ledger.KindHold, Version: v2})
	x.gate.a.Stages = map[string]*ledger.Assignment{"production": {Tenure: ledger.Tenure{Version: v2, Event: 9}}, "staging": {Tenure: ledger.Tenure{Version: v1, Event: 9}}}
	x.says(report.Pass)
}

// T14: a review is of a commit, and of the lock there.
func TestT14StaleReview(t *testing.T) {
	approve := forge.ReviewApproved
	for name, c := range map[string]struct {
		do  func(*poll)
		why string
	}{
		"before the last push":     {func(x *poll) { x.review(alice, approve, func(r *forge.Review) { r.Commit = older }) }, "it is of commit 333333333333"},
		"of a commit that is gone": {func(x *poll) { x.review(alice, approve, func(r *forge.Review) { r.Commit = "" }) }, "it is of commit"},
		"another lock merged":      {func(x *poll) { x.review(alice, approve, nil); x.atHead += " " }, "the lock that they saw"},
		"another content registered": {func(x *poll) {
			x.review(alice, approve, nil)
			x.data, _ = lockOf(t, "other")
			x.atHead = x.data
		}, "the lock that they saw"},
		"dismissed":  {func(x *poll) { x.review(alice, approve, nil); x.review(alice, forge.ReviewDismissed, nil) }, "it was dismissed"},
		"taken back": {func(x *poll) { x.review(alice, approve, nil); x.review(alice, forge.ReviewChanges, nil) }, "they ask for changes"},
		"expired": {func(x *poll) {
			x.review(alice, approve, func(r *forge.Review) { r.Submitted = noon.Add(-73 * time.Hour) })
		}, "more than 72h"},
		"not merged":    {func(x *poll) { x.review(alice, approve, nil); x.pulls[0].Merged = false }, ""},
		"other branch":  {func(x *poll) { x.review(alice, approve, nil); x.pulls[0].Base.Ref = "release" }, ""},
		"unknown state": {func(x *poll) { x.review(alice, "PENDING", nil) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			x := newPoll(t, 1)
			c.do(x)
			x.says(report.Fail, c.why)
		})
	}
	x := newPoll(t, 1) // a 404 is also what a token gets that may not look
	x.review(alice, approve, nil)
	x.atHead = ""
	x.says(report.Inconclusive, "404")
	x = newPoll(t, 1) // said no, then yes, then something
	x.review(alice, forge.ReviewChanges, nil)
	x.review(alice, approve, nil)
	x.review(alice, forge.ReviewCommented, nil)
	x.says(report.Pass, "alice (review")
	slices.Reverse(x.reviews)
	x.says(report.Pass, "alice (review")
}

// T17: a login can be given up and taken by somebody else; the number stays.
func TestT17RenamedLogin(t *testing.T) {
	x := newPoll(t, 1)
	x.review(manifest.Person{Login: "alice", ID: 99}, forge.ReviewApproved, nil)
	x.says(report.Fail, "not among the people")
	x.review(manifest.Person{Login: "alice-now", ID: alice.ID}, forge.ReviewApproved, nil)
	x.says(report.Pass, "alice (review")
	if x.gate.counted[0].Login != "alice" {
		t.Errorf("recorded as %v", x.gate.counted)
	}
	x = newPoll(t, 1) // the author has another name now
	x.pulls[0].Author.Login = "innocent"
	x.review(mallory, forge.ReviewApproved, nil)
	x.says(report.Fail, "mallory's review approval")
}
