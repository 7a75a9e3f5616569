package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/waybill-dev/waybill/internal/forge"
)

const (
	maxReleases = 10_000 // GitHub lists no more
	maxAssets   = 1000   // GitHub's limit of a release
	maxAsset    = 64 << 20
)

// releaseAnswer has immutable, and its assets a digest; go-github's have not.
type releaseAnswer struct {
	ID         int64         `json:"id"`
	Tag        string        `json:"tag_name"`
	Target     string        `json:"target_commitish"`
	Name       string        `json:"name"`
	Body       string        `json:"body"`
	Draft      bool          `json:"draft"`
	Prerelease bool          `json:"prerelease"`
	Immutable  bool          `json:"immutable"`
	URL        string        `json:"html_url"`
	Assets     []assetAnswer `json:"assets"`
}

type assetAnswer struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	State  string `json:"state"`
	Digest string `json:"digest"`
}

// Release returns the release of a tag, a draft too, or ErrNotFound. It reads
// the list: a draft cannot be asked for by its tag.
func (c *Client) Release(ctx context.Context, tag string) (forge.Release, error) {
	k := call{what: c.on("find the release of %s", clip(tag, maxName)), needs: forge.ToReadContents}
	all, err := list(ctx, c, k, c.path("releases"), maxReleases, elements[releaseAnswer])
	if err != nil {
		return forge.Release{}, err
	}
	for i := range all {
		if all[i].Tag == tag && tag != "" {
			return release(k, &all[i])
		}
	}
	return forge.Release{}, absent(k)
}

// ReleaseByTag returns the published release of a tag, or ErrNotFound. It takes
// one request where Release reads the list, and sees no drafts.
func (c *Client) ReleaseByTag(ctx context.Context, tag string) (forge.Release, error) {
	k := call{what: c.on("read the release of %s", clip(tag, maxName)), needs: forge.ToReadContents}
	if tag == "" || len(tag) > maxName {
		return forge.Release{}, fmt.Errorf("%s: that is no tag", k.what)
	}
	var answer releaseAnswer
	if _, err := c.do(ctx, k, http.MethodGet, c.path("releases/tags/%s", tag), nil, &answer); err != nil {
		return forge.Release{}, err
	}
	if answer.Tag != tag || answer.Draft {
		return forge.Release{}, badAnswer(k, "it is about the tag %q", clip(answer.Tag, 100))
	}
	return release(k, &answer)
}

// CreateRelease makes a draft, to which assets are uploaded before
// PublishRelease. When the answer is lost, a draft of the same tag is taken for
// it.
func (c *Client) CreateRelease(ctx context.Context, r forge.Release) (forge.Release, error) {
	k := call{what: c.on("draft the release of %s", clip(r.Tag, maxName)), needs: forge.ToWriteContents}
	if r.Tag == "" {
		return forge.Release{}, fmt.Errorf("%s: it needs a tag", k.what)
	}
	body := draftOf(r)
	find := func(ctx context.Context) (forge.Release, error) {
		there, err := c.Release(ctx, r.Tag)
		if err == nil && !there.Draft {
			err = fmt.Errorf("%s: it is published already", k.what)
		}
		return there, err
	}
	return createOnce(ctx, c, find, func(ctx context.Context) (forge.Release, error) {
		var answer releaseAnswer
		if _, err := c.do(ctx, k, http.MethodPost, c.path("releases"), body, &answer); err != nil {
			return forge.Release{}, err
		}
		return release(k, &answer)
	})
}

func draftOf(r forge.Release) map[string]any {
	body := map[string]any{"tag_name": r.Tag, "name": r.Name, "body": cut(r.Body, 120_000), "draft": true, "prerelease": r.Prerelease}
	if r.Target != "" {
		body["target_commitish"] = r.Target
	}
	return body
}

// UpdateDraft gives a draft that is there the tag, target and text of r.
// It does not publish.
func (c *Client) UpdateDraft(ctx context.Context, id int64, r forge.Release) (forge.Release, error) {
	k := call{what: c.on("update draft %d", id), needs: forge.ToWriteContents, repeat: true}
	if r.Tag == "" {
		return forge.Release{}, fmt.Errorf("%s: it needs a tag", k.what)
	}
	body := draftOf(r)
	delete(body, "draft") // or one that somebody published meanwhile would become a draft again
	var answer releaseAnswer
	if _, err := c.do(ctx, k, http.MethodPatch, c.path("releases/%d", id), body, &answer); err != nil {
		return forge.Release{}, err
	}
	return release(k, &answer)
}

// PublishRelease ends a draft. latest tells whether it becomes the release that
// the repository shows as its latest. Where releases are immutable, nothing of
// it can be changed after this.
func (c *Client) PublishRelease(ctx context.Context, id int64, latest bool) (forge.Release, error) {
	k := call{what: c.on("publish release %d", id), needs: forge.ToWriteContents, repeat: true}
	body := map[string]any{"draft": false, "make_latest": fmt.Sprint(latest)} // a string, by the API's description
	var answer releaseAnswer
	if _, err := c.do(ctx, k, http.MethodPatch, c.path("releases/%d", id), body, &answer); err != nil {
		return forge.Release{}, err
	}
	return release(k, &answer)
}

// UploadAsset adds a file to a release. One that is there with the same name,
// size and, where GitHub knows it, digest is kept; an incomplete one, which a
// broken upload leaves behind, is removed first.
func (c *Client) UploadAsset(ctx context.Context, releaseID int64, name, mediaType string, data []byte, digest string) (forge.Asset, error) {
	k := call{what: c.on("upload %s to release %d", clip(name, 100), releaseID), needs: forge.ToWriteContents}
	if name == "" || len(name) > maxName || len(data) == 0 || len(data) > maxAsset {
		return forge.Asset{}, fmt.Errorf("%s: it needs a name, and 1 to %d bytes", k.what, maxAsset)
	}
	find := func(ctx context.Context) (forge.Asset, error) {
		return c.findAsset(ctx, k, releaseID, name, int64(len(data)), digest)
	}
	there, err := find(ctx)
	if err == nil || !errors.Is(err, forge.ErrNotFound) {
		return there, err
	}
	path := c.path("releases/%d/assets", releaseID) + "?" + url.Values{"name": {name}}.Encode()
	return createOnce(ctx, c, find, func(ctx context.Context) (forge.Asset, error) {
		req, err := http.NewRequest(http.MethodPost, c.wire.upload.String()+path, bytes.NewReader(data))
		if err != nil {
			return forge.Asset{}, fmt.Errorf("%s: %w", k.what, err)
		}
		c.identify(req)
		req.Header.Set("Content-Type", mediaType)
		var answer assetAnswer
		if _, err := c.send(ctx, req, &answer); err != nil {
			return forge.Asset{}, c.failed(k, err)
		}
		return asset(k, &answer)
	})
}

func (c *Client) findAsset(ctx context.Context, k call, releaseID int64, name string, size int64, digest string) (forge.Asset, error) {
	all, err := list(ctx, c, k, c.path("releases/%d/assets", releaseID), maxAssets, elements[assetAnswer])
	if err != nil {
		return forge.Asset{}, err
	}
	for i := range all {
		a, err := asset(k, &all[i])
		switch {
		case err != nil:
			return forge.Asset{}, err
		case a.Name != name:
		case a.State != "uploaded":
			k.repeat = true
			if _, err := c.do(ctx, k, http.MethodDelete, c.path("releases/assets/%d", a.ID), nil, nil); err != nil && !isNotFound(err) {
				return forge.Asset{}, err
			}
		case a.Size != size || a.Digest != "" && digest != "" && a.Digest != digest:
			return forge.Asset{}, fmt.Errorf("%s: there is another file of that name already", k.what)
		default:
			return a, nil
		}
	}
	return forge.Asset{}, absent(k)
}

func release(k call, a *releaseAnswer) (forge.Release, error) {
	if a.ID <= 0 || a.Tag == "" || len(a.Tag) > 1024 {
		return forge.Release{}, badAnswer(k, "a release has the id %d and the tag %q", a.ID, clip(a.Tag, 100))
	}
	out := forge.Release{
		ID: a.ID, Tag: a.Tag, Target: cut(a.Target, 1024), Name: cut(a.Name, 1024), Body: cut(a.Body, maxCommentBody),
		Draft: a.Draft, Prerelease: a.Prerelease, Immutable: a.Immutable, URL: webAddress(a.URL),
	}
	for i := range a.Assets {
		one, err := asset(k, &a.Assets[i])
		if err != nil {
			return forge.Release{}, err
		}
		out.Assets = append(out.Assets, one)
	}
	return out, nil
}

func asset(k call, a *assetAnswer) (forge.Asset, error) {
	if a.ID <= 0 || a.Name == "" || a.Size < 0 {
		return forge.Asset{}, badAnswer(k, "an asset has the id %d and %d bytes", a.ID, a.Size)
	}
	if !sha256Digest.MatchString(a.Digest) {
		a.Digest = ""
	}
	return forge.Asset{ID: a.ID, Name: cut(a.Name, maxName), Size: a.Size, State: clip(a.State, 20), Digest: a.Digest}, nil
}
