package modelfile_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

func TestCoreML(t *testing.T) {
	var made struct {
		Coreml struct {
			Specification   int64
			Version         string
			Inputs, Outputs []string
		}
	}
	if err := json.Unmarshal([]byte(sample(t, "second.json")), &made); err != nil {
		t.Fatal(err)
	}
	f := facts(t, "small.mlmodel")
	inputs := []modelfile.Value{{Name: "numbers", Kind: "tensor", Dtype: "F64", Shape: []int64{4}}}
	outputs := []modelfile.Value{{Name: "scores", Kind: "map"}, {Name: "label", Kind: "tensor", Dtype: "string", Shape: []int64{}}}
	if f.Format != "coreml" || f.Architecture != "neuralNetworkClassifier" || f.Details["specification"] != made.Coreml.Specification ||
		f.Frameworks["coremltools"] != made.Coreml.Version || !reflect.DeepEqual(f.Inputs, inputs) || !reflect.DeepEqual(f.Outputs, outputs) ||
		!reflect.DeepEqual(f.Labels, []string{"cat", "dog", "größe"}) || f.License != "MIT" || f.Metadata["author"] != "nobody" ||
		!reflect.DeepEqual(f.Details["custom"], []string{"customLayer MyLayer"}) || f.Details["layers"] != int64(2) || f.Details["predicted"] != "label" {
		t.Errorf("got %+v", f)
	}
	whole := sample(t, "small.mlmodel")
	refuses(t, "cut", whole[:len(whole)-3], "COR001")
	description := proto{}.sub(1, proto{}.text(1, "x").sub(3, proto{}.sub(2, proto{})))
	deep := proto{}.text(2, "")
	for range 20 {
		deep = proto{}.sub(202, proto{}.sub(1, deep))
	}
	refuses(t, "pipelines in pipelines", string(append(proto{}.num(1, 5).sub(2, description), deep...)), "COR001")
	custom := proto{}.num(1, 1).sub(2, description).sub(202, proto{}.sub(1, proto{}.sub(555, proto{}.text(10, "Mine"))).sub(1, proto{}.sub(556, proto{})))
	if f, err := inspect(t, string(custom), "m"); err != nil || f.Format != "coreml" || f.Architecture != "pipeline" || !reflect.DeepEqual(f.Details["custom"], []string{"customModel Mine", "linkedModel"}) {
		t.Errorf("a pipeline: %+v, %v", f, err)
	}
}

func init() { small = append(small, "small.mlmodel") }
