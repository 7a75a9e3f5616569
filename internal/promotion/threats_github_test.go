package promotion

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

// waiting is a run that waits for production, with its occasion.
func (h *hub) waiting(x *world) (*githubtest.Run, Occasion) {
	run := h.run(x, githubtest.Run{})
	run.Wait("production")
	return run, h.within(x, run)
}

// appended writes an approve event as somebody would who may push, and asks
// nobody.
func (x *world) appended(login string, change func(*approval.Statement)) ledger.Event {
	x.t.Helper()
	s, err := Statement(x.t.Context(), x.w, ref.Reference{Name: "sentiment"}, "production", "")
	x.must(err)
	if change != nil {
		change(&s)
	}
	signed, err := approval.Sign(keyOf(x.t, login), s)
	x.must(err)
	e := x.event(ledger.KindApprove, "v1.0.0", "production")
	e.Signed, e.PolicyDigest, e.Actor = &signed, s.PolicyDigest, ledger.Actor{ID: 1, Login: "alice"}
	x.append(e)
	return e
}

// hasAll looks for parts in all that is said of a finding.
func hasAll(t *testing.T, f report.Finding, parts ...string) {
	t.Helper()
	text := f.Message + f.Hint
	for _, s := range f.Details {
		if all, ok := s.([]string); ok {
			text += strings.Join(all, "\n")
		}
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %s", part, text)
		}
	}
}

// T1: the author approves in each of the three ways, one of them past the
// command that would refuse it, and the dispatcher reviews.
func TestT1SelfApprovalOnGitHub(t *testing.T) {
	x, h, pr := broughtBy(t, "squash")
	x.appended("mallory", nil)
	h.repo.Review(pr.Number, "mallory", "APPROVED")
	h.repo.Review(pr.Number, "ada", "APPROVED")
	h.repo.AddEnvironment(githubtest.Environment{Name: "production", Reviewers: []string{"mallory"}, PreventSelfReview: true, ProtectedBranches: true})
	run, on := h.waiting(x)
	x.must(run.Review("mallory", "approved", ""))
	f := x.refusedBy("promotion.approvals", "production", on)
	hasAll(t, f, "has 0", "mallory's signed approval", "mallory's review approval", "mallory's environment approval", "opened pull request", "ada's review approval", "started this run")
}

// T2: two reviewers of an environment are one approval.
func TestT2OneOfTwoOnGitHub(t *testing.T) {
	x, h, _ := broughtBy(t, "squash")
	run, on := h.waiting(x)
	x.must(run.Review("alice", "approved", ""))
	run.Wait("production") // in another job
	x.must(run.Review("bob", "approved", ""))
	hasAll(t, x.refusedBy("promotion.approvals", "production", on), "has 1", "an environment's review counts once")
	x.approvedBy("alice")
	x.mustPromote("production", h.within(x, run))
}

// T3: the environment was made by a typo, or what guards it was switched off
// after the review.
func TestT3WeakEnvironmentOnGitHub(t *testing.T) {
	x, h, _ := broughtBy(t, "squash")
	run, _ := h.waiting(x)
	x.must(run.Review("alice", "approved", ""))
	x.approvedBy("bob")
	on := h.within(x, run)
	good := githubtest.Environment{Name: "production", Reviewers: []string{"alice"}, PreventSelfReview: true, ProtectedBranches: true}
	for says, weaken := range map[string]func(*githubtest.Environment){
		"nobody has to review":           func(e *githubtest.Environment) { e.Reviewers = nil },
		"who started the run may review": func(e *githubtest.Environment) { e.PreventSelfReview = false },
		"administrators can pass it by":  func(e *githubtest.Environment) { e.CanAdminsBypass = true },
		"any branch may deploy":          func(e *githubtest.Environment) { e.ProtectedBranches = false },
		"; any branch may deploy":        func(e *githubtest.Environment) { *e = githubtest.Environment{Name: "production"} },
	} {
		e := good
		weaken(&e)
		h.repo.AddEnvironment(e)
		hasAll(t, x.refusedBy("promotion.environment", "production", on), says, "an administrator has to set")
	}
	h.repo.AddEnvironment(good)
	x.mustPromote("production", on)
}

// T12, T13: what was signed is used up by a hold; a copy of it, and one that was
// kept back until after that, are as well.
func TestT12CopiedApprovals(t *testing.T) {
	x, _, _ := broughtBy(t, "squash")
	x.env = map[string]string{}
	x.open()
	copied := x.appended("alice", nil)
	x.appended("bob", nil)
	if o := x.promote("sentiment", "production", Options{Plan: true}); o.Report.Verdict != report.Pass {
		t.Fatalf("%+v", o.Report)
	}
	x.later(time.Hour)
	x.append(x.event(ledger.KindHold, "v1.0.0", ""), x.event(ledger.KindReleaseHold, "v1.0.0", ""))
	x.append(copied)
	x.appended("bob", func(s *approval.Statement) { s.At, s.Reason = s.At.Add(-time.Hour), "kept back" })
	hasAll(t, x.refusedBy("promotion.approvals", "production", Occasion{}), "has 0", "it is a copy of event 2", "it was signed before event 4")
	x.appended("alice", nil)
	x.appended("bob", nil)
	x.mustPromote("production", Occasion{})
}

// T12: held content comes back under another number, by an event that somebody
// wrote.
func TestT12HeldContentRenumbered(t *testing.T) {
	x := newWorld(t, openStages)
	e := x.release("v1.0.0", "one")
	x.append(x.event(ledger.KindHold, "v1.0.0", ""))
	e.Version = ref.MustVersion("v9.0.0")
	x.append(e)
	hasAll(t, x.refusedBy("promotion.hold", "staging", Occasion{}), "v1.0.0 is held", "waybill hold sentiment@v1.0.0 --release")
}

// T13: one review of a run lets one version pass, not what its next job names.
func TestT13OneReviewOnGitHub(t *testing.T) {
	x, h, _ := broughtBy(t, "squash")
	run, _ := h.waiting(x)
	x.must(run.Review("alice", "approved", ""))
	x.approvedBy("bob")
	x.mustPromote("production", h.within(x, run))
	x.release("v2.0.0", "two")
	x.approvedBy("bob")
	on := h.within(x, run)
	o := x.promote("sentiment@v2.0.0", "production", Options{On: on})
	if f := findingOf(t, o.Report, "promotion.environment"); o.Done || f.Verdict != report.Fail || !strings.Contains(f.Message, "was spent by event") || x.in("production") != "v1.0.0" {
		t.Errorf("%s: %+v", o.Message, f)
	}
}

// T14: a review of what was pushed later, and one that was dismissed.
func TestT14StaleReviewOnGitHub(t *testing.T) {
	x, h, pr := broughtBy(t, "rebase")
	_, on := h.waiting(x)
	h.repo.Review(pr.Number, "alice", "APPROVED", x.git("rev-parse", "HEAD~1"))
	gone := h.repo.Review(pr.Number, "bob", "APPROVED")
	h.repo.UpdateReview(gone.ID, func(r *githubtest.Review) { r.State = "DISMISSED" })
	hasAll(t, x.refusedBy("promotion.approvals", "production", on), "has 0", "and what was merged is", "it was dismissed")
}

// T17: somebody took the login that zoe gave up, and bob has another one now.
func TestT17RenamedOnGitHub(t *testing.T) {
	x, h, pr := broughtBy(t, "squash")
	h.AddUser(githubtest.User{Login: "zoe", ID: 99})
	h.AddUser(githubtest.User{Login: "robert", ID: 2})
	run, on := h.waiting(x)
	x.must(run.Review("alice", "approved", ""))
	h.repo.Review(pr.Number, "zoe", "APPROVED")
	hasAll(t, x.refusedBy("promotion.approvals", "production", on), "has 1", "zoe's review approval", "not among the people")
	h.repo.Review(pr.Number, "robert", "APPROVED")
	if o := x.mustPromote("production", on); o.Approvals[0].Login != "bob" || o.Approvals[0].ID != 2 {
		t.Errorf("%+v", o.Approvals)
	}
}

// T20: a promotion speaks with the forge and the registry, and puts nothing into
// a log that everybody reads.
func TestT20NothingIsPublished(t *testing.T) {
	x, h, pr := broughtBy(t, "squash")
	before := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = before })
	seen := 0
	http.DefaultTransport = roundTripper(func(r *http.Request) (*http.Response, error) {
		seen++
		if !strings.HasPrefix(r.URL.String(), h.URL) {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if r.Method != http.MethodGet {
			t.Errorf("a gate writes: %s %s", r.Method, r.URL)
		}
		return before.RoundTrip(r)
	})
	run, on := h.waiting(x)
	x.must(run.Review("alice", "approved", ""))
	h.repo.Review(pr.Number, "bob", "APPROVED")
	x.mustPromote("production", on)
	if seen == 0 {
		t.Error("the forge was not asked through here")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whatever the forge answers instead of an answer, to whichever question:
// nothing is let in and nothing is put on record.
func TestFaultsDecideNothing(t *testing.T) {
	x, h, pr := broughtBy(t, "squash")
	run, on := h.waiting(x)
	x.must(run.Review("alice", "approved", ""))
	h.repo.Review(pr.Number, "bob", "APPROVED")
	h.ResetRequests()
	if o := x.promote("sentiment", "production", Options{On: on, Plan: true}); o.Report.Verdict != report.Pass {
		t.Fatalf("%+v", o.Report)
	}
	asked := h.Requests()
	if len(asked) < 9 {
		t.Fatalf("%d questions", len(asked))
	}
	before := x.ledger().Commit
	for _, r := range asked {
		path, _, _ := strings.Cut(r.Path, "?")
		for name, fault := range map[string]githubtest.Fault{
			"500": {Status: 500}, "403": {Status: 403}, "404": {Status: 404}, "401": {Status: 401}, "truncated": {Truncate: true}, "limit": {RateLimit: "secondary", RetryAfter: time.Hour},
		} {
			h.Heal()
			h.Fail(r.Method+" "+path, fault)
			on = h.within(x, run)
			o := x.promote("sentiment", "production", Options{On: on, Plan: true})
			spared := strings.HasSuffix(path, "/branches/main") || // the default branch: a warning
				strings.HasSuffix(path, "/rules/branches/main") ||
				name == "404" && strings.HasSuffix(path, "/runs/"+registeringRun(x)) // long gone; checked again
			if o.Report.Verdict == report.Fail || o.Report.Verdict == report.Pass && !spared {
				t.Errorf("%s, %s: %s", path, name, o.Report.Verdict)
			}
		}
	}
	h.Heal()
	h.Fail("GET /repos/*/*/environments/*", githubtest.Fault{Status: 404})
	x.promote("sentiment", "production", Options{On: h.within(x, run)})
	if x.ledger().Commit != before {
		t.Error("something was written")
	}
	h.Heal()
	x.mustPromote("production", h.within(x, run))
}

// registeringRun is the number of the run that registered the first version.
func registeringRun(x *world) string {
	m := runURL.FindStringSubmatch(x.ledger().State.Artifacts["sentiment"].Versions[0].Run)
	return m[1]
}
