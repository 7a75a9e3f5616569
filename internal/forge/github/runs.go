package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/waybill-dev/waybill/internal/forge"
)

type runAnswer struct {
	ID              int64        `json:"id"`
	Attempt         int64        `json:"run_attempt"`
	Event           string       `json:"event"`
	Status          string       `json:"status"`
	Conclusion      string       `json:"conclusion"`
	Path            string       `json:"path"`
	HeadBranch      string       `json:"head_branch"`
	HeadSHA         string       `json:"head_sha"`
	Repository      *runRepo     `json:"repository"`
	HeadRepository  *runRepo     `json:"head_repository"`
	Actor           *github.User `json:"actor"`
	TriggeringActor *github.User `json:"triggering_actor"`
	Created         time.Time    `json:"created_at"`
	Started         time.Time    `json:"run_started_at"`
	URL             string       `json:"html_url"`
}

type runRepo struct {
	FullName string `json:"full_name"`
}

// Run returns a workflow run.
func (c *Client) Run(ctx context.Context, id int64) (forge.Run, error) {
	k := call{what: c.on("read workflow run %d", id), needs: forge.ToReadActions}
	if id <= 0 {
		return forge.Run{}, fmt.Errorf("%s: that is no run's id", k.what)
	}
	var a runAnswer
	if _, err := c.do(ctx, k, http.MethodGet, c.path("actions/runs/%d", id), nil, &a); err != nil {
		return forge.Run{}, err
	}
	out := forge.Run{
		ID: a.ID, Attempt: a.Attempt, Event: clip(a.Event, 100), Status: clip(a.Status, 30), Conclusion: clip(a.Conclusion, 30),
		Path: workflowPath(a.Path), HeadBranch: a.HeadBranch, HeadSHA: a.HeadSHA, Repository: a.Repository.name(), HeadRepository: a.HeadRepository.name(),
		Actor: account(a.Actor), TriggeringActor: account(a.TriggeringActor),
		Created: a.Created.UTC(), Started: a.Started.UTC(), URL: webAddress(a.URL),
	}
	switch {
	case out.ID != id:
		return forge.Run{}, badAnswer(k, "it is about run %d", out.ID)
	case out.Attempt < 1 || out.Event == "" || out.Status == "" || !isHash(out.HeadSHA) || len(out.HeadBranch) > 1024 || out.Created.IsZero():
		return forge.Run{}, badAnswer(k, "it has no attempt, event, status, commit or time")
	case out.Repository == "":
		return forge.Run{}, badAnswer(k, "it has no repository")
	}
	return out, nil
}

// name is OWNER/NAME, or "" of a repository that is gone.
func (r *runRepo) name() string {
	if r == nil {
		return ""
	}
	owner, name, _ := strings.Cut(r.FullName, "/")
	if !ownerName.MatchString(owner) || !repoName.MatchString(name) {
		return ""
	}
	return r.FullName
}

// workflowPath takes the ref off the path of a workflow's file, which GitHub
// writes as PATH or PATH@REF. What may be read in two ways, because a file or
// ref was named to look like the other, stays as it is, so that it is the path
// of no file that is trusted.
func workflowPath(s string) string {
	s = cut(s, 1024)
	for i := range len(s) {
		file := s[:i]
		if s[i] != '@' || !isWorkflow(file) {
			continue
		}
		for rest := range strings.SplitSeq(s[i+1:], "@") {
			if isWorkflow(rest) {
				return s
			}
		}
		return file
	}
	return s
}

func isWorkflow(s string) bool { return strings.HasSuffix(s, ".yml") || strings.HasSuffix(s, ".yaml") }
