package release

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/ref"
)

// fakeForge keeps releases as GitHub does: drafts have no tag to ask for, and
// what is published is immutable.
type fakeForge struct {
	releases []forge.Release
	latest   bool
	writes   int
	failing  string // the method that fails
	why      error  // nil: errDown
	t        *testing.T
}

var errDown = errors.New("down")

func (f *fakeForge) find(match func(*forge.Release) bool) (*forge.Release, error) {
	for i := range f.releases {
		if match(&f.releases[i]) {
			return &f.releases[i], nil
		}
	}
	return &forge.Release{}, forge.ErrNotFound
}

func (f *fakeForge) write(method string, id int64) (*forge.Release, error) {
	if f.failing == method {
		return &forge.Release{}, cmp.Or(f.why, errDown)
	}
	f.writes++
	r, err := f.find(func(r *forge.Release) bool { return r.ID == id })
	if err == nil && !r.Draft {
		f.t.Errorf("%s of a release that is published", method)
	}
	return r, err
}

func (f *fakeForge) ReleaseByTag(_ context.Context, tag string) (forge.Release, error) {
	if f.failing == "ReleaseByTag" {
		return forge.Release{}, errDown
	}
	r, err := f.find(func(r *forge.Release) bool { return r.Tag == tag && !r.Draft })
	return *r, err
}

func (f *fakeForge) Release(_ context.Context, tag string) (forge.Release, error) {
	r, err := f.find(func(r *forge.Release) bool { return r.Tag == tag })
	return *r, err
}

func (f *fakeForge) CreateRelease(_ context.Context, r forge.Release) (forge.Release, error) {
	if f.failing == "CreateRelease" {
		return r, cmp.Or(f.why, errDown)
	}
	f.writes++
	r.ID, r.URL = int64(len(f.releases)+1), "https://forge.example/"+r.Tag
	f.releases = append(f.releases, r)
	return r, nil
}

func (f *fakeForge) UpdateDraft(_ context.Context, id int64, r forge.Release) (forge.Release, error) {
	there, err := f.write("UpdateDraft", id)
	there.Name, there.Body, there.Target, there.Prerelease = r.Name, r.Body, r.Target, r.Prerelease
	return *there, err
}

func (f *fakeForge) UploadAsset(_ context.Context, id int64, name, _ string, data []byte, digest string) (forge.Asset, error) {
	there, err := f.write("UploadAsset", id)
	for _, a := range there.Assets {
		if a.Name == name {
			return a, err
		}
	}
	a := forge.Asset{Name: name, Size: int64(len(data)), State: "uploaded", Digest: digest}
	there.Assets = append(there.Assets, a)
	return a, err
}

func (f *fakeForge) PublishRelease(_ context.Context, id int64, latest bool) (forge.Release, error) {
	there, err := f.write("PublishRelease", id)
	there.Draft, f.latest = err != nil, latest
	return *there, err
}

func content() *Content {
	c := &Content{Tag: "m@v1.0.0", Commit: strings.Repeat("1", 40), Title: "m v1.0.0", Notes: "notes"}
	c.add("model.lock.json", []byte("lock"))
	c.add("report.json", []byte("report"))
	return c
}

func TestPublish(t *testing.T) {
	f := &fakeForge{t: t}
	p, err := Publish(t.Context(), f, content(), Options{Latest: true})
	if err != nil || !p.Made || p.Completed || p.URL == "" || !f.latest {
		t.Fatalf("%+v, %v", p, err)
	}
	if r := f.releases[0]; r.Draft || len(r.Assets) != 2 || r.Body != "notes" {
		t.Errorf("%+v", r)
	}
	// Again: nothing is written, and what differs is told.
	f.writes = 0
	if p, err = Publish(t.Context(), f, content(), Options{}); err != nil || p.Made || len(p.Problems) != 0 || f.writes != 0 {
		t.Errorf("%+v, %v, %d writes", p, err, f.writes)
	}
	f.releases[0].Assets[0].Digest = string(ref.Of([]byte("other")))
	f.releases[0].Assets = f.releases[0].Assets[:1]
	p, err = Publish(t.Context(), f, content(), Options{})
	if err != nil || f.writes != 0 || len(p.Problems) != 2 || !strings.Contains(p.Problems[0], "is not what was registered") || !strings.Contains(p.Problems[1], "has no report.json") {
		t.Errorf("%+v, %v, %d writes", p, err, f.writes)
	}
}

// TestPublishCutOff ends a run at each of its writes; the next one completes it.
func TestPublishCutOff(t *testing.T) {
	for _, at := range []string{"ReleaseByTag", "CreateRelease", "UploadAsset", "PublishRelease"} {
		f := &fakeForge{t: t, failing: at}
		if _, err := Publish(t.Context(), f, content(), Options{}); !errors.Is(err, errDown) || !strings.Contains(err.Error(), "run this again") {
			t.Errorf("%s: %v", at, err)
		}
		f.failing = ""
		p, err := Publish(t.Context(), f, content(), Options{})
		if err != nil || !p.Made || len(f.releases) != 1 || f.releases[0].Draft || len(f.releases[0].Assets) != 2 || f.latest {
			t.Errorf("%s: %+v, %v: %+v", at, p, err, f.releases)
		}
	}
}

// A tag that an immutable release used up can have no other: no run can mend
// that, so that none of them fails for it.
func TestPublishTagUsedUp(t *testing.T) {
	for _, at := range []string{"CreateRelease", "PublishRelease"} {
		f := &fakeForge{t: t, failing: at, why: errors.New("publish release 1: 422 Validation Failed: tag_name was used by an immutable release")}
		p, err := Publish(t.Context(), f, content(), Options{})
		if err != nil || p.Made || p.URL != "" || len(p.Problems) != 1 || !strings.Contains(p.Problems[0], "never takes its tag again") {
			t.Errorf("%s: %+v, %v", at, p, err)
		}
	}
}

// Of two runs with a draft each, one publishes, and the other sees that.
func TestPublishRace(t *testing.T) {
	f := &fakeForge{t: t}
	first := &faster{fakeForge: f}
	p, err := Publish(t.Context(), first, content(), Options{})
	if err != nil || p.Made || p.URL != "https://forge.example/theirs" || len(p.Problems) != 1 || !strings.Contains(p.Problems[0], "delete the draft that is left") {
		t.Errorf("%+v, %v", p, err)
	}
}

// faster is a forge on which another run publishes first.
type faster struct{ *fakeForge }

func (f *faster) PublishRelease(context.Context, int64, bool) (forge.Release, error) {
	theirs := f.releases[0]
	theirs.ID, theirs.Draft, theirs.URL = 99, false, "https://forge.example/theirs"
	f.releases = append(f.releases, theirs)
	return forge.Release{}, errors.New("422 already_exists")
}

func TestPublishDrafts(t *testing.T) {
	old := forge.Release{ID: 1, Tag: "m@v1.0.0", Draft: true, Name: "m", Body: "of an older waybill", URL: "https://forge.example/draft"}
	f := &fakeForge{t: t, releases: []forge.Release{old}}
	if p, err := Publish(t.Context(), f, content(), Options{}); err != nil || !p.Completed || f.releases[0].Body != "notes" || f.releases[0].Target != content().Commit {
		t.Errorf("%+v, %v: %+v", p, err, f.releases)
	}
	// A draft of somebody, with files that nobody checked, is not published.
	for _, a := range []forge.Asset{{Name: "malware.bin", State: "uploaded"}, {Name: "report.json", State: "uploaded", Size: 6, Digest: string(ref.Of([]byte("forged")))}} {
		old.Assets = []forge.Asset{a}
		f = &fakeForge{t: t, releases: []forge.Release{old}}
		if _, err := Publish(t.Context(), f, content(), Options{}); err == nil || f.writes != 0 || !strings.Contains(err.Error(), a.Name) {
			t.Errorf("%v, %d writes", err, f.writes)
		}
	}
	// Half a file, as a broken upload leaves it, is no reason: the client replaces it.
	old.Assets = []forge.Asset{{Name: "report.json", State: "starter"}}
	f = &fakeForge{t: t, releases: []forge.Release{old}}
	if _, err := Publish(t.Context(), f, content(), Options{}); err != nil {
		t.Error(err)
	}
}

func TestPublishRefuses(t *testing.T) {
	c := content()
	c.tagged = "the remote does not have the tag m@v1.0.0"
	f := &fakeForge{t: t}
	if _, err := Publish(t.Context(), f, c, Options{}); err == nil || f.writes != 0 || !strings.Contains(err.Error(), "doctor --fix") {
		t.Errorf("%v, %d writes: a release without its tag", err, f.writes)
	}
	c = content()
	c.Prerelease = true
	f = &fakeForge{t: t}
	if _, err := Publish(t.Context(), f, c, Options{Latest: true}); err != nil || f.latest || !f.releases[0].Prerelease {
		t.Errorf("%v: a pre-release is the latest", err)
	}
}

func TestInert(t *testing.T) {
	for in, want := range map[string]string{"# big": "&#8203;#", "- a": "&#8203;-", "1. a": "&#8203;1", "> a": "&#8203;", "plain": "plain", "": ""} {
		if got := inert(in); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q", in, got)
		}
	}
}
