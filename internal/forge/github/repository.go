package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/waybill-dev/waybill/internal/forge"
)

func isNotFound(err error) bool { return errors.Is(err, forge.ErrNotFound) }

// Repository reads what is known of the repository itself.
func (c *Client) Repository(ctx context.Context) (forge.Repository, error) {
	k := call{what: fmt.Sprintf("read repository %s/%s", c.owner, c.repo), needs: forge.ToReadContents}
	var r github.Repository
	if _, err := c.do(ctx, k, http.MethodGet, strings.TrimSuffix(c.path(""), "/"), nil, &r); err != nil {
		return forge.Repository{}, err
	}
	out := forge.Repository{
		Owner: clip(r.GetOwner().GetLogin(), 100), Name: clip(r.GetName(), 100), ID: r.GetID(),
		DefaultBranch: r.GetDefaultBranch(), Visibility: clip(r.GetVisibility(), 20),
		Fork: r.GetFork(), Archived: r.GetArchived(),
		Admin: r.GetPermissions()["admin"], Push: r.GetPermissions()["push"],
	}
	if out.ID <= 0 || !isBranch(out.DefaultBranch) || out.Owner == "" || out.Name == "" {
		return forge.Repository{}, badAnswer(k, "it has no id, owner, name or default branch")
	}
	if out.Visibility == "" && r.GetPrivate() {
		out.Visibility = "private"
	}
	return out, nil
}

// Self returns the account that the token acts as: comments that it writes
// are by this account.
//
// GET /user is refused to a workflow's token and to tokens of an app's
// installation, because no user stands behind them. GraphQL's viewer answers
// for those too: github-actions[bot] (id 41898282 on github.com), or the app's
// bot. Where GraphQL does not tell, GET /user is asked.
func (c *Client) Self(ctx context.Context) (forge.Account, error) {
	c.selfMu.Lock()
	defer c.selfMu.Unlock()
	if c.self.ID != 0 {
		return c.self, nil
	}
	k := call{what: "read which account the token belongs to", repeat: true}
	query := map[string]string{"query": "query { viewer { login databaseId } }"}
	var answer struct {
		Data struct {
			Viewer struct {
				Login string `json:"login"`
				ID    int64  `json:"databaseId"`
			} `json:"viewer"`
		} `json:"data"`
	}
	_, err := c.do(ctx, k, http.MethodPost, c.graphQL, query, &answer)
	viewer := account(&github.User{Login: &answer.Data.Viewer.Login, ID: &answer.Data.Viewer.ID})
	if err != nil || viewer.ID == 0 || viewer.Login == "" {
		var u github.User
		if _, userErr := c.do(ctx, k, http.MethodGet, "user", nil, &u); userErr != nil {
			return forge.Account{}, unknownSelf(err, userErr)
		}
		viewer = account(&u)
	}
	if viewer.ID == 0 || viewer.Login == "" {
		return forge.Account{}, badAnswer(k, "it has no login or id")
	}
	c.self = viewer
	return viewer, nil
}

// unknownSelf is what is told when neither GraphQL nor GET /user does. An outage
// of one outweighs the refusal of the other, which is what most tokens get from
// one of them: whether the token may ask is not known, and trying again helps.
func unknownSelf(graphQL, user error) error {
	switch {
	case graphQL == nil || isOutage(user) && errors.Is(graphQL, forge.ErrNotAllowed):
		return user
	case isOutage(graphQL) && (errors.Is(user, forge.ErrNotAllowed) || isNotFound(user)):
		return graphQL
	}
	return fmt.Errorf("%w; %w", graphQL, user)
}

// Contents reads a file at a commit, branch or tag ("" is the default branch),
// of at most limit bytes.
func (c *Client) Contents(ctx context.Context, path, ref string, limit int64) ([]byte, error) {
	k := call{what: c.on("read %s", clip(path, maxName)), needs: forge.ToReadContents, accept: "application/vnd.github.raw+json"}
	if !isPath(path) {
		return nil, fmt.Errorf("%s: that is no path within a repository", k.what)
	}
	address := c.path("contents/") + escapePath(path)
	if ref != "" {
		address += "?ref=" + queryEscape(ref)
	}
	var out strings.Builder
	if _, err := c.do(ctx, k, http.MethodGet, address, nil, &out); err != nil {
		return nil, err
	}
	if int64(out.Len()) > limit {
		return nil, fmt.Errorf("%s: %w", k.what, &tooLargeError{limit})
	}
	return []byte(out.String()), nil
}

const noCommit = "0000000000000000000000000000000000000000"

// Can tells whether the token may do something, by sending a write that cannot
// succeed: GitHub refuses the token with 403 or 404, and the content with 422.
// For forge.ToComment, number is the pull request.
//
// No endpoint tells what a workflow's token may do. A write that is refused
// later still has to be handled: this only saves work.
func (c *Client) Can(ctx context.Context, p forge.Permission, number int) (bool, error) {
	k := call{what: c.on("find out whether the token has \"%s\"", p), needs: p, repeat: true}
	var path string
	var body any
	switch p {
	case forge.ToComment:
		path, body = c.path("issues/%d/comments", number), map[string]string{"body": ""}
	case forge.ToCheck:
		path, body = c.path("check-runs"), map[string]string{"name": "waybill", "head_sha": noCommit}
	case forge.ToWriteContents:
		path, body = c.path("git/refs"), map[string]string{"ref": "refs/heads/waybill-probe", "sha": noCommit}
	default:
		return false, fmt.Errorf("%s: it cannot be asked without doing it", k.what)
	}
	_, err := c.do(ctx, k, http.MethodPost, path, body, nil)
	var refused *refusedError
	switch {
	case errors.As(err, &refused) && (refused.status == http.StatusUnprocessableEntity || refused.status == http.StatusBadRequest):
		return true, nil
	case errors.Is(err, forge.ErrNotAllowed):
		return false, nil
	case err == nil:
		return true, nil
	}
	return false, err
}
