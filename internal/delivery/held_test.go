package delivery

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

func (x *world) hold(version string) {
	x.t.Helper()
	x.append(ledger.Event{Kind: ledger.KindHold, Artifact: "sentiment", Version: ref.MustVersion(version),
		ContentDigest: ref.Of([]byte(version)), Actor: ledger.Actor{ID: 1, Login: "ada"}, Reason: "wrong labels"})
}

func (x *world) rollback(from, to string) {
	x.t.Helper()
	x.hold(from)
	x.append(ledger.Event{Kind: ledger.KindRollback, Artifact: "sentiment", Version: ref.MustVersion(to), From: ref.MustVersion(from), Stage: "production",
		ContentDigest: ref.Of([]byte(to)), Digest: digestOf(to), Actor: ledger.Actor{ID: 1, Login: "ada"}, Reason: "wrong labels"})
}

// open are the numbers of pull requests that could be merged.
func (x *world) open() (out []int) {
	for _, pr := range x.repo.PullRequests() {
		if pr.State == "open" {
			out = append(out, pr.Number)
		}
	}
	return out
}

// live is a world whose production serves v0.1.0, while the pull request of
// v0.2.0 is open.
func live(t *testing.T) *world {
	x := newWorld(t)
	x.promote("v0.1.0", "production")
	x.deliver("production", x.options())
	x.merge(1)
	x.deployed()
	x.promote("v0.2.0", "production")
	x.deliver("production", x.options())
	if len(x.open()) != 1 {
		t.Fatalf("open are %v", x.open())
	}
	return x
}

// After a rollback nothing that is open rolls forward again by a merge, wherever
// the file stands.
func TestRollbackTakesThePullRequestBack(t *testing.T) {
	for name, before := range map[string]func(x *world){
		"the file names the good version": func(*world) {},
		"the file names nothing": func(x *world) {
			x.git("pull", "-q", "origin", "main")
			x.write(file, service)
			x.push("by hand")
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := live(t)
			before(x)
			x.rollback("v0.2.0", "v0.1.0")
			o := x.options()
			o.Straight = true
			r := x.deliver("production", o)
			if !r.Effective || len(x.open()) != 0 || !strings.Contains(x.onMain(file), digestOf("v0.1.0").Hex()) {
				t.Errorf("%+v, open are %v", r, x.open())
			}
		})
	}
	// Where a rule asks for a pull request, it is the same one, with the good version.
	x := live(t)
	x.merge(2)
	x.repo.AddRuleset(githubtest.Ruleset{Name: "main", Target: "branch", Include: []string{"~DEFAULT_BRANCH"}, Rules: []map[string]any{{"type": "update"}}})
	x.rollback("v0.2.0", "v0.1.0")
	o := x.options()
	o.Straight = true
	r := x.deliver("production", o)
	if r.Effective || len(x.open()) != 1 || r.Files[0].State != Proposed {
		t.Errorf("%+v, open are %v", r, x.open())
	}
	// Until then the bad version is served, which is no mere wait for a merge.
	f := x.deployed().Report.Findings[0]
	if f.Verdict != report.Fail || f.Severity != report.Error || !strings.Contains(f.Message, "names v0.2.0, which is held (wrong labels)") || !strings.Contains(f.Hint, "merge the pull request from waybill/deploy-sentiment-production-") {
		t.Errorf("%+v", f)
	}
}

// A merge that rolls forward after all is seen.
func TestHeldVersionOnTheBranch(t *testing.T) {
	x := live(t)
	x.rollback("v0.2.0", "v0.1.0")
	x.deployed()
	x.merge(2)
	seen := x.deployed()
	f := seen.Report.Findings[0]
	if f.Verdict != report.Fail || f.Severity != report.Error || !strings.Contains(f.Message, "which is held") || !strings.Contains(f.Hint, "waybill promote sentiment@v0.1.0 --to production") {
		t.Errorf("%+v", f)
	}
}

// What is held after it was assigned is written nowhere, and nobody is told to
// merge it. That a file names it is a fact, and is recorded, but is no PASS.
func TestHeldWhileAssigned(t *testing.T) {
	x := live(t)
	x.hold("v0.2.0")
	events := len(x.repo.PullRequests())
	for _, o := range []Options{x.options(), {}} {
		r := x.deliver("production", o)
		if r.Effective || len(r.Findings) != 1 || r.Findings[0].Verdict != report.Fail || !strings.Contains(r.Findings[0].Hint, "waybill rollback sentiment --stage production") || r.Files[0].State != Planned {
			t.Errorf("%+v", r)
		}
	}
	if len(x.repo.PullRequests()) != events {
		t.Error("a pull request was opened for it")
	}
	f := x.deployed().Report.Findings
	if len(f) != 1 || f[0].Verdict != report.Fail || strings.Contains(f[0].Hint, "merge") {
		t.Errorf("%+v", f)
	}
	x.merge(2)
	seen := x.deployed()
	if len(seen.Recorded) != 1 || seen.Report.Verdict != report.Fail {
		t.Errorf("recorded %+v, %+v", seen.Recorded, seen.Report)
	}
}

// What somebody adds to the branch of a pull request does not ride along.
func TestPullRequestWithMore(t *testing.T) {
	x := live(t)
	branch := x.repo.PullRequests()[1].Head
	x.repo.Commit(branch, "one thing more", map[string]string{"deploy/prod/admin.yaml": "kind: ClusterRoleBinding\n"})
	r := x.deliver("production", x.options())
	head := "refs/heads/" + branch
	if more, there := x.repo.File(head, "deploy/prod/admin.yaml"); there || r.Files[0].State != Proposed || len(x.open()) != 1 {
		t.Errorf("%+v: the branch has %q", r, more)
	}
	at := x.repo.Ref(head)
	if x.deliver("production", x.options()); x.repo.Ref(head) != at {
		t.Error("what is as it should be was written again")
	}
}

// meanwhile is a forge on which the branch moves on before it is written to.
type meanwhile struct {
	Forge
	do func()
}

func (m *meanwhile) BranchHead(ctx context.Context, branch string) (string, error) {
	if do := m.do; do != nil {
		m.do = nil
		do()
	}
	return m.Forge.BranchHead(ctx, branch)
}

func (m *meanwhile) FindPullRequest(ctx context.Context, head, base string) (forge.PullRequest, error) {
	if do := m.do; do != nil {
		m.do = nil
		do()
	}
	return m.Forge.FindPullRequest(ctx, head, base)
}

// Who merges the bad version while the rollback looks for its pull request does
// not have the last word.
func TestMergedMeanwhile(t *testing.T) {
	x := live(t)
	x.rollback("v0.2.0", "v0.1.0")
	o := x.options()
	o.Straight = true
	o.Forge = &meanwhile{x.client, func() { x.merge(2) }}
	r := x.deliver("production", o)
	if !r.Effective || r.Files[0].State != Committed || !strings.Contains(x.onMain(file), digestOf("v0.1.0").Hex()) || len(x.open()) != 0 {
		t.Errorf("%+v: the branch has\n%s", r, x.onMain(file))
	}
}

// Another run writes the same file: its change stays, and ours comes on top.
func TestFileChangesMeanwhile(t *testing.T) {
	x := newWorld(t)
	x.promote("v0.1.0", "production")
	o := x.options()
	o.Straight, o.Wrote = true, 3
	o.Forge = &meanwhile{x.client, func() {
		x.write(file, strings.Replace(service, "# kept", "# changed", 1))
		x.push("another run")
	}}
	r := x.deliver("production", o)
	if got := x.onMain(file); !r.Effective || !strings.Contains(got, digestOf("v0.1.0").Hex()) || !strings.Contains(got, "# changed") {
		t.Errorf("%+v: the branch has\n%s", r, got)
	}
	if got := x.deployments("live"); len(got) != 1 || got[0] != "v0.1.0 success" {
		t.Errorf("deployments: %v", got)
	}
}

// After a rollback, "run it again" would be read as one more rollback: what does
// the rest is named. So it is where only the forge was not told.
func TestRestIsNamed(t *testing.T) {
	x := live(t)
	x.rollback("v0.2.0", "v0.1.0")
	o := x.options()
	o.Straight = true
	const rest = "to do the rest, run: waybill promote sentiment@v0.1.0 --to production"
	x.gh.Fail("POST /repos/acme/reviews/deployments", githubtest.Fault{Status: 403})
	_, err := Deliver(context.Background(), x.w, "sentiment", "production", o)
	if err == nil || strings.Contains(err.Error(), "run it again") || !strings.Contains(err.Error(), rest) {
		t.Errorf("%v", err)
	}
	x.gh.Heal()
	x.deliver("production", o)
	if got := x.deployments("live"); got[0] != "v0.1.0 success" {
		t.Errorf("deployments: %v", got)
	}
	y := newWorld(t)
	y.promote("v0.1.0", "production")
	y.deliver("production", y.options())
	y.merge(1)
	all, err := y.client.Deployments(context.Background(), "live", "")
	y.must(err)
	y.gh.Fail(fmt.Sprintf("POST /repos/acme/reviews/deployments/%d/statuses", all[0].ID), githubtest.Fault{Status: 403})
	seen, err := Deployed(context.Background(), y.w, y.options())
	if err == nil || len(seen.Recorded) != 1 || !strings.Contains(err.Error(), rest) {
		t.Errorf("%+v, %v", seen, err)
	}
	y.gh.Heal()
	y.deliver("production", y.options())
	if got := y.deployments("live"); got[0] != "v0.1.0 success" {
		t.Errorf("deployments: %v", got)
	}
}

// A version that nobody registered is drift too; how to say "none yet" there is
// said, and holds.
func TestUnknownVersion(t *testing.T) {
	x := newWorld(t)
	x.write("models/sentiment/model.yaml", strings.Replace(model, `, key: spec.predictor.model.storageUri, value: "oci://{ref}"`, "", 1))
	x.write(file, "version: \"9.9.9\" # {\"$waybill\": \"sentiment:production:version\"}\n")
	x.push("markers")
	x.promote("v0.1.0", "production")
	r := x.deliver("production", x.options())
	if len(r.Findings) != 1 || r.Files[0].State != Refused || !strings.Contains(r.Findings[0].Message, "v9.9.9") || !strings.Contains(r.Findings[0].Hint, `or "" for none`) {
		t.Fatalf("%+v", r)
	}
	x.write(file, "version: \"\" # {\"$waybill\": \"sentiment:production:version\"}\n")
	x.push("none")
	o := x.options()
	o.Straight = true
	if r = x.deliver("production", o); !r.Effective || !strings.HasPrefix(x.onMain(file), "version: \"v0.1.0\" # {") {
		t.Errorf("%+v: %s", r, x.onMain(file))
	}
}
