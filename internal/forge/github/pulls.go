package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/go-github/v60/github"

	"github.com/waybill-dev/waybill/internal/forge"
)

const (
	maxPullRequests = 300  // of one head; more than one is already strange
	maxChangedFiles = 3000 // GitHub's own limit
)

// PullRequest reads one pull request.
func (c *Client) PullRequest(ctx context.Context, number int) (forge.PullRequest, error) {
	k := call{what: c.on("read pull request %d", number), needs: forge.ToReadPullRequests}
	if number <= 0 {
		return forge.PullRequest{}, fmt.Errorf("%s: numbers of pull requests begin at 1", k.what)
	}
	var pr github.PullRequest
	if _, err := c.do(ctx, k, http.MethodGet, c.path("pulls/%d", number), nil, &pr); err != nil {
		return forge.PullRequest{}, err
	}
	out, err := pullRequest(k, &pr)
	if err == nil && out.Number != number {
		err = badAnswer(k, "it is about pull request %d", out.Number)
	}
	return out, err
}

// PullRequestsByHead returns the open pull requests whose head is a branch of
// an owner's fork, or of this repository. An event of a fork's run names no
// pull request; this finds it.
func (c *Client) PullRequestsByHead(ctx context.Context, owner, branch string) ([]forge.PullRequest, error) {
	k := call{what: c.on("find the pull requests from %s:%s", clip(owner, 100), clip(branch, maxName)), needs: forge.ToReadPullRequests}
	if !ownerName.MatchString(owner) || !isBranch(branch) {
		return nil, fmt.Errorf("%s: that is no owner and branch", k.what)
	}
	return c.pulls(ctx, k, owner, branch, "")
}

// FindPullRequest returns the open pull request between two branches of this
// repository, or ErrNotFound.
func (c *Client) FindPullRequest(ctx context.Context, head, base string) (forge.PullRequest, error) {
	k := call{what: c.on("find the pull request from %s to %s", clip(head, maxName), clip(base, maxName)), needs: forge.ToReadPullRequests}
	if !isBranch(head) || !isBranch(base) {
		return forge.PullRequest{}, fmt.Errorf("%s: these are no branches", k.what)
	}
	found, err := c.pulls(ctx, k, c.owner, head, base)
	if err != nil {
		return forge.PullRequest{}, err
	}
	if len(found) == 0 {
		return forge.PullRequest{}, absent(k)
	}
	return found[0], nil
}

// pulls lists open pull requests. GitHub ignores a head that it does not
// understand and then returns all, so every one is looked at.
func (c *Client) pulls(ctx context.Context, k call, owner, head, base string) ([]forge.PullRequest, error) {
	query := url.Values{"state": {"open"}, "head": {owner + ":" + head}}
	if base != "" {
		query.Set("base", base)
	}
	all, err := list(ctx, c, k, c.path("pulls")+"?"+query.Encode(), maxPullRequests, elements[github.PullRequest])
	if err != nil {
		return nil, err
	}
	var out []forge.PullRequest
	for i := range all {
		pr, err := pullRequest(k, &all[i])
		if err != nil {
			return nil, err
		}
		if sameName(pr.Head.Owner, owner) && pr.Head.Ref == head && (base == "" || pr.Base.Ref == base) && pr.State == "open" {
			out = append(out, pr)
		}
	}
	return out, nil
}

// CreatePullRequest opens a pull request between two branches of this
// repository, or returns the open one that there is already.
func (c *Client) CreatePullRequest(ctx context.Context, p forge.NewPullRequest) (forge.PullRequest, error) {
	k := call{what: c.on("open a pull request from %s to %s", clip(p.Head, maxName), clip(p.Base, maxName)), needs: forge.ToOpenPullRequests}
	if !isBranch(p.Head) || !isBranch(p.Base) {
		return forge.PullRequest{}, fmt.Errorf("%s: these are no branches", k.what)
	}
	body := &github.NewPullRequest{
		Title: github.String(cut(p.Title, 256)), Body: github.String(cut(p.Body, maxPullBody)),
		Head: &p.Head, Base: &p.Base, Draft: &p.Draft,
	}
	find := func(ctx context.Context) (forge.PullRequest, error) { return c.FindPullRequest(ctx, p.Head, p.Base) }
	return createOnce(ctx, c, find, func(ctx context.Context) (forge.PullRequest, error) {
		var pr github.PullRequest
		_, err := c.do(ctx, k, http.MethodPost, c.path("pulls"), body, &pr)
		var refused *refusedError
		if errors.As(err, &refused) && refused.status == http.StatusUnprocessableEntity {
			if there, findErr := find(ctx); findErr == nil {
				return there, nil // 422 "A pull request already exists"
			}
		}
		if err != nil {
			return forge.PullRequest{}, advisePullRequests(err)
		}
		return pullRequest(k, &pr)
	})
}

// maxPullBody: bodies of pull requests end at 65,536 characters.
const maxPullBody = 60_000

// advisePullRequests adds the setting that stands beside the permission.
func advisePullRequests(err error) error {
	var no *forge.NotAllowed
	if errors.As(err, &no) && no.Status == http.StatusForbidden {
		return fmt.Errorf("%w, and an administrator has to allow it: Settings, Actions, General, \"Allow GitHub Actions to create and approve pull requests\"", err)
	}
	return err
}

// ChangedFiles returns the files that a pull request changes.
func (c *Client) ChangedFiles(ctx context.Context, number int) ([]forge.File, error) {
	k := call{what: c.on("list the files of pull request %d", number), needs: forge.ToReadPullRequests}
	all, err := list(ctx, c, k, c.path("pulls/%d/files", number), maxChangedFiles, elements[github.CommitFile])
	if err != nil {
		return nil, err
	}
	out := make([]forge.File, len(all))
	for i := range all {
		f := &all[i]
		if f.GetFilename() == "" || len(f.GetFilename()) > 4096 || len(f.GetPreviousFilename()) > 4096 {
			return nil, badAnswer(k, "a file has no usable name")
		}
		out[i] = forge.File{Path: f.GetFilename(), Previous: f.GetPreviousFilename(), Status: clip(f.GetStatus(), 20)}
	}
	return out, nil
}

func pullRequest(k call, pr *github.PullRequest) (forge.PullRequest, error) {
	head, base := branch(pr.GetHead()), branch(pr.GetBase())
	out := forge.PullRequest{
		Number: pr.GetNumber(), State: clip(pr.GetState(), 20), Title: cut(pr.GetTitle(), 1024), Author: account(pr.GetUser()),
		Head: head, Base: base, Draft: pr.GetDraft(), Merged: pr.GetMerged() || pr.MergedAt != nil,
		Fork:        !sameName(head.Owner, base.Owner) || !sameName(head.Repo, base.Repo),
		MergeCommit: pr.GetMergeCommitSHA(), MergedBy: account(pr.GetMergedBy()), URL: webAddress(pr.GetHTMLURL()),
	}
	switch {
	case out.Number <= 0:
		return forge.PullRequest{}, badAnswer(k, "a pull request has the number %d", out.Number)
	case !isHash(head.SHA) || !isHash(base.SHA):
		return forge.PullRequest{}, badAnswer(k, "pull request %d has no commits", out.Number)
	case head.Ref == "" || base.Ref == "" || len(head.Ref) > 1024 || len(base.Ref) > 1024:
		return forge.PullRequest{}, badAnswer(k, "pull request %d has no branches", out.Number)
	case out.MergeCommit != "" && !isHash(out.MergeCommit):
		out.MergeCommit = ""
	}
	return out, nil
}

func branch(b *github.PullRequestBranch) forge.Branch {
	return forge.Branch{
		SHA: b.GetSHA(), Ref: b.GetRef(),
		Owner: clip(b.GetRepo().GetOwner().GetLogin(), 100), Repo: clip(b.GetRepo().GetName(), 100),
	}
}
