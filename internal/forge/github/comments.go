package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/waybill-dev/waybill/internal/forge"
)

const (
	maxComments    = 5000
	maxCommentBody = 262_144 // bytes; GitHub cuts nothing, it refuses
)

// Comments returns the conversation of a pull request or issue, oldest first.
func (c *Client) Comments(ctx context.Context, number int) ([]forge.Comment, error) {
	k := call{what: c.on("list the comments on pull request %d", number), needs: forge.ToReadPullRequests}
	all, err := list(ctx, c, k, c.path("issues/%d/comments", number), maxComments, elements[github.IssueComment])
	if err != nil {
		return nil, err
	}
	out := make([]forge.Comment, len(all))
	for i := range all {
		if out[i], err = comment(k, &all[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// CreateComment adds a comment. When the answer is lost, a comment of the
// token's own account with the same body is what it returns.
func (c *Client) CreateComment(ctx context.Context, number int, body string) (forge.Comment, error) {
	k := call{what: c.on("comment on pull request %d", number), needs: forge.ToComment}
	if err := checkBody(k, body); err != nil {
		return forge.Comment{}, err
	}
	find := func(ctx context.Context) (forge.Comment, error) { return c.findComment(ctx, k, number, body) }
	return createOnce(ctx, c, find, func(ctx context.Context) (forge.Comment, error) {
		var answer github.IssueComment
		if _, err := c.do(ctx, k, http.MethodPost, c.path("issues/%d/comments", number), &github.IssueComment{Body: &body}, &answer); err != nil {
			return forge.Comment{}, err
		}
		return comment(k, &answer)
	})
}

// findComment looks for the newest own comment that has body or, where its
// first line is a marker (<!-- … -->), that marker; such a one, of a run at the
// same time, gets body. Anybody may write the same text, so the author counts.
func (c *Client) findComment(ctx context.Context, k call, number int, body string) (forge.Comment, error) {
	self, err := c.Self(ctx)
	if err != nil {
		return forge.Comment{}, err
	}
	all, err := c.Comments(ctx, number)
	if err != nil {
		return forge.Comment{}, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Author.ID != self.ID {
			continue
		}
		if sameText(all[i].Body, body) {
			return all[i], nil
		}
		if marker := firstLine(body); isMarker(marker) && firstLine(all[i].Body) == marker {
			return c.EditComment(ctx, all[i].ID, body)
		}
	}
	return forge.Comment{}, absent(k)
}

func sameText(there, body string) bool {
	return strings.TrimSpace(strings.ReplaceAll(there, "\r\n", "\n")) == strings.TrimSpace(body)
}

func isMarker(line string) bool {
	return strings.HasPrefix(line, "<!--") && strings.HasSuffix(line, "-->")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSpace(line)
}

// EditComment replaces the text of a comment. Nobody is notified.
func (c *Client) EditComment(ctx context.Context, id int64, body string) (forge.Comment, error) {
	k := call{what: c.on("edit comment %d", id), needs: forge.ToComment, repeat: true}
	if err := checkBody(k, body); err != nil {
		return forge.Comment{}, err
	}
	var answer github.IssueComment
	if _, err := c.do(ctx, k, http.MethodPatch, c.path("issues/comments/%d", id), &github.IssueComment{Body: &body}, &answer); err != nil {
		return forge.Comment{}, err
	}
	return comment(k, &answer)
}

// DeleteComment removes a comment; one that is gone already is no error.
func (c *Client) DeleteComment(ctx context.Context, id int64) error {
	k := call{what: c.on("delete comment %d", id), needs: forge.ToComment, repeat: true}
	resp, err := c.do(ctx, k, http.MethodDelete, c.path("issues/comments/%d", id), nil, nil)
	if err != nil && resp != nil && resp.StatusCode == http.StatusNotFound {
		if _, readErr := c.do(ctx, k, http.MethodGet, c.path("issues/comments/%d", id), nil, nil); isNotFound(readErr) {
			return nil
		}
	}
	return err
}

func checkBody(k call, body string) error {
	if body == "" || len(body) > maxCommentBody {
		return fmt.Errorf("%s: the text has %d bytes; GitHub takes 1 to %d", k.what, len(body), maxCommentBody)
	}
	return nil
}

func comment(k call, a *github.IssueComment) (forge.Comment, error) {
	if a.GetID() <= 0 {
		return forge.Comment{}, badAnswer(k, "a comment has the id %d", a.GetID())
	}
	return forge.Comment{
		ID: a.GetID(), Author: account(a.GetUser()), Body: cut(a.GetBody(), 4*maxCommentBody),
		URL: webAddress(a.GetHTMLURL()), Updated: a.GetUpdatedAt().Time,
	}, nil
}
