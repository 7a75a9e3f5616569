package github_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

func TestReplaceBranch(t *testing.T) {
	ctx := context.Background()
	gh := githubtest.New(t)
	repo := gh.Repository("acme", "reviews")
	base := repo.Commit("main", "start", map[string]string{"a": "1", "b": "1"})
	c := fakeClient(t, gh)
	first, err := c.ReplaceBranch(ctx, "waybill/deploy", forge.Base{Commit: base}, map[string][]byte{"a": []byte("2")}, "two")
	if err != nil || repo.Ref("refs/heads/waybill/deploy") != first {
		t.Fatalf("%s, %v", first, err)
	}
	pr, err := c.CreatePullRequest(ctx, forge.NewPullRequest{Title: "two", Head: "waybill/deploy", Base: "main"})
	if err != nil {
		t.Fatal(err)
	}
	base = repo.Commit("main", "moved on", map[string]string{"b": "2"})
	tree := treeOf(t, gh, base)
	gh.ResetRequests()
	if _, err := c.ReplaceBranch(ctx, "waybill/deploy", forge.Base{Commit: base, Tree: tree}, map[string][]byte{"a": []byte("3")}, "three"); err != nil {
		t.Fatal(err)
	}
	for _, r := range gh.Requests() {
		if r.Method == "GET" {
			t.Errorf("who names the tree is asked %s", r.Path)
		}
	}
	for name, want := range map[string]string{"a": "3", "b": "2"} {
		if got, _ := repo.File("refs/heads/waybill/deploy", name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if err := c.UpdatePullRequest(ctx, pr.Number, "three", "body"); err != nil {
		t.Fatal(err)
	}
	if now := repo.PullRequests()[0]; now.State != "open" || now.Title != "three" || now.Body != "body" {
		t.Errorf("%+v", now)
	}
	if err := c.ClosePullRequest(ctx, pr.Number); err != nil || repo.PullRequests()[0].State != "closed" {
		t.Errorf("%v, %+v", err, repo.PullRequests()[0])
	}
	if _, err := c.ReplaceBranch(ctx, "../x", forge.Base{Commit: base}, map[string][]byte{"a": nil}, "m"); err == nil {
		t.Error("a branch that is none")
	}
	if err := c.ClosePullRequest(ctx, 0); err == nil {
		t.Error("a pull request that is none")
	}
}

// A success leaves the deployments of others as they are, and the newest of one
// task are found among them.
func TestDeploymentsOf(t *testing.T) {
	ctx := context.Background()
	gh := githubtest.New(t)
	sha := gh.Repository("acme", "reviews").Commit("main", "start", map[string]string{"a": "1"})
	c := fakeClient(t, gh)
	var ids []int64
	for _, task := range []string{"waybill:a", "waybill:b", "waybill:a"} {
		d, err := c.CreateDeployment(ctx, forge.Deployment{SHA: sha, Environment: "staging", Task: task, Payload: []byte(`{"event":7}`)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.CreateDeploymentStatus(ctx, d.ID, forge.DeploymentStatus{State: "success"}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.ID)
	}
	all, err := c.DeploymentsOf(ctx, "staging", "waybill:a")
	if err != nil || len(all) != 2 || all[0].ID != ids[2] || all[1].ID != ids[0] || !strings.Contains(string(all[0].Payload), "7") {
		t.Errorf("%+v, %v", all, err)
	}
	for _, id := range ids {
		statuses, err := c.DeploymentStatuses(ctx, id)
		if err != nil || len(statuses) != 1 {
			t.Errorf("deployment %d has %+v, %v", id, statuses, err)
		}
	}
	for _, r := range gh.Requests() {
		var sent struct {
			AutoInactive *bool `json:"auto_inactive"`
		}
		if strings.HasSuffix(r.Path, "/statuses") && r.Method == http.MethodPost && (json.Unmarshal(r.Body, &sent) != nil || sent.AutoInactive == nil || *sent.AutoInactive) {
			t.Errorf("%s was sent %s", r.Path, r.Body)
		}
	}
}

func fakeClient(t *testing.T, gh *githubtest.Server) *github.Client {
	t.Helper()
	c, err := github.New(github.Options{BaseURL: gh.URL, Repository: "acme/reviews", Token: githubtest.AdminToken, HTTP: http.DefaultClient,
		Now: time.Now, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// treeOf asks the fake for a commit's tree.
func treeOf(t *testing.T, gh *githubtest.Server, commit string) string {
	t.Helper()
	answer, err := http.Get(gh.URL + "/repos/acme/reviews/git/commits/" + commit)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var c struct{ Tree struct{ SHA string } }
	if err := json.NewDecoder(answer.Body).Decode(&c); err != nil || c.Tree.SHA == "" {
		t.Fatalf("commit %s: %+v, %v", commit, c, err)
	}
	return c.Tree.SHA
}
