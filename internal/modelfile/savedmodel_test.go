package modelfile_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

// savedGraph is a SavedModel as tf.saved_model.save lays it out.
func savedGraph() proto {
	entry := func(name string, body proto) proto { return proto{}.text(1, name).sub(2, body) }
	info := func(dtype uint64, shape proto) proto { return proto{}.text(1, "x:0").num(2, dtype).sub(3, shape) }
	dim := func(n int64) proto { return proto{}.num(1, uint64(n)) }
	node := func(op string) proto { return proto{}.text(1, "n").text(2, op) }
	serving := proto{}.
		sub(1, entry("text", info(7, proto{}.sub(2, dim(-1))))).
		sub(1, entry("age", info(1, proto{}.sub(2, dim(-1)).sub(2, dim(3))))).
		sub(2, entry("scores", info(1, proto{}.num(3, 1)))).
		text(3, "tensorflow/serving/predict")
	variable := func(dtype uint64, shape proto) proto {
		return proto{}.sub(1, proto{}.sub(7, proto{}.num(1, dtype).sub(2, shape).text(6, "w")))
	}
	objects := append(variable(1, proto{}.sub(2, dim(3)).sub(2, dim(4))), append(variable(9, proto{}), variable(1, proto{}.sub(2, dim(-1)).sub(2, dim(7)))...)...)
	function := proto{}.sub(1, proto{}.text(1, "f")).sub(3, node("MatMul")).sub(3, node("ReadFile"))
	graph := proto{}.sub(1, node("Placeholder")).sub(1, node("MatMul")).sub(2, proto{}.sub(1, function))
	meta := proto{}.
		sub(1, proto{}.sub(2, proto{}.sub(1, proto{}.text(1, "MatMul"))).text(4, "serve").text(5, "2.17.0")).
		sub(2, graph).
		sub(5, entry("serving_default", serving)).
		sub(5, entry("__saved_model_init_op", proto{}.sub(2, entry("__saved_model_init_op", info(0, proto{}.num(3, 1)))))).
		sub(7, objects)
	return proto{}.num(1, 1).sub(2, meta)
}

func TestSavedModel(t *testing.T) {
	file := savedGraph()
	f, err := inspect(t, string(file), "saved_model.pb")
	if err != nil {
		t.Fatal(err)
	}
	inputs := []modelfile.Value{{Name: "age", Kind: "tensor", Dtype: "F32", Shape: []int64{-1, 3}}, {Name: "text", Kind: "tensor", Dtype: "string", Shape: []int64{-1}}}
	outputs := []modelfile.Value{{Name: "scores", Kind: "tensor", Dtype: "F32"}}
	if f.Format != "savedmodel" || !reflect.DeepEqual(f.Inputs, inputs) || !reflect.DeepEqual(f.Outputs, outputs) ||
		!reflect.DeepEqual(f.Operators, map[string]int64{"Placeholder": 1, "MatMul": 2, "ReadFile": 1}) || f.Frameworks["tensorflow"] != "2.17.0" ||
		f.Parameters != 13 || !reflect.DeepEqual(f.Dtypes, map[string]int64{"F32": 12, "I64": 1}) || !reflect.DeepEqual(f.Details["tags"], []string{"serve"}) ||
		f.Details["functions"] != int64(1) || f.Details["nodes"] != int64(4) || f.Details["variables"] != int64(3) {
		t.Errorf("got %+v", f)
	}
	if all, _ := f.Details["signatures"].(map[string]any); len(all) != 1 || all["serving_default"] == nil {
		t.Errorf("got %v", f.Details["signatures"])
	}
	refuses(t, "cut", string(file[:len(file)-3]), "TFS010")
	refuses(t, "a group", string(append(bytes.Clone(file), 7<<3|3)), "TFS010")
	wide := proto{}
	for range 300 {
		wide = wide.sub(2, proto{}.num(1, 1))
	}
	refuses(t, "a shape of many dimensions", string(append(savedGraph(), proto{}.sub(2, proto{}.sub(7, proto{}.sub(1, proto{}.sub(7, proto{}.num(1, 1).sub(2, wide)))))...)), "TFS010")
	for n := range file {
		endure(t, file[:n], "saved_model.pb")
		damaged := bytes.Clone(file)
		damaged[n] ^= 0x55
		endure(t, damaged, "saved_model.pb")
	}
}
