package github

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/waybill-dev/waybill/internal/forge"
)

const maxDeployments = 1000

type deploymentAnswer struct {
	ID          int64           `json:"id"`
	SHA         string          `json:"sha"`
	Ref         string          `json:"ref"`
	Task        string          `json:"task"`
	Environment string          `json:"environment"`
	Description string          `json:"description"`
	Payload     json.RawMessage `json:"payload"`
	Creator     *github.User    `json:"creator"`
	Created     time.Time       `json:"created_at"`
}

// Deployments returns the deployments of a commit to an environment, newest
// first; either may be "".
func (c *Client) Deployments(ctx context.Context, environment, sha string) ([]forge.Deployment, error) {
	k := call{what: c.on("list the deployments to %s", clip(environment, maxName)), needs: "deployments: read"}
	query := url.Values{}
	if environment != "" {
		query.Set("environment", environment)
	}
	if sha != "" {
		query.Set("sha", sha)
	}
	all, err := list(ctx, c, k, c.path("deployments")+"?"+query.Encode(), maxDeployments, elements[deploymentAnswer])
	if err != nil {
		return nil, err
	}
	var out []forge.Deployment
	for i := range all {
		d, err := deployment(k, &all[i])
		if err != nil {
			return nil, err
		}
		if (environment == "" || strings.EqualFold(d.Environment, environment)) && (sha == "" || d.SHA == sha) {
			out = append(out, d)
		}
	}
	return out, nil
}

// DeploymentsOf returns the newest deployments with a task to an environment,
// newest first, at most 100.
func (c *Client) DeploymentsOf(ctx context.Context, environment, task string) ([]forge.Deployment, error) {
	k := call{what: c.on("list the deployments to %s", clip(environment, maxName)), needs: "deployments: read"}
	query := url.Values{"environment": {environment}, "task": {task}, "per_page": {"100"}}
	var page []deploymentAnswer
	if _, err := c.do(ctx, k, http.MethodGet, c.path("deployments")+"?"+query.Encode(), nil, &page); err != nil {
		return nil, err
	}
	if page == nil {
		return nil, badAnswer(k, "there is no list in it")
	}
	var out []forge.Deployment
	for i := range page {
		d, err := deployment(k, &page[i])
		if err != nil {
			return nil, err
		}
		// GitHub ignores what it does not understand in a query, and then returns all.
		if strings.EqualFold(d.Environment, environment) && d.Task == task {
			out = append(out, d)
		}
	}
	return out, nil
}

// CreateDeployment records that d.SHA goes to d.Environment. It merges nothing
// and waits for no status. Two deployments of one commit to one environment are
// told apart by Task: after a lost answer, one with the same Task is taken for
// this one.
func (c *Client) CreateDeployment(ctx context.Context, d forge.Deployment) (forge.Deployment, error) {
	k := call{what: c.on("record a deployment to %s", clip(d.Environment, maxName)), needs: forge.ToCreateDeployments}
	if !isHash(d.SHA) || d.Environment == "" || d.Task == "" || len(d.Payload) > 0 && !json.Valid(d.Payload) {
		return forge.Deployment{}, fmt.Errorf("%s: it needs a commit, an environment, a task and, if any, a payload of JSON", k.what)
	}
	body := map[string]any{
		"ref": d.SHA, "environment": d.Environment, "task": d.Task, "description": cut(d.Description, 140),
		"auto_merge": false, "required_contexts": []string{},
	}
	if len(d.Payload) > 0 {
		body["payload"] = json.RawMessage(d.Payload)
	}
	find := func(ctx context.Context) (forge.Deployment, error) {
		all, err := c.Deployments(ctx, d.Environment, d.SHA)
		if err != nil {
			return forge.Deployment{}, err
		}
		for _, there := range all {
			if there.Task == d.Task {
				return there, nil
			}
		}
		return forge.Deployment{}, absent(k)
	}
	return createOnce(ctx, c, find, func(ctx context.Context) (forge.Deployment, error) {
		var answer deploymentAnswer
		if _, err := c.do(ctx, k, http.MethodPost, c.path("deployments"), body, &answer); err != nil {
			return forge.Deployment{}, err
		}
		return deployment(k, &answer)
	})
}

// DeploymentStatuses returns the statuses of a deployment, newest first.
func (c *Client) DeploymentStatuses(ctx context.Context, id int64) ([]forge.DeploymentStatus, error) {
	k := call{what: c.on("list the statuses of deployment %d", id), needs: "deployments: read"}
	all, err := list(ctx, c, k, c.path("deployments/%d/statuses", id), maxDeployments, elements[github.DeploymentStatus])
	if err != nil {
		return nil, err
	}
	out := make([]forge.DeploymentStatus, len(all))
	for i := range all {
		if out[i], err = deploymentStatus(k, &all[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// CreateDeploymentStatus adds a status to a deployment. It leaves the other
// deployments of the environment as they are: with auto_inactive, which GitHub
// assumes (docs.github.com/rest/deployments/statuses), the success of one
// artifact would make another's inactive. After a lost answer, a newest one that
// says the same is taken for it.
func (c *Client) CreateDeploymentStatus(ctx context.Context, id int64, s forge.DeploymentStatus) (forge.DeploymentStatus, error) {
	k := call{what: c.on("set deployment %d to %s", id, clip(s.State, 20)), needs: forge.ToCreateDeployments}
	body := &github.DeploymentStatusRequest{
		State: &s.State, Description: github.String(cut(s.Description, 140)),
		LogURL: optional(s.LogURL), EnvironmentURL: optional(s.EnvironmentURL), AutoInactive: github.Bool(false),
	}
	find := func(ctx context.Context) (forge.DeploymentStatus, error) {
		all, err := c.DeploymentStatuses(ctx, id)
		if err != nil {
			return forge.DeploymentStatus{}, err
		}
		if len(all) > 0 && all[0].State == s.State && all[0].Description == *body.Description {
			return all[0], nil
		}
		return forge.DeploymentStatus{}, absent(k)
	}
	return createOnce(ctx, c, find, func(ctx context.Context) (forge.DeploymentStatus, error) {
		var answer github.DeploymentStatus
		if _, err := c.do(ctx, k, http.MethodPost, c.path("deployments/%d/statuses", id), body, &answer); err != nil {
			return forge.DeploymentStatus{}, err
		}
		return deploymentStatus(k, &answer)
	})
}

func deployment(k call, a *deploymentAnswer) (forge.Deployment, error) {
	if a.ID <= 0 || !isHash(a.SHA) {
		return forge.Deployment{}, badAnswer(k, "a deployment has the id %d and the commit %q", a.ID, clip(a.SHA, 64))
	}
	return forge.Deployment{
		ID: a.ID, SHA: a.SHA, Ref: cut(a.Ref, 1024), Task: cut(a.Task, 1024), Environment: cut(a.Environment, maxName),
		Description: cut(a.Description, 1024), Payload: a.Payload, Creator: account(a.Creator), Created: a.Created,
	}, nil
}

func deploymentStatus(k call, a *github.DeploymentStatus) (forge.DeploymentStatus, error) {
	if a.GetID() <= 0 || a.GetState() == "" {
		return forge.DeploymentStatus{}, badAnswer(k, "a deployment's status has no id or state")
	}
	return forge.DeploymentStatus{
		ID: a.GetID(), State: clip(a.GetState(), 20), Description: cut(a.GetDescription(), 1024),
		LogURL: webAddress(a.GetLogURL()), EnvironmentURL: webAddress(a.GetEnvironmentURL()),
		Creator: account(a.GetCreator()), Created: a.GetCreatedAt().Time,
	}, nil
}
