package transfer

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
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
	// One thread, no checksum: nothing but the bytes decides on the bytes.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("encode chunk index: %w", err)
	}
	defer enc.Close()
	data := enc.EncodeAll(raw, nil)
	if len(raw) > maxIndexRaw || len(data) > maxIndex {
		return nil, fmt.Errorf("encode chunk index: it would have %d bytes (%d stored), more than the %d (%d) that are read again; use fewer, larger files",
			len(raw), len(data), maxIndexRaw, maxIndex)
	}
	return data, nil
}

func (x *Index) appendRaw(b []byte) ([]byte, error) {
	b = append(b, indexMagic...)
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
		n := shared(before, f.Path)
		b = binary.AppendUvarint(b, uint64(n))
		b = binary.AppendUvarint(b, uint64(len(f.Path)-n))
		b = append(b, f.Path[n:]...)
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
	x, err := parseIndex(raw)
	if err != nil {
		return nil, err
	}
	return x, x.check()
}

func parseIndex(raw []byte) (*Index, error) {
	r := &indexReader{rest: raw}
	if string(r.bytes(len(indexMagic))) != indexMagic {
		return nil, fmt.Errorf("does not begin with %q", indexMagic)
	}
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

func (r *indexReader) file(f *IndexedFile, before string) {
	n := int(r.number())
	rest := r.bytes(int(min(r.number(), maxIndexPath+1)))
	switch {
	case r.err != nil:
		return
	case n > len(before):
		r.fail("its path shares more bytes than there are")
		return
	case n < len(before) && len(rest) > 0 && rest[0] == before[n]:
		r.fail("its path shares more bytes than it says")
		return
	case n+len(rest) > maxIndexPath:
		r.fail("its path is longer than %d bytes", maxIndexPath)
		return
	}
	if r.paths += n + len(rest); r.paths > maxIndexPaths {
		r.fail("all paths together are longer than %d bytes", maxIndexPaths)
		return
	}
	f.Path = before[:n] + string(rest)
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

// check tells what is inconsistent in the index.
func (x *Index) check() error {
	if !isChunkerName(x.Chunker) {
		return fmt.Errorf("chunker %s: is not a name of up to %d of the characters a-z 0-9 . -", quote(x.Chunker), maxIndexChunker)
	}
	stored, err := checkBlobs(x.Blobs)
	if err != nil {
		return err
	}
	if len(x.Files) > maxIndexFiles {
		return fmt.Errorf("has %d files, more than %d", len(x.Files), maxIndexFiles)
	}
	var total int64
	chunks, paths := 0, 0
	for i := range x.Files {
		f := &x.Files[i]
		if i > 0 && f.Path <= x.Files[i-1].Path {
			return fmt.Errorf("file %s: does not come after %s; paths are unique and sorted", quote(f.Path), quote(x.Files[i-1].Path))
		}
		if err := f.check(x.Blobs); err != nil {
			return fmt.Errorf("file %s: %w", quote(f.Path), err)
		}
		chunks += len(f.Chunks)
		paths += len(f.Path)
		total += f.Size
		if total > maxIndexContent {
			return fmt.Errorf("file %s: with it all files have %d bytes, more than %d", quote(f.Path), total, int64(maxIndexContent))
		}
	}
	switch {
	case chunks > maxIndexChunks:
		return fmt.Errorf("has %d chunks, more than %d", chunks, maxIndexChunks)
	case paths > maxIndexPaths:
		return fmt.Errorf("all paths together have %d bytes, more than %d", paths, maxIndexPaths)
	case (total-freeRepetition)/maxRepetition > stored:
		return fmt.Errorf("makes %d bytes of files of %d bytes of blobs, more than %d to 1", total, stored, maxRepetition)
	}
	return x.checkPlaces(chunks)
}

// checkBlobs returns how many bytes the blobs have.
func checkBlobs(blobs []Blob) (stored int64, err error) {
	if len(blobs) > maxIndexBlobs {
		return 0, fmt.Errorf("has %d blobs, more than %d", len(blobs), maxIndexBlobs)
	}
	seen := make(map[ref.Digest]bool, len(blobs))
	for i, b := range blobs {
		if _, err := ref.ParseDigest(string(b.Digest)); err != nil {
			return 0, fmt.Errorf("blob %d: %w", i, err)
		}
		if b.Size < 1 || b.Size > maxIndexContent {
			return 0, fmt.Errorf("blob %d, %s: has %d bytes, must have 1 to %d", i, b.Digest, b.Size, int64(maxIndexContent))
		}
		if seen[b.Digest] {
			return 0, fmt.Errorf("blob %d, %s: is listed twice", i, b.Digest)
		}
		seen[b.Digest] = true
		stored += b.Size
	}
	return stored, nil
}

var noBytes = ref.Of(nil)

func (f *IndexedFile) check(blobs []Blob) error {
	if err := checkIndexedPath(f.Path); err != nil {
		return err
	}
	whole, err := sumOf(f.Digest)
	if err != nil {
		return err
	}
	if f.Size < 0 || f.Size > maxIndexContent {
		return fmt.Errorf("has %d bytes, must have 0 to %d", f.Size, int64(maxIndexContent))
	}
	if (f.Size == 0) != (f.Digest == noBytes) {
		return fmt.Errorf("%d bytes cannot have the digest %s", f.Size, f.Digest)
	}
	var size int64
	for i, c := range f.Chunks {
		if c.Length < 1 || c.Length > MaxChunk {
			return fmt.Errorf("chunk %d has %d bytes, must have 1 to %d", i, c.Length, MaxChunk)
		}
		if int64(c.Blob) >= int64(len(blobs)) {
			return fmt.Errorf("chunk %d lies in blob %d, and there are %d", i, c.Blob, len(blobs))
		}
		if b := blobs[c.Blob]; c.Offset < 0 || c.Offset > b.Size-int64(c.Length) {
			return fmt.Errorf("chunk %d reaches from %d over %d bytes, and blob %s has %d", i, c.Offset, c.Length, b.Digest, b.Size)
		}
		size += int64(c.Length)
	}
	if size != f.Size {
		return fmt.Errorf("its chunks have %d bytes, the file has %d", size, f.Size)
	}
	if len(f.Chunks) == 1 && f.Chunks[0].Sum != whole {
		return errors.New("its only chunk has another digest")
	}
	return nil
}

// checkPlaces refuses chunks that share bytes of a blob, unless they are the
// same.
func (x *Index) checkPlaces(n int) error {
	type place struct{ file, chunk int32 }
	places := make([]place, 0, n)
	for i := range x.Files {
		for k := range x.Files[i].Chunks {
			places = append(places, place{int32(i), int32(k)})
		}
	}
	at := func(p place) *Chunk { return &x.Files[p.file].Chunks[p.chunk] }
	slices.SortFunc(places, func(p, q place) int {
		a, b := at(p), at(q)
		return cmp.Or(cmp.Compare(a.Blob, b.Blob), cmp.Compare(a.Offset, b.Offset))
	})
	for i := 1; i < len(places); i++ {
		a, b := at(places[i-1]), at(places[i])
		if a.Blob != b.Blob || a.Offset+int64(a.Length) <= b.Offset {
			continue
		}
		if a.Offset != b.Offset || a.Length != b.Length || a.Sum != b.Sum {
			return fmt.Errorf("files %s and %s: chunks that differ share bytes of blob %s",
				quote(x.Files[places[i-1].file].Path), quote(x.Files[places[i].file].Path), x.Blobs[a.Blob].Digest)
		}
	}
	return nil
}

// checkIndexedPath refuses what must not reach a file system. Whether all
// paths can stand together in one folder is for the caller to check.
func checkIndexedPath(p string) error {
	switch {
	case len(p) > maxIndexPath:
		return fmt.Errorf("its path is longer than %d bytes", maxIndexPath)
	case p == "." || !fs.ValidPath(p):
		return errors.New("its path is not a clean relative one")
	case strings.Contains(p, `\`):
		return errors.New(`its path has a \`)
	case strings.ContainsFunc(p, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return errors.New("its path has a control character")
	}
	return nil
}

func isChunkerName(s string) bool {
	return s != "" && len(s) <= maxIndexChunker && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-'
	})
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

// quote shows a hostile path: 80 bytes are enough to recognise it.
func quote(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%q…", s[:80])
	}
	return fmt.Sprintf("%q", s)
}
