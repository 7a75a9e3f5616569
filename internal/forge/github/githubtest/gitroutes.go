package githubtest

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

func gitRoutes() []route {
	const read, write = "contents:read", "contents:write"
	return []route{
		{"POST " + repo + "/git/blobs", write, false, createBlob},
		{"GET " + repo + "/git/blobs/{sha}", read, false, getBlob},
		{"POST " + repo + "/git/trees", write, false, createTree},
		{"GET " + repo + "/git/trees/{sha}", read, false, getTree},
		{"POST " + repo + "/git/commits", write, false, createCommit},
		{"GET " + repo + "/git/commits/{sha}", read, false, getGitCommit},
		{"GET " + repo + "/git/ref/{ref...}", read, false, getRef},
		{"GET " + repo + "/git/matching-refs/{ref...}", read, false, matchingRefs},
		{"POST " + repo + "/git/refs", write, false, createRef},
		{"PATCH " + repo + "/git/refs/{ref...}", write, false, updateRef},
		{"DELETE " + repo + "/git/refs/{ref...}", write, false, deleteRef},
		{"POST " + repo + "/git/tags", write, false, createTag},
		{"GET " + repo + "/git/tags/{sha}", read, false, getTag},
	}
}

func createBlob(c *call) (int, any, *problem) {
	var in struct {
		Content  *string `json:"content"`
		Encoding string  `json:"encoding"`
	}
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	if in.Content == nil {
		return 0, nil, invalid("Invalid request.\n\n\"content\" wasn't supplied.")
	}
	content := []byte(*in.Content)
	switch in.Encoding {
	case "", "utf-8":
	case "base64":
		decoded, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(*in.Content, "\n", ""))
		if err != nil {
			return 0, nil, invalid("content is not valid Base64")
		}
		content = decoded
	default:
		return 0, nil, invalidField("Blob", "encoding", "invalid")
	}
	sha := c.repo.git.putBlob(content)
	return http.StatusCreated, object{"sha": sha, "url": c.repo.url("/git/blobs/%s", sha)}, nil
}

func getBlob(c *call) (int, any, *problem) {
	sha := c.req.PathValue("sha")
	content, ok := c.repo.git.blob(sha)
	if !ok {
		return 0, nil, notFound()
	}
	return http.StatusOK, object{
		"sha": sha, "node_id": "B_" + sha, "url": c.repo.url("/git/blobs/%s", sha), "size": len(content),
		"content": base64.StdEncoding.EncodeToString(content), "encoding": "base64",
	}, nil
}

func createTree(c *call) (int, any, *problem) {
	type treeEntry struct {
		Path, Mode, Type string
		SHA, Content     *string
	}
	var in struct {
		BaseTree string      `json:"base_tree"`
		Tree     []treeEntry `json:"tree"`
	}
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	g := c.repo.git
	base := in.BaseTree
	if base != "" && g.commit(base) != nil {
		base = g.commit(base).tree
	}
	if _, ok := g.tree(base); base != "" && !ok {
		return 0, nil, invalid("base_tree is not a valid tree oid")
	}
	files := g.files(base)
	for _, e := range in.Tree {
		switch {
		case e.Path == "" || strings.HasPrefix(e.Path, "/") || strings.Contains(e.Path, "//") || slices.Contains(strings.Split(e.Path, "/"), ".."):
			return 0, nil, invalid("tree.path contains a malformed path component")
		case !slices.Contains([]string{"100644", "100755", "040000", "160000", "120000"}, e.Mode):
			return 0, nil, invalid("tree.mode " + e.Mode + " is not supported")
		case e.Content != nil && e.SHA != nil:
			return 0, nil, invalid("Must supply either tree.sha or tree.content")
		case e.Content != nil:
			files[e.Path] = file{mode: e.Mode, sha: g.putBlob([]byte(*e.Content))}
		case e.SHA == nil:
			if _, ok := files[e.Path]; !ok {
				return 0, nil, invalid("GitRPC::BadObjectState")
			}
			delete(files, e.Path)
		case e.Mode == "040000":
			for path, f := range g.files(*e.SHA) {
				files[e.Path+"/"+path] = f
			}
		default:
			if _, ok := g.blob(*e.SHA); !ok {
				return 0, nil, invalid("tree.sha " + *e.SHA + " is not a valid blob")
			}
			files[e.Path] = file{mode: e.Mode, sha: *e.SHA}
		}
	}
	return http.StatusCreated, c.treeJSON(g.putFiles(files), false), nil
}

func (c *call) treeJSON(sha string, recursive bool) object {
	out := list{}
	g := c.repo.git
	var add func(prefix, tree string)
	add = func(prefix, tree string) {
		entries, _ := g.tree(tree)
		for _, e := range entries {
			o := object{"path": prefix + e.name, "mode": e.mode, "type": e.kind, "sha": e.sha, "url": c.repo.url("/git/%ss/%s", e.kind, e.sha)}
			if e.kind == "blob" {
				o["size"] = g.size(e)
			}
			out = append(out, o)
			if e.kind == "tree" && recursive {
				add(prefix+e.name+"/", e.sha)
			}
		}
	}
	add("", sha)
	return object{"sha": sha, "url": c.repo.url("/git/trees/%s", sha), "tree": out, "truncated": false}
}

func getTree(c *call) (int, any, *problem) {
	sha := c.resolve(c.req.PathValue("sha"))
	if k := c.repo.git.commit(sha); k != nil {
		sha = k.tree
	}
	if _, ok := c.repo.git.tree(sha); !ok {
		return 0, nil, notFound()
	}
	return http.StatusOK, c.treeJSON(sha, c.req.URL.Query().Get("recursive") != ""), nil
}

func createCommit(c *call) (int, any, *problem) {
	var in struct {
		Message   *string
		Tree      string
		Parents   []string
		Author    *signature
		Committer *signature
	}
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	g := c.repo.git
	if _, ok := g.tree(in.Tree); !ok {
		return 0, nil, invalid("Tree SHA does not exist")
	}
	if in.Message == nil {
		return 0, nil, invalid("Invalid request.\n\n\"message\" wasn't supplied.")
	}
	for _, parent := range in.Parents {
		if g.commit(parent) == nil {
			return 0, nil, invalid("Parent SHA does not exist or is not a commit object")
		}
	}
	k := commit{tree: in.Tree, message: *in.Message, parents: in.Parents, author: c.repo.signature(c.user.Login)}
	if in.Author != nil {
		k.author = *in.Author
	}
	if k.committer = k.author; in.Committer != nil {
		k.committer = *in.Committer
	}
	for _, who := range []*signature{&k.author, &k.committer} {
		if who.Date.IsZero() {
			who.Date = c.now()
		}
	}
	return http.StatusCreated, c.repo.gitCommitJSON(g.commit(g.putCommit(k))), nil
}

func (r *Repository) gitCommitJSON(k *commit) object {
	parents := list{}
	for _, p := range k.parents {
		parents = append(parents, object{"sha": p, "url": r.url("/git/commits/%s", p), "html_url": r.html("/commit/%s", p)})
	}
	return object{
		"sha": k.sha, "node_id": "C_" + k.sha, "url": r.url("/git/commits/%s", k.sha), "html_url": r.html("/commit/%s", k.sha),
		"author": k.author.json(), "committer": k.committer.json(), "message": k.message, "parents": parents,
		"tree":         object{"sha": k.tree, "url": r.url("/git/trees/%s", k.tree)},
		"verification": unsigned(),
	}
}

func unsigned() object {
	return object{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil}
}

func getGitCommit(c *call) (int, any, *problem) {
	k := c.repo.git.commit(c.req.PathValue("sha"))
	if k == nil {
		return 0, nil, notFound()
	}
	return http.StatusOK, c.repo.gitCommitJSON(k), nil
}

func createTag(c *call) (int, any, *problem) {
	var in struct {
		Tag, Message, Object, Type string
		Tagger                     *signature
	}
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	if !c.repo.git.has(in.Object) || in.Tag == "" {
		return 0, nil, invalidField("Tag", "object", "invalid")
	}
	who := c.repo.signature(c.user.Login)
	if in.Tagger != nil {
		who = *in.Tagger
	}
	return http.StatusCreated, c.tagJSON(c.repo.git.putTag(tag{name: in.Tag, message: in.Message, object: in.Object, kind: in.Type, tagger: who})), nil
}

func (c *call) tagJSON(t *tag) object {
	return object{
		"sha": t.sha, "node_id": "TA_" + t.sha, "url": c.repo.url("/git/tags/%s", t.sha), "tag": t.name, "message": t.message,
		"tagger": t.tagger.json(), "verification": unsigned(),
		"object": object{"sha": t.object, "type": t.kind, "url": c.repo.url("/git/%ss/%s", t.kind, t.object)},
	}
}

func getTag(c *call) (int, any, *problem) {
	tag := c.repo.git.tag(c.req.PathValue("sha"))
	if tag == nil {
		return 0, nil, notFound()
	}
	return http.StatusOK, c.tagJSON(tag), nil
}
