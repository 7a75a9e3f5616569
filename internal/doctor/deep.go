package doctor

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// deepReads is how many blobs are read at a time.
const deepReads = 4

// chunk is a part of a blob that should be a part of the file name: of a pack,
// as its index says, or of a layer of an image.
type chunk struct {
	offset, end int64
	sum         [sha256.Size]byte
	name        string
}

// chunksOf returns the chunks of a packed artifact by the digest of their pack,
// in the order in which they lie there.
func chunksOf(remote *artifact.Remote) map[string][]chunk {
	if remote.Index == nil {
		return nil
	}
	chunks := map[string][]chunk{}
	for _, f := range remote.Index.Files {
		for _, c := range f.Chunks {
			pack := string(remote.Index.Blobs[c.Blob].Digest)
			chunks[pack] = append(chunks[pack], chunk{c.Offset, c.Offset + int64(c.Length), c.Sum, f.Path})
		}
	}
	for _, list := range chunks {
		sorting.Stable(list, func(a, b chunk) int { return cmp.Compare(a.offset, b.offset) })
	}
	return chunks
}

// errOther means that a blob, or a chunk in it, is not what its digest says.
var errOther = errors.New("its bytes are other than they were")

// deep reads every blob once, several at a time, and keeps nothing of them.
func (v *verifier) deep(ctx context.Context, blobs []blob, chunks map[string][]chunk) error {
	sorting.Stable(blobs, func(a, b blob) int { return cmp.Compare(a.desc.Digest, b.desc.Digest) })
	blobs = slices.CompactFunc(blobs, func(a, b blob) bool { return a.desc.Digest == b.desc.Digest })
	progress := oneAtATime(v.opts.Progress)
	total := int64(0)
	for _, b := range blobs {
		total += b.desc.Size
	}
	progress("", 0, total)
	repo, err := v.w.Repository(v.name)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(deepReads)
	for _, b := range blobs {
		group.Go(func() error {
			r, err := repo.Blob(inner, b.desc)
			if err == nil {
				err = rehash(inner, r, b, chunks[string(b.desc.Digest)], func(done int64) {
					progress(v.title+": "+b.name, done, b.desc.Size)
				})
			}
			if err == nil || inner.Err() != nil || !v.isLayout && !errors.Is(err, errOther) {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			v.fail(checkContent, b.name, ref.Digest(b.desc.Digest), fmt.Sprintf("%s: %v", b.name, err))
			return nil
		})
	}
	return group.Wait()
}

// rehash reads r to its end and compares it with what b and chunks say.
func rehash(ctx context.Context, r io.ReadCloser, b blob, chunks []chunk, progress func(done int64)) error {
	defer r.Close()
	h := &hasher{whole: sha256.New(), part: sha256.New(), chunks: chunks}
	buf := make([]byte, 256<<10)
	body := io.LimitReader(r, b.desc.Size+1)
	for {
		n, err := body.Read(buf)
		h.write(buf[:n])
		if n > 0 {
			progress(min(h.at, b.desc.Size))
		}
		if err == io.EOF {
			return h.compare(b.desc)
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
	}
}

// hasher hashes a blob and the chunks in it on the way.
type hasher struct {
	whole, part hash.Hash
	at          int64
	chunks      []chunk // that are not complete yet, by offset
	wrong       []string
}

func (h *hasher) write(p []byte) {
	h.whole.Write(p)
	for len(p) > 0 && len(h.chunks) > 0 {
		c := h.chunks[0]
		if c.end <= h.at { // hostile: inside the one before
			h.wrong, h.chunks = append(h.wrong, c.name), h.chunks[1:]
			continue
		}
		if skip := min(max(c.offset-h.at, 0), int64(len(p))); skip > 0 {
			h.at, p = h.at+skip, p[skip:]
			continue
		}
		n := min(c.end-h.at, int64(len(p)))
		h.part.Write(p[:n])
		h.at, p = h.at+n, p[n:]
		if h.at == c.end {
			h.finish(c)
		}
	}
	h.at += int64(len(p))
}

// finish compares a chunk, and others in the same place: files share them. An
// index has no two that overlap otherwise.
func (h *hasher) finish(c chunk) {
	sum := h.part.Sum(nil)
	h.part.Reset()
	for len(h.chunks) > 0 && h.chunks[0].offset == c.offset {
		if now := h.chunks[0]; now.end != c.end || !bytes.Equal(sum, now.sum[:]) {
			h.wrong = append(h.wrong, now.name)
		}
		h.chunks = h.chunks[1:]
	}
}

func (h *hasher) compare(desc ocispec.Descriptor) error {
	got := "sha256:" + hex.EncodeToString(h.whole.Sum(nil))
	switch {
	case h.at != desc.Size:
		return fmt.Errorf("%w: the registry sends more or fewer than %d bytes", errOther, desc.Size)
	case got != string(desc.Digest):
		return fmt.Errorf("%w: they are %s…", errOther, got[:19])
	case len(h.wrong)+len(h.chunks) > 0:
		for _, c := range h.chunks {
			h.wrong = append(h.wrong, c.name)
		}
		slices.Sort(h.wrong)
		wrong := slices.Compact(h.wrong)
		return fmt.Errorf("%w: it should have chunks of %s, which it has not",
			errOther, strings.Join(wrong[:min(3, len(wrong))], ", "))
	}
	return nil
}
