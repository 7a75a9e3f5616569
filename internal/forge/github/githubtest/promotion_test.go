package githubtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// A job that waits goes on when a reviewer who did not start it approves.
func TestPendingDeployments(t *testing.T) {
	gh, repo := start(t)
	repo.AddEnvironment(githubtest.Environment{Name: "open"})
	repo.AddEnvironment(githubtest.Environment{Name: "production", Reviewers: []string{"octocat", "starter"}, PreventSelfReview: true})
	gh.AddToken("starter", githubtest.Token{Login: "starter", Person: true})
	gh.AddToken("stranger", githubtest.Token{Login: "stranger", Person: true})
	run := repo.AddRun(githubtest.Run{Event: "workflow_dispatch", Actor: "starter"})
	run.Wait("open")
	if status, _ := run.State(); status != "in_progress" {
		t.Errorf("without protection the run is %s", status)
	}
	run.Wait("production")
	if status, _ := run.State(); status != "waiting" {
		t.Errorf("the run is %s", status)
	}
	path := fmt.Sprintf("%s/actions/runs/%d", api, run.ID)
	id := send(t, gh, 200, admin, "GET", api+"/environments/production", "").object(t)["id"]
	review := fmt.Sprintf(`{"environment_ids":[%.0f],"state":"approved","comment":"go"}`, id)
	send(t, gh, 422, "stranger", "POST", path+"/pending_deployments", review)
	send(t, gh, 422, "starter", "POST", path+"/pending_deployments", review)
	send(t, gh, 422, admin, "POST", path+"/pending_deployments", strings.Replace(review, `,"comment":"go"`, ``, 1))
	if a := send(t, gh, 200, admin, "GET", path+"/approvals", ""); a.body != "[]" {
		t.Errorf("approvals: %s", a.body)
	}
	send(t, gh, 200, admin, "POST", path+"/pending_deployments", review)
	if status, _ := run.State(); status != "in_progress" {
		t.Errorf("after approval the run is %s", status)
	}
	if a := send(t, gh, 200, "", "GET", path+"/approvals", ""); !strings.Contains(a.body, `"login":"octocat"`) || !strings.Contains(a.body, `"production"`) {
		t.Errorf("approvals: %s", a.body)
	}

	rejected := repo.AddRun(githubtest.Run{Actor: "starter"})
	rejected.Wait("production")
	if err := rejected.Review("octocat", "rejected", "no"); err != nil {
		t.Fatal(err)
	}
	if status, conclusion := rejected.State(); status != "completed" || conclusion != "failure" {
		t.Errorf("after rejection: %s, %s", status, conclusion)
	}
}

// A ruleset on the ledger's branch: forward only, never gone.
func TestRulesets(t *testing.T) {
	gh, repo := start(t)
	const branch = "waybill/ledger"
	first := repo.Commit(branch, "one", map[string]string{"events": "1"})
	second := repo.Commit(branch, "two", map[string]string{"events": "2"})
	update := func(status int, sha string, force bool) {
		t.Helper()
		send(t, gh, status, admin, "PATCH", api+"/git/refs/heads/"+branch, fmt.Sprintf(`{"sha":%q,"force":%t}`, sha, force))
	}
	update(422, first, false) // no fast forward
	repo.AddRuleset(githubtest.Ruleset{
		Name: "ledger", Include: []string{"refs/heads/waybill/*"}, Rules: []map[string]any{{"type": "deletion"}, {"type": "non_fast_forward"}}})
	update(422, first, true)
	send(t, gh, 422, admin, "DELETE", api+"/git/refs/heads/"+branch, "")
	if got := repo.Ref("refs/heads/" + branch); got != second {
		t.Errorf("the branch is at %s", got)
	}
	update(200, second, false)
	rules := send(t, gh, 200, "", "GET", api+"/rules/branches/waybill%2Fledger", "")
	if strings.Count(rules.body, `"type"`) != 2 {
		t.Errorf("rules: %s", rules.body)
	}
	if a := send(t, gh, 200, "", "GET", api+"/rules/branches/main", ""); a.body != "[]" {
		t.Errorf("rules of main: %s", a.body)
	}
	repo.TokenBypassesRules = true
	update(200, first, true)
}

func TestReleases(t *testing.T) {
	gh, repo := start(t)
	repo.ImmutableReleases = true
	gh.AddToken("reader", githubtest.Token{Permissions: map[string]string{"contents": "read"}})
	made := send(t, gh, 201, admin, "POST", api+"/releases", `{"tag_name":"m@v1.0.0","draft":true}`).object(t)
	one := fmt.Sprintf("%s/releases/%.0f", api, made["id"])
	upload, _, _ := strings.Cut(made["upload_url"].(string), "{")
	send(t, gh, 404, "reader", "GET", one, "")
	send(t, gh, 404, admin, "GET", api+"/releases/tags/m@v1.0.0", "")
	send(t, gh, 201, admin, "POST", upload+"?name=a.txt", "hello")
	send(t, gh, 422, admin, "POST", upload+"?name=a.txt", "hello")
	if repo.Ref("refs/tags/m@v1.0.0") != "" {
		t.Error("a draft has made its tag")
	}
	send(t, gh, 200, admin, "PATCH", one, `{"draft":false}`)
	if repo.Ref("refs/tags/m@v1.0.0") == "" {
		t.Error("publishing has not made the tag")
	}
	send(t, gh, 422, admin, "POST", upload+"?name=b.txt", "late")
	send(t, gh, 200, "reader", "GET", api+"/releases/tags/m@v1.0.0", "")
	send(t, gh, 422, admin, "POST", api+"/releases", `{"tag_name":"m@v1.0.0"}`)
	if got := repo.Releases(); len(got) != 1 || !got[0].Immutable || string(got[0].Assets["a.txt"]) != "hello" {
		t.Errorf("%+v", got)
	}
}

func TestPullsByHead(t *testing.T) {
	gh, repo := start(t)
	fork := repo.Fork("mallory")
	fork.Commit("better", "worse", map[string]string{"a.txt": "c\n"})
	pr := repo.OpenPullRequest(githubtest.PullRequest{Title: "Worse", Head: "better", HeadOwner: "mallory"})
	for query, want := range map[string]int{"": 2, "?head=acme:better": 1, "?head=mallory:better": 1, "?head=better": 2, "?state=closed": 0, "?base=other": 0} {
		a := send(t, gh, 200, "", "GET", api+"/pulls"+query, "")
		if got := strings.Count(a.body, `"merge_commit_sha"`); got != want {
			t.Errorf("%q: %d pull requests, want %d", query, got, want)
		}
	}
	next := fork.Commit("better", "worse still", map[string]string{"a.txt": "d\n"})
	if got := repo.PullRequests()[pr.Number-1].HeadSHA; got != next {
		t.Errorf("after a push the head is %s, want %s", got, next)
	}
	files := send(t, gh, 200, "", "GET", api+"/pulls/1/files", "").body
	for _, want := range []string{`"filename":"a.txt"`, `"status":"modified"`, `"filename":"x/y.txt"`, `"status":"added"`} {
		if !strings.Contains(files, want) {
			t.Errorf("files lack %s: %s", want, files)
		}
	}
	send(t, gh, 422, admin, "POST", api+"/pulls", `{"title":"Again","head":"better","base":"main"}`)
	repo.TokenMayOpenPulls = false
	gh.AddToken("action", githubtest.Token{})
	send(t, gh, 403, "action", "POST", api+"/pulls", `{"title":"New","head":"better","base":"main"}`)
}

// TestBypass: an administrator goes on where the environment lets him, and
// nobody has approved.
func TestBypass(t *testing.T) {
	gh, repo := start(t)
	repo.AddEnvironment(githubtest.Environment{Name: "open", Reviewers: []string{"octocat"}, CanAdminsBypass: true})
	repo.AddEnvironment(githubtest.Environment{Name: "closed", Reviewers: []string{"octocat"}})
	run := repo.AddRun(githubtest.Run{Actor: "starter"})
	if err := run.Bypass("octocat"); err == nil {
		t.Error("there is nothing to bypass")
	}
	run.Wait("closed")
	if err := run.Bypass("octocat"); err == nil {
		t.Error("a closed environment was bypassed")
	}
	run = repo.AddRun(githubtest.Run{Actor: "starter"})
	run.Wait("open")
	if err := run.Bypass("octocat"); err != nil {
		t.Error(err)
	}
	if status, _ := run.State(); status != "in_progress" {
		t.Errorf("after the bypass the run is %s", status)
	}
	for _, list := range []string{"approvals", "pending_deployments"} {
		if a := send(t, gh, 200, admin, "GET", fmt.Sprintf("%s/actions/runs/%d/%s", api, run.ID, list), ""); a.body != "[]" {
			t.Errorf("%s: %s", list, a.body)
		}
	}
}

// TestRerun: the second attempt has another starter and the same approvals.
func TestRerun(t *testing.T) {
	gh, repo := start(t)
	repo.AddEnvironment(githubtest.Environment{Name: "production", Reviewers: []string{"octocat", "again"}, PreventSelfReview: true})
	run := repo.AddRun(githubtest.Run{Actor: "starter", HeadOwner: "gone", Workflow: ".github/workflows/promote.yml@main"})
	run.Wait("production")
	if err := run.Review("octocat", "approved", ""); err != nil {
		t.Fatal(err)
	}
	run.Rerun("again")
	run.Wait("production")
	if err := run.Review("again", "approved", ""); err == nil {
		t.Error("who started the second attempt approved it")
	}
	got := send(t, gh, 200, "", "GET", fmt.Sprintf("%s/actions/runs/%d", api, run.ID), "").object(t)
	if got["run_attempt"] != 2.0 || got["status"] != "waiting" || got["head_repository"] != nil || got["run_started_at"].(string) <= got["created_at"].(string) {
		t.Errorf("the second attempt: %v", got)
	}
	for who, want := range map[string]string{"actor": "starter", "triggering_actor": "again"} {
		if login := got[who].(map[string]any)["login"]; login != want {
			t.Errorf("%s is %v, want %s", who, login, want)
		}
	}
	if a := send(t, gh, 200, "", "GET", fmt.Sprintf("%s/actions/runs/%d/approvals", api, run.ID), ""); !strings.Contains(a.body, `"octocat"`) {
		t.Errorf("approvals: %s", a.body)
	}
}

// TestWhoMayDeploy: a misspelt environment guards nothing, and branches are
// compared with the patterns.
func TestWhoMayDeploy(t *testing.T) {
	gh, repo := start(t)
	state := func(environment, branch string) string {
		t.Helper()
		run := repo.AddRun(githubtest.Run{HeadBranch: branch})
		run.Wait(environment)
		status, conclusion := run.State()
		return status + " " + conclusion
	}
	if got := state("prodution", "main"); got != "in_progress " {
		t.Errorf("misspelt: %s", got)
	}
	made := send(t, gh, 200, "", "GET", api+"/environments/prodution", "").object(t)
	if made["can_admins_bypass"] != true || len(made["protection_rules"].([]any)) != 0 {
		t.Errorf("misspelt: %v", made)
	}
	repo.Commit("release/1/x", "r", map[string]string{"r": "1"})
	repo.AddEnvironment(githubtest.Environment{Name: "patterns", Policies: []string{"main", "release/*", "tag:better"}})
	repo.AddEnvironment(githubtest.Environment{Name: "protected", ProtectedBranches: true})
	repo.Protect("main", true)
	for at, want := range map[[2]string]string{
		{"patterns", "main"}: "in_progress ", {"patterns", "release/1/x"}: "completed failure", {"patterns", "better"}: "completed failure",
		{"protected", "main"}: "in_progress ", {"protected", "better"}: "completed failure",
	} {
		if got := state(at[0], at[1]); got != want {
			t.Errorf("%v: %s, want %s", at, got, want)
		}
	}
	for branch, want := range map[string]bool{"main": true, "better": false, "release%2F1%2Fx": false} {
		if got := send(t, gh, 200, "", "GET", api+"/branches/"+branch, "").object(t)["protected"]; got != want {
			t.Errorf("%s: protected is %v, want %v", branch, got, want)
		}
	}
}
