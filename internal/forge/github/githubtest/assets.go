package githubtest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
)

func (c *call) assetJSON(rel *release) func(*asset) object {
	return func(a *asset) object {
		sum := sha256.Sum256(a.content)
		return object{
			"id": a.id, "node_id": nodeID("RA", a.id), "name": a.name, "label": text(a.label), "content_type": a.contentType, "size": len(a.content),
			"digest": "sha256:" + hex.EncodeToString(sum[:]), "state": "uploaded", "url": c.repo.url("/releases/assets/%d", a.id), "download_count": 0,
			"uploader": c.accountJSON(c.login(a.uploader)), "created_at": stamp(a.created), "updated_at": stamp(a.created),
			"browser_download_url": c.repo.html("/releases/download/%s/%s", rel.tag, a.name),
		}
	}
}

func listAssets(c *call) (int, any, *problem) {
	rel, p := c.release()
	if p != nil {
		return 0, nil, p
	}
	return http.StatusOK, page(c, rel.assets, c.assetJSON(rel)), nil
}

// uploadAsset takes the body as it is; the name is in the query.
func uploadAsset(c *call) (int, any, *problem) {
	rel, p := c.release()
	if p != nil {
		return 0, nil, p
	}
	name := c.req.URL.Query().Get("name")
	switch {
	case name == "" || len(c.body) == 0:
		return 0, nil, invalidField("ReleaseAsset", "name", "missing_field")
	case rel.immutable:
		return 0, nil, invalid("Cannot upload assets to an immutable release.")
	case slices.ContainsFunc(rel.assets, func(a *asset) bool { return a.name == name }):
		return 0, nil, invalidField("ReleaseAsset", "name", "already_exists")
	}
	a := &asset{
		id: c.nextID(), name: name, label: c.req.URL.Query().Get("label"), uploader: c.user.Login, content: c.body, created: c.now(),
		contentType: or(c.req.Header.Get("Content-Type"), "application/octet-stream"),
	}
	rel.assets = append(rel.assets, a)
	return http.StatusCreated, c.assetJSON(rel)(a), nil
}

func (c *call) asset() (*release, *asset, *problem) {
	id, p := c.id("id")
	if p != nil {
		return nil, nil, p
	}
	for _, rel := range c.releasesSeen() {
		for _, a := range rel.assets {
			if a.id == id {
				return rel, a, nil
			}
		}
	}
	return nil, nil, notFound()
}

// getAsset redirects who accepts application/octet-stream to the content.
func getAsset(c *call) (int, any, *problem) {
	rel, a, p := c.asset()
	if p != nil {
		return 0, nil, p
	}
	if c.req.Header.Get("Accept") == "application/octet-stream" {
		c.redirect("asset", a.id)
		return 0, nil, nil
	}
	return http.StatusOK, c.assetJSON(rel)(a), nil
}

func deleteAsset(c *call) (int, any, *problem) {
	rel, a, p := c.asset()
	switch {
	case p != nil:
		return 0, nil, p
	case rel.immutable:
		return 0, nil, invalid("Cannot delete assets of an immutable release.")
	}
	rel.assets = slices.DeleteFunc(rel.assets, func(other *asset) bool { return other == a })
	return http.StatusNoContent, nil, nil
}
