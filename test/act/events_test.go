package act

import (
	"fmt"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// What the workflows of init give their tokens, and what GitHub gives to runs
// for forks whatever the workflow says.
var (
	may     = map[string]string{"contents": "read", "pull_requests": "write", "checks": "write", "packages": "read"}
	mayRead = map[string]string{"contents": "read", "pull_requests": "read", "checks": "read", "packages": "read"}
	mayTell = map[string]string{"actions": "read", "pull_requests": "write"}
)

// open opens a pull request from a branch that was pushed.
func (l *lab) open(branch, headOwner string) githubtest.PullRequest {
	l.t.Helper()
	pr := githubtest.PullRequest{Title: "Change", Head: branch, Base: "main", HeadSHA: l.git("rev-parse", branch), BaseSHA: l.git("rev-parse", "main")}
	if headOwner != owner {
		l.repo.Fork(headOwner)
		pr.HeadOwner = headOwner
	}
	return l.repo.OpenPullRequest(pr)
}

// merge makes the commit that GitHub tests: base and head as they are now.
func (l *lab) merge(pr githubtest.PullRequest) (base, head, merge string) {
	l.t.Helper()
	base, head = l.git("rev-parse", "main"), l.git("rev-parse", pr.Head)
	tree := l.git("merge-tree", "--write-tree", base, head)
	merge = l.git("commit-tree", tree, "-p", base, "-p", head, "-m", "Merge")
	ref := fmt.Sprintf("refs/pull/%d/merge", pr.Number)
	l.git("update-ref", ref, merge)
	l.git("push", "--quiet", "--force", "origin", ref)
	l.repo.UpdatePullRequest(pr.Number, func(p *githubtest.PullRequest) { p.HeadSHA, p.BaseSHA, p.MergeSHA = head, base, merge })
	return base, head, merge
}

type object = map[string]any

func repository(owner string, fork bool) object {
	return object{"name": project, "full_name": owner + "/" + project, "fork": fork, "default_branch": "main", "owner": object{"login": owner, "id": 7}}
}

// pullRequest is the run for the event of that name.
func (l *lab) pullRequest(pr githubtest.PullRequest, action string) job {
	l.t.Helper()
	base, head, merge := l.merge(pr)
	fork := pr.HeadOwner != owner
	j := job{event: "pull_request", workflow: "waybill-check.yml", sha: merge, permissions: may, payload: object{
		"action": action, "number": pr.Number, "repository": repository(owner, false),
		"pull_request": object{"number": pr.Number, "title": pr.Title, "user": object{"login": pr.Author, "id": 5},
			"head": object{"sha": head, "ref": pr.Head, "repo": repository(pr.HeadOwner, fork)},
			"base": object{"sha": base, "ref": "main", "repo": repository(owner, false)}},
	}}
	if fork {
		j.permissions = mayRead
	}
	return j
}

// mergeGroup is the run for a merge queue's attempt.
func (l *lab) mergeGroup(pr githubtest.PullRequest) job {
	l.t.Helper()
	base, _, merge := l.merge(pr)
	branch := fmt.Sprintf("gh-readonly-queue/main/pr-%d-%s", pr.Number, base)
	l.git("push", "--quiet", "--force", "origin", merge+":refs/heads/"+branch)
	l.repo.SetBranch(branch, merge)
	return job{event: "merge_group", workflow: "waybill-check.yml", sha: merge, permissions: may, payload: object{
		"action": "checks_requested", "repository": repository(owner, false),
		"merge_group": object{"base_sha": base, "base_ref": "refs/heads/main", "head_sha": merge, "head_ref": "refs/heads/" + branch},
	}}
}

// after is the run of the second workflow, when the first ended.
func (l *lab) after(pr githubtest.PullRequest, first done) job {
	l.t.Helper()
	conclusion := "failure"
	if first.ok {
		conclusion = "success"
	}
	head := l.git("rev-parse", pr.Head)
	run := l.repo.AddRun(githubtest.Run{ID: first.id, Event: "pull_request", HeadBranch: pr.Head, HeadSHA: head, HeadOwner: pr.HeadOwner,
		Status: "completed", Conclusion: conclusion})
	for name, files := range first.artifacts {
		run.AddArtifact(name, files)
	}
	return job{event: "workflow_run", workflow: "waybill-comment.yml", sha: l.git("rev-parse", "main"), permissions: mayTell, payload: object{
		"action": "completed", "repository": repository(owner, false),
		"workflow_run": object{"id": run.ID, "run_attempt": 1, "name": "waybill", "head_sha": head, "head_branch": pr.Head, "conclusion": conclusion,
			"event": "pull_request", "pull_requests": []any{}, "head_repository": repository(pr.HeadOwner, pr.HeadOwner != owner)},
	}}
}
