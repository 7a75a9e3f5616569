package promotion

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// T3: an environment whose protection is gone, weak or cannot be read guards
// nothing, unless enough people signed.
func TestT3UnprotectedEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		weaken func(*poll)
		says   []string
	}{
		"no reviewers": {func(x *poll) { x.env.Reviewers = nil }, []string{"nobody has to review", "Required reviewers"}},
		"self-review":  {func(x *poll) { x.env.PreventSelfReview = false }, []string{"Prevent self-review"}},
		"admins":       {func(x *poll) { x.env.CanAdminsBypass = true }, []string{"Allow administrators to bypass configured protection rules"}},
		"any branch":   {func(x *poll) { x.env.ProtectedBranches = false }, []string{"Deployment branches and tags"}},
		"a pattern of all": {func(x *poll) {
			x.env.ProtectedBranches, x.env.CustomPolicies, x.env.Policies = false, true, []forge.Policy{{Name: "**/*", Kind: "branch"}}
		}, []string{"any branch"}},
		"all of it": {func(x *poll) { x.env = forge.Environment{Name: "production", CanAdminsBypass: true} },
			[]string{"nobody has to review", "may review it", "pass it by", "any branch"}},
		"there is none": {func(x *poll) {
			x.fail["environment"] = &forge.NotFound{What: "read environment production", Needs: "actions: read"}
		}, []string{"404", "create it"}},
		"not shown": {func(x *poll) {
			x.fail["environment"] = &forge.NotAllowed{What: "read environment production", Needs: "actions: read", Status: 403}
		}, []string{"403", "actions: read"}},
	} {
		t.Run(name, func(t *testing.T) {
			x := newPoll(t, 1)
			x.deploy(alice)
			x.guard(report.Pass, report.Error)
			x.says(report.Pass)
			c.weaken(x)
			want := report.Fail
			if x.fail["environment"] != nil { // refused as well, and nothing is on record that a switch of a token's could make false
				want = report.Inconclusive
				x.says(want, "could not be found out")
			} else {
				x.says(want, "has 0")
			}
			x.guard(want, report.Error, c.says...)
			x.review(bob, forge.ReviewApproved, nil) // counts, and mends nothing
			x.guard(want, report.Error)
			x.sign(mallory, nil)
			x.guard(want, report.Error)
			x.sign(bob, nil)
			x.guard(want, report.Warning, c.says...)
			x.says(report.Pass)
		})
	}
	x := newPoll(t, 1)
	x.env.ProtectedBranches, x.env.CustomPolicies, x.env.Policies = false, true, []forge.Policy{{Name: "main", Kind: "branch"}}
	x.deploy(alice)
	x.guard(report.Pass, report.Error)
}

// T4: a job that waits for a review can be started without one.
func TestT4AdminBypass(t *testing.T) {
	x := newPoll(t, 1)
	x.gate.stage.Environment = "production"
	x.guard(report.Fail, report.Error, "an administrator started it anyway", "environment: production")
	x.says(report.Fail, "review of the deployment on the run's page")
	x.approved = []forge.Approval{{State: "rejected", User: accountOf(alice), Environments: []string{"production"}},
		{State: "approved", User: accountOf(alice), Environments: []string{"staging"}}}
	x.guard(report.Fail, report.Error)
	x.says(report.Fail, "it is rejected")
	x.sign(bob, nil)
	x.guard(report.Fail, report.Warning)
	x.says(report.Pass)
}

// T4: the list of a run's reviews has no times: where one job was approved and
// another was rejected, nobody let the environment pass.
func TestT4RejectedAfterwards(t *testing.T) {
	for _, order := range []string{"rejected last", "rejected first"} {
		x := newPoll(t, 1)
		x.deploy(alice)
		x.says(report.Pass)
		x.approved = append(x.approved, forge.Approval{State: "rejected", Comment: "\x1b[2Jno\r\n::set-output", User: accountOf(bob), Environments: []string{"PRODUCTION"}})
		if order == "rejected first" {
			slices.Reverse(x.approved)
		}
		f := x.says(report.Fail, "alice's environment approval", "was rejected in this run too", "bob's environment approval")
		if text := fmt.Sprint(f); strings.ContainsAny(text, "\x1b\r") {
			t.Errorf("%q", text)
		}
		x.guard(report.Fail, report.Error, "environment production was rejected in this run")
		x.approved[0].Environments, x.approved[1].Environments = []string{"production"}, []string{"production"}
		x.approved = slices.DeleteFunc(x.approved, func(a forge.Approval) bool { return a.State == "rejected" })
		x.approved = append(x.approved, forge.Approval{State: "rejected", User: accountOf(bob), Environments: []string{"staging"}})
		x.says(report.Pass, "alice (environment")
	}
}

// T13: a run's review lets one version pass, whatever its other jobs ask for.
func TestT13OneReviewOneVersion(t *testing.T) {
	run := "https://github.com/acme/reviews/actions/runs/%d/attempts/1"
	for name, c := range map[string]struct {
		e     ledger.Event
		spent bool
	}{
		"another model":     {ledger.Event{Kind: ledger.KindPromote, Stage: "production", Run: fmt.Sprintf(run, 50), Approvals: []ledger.Approval{{ID: 1, Via: viaEnvironment}}}, true},
		"the same, again":   {ledger.Event{Kind: ledger.KindPromote, Stage: "production", Run: fmt.Sprintf(run, 50)}, true},
		"a stage beside it": {ledger.Event{Kind: ledger.KindPromote, Stage: "shadow", Run: fmt.Sprintf(run, 50)}, true},
		"signed":            {ledger.Event{Kind: ledger.KindPromote, Stage: "production", Run: fmt.Sprintf(run, 50), Approvals: []ledger.Approval{{ID: 1, Via: viaSigned}}}, false},
		"another run":       {ledger.Event{Kind: ledger.KindPromote, Stage: "production", Run: fmt.Sprintf(run, 5)}, false},
		"unguarded stage":   {ledger.Event{Kind: ledger.KindPromote, Stage: "staging", Run: fmt.Sprintf(run, 50)}, false},
		"a refusal":         {ledger.Event{Kind: ledger.KindReject, Stage: "production", Run: fmt.Sprintf(run, 50)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := newPoll(t, 1)
			x.deploy(alice)
			x.gate.policy.Stages = []manifest.Stage{{Name: "staging"}, {Name: "shadow", Environment: "Production"}, x.gate.stage}
			x.says(report.Pass)
			n := x.record(c.e)
			x.events[n-1].Artifact = "other"
			if !c.spent {
				x.says(report.Pass)
				return
			}
			x.says(report.Fail, "it was spent by event 2")
			x.guard(report.Fail, report.Error, "who gave it saw one version", "new run")
			x.sign(bob, nil)
			x.says(report.Pass, "bob (signed")
		})
	}
}

// A stage with an environment that asks for no approvals is guarded by its
// review, or by a signature.
func TestEnvironmentAlone(t *testing.T) {
	x := newPoll(t, 0)
	x.gate.stage.Environment = "production"
	x.guard(report.Fail, report.Error)
	x.says(report.Pass)
	x.gate.on = Occasion{}
	x.guard(report.Fail, report.Error, "waybill approve sentiment@v1.0.0 --to production")
	x.gate.stage.Approvals.Exclude = nil
	x.sign(alice, nil)
	x.guard(report.Pass, report.Warning)
	x = newPoll(t, 0)
	x.deploy(eve)
	x.guard(report.Pass, report.Error)
	x.fail["environment"] = errors.New("502")
	x.guard(report.Inconclusive, report.Error)
}
