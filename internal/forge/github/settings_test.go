package github_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
)

func TestSettings(t *testing.T) {
	a := serve(t, map[string]http.HandlerFunc{
		"GET /rulesets": raw(200, `[{"id":1,"name":"tags","target":"tag","enforcement":"active"},{"id":2,"name":"tried","target":"tag","enforcement":"evaluate"},
			{"id":3,"name":"main","target":"branch","enforcement":"active"}]`),
		"GET /rulesets/1": raw(200, `{"id":1,"name":"tags","target":"tag","enforcement":"active","conditions":{"ref_name":{"include":["refs/tags/*@v*"],"exclude":["refs/tags/x"]}},
			"rules":[{"type":"deletion"},{"type":"of_tomorrow","parameters":{"a":1}}]}`),
		"GET /actions/permissions/workflow": raw(200, `{"default_workflow_permissions":"write","can_approve_pull_request_reviews":true}`),
		"GET /users/octo%2Fcat":             raw(200, `{"login":"octocat","id":583231}`),
		"GET /users/nobody":                 raw(404, `{"message":"Not Found"}`),
	})
	c := a.client()
	same(t, "rulesets")(c.TagRulesets(ctx))([]forge.Ruleset{{ID: 1, Name: "tags", Include: []string{"refs/tags/*@v*"}, Exclude: []string{"refs/tags/x"},
		Rules: []forge.Rule{{Type: "deletion", RulesetID: 1}, {Type: "of_tomorrow", Parameters: []byte(`{"a":1}`), RulesetID: 1}}}})
	same(t, "workflows")(c.WorkflowPermissions(ctx))(forge.WorkflowPermissions{Write: true, MayOpenPulls: true})
	same(t, "account")(c.Account(ctx, "octo/cat"))(forge.Account{Login: "octocat", ID: 583231})
	if _, err := c.Account(ctx, "nobody"); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("nobody: %v, want ErrNotFound", err)
	}
}

// TestSettingsHostile: answers that say nothing are no settings.
func TestSettingsHostile(t *testing.T) {
	a := serve(t, map[string]http.HandlerFunc{
		"GET /rulesets":                     raw(200, `{}`),
		"GET /actions/permissions/workflow": raw(200, `{}`),
		"GET /users/octocat":                raw(200, `{"login":"octocat","id":-1}`),
	})
	c := a.client()
	_, err1 := c.TagRulesets(ctx)
	_, err2 := c.WorkflowPermissions(ctx)
	_, err3 := c.Account(ctx, "octocat")
	for i, err := range []error{err1, err2, err3} {
		if err == nil {
			t.Errorf("answer %d is taken for settings", i+1)
		}
	}
}
