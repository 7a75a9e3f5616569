package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
)

// ErrTooLarge is in the chain of Fetch's error when the payload is larger than
// the caller allows.
var ErrTooLarge = errors.New("too large")

// inMemory is the largest payload that Fetch keeps in memory.
const inMemory = 4 << 20

// Fetch returns the payload of f. Size and digest are verified before Fetch
// returns, so a reader never sees bytes that were not; larger payloads wait in
// a temporary file, which Close removes. limit is in bytes.
func Fetch(ctx context.Context, repo registry.Repository, f Found, limit int64) (io.ReadCloser, error) {
	r, err := fetch(ctx, repo, f.Layer, limit)
	if err != nil {
		return nil, fmt.Errorf("fetch %s %s: %w", f.Kind, f.Name, err)
	}
	return r, nil
}

// FetchMore is Fetch for one of the blobs besides the payload.
func FetchMore(ctx context.Context, repo registry.Repository, f Found, d ref.Digest, limit int64) (io.ReadCloser, error) {
	fail := func(err error) (io.ReadCloser, error) {
		return nil, fmt.Errorf("fetch %s %s: blob %s: %w", f.Kind, f.Name, d.Short(), err)
	}
	layer, ok := f.More[d]
	if !ok {
		return fail(errors.New("the evidence does not have it"))
	}
	r, err := fetch(ctx, repo, layer, limit)
	if err != nil {
		return fail(err)
	}
	return r, nil
}

func fetch(ctx context.Context, repo registry.Repository, layer ocispec.Descriptor, limit int64) (io.ReadCloser, error) {
	fail := func(err error) (io.ReadCloser, error) { return nil, err }
	if layer.Size < 0 || layer.Size > limit {
		return fail(fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, layer.Size, limit))
	}
	src, err := repo.Blob(ctx, layer)
	if err != nil {
		return fail(err)
	}
	defer src.Close()
	if layer.Size <= inMemory {
		var buf bytes.Buffer
		if err := copyVerified(&buf, src, layer); err != nil {
			return fail(fmt.Errorf("%s: %w", repo, err))
		}
		return io.NopCloser(&buf), nil
	}
	file, err := os.CreateTemp("", "waybill-evidence-*")
	if err != nil {
		return fail(err)
	}
	tmp := &temporary{file}
	if err := copyVerified(file, src, layer); err != nil {
		return fail(errors.Join(fmt.Errorf("%s: %w", repo, err), tmp.Close()))
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fail(errors.Join(err, tmp.Close()))
	}
	return tmp, nil
}

// temporary is a file that Close removes.
type temporary struct{ *os.File }

func (t *temporary) Close() error { return errors.Join(t.File.Close(), os.Remove(t.Name())) }

func copyVerified(dst io.Writer, src io.Reader, layer ocispec.Descriptor) error {
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(dst, hash), io.LimitReader(src, layer.Size+1))
	switch {
	case err != nil:
		return fmt.Errorf("after %d of %d bytes: %w", n, layer.Size, err)
	case n > layer.Size:
		return fmt.Errorf("the registry's answer is corrupt: more than the %d bytes it should have", layer.Size)
	case n < layer.Size:
		return fmt.Errorf("the registry's answer is corrupt: %d of %d bytes", n, layer.Size)
	}
	if got := ref.FromSum(hash.Sum(nil)); got != ref.Digest(layer.Digest) {
		return fmt.Errorf("the registry's answer is corrupt: digest is %s, not %s", got, layer.Digest)
	}
	return nil
}
