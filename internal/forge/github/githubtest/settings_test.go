package githubtest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// TestSettings: what an admin sets, and who has an account.
func TestSettings(t *testing.T) {
	gh, repo := start(t)
	gh.AddToken("reads", githubtest.Token{Permissions: map[string]string{"contents": "read", "actions": "write"}})
	const workflows = "/repos/acme/reviews/actions/permissions/workflow"
	send(t, gh, 401, "", "GET", workflows, "")
	send(t, gh, 403, "reads", "GET", workflows, "")
	repo.TokenWrites, repo.TokenMayOpenPulls = true, false
	if got := send(t, gh, 200, githubtest.AdminToken, "GET", workflows, "").object(t); got["default_workflow_permissions"] != "write" || got["can_approve_pull_request_reviews"] != false {
		t.Errorf("permissions of workflows: %v", got)
	}

	if got := send(t, gh, 200, "reads", "GET", "/user/583231", "").object(t); got["login"] != "octocat" {
		t.Errorf("account 583231: %v", got["login"])
	}
	send(t, gh, 404, "reads", "GET", "/user/583232", "")
	send(t, gh, 403, "reads", "GET", "/user", "")

	for _, target := range []string{"branch", "tag"} {
		repo.AddRuleset(githubtest.Ruleset{Name: "for " + target, Target: target, Include: []string{"~ALL"}})
	}
	for query, want := range map[string]string{"": "for branch for tag", "?targets=tag": "for tag", "?targets=branch,tag": "for branch for tag", "?targets=push": ""} {
		var rulesets []struct{ Name string }
		if err := json.Unmarshal([]byte(send(t, gh, 200, "reads", "GET", "/repos/acme/reviews/rulesets"+query, "").body), &rulesets); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, r := range rulesets {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("rulesets%s: %q, want %q", query, got, want)
		}
	}
}
