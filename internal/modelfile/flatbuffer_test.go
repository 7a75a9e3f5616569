package modelfile_test

import (
	"encoding/binary"
	"reflect"
	"testing"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

// The model is that of testdata/make_second.py.
func TestTFLite(t *testing.T) {
	f := facts(t, "small.tflite")
	inputs := []modelfile.Value{{Name: "x", Kind: "tensor", Dtype: "F32", Shape: []int64{-1, 4}}}
	outputs := []modelfile.Value{{Name: "y", Kind: "tensor", Dtype: "F32", Shape: []int64{1, 3}}}
	operators := map[string]int64{"FULLY_CONNECTED": 1, "custom.MyOp": 2}
	if f.Format != "tflite" || !reflect.DeepEqual(f.Inputs, inputs) || !reflect.DeepEqual(f.Outputs, outputs) || !reflect.DeepEqual(f.Operators, operators) ||
		f.Parameters != 12 || f.Dtypes["I8"] != 12 || len(f.Tensors) != 1 || f.Details["description"] != "a small model" || f.Details["version"] != int64(3) {
		t.Errorf("got %+v", f)
	}
	w := f.Tensors[0]
	if data := sample(t, "small.tflite")[w.Offset : w.Offset+w.Bytes]; w.Name != "w" || data != "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b" {
		t.Errorf("got %+v with %q", w, data)
	}
	data := sample(t, "small.tflite")
	far := binary.LittleEndian.AppendUint32(nil, 1<<31)
	refuses(t, "cut", data[:300], "TFL001")
	refuses(t, "a root past the end", string(far)+data[4:], "TFL001")
	refuses(t, "a root within itself", "\x00\x00\x00\x00"+data[4:], "TFL001")
}

func TestCatBoost(t *testing.T) {
	f := facts(t, "small.cbm")
	if f.Format != "catboost" || f.Details["trees"] != library(t).CatboostTrees || f.Details["objective"] != "MultiClass" || f.Details["dimension"] != int64(3) ||
		!reflect.DeepEqual(f.Labels, []string{"cat", "dog", "größe"}) || !reflect.DeepEqual(f.Inputs, rows(3)) ||
		!reflect.DeepEqual(f.Details["features"], []string{"age", "size", "größe"}) || f.Details["trained"] == nil {
		t.Errorf("got %+v", f)
	}
	data := sample(t, "small.cbm")
	refuses(t, "cut", data[:3000], "CAT001")
	refuses(t, "longer than the file", data[:4]+"\xff\xff\xff\x7f"+data[8:], "CAT001")
	refuses(t, "a table past its end", data[:4]+"\x20\x00\x00\x00"+data[8:], "CAT001")
}

func init() { small = append(small, "small.tflite", "small.cbm") }
