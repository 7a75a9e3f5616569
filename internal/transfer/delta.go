package transfer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
)

const (
	// maxGap is how many bytes that nobody wants are fetched to save a request.
	maxGap = 256 << 10
	// maxSpan bounds one range, unless one chunk is longer.
	maxSpan = 32 << 20
	// wholePercent of a blob wanted: the rest comes along.
	wholePercent = 80
	// leastSplit is the size of a file at the target that is cut into chunks.
	leastSplit = targetCut
)

// locate finds the targets that the index has.
func (p *puller) locate(targets []*target) {
	if p.opts.Index == nil {
		return
	}
	wanted := make(map[ref.Digest]*target, len(targets))
	for _, t := range targets {
		wanted[t.digest()] = t
	}
	for i := range p.opts.Index.Files {
		f := &p.opts.Index.Files[i]
		if t := wanted[f.Digest]; t != nil && t.parts == nil && t.desc.Size == f.Size && len(f.Chunks) > 0 {
			t.parts = f
		}
	}
}

// assembly puts files together of chunks.
type assembly struct {
	*puller
	index *Index
	files []*assembled
	local map[[32]byte]spot // chunks that are wanted and stand in files
}

// spot is where a chunk stands in a file at the target.
type spot struct {
	path   string // "" when it was not found
	offset int64
}

// assembled is a file that is put together.
type assembled struct {
	*target
	fetched atomic.Int64 // bytes that the registry had to give

	mu             sync.Mutex
	file           *staged // nil before the first chunk
	done, reported int64
	err            error // what the index says is wrong
}

// want is a chunk of a file that is not there yet.
type want struct {
	file, chunk int32 // in assembly.files, in IndexedFile.Chunks
	at          int64 // in the file
}

func (a *assembly) chunkOf(w want) *Chunk { return &a.files[w.file].parts.Chunks[w.chunk] }

// assemble stages targets, all of which are in the index.
func (p *puller) assemble(ctx context.Context, targets []*target) error {
	a := &assembly{puller: p, index: p.opts.Index, files: make([]*assembled, len(targets))}
	// What is one after another in the blobs is one after another here.
	slices.SortFunc(targets, func(s, t *target) int { return cmp.Compare(s.parts.Path, t.parts.Path) })
	for i, t := range targets {
		a.files[i] = &assembled{target: t}
	}
	if err := a.findLocal(ctx); err != nil {
		return err
	}
	wants, err := a.takeLocal(ctx)
	if err != nil {
		return err
	}
	spans := a.plan(wants)
	err = each(ctx, len(spans), a.opts.Concurrency, func(ctx context.Context, i int) error {
		return a.fetch(ctx, spans[i])
	})
	if err != nil {
		return fmt.Errorf("pull %s: %w", a.repo, explain(err))
	}
	return each(ctx, len(a.files), a.opts.Concurrency, func(ctx context.Context, i int) error {
		return a.of(a.files[i], a.check(ctx, a.files[i]))
	})
}

// of says of which file an error is.
func (a *assembly) of(f *assembled, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("pull %s: %w", f.name(), explain(err))
}

// findLocal looks for chunks in the files that are about to be replaced.
func (a *assembly) findLocal(ctx context.Context) error {
	if a.index.Chunker != Chunker {
		return nil
	}
	var paths []string
	for _, f := range a.files {
		for _, it := range f.items {
			if info, err := a.root.Stat(it.Path); err == nil && info.Size() >= leastSplit {
				paths = append(paths, it.Path)
			}
		}
	}
	if len(paths) == 0 {
		return nil
	}
	a.local = map[[32]byte]spot{}
	for _, f := range a.files {
		for _, c := range f.parts.Chunks {
			a.local[c.Sum] = spot{}
		}
	}
	var mu sync.Mutex
	return each(ctx, len(paths), a.opts.Concurrency, func(ctx context.Context, i int) error {
		f, err := a.root.Open(paths[i])
		if err != nil {
			return nil
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return nil
		}
		// Only a small file is a chunk as a whole.
		var whole hash.Hash
		if info.Size() <= smallFile {
			whole = sha256.New()
		}
		pieces, err := splitInto(ctx, paths[i], f, info.Size(), a.opts.Cuts, whole)
		if err != nil {
			return ctx.Err() // what cannot be read is fetched
		}
		mu.Lock()
		defer mu.Unlock()
		found := func(sum [32]byte, offset int64) {
			if at, wanted := a.local[sum]; wanted && at.path == "" {
				a.local[sum] = spot{paths[i], offset}
			}
		}
		if info.Size() <= smallFile {
			found([32]byte(whole.Sum(nil)), 0)
		}
		offset := int64(0)
		for _, piece := range pieces {
			found(piece.Sum, offset)
			offset += int64(piece.Length)
		}
		return nil
	})
}

// takeLocal copies the chunks that were found, and returns what is missing.
func (a *assembly) takeLocal(ctx context.Context) ([]want, error) {
	var mu sync.Mutex
	var missing []want
	err := each(ctx, len(a.files), a.opts.Concurrency, func(ctx context.Context, i int) error {
		own, err := a.takeLocalOf(ctx, int32(i))
		if err != nil {
			return a.of(a.files[i], err)
		}
		mu.Lock()
		defer mu.Unlock()
		missing = append(missing, own...)
		return nil
	})
	return missing, err
}

func (a *assembly) takeLocalOf(ctx context.Context, i int32) (missing []want, err error) {
	var src *os.File // opened last
	opened := ""
	defer func() {
		if src != nil {
			src.Close()
		}
	}()
	at := int64(0)
	for k := range a.files[i].parts.Chunks {
		w := want{file: i, chunk: int32(k), at: at}
		c := a.chunkOf(w)
		at += int64(c.Length)
		from := a.local[c.Sum]
		if from.path != "" && from.path != opened {
			if src != nil {
				src.Close()
			}
			opened = from.path
			if src, err = a.root.Open(opened); err != nil {
				src = nil
			}
		}
		if from.path == "" || src == nil {
			missing = append(missing, w)
			continue
		}
		err := a.place(ctx, io.NewSectionReader(src, from.offset, int64(c.Length)), c, []want{w})
		switch {
		case errors.Is(err, errWrongDigest), errors.Is(err, io.ErrUnexpectedEOF):
			missing = append(missing, w) // somebody writes to it
		case err != nil:
			return nil, err
		default:
			a.m.reused(int64(c.Length))
		}
	}
	return missing, a.seal(i)
}

// place writes a chunk that r has next to all places where it is wanted. It is
// errWrongDigest when r has something else.
func (a *assembly) place(ctx context.Context, r io.Reader, c *Chunk, wants []want) error {
	first, err := a.file(wants[0].file)
	if err != nil {
		return err
	}
	sum := sha256.New()
	dst := io.NewOffsetWriter(first, wants[0].at)
	// Nobody sees the file yet, so that it may be written before it is verified.
	n, err := copyBuffer(ctx, io.MultiWriter(sum, dst), io.LimitReader(r, int64(c.Length)), nil)
	if err != nil {
		return err
	}
	if n != int64(c.Length) {
		return io.ErrUnexpectedEOF
	}
	if [32]byte(sum.Sum(nil)) != c.Sum {
		return fmt.Errorf("%w of a chunk is not what the index says", errWrongDigest)
	}
	a.advance(wants[0], n)
	for _, w := range wants[1:] {
		file, err := a.file(w.file)
		if err != nil {
			return err
		}
		src := io.NewSectionReader(first, wants[0].at, n)
		if _, err := copyBuffer(ctx, io.NewOffsetWriter(file, w.at), src, nil); err != nil {
			return err
		}
		a.advance(w, n)
		// A chunk that ten thousand files have must not keep all of them open.
		if w.file != wants[0].file {
			if err := a.seal(w.file); err != nil {
				return err
			}
		}
	}
	return nil
}

// file returns a file, which it begins if nobody has.
func (a *assembly) file(i int32) (*staged, error) {
	f := a.files[i]
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		file, err := a.create(f.items[0])
		if err != nil {
			return nil, err
		}
		f.file = file
		a.m.event(Event{Name: f.name(), Total: f.desc.Size})
	}
	return f.file, nil
}

// seal gives back the descriptor of a file; who still writes to it opens it
// again.
func (a *assembly) seal(i int32) error {
	f := a.files[i]
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	return f.file.Seal()
}

func (a *assembly) advance(w want, n int64) {
	f := a.files[w.file]
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done += n
	if f.done-f.reported >= eventStep && f.done < f.desc.Size {
		f.reported = f.done
		a.m.event(Event{Name: f.name(), Done: f.done, Total: f.desc.Size})
	}
}

// fetch fetches a span, unless somebody has with another one.
func (a *assembly) fetch(ctx context.Context, sp *span) error {
	o := sp.of
	s := a.stream(ctx, ocispec.Descriptor{Digest: digest.Digest(o.blob.Digest), Size: o.blob.Size}, sp.from, sp.to)
	defer s.close()
	spans, err := a.ask(s, sp)
	if err != nil {
		return err
	}
	for ; len(spans) > 0; spans = spans[1:] {
		for wants := spans[0].wants; len(wants) > 0; {
			c := a.chunkOf(wants[0])
			n := 1
			for n < len(wants) && a.chunkOf(wants[n]).Offset == c.Offset {
				n++
			}
			if err := a.fetchChunk(ctx, s, c, wants[:n]); err != nil {
				return err
			}
			if err := a.sealAll(wants[:n], wants[n:]); err != nil {
				return err
			}
			wants = wants[n:]
		}
		if s.whole { // by now: what others want would cost the whole blob each time
			spans = append(spans, sp.of.takeAll(s)...)
		}
	}
	return nil
}

// takeAll takes the spans that nobody fetches yet, in their order, for s, which
// reads the whole blob.
func (o *owing) takeAll(s *stream) (spans []*span) {
	for _, sp := range o.spans {
		if sp.taken.CompareAndSwap(false, true) {
			spans = append(spans, sp)
			s.end = max(s.end, sp.to)
		}
	}
	return spans
}

// ask sends the request of s for sp and returns what to read from the answer.
// A registry without ranges answers with the whole blob: that serves all
// spans of the blob that nobody fetches yet. The others wait meanwhile.
func (a *assembly) ask(s *stream, sp *span) ([]*span, error) {
	o := sp.of
	o.mu.Lock()
	defer o.mu.Unlock()
	if !sp.taken.CompareAndSwap(false, true) {
		return nil, nil
	}
	if o.answered || sp.from == 0 {
		return []*span{sp}, nil // no need to wait for the answer, or it would not tell
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	if s.at == sp.from {
		o.answered = true
		return []*span{sp}, nil
	}
	spans := append(o.takeAll(s), sp)
	slices.SortFunc(spans, func(s, t *span) int { return cmp.Compare(s.from, t.from) })
	return spans, nil
}

// fetchChunk reads a chunk from s. One that is not what the index says is
// noted; the files that need it are dealt with at the end.
func (a *assembly) fetchChunk(ctx context.Context, s *stream, c *Chunk, wants []want) error {
	s.seek(c.Offset)
	err := a.place(ctx, s, c, wants)
	if errors.Is(err, errWrongDigest) && !s.whole {
		s.distrust() // perhaps it was not the range that was asked for
		s.seek(c.Offset)
		err = a.place(ctx, s, c, wants)
	}
	if errors.Is(err, errWrongDigest) {
		for _, w := range wants {
			f := a.files[w.file]
			f.mu.Lock()
			f.err = err
			f.mu.Unlock()
		}
		return nil
	}
	for _, w := range wants {
		a.files[w.file].fetched.Add(int64(c.Length))
	}
	return err
}

// sealAll seals the files of done, except the one that is next.
func (a *assembly) sealAll(done, next []want) error {
	for _, w := range done {
		if len(next) > 0 && next[0].file == w.file {
			continue
		}
		if err := a.seal(w.file); err != nil {
			return err
		}
	}
	return nil
}

// check verifies a file that has all its chunks. When the index was wrong and
// the file has a blob of its own, that is fetched instead.
func (a *assembly) check(ctx context.Context, f *assembled) error {
	err := f.err
	if sum, _ := sumOf(f.digest()); err == nil && (len(f.parts.Chunks) > 1 || f.parts.Chunks[0].Sum != sum) {
		err = verify(ctx, io.Discard, io.NewSectionReader(f.file, 0, f.desc.Size+1), f.desc, nil)
	}
	if errors.Is(err, ErrCorrupt) && slices.Contains(a.index.Blobs, Blob{Digest: f.digest(), Size: f.desc.Size}) {
		return a.download(ctx, f.target, f.file)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", a.repo, err)
	}
	return a.finish(ctx, f.target, f.file, f.fetched.Load())
}
