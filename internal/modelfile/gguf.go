package modelfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"slices"
)

// The GGUF format as ggml-org/ggml defines it (docs/gguf.md, and src/gguf.cpp
// for what the reference reader refuses), versions 2 and 3, little-endian: the
// mark, counts, metadata, one entry for each tensor, and from the next
// multiple of the alignment on the data of the tensors. Where tensors end
// follows from where the next one begins, so that types need not be known.

// Limits, far beyond what any model has: the metadata of the largest
// vocabularies take some 20 MB.
const (
	maxGGUFHeader    = 256 << 20 // bytes before the data
	maxGGUFKeys      = 65_536
	maxGGUFKey       = 65_535 // bytes; the format's own
	maxGGUFDims      = 4      // the format's own
	maxGGUFNesting   = 8      // arrays in arrays
	ggufAlignmentKey = "general.alignment"
	ggufAlignment    = 32 // without that key
)

// Types of metadata.
const (
	ggufUint32 = 4
	ggufString = 8
	ggufArray  = 9
)

// ggufSizes are the bytes of a value, by type; strings and arrays have none of
// their own.
var ggufSizes = [...]uint64{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}

func looksLikeGGUF(head []byte) bool { return bytes.HasPrefix(head, []byte("GGUF")) }

// ggufStarts returns where the tensors' data begin in the file, in ascending
// order, the first of all being where the header and its padding end.
func ggufStarts(r io.ReaderAt, size int64) ([]int64, error) {
	g := &ggufReader{end: min(size, maxGGUFHeader), alignment: ggufAlignment}
	g.r = bufio.NewReaderSize(io.NewSectionReader(r, 0, g.end), 1<<16)
	offsets := g.header()
	if g.err != nil {
		return nil, g.err
	}
	data := (g.at + g.alignment - 1) / g.alignment * g.alignment
	if len(offsets) == 0 {
		return nil, nil
	}
	if data > size {
		return nil, brokenGGUF(size, "the file ends before the tensors' data begin")
	}
	starts := make([]int64, 1, len(offsets)+1)
	starts[0] = data
	for _, o := range offsets {
		if o%uint64(g.alignment) != 0 || o > uint64(size-data) {
			return nil, brokenGGUF(data, "a tensor's data begin at %d, which is not aligned or past the end of the file", o)
		}
		starts = append(starts, data+int64(o))
	}
	slices.Sort(starts)
	return starts, nil
}

// ggufReader reads from the beginning. After an error all it reads is zero.
type ggufReader struct {
	r         *bufio.Reader
	at, end   int64 // of the next byte, and of all that may be read
	alignment int64
	buf       [8]byte
	err       error
}

// header reads up to the padding before the data, and returns the offsets of
// the tensors' data in the order of their entries.
func (g *ggufReader) header() []uint64 {
	g.skip(4)
	if version := g.uint32(); version != 2 && version != 3 {
		g.fail("version %d; 2 and 3, little-endian, are read", version)
	}
	tensors, keys := g.uint64(), g.uint64()
	// The shortest entries: a name of no byte, one number.
	if tensors > maxTensors || tensors*(8+4+4+8) > g.left() {
		g.fail("it claims %d tensors", tensors)
	}
	if keys > maxGGUFKeys || keys*(8+4+1) > g.left() {
		g.fail("it claims %d keys", keys)
	}
	for i := uint64(0); i < keys && g.err == nil; i++ {
		g.metadata()
	}
	var offsets []uint64
	for i := uint64(0); i < tensors && g.err == nil; i++ {
		offsets = append(offsets, g.tensor())
	}
	return offsets
}

// metadata reads a key and its value. Only the alignment is kept.
func (g *ggufReader) metadata() {
	n := g.uint64()
	if n > maxGGUFKey {
		g.fail("a key of %d bytes, at most %d", n, maxGGUFKey)
	}
	isAlignment := false
	if n == uint64(len(ggufAlignmentKey)) {
		key := make([]byte, n)
		g.read(key)
		isAlignment = string(key) == ggufAlignmentKey
	} else {
		g.skip(n)
	}
	kind := g.uint32()
	if !isAlignment {
		g.value(kind, maxGGUFNesting)
		return
	}
	if kind != ggufUint32 {
		g.fail("%s has type %d, not uint32", ggufAlignmentKey, kind)
	}
	g.alignment = int64(g.uint32())
	if g.alignment == 0 || g.alignment&(g.alignment-1) != 0 {
		g.fail("%s is %d, not a power of two", ggufAlignmentKey, g.alignment)
	}
}

// value passes over a value.
func (g *ggufReader) value(kind uint32, nesting int) {
	switch {
	case g.err != nil:
	case kind == ggufString:
		g.skip(g.uint64())
	case kind == ggufArray:
		if nesting == 0 {
			g.fail("arrays in arrays, more than %d deep", maxGGUFNesting)
		}
		element, n := g.uint32(), g.uint64()
		if element < uint32(len(ggufSizes)) && ggufSizes[element] > 0 {
			if n > math.MaxInt64/8 {
				g.fail("an array of %d elements", n)
			}
			g.skip(n * ggufSizes[element])
			return
		}
		for i := uint64(0); i < n && g.err == nil; i++ {
			g.value(element, nesting-1)
		}
	case kind < uint32(len(ggufSizes)):
		g.skip(ggufSizes[kind])
	default:
		g.fail("unknown type of metadata %d", kind)
	}
}

// tensor reads an entry and returns the offset of its data.
func (g *ggufReader) tensor() uint64 {
	n := g.uint64()
	if n > maxGGUFKey {
		g.fail("a tensor's name of %d bytes, at most %d", n, maxGGUFKey)
	}
	g.skip(n)
	dims := g.uint32()
	if dims > maxGGUFDims {
		g.fail("a tensor of %d dimensions, at most %d", dims, maxGGUFDims)
	}
	g.skip(8 * uint64(dims))
	g.uint32() // its type
	return g.uint64()
}

func (g *ggufReader) uint32() uint32 {
	g.read(g.buf[:4])
	return binary.LittleEndian.Uint32(g.buf[:])
}

func (g *ggufReader) uint64() uint64 {
	g.read(g.buf[:8])
	return binary.LittleEndian.Uint64(g.buf[:])
}

// read fills b, with zeros after an error.
func (g *ggufReader) read(b []byte) {
	if g.take(uint64(len(b))) {
		_, g.err = io.ReadFull(g.r, b)
	}
	if g.err != nil {
		clear(b)
	}
}

func (g *ggufReader) skip(n uint64) {
	if g.take(n) {
		_, g.err = g.r.Discard(int(n))
	}
}

// take counts n bytes as read, unless there are not so many.
func (g *ggufReader) take(n uint64) bool {
	if g.err == nil && n > g.left() {
		g.fail("%d bytes are claimed where %d are left", n, g.left())
	}
	if g.err != nil {
		return false
	}
	g.at += int64(n)
	return true
}

func (g *ggufReader) left() uint64 { return uint64(g.end - g.at) }

// fail sets the first error.
func (g *ggufReader) fail(reason string, args ...any) {
	if g.err == nil {
		g.err = brokenGGUF(g.at, reason, args...)
	}
}

func brokenGGUF(at int64, reason string, args ...any) *FormatError {
	bad := broken("", at, "", reason, args...)
	bad.Format = "GGUF"
	return bad
}
