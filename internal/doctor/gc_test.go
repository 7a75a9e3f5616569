package doctor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/testregistry"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// push brings content to the registry as "waybill push" does, but writes no
// lock, and attaches a report about it.
func (x *world) push(content string) ocispec.Descriptor {
	x.t.Helper()
	ctx := context.Background()
	dir := x.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "w.bin"), []byte(content), 0o644); err != nil {
		x.t.Fatal(err)
	}
	files := []manifest.File{{Path: "w.bin", Size: int64(len(content)), Digest: ref.Of([]byte(content))}}
	enc, err := artifact.Encode(manifest.KindModel, files)
	if err != nil {
		x.t.Fatal(err)
	}
	repo, err := x.w.Repository("sentiment")
	if err != nil {
		x.t.Fatal(err)
	}
	if _, err := artifact.Push(ctx, repo, enc, files, artifact.Dir(dir), artifact.PushOptions{}); err != nil {
		x.t.Fatal(err)
	}
	digest, err := manifest.ContentDigest(files)
	if err != nil {
		x.t.Fatal(err)
	}
	if err := repo.Tag(ctx, enc.Desc, "lock-"+digest.Short()); err != nil {
		x.t.Fatal(err)
	}
	payload := []byte("about " + content)
	if _, err := evidence.Attach(ctx, repo, enc.Desc, evidence.Item{Kind: evidence.Report, Name: "report.json", MediaType: "application/json",
		Digest: ref.Of(payload), Size: int64(len(payload)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(payload)), nil }}); err != nil {
		x.t.Fatal(err)
	}
	return enc.Desc
}

// collect returns what became of each item, "DIGEST STATE".
func (x *world) collect(apply bool, grace time.Duration) (*Garbage, []string) {
	x.t.Helper()
	g, err := CollectGarbage(context.Background(), x.w, x.ledger(), GCOptions{Apply: apply, Grace: grace})
	if err != nil {
		x.t.Fatal(err)
	}
	states := []string{}
	for _, item := range g.Items {
		states = append(states, string(item.Digest)+" "+item.State)
	}
	return g, states
}

func (x *world) tags() []string {
	x.t.Helper()
	repo, err := x.w.Repository("sentiment")
	if err != nil {
		x.t.Fatal(err)
	}
	tags, err := repo.Tags(context.Background())
	if err != nil {
		x.t.Fatal(err)
	}
	return tags
}

// anywhere runs a test on a layout and on both kinds of registry.
func anywhere(t *testing.T, test func(t *testing.T, x *world, r *testregistry.Registry)) {
	t.Run("layout", func(t *testing.T) { test(t, newWorld(t), nil) })
	for name, opts := range map[string][]testregistry.Option{"fallback tag": nil, "referrers API": {testregistry.WithReferrers()}} {
		t.Run(name, func(t *testing.T) {
			x, r := remoteWorld(t, opts...)
			x.push("weights")
			test(t, x, r)
		})
	}
}

// remoteWorld is newWorld with an empty registry on the network.
func remoteWorld(t *testing.T, opts ...testregistry.Option) (*world, *testregistry.Registry) {
	t.Helper()
	r := testregistry.New(t, opts...)
	x := newWorld(t)
	x.write("waybill.yaml", strings.Replace(project, "oci-layout:.waybill/registry", r.URL+"/acme", 1))
	x.open()
	return x, r
}

// age makes everything in the layout old, if there is one.
func (x *world) age() {
	x.t.Helper()
	files, err := filepath.Glob(filepath.Join(x.dir, ".waybill", "registry", "blobs", "sha256", "*"))
	if err != nil {
		x.t.Fatal(err)
	}
	old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, file := range files {
		if err := os.Chtimes(file, old, old); err != nil {
			x.t.Fatal(err)
		}
	}
}

func TestCollectGarbage(t *testing.T) {
	anywhere(t, func(t *testing.T, x *world, r *testregistry.Registry) {
		ctx := context.Background()
		repo, err := x.w.Repository("sentiment")
		if err != nil {
			t.Fatal(err)
		}
		gone, named := x.push("gone"), x.push("named by somebody")
		if err := repo.Tag(ctx, named, "latest"); err != nil {
			t.Fatal(err)
		}
		// A tag like those that push sets, on what the lock names.
		if err := repo.Tag(ctx, x.push("weights"), "lock-ffffffffffff"); err != nil {
			t.Fatal(err)
		}
		x.age()
		before := x.tags()
		_, states := x.collect(false, 0)
		want := []string{string(gone.Digest) + " " + StateGoes}
		if !slices.Equal(states, want) || !slices.Equal(x.tags(), before) {
			t.Fatalf("plan: %v, want %v; tags %v", states, want, x.tags())
		}
		if _, states := x.collect(true, 100*365*24*time.Hour); !slices.Equal(states, []string{string(gone.Digest) + " " + StateWaits}) {
			t.Fatalf("a long grace: %v", states)
		}
		g, states := x.collect(true, 0)
		if !slices.Equal(states, []string{string(gone.Digest) + " " + StateDeleted}) || g.Failed() != 0 || g.Kept != 1 {
			t.Fatalf("apply: %+v", g)
		}
		// Weights, manifest and config, report and its manifest; others need "{}".
		if r == nil && g.Blobs.Count != 5 {
			t.Errorf("blobs: %+v", g.Blobs)
		}
		if _, err := repo.Resolve(ctx, string(gone.Digest)); !errors.Is(err, workspace.ErrNotFound) {
			t.Errorf("the manifest is still there: %v", err)
		}
		if found, err := repo.Referrers(ctx, gone, ""); err != nil && !errors.Is(err, workspace.ErrNotFound) || len(found) != 0 {
			t.Errorf("its evidence is still listed: %v, %v", found, err)
		}
		if _, err := repo.Resolve(ctx, strings.Replace(string(gone.Digest), ":", "-", 1)); !errors.Is(err, workspace.ErrNotFound) {
			t.Errorf("the list of its evidence is still there: %v", err)
		}
		if found, err := repo.Referrers(ctx, named, ""); err != nil || len(found) != 1 {
			t.Errorf("evidence of what is kept: %v, %v", found, err)
		}
		if g, _ := x.collect(true, 0); len(g.Items) != 0 {
			t.Errorf("again: %+v", g.Items)
		}
	})
}

// A registry that does not delete: each item says so, and nothing else stops.
func TestCollectGarbageRefused(t *testing.T) {
	x, r := remoteWorld(t, testregistry.WithReferrers())
	x.push("one")
	x.push("two")
	r.FailMatching("DELETE", 1000, 405)
	g, _ := x.collect(true, 0)
	if g.Failed() != 2 || !strings.Contains(g.Items[0].Error, "405") {
		t.Errorf("%+v", g.Items)
	}
	r.FailMatching("DELETE", 0, 405)
	if g, _ := x.collect(true, 0); g.Failed() != 0 || len(g.Items) != 2 {
		t.Errorf("%+v", g.Items)
	}
}

// The grace of a registry that tells no ages begins when something was first
// seen unused, anew when it was used in between, and when the file is damaged.
func TestUnusedIsRemembered(t *testing.T) {
	x, r := remoteWorld(t, testregistry.WithReferrers())
	desc := x.push("one")
	since := func() time.Time {
		t.Helper()
		g, _ := x.collect(false, time.Hour)
		if len(g.Items) != 1 {
			t.Fatalf("%+v", g.Items)
		}
		return g.Items[0].Since
	}
	file := filepath.Join(x.dir, ".git", "waybill", "gc.json")
	begun := since()
	data, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(data), string(desc.Digest)) {
		t.Fatalf("%s, %v", data, err)
	}
	old := strings.Replace(string(data), begun.Format(time.RFC3339), "2020-01-01T00:00:00Z", 1)
	for name, test := range map[string]struct {
		data string
		want time.Time
	}{
		"remembered":       {old, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
		"of another place": {strings.Replace(old, r.URL, "elsewhere", 1), begun},
		"damaged":          {old[:len(old)/2], begun},
		"not there":        {"", begun},
	} {
		if err := os.WriteFile(file, []byte(test.data), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := since(); !got.Equal(test.want) {
			t.Errorf("%s: since %v, want %v", name, got, test.want)
		}
	}
	repo, err := x.w.Repository("sentiment")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(old), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := repo.Tag(context.Background(), desc, "in-use"); err != nil {
		t.Fatal(err)
	}
	if g, _ := x.collect(true, 0); len(g.Items) != 0 {
		t.Fatalf("%+v", g.Items)
	}
	if err := repo.Untag(context.Background(), "in-use"); err != nil {
		t.Fatal(err)
	}
	if got := since(); !got.Equal(begun) {
		t.Errorf("used in between: since %v", got)
	}
}

// Whoever cannot see everything deletes nothing.
func TestCollectGarbageRefusesBlindly(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(x *world)
		want  string
	}{
		"a lock in conflict": {func(x *world) { x.write("m/model.lock.json", "<<<<<<< ours\n") }, "model.lock.json"},
		"a lock at a tip that cannot be read": {func(x *world) {
			x.git("checkout", "-q", "-b", "broken")
			x.write("old/model.lock.json", "{}")
			x.git("add", "-A")
			x.git("commit", "-q", "-m", "broken")
			x.git("checkout", "-q", "main")
		}, "old/model.lock.json"},
		"a branch that is not here": {func(x *world) {
			other := filepath.Join(x.t.TempDir(), "other")
			x.git("clone", "-q", x.bare, other)
			x.git("-C", other, "-c", "user.name=a", "-c", "user.email=b", "commit", "-q", "--allow-empty", "-m", "x")
			x.git("-C", other, "push", "-q", "origin", "HEAD:other")
		}, "refs/heads/other"},
	} {
		t.Run(name, func(t *testing.T) {
			x := newWorld(t)
			x.push("gone")
			before := x.tags()
			test.spoil(x)
			_, err := CollectGarbage(context.Background(), x.w, x.ledger(), GCOptions{Apply: true})
			if !errors.Is(err, ErrReach) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
			if !slices.Equal(x.tags(), before) {
				t.Errorf("deleted all the same: %v, before %v", x.tags(), before)
			}
		})
	}
}
