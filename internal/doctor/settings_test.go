package doctor_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/doctor"
	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

const forgeProject = `apiVersion: waybill.dev/v1
kind: Project
registry: ghcr.io/acme/reviews
people:
  leads: [{login: ada-lead, id: 583231}]
stages:
  staging: {}
  production:
    from: [staging]
    environment: prod's
    approvals: {required: 1, from: [leads]}
`

// What the token may read: a workflow's, and an admin's.
var (
	asWorkflow = githubtest.Token{Permissions: map[string]string{"contents": "read", "actions": "read"}}
	asAdmin    = githubtest.Token{Permissions: map[string]string{"contents": "read", "actions": "read", "administration": "read"}}
)

func settingsOf(t *testing.T, set func(gh *githubtest.Server, repo *githubtest.Repository), token githubtest.Token) *report.Report {
	t.Helper()
	gh := githubtest.New(t)
	repo := gh.Repository("acme", "reviews")
	repo.Commit("main", "start", map[string]string{"README.md": "x"})
	gh.AddToken("t", token)
	if set != nil {
		set(gh, repo)
	}
	gh.AddUser(githubtest.User{Login: "ada-lead", ID: 583231}) // unless set did
	client, err := github.New(github.Options{BaseURL: gh.URL, Repository: "acme/reviews", Token: "t", HTTP: http.DefaultClient, Now: time.Now,
		Sleep: func(context.Context, time.Duration) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	parser, err := manifest.NewParser(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	project, err := parser.Project("waybill.yaml", []byte(forgeProject))
	if err != nil {
		t.Fatal(err)
	}
	r, err := doctor.Settings(t.Context(), client, project, "waybill/ledger")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func rules(types ...string) (out []map[string]any) {
	for _, kind := range types {
		rule := map[string]any{"type": kind}
		if kind == "required_status_checks" {
			rule["parameters"] = map[string]any{"required_status_checks": []any{}}
		}
		out = append(out, rule)
	}
	return out
}

// wellSet is a repository as it should be.
func wellSet(_ *githubtest.Server, repo *githubtest.Repository) {
	repo.AddRuleset(githubtest.Ruleset{Include: []string{"refs/heads/waybill/ledger"}, Rules: rules("deletion", "non_fast_forward")})
	repo.AddRuleset(githubtest.Ruleset{Include: []string{"~DEFAULT_BRANCH"}, Rules: rules("required_status_checks", "a_rule_of_tomorrow")})
	repo.AddRuleset(githubtest.Ruleset{Target: "tag", Include: []string{"refs/tags/*@v*", "refs/tags/*#*"}, Rules: rules("deletion", "update")})
	repo.AddEnvironment(githubtest.Environment{Name: "prod's", Reviewers: []string{"octocat"}, PreventSelfReview: true, Policies: []string{"main"}})
}

func failing(r *report.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		if f.Verdict != report.Pass {
			b.WriteString(string(f.Severity) + " " + f.Check + ": " + f.Message + " → " + f.Hint + "\n")
		}
	}
	return b.String()
}

func TestSettingsAsTheyShouldBe(t *testing.T) {
	r := settingsOf(t, wellSet, asAdmin)
	if r.Verdict != report.Pass || strings.Count(failing(r), "\n") != 1 || !strings.Contains(failing(r), "info forge.packages") {
		t.Errorf("verdict %s; all but the remark on packages should pass:\n%s", r.Verdict, failing(r))
	}
}

func TestSettingsOfANewRepository(t *testing.T) {
	r := settingsOf(t, func(_ *githubtest.Server, repo *githubtest.Repository) {
		repo.TokenWrites, repo.TokenMayOpenPulls = true, false
	}, asAdmin)
	got := failing(r)
	for _, want := range []string{
		"error forge.ledger: the branch waybill/ledger can be deleted and rewritten",
		`gh api -X POST repos/acme/reviews/rulesets --input - <<<'{"name":"waybill ledger","target":"branch"`,
		"warning forge.tags: tags *@v* and *#*",
		"warning forge.required: no ruleset requires a status check on the branch main",
		"error forge.environment: the stage production names the environment prod's, which is not there",
		`gh api -X PUT 'repos/acme/reviews/environments/prod%27s'`,
		"warning forge.workflows: workflows that do not say",
		"info forge.workflows: workflows may not open pull requests",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if r.Verdict != report.Fail {
		t.Errorf("verdict %s", r.Verdict)
	}
}

func TestSettingsOfEnvironments(t *testing.T) {
	for name, c := range map[string]struct {
		environment githubtest.Environment
		want        string
	}{
		"nobody is asked": {githubtest.Environment{Policies: []string{"main"}}, "error forge.environment: the environment prod's of the stage production asks nobody"},
		"one's own":       {githubtest.Environment{Reviewers: []string{"octocat"}, Policies: []string{"main"}}, "may approve it"},
		"admins":          {githubtest.Environment{Reviewers: []string{"octocat"}, CanAdminsBypass: true, Policies: []string{"main"}}, "admins may bypass"},
		"any branch":      {githubtest.Environment{Reviewers: []string{"octocat"}}, "workflows of any branch"},
		"no slash for *":  {githubtest.Environment{Reviewers: []string{"octocat"}, Policies: []string{"*/*"}}, "error forge.environment: the environment prod's does not let the branch main deploy"},
		"only tags":       {githubtest.Environment{Reviewers: []string{"octocat"}, Policies: []string{"tag:*"}}, "-f name='main' -f type=branch"},
	} {
		t.Run(name, func(t *testing.T) {
			r := settingsOf(t, func(_ *githubtest.Server, repo *githubtest.Repository) {
				c.environment.Name = "prod's"
				repo.AddEnvironment(c.environment)
			}, asWorkflow)
			if got := failing(r); !strings.Contains(got, c.want) {
				t.Errorf("%q is missing in\n%s", c.want, got)
			}
		})
	}
}

func TestSettingsOfPeople(t *testing.T) {
	r := settingsOf(t, func(gh *githubtest.Server, repo *githubtest.Repository) {
		gh.Fail("GET /users/ada-lead", githubtest.Fault{Status: 404})
	}, asWorkflow)
	if got := failing(r); !strings.Contains(got, "nobody has the login ada-lead of people.leads") {
		t.Errorf("got\n%s", got)
	}
	r = settingsOf(t, func(gh *githubtest.Server, _ *githubtest.Repository) {
		gh.AddUser(githubtest.User{Login: "ada-lead", ID: 666})
	}, asWorkflow)
	if got := failing(r); !strings.Contains(got, "error forge.people: people.leads gives ada-lead the id 583231, but that login has the id 666") {
		t.Errorf("got\n%s", got)
	}
}

// TestSettingsUnread: what a token may not read is not found wanting.
func TestSettingsUnread(t *testing.T) {
	r := settingsOf(t, func(gh *githubtest.Server, repo *githubtest.Repository) {
		wellSet(gh, repo)
		for _, match := range []string{"GET /repos/*/*/rules/**", "GET /repos/*/*/rulesets", "GET /repos/*/*/environments/**", "GET /users/*"} {
			gh.Fail(match, githubtest.Fault{Status: 403, Message: "Resource not accessible by integration"})
		}
	}, asWorkflow)
	got := failing(r)
	if r.Verdict != report.Pass || strings.Contains(got, "error ") || strings.Contains(got, "warning ") || strings.Count(got, "could not be read") != 6 {
		t.Errorf("verdict %s\n%s", r.Verdict, got)
	}
}

// TestTagRulesThatDoNotHold: an exclusion, or a pattern for something else, may
// leave the tags open.
func TestTagRulesThatDoNotHold(t *testing.T) {
	for name, set := range map[string]githubtest.Ruleset{
		"excluded":  {Target: "tag", Include: []string{"~ALL"}, Exclude: []string{"refs/tags/x*"}, Rules: rules("deletion", "update")},
		"others":    {Target: "tag", Include: []string{"refs/tags/v*"}, Rules: rules("deletion", "update")},
		"disabled":  {Target: "tag", Include: []string{"~ALL"}, Enforcement: "disabled", Rules: rules("deletion", "update")},
		"half":      {Target: "tag", Include: []string{"~ALL"}, Rules: rules("deletion")},
		"of branch": {Target: "branch", Include: []string{"~ALL"}, Rules: rules("deletion", "update", "non_fast_forward")},
	} {
		t.Run(name, func(t *testing.T) {
			r := settingsOf(t, func(_ *githubtest.Server, repo *githubtest.Repository) { repo.AddRuleset(set) }, asWorkflow)
			if !strings.Contains(failing(r), "forge.tags") {
				t.Errorf("the tags pass for kept:\n%s", failing(r))
			}
		})
	}
}
