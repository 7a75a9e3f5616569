package forge

import (
	"errors"
	"fmt"
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
	Needs  string // a line under permissions:, or a setting; see Advice
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
	if e.Needs != "" {
		s += "; " + e.Advice()
	}
	return s
}

// Advice is what to do about it.
func (e *NotAllowed) Advice() string {
	if e.Status == 401 {
		return "the token is wrong or has expired: pass a valid one"
	}
	advice := fmt.Sprintf(`the token needs "%s" under permissions: in the workflow`, e.Needs)
	if strings.Contains(e.Needs, "write") {
		advice += " (runs for forks and Dependabot are never given it)"
	}
	return advice
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
		s += fmt.Sprintf(`: it does not exist, or the token may not see it, for which it needs "%s" under permissions: in the workflow`, e.Needs)
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
