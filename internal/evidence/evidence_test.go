package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

var update = flag.Bool("update", false, "rewrite golden files")

// opener opens the same repository anew, as another process would.
type opener func() registry.Repository

func everywhere(t *testing.T, f func(t *testing.T, open opener)) {
	t.Helper()
	t.Run("layout", func(t *testing.T) { f(t, opens(t, "oci-layout:registry")) })
	t.Run("fallback tag", func(t *testing.T) { f(t, opens(t, testregistry.New(t).URL)) })
	t.Run("referrers API", func(t *testing.T) { f(t, opens(t, testregistry.New(t, testregistry.WithReferrers()).URL)) })
}

func opens(t testing.TB, url string) opener {
	t.Helper()
	dir := t.TempDir()
	return func() registry.Repository {
		t.Helper()
		reg, err := registry.Open(url, dir, registry.Options{})
		if err != nil {
			t.Fatal(err)
		}
		repo, err := reg.Repository("sentiment")
		if err != nil {
			t.Fatal(err)
		}
		return repo
	}
}

// subject pushes an artifact that evidence can be about.
func subject(t testing.TB, repo registry.Repository, content string) ocispec.Descriptor {
	t.Helper()
	return manifestOf(t, repo, content, func(m *ocispec.Manifest) { m.ArtifactType = "application/vnd.example.model" })
}

func manifestOf(t testing.TB, repo registry.Repository, content string, change func(*ocispec.Manifest)) ocispec.Descriptor {
	t.Helper()
	blob := func(mediaType, content string) ocispec.Descriptor {
		desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromString(content), Size: int64(len(content))}
		if err := repo.PushBlob(context.Background(), desc, reader(content)); err != nil {
			t.Fatal(err)
		}
		return desc
	}
	m := ocispec.Manifest{
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    blob(ocispec.MediaTypeEmptyJSON, "{}"),
		Layers:    []ocispec.Descriptor{blob("text/plain", content)},
	}
	m.SchemaVersion = 2
	m.Layers[0].Annotations = map[string]string{ocispec.AnnotationTitle: "x.txt"}
	change(&m)
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	desc, err := repo.PushManifest(context.Background(), m.MediaType, data)
	if err != nil {
		t.Fatal(err)
	}
	return desc
}

func reader(content string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }
}

func report(content string) Item {
	return Item{Kind: Report, Name: "report.json", MediaType: "application/json",
		Digest: ref.Of([]byte(content)), Size: int64(len(content)), Open: reader(content)}
}

func TestBuildGolden(t *testing.T) {
	about := ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("subject"), Size: 1234,
		// Not part of a subject: they differ with how it was resolved.
		ArtifactType: "application/vnd.example", Annotations: map[string]string{"org.opencontainers.image.ref.name": "v1"},
	}
	built, err := Build(about, report(`{"verdict":"PASS"}`))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "report.manifest.json")
	if *update {
		if err := os.WriteFile(path, built.Manifest, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(built.Manifest, want) {
		t.Errorf("got  %s\nwant %s", built.Manifest, want)
	}
	if d := ref.Digest("sha256:a68a64770e63e5c038d8a5135a04f224b544c726c3283c17671c2aff0b8c386e"); ref.Digest(built.Desc.Digest) != d || ref.Of(built.Manifest) != d || built.Desc.Size != int64(len(want)) {
		t.Errorf("got %s", built.Desc.Digest)
	}
}

func TestBuildRefuses(t *testing.T) {
	about := ocispec.Descriptor{MediaType: "a/b", Digest: digest.FromString("x"), Size: 1}
	for name, change := range map[string]func(*ocispec.Descriptor, *Item){
		"kind":       func(_ *ocispec.Descriptor, i *Item) { i.Kind = "Report.v2" },
		"name":       func(_ *ocispec.Descriptor, i *Item) { i.Name = "../report.json" },
		"media type": func(_ *ocispec.Descriptor, i *Item) { i.MediaType = "" },
		"digest":     func(_ *ocispec.Descriptor, i *Item) { i.Digest = "sha256:" },
		"size":       func(_ *ocispec.Descriptor, i *Item) { i.Size = -1 },
		"subject":    func(s *ocispec.Descriptor, _ *Item) { s.Digest = "" },
		"unresolved": func(s *ocispec.Descriptor, _ *Item) { s.Size = 0 },
	} {
		s, item := about, report("x")
		change(&s, &item)
		if _, err := Build(s, item); err == nil {
			t.Errorf("%s: built", name)
		}
	}
}

func TestAttachListFetch(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		ctx := context.Background()
		repo := open()
		about, other := subject(t, repo, "weights"), subject(t, repo, "other weights")
		if found, err := List(ctx, repo, about, ""); err != nil || len(found) != 0 {
			t.Fatalf("before: %v, %v", found, err)
		}
		content := strings.Repeat("predictions ", 500_000) // goes through a file
		predictions := report(content)
		predictions.Kind, predictions.Name = Predictions, "eval/predictions.parquet"
		for range 2 { // the second time changes nothing
			for _, item := range []Item{report("{}"), predictions} {
				desc, err := Attach(ctx, repo, about, item)
				if err != nil {
					t.Fatal(err)
				}
				built, err := Build(about, item)
				if err != nil || desc.Digest != built.Desc.Digest {
					t.Errorf("attached %s, built %s (%v)", desc.Digest, built.Desc.Digest, err)
				}
			}
		}
		if _, err := Attach(ctx, repo, other, report("about another")); err != nil {
			t.Fatal(err)
		}
		all, err := List(ctx, open(), about, "")
		if err != nil || len(all) != 2 || all[0].Kind != Predictions || all[1].Kind != Report || all[0].Name != "eval/predictions.parquet" {
			t.Fatalf("all: %+v, %v", all, err)
		}
		found, err := List(ctx, repo, about, Report)
		if err != nil || len(found) != 1 || found[0].Layer.Digest != digest.FromString("{}") {
			t.Fatalf("reports: %+v, %v", found, err)
		}
		for f, want := range map[*Found]string{&found[0]: "{}", &all[0]: content} {
			r, err := Fetch(ctx, repo, *f, int64(len(want)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || string(got) != want {
				t.Errorf("%s: %d bytes, %v", f.Name, len(got), err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			if _, err := Fetch(ctx, repo, *f, int64(len(want)-1)); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s over the limit: %v", f.Name, err)
			}
		}
	})
}

// A CI matrix attaches at once; each job is another process.
func TestConcurrentAttach(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		ctx := context.Background()
		about := subject(t, open(), "weights")
		const n = 8
		var wg sync.WaitGroup
		errs := make([]error, n)
		for i := range n {
			repo := open()
			wg.Go(func() {
				_, errs[i] = Attach(ctx, repo, about, report(fmt.Sprint("report ", i)))
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		found, err := List(ctx, open(), about, Report)
		if err != nil || len(found) != n {
			t.Errorf("%d of %d are listed (%v)", len(found), n, err)
		}
	})
}

// forgetful loses every entry, as another writer would that never stops.
type forgetful struct {
	registry.Repository
	pushes int
}

func (f *forgetful) Referrers(context.Context, ocispec.Descriptor, string) ([]ocispec.Descriptor, error) {
	return nil, nil
}

func (f *forgetful) PushManifest(ctx context.Context, mediaType string, data []byte) (ocispec.Descriptor, error) {
	f.pushes++
	return f.Repository.PushManifest(ctx, mediaType, data)
}

// What is listed though it was deleted is stored again.
func TestAttachDeleted(t *testing.T) {
	repo := opens(t, "oci-layout:registry")()
	about, item := subject(t, repo, "model"), report("x")
	built, err := Build(about, item)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Attach(context.Background(), lying{repo, []ocispec.Descriptor{built.Desc}}, about, item); err != nil {
		t.Fatal(err)
	}
	if found, err := List(context.Background(), repo, about, Report); err != nil || len(found) != 1 {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestAttachStopsWhenCancelled(t *testing.T) {
	repo := &forgetful{Repository: opens(t, "oci-layout:registry")()}
	about := subject(t, repo, "weights")
	repo.pushes = 0
	ctx, cancel := context.WithTimeout(context.Background(), 3*minSettle)
	defer cancel()
	_, err := Attach(ctx, repo, about, report("x"))
	if !errors.Is(err, context.DeadlineExceeded) || repo.pushes < 2 {
		t.Errorf("got %v after %d pushes", err, repo.pushes)
	}
}

// Blobs besides the payload are stored once, and only those that are missing.
func TestMore(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		ctx := context.Background()
		repo := open()
		blob := func(name, content string, opened *int) Blob {
			return Blob{name, "text/plain", ref.Of([]byte(content)), int64(len(content)), func() (io.ReadCloser, error) {
				*opened++
				return io.NopCloser(strings.NewReader(content)), nil
			}}
		}
		opened := 0
		for i, weights := range []string{"old weights", "new weights"} {
			about := subject(t, repo, weights)
			item := report(weights)
			item.More = []Blob{blob("a.txt", "the same in both", &opened), blob("b.txt", "of "+weights, &opened)}
			if _, err := Attach(ctx, repo, about, item); err != nil {
				t.Fatal(err)
			}
			if want := 2 + i; opened != want {
				t.Errorf("%d blobs were read, want %d", opened, want)
			}
			found, err := List(ctx, open(), about, Report)
			if err != nil || len(found) != 1 || len(found[0].More) != 2 {
				t.Fatalf("%+v, %v", found, err)
			}
			r, err := FetchMore(ctx, repo, found[0], item.More[1].Digest, 100)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != "of "+weights {
				t.Errorf("%q, %v", got, err)
			}
			if _, err := FetchMore(ctx, repo, found[0], item.More[1].Digest, 3); !errors.Is(err, ErrTooLarge) {
				t.Error(err)
			}
			if _, err := FetchMore(ctx, repo, found[0], ref.Of([]byte("another")), 100); err == nil {
				t.Error("fetched a blob that the evidence does not name")
			}
		}
	})
}

func TestListToleratesForeign(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		ctx := context.Background()
		repo := open()
		about := subject(t, repo, "weights")
		link := &ocispec.Descriptor{MediaType: about.MediaType, Digest: about.Digest, Size: about.Size}
		for i, change := range []func(*ocispec.Manifest){
			func(m *ocispec.Manifest) { m.ArtifactType = "application/vnd.dev.cosign.simplesigning.v1+json" },
			func(m *ocispec.Manifest) { m.Layers = slices.Repeat(m.Layers, 2+MaxMore) },
			func(m *ocispec.Manifest) { m.Layers[0].Annotations = nil },
			func(m *ocispec.Manifest) {
				m.Layers[0].Annotations = map[string]string{ocispec.AnnotationTitle: "../../etc/passwd"}
			},
			func(m *ocispec.Manifest) { m.ArtifactType = "application/vnd.waybill.dataset.v1+json" }, // a kind like others
		} {
			manifestOf(t, repo, fmt.Sprint("payload ", i), func(m *ocispec.Manifest) {
				m.ArtifactType, m.Subject = artifactType(Report), link
				change(m)
			})
		}
		if _, err := Attach(ctx, repo, about, report("ours")); err != nil {
			t.Fatal(err)
		}
		found, err := List(ctx, repo, about, Report)
		if err != nil || len(found) != 1 || found[0].Layer.Digest != digest.FromString("ours") {
			t.Errorf("got %+v, %v", found, err)
		}
	})
}

// lying lists what is about something else.
type lying struct {
	registry.Repository
	referrers []ocispec.Descriptor
}

func (l lying) Referrers(context.Context, ocispec.Descriptor, string) ([]ocispec.Descriptor, error) {
	return l.referrers, nil
}

func TestListChecksSubjects(t *testing.T) {
	ctx := context.Background()
	repo := opens(t, "oci-layout:registry")()
	about, other := subject(t, repo, "weights"), subject(t, repo, "other weights")
	desc, err := Attach(ctx, repo, other, report("a good report, of another model"))
	if err != nil {
		t.Fatal(err)
	}
	gone := desc
	gone.Digest = digest.FromString("gone")
	found, err := List(ctx, lying{repo, []ocispec.Descriptor{desc, gone, {Digest: "sha256:../x"}}}, about, Report)
	if err != nil || len(found) != 0 {
		t.Errorf("got %+v, %v", found, err)
	}
	found, err = List(ctx, lying{repo, []ocispec.Descriptor{desc, desc}}, other, Report)
	if err != nil || len(found) != 1 {
		t.Errorf("got %+v, %v", found, err)
	}
}

// tampered answers with other bytes.
type tampered struct {
	registry.Repository
	bytes string
}

func (r tampered) Blob(context.Context, ocispec.Descriptor) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(r.bytes)), nil
}

func TestFetchVerifies(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx := context.Background()
	repo := opens(t, "oci-layout:registry")()
	about := subject(t, repo, "weights")
	for _, content := range []string{"small", strings.Repeat("large", 1<<20)} {
		if _, err := Attach(ctx, repo, about, report(content)); err != nil {
			t.Fatal(err)
		}
		found, err := List(ctx, repo, about, Report)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Layer.Size != int64(len(content)) {
				continue
			}
			for name, bad := range map[string]string{
				"digest is": "x" + content[1:],
				"more than": content + "x",
				"4 of":      content[:4],
				"0 of":      "",
			} {
				if _, err := Fetch(ctx, tampered{repo, bad}, f, 1<<30); err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("%q: got %v", name, err)
				}
			}
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func FuzzDecode(f *testing.F) {
	about := ocispec.Descriptor{MediaType: "a/b", Digest: digest.FromString("x"), Size: 1}
	built, err := Build(about, report("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(built.Manifest)
	f.Add([]byte(`{"artifactType":"application/vnd.waybill.report.v1+json","layers":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := decode(data, ref.Digest(about.Digest))
		if err != nil {
			return
		}
		// Whatever is accepted could have been built, but for the media types.
		item := Item{Kind: found.Kind, Name: found.Name, MediaType: "a/b", Digest: ref.Digest(found.Layer.Digest), Size: found.Layer.Size}
		if _, err := Build(about, item); err != nil {
			t.Error(err)
		}
	})
}
