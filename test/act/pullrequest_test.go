package act

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// TestPullRequest is the life of one: it breaks a rule, is run again, is
// mended, waits in the merge queue.
func TestPullRequest(t *testing.T) {
	l := newLab(t)
	l.start()
	l.data(20, "fine")
	l.waybill("push")
	l.push("shrink", "Fewer rows")
	pr := l.open("shrink", owner)

	first := l.act(l.pullRequest(pr, "opened"))
	l.want(first, false)
	opened := l.comment(pr)
	l.contains(opened.Body, "waybill: FAIL", "table.rows", "reviews")
	l.concludes(pr.Head, "failure")
	l.atMost(first, 25)
	l.golden("opened", opened.Body)
	if len(first.artifacts) > 0 {
		t.Errorf("the run wrote its comment and left %v for a second workflow", first.artifacts)
	}

	again := l.act(l.pullRequest(pr, "reopened"))
	l.want(again, false)
	if now := l.comment(pr); now.ID != opened.ID {
		t.Errorf("a second run wrote comment %d beside %d", now.ID, opened.ID)
	}

	l.git("checkout", "--quiet", "shrink")
	l.data(400, "mended")
	l.waybill("push")
	l.push("shrink", "More rows")
	mended := l.act(l.pullRequest(pr, "synchronize"))
	l.want(mended, true)
	now := l.comment(pr)
	if now.ID != opened.ID || !now.Updated.After(opened.Updated) {
		t.Errorf("the comment was not edited in place: %d at %v, was %d at %v", now.ID, now.Updated, opened.ID, opened.Updated)
	}
	l.contains(now.Body, "waybill: PASS")
	l.concludes(pr.Head, "success")
	l.golden("mended", now.Body)

	queue := l.mergeGroup(pr)
	l.want(l.act(queue), true)
	if runs := l.repo.CheckRuns(queue.sha); len(runs) != 1 || runs[0].Conclusion != "success" {
		t.Errorf("check runs of the merge group: %+v", runs)
	}
	if l.comment(pr).Updated != now.Updated {
		t.Error("the merge queue's run edited the comment")
	}
}

// TestModel: weights that changed are told as tensors that changed.
func TestModel(t *testing.T) {
	l := newLab(t)
	l.start()
	l.model(2)
	l.waybill("push")
	l.push("retrain", "Retrain")
	pr := l.open("retrain", owner)
	l.want(l.act(l.pullRequest(pr, "opened")), true)
	l.golden("model", l.comment(pr).Body)
}

// TestBaseMoved: what others merged since is none of this pull request's changes,
// though the event still names the base of the day it was opened.
func TestBaseMoved(t *testing.T) {
	l := newLab(t)
	l.start()
	old := l.git("rev-parse", "main")
	l.model(2)
	l.waybill("push", "sentiment")
	l.push("retrain", "Retrain")
	pr := l.open("retrain", owner)
	l.git("checkout", "--quiet", "main")
	l.data(300, "fine")
	l.waybill("push", "reviews")
	l.push("main", "More rows")
	j := l.pullRequest(pr, "synchronize")
	j.payload["pull_request"].(object)["base"].(object)["sha"] = old
	l.want(l.act(j), true)
	body := l.comment(pr).Body
	l.contains(body, "| **sentiment** (model) |", "1 other artifact did not change")
	if strings.Contains(body, "| **reviews** (dataset) |") {
		t.Errorf("reviews is told as a change of the pull request:\n%s", body)
	}
}

// TestFork: the first run may not write and leaves its report, the second tells
// what it says, and that nobody verified it.
func TestFork(t *testing.T) {
	l := newLab(t)
	l.start()
	l.data(20, "fine")
	l.waybill("push")
	l.push("patch-1", "Fewer rows")
	pr := l.open("patch-1", "mallory")
	first := l.act(l.pullRequest(pr, "opened"))
	l.want(first, false)
	if all := l.repo.Comments(pr.Number); len(all) > 0 {
		t.Fatalf("a token that may only read wrote %q", all[0].Body)
	}
	if first.artifacts["waybill-report"]["review.json"] == "" {
		t.Fatalf("the run left %v, no report:\n%s", first.artifacts, first.log)
	}
	second := l.act(l.after(pr, first))
	l.want(second, true)
	told := l.comment(pr)
	l.contains(told.Body, "waybill: FAIL", "not verified", "table.rows")
	l.golden("fork", told.Body)

	l.want(l.act(l.after(pr, first)), true)
	l.comment(pr)
}

// TestForkLies: what a fork's run leaves is not believed when it is no report,
// and cannot speak about another pull request.
func TestForkLies(t *testing.T) {
	l := newLab(t)
	l.start()
	l.push("other", "Another")
	other := l.open("other", owner)
	l.data(20, "fine")
	l.push("patch-1", "Fewer rows")
	pr := l.open("patch-1", "mallory")
	first := done{id: 900, artifacts: map[string]map[string]string{"waybill-report": {"review.json": `{"pullRequest": 1, "comment": "@everyone"}`, "../../evil": "x"}}}
	second := l.act(l.after(pr, first))
	l.want(second, false)
	for _, n := range []int{other.Number, pr.Number} {
		if all := l.repo.Comments(n); len(all) > 0 {
			t.Errorf("pull request %d has a comment: %s", n, all[0].Body)
		}
	}
	// The run ended without a report: there is nothing to tell, and no failure.
	first = done{id: 901}
	l.want(l.act(l.after(pr, first)), true)
}

// TestTwoAtOnce: GitHub's concurrency groups may be missing from a workflow that
// somebody wrote by hand.
func TestTwoAtOnce(t *testing.T) {
	l := newLab(t)
	l.start()
	l.data(20, "fine")
	l.waybill("push")
	l.push("shrink", "Fewer rows")
	pr := l.open("shrink", owner)
	j := l.pullRequest(pr, "opened")
	// Both look before either has written.
	l.gh.Fail("POST /repos/*/*/issues/*/comments", githubtest.Fault{Slow: 3 * time.Second})
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { l.act(j) })
	}
	both.Wait()
	l.gh.Heal()
	first := l.comment(pr)
	l.want(l.act(j), false)
	if now := l.comment(pr); now.ID != first.ID {
		t.Errorf("comment %d took the place of %d", now.ID, first.ID)
	}
}

// TestIntroduce: there is no policy on main yet, so nothing blocks.
func TestIntroduce(t *testing.T) {
	l := newLab(t)
	l.put("README.md", "# Reviews\n")
	l.push("main", "Start")
	l.introduce()
	l.put("datasets/reviews/dataset.yaml", strings.Replace(manifestText, "min: 100", "min: 1000", 1))
	l.push("waybill", "Introduce waybill")
	pr := l.open("waybill", owner)
	l.want(l.act(l.pullRequest(pr, "opened")), true)
	l.contains(l.comment(pr).Body, "introduces waybill")
	l.concludes(pr.Head, "success")
	l.golden("introduce", l.comment(pr).Body)
}

// TestNothingChanged: a pull request about other things.
func TestNothingChanged(t *testing.T) {
	l := newLab(t)
	l.start()
	l.put("README.md", "# Reviews, better\n")
	l.push("words", "Words")
	pr := l.open("words", owner)
	l.want(l.act(l.pullRequest(pr, "opened")), true)
	l.concludes(pr.Head, "success")
	if n := len(l.repo.Comments(pr.Number)); n > 0 {
		t.Errorf("%d comments on what is not waybill's business", n)
	}

	// A comment that was written does not go on telling of what was taken back.
	l.data(20, "fine")
	l.waybill("push")
	l.push("words", "Fewer rows")
	l.want(l.act(l.pullRequest(pr, "synchronize")), false)
	l.contains(l.comment(pr).Body, "waybill: FAIL")
	l.git("revert", "--no-edit", "HEAD")
	l.push("words", "As it was")
	l.want(l.act(l.pullRequest(pr, "synchronize")), true)
	l.golden("nothing", l.comment(pr).Body)
}

// TestMissingPermission: the line to add is named, and the verdict stands.
func TestMissingPermission(t *testing.T) {
	l := newLab(t)
	l.start()
	l.data(300, "fine")
	l.waybill("push")
	l.push("grow", "More rows")
	pr := l.open("grow", owner)
	j := l.pullRequest(pr, "opened")
	j.permissions = mayRead
	d := l.act(j)
	l.want(d, true)
	l.contains(d.log, "pull-requests: write", "checks: write")
	if n := len(l.repo.Comments(pr.Number)); n > 0 {
		t.Errorf("%d comments", n)
	}
	// The second workflow makes up for it, and says where it has it from.
	l.want(l.act(l.after(pr, d)), true)
	l.contains(l.comment(pr).Body, "waybill: PASS", "not verified")
}

// TestPolicyWeakened: the rule that would have failed is taken away with it.
func TestPolicyWeakened(t *testing.T) {
	l := newLab(t)
	l.start()
	l.data(20, "fine")
	l.put("datasets/reviews/dataset.yaml", strings.Replace(manifestText, "min: 100", "min: 1", 1))
	l.waybill("push")
	l.push("loosen", "Ask for less")
	pr := l.open("loosen", owner)
	l.act(l.pullRequest(pr, "opened"))
	l.contains(l.comment(pr).Body, "policy.weakened")
	l.golden("weakened", l.comment(pr).Body)
}
