package evidence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/registry"
)

// Attaching is tried this often, with pauses that double from minSettle: about
// the time that a client needs to read a list from a registry far away and to
// write it back. Eight writers at once need two or three tries each.
const (
	maxTries  = 10
	minSettle = 300 * time.Millisecond
	maxSettle = 5 * time.Second
)

// Attach stores item as evidence about subject and returns its manifest's
// descriptor. Attaching the same again changes nothing.
//
// Registries without the referrers API (GHCR is one) keep the list under a tag
// that each client reads, changes and writes back, so that one of two clients at
// the same time loses its entry. Therefore Attach looks whether its entry is
// there, and on such registries looks again when a concurrent writer must have
// finished, and writes again until it stays.
func Attach(ctx context.Context, repo registry.Repository, subject ocispec.Descriptor, item Item) (ocispec.Descriptor, error) {
	built, err := Build(subject, item)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if err := attach(ctx, repo, subject, item, built); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("attach %s: %w", item.Kind, err)
	}
	return built.Desc, nil
}

func attach(ctx context.Context, repo registry.Repository, subject ocispec.Descriptor, item Item, built *Built) error {
	listed, err := isListed(ctx, repo, subject, built.Desc)
	if err != nil {
		return err
	}
	if listed {
		// The list under a tag may outlive what it lists.
		if _, err := repo.Resolve(ctx, string(built.Desc.Digest)); !errors.Is(err, registry.ErrNotFound) {
			return err
		}
	}
	for _, b := range append([]Blob{item.payload()}, item.More...) {
		if err := pushBlob(ctx, repo, b.descriptor(), b.Open); err != nil {
			return fmt.Errorf("%s: %w", b.Name, err)
		}
	}
	empty := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(emptyConfig)), nil }
	if err := pushBlob(ctx, repo, built.Config, empty); err != nil {
		return fmt.Errorf("empty config: %w", err)
	}
	settle := minSettle
	for range maxTries {
		if _, err := repo.PushManifest(ctx, built.Desc.MediaType, built.Manifest); err != nil {
			return err
		}
		stays, err := staysListed(ctx, repo, subject, built.Desc, settle)
		if err != nil || stays {
			return err
		}
		settle = min(2*settle, maxSettle)
	}
	return fmt.Errorf("%s: stored as %s, but other writers keep removing it from the list of referrers; run the command again when they are done", repo, built.Desc.Digest)
}

// staysListed looks for desc among the referrers, and on a registry that keeps
// them under a tag again after about settle.
func staysListed(ctx context.Context, repo registry.Repository, subject, desc ocispec.Descriptor, settle time.Duration) (bool, error) {
	listed, err := isListed(ctx, repo, subject, desc)
	if err != nil || !listed {
		return false, errors.Join(err, pause(ctx, rand.N(settle)))
	}
	// Distribution-spec 1.1, "Referrers Tag Schema".
	_, err = repo.Resolve(ctx, strings.Replace(string(subject.Digest), ":", "-", 1))
	if errors.Is(err, registry.ErrNotFound) {
		return true, nil // the registry keeps the list itself, or the folder does
	}
	if err != nil {
		return false, err
	}
	if err := pause(ctx, settle+rand.N(settle)); err != nil {
		return false, err
	}
	return isListed(ctx, repo, subject, desc)
}

func isListed(ctx context.Context, repo registry.Repository, subject, desc ocispec.Descriptor) (bool, error) {
	referrers, err := repo.Referrers(ctx, subject, desc.ArtifactType)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return false, err
	}
	for _, r := range referrers {
		if r.Digest == desc.Digest {
			return true, nil
		}
	}
	return false, nil
}

func pushBlob(ctx context.Context, repo registry.Repository, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
	has, err := repo.HasBlob(ctx, desc)
	if err != nil || has {
		return err
	}
	return repo.PushBlob(ctx, desc, open)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
