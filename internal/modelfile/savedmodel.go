package modelfile

import (
	"context"
	"encoding/binary"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/sorting"
)

// TensorFlow's SavedModel (tensorflow/core/protobuf/saved_model.proto and
// meta_graph.proto; core/framework/graph.proto, function.proto, node_def.proto,
// types.proto; core/protobuf/saved_object_graph.proto): the saved_model.pb of
// the folder, walked where it stands. The variables are in other files, which
// are not read; their types and shapes are in this one.

var savedModel = format{
	name:      "savedmodel",
	byContent: looksLikeSavedModel,
	byName:    func(string) bool { return false },
	rules: map[string]string{
		ruleSavedModel: "A SavedModel is a protobuf message whose lengths fit into each other and into the file, with at most 5,000,000 nodes.",
	},
	read: readSavedModel,
}

const (
	ruleSavedModel = "TFS010"
	hintSavedModel = "it may be cut short: copy it again, or save the model again"
	servingDefault = "serving_default"
)

// looksLikeSavedModel: version 1 of the schema, then a MetaGraphDef that begins
// with its MetaInfoDef, whose first field is a list of operators, tags or the
// version of TensorFlow. See looksLikeONNX for what begins alike.
func looksLikeSavedModel(head []byte) bool {
	if len(head) < 8 || head[0] != 0x08 || head[1] != 1 || head[2] != 0x12 {
		return false
	}
	at := 3
	length, n := binary.Uvarint(head[at:])
	if at += n; n <= 0 || length == 0 || at >= len(head) || head[at] != 0x0a {
		return false
	}
	at++
	inner, n := binary.Uvarint(head[at:])
	if at += n; n <= 0 || inner == 0 || inner > length || at >= len(head) {
		return false
	}
	switch head[at] {
	case 0x12, 0x22, 0x2a: // stripped_op_list, tags, tensorflow_version
		return true
	}
	return false
}

// tensorflowTypes are the values of DataType (types.proto). Those of
// references are 100 more.
var tensorflowTypes = [...]string{1: "F32", 2: "F64", 3: "I32", 4: "U8", 5: "I16", 6: "I8", 7: "string", 8: "C64", 9: "I64", 10: "BOOL", 11: "I8",
	12: "U8", 13: "I32", 14: "BF16", 15: "I16", 16: "U16", 17: "U16", 18: "C128", 19: "F16", 20: "resource", 21: "variant", 22: "U32", 23: "U64",
	24: "F8_E5M2", 25: "F8_E4M3", 29: "I4", 30: "U4"}

func tensorflowType(n uint64) string {
	if n >= 100 {
		n -= 100
	}
	if n < uint64(len(tensorflowTypes)) {
		return tensorflowTypes[n]
	}
	return ""
}

// savedReader reads one model.
type savedReader struct {
	*protoReader
	f          *Facts
	nodes      int
	functions  int64
	variables  int64
	tags       []string
	signatures map[string]*signature
}

// signature is a SignatureDef: what can be called, by name.
type signature struct {
	inputs, outputs []Value
	method          string
}

func readSavedModel(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error {
	p := &protoReader{ctx: ctx, r: r, size: size, limit: 64 << 20}
	p.broken = func(at int64, reason string, args ...any) error {
		return broken(ruleSavedModel, at, hintSavedModel, reason, args...)
	}
	s := &savedReader{protoReader: p, f: f, signatures: map[string]*signature{}}
	f.Operators = map[string]int64{}
	err := s.message(0, size, func(f protoField) error {
		if f.id == 2 {
			return s.asMessage(f, s.metaGraph)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.finish()
	return nil
}

// metaGraph reads a field of MetaGraphDef.
func (s *savedReader) metaGraph(f protoField) error {
	switch f.id {
	case 1:
		return s.asMessage(f, s.metaInfo)
	case 2:
		return s.asMessage(f, s.graph)
	case 5:
		return s.signature(f)
	case 7: // object_graph_def
		return s.asMessage(f, func(f protoField) error {
			if f.id != 1 {
				return nil
			}
			return s.asMessage(f, func(f protoField) error {
				if f.id != 7 {
					return nil
				}
				return s.variable(f)
			})
		})
	}
	return nil
}

func (s *savedReader) metaInfo(f protoField) error {
	switch f.id {
	case 4:
		tag, err := s.text(f)
		if err == nil && len(s.tags) < 1000 && !slices.Contains(s.tags, tag) {
			s.tags = append(s.tags, tag)
		}
		return err
	case 5:
		v, err := s.text(f)
		if v != "" {
			s.f.Frameworks = map[string]string{"tensorflow": v}
		}
		return err
	}
	return nil
}

// graph reads a field of GraphDef: its nodes and its library of functions.
func (s *savedReader) graph(f protoField) error {
	switch f.id {
	case 1:
		return s.node(f)
	case 2:
		return s.asMessage(f, func(f protoField) error {
			if f.id != 1 {
				return nil
			}
			s.functions++
			return s.asMessage(f, func(f protoField) error {
				if f.id != 3 {
					return nil
				}
				return s.node(f)
			})
		})
	}
	return nil
}

func (s *savedReader) node(f protoField) error {
	if s.nodes++; s.nodes > maxONNXNodes {
		return s.broken(f.at, "more than %d nodes", maxONNXNodes)
	}
	return s.asMessage(f, func(f protoField) error {
		if f.id != 2 {
			return nil
		}
		op, err := s.text(f)
		if err != nil {
			return err
		}
		if _, known := s.f.Operators[op]; known {
			s.kept -= len(op)
		} else if len(s.f.Operators) >= maxONNXKinds {
			return s.broken(f.at, "more than %d kinds of operators", maxONNXKinds)
		}
		s.f.Operators[op]++
		return nil
	})
}

// signature reads an entry of signature_def.
func (s *savedReader) signature(f protoField) error {
	name, sig := "", &signature{}
	err := s.asMessage(f, func(f protoField) (err error) {
		switch f.id {
		case 1:
			name, err = s.text(f)
		case 2:
			err = s.asMessage(f, func(f protoField) (err error) {
				switch f.id {
				case 1:
					err = s.tensorInfo(f, &sig.inputs)
				case 2:
					err = s.tensorInfo(f, &sig.outputs)
				case 3:
					sig.method, err = s.text(f)
				}
				return err
			})
		}
		return err
	})
	// TensorFlow's own, which sets the variables up, is not called.
	if name != "__saved_model_init_op" && len(s.signatures) < 1000 {
		s.signatures[name] = sig
	}
	return err
}

// tensorInfo reads an entry of the inputs or outputs of a signature.
func (s *savedReader) tensorInfo(f protoField, into *[]Value) error {
	v := Value{Kind: "tensor"}
	err := s.asMessage(f, func(f protoField) (err error) {
		switch f.id {
		case 1:
			v.Name, err = s.text(f)
		case 2:
			err = s.asMessage(f, func(f protoField) (err error) {
				switch f.id {
				case 2:
					v.Dtype = tensorflowType(f.number)
				case 3:
					v.Shape, err = s.shape(f)
				case 4, 5:
					v.Kind = map[int]string{4: "sparse", 5: "composite"}[f.id]
				}
				return err
			})
		}
		return err
	})
	if len(*into) < 10_000 {
		*into = append(*into, v)
	}
	return err
}

// shape reads a TensorShapeProto; nil is of unknown rank.
func (s *savedReader) shape(f protoField) ([]int64, error) {
	shape, unknown := []int64{}, false
	err := s.asMessage(f, func(f protoField) error {
		switch f.id {
		case 2:
			var d int64
			if len(shape) >= 254 { // TensorShape::MaxDimensions
				return s.broken(f.at, "a shape of more than 254 dimensions")
			}
			err := s.asMessage(f, func(f protoField) error {
				if f.id == 1 {
					d = max(int64(f.number), -1)
				}
				return nil
			})
			shape = append(shape, d)
			return err
		case 3:
			unknown = f.number != 0
		}
		return nil
	})
	if unknown {
		shape = nil
	}
	return shape, err
}

// variable counts a SavedVariable.
func (s *savedReader) variable(f protoField) error {
	dtype, shape := "", []int64(nil)
	err := s.asMessage(f, func(f protoField) (err error) {
		switch f.id {
		case 1:
			dtype = tensorflowType(f.number)
		case 2:
			shape, err = s.shape(f)
		}
		return err
	})
	if err != nil || shape == nil || dtype == "" {
		return err
	}
	elements, ok := product(shape)
	if slices.Contains(shape, -1) {
		elements, ok = 0, true
	}
	if !ok || elements > math.MaxInt64-s.f.Parameters {
		return s.broken(f.at, "variables of more elements than can be counted")
	}
	if s.f.Dtypes == nil {
		s.f.Dtypes = map[string]int64{}
	}
	s.variables++
	s.f.Parameters += elements
	s.f.Dtypes[dtype] += elements
	return nil
}

// finish chooses the signature that servers call without a name.
func (s *savedReader) finish() {
	names := slices.Sorted(maps.Keys(s.signatures))
	byName := func(a, b Value) int { return strings.Compare(a.Name, b.Name) }
	all := map[string]any{}
	for _, name := range names {
		sig := s.signatures[name]
		sorting.Stable(sig.inputs, byName)
		sorting.Stable(sig.outputs, byName)
		all[name] = map[string]any{"inputs": valueNames(sig.inputs), "outputs": valueNames(sig.outputs), "method": sig.method}
	}
	chosen := s.signatures[servingDefault]
	if chosen == nil && len(names) == 1 {
		chosen = s.signatures[names[0]]
	}
	if chosen != nil {
		s.f.Inputs, s.f.Outputs = chosen.inputs, chosen.outputs
	}
	if len(all) > 0 {
		detail(s.f, "signatures", all)
	}
	if len(s.tags) > 0 {
		detail(s.f, "tags", s.tags)
	}
	detail(s.f, "nodes", int64(s.nodes))
	detail(s.f, "functions", s.functions)
	detail(s.f, "variables", s.variables)
}

func valueNames(values []Value) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.Name
	}
	return out
}
