package modelfile

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"path"
	"strings"

	"github.com/waybill-dev/waybill/internal/pickle"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// PyTorch's files (torch/serialization.py): since 1.6 a zip with data.pkl,
// whose tensors name storages by persistent ids, and a member data/KEY for each
// storage; before that five pickles in a row and then the storages
// (_legacy_save). The pickles are read without running them, the storages not
// at all. TorchScript (torch/csrc/jit/serialization) is such a zip with code/.

var torchLegacy = format{
	name:      "pytorch-legacy",
	byContent: func(head []byte) bool { return bytes.HasPrefix(head, torchMagic) },
	byName:    func(string) bool { return false },
	read:      readTorchLegacy,
}

// torchMagic is the first pickle of the old format: protocol 2, LONG1 of ten
// bytes, 0x1950a86a20f9469cfc6c.
var torchMagic = []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")

// maxTorchNesting is how deep tensors are looked for in dictionaries.
const maxTorchNesting = 16

// maxTorchNames is how many bytes the names of tensors may have; those beyond
// are not listed, and the facts say that they are partial.
const maxTorchNames = 64 << 20

// torchStorages are the types of storages, and the names of torch's dtypes.
var torchStorages = map[string]string{
	"FloatStorage": "F32", "DoubleStorage": "F64", "HalfStorage": "F16", "BFloat16Storage": "BF16", "LongStorage": "I64",
	"IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8", "BoolStorage": "BOOL",
	"ComplexFloatStorage": "C64", "ComplexDoubleStorage": "C128",
	"QInt8Storage": "I8", "QUInt8Storage": "U8", "QInt32Storage": "I32",
	"float32": "F32", "float64": "F64", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32", "int16": "I16",
	"int8": "I8", "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64", "bool": "BOOL", "complex64": "C64", "complex128": "C128",
	"float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ",
}

// torchFolder is the folder in which data.pkl stands, as torch finds it: all
// members are in one folder, named as the file was when it was saved.
func (z *zipFile) torchFolder() (string, bool) {
	for _, name := range z.names {
		if dir, file := path.Split(name); file == "data.pkl" && strings.Count(name, "/") <= 1 {
			return dir, true
		}
	}
	return "", false
}

func (z *zipFile) readTorch(_ context.Context, r io.ReaderAt, folder string, f *Facts) error {
	for _, name := range []string{"version", "byteorder"} {
		if m := z.members[folder+name]; m != nil && m.Size < 64 {
			data, err := z.read(folder+name, ruleTorch)
			if err != nil {
				return err
			}
			detail(f, name, strings.TrimSpace(clipText(string(data))))
		}
	}
	code := 0
	for _, name := range z.names {
		if strings.HasPrefix(name, folder+"code/") && path.Ext(name) == ".py" {
			code++
		}
	}
	if code > 0 || z.members[folder+"constants.pkl"] != nil {
		f.Format = "torchscript"
		detail(f, "codeFiles", int64(code))
	}
	m := z.members[folder+"data.pkl"]
	var source io.Reader
	if section := m.Section(); section != nil {
		source = section
	} else {
		data, err := z.read(m.Name, ruleTorch)
		if err != nil {
			return err
		}
		source = bytes.NewReader(data)
	}
	result, err := pickle.Scan(source, pickle.Options{})
	if err != nil {
		return err
	}
	if len(result.Streams) == 0 || !result.Streams[0].Complete {
		return broken(ruleTorch, m.Offset, hintZip, "%s does not end as a pickle does", quote(m.Name))
	}
	t := newTorchReader(f, &result.Streams[0])
	t.storage = func(key string) (offset, size int64, ok bool) {
		m := z.members[folder+"data/"+key]
		if m == nil {
			return 0, 0, false
		}
		return m.Offset, m.Size, true
	}
	if err := t.read(); err != nil || f.Format != "torchscript" {
		return err
	}
	return z.readTorchScript(folder, result.Streams[0].Top, f)
}

func readTorchLegacy(_ context.Context, r io.ReaderAt, size int64, f *Facts) error {
	limits := pickle.Limits{Streams: 5}
	result, err := pickle.Scan(io.NewSectionReader(r, 0, size), pickle.Options{Limits: limits})
	if err != nil {
		return err
	}
	if len(result.Streams) < 5 || !result.Streams[4].Complete {
		return broken(ruleTorch, endOf(result), hintZip, "of the five pickles at the beginning %d are there", len(result.Streams))
	}
	return newTorchReader(f, &result.Streams[3]).read()
}

// torchReader finds the tensors in what a pickle would make.
type torchReader struct {
	f       *Facts
	stream  *pickle.Stream
	seen    map[*pickle.Value]bool // on the way down
	visited int
	names   int // bytes of them
	storage func(key string) (offset, size int64, ok bool)
	shared  map[string]bool // tensors that were counted
}

func newTorchReader(f *Facts, s *pickle.Stream) *torchReader {
	f.Dtypes = map[string]int64{}
	return &torchReader{f: f, stream: s, seen: map[*pickle.Value]bool{}, shared: map[string]bool{}}
}

func (t *torchReader) read() error {
	if err := t.walk(t.stream.Top, "", 0); err != nil {
		return err
	}
	if t.stream.Partial || t.visited > 2*maxTensors || t.names > maxTorchNames {
		detail(t.f, "partial", true)
		t.f.Dtypes = nil // what was counted is not all
		t.f.Parameters = 0
	}
	if top := t.stream.Top; top != nil && top.Kind == pickle.CallResult && top.Callee != nil && !isState(top) {
		t.f.Architecture = clipText(top.Callee.Name)
	}
	sorting.Stable(t.f.Tensors, func(a, b Tensor) int { return int(max(-1, min(1, a.Offset-b.Offset))) })
	return nil
}

// isState tells whether a call makes a mapping, which is what state_dict is.
func isState(v *pickle.Value) bool {
	return v.Callee.Kind == pickle.Import && v.Callee.Text == "collections" && v.Callee.Name == "OrderedDict"
}

// walk looks for tensors in v.
func (t *torchReader) walk(v *pickle.Value, name string, depth int) error {
	if v == nil || depth > maxTorchNesting || t.seen[v] || len(t.f.Tensors) >= maxTensors {
		return nil
	}
	if t.visited++; t.visited > 2*maxTensors || t.names > maxTorchNames {
		return nil
	}
	if tensor := t.tensor(v, 0); tensor != nil {
		return t.add(name, tensor)
	}
	t.seen[v] = true
	defer delete(t.seen, v)
	switch {
	case v.Kind == pickle.Dict, v.Mapping:
		for i := 0; i+1 < len(v.Items); i += 2 {
			key := v.Items[i]
			if key == nil || key.Kind != pickle.String && key.Kind != pickle.Int {
				continue
			}
			text := key.Text
			if key.Kind == pickle.Int {
				text = fmt.Sprint(key.Int)
			}
			if err := t.walk(v.Items[i+1], join(name, text), depth+1); err != nil {
				return err
			}
		}
	case v.Kind == pickle.List, v.Kind == pickle.Tuple:
		for i, e := range v.Items {
			if err := t.walk(e, join(name, fmt.Sprint(i)), depth+1); err != nil {
				return err
			}
		}
	}
	if v.State != nil {
		return t.walk(v.State, name, depth+1)
	}
	return nil
}

func join(name, part string) string {
	if name == "" {
		return clipText(part)
	}
	if len(name) > maxKey {
		return name
	}
	return name + "." + clipText(part)
}

// torchTensor is a tensor as a pickle describes it.
type torchTensor struct {
	key, dtype string
	offset     int64 // in elements
	shape      []int64
	strides    []int64
	numel      int64 // of the storage
}

// tensor reads the calls that make tensors (torch/_utils.py), nil for others.
func (t *torchReader) tensor(v *pickle.Value, depth int) *torchTensor {
	if v.Kind != pickle.CallResult || v.Callee == nil || v.Callee.Kind != pickle.Import || v.Callee.Text != "torch._utils" || len(v.Args) == 0 || depth > 4 {
		return nil
	}
	switch v.Callee.Name {
	case "_rebuild_parameter", "_rebuild_parameter_with_state":
		if v.Args[0] == nil {
			return nil
		}
		return t.tensor(v.Args[0], depth+1)
	case "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_qtensor":
	default:
		return nil
	}
	if len(v.Args) < 4 {
		return nil
	}
	id := v.Args[0]
	if id == nil || id.Kind != pickle.PersistentID || len(id.Items) != 1 || id.Items[0] == nil || len(id.Items[0].Items) < 5 {
		return nil
	}
	// ("storage", type, key, location, elements)
	parts := id.Items[0].Items
	if parts[1] == nil || parts[2] == nil || parts[4] == nil || v.Args[1] == nil {
		return nil
	}
	out := &torchTensor{key: parts[2].Text, dtype: torchStorages[parts[1].Name], numel: parts[4].Int, offset: v.Args[1].Int}
	if v.Callee.Name == "_rebuild_tensor_v3" && len(v.Args) > 6 && v.Args[6] != nil {
		out.dtype = torchStorages[v.Args[6].Name]
		out.numel = -1 // in bytes
	}
	var ok, okToo bool
	out.shape, ok = wholes(v.Args[2])
	out.strides, okToo = wholes(v.Args[3])
	if !ok || !okToo || out.dtype == "" {
		return nil
	}
	return out
}

// wholes reads a tuple of whole numbers.
func wholes(v *pickle.Value) ([]int64, bool) {
	if v == nil || v.Kind != pickle.Tuple || len(v.Items) > maxRank {
		return nil, false
	}
	out := make([]int64, len(v.Items))
	for i, e := range v.Items {
		if e == nil || e.Kind != pickle.Int || e.Int < 0 {
			return nil, false
		}
		out[i] = e.Int
	}
	return out, true
}

// torchBytes are the bytes of an element.
var torchBytes = map[string]int64{
	"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "U16": 2, "U32": 4, "U64": 8, "BOOL": 1, "C64": 8, "C128": 16,
	"F8_E4M3": 1, "F8_E5M2": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1,
}

// add checks a tensor against its storage, and counts it. Tensors that are
// one and the same count once.
func (t *torchReader) add(name string, x *torchTensor) error {
	elements, ok := product(x.shape)
	width := torchBytes[x.dtype]
	if !ok || elements > math.MaxInt64/16 || elements > math.MaxInt64-t.f.Parameters {
		return broken(ruleStorage, 0, hintZip, "tensor %s: the shape %s is too large for any file", quote(name), showShape(x.shape))
	}
	t.names += len(name)
	tensor := Tensor{Name: name, Dtype: x.dtype, Shape: x.shape, Bytes: elements * width}
	if t.storage != nil {
		at, size, there := t.storage(x.key)
		if !there {
			return broken(ruleStorage, 0, hintZip, "tensor %s: its storage %s is not there", quote(name), quote(x.key))
		}
		if last, ok := lastElement(x); elements > 0 && (!ok || last >= size/width) {
			return broken(ruleStorage, at, hintZip, "tensor %s: shape %s at element %d of its storage does not fit into the %s there", quote(name), showShape(x.shape), x.offset, countBytes(uint64(size)))
		}
		if elements > 0 {
			at += x.offset * width
		}
		tensor.Offset = at
	}
	t.f.Tensors = append(t.f.Tensors, tensor)
	same := fmt.Sprint(x.key, x.offset, x.shape, x.strides)
	if t.shared[same] {
		n, _ := t.f.Details["shared"].(int64)
		detail(t.f, "shared", n+1)
		return nil
	}
	t.shared[same] = true
	t.f.Parameters += elements
	t.f.Dtypes[x.dtype] += elements
	return nil
}

// lastElement is the place of the last element in the storage.
func lastElement(x *torchTensor) (int64, bool) {
	last := x.offset
	for i, d := range x.shape {
		if d == 0 || i >= len(x.strides) {
			continue
		}
		stride := x.strides[i]
		if stride > 0 && d-1 > (math.MaxInt64/2-last)/stride {
			return 0, false
		}
		last += (d - 1) * stride
	}
	return last, last >= 0
}

// endOf is where reading the pickles ended.
func endOf(r *pickle.Result) int64 {
	if n := len(r.Streams); n > 0 {
		return r.Streams[n-1].End
	}
	return 0
}
