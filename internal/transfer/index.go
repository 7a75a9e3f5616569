package transfer

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/waybill-dev/waybill/internal/ref"
)

// Index tells of each file of a dataset or model which chunks it is made of,
// and where in which blob they lie. With it a file is put together from what
// is at hand and from ranges of blobs.
//
// Its stored form is frozen: zstd of "waybill index 1\n" and then, all numbers
// as unsigned LEB128 (encoding/binary's Uvarint),
//
//	chunker   length, name
//	blobs     count, each: 32 bytes of SHA-256, size
//	files     count, each: bytes that the path shares with the one before,
//	          length of the rest, rest, flags (1 executable), size, 32 bytes
//	          of SHA-256, count of chunks, each: blob, offset, length, 32 bytes
//	          of SHA-256 unless it is the only chunk
//
// Files are sorted by path. There is one form for each index.
type Index struct {
	Chunker string // what cut the files; Chunker for those of this package
	Blobs   []Blob
	Files   []IndexedFile // sorted by path, unique
}

// Blob holds chunks. It is a layer of the manifest that the index belongs to.
type Blob struct {
	Digest ref.Digest
	Size   int64
}

// IndexedFile is one file; its chunks, in their order, are its content.
type IndexedFile struct {
	Path       string
	Size       int64
	Digest     ref.Digest
	Executable bool
	Chunks     []Chunk // none if and only if Size is 0
}

// Chunk says what a part of a file is and where it lies.
type Chunk struct {
	Sum    [32]byte // SHA-256
	Blob   uint32   // number in Index.Blobs
	Length uint32
	Offset int64 // in the blob
}

// MaxChunk is how long a chunk may be.
const MaxChunk = 64 << 20

// Limits on an index, which comes from a registry and is hostile until checked.
const (
	maxIndex        = 128 << 20 // bytes as stored
	maxIndexRaw     = 512 << 20 // bytes before compression
	maxIndexRatio   = 1000      // of the two; sums do not compress, so real ones stay below 100
	maxIndexBlobs   = 500
	maxIndexFiles   = 2_000_000
	maxIndexChunks  = 8_000_000
	maxIndexPath    = 1024
	maxIndexPaths   = 256 << 20 // bytes of all paths: they are stored by what differs
	maxIndexChunker = 64
	maxIndexContent = 1 << 50 // bytes of all files, and of one blob
	maxRepetition   = 1000    // bytes of files for one byte of blobs,
	freeRepetition  = 1 << 30 // past this many
)

const indexMagic = "waybill index 1\n"

// Least bytes that a blob, a file and a chunk take in the stored form: a count
// that what follows cannot hold is refused before anything is allocated.
const (
	minBlobBytes  = 32 + 1
	minFileBytes  = 1 + 1 + 1 + 1 + 1 + 32 + 1
	minChunkBytes = 3 // and a sum where there are several
)

// Encode returns the stored form: the same bytes for the same index. It
// refuses what DecodeIndex would.
func (x *Index) Encode() ([]byte, error) {
	if err := x.check(); err != nil {
		return nil, fmt.Errorf("encode chunk index: %w", err)
	}
	raw, err := x.appendRaw(nil)
	if err != nil {
		return nil, fmt.Errorf("encode chunk index: %w", err)
	}
	data, err := compressIndex(raw)
	if err != nil {
		return nil, fmt.Errorf("encode chunk index: %w", err)
	}
	return data, nil
}

// compressIndex makes the stored form of an index or a delta.
func compressIndex(raw []byte) ([]byte, error) {
	// One thread, no checksum: nothing but the bytes decides on the bytes.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	data := enc.EncodeAll(raw, nil)
	if len(raw) > maxIndexRaw || len(data) > maxIndex {
		return nil, fmt.Errorf("it would have %d bytes (%d stored), more than the %d (%d) that are read again; use fewer, larger files",
			len(raw), len(data), maxIndexRaw, maxIndex)
	}
	return data, nil
}

func (x *Index) appendRaw(b []byte) ([]byte, error) {
	return x.appendBody(append(b, indexMagic...))
}

// appendBody appends what follows the magic.
func (x *Index) appendBody(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(len(x.Chunker)))
	b = append(b, x.Chunker...)
	b = binary.AppendUvarint(b, uint64(len(x.Blobs)))
	for _, blob := range x.Blobs {
		sum, err := sumOf(blob.Digest)
		if err != nil {
			return nil, err
		}
		b = append(b, sum[:]...)
		b = binary.AppendUvarint(b, uint64(blob.Size))
	}
	b = binary.AppendUvarint(b, uint64(len(x.Files)))
	before := ""
	for i := range x.Files {
		f := &x.Files[i]
		sum, err := sumOf(f.Digest)
		if err != nil {
			return nil, err
		}
		b = appendPath(b, before, f.Path)
		var flags byte
		if f.Executable {
			flags = 1
		}
		b = append(b, flags)
		b = binary.AppendUvarint(b, uint64(f.Size))
		b = append(b, sum[:]...)
		b = binary.AppendUvarint(b, uint64(len(f.Chunks)))
		for _, c := range f.Chunks {
			b = binary.AppendUvarint(b, uint64(c.Blob))
			b = binary.AppendUvarint(b, uint64(c.Offset))
			b = binary.AppendUvarint(b, uint64(c.Length))
			if len(f.Chunks) > 1 {
				b = append(b, c.Sum[:]...)
			}
		}
		before = f.Path
	}
	return b, nil
}

// appendPath appends what differs from the path before.
func appendPath(b []byte, before, path string) []byte {
	n := shared(before, path)
	b = binary.AppendUvarint(b, uint64(n))
	b = binary.AppendUvarint(b, uint64(len(path)-n))
	return append(b, path[n:]...)
}

// shared returns how many bytes a and b begin with alike.
func shared(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// DecodeIndex reads the stored form. What it returns is consistent: paths are
// relative and stay inside, chunks lie inside their blobs, do not partly
// overlap and add up to their files. Whether the bytes there have the digests
// that it names is for the reader of the blobs to verify.
func DecodeIndex(data []byte) (*Index, error) {
	x, err := decodeIndex(data)
	if err != nil {
		return nil, fmt.Errorf("chunk index: %w", err)
	}
	return x, nil
}

func decodeIndex(data []byte) (*Index, error) {
	raw, err := decompressIndex(data)
	if err != nil {
		return nil, err
	}
	x, err := parseIndex(raw)
	if err != nil {
		return nil, err
	}
	return x, x.check()
}

func decompressIndex(data []byte) ([]byte, error) {
	if len(data) > maxIndex {
		return nil, fmt.Errorf("has %d bytes, more than %d", len(data), maxIndex)
	}
	limit := min(maxIndexRaw, uint64(len(data))*maxIndexRatio+64<<10)
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(limit), zstd.WithDecoderMaxWindow(limit))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	raw, err := dec.DecodeAll(data, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot be decompressed: %w", err)
	}
	return raw, nil
}

func parseIndex(raw []byte) (*Index, error) {
	r := &indexReader{rest: raw}
	if string(r.bytes(len(indexMagic))) != indexMagic {
		return nil, fmt.Errorf("does not begin with %q", indexMagic)
	}
	return r.index()
}

// index reads what follows the magic, to the end.
func (r *indexReader) index() (*Index, error) {
	x := &Index{Chunker: string(r.bytes(r.count("bytes of chunker name", 1, maxIndexChunker)))}
	x.Blobs = make([]Blob, r.count("blobs", minBlobBytes, maxIndexBlobs))
	for i := range x.Blobs {
		sum := r.sum()
		x.Blobs[i] = Blob{Digest: ref.FromSum(sum[:]), Size: r.number()}
		if r.err != nil {
			return nil, fmt.Errorf("blob %d: %w", i, r.err)
		}
	}
	x.Files = make([]IndexedFile, r.count("files", minFileBytes, maxIndexFiles))
	r.digests.Grow(len(x.Files) * len(noBytes))
	before := ""
	for i := range x.Files {
		r.file(&x.Files[i], before)
		if r.err != nil {
			return nil, fmt.Errorf("file %d, after %s: %w", i, quote(before), r.err)
		}
		before = x.Files[i].Path
	}
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("has %d bytes after its end", len(r.rest))
	}
	return x, r.err
}

// indexReader takes an index apart. After the first error, which it keeps, it
// returns zeros.
type indexReader struct {
	rest    []byte
	err     error
	slab    []Chunk         // where the chunks of small files come from
	digests strings.Builder // where those of files come from
	chunks  int             // so far
	paths   int             // bytes of paths so far
}

func (r *indexReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
		r.rest = nil
	}
}

func (r *indexReader) bytes(n int) []byte {
	if n > len(r.rest) {
		r.fail("it ends too early")
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *indexReader) sum() (sum [32]byte) {
	copy(sum[:], r.bytes(len(sum)))
	return sum
}

// number reads a number in the one form that it has.
func (r *indexReader) number() int64 {
	v, n := binary.Uvarint(r.rest)
	switch {
	case n == 0:
		r.fail("it ends too early")
		return 0
	case n < 0 || v > maxIndexContent:
		r.fail("a number is larger than %d", int64(maxIndexContent))
		return 0
	case n > 1 && r.rest[n-1] == 0:
		r.fail("a number is longer than it need be")
		return 0
	}
	r.rest = r.rest[n:]
	return int64(v)
}

// count reads how many of something follow, each of which takes at least size
// bytes.
func (r *indexReader) count(what string, size, most int) int {
	n := r.number()
	if n > int64(most) {
		r.fail("has %d %s, more than %d", n, what, most)
		return 0
	}
	if n*int64(size) > int64(len(r.rest)) {
		r.fail("says that it has %d %s and ends before them", n, what)
		return 0
	}
	return int(n)
}

// path reads a path that comes after before; "" after an error.
func (r *indexReader) path(before string) string {
	n := int(r.number())
	rest := r.bytes(int(min(r.number(), maxIndexPath+1)))
	switch {
	case r.err != nil:
	case n > len(before):
		r.fail("its path shares more bytes than there are")
	case n < len(before) && len(rest) > 0 && rest[0] == before[n]:
		r.fail("its path shares more bytes than it says")
	case n+len(rest) > maxIndexPath:
		r.fail("its path is longer than %d bytes", maxIndexPath)
	case r.paths+n+len(rest) > maxIndexPaths:
		r.fail("all paths together are longer than %d bytes", maxIndexPaths)
	}
	if r.err != nil {
		return ""
	}
	r.paths += n + len(rest)
	return before[:n] + string(rest)
}

func (r *indexReader) file(f *IndexedFile, before string) {
	f.Path = r.path(before)
	flags := r.bytes(1)
	if r.err != nil {
		return
	}
	if flags[0] > 1 {
		r.fail("has flags that are not known, %#x; it was written by a newer waybill", flags[0])
		return
	}
	f.Executable = flags[0] == 1
	f.Size = r.number()
	sum := r.sum()
	f.Digest = r.digest(sum)
	f.Chunks = r.fileChunks(sum)
}

// fileChunks reads the chunks of a file with the digest whole.
func (r *indexReader) fileChunks(whole [32]byte) []Chunk {
	n := r.count("chunks", minChunkBytes, maxIndexChunks-r.chunks)
	if n > 1 && n*(minChunkBytes+len(whole)) > len(r.rest) {
		r.fail("says that it has %d chunks and ends before them", n)
	}
	if n == 0 || r.err != nil {
		return nil
	}
	r.chunks += n
	chunks := r.allocate(n)
	for i := range chunks {
		blob, offset, length := r.number(), r.number(), r.number()
		if blob >= maxIndexBlobs || length > MaxChunk {
			r.fail("chunk %d lies in blob %d with %d bytes; at most %d blobs and %d bytes are read", i, blob, length, maxIndexBlobs, MaxChunk)
			return nil
		}
		c := Chunk{Sum: whole, Blob: uint32(blob), Offset: offset, Length: uint32(length)}
		if n > 1 {
			c.Sum = r.sum()
		}
		chunks[i] = c
	}
	return chunks
}

// digest is ref.FromSum for millions: all are parts of one string.
func (r *indexReader) digest(sum [32]byte) ref.Digest {
	var digits [2 * len(sum)]byte
	hex.Encode(digits[:], sum[:])
	start := r.digests.Len()
	r.digests.WriteString("sha256:")
	r.digests.Write(digits[:])
	return ref.Digest(r.digests.String()[start:])
}

// allocate spares a million files of one chunk a million allocations.
func (r *indexReader) allocate(n int) []Chunk {
	const slab = 1024
	if n > slab/8 {
		return make([]Chunk, n)
	}
	if n > len(r.slab) {
		r.slab = make([]Chunk, slab)
	}
	chunks := r.slab[:n:n]
	r.slab = r.slab[n:]
	return chunks
}

// sumOf returns the bytes of a digest.
func sumOf(d ref.Digest) (sum [32]byte, err error) {
	if _, err := ref.ParseDigest(string(d)); err != nil {
		return sum, err
	}
	var digits [2 * len(sum)]byte // on the stack: there are millions
	copy(digits[:], d.Hex())
	_, err = hex.Decode(sum[:], digits[:])
	return sum, err
}
