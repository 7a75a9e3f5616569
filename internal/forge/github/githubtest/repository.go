package githubtest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Repository is a repository with all that belongs to it. Its exported fields
// may be set while no request is being answered.
type Repository struct {
	ID            int64
	Owner, Name   string
	DefaultBranch string
	Private       bool
	// TokenMayOpenPulls is the setting "Allow GitHub Actions to create and
	// approve pull requests".
	TokenMayOpenPulls bool
	// TokenWrites is the setting "Read and write permissions" for workflows that
	// do not say which they need.
	TokenWrites bool
	// ImmutableReleases makes releases immutable when they are published.
	ImmutableReleases bool
	// TokenBypassesRules lets every token push to branches with rulesets.
	TokenBypassesRules bool

	server  *Server
	parent  *Repository
	git     *store // forks share it
	refs    map[string]string
	created time.Time

	source    *source           // where the branches and tags are, besides refs
	mirrored  map[string]string // those that were there
	protected map[string]bool   // branches with classic protection

	numbers      int // of issues and pull requests
	pulls        []*PullRequest
	comments     []*Comment
	checkRuns    []*CheckRun
	runs         []*Run
	artifacts    []*Artifact
	releases     []*release
	environments []*Environment
	deployments  []*deployment
	rulesets     []*ruleset
	dispatches   []Dispatch
}

// Repository returns the repository of that name, public and empty with the
// default branch main when it is new.
func (s *Server) Repository(owner, name string) *Repository {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToLower(owner + "/" + name)
	if r := s.repos[key]; r != nil {
		return r
	}
	s.login(owner)
	r := &Repository{
		ID: s.nextID(), Owner: owner, Name: name, DefaultBranch: "main", TokenMayOpenPulls: true,
		server: s, git: newStore(), refs: map[string]string{}, protected: map[string]bool{}, created: s.now(),
	}
	s.repos[key] = r
	return r
}

// Fork makes a copy of another owner, with the same branches.
func (r *Repository) Fork(owner string) *Repository {
	fork := r.server.Repository(owner, r.Name)
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	fork.parent, fork.git, fork.DefaultBranch = r, r.git, r.DefaultBranch
	for ref, sha := range r.refs {
		fork.refs[ref] = sha
	}
	return fork
}

// Protect switches the classic protection of a branch.
func (r *Repository) Protect(branch string, on bool) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.protected[branch] = on
}

// FullName is "owner/name".
func (r *Repository) FullName() string { return r.Owner + "/" + r.Name }

// url returns an address of the API.
func (s *Server) url(format string, args ...any) string { return s.URL + fmt.Sprintf(format, args...) }

func (r *Repository) url(format string, args ...any) string {
	return r.server.URL + "/repos/" + r.FullName() + fmt.Sprintf(format, args...)
}

func (r *Repository) html(format string, args ...any) string {
	return r.server.ServerURL + "/" + r.FullName() + fmt.Sprintf(format, args...)
}

// nodeID is opaque to clients.
func nodeID(kind string, id int64) string { return fmt.Sprintf("%s_kwDO%08d", kind, id) }

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// text is null when empty.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (s *Server) accountJSON(u *User) object {
	kind := "User"
	if u.Bot {
		kind = "Bot"
	}
	base := s.url("/users/%s", u.Login)
	return object{
		"login": u.Login, "id": u.ID, "node_id": nodeID("U", u.ID), "type": kind, "site_admin": false,
		"avatar_url": s.ServerURL + "/avatars/" + u.Login, "gravatar_id": "", "url": base, "html_url": s.ServerURL + "/" + u.Login,
		"followers_url": base + "/followers", "following_url": base + "/following{/other_user}",
		"gists_url": base + "/gists{/gist_id}", "starred_url": base + "/starred{/owner}{/repo}",
		"subscriptions_url": base + "/subscriptions", "organizations_url": base + "/orgs", "repos_url": base + "/repos",
		"events_url": base + "/events{/privacy}", "received_events_url": base + "/received_events",
	}
}

// repoLinks are the addresses that every form of a repository has.
var repoLinks = map[string]string{
	"archive": "{archive_format}{/ref}", "assignees": "{/user}", "blobs": "git/blobs{/sha}", "branches": "{/branch}",
	"collaborators": "{/collaborator}", "comments": "{/number}", "commits": "{/sha}", "compare": "{base}...{head}",
	"contents": "{+path}", "contributors": "", "deployments": "", "downloads": "", "events": "", "forks": "",
	"git_commits": "git/commits{/sha}", "git_refs": "git/refs{/sha}", "git_tags": "git/tags{/sha}", "hooks": "",
	"issue_comment": "issues/comments{/number}", "issue_events": "issues/events{/number}", "issues": "{/number}",
	"keys": "{/key_id}", "labels": "{/name}", "languages": "", "merges": "", "milestones": "{/number}",
	"notifications": "{?since,all,participating}", "pulls": "{/number}", "releases": "{/id}", "stargazers": "",
	"statuses": "{/sha}", "subscribers": "", "subscription": "", "tags": "", "teams": "", "trees": "git/trees{/sha}",
}

// shortJSON is the minimal form of a repository.
func (r *Repository) shortJSON() object {
	o := object{
		"id": r.ID, "node_id": nodeID("R", r.ID), "name": r.Name, "full_name": r.FullName(), "private": r.Private,
		"owner": r.server.accountJSON(r.server.login(r.Owner)), "html_url": r.html(""), "description": nil,
		"fork": r.parent != nil, "url": r.url(""),
	}
	for name, path := range repoLinks {
		o[name+"_url"] = r.url("/%s%s", name, path)
	}
	return o
}

// midJSON is the form within pull requests and runs.
func (r *Repository) midJSON() object {
	o := r.shortJSON()
	for k, v := range (object{
		"clone_url": r.html(".git"), "git_url": "git:" + strings.TrimPrefix(r.html(".git"), "http:"),
		"ssh_url": "git@localhost:" + r.FullName() + ".git", "svn_url": r.html(""), "mirror_url": nil, "homepage": nil,
		"default_branch": r.DefaultBranch, "forks": 0, "forks_count": 0, "has_issues": true, "has_projects": false,
		"has_wiki": false, "has_downloads": true, "has_pages": false, "has_discussions": false, "language": nil, "archived": false,
		"disabled": false, "open_issues": 0, "open_issues_count": 0, "license": nil, "size": 0, "stargazers_count": 0,
		"watchers": 0, "watchers_count": 0, "created_at": stamp(r.created), "updated_at": stamp(r.created),
		"pushed_at": stamp(r.created), "topics": list{}, "visibility": r.visibility(), "allow_forking": true,
		"is_template": false, "web_commit_signoff_required": false,
	}) {
		o[k] = v
	}
	return o
}

func (r *Repository) visibility() string {
	if r.Private {
		return "private"
	}
	return "public"
}

func accountRoutes() []route {
	return []route{
		{"GET /user", "", false, getUser},
		{"GET /user/{account_id}", "", false, getUserByID},
		{"GET /users/{username}", "", false, getUserByName},
		{"POST /graphql", "", false, graphQL},
		{"GET " + repo, "metadata:read", true, getRepository},
	}
}

// getUser is not for installations: GITHUB_TOKEN gets 403.
func getUser(c *call) (int, any, *problem) {
	if c.token == nil {
		return 0, nil, &problem{status: http.StatusUnauthorized, message: "Requires authentication"}
	}
	if !c.token.Person {
		return 0, nil, c.forbidden()
	}
	return http.StatusOK, c.publicJSON(c.user), nil
}

func getUserByName(c *call) (int, any, *problem) {
	u := c.users[strings.ToLower(c.req.PathValue("username"))]
	if u == nil {
		return 0, nil, notFound()
	}
	return http.StatusOK, c.publicJSON(u), nil
}

func getUserByID(c *call) (int, any, *problem) {
	id, p := c.id("account_id")
	if p != nil {
		return 0, nil, p
	}
	for _, u := range c.users {
		if u.ID == id {
			return http.StatusOK, c.publicJSON(u), nil
		}
	}
	return 0, nil, notFound()
}

func (c *call) publicJSON(u *User) object {
	o := c.accountJSON(u)
	for _, k := range []string{"name", "company", "blog", "location", "email", "hireable", "bio"} {
		o[k] = nil
	}
	o["blog"], o["user_view_type"] = "", "public"
	o["public_repos"], o["public_gists"], o["followers"], o["following"] = 0, 0, 0, 0
	o["created_at"], o["updated_at"] = "2011-01-25T18:44:36Z", "2011-01-25T18:44:36Z"
	return o
}

// graphQL knows one question: who the token is.
func graphQL(c *call) (int, any, *problem) {
	var in struct {
		Query string `json:"query"`
	}
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	if c.token == nil {
		return 0, nil, &problem{status: http.StatusUnauthorized, message: "This endpoint requires you to be authenticated."}
	}
	if !strings.Contains(in.Query, "viewer") {
		return http.StatusOK, object{"errors": list{object{"message": "the fake knows only the query of viewer"}}}, nil
	}
	viewer := object{"login": c.user.Login, "databaseId": c.user.ID, "id": nodeID("U", c.user.ID)}
	kind := "User"
	if c.user.Bot {
		kind = "Bot"
	}
	viewer["__typename"] = kind
	return http.StatusOK, object{"data": object{"viewer": viewer}}, nil
}

func getRepository(c *call) (int, any, *problem) {
	r := c.repo
	o := r.midJSON()
	o["network_count"], o["subscribers_count"] = 0, 0
	if r.parent != nil {
		o["parent"], o["source"] = r.parent.midJSON(), r.parent.midJSON()
	}
	if c.token != nil {
		write := c.token.sees(r.FullName()) && (c.token.Permissions == nil || c.token.Permissions["contents"] == "write")
		admin := write && c.token.Permissions == nil
		o["permissions"] = object{"admin": admin, "maintain": admin, "push": write, "triage": write, "pull": true}
	}
	return http.StatusOK, o, nil
}
