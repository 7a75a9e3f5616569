package modelfile

import (
	"context"
	"encoding/binary"
	"io"
	"math"
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/report"
)

// The ONNX format (onnx/onnx, onnx/onnx.proto and docs/IR.md, IR version 13):
// one protobuf message, ModelProto. It is walked where it stands, past the
// data of its initializers, so that two gigabytes of weights cost nothing.
// Newer IR versions are read as far as their fields are known, as protobuf
// means it.

var onnx = format{
	name:      "onnx",
	byContent: looksLikeONNX,
	byName:    func(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".onnx") },
	rules:     onnxRules,
	read:      readONNX,
}

// Limits, far beyond what any model has.
const (
	maxONNXNodes    = 5_000_000
	maxONNXNesting  = 32 // graphs in attributes of nodes of graphs
	maxONNXKinds    = 10_000
	maxONNXValues   = 100_000 // inputs, outputs, labels
	maxONNXText     = 64 << 20
	maxONNXTypes    = 16 // sequences of maps of sequences
	maxONNXExternal = 10_000
)

// Rules of the format, as FormatError.Rule has them. ONX001 to ONX004 are
// about what a model does when it is loaded, not about structure.
const (
	ruleONNXWire     = "ONX010"
	ruleONNXModel    = "ONX011"
	ruleONNXTensor   = "ONX012"
	ruleONNXLimit    = "ONX013"
	ruleONNXExternal = "ONX014"
)

var onnxRules = map[string]string{
	ruleONNXWire:     "The file is a protobuf message whose lengths fit into each other and into the file.",
	ruleONNXModel:    "The model has one graph, an IR version and the operator sets it uses.",
	ruleONNXTensor:   "An initializer has a known type, whole dimensions, and as many bytes as these say.",
	ruleONNXLimit:    "There are at most 5,000,000 nodes, 500,000 tensors and graphs in graphs 32 deep.",
	ruleONNXExternal: "Data in other files lie within files that are there.",
}

// onnxTypes are the values of TensorProto.DataType: names as the facts have
// them, and the bits of an element; those of text have none.
var onnxTypes = [...]struct {
	name string
	bits uint64
}{
	1: {"F32", 32}, 2: {"U8", 8}, 3: {"I8", 8}, 4: {"U16", 16}, 5: {"I16", 16}, 6: {"I32", 32}, 7: {"I64", 64}, 8: {"string", 0},
	9: {"BOOL", 8}, 10: {"F16", 16}, 11: {"F64", 64}, 12: {"U32", 32}, 13: {"U64", 64}, 14: {"C64", 64}, 15: {"C128", 128},
	16: {"BF16", 16}, 17: {"F8_E4M3", 8}, 18: {"F8_E4M3FNUZ", 8}, 19: {"F8_E5M2", 8}, 20: {"F8_E5M2FNUZ", 8}, 21: {"U4", 4},
	22: {"I4", 4}, 23: {"F4", 4}, 24: {"F8_E8M0", 8}, 25: {"U2", 2}, 26: {"I2", 2}, 27: {"F6_E2M3", 6}, 28: {"F6_E3M2", 6},
}

func onnxType(n uint64) string {
	if n < uint64(len(onnxTypes)) {
		return onnxTypes[n].name
	}
	return ""
}

// looksLikeONNX walks the first fields of a ModelProto. Every serializer
// writes them in the order of their numbers: the IR version, small; then what
// the producer says of itself, as text; then the graph. SavedModel, which
// begins alike, has its graph where ONNX has the producer's name.
func looksLikeONNX(head []byte) bool {
	at, texts := 2, 0
	if len(head) < 8 || head[0] != 0x08 || head[1] == 0 || head[1] > 100 {
		return false
	}
	for at < len(head) {
		tag := head[at]
		at++
		v, n := binary.Uvarint(head[at:])
		if n <= 0 {
			return texts > 0
		}
		at += n
		switch tag {
		case 0x12, 0x1a, 0x22, 0x32: // producer_name and _version, domain, doc_string
			text := head[at:min(len(head), at+int(min(v, sniffLen)))]
			if v > maxProtoText || !isText(text) {
				return false
			}
			texts++
			at += len(text)
		case 0x28: // model_version
		case 0x3a: // graph
			return v > 0
		case 0x42: // opset_import
			return texts > 0 && v < 1<<10
		default:
			return false
		}
	}
	return texts > 0
}

// isText is for words that people read, perhaps cut in the middle of one.
func isText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 && len(b) >= utf8.UTFMax || r < 0x20 && !unicode.IsSpace(r) {
			return false
		}
		b = b[n:]
	}
	return true
}

// onnxReader walks one model.
type onnxReader struct {
	*protoReader
	f         *Facts
	irVersion uint64
	graphs    int
	nodes     int
	subgraphs int
	functions int
	sparse    int
	inputs    []Value // of the graph, initializers too
	initial   map[string]bool
	external  map[string]int64 // how far each file is used
	opsets    map[string]int64
}

func readONNX(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error {
	p := &protoReader{ctx: ctx, r: r, size: size, limit: maxONNXText}
	p.broken = func(at int64, reason string, args ...any) error {
		return broken(ruleONNXWire, at, hintONNX, reason, args...)
	}
	mark := make([]byte, min(size, int64(len(gitLFSPointer))))
	if err := p.read(mark, 0); err != nil {
		return err
	}
	if string(mark) == gitLFSPointer {
		return broken(ruleONNXWire, 0, hintLFS, "this is a Git LFS pointer, not the file it points to")
	}
	f.Dtypes, f.Operators, f.Opsets, f.Details = map[string]int64{}, map[string]int64{}, map[string]int64{}, map[string]any{}
	o := &onnxReader{protoReader: p, f: f, initial: map[string]bool{}, external: map[string]int64{}, opsets: f.Opsets}
	if err := o.message(0, size, o.model); err != nil {
		return err
	}
	return o.finish()
}

const hintONNX = "it may be cut short or not be ONNX: copy or download it again, or export the model again"

// model reads a field of ModelProto.
func (o *onnxReader) model(f protoField) (err error) {
	switch f.id {
	case 1:
		o.irVersion = f.number
	case 2, 3, 4, 6:
		var s string
		if s, err = o.text(f); err == nil && s != "" {
			o.f.Details[[...]string{2: "producer", 3: "producerVersion", 4: "domain", 6: "description"}[f.id]] = s
		}
	case 5:
		o.f.Details["modelVersion"] = int64(f.number)
	case 7:
		if o.graphs++; o.graphs > 1 {
			return broken(ruleONNXModel, f.at, hintONNX, "the model has a second graph")
		}
		return o.graph(f, 0)
	case 8:
		return o.opset(f)
	case 14:
		return o.metadata(f)
	case 20:
		n, _ := o.f.Details["trainingInfo"].(int64)
		o.f.Details["trainingInfo"] = n + 1
	case 25:
		return o.function(f)
	}
	return err
}

func (o *onnxReader) opset(f protoField) error {
	domain, version := "", uint64(0)
	err := o.asMessage(f, func(f protoField) (err error) {
		switch f.id {
		case 1:
			domain, err = o.text(f)
		case 2:
			version = f.number
		}
		return err
	})
	if err != nil {
		return err
	}
	if domain == "ai.onnx" {
		domain = ""
	}
	if len(o.opsets) >= maxONNXKinds {
		return broken(ruleONNXLimit, f.at, hintONNX, "more than %d operator sets", maxONNXKinds)
	}
	// Functions may ask for their own; the greatest is what a runtime needs.
	o.opsets[domain] = max(o.opsets[domain], int64(version))
	return nil
}

func (o *onnxReader) metadata(f protoField) error {
	key, value := "", ""
	err := o.asMessage(f, func(f protoField) (err error) {
		switch f.id {
		case 1:
			key, err = o.text(f)
		case 2:
			value, err = o.text(f)
		}
		return err
	})
	if err != nil {
		return err
	}
	if o.f.Metadata == nil {
		o.f.Metadata = map[string]string{}
	}
	if len(o.f.Metadata) < maxONNXKinds {
		o.f.Metadata[key] = value
	}
	return nil
}

// graph reads a GraphProto; nesting 0 is the model's own.
func (o *onnxReader) graph(f protoField, nesting int) error {
	if nesting > maxONNXNesting {
		return broken(ruleONNXLimit, f.at, hintONNX, "graphs in graphs, more than %d deep", maxONNXNesting)
	}
	if nesting > 0 {
		o.subgraphs++
	}
	return o.asMessage(f, func(f protoField) (err error) {
		switch f.id {
		case 1:
			return o.node(f, nesting)
		case 2:
			if nesting == 0 {
				var name string
				if name, err = o.text(f); name != "" {
					o.f.Details["graph"] = name
				}
			}
		case 5:
			return o.initializer(f, nesting)
		case 11, 12:
			if nesting > 0 {
				return nil
			}
			v, err := o.valueInfo(f)
			if err != nil {
				return err
			}
			if len(o.inputs)+len(o.f.Outputs) >= maxONNXValues {
				return broken(ruleONNXLimit, f.at, hintONNX, "more than %s inputs and outputs", report.Thousands(maxONNXValues))
			}
			if f.id == 11 {
				o.inputs = append(o.inputs, v)
			} else {
				o.f.Outputs = append(o.f.Outputs, v)
			}
		case 15:
			o.sparse++
			return o.sparseInitializer(f, nesting)
		}
		return err
	})
}

// node reads a NodeProto, and the graphs in its attributes.
func (o *onnxReader) node(f protoField, nesting int) error {
	if o.nodes++; o.nodes > maxONNXNodes {
		return broken(ruleONNXLimit, f.at, hintONNX, "more than %s nodes", report.Thousands(maxONNXNodes))
	}
	op, domain := "", ""
	err := o.asMessage(f, func(f protoField) (err error) {
		// Graphs stand behind op_type in every serializer's order, but need not.
		switch f.id {
		case 4:
			op, err = o.text(f)
		case 5:
			err = o.attribute(f, nesting)
		case 7:
			domain, err = o.text(f)
		}
		return err
	})
	if err != nil {
		return err
	}
	// The texts of nodes are not kept but for the kinds of them.
	o.kept -= len(op) + len(domain)
	if domain != "" && domain != "ai.onnx" {
		op = domain + "." + op
	}
	if _, known := o.f.Operators[op]; !known {
		if len(o.f.Operators) >= maxONNXKinds {
			return broken(ruleONNXLimit, f.at, hintONNX, "more than %s kinds of operators", report.Thousands(maxONNXKinds))
		}
		o.kept += len(op)
	}
	o.f.Operators[op]++
	return nil
}

// attribute reads an AttributeProto: its graphs, and the labels of classes. A
// ZipMap behind a classifier has the classifier's once more, and of several
// classifiers the last one's are the model's.
func (o *onnxReader) attribute(f protoField, nesting int) error {
	name := ""
	var labels []string
	err := o.asMessage(f, func(f protoField) (err error) {
		switch f.id {
		case 1:
			// No name that matters is longer.
			if name = ""; f.end-f.start <= 32 {
				if name, err = o.text(f); err == nil {
					o.kept -= len(name)
				}
			}
		case 6, 11:
			return o.graph(f, nesting+1)
		case 8, 9:
			labels, err = o.labels(f, name, labels)
		}
		return err
	})
	if labels != nil {
		o.f.Labels = labels
	}
	return err
}

// labels adds those that an attribute of ai.onnx.ml has.
func (o *onnxReader) labels(f protoField, attribute string, labels []string) ([]string, error) {
	add := func(label string) error {
		if len(labels) >= maxONNXValues {
			return broken(ruleONNXLimit, f.at, hintONNX, "more than %s labels", report.Thousands(maxONNXValues))
		}
		labels = append(labels, label)
		return nil
	}
	var err error
	switch {
	case f.id == 9 && attribute == "classlabels_strings":
		var label string
		if label, err = o.text(f); err == nil {
			err = add(label)
		}
	case f.id == 8 && (attribute == "classlabels_int64s" || attribute == "classlabels_ints"):
		err = o.numbers(f, func(v uint64) error { return add(showWhole(v)) })
	}
	return labels, err
}

// function reads a FunctionProto, an operator that the model brings along.
func (o *onnxReader) function(f protoField) error {
	o.functions++
	return o.asMessage(f, func(f protoField) error {
		switch f.id {
		case 7:
			return o.node(f, 0)
		case 9:
			return o.opset(f)
		}
		return nil
	})
}

// onnxTensor is a TensorProto as far as it matters.
type onnxTensor struct {
	name      string
	dims      []int64
	kind      uint64
	raw       protoField // wire 0: none
	typed     int64      // bytes of data in fields of their type
	isOutside bool
	outside   map[string]string
}

func (o *onnxReader) initializer(f protoField, nesting int) error {
	t, err := o.tensor(f)
	if err != nil {
		return err
	}
	if nesting == 0 {
		o.initial[t.name] = true
	}
	length, elements, err := o.tensorLength(f, t)
	if err != nil {
		return err
	}
	if len(o.f.Tensors) >= maxTensors || elements > math.MaxInt64-o.f.Parameters {
		return broken(ruleONNXLimit, f.at, hintONNX, "more than %s tensors, or more elements than can be counted", report.Thousands(maxTensors))
	}
	dtype := onnxType(t.kind)
	o.f.Parameters += elements
	o.f.Dtypes[dtype] += elements
	at := f.start
	if t.raw.wire == wireBytes {
		at = t.raw.start
	}
	o.f.Tensors = append(o.f.Tensors, Tensor{Name: t.name, Dtype: dtype, Shape: t.dims, Bytes: length, Offset: at})
	return nil
}

// sparseInitializer counts the values of a SparseTensorProto, which are those
// that are stored.
func (o *onnxReader) sparseInitializer(f protoField, nesting int) error {
	return o.asMessage(f, func(f protoField) error {
		if f.id == 1 {
			return o.initializer(f, nesting)
		}
		return nil
	})
}

func (o *onnxReader) tensor(f protoField) (*onnxTensor, error) {
	t := &onnxTensor{}
	return t, o.asMessage(f, func(f protoField) (err error) {
		switch f.id {
		case 1:
			return o.numbers(f, func(v uint64) error {
				if len(t.dims) == maxRank || v > math.MaxInt64 {
					return broken(ruleONNXTensor, f.at, hintONNX, "a tensor has more than %d dimensions, or the dimension %d", maxRank, int64(v))
				}
				t.dims = append(t.dims, int64(v))
				return nil
			})
		case 2:
			t.kind = f.number
		case 4, 5, 6, 7, 10, 11:
			t.typed += f.end - f.start
		case 8:
			t.name, err = o.text(f)
		case 9:
			t.raw = f
		case 13:
			return o.externalEntry(f, t)
		case 14:
			t.isOutside = f.number == 1
		}
		return err
	})
}

func (o *onnxReader) externalEntry(f protoField, t *onnxTensor) error {
	key, value := "", ""
	err := o.asMessage(f, func(f protoField) (err error) {
		switch f.id {
		case 1:
			key, err = o.text(f)
		case 2:
			value, err = o.text(f)
		}
		return err
	})
	if t.outside == nil {
		t.outside = map[string]string{}
	}
	if len(t.outside) < 16 {
		t.outside[key] = value
	}
	return err
}

// tensorLength holds a tensor to its type and shape.
func (o *onnxReader) tensorLength(f protoField, t *onnxTensor) (length, elements int64, err error) {
	bad := func(reason string, args ...any) (int64, int64, error) {
		return 0, 0, broken(ruleONNXTensor, f.at, hintONNX, "tensor "+quoteFormat(t.name)+": "+reason, args...)
	}
	if onnxType(t.kind) == "" {
		return bad("unknown type %d", t.kind)
	}
	elements, ok := product(t.dims)
	hi, total := bits.Mul64(uint64(elements), onnxTypes[t.kind].bits)
	if !ok || hi != 0 || total > math.MaxInt64-7 {
		return bad("the shape %s is too large for any file", showShape(t.dims))
	}
	// Elements of less than a byte are packed, the last byte filled up.
	length = int64((total + 7) / 8)
	switch {
	case t.isOutside:
		return length, elements, o.outsideFile(f, t, length)
	case t.raw.wire == wireBytes && t.kind != 8 && t.raw.end-t.raw.start != length:
		return bad("shape %s of %s needs %s, it has %s", showShape(t.dims), onnxType(t.kind), countBytes(uint64(length)), report.Thousands(uint64(t.raw.end-t.raw.start)))
	case t.raw.wire != wireBytes && elements > 0 && t.typed == 0 && t.kind != 8:
		return bad("shape %s, but no data", showShape(t.dims))
	case t.raw.wire != wireBytes && t.kind != 8 && elements/8 > t.typed:
		// No element takes less than a bit.
		return bad("shape %s, but only %s of data", showShape(t.dims), countBytes(uint64(t.typed)))
	case t.kind == 8:
		length = t.typed
	}
	return length, elements, nil
}

// outsideFile notes how far a file beside the model is used.
func (o *onnxReader) outsideFile(f protoField, t *onnxTensor, length int64) error {
	offset, ok := wholeText(t.outside["offset"])
	stored, okToo := wholeText(t.outside["length"])
	switch {
	case !ok || !okToo:
		return broken(ruleONNXTensor, f.at, hintONNX, "tensor %s: offset %s and length %s of its data in another file are not numbers", quote(t.name), quote(t.outside["offset"]), quote(t.outside["length"]))
	case t.outside["length"] != "" && stored != length && t.kind != 8:
		return broken(ruleONNXTensor, f.at, hintONNX, "tensor %s: shape %s of %s needs %s, another file has %s", quote(t.name), showShape(t.dims), onnxType(t.kind), countBytes(uint64(length)), report.Thousands(uint64(stored)))
	case offset > math.MaxInt64-length || len(o.external) >= maxONNXExternal:
		return broken(ruleONNXLimit, f.at, hintONNX, "tensor %s: its data lie beyond what a file can hold, or in too many files", quote(t.name))
	}
	location := t.outside["location"]
	o.external[location] = max(o.external[location], offset+length)
	return nil
}

// finish checks what must be there once all was read.
func (o *onnxReader) finish() error {
	switch {
	case o.graphs == 0 && o.functions == 0:
		return broken(ruleONNXModel, 0, hintONNX, "there is no graph in it")
	case o.irVersion == 0 || o.irVersion > math.MaxInt32:
		return broken(ruleONNXModel, 0, hintONNX, "the IR version is %d", o.irVersion)
	case len(o.opsets) == 0 && o.irVersion >= 3:
		return broken(ruleONNXModel, 0, hintONNX, "it does not say which operator sets it uses")
	}
	// Before IR version 4 every initializer was listed as an input too.
	for _, v := range o.inputs {
		if !o.initial[v.Name] {
			o.f.Inputs = append(o.f.Inputs, v)
		}
	}
	d := o.f.Details
	d["irVersion"] = int64(o.irVersion)
	d["nodes"] = int64(o.nodes)
	for name, n := range map[string]int{"subgraphs": o.subgraphs, "functions": o.functions, "sparseInitializers": o.sparse} {
		if n > 0 {
			d[name] = int64(n)
		}
	}
	if len(o.external) > 0 {
		d["externalData"] = o.external
	}
	if name, _ := d["producer"].(string); name != "" {
		version, _ := d["producerVersion"].(string)
		o.f.Frameworks = map[string]string{name: version}
	}
	o.f.License = o.f.Metadata["license"]
	return nil
}
