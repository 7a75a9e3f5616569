package githubtest

import (
	"net/http"
	"slices"
	"time"
	"unicode/utf8"
)

// Comment is one below an issue or a pull request.
type Comment struct {
	ID               int64
	Number           int // of the issue or pull request
	Author, Body     string
	Created, Updated time.Time
}

// maxComment is what the API's error says.
const maxComment = 65536

// Comments returns those below a pull request, oldest first.
func (r *Repository) Comments(number int) []Comment {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	var out []Comment
	for _, c := range r.comments {
		if c.Number == number {
			out = append(out, *c)
		}
	}
	return out
}

// AddComment writes one, as an account that need not have a token.
func (r *Repository) AddComment(number int, author, body string) Comment {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	return *r.comment(number, author, body)
}

func (r *Repository) comment(number int, author, body string) *Comment {
	now := r.server.now()
	c := &Comment{ID: r.server.nextID(), Number: number, Author: r.server.login(author).Login, Body: body, Created: now, Updated: now}
	r.comments = append(r.comments, c)
	return c
}

func commentRoutes() []route {
	const read, write = "issues:read pull_requests:read", "issues:write pull_requests:write"
	return []route{
		{"GET " + repo + "/issues/{number}/comments", read, false, listComments},
		{"POST " + repo + "/issues/{number}/comments", write, false, createComment},
		{"GET " + repo + "/issues/comments/{id}", read, false, getComment},
		{"PATCH " + repo + "/issues/comments/{id}", write, false, editComment},
		{"DELETE " + repo + "/issues/comments/{id}", write, false, deleteComment},
	}
}

func (c *call) commentJSON(m *Comment) object {
	return object{
		"id": m.ID, "node_id": nodeID("IC", m.ID), "url": c.repo.url("/issues/comments/%d", m.ID),
		"html_url": c.repo.html("/pull/%d#issuecomment-%d", m.Number, m.ID), "issue_url": c.repo.url("/issues/%d", m.Number),
		"user": c.accountJSON(c.login(m.Author)), "body": m.Body, "author_association": "CONTRIBUTOR",
		"created_at": stamp(m.Created), "updated_at": stamp(m.Updated),
	}
}

func listComments(c *call) (int, any, *problem) {
	pull, p := c.pull()
	if p != nil {
		return 0, nil, p
	}
	var of []*Comment
	for _, m := range c.repo.comments {
		if m.Number == pull.Number {
			of = append(of, m)
		}
	}
	return http.StatusOK, page(c, of, c.commentJSON), nil
}

func (c *call) commentBody() (string, *problem) {
	var in struct {
		Body *string `json:"body"`
	}
	if p := c.decode(&in); p != nil {
		return "", p
	}
	switch {
	case in.Body == nil:
		return "", invalid("Invalid request.\n\n\"body\" wasn't supplied.")
	case *in.Body == "":
		return "", invalidField("IssueComment", "body", "missing_field")
	case utf8.RuneCountInString(*in.Body) > maxComment:
		return "", invalid("Validation Failed", object{
			"resource": "IssueComment", "field": "body", "code": "custom", "message": "body is too long (maximum is 65536 characters)"})
	}
	return *in.Body, nil
}

func createComment(c *call) (int, any, *problem) {
	pull, p := c.pull()
	if p != nil {
		return 0, nil, p
	}
	body, p := c.commentBody()
	if p != nil {
		return 0, nil, p
	}
	m := c.repo.comment(pull.Number, c.user.Login, body)
	c.w.Header().Set("Location", c.repo.url("/issues/comments/%d", m.ID))
	return http.StatusCreated, c.commentJSON(m), nil
}

// find returns the comment that the path names, and its place.
func (c *call) comment() (*Comment, int, *problem) {
	id, p := c.id("id")
	if p != nil {
		return nil, 0, p
	}
	i := slices.IndexFunc(c.repo.comments, func(m *Comment) bool { return m.ID == id })
	if i < 0 {
		return nil, 0, notFound()
	}
	return c.repo.comments[i], i, nil
}

func getComment(c *call) (int, any, *problem) {
	m, _, p := c.comment()
	if p != nil {
		return 0, nil, p
	}
	return http.StatusOK, c.commentJSON(m), nil
}

func editComment(c *call) (int, any, *problem) {
	m, _, p := c.comment()
	if p != nil {
		return 0, nil, p
	}
	body, p := c.commentBody()
	if p != nil {
		return 0, nil, p
	}
	m.Body, m.Updated = body, c.now()
	return http.StatusOK, c.commentJSON(m), nil
}

func deleteComment(c *call) (int, any, *problem) {
	_, i, p := c.comment()
	if p != nil {
		return 0, nil, p
	}
	c.repo.comments = slices.Delete(c.repo.comments, i, i+1)
	return http.StatusNoContent, nil, nil
}
