package modelfile

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"io"
	"math"
	"strconv"
	"strings"
)

// OpenVINO's intermediate representation, versions 10 and 11 (openvinotoolkit/
// openvino, docs "OpenVINO IR format", src/core/src/xml_util and
// src/frontends/ir): the .xml of layers. The weights are in the .bin beside it,
// which is not read; their types and shapes are in this one.

var openvino = format{
	name:      "openvino",
	byContent: func(head []byte) bool { return xmlRoot(head) == "net" },
	byName:    func(string) bool { return false },
	rules: map[string]string{
		ruleOpenVINO: "The representation of an OpenVINO model is XML of at most 128 MiB, whose constants have shapes of whole numbers.",
	},
	read: readOpenVINO,
}

const (
	ruleOpenVINO = "OVI001"
	maxOpenVINO  = 128 << 20
	hintOpenVINO = "it may be cut short: copy it again, or export the model again"
)

// openvinoTypes are the types of elements, as data and as ports name them.
var openvinoTypes = map[string]string{"f16": "F16", "bf16": "BF16", "f32": "F32", "f64": "F64", "boolean": "BOOL", "i4": "I4", "i8": "I8", "i16": "I16", "i32": "I32",
	"i64": "I64", "u1": "U1", "u2": "U2", "u3": "U3", "u4": "U4", "u6": "U6", "u8": "U8", "u16": "U16", "u32": "U32", "u64": "U64", "nf4": "NF4", "f8e4m3": "F8_E4M3",
	"f8e5m2": "F8_E5M2", "f8e8m0": "F8_E8M0", "f4e2m1": "F4", "string": "string",
	"fp16": "F16", "fp32": "F32", "fp64": "F64", "bool": "BOOL"}

func openvinoType(name string) string {
	name = strings.ToLower(name)
	if dtype, ok := openvinoTypes[name]; ok {
		return dtype
	}
	return name
}

// irPort is an output of a layer.
type irPort struct{ layer, port string }

// irReader reads one model.
type irReader struct {
	f       *Facts
	layer   struct{ kind, id, name, output string }
	value   *Value // the input or output whose port is being read
	results map[string]int
	names   map[irPort]string // where there are any
	kept    int               // bytes of them
	bad     error
}

func readOpenVINO(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error {
	if size > maxOpenVINO {
		return broken(ruleOpenVINO, 0, hintOpenVINO, "it has %s, at most %d are read", countBytes(uint64(size)), maxOpenVINO)
	}
	f.Operators = map[string]int64{}
	x := newXML(ctx, r, size, maxOpenVINO)
	o := &irReader{f: f, results: map[string]int{}, names: map[irPort]string{}}
	x.text = func(path []string, text []byte) {
		if o.value != nil && len(path) == 6 && path[5] == "dim" && len(o.value.Shape) < maxRank {
			d, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
			if err != nil || d < 0 {
				d = -1
			}
			o.value.Shape = append(o.value.Shape, d)
		}
	}
	err := x.each(func(path []string, e xml.StartElement) bool {
		o.start(path, e, x.InputOffset())
		return o.bad == nil
	}, func(path []string) bool {
		if len(path) == 4 {
			o.value = nil
		}
		return true
	})
	switch {
	case o.bad != nil:
		return o.bad
	case err != nil:
		return x.broken(ruleOpenVINO, "an OpenVINO model", err)
	}
	if x.doctype {
		detail(f, "documentType", true)
	}
	return nil
}

func (o *irReader) start(path []string, e xml.StartElement, at int64) {
	name := e.Name.Local
	switch {
	case len(path) == 0:
		detail(o.f, "name", attribute(e, "name"))
		detail(o.f, "version", attribute(e, "version"))
	case len(path) == 2 && path[1] == "layers" && name == "layer":
		o.startLayer(e, at)
	case len(path) == 3 && path[1] == "layers" && name == "data" && o.layer.kind == "Const":
		o.constant(openvinoType(attribute(e, "element_type")), attribute(e, "shape"), at)
	case len(path) == 4 && path[1] == "layers" && name == "port":
		o.startPort(path[3], e, at)
	case len(path) == 2 && path[1] == "edges" && name == "edge":
		if i, ok := o.results[attribute(e, "to-layer")]; ok && o.f.Outputs[i].Name == "" {
			o.f.Outputs[i].Name = o.names[irPort{attribute(e, "from-layer"), attribute(e, "from-port")}]
		}
	case len(path) == 2 && path[1] == "rt_info":
		if v := attribute(e, "value"); v != "" && (name == "Runtime_version" || attribute(e, "name") == "OpenVINO Runtime") {
			o.f.Frameworks = map[string]string{"openvino": v}
		}
	}
}

func (o *irReader) startLayer(e xml.StartElement, at int64) {
	o.value = nil
	o.layer.kind, o.layer.id, o.layer.name, o.layer.output = attribute(e, "type"), attribute(e, "id"), attribute(e, "name"), attribute(e, "output_names")
	op := o.layer.kind
	// Operators of OpenVINO itself are in operator sets, all else is an extension.
	if set := attribute(e, "version"); set != "" && !strings.HasPrefix(set, "opset") {
		op = set + "." + op
	}
	if _, known := o.f.Operators[op]; !known && len(o.f.Operators) >= maxONNXKinds {
		o.bad = broken(ruleOpenVINO, at, hintOpenVINO, "more than %d kinds of operators", maxONNXKinds)
		return
	}
	o.f.Operators[op]++
}

// startPort reads a port of a layer: those of Parameters and Results are the
// model's inputs and outputs.
func (o *irReader) startPort(side string, e xml.StartElement, at int64) {
	v := Value{Kind: "tensor", Dtype: openvinoType(attribute(e, "precision")), Shape: []int64{}}
	name, _, _ := strings.Cut(attribute(e, "names"), ",")
	if len(o.f.Inputs)+len(o.f.Outputs) >= maxLabels {
		o.bad = broken(ruleOpenVINO, at, hintOpenVINO, "more than %d inputs and outputs", maxLabels)
		return
	}
	switch {
	case o.layer.kind == "Parameter" && side == "output":
		v.Name = cmp.Or(name, o.layer.name)
		o.f.Inputs = append(o.f.Inputs, v)
		o.value = &o.f.Inputs[len(o.f.Inputs)-1]
	case o.layer.kind == "Result" && side == "input":
		v.Name, _, _ = strings.Cut(o.layer.output, ",")
		o.f.Outputs = append(o.f.Outputs, v)
		o.results[o.layer.id] = len(o.f.Outputs) - 1
		o.value = &o.f.Outputs[len(o.f.Outputs)-1]
	case side == "output" && name != "":
		if o.kept += len(name) + 64; o.kept <= maxONNXText {
			o.names[irPort{o.layer.id, attribute(e, "id")}] = name
		}
	}
}

// constant counts the elements of a Const.
func (o *irReader) constant(dtype, shape string, at int64) {
	dims := []int64{}
	for part := range strings.SplitSeq(shape, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		d, err := strconv.ParseInt(part, 10, 64)
		if err != nil || d < 0 || len(dims) == maxRank {
			o.bad = broken(ruleOpenVINO, at, hintOpenVINO, "a constant has the shape %s", quote(shape))
			return
		}
		dims = append(dims, d)
	}
	n, ok := product(dims)
	if !ok || n > math.MaxInt64-o.f.Parameters || len(o.f.Dtypes) > 1000 {
		o.bad = broken(ruleOpenVINO, at, hintOpenVINO, "constants of more elements than can be counted")
		return
	}
	if o.f.Dtypes == nil {
		o.f.Dtypes = map[string]int64{}
	}
	o.f.Parameters += n
	o.f.Dtypes[dtype] += n
}
