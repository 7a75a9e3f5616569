package modelfile

import (
	"context"
	"io"
	"strings"
)

// TensorFlow Lite's models (tensorflow/compiler/mlir/lite/schema/schema.fbs,
// version 3): a FlatBuffer of subgraphs of tensors and operators. The weights in
// its buffers are not read.

var tflite = format{
	name:      "tflite",
	byContent: func(head []byte) bool { return len(head) >= 8 && string(head[4:8]) == "TFL3" },
	byName:    func(string) bool { return false },
	rules: map[string]string{
		ruleTFLite: "The tables of a TensorFlow Lite model lie within the file, and name tensors and operators that are there.",
	},
	read: readTFLite,
}

const (
	ruleTFLite     = "TFL001"
	maxTFLiteSteps = 2_000_000
)

// tfliteTypes are the values of TensorType.
var tfliteTypes = [...]string{"F32", "F16", "I32", "U8", "I64", "string", "BOOL", "I16", "C64", "I8", "F64", "C128", "U64", "resource", "variant", "U32", "U16", "I4", "BF16"}

// tfliteBits are those of an element, of types that are not named for them.
var tfliteBits = map[string]int64{"F32": 32, "F16": 16, "I32": 32, "U8": 8, "I64": 64, "BOOL": 8, "I16": 16, "C64": 64, "I8": 8,
	"F64": 64, "C128": 128, "U64": 64, "U32": 32, "U16": 16, "I4": 4, "BF16": 16}

// tfliteReader reads one model.
type tfliteReader struct {
	*flatBuffer
	f       *Facts
	codes   []string // operators by number, custom ones as "custom.NAME"
	tensors fbVector // of subgraph 0
	buffers fbVector
}

func readTFLite(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error {
	t := &tfliteReader{flatBuffer: newFlatBuffer(ctx, r, 0, size, ruleTFLite, "it may be cut short: copy it again, or convert the model again", maxTFLiteSteps), f: f}
	f.Dtypes, f.Operators = map[string]int64{}, map[string]int64{}
	model := t.root()
	detail(f, "version", int64(t.number(model, 0, 4)))
	detail(f, "description", t.text(model, 3))
	t.operatorCodes(t.vector(model, 1, 4))
	t.buffers = t.vector(model, 4, 4)
	graphs := t.vector(model, 2, 4)
	for i := range graphs.n {
		if !t.ok() {
			break
		}
		t.graph(t.tableAt(graphs, i), i == 0)
	}
	if graphs.n > 1 {
		detail(f, "subgraphs", graphs.n)
	}
	var metadata []string
	list := t.vector(model, 6, 4)
	for i := range min(list.n, 1000) {
		metadata = append(metadata, t.text(t.tableAt(list, i), 0))
	}
	if len(metadata) > 0 {
		detail(f, "metadata", metadata)
	}
	t.signatures(t.vector(model, 7, 4))
	return t.err
}

// operatorCodes reads what operators there are. Numbers past 126 stand in the
// newer field (schema.fbs, OperatorCode).
func (t *tfliteReader) operatorCodes(codes fbVector) {
	names := strings.Fields(tfliteOperators)
	for i := range codes.n {
		if !t.ok() {
			return
		}
		table := t.tableAt(codes, i)
		n := max(int64(int8(t.number(table, 0, 1))), int64(int32(t.number(table, 3, 4))))
		name := "operator " + showWhole(uint64(n))
		if n >= 0 && n < int64(len(names)) {
			name = names[n]
		}
		if name == "CUSTOM" {
			name = "custom." + t.text(table, 1)
		}
		t.codes = append(t.codes, name)
	}
}

func (t *tfliteReader) graph(graph fbTable, first bool) {
	tensors := t.vector(graph, 0, 4)
	t.counts(t.vector(graph, 3, 4))
	for i := range tensors.n {
		if !t.ok() {
			return
		}
		t.weights(t.tableAt(tensors, i))
	}
	if first {
		t.tensors = tensors
		t.f.Inputs = t.values(t.vector(graph, 1, 4))
		t.f.Outputs = t.values(t.vector(graph, 2, 4))
	}
}

// counts counts operators.
func (t *tfliteReader) counts(operators fbVector) {
	for i := range operators.n {
		table := t.tableAt(operators, i)
		code := t.number(table, 0, 4)
		if !t.ok() {
			return
		}
		if code >= uint64(len(t.codes)) {
			t.fail(table.at, "an operator has the code %d, and there are %d", code, len(t.codes))
			return
		}
		t.f.Operators[t.codes[code]]++
	}
}

// weights lists a tensor whose buffer has data; buffer 0 is empty.
func (t *tfliteReader) weights(table fbTable) {
	buffer := int64(t.number(table, 2, 4))
	if buffer == 0 {
		return
	}
	if buffer >= t.buffers.n {
		t.fail(table.at, "a tensor is in buffer %d, and there are %d", buffer, t.buffers.n)
		return
	}
	place := t.tableAt(t.buffers, buffer)
	data := t.vector(place, 0, 1)
	// Models past 2 GiB have their data behind the FlatBuffer.
	at, length := data.at, data.n
	if offset := t.number(place, 1, 8); offset > 1 {
		at, length = int64(min(offset, 1<<62)), int64(min(t.number(place, 2, 8), 1<<62))
		t.holds(at, length)
	}
	if length == 0 || t.err != nil {
		return
	}
	v := t.value(table, 0)
	elements, ok := product(v.Shape)
	bits := tfliteBits[v.Dtype]
	if !ok || bits > 0 && elements > length*8/bits {
		t.fail(table.at, "tensor %s: shape %s of %s is more than its %s", quote(v.Name), showShape(v.Shape), v.Dtype, countBytes(uint64(length)))
		return
	}
	if len(t.f.Tensors) >= maxTensors || elements > 1<<62-t.f.Parameters {
		t.fail(table.at, "more than %d tensors, or more elements than can be counted", maxTensors)
		return
	}
	t.f.Parameters += elements
	t.f.Dtypes[v.Dtype] += elements
	t.f.Tensors = append(t.f.Tensors, Tensor{Name: v.Name, Dtype: v.Dtype, Shape: v.Shape, Bytes: length, Offset: at})
}

// values are the tensors of a list of numbers.
func (t *tfliteReader) values(list fbVector) []Value {
	var out []Value
	for i := range list.n {
		if v, ok := t.numbered(t.numberAt(list.at+4*i, 4)); ok && len(out) < maxLabels {
			out = append(out, v)
		}
	}
	return out
}

func (t *tfliteReader) numbered(n uint64) (Value, bool) {
	if !t.ok() {
		return Value{}, false
	}
	if int32(n) == -1 { // an input that is optional
		return Value{}, false
	}
	if n >= uint64(t.tensors.n) {
		t.fail(t.tensors.at, "tensor %d is used, and there are %d", n, t.tensors.n)
		return Value{}, false
	}
	return t.value(t.tableAt(t.tensors, int64(n)), 7), true
}

// value reads a tensor. Its shape_signature (7) has the dimensions that are
// not known, where there are any; its shape (0) is that of the data.
func (t *tfliteReader) value(table fbTable, shapeField int) Value {
	v := Value{Name: t.text(table, 3), Kind: "tensor", Shape: []int64{}}
	if n := t.number(table, 1, 1); n < uint64(len(tfliteTypes)) {
		v.Dtype = tfliteTypes[n]
	}
	shape := t.vector(table, shapeField, 4)
	if shape.n == 0 {
		shape = t.vector(table, 0, 4)
	}
	if shape.n > maxRank {
		t.fail(table.at, "a tensor of %d dimensions", shape.n)
		return v
	}
	for i := range shape.n {
		d := int64(int32(t.numberAt(shape.at+4*i, 4)))
		if d < 0 && shapeField == 0 {
			t.fail(shape.at, "a tensor with the dimension %d", d)
		}
		v.Shape = append(v.Shape, max(d, -1))
	}
	return v
}

// signatures names inputs and outputs as callers do, when there is one.
func (t *tfliteReader) signatures(list fbVector) {
	var keys []string
	for i := range min(list.n, 1000) {
		table := t.tableAt(list, i)
		keys = append(keys, t.text(table, 2))
		if list.n == 1 && t.number(table, 3, 4) == 0 {
			t.f.Inputs, t.f.Outputs = t.named(t.vector(table, 0, 4)), t.named(t.vector(table, 1, 4))
		}
	}
	if len(keys) > 0 {
		detail(t.f, "signatures", keys)
	}
}

// named reads a list of TensorMap.
func (t *tfliteReader) named(list fbVector) []Value {
	var out []Value
	for i := range list.n {
		table := t.tableAt(list, i)
		if v, ok := t.numbered(t.number(table, 1, 4)); ok && len(out) < maxLabels {
			v.Name = t.text(table, 0)
			out = append(out, v)
		}
	}
	return out
}

// tfliteOperators are the names of BuiltinOperator by their numbers.
const tfliteOperators = "ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED " +
	"HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 " +
	"RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD " +
	"UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM " +
	"STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX " +
	"MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG " +
	"SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN " +
	"FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V " +
	"UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE " +
	"NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM " +
	"CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL " +
	"CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU " +
	"DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST " +
	"BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE " +
	"STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL " +
	"STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM " +
	"STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH " +
	"STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA " +
	"STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE " +
	"STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT"
