package compat

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/schemas"
)

// base is a model that tells everything.
func base() Interface {
	port := func(name, dtype string, shape ...int64) Port {
		return Port{Name: name, Kind: "tensor", Type: dtype, Shape: shape, Ranked: true}
	}
	mask := port("mask", "int64", -1, 10)
	mask.Optional = true
	return Interface{
		Inputs:  []Port{port("ids", "int64", -1, 10), mask},
		Outputs: []Port{port("logits", "float32", -1, 3), port("hidden", "float32", -1, -1)},
		Labels:  []string{"bad", "so-so", "good"}, Features: []string{"age", "income"},
		Preprocessing: "sha256:aaaa", Tokenizer: "sha256:bbbb", Vocabulary: 100, Context: 512, Embedding: 64, ChatTemplate: "{{ x }}",
		Format: "onnx", IR: 8, Opsets: map[string]int64{"": 17, "ai.onnx.ml": 3}, CustomOps: []string{"com.acme.Fused"},
		Frameworks: map[string]string{"torch": "2.1.0"}, Quantization: "Q8_0", License: "MIT", BaseModel: "acme/base",
		Parameters: 1000, Bytes: 4000,
	}
}

// samples has, for every rule, a change that breaks it and one that nearly
// does. What else the change breaks is not looked at.
var samples = []struct {
	rule        string
	breaks      func(*Interface)
	nearly      func(*Interface)
	name        string // of the break
	wantMessage string
}{
	{"INPUT_NO_DELETE", func(i *Interface) { i.Inputs = i.Inputs[:1] }, func(i *Interface) { i.Inputs = nil }, "mask", "the input mask is gone"},
	{"INPUT_NO_RENAME", func(i *Interface) { i.Inputs[0].Name = "tokens" }, func(i *Interface) { i.Inputs[0].Name, i.Inputs[0].Type = "tokens", "int32" }, "ids", "the input ids is called tokens now"},
	{"INPUT_NO_ADD_REQUIRED", func(i *Interface) { i.Inputs = append(i.Inputs, Port{Name: "new"}) },
		func(i *Interface) { i.Inputs = append(i.Inputs, Port{Name: "new", Optional: true}) }, "new", "the new input new is required"},
	{"INPUT_OPTIONAL_TO_REQUIRED", func(i *Interface) { i.Inputs[1].Optional = false }, func(i *Interface) { i.Inputs[0].Optional = true }, "mask", "was optional"},
	{"INPUT_KIND_SAME", func(i *Interface) { i.Inputs[0].Kind = "sequence" }, func(i *Interface) { i.Outputs[0].Kind = "sequence" }, "ids", "another kind"},
	{"INPUT_DTYPE_NO_NARROW", func(i *Interface) { i.Inputs[0].Type = "int32" }, func(i *Interface) { i.Inputs[0].Type = "" }, "ids", "narrower"},
	{"INPUT_SAME_DTYPE", func(i *Interface) { i.Inputs[0].Type = "uint64" }, func(i *Interface) { i.Outputs[0].Type = "float64" }, "ids", "the type of the input ids changed"},
	{"INPUT_SAME_RANK", func(i *Interface) { i.Inputs[0].Shape = []int64{-1} }, func(i *Interface) { i.Inputs[0].Shape, i.Inputs[0].Ranked = nil, false }, "ids", "number of dimensions"},
	{"INPUT_DIM_NO_FIX", func(i *Interface) { i.Inputs[0].Shape = []int64{1, 10} }, func(i *Interface) { i.Inputs[0].Shape = []int64{-1, -1} }, "ids", "the input ids: dimension 0 was free and is fixed"},
	{"INPUT_DIM_SAME", func(i *Interface) { i.Inputs[0].Shape = []int64{-1, 12} }, func(i *Interface) { i.Inputs[0].Shape = []int64{-1, -1} }, "ids", "dimension 1 has another size"},
	{"INPUT_ORDER_SAME", func(i *Interface) { slices.Reverse(i.Inputs) }, func(i *Interface) { i.Inputs = append([]Port{{Name: "new"}}, i.Inputs...) }, "ids", "another order"},
	{"OUTPUT_NO_DELETE", func(i *Interface) { i.Outputs = i.Outputs[:1] }, func(i *Interface) { i.Outputs = append(i.Outputs, Port{Name: "more"}) }, "hidden", "the output hidden is gone"},
	{"OUTPUT_NO_RENAME", func(i *Interface) { i.Outputs[0].Name = "scores" }, func(i *Interface) { i.Outputs[0].Name, i.Outputs[0].Shape = "scores", nil }, "logits", "called scores"},
	{"OUTPUT_KIND_SAME", func(i *Interface) { i.Outputs[0].Kind = "sequence(map)" }, func(i *Interface) { i.Inputs[0].Kind = "map" }, "logits", "another kind"},
	{"OUTPUT_DTYPE_NO_WIDEN", func(i *Interface) { i.Outputs[0].Type = "float64" }, func(i *Interface) { i.Outputs[0].Type = "float16" }, "logits", "wider"},
	{"OUTPUT_SAME_DTYPE", func(i *Interface) { i.Outputs[0].Type = "float16" }, func(i *Interface) { i.Inputs[0].Type = "float16" }, "logits", "the type of the output"},
	{"OUTPUT_SAME_SHAPE", func(i *Interface) { i.Outputs[0].Shape = []int64{-1, -1} }, func(i *Interface) { i.Outputs[0].Shape = []int64{1, 3} }, "logits", "the shape of the output"},
	{"OUTPUT_ORDER_SAME", func(i *Interface) { slices.Reverse(i.Outputs) }, func(i *Interface) { i.Outputs = i.Outputs[1:] }, "logits", "another order"},
	{"LABELS_NO_DELETE", func(i *Interface) { i.Labels = []string{"bad", "good"} }, func(i *Interface) { i.Labels = nil }, "so-so", "gone"},
	{"LABELS_NO_ADD", func(i *Interface) { i.Labels = append(i.Labels, "great") }, func(i *Interface) { i.Labels = i.Labels[:2] }, "great", "new"},
	{"LABELS_ORDER_SAME", func(i *Interface) { i.Labels = []string{"good", "so-so", "bad"} }, func(i *Interface) { i.Labels = append(i.Labels, "great") }, "bad", "another index"},
	{"FEATURE_ORDER_SAME", func(i *Interface) { i.Features = []string{"income", "age"} }, func(i *Interface) { i.Features = nil }, "", "feature 1"},
	{"PREPROC_SAME", func(i *Interface) { i.Tokenizer = "sha256:cccc" }, func(i *Interface) { i.Tokenizer, i.Preprocessing = "", "" }, "", "preprocessing"},
	{"VOCAB_NO_SHRINK", func(i *Interface) { i.Vocabulary = 99 }, func(i *Interface) { i.Vocabulary = 101 }, "", "smaller"},
	{"EMBEDDING_DIM_SAME", func(i *Interface) { i.Embedding = 65 }, func(i *Interface) { i.Embedding = 0 }, "", "width"},
	{"CONTEXT_LEN_NO_SHRINK", func(i *Interface) { i.Context = 511 }, func(i *Interface) { i.Context = 513 }, "", "shorter"},
	{"CHAT_TEMPLATE_SAME", func(i *Interface) { i.ChatTemplate = "" }, func(i *Interface) {}, "", "gone"},
	{"OPSET_MAX", func(i *Interface) { i.Opsets = map[string]int64{"": 18} }, func(i *Interface) { i.Opsets = map[string]int64{"": 16, "new": 1} }, "ai.onnx", "newer"},
	{"IR_MAX", func(i *Interface) { i.IR = 9 }, func(i *Interface) { i.IR = 7 }, "", "newer"},
	{"CUSTOM_OP_NO_ADD", func(i *Interface) { i.CustomOps = append(i.CustomOps, "com.acme.Z") }, func(i *Interface) { i.CustomOps = nil }, "com.acme.Z", "new"},
	{"FORMAT_NO_UNSAFE", func(i *Interface) { i.Format = "pytorch" }, func(i *Interface) { i.Format = "gguf" }, "", "runs code"},
	{"FRAMEWORK_MAJOR_SAME", func(i *Interface) { i.Frameworks = map[string]string{"torch": "3.0"} }, func(i *Interface) { i.Frameworks = map[string]string{"torch": "2.9"} }, "torch", "major"},
	{"PARAMS_RATIO_MAX", func(i *Interface) { i.Parameters = 2001 }, func(i *Interface) { i.Parameters = 2000 }, "", "2.0 times"},
	{"SIZE_RATIO_MAX", func(i *Interface) { i.Bytes = 9000 }, func(i *Interface) { i.Bytes = 8000 }, "", "2.2 times the bytes"},
	{"QUANT_NO_CHANGE", func(i *Interface) { i.Quantization = "" }, func(i *Interface) {}, "", "quantisation"},
	{"LICENSE_NO_CHANGE", func(i *Interface) { i.License = "GPL-3.0-only" }, func(i *Interface) {}, "", "licence"},
	{"BASE_MODEL_SAME", func(i *Interface) { i.BaseModel = "acme/other" }, func(i *Interface) {}, "", "base model"},
}

func find(breaks []Break, rule string) *Break {
	for i := range breaks {
		if breaks[i].Rule == rule {
			return &breaks[i]
		}
	}
	return nil
}

func TestRules(t *testing.T) {
	if got := Check(Described{File: base(), Manifest: base()}, Described{File: base(), Manifest: base()}, Config{Use: Strict}); got != nil {
		t.Fatalf("the same model breaks callers: %v", got)
	}
	seen := map[string]bool{MinSemverBump: true}
	for _, s := range samples {
		t.Run(s.rule, func(t *testing.T) {
			seen[s.rule] = true
			after := base()
			s.breaks(&after)
			found := find(Check(Described{File: base()}, Described{File: after}, Config{Use: Strict}), s.rule)
			if found == nil || found.Name != s.name || !strings.Contains(found.Message, s.wantMessage) || strings.Contains(found.Message, "%") {
				t.Errorf("got %+v, want %q about %q", found, s.wantMessage, s.name)
			}
			if b := find(Check(Described{File: base()}, Described{File: after}, Config{Use: Strict, Except: []string{s.rule}}), s.rule); b != nil {
				t.Errorf("found though excepted: %+v", b)
			}
			ignored := Check(Described{File: base()}, Described{File: after}, Config{Use: Strict, Ignore: []Ignore{{s.rule, s.name, "agreed"}}})
			if b := find(ignored, s.rule); b == nil || b.Ignored != "agreed" || find(Breaking(ignored), s.rule) != nil {
				t.Errorf("not ignored: %+v", b)
			}
			if s.name != "" {
				other := Check(Described{File: base()}, Described{File: after}, Config{Use: Strict, Ignore: []Ignore{{s.rule, "another", "agreed"}}})
				if b := find(other, s.rule); b.Ignored != "" {
					t.Errorf("what is ignored is another name: %+v", b)
				}
			}
			near := base()
			s.nearly(&near)
			if b := find(Check(Described{File: base()}, Described{File: near}, Config{Use: Strict}), s.rule); b != nil {
				t.Errorf("found in a near miss: %+v", b)
			}
		})
	}
	for _, r := range Rules() {
		if !seen[r.ID] {
			t.Errorf("%s has no sample", r.ID)
		}
		if r.Doc == "" || r.Why == "" || r.Example == "" || !slices.Contains(Classes, r.Class) || Why(r.ID) != r.Why {
			t.Errorf("%s is not documented", r.ID)
		}
	}
}

func TestClasses(t *testing.T) {
	after := base()
	after.License, after.Inputs, after.Labels = "GPL-3.0-only", after.Inputs[:1], []string{"good", "so-so", "bad"}
	for use, want := range map[Class]string{
		Strict: "INPUT_NO_DELETE LABELS_ORDER_SAME LICENSE_NO_CHANGE", Client: "INPUT_NO_DELETE LABELS_ORDER_SAME", "": "INPUT_NO_DELETE LABELS_ORDER_SAME", Semantic: "LABELS_ORDER_SAME",
	} {
		var got []string
		for _, b := range Check(Described{File: base()}, Described{File: after}, Config{Use: use}) {
			got = append(got, b.Rule)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %v, want %s", use, got, want)
		}
	}
}

// A contract that was declared counts beside what the files tell, and is not
// withdrawn by leaving it out.
func TestDeclared(t *testing.T) {
	declared := Interface{Inputs: []Port{{Name: "text", Type: "string"}}}
	got := Check(Described{Manifest: declared}, Described{}, Config{})
	if len(got) != 1 || got[0].Rule != "INPUT_NO_DELETE" {
		t.Errorf("withdrawn: %v", got)
	}
	if got := Check(Described{Manifest: declared}, Described{File: base()}, Config{}); got != nil {
		t.Errorf("the files tell it now: %v", got)
	}
	if got := Check(Described{}, Described{Manifest: declared}, Config{}); got != nil {
		t.Errorf("declared for the first time: %v", got)
	}
	other := Interface{Inputs: []Port{{Name: "ids", Type: "int32"}}}
	if got := Check(Described{Manifest: declared, File: base()}, Described{Manifest: other, File: base()}, Config{}); find(got, "INPUT_NO_DELETE") == nil {
		t.Errorf("declared anew: %v", got)
	}
}

func TestHolds(t *testing.T) {
	for _, c := range []struct {
		large, small string
		want         bool
	}{
		{"int64", "int32", true}, {"int32", "int64", false}, {"int32", "uint16", true}, {"uint32", "int8", false},
		{"float64", "int32", true}, {"float64", "int64", false}, {"float32", "int32", false}, {"float32", "float16", true},
		{"float32", "bfloat16", true}, {"float16", "bfloat16", false}, {"bfloat16", "float16", false}, {"int64", "float16", false},
		{"string", "string", true}, {"string", "int8", false}, {"int8", "bool", true}, {"float16", "int8", true},
	} {
		if got := holds(c.large, c.small); got != c.want {
			t.Errorf("%s holds %s: %v, want %v", c.large, c.small, got, c.want)
		}
	}
}

func TestOf(t *testing.T) {
	set := &modelfile.Set{Facts: modelfile.Facts{
		Inputs:    []modelfile.Value{{Name: "x", Kind: "optional(sequence)", Dtype: "F32", Shape: []int64{-1}}, {Name: "y", Dtype: "FLOAT"}},
		Operators: map[string]int64{"Add": 1, "ai.onnx.ml.ZipMap": 1, "com.acme.Fused": 2},
		Details:   map[string]any{"irVersion": int64(8), "baseModel": "b", "featureNames": []string{"f"}},
		Tokenizer: &modelfile.Tokenizer{Vocabulary: 5, Digest: "d"},
	}}
	files := []manifest.File{{Path: "b/vocab.txt", Digest: "sha256:1"}, {Path: "model.onnx", Digest: "sha256:2"}}
	got := Of(set, files)
	if p := got.Inputs[0]; !p.Optional || p.Kind != "sequence" || p.Type != "float32" || !p.Ranked {
		t.Errorf("optional port: %+v", p)
	}
	if p := got.Inputs[1]; p.Optional || p.Kind != "tensor" || p.Type != "float32" || p.Ranked {
		t.Errorf("plain port: %+v", p)
	}
	if len(got.CustomOps) != 1 || got.CustomOps[0] != "com.acme.Fused" || got.IR != 8 || got.BaseModel != "b" || got.Vocabulary != 5 || got.Features[0] != "f" {
		t.Errorf("facts: %+v", got)
	}
	again := Of(set, []manifest.File{files[1], files[0]})
	other := Of(set, []manifest.File{{Path: "b/vocab.txt", Digest: "sha256:3"}})
	if got.Preprocessing == "" || got.Preprocessing != again.Preprocessing || got.Preprocessing == other.Preprocessing {
		t.Error("the digest of the preprocessing does not tell files apart, or depends on their order")
	}
	if Of(set, files[1:]).Preprocessing != "" {
		t.Error("weights count as preprocessing")
	}
}

// The schema of model.yaml lists the rules, so that editors know them.
func TestSchemaListsRules(t *testing.T) {
	data, err := schemas.Model(nil)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Definitions struct {
			Rule struct{ Enum []string } `json:"compatibilityRule"`
		}
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range Rules() {
		ids = append(ids, r.ID)
	}
	if !slices.Equal(schema.Definitions.Rule.Enum, ids) {
		t.Errorf("schemas/model.json has %v, the catalog %v", schema.Definitions.Rule.Enum, ids)
	}
}

var update = flag.Bool("update", false, "write the rules into the documentation")

// The documentation has every rule, as the catalog does.
func TestDocs(t *testing.T) {
	const file = "../../docs/interface.md"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| rule | class | what holds | why | a breach |\n|--|--|--|--|--|\n")
	for _, r := range Rules() {
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s | %s |\n", r.ID, r.Class, r.Doc, r.Why, r.Example)
	}
	before, rest, ok := strings.Cut(string(data), "| rule | class |")
	_, after, ended := strings.Cut(rest, "\n\n")
	if !ok || !ended {
		t.Fatal("no table of rules with an empty line after it")
	}
	want := before + table.String() + "\n" + after
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(data) {
		t.Error("docs/interface.md is not what the catalog says; run: go test ./internal/compat -run TestDocs -update")
	}
}
