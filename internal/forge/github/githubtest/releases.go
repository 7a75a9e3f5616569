package githubtest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

type release struct {
	id                              int64
	tag, target, name, body, author string
	draft, prerelease, immutable    bool
	created, published              time.Time
	assets                          []*asset
}

type asset struct {
	id                       int64
	name, label, contentType string
	uploader                 string
	content                  []byte
	created                  time.Time
}

// Release is one as tests see it.
type Release struct {
	ID               int64
	Tag, Name, Body  string
	Draft, Immutable bool
	Assets           map[string][]byte
}

// Releases returns all, oldest first.
func (r *Repository) Releases() []Release {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	var out []Release
	for _, rel := range r.releases {
		o := Release{ID: rel.id, Tag: rel.tag, Name: rel.name, Body: rel.body, Draft: rel.draft, Immutable: rel.immutable, Assets: map[string][]byte{}}
		for _, a := range rel.assets {
			o.Assets[a.name] = a.content
		}
		out = append(out, o)
	}
	return out
}

func releaseRoutes() []route {
	const read, write = "contents:read", "contents:write"
	return []route{
		{"GET " + repo + "/releases", read, false, listReleases},
		{"POST " + repo + "/releases", write, false, createRelease},
		{"GET " + repo + "/releases/latest", read, false, latestRelease},
		{"GET " + repo + "/releases/tags/{tag}", read, false, releaseByTag},
		{"GET " + repo + "/releases/{id}", read, false, getRelease},
		{"PATCH " + repo + "/releases/{id}", write, false, updateRelease},
		{"DELETE " + repo + "/releases/{id}", write, false, deleteRelease},
		{"GET " + repo + "/releases/{id}/assets", read, false, listAssets},
		{"POST " + repo + "/releases/{id}/assets", write, false, uploadAsset},
		{"GET " + repo + "/releases/assets/{id}", read, false, getAsset},
		{"DELETE " + repo + "/releases/assets/{id}", write, false, deleteAsset},
	}
}

func (c *call) releaseJSON(rel *release) object {
	base := c.repo.url("/releases/%d", rel.id)
	return object{
		"id": rel.id, "node_id": nodeID("RE", rel.id), "url": base, "assets_url": base + "/assets", "html_url": c.repo.html("/releases/tag/%s", rel.tag),
		"upload_url": c.UploadURL + strings.TrimPrefix(base, c.URL) + "/assets{?name,label}", "tarball_url": nil, "zipball_url": nil,
		"tag_name": rel.tag, "target_commitish": rel.target, "name": text(rel.name), "body": text(rel.body), "draft": rel.draft,
		"prerelease": rel.prerelease, "immutable": rel.immutable, "created_at": stamp(rel.created), "published_at": stamp(rel.published),
		"author": c.accountJSON(c.login(rel.author)), "assets": render(rel.assets, c.assetJSON(rel)),
	}
}

// seen leaves drafts out for who may not write.
func (c *call) releasesSeen() []*release {
	writer := c.permitted("contents:write")
	return slices.DeleteFunc(newestFirst(c.repo.releases), func(rel *release) bool { return rel.draft && !writer })
}

func listReleases(c *call) (int, any, *problem) {
	return http.StatusOK, page(c, c.releasesSeen(), c.releaseJSON), nil
}

func latestRelease(c *call) (int, any, *problem) {
	for _, rel := range c.releasesSeen() {
		if !rel.draft && !rel.prerelease {
			return http.StatusOK, c.releaseJSON(rel), nil
		}
	}
	return 0, nil, notFound()
}

// releaseByTag finds published ones only: a draft has no tag yet.
func releaseByTag(c *call) (int, any, *problem) {
	for _, rel := range c.releasesSeen() {
		if !rel.draft && rel.tag == c.req.PathValue("tag") {
			return http.StatusOK, c.releaseJSON(rel), nil
		}
	}
	return 0, nil, notFound()
}

func (c *call) release() (*release, *problem) {
	id, p := c.id("id")
	if p != nil {
		return nil, p
	}
	for _, rel := range c.releasesSeen() {
		if rel.id == id {
			return rel, nil
		}
	}
	return nil, notFound()
}

func getRelease(c *call) (int, any, *problem) {
	rel, p := c.release()
	if p != nil {
		return 0, nil, p
	}
	return http.StatusOK, c.releaseJSON(rel), nil
}

type releaseInput struct {
	TagName         *string `json:"tag_name"`
	TargetCommitish *string `json:"target_commitish"`
	Name, Body      *string
	Draft           *bool
	Prerelease      *bool
	MakeLatest      *string `json:"make_latest"`
}

func (in *releaseInput) apply(rel *release) {
	for _, f := range []struct{ to, from *string }{{&rel.tag, in.TagName}, {&rel.target, in.TargetCommitish}, {&rel.name, in.Name}, {&rel.body, in.Body}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if in.Draft != nil {
		rel.draft = *in.Draft
	}
	if in.Prerelease != nil {
		rel.prerelease = *in.Prerelease
	}
}

func createRelease(c *call) (int, any, *problem) {
	var in releaseInput
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	if in.TagName == nil || *in.TagName == "" {
		return 0, nil, invalidField("Release", "tag_name", "missing_field")
	}
	rel := &release{id: c.nextID(), target: c.repo.DefaultBranch, author: c.user.Login, created: c.now()}
	in.apply(rel)
	if !rel.draft {
		if p := c.publish(rel); p != nil {
			return 0, nil, p
		}
	}
	c.repo.releases = append(c.repo.releases, rel)
	return http.StatusCreated, c.releaseJSON(rel), nil
}

// publish makes the tag where there is none.
func (c *call) publish(rel *release) *problem {
	for _, other := range c.repo.releases {
		if other != rel && !other.draft && other.tag == rel.tag {
			return invalidField("Release", "tag_name", "already_exists")
		}
	}
	sha := c.resolve(rel.target)
	if c.repo.git.commit(sha) == nil {
		return invalidField("Release", "target_commitish", "invalid")
	}
	if ref := "refs/tags/" + rel.tag; c.repo.refs[ref] == "" {
		if p := c.ruled(ref, "creation"); p != nil {
			return p
		}
		c.repo.setRef(ref, sha)
	}
	rel.published, rel.immutable = c.now(), c.repo.ImmutableReleases
	return nil
}

func updateRelease(c *call) (int, any, *problem) {
	rel, p := c.release()
	if p != nil {
		return 0, nil, p
	}
	var in releaseInput
	if p := c.decode(&in); p != nil {
		return 0, nil, p
	}
	if rel.immutable && in.TagName != nil && *in.TagName != rel.tag {
		return 0, nil, invalid("Validation Failed", object{"resource": "Release", "code": "custom", "message": "Cannot change the tag of an immutable release."})
	}
	changed := *rel
	in.apply(&changed)
	if rel.draft && !changed.draft {
		if p := c.publish(&changed); p != nil {
			return 0, nil, p
		}
	}
	*rel = changed
	return http.StatusOK, c.releaseJSON(rel), nil
}

func deleteRelease(c *call) (int, any, *problem) {
	rel, p := c.release()
	if p != nil {
		return 0, nil, p
	}
	c.repo.releases = slices.DeleteFunc(c.repo.releases, func(other *release) bool { return other == rel })
	return http.StatusNoContent, nil, nil
}
