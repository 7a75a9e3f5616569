package contract

import (
	"context"
	"errors"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// history does what a gate asks: how a file came to be as it is, who let it in,
// and from which run.
func (f *fixture) history() {
	ctx, c := context.Background(), f.client
	for i, method := range []string{"merge", "squash", "rebase"} {
		branch := "change/" + method
		head := f.repo.Commit(branch, "retrain", map[string]string{"lock.json": method})
		pr := f.repo.OpenPullRequest(githubtest.PullRequest{Title: "Retrain", Head: branch, Author: "lin"})
		open, err := c.PullRequestsOfCommit(ctx, head)
		f.checked("PullRequestsOfCommit of an open one", err)
		if len(open) != 1 || open[0].Merged {
			f.Errorf("PullRequestsOfCommit: %+v", open)
		}
		review := f.repo.Review(pr.Number, "octocat", forge.ReviewApproved)
		f.repo.UpdateReview(f.repo.Review(pr.Number, "ada", forge.ReviewApproved).ID, func(v *githubtest.Review) { v.State, v.Commit = forge.ReviewDismissed, "" })
		tip, err := f.repo.Merge(pr.Number, method, "octocat")
		if err != nil {
			f.Fatal(err)
		}
		newest, err := c.Commits(ctx, tip, "lock.json", 1)
		f.checked("Commits", err)
		if want := map[bool]string{true: head, false: tip}[method == "merge"]; len(newest) != 1 || newest[0].SHA != want {
			f.Errorf("Commits: %+v, want %s", newest, want)
		}
		brought, err := c.PullRequestsOfCommit(ctx, newest[0].SHA)
		f.checked("PullRequestsOfCommit", err)
		if len(brought) != 1 || brought[0].Number != pr.Number || !brought[0].Merged || brought[0].MergeCommit != tip || brought[0].Head.SHA != head {
			f.Errorf("PullRequestsOfCommit: %+v", brought)
		}
		full, err := c.PullRequest(ctx, pr.Number)
		f.checked("PullRequest", err)
		if full.MergedBy.Login != "octocat" {
			f.Errorf("PullRequest: merged by %+v", full.MergedBy)
		}
		own, err := c.PullRequestCommits(ctx, pr.Number)
		f.checked("PullRequestCommits", err)
		if len(own) != 1 || own[0].SHA != head || own[0].Author.ID == 0 || len(own[0].Parents) != 1 {
			f.Errorf("PullRequestCommits: %+v", own)
		}
		reviews, err := c.Reviews(ctx, pr.Number)
		f.checked("Reviews", err)
		if len(reviews) != 2 || reviews[0].Commit != head || !reviews[0].Submitted.Equal(review.Submitted) || reviews[1].State != forge.ReviewDismissed {
			f.Errorf("Reviews: %+v", reviews)
		}
		f.repo.Protect("main", i > 0)
		protected, err := c.BranchProtected(ctx, "main")
		f.checked("BranchProtected", err)
		if protected != (i > 0) {
			f.Errorf("BranchProtected: %t", protected)
		}
	}
}

// runs reads a first and a second attempt, and one that nobody approved.
func (f *fixture) runs() {
	ctx, c := context.Background(), f.client
	run := f.repo.AddRun(githubtest.Run{Event: "workflow_dispatch", Actor: "octocat", HeadOwner: "mallory", Workflow: ".github/workflows/promote.yml@refs/heads/main"})
	for attempt := range int64(2) {
		got, err := c.Run(ctx, run.ID)
		f.checked("Run", err)
		if got.Attempt != attempt+1 || got.Actor.Login != "octocat" || got.Path != ".github/workflows/promote.yml" || got.Repository != "acme/reviews" || got.HeadRepository != "mallory/reviews" ||
			(got.TriggeringActor.Login == "lin") != (attempt == 1) || got.Started.After(got.Created) != (attempt == 1) {
			f.Errorf("Run: %+v", got)
		}
		run.Rerun("lin")
	}
	of, err := c.Run(ctx, f.run.ID)
	f.checked("Run", err)
	if of.HeadRepository != "acme/reviews" {
		f.Errorf("Run: %+v", of)
	}
	bypassed := f.repo.AddRun(githubtest.Run{Event: "workflow_dispatch", Actor: "octocat"})
	bypassed.Wait("production")
	if err := bypassed.Bypass("octocat"); err != nil {
		f.Fatal(err)
	}
	approvals, err := c.Approvals(ctx, bypassed.ID)
	f.checked("Approvals", err)
	if len(approvals) != 0 {
		f.Errorf("Approvals: %+v", approvals)
	}
}

// updates does what keeps one pull request for a target up to date.
func (f *fixture) updates() {
	ctx, c := context.Background(), f.client
	base := f.repo.Ref("refs/heads/main")
	for _, content := range []string{"one", "two"} {
		_, err := c.ReplaceBranch(ctx, "waybill/deploy", forge.Base{Commit: base}, map[string][]byte{"deploy.yaml": []byte(content)}, "Deploy")
		f.checked("ReplaceBranch", err)
	}
	pr, err := c.CreatePullRequest(ctx, forge.NewPullRequest{Title: "Deploy", Head: "waybill/deploy", Base: "main"})
	f.checked("CreatePullRequest", err)
	f.checked("UpdatePullRequest", c.UpdatePullRequest(ctx, pr.Number, "Deploy two", "b"))
	f.checked("ClosePullRequest", c.ClosePullRequest(ctx, pr.Number))
	closed, err := c.PullRequest(ctx, pr.Number)
	f.checked("PullRequest", err)
	if closed.State != "closed" || closed.Title != "Deploy two" {
		f.Errorf("PullRequest: %+v", closed)
	}
	_, err = c.CreateDeployment(ctx, forge.Deployment{SHA: f.base, Task: "waybill:m", Environment: "production"})
	f.checked("CreateDeployment", err)
	found, err := c.DeploymentsOf(ctx, "production", "waybill:m")
	f.checked("DeploymentsOf", err)
	if len(found) != 1 {
		f.Errorf("DeploymentsOf: %+v", found)
	}
}

// An unknown commit is not found, whichever way GitHub says so.
func TestUnknownCommit(t *testing.T) {
	for _, flavour := range flavours {
		t.Run(flavour.name, func(t *testing.T) {
			f := newFixture(t, flavour.name, flavour.options...)
			const nowhere = "1234567890123456789012345678901234567890"
			ctx := context.Background()
			_, err := f.client.PullRequestsOfCommit(ctx, nowhere)
			isNotFound(t, "PullRequestsOfCommit", err)
			_, err = f.client.Commits(ctx, nowhere, "a", 1)
			isNotFound(t, "Commits", err)
			_, err = f.client.BranchProtected(ctx, "nowhere")
			isNotFound(t, "BranchProtected", err)
			_, err = f.client.Run(ctx, 1)
			isNotFound(t, "Run", err)
			f.checked("what is not there", nil)
		})
	}
}

func isNotFound(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("%s: %v, want ErrNotFound", what, err)
	}
}
