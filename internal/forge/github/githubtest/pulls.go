package githubtest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// PullRequest is one, as OpenPullRequest makes it and the repository has it.
type PullRequest struct {
	ID     int64
	Number int
	Title  string
	Body   string
	Author string // the head's owner when empty
	// Head is a branch of HeadOwner's repository (this one when empty), Base
	// one of this (the default branch when empty).
	Head, HeadOwner, Base string
	// HeadSHA and BaseSHA are the branches' heads unless told: of commits that
	// lie elsewhere.
	HeadSHA, BaseSHA string
	// MergeSHA is the test merge, "" while it is not known or has conflicts.
	MergeSHA string
	State    string // open, closed
	Draft    bool
	Merged   bool // then MergeSHA is what it became; see Merge
	MergedBy string
	MergedAt time.Time
	Created  time.Time

	head    *Repository
	landed  []string // commits that merging it brought to the base
	reviews []*Review
}

// OpenPullRequest makes one; the branches must exist or their commits be told.
func (r *Repository) OpenPullRequest(pr PullRequest) PullRequest {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.sync()
	return *r.open(pr)
}

func (r *Repository) open(pr PullRequest) *PullRequest {
	r.numbers++
	pr.ID, pr.Number, pr.Created, pr.State = r.server.nextID(), r.numbers, r.server.now(), or(pr.State, "open")
	pr.HeadOwner, pr.Base = or(pr.HeadOwner, r.Owner), or(pr.Base, r.DefaultBranch)
	pr.Author = or(pr.Author, pr.HeadOwner)
	pr.head = r.server.repos[strings.ToLower(pr.HeadOwner+"/"+r.Name)]
	who := r.signature(pr.Author)
	r.git.know(pr.HeadSHA, who)
	r.git.know(pr.BaseSHA, who)
	if pr.head != nil {
		pr.HeadSHA = or(pr.HeadSHA, pr.head.refs["refs/heads/"+pr.Head])
	}
	pr.BaseSHA = or(pr.BaseSHA, r.refs["refs/heads/"+pr.Base])
	if pr.MergeSHA == "" {
		files := r.git.filesOf(pr.HeadSHA)
		pr.MergeSHA = r.git.putCommit(commit{
			tree: r.git.putFiles(files), message: "Merge", parents: []string{pr.BaseSHA, pr.HeadSHA}, author: who, committer: who})
	}
	r.pulls = append(r.pulls, &pr)
	return &pr
}

// PullRequests returns all, as they are now.
func (r *Repository) PullRequests() []PullRequest {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.sync()
	var out []PullRequest
	for _, pr := range r.pulls {
		out = append(out, *pr)
	}
	return out
}

// UpdatePullRequest changes one, such as its HeadSHA after a push.
func (r *Repository) UpdatePullRequest(number int, change func(*PullRequest)) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	for _, pr := range r.pulls {
		if pr.Number == number {
			change(pr)
			r.git.know(pr.HeadSHA, r.signature(pr.Author))
		}
	}
}

// headMoved lets open pull requests follow their branch.
func (r *Repository) headMoved(ref string) {
	branch, _ := strings.CutPrefix(ref, "refs/heads/")
	for _, base := range r.server.repos {
		for _, pr := range base.pulls {
			if pr.head == r && pr.Head == branch && pr.State == "open" {
				pr.HeadSHA = r.refs[ref]
			}
		}
	}
}

func pullRoutes() []route {
	const read, write = "pull_requests:read", "pull_requests:write"
	return []route{
		{"GET " + repo + "/pulls", read, false, listPulls},
		{"POST " + repo + "/pulls", write, false, createPull},
		{"GET " + repo + "/pulls/{number}", read, false, getPull},
		{"PATCH " + repo + "/pulls/{number}", write, false, updatePull},
		{"GET " + repo + "/pulls/{number}/files", read, false, listPullFiles},
		{"GET " + repo + "/pulls/{number}/commits", read, false, listPullCommits},
		{"GET " + repo + "/pulls/{number}/reviews", read, false, listReviews},
		{"GET " + repo + "/commits/{sha}/pulls", read, false, pullsOfCommit},
	}
}

func (c *call) pull() (*PullRequest, *problem) {
	n, p := c.id("number")
	if p != nil {
		return nil, p
	}
	i := slices.IndexFunc(c.repo.pulls, func(pr *PullRequest) bool { return int64(pr.Number) == n })
	if i < 0 {
		return nil, notFound()
	}
	return c.repo.pulls[i], nil
}

func (c *call) pullJSON(pr *PullRequest) object {
	api, html := c.repo.url("/pulls/%d", pr.Number), c.repo.html("/pull/%d", pr.Number)
	issue := c.repo.url("/issues/%d", pr.Number)
	commits, comments, reviews := api+"/commits", issue+"/comments", api+"/comments"
	statuses := c.repo.url("/statuses/%s", pr.HeadSHA)
	link := func(href string) object { return object{"href": href} }
	branch := func(owner, ref, sha string, of *Repository) object {
		o := object{"label": owner + ":" + ref, "ref": ref, "sha": sha, "user": c.accountJSON(c.login(owner)), "repo": nil}
		if of != nil {
			o["repo"] = of.midJSON()
		}
		return o
	}
	o := object{
		"id": pr.ID, "node_id": nodeID("PR", pr.ID), "number": pr.Number, "url": api, "html_url": html,
		"diff_url": html + ".diff", "patch_url": html + ".patch", "issue_url": issue, "commits_url": commits,
		"review_comments_url": reviews, "review_comment_url": reviews + "{/number}", "comments_url": comments,
		"statuses_url": statuses, "state": pr.State, "locked": false, "title": pr.Title, "body": text(pr.Body),
		"user": c.accountJSON(c.login(pr.Author)), "labels": list{}, "milestone": nil, "assignee": nil, "assignees": list{},
		"requested_reviewers": list{}, "requested_teams": list{}, "created_at": stamp(pr.Created), "updated_at": stamp(pr.Created),
		"closed_at": nil, "merged_at": nil, "merge_commit_sha": text(pr.MergeSHA), "draft": pr.Draft,
		"head": branch(pr.HeadOwner, pr.Head, pr.HeadSHA, pr.head), "base": branch(c.repo.Owner, pr.Base, pr.BaseSHA, c.repo),
		"author_association": "CONTRIBUTOR", "auto_merge": nil,
		"_links": object{
			"self": link(api), "html": link(html), "issue": link(issue), "comments": link(comments), "commits": link(commits),
			"review_comments": link(reviews), "review_comment": link(reviews + "{/number}"), "statuses": link(statuses),
		},
	}
	merged := pr.MergedAt
	if merged.IsZero() {
		merged = pr.Created
	}
	if pr.State == "closed" {
		o["closed_at"] = stamp(merged)
	}
	if pr.Merged {
		o["merged_at"] = stamp(merged)
	}
	return o
}

// fullPullJSON is the form of one pull request alone.
func (c *call) fullPullJSON(pr *PullRequest) object {
	o := c.pullJSON(pr)
	comments := 0
	for _, m := range c.repo.comments {
		if m.Number == pr.Number {
			comments++
		}
	}
	o["additions"], o["deletions"], o["commits"], o["comments"], o["review_comments"] = 1, 0, 1, comments, 0
	o["changed_files"] = len(c.pullFiles(pr))
	o["mergeable"], o["mergeable_state"], o["rebaseable"] = pr.MergeSHA != "", "clean", true
	o["merged"], o["merged_by"], o["maintainer_can_modify"] = pr.Merged, nil, pr.head != c.repo
	if pr.MergedBy != "" {
		o["merged_by"] = c.accountJSON(c.login(pr.MergedBy))
	}
	return o
}

func (c *call) pullFiles(pr *PullRequest) []string {
	return c.repo.git.changed(or(c.repo.git.mergeBase(pr.BaseSHA, pr.HeadSHA), pr.BaseSHA), pr.HeadSHA)
}

func getPull(c *call) (int, any, *problem) {
	pr, p := c.pull()
	if p != nil {
		return 0, nil, p
	}
	return http.StatusOK, c.fullPullJSON(pr), nil
}

func listPulls(c *call) (int, any, *problem) {
	q := c.req.URL.Query()
	state, base, head := or(q.Get("state"), "open"), q.Get("base"), q.Get("head")
	var found []*PullRequest
	for _, pr := range newestFirst(c.repo.pulls) {
		// A head without owner is ignored, as GitHub does.
		named := !strings.Contains(head, ":") || strings.EqualFold(pr.HeadOwner+":"+pr.Head, head)
		if (state == "all" || state == pr.State) && (base == "" || base == pr.Base) && named {
			found = append(found, pr)
		}
	}
	return http.StatusOK, page(c, found, c.pullJSON), nil
}

func createPull(c *call) (int, any, *problem) {
	var in struct {
		Title, Head, Base, Body string
		HeadRepo                string `json:"head_repo"`
		Draft                   bool
	}
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	if !c.token.Person && !c.repo.TokenMayOpenPulls {
		return 0, nil, &problem{status: http.StatusForbidden, message: "GitHub Actions is not permitted to create or approve pull requests."}
	}
	owner, branch, named := strings.Cut(in.Head, ":")
	if !named {
		owner, branch = c.repo.Owner, in.Head
	}
	head := c.repos[strings.ToLower(owner+"/"+c.repo.Name)]
	switch {
	case in.Title == "":
		return 0, nil, invalidField("PullRequest", "title", "missing_field")
	case head == nil || head.refs["refs/heads/"+branch] == "":
		return 0, nil, invalidField("PullRequest", "head", "invalid")
	case c.repo.refs["refs/heads/"+in.Base] == "":
		return 0, nil, invalidField("PullRequest", "base", "invalid")
	}
	for _, pr := range c.repo.pulls {
		if pr.State == "open" && pr.head == head && pr.Head == branch && pr.Base == in.Base {
			return 0, nil, invalid("Validation Failed", object{
				"resource": "PullRequest", "code": "custom", "message": "A pull request already exists for " + owner + ":" + branch + "."})
		}
	}
	if head.refs["refs/heads/"+branch] == c.repo.refs["refs/heads/"+in.Base] {
		return 0, nil, invalid("Validation Failed", object{
			"resource": "PullRequest", "code": "custom", "message": "No commits between " + in.Base + " and " + branch})
	}
	pr := c.repo.open(PullRequest{
		Title: in.Title, Body: in.Body, Head: branch, HeadOwner: owner, Base: in.Base, Draft: in.Draft, Author: c.user.Login})
	return http.StatusCreated, c.fullPullJSON(pr), nil
}

func updatePull(c *call) (int, any, *problem) {
	pr, p := c.pull()
	if p != nil {
		return 0, nil, p
	}
	var in struct{ Title, Body, State, Base *string }
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	for _, f := range []struct{ to, from *string }{{&pr.Title, in.Title}, {&pr.Body, in.Body}, {&pr.State, in.State}, {&pr.Base, in.Base}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	return http.StatusOK, c.fullPullJSON(pr), nil
}
