package promotion

import (
	"errors"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
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
			x.guard(report.Fail, report.Error, c.says...)
			x.says(report.Fail, "has 0")
			x.review(bob, forge.ReviewApproved, nil) // counts, and mends nothing
			x.guard(report.Fail, report.Error)
			x.sign(mallory, nil)
			x.guard(report.Fail, report.Error)
			x.sign(bob, nil)
			x.guard(report.Fail, report.Warning, c.says...)
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
