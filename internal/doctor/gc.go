package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// ErrReach is in the chain of errors about a clone that does not show all that
// branches, tags and ledger name: what it does not show could be deleted.
var ErrReach = errors.New("cannot tell what is in use")

// GCOptions configure CollectGarbage.
type GCOptions struct {
	// Apply deletes; without it nothing changes.
	Apply bool
	// Grace is how long something must have been unused.
	Grace time.Duration
}

// Garbage is what CollectGarbage found, and did.
type Garbage struct {
	APIVersion string        `json:"apiVersion"`
	Applied    bool          `json:"applied"`
	Items      []GarbageItem `json:"items"` // by artifact and digest
	Kept       int           `json:"kept"`  // encodings that something names
	// Blobs are those that no manifest needs, in a layout. A plan does not count
	// those of its items.
	Blobs GarbageBlobs `json:"blobs"`
}

// GarbageBlobs sums up blobs.
type GarbageBlobs struct {
	Count int   `json:"count"`
	Bytes int64 `json:"bytes"`
}

// What becomes of an item.
const (
	StateWaits   = "waits"   // it is not old enough
	StateGoes    = "goes"    // --apply would delete it
	StateDeleted = "deleted" //
	StateFailed  = "failed"  // the registry refused, see Error
)

// GarbageItem is an encoding that was pushed and that nothing names any more.
type GarbageItem struct {
	Artifact string     `json:"artifact"`
	Digest   ref.Digest `json:"digest"`
	Tags     []string   `json:"tags"`
	Bytes    int64      `json:"bytes"` // that its manifest names; others may need some of them
	// Since is when it was stored, in a layout, or else when it was first seen
	// to be unused.
	Since time.Time `json:"since"`
	State string    `json:"state"`
	Why   string    `json:"why"`
	Error string    `json:"error,omitempty"`

	desc ocispec.Descriptor
}

// Failed counts the items that the registry refused to delete.
func (g *Garbage) Failed() int {
	n := 0
	for _, item := range g.Items {
		if item.State == StateFailed {
			n++
		}
	}
	return n
}

// lockTagRE matches the tags that push sets, on encodings and their images;
// other tags are somebody's.
var lockTagRE = regexp.MustCompile(`^lock-([0-9a-f]{12})(-image)?$`)

const whyUnused = "no branch, tag, version or working tree names it"

// CollectGarbage finds what was pushed to the registry and is named by no lock
// (at the tips of all branches and tags, at HEAD and in the working tree) and by
// no version of the ledger. It looks only at manifests whose tags are all of the
// kind that push sets, and deletes them with their evidence when they have been
// unused for the grace. A layout also loses the blobs that nothing needs then.
func CollectGarbage(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, opts GCOptions) (*Garbage, error) {
	used, err := readReach(ctx, w, l)
	if err != nil {
		return nil, fmt.Errorf("gc: %w", err)
	}
	c := &collector{w: w, used: used, opts: opts, out: &Garbage{APIVersion: report.APIVersion, Applied: opts.Apply, Items: []GarbageItem{}, Kept: len(used.digests)}}
	if err := c.collect(ctx); err != nil {
		return nil, fmt.Errorf("gc: %w", err)
	}
	return c.out, nil
}

type collector struct {
	w    *workspace.Workspace
	used *reach
	opts GCOptions
	out  *Garbage
}

func (c *collector) collect(ctx context.Context) error {
	reg, err := c.w.Registry()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.used.names)) {
		if err := c.find(ctx, name); err != nil {
			return err
		}
	}
	if err := c.date(); err != nil {
		return err
	}
	now := c.w.Now()
	for i := range c.out.Items {
		item := &c.out.Items[i]
		if item.State = StateGoes; now.Sub(item.Since) < c.opts.Grace {
			item.State = StateWaits
		} else if c.opts.Apply {
			c.remove(ctx, item)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if !reg.IsLayout() {
		return nil
	}
	swept, err := reg.Sweep(ctx, c.opts.Grace, c.opts.Apply)
	c.out.Blobs = GarbageBlobs{swept.Blobs, swept.Bytes}
	return err
}

// find lists the unused manifests of one artifact.
func (c *collector) find(ctx context.Context, name string) error {
	repo, err := c.w.Repository(name)
	if err != nil {
		return err
	}
	tags, err := repo.Tags(ctx)
	if errors.Is(err, workspace.ErrNotFound) {
		return nil // nothing was pushed
	}
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(tags, c.maybeUnused) {
		return nil
	}
	descs, err := resolveAll(ctx, tags, repo.Resolve)
	if err != nil {
		return err
	}
	tagged := map[string]ref.Digest{}
	for i, tag := range tags {
		tagged[tag] = ref.Digest(descs[i].Digest)
	}
	byDigest := map[ref.Digest]*GarbageItem{}
	for i, tag := range tags {
		d := ref.Digest(descs[i].Digest)
		if d == "" {
			continue // deleted since
		}
		// An image goes with its encoding, to which it refers and whose tag comes before.
		if m := lockTagRE.FindStringSubmatch(tag); m != nil && m[2] != "" && tagged["lock-"+m[1]] != "" {
			d = tagged["lock-"+m[1]]
		}
		if byDigest[d] == nil {
			byDigest[d] = &GarbageItem{Artifact: name, Digest: d, Why: whyUnused, desc: descs[i]}
		}
		byDigest[d].Tags = append(byDigest[d].Tags, tag)
	}
	for _, d := range slices.Sorted(maps.Keys(byDigest)) {
		item := byDigest[d]
		if c.used.digests[d] || slices.ContainsFunc(item.Tags, func(tag string) bool { return !c.maybeUnused(tag) }) {
			continue
		}
		item.Bytes = item.desc.Size
		if _, data, err := repo.Manifest(ctx, d); err == nil {
			if blobs, err := manifestBlobs(data); err == nil {
				for _, b := range blobs {
					item.Bytes += b.desc.Size
				}
			}
		}
		c.out.Items = append(c.out.Items, *item)
	}
	return nil
}

// maybeUnused tells whether push set the tag, for content that no lock has.
func (c *collector) maybeUnused(tag string) bool {
	m := lockTagRE.FindStringSubmatch(tag)
	return m != nil && !c.used.contents[m[1]]
}

// resolveAll asks for several tags at a time. One that is not there any more
// has no descriptor.
func resolveAll(ctx context.Context, tags []string, resolve func(context.Context, string) (ocispec.Descriptor, error)) ([]ocispec.Descriptor, error) {
	descs := make([]ocispec.Descriptor, len(tags))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(lookups)
	for i, tag := range tags {
		group.Go(func() (err error) {
			descs[i], err = resolve(inner, tag)
			if errors.Is(err, workspace.ErrNotFound) {
				return nil
			}
			return err
		})
	}
	return descs, group.Wait()
}

// remove deletes an item and what refers to it. A refusal stops nothing else.
func (c *collector) remove(ctx context.Context, item *GarbageItem) {
	item.State = StateDeleted
	if err := c.delete(ctx, item.Artifact, item.desc, 0); err != nil {
		item.State, item.Error = StateFailed, err.Error()
	}
}

// maxReferrerDepth is deeper than any signature of a signature.
const maxReferrerDepth = 8

// delete removes the referrers first: without their subject nobody would find
// them again.
func (c *collector) delete(ctx context.Context, name string, desc ocispec.Descriptor, depth int) error {
	if c.used.digests[ref.Digest(desc.Digest)] || depth > maxReferrerDepth {
		return nil
	}
	repo, err := c.w.Repository(name)
	if err != nil {
		return err
	}
	referrers, err := repo.Referrers(ctx, desc, "")
	if err != nil && !errors.Is(err, workspace.ErrNotFound) {
		return err
	}
	for _, r := range referrers {
		if err := c.delete(ctx, name, r, depth+1); err != nil {
			return err
		}
	}
	if err := repo.Delete(ctx, desc); err != nil && !errors.Is(err, workspace.ErrNotFound) {
		return err
	}
	// Distribution-spec 1.1, "Referrers Tag Schema": the list goes as well.
	list, err := repo.Resolve(ctx, strings.Replace(string(desc.Digest), ":", "-", 1))
	if err == nil {
		err = repo.Delete(ctx, list)
	}
	if errors.Is(err, workspace.ErrNotFound) {
		return nil
	}
	return err
}
