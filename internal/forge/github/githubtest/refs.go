package githubtest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// refJSON is a ref; its object may be a tag.
func (c *call) refJSON(ref string) object {
	sha, kind := c.repo.refs[ref], "commit"
	if c.repo.git.tag(sha) != nil {
		kind = "tag"
	}
	return object{
		"ref": ref, "node_id": "REF_" + ref, "url": c.repo.url("/git/%s", ref),
		"object": object{"type": kind, "sha": sha, "url": c.repo.url("/git/%ss/%s", kind, sha)},
	}
}

func getRef(c *call) (int, any, *problem) {
	ref := "refs/" + c.req.PathValue("ref")
	if c.repo.refs[ref] == "" {
		return 0, nil, notFound()
	}
	return http.StatusOK, c.refJSON(ref), nil
}

func matchingRefs(c *call) (int, any, *problem) {
	out := list{}
	for _, ref := range slices.Sorted(maps.Keys(c.repo.refs)) {
		if strings.HasPrefix(ref, "refs/"+c.req.PathValue("ref")) {
			out = append(out, c.refJSON(ref))
		}
	}
	return http.StatusOK, out, nil
}

func createRef(c *call) (int, any, *problem) {
	var in struct{ Ref, SHA string }
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	switch {
	case !strings.HasPrefix(in.Ref, "refs/") || strings.Count(in.Ref, "/") < 2 || !utf8.ValidString(in.Ref):
		return 0, nil, invalid("Reference name must start with 'refs/'.")
	case !c.repo.git.has(in.SHA):
		return 0, nil, invalid("Object does not exist")
	case c.repo.refs[in.Ref] != "":
		return 0, nil, invalid("Reference already exists")
	}
	if p := c.ruled(in.Ref, "creation"); p != nil {
		return 0, nil, p
	}
	if !c.repo.setRef(in.Ref, in.SHA) {
		return 0, nil, invalid("Reference update failed")
	}
	return http.StatusCreated, c.refJSON(in.Ref), nil
}

func updateRef(c *call) (int, any, *problem) {
	var in struct {
		SHA   string
		Force bool
	}
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	ref := "refs/" + c.req.PathValue("ref")
	old := c.repo.refs[ref]
	switch {
	case old == "":
		return 0, nil, invalid("Reference does not exist")
	case !c.repo.git.has(in.SHA):
		return 0, nil, invalid("Object does not exist")
	}
	forward := c.repo.git.descends(in.SHA, old)
	if !forward && !in.Force {
		return 0, nil, invalid("Update is not a fast forward")
	}
	if p := c.ruled(ref, "update"); p != nil {
		return 0, nil, p
	}
	if !forward {
		if p := c.ruled(ref, "non_fast_forward"); p != nil {
			return 0, nil, p
		}
	}
	if !c.repo.setRef(ref, in.SHA) {
		return 0, nil, invalid("Reference update failed")
	}
	return http.StatusOK, c.refJSON(ref), nil
}

func deleteRef(c *call) (int, any, *problem) {
	ref := "refs/" + c.req.PathValue("ref")
	if c.repo.refs[ref] == "" {
		return 0, nil, invalid("Reference does not exist")
	}
	if p := c.ruled(ref, "deletion"); p != nil {
		return 0, nil, p
	}
	c.repo.dropRef(ref)
	return http.StatusNoContent, nil, nil
}

// resolve returns the commit that a name stands for: a hash, a branch, a tag,
// or itself.
func (c *call) resolve(name string) string {
	for _, ref := range []string{name, "refs/" + name, "refs/heads/" + name, "refs/tags/" + name} {
		if sha := c.repo.refs[ref]; sha != "" {
			if tag := c.repo.git.tag(sha); tag != nil {
				return tag.object
			}
			return sha
		}
	}
	return name
}
