package promotion

import (
	"net/http"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/report"
)

const openStages = "  staging:\n  production: {requires: [files]}\n"

// refusedBy promotes sentiment and returns the finding that must keep it out.
func (x *world) refusedBy(check, stage string, on Occasion) report.Finding {
	x.t.Helper()
	o := x.promote("sentiment", stage, Options{On: on})
	f := findingOf(x.t, o.Report, check)
	if o.Report.Verdict != report.Fail || f.Verdict != report.Fail || f.Severity != report.Error || f.Hint == "" || x.in(stage) != "" {
		x.t.Errorf("%s, %s has %q: %+v", o.Report.Verdict, stage, x.in(stage), f)
	}
	return f
}

func (x *world) mustPromote(stage string, on Occasion) *Outcome {
	x.t.Helper()
	o := x.promote("sentiment", stage, Options{On: on})
	if !o.Done || x.in(stage) != o.Version.String() {
		x.t.Fatalf("not promoted: %s: %+v", o.Message, o.Report)
	}
	return o
}

// T9: somebody changes the workflow on a branch, and dispatches it there.
func TestT9WorkflowOnABranch(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	x.git("push", "-q", "origin", "HEAD:refs/heads/mine")
	h := x.github()
	f := x.refusedBy("promotion.run", "staging", h.within(x, h.run(x, githubtest.Run{HeadBranch: "mine"})))
	if !strings.Contains(f.Message, "mine") || !strings.Contains(f.Hint, "main") {
		t.Errorf("%+v", f)
	}

	h.repo.AddRuleset(githubtest.Ruleset{Name: "mine", Include: []string{"refs/heads/mine"}, Rules: []map[string]any{{"type": "pull_request"}}})
	x.mustPromote("staging", h.within(x, h.run(x, githubtest.Run{HeadBranch: "mine"})))
}

// The runner's environment can be set by a step: what it says is held against
// what GitHub knows of the run.
func TestT9ForgedOccasion(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	h := x.github()
	run := h.run(x, githubtest.Run{})
	for name, forge := range map[string]func(*Occasion){
		"branch":     func(o *Occasion) { o.WorkflowRef = "acme/reviews/.github/workflows/promote.yml@refs/heads/mine" },
		"workflow":   func(o *Occasion) { o.WorkflowRef = "acme/reviews/.github/workflows/other.yml@refs/heads/main" },
		"repository": func(o *Occasion) { o.WorkflowRef = "mallory/reviews/.github/workflows/promote.yml@refs/heads/main" },
		"tag":        func(o *Occasion) { o.WorkflowRef = "acme/reviews/.github/workflows/promote.yml@refs/tags/main" },
		"pull":       func(o *Occasion) { o.WorkflowRef = "acme/reviews/.github/workflows/promote.yml@refs/pull/1/merge" },
		"nothing":    func(o *Occasion) { o.WorkflowRef = "" },
		"attempt":    func(o *Occasion) { o.Attempt = 2 },
		"name":       func(o *Occasion) { o.Repository = "mallory/reviews" },
	} {
		t.Run(name, func(t *testing.T) {
			x.t = t
			on := h.within(x, run)
			forge(&on)
			x.refusedBy("promotion.run", "staging", on)
		})
	}
	x.t = t
	on := h.within(x, run)
	on.RunID = 77
	if o := x.promote("sentiment", "staging", Options{On: on}); o.Report.Verdict != report.Inconclusive {
		t.Errorf("a run that does not exist: %+v", o.Report)
	}
	x.mustPromote("staging", h.within(x, run))
}

// T10: runs about pull requests and forks work on what outsiders chose.
func TestT10ForkRun(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	h := x.github()
	h.repo.Fork("mallory")
	for _, run := range []githubtest.Run{{Event: "pull_request"}, {Event: "pull_request_target"}, {HeadOwner: "mallory"}, {Event: "issue_comment"}, {Event: "fork"}} {
		x.refusedBy("promotion.run", "staging", h.within(x, h.run(x, run)))
	}
}

// T7: a run that is started again carries the approval of its environment.
func TestT7SecondAttempt(t *testing.T) {
	x := newWorld(t, "  staging:\n  production: {environment: production}\n")
	x.release("v1.0.0", "one")
	h := x.github()
	on := h.within(x, h.run(x, githubtest.Run{Attempt: 2}))
	x.refusedBy("promotion.run", "production", on)
	x.mustPromote("staging", on) // nobody approves what enters staging
}

// Without rules for the default branch a push changes the workflow: it is said,
// and refuses nothing.
func TestUnprotectedDefaultBranch(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	h := x.githubWithout()
	o := x.mustPromote("staging", h.within(x, h.run(x, githubtest.Run{})))
	if f := findingOf(t, o.Report, "promotion.run"); f.Severity != report.Warning || f.Verdict == report.Pass || f.Hint == "" {
		t.Errorf("%+v", f)
	}
}

// An API that does not answer decides nothing: no event, no refusal on record.
func TestAPIFailure(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	h := x.github()
	on := h.within(x, h.run(x, githubtest.Run{}))
	before := x.ledger().Commit
	h.Fail("GET /repos/*/*/actions/runs/*", githubtest.Fault{Status: http.StatusBadGateway, Times: 100})
	o := x.promote("sentiment", "staging", Options{On: on})
	if o.Report.Verdict != report.Inconclusive || o.Event != 0 || x.ledger().Commit != before {
		t.Errorf("%s, event %d: %+v", o.Report.Verdict, o.Event, o.Report)
	}
	h.Heal()
	x.mustPromote("staging", h.within(x, h.run(x, githubtest.Run{})))
}
