package registry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
)

func TestBlobs(t *testing.T) {
	everywhere(t, func(t *testing.T, reg *registry.Registry) {
		repo := repository(t, reg, "sentiment")
		for _, data := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("0123456789abcdef"), 100_000)} {
			desc := describe(data)
			if has, err := repo.HasBlob(t.Context(), desc); err != nil || has {
				t.Fatalf("HasBlob before push = %v, %v", has, err)
			}
			if _, err := repo.Blob(t.Context(), desc); !errors.Is(err, registry.ErrNotFound) {
				t.Fatalf("Blob before push: %v, want ErrNotFound", err)
			}
			pushBlob(t, repo, data)
			pushBlob(t, repo, data) // again
			if has, err := repo.HasBlob(t.Context(), desc); err != nil || !has {
				t.Fatalf("HasBlob after push = %v, %v", has, err)
			}
			r, err := repo.Blob(t.Context(), desc)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("read %d bytes, %v; want %d", len(got), err, len(data))
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestBlobSeeks(t *testing.T) {
	everywhere(t, func(t *testing.T, reg *registry.Registry) {
		repo := repository(t, reg, "sentiment")
		desc := pushBlob(t, repo, []byte("0123456789"))
		r, err := repo.Blob(t.Context(), desc)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		seeker, ok := r.(io.Seeker)
		if !ok {
			t.Fatal("the reader cannot seek")
		}
		if _, err := seeker.Seek(7, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != "789" {
			t.Fatalf("read %q, %v", got, err)
		}
	})
}

// What does not fit its descriptor is refused, and nothing is stored.
func TestPushBlobVerifies(t *testing.T) {
	everywhere(t, func(t *testing.T, reg *registry.Registry) {
		repo := repository(t, reg, "sentiment")
		desc := describe([]byte("hello"))
		broken := errors.New("disk on fire")
		for name, test := range map[string]struct {
			open func() (io.ReadCloser, error)
			want string
		}{
			"other bytes": {opener([]byte("hellO")), "it changed since it was described"},
			"too short":   {opener([]byte("hell")), "has 4 bytes instead of 5"},
			"too long":    {opener([]byte("hello!")), "more than 5 bytes"},
			"cannot open": {func() (io.ReadCloser, error) { return nil, broken }, "disk on fire"},
			"cannot read": {func() (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(strings.NewReader("he"), errReader{broken})), nil
			}, "disk on fire"},
		} {
			err := repo.PushBlob(t.Context(), desc, test.open)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), repo.String()) {
				t.Errorf("%s: %v, want %q of %s", name, err, test.want, repo)
			}
			if errors.Is(err, registry.ErrUnreachable) {
				t.Errorf("%s: the registry is blamed: %v", name, err)
			}
			if strings.HasPrefix(name, "cannot") && !errors.Is(err, broken) {
				t.Errorf("%s: %v does not wrap the cause", name, err)
			}
			if has, err := repo.HasBlob(t.Context(), desc); err != nil || has {
				t.Errorf("%s: stored all the same: %v, %v", name, has, err)
			}
		}
	})
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestPushBlobClosesContent(t *testing.T) {
	everywhere(t, func(t *testing.T, reg *registry.Registry) {
		repo := repository(t, reg, "sentiment")
		data := bytes.Repeat([]byte("x"), 1<<20)
		counter := &openCounter{data: data}
		if err := repo.PushBlob(t.Context(), describe(data), counter.open); err != nil {
			t.Fatal(err)
		}
		counter.wait(t)
	})
}

// openCounter tells whether all readers were closed.
type openCounter struct {
	data         []byte
	mu           sync.Mutex
	opened, left int
}

func (c *openCounter) open() (io.ReadCloser, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened++
	c.left++
	return &countedReader{bytes.NewReader(c.data), c, sync.Once{}}, nil
}

// wait gives the HTTP transport, which closes bodies when it likes, its time.
func (c *openCounter) wait(t *testing.T) {
	t.Helper()
	for range 200 {
		c.mu.Lock()
		left := c.left
		c.mu.Unlock()
		if left == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%d of %d readers were not closed", c.left, c.opened)
}

type countedReader struct {
	*bytes.Reader
	c    *openCounter
	once sync.Once
}

func (r *countedReader) Close() error {
	r.once.Do(func() {
		r.c.mu.Lock()
		defer r.c.mu.Unlock()
		r.c.left--
	})
	return nil
}

func TestManifestsAndTags(t *testing.T) {
	everywhere(t, func(t *testing.T, reg *registry.Registry) {
		repo := repository(t, reg, "sentiment")
		if _, err := repo.Resolve(t.Context(), "v1.0.0"); !errors.Is(err, registry.ErrNotFound) {
			t.Fatalf("Resolve in an empty repository: %v, want ErrNotFound", err)
		}
		one, data := pushManifest(t, repo, "one", nil)
		two, _ := pushManifest(t, repo, "two", nil)

		desc, got, err := repo.Manifest(t.Context(), ref.Digest(one.Digest))
		if err != nil || !same(desc, one) || !bytes.Equal(got, data) {
			t.Fatalf("Manifest = %+v, %d bytes, %v", desc, len(got), err)
		}
		if desc, err := repo.Resolve(t.Context(), string(one.Digest)); err != nil || !same(desc, one) {
			t.Fatalf("Resolve by digest = %+v, %v", desc, err)
		}
		for _, name := range []string{"v1.0.0", "v1.0.0-rc.1_build.5", "lock-0123456789ab"} {
			tag(t, repo, one, name)
			tag(t, repo, one, name) // again
			if desc, err := repo.Resolve(t.Context(), name); err != nil || !same(desc, one) {
				t.Fatalf("Resolve %s = %+v, %v", name, desc, err)
			}
		}
		wantTags(t, repo, "lock-0123456789ab", "v1.0.0", "v1.0.0-rc.1_build.5")

		tag(t, repo, two, "v1.0.0") // moves
		if desc, err := repo.Resolve(t.Context(), "v1.0.0"); err != nil || !same(desc, two) {
			t.Fatalf("Resolve after moving the tag = %+v, %v", desc, err)
		}
		for _, name := range []string{"v1.0.0-rc.1_build.5", "lock-0123456789ab"} {
			if err := repo.Untag(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		if err := repo.Untag(t.Context(), "lock-0123456789ab"); !errors.Is(err, registry.ErrNotFound) {
			t.Fatalf("Untag twice: %v, want ErrNotFound", err)
		}
		wantTags(t, repo, "v1.0.0")
		if _, _, err := repo.Manifest(t.Context(), ref.Digest(one.Digest)); err != nil {
			t.Fatalf("the manifest went with its tags: %v", err)
		}
	})
}

// Tags of one artifact are not seen by another, whatever their names share.
func TestRepositoriesAreApart(t *testing.T) {
	everywhere(t, func(t *testing.T, reg *registry.Registry) {
		a, b := repository(t, reg, "aa"), repository(t, reg, "aa-v1")
		inA, _ := pushManifest(t, a, "one", nil)
		inB, _ := pushManifest(t, b, "two", nil)
		tag(t, a, inA, "v1.0.0")
		tag(t, b, inB, "v1.0.0")
		tag(t, b, inB, "v2.0.0")
		wantTags(t, a, "v1.0.0")
		wantTags(t, b, "v1.0.0", "v2.0.0")
		if desc, err := a.Resolve(t.Context(), "v1.0.0"); err != nil || !same(desc, inA) {
			t.Fatalf("Resolve = %+v, %v", desc, err)
		}
	})
}

func TestManifestsAreRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, reg *registry.Registry) {
		repo := repository(t, reg, "sentiment")
		config := pushBlob(t, repo, []byte("{}"))
		absent := describe([]byte("never pushed"))
		manifest := func(layers ...ocispec.Descriptor) []byte {
			data, _ := json.Marshal(ocispec.Manifest{
				Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: layers,
			})
			return data
		}
		for name, data := range map[string][]byte{
			"missing layer": manifest(absent),
			"not JSON":      []byte("hello"),
			"over 4 MiB":    append(bytes.Repeat([]byte(" "), registry.MaxManifest), manifest()...),
		} {
			if _, err := repo.PushManifest(t.Context(), ocispec.MediaTypeImageManifest, data); err == nil {
				t.Errorf("%s: accepted", name)
			} else if !strings.HasPrefix(err.Error(), repo.String()+": push manifest sha256:") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := repo.Tag(t.Context(), absent, "v1.0.0"); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("tag of a manifest that was not pushed: %v, want ErrNotFound", err)
		}
	})
}

func TestReferrers(t *testing.T) {
	everywhere(t, func(t *testing.T, reg *registry.Registry) {
		repo := repository(t, reg, "sentiment")
		subject, _ := pushManifest(t, repo, "model", nil)
		other, _ := pushManifest(t, repo, "model two", nil)
		if found, err := repo.Referrers(t.Context(), subject, ""); err != nil || len(found) != 0 {
			t.Fatalf("Referrers of a lonely manifest = %v, %v", found, err)
		}
		report, _ := pushManifest(t, repo, "report", &subject)
		profile, _ := pushManifest(t, repo, "profile", &subject)
		pushManifest(t, repo, "report of other", &other)
		pushManifest(t, repo, "report", &subject) // again

		all, err := repo.Referrers(t.Context(), subject, "")
		if err != nil || len(all) != 2 || all[0].Digest >= all[1].Digest {
			t.Fatalf("Referrers = %+v, %v; want two, sorted", all, err)
		}
		for kind, want := range map[string]ocispec.Descriptor{"report": report, "profile": profile} {
			found, err := repo.Referrers(t.Context(), subject, "application/vnd.example."+kind)
			if err != nil || len(found) != 1 || !same(found[0], want) ||
				found[0].ArtifactType != "application/vnd.example."+kind || found[0].Annotations["title"] != kind {
				t.Errorf("Referrers of type %s = %+v, %v", kind, found, err)
			}
		}
		// Another process sees them as well, and no tag betrays how they are kept.
		tag(t, repo, subject, "v1.0.0")
		wantTags(t, repo, "v1.0.0")
	})
}

func TestBadInput(t *testing.T) {
	everywhere(t, func(t *testing.T, reg *registry.Registry) {
		repo := repository(t, reg, "sentiment")
		desc, _ := pushManifest(t, repo, "one", nil)
		for _, bad := range []string{"", ".", "..", "../../x", "a/b", "a b", "-v1", strings.Repeat("v", 129), "é"} {
			if err := repo.Tag(t.Context(), desc, bad); err == nil {
				t.Errorf("tag %q: accepted", bad)
			}
			if err := repo.Untag(t.Context(), bad); err == nil {
				t.Errorf("untag %q: accepted", bad)
			}
			if _, err := repo.Resolve(t.Context(), bad); err == nil || errors.Is(err, registry.ErrNotFound) {
				t.Errorf("resolve %q: %v", bad, err)
			}
		}
		for _, bad := range []string{"sha256:../../../etc/passwd", "sha256:", "sha512:" + strings.Repeat("a", 128), "../x"} {
			d := ocispec.Descriptor{Digest: digest.Digest(bad), Size: 1}
			_, blobErr := repo.Blob(t.Context(), d)
			_, hasErr := repo.HasBlob(t.Context(), d)
			_, _, manifestErr := repo.Manifest(t.Context(), ref.Digest(bad))
			_, referrersErr := repo.Referrers(t.Context(), d, "")
			for i, err := range []error{blobErr, hasErr, manifestErr, referrersErr, repo.PushBlob(t.Context(), d, opener([]byte("x")))} {
				if err == nil || errors.Is(err, registry.ErrNotFound) {
					t.Errorf("digest %q, call %d: %v", bad, i, err)
				}
			}
		}
		negative := describe(nil)
		negative.Size = -1
		if err := repo.PushBlob(t.Context(), negative, opener(nil)); err == nil {
			t.Error("negative size: accepted")
		}
	})
}

func TestCanceled(t *testing.T) {
	everywhere(t, func(t *testing.T, reg *registry.Registry) {
		repo := repository(t, reg, "sentiment")
		desc, _ := pushManifest(t, repo, "one", nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		big := bytes.Repeat([]byte("x"), 1<<20)
		_, resolveErr := repo.Resolve(ctx, "v1")
		_, _, manifestErr := repo.Manifest(ctx, ref.Digest(desc.Digest))
		_, tagsErr := repo.Tags(ctx)
		_, referrersErr := repo.Referrers(ctx, desc, "")
		for i, err := range []error{
			resolveErr, manifestErr, tagsErr, referrersErr, repo.Tag(ctx, desc, "v1"), repo.PushBlob(ctx, describe(big), opener(big)),
		} {
			if !errors.Is(err, context.Canceled) || errors.Is(err, registry.ErrUnreachable) {
				t.Errorf("call %d: %v, want context.Canceled", i, err)
			}
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	everywhere(t, func(t *testing.T, reg *registry.Registry) {
		repo := repository(t, reg, "sentiment")
		var group sync.WaitGroup
		var want []string
		for i := range 16 {
			name := fmt.Sprintf("v0.0.%02d", i)
			want = append(want, name)
			group.Go(func() {
				desc, _ := pushManifest(t, repo, fmt.Sprintf("model %d", i%4), nil)
				tag(t, repo, desc, name)
			})
		}
		group.Wait()
		wantTags(t, repo, want...)
	})
}

func TestPing(t *testing.T) {
	everywhere(t, func(t *testing.T, reg *registry.Registry) {
		if err := reg.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		pushManifest(t, repository(t, reg, "sentiment"), "one", nil)
		if err := reg.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
