package act

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// TestRelease is the way of a model from its pull request to production and back.
func TestRelease(t *testing.T) {
	l := newGateLab(t)
	l.put("datasets/reviews/dataset.yaml", manifestText)
	l.put("models/sentiment/model.yaml", modelText+deployText)
	l.put("deploy/inference.yaml", strings.ReplaceAll(servingText, "REGISTRY", l.registry))
	l.data(200, "fine")
	l.model(1)

	// Merged: registered, datasets first, and in staging.
	merged := l.change("first")
	l.want(merged, true)
	l.has("staging", "v0.1.0", false)
	if n := len(l.repo.Releases()); n != 2 {
		t.Errorf("%d releases, want one of the dataset and one of the model", n)
	}
	l.economical(merged.by["promote"][:len(merged.by["promote"])/2]) // of two artifacts

	// Promoted: the pull request with the deployment file waits.
	first := l.promote("sentiment@v0.1.0")
	l.economical(first.by["apply"])
	l.has("production", "v0.1.0", false)
	l.deploymentsAre("sentiment v0.1.0 in_progress")
	approvals := l.state("sentiment").Stages["production"].Approvals
	if len(approvals) != 2 || approvals[0].Login+approvals[1].Login != "hubotlin" && approvals[0].Login+approvals[1].Login != "linhubot" {
		t.Errorf("the ledger has the approvals %+v", approvals)
	}
	open := l.waiting()
	if len(open) != 1 {
		t.Fatalf("%d pull requests with deployment files", len(open))
	}
	file, _ := l.repo.File("refs/heads/"+open[0].Head, "deploy/inference.yaml")
	if want := strings.Replace(strings.ReplaceAll(servingText, "REGISTRY", l.registry), "sha256:"+strings.Repeat("0", 64), l.state("sentiment").Stages["production"].Digest, 1); file != want {
		t.Errorf("the deployment file is\n%s", file)
	}

	// The next version takes the open pull request over.
	l.model(2)
	l.want(l.change("second"), true)
	l.has("staging", "v0.1.1", false)
	l.promote("sentiment@v0.1.1")
	if now := l.waiting(); len(now) != 1 || now[0].Number != open[0].Number || !strings.Contains(now[0].Title, "v0.1.1") {
		t.Errorf("open pull requests: %+v, one was #%d", now, open[0].Number)
	}

	// Merged: deployed, which the next run of the release workflow records.
	l.want(l.mergeOf(open[0].Number), true)
	l.has("production", "v0.1.1", true)
	l.deploymentsAre("sentiment v0.1.1 success, sentiment v0.1.0 inactive")

	l.rollback()
}

// rollback goes back twice: once straight onto main, once by a pull request.
func (l *gateLab) rollback() {
	t := l.t
	t.Helper()
	l.model(3)
	l.want(l.change("third"), true)
	l.promote("sentiment@v0.1.2")
	l.want(l.mergeOf(l.waiting()[0].Number), true)
	l.has("production", "v0.1.2", true)

	drill := l.flow("waybill-rollback.yml", "schedule", object{"schedule": "17 6 * * 1"}, "drill")
	l.want(drill, true)
	l.contains(drill.log, "would work: v0.1.2 → v0.1.1")

	back := func() done {
		return l.flow("waybill-rollback.yml", "workflow_dispatch", object{"ref": "refs/heads/main",
			"inputs": object{"artifact": "sentiment", "stage": "production", "reason": "wrong on short texts", "to": "", "accept-break": "false"}}, "rollback")
	}
	l.want(back(), true)
	l.has("production", "v0.1.1", true)
	l.deploymentsAre("sentiment v0.1.1 success, sentiment v0.1.2 inactive, sentiment v0.1.1 inactive, sentiment v0.1.0 inactive")
	if n := len(l.waiting()); n > 0 {
		t.Errorf("%d pull requests wait after a rollback that was committed", n)
	}

	// Held: not even with its approvals.
	before := l.ledger()
	_, _, planned := l.promotion("sentiment@v0.1.2", "")
	l.want(planned, false)
	l.contains(planned.log, "is held since")
	if l.ledger() != before {
		t.Error("a plan wrote the ledger")
	}

	// Until somebody releases it. Then main is closed to tokens.
	l.git("pull", "--quiet", "origin", "main")
	l.waybill("hold", "sentiment@v0.1.2", "--release", "--reason", "it was the tokenizer")
	l.promote("sentiment@v0.1.2")
	l.want(l.mergeOf(l.waiting()[0].Number), true)
	l.has("production", "v0.1.2", true)
	l.repo.AddRuleset(githubtest.Ruleset{Name: "closed", Include: []string{"refs/heads/main"}, Rules: []map[string]any{{"type": "update"}}})
	waits := back()
	l.want(waits, false)
	l.contains(waits.log, "not yet effective", "exit status 3")
	l.has("production", "v0.1.1", false)
	l.want(l.mergeOf(l.waiting()[0].Number), true)
	l.has("production", "v0.1.1", true)
}

// economical: a promotion asks at most 15 times, a pull request with a deployment
// file included. A token has 1,000 requests an hour.
func (l *gateLab) economical(asked []string) {
	l.t.Helper()
	if len(asked) == 0 || len(asked) > 15 {
		l.t.Errorf("a promotion made %d requests:\n%s", len(asked), strings.Join(asked, "\n"))
	}
}
