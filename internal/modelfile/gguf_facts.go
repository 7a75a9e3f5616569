package modelfile

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/report"
)

// ggmlTypes are the types of tensors (ggml.h, enum ggml_type, and the
// type_traits of ggml.c): how many elements make a block, and its bytes. A
// number without a name was removed, or is not known.
var ggmlTypes = [...]struct {
	name         string
	block, bytes uint64
}{
	0: {"F32", 1, 4}, 1: {"F16", 1, 2}, 2: {"Q4_0", 32, 18}, 3: {"Q4_1", 32, 20}, 6: {"Q5_0", 32, 22}, 7: {"Q5_1", 32, 24},
	8: {"Q8_0", 32, 34}, 9: {"Q8_1", 32, 36}, 10: {"Q2_K", 256, 84}, 11: {"Q3_K", 256, 110}, 12: {"Q4_K", 256, 144},
	13: {"Q5_K", 256, 176}, 14: {"Q6_K", 256, 210}, 15: {"Q8_K", 256, 292}, 16: {"IQ2_XXS", 256, 66}, 17: {"IQ2_XS", 256, 74},
	18: {"IQ3_XXS", 256, 98}, 19: {"IQ1_S", 256, 50}, 20: {"IQ4_NL", 32, 18}, 21: {"IQ3_S", 256, 110}, 22: {"IQ2_S", 256, 82},
	23: {"IQ4_XS", 256, 136}, 24: {"I8", 1, 1}, 25: {"I16", 1, 2}, 26: {"I32", 1, 4}, 27: {"I64", 1, 8}, 28: {"F64", 1, 8},
	29: {"IQ1_M", 256, 56}, 30: {"BF16", 1, 2}, 34: {"TQ1_0", 256, 54}, 35: {"TQ2_0", 256, 66}, 39: {"MXFP4", 32, 17},
	40: {"NVFP4", 64, 36}, 41: {"Q1_0", 128, 18},
}

// ggufFileTypes are the values of general.file_type (llama.h, enum
// llama_ftype).
var ggufFileTypes = map[uint64]string{
	0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L",
	14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
	23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M",
	32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0",
}

func readGGUF(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error {
	mark := make([]byte, min(size, 64))
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), mark); err != nil {
		return err
	}
	if strings.HasPrefix(string(mark), gitLFSPointer) {
		return broken(ruleGGUFShort, 0, hintLFS, "this is a Git LFS pointer, not the file it points to")
	}
	if !looksLikeGGUF(mark) {
		return brokenGGUF(ruleGGUFVersion, 0, `the file does not begin with "GGUF"`)
	}
	g := newGGUFReader(ctx, r, size)
	g.whole = true
	g.header()
	if g.err != nil {
		return g.err
	}
	if err := g.layout(f); err != nil {
		return err
	}
	return g.facts(f)
}

// layout holds the tensors to their places, and lists them.
func (g *ggufReader) layout(f *Facts) error {
	data := g.dataStart()
	f.Dtypes = map[string]int64{}
	f.Tensors = make([]Tensor, len(g.tensors))
	at := uint64(0)  // where the next tensor begins
	end := uint64(0) // of the last one
	for i, t := range g.tensors {
		elements, length, err := t.length()
		if err != nil {
			return err
		}
		if t.offset != at {
			return brokenGGUF(ruleGGUFLayout, t.at, "tensor %s begins at %d of the data, not at %d, where the one before it and its padding end", quote(t.name), t.offset, at)
		}
		end = at + length
		at = (end + uint64(g.alignment) - 1) / uint64(g.alignment) * uint64(g.alignment)
		if end > math.MaxInt64/2 || elements > math.MaxInt64-f.Parameters {
			return brokenGGUF(ruleGGUFSize, t.at, "the tensors up to %s are larger than any file", quote(t.name))
		}
		dtype := ggmlTypes[t.kind].name
		f.Parameters += elements
		f.Dtypes[dtype] += elements
		shape := make([]int64, len(t.dims))
		for j, d := range t.dims {
			shape[len(shape)-1-j] = int64(d)
		}
		f.Tensors[i] = Tensor{Name: t.name, Dtype: dtype, Shape: shape, Bytes: int64(length), Offset: data + int64(t.offset)}
	}
	if len(g.tensors) == 0 {
		data = g.at // a vocabulary alone needs no padding
	}
	switch have := g.size - data; {
	case have < int64(end):
		return brokenGGUF(ruleGGUFShort, g.size, "the file ends %s before the last tensor does", countBytes(uint64(int64(end)-have)))
	case have > int64(at) && have > g.alignment+int64(end):
		return brokenGGUF(ruleGGUFTrailing, data+int64(end), "after the last tensor there are still %s", countBytes(uint64(have)-end))
	}
	return nil
}

// length counts the elements of a tensor and its bytes.
func (t *ggufTensor) length() (elements int64, length uint64, err error) {
	if t.kind >= uint32(len(ggmlTypes)) || ggmlTypes[t.kind].block == 0 {
		return 0, 0, brokenGGUF(ruleGGUFType, t.at, "tensor %s has the unknown type %d", quote(t.name), t.kind)
	}
	kind := ggmlTypes[t.kind]
	dims := make([]int64, len(t.dims))
	for i, d := range t.dims {
		if d > math.MaxInt64 {
			return 0, 0, brokenGGUF(ruleGGUFSize, t.at, "tensor %s: the dimension %d is too large for any file", quote(t.name), d)
		}
		dims[i] = int64(d)
	}
	elements, ok := product(dims)
	if !ok {
		return 0, 0, brokenGGUF(ruleGGUFSize, t.at, "tensor %s: the shape %s is too large for any file", quote(t.name), showShape(dims))
	}
	row := uint64(1)
	if len(t.dims) > 0 {
		row = t.dims[0]
	}
	if row%kind.block != 0 {
		return 0, 0, brokenGGUF(ruleGGUFSize, t.at, "tensor %s: rows of %d elements are not whole blocks of %s, which have %d", quote(t.name), row, kind.name, kind.block)
	}
	hi, length := bits.Mul64(uint64(elements)/kind.block, kind.bytes)
	if hi != 0 || length > math.MaxInt64/2 {
		return 0, 0, brokenGGUF(ruleGGUFSize, t.at, "tensor %s: the shape %s is too large for any file", quote(t.name), showShape(dims))
	}
	return elements, length, nil
}

// facts reads what the keys say.
func (g *ggufReader) facts(f *Facts) error {
	f.Metadata = make(map[string]string, len(g.keys))
	byName := make(map[string]any, len(g.keys))
	templates := []string{}
	for _, k := range g.keys {
		byName[k.name] = k.value
		if k.name == "general.architecture" && k.kind != ggufString {
			return brokenGGUF(ruleGGUFValue, k.at, "general.architecture is not a string")
		}
		if name, ok := strings.CutPrefix(k.name, "tokenizer.chat_template."); ok {
			templates = append(templates, name)
		}
		if k.name != "tokenizer.chat_template" {
			f.Metadata[k.name] = showGGUF(k.value)
		}
	}
	text := func(key string) string {
		s, _ := byName[key].(string)
		return s
	}
	whole := func(key string) int64 {
		switch v := byName[key].(type) {
		case uint64:
			return int64(min(v, math.MaxInt64))
		case int64:
			return v
		}
		return 0
	}
	f.Architecture = text("general.architecture")
	f.License = text("general.license")
	f.ChatTemplate = text("tokenizer.chat_template")
	f.Context = whole(f.Architecture + ".context_length")
	f.Embedding = whole(f.Architecture + ".embedding_length")
	f.Details = map[string]any{"version": int64(g.version), "alignment": g.alignment}
	if _, ok := byName["general.file_type"]; ok {
		if f.Quantization = ggufFileTypes[uint64(whole("general.file_type"))]; f.Quantization == "" {
			f.Quantization = fmt.Sprintf("type %d", whole("general.file_type"))
		}
	}
	if f.Quantization == "" {
		f.Quantization = mostOf(f.Dtypes)
	}
	if model := text("tokenizer.ggml.model"); model != "" || byName[ggufTokensKey] != nil {
		f.Tokenizer = &Tokenizer{Model: model}
		if l, ok := byName[ggufTokensKey].(*ggufList); ok {
			f.Tokenizer.Vocabulary, f.Tokenizer.Digest = int64(min(l.n, math.MaxInt64)), l.digest
		}
	}
	if len(templates) > 0 {
		slices.Sort(templates)
		f.Details["chatTemplates"] = templates
	}
	if bitsOf := bitsPerParameter(f); bitsOf > 0 {
		f.Details["bitsPerParameter"] = bitsOf
	}
	if n := whole("split.count"); n > 1 {
		f.Details["split"] = fmt.Sprintf("%d of %d", whole("split.no")+1, n)
	}
	return nil
}

// bitsPerParameter is the average, in hundredths.
func bitsPerParameter(f *Facts) float64 {
	total := 0.0
	for _, t := range f.Tensors {
		total += float64(t.Bytes)
	}
	if f.Parameters == 0 {
		return 0
	}
	return math.Round(total*800/float64(f.Parameters)) / 100
}

// mostOf is the dtype that most parameters have, the first by name of equals.
func mostOf(dtypes map[string]int64) string {
	best := ""
	for name, n := range dtypes {
		if best == "" || n > dtypes[best] || n == dtypes[best] && name < best {
			best = name
		}
	}
	return best
}

// showGGUF writes a value as text.
func showGGUF(v any) string {
	switch v := v.(type) {
	case string:
		return clipText(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case *ggufList:
		if v.few == nil {
			name := "unknown"
			if v.kind < uint32(len(ggufTypeNames)) {
				name = ggufTypeNames[v.kind]
			}
			return fmt.Sprintf("[%s × %s]", report.Thousands(v.n), name)
		}
		parts := make([]string, len(v.few))
		for i, e := range v.few {
			parts[i] = showGGUF(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprint(v)
}

// maxShown is how much of one text of a file the facts have.
const maxShown = 64 << 10

// clipText keeps the beginning of a long text, and drops what is not UTF-8.
func clipText(s string) string {
	if len(s) > maxShown {
		s = s[:maxShown] + "…"
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}
