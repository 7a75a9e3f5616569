package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/waybill-dev/waybill/internal/action"
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Compared is what a run of a workflow compares.
type Compared struct {
	// Base is the commit to compare with, "" where there is none; Branch is one
	// that has it.
	Base, Branch string
	// Head is the commit that the working tree stands at, Reviewed the one that
	// the check run belongs to: of a pull request its own head.
	Head, Reviewed string
	// Note is a sentence for readers, "" mostly.
	Note string
}

var fullHash = regexp.MustCompile(`^[0-9a-f]{40}$`)

// FindBase decides what to compare with; asked is the input, mostly "".
//
// In a pull request's workflow the default checkout is the merge commit that
// GitHub makes, whose first parent is the base branch as it is now: the
// difference is exactly what merging would do, and no history is needed.
func FindBase(c *action.Context, repo *gitrepo.Repo, asked string) (Compared, error) {
	head, err := repo.Head()
	if err != nil {
		return Compared{}, err
	}
	out := Compared{Head: head.Hash, Reviewed: head.Hash, Branch: c.BaseRef}
	pr, group := c.PullRequest, c.MergeGroup
	switch {
	case pr != nil:
		out.Reviewed, out.Branch = pr.Head.SHA, pr.Base.Ref
	case group != nil:
		out.Reviewed, out.Branch = group.HeadSHA, strings.TrimPrefix(group.BaseRef, "refs/heads/")
	default:
		out.Branch, _ = strings.CutPrefix(c.Ref, "refs/heads/")
	}
	if asked != "" {
		out.Base, err = askedBase(repo, asked)
		return out, err
	}
	parents, err := repo.Parents(head.Hash)
	if err != nil {
		return out, err
	}
	switch {
	case pr != nil && len(parents) == 2 && (parents[1] == pr.Head.SHA || head.Hash == c.SHA):
		out.Base = parents[0]
	case pr != nil:
		out.Base = pr.Base.SHA
		out.Note = "Compared with the base branch as it was when the event happened, because not the merge commit was checked out: " +
			"what others merged meanwhile may show as changes. Use actions/checkout without ref."
	case group != nil:
		out.Base = group.BaseSHA
	default:
		out.Base = before(c)
		if out.Base == "" && len(parents) > 0 {
			out.Base = parents[0]
		}
	}
	return out, nil
}

func askedBase(repo *gitrepo.Repo, asked string) (string, error) {
	hash, err := repo.ResolveRevision(asked)
	switch {
	case err == nil:
		return hash, nil
	case fullHash.MatchString(asked):
		return asked, nil
	}
	return "", workspace.Usage("input base: %w; a clone without history knows few names: give a whole commit id", err)
}

// before is where the branch stood before a push, "" for a new one and for
// other events.
func before(c *action.Context) string {
	var push struct {
		Before string `json:"before"`
	}
	if c.EventName != "push" || json.Unmarshal(c.Event, &push) != nil || !fullHash.MatchString(push.Before) || strings.Trim(push.Before, "0") == "" {
		return ""
	}
	return push.Before
}

// FetchBase sees to it that the base can be read: a shallow clone has it not.
func FetchBase(ctx context.Context, repo *gitrepo.Repo, c Compared) error {
	if c.Base == "" {
		return nil
	}
	remote, err := repo.Remote(ctx)
	if err == nil {
		err = remote.FetchCommit(ctx, c.Base, c.Branch)
	} else if _, here := repo.Parents(c.Base); errors.Is(err, gitrepo.ErrNoRemote) && here == nil {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("compare with %.12s: %w", c.Base, err)
	}
	return nil
}
