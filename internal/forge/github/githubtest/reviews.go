package githubtest

import (
	"net/http"
	"time"
)

// Review is what an account said of a pull request.
type Review struct {
	ID          int64
	Login, Body string
	State       string // APPROVED, CHANGES_REQUESTED, COMMENTED or DISMISSED
	Commit      string // the head when it was submitted
	Submitted   time.Time
}

// Review submits a review of a pull request, of its head as it is unless another
// commit is named.
func (r *Repository) Review(number int, login, state string, commit ...string) Review {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.sync()
	r.server.login(login)
	v := &Review{ID: r.server.nextID(), Login: login, State: state, Submitted: r.server.now()}
	for _, pr := range r.pulls {
		if pr.Number == number {
			v.Commit = pr.HeadSHA
			if len(commit) > 0 {
				v.Commit = commit[0]
			}
			pr.reviews = append(pr.reviews, v)
		}
	}
	return *v
}

// UpdateReview changes a review, such as its state when it is dismissed.
func (r *Repository) UpdateReview(id int64, change func(*Review)) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	for _, pr := range r.pulls {
		for _, v := range pr.reviews {
			if v.ID == id {
				change(v)
			}
		}
	}
}

func listReviews(c *call) (int, any, *problem) {
	pr, p := c.pull()
	if p != nil {
		return 0, nil, p
	}
	api := c.repo.url("/pulls/%d", pr.Number)
	return http.StatusOK, page(c, pr.reviews, func(v *Review) object {
		html := c.repo.html("/pull/%d#pullrequestreview-%d", pr.Number, v.ID)
		return object{
			"id": v.ID, "node_id": nodeID("PRR", v.ID), "user": c.accountJSON(c.login(v.Login)), "body": v.Body, "state": v.State, "html_url": html,
			"pull_request_url": api, "author_association": "COLLABORATOR", "submitted_at": stamp(v.Submitted), "commit_id": text(v.Commit),
			"_links": object{"html": object{"href": html}, "pull_request": object{"href": api}},
		}
	}), nil
}
