package modelfile

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// valueInfo reads a ValueInfoProto: an input or an output.
func (o *onnxReader) valueInfo(f protoField) (v Value, err error) {
	err = o.asMessage(f, func(f protoField) (err error) {
		switch f.id {
		case 1:
			v.Name, err = o.text(f)
		case 2:
			err = o.typeOf(f, &v, 0)
		}
		return err
	})
	return v, err
}

// typeOf reads a TypeProto. The kind is that of the outermost type, written
// "sequence(map)" where types nest; dtype and shape are those of the tensors
// at the bottom, of a map "KEY:VALUE".
func (o *onnxReader) typeOf(f protoField, v *Value, nesting int) error {
	if nesting > maxONNXTypes {
		return broken(ruleONNXLimit, f.at, hintONNX, "types in types, more than %d deep", maxONNXTypes)
	}
	inner := func(f protoField, kind string) error {
		err := o.asMessage(f, func(f protoField) error {
			if f.id == 1 {
				return o.typeOf(f, v, nesting+1)
			}
			return nil
		})
		if v.Kind != "" && v.Kind != "tensor" {
			kind += "(" + v.Kind + ")"
		}
		v.Kind = kind
		return err
	}
	return o.asMessage(f, func(f protoField) error {
		switch f.id {
		case 1:
			return o.tensorType(f, v, "tensor")
		case 8:
			return o.tensorType(f, v, "sparse")
		case 4:
			return inner(f, "sequence")
		case 9:
			return inner(f, "optional")
		case 5:
			return o.mapType(f, v, nesting)
		}
		return nil
	})
}

func (o *onnxReader) mapType(f protoField, v *Value, nesting int) error {
	key := ""
	err := o.asMessage(f, func(f protoField) error {
		switch f.id {
		case 1:
			key = onnxType(f.number)
		case 2:
			return o.typeOf(f, v, nesting+1)
		}
		return nil
	})
	v.Kind = "map"
	v.Dtype = key + ":" + v.Dtype
	return err
}

// tensorType reads a TypeProto.Tensor: the type of an element, and the shape
// where it is known.
func (o *onnxReader) tensorType(f protoField, v *Value, kind string) error {
	v.Kind = kind
	return o.asMessage(f, func(f protoField) error {
		switch f.id {
		case 1:
			v.Dtype = onnxType(f.number)
		case 2:
			v.Shape = []int64{}
			return o.asMessage(f, func(f protoField) error {
				if f.id != 1 {
					return nil
				}
				return o.dimension(f, v)
			})
		}
		return nil
	})
}

// dimension reads a TensorShapeProto.Dimension: a number, a name or nothing.
func (o *onnxReader) dimension(f protoField, v *Value) error {
	if len(v.Shape) == maxRank {
		return broken(ruleONNXLimit, f.at, hintONNX, "%s has more than %d dimensions", quote(v.Name), maxRank)
	}
	d, symbol := int64(-1), ""
	err := o.asMessage(f, func(f protoField) (err error) {
		switch f.id {
		case 1:
			if d = -1; int64(f.number) >= 0 {
				d = int64(f.number)
			}
		case 2:
			symbol, err = o.text(f)
		}
		return err
	})
	v.Shape = append(v.Shape, d)
	if symbol != "" && v.Symbols == nil {
		v.Symbols = make([]string, len(v.Shape)-1, maxRank)
	}
	if v.Symbols != nil {
		v.Symbols = append(v.Symbols, symbol)
	}
	return err
}

// wholeText reads a number as external_data has it; none is 0.
func wholeText(s string) (int64, bool) {
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(min(n, math.MaxInt64)), err == nil
}

func showWhole(v uint64) string { return strconv.FormatInt(int64(v), 10) }

// quoteFormat is quote for a place where verbs would be read.
func quoteFormat(s string) string { return strings.ReplaceAll(fmt.Sprint(quote(s)), "%", "%%") }
