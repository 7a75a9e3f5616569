package forge

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Sentinels for errors.Is.
var (
	ErrNone        = errors.New("there is no forge here")
	ErrNotAllowed  = errors.New("not allowed")
	ErrNotFound    = errors.New("not found")
	ErrRateLimited = errors.New("rate limited")
	ErrMoved       = errors.New("the branch has moved")
)

// NotAllowed says that the token may not do something.
type NotAllowed struct {
	What   string // "comment on pull request 7 of acme/reviews"
	Needs  string // permissions in the words of a workflow, such as "checks: write"; see Advice
	Status int    // 401, 403, or 404 where the forge hides what may not be seen
	Answer string // what the forge said; may be empty
}

func (e *NotAllowed) Error() string {
	s := fmt.Sprintf("%s: %d", e.What, e.Status)
	if e.Answer != "" {
		s += " " + e.Answer
	}
	if e.Status == 404 {
		s += ": GitHub answers so also to a token that may not do it"
	}
	if advice := e.Advice(); advice != "" {
		s += "; " + advice
	}
	return s
}

// Advice is what to do about it, "" where no permission is known to help.
func (e *NotAllowed) Advice() string {
	switch {
	case e.Status == 401:
		return "the token is wrong or has expired: pass a valid one"
	case e.Needs == "":
		return ""
	}
	advice := "the token needs " + inWorkflow(e.Needs)
	if strings.Contains(e.Needs, "write") {
		advice += " (the token of a run for a fork may only read)"
	}
	return advice
}

// grantable are the permissions that a workflow can give its token
// (docs.github.com/actions/reference/workflow-syntax-for-github-actions,
// "permissions"). Others, such as administration and workflows, it never has.
var grantable = []string{
	"actions", "artifact-metadata", "attestations", "checks", "contents", "deployments", "discussions", "id-token", "issues",
	"models", "packages", "pages", "pull-requests", "repository-projects", "security-events", "statuses",
}

// inWorkflow says how a token comes to have needs.
func inWorkflow(needs string) string {
	for line := range strings.SplitSeq(needs, ", ") {
		if name, _, _ := strings.Cut(line, ":"); !slices.Contains(grantable, name) {
			return fmt.Sprintf(`"%s", which a workflow cannot give its own token: pass the token of a GitHub App or a person that has it`, needs)
		}
	}
	return fmt.Sprintf(`"%s" under permissions: in the workflow`, needs)
}

// Is makes it an ErrNotAllowed, and an ErrNotFound where that was the answer.
func (e *NotAllowed) Is(target error) bool {
	return target == ErrNotAllowed || target == ErrNotFound && e.Status == 404
}

// NotFound says that something does not exist, or cannot be seen.
type NotFound struct {
	What  string
	Needs string // what a token needs to see it; may be empty
}

func (e *NotFound) Error() string {
	s := e.What + ": 404 not found"
	if e.Needs != "" {
		s += ": it does not exist, or the token may not see it, for which it needs " + inWorkflow(e.Needs)
	}
	return s
}

// Is makes it an ErrNotFound.
func (e *NotFound) Is(target error) bool { return target == ErrNotFound }

// RateLimited says that the forge asks to come back later.
type RateLimited struct {
	What      string
	Secondary bool // too many requests at once, rather than in this hour
	Until     time.Time
}

func (e *RateLimited) Error() string {
	kind := "rate limit of this hour is used up"
	if e.Secondary {
		kind = "secondary rate limit: too many requests at once"
	}
	return fmt.Sprintf("%s: %s; run again after %s", e.What, kind, e.Until.UTC().Format(time.RFC3339))
}

// Is makes it an ErrRateLimited.
func (e *RateLimited) Is(target error) bool { return target == ErrRateLimited }
