package transfer

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// Chunker names how Split cuts files. Another way of cutting is another name:
// versions that are cut alike share chunks.
const Chunker = "waybill-1"

// How content is cut. The shape is that of Hugging Face's Xet
// (xet-core, spec/chunking.md): its simulations and ours agree on it.
const (
	minCut    = 8 << 10
	targetCut = 64 << 10
	maxCut    = 128 << 10
	cutWindow = 64 // bytes that the hash remembers: each shifts it by one bit
	// A cut is where the upper 16 bits of the hash are zero: each 64 KiB on average.
	cutBelow = 1 << 48
)

const (
	maxSegment  = 16 << 20 // longer segments of a format are cut further,
	segmentPart = 4 << 20  // into parts of this length
	splitBuffer = 1 << 20
)

// gear gives each byte a random number: the first eight bytes, big-endian, of
// the SHA-256 of "waybill-1 gear" and the byte.
var gear = func() (table [256]uint64) {
	for i := range table {
		sum := sha256.Sum256(append([]byte(Chunker+" gear"), byte(i)))
		table[i] = binary.BigEndian.Uint64(sum[:])
	}
	return table
}()

// Cuts tells where the format of a file wants chunks to end: at its tensors,
// members or columns. ends ascend and the last is size; nil means no opinion.
// shifting says that content inside a segment may move between versions of the
// file, so that segments over 64 KiB are cut by content as well; otherwise
// those over 16 MiB are cut every 4 MiB. An error, or ends that are wrong, mean
// no opinion: a damaged file is still a file.
type Cuts func(name string, r io.ReaderAt, size int64) (ends []int64, shifting bool, err error)

// Piece is a chunk of a file that has no place yet.
type Piece struct {
	Sum    [32]byte // SHA-256
	Length uint32
}

// Split cuts a file of size bytes into chunks, which it returns with the
// digest of the whole. It reads the file once, apart from what cuts reads,
// which may be nil. The same content and cuts give the same chunks on every
// machine.
func Split(ctx context.Context, name string, r io.ReaderAt, size int64, cuts Cuts) (chunks []Piece, whole ref.Digest, err error) {
	sum := sha256.New()
	chunks, err = splitInto(ctx, name, r, size, cuts, sum)
	if err != nil {
		return nil, "", err
	}
	return chunks, ref.FromSum(sum.Sum(nil)), nil
}

// splitInto is Split that writes the whole file to whole, which may be nil.
func splitInto(ctx context.Context, name string, r io.ReaderAt, size int64, cuts Cuts, whole hash.Hash) ([]Piece, error) {
	segments, byContent := segment(name, r, size, cuts)
	s := &splitter{
		ctx:   ctx,
		r:     bufio.NewReaderSize(io.NewSectionReader(r, 0, size), int(min(size, splitBuffer))),
		whole: whole,
		chunk: sha256.New(),
		alone: len(segments) == 1 && !byContent && whole != nil,
	}
	for _, n := range segments {
		var err error
		if byContent && n > targetCut {
			err = s.cutSegment(n)
		} else {
			err = s.takeSegment(n)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	return s.chunks, nil
}

// segment returns the lengths of what is cut on its own, and whether that is
// done by content; else each is one chunk.
func segment(name string, r io.ReaderAt, size int64, cuts Cuts) (segments []int64, byContent bool) {
	switch {
	case size == 0:
		return nil, false
	case size <= targetCut:
		return []int64{size}, false
	case cuts == nil:
		return []int64{size}, true
	}
	ends, shifting, err := cuts(name, r, size)
	if err != nil || !areEnds(ends, size) {
		return []int64{size}, true
	}
	segments = joinSmall(ends)
	if !shifting {
		segments = divideLong(segments)
	}
	return segments, shifting
}

// areEnds tells whether ends ascend to size.
func areEnds(ends []int64, size int64) bool {
	last := int64(0)
	for _, end := range ends {
		if end <= last {
			return false
		}
		last = end
	}
	return last == size
}

// joinSmall returns the lengths between ends. Neighbours that are small become one
// until they are not: a file of a million small tensors is not a million chunks.
func joinSmall(ends []int64) []int64 {
	var lengths []int64
	var start, pending int64 // where the next segment begins; how much of small ones waits
	take := func(n int64) {
		if n > 0 {
			lengths = append(lengths, n)
		}
	}
	for _, end := range ends {
		n := end - start
		start = end
		if n >= targetCut {
			take(pending)
			take(n)
			pending = 0
		} else if pending += n; pending >= targetCut {
			take(pending)
			pending = 0
		}
	}
	take(pending)
	return lengths
}

// divideLong cuts long segments into parts of one length and a rest.
func divideLong(segments []int64) []int64 {
	var parts []int64
	for _, n := range segments {
		if n > maxSegment {
			for ; n > segmentPart; n -= segmentPart {
				parts = append(parts, segmentPart)
			}
		}
		parts = append(parts, n)
	}
	return parts
}

// splitter goes through a file once.
type splitter struct {
	ctx          context.Context
	r            *bufio.Reader
	whole, chunk hash.Hash
	alone        bool // the only chunk is the file
	chunks       []Piece
}

// peek returns the next n bytes, which are at most maxCut.
func (s *splitter) peek(n int64) ([]byte, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	p, err := s.r.Peek(int(n))
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the file is shorter than it was
	}
	return p, err
}

// takeSegment makes the next n bytes a chunk.
func (s *splitter) takeSegment(n int64) error {
	s.chunk.Reset()
	for left := n; left > 0; {
		p, err := s.peek(min(left, maxCut))
		if err != nil {
			return err
		}
		if s.whole != nil {
			s.whole.Write(p)
		}
		if !s.alone {
			s.chunk.Write(p)
		}
		left -= int64(len(p))
		s.r.Discard(len(p))
	}
	sum := s.chunk.Sum(nil)
	if s.alone {
		sum = s.whole.Sum(nil)
	}
	s.chunks = append(s.chunks, Piece{Sum: [32]byte(sum), Length: uint32(n)})
	return nil
}

// cutSegment cuts the next n bytes by content.
func (s *splitter) cutSegment(n int64) error {
	for n > 0 {
		p, err := s.peek(min(n, maxCut))
		if err != nil {
			return err
		}
		p = p[:cut(p)]
		if s.whole != nil {
			s.whole.Write(p)
		}
		s.chunks = append(s.chunks, Piece{Sum: sha256.Sum256(p), Length: uint32(len(p))})
		n -= int64(len(p))
		s.r.Discard(len(p))
	}
	return nil
}

// cut returns how long the chunk is with which p begins. p has maxCut bytes, or
// all that are left.
func cut(p []byte) int {
	if len(p) <= minCut {
		return len(p)
	}
	// Bytes that the hash will have forgotten at the first possible cut need
	// not be hashed.
	h := uint64(0)
	for _, b := range p[minCut-cutWindow : minCut-1] {
		h = h<<1 + gear[b]
	}
	i := minCut - 1
	for ; i+8 <= len(p); i += 8 {
		q := (*[8]byte)(p[i:])
		if h = h<<1 + gear[q[0]]; h < cutBelow {
			return i + 1
		}
		if h = h<<1 + gear[q[1]]; h < cutBelow {
			return i + 2
		}
		if h = h<<1 + gear[q[2]]; h < cutBelow {
			return i + 3
		}
		if h = h<<1 + gear[q[3]]; h < cutBelow {
			return i + 4
		}
		if h = h<<1 + gear[q[4]]; h < cutBelow {
			return i + 5
		}
		if h = h<<1 + gear[q[5]]; h < cutBelow {
			return i + 6
		}
		if h = h<<1 + gear[q[6]]; h < cutBelow {
			return i + 7
		}
		if h = h<<1 + gear[q[7]]; h < cutBelow {
			return i + 8
		}
	}
	for ; i < len(p); i++ {
		if h = h<<1 + gear[p[i]]; h < cutBelow {
			return i + 1
		}
	}
	return len(p)
}

// PlainFile is a file that is stored as a blob of its own.
type PlainFile struct {
	Path       string
	Size       int64
	Digest     ref.Digest
	Executable bool
	// Pieces are the file's chunks. A file of at most MaxChunk bytes without
	// them is one chunk.
	Pieces []Piece
}

// PlainIndex returns the index of files that are each one blob. The blobs have
// the order of the files' paths; files of one digest share a blob and, since
// chunks must not overlap, the pieces of the first. Encode refuses an index
// whose pieces do not add up.
func PlainIndex(files []PlainFile) (*Index, error) {
	files = slices.Clone(files)
	sorting.By(files, func(a, b PlainFile) int { return cmp.Compare(a.Path, b.Path) })
	x := &Index{Chunker: Chunker, Files: make([]IndexedFile, len(files))}
	stored := map[ref.Digest][]Chunk{}
	for i, f := range files {
		chunks, ok := stored[f.Digest]
		if !ok && f.Size > 0 {
			var err error
			if chunks, err = plainChunks(f, uint32(len(x.Blobs))); err != nil {
				return nil, fmt.Errorf("index %s: %w", f.Path, err)
			}
			stored[f.Digest] = chunks
			x.Blobs = append(x.Blobs, Blob{Digest: f.Digest, Size: f.Size})
		}
		x.Files[i] = IndexedFile{Path: f.Path, Size: f.Size, Digest: f.Digest, Executable: f.Executable, Chunks: chunks}
	}
	return x, nil
}

func plainChunks(f PlainFile, blob uint32) ([]Chunk, error) {
	if f.Pieces == nil {
		if f.Size > MaxChunk {
			return nil, fmt.Errorf("%d bytes are too many for one chunk; split it first", f.Size)
		}
		sum, err := sumOf(f.Digest)
		return []Chunk{{Sum: sum, Blob: blob, Length: uint32(f.Size)}}, err
	}
	chunks := make([]Chunk, len(f.Pieces))
	offset := int64(0)
	for i, p := range f.Pieces {
		chunks[i] = Chunk{Sum: p.Sum, Blob: blob, Length: p.Length, Offset: offset}
		offset += int64(p.Length)
	}
	return chunks, nil
}
