package githubtest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// CheckRun is one, with all annotations that were sent for it.
type CheckRun struct {
	ID                                            int64
	Name, HeadSHA, Status, Conclusion, ExternalID string
	DetailsURL, Title, Summary, Text              string
	Annotations                                   []Annotation
	Actions                                       int
	Started, Completed                            time.Time
}

// Annotation is a remark on a line.
type Annotation struct {
	Path            string `json:"path"`
	StartLine       int    `json:"start_line"`
	EndLine         int    `json:"end_line"`
	StartColumn     *int   `json:"start_column"`
	EndColumn       *int   `json:"end_column"`
	AnnotationLevel string `json:"annotation_level"`
	Message         string `json:"message"`
	Title           string `json:"title"`
	RawDetails      string `json:"raw_details"`
}

// CheckRuns returns those of a commit, oldest first.
func (r *Repository) CheckRuns(sha string) []CheckRun {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	var out []CheckRun
	for _, k := range r.checkRuns {
		if k.HeadSHA == sha {
			out = append(out, *k)
		}
	}
	return out
}

func checkRoutes() []route {
	const read, write = "checks:read", "checks:write"
	return []route{
		{"POST " + repo + "/check-runs", write, false, createCheckRun},
		{"GET " + repo + "/check-runs/{id}", read, false, getCheckRun},
		{"PATCH " + repo + "/check-runs/{id}", write, false, updateCheckRun},
		{"GET " + repo + "/check-runs/{id}/annotations", read, false, listAnnotations},
		{"GET " + repo + "/commits/{ref}/check-runs", read, false, listCheckRuns},
	}
}

// checkInput is what creating and updating take.
type checkInput struct {
	Name        *string
	HeadSHA     *string `json:"head_sha"`
	Status      *string
	Conclusion  *string
	ExternalID  *string    `json:"external_id"`
	DetailsURL  *string    `json:"details_url"`
	StartedAt   *time.Time `json:"started_at"`
	CompletedAt *time.Time `json:"completed_at"`
	Output      *struct {
		Title, Summary, Text *string
		Annotations          []Annotation
	}
	Actions []object
}

var conclusions = []string{"action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"}

// refuse finds what GitHub answers 422 to.
func (in *checkInput) refuse() *problem {
	switch {
	case in.Conclusion != nil && !slices.Contains(conclusions, *in.Conclusion):
		return invalidField("CheckRun", "conclusion", "invalid")
	case in.Status != nil && !slices.Contains([]string{"queued", "in_progress", "completed"}, *in.Status):
		return invalidField("CheckRun", "status", "invalid")
	case in.Status != nil && *in.Status == "completed" && in.Conclusion == nil:
		return invalidField("CheckRun", "conclusion", "missing_field")
	case in.DetailsURL != nil && !strings.HasPrefix(*in.DetailsURL, "http"):
		return invalidField("CheckRun", "details_url", "invalid")
	case len(in.Actions) > 3:
		return invalid("Invalid request.\n\nNo more than 3 items are allowed in \"actions\".")
	case in.Output == nil:
		return nil
	case in.Output.Summary == nil:
		return invalid("Invalid request.\n\n\"summary\" wasn't supplied.")
	case len(*in.Output.Summary) > 65535 || in.Output.Text != nil && len(*in.Output.Text) > 65535:
		return invalid("Invalid request.\n\nOnly 65535 characters are allowed.")
	case len(in.Output.Annotations) > 50:
		return invalid("Invalid request.\n\nNo more than 50 items are allowed in \"annotations\".")
	}
	for _, a := range in.Output.Annotations {
		switch {
		case a.Path == "" || strings.HasPrefix(a.Path, "/") || a.Message == "" || a.StartLine < 1 || a.EndLine < a.StartLine:
			return invalidField("CheckRun", "annotations", "invalid")
		case !slices.Contains([]string{"notice", "warning", "failure"}, a.AnnotationLevel):
			return invalidField("CheckRun", "annotation_level", "invalid")
		case (a.StartColumn != nil || a.EndColumn != nil) && a.StartLine != a.EndLine:
			return invalid("Invalid request.\n\nColumns are only for annotations of one line.")
		case utf8.RuneCountInString(a.Title) > 255 || len(a.Message) > 64<<10 || len(a.RawDetails) > 64<<10:
			return invalidField("CheckRun", "annotations", "too_long")
		}
	}
	return nil
}

// apply changes a check run; annotations are added to those it has.
func (in *checkInput) apply(k *CheckRun, now time.Time) {
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&k.Name, in.Name)
	set(&k.Status, in.Status)
	set(&k.ExternalID, in.ExternalID)
	set(&k.DetailsURL, in.DetailsURL)
	if in.Conclusion != nil {
		k.Conclusion, k.Status, k.Completed = *in.Conclusion, "completed", now
	}
	if in.StartedAt != nil {
		k.Started = *in.StartedAt
	}
	if in.CompletedAt != nil {
		k.Completed = *in.CompletedAt
	}
	if in.Actions != nil {
		k.Actions = len(in.Actions)
	}
	if in.Output != nil {
		set(&k.Title, in.Output.Title)
		set(&k.Summary, in.Output.Summary)
		set(&k.Text, in.Output.Text)
		k.Annotations = append(k.Annotations, in.Output.Annotations...)
	}
}

func (c *call) checkJSON(k *CheckRun) object {
	actions := &User{Login: "github", ID: 9919}
	return object{
		"id": k.ID, "node_id": nodeID("CR", k.ID), "name": k.Name, "head_sha": k.HeadSHA, "external_id": k.ExternalID,
		"url": c.repo.url("/check-runs/%d", k.ID), "html_url": c.repo.html("/runs/%d", k.ID),
		"details_url": or(k.DetailsURL, c.repo.html("/runs/%d", k.ID)), "status": k.Status, "conclusion": text(k.Conclusion),
		"started_at": stamp(k.Started), "completed_at": stamp(k.Completed), "check_suite": object{"id": k.ID + 1}, "pull_requests": list{},
		"output": object{
			"title": text(k.Title), "summary": text(k.Summary), "text": text(k.Text),
			"annotations_count": len(k.Annotations), "annotations_url": c.repo.url("/check-runs/%d/annotations", k.ID),
		},
		"app": object{
			"id": 15368, "node_id": "MDM6QXBwMTUzNjg=", "slug": "github-actions", "name": "GitHub Actions", "description": "Automate your workflow",
			"owner": c.accountJSON(actions), "external_url": "https://help.github.com/en/actions", "html_url": c.ServerURL + "/apps/github-actions",
			"created_at": "2018-07-30T09:30:17Z", "updated_at": "2019-12-10T19:04:12Z",
			"permissions": object{"checks": "write", "contents": "write", "metadata": "read"}, "events": list{"check_run"},
		},
	}
}

func createCheckRun(c *call) (int, any, *problem) {
	var in checkInput
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	switch {
	case in.Name == nil || in.HeadSHA == nil:
		return 0, nil, invalid("Invalid request.\n\n\"name\", \"head_sha\" weren't supplied.")
	case c.repo.git.commit(*in.HeadSHA) == nil:
		return 0, nil, invalid("No commit found for SHA: " + *in.HeadSHA)
	}
	if p := in.refuse(); p != nil {
		return 0, nil, p
	}
	k := &CheckRun{ID: c.nextID(), HeadSHA: *in.HeadSHA, Status: "queued", Started: c.now()}
	in.apply(k, c.now())
	c.repo.checkRuns = append(c.repo.checkRuns, k)
	return http.StatusCreated, c.checkJSON(k), nil
}

func (c *call) checkRun() (*CheckRun, *problem) {
	id, p := c.id("id")
	if p != nil {
		return nil, p
	}
	i := slices.IndexFunc(c.repo.checkRuns, func(k *CheckRun) bool { return k.ID == id })
	if i < 0 {
		return nil, notFound()
	}
	return c.repo.checkRuns[i], nil
}

func getCheckRun(c *call) (int, any, *problem) {
	k, p := c.checkRun()
	if p != nil {
		return 0, nil, p
	}
	return http.StatusOK, c.checkJSON(k), nil
}

func updateCheckRun(c *call) (int, any, *problem) {
	k, p := c.checkRun()
	if p != nil {
		return 0, nil, p
	}
	var in checkInput
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	if p := in.refuse(); p != nil {
		return 0, nil, p
	}
	in.apply(k, c.now())
	return http.StatusOK, c.checkJSON(k), nil
}

func listAnnotations(c *call) (int, any, *problem) {
	k, p := c.checkRun()
	if p != nil {
		return 0, nil, p
	}
	return http.StatusOK, page(c, k.Annotations, func(a Annotation) object {
		return object{
			"path": a.Path, "blob_href": c.repo.html("/blob/%s/%s", k.HeadSHA, a.Path), "start_line": a.StartLine, "end_line": a.EndLine,
			"start_column": a.StartColumn, "end_column": a.EndColumn, "annotation_level": a.AnnotationLevel,
			"title": text(a.Title), "message": a.Message, "raw_details": text(a.RawDetails),
		}
	}), nil
}

// listCheckRuns knows check_name, status and filter, whose default "latest"
// leaves out what a newer run of the same name replaced.
func listCheckRuns(c *call) (int, any, *problem) {
	q := c.req.URL.Query()
	sha := c.resolve(c.req.PathValue("ref"))
	if c.repo.git.commit(sha) == nil {
		return 0, nil, invalid("No commit found for SHA: " + sha)
	}
	var found []*CheckRun
	seen := map[string]bool{}
	for _, k := range newestFirst(c.repo.checkRuns) {
		app := q.Get("app_id")
		if k.HeadSHA != sha || q.Has("check_name") && k.Name != q.Get("check_name") ||
			q.Has("status") && k.Status != q.Get("status") || app != "" && app != strconv.Itoa(15368) ||
			seen[k.Name] && q.Get("filter") != "all" {
			continue
		}
		seen[k.Name] = true
		found = append(found, k)
	}
	return http.StatusOK, object{"total_count": len(found), "check_runs": page(c, found, c.checkJSON)}, nil
}
