package modelfile_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

const iris = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<!-- made by hand -->
<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4">
	<Header description="a tree"><Application name="JPMML-SkLearn" version="1.8.1"/><Timestamp>2026-11-23T17:00:00Z</Timestamp></Header>
	<DataDictionary>
		<DataField name="kind" optype="categorical" dataType="string"><Value value="setosa"/><Value value="größe"/><Value value="?" property="missing"/></DataField>
		<DataField name="length" optype="continuous" dataType="double"/>
		<DataField name="day" optype="ordinal" dataType="date"/>
	</DataDictionary>
	<TransformationDictionary/>
	<TreeModel modelName="iris" functionName="classification">
		<MiningSchema><MiningField name="kind" usageType="target"/><MiningField name="length"/><MiningField name="day" usageType="active"/></MiningSchema>
		<Output><OutputField name="probability(setosa)" optype="continuous" dataType="double" feature="probability" value="setosa"/></Output>
		<Node id="1"><True/></Node>
	</TreeModel>
</PMML>
`

func TestPMML(t *testing.T) {
	f, err := inspect(t, iris, "iris.pmml")
	if err != nil {
		t.Fatal(err)
	}
	inputs := []modelfile.Value{{Name: "length", Kind: "tensor", Dtype: "F64", Shape: []int64{-1}}, {Name: "day", Kind: "tensor", Dtype: "date", Shape: []int64{-1}}}
	outputs := []modelfile.Value{{Name: "probability(setosa)", Kind: "tensor", Dtype: "F64", Shape: []int64{-1}}}
	if f.Format != "pmml" || f.Architecture != "TreeModel" || !reflect.DeepEqual(f.Inputs, inputs) || !reflect.DeepEqual(f.Outputs, outputs) ||
		!reflect.DeepEqual(f.Labels, []string{"setosa", "größe"}) || f.Frameworks["JPMML-SkLearn"] != "1.8.1" || f.Details["version"] != "4.4" ||
		f.Details["function"] != "classification" || !reflect.DeepEqual(f.Details["targets"], []string{"kind"}) || f.Details["documentType"] != nil {
		t.Errorf("got %+v", f)
	}
	// The model's own part is not read.
	if _, err := inspect(t, iris[:strings.Index(iris, "<Node")+7], "m"); err != nil {
		t.Errorf("cut in the model: %v", err)
	}
	external := strings.Replace(iris, "<PMML", `<!DOCTYPE PMML [<!ENTITY x SYSTEM "file:///etc/passwd">]><PMML`, 1)
	if f, err := inspect(t, external, "m"); err != nil || f.Details["documentType"] != true {
		t.Errorf("a document type: %+v, %v", f, err)
	}
	refuses(t, "cut", iris[:600], "PMM001")
	refuses(t, "an entity", strings.Replace(external, "a tree", "&x;", 1), "PMM001")
	refuses(t, "a long heading", "<PMML>"+strings.Repeat("<Extension name='"+strings.Repeat("x", 1<<20)+"'/>", 33), "PMM001")
	refuses(t, "a long name", "<PMML><"+strings.Repeat("x", 2000)+"/></PMML>", "PMM001")
	refuses(t, "an end too many", "<PMML></PMML></PMML>", "PMM001")
	refuses(t, "a long text", "<PMML><Header description='"+strings.Repeat("x", 5<<20)+"'/></PMML>", "PMM001")
	refuses(t, "many fields", "<PMML><DataDictionary>"+strings.Repeat("<DataField/>", 100_001)+"</DataDictionary></PMML>", "PMM001")
	for name, file := range map[string]string{"another root": "<html><PMML/></html>", "in a comment": "<!-- <PMML> --><x/>", "text": "PMML"} {
		if f, err := inspect(t, file, "m"); err != nil || f.Format != "" {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	data := []byte(iris)
	for n := range data {
		endure(t, data[:n], "m")
		damaged := bytes.Clone(data)
		damaged[n] ^= 0x15
		endure(t, damaged, "m")
	}
}

// The model is that of testdata/make_second.py.
func TestOpenVINO(t *testing.T) {
	f := facts(t, "small.xml")
	inputs := []modelfile.Value{{Name: "numbers", Kind: "tensor", Dtype: "F32", Shape: []int64{-1, 4}}}
	outputs := []modelfile.Value{{Name: "scores", Kind: "tensor", Dtype: "F32", Shape: []int64{-1, 3}}}
	operators := map[string]int64{"Parameter": 1, "Const": 1, "MatMul": 1, "SoftMax": 1, "Result": 1}
	if f.Format != "openvino" || !reflect.DeepEqual(f.Inputs, inputs) || !reflect.DeepEqual(f.Outputs, outputs) || !reflect.DeepEqual(f.Operators, operators) ||
		f.Parameters != 12 || f.Dtypes["F32"] != 12 || f.Frameworks["openvino"] != library(t).Openvino || f.Details["name"] != "small" {
		t.Errorf("got %+v", f)
	}
	whole := sample(t, "small.xml")
	// Older releases name outputs only where they are made.
	older := strings.Replace(whole, ` output_names="scores"`, "", 1)
	if f, err := inspect(t, older, "m"); err != nil || f.Outputs[0].Name != "scores" {
		t.Errorf("got %+v, %v", f, err)
	}
	other := strings.Replace(whole, `output_names="scores"`, `output_names="other,scores"`, 1)
	if f, err := inspect(t, other, "m"); err != nil || f.Outputs[0].Name != "other" {
		t.Errorf("got %+v, %v", f, err)
	}
	refuses(t, "cut", whole[:900], "OVI001")
	refuses(t, "deep", "<net>"+strings.Repeat("<a>", 2000), "OVI001")
	refuses(t, "a shape", strings.Replace(whole, `shape="4, 3"`, `shape="4, -3"`, 1), "OVI001")
	refuses(t, "a large shape", strings.Replace(whole, `shape="4, 3"`, `shape="4000000000, 4000000000"`, 1), "OVI001")
}

func init() { small = append(small, "small.xml") }
