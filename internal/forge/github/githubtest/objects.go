package githubtest

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

func (g *store) blob(sha string) ([]byte, bool) {
	if content, ok := g.blobs[sha]; ok {
		return content, true
	}
	kind, content := g.source.object(sha)
	if kind != "blob" {
		return nil, false
	}
	g.blobs[sha] = content
	return content, true
}

// size of a file; folders and submodules have none.
func (g *store) size(e entry) int {
	if e.kind != "blob" {
		return 0
	}
	content, _ := g.blob(e.sha)
	return len(content)
}

func (g *store) tree(sha string) ([]entry, bool) {
	if entries, ok := g.trees[sha]; ok {
		return entries, true
	}
	kind, content := g.source.object(sha)
	if kind != "tree" {
		return nil, false
	}
	var entries []entry
	for len(content) > 0 {
		head, rest, _ := bytes.Cut(content, []byte{0})
		mode, name, _ := strings.Cut(string(head), " ")
		e := entry{mode: mode, name: name, kind: kindOf(mode), sha: hex.EncodeToString(rest[:20])}
		if mode == "40000" {
			e.mode, e.kind = "040000", "tree"
		}
		entries, content = append(entries, e), rest[20:]
	}
	g.trees[sha] = entries
	return entries, true
}

// commit returns one, or nil. That of which only the name was known may have
// come to the repository on disk.
func (g *store) commit(sha string) *commit {
	known := g.commits[sha]
	if known != nil && !known.named {
		return known
	}
	kind, content := g.source.object(sha)
	if kind != "commit" {
		return known
	}
	header, message, _ := strings.Cut(string(content), "\n\n")
	c := &commit{sha: sha, message: strings.TrimRight(message, "\n")}
	for line := range strings.SplitSeq(header, "\n") {
		switch key, value, _ := strings.Cut(line, " "); key {
		case "tree":
			c.tree = value
		case "parent":
			c.parents = append(c.parents, value)
		case "author":
			c.author = readSignature(value)
		case "committer":
			c.committer = readSignature(value)
		}
	}
	g.commits[sha] = c
	return c
}

// tag returns an annotated one, or nil.
func (g *store) tag(sha string) *tag {
	if known := g.tags[sha]; known != nil {
		return known
	}
	if g.commits[sha] != nil {
		return nil
	}
	kind, content := g.source.object(sha)
	if kind != "tag" {
		return nil
	}
	header, message, _ := strings.Cut(string(content), "\n\n")
	t := &tag{sha: sha, message: strings.TrimRight(message, "\n")}
	for line := range strings.SplitSeq(header, "\n") {
		switch key, value, _ := strings.Cut(line, " "); key {
		case "object":
			t.object = value
		case "type":
			t.kind = value
		case "tag":
			t.name = value
		case "tagger":
			t.tagger = readSignature(value)
		}
	}
	g.tags[sha] = t
	return t
}

// readSignature reads "Ada <ada@example.com> 1700000000 +0100".
func readSignature(s string) signature {
	name, rest, _ := strings.Cut(s, " <")
	email, when, _ := strings.Cut(rest, "> ")
	seconds, _, _ := strings.Cut(when, " ")
	n, _ := strconv.ParseInt(seconds, 10, 64)
	return signature{Name: name, Email: email, Date: time.Unix(n, 0).UTC()}
}

// has tells whether a ref may point there.
func (g *store) has(sha string) bool { return g.commit(sha) != nil || g.tag(sha) != nil }

// object returns what only the fake knows, and the objects that it names.
func (g *store) object(sha string) (kind string, content []byte, needs []string) {
	if c := g.commits[sha]; c != nil {
		if c.named {
			return "", nil, nil
		}
		return "commit", c.content(), append([]string{c.tree}, c.parents...)
	}
	if t := g.tags[sha]; t != nil {
		return "tag", t.content(), []string{t.object}
	}
	if entries, ok := g.trees[sha]; ok {
		for _, e := range entries {
			if e.kind != "commit" {
				needs = append(needs, e.sha)
			}
		}
		return "tree", treeContent(entries), needs
	}
	if content, ok := g.blobs[sha]; ok {
		return "blob", content, nil
	}
	return "", nil, nil
}
