package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/waybill-dev/waybill/internal/forge"
)

const (
	maxCommits     = 100 // of one answer
	maxPullCommits = 250 // GitHub lists no more, and does not say that there are
	maxReviews     = 3000
	maxParents     = 100
	maxEmail       = 1024
)

// BranchProtected tells whether nobody can simply push to a branch: it has
// classic branch protection, or a ruleset lets only pull requests, required
// checks or few people change it. Other rules, such as those for messages or
// against force pushes, protect nothing that is written there.
func (c *Client) BranchProtected(ctx context.Context, branch string) (bool, error) {
	k := call{what: c.on("read whether branch %s is protected", clip(branch, maxName)), needs: forge.ToReadContents}
	if !isBranch(branch) {
		return false, fmt.Errorf("%s: that is no name of a branch", k.what)
	}
	var answer struct {
		Name      string `json:"name"`
		Protected *bool  `json:"protected"`
	}
	if _, err := c.do(ctx, k, http.MethodGet, c.path("branches/%s", branch), nil, &answer); err != nil {
		return false, err
	}
	switch {
	case answer.Name != branch: // a renamed branch is answered under its new name
		return false, badAnswer(k, "it is about branch %q", clip(answer.Name, maxName))
	case answer.Protected == nil:
		return false, badAnswer(k, "it does not say so")
	case *answer.Protected:
		return true, nil
	}
	rules, err := c.BranchRules(ctx, branch)
	return slices.ContainsFunc(rules, guards), err
}

// guards tells whether a rule keeps people from pushing what they like
// (docs.github.com/rest/repos/rules, "Get rules for a branch").
func guards(r forge.Rule) bool {
	return slices.Contains([]string{"pull_request", "merge_queue", "update", "required_status_checks"}, r.Type)
}

type commitAnswer struct {
	SHA    string `json:"sha"`
	Commit *struct {
		Message string `json:"message"`
		Author  *struct {
			Email string `json:"email"`
		} `json:"author"`
		Committer *struct {
			Email string `json:"email"`
		} `json:"committer"`
	} `json:"commit"`
	// null where no account has the address.
	Author    *github.User `json:"author"`
	Committer *github.User `json:"committer"`
	Parents   []struct {
		SHA string `json:"sha"`
	} `json:"parents"`
}

// commits reads what is said of commits. Messages stay whole: who else wrote a
// commit stands at its end.
func commits(k call, all []commitAnswer) ([]forge.Commit, error) {
	out := make([]forge.Commit, 0, len(all))
	for i := range all {
		a := &all[i]
		if !isHash(a.SHA) || a.Commit == nil || len(a.Parents) > maxParents {
			return nil, badAnswer(k, "a commit has no id or says nothing of itself")
		}
		one := forge.Commit{SHA: a.SHA, Author: account(a.Author), Committer: account(a.Committer), Message: a.Commit.Message}
		if who := a.Commit.Author; who != nil {
			one.AuthorEmail = cut(who.Email, maxEmail)
		}
		if who := a.Commit.Committer; who != nil {
			one.CommitterEmail = cut(who.Email, maxEmail)
		}
		for _, p := range a.Parents {
			if !isHash(p.SHA) {
				return nil, badAnswer(k, "a parent of commit %s has no id", a.SHA)
			}
			one.Parents = append(one.Parents, p.SHA)
		}
		out = append(out, one)
	}
	return out, nil
}

// Commits returns the newest commits up to commit that changed path, newest
// first, at most n of them and at most 100. An empty path is any.
func (c *Client) Commits(ctx context.Context, commit, path string, n int) ([]forge.Commit, error) {
	k := call{what: c.on("read who changed %s up to %s", clip(path, maxName), clip(commit, 64)), needs: forge.ToReadContents}
	if !isHash(commit) || path != "" && !isPath(path) || n < 1 {
		return nil, fmt.Errorf("%s: it needs a commit's id, a path within the repository and a number", k.what)
	}
	n = min(n, maxCommits)
	query := url.Values{"sha": {commit}, "per_page": {strconv.Itoa(n)}}
	if path != "" {
		query.Set("path", path)
	}
	var answer []commitAnswer
	if _, err := c.do(ctx, k, http.MethodGet, c.path("commits")+"?"+query.Encode(), nil, &answer); err != nil {
		return nil, err
	}
	switch {
	case answer == nil:
		return nil, badAnswer(k, "there is no list in it")
	case len(answer) > n:
		return nil, badAnswer(k, "it has %d commits, where %d were asked for", len(answer), n)
	}
	return commits(k, answer)
}

// PullRequestsOfCommit returns the pull requests that brought a commit to the
// default branch; of a commit that is not there, the merged and open ones that
// have it. Such a list does not say who merged them.
func (c *Client) PullRequestsOfCommit(ctx context.Context, commit string) ([]forge.PullRequest, error) {
	k := call{what: c.on("find the pull requests with commit %s", clip(commit, 64)), needs: forge.ToReadPullRequests}
	if !isHash(commit) {
		return nil, fmt.Errorf("%s: that is no commit's id", k.what)
	}
	all, err := list(ctx, c, k, c.path("commits/%s/pulls", commit), maxPullRequests, elements[github.PullRequest])
	var refused *refusedError
	switch {
	case errors.As(err, &refused) && refused.status == http.StatusUnprocessableEntity:
		return nil, &forge.NotFound{What: k.what} // 422 "No commit found for SHA"
	case err != nil:
		return nil, err
	}
	var out []forge.PullRequest
	for i := range all {
		pr, err := pullRequest(k, &all[i])
		if err != nil {
			return nil, err
		}
		out = append(out, pr)
	}
	return out, nil
}

// PullRequestCommits returns the commits of a pull request, oldest first.
// GitHub lists 250 of them and does not say that there are more, so that one
// with as many is an error.
func (c *Client) PullRequestCommits(ctx context.Context, number int) ([]forge.Commit, error) {
	k := call{what: c.on("list the commits of pull request %d", number), needs: forge.ToReadPullRequests}
	if number <= 0 {
		return nil, fmt.Errorf("%s: numbers of pull requests begin at 1", k.what)
	}
	all, err := list(ctx, c, k, c.path("pulls/%d/commits", number), maxPullCommits, elements[commitAnswer])
	if err != nil {
		return nil, err
	}
	if len(all) >= maxPullCommits {
		return nil, fmt.Errorf("%s: it has %d commits or more, and GitHub lists no more than %d: nobody can say who wrote them; split the pull request", k.what, maxPullCommits, maxPullCommits)
	}
	return commits(k, all)
}

// Reviews returns the reviews of a pull request, oldest first.
func (c *Client) Reviews(ctx context.Context, number int) ([]forge.Review, error) {
	k := call{what: c.on("list the reviews of pull request %d", number), needs: forge.ToReadPullRequests}
	if number <= 0 {
		return nil, fmt.Errorf("%s: numbers of pull requests begin at 1", k.what)
	}
	all, err := list(ctx, c, k, c.path("pulls/%d/reviews", number), maxReviews, elements[github.PullRequestReview])
	if err != nil {
		return nil, err
	}
	var out []forge.Review
	for i := range all {
		a := &all[i]
		r := forge.Review{
			ID: a.GetID(), User: account(a.GetUser()), State: strings.ToUpper(clip(a.GetState(), 30)), Commit: a.GetCommitID(),
			Submitted: a.GetSubmittedAt().UTC(), URL: webAddress(a.GetHTMLURL()),
		}
		if r.ID <= 0 || r.State == "" {
			return nil, badAnswer(k, "a review has the id %d and the state %q", r.ID, r.State)
		}
		if !isHash(r.Commit) {
			r.Commit = ""
		}
		out = append(out, r)
	}
	return out, nil
}
