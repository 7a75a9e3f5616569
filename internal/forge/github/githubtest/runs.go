package githubtest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Run is a workflow run.
type Run struct {
	ID                            int64
	Event, Actor                  string
	HeadBranch, HeadSHA, Workflow string
	Status, Conclusion            string
	Attempt                       int
	HeadOwner                     string // of the fork that it ran for; one that is not there was deleted
	TriggeringActor               string // who started this attempt; Actor when empty
	Created                       time.Time
	Started                       time.Time // of this attempt
	waiting                       []string  // environments
	approvals                     []approval
	repo                          *Repository
}

// Artifact is a zip that a run left.
type Artifact struct {
	ID, RunID int64
	Name      string
	Zip       []byte
	Expired   bool
	Created   time.Time
}

// AddRun makes a run, in progress unless told.
func (r *Repository) AddRun(run Run) *Run {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.sync()
	run.ID, run.repo = or(run.ID, r.server.nextID()), r
	if run.Created.IsZero() {
		run.Created = r.server.now()
	}
	if run.Started.IsZero() {
		run.Started = run.Created
	}
	run.Status, run.Event, run.Actor = or(run.Status, "in_progress"), or(run.Event, "push"), or(run.Actor, r.Owner)
	run.TriggeringActor = or(run.TriggeringActor, run.Actor)
	run.Workflow, run.Attempt, run.HeadOwner = or(run.Workflow, ".github/workflows/waybill.yml"), or(run.Attempt, 1), or(run.HeadOwner, r.Owner)
	run.HeadBranch = or(run.HeadBranch, r.DefaultBranch)
	run.HeadSHA = or(run.HeadSHA, r.refs["refs/heads/"+run.HeadBranch])
	r.git.know(run.HeadSHA, r.signature(run.Actor))
	r.runs = append(r.runs, &run)
	return &run
}

// Rerun starts the next attempt of a run, as an account. What was approved for
// the attempts before stays in the list of approvals.
func (run *Run) Rerun(login string) {
	s := run.repo.server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.login(login)
	run.Attempt++
	run.TriggeringActor, run.Started, run.waiting = login, s.now(), nil
	run.Status, run.Conclusion = "in_progress", ""
}

// AddArtifact leaves files with a run.
func (run *Run) AddArtifact(name string, files map[string]string) Artifact {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		// Writing into memory does not fail.
		w, _ := z.Create(path)
		w.Write([]byte(files[path]))
	}
	z.Close()
	return run.AddArtifactZip(name, b.Bytes())
}

// AddArtifactZip leaves bytes with a run that need not be a zip.
func (run *Run) AddArtifactZip(name string, content []byte) Artifact {
	s := run.repo.server
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &Artifact{ID: s.nextID(), RunID: run.ID, Name: name, Zip: content, Created: s.now()}
	run.repo.artifacts = append(run.repo.artifacts, a)
	return *a
}

// Expire ends an artifact's time.
func (r *Repository) Expire(artifact int64) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	for _, a := range r.artifacts {
		if a.ID == artifact {
			a.Expired = true
		}
	}
}

func runRoutes() []route {
	const read, write = "actions:read", "actions:write"
	return []route{
		{"GET " + repo + "/actions/permissions/workflow", "administration:read", false, getWorkflowPermissions},
		{"GET " + repo + "/actions/runs/{id}", read, false, getRun},
		{"GET " + repo + "/actions/runs/{id}/artifacts", read, false, listRunArtifacts},
		{"GET " + repo + "/actions/artifacts", read, false, listArtifacts},
		{"GET " + repo + "/actions/artifacts/{id}", read, false, getArtifact},
		// Public or not, a download needs a token.
		{"GET " + repo + "/actions/artifacts/{id}/zip", read, false, downloadArtifact},
		{"GET " + repo + "/actions/runs/{id}/approvals", read, false, listApprovals},
		{"GET " + repo + "/actions/runs/{id}/pending_deployments", read, false, listPending},
		{"POST " + repo + "/actions/runs/{id}/pending_deployments", "deployments:write", false, reviewPending},
		{"POST " + repo + "/actions/workflows/{workflow}/dispatches", write, false, workflowDispatch},
	}
}

func (c *call) run() (*Run, *problem) {
	id, p := c.id("id")
	if p != nil {
		return nil, p
	}
	i := slices.IndexFunc(c.repo.runs, func(r *Run) bool { return r.ID == id })
	if i < 0 {
		return nil, notFound()
	}
	return c.repo.runs[i], nil
}

func getRun(c *call) (int, any, *problem) {
	run, p := c.run()
	if p != nil {
		return 0, nil, p
	}
	base, actor := c.repo.url("/actions/runs/%d", run.ID), c.accountJSON(c.login(run.Actor))
	var head any // null where the fork was deleted, which the description does not say
	if fork := c.repos[strings.ToLower(run.HeadOwner+"/"+c.repo.Name)]; fork != nil {
		head = fork.shortJSON()
	}
	var previous any
	if run.Attempt > 1 {
		previous = base + fmt.Sprintf("/attempts/%d", run.Attempt-1)
	}
	sig := c.repo.signature(run.Actor)
	if k := c.repo.git.commit(run.HeadSHA); k != nil {
		sig = k.author
	}
	return http.StatusOK, object{
		"id": run.ID, "node_id": nodeID("WFR", run.ID), "name": "waybill", "display_title": "waybill", "head_branch": run.HeadBranch,
		"head_sha": run.HeadSHA, "path": run.Workflow, "run_number": 1, "run_attempt": run.Attempt, "event": run.Event,
		"status": run.Status, "conclusion": text(run.Conclusion), "workflow_id": 1, "check_suite_id": run.ID, "check_suite_node_id": nodeID("CS", run.ID),
		"url": base, "html_url": c.repo.html("/actions/runs/%d", run.ID), "created_at": stamp(run.Created), "updated_at": stamp(run.Created),
		"run_started_at": stamp(run.Started), "actor": actor, "triggering_actor": c.accountJSON(c.login(run.TriggeringActor)), "jobs_url": base + "/jobs", "logs_url": base + "/logs",
		"check_suite_url": c.repo.url("/check-suites/%d", run.ID), "artifacts_url": base + "/artifacts", "cancel_url": base + "/cancel",
		"rerun_url": base + "/rerun", "workflow_url": c.repo.url("/actions/workflows/1"), "previous_attempt_url": previous, "pull_requests": list{},
		"referenced_workflows": list{}, "repository": c.repo.shortJSON(), "head_repository": head,
		"head_commit": object{
			"id": run.HeadSHA, "tree_id": hashObject("tree", nil), "message": "", "timestamp": stamp(run.Created),
			"author": object{"name": sig.Name, "email": sig.Email}, "committer": object{"name": sig.Name, "email": sig.Email},
		},
	}, nil
}

func (c *call) artifactJSON(a *Artifact) object {
	o := object{
		"id": a.ID, "node_id": nodeID("MA", a.ID), "name": a.Name, "size_in_bytes": len(a.Zip), "url": c.repo.url("/actions/artifacts/%d", a.ID),
		"archive_download_url": c.repo.url("/actions/artifacts/%d/zip", a.ID), "expired": a.Expired,
		"created_at": stamp(a.Created), "updated_at": stamp(a.Created), "expires_at": stamp(a.Created.AddDate(0, 0, 90)),
	}
	for _, run := range c.repo.runs {
		if run.ID == a.RunID {
			o["workflow_run"] = object{
				"id": run.ID, "repository_id": c.repo.ID, "head_repository_id": c.repo.ID, "head_branch": run.HeadBranch, "head_sha": run.HeadSHA,
			}
		}
	}
	return o
}

func (c *call) answerArtifacts(of func(*Artifact) bool) (int, any, *problem) {
	var found []*Artifact
	name := c.req.URL.Query().Get("name")
	for _, a := range newestFirst(c.repo.artifacts) {
		if of(a) && (name == "" || a.Name == name) {
			found = append(found, a)
		}
	}
	return http.StatusOK, object{"total_count": len(found), "artifacts": page(c, found, c.artifactJSON)}, nil
}

func listArtifacts(c *call) (int, any, *problem) {
	return c.answerArtifacts(func(*Artifact) bool { return true })
}

func listRunArtifacts(c *call) (int, any, *problem) {
	run, p := c.run()
	if p != nil {
		return 0, nil, p
	}
	return c.answerArtifacts(func(a *Artifact) bool { return a.RunID == run.ID })
}

func (c *call) artifact() (*Artifact, *problem) {
	id, p := c.id("id")
	if p != nil {
		return nil, p
	}
	i := slices.IndexFunc(c.repo.artifacts, func(a *Artifact) bool { return a.ID == id })
	if i < 0 {
		return nil, notFound()
	}
	return c.repo.artifacts[i], nil
}

func getArtifact(c *call) (int, any, *problem) {
	a, p := c.artifact()
	if p != nil {
		return 0, nil, p
	}
	return http.StatusOK, c.artifactJSON(a), nil
}

// downloadArtifact redirects to a store with another host name, which wants
// no token.
func downloadArtifact(c *call) (int, any, *problem) {
	a, p := c.artifact()
	switch {
	case p != nil:
		return 0, nil, p
	case c.token == nil:
		return 0, nil, &problem{status: http.StatusUnauthorized, message: "Requires authentication"}
	case a.Expired:
		return 0, nil, &problem{status: http.StatusGone, message: "Artifact has expired"}
	}
	c.redirect("artifact", a.ID)
	return 0, nil, nil
}

// redirect sends the client to /_blobs/ under the host name localhost.
func (c *call) redirect(kind string, id int64) {
	c.setRateLimit(c.w.Header(), tokenOf(c.req), true)
	host := strings.Replace(c.ServerURL, "127.0.0.1", "localhost", 1)
	c.w.Header().Set("Location", host+"/_blobs/"+kind+"/"+strconv.FormatInt(id, 10)+"?sig=fake")
	c.w.WriteHeader(http.StatusFound)
}

// serveBlob is the store that downloads are redirected to. Azure's refuses
// requests that bring somebody else's token.
func (s *Server) serveBlob(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("Authorization") != "" {
		http.Error(w, "InvalidAuthenticationInfo", http.StatusUnauthorized)
		return
	}
	kind, id, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/_blobs/"), "/")
	n, _ := strconv.ParseInt(id, 10, 64)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.repos {
		for _, a := range r.artifacts {
			if kind == "artifact" && a.ID == n {
				w.Header().Set("Content-Type", "application/zip")
				w.Write(a.Zip)
				return
			}
		}
		for _, rel := range r.releases {
			for _, a := range rel.assets {
				if kind == "asset" && a.id == n {
					w.Header().Set("Content-Type", a.contentType)
					w.Write(a.content)
					return
				}
			}
		}
	}
	http.NotFound(w, req)
}

// getWorkflowPermissions is for admins only, whatever the visibility.
func getWorkflowPermissions(c *call) (int, any, *problem) {
	level := "read"
	if c.repo.TokenWrites {
		level = "write"
	}
	return http.StatusOK, object{"default_workflow_permissions": level, "can_approve_pull_request_reviews": c.repo.TokenMayOpenPulls}, nil
}
