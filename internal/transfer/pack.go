package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// PackSource is a file to pack.
type PackSource struct {
	Path       string
	Size       int64
	Digest     ref.Digest
	Executable bool
	Open       func() (*os.File, error)
	// Unchanged, if not nil, tells of an open file whether it is known to still
	// have Digest, from a stat cache for example, so that it need not be hashed
	// once more.
	Unchanged func(fs.FileInfo) bool
}

// PackOptions configure Pack. The zero value is right when nothing was pushed
// before.
type PackOptions struct {
	// Previous are indexes of the same repository, as DecodeIndex returns
	// them. What their blobs hold is not sent again; of two that hold the
	// same, the first is used. What they say lies in blobs is believed:
	// whoever pulls verifies it.
	Previous    []*Index
	Cuts        Cuts     // may be nil
	Concurrency int      // packs at a time; 0 means DefaultConcurrency
	Progress    Progress // may be nil
	// Target is when a pack is full, in bytes; 0 means 32 MiB, and more for
	// content that would else fill more than 300 packs.
	Target int64
	// MaxPacks is how many blobs the index may name; 0 means DefaultMaxPacks.
	MaxPacks int

	maxInMemory int64 // for tests; 0 means the constant
}

// DefaultMaxPacks leaves room for other layers below the 400 of a manifest.
const DefaultMaxPacks = 390

const (
	smallFile  = 1 << 20   // files up to this are one chunk
	minTarget  = 32 << 20  // requests cost more than bytes below this
	usualPacks = 300       // of content that is packed at once: later versions add theirs
	leastLive  = 30        // percent of a blob that must be in use for it to be used again
	packBuffer = smallFile // which is then read at once

	// Packs of up to maxInMemory bytes, as nearly all are, are read once, so
	// many at a time.
	maxInMemory   = 40 << 20
	packsInMemory = 2
	packedMedia   = "application/octet-stream"
)

// Pack makes sure that repo has the content of sources and returns the index
// that tells where. Chunks that no blob of a previous index holds are put
// together in new blobs, the packs, in the order of their files' paths. The
// same sources and previous indexes give the same packs and the same index.
//
// A blob of a previous index that is lost, or of which hardly anything is used
// any more, is replaced: all content is at hand. What every new chunk and pack
// holds is verified before anything is sent; a source that is not what its
// digest says is an error that names it, and no index is returned.
func Pack(ctx context.Context, repo registry.Repository, sources []PackSource, opts PackOptions) (*Index, Stats, error) {
	p := &packer{repo: repo, opts: opts, m: &meter{progress: opts.Progress}}
	if p.opts.MaxPacks <= 0 {
		p.opts.MaxPacks = DefaultMaxPacks
	}
	if p.opts.maxInMemory == 0 {
		p.opts.maxInMemory = maxInMemory
	}
	if err := p.list(sources); err != nil {
		return nil, Stats{}, fmt.Errorf("pack: %w", err)
	}
	for _, step := range []func(context.Context) error{p.splitNew, p.reuse, p.splitAgain, p.place, p.upload} {
		if err := step(ctx); err != nil {
			return nil, p.m.stats, err
		}
	}
	return p.index(), p.m.stats, nil
}

type packer struct {
	repo registry.Repository
	opts PackOptions
	m    *meter

	sources  []PackSource // sorted by path
	first    []int        // of each source, the first one with its digest: only that is read
	chunks   [][]Chunk    // of each first source: sums and lengths, later places
	believed []bool       // these are from a previous index

	places map[[32]byte]place // of each chunk that is needed
	packs  []pack             // of previous indexes, then new ones
	memory chan []byte        // buffers for packs
	fresh  int                // number of the first new one
}

// place is where a chunk lies or will lie.
type place struct {
	offset int64
	length uint32
	pack   int32 // in packer.packs, or nowhere
}

const nowhere = -1

// pack is a blob, there or to be.
type pack struct {
	Blob
	live   int64 // bytes of chunks that are needed
	used   bool  // the index will name it
	number uint32
	parts  []part // of a new one
}

// part is a chunk of a new pack and where its bytes come from.
type part struct {
	source int
	from   int64 // in the source
	chunk  *Chunk
}

// list sorts and checks sources.
func (p *packer) list(sources []PackSource) error {
	p.sources = slices.Clone(sources)
	sorting.By(p.sources, func(a, b PackSource) int { return cmp.Compare(a.Path, b.Path) })
	if len(sources) > maxIndexFiles {
		return fmt.Errorf("there are %d files, at most %d can be packed; put several into one", len(sources), maxIndexFiles)
	}
	p.first = make([]int, len(sources))
	p.chunks = make([][]Chunk, len(sources))
	p.believed = make([]bool, len(sources))
	firsts := make(map[ref.Digest]int, len(sources))
	small := make([]Chunk, 0, len(sources))
	for i, s := range p.sources {
		sum, err := sumOf(s.Digest)
		if err == nil {
			err = checkIndexedPath(s.Path)
		}
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", quote(s.Path), err)
		case i > 0 && p.sources[i-1].Path == s.Path:
			return fmt.Errorf("%s is listed twice", quote(s.Path))
		case s.Size < 0 || s.Size > maxIndexContent || (s.Size == 0) != (s.Digest == noBytes):
			return fmt.Errorf("%s: %d bytes cannot have the digest %s", quote(s.Path), s.Size, s.Digest)
		}
		first, ok := firsts[s.Digest]
		if !ok {
			first = i
			firsts[s.Digest] = i
		}
		p.first[i] = first
		if other := p.sources[first]; other.Size != s.Size {
			return fmt.Errorf("%s and %s have one digest and two sizes", quote(other.Path), quote(s.Path))
		}
		if first == i && s.Size > 0 && s.Size <= smallFile {
			small = append(small, Chunk{Sum: sum, Length: uint32(s.Size)})
			p.chunks[i] = small[len(small)-1:]
		}
	}
	p.believe(firsts)
	return nil
}

// believe takes the chunks of large files from previous indexes.
func (p *packer) believe(firsts map[ref.Digest]int) {
	for _, x := range p.opts.Previous {
		if x.Chunker != Chunker {
			continue // its chunks are of use, but not how it cuts
		}
		for _, f := range x.Files {
			i, wanted := firsts[f.Digest]
			if wanted && p.chunks[i] == nil && p.sources[i].Size == f.Size {
				p.chunks[i] = slices.Clone(f.Chunks)
				p.believed[i] = true
			}
		}
	}
}

// splitNew finds the chunks of large files that no previous index has.
func (p *packer) splitNew(ctx context.Context) error {
	return p.split(ctx, func(i int) bool { return p.chunks[i] == nil })
}

// splitAgain verifies believed chunks of which some are to be packed anew: an
// index must not spread the mistakes of another.
func (p *packer) splitAgain(ctx context.Context) error {
	return p.split(ctx, func(i int) bool {
		return p.believed[i] && slices.ContainsFunc(p.chunks[i], func(c Chunk) bool { return p.places[c.Sum].pack == nowhere })
	})
}

func (p *packer) split(ctx context.Context, which func(i int) bool) error {
	var list []int
	for i, s := range p.sources {
		if p.first[i] == i && s.Size > smallFile && which(i) {
			list = append(list, i)
		}
	}
	return each(ctx, len(list), p.opts.Concurrency, func(ctx context.Context, k int) error {
		i := list[k]
		s := p.sources[i]
		file, err := s.Open()
		if err != nil {
			return fmt.Errorf("push %s: %w", s.Path, err)
		}
		defer file.Close()
		pieces, whole, err := Split(ctx, s.Path, file, s.Size, p.opts.Cuts)
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF) || err == nil && whole != s.Digest:
			return changedSource(s.Path)
		case err != nil:
			return fmt.Errorf("push %s: %w", s.Path, err)
		}
		p.chunks[i] = make([]Chunk, len(pieces))
		for n, piece := range pieces {
			p.chunks[i][n] = Chunk{Sum: piece.Sum, Length: piece.Length}
		}
		p.believed[i] = false
		return nil
	})
}

func changedSource(path string) error {
	return fmt.Errorf("push %s: it changed while it was being pushed; run the command again", path)
}

// reuse finds needed chunks in blobs of previous indexes, as far as these are
// there and worth to be kept.
func (p *packer) reuse(ctx context.Context) error {
	p.places = map[[32]byte]place{}
	for _, chunks := range p.chunks {
		for _, c := range chunks {
			p.places[c.Sum] = place{length: c.Length, pack: nowhere}
		}
	}
	for _, x := range p.opts.Previous {
		p.findIn(x)
	}
	there := make([]bool, len(p.packs))
	err := each(ctx, len(p.packs), p.opts.Concurrency, func(ctx context.Context, i int) (err error) {
		if b := &p.packs[i]; b.live*100 >= b.Size*leastLive {
			there[i], err = p.repo.HasBlob(ctx, describePack(b.Blob))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("look for packs that are there: %w", err)
	}
	p.drop(there)
	return nil
}

// findIn notes which needed chunks the blobs of x hold. A blob that an earlier
// index names as well is left to that one: two may cut it differently, and
// chunks must not overlap.
func (p *packer) findIn(x *Index) {
	known := map[ref.Digest]bool{}
	for _, b := range p.packs {
		known[b.Digest] = true
	}
	numbers := make([]int32, len(x.Blobs))
	for i, b := range x.Blobs {
		numbers[i] = nowhere
		if !known[b.Digest] {
			numbers[i] = int32(len(p.packs))
			p.packs = append(p.packs, pack{Blob: b})
		}
	}
	for _, f := range x.Files {
		for _, c := range f.Chunks {
			number := numbers[c.Blob]
			at, needed := p.places[c.Sum]
			if needed && at.pack == nowhere && at.length == c.Length && number != nowhere {
				p.places[c.Sum] = place{offset: c.Offset, length: c.Length, pack: number}
				p.packs[number].live += int64(c.Length)
			}
		}
	}
}

// drop forgets blobs that are not there or that are too many with the new
// packs, those with the least in use first; their chunks are packed anew.
func (p *packer) drop(there []bool) {
	var total, fresh int64
	for _, at := range p.places {
		total += int64(at.length)
	}
	if p.opts.Target <= 0 {
		p.opts.Target = max(minTarget, (total/usualPacks+1<<20-1)>>20<<20)
	}
	p.opts.Target = max(p.opts.Target, total/int64(p.opts.MaxPacks)+1)
	fresh = total
	var kept []int
	for i, ok := range there {
		if ok {
			kept = append(kept, i)
			fresh -= p.packs[i].live
		}
	}
	least := slices.Clone(kept)
	slices.SortStableFunc(least, func(a, b int) int { return cmp.Compare(p.packs[a].live, p.packs[b].live) })
	for len(least) > 0 && int64(len(least))+(fresh+p.opts.Target-1)/p.opts.Target > int64(p.opts.MaxPacks) {
		there[least[0]] = false
		fresh += p.packs[least[0]].live
		least = least[1:]
	}
	for sum, at := range p.places {
		if at.pack != nowhere && !there[at.pack] {
			p.places[sum] = place{length: at.length, pack: nowhere}
		}
	}
}

// place puts every chunk that lies nowhere into new packs.
func (p *packer) place(ctx context.Context) error {
	p.fresh = len(p.packs)
	count := 0
	for i, chunks := range p.chunks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if count += len(chunks); count > maxIndexChunks {
			return fmt.Errorf("pack: the files have more than %d chunks; store them as they are (layout: plain)", maxIndexChunks)
		}
		from := int64(0)
		for k := range chunks {
			c := &chunks[k]
			at, known := p.places[c.Sum]
			if !known || at.pack == nowhere {
				at = p.add(part{source: i, from: from, chunk: c})
				p.places[c.Sum] = at
			}
			c.Offset = at.offset
			p.packs[at.pack].used = true
			from += int64(c.Length)
		}
	}
	return nil
}

// add appends a chunk to the last new pack, or begins one when that is full.
func (p *packer) add(next part) place {
	if last := len(p.packs) - 1; last < p.fresh || p.packs[last].Size >= p.opts.Target {
		p.packs = append(p.packs, pack{})
	}
	last := len(p.packs) - 1
	b := &p.packs[last]
	at := place{offset: b.Size, length: next.chunk.Length, pack: int32(last)}
	b.parts = append(b.parts, next)
	b.Size += int64(next.chunk.Length)
	return at
}

// index returns the index when all packs are there.
func (p *packer) index() *Index {
	x := &Index{Chunker: Chunker, Files: make([]IndexedFile, len(p.sources))}
	for i := range p.packs {
		if b := &p.packs[i]; b.used {
			b.number = uint32(len(x.Blobs))
			x.Blobs = append(x.Blobs, b.Blob)
		}
	}
	for _, chunks := range p.chunks {
		for k := range chunks {
			chunks[k].Blob = p.packs[p.places[chunks[k].Sum].pack].number
		}
	}
	for i, s := range p.sources {
		x.Files[i] = IndexedFile{Path: s.Path, Size: s.Size, Digest: s.Digest, Executable: s.Executable, Chunks: p.chunks[p.first[i]]}
	}
	return x
}

func describePack(b Blob) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: packedMedia, Digest: digest.Digest(b.Digest), Size: b.Size}
}
