package modelfile

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// The GGUF format as ggml-org/ggml defines it (docs/gguf.md, and src/gguf.cpp
// for what the reference reader refuses), versions 2 and 3, little-endian: the
// mark, counts, metadata, one entry for each tensor, and from the next
// multiple of the alignment on the data of the tensors.
//
// This file parses the header. Cuts needs no more than the offsets in it, so
// that a type it does not know does not keep a model from being cut;
// readGGUF, in gguf_facts.go, holds the file to every rule.

var gguf = format{
	name:      "gguf",
	byContent: looksLikeGGUF,
	byName:    func(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".gguf") },
	rules:     ggufRules,
	read:      readGGUF,
}

// Limits, far beyond what any model has: the metadata of the largest
// vocabularies take some 20 MB.
const (
	maxGGUFHeader    = 256 << 20 // bytes before the data
	maxGGUFKeys      = 65_536
	maxGGUFKey       = 65_535   // bytes; the format's own
	maxGGUFName      = 63       // bytes of a tensor's name: GGML_MAX_NAME with its final zero
	maxGGUFDims      = 4        // the format's own
	maxGGUFNesting   = 8        // arrays in arrays
	maxGGUFText      = 1 << 20  // bytes kept of one text
	maxGGUFKept      = 16 << 20 // bytes kept of all texts
	ggufFewElements  = 16       // arrays of so many numbers or texts are kept whole
	ggufAlignmentKey = "general.alignment"
	ggufTokensKey    = "tokenizer.ggml.tokens"
	ggufAlignment    = 32 // without that key
)

// Rules of the format, as FormatError.Rule has them. GGF001 is about what
// templates do, not about structure.
const (
	ruleGGUFVersion   = "GGF002"
	ruleGGUFShort     = "GGF003"
	ruleGGUFCount     = "GGF004"
	ruleGGUFKey       = "GGF005"
	ruleGGUFTwice     = "GGF006"
	ruleGGUFValue     = "GGF007"
	ruleGGUFAlignment = "GGF008"
	ruleGGUFTensor    = "GGF009"
	ruleGGUFType      = "GGF010"
	ruleGGUFSize      = "GGF011"
	ruleGGUFLayout    = "GGF012"
	ruleGGUFTrailing  = "GGF013"
	ruleGGUFLimit     = "GGF014"
)

var ggufRules = map[string]string{
	ruleGGUFVersion:   "The file begins with \"GGUF\" and is of version 2 or 3, little-endian.",
	ruleGGUFShort:     "The file is as long as its counts, lengths and tensors say.",
	ruleGGUFCount:     "There are no more keys and tensors than the file has room for.",
	ruleGGUFKey:       "A key is at most 65,535 bytes long.",
	ruleGGUFTwice:     "No key and no tensor's name stands twice.",
	ruleGGUFValue:     "A value is of a type that the format defines; a bool is 0 or 1; keys with a meaning have the type it asks for.",
	ruleGGUFAlignment: "general.alignment is a uint32 and a power of two.",
	ruleGGUFTensor:    "A tensor's name has at most 63 bytes, and it has at most 4 dimensions.",
	ruleGGUFType:      "A tensor's type is one that the format defines and has not removed.",
	ruleGGUFSize:      "A tensor's rows are whole blocks of its type, and its size can be counted.",
	ruleGGUFLayout:    "The tensors' data follow each other in the order of their entries, each at the next multiple of the alignment.",
	ruleGGUFTrailing:  "Nothing but padding to the alignment follows the last tensor.",
	ruleGGUFLimit:     "There are at most 500,000 tensors and 65,536 keys, 256 MiB before the data, and arrays at most 8 deep.",
}

// Types of metadata.
const (
	ggufUint8   = 0
	ggufInt8    = 1
	ggufUint16  = 2
	ggufInt16   = 3
	ggufUint32  = 4
	ggufInt32   = 5
	ggufFloat32 = 6
	ggufBool    = 7
	ggufString  = 8
	ggufArray   = 9
	ggufUint64  = 10
	ggufInt64   = 11
	ggufFloat64 = 12
)

var ggufTypeNames = [...]string{"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "bool", "string", "array", "uint64", "int64", "float64"}

// ggufSizes are the bytes of a value, by type; strings and arrays have none of
// their own.
var ggufSizes = [...]uint64{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}

func looksLikeGGUF(head []byte) bool { return bytes.HasPrefix(head, []byte("GGUF")) }

// ggufStarts returns where the tensors' data begin in the file, in ascending
// order, the first of all being where the header and its padding end.
func ggufStarts(r io.ReaderAt, size int64) ([]int64, error) {
	g := newGGUFReader(context.Background(), r, size)
	g.header()
	if g.err != nil {
		return nil, g.err
	}
	if len(g.tensors) == 0 {
		return nil, nil
	}
	data := g.dataStart()
	if data > size {
		return nil, brokenGGUF(ruleGGUFShort, size, "the file ends before the tensors' data begin")
	}
	starts := make([]int64, 1, len(g.tensors)+1)
	starts[0] = data
	for _, t := range g.tensors {
		if t.offset%uint64(g.alignment) != 0 || t.offset > uint64(size-data) {
			return nil, brokenGGUF(ruleGGUFLayout, data, "a tensor's data begin at %d, which is not aligned or past the end of the file", t.offset)
		}
		starts = append(starts, data+int64(t.offset))
	}
	slices.Sort(starts)
	return starts, nil
}

// ggufReader reads from the beginning. After an error all it reads is zero.
type ggufReader struct {
	ctx       context.Context
	r         *bufio.Reader
	at, end   int64 // of the next byte, and of all that may be read
	size      int64 // of the file
	alignment int64
	version   uint32
	buf       [8]byte
	err       error

	// whole keeps keys and names, and refuses those that stand twice.
	whole   bool
	keys    []ggufKey
	tensors []ggufTensor
	kept    int // bytes of texts
}

// ggufKey is one pair of the metadata. value is an int64, uint64, float64,
// bool, string or *ggufList.
type ggufKey struct {
	name  string
	kind  uint32
	at    int64
	value any
}

// ggufList is an array: all of it when it is short, else what it is of.
type ggufList struct {
	kind   uint32
	n      uint64
	few    []any
	digest string // of ggufTokensKey
}

// ggufTensor is an entry. dims are as the file has them, the fastest first.
type ggufTensor struct {
	name   string
	dims   []uint64
	kind   uint32
	offset uint64 // from where the data begin
	at     int64  // of the entry
}

func newGGUFReader(ctx context.Context, r io.ReaderAt, size int64) *ggufReader {
	g := &ggufReader{ctx: ctx, size: size, end: min(size, maxGGUFHeader), alignment: ggufAlignment}
	g.r = bufio.NewReaderSize(io.NewSectionReader(r, 0, g.end), 1<<16)
	return g
}

// dataStart is where the tensors' data begin; right after header.
func (g *ggufReader) dataStart() int64 {
	return (g.at + g.alignment - 1) / g.alignment * g.alignment
}

// header reads up to the padding before the data.
func (g *ggufReader) header() {
	g.skip(4)
	g.version = g.uint32()
	switch {
	case g.err != nil:
		return
	case g.version != 2 && g.version != 3 && bitsReversed(g.version) <= 3:
		g.fail(ruleGGUFVersion, "version %d, big-endian; little-endian is read", bitsReversed(g.version))
	case g.version != 2 && g.version != 3:
		g.fail(ruleGGUFVersion, "version %d; 2 and 3, little-endian, are read", g.version)
	}
	tensors, keys := g.uint64(), g.uint64()
	switch {
	// The shortest entries: a name of no byte, one number.
	case tensors > g.left()/(8+4+4+8):
		g.fail(ruleGGUFCount, "it claims %d tensors", tensors)
	case keys > g.left()/(8+4+1):
		g.fail(ruleGGUFCount, "it claims %d keys", keys)
	case tensors > maxTensors:
		g.fail(ruleGGUFLimit, "%d tensors, at most %d", tensors, maxTensors)
	case keys > maxGGUFKeys:
		g.fail(ruleGGUFLimit, "%d keys, at most %d", keys, maxGGUFKeys)
	}
	seen := map[string]struct{}{}
	for i := uint64(0); i < keys && g.err == nil; i++ {
		g.metadata(seen)
	}
	clear(seen)
	for i := uint64(0); i < tensors && g.err == nil; i++ {
		g.tensor(seen)
	}
}

// bitsReversed is v with its bytes in the other order.
func bitsReversed(v uint32) uint32 {
	return v<<24 | v>>24 | v<<8&0xff0000 | v>>8&0xff00
}

// metadata reads a key and its value.
func (g *ggufReader) metadata(seen map[string]struct{}) {
	k := ggufKey{at: g.at}
	n := g.uint64()
	if n > maxGGUFKey {
		g.fail(ruleGGUFKey, "a key of %d bytes, at most %d", n, maxGGUFKey)
	}
	// The alignment is what Cuts too needs; other keys may be long.
	if g.whole || n == uint64(len(ggufAlignmentKey)) {
		k.name = g.text(n, maxGGUFKey)
	} else {
		g.skip(n)
	}
	if g.whole {
		g.once(seen, k.name, k.at, "the key")
	}
	k.kind = g.uint32()
	if k.name == ggufAlignmentKey && k.kind != ggufUint32 {
		g.fail(ruleGGUFAlignment, "%s has type %d, not uint32", ggufAlignmentKey, k.kind)
	}
	if k.name != ggufAlignmentKey && !g.whole {
		g.pass(k.kind, maxGGUFNesting)
		return
	}
	k.value = g.value(k.name, k.kind)
	if v, ok := k.value.(uint64); ok && k.name == ggufAlignmentKey {
		if v == 0 || v&(v-1) != 0 {
			g.fail(ruleGGUFAlignment, "%s is %d, not a power of two", ggufAlignmentKey, v)
		}
		g.alignment = int64(v)
	}
	if g.whole {
		g.keys = append(g.keys, k)
	}
}

// once refuses a name that was seen.
func (g *ggufReader) once(seen map[string]struct{}, name string, at int64, what string) {
	if g.err != nil {
		return
	}
	if _, twice := seen[name]; twice {
		g.err = brokenGGUF(ruleGGUFTwice, at, "%s %s stands twice", what, quote(name))
	}
	seen[name] = struct{}{}
	if len(seen)%4096 == 0 && g.err == nil {
		g.err = g.ctx.Err()
	}
}

// value reads a value and returns it.
func (g *ggufReader) value(key string, kind uint32) any {
	switch kind {
	case ggufString:
		return g.kept1(g.uint64())
	case ggufArray:
		return g.list(key)
	}
	return g.number(kind)
}

// number reads a value of one of the types with a size.
func (g *ggufReader) number(kind uint32) any {
	if kind >= uint32(len(ggufSizes)) || ggufSizes[kind] == 0 {
		g.fail(ruleGGUFValue, "unknown type of metadata %d", kind)
		return nil
	}
	clear(g.buf[:])
	g.read(g.buf[:ggufSizes[kind]])
	u := binary.LittleEndian.Uint64(g.buf[:])
	switch kind {
	case ggufInt8:
		return int64(int8(u))
	case ggufInt16:
		return int64(int16(u))
	case ggufInt32:
		return int64(int32(u))
	case ggufInt64:
		return int64(u)
	case ggufFloat32:
		return float64(math.Float32frombits(uint32(u)))
	case ggufFloat64:
		return math.Float64frombits(u)
	case ggufBool:
		if u > 1 {
			g.fail(ruleGGUFValue, "a bool is %d, neither 0 nor 1", u)
		}
		return u == 1
	}
	return u
}

// list reads an array. The tokens of a vocabulary are digested on the way.
func (g *ggufReader) list(key string) *ggufList {
	l := &ggufList{kind: g.uint32(), n: g.uint64()}
	switch {
	case l.kind == ggufString && key == ggufTokensKey:
		sum := newVocabularySum()
		for i := uint64(0); i < l.n && g.err == nil; i++ {
			n := g.uint64()
			if g.take(n) {
				sum.begin(i, n)
				_, g.err = io.CopyN(sum, g.r, int64(n))
				sum.end()
			}
		}
		l.digest = sum.String()
	case l.n <= ggufFewElements && l.kind == ggufString:
		for range l.n {
			l.few = append(l.few, g.kept1(g.uint64()))
		}
	case l.n <= ggufFewElements && l.kind < uint32(len(ggufSizes)) && l.kind != ggufArray:
		for range l.n {
			l.few = append(l.few, g.number(l.kind))
		}
	default:
		g.elements(l.kind, l.n, maxGGUFNesting)
	}
	return l
}

// kept1 reads a text of n bytes, of which as many are kept as the limits let.
func (g *ggufReader) kept1(n uint64) string {
	s := g.text(n, max(0, min(maxGGUFText, maxGGUFKept-g.kept)))
	g.kept += len(s)
	return s
}

// text reads n bytes and returns the first limit of them.
func (g *ggufReader) text(n uint64, limit int) string {
	if g.err == nil && n > g.left() {
		g.tooShort(n)
	}
	if g.err != nil {
		return ""
	}
	b := make([]byte, min(n, uint64(limit)))
	g.read(b)
	g.skip(n - uint64(len(b)))
	return string(b)
}

// pass passes over a value.
func (g *ggufReader) pass(kind uint32, nesting int) {
	switch {
	case g.err != nil:
	case kind == ggufString:
		g.skip(g.uint64())
	case kind == ggufArray:
		if nesting == 0 {
			g.fail(ruleGGUFLimit, "arrays in arrays, more than %d deep", maxGGUFNesting)
		}
		element, n := g.uint32(), g.uint64()
		g.elements(element, n, nesting)
	case kind < uint32(len(ggufSizes)):
		g.skip(ggufSizes[kind])
	default:
		g.fail(ruleGGUFValue, "unknown type of metadata %d", kind)
	}
}

// elements passes over those of an array.
func (g *ggufReader) elements(kind uint32, n uint64, nesting int) {
	if kind < uint32(len(ggufSizes)) && ggufSizes[kind] > 0 {
		if n > math.MaxInt64/8 {
			g.fail(ruleGGUFShort, "an array of %d elements", n)
		}
		g.skip(n * ggufSizes[kind])
		return
	}
	for i := uint64(0); i < n && g.err == nil; i++ {
		g.pass(kind, nesting-1)
	}
}

// tensor reads an entry.
func (g *ggufReader) tensor(seen map[string]struct{}) {
	t := ggufTensor{at: g.at}
	n := g.uint64()
	switch {
	case g.whole && n > maxGGUFName:
		g.fail(ruleGGUFTensor, "a tensor's name of %d bytes, at most %d", n, maxGGUFName)
	case n > maxGGUFKey:
		g.fail(ruleGGUFTensor, "a tensor's name of %d bytes, at most %d", n, maxGGUFKey)
	}
	if g.whole {
		t.name = g.text(n, maxGGUFName)
		g.once(seen, t.name, t.at, "the tensor")
	} else {
		g.skip(n)
	}
	dims := g.uint32()
	if dims > maxGGUFDims {
		g.fail(ruleGGUFTensor, "a tensor of %d dimensions, at most %d", dims, maxGGUFDims)
		return
	}
	if g.whole {
		t.dims = make([]uint64, dims)
		for i := range t.dims {
			t.dims[i] = g.uint64()
		}
	} else {
		g.skip(8 * uint64(dims))
	}
	t.kind = g.uint32()
	t.offset = g.uint64()
	g.tensors = append(g.tensors, t)
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
		g.tooShort(n)
	}
	if g.err != nil {
		return false
	}
	g.at += int64(n)
	return true
}

func (g *ggufReader) tooShort(n uint64) {
	if n <= uint64(g.size-g.at) {
		g.fail(ruleGGUFLimit, "the header is longer than %s bytes", report.Thousands(uint64(maxGGUFHeader)))
		return
	}
	g.fail(ruleGGUFShort, "%d bytes are claimed where %d are left", n, g.size-g.at)
}

func (g *ggufReader) left() uint64 { return uint64(g.end - g.at) }

// fail sets the first error.
func (g *ggufReader) fail(rule, reason string, args ...any) {
	if g.err == nil {
		g.err = brokenGGUF(rule, g.at, reason, args...)
	}
}

func brokenGGUF(rule string, at int64, reason string, args ...any) *FormatError {
	hint := "do not load it; convert the model again"
	switch rule {
	case ruleGGUFShort:
		hint = hintDownload
	case ruleGGUFVersion, ruleGGUFType:
		hint = "convert the model again with a present release of llama.cpp; if the format has gained this, use a newer release of waybill"
	}
	bad := broken(rule, at, hint, reason, args...)
	bad.Format = "gguf"
	return bad
}

// vocabularySum digests a vocabulary: of each entry, in ascending order of
// numbers, its number, its length in bytes and its text. It is the same for
// all formats that tell the tokens as they are.
type vocabularySum struct {
	io.Writer
	sum interface{ Sum([]byte) []byte }
	n   int64
}

func newVocabularySum() *vocabularySum {
	h := sha256.New()
	w := bufio.NewWriterSize(h, 1<<15)
	return &vocabularySum{Writer: w, sum: h}
}

func (s *vocabularySum) begin(id, length uint64) { fmt.Fprintf(s, "%d %d ", id, length) }

func (s *vocabularySum) end() { s.Write([]byte{'\n'}); s.n++ }

func (s *vocabularySum) String() string {
	s.Writer.(*bufio.Writer).Flush()
	return "sha256:" + hex.EncodeToString(s.sum.Sum(nil))
}
