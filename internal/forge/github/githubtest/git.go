package githubtest

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// store holds Git objects under the names that git gives them
// (git-scm.com/docs/gitformat-pack and git-hash-object).
type store struct {
	blobs   map[string][]byte
	trees   map[string][]entry
	commits map[string]*commit
	tags    map[string]object
}

// entry is one of a tree.
type entry struct{ mode, kind, name, sha string }

// file is a path's content in a flat tree.
type file struct{ mode, sha string }

type commit struct {
	sha, tree, message string
	parents            []string
	author, committer  signature
}

type signature struct {
	Name  string    `json:"name"`
	Email string    `json:"email"`
	Date  time.Time `json:"date"`
}

func (g signature) String() string {
	return fmt.Sprintf("%s <%s> %d +0000", g.Name, g.Email, g.Date.Unix())
}

func (g signature) json() object {
	return object{"name": g.Name, "email": g.Email, "date": stamp(g.Date)}
}

func newStore() *store {
	g := &store{blobs: map[string][]byte{}, trees: map[string][]entry{}, commits: map[string]*commit{}, tags: map[string]object{}}
	g.putTree(nil)
	return g
}

func hashObject(kind string, content []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "%s %d\x00", kind, len(content))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

func (g *store) putBlob(content []byte) string {
	sha := hashObject("blob", content)
	g.blobs[sha] = content
	return sha
}

func (g *store) putTree(entries []entry) string {
	key := func(e entry) string {
		if e.kind == "tree" {
			return e.name + "/"
		}
		return e.name
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(key(a), key(b)) })
	var content []byte
	for _, e := range entries {
		raw, _ := hex.DecodeString(e.sha)
		content = fmt.Appendf(content, "%s %s\x00%s", strings.TrimLeft(e.mode, "0"), e.name, raw)
	}
	sha := hashObject("tree", content)
	g.trees[sha] = entries
	return sha
}

// putFiles writes the trees of a flat list of files.
func (g *store) putFiles(files map[string]file) string {
	var entries []entry
	below := map[string]map[string]file{}
	for path, f := range files {
		name, rest, nested := strings.Cut(path, "/")
		if !nested {
			entries = append(entries, entry{mode: f.mode, kind: kindOf(f.mode), name: name, sha: f.sha})
			continue
		}
		if below[name] == nil {
			below[name] = map[string]file{}
		}
		below[name][rest] = f
	}
	for name, sub := range below {
		entries = append(entries, entry{mode: "040000", kind: "tree", name: name, sha: g.putFiles(sub)})
	}
	return g.putTree(entries)
}

func kindOf(mode string) string {
	if mode == "160000" {
		return "commit"
	}
	return "blob"
}

// files returns the flat list of a tree's files.
func (g *store) files(tree string) map[string]file {
	out := map[string]file{}
	for _, e := range g.trees[tree] {
		if e.kind != "tree" {
			out[e.name] = file{mode: e.mode, sha: e.sha}
			continue
		}
		for path, f := range g.files(e.sha) {
			out[e.name+"/"+path] = f
		}
	}
	return out
}

func (g *store) putCommit(c commit) string {
	var b strings.Builder
	fmt.Fprintf(&b, "tree %s\n", c.tree)
	for _, p := range c.parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	fmt.Fprintf(&b, "author %s\ncommitter %s\n\n%s", c.author, c.committer, c.message)
	c.sha = hashObject("commit", []byte(b.String()))
	g.commits[c.sha] = &c
	return c.sha
}

// descends tells whether a commit is another or comes after it.
func (g *store) descends(sha, from string) bool {
	seen := map[string]bool{}
	for todo := []string{sha}; len(todo) > 0; {
		next := todo[0]
		todo = todo[1:]
		if next == from {
			return true
		}
		if c := g.commits[next]; c != nil && !seen[next] {
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
	if c := g.commits[sha]; c != nil {
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
		c := g.commits[sha]
		if c == nil || len(c.parents) == 0 {
			return ""
		}
		sha = c.parents[0]
	}
	return ""
}

var fullSHA = regexp.MustCompile(`^[0-9a-f]{40}$`)

// know makes a commit exist of which only the name is known, as of one that
// lies in a repository elsewhere.
func (g *store) know(sha string, who signature) {
	if g.commits[sha] == nil && fullSHA.MatchString(sha) {
		g.commits[sha] = &commit{sha: sha, tree: hashObject("tree", nil), author: who, committer: who, message: "(known by name)"}
	}
}

// Commit writes files to a branch, which starts at the default branch's head
// when it is new, and returns the commit. A file with the content Removed is
// taken away.
func (r *Repository) Commit(branch, message string, files map[string]string) string {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	ref := "refs/heads/" + branch
	parent := or(r.refs[ref], r.refs["refs/heads/"+r.DefaultBranch])
	flat := map[string]file{}
	c := commit{message: message, author: r.signature(r.Owner)}
	if parent != "" {
		c.parents = []string{parent}
		maps.Copy(flat, r.git.filesOf(parent))
	}
	for path, content := range files {
		if content == Removed {
			delete(flat, path)
			continue
		}
		flat[path] = file{mode: "100644", sha: r.git.putBlob([]byte(content))}
	}
	c.committer, c.tree = c.author, r.git.putFiles(flat)
	r.refs[ref] = r.git.putCommit(c)
	r.headMoved(ref)
	return r.refs[ref]
}

// Removed is the content of a file that Commit takes away.
const Removed = "\x00removed"

// SetBranch points a branch at a commit, which becomes known when it is not.
func (r *Repository) SetBranch(branch, sha string) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.git.know(sha, r.signature(r.Owner))
	r.refs["refs/heads/"+branch] = sha
	r.headMoved("refs/heads/" + branch)
}

// Ref returns the object of a full name such as refs/heads/main, or "".
func (r *Repository) Ref(name string) string {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	return r.refs[name]
}

// File returns a file at a commit or full ref, and whether it is there.
func (r *Repository) File(rev, path string) (string, bool) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	f, ok := r.git.filesOf(or(r.refs[rev], rev))[path]
	return string(r.git.blobs[f.sha]), ok
}

func (r *Repository) signature(login string) signature {
	return signature{Name: login, Email: login + "@users.noreply.github.com", Date: r.server.now()}
}
