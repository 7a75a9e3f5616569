package githubtest

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// Environment is a place with gates.
type Environment struct {
	ID   int64
	Name string
	// Reviewers are the logins of whom one has to approve.
	Reviewers         []string
	PreventSelfReview bool
	CanAdminsBypass   bool
	WaitMinutes       int
	// Policies are branch patterns; with a leading "tag:" those of tags.
	Policies          []string
	ProtectedBranches bool
	created           time.Time
}

// AddEnvironment makes one, or replaces that of the name.
func (r *Repository) AddEnvironment(e Environment) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	e.ID, e.created = r.server.nextID(), r.server.now()
	r.environments = slices.DeleteFunc(r.environments, func(old *Environment) bool { return old.Name == e.Name })
	r.environments = append(r.environments, &e)
}

type approval struct {
	environments         []string
	state, user, comment string
}

// Wait lets a run wait for an environment. It goes on at once when nothing
// protects that, which is so of one that does not exist: GitHub makes it. A
// branch that may not deploy there fails. What the run is doing then is in its
// State.
func (run *Run) Wait(environment string) {
	s := run.repo.server
	s.mu.Lock()
	defer s.mu.Unlock()
	run.repo.sync()
	e := run.repo.environment(environment)
	switch {
	case e == nil:
		e = &Environment{ID: s.nextID(), Name: environment, CanAdminsBypass: true, created: s.now()}
		run.repo.environments = append(run.repo.environments, e)
	case !run.repo.mayDeploy(e, run.HeadBranch):
		run.waiting, run.Status, run.Conclusion = nil, "completed", "failure"
	case len(e.Reviewers) > 0:
		run.waiting, run.Status = append(run.waiting, environment), "waiting"
	}
}

// mayDeploy compares a branch or tag with the patterns, in which * does not
// match a slash.
func (r *Repository) mayDeploy(e *Environment, name string) bool {
	switch {
	case e.ProtectedBranches:
		return r.protected[name]
	case len(e.Policies) == 0:
		return true
	}
	return slices.ContainsFunc(e.Policies, func(pattern string) bool {
		pattern, isTag := strings.CutPrefix(pattern, "tag:")
		ok, _ := path.Match(pattern, name)
		return ok && isTag == (r.refs["refs/heads/"+name] == "" && r.refs["refs/tags/"+name] != "")
	})
}

// Bypass lets a run go on past what it waits for, as an administrator may where
// the environment allows that. No approval is listed then.
func (run *Run) Bypass(login string) error {
	s := run.repo.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(run.waiting) == 0 {
		return fmt.Errorf("run %d waits for nothing", run.ID)
	}
	for _, name := range run.waiting {
		if !run.repo.environment(name).CanAdminsBypass {
			return fmt.Errorf("%s may not bypass the protection of %s", login, name)
		}
	}
	run.waiting, run.Status = nil, "in_progress"
	return nil
}

// State returns status and conclusion as they are now: waiting, then
// in_progress when approved or completed with failure when rejected.
func (run *Run) State() (status, conclusion string) {
	run.repo.server.mu.Lock()
	defer run.repo.server.mu.Unlock()
	return run.Status, run.Conclusion
}

// Review approves or rejects all that a run waits for, as an account.
func (run *Run) Review(login, state, comment string) error {
	s := run.repo.server
	s.mu.Lock()
	defer s.mu.Unlock()
	return run.review(run.waiting, login, state, comment)
}

func (run *Run) review(environments []string, login, state, comment string) error {
	for _, name := range environments {
		e := run.repo.environment(name)
		switch {
		case !slices.Contains(run.waiting, name):
			return fmt.Errorf("environment %s is not waiting", name)
		case !e.reviewer(login):
			return fmt.Errorf("%s is not a required reviewer of %s", login, name)
		case e.PreventSelfReview && (strings.EqualFold(login, run.Actor) || strings.EqualFold(login, run.TriggeringActor)):
			return fmt.Errorf("%s started the run and cannot review it", login)
		}
	}
	environments = slices.Clone(environments)
	run.approvals = append(run.approvals, approval{environments: environments, state: state, user: login, comment: comment})
	run.waiting = slices.DeleteFunc(run.waiting, func(e string) bool { return slices.Contains(environments, e) })
	switch {
	case state == "rejected":
		run.waiting, run.Status, run.Conclusion = nil, "completed", "failure"
	case len(run.waiting) == 0:
		run.Status = "in_progress"
	}
	return nil
}

func (e *Environment) reviewer(login string) bool {
	return slices.ContainsFunc(e.Reviewers, func(r string) bool { return strings.EqualFold(r, login) })
}

func (r *Repository) environment(name string) *Environment {
	i := slices.IndexFunc(r.environments, func(e *Environment) bool { return strings.EqualFold(e.Name, name) })
	if i < 0 {
		return nil
	}
	return r.environments[i]
}

func environmentRoutes() []route {
	const read = "actions:read"
	return []route{
		{"GET " + repo + "/environments", read, false, listEnvironments},
		{"GET " + repo + "/environments/{name}", read, false, getEnvironment},
		{"GET " + repo + "/environments/{name}/deployment-branch-policies", read, false, listPolicies},
	}
}

func (c *call) environmentJSON(e *Environment) object {
	rules := list{}
	rule := func(kind string, more object) {
		id := e.ID*10 + int64(len(rules))
		o := object{"id": id, "node_id": nodeID("GA", id), "type": kind}
		for k, v := range more {
			o[k] = v
		}
		rules = append(rules, o)
	}
	if e.WaitMinutes > 0 {
		rule("wait_timer", object{"wait_timer": e.WaitMinutes})
	}
	if len(e.Reviewers) > 0 {
		rule("required_reviewers", object{"prevent_self_review": e.PreventSelfReview, "reviewers": c.reviewersJSON(e)})
	}
	var policy any
	if e.ProtectedBranches || len(e.Policies) > 0 {
		rule("branch_policy", nil)
		policy = object{"protected_branches": e.ProtectedBranches, "custom_branch_policies": !e.ProtectedBranches}
	}
	o := c.environmentShort(e)
	o["created_at"], o["updated_at"] = stamp(e.created), stamp(e.created)
	o["protection_rules"], o["deployment_branch_policy"], o["can_admins_bypass"] = rules, policy, e.CanAdminsBypass
	return o
}

func (c *call) environmentShort(e *Environment) object {
	return object{
		"id": e.ID, "node_id": nodeID("EN", e.ID), "name": e.Name, "url": c.repo.url("/environments/%s", e.Name),
		"html_url": c.repo.html("/deployments/activity_log?environments_filter=%s", e.Name),
	}
}

func (c *call) reviewersJSON(e *Environment) list {
	return render(e.Reviewers, func(login string) object {
		return object{"type": "User", "reviewer": c.accountJSON(c.login(login))}
	})
}

func listEnvironments(c *call) (int, any, *problem) {
	return http.StatusOK, object{"total_count": len(c.repo.environments), "environments": page(c, c.repo.environments, c.environmentJSON)}, nil
}

func getEnvironment(c *call) (int, any, *problem) {
	e := c.repo.environment(c.req.PathValue("name"))
	if e == nil {
		return 0, nil, notFound()
	}
	return http.StatusOK, c.environmentJSON(e), nil
}

func listPolicies(c *call) (int, any, *problem) {
	e := c.repo.environment(c.req.PathValue("name"))
	if e == nil {
		return 0, nil, notFound()
	}
	i := int64(0)
	return http.StatusOK, object{"total_count": len(e.Policies), "branch_policies": page(c, e.Policies, func(pattern string) object {
		i++
		name, tag := strings.CutPrefix(pattern, "tag:")
		kind := "branch"
		if tag {
			kind = "tag"
		}
		return object{"id": e.ID*100 + i, "node_id": nodeID("GBP", e.ID*100+i), "name": name, "type": kind}
	})}, nil
}

// listApprovals answers each review once, with the environments it was for.
func listApprovals(c *call) (int, any, *problem) {
	run, p := c.run()
	if p != nil {
		return 0, nil, p
	}
	return http.StatusOK, render(run.approvals, func(a approval) object {
		return object{
			"state": a.state, "comment": a.comment, "user": c.accountJSON(c.login(a.user)),
			"environments": render(a.environments, func(name string) object {
				e := c.repo.environment(name)
				o := c.environmentShort(e)
				o["created_at"], o["updated_at"] = stamp(e.created), stamp(e.created)
				return o
			}),
		}
	}), nil
}

func listPending(c *call) (int, any, *problem) {
	run, p := c.run()
	if p != nil {
		return 0, nil, p
	}
	return http.StatusOK, render(run.waiting, func(name string) object {
		e := c.repo.environment(name)
		return object{
			"environment": c.environmentShort(e), "wait_timer": e.WaitMinutes, "wait_timer_started_at": stamp(run.Created),
			"current_user_can_approve": c.user != nil && e.reviewer(c.user.Login), "reviewers": c.reviewersJSON(e),
		}
	}), nil
}

func reviewPending(c *call) (int, any, *problem) {
	run, p := c.run()
	if p != nil {
		return 0, nil, p
	}
	var in struct {
		EnvironmentIDs []int64 `json:"environment_ids"`
		State          string
		Comment        *string
	}
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	if len(in.EnvironmentIDs) == 0 || in.Comment == nil || in.State != "approved" && in.State != "rejected" {
		return 0, nil, invalid("Invalid request.\n\n\"environment_ids\", \"state\" or \"comment\" wasn't supplied.")
	}
	var names []string
	for _, id := range in.EnvironmentIDs {
		i := slices.IndexFunc(c.repo.environments, func(e *Environment) bool { return e.ID == id })
		if i < 0 {
			return 0, nil, notFound()
		}
		names = append(names, c.repo.environments[i].Name)
	}
	if err := run.review(names, c.user.Login, in.State, *in.Comment); err != nil {
		return 0, nil, invalid(err.Error())
	}
	return http.StatusOK, render(names, func(name string) object {
		d := &deployment{id: c.nextID(), sha: run.HeadSHA, ref: run.HeadBranch, task: "deploy", environment: name, creator: run.Actor, created: c.now()}
		c.repo.deployments = append(c.repo.deployments, d)
		return c.deploymentJSON(d)
	}), nil
}
