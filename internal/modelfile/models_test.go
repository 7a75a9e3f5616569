package modelfile_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

func inspect(t testing.TB, data, name string) (*modelfile.Facts, error) {
	t.Helper()
	return modelfile.InspectReader(t.Context(), strings.NewReader(data), int64(len(data)), name)
}

func sample(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func facts(t testing.TB, name string) *modelfile.Facts {
	t.Helper()
	f, err := inspect(t, sample(t, name), name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestGGUFAgreesWithLibrary compares with what the gguf package read back (see
// testdata/make_models.py).
func TestGGUFAgreesWithLibrary(t *testing.T) {
	type tensor struct {
		Dtype                   string
		Shape                   []int64
		Bytes, Offset, Elements int64
	}
	var library map[string]struct{ Tensors map[string]tensor }
	if err := json.Unmarshal([]byte(sample(t, "models.json")), &library); err != nil {
		t.Fatal(err)
	}
	f := facts(t, "small.gguf")
	got := map[string]tensor{}
	var elements int64
	for _, x := range f.Tensors {
		n := int64(1)
		for _, d := range x.Shape {
			n *= d
		}
		elements += n
		got[x.Name] = tensor{x.Dtype, x.Shape, x.Bytes, x.Offset, n}
	}
	if want := library["small.gguf"].Tensors; len(want) != 3 || !reflect.DeepEqual(got, want) {
		t.Errorf("tensors: got %v, want %v", got, want)
	}
	if f.Parameters != elements || f.Format != "gguf" || f.Architecture != "llama" || f.License != "apache-2.0" ||
		f.Context != 2048 || f.Embedding != 64 || f.Quantization != "Q8_0" || f.ChatTemplate != "{{ messages[0].content }}" {
		t.Errorf("got %+v", f)
	}
	// sha256 of "0 3 <s>\n1 4 </s>\n2 7 größe\n3 0 \n"
	want := &modelfile.Tokenizer{Model: "gpt2", Vocabulary: 4, Digest: "sha256:4b0cc3d4fb6e882f20ef8dc956a6b8ec22676d0d500fcd2956828f8cd607240a"}
	if !reflect.DeepEqual(f.Tokenizer, want) {
		t.Errorf("tokenizer: got %+v, want %+v", f.Tokenizer, want)
	}
	if f.Metadata["general.tags"] != "[a, b]" || f.Metadata["llama.rope.freq_base"] != "10000" || f.Metadata["tokenizer.ggml.tokens"] != "[4 × string]" {
		t.Errorf("metadata: got %v", f.Metadata)
	}
}

func TestONNXAgreesWithLibrary(t *testing.T) {
	var library map[string]struct {
		Tensors map[string]struct {
			Shape []int64
			Type  string
		}
		IR     int64
		Opsets map[string]int64
	}
	if err := json.Unmarshal([]byte(sample(t, "models.json")), &library); err != nil {
		t.Fatal(err)
	}
	f, want := facts(t, "small.onnx"), library["small.onnx"]
	shapes := map[string][]int64{}
	for _, x := range f.Tensors {
		if x.Name != "in_then" { // of a subgraph
			shapes[x.Name] = x.Shape
		}
	}
	for name, w := range want.Tensors {
		if !reflect.DeepEqual(shapes[name], w.Shape) {
			t.Errorf("%s: got %v, want %v", name, shapes[name], w.Shape)
		}
	}
	if len(shapes) != len(want.Tensors) || len(shapes) != 4 || !reflect.DeepEqual(f.Opsets, want.Opsets) || f.Details["irVersion"] != want.IR {
		t.Errorf("got %v, %v, %v", shapes, f.Opsets, f.Details)
	}
	if want := (map[string]int64{"MatMul": 1, "Add": 2, "If": 1, "Relu": 1, "Identity": 1, "ai.onnx.ml.ZipMap": 1, "my.ops.Twice": 1}); !reflect.DeepEqual(f.Operators, want) {
		t.Errorf("operators: got %v", f.Operators)
	}
	inputs := []modelfile.Value{
		{Name: "x", Kind: "tensor", Dtype: "F32", Shape: []int64{-1, 4}, Symbols: []string{"batch", ""}},
		{Name: "cond", Kind: "tensor", Dtype: "BOOL", Shape: []int64{}},
		{Name: "maybe", Kind: "optional", Dtype: "I64", Shape: []int64{-1, -1}, Symbols: []string{"", "n"}},
	}
	outputs := []modelfile.Value{
		{Name: "out", Kind: "tensor", Dtype: "F32"},
		{Name: "probabilities", Kind: "sequence(map)", Dtype: "string:F32", Shape: []int64{}},
	}
	if !reflect.DeepEqual(f.Inputs, inputs) || !reflect.DeepEqual(f.Outputs, outputs) {
		t.Errorf("inputs %+v\noutputs %+v", f.Inputs, f.Outputs)
	}
	if !reflect.DeepEqual(f.Labels, []string{"cat", "dog", "größe"}) || f.License != "mit" || f.Frameworks["testmaker"] != "1.2" ||
		f.Dtypes["F32"] != 15 || f.Dtypes["I4"] != 3 || f.Dtypes["string"] != 2 || f.Parameters != 22 {
		t.Errorf("got %v %v %v %v", f.Labels, f.License, f.Frameworks, f.Dtypes)
	}
	outside := facts(t, "outside.onnx")
	if !reflect.DeepEqual(outside.Details["externalData"], map[string]int64{"outside.bin": 4000}) || outside.Parameters != 1000 {
		t.Errorf("external data: %+v", outside)
	}
}

func TestOtherFormats(t *testing.T) {
	type tensor = modelfile.Tensor
	for _, c := range []struct {
		name, format string
		dtypes       map[string]int64
		tensors      []tensor
	}{
		{"matrix.npy", "npy", map[string]int64{"F32": 6}, []tensor{{"array", "F32", []int64{2, 3}, 24, 128}}},
		{"columns.npy", "npy", map[string]int64{"I64": 6}, []tensor{{"array", "I64", []int64{2, 3}, 48, 128}}},
		{"scalar.npy", "npy", map[string]int64{"F64": 1}, []tensor{{"array", "F64", []int64{}, 8, 128}}},
		{"record.npy", "npy", map[string]int64{"record": 2}, []tensor{{"array", "record", []int64{2}, 24, 128}}},
		{"objects.npy", "npy", map[string]int64{"object": 1}, []tensor{{"array", "object", []int64{1}, 0, 128}}},
		{"two.npz", "npz", map[string]int64{"F16": 6, "BOOL": 0}, []tensor{{"w", "F16", []int64{2, 3}, 12, 0}, {"b", "BOOL", []int64{0}, 0, 0}}},
		{"packed.npz", "npz", map[string]int64{"F32": 600}, []tensor{{"w", "F32", []int64{20, 30}, 2400, 0}}},
		{"small.pt", "pytorch", map[string]int64{"F32": 12, "F16": 3}, []tensor{
			{"state_dict.w", "F32", []int64{2, 3}, 24, 0}, {"state_dict.tied", "F32", []int64{2, 3}, 24, 0},
			{"state_dict.view", "F32", []int64{3, 2}, 24, 0}, {"state_dict.half.b", "F16", []int64{3}, 6, 0}}},
		{"legacy.pt", "pytorch-legacy", map[string]int64{"F32": 12, "F16": 3}, []tensor{
			{"state_dict.w", "F32", []int64{2, 3}, 24, 0}, {"state_dict.tied", "F32", []int64{2, 3}, 24, 0},
			{"state_dict.half.b", "F16", []int64{3}, 6, 0}, {"state_dict.view", "F32", []int64{3, 2}, 24, 0}}},
		{"small.keras", "keras", nil, nil},
	} {
		f := facts(t, c.name)
		for i := range f.Tensors {
			if c.format != "npy" {
				f.Tensors[i].Offset = 0
			}
		}
		if f.Format != c.format || !reflect.DeepEqual(f.Dtypes, c.dtypes) || !reflect.DeepEqual(f.Tensors, c.tensors) {
			t.Errorf("%s: got %s %v %+v", c.name, f.Format, f.Dtypes, f.Tensors)
		}
	}
	k := facts(t, "small.keras")
	if k.Architecture != "Functional" || k.Frameworks["keras"] != "3.12.0" || len(k.Outputs) != 1 || k.Outputs[0].Name != "dense" ||
		!reflect.DeepEqual(k.Inputs, []modelfile.Value{{Name: "image", Kind: "tensor", Dtype: "F32", Shape: []int64{-1, 28, 28}}}) ||
		!reflect.DeepEqual(k.Details["layers"], map[string]int64{"InputLayer": 1, "Flatten": 1, "Mine": 1}) {
		t.Errorf("keras: got %+v", k)
	}
}

func TestGGUFRefuses(t *testing.T) {
	const huge = 1<<64 - 1
	one := func(kind uint32, dims ...uint64) *ggufFile {
		g := newGGUF(3, 1, 0).text("a").u32(uint32(len(dims))).u64(dims...)
		return g.u32(kind).u64(0)
	}
	for _, c := range []struct {
		name, rule string
		g          *ggufFile
		n          int // bytes of data
	}{
		{"version 4", "GGF002", newGGUF(4, 0, 0), 0},
		{"big-endian", "GGF002", newGGUF(3<<24, 0, 0), 0},
		{"many tensors", "GGF004", newGGUF(3, huge, 0), 0},
		{"many keys", "GGF004", newGGUF(3, 0, huge), 0},
		{"long key", "GGF005", newGGUF(3, 0, 1).u64(70_000), 100_000},
		{"key twice", "GGF006", newGGUF(3, 0, 2).text("k").u32(4).u32(1).text("k").u32(4).u32(1), 0},
		{"tensor twice", "GGF006", newGGUF(3, 2, 0).text("a").u32(0).u32(0).u64(0).text("a").u32(0).u32(0).u64(32), 64},
		{"unknown value", "GGF007", newGGUF(3, 0, 1).text("k").u32(13).u64(0), 0},
		{"a bool of 2", "GGF007", newGGUF(3, 0, 1).text("k").u32(7).u32(2), 40},
		{"architecture as number", "GGF007", newGGUF(3, 0, 1).text("general.architecture").u32(4).u32(2), 0},
		{"alignment 48", "GGF008", newGGUF(3, 0, 1).text("general.alignment").u32(4).u32(48), 0},
		{"alignment as text", "GGF008", newGGUF(3, 0, 1).text("general.alignment").u32(8).text("32"), 0},
		{"long name", "GGF009", newGGUF(3, 1, 0).text(strings.Repeat("n", 64)).u32(0).u32(0).u64(0), 64},
		{"five dimensions", "GGF009", one(0, 1, 1, 1, 1, 1), 64},
		{"removed type", "GGF010", one(4, 32), 64},
		{"type past the table", "GGF010", one(99, 32), 64},
		{"half a block", "GGF011", one(8, 16), 64},
		{"overflow", "GGF011", one(0, 1<<40, 1<<40), 64},
		{"dimension with the sign bit", "GGF011", one(0, 1<<63), 64},
		{"second tensor early", "GGF012", newGGUF(3, 2, 0).text("a").u32(1).u64(9).u32(0).u64(0).text("b").u32(0).u32(0).u64(32), 96},
		{"hole", "GGF012", newGGUF(3, 1, 0).text("a").u32(0).u32(0).u64(32), 64},
		{"data cut", "GGF003", one(0, 8), 31},
		{"value cut", "GGF003", newGGUF(3, 0, 1).text("k").u32(8).u64(1000), 8},
		{"trailing", "GGF013", one(0, 8), 65},
	} {
		data, _ := c.g.data(32, c.n)
		_, err := inspect(t, data, "m.gguf")
		var bad *modelfile.FormatError
		if !errors.As(err, &bad) || bad.Rule != c.rule {
			t.Errorf("%s: got %v, want %s", c.name, err, c.rule)
		} else if modelfile.RuleDoc(bad.Rule) == "" || bad.Hint == "" || bad.Offset > int64(len(data)) {
			t.Errorf("%s: %+v lacks a rule, a hint or a place", c.name, bad)
		}
	}
	for _, c := range []struct {
		name string
		g    *ggufFile
		n    int
	}{
		{"exact", one(0, 8), 32}, {"padding", one(0, 7), 32}, {"no padding", one(0, 7), 28}, {"blocks", one(8, 32), 34},
		{"blocks and padding", one(8, 32), 64}, {"empty", one(0, 0), 0}, {"rank 0", one(0), 4},
	} {
		data, _ := c.g.data(32, c.n)
		if f, err := inspect(t, data, "m"); err != nil || len(f.Tensors) != 1 {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for name, file := range map[string]string{"pointer.gguf": "version https://git-lfs.github.com/spec/v1\n", "text.gguf": "hello", "empty.gguf": ""} {
		if _, err := inspect(t, file, name); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// proto assembles protobuf messages.
type proto []byte

func (p proto) num(id int, v uint64) proto {
	return binary.AppendUvarint(binary.AppendUvarint(p, uint64(id)<<3), v)
}

func (p proto) sub(id int, body proto) proto {
	p = binary.AppendUvarint(p, uint64(id)<<3|2)
	return append(binary.AppendUvarint(p, uint64(len(body))), body...)
}

func (p proto) text(id int, s string) proto { return p.sub(id, proto(s)) }

// onnxModel is a model of one graph.
func onnxModel(graph proto) proto {
	return proto{}.num(1, 8).text(2, "test").sub(7, graph).sub(8, proto{}.num(2, 21))
}

func TestONNXRefuses(t *testing.T) {
	tensor := func(body proto) proto { return onnxModel(proto{}.sub(5, body)) }
	deep := proto{}
	for range 60 {
		deep = proto{}.sub(1, proto{}.text(4, "If").sub(5, proto{}.sub(6, deep)))
	}
	outside := func(key, value string) proto {
		return tensor(proto{}.num(1, 4).num(2, 1).text(8, "w").num(14, 1).sub(13, proto{}.text(1, "location").text(2, "w")).sub(13, proto{}.text(1, key).text(2, value)))
	}
	for _, c := range []struct {
		name, rule string
		file       proto
	}{
		{"cut", "ONX010", onnxModel(proto{}.text(2, "graph"))[:12]},
		{"length past the end", "ONX010", append(proto{}.num(1, 8).text(2, "test"), 0x3a, 0xff, 0xff, 0x01)},
		{"number of 11 bytes", "ONX010", append(proto{}.num(1, 8).text(2, "test"), bytes.Repeat([]byte{0xff}, 11)...)},
		{"group", "ONX010", append(proto{}.num(1, 8).text(2, "test"), 7<<3|3)},
		{"field 0", "ONX010", append(proto{}.num(1, 8).text(2, "test"), 2)},
		{"no graph", "ONX011", proto{}.num(1, 8).text(2, "test").sub(8, proto{}.num(2, 21))},
		{"two graphs", "ONX011", onnxModel(proto{}.text(2, "g")).sub(7, proto{}.text(2, "h"))},
		{"no operator sets", "ONX011", proto{}.num(1, 8).text(2, "test").sub(7, proto{}.text(2, "g"))},
		{"unknown type", "ONX012", tensor(proto{}.num(1, 4).num(2, 99).text(9, "1234"))},
		{"short data", "ONX012", tensor(proto{}.num(1, 4).num(2, 1).text(9, "1234"))},
		{"no data", "ONX012", tensor(proto{}.num(1, 4).num(2, 1))},
		{"overflow", "ONX012", tensor(proto{}.num(1, 1<<40).num(1, 1<<40).num(2, 1).text(9, "1234"))},
		{"negative dimension", "ONX012", tensor(proto{}.num(1, 1<<63).num(2, 1).text(9, "1234"))},
		{"offset as text", "ONX012", outside("offset", "-4")},
		{"length that differs", "ONX012", outside("length", "17")},
		{"deep graphs", "ONX013", onnxModel(deep)},
	} {
		_, err := inspect(t, string(c.file), "m.onnx")
		var bad *modelfile.FormatError
		if !errors.As(err, &bad) || bad.Rule != c.rule || modelfile.RuleDoc(bad.Rule) == "" || bad.Hint == "" {
			t.Errorf("%s: got %v, want %s", c.name, err, c.rule)
		}
	}
	for name, file := range map[string]proto{
		"smallest": onnxModel(proto{}.text(2, "g")), "length that fits": outside("length", "16"),
		"packed dimensions": tensor(proto{}.sub(1, proto{2, 2}).num(2, 1).text(9, strings.Repeat("x", 16))),
	} {
		if f, err := inspect(t, string(file), "m"); err != nil || f.Format != "onnx" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A SavedModel begins alike.
	if f, err := inspect(t, string(savedGraph()), "m.onnx"); err != nil || f.Format != "savedmodel" {
		t.Errorf("a SavedModel: %+v, %v", f, err)
	}
}

// counting counts what is read of a file that is mostly not there.
type counting struct {
	parts map[int64]string
	read  int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.read += int64(len(p))
	clear(p)
	for at, part := range c.parts {
		for i := range len(part) {
			if x := at + int64(i) - off; x >= 0 && x < int64(len(p)) {
				p[x] = part[i]
			}
		}
	}
	return len(p), nil
}

// Two gigabytes of weights in the message are not read.
func TestONNXPassesOverWeights(t *testing.T) {
	const n = 2_000_000_000
	body := proto{}.num(1, n/4).num(2, 1).text(8, "w")
	raw := binary.AppendUvarint([]byte{9<<3 | 2}, n)
	tensor := binary.AppendUvarint([]byte{5<<3 | 2}, uint64(len(body)+len(raw)+n))
	graph := binary.AppendUvarint([]byte{7<<3 | 2}, uint64(len(tensor)+len(body)+len(raw)+n))
	head := string(proto{}.num(1, 8).text(2, "test")) + string(graph) + string(tensor) + string(body) + string(raw)
	tail := string(proto{}.sub(8, proto{}.num(2, 21)))
	file := &counting{parts: map[int64]string{0: head, int64(len(head)) + n: tail}}
	f, err := modelfile.InspectReader(t.Context(), file, int64(len(head)+len(tail))+n, "m.onnx")
	if err != nil || f.Parameters != n/4 || f.Tensors[0].Offset != int64(len(head)) {
		t.Fatalf("got %+v, %v", f, err)
	}
	if file.read > 64<<10 {
		t.Errorf("read %d bytes", file.read)
	}
}

func TestNPYRefuses(t *testing.T) {
	file := func(header string, n int) string {
		return "\x93NUMPY\x01\x00" + string(binary.LittleEndian.AppendUint16(nil, uint16(len(header)))) + header + strings.Repeat("x", n)
	}
	for name, c := range map[string]struct{ rule, file string }{
		"version 9":         {"NPY001", "\x93NUMPY\x09\x00\x02\x00{}"},
		"not a literal":     {"NPY001", file("{'descr': __import__('os')}", 0)},
		"no shape":          {"NPY001", file("{'descr': '<f4', 'fortran_order': False}", 0)},
		"key twice":         {"NPY001", file("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': ()}", 4)},
		"negative shape":    {"NPY001", file("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 4)},
		"huge shape":        {"NPY001", file("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999)}", 4)},
		"deep":              {"NPY001", file("{'descr': "+strings.Repeat("[", 1000)+"}", 0)},
		"unknown type":      {"NPY001", file("{'descr': '<f5', 'fortran_order': False, 'shape': ()}", 4)},
		"something follows": {"NPY001", file("{'descr': '<f4', 'fortran_order': False, 'shape': ()} + 1", 4)},
		"data cut":          {"NPY002", file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 7)},
		"trailing":          {"NPY002", file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 9)},
	} {
		_, err := inspect(t, c.file, "a.npy")
		var bad *modelfile.FormatError
		if !errors.As(err, &bad) || bad.Rule != c.rule || modelfile.RuleDoc(c.rule) == "" {
			t.Errorf("%s: got %v, want %s", name, err, c.rule)
		}
	}
	if f, err := inspect(t, file("{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }  \n", 8), "a"); err != nil || f.Parameters != 2 {
		t.Errorf("as Python 2 wrote it: %+v, %v", f, err)
	}
}

// small are the files that are cut and corrupted.
var small = []string{"small.gguf", "small.onnx", "outside.onnx", "matrix.npy", "record.npy", "two.npz", "packed.npz", "small.pt", "legacy.pt", "small.keras", "dtypes.safetensors", "words.pkl"}

// endure holds reading data to a verdict on the format or facts that fit.
func endure(t testing.TB, data []byte, name string) {
	t.Helper()
	f, err := modelfile.InspectReader(t.Context(), bytes.NewReader(data), int64(len(data)), name)
	var bad *modelfile.FormatError
	switch {
	case errors.As(err, &bad):
		if bad.Offset < 0 || bad.Rule == "" || bad.Format == "" || modelfile.RuleDoc(bad.Rule) == "" {
			t.Fatalf("%s: %+v", name, bad)
		}
	case err != nil:
		t.Fatalf("%s: %v", name, err)
	case f.Bytes != int64(len(data)) || f.Parameters < 0:
		t.Fatalf("%s: %+v", name, f)
	}
}

func TestDamagedFiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	runs := uint64(0)
	for _, name := range small {
		data := []byte(sample(t, name))
		for n := range data {
			endure(t, data[:n], name)
			runs++
		}
		for range 1000 {
			damaged := bytes.Clone(data)
			for range 1 + random.IntN(3) {
				at := random.IntN(len(damaged))
				switch random.IntN(3) {
				case 0:
					damaged[at] = byte(random.IntN(256))
				case 1:
					damaged[at] = 0xff
				default:
					damaged[at] ^= 1 << random.IntN(8)
				}
			}
			endure(t, damaged, name)
			runs++
		}
	}
	runtime.ReadMemStats(&after)
	// Buffers of fixed size are most of it.
	if each := (after.TotalAlloc - before.TotalAlloc) / runs; each > 1<<20 {
		t.Errorf("%d bytes were allocated for a file", each)
	}
}

// FuzzInspect holds all readers to what endure asks.
func FuzzInspect(f *testing.F) {
	for _, name := range small {
		f.Add([]byte(sample(f, name)), name)
	}
	f.Add([]byte(savedGraph()), "saved_model.pb")
	f.Add([]byte(iris), "iris.pmml")
	f.Fuzz(func(t *testing.T, data []byte, name string) { endure(t, data, name) })
}

func TestReadErrorsOfFormats(t *testing.T) {
	for _, name := range []string{"small.gguf", "small.onnx", "small.pt", "small.keras"} {
		data := sample(t, name)
		if _, err := modelfile.InspectReader(t.Context(), failing{strings.NewReader(data)}, int64(len(data)), name); !errors.Is(err, errBroken) {
			t.Errorf("%s: a failing disk: %v", name, err)
		}
		if _, err := modelfile.InspectReader(t.Context(), strings.NewReader(data[:len(data)-200]), int64(len(data)), name); !errors.Is(err, io.ErrUnexpectedEOF) && name != "small.gguf" {
			t.Errorf("%s: a file that became shorter: %v", name, err)
		}
	}
}

// A classifier and the ZipMap behind it both name the classes: they are the
// model's once, and of several classifiers those of the last.
func TestONNXLabels(t *testing.T) {
	node := func(op, attribute string, labels ...string) proto {
		a := proto{}.text(1, attribute)
		for _, l := range labels {
			a = a.text(9, l)
		}
		return proto{}.text(4, op).sub(5, a).text(7, "ai.onnx.ml")
	}
	graph := proto{}.sub(1, node("TreeEnsembleClassifier", "classlabels_strings", "x", "y", "z")).
		sub(1, node("LinearClassifier", "classlabels_strings", "no", "yes")).
		sub(1, node("ZipMap", "classlabels_strings", "no", "yes"))
	f, err := inspect(t, string(onnxModel(graph)), "m.onnx")
	if err != nil || !reflect.DeepEqual(f.Labels, []string{"no", "yes"}) {
		t.Error(f, err)
	}
}

// Raw elements of six bits stand four in three bytes (onnx.proto, raw_data).
func TestONNXSixBits(t *testing.T) {
	for _, kind := range []uint64{27, 28} {
		tensor := proto{}.num(1, 2).num(1, 3).num(2, kind).text(8, "w").sub(9, make(proto, 5))
		f, err := inspect(t, string(onnxModel(proto{}.sub(5, tensor))), "m.onnx")
		if err != nil || f.Tensors[0].Bytes != 5 || f.Parameters != 6 {
			t.Error(kind, f, err)
		}
	}
}

// What is kept of texts is counted as it is kept: bytes that are not UTF-8
// become longer, and must not pay for others.
func TestONNXTextsAreCounted(t *testing.T) {
	op := strings.Repeat("a\xff", 32<<10)
	graph := proto{}
	for range 1100 {
		graph = graph.sub(1, proto{}.text(4, op))
	}
	long := strings.Repeat("n", 64<<10)
	for i := range 1100 {
		graph = graph.sub(11, proto{}.text(1, long[4:]+string([]byte{'0' + byte(i/1000), '0' + byte(i/100%10), '0' + byte(i/10%10), '0' + byte(i%10)})))
	}
	_, err := inspect(t, string(onnxModel(graph)), "m.onnx")
	if bad := (*modelfile.FormatError)(nil); !errors.As(err, &bad) || !strings.Contains(bad.Reason, "names and texts") {
		t.Errorf("70 MB of names were kept: %v", err)
	}
}

// Headers as numpy.save writes them that are easy to get wrong.
func TestNPYHeaders(t *testing.T) {
	array := func(header string, data int) string {
		head := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
		return string(head) + header + strings.Repeat("\x00", data)
	}
	f, err := inspect(t, array(`{'descr': [('a\\b', '<f4'), ("it's", '<f4'), ('q\'"', '<i2')], 'fortran_order': False, 'shape': (2,), }`, 20), "a.npy")
	if err != nil || f.Tensors[0].Bytes != 20 {
		t.Error(f, err)
	}
	for _, descr := range []string{"|S-5", "<U-1", "|V-2147483648", "|V+4"} {
		if f, err := inspect(t, array("{'descr': '"+descr+"', 'fortran_order': False, 'shape': (2,), }", 0), "a.npy"); err == nil {
			t.Errorf("%s: %+v", descr, f)
		}
	}
	// numpy.save appends to an open file; numpy.load reads the first array.
	_, err = inspect(t, array("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 9), "a.npy")
	if err == nil || !strings.Contains(err.Error(), "1 byte longer") || strings.Contains(err.Error(), "cut short") {
		t.Error(err)
	}
}

// manyTensors is a file of the old format whose n tensors share a storage: its
// key and their shape are written once.
func manyTensors(n int, key string, rank int) string {
	text := func(s string) string {
		return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
	}
	var b strings.Builder
	b.WriteString("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02")
	b.WriteString("ctorch._utils\n_rebuild_tensor_v2\nq\x00(" + text("storage") + "ctorch\nFloatStorage\n" + text(key) + text("cpu") + "K\x01tQq\x01(" + strings.Repeat("K\x01", rank) + "tq\x02](")
	for i := range n {
		b.WriteString("h\x00(h\x01J" + string(binary.LittleEndian.AppendUint32(nil, uint32(i))) + "h\x02h\x02tR")
	}
	b.WriteString("e.\x80\x02].")
	return b.String()
}

// A long key, or many dimensions, that many tensors share cost little in the
// file: they must not cost much in memory.
func TestTorchTensorsThatShare(t *testing.T) {
	f, err := inspect(t, manyTensors(3, "0", 2), "m.pt")
	if err != nil || len(f.Tensors) != 3 || f.Parameters != 3 {
		t.Fatalf("%+v, %v", f, err)
	}
	for name, data := range map[string]string{"key": manyTensors(20_000, strings.Repeat("k", 60_000), 1), "shape": manyTensors(150_000, "0", 64)} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		f, err := inspect(t, data, "m.pt")
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grew := int64(after.HeapAlloc) - int64(before.HeapAlloc); grew > 100<<20 {
			t.Errorf("%s: %d MiB kept of a file of %d kB (%v)", name, grew>>20, len(data)>>10, err)
		}
		if total := after.TotalAlloc - before.TotalAlloc; total > 1500<<20 {
			t.Errorf("%s: %d MiB in all", name, total>>20)
		}
		runtime.KeepAlive(f)
	}
}
