package github

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/go-github/v60/github"

	"github.com/waybill-dev/waybill/internal/forge"
)

// maxRulesets is how many rulesets are read, each by a request of its own.
const maxRulesets = 100

type rulesetAnswer struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	Target      string `json:"target"`
	Enforcement string `json:"enforcement"`
	Conditions  *struct {
		RefName struct {
			Include []string `json:"include"`
			Exclude []string `json:"exclude"`
		} `json:"ref_name"`
	} `json:"conditions"`
	Rules []struct {
		Type       string          `json:"type"`
		Parameters json.RawMessage `json:"parameters"`
	} `json:"rules"`
}

// TagRulesets returns the active rulesets for tags. There is no request for the
// rules of one tag, as BranchRules is for branches.
func (c *Client) TagRulesets(ctx context.Context) ([]forge.Ruleset, error) {
	k := call{what: c.on("read the rulesets for tags")}
	all, err := list(ctx, c, k, c.path("rulesets")+"?includes_parents=true", maxRulesets, elements[rulesetAnswer])
	if err != nil {
		return nil, err
	}
	var out []forge.Ruleset
	for _, r := range all {
		if r.Target != "tag" || r.Enforcement != "active" || r.ID <= 0 {
			continue
		}
		var full rulesetAnswer
		if _, err := c.do(ctx, k, http.MethodGet, c.path("rulesets/%d", r.ID), nil, &full); err != nil {
			return nil, err
		}
		s := forge.Ruleset{ID: r.ID, Name: clip(full.Name, maxName)}
		if full.Conditions != nil {
			s.Include, s.Exclude = clipAll(full.Conditions.RefName.Include), clipAll(full.Conditions.RefName.Exclude)
		}
		for _, rule := range full.Rules {
			s.Rules = append(s.Rules, forge.Rule{Type: clip(rule.Type, 100), Parameters: rule.Parameters, RulesetID: r.ID})
		}
		out = append(out, s)
	}
	return out, nil
}

func clipAll(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = clip(s, maxName)
	}
	return out
}

// Account reads who has a login now.
func (c *Client) Account(ctx context.Context, login string) (forge.Account, error) {
	k := call{what: fmt.Sprintf("read account %s", clip(login, 100))}
	if login == "" || login == "." || login == ".." || len(login) > 100 {
		return forge.Account{}, fmt.Errorf("%s: that is no login", k.what)
	}
	var u github.User
	if _, err := c.do(ctx, k, http.MethodGet, "users/"+url.PathEscape(login), nil, &u); err != nil {
		return forge.Account{}, err
	}
	out := account(&u)
	if out.ID == 0 || out.Login == "" {
		return forge.Account{}, badAnswer(k, "it has no login or id")
	}
	return out, nil
}

// WorkflowPermissions reads what GITHUB_TOKEN may do where a workflow does not
// say, and whether it may open pull requests. Only admins may read it.
func (c *Client) WorkflowPermissions(ctx context.Context) (forge.WorkflowPermissions, error) {
	k := call{what: c.on("read the permissions of workflows"), needs: "administration: read"}
	var answer struct {
		Default *string `json:"default_workflow_permissions"`
		Pulls   bool    `json:"can_approve_pull_request_reviews"`
	}
	if _, err := c.do(ctx, k, http.MethodGet, c.path("actions/permissions/workflow"), nil, &answer); err != nil {
		return forge.WorkflowPermissions{}, err
	}
	if answer.Default == nil {
		return forge.WorkflowPermissions{}, badAnswer(k, "it does not say what is the default")
	}
	return forge.WorkflowPermissions{Write: *answer.Default != "read", MayOpenPulls: answer.Pulls}, nil
}
