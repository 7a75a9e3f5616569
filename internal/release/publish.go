package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Forge is what Publish asks of the place that hosts the repository;
// *github.Client has it.
type Forge interface {
	// ReleaseByTag finds a published release, Release a draft too; both answer
	// forge.ErrNotFound.
	ReleaseByTag(ctx context.Context, tag string) (forge.Release, error)
	Release(ctx context.Context, tag string) (forge.Release, error)
	// CreateRelease makes a draft, UpdateDraft gives one the text of r.
	CreateRelease(ctx context.Context, r forge.Release) (forge.Release, error)
	UpdateDraft(ctx context.Context, id int64, r forge.Release) (forge.Release, error)
	UploadAsset(ctx context.Context, releaseID int64, name, mediaType string, data []byte, digest string) (forge.Asset, error)
	PublishRelease(ctx context.Context, id int64, latest bool) (forge.Release, error)
}

// Options of Publish. The zero value does not make it the latest release:
// a repository has many artifacts, and GitHub one latest release.
type Options struct {
	Latest bool
}

// Published is what became of a release.
type Published struct {
	URL string
	// Made tells that it was published now, Completed that a draft was there,
	// which an earlier run had left behind.
	Made, Completed bool
	// Problems are what is not as it should be in a release that was published
	// before, or why there can be none. It is left alone: where releases are
	// immutable nobody can change it.
	Problems []string
}

// Publish makes the release: a draft, then its files, then public, so that
// nobody sees half of it and so that it may be immutable
// (docs.github.com, "Immutable releases"). It does as much as is missing, and
// nothing where all is there.
func Publish(ctx context.Context, f Forge, c *Content, opts Options) (*Published, error) {
	p, err := publish(ctx, f, c, opts)
	if err != nil && usedUp(err) {
		return &Published{Problems: []string{fmt.Sprintf("there is no release %s, and there will be none: an immutable one of this tag was published and deleted, "+
			"and the forge never takes its tag again; the version itself is in the ledger", c.Tag)}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("release %s: %w; the version is registered, run this again to complete the release", c.Tag, err)
	}
	return p, nil
}

// usedUp tells whether a release is refused for good: GitHub answers 422
// "tag_name was used by an immutable release" after such a one was deleted
// (docs.github.com, "Immutable releases"). It has no code of its own.
func usedUp(err error) bool {
	return strings.Contains(strings.ToLower(err.Error()), "used by an immutable release")
}

func publish(ctx context.Context, f Forge, c *Content, opts Options) (*Published, error) {
	there, err := f.ReleaseByTag(ctx, c.Tag)
	if err == nil {
		return &Published{URL: there.URL, Problems: compare(c, &there)}, nil
	}
	if !errors.Is(err, forge.ErrNotFound) {
		return nil, err
	}
	if c.tagged != "" {
		return nil, workspace.Usage("%s; run \"waybill doctor --fix\" first: a release would make another tag", c.tagged)
	}
	draft, err := f.Release(ctx, c.Tag)
	completed := err == nil
	switch want := c.draft(); {
	case errors.Is(err, forge.ErrNotFound):
		if draft, err = f.CreateRelease(ctx, want); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case !draft.Draft: // published since it was asked for by its tag
		return &Published{URL: draft.URL, Problems: compare(c, &draft)}, nil
	default:
		if err := foreign(c, &draft); err != nil {
			return nil, err
		}
		if draft.Name != want.Name || draft.Body != want.Body || draft.Target != want.Target || draft.Prerelease != want.Prerelease {
			if draft, err = f.UpdateDraft(ctx, draft.ID, want); err != nil {
				return nil, err
			}
		}
	}
	for _, a := range c.Assets {
		if _, err := f.UploadAsset(ctx, draft.ID, a.Name, a.MediaType, a.Data, string(a.Digest)); err != nil {
			return nil, err
		}
	}
	done, err := f.PublishRelease(ctx, draft.ID, opts.Latest && !c.Prerelease)
	if err != nil {
		// Another run that had a draft of its own may have been faster.
		if there, e := f.ReleaseByTag(ctx, c.Tag); e == nil && there.ID != draft.ID {
			return &Published{URL: there.URL, Problems: append(compare(c, &there), fmt.Sprintf("another run published the release %s first; delete the draft that is left: %s", c.Tag, draft.URL))}, nil
		}
		return nil, err
	}
	if done.Draft || done.Tag != c.Tag {
		return nil, fmt.Errorf("the forge says that it published %.100q, draft %t", done.Tag, done.Draft)
	}
	return &Published{URL: done.URL, Made: true, Completed: completed}, nil
}

func (c *Content) draft() forge.Release {
	return forge.Release{Tag: c.Tag, Target: c.Commit, Name: c.Title, Body: c.Notes, Draft: true, Prerelease: c.Prerelease}
}

// foreign refuses a draft with files that are not those of this version:
// somebody else's, who may not be published by accident.
func foreign(c *Content, draft *forge.Release) error {
	for _, got := range draft.Assets {
		i := slices.IndexFunc(c.Assets, func(a Asset) bool { return a.Name == got.Name })
		if i < 0 || got.State == "uploaded" && differs(&c.Assets[i], &got) {
			return workspace.Usage("there is a draft with a file %.100q that is not of this version; look at it and delete it: %s", got.Name, draft.URL)
		}
	}
	return nil
}

func differs(want *Asset, got *forge.Asset) bool {
	return got.Size != int64(len(want.Data)) || got.Digest != "" && got.Digest != string(want.Digest)
}

// compare says what a published release has otherwise than c.
func compare(c *Content, r *forge.Release) []string {
	var out []string
	for i := range c.Assets {
		want := &c.Assets[i]
		at := slices.IndexFunc(r.Assets, func(a forge.Asset) bool { return a.Name == want.Name })
		switch {
		case at < 0:
			out = append(out, fmt.Sprintf("the release %s has no %s", c.Tag, want.Name))
		case differs(want, &r.Assets[at]):
			out = append(out, fmt.Sprintf("%s of the release %s is not what was registered: expected %s, found %s", want.Name, c.Tag, want.Digest, r.Assets[at].Digest))
		}
	}
	return out
}
