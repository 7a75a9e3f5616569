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
//   - A connection that breaks goes on where it broke.
//   - The first error stops everything else and is the one returned.
package transfer

import (
	"context"
	"fmt"
	"sync"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/ref"
)

// Options are the same for both directions. The zero value is right for most
// callers.
type Options struct {
	Concurrency int      // blobs or ranges at a time; 0 means DefaultConcurrency
	Progress    Progress // may be nil

	// Digest returns the digest of a file by its name in the file system, from
	// a stat cache for example. When nil, Pull reads what is there.
	Digest func(ctx context.Context, file string) (ref.Digest, error)
	// Index, if not nil, tells Pull how files are put together of chunks: of
	// packs, which have no blob for each file, or of layers of which only some
	// ranges are missing. It is one that DecodeIndex or Pack returned. Items
	// that it does not have are blobs.
	Index *Index
	// Cuts finds in the files at the target the chunks that Index names; it
	// must be what the files were cut with. May be nil.
	Cuts Cuts
	// Cache is asked before the registry, and is given what came from there.
	// Without it a pull that fails begins again from the beginning. May be nil.
	Cache *cas.Store
	// Now tells which remains of crashed pulls are stale; time.Now when nil.
	Now func() time.Time
	// RetryWait is the pause before a broken download goes on; it doubles with
	// each further try. 250 ms when zero.
	RetryWait time.Duration
}

// DefaultConcurrency keeps a link busy without tripping the rate limits of
// public registries.
const DefaultConcurrency = 4

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.RetryWait <= 0 {
		o.RetryWait = 250 * time.Millisecond
	}
	return o
}

// Progress is told how far each blob or file is, from several goroutines but
// one call at a time. It must return quickly: transfers wait for it.
type Progress func(Event)

// Event says how far a blob or file is. The very first event has no name and
// tells how many bytes all of them have together. The first one of a blob has
// Done 0 unless it is skipped; the last has Done == Total. What is tried again
// begins again at 0.
type Event struct {
	Name        string // of the source or item
	Done, Total int64  // bytes
	Skipped     bool   // it was there already; the only event of this blob
}

// Stats sums up a transfer, also one that failed: what was done until then.
type Stats struct {
	Uploaded   int   // blobs sent
	Downloaded int   // files fetched, as a whole or in part
	Skipped    int   // sources or items that needed no transfer of their own
	Bytes      int64 // of the blobs sent, or of what was missing of the files fetched
	Received   int64 // bytes that came from the registry, with those in vain
	Reused     int64 // bytes of files that came from other files or the cache
}

// meter counts and reports. It is safe for concurrent use.
type meter struct {
	mu       sync.Mutex
	progress Progress
	stats    Stats
}

// eventStep is how many bytes pass between two events of a blob: often enough
// for a smooth bar, seldom enough to cost nothing.
const eventStep = 1 << 20

func (m *meter) event(e Event) {
	if m.progress == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.progress(e)
}

// noted counts what needed no transfer.
func (m *meter) noted() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Skipped++
}

func (m *meter) skip(name string, size int64) {
	m.noted()
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

func (m *meter) received(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Received += n
}

func (m *meter) reused(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Reused += n
}

// buffers are what bytes pass through.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 256<<10)
	return &b
}}

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
