package modelfile

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// The safetensors format as huggingface/safetensors defines it (README,
// "Format", and safetensors/src/tensor.rs at 24b0b28): eight bytes of header
// length N, little-endian; N bytes of JSON; the data of all tensors without a
// hole. Where the reference reader is laxer than the format's text (duplicate
// names, unknown keys, a header that begins with space), the text holds here:
// two readers of such a file may see two models.

var safetensors = format{
	name:      "safetensors",
	byContent: looksLikeSafetensors,
	byName:    func(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".safetensors") },
	rules:     safetensorsRules,
	read:      readSafetensors,
}

// Limits. The first is the format's own; the others are far beyond what any
// framework can load, and keep a header from filling the memory.
const (
	maxSafetensorsHeader = 100_000_000
	maxTensors           = 500_000
	maxRank              = 64 // NumPy's and PyTorch's limit
)

// Rules of the format, as FormatError.Rule has them.
const (
	ruleShort    = "SAF001"
	ruleTooLong  = "SAF002"
	ruleJSON     = "SAF003"
	ruleTwice    = "SAF004"
	ruleMetadata = "SAF005"
	ruleEntry    = "SAF006"
	ruleDtype    = "SAF007"
	ruleSize     = "SAF008"
	ruleLayout   = "SAF009"
	ruleTrailing = "SAF010"
	ruleLimit    = "SAF011"
)

var safetensorsRules = map[string]string{
	ruleShort:    "The file is as long as its header length and its tensors say.",
	ruleTooLong:  "The header is at most 100,000,000 bytes long.",
	ruleJSON:     "The header is a JSON object in UTF-8 that begins with \"{\" and is followed by nothing but white space.",
	ruleTwice:    "No key stands twice.",
	ruleMetadata: "__metadata__ maps strings to strings.",
	ruleEntry:    "A tensor has exactly dtype, shape (whole numbers) and data_offsets (two whole numbers).",
	ruleDtype:    "A dtype is one the format defines.",
	ruleSize:     "A tensor's data are as long as its shape and dtype say, in whole bytes.",
	ruleLayout:   "The tensors' data follow each other without hole and overlap.",
	ruleTrailing: "Nothing follows the last tensor.",
	ruleLimit:    "There are at most 500,000 tensors of at most 64 dimensions.",
}

const (
	hintRewrite  = "write the file again with the safetensors library"
	hintDownload = "it may be cut short: copy or download it again and compare the sizes"
	hintTamper   = "do not load it: readers may disagree about what it holds; write it again with the safetensors library"
	hintLFS      = "run \"git lfs pull\" to fetch the file itself"
)

// gitLFSPointer is how a file begins that Git LFS has not fetched.
const gitLFSPointer = "version https://git-lfs.github.com/spec/"

var (
	// safetensorsDtypes are in ascending order of alignment, as the reference
	// declares them: its writer puts the last of these first.
	safetensorsDtypes = []struct {
		name string
		bits int64
	}{
		{"BOOL", 8}, {"F4", 4}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8}, {"I8", 8},
		{"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
		{"I16", 16}, {"U16", 16}, {"F16", 16}, {"BF16", 16}, {"I32", 32}, {"U32", 32}, {"F32", 32},
		{"C64", 64}, {"F64", 64}, {"I64", 64}, {"U64", 64},
	}
	dtypeBits = func() map[string]int64 {
		m := make(map[string]int64, len(safetensorsDtypes))
		for _, d := range safetensorsDtypes {
			m[d.name] = d.bits
		}
		return m
	}()
)

// looksLikeSafetensors asks for a possible header length followed by the
// beginning of a JSON object. It does not ask whether the file is long
// enough: a truncated file is a safetensors file too.
func looksLikeSafetensors(head []byte) bool {
	if len(head) < 10 || binary.LittleEndian.Uint64(head) > maxSafetensorsHeader || head[8] != '{' {
		return false
	}
	rest := bytes.TrimLeft(head[9:], " \t\r\n")
	return len(rest) == 0 || rest[0] == '"' || rest[0] == '}'
}

func readSafetensors(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error {
	n, err := safetensorsHeaderLength(r, size)
	if err != nil {
		return err
	}
	entries, metadata, err := readHeader(ctx, io.NewSectionReader(r, 8, n), n)
	if err != nil {
		return err
	}
	sorting.By(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.name, b.name))
	})
	f.Metadata = metadata
	f.Dtypes = map[string]int64{}
	f.Tensors = make([]Tensor, len(entries))
	var at uint64
	for i := range entries {
		e := &entries[i]
		if err := e.checkLayout(at); err != nil {
			return err
		}
		at = e.end
		elements, bad := e.checkSize()
		if bad != nil {
			return bad
		}
		if elements > math.MaxInt64-f.Parameters {
			return broken(ruleSize, e.at, hintTamper, "the tensors up to %s have more elements than can be counted", quote(e.name))
		}
		f.Parameters += elements
		f.Dtypes[e.dtype] += elements
		f.Tensors[i] = Tensor{Name: e.name, Dtype: e.dtype, Shape: e.shape, Bytes: int64(e.end - e.begin), Offset: 8 + n + int64(e.begin)}
	}
	switch data := uint64(size - 8 - n); {
	case at > data:
		return broken(ruleShort, size, hintDownload, "the file ends %s before the last tensor does", countBytes(at-data))
	case at < data:
		return broken(ruleTrailing, 8+n+int64(at), hintTamper, "after the last tensor there is still %s", countBytes(data-at))
	}
	return nil
}

// safetensorsHeaderLength reads and checks the first nine bytes.
func safetensorsHeaderLength(r io.ReaderAt, size int64) (int64, error) {
	head := make([]byte, min(size, 64))
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), head); err != nil {
		return 0, err
	}
	if bytes.HasPrefix(head, []byte(gitLFSPointer)) {
		return 0, broken(ruleShort, 0, hintLFS, "this is a Git LFS pointer, not the file it points to")
	}
	if size < 8 {
		return 0, broken(ruleShort, size, hintDownload, "the file has %d bytes; the header length alone has 8", size)
	}
	n := binary.LittleEndian.Uint64(head)
	switch {
	case n > maxSafetensorsHeader:
		return 0, broken(ruleTooLong, 0, "this is not safetensors, whatever its name, or it is damaged: "+hintRewrite,
			"the header length is %s, at most 100,000,000 is allowed", report.Thousands(n))
	case int64(n) > size-8:
		return 0, broken(ruleShort, size, hintDownload, "the header is %s long, the file ends after %s of it", countBytes(n), report.Thousands(uint64(size-8)))
	case n == 0 || head[8] != '{':
		return 0, broken(ruleJSON, 8, hintRewrite, `the header does not begin with "{"`)
	}
	return int64(n), nil
}

// entry is one tensor as the header has it.
type entry struct {
	name, dtype string
	shape       []int64
	begin, end  uint64 // relative to the data
	at          int64  // where the entry stands in the file
}

// checkLayout holds e to beginning where the one before it ended.
func (e *entry) checkLayout(previous uint64) error {
	what := ""
	switch {
	case e.end < e.begin:
		what = fmt.Sprintf("tensor %s ends at %d, before it begins at %d", quote(e.name), e.end, e.begin)
	case e.begin > previous:
		what = fmt.Sprintf("there is a hole of %s before tensor %s, at %d of the data", countBytes(e.begin-previous), quote(e.name), previous)
	case e.begin < previous:
		what = fmt.Sprintf("tensor %s begins at %d of the data, where the one before it reaches to %d: they overlap", quote(e.name), e.begin, previous)
	case e.end > math.MaxInt64/2:
		what = fmt.Sprintf("tensor %s ends at %d, beyond what a file can hold", quote(e.name), e.end)
	default:
		return nil
	}
	return broken(ruleLayout, e.at, hintTamper, "%s", what)
}

// checkSize compares shape, dtype and length, and counts the elements.
func (e *entry) checkSize() (elements int64, bad *FormatError) {
	count, ok := product(e.shape)
	hi, total := bits.Mul64(uint64(count), uint64(dtypeBits[e.dtype]))
	switch {
	case !ok || hi != 0:
		return 0, broken(ruleSize, e.at, hintTamper, "tensor %s: the shape %s is too large for any file", quote(e.name), showShape(e.shape))
	case total%8 != 0:
		return 0, broken(ruleSize, e.at, hintRewrite, "tensor %s: %s elements of %s do not fill whole bytes", quote(e.name), report.Thousands(uint64(count)), e.dtype)
	case total/8 != e.end-e.begin:
		return 0, broken(ruleSize, e.at, hintTamper, "tensor %s: shape %s of %s needs %s, data_offsets give it %s",
			quote(e.name), showShape(e.shape), e.dtype, countBytes(total/8), report.Thousands(e.end-e.begin))
	}
	return count, nil
}

// product multiplies from the left, as the reference does: a zero does not
// excuse an overflow before it.
func product(shape []int64) (int64, bool) {
	p := int64(1)
	for _, d := range shape {
		hi, lo := bits.Mul64(uint64(p), uint64(d))
		if hi != 0 || lo > math.MaxInt64 {
			return 0, false
		}
		p = int64(lo)
	}
	return p, true
}

// broken makes a FormatError; Inspect adds path and format.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func broken(rule string, at int64, hint, reason string, args ...any) *FormatError {
	return &FormatError{Rule: rule, Offset: at, Reason: fmt.Sprintf(reason, args...), Hint: hint}
}

// quote makes text of the file fit for a message.
func quote(s string) string {
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}

func showShape(shape []int64) string {
	s := strings.ReplaceAll(fmt.Sprint(shape), " ", ", ")
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return s
}

func countBytes(n uint64) string {
	if n == 1 {
		return "1 byte"
	}
	return report.Thousands(n) + " bytes"
}
