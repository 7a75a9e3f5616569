package promotion

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// What the forge does not answer is neither a yes nor a no.
func TestApprovalsUnanswered(t *testing.T) {
	broken := errors.New("502 bad gateway")
	for _, what := range []string{"commits", "pulls", "pull commits", "run 40", "run 50", "lock"} {
		x := newPoll(t, 1)
		x.fail[what] = broken
		x.sign(alice, nil) // would suffice, if she had no part in it
		x.says(report.Inconclusive, "502 bad gateway")
		x.fail[what] = &forge.NotAllowed{What: "x", Needs: "pull-requests: read", Status: 403}
		x.says(report.Inconclusive, "pull-requests: read")
		x.gate.stage.Environment, x.env.CanAdminsBypass = "production", true
		x.guard(report.Fail, report.Error) // nobody knows yet whether her signature suffices
		x.gate.stage.Approvals.Exclude = nil
		x.guard(report.Fail, report.Warning)
		x.says(report.Pass)
	}
	for _, what := range []string{"reviews", "contents", "approvals", "environment"} {
		x := newPoll(t, 1)
		x.gate.stage.Environment = "production"
		x.review(bob, forge.ReviewApproved, nil)
		x.fail[what] = broken
		if what == "approvals" || what == "environment" {
			x.reviews = nil
			x.guard(report.Inconclusive, report.Error, "502")
		}
		x.says(report.Inconclusive, "502 bad gateway")
		x.gate.action = "rollback"
		x.says(report.Inconclusive, "502 bad gateway")
		if what == "approvals" || what == "environment" {
			x.guard(report.Inconclusive, report.Error, "502")
		}
		x.sign(alice, nil)
		x.says(report.Pass)
	}
	x := newPoll(t, 1)
	x.sign(alice, nil)
	x.pulls, x.commits[0].Author, x.commits[0].AuthorEmail = nil, forge.Account{}, "m@example.com"
	x.says(report.Inconclusive, "m@example.com", "came by no pull request")
	x = newPoll(t, 1)
	x.sign(alice, nil)
	x.pulls = slices.Repeat(x.pulls, maxPulls+1)
	x.says(report.Inconclusive, "more than are read")
	x = newPoll(t, 1)
	x.sign(alice, nil)
	x.commits = append(x.commits, make([]forge.Commit, maxPullCommits)...)
	x.says(report.Inconclusive, "250 commits or more")
}

// Addresses that nobody has are told, since who has them might approve.
func TestUnverifiedAuthor(t *testing.T) {
	x := newPoll(t, 1)
	x.sign(alice, nil)
	x.commits[1].Author, x.commits[1].AuthorEmail = forge.Account{}, "work@example.com"
	x.says(report.Pass)
	found := x.vote()
	x.commits[1].AuthorEmail = "77+someone@users.noreply.github.com"
	if known := x.vote(); len(known) != 1 {
		t.Errorf("whose address this is, it says itself: %v", known)
	}
	if f := found[len(found)-1]; f.Severity != report.Warning || f.Verdict != report.Inconclusive || !strings.Contains(f.Message, "work@example.com") {
		t.Errorf("%+v", f)
	}
}

// Without a forge signatures are the only source, and Git says who changed what.
func TestApprovalsOnALaptop(t *testing.T) {
	x := newPoll(t, 1)
	x.gate.on = Occasion{}
	x.gate.version.By = ledger.Actor{Login: "carol"}
	x.change.AuthorEmail, x.change.CommitterEmail = "5+mallory@users.noreply.github.com", webFlowAddress
	x.change.Message = "x\n\nCo-authored-by: Bob <2+bob@users.noreply.github.com>"
	x.actor = ledger.Actor{Login: "4+dave@users.noreply.github.com"}
	x.review(alice, forge.ReviewApproved, nil)
	for _, p := range []manifest.Person{mallory, bob, carol, dave} {
		x.sign(p, nil)
	}
	x.says(report.Fail, "mallory's signed", "bob's signed", "carol's signed", "dave's signed", "1 approval more from alice: waybill approve")
	x.sign(alice, nil)
	x.says(report.Pass, "alice (signed")
	if len(x.asked) > 0 {
		t.Errorf("asked for %v", x.asked)
	}
	x.change.People = []gitrepo.Identity{{Name: "Alice", Email: "1+alice@users.noreply.github.com"}}
	x.says(report.Fail, "alice's signed approval", "had a part")
	x.change.People, x.change.Shallow = nil, true
	x.says(report.Inconclusive, "shallow")
}

// A rollback asks what the stage says of rollbacks.
func TestRollbackApprovals(t *testing.T) {
	x := newPoll(t, 2)
	x.gate.action, x.gate.stage.Environment, x.gate.stage.Rollback.Required = "rollback", "production", 0
	x.says(report.Pass, "no approvals")
	x.gate.stage.Rollback.Required = 1
	x.says(report.Fail, "needs 1 approval")
	x.sign(alice, nil)
	x.says(report.Pass)
}

// Whoever is excluded besides, no more is let through; and the order in which
// approvals are listed changes nothing.
func TestApprovalsMonotone(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		e := electorate{members: map[int64]manifest.Person{}, excluded: map[int64]string{}, maxAge: time.Hour, now: noon}
		for id := range int64(6) {
			if r.IntN(5) > 0 {
				e.members[id] = manifest.Person{Login: "p", ID: id}
			}
		}
		var all []consent
		for range r.IntN(12) {
			all = append(all, consent{person: manifest.Person{ID: r.Int64N(7)}, via: []string{viaSigned, viaReview, viaEnvironment}[r.IntN(3)], at: noon.Add(-time.Duration(r.IntN(80)) * time.Minute)})
		}
		before, _ := e.count(all)
		ids := map[int64]bool{}
		reviews := 0
		for _, c := range before {
			if ids[c.person.ID] || e.refuseConsent(c) != "" {
				t.Fatalf("%v counts", c)
			}
			ids[c.person.ID] = true
			if c.via == viaEnvironment {
				reviews++
			}
		}
		if reviews > 1 {
			t.Fatal("two reviews of the environment count")
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if again, _ := e.count(all); !slices.Equal(before, again) {
			t.Fatalf("in another order %v, %v", before, again)
		}
		e.excluded[r.Int64N(6)] = "wrote it"
		if after, _ := e.count(all); len(after) > len(before) {
			t.Fatalf("%d of %v, with more exclusions %d", len(before), all, len(after))
		}
	}
}

func TestElectorate(t *testing.T) {
	e := electorate{members: map[int64]manifest.Person{0: {Login: "nobody"}, 1: alice}, now: noon}
	for name, c := range map[string]consent{
		"nobody's": {via: viaSigned, at: noon}, "of no time": {person: alice, via: viaSigned}, "yet to come": {person: alice, via: viaSigned, at: noon.Add(skew + 1)},
	} {
		if counted, not := e.count([]consent{c}); len(counted) != 0 || len(not) != 1 {
			t.Errorf("an approval that is %s counts", name)
		}
	}
	e.maxAge = 24 * time.Hour // from the earlier of both
	for _, c := range []consent{
		{person: alice, via: viaSigned, at: noon.Add(-25 * time.Hour), recorded: noon},
		{person: alice, via: viaSigned, at: noon, recorded: noon.Add(-25 * time.Hour)},
	} {
		if counted, _ := e.count([]consent{c}); len(counted) != 0 {
			t.Errorf("%+v counts", c)
		}
	}
	if counted, _ := e.count([]consent{{person: alice, via: viaSigned, at: noon.Add(skew)}}); len(counted) != 1 {
		t.Error("a clock that is a little ahead is refused")
	}
}

// The whole counting asks for little, and only what it needs.
func TestApprovalsRequests(t *testing.T) {
	x := newPoll(t, 3)
	x.deploy(alice)
	x.review(bob, forge.ReviewApproved, nil)
	x.sign(carol, nil)
	x.says(report.Pass)
	if len(x.asked) > 9 {
		t.Errorf("%d requests: %v", len(x.asked), x.asked)
	}
	x.gate.stage.Approvals.Required = 2
	x.says(report.Pass)
	if slices.Contains(x.asked, "reviews") || slices.Contains(x.asked, "contents") {
		t.Errorf("the reviews were asked for, which nobody needs: %v", x.asked)
	}
	x.gate.stage.Approvals.Exclude, x.gate.stage.Environment = nil, ""
	x.sign(bob, nil)
	x.says(report.Pass)
	if len(x.asked) > 0 {
		t.Errorf("asked for %v", x.asked)
	}
}

func TestCoAuthors(t *testing.T) {
	got := coAuthors("x\n\n  Co-Authored-By: A <a@x>\r\nco-authored-by: B <x> <b@x>\nCo-authored-by: a@x\nCo-authored-by: <c@x\nReviewed-by: D <d@x>\nCo-authored-by:")
	if want := []string{"a@x", "b@x", "c@x", ""}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzCoAuthors(f *testing.F) {
	f.Add("x\n\nCo-authored-by: A <a@x>")
	f.Add("co-authored-by:<<>")
	f.Fuzz(func(t *testing.T, s string) {
		for _, a := range coAuthors(s) {
			if strings.ContainsAny(a, "\n<") && strings.Contains(a, "<") {
				t.Errorf("%q", a)
			}
			noReplyID(a)
		}
	})
}

// BenchmarkApprovals counts as many signed approvals of one version for one stage
// as are ever checked, and 200 reviews. BenchmarkGate is what a ledger looks like.
func BenchmarkApprovals(b *testing.B) {
	x := newPoll(b, 3)
	key := keyOf(b, "alice")
	signers, err := approval.ParseSigners(approval.SignersFile, []byte(approval.Line("alice", key.PublicKey())))
	if err != nil {
		b.Fatal(err)
	}
	if x.people, err = approval.NewDirectory(x.gate.policy.People, signers); err != nil {
		b.Fatal(err)
	}
	first, err := x.events[0].Hash()
	if err != nil {
		b.Fatal(err)
	}
	s := (&ballot{gate: x.gate}).statement(first)
	for i := range maxVerified {
		s.At = noon.Add(-time.Hour - time.Duration(i)*time.Second)
		signed, err := approval.Sign(key, s)
		if err != nil {
			b.Fatal(err)
		}
		x.sign(alice, func(d *ledger.Decision, _ *approval.Statement) { d.Signed = &signed })
	}
	for i := range int64(199) {
		x.review(manifest.Person{Login: "somebody", ID: 1000 + i}, forge.ReviewApproved, nil)
	}
	x.review(bob, forge.ReviewApproved, nil)
	for b.Loop() {
		x.says(report.Fail, "alice (signed", "bob (review")
	}
}
