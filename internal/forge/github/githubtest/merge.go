package githubtest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// webFlow is who commits what is merged or edited on GitHub's page.
func (s *Server) webFlow() signature {
	return signature{Name: "GitHub", Email: "noreply@github.com", Date: s.now()}
}

// Merge merges an open pull request as an account does on its page: by merge,
// squash or rebase. It returns the commit that the base is at then.
func (r *Repository) Merge(number int, method, login string) (string, error) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.sync()
	i := slices.IndexFunc(r.pulls, func(pr *PullRequest) bool { return pr.Number == number })
	if i < 0 || r.pulls[i].State != "open" {
		return "", fmt.Errorf("pull request %d is not open", number)
	}
	pr, ref := r.pulls[i], "refs/heads/"+r.pulls[i].Base
	base := r.refs[ref]
	commits := r.git.between(base, pr.HeadSHA)
	if len(commits) == 0 || slices.ContainsFunc(commits, func(c *commit) bool { return c.named }) {
		return "", fmt.Errorf("pull request %d has no commits that are known", number)
	}
	landed, err := r.land(pr, commits, base, method, login)
	if err != nil {
		return "", fmt.Errorf("pull request %d: %w", number, err)
	}
	tip := landed[len(landed)-1]
	if !r.setRef(ref, tip) {
		return "", fmt.Errorf("pull request %d: its base has moved", number)
	}
	// From here its branch is its own again.
	pr.State, pr.Merged, pr.MergedBy, pr.MergedAt = "closed", true, login, r.server.now()
	pr.BaseSHA, pr.MergeSHA, pr.landed = base, tip, landed
	r.server.login(login)
	return tip, nil
}

// land makes the commits that a pull request becomes, oldest first.
func (r *Repository) land(pr *PullRequest, commits []*commit, base, method, login string) ([]string, error) {
	switch method {
	case "merge", "squash":
		tree, err := r.git.apply(base, r.git.mergeBase(base, pr.HeadSHA), pr.HeadSHA)
		if err != nil {
			return nil, err
		}
		c := commit{tree: tree, parents: []string{base}, author: r.signature(pr.Author), committer: r.server.webFlow(), message: squashMessage(r, pr, commits)}
		if method == "squash" {
			return []string{r.git.putCommit(c)}, nil
		}
		c.parents, c.author = append(c.parents, pr.HeadSHA), r.signature(login)
		c.message = fmt.Sprintf("Merge pull request #%d from %s/%s\n\n%s", pr.Number, pr.HeadOwner, pr.Head, pr.Title)
		var out []string
		for _, own := range commits {
			out = append(out, own.sha)
		}
		return append(out, r.git.putCommit(c)), nil
	case "rebase":
		var out []string
		for _, own := range commits {
			if len(own.parents) != 1 {
				return nil, fmt.Errorf("commit %s is a merge, which cannot be rebased", own.sha)
			}
			tree, err := r.git.apply(base, own.parents[0], own.sha)
			if err != nil {
				return nil, err
			}
			base = r.git.putCommit(commit{tree: tree, parents: []string{base}, author: own.author, committer: r.signature(login), message: own.message})
			out = append(out, base)
		}
		return out, nil
	}
	return nil, fmt.Errorf("merge method %q; there are merge, squash and rebase", method)
}

// squashMessage names who else wrote commits, as GitHub does.
func squashMessage(r *Repository, pr *PullRequest, commits []*commit) string {
	text := fmt.Sprintf("%s (#%d)", pr.Title, pr.Number)
	var others []string
	for _, c := range commits {
		line := fmt.Sprintf("Co-authored-by: %s <%s>", c.author.Name, c.author.Email)
		who := r.server.accountOf(c.author.Email)
		if (who == nil || !strings.EqualFold(who.Login, pr.Author)) && !slices.Contains(others, line) {
			others = append(others, line)
		}
		if len(commits) > 1 {
			text += "\n\n* " + c.message
		}
	}
	if others != nil {
		text += "\n\n" + strings.Join(others, "\n")
	}
	return text
}

// apply brings what changed between two commits to a third, and returns the
// tree. A file that both changed otherwise is a conflict.
func (g *store) apply(onto, from, to string) (string, error) {
	files, before, after := maps.Clone(g.filesOf(onto)), g.filesOf(from), g.filesOf(to)
	if files == nil {
		files = map[string]file{}
	}
	for _, path := range g.changed(from, to) {
		if files[path] != before[path] && files[path] != after[path] {
			return "", fmt.Errorf("merge conflict in %s", path)
		}
		if after[path].sha == "" {
			delete(files, path)
			continue
		}
		files[path] = after[path]
	}
	return g.putFiles(files), nil
}

// pullsOfCommit answers the merged pull requests that brought a commit to the
// default branch, and of another commit the merged and open ones that have it
// (docs.github.com/rest/commits/commits, "List pull requests associated with a
// commit"). Those from forks it knows only once merged.
func pullsOfCommit(c *call) (int, any, *problem) {
	sha, g := c.resolve(c.req.PathValue("sha")), c.repo.git
	if g.commit(sha) == nil {
		return 0, nil, invalid("No commit found for SHA: " + sha)
	}
	landed := g.descends(c.repo.refs["refs/heads/"+c.repo.DefaultBranch], sha)
	var found []*PullRequest
	for _, pr := range c.repo.pulls {
		switch {
		case pr.Merged && (slices.Contains(pr.landed, sha) || landed && pr.MergeSHA == sha):
			found = append(found, pr)
		case !landed && (pr.Merged || pr.State == "open" && pr.HeadOwner == c.repo.Owner) && g.descends(pr.HeadSHA, sha) && !g.descends(pr.BaseSHA, sha):
			found = append(found, pr)
		}
	}
	return http.StatusOK, page(c, found, c.pullJSON), nil
}

// listPullCommits ends at 250 without saying so, as GitHub does.
func listPullCommits(c *call) (int, any, *problem) {
	pr, p := c.pull()
	if p != nil {
		return 0, nil, p
	}
	all := c.repo.git.between(pr.BaseSHA, pr.HeadSHA)
	return http.StatusOK, page(c, all[:min(len(all), 250)], c.commitJSON), nil
}

func listPullFiles(c *call) (int, any, *problem) {
	pr, p := c.pull()
	if p != nil {
		return 0, nil, p
	}
	before, after := c.repo.git.filesOf(c.repo.git.mergeBase(pr.BaseSHA, pr.HeadSHA)), c.repo.git.filesOf(pr.HeadSHA)
	return http.StatusOK, page(c, c.pullFiles(pr), func(path string) object {
		status, f := "modified", after[path]
		switch {
		case before[path].sha == "":
			status = "added"
		case f.sha == "":
			status, f = "removed", before[path]
		}
		return object{
			"sha": f.sha, "filename": path, "status": status, "additions": 1, "deletions": 0, "changes": 1,
			"blob_url": c.repo.html("/blob/%s/%s", pr.HeadSHA, path), "raw_url": c.repo.html("/raw/%s/%s", pr.HeadSHA, path),
			"contents_url": c.repo.url("/contents/%s?ref=%s", path, pr.HeadSHA),
		}
	}), nil
}
