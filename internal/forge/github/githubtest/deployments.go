package githubtest

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

type deployment struct {
	id                                                int64
	sha, ref, task, environment, description, creator string
	payload                                           any
	production, transient                             bool
	created                                           time.Time
	statuses                                          []*deploymentStatus
}

type deploymentStatus struct {
	id                                                  int64
	state, description, logURL, environmentURL, creator string
	created                                             time.Time
}

func deploymentRoutes() []route {
	const read, write = "deployments:read", "deployments:write"
	return []route{
		{"GET " + repo + "/deployments", read, false, listDeployments},
		{"POST " + repo + "/deployments", write, false, createDeployment},
		{"GET " + repo + "/deployments/{id}", read, false, getDeployment},
		{"GET " + repo + "/deployments/{id}/statuses", read, false, listStatuses},
		{"POST " + repo + "/deployments/{id}/statuses", write, false, createStatus},
	}
}

func (c *call) deploymentJSON(d *deployment) object {
	payload := d.payload
	if payload == nil {
		payload = object{}
	}
	return object{
		"id": d.id, "node_id": nodeID("DE", d.id), "url": c.repo.url("/deployments/%d", d.id), "sha": d.sha, "ref": d.ref, "task": d.task,
		"payload": payload, "original_environment": d.environment, "environment": d.environment, "description": text(d.description),
		"creator": c.accountJSON(c.login(d.creator)), "created_at": stamp(d.created), "updated_at": stamp(d.created),
		"statuses_url": c.repo.url("/deployments/%d/statuses", d.id), "repository_url": c.repo.url(""),
		"transient_environment": d.transient, "production_environment": d.production,
	}
}

func listDeployments(c *call) (int, any, *problem) {
	q := c.req.URL.Query()
	var found []*deployment
	for _, d := range newestFirst(c.repo.deployments) {
		if or(q.Get("sha"), d.sha) == d.sha && or(q.Get("ref"), d.ref) == d.ref && or(q.Get("task"), d.task) == d.task &&
			or(q.Get("environment"), d.environment) == d.environment {
			found = append(found, d)
		}
	}
	return http.StatusOK, page(c, found, c.deploymentJSON), nil
}

func createDeployment(c *call) (int, any, *problem) {
	var in struct {
		Ref, Task, Environment string
		Description            *string
		Payload                json.RawMessage
		RequiredContexts       *[]string `json:"required_contexts"`
		Production             *bool     `json:"production_environment"`
		Transient              bool      `json:"transient_environment"`
	}
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	sha := c.resolve(in.Ref)
	if c.repo.git.commit(sha) == nil {
		return 0, nil, invalid("No ref found for: " + in.Ref)
	}
	// Without required_contexts every check of the commit has to be green.
	if in.RequiredContexts == nil {
		for _, k := range c.repo.checkRuns {
			if k.HeadSHA == sha && k.Conclusion != "success" && k.Conclusion != "neutral" && k.Conclusion != "skipped" {
				return 0, nil, &problem{status: http.StatusConflict, message: "Conflict: Commit status checks failed for " + in.Ref + "."}
			}
		}
	}
	d := &deployment{
		id: c.nextID(), sha: sha, ref: in.Ref, task: or(in.Task, "deploy"), environment: or(in.Environment, "production"),
		creator: c.user.Login, transient: in.Transient, created: c.now(),
	}
	if in.Description != nil {
		d.description = *in.Description
	}
	if json.Unmarshal(in.Payload, &d.payload) != nil {
		d.payload = nil
	}
	d.production = d.environment == "production"
	if in.Production != nil {
		d.production = *in.Production
	}
	c.repo.deployments = append(c.repo.deployments, d)
	return http.StatusCreated, c.deploymentJSON(d), nil
}

func (c *call) deployment() (*deployment, *problem) {
	id, p := c.id("id")
	if p != nil {
		return nil, p
	}
	i := slices.IndexFunc(c.repo.deployments, func(d *deployment) bool { return d.id == id })
	if i < 0 {
		return nil, notFound()
	}
	return c.repo.deployments[i], nil
}

func getDeployment(c *call) (int, any, *problem) {
	d, p := c.deployment()
	if p != nil {
		return 0, nil, p
	}
	return http.StatusOK, c.deploymentJSON(d), nil
}

func (c *call) statusJSON(d *deployment) func(*deploymentStatus) object {
	return func(s *deploymentStatus) object {
		return object{
			"id": s.id, "node_id": nodeID("DES", s.id), "url": c.repo.url("/deployments/%d/statuses/%d", d.id, s.id), "state": s.state,
			"description": s.description, "environment": d.environment, "target_url": s.logURL, "log_url": s.logURL, "environment_url": s.environmentURL,
			"deployment_url": c.repo.url("/deployments/%d", d.id), "repository_url": c.repo.url(""), "creator": c.accountJSON(c.login(s.creator)),
			"created_at": stamp(s.created), "updated_at": stamp(s.created),
		}
	}
}

func listStatuses(c *call) (int, any, *problem) {
	d, p := c.deployment()
	if p != nil {
		return 0, nil, p
	}
	return http.StatusOK, page(c, newestFirst(d.statuses), c.statusJSON(d)), nil
}

var deploymentStates = []string{"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}

// createStatus also makes older successful deployments of the environment
// inactive, as auto_inactive does unless it is false.
func createStatus(c *call) (int, any, *problem) {
	d, p := c.deployment()
	if p != nil {
		return 0, nil, p
	}
	var in struct {
		State, Description string
		TargetURL          string `json:"target_url"`
		LogURL             string `json:"log_url"`
		EnvironmentURL     string `json:"environment_url"`
		AutoInactive       *bool  `json:"auto_inactive"`
	}
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	switch {
	case !slices.Contains(deploymentStates, in.State):
		return 0, nil, invalidField("DeploymentStatus", "state", "invalid")
	case len(in.Description) > 140:
		return 0, nil, invalidField("DeploymentStatus", "description", "too_long")
	}
	add := func(to *deployment, state string) *deploymentStatus {
		s := &deploymentStatus{id: c.nextID(), state: state, creator: c.user.Login, created: c.now()}
		to.statuses = append(to.statuses, s)
		return s
	}
	if in.State == "success" && (in.AutoInactive == nil || *in.AutoInactive) {
		for _, old := range c.repo.deployments {
			n := len(old.statuses)
			if old != d && old.environment == d.environment && !old.production && !old.transient && n > 0 && old.statuses[n-1].state == "success" {
				add(old, "inactive")
			}
		}
	}
	s := add(d, in.State)
	s.description, s.logURL, s.environmentURL = in.Description, or(in.LogURL, in.TargetURL), in.EnvironmentURL
	return http.StatusCreated, c.statusJSON(d)(s), nil
}
