// Package transfer moves blobs between files and a registry: only what is not
// there yet, verified, several at a time.
//
//	stats, err := transfer.Push(ctx, repo, sources, transfer.Options{})
//	stats, err := transfer.Pull(ctx, repo, items, root, transfer.Options{})
//
// It knows nothing of what blobs mean; package artifact does. What it promises:
//
//   - A blob that the registry has is not sent, a file that is there already is
//     not fetched, and a digest that is listed twice moves once.
//   - Pull writes beside the target, verifies size and digest while it writes,
//     and puts files in place only when all of them are complete. After an
//     error the target is as it was before.
//   - The first error stops everything else and is the one returned.
package transfer

import (
	"context"
	"fmt"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/ref"
)

// Options are the same for both directions. The zero value is right for most
// callers.
type Options struct {
	Concurrency int      // blobs at a time; 0 means DefaultConcurrency
	Progress    Progress // may be nil
}

// DefaultConcurrency keeps a link busy without tripping the rate limits of
// public registries.
const DefaultConcurrency = 4

// Progress is told how far each blob is, from several goroutines but one call
// at a time. It must return quickly: transfers wait for it.
type Progress func(Event)

// Event says how far a blob is. The first event of a blob has Done 0 unless it
// is skipped; the last has Done == Total. An upload that is tried again begins
// again at 0.
type Event struct {
	Name        string // of the source or item
	Done, Total int64  // bytes
	Skipped     bool   // it was there already; the only event of this blob
}

// Stats sums up a transfer, also one that failed: what was done until then.
type Stats struct {
	Uploaded   int   // blobs sent
	Downloaded int   // blobs fetched
	Skipped    int   // sources or items that needed no transfer of their own
	Bytes      int64 // of the blobs sent or fetched
}

// meter counts and reports. It is safe for concurrent use.
type meter struct {
	mu       sync.Mutex
	progress Progress
	stats    Stats
}

func (m *meter) event(e Event) {
	if m.progress == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.progress(e)
}

func (m *meter) skip(name string, size int64) {
	m.mu.Lock()
	m.stats.Skipped++
	m.mu.Unlock()
	m.event(Event{Name: name, Done: size, Total: size, Skipped: true})
}

func (m *meter) moved(up bool, size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if up {
		m.stats.Uploaded++
	} else {
		m.stats.Downloaded++
	}
	m.stats.Bytes += size
}

// each runs f for 0…n-1, a few at a time, and returns the first error. f is
// given a context that ends with that error.
func each(ctx context.Context, n, concurrency int, f func(ctx context.Context, i int) error) error {
	if concurrency <= 0 {
		concurrency = DefaultConcurrency
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for i := range n {
		if inner.Err() != nil {
			break
		}
		group.Go(func() error { return f(inner, i) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// checkDesc refuses descriptors that no transfer could verify.
func checkDesc(name string, d ocispec.Descriptor) error {
	if _, err := ref.ParseDigest(string(d.Digest)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if d.Size < 0 {
		return fmt.Errorf("%s: negative size", name)
	}
	return nil
}
