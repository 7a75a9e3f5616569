package githubtest

import (
	"maps"
	"slices"
	"strings"
)

// descends tells whether a commit is another or comes after it.
func (g *store) descends(sha, from string) bool {
	seen := map[string]bool{}
	for todo := []string{sha}; len(todo) > 0; {
		next := todo[0]
		todo = todo[1:]
		if next == from {
			return true
		}
		if c := g.commit(next); c != nil && !seen[next] {
			seen[next] = true
			todo = append(todo, c.parents...)
		}
	}
	return false
}

// changed lists the paths that differ between two commits, in order.
func (g *store) changed(from, to string) []string {
	before, after := g.filesOf(from), g.filesOf(to)
	all := maps.Clone(before)
	maps.Copy(all, after)
	var out []string
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if before[path] != after[path] {
			out = append(out, path)
		}
	}
	return out
}

func (g *store) filesOf(sha string) map[string]file {
	if c := g.commit(sha); c != nil {
		return g.files(c.tree)
	}
	return nil
}

// mergeBase returns the newest of from's commits that into has, by its first
// parents.
func (g *store) mergeBase(into, from string) string {
	for sha := from; sha != ""; {
		if g.descends(into, sha) {
			return sha
		}
		c := g.commit(sha)
		if c == nil || len(c.parents) == 0 {
			return ""
		}
		sha = c.parents[0]
	}
	return ""
}

// history returns the commits up to one that changed a path, newest first, as
// git log does: of a merge that left the path as one parent had it, only that
// parent is followed. An empty path is the whole tree.
func (g *store) history(sha, path string) []*commit {
	var out []*commit
	seen := map[string]bool{sha: true}
	todo := []*commit{g.commit(sha)}
	for len(todo) > 0 {
		i := newest(todo)
		c := todo[i]
		todo = slices.Delete(todo, i, i+1)
		here, changed := g.at(c, path), true
		var parents []*commit
		for _, p := range c.parents {
			parent := g.commit(p)
			if parent == nil {
				continue
			}
			if path != "" && g.at(parent, path) == here {
				parents, changed = []*commit{parent}, false
				break
			}
			parents = append(parents, parent)
		}
		if changed && (here != "" || len(parents) > 0) {
			out = append(out, c)
		}
		for _, p := range parents {
			if !seen[p.sha] {
				seen[p.sha] = true
				todo = append(todo, p)
			}
		}
	}
	return out
}

// newest is the index of the commit with the latest date, the first of equals.
func newest(all []*commit) int {
	best := 0
	for i, c := range all {
		if c.committer.Date.After(all[best].committer.Date) {
			best = i
		}
	}
	return best
}

// at is what a commit has at a path: a mode and an object, or "".
func (g *store) at(c *commit, path string) string {
	found := "040000 " + c.tree
	tree := c.tree
	for part := range strings.SplitSeq(path, "/") {
		if path == "" {
			break
		}
		entries, _ := g.tree(tree)
		i := slices.IndexFunc(entries, func(e entry) bool { return e.name == part })
		if i < 0 {
			return ""
		}
		tree, found = entries[i].sha, entries[i].mode+" "+entries[i].sha
	}
	return found
}

// between returns the commits that to has and from has not, oldest first.
func (g *store) between(from, to string) []*commit {
	if g.commit(to) == nil {
		return nil
	}
	var out []*commit
	for _, c := range g.history(to, "") {
		if !g.descends(from, c.sha) {
			out = append(out, c)
		}
	}
	slices.Reverse(out)
	return out
}
