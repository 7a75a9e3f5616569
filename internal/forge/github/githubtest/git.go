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
	tags    map[string]*tag
	source  *source // nil: there is nothing on disk
}

// entry is one of a tree.
type entry struct{ mode, kind, name, sha string }

// file is a path's content in a flat tree.
type file struct{ mode, sha string }

type commit struct {
	sha, tree, message string
	parents            []string
	author, committer  signature
	named              bool // nothing but its name is known
}

// tag is an annotated one.
type tag struct {
	sha, name, message, object, kind string
	tagger                           signature
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
	g := &store{blobs: map[string][]byte{}, trees: map[string][]entry{}, commits: map[string]*commit{}, tags: map[string]*tag{}}
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
	sha := hashObject("tree", treeContent(entries))
	g.trees[sha] = entries
	return sha
}

func treeContent(entries []entry) []byte {
	var content []byte
	for _, e := range entries {
		raw, _ := hex.DecodeString(e.sha)
		content = fmt.Appendf(content, "%s %s\x00%s", strings.TrimLeft(e.mode, "0"), e.name, raw)
	}
	return content
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
	entries, _ := g.tree(tree)
	for _, e := range entries {
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
	c.sha = hashObject("commit", c.content())
	g.commits[c.sha] = &c
	return c.sha
}

func (c *commit) content() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "tree %s\n", c.tree)
	for _, p := range c.parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	fmt.Fprintf(&b, "author %s\ncommitter %s\n\n%s", c.author, c.committer, c.message)
	return []byte(b.String())
}

func (g *store) putTag(t tag) *tag {
	t.sha = hashObject("tag", t.content())
	g.tags[t.sha] = &t
	return &t
}

func (t *tag) content() []byte {
	return fmt.Appendf(nil, "object %s\ntype %s\ntag %s\ntagger %s\n\n%s", t.object, t.kind, t.name, t.tagger, t.message)
}

var fullSHA = regexp.MustCompile(`^[0-9a-f]{40}$`)

// know makes a commit exist of which only the name is known, as of one that
// lies in a repository elsewhere.
func (g *store) know(sha string, who signature) {
	if g.commit(sha) == nil && fullSHA.MatchString(sha) {
		g.commits[sha] = &commit{sha: sha, tree: hashObject("tree", nil), author: who, committer: who, message: "(known by name)", named: true}
	}
}

// Commit writes files to a branch, which starts at the default branch's head
// when it is new, and returns the commit. A file with the content Removed is
// taken away.
func (r *Repository) Commit(branch, message string, files map[string]string) string {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.sync()
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
	r.setRef(ref, r.git.putCommit(c))
	return r.refs[ref]
}

// Removed is the content of a file that Commit takes away.
const Removed = "\x00removed"

// SetBranch points a branch at a commit, which becomes known when it is not.
func (r *Repository) SetBranch(branch, sha string) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.sync()
	r.git.know(sha, r.signature(r.Owner))
	r.setRef("refs/heads/"+branch, sha)
}

// Ref returns the object of a full name such as refs/heads/main, or "".
func (r *Repository) Ref(name string) string {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.sync()
	return r.refs[name]
}

// File returns a file at a commit or full ref, and whether it is there.
func (r *Repository) File(rev, path string) (string, bool) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.sync()
	f, ok := r.git.filesOf(or(r.refs[rev], rev))[path]
	content, _ := r.git.blob(f.sha)
	return string(content), ok
}

// signature is of an account, which is made when there is none.
func (r *Repository) signature(login string) signature {
	r.server.login(login)
	return signature{Name: login, Email: login + "@users.noreply.github.com", Date: r.server.now()}
}
