package act

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

const staged = "sentiment@v0.1.0"

// stagedLab has a model in staging, that lin has approved for production, or
// nobody yet.
func stagedLab(t *testing.T, approved bool) *gateLab {
	t.Helper()
	l := newGateLab(t)
	l.put("models/sentiment/model.yaml", strings.Replace(modelText, "datasets: {train: reviews}\n", "", 1)+deployText)
	l.put("deploy/inference.yaml", strings.ReplaceAll(servingText, "REGISTRY", l.registry))
	l.model(1)
	l.want(l.change("first"), true)
	l.has("staging", "v0.1.0", false)
	if approved {
		l.approve(staged, "lin")
	}
	return l
}

// refused runs the whole workflow after prepare did what the threat is, and
// sees that nothing comes of it but so many refusals on record.
func (l *gateLab) refused(threat string, recorded int, prepare func(job, *githubtest.Run), because ...string) {
	l.t.Helper()
	before := len(l.rejects())
	j, run, _ := l.promotion(staged, "")
	prepare(j, run)
	d := l.act(j)
	if d.ok {
		l.t.Fatalf("%s: promoted\n%s", threat, d.log)
	}
	l.contains(d.log, because...)
	if s, there := l.state("sentiment").Stages["production"]; there {
		l.t.Errorf("%s: production has %s", threat, s.Version)
	}
	if got := l.deployments(); got != "" {
		l.t.Errorf("%s: deployments: %s", threat, got)
	}
	if n := len(l.waiting()); n > 0 {
		l.t.Errorf("%s: %d pull requests", threat, n)
	}
	if n := len(l.rejects()) - before; n != recorded {
		l.t.Errorf("%s: %d refusals are recorded, want %d", threat, n, recorded)
	}
}

// reviewedBy is a review of the run's environment.
func (l *gateLab) reviewedBy(login string) func(job, *githubtest.Run) {
	return func(_ job, run *githubtest.Run) { l.check(run.Review(login, "approved", "")) }
}

// loosened weakens the environment for the moment that something takes.
func (l *gateLab) loosened(change func(*githubtest.Environment), act func(*githubtest.Run) error) func(job, *githubtest.Run) {
	return func(_ job, run *githubtest.Run) {
		weak := live
		change(&weak)
		l.repo.AddEnvironment(weak)
		l.check(act(run))
		l.repo.AddEnvironment(live)
	}
}

// TestWithheld: without its approvals, and with one of two, the job that applies
// is refused although it was started; with both it promotes.
func TestWithheld(t *testing.T) {
	l := stagedLab(t, false)
	before := l.ledger()
	_, _, planned := l.promotion(staged, "")
	l.want(planned, true)
	l.contains(planned.log, "once it has its approvals")
	_, _, planned = l.promotion(staged, "sha256:"+strings.Repeat("1", 64))
	l.want(planned, false)
	l.contains(planned.log, "was planned: plan again")
	if l.ledger() != before {
		t.Error("a plan wrote the ledger")
	}

	l.refused("nobody approved", 1, func(job, *githubtest.Run) {}, "needs 2 approvals and has 0", "hubot")
	l.refused("T2 one of two", 1, l.reviewedBy("hubot"), "needs 2 approvals and has 1", "lin")

	l.promote(staged)
	l.has("production", "v0.1.0", false)
	l.deploymentsAre("sentiment v0.1.0 in_progress")
}

// TestSelfApproval: T1, who started the run signed as well, or reviewed it in the
// moment in which the environment let them.
func TestSelfApproval(t *testing.T) {
	l := stagedLab(t, true)
	l.actor = lin
	l.refused("signed", 1, l.reviewedBy("hubot"), "needs 2 approvals and has 1", "started this run")
	l.actor = octocat
	l.refused("reviewed", 1, l.loosened(func(e *githubtest.Environment) { e.PreventSelfReview = false },
		func(run *githubtest.Run) error { return run.Review("octocat", "approved", "") }), "needs 2 approvals and has 1", "started this run")
}

// TestReviewed: a review of the pull request is an approval after the squash too,
// and T14, not when commits were pushed after it.
func TestReviewed(t *testing.T) {
	l := newGateLab(t)
	l.put("models/sentiment/model.yaml", strings.Replace(modelText, "datasets: {train: reviews}\n", "", 1))
	l.model(1)
	pr := l.propose("first")
	l.repo.Review(pr.Number, "lin", "APPROVED")
	l.want(l.mergeOf(pr.Number), true)
	j, run, planned := l.promotion(staged, "")
	l.want(planned, true)
	l.contains(planned.log, "needs 2 approvals and has 1: lin")
	l.check(run.Review("hubot", "approved", ""))
	l.want(l.act(j), true)
	l.has("production", "v0.1.0", false)
	l.deploymentsAre("sentiment v0.1.0 success") // there is no file to wait for

	l.model(2)
	pr = l.propose("second")
	l.repo.Review(pr.Number, "lin", "APPROVED")
	l.model(3)
	l.waybill("push")
	l.push("second", "After the review")
	l.want(l.mergeOf(pr.Number), true)
	j, run, _ = l.promotion("sentiment@v0.1.1", "")
	l.check(run.Review("hubot", "approved", ""))
	stale := l.act(j)
	l.want(stale, false)
	l.contains(stale.log, "needs 2 approvals and has 1: hubot", "it is of commit")
	l.has("production", "v0.1.0", false)
}

// TestPassedBy: the environment did not hold what the gate rests on.
func TestPassedBy(t *testing.T) {
	l := stagedLab(t, true)
	l.refused("T4 an administrator starts the job", 1, l.loosened(func(e *githubtest.Environment) { e.CanAdminsBypass = true },
		func(run *githubtest.Run) error { return run.Bypass("octocat") }), "no review of environment live let this run pass")

	// What the plan sees already keeps apply from starting, and is not on record.
	l.refused("T7 started again", 0, func(j job, run *githubtest.Run) {
		l.check(run.Review("hubot", "approved", ""))
		run.Rerun("octocat")
		j.env["GITHUB_RUN_ATTEMPT"] = "2"
	}, "this is attempt 2")
	l.refused("T9 the workflow of a branch", 0, func(j job, run *githubtest.Run) {
		l.check(run.Review("hubot", "approved", ""))
		j.env["GITHUB_WORKFLOW_REF"] = strings.Replace(j.env["GITHUB_WORKFLOW_REF"], "heads/main", "heads/evil", 1)
	}, "of branch evil")
	weak := live
	weak.CanAdminsBypass = true
	l.repo.AddEnvironment(weak)
	l.refused("T3 a weak environment", 0, l.reviewedBy("hubot"), "administrators can pass it by", "Allow administrators to bypass")
}

// TestOneRefused: what the checks refuse keeps nothing else from staging.
func TestOneRefused(t *testing.T) {
	l := newGateLab(t)
	l.put("models/sentiment/model.yaml", strings.Replace(modelText, "datasets: {train: reviews}\n", "", 1))
	l.put("datasets/reviews/dataset.yaml", manifestText)
	l.data(20, "fine") // too few
	l.model(1)
	merged := l.change("first")
	l.want(merged, false)
	l.contains(merged.log, "table.rows")
	l.has("staging", "v0.1.0", false)
	if n := len(l.repo.Releases()); n != 1 {
		t.Errorf("%d releases, want that of the model", n)
	}
}

// rejects are the refusals in the ledger.
func (l *gateLab) rejects() (out []string) {
	for line := range strings.Lines(l.waybill("history", "sentiment")) {
		if strings.Contains(line, "reject") {
			out = append(out, line)
		}
	}
	return out
}
