package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/waybill-dev/waybill/internal/forge"
)

// ReplaceBranch makes branch one commit of files on top of base, whatever it was
// before, and returns the commit. It is for branches that a program owns, such as
// the one of a pull request that is kept up to date: an open pull request stays
// open and has the new commit alone.
func (c *Client) ReplaceBranch(ctx context.Context, branch string, base forge.Base, files map[string][]byte, message string) (string, error) {
	k := call{what: c.on("commit %d files to %s", len(files), clip(branch, maxName)), needs: forge.ToWriteContents, repeat: true}
	if !isBranch(branch) || !isHash(base.Commit) || base.Tree != "" && !isHash(base.Tree) || len(files) == 0 || len(files) > maxCommitFiles || message == "" {
		return "", fmt.Errorf("%s: it needs a branch, the commit to start from, 1 to %d files and a message", k.what, maxCommitFiles)
	}
	commit, err := c.commit(ctx, k, base, files, message)
	if err != nil {
		return "", err
	}
	body := map[string]any{"ref": "refs/heads/" + branch, "sha": commit}
	_, err = c.do(ctx, k, http.MethodPost, c.path("git/refs"), body, nil)
	var refused *refusedError
	if errors.As(err, &refused) && refused.status == http.StatusUnprocessableEntity { // 422 "Reference already exists"
		body := map[string]any{"sha": commit, "force": true}
		if _, err := c.do(ctx, k, http.MethodPatch, c.path("git/refs/heads/")+escapePath(branch), body, nil); err != nil {
			return "", err
		}
		return commit, nil
	}
	return commit, err
}

// UpdatePullRequest changes title and body of a pull request.
func (c *Client) UpdatePullRequest(ctx context.Context, number int, title, body string) error {
	return c.changePullRequest(ctx, "update", number, map[string]string{"title": cut(title, 256), "body": cut(body, maxPullBody)})
}

// ClosePullRequest closes a pull request without merging it.
func (c *Client) ClosePullRequest(ctx context.Context, number int) error {
	return c.changePullRequest(ctx, "close", number, map[string]string{"state": "closed"})
}

func (c *Client) changePullRequest(ctx context.Context, doing string, number int, change map[string]string) error {
	k := call{what: c.on("%s pull request %d", doing, number), needs: forge.ToOpenPullRequests, repeat: true}
	if number <= 0 {
		return fmt.Errorf("%s: numbers of pull requests begin at 1", k.what)
	}
	_, err := c.do(ctx, k, http.MethodPatch, c.path("pulls/%d", number), change, nil)
	return err
}
