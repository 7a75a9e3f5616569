package github

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/google/go-github/v60/github"

	"github.com/waybill-dev/waybill/internal/forge"
)

const (
	maxEnvironments = 1000
	maxPolicies     = 1000
	maxRules        = 1000
	maxApprovals    = 1000
)

// reviewerAnswer is a user or a team; go-github decodes it into an interface.
type reviewerAnswer struct {
	Type     string `json:"type"`
	Reviewer struct {
		ID    int64  `json:"id"`
		Login string `json:"login"`
		Slug  string `json:"slug"`
	} `json:"reviewer"`
}

func reviewers(all []reviewerAnswer) []forge.Reviewer {
	var out []forge.Reviewer
	for _, a := range all {
		name := a.Reviewer.Login
		if name == "" {
			name = a.Reviewer.Slug
		}
		out = append(out, forge.Reviewer{Kind: clip(a.Type, 20), ID: max(a.Reviewer.ID, 0), Name: clip(name, 100)})
	}
	return out
}

// Approvals returns who approved or rejected the environments that a run
// waited for. go-github has no such request.
func (c *Client) Approvals(ctx context.Context, runID int64) ([]forge.Approval, error) {
	k := call{what: c.on("read the approvals of run %d", runID), needs: forge.ToReadActions}
	var answer []struct {
		State        string      `json:"state"`
		Comment      string      `json:"comment"`
		User         github.User `json:"user"`
		Environments []struct {
			Name string `json:"name"`
		} `json:"environments"`
	}
	if _, err := c.do(ctx, k, http.MethodGet, c.path("actions/runs/%d/approvals", runID), nil, &answer); err != nil {
		return nil, err
	}
	switch {
	case answer == nil:
		return nil, badAnswer(k, "there is no list in it")
	case len(answer) > maxApprovals:
		return nil, badAnswer(k, "it has %d approvals", len(answer))
	}
	var out []forge.Approval
	for i := range answer {
		a := forge.Approval{State: clip(answer[i].State, 20), Comment: cut(answer[i].Comment, 4096), User: account(&answer[i].User)}
		if a.User.ID == 0 || a.State == "" {
			return nil, badAnswer(k, "an approval is by nobody")
		}
		for _, e := range answer[i].Environments {
			a.Environments = append(a.Environments, cut(e.Name, maxName))
		}
		out = append(out, a)
	}
	return out, nil
}

// PendingDeployments returns the environments that a run waits for.
func (c *Client) PendingDeployments(ctx context.Context, runID int64) ([]forge.PendingDeployment, error) {
	k := call{what: c.on("read what run %d waits for", runID), needs: forge.ToReadActions}
	var answer []struct {
		Environment struct {
			ID   int64  `json:"id"`
			Name string `json:"name"`
		} `json:"environment"`
		WaitTimer  int              `json:"wait_timer"`
		CanApprove bool             `json:"current_user_can_approve"`
		Reviewers  []reviewerAnswer `json:"reviewers"`
	}
	if _, err := c.do(ctx, k, http.MethodGet, c.path("actions/runs/%d/pending_deployments", runID), nil, &answer); err != nil {
		return nil, err
	}
	if answer == nil {
		return nil, badAnswer(k, "there is no list in it")
	}
	var out []forge.PendingDeployment
	for _, a := range answer {
		if a.Environment.ID <= 0 || a.Environment.Name == "" {
			return nil, badAnswer(k, "an environment has no id or name")
		}
		out = append(out, forge.PendingDeployment{
			Environment: cut(a.Environment.Name, maxName), EnvironmentID: a.Environment.ID,
			WaitTimer: max(a.WaitTimer, 0), CanApprove: a.CanApprove, Reviewers: reviewers(a.Reviewers),
		})
	}
	return out, nil
}

type environmentAnswer struct {
	ID              int64  `json:"id"`
	Name            string `json:"name"`
	CanAdminsBypass *bool  `json:"can_admins_bypass"` // servers that do not say let them
	Rules           []struct {
		Type              string           `json:"type"`
		WaitTimer         int              `json:"wait_timer"`
		PreventSelfReview bool             `json:"prevent_self_review"`
		Reviewers         []reviewerAnswer `json:"reviewers"`
	} `json:"protection_rules"`
	Branches *struct {
		Protected bool `json:"protected_branches"`
		Custom    bool `json:"custom_branch_policies"`
	} `json:"deployment_branch_policy"`
}

// Environments lists the environments, without their Policies.
func (c *Client) Environments(ctx context.Context) ([]forge.Environment, error) {
	k := call{what: c.on("list the environments"), needs: forge.ToReadActions}
	type page struct {
		Environments []environmentAnswer `json:"environments"`
	}
	all, err := list(ctx, c, k, c.path("environments"), maxEnvironments, func(p page) []environmentAnswer { return p.Environments })
	if err != nil {
		return nil, err
	}
	out := make([]forge.Environment, len(all))
	for i := range all {
		if out[i], err = environment(k, &all[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Environment reads one environment and which names may deploy to it.
func (c *Client) Environment(ctx context.Context, name string) (forge.Environment, error) {
	k := call{what: c.on("read environment %s", clip(name, maxName)), needs: forge.ToReadActions}
	if name == "" || name == "." || name == ".." || len(name) > maxName {
		return forge.Environment{}, fmt.Errorf("%s: that is no name of an environment", k.what)
	}
	var answer environmentAnswer
	if _, err := c.do(ctx, k, http.MethodGet, c.path("environments/%s", name), nil, &answer); err != nil {
		return forge.Environment{}, err
	}
	out, err := environment(k, &answer)
	if err != nil || !out.CustomPolicies {
		return out, err
	}
	type policyAnswer struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
		Type string `json:"type"`
	}
	type policies struct {
		Policies []policyAnswer `json:"branch_policies"`
	}
	all, err := list(ctx, c, k, c.path("environments/%s/deployment-branch-policies", name), maxPolicies, func(p policies) []policyAnswer { return p.Policies })
	for _, p := range all {
		out.Policies = append(out.Policies, forge.Policy{ID: p.ID, Name: cut(p.Name, maxName), Kind: clip(p.Type, 20)})
	}
	return out, err
}

func environment(k call, a *environmentAnswer) (forge.Environment, error) {
	if a.ID <= 0 || a.Name == "" || len(a.Name) > maxName {
		return forge.Environment{}, badAnswer(k, "an environment has no id or name")
	}
	out := forge.Environment{Name: a.Name, ID: a.ID, CanAdminsBypass: a.CanAdminsBypass == nil || *a.CanAdminsBypass}
	for _, r := range a.Rules {
		switch r.Type {
		case "required_reviewers":
			out.Reviewers = append(out.Reviewers, reviewers(r.Reviewers)...)
			out.PreventSelfReview = out.PreventSelfReview || r.PreventSelfReview
		case "wait_timer":
			out.WaitTimer = max(r.WaitTimer, 0)
		}
	}
	if a.Branches != nil {
		out.ProtectedBranches, out.CustomPolicies = a.Branches.Protected, a.Branches.Custom
	}
	return out, nil
}

// BranchRules returns the rules of all rulesets that hold for a branch, which
// need not exist yet. It decodes them itself: go-github v60 refuses the whole
// answer when it does not know one type of rule.
func (c *Client) BranchRules(ctx context.Context, branch string) ([]forge.Rule, error) {
	k := call{what: c.on("read the rules for branch %s", clip(branch, maxName))}
	if !isBranch(branch) {
		return nil, fmt.Errorf("%s: that is no name of a branch", k.what)
	}
	type ruleAnswer struct {
		Type       string          `json:"type"`
		Parameters json.RawMessage `json:"parameters"`
		RulesetID  int64           `json:"ruleset_id"`
		Source     string          `json:"ruleset_source"`
	}
	all, err := list(ctx, c, k, c.path("rules/branches/%s", branch), maxRules, elements[ruleAnswer])
	var out []forge.Rule
	for _, r := range all {
		out = append(out, forge.Rule{Type: clip(r.Type, 100), Parameters: r.Parameters, RulesetID: r.RulesetID, Source: clip(r.Source, maxName)})
	}
	return out, err
}
