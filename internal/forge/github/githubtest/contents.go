package githubtest

import (
	"encoding/base64"
	"net/http"
	"path"
	"slices"
	"strings"
)

func contentRoutes() []route {
	const read, write = "contents:read", "contents:write"
	return []route{
		{"GET " + repo + "/contents/{path...}", read, false, getContents},
		{"GET " + repo + "/commits", read, false, listCommits},
		{"GET " + repo + "/commits/{ref}", read, false, getCommit},
		{"GET " + repo + "/branches/{branch}", read, false, getBranch},
		{"POST " + repo + "/dispatches", write, false, repositoryDispatch},
	}
}

// getContents answers a file as JSON, or as it is to who accepts the raw media
// type, and a folder as a list.
func getContents(c *call) (int, any, *problem) {
	name := strings.Trim(c.req.PathValue("path"), "/")
	rev := or(c.req.URL.Query().Get("ref"), c.repo.DefaultBranch)
	sha := c.resolve(rev)
	if c.repo.git.commit(sha) == nil {
		return 0, nil, &problem{status: http.StatusNotFound, message: "No commit found for the ref " + rev}
	}
	if f, ok := c.repo.git.filesOf(sha)[name]; ok {
		content, _ := c.repo.git.blob(f.sha)
		if strings.Contains(c.req.Header.Get("Accept"), "raw") {
			c.setRateLimit(c.w.Header(), tokenOf(c.req), true)
			c.w.Header().Set("Content-Type", "application/vnd.github.raw+json; charset=utf-8")
			c.w.Write(content)
			return 0, nil, nil
		}
		o := c.contentJSON(name, rev, "file", f.sha, len(content))
		o["content"], o["encoding"] = base64.StdEncoding.EncodeToString(content), "base64"
		if len(content) > 1<<20 { // up to 100 MB only the raw media type has it
			o["content"], o["encoding"] = "", "none"
		}
		return http.StatusOK, o, nil
	}
	tree := c.repo.git.commit(sha).tree
	for part := range strings.SplitSeq(name, "/") {
		entries, _ := c.repo.git.tree(tree)
		i := slices.IndexFunc(entries, func(e entry) bool { return e.name == part && e.kind == "tree" })
		switch {
		case name == "":
		case i < 0:
			return 0, nil, notFound()
		default:
			tree = entries[i].sha
		}
	}
	out := list{}
	entries, _ := c.repo.git.tree(tree)
	for _, e := range entries {
		kind := "file"
		if e.kind == "tree" {
			kind = "dir"
		}
		out = append(out, c.contentJSON(path.Join(name, e.name), rev, kind, e.sha, c.repo.git.size(e)))
	}
	return http.StatusOK, out, nil
}

func (c *call) contentJSON(name, rev, kind, sha string, size int) object {
	api, html := c.repo.url("/contents/%s?ref=%s", name, rev), c.repo.html("/blob/%s/%s", rev, name)
	git := c.repo.url("/git/blobs/%s", sha)
	o := object{
		"type": kind, "name": path.Base(name), "path": name, "sha": sha, "size": size, "url": api, "html_url": html, "git_url": git,
		"download_url": c.repo.html("/raw/%s/%s", rev, name), "_links": object{"self": api, "html": html, "git": git},
	}
	if kind == "dir" {
		o["download_url"] = nil
	}
	return o
}

func (c *call) commitJSON(k *commit) object {
	inner := c.repo.gitCommitJSON(k)
	return object{
		"sha": k.sha, "node_id": inner["node_id"], "url": c.repo.url("/commits/%s", k.sha), "html_url": inner["html_url"],
		"comments_url": c.repo.url("/commits/%s/comments", k.sha), "author": c.addressee(k.author), "committer": c.addressee(k.committer), "parents": inner["parents"],
		"commit": object{
			"url": inner["url"], "author": inner["author"], "committer": inner["committer"], "message": k.message,
			"tree": inner["tree"], "comment_count": 0, "verification": inner["verification"],
		},
	}
}

func getCommit(c *call) (int, any, *problem) {
	k := c.repo.git.commit(c.resolve(c.req.PathValue("ref")))
	if k == nil {
		return 0, nil, invalid("No commit found for SHA: " + c.req.PathValue("ref"))
	}
	return http.StatusOK, c.commitJSON(k), nil
}

// listCommits knows the parameters sha and path.
func listCommits(c *call) (int, any, *problem) {
	q := c.req.URL.Query()
	sha := c.resolve(or(q.Get("sha"), c.repo.DefaultBranch))
	if c.repo.git.commit(sha) == nil {
		return 0, nil, notFound()
	}
	return http.StatusOK, page(c, c.repo.git.history(sha, strings.Trim(q.Get("path"), "/")), c.commitJSON), nil
}

func getBranch(c *call) (int, any, *problem) {
	name := c.req.PathValue("branch")
	k := c.repo.git.commit(c.repo.refs["refs/heads/"+name])
	if k == nil {
		return 0, nil, &problem{status: http.StatusNotFound, message: "Branch not found"}
	}
	return http.StatusOK, object{
		"name": name, "commit": c.commitJSON(k), "protected": c.repo.protected[name], "protection": object{"enabled": c.repo.protected[name]},
		"protection_url": c.repo.url("/branches/%s/protection", name),
		"_links":         object{"html": c.repo.html("/tree/%s", name), "self": c.repo.url("/branches/%s", name)},
	}, nil
}

// Dispatch is an event that started, or would start, a workflow.
type Dispatch struct {
	Workflow string // file or id; "" of a repository_dispatch
	Ref      string
	Event    string // event_type of a repository_dispatch
	Inputs   map[string]any
}

// Dispatches returns those that came, oldest first.
func (r *Repository) Dispatches() []Dispatch {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	return slices.Clone(r.dispatches)
}

func repositoryDispatch(c *call) (int, any, *problem) {
	var in struct {
		EventType     string         `json:"event_type"`
		ClientPayload map[string]any `json:"client_payload"`
	}
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	if in.EventType == "" || len(in.EventType) > 100 || len(in.ClientPayload) > 10 {
		return 0, nil, invalid("Invalid request.\n\n\"event_type\" wasn't supplied or is too long, or client_payload has more than 10 properties.")
	}
	c.repo.dispatches = append(c.repo.dispatches, Dispatch{Event: in.EventType, Inputs: in.ClientPayload})
	return http.StatusNoContent, nil, nil
}

func workflowDispatch(c *call) (int, any, *problem) {
	var in struct {
		Ref    string
		Inputs map[string]any
	}
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	if c.repo.git.commit(c.resolve(in.Ref)) == nil {
		return 0, nil, invalid("No ref found for: " + in.Ref)
	}
	c.repo.dispatches = append(c.repo.dispatches, Dispatch{Workflow: c.req.PathValue("workflow"), Ref: in.Ref, Inputs: in.Inputs})
	return http.StatusNoContent, nil, nil
}
