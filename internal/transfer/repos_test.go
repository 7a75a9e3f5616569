package transfer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

// everywhere runs f against an empty repository of each sort.
func everywhere(t *testing.T, f func(t *testing.T, repo registry.Repository)) {
	t.Helper()
	t.Run("layout", func(t *testing.T) { f(t, repository(t, "oci-layout:registry")) })
	t.Run("remote", func(t *testing.T) { f(t, repository(t, testregistry.New(t).URL)) })
}

func repository(t testing.TB, url string) registry.Repository {
	t.Helper()
	reg, err := registry.Open(url, t.TempDir(), registry.Options{RetryWait: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	repo, err := reg.Repository("sentiment")
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

// altered is a repository that answers differently where a hook is set.
type altered struct {
	registry.Repository
	blob func(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error)
	part func(ctx context.Context, desc ocispec.Descriptor, offset, length int64) (io.ReadCloser, int64, error)
	push func(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error
}

func (a altered) Blob(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	if a.blob == nil {
		return a.Repository.Blob(ctx, desc)
	}
	return a.blob(ctx, desc)
}

func (a altered) BlobRange(ctx context.Context, desc ocispec.Descriptor, offset, length int64) (io.ReadCloser, int64, error) {
	if a.part == nil {
		return a.Repository.BlobRange(ctx, desc, offset, length)
	}
	return a.part(ctx, desc, offset, length)
}

func (a altered) PushBlob(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
	if a.push == nil {
		return a.Repository.PushBlob(ctx, desc, open)
	}
	return a.push(ctx, desc, open)
}

func describe(content string) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: "application/octet-stream", Digest: digest.FromString(content), Size: int64(len(content))}
}

func source(name, content string) Source {
	return Source{Name: name, Desc: describe(content), Open: opens(content)}
}

func opens(content string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }
}

func item(path, content string, perm fs.FileMode) Item {
	return Item{Path: path, Desc: describe(content), Perm: perm}
}

func openRoot(t testing.TB, dir string) *cas.Root {
	t.Helper()
	root, err := cas.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// snapshot returns everything below dir: path -> mode and content.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil || d.IsDir() {
			return err
		}
		content := []byte("->")
		if info.Mode().IsRegular() {
			if content, err = os.ReadFile(p); err != nil {
				return err
			}
		}
		rel, err := filepath.Rel(dir, p)
		all[filepath.ToSlash(rel)] = fmt.Sprintf("%v %s", info.Mode(), content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func sameTree(t testing.TB, dir string, want map[string]string) {
	t.Helper()
	if got := snapshot(t, dir); !maps.Equal(got, want) {
		t.Errorf("%s has\n%v\nwant\n%v", dir, shorten(got), shorten(want))
	}
}

func shorten(tree map[string]string) map[string]string {
	out := maps.Clone(tree)
	for k, v := range out {
		out[k] = v[:min(len(v), 40)]
	}
	return out
}

func writeFile(t testing.TB, path, content string, perm fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), perm); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, perm); err != nil {
		t.Fatal(err)
	}
}

// large is content that takes several reads.
var large = string(bytes.Repeat([]byte("0123456789abcdef"), 3<<16))
