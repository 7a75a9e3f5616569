package artifact

import (
	"context"
	"fmt"
	"io"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/registry"
)

// Ranges counts what BlobReaders asked a registry for.
type Ranges struct {
	Requests int
	Bytes    int64
}

// BlobReader reads a blob of a registry here and there, as an io.ReaderAt:
// blocks are fetched where they are first read, larger ones where reading goes
// on from the block before, and kept. The bytes are not verified, and a part
// cannot be by the blob's digest: what is read so is for showing, never for
// deciding. It is not safe for concurrent use.
type BlobReader struct {
	ctx    context.Context
	repo   registry.Repository
	desc   ocispec.Descriptor
	ranges *Ranges
	blocks []block // the oldest first
	kept   int64
}

type block struct {
	from int64
	data []byte
}

// Sizes of blocks, and how many bytes of them are kept for one blob.
const (
	firstBlock  = 64 << 10
	lastBlock   = 256 << 10
	maxKeptData = 8 << 20
	// maxPassed is how much of a blob is passed over where a registry answers
	// with the whole of it.
	maxPassed = 4 << 20
)

// NewBlobReader reads the blob that desc names. ranges counts, and may be
// shared; ctx ends its requests.
func NewBlobReader(ctx context.Context, repo registry.Repository, desc ocispec.Descriptor, ranges *Ranges) *BlobReader {
	return &BlobReader{ctx: ctx, repo: repo, desc: desc, ranges: ranges}
}

// ReadAt implements io.ReaderAt.
func (b *BlobReader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read blob at %d", off)
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= b.desc.Size {
			return n, io.EOF
		}
		data, err := b.from(at, int64(len(p)-n))
		if err != nil {
			return n, err
		}
		n += copy(p[n:], data)
	}
	return n, nil
}

// from returns bytes of a block from at on, at least one of them.
func (b *BlobReader) from(at, wanted int64) ([]byte, error) {
	for _, k := range b.blocks {
		if at >= k.from && at < k.from+int64(len(k.data)) {
			return k.data[at-k.from:], nil
		}
	}
	size := int64(firstBlock)
	end := b.desc.Size
	for _, k := range b.blocks {
		if k.from+int64(len(k.data)) == at {
			size = max(size, min(2*int64(len(k.data)), lastBlock))
		}
		if k.from > at {
			end = min(end, k.from)
		}
	}
	// Large reads are of those who know what they need.
	size = min(max(size, min(wanted, maxKeptData/2)), end-at)
	data, err := b.fetch(at, size)
	if err != nil {
		return nil, err
	}
	b.blocks = append(b.blocks, block{at, data})
	for b.kept += size; b.kept > maxKeptData && len(b.blocks) > 1; {
		b.kept -= int64(len(b.blocks[0].data))
		b.blocks = slices.Delete(b.blocks, 0, 1)
	}
	return data, nil
}

func (b *BlobReader) fetch(at, size int64) ([]byte, error) {
	b.ranges.Requests++
	body, start, err := b.repo.BlobRange(b.ctx, b.desc, at, size)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if skip := at - start; skip > 0 {
		if skip > maxPassed {
			return nil, fmt.Errorf("%s answers a range of blob %s with the whole of it: pull the artifact and name the files", b.repo, b.desc.Digest)
		}
		n, err := io.CopyN(io.Discard, body, skip)
		b.ranges.Bytes += n
		if err != nil {
			return nil, fmt.Errorf("read blob %s: %w", b.desc.Digest, unexpected(err))
		}
	}
	data := make([]byte, size)
	n, err := io.ReadFull(body, data)
	b.ranges.Bytes += int64(n)
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", b.desc.Digest, unexpected(err))
	}
	return data, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
