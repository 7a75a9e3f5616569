package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
)

// Item is a file to pull and where it goes.
type Item struct {
	Desc ocispec.Descriptor
	Path string // slash-separated, inside the root
	Perm fs.FileMode
}

const (
	// staleAge is when an unfinished file is one of a run that crashed.
	staleAge = 24 * time.Hour
	// LeastCached is the size in bytes of a file that is worth a place in the
	// cache.
	LeastCached = 64 << 10
	// leastPartial is the size of a blob of which a beginning is worth keeping.
	leastPartial = 16 << 20
)

// Pull makes every item's file what its descriptor says. Files that are it
// already are kept. The others are taken from the cache or put together of
// what is at hand and what the registry has, and verified beside their
// targets; only when all are complete and on disk are they renamed into place,
// so an error before that leaves every file as it was. An error while renaming
// says so; running the command again completes it.
//
// A full disk is an error for which errors.Is(err, syscall.ENOSPC) holds.
func Pull(ctx context.Context, repo registry.Repository, items []Item, root *cas.Root, opts Options) (Stats, error) {
	p := &puller{repo: repo, root: root, opts: opts.withDefaults(), m: &meter{progress: opts.Progress}}
	targets, err := group(items)
	if err != nil {
		return Stats{}, fmt.Errorf("pull: %w", err)
	}
	p.begin(items)
	err = p.pull(ctx, targets)
	if err == nil {
		err = p.commit()
	}
	p.end(err)
	return p.m.stats, err
}

// target is what is wanted, at one path or at several.
type target struct {
	desc  ocispec.Descriptor
	items []Item       // those of them that are missing
	local string       // a file that has these bytes already
	parts *IndexedFile // how the file is put together; nil: it is one blob
}

func (t *target) name() string       { return t.items[0].Path }
func (t *target) digest() ref.Digest { return ref.Digest(t.desc.Digest) }

// group brings items of one digest together, in the order of the first.
func group(items []Item) ([]*target, error) {
	var targets []*target
	index := map[ref.Digest]*target{}
	paths := make(map[string]bool, len(items))
	for _, it := range items {
		if err := checkDesc(it.Path, it.Desc); err != nil {
			return nil, err
		}
		if paths[it.Path] {
			return nil, fmt.Errorf("%s is listed twice", it.Path)
		}
		paths[it.Path] = true
		d := ref.Digest(it.Desc.Digest)
		t := index[d]
		if t == nil {
			t = &target{desc: it.Desc}
			index[d] = t
			targets = append(targets, t)
		}
		if t.desc.Size != it.Desc.Size {
			return nil, fmt.Errorf("%s and %s have one digest and two sizes", t.name(), it.Path)
		}
		t.items = append(t.items, it)
	}
	return targets, nil
}

// puller is one pull.
type puller struct {
	repo registry.Repository
	root *cas.Root
	opts Options
	m    *meter

	mu    sync.Mutex
	files []*staged
}

// staged is a file that waits for the others.
type staged struct {
	*cas.Pending
	item     Item
	complete bool // and verified
	dropped  bool
}

func (s *staged) digest() ref.Digest { return ref.Digest(s.item.Desc.Digest) }

// begin says how much there is to do, and cleans up.
func (p *puller) begin(items []Item) {
	total := int64(0)
	paths := make([]string, len(items))
	for i, it := range items {
		total += it.Desc.Size
		paths[i] = it.Path
	}
	p.m.event(Event{Total: total})
	p.root.RemoveStale(paths, p.opts.Now().Add(-staleAge))
}

// pull stages what is missing of targets.
func (p *puller) pull(ctx context.Context, targets []*target) error {
	if err := p.each(ctx, targets, p.look); err != nil {
		return err
	}
	targets = slices.DeleteFunc(targets, func(t *target) bool { return len(t.items) == 0 })
	p.locate(targets)
	var mu sync.Mutex
	var parts []*target // that are neither at hand nor one blob
	err := p.each(ctx, targets, func(ctx context.Context, t *target) error {
		switch done, err := p.fromHand(ctx, t); {
		case done || err != nil:
			return err
		case t.parts == nil:
			return p.download(ctx, t, nil)
		}
		mu.Lock()
		defer mu.Unlock()
		parts = append(parts, t)
		return nil
	})
	if err != nil || len(parts) == 0 {
		return err
	}
	return p.assemble(ctx, parts)
}

// each names the path in the errors of f.
func (p *puller) each(ctx context.Context, targets []*target, f func(context.Context, *target) error) error {
	return each(ctx, len(targets), p.opts.Concurrency, func(ctx context.Context, i int) error {
		name := targets[i].name()
		if err := f(ctx, targets[i]); err != nil {
			return fmt.Errorf("pull %s: %w", name, explain(err))
		}
		return nil
	})
}

// look drops the items that are there.
func (p *puller) look(ctx context.Context, t *target) error {
	var missing []Item
	for _, it := range t.items {
		same, mode, err := p.existing(ctx, it)
		if err != nil {
			return err
		}
		if same {
			t.local = it.Path
		}
		if same && mode {
			p.m.skip(it.Path, it.Desc.Size)
		} else {
			missing = append(missing, it)
		}
	}
	t.items = missing
	return nil
}

// existing tells whether the file of it is there with the right bytes, and
// with the right mode as well. What cannot be kept is not an error here:
// creating the file says what is in the way.
func (p *puller) existing(ctx context.Context, it Item) (same, mode bool, err error) {
	info, err := p.root.Stat(it.Path)
	if err != nil || info.Size() != it.Desc.Size {
		return false, false, nil
	}
	if p.opts.Digest != nil {
		d, err := p.opts.Digest(ctx, p.root.File(it.Path))
		if err != nil || d != ref.Digest(it.Desc.Digest) {
			return false, false, ctx.Err()
		}
	} else {
		f, err := p.root.Open(it.Path)
		if err != nil {
			return false, false, nil
		}
		defer f.Close()
		if err := verify(ctx, io.Discard, f, it.Desc, nil); err != nil {
			return false, false, ctx.Err()
		}
	}
	const executable = 0o100
	return true, runtime.GOOS == "windows" || (info.Mode()^it.Perm)&executable == 0, nil
}

// create begins a file, which from here on is either staged or removed.
func (p *puller) create(it Item) (*staged, error) {
	file, err := p.root.Create(it.Path, it.Perm)
	if err != nil {
		return nil, err
	}
	s := &staged{Pending: file, item: it}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files = append(p.files, s)
	return s, nil
}

// fromHand fills t from a file with the same bytes or from the cache, if that
// can be done.
func (p *puller) fromHand(ctx context.Context, t *target) (done bool, err error) {
	if t.local != "" {
		if src, err := p.root.Open(t.local); err == nil {
			if done, err := p.copyFrom(ctx, t, src); done || err != nil {
				return done, err
			}
		}
	}
	if p.opts.Cache == nil || t.desc.Size < LeastCached {
		return false, nil
	}
	src, err := p.opts.Cache.Get(t.digest(), t.desc.Size)
	if err != nil {
		return false, nil
	}
	done, err = p.copyFrom(ctx, t, src)
	if !done && err == nil {
		p.opts.Cache.Drop(t.digest()) // somebody wrote to the file that was linked
	}
	return done, err
}

// copyFrom fills t from src, which it closes. It is false when src has other
// bytes by now, or cannot be read: others have them.
func (p *puller) copyFrom(ctx context.Context, t *target, src *os.File) (bool, error) {
	defer src.Close()
	file, err := p.create(t.items[0])
	if err != nil {
		return false, err
	}
	p.m.event(Event{Name: t.name(), Total: t.desc.Size})
	dst, from := io.Writer(file), &trial{r: src}
	if file.Clone(src) == nil {
		// Of the two the clone is read: src may be written to right now.
		dst, from.r = io.Discard, io.NewSectionReader(file, 0, t.desc.Size+1)
	}
	err = verify(ctx, dst, from, t.desc, func(done int64) {
		p.m.event(Event{Name: t.name(), Done: done, Total: t.desc.Size})
	})
	if errors.Is(err, ErrCorrupt) || from.failed {
		file.Abort()
		file.dropped = true
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p.m.reused(t.desc.Size)
	return true, p.finish(ctx, t, file, 0)
}

// trial is read as far as that can be done.
type trial struct {
	r      io.Reader
	failed bool
}

func (t *trial) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	t.failed = t.failed || err != nil && err != io.EOF
	return n, err
}

// download fills t from its blob. file is nil, or one that was begun and has
// something wrong in it.
func (p *puller) download(ctx context.Context, t *target, file *staged) (err error) {
	if file == nil {
		file, err = p.create(t.items[0])
	} else {
		err = file.Reset()
	}
	if err != nil {
		return err
	}
	p.m.event(Event{Name: t.name(), Total: t.desc.Size})
	s := p.stream(ctx, t.desc, 0, t.desc.Size)
	defer s.close()
	sum := sha256.New()
	if err := p.goOn(ctx, t, s, file, sum); err != nil {
		return err
	}
	begun := s.pos
	err = p.receive(t, s, file, sum)
	if errors.Is(err, errWrongDigest) && (begun > 0 || s.resumed) {
		// One of the pieces is not of this blob: an old beginning, or a range.
		if begun > 0 {
			p.opts.Cache.DropPartial(t.digest())
			p.m.reused(-begun)
		}
		s.distrust()
		s.seek(0)
		sum.Reset()
		if err := file.Reset(); err != nil {
			return err
		}
		err = p.receive(t, s, file, sum)
	}
	if err != nil {
		if t.desc.Size >= leastPartial && s.pos > 0 && p.mayKeep(err) {
			// Where it cannot be kept it is fetched again.
			_ = p.opts.Cache.KeepPartial(t.digest(), file.Pending)
		}
		return fmt.Errorf("%s: %w", p.repo, err)
	}
	if begun > 0 {
		p.opts.Cache.DropPartial(t.digest())
	}
	return p.finish(ctx, t, file, t.desc.Size)
}

// mayKeep tells whether what a failed pull has is of use for the next one.
func (p *puller) mayKeep(err error) bool {
	return p.opts.Cache != nil && !errors.Is(err, ErrCorrupt) && !isDiskFull(err)
}

// goOn fills file with what an earlier run received.
func (p *puller) goOn(ctx context.Context, t *target, s *stream, file *staged, sum hash.Hash) error {
	if p.opts.Cache == nil || t.desc.Size < leastPartial {
		return nil
	}
	part, err := p.opts.Cache.Partial(t.digest())
	if err != nil {
		return nil
	}
	defer part.Close()
	from := &trial{r: part}
	n, err := copyBuffer(ctx, io.MultiWriter(sum, file), io.LimitReader(from, t.desc.Size), nil)
	if err != nil && !from.failed {
		return err
	}
	s.pos, s.mark = n, n
	p.m.reused(n)
	return nil
}

var errWrongDigest = fmt.Errorf("%w: digest", ErrCorrupt)

// receive reads s to its end.
func (p *puller) receive(t *target, s *stream, file *staged, sum hash.Hash) error {
	step := int64(eventStep)
	_, err := copyBuffer(s.ctx, io.MultiWriter(sum, file), s, func() {
		if s.pos >= step && s.pos < s.end {
			step = s.pos + eventStep
			p.m.event(Event{Name: t.name(), Done: s.pos, Total: s.end})
		}
	})
	if err != nil {
		return err
	}
	if err := s.checkEnd(); err != nil {
		return err
	}
	if got := ref.FromSum(sum.Sum(nil)); got != t.digest() {
		return fmt.Errorf("%w is %s, not %s", errWrongDigest, got, t.digest())
	}
	return nil
}

// finish seals the complete file of t, of which so many bytes were fetched, and
// makes the others of its bytes.
func (p *puller) finish(ctx context.Context, t *target, file *staged, fetched int64) error {
	if fetched > 0 || t.desc.Size == 0 {
		p.m.moved(false, fetched)
	} else {
		p.m.noted()
	}
	p.m.event(Event{Name: t.name(), Done: t.desc.Size, Total: t.desc.Size})
	for _, it := range t.items[1:] {
		twin, err := p.create(it)
		if err != nil {
			return err
		}
		if _, err := copyBuffer(ctx, twin, io.NewSectionReader(file, 0, t.desc.Size), nil); err != nil {
			return err
		}
		if err := p.complete(twin); err != nil {
			return err
		}
		p.m.skip(it.Path, t.desc.Size)
	}
	return p.complete(file)
}

func (p *puller) complete(file *staged) error {
	err := file.Seal()
	file.complete = err == nil
	return err
}

// commit puts all files in place, and then into the cache.
func (p *puller) commit() error {
	p.files = slices.DeleteFunc(p.files, func(s *staged) bool { return s.dropped })
	files := make([]*cas.Pending, len(p.files))
	for i, s := range p.files {
		files[i] = s.Pending
	}
	placed, err := p.root.Commit(files)
	if err != nil {
		return fmt.Errorf("put files in place (%d of %d are): %w; run the command again", placed, len(files), explain(err))
	}
	for _, s := range p.files {
		if p.opts.Cache != nil && s.item.Desc.Size >= LeastCached {
			// A cache that cannot take a file costs only time.
			_ = p.opts.Cache.Add(p.root.File(s.item.Path), s.digest(), s.item.Desc.Size)
		}
	}
	return nil
}

// end removes what was not committed. What is complete waits in the cache for
// the next run.
func (p *puller) end(err error) {
	for _, s := range p.files {
		// Another file may be corrupt; this one was verified.
		if s.complete && s.item.Desc.Size >= LeastCached && err != nil && p.opts.Cache != nil && !isDiskFull(err) {
			_ = p.opts.Cache.Keep(s.digest(), s.Pending)
		}
		s.Abort()
	}
}
