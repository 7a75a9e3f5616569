package github_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge"
)

// aWorkflowRun is an answer of GET /actions/runs/5, shortened.
func aWorkflowRun(change ...func(object)) object {
	o := object{
		"id": 5, "run_attempt": 2, "event": "workflow_dispatch", "status": "in_progress", "conclusion": nil, "head_branch": "main", "head_sha": shaA,
		"path": ".github/workflows/promote.yml@refs/heads/main", "repository": object{"full_name": "acme/reviews"}, "head_repository": object{"full_name": "acme/reviews"},
		"actor": user("octocat", 583231), "triggering_actor": user("hubot", 480938), "created_at": "2026-03-01T10:00:00Z", "run_started_at": "2026-03-02T10:00:00Z",
		"html_url": "https://github.com/acme/reviews/actions/runs/5",
	}
	for _, f := range change {
		f(o)
	}
	return o
}

func aCommit(sha, message string) object {
	return object{
		"sha": sha, "parents": []object{{"sha": shaC}}, "author": user("octocat", 583231), "committer": nil,
		"commit": object{"message": message, "author": object{"email": "octocat@example.com"}, "committer": object{"email": "nobody@example.com"}},
	}
}

func TestHistory(t *testing.T) {
	merged := pull(7, "acme", "topic", shaA)
	merged["state"], merged["merged_at"], merged["merge_commit_sha"] = "closed", "2026-03-01T10:00:00Z", shaB
	a := serve(t, map[string]http.HandlerFunc{
		"GET /actions/runs/5":  gives(200, aWorkflowRun()),
		"GET /branches/main":   gives(200, object{"name": "main", "protected": true}),
		"GET /branches/a%2Fb":  gives(200, object{"name": "a/b", "protected": false}),
		"GET /branches/loose":  gives(200, object{"name": "loose", "protected": false}),
		"GET /pulls/7":         gives(200, func() object { merged["merged_by"] = user("hubot", 480938); return merged }()),
		"GET /pulls/7/commits": gives(200, []object{aCommit(shaA, "one\n\nCo-authored-by: Hu <hu@example.com>"), aCommit(shaB, "two")}),
		"GET /commits": func(w http.ResponseWriter, r *http.Request) {
			if q := r.URL.Query(); q.Get("sha") != shaA || q.Get("path") != "models/m/model.lock.json" || q.Get("per_page") != "3" {
				t.Errorf("asked for %s", r.URL.RawQuery)
			}
			answer(w, 200, []object{aCommit(shaA, "one")})
		},
		"GET /commits/" + shaB + "/pulls": gives(200, []object{merged}),
		"GET /commits/" + shaC + "/pulls": gives(422, object{"message": "No commit found for SHA: " + shaC}),
		"GET /rules/branches/a%2Fb":       gives(200, []object{{"type": "pull_request"}}),
		"GET /rules/branches/loose":       gives(200, []object{{"type": "commit_message_pattern"}, {"type": "non_fast_forward"}, {"type": "creation"}}),
		"GET /pulls/7/reviews":            raw(200, `[{"id":1,"state":"approved","commit_id":"`+shaA+`","user":{"id":583231,"login":"octocat"},"submitted_at":"2026-03-01T10:00:00Z","html_url":"javascript:x"},{"id":2,"state":"DISMISSED","commit_id":"main","user":null}]`),
	})
	c := a.client()
	octocat, hubot := forge.Account{Login: "octocat", ID: 583231}, forge.Account{Login: "hubot", ID: 480938}
	same(t, "run")(c.Run(ctx, 5))(forge.Run{
		ID: 5, Attempt: 2, Event: "workflow_dispatch", Status: "in_progress", Path: ".github/workflows/promote.yml", HeadBranch: "main", HeadSHA: shaA,
		Repository: "acme/reviews", HeadRepository: "acme/reviews", Actor: octocat, TriggeringActor: hubot,
		Created: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Started: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), URL: "https://github.com/acme/reviews/actions/runs/5",
	})
	same(t, "classic protection")(c.BranchProtected(ctx, "main"))(true)
	same(t, "a ruleset")(c.BranchProtected(ctx, "a/b"))(true)
	same(t, "rules that let anybody push")(c.BranchProtected(ctx, "loose"))(false)
	one := forge.Commit{SHA: shaA, Author: octocat, AuthorEmail: "octocat@example.com", CommitterEmail: "nobody@example.com", Message: "one", Parents: []string{shaC}}
	first, second := one, one
	first.Message, second.SHA, second.Message = "one\n\nCo-authored-by: Hu <hu@example.com>", shaB, "two"
	same(t, "commits")(c.Commits(ctx, shaA, "models/m/model.lock.json", 3))([]forge.Commit{one})
	same(t, "commits of a pull request")(c.PullRequestCommits(ctx, 7))([]forge.Commit{first, second})
	same(t, "reviews")(c.Reviews(ctx, 7))([]forge.Review{
		{ID: 1, User: octocat, State: forge.ReviewApproved, Commit: shaA, Submitted: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}, {ID: 2, State: forge.ReviewDismissed},
	})
	found, err := c.PullRequestsOfCommit(ctx, shaB)
	if err != nil || len(found) != 1 || !found[0].Merged || found[0].MergeCommit != shaB {
		t.Errorf("pull requests of a commit: %+v, %v", found, err)
	}
	if pr, err := c.PullRequest(ctx, 7); err != nil || pr.MergedBy != hubot || !pr.Merged {
		t.Errorf("merged pull request: %+v, %v", pr, err)
	}
	if _, err := c.PullRequestsOfCommit(ctx, shaC); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("an unknown commit: %v, want ErrNotFound", err)
	}
}

// TestWorkflowPath: a file and a ref named to look like another workflow's path
// do not become it.
func TestWorkflowPath(t *testing.T) {
	for path, want := range map[string]string{
		".github/workflows/promote.yml":                     ".github/workflows/promote.yml",
		".github/workflows/promote.yml@main":                ".github/workflows/promote.yml",
		".github/workflows/promote.yaml@refs/tags/m@v1.0.0": ".github/workflows/promote.yaml",
		".github/workflows/a@b.yml@main":                    ".github/workflows/a@b.yml",
		".github/workflows/promote.yml@x.yml":               ".github/workflows/promote.yml@x.yml",
		".github/workflows/promote.yml@x.yml@main":          ".github/workflows/promote.yml@x.yml@main",
		"dynamic/pages/pages-build-deployment":              "dynamic/pages/pages-build-deployment",
	} {
		run, err := serve(t, map[string]http.HandlerFunc{"GET /actions/runs/5": gives(200, aWorkflowRun(func(o object) { o["path"] = path }))}).client().Run(ctx, 5)
		if err != nil || run.Path != want {
			t.Errorf("%s: got %q, %v; want %q", path, run.Path, err, want)
		}
	}
}

// TestHistoryHostile: answers that cannot be GitHub's are errors.
func TestHistoryHostile(t *testing.T) {
	for _, change := range []func(object){
		func(o object) { o["id"] = 6 }, func(o object) { o["run_attempt"] = 0 }, func(o object) { o["head_sha"] = "main" },
		func(o object) { o["repository"] = nil }, func(o object) { o["repository"] = object{"full_name": "acme"} }, func(o object) { delete(o, "created_at") },
	} {
		o := aWorkflowRun(change)
		_, err := serve(t, map[string]http.HandlerFunc{"GET /actions/runs/5": gives(200, o)}).client().Run(ctx, 5)
		wants(t, err, "read workflow run 5 of acme/reviews", "not what GitHub's API describes")
	}
	run, err := serve(t, map[string]http.HandlerFunc{"GET /actions/runs/5": gives(200, aWorkflowRun(func(o object) { o["head_repository"] = nil }))}).client().Run(ctx, 5)
	if err != nil || run.HeadRepository != "" {
		t.Errorf("of a fork that is gone: %+v, %v", run, err)
	}
	_, err = says(t, 200, `{"name":"other","protected":true}`).BranchProtected(ctx, "main")
	wants(t, err, `it is about branch "other"`)
	_, err = says(t, 200, `{"name":"main"}`).BranchProtected(ctx, "main")
	wants(t, err, "it does not say so")
	text := `{"sha":"` + shaA + `","commit":{"message":"m"},"parents":[]}`
	_, err = says(t, 200, `[`+text+`,`+text+`]`).Commits(ctx, shaA, "a", 1)
	wants(t, err, "it has 2 commits, where 1 were asked for")
	for _, none := range []string{`{"sha":"x","commit":{}}`, `{"sha":"` + shaA + `"}`, `null`} {
		_, err = says(t, 200, `[`+none+`]`).PullRequestCommits(ctx, 7)
		wants(t, err, "a commit has no id")
	}
	_, err = says(t, 200, `[{"sha":"`+shaA+`","commit":{},"parents":[{"sha":"x"}]}]`).PullRequestCommits(ctx, 7)
	wants(t, err, "a parent of commit")
	_, err = says(t, 200, `[{"id":0,"state":"APPROVED"}]`).Reviews(ctx, 7)
	wants(t, err, "a review has the id 0")
	for _, bad := range []string{"", "main", "../" + shaA} {
		if _, err := says(t, 200, `[]`).Commits(ctx, bad, "a", 1); err == nil {
			t.Errorf("commit %q was asked for", bad)
		}
		if _, err := says(t, 200, `[]`).PullRequestsOfCommit(ctx, bad); err == nil {
			t.Errorf("pull requests of %q were asked for", bad)
		}
	}
}

// TestManyCommits: what GitHub leaves out of a list is not taken for nothing.
func TestManyCommits(t *testing.T) {
	of := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var page int
			_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
			part := []object{}
			for i := (page - 1) * 100; i < min(n, page*100); i++ {
				part = append(part, aCommit(fmt.Sprintf("%040x", i), "m"))
			}
			if page*100 < n {
				w.Header().Set("Link", fmt.Sprintf(`<http://x/?page=%d>; rel="next"`, page+1))
			}
			answer(w, 200, part)
		}
	}
	all, err := serve(t, map[string]http.HandlerFunc{"GET /pulls/7/commits": of(249)}).client().PullRequestCommits(ctx, 7)
	if err != nil || len(all) != 249 {
		t.Errorf("%d commits, %v", len(all), err)
	}
	_, err = serve(t, map[string]http.HandlerFunc{"GET /pulls/7/commits": of(250)}).client().PullRequestCommits(ctx, 7)
	wants(t, err, "commits of pull request 7", "GitHub lists no more than 250", "split the pull request")
	long := strings.Repeat("x", 1<<20) + "\n\nCo-authored-by: Hu <hu@example.com>"
	all, err = serve(t, map[string]http.HandlerFunc{"GET /pulls/7/commits": gives(200, []object{aCommit(shaA, long)})}).client().PullRequestCommits(ctx, 7)
	if err != nil || all[0].Message != long {
		t.Errorf("a long message lost its end: %v", err)
	}
}

// TestHistoryIsNotCountedTwice: GitHub does not count an answer of 304.
func TestHistoryIsNotCountedTwice(t *testing.T) {
	whole := 0
	a := serve(t, map[string]http.HandlerFunc{"GET /pulls/7/reviews": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		whole++
		answer(w, 200, []object{})
	}})
	c := a.client()
	for range 2 {
		if _, err := c.Reviews(ctx, 7); err != nil {
			t.Error(err)
		}
	}
	if whole != 1 {
		t.Errorf("the list was sent %d times", whole)
	}
}
