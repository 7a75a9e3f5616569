package promotion

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

const guardedStage = `  production:
    environment: production
    approvals: {required: 2, from: [leads], exclude: [author, committer, dispatcher], maxAge: 72h}
    rollback: {approvals: {required: 0}}
people:
  leads: [{login: alice, id: 1}, {login: bob, id: 2}, {login: carol, id: 3}, {login: ada, id: 41}, {login: mallory, id: 5}, {login: zoe, id: 26}]
`

// keyOf is a person's key, the same each time.
func keyOf(t testing.TB, login string) ssh.Signer {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed([]byte(fmt.Sprintf("%-32s", login))))
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// broughtBy is a world in which mallory's pull request brought a model, carol
// merged it by method, and the run that this started registered it.
func broughtBy(t testing.TB, method string) (*world, *hub, githubtest.PullRequest) {
	x := newWorld(t, guardedStage)
	keys := ""
	for _, login := range []string{"alice", "bob", "mallory"} {
		keys += approval.Line(login, keyOf(t, login).PublicKey()) + "\n"
	}
	x.write(approval.SignersFile, keys)
	x.push("keys")
	x.identify("mallory", "5+mallory@users.noreply.github.com")
	e := x.lock("v1.0.0", "one")
	x.git("push", "-q", "origin", "HEAD:refs/heads/change", "+HEAD~1:main")
	h := x.github()
	h.repo.Protect("main", true)
	for i, login := range []string{"alice", "bob", "carol", "", "mallory"} {
		if login != "" {
			h.AddUser(githubtest.User{Login: login, ID: int64(i + 1)})
		}
	}
	pr := h.repo.OpenPullRequest(githubtest.PullRequest{Title: "new weights", Author: "mallory", Head: "change"})
	tip, err := h.repo.Merge(pr.Number, method, "carol")
	x.must(err)
	x.git("fetch", "-q", "origin")
	x.git("reset", "-q", "--hard", "origin/main")
	run := h.run(x, githubtest.Run{Event: "push", Actor: "carol", HeadSHA: tip, Workflow: ".github/workflows/release.yml"})
	e.Commit, e.Actor.ID, e.Actor.Login = tip, 3, "carol"
	e.Run = fmt.Sprintf("https://github.com/acme/reviews/actions/runs/%d/attempts/1", run.ID)
	x.append(e)
	h.repo.AddEnvironment(githubtest.Environment{Name: "production", Reviewers: []string{"alice", "bob", "ada"}, PreventSelfReview: true, ProtectedBranches: true})
	return x, h, pr
}

// approvedBy signs on the laptop of a person.
func (x *world) approvedBy(login string) *Outcome {
	x.t.Helper()
	x.env = map[string]string{}
	x.open()
	r, err := ref.Parse("sentiment")
	x.must(err)
	o, err := Approve(context.Background(), x.w, r, "production", ApproveOptions{Key: approval.KeyOf(keyOf(x.t, login))})
	x.must(err)
	return o
}

func TestApprovalsOnGitHub(t *testing.T) {
	for _, method := range []string{"merge", "squash", "rebase"} {
		t.Run(method, func(t *testing.T) {
			x, h, pr := broughtBy(t, method)
			start := func() (*githubtest.Run, Occasion) {
				run := h.run(x, githubtest.Run{})
				run.Wait("production")
				return run, h.within(x, run)
			}
			run, on := start()
			refused := func(check string, says ...string) {
				t.Helper()
				f := x.refusedBy(check, "production", on)
				for _, part := range says {
					if !strings.Contains(f.Message+f.Hint, part) {
						t.Errorf("%q is not in %s; %s", part, f.Message, f.Hint)
					}
				}
			}
			refused("promotion.environment", "nobody reviewed it yet")
			x.must(run.Review("alice", "approved", ""))
			refused("promotion.approvals", "needs 2 approvals and has 1: alice (environment", "bob, carol")
			h.repo.Review(pr.Number, "mallory", "APPROVED")
			h.repo.Review(pr.Number, "ada", "APPROVED")
			h.repo.Review(pr.Number, "bob", "APPROVED", strings.Repeat("1", 40))
			refused("promotion.approvals", "mallory's review approval", "opened pull request", "ada's review approval", "started this run", "bob's review approval", "it is of commit")
			h.repo.Review(pr.Number, "bob", "APPROVED")
			h.ResetRequests()
			o := x.mustPromote("production", on)
			if n := len(h.Requests()); n > 10 { // nine for approvals, one for the branch
				for _, r := range h.Requests() {
					t.Log(r.Method, r.Path)
				}
				t.Errorf("%d requests", n)
			}
			if a := o.Approvals; len(a) != 2 || a[0].Login != "bob" || a[0].Via != viaReview || a[1].Login != "alice" || a[1].Via != viaEnvironment {
				t.Errorf("recorded: %v", a)
			}
		})
	}
}

// Signatures suffice where the environment guards nothing, and one of its author
// is none.
func TestSignedOnGitHub(t *testing.T) {
	x, h, _ := broughtBy(t, "squash")
	if o := x.approvedBy("mallory"); o.Done || o.Report == nil || !strings.Contains(o.Message, "would not count") {
		t.Errorf("mallory approves their own: %s", o.Message)
	}
	for _, login := range []string{"alice", "bob"} {
		if o := x.approvedBy(login); !o.Done {
			t.Fatalf("%s: %s: %+v", login, o.Message, o.Report)
		}
	}
	h.repo.AddEnvironment(githubtest.Environment{Name: "production", Reviewers: []string{"alice"}, CanAdminsBypass: true})
	x.later(73 * time.Hour)
	on := h.within(x, h.run(x, githubtest.Run{}))
	f := x.refusedBy("promotion.approvals", "production", on)
	if !strings.Contains(f.Message, "given more than 72h") {
		t.Errorf("%+v", f)
	}
	x.approvedBy("alice")
	x.approvedBy("bob")
	on = h.within(x, h.run(x, githubtest.Run{}))
	o := x.mustPromote("production", on)
	if f := findingOf(t, o.Report, "promotion.environment"); f.Severity != report.Warning || f.Verdict != report.Fail {
		t.Errorf("%+v", f)
	}
	if len(o.Approvals) != 2 || o.Approvals[0].Via != viaSigned {
		t.Errorf("%v", o.Approvals)
	}
}

// On a laptop signatures are all there is.
func TestSignedOnALaptop(t *testing.T) {
	x, _, _ := broughtBy(t, "rebase")
	x.identify("ada", "41+ada@users.noreply.github.com")
	x.approvedBy("alice")
	x.refusedBy("promotion.approvals", "production", Occasion{})
	x.approvedBy("bob")
	x.mustPromote("production", Occasion{})
}

// T4, T7: an administrator starts the job without a review; a run that was
// approved is started again.
func TestT4BypassOnGitHub(t *testing.T) {
	x, h, _ := broughtBy(t, "squash")
	h.repo.AddEnvironment(githubtest.Environment{Name: "production", Reviewers: []string{"alice"}, PreventSelfReview: true, ProtectedBranches: true, CanAdminsBypass: true})
	run := h.run(x, githubtest.Run{})
	run.Wait("production")
	x.must(run.Bypass("ada"))
	x.refusedBy("promotion.environment", "production", h.within(x, run))
	h.repo.AddEnvironment(githubtest.Environment{Name: "production", Reviewers: []string{"alice"}, PreventSelfReview: true, ProtectedBranches: true})
	x.refusedBy("promotion.environment", "production", h.within(x, run))

	run = h.run(x, githubtest.Run{})
	run.Wait("production")
	x.must(run.Review("alice", "approved", ""))
	run.Rerun("ada")
	f := x.refusedBy("promotion.environment", "production", h.within(x, run))
	if !strings.Contains(f.Hint, "new run") {
		t.Errorf("%+v", f)
	}
}
