package modelcheck_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/compat"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/internal/report"
)

// onnxModel is an ONNX model (onnx.proto3: ModelProto 1 ir_version, 7 graph,
// 8 opset_import; GraphProto 2 name, 11 input, 12 output) with an input x and
// an output y of float32[free,3].
func onnxModel() string {
	message := func(field byte, parts ...string) string {
		body := strings.Join(parts, "")
		return string([]byte{field<<3 | 2, byte(len(body))}) + body
	}
	number := func(field, n byte) string { return string([]byte{field << 3, n}) }
	shape := message(2, message(1, message(2, "N")), message(1, number(1, 3)))
	port := func(field byte, name string) string {
		return message(field, message(1, name), message(2, message(1, number(1, 1), shape)))
	}
	return number(1, 8) + message(7, message(1, message(1, "x"), message(2, "y"), message(4, "Identity")), message(2, "g"), port(11, "x"), port(12, "y")) + message(8, number(2, 17))
}

func interfaceOf(t *testing.T, files map[string]string, yaml string, opts modelcheck.Options, id string) []report.Finding {
	t.Helper()
	parser, err := manifest.NewParser(modelcheck.Schemas(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := parser.Artifact("m/model.yaml", []byte("apiVersion: waybill.dev/v1\nkind: Model\nname: sentiment\nfiles: [\"*\"]\n"+yaml))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var list []manifest.File
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		list = append(list, manifest.File{Path: name, Size: int64(len(content))})
	}
	findings, err := modelcheck.Run(t.Context(), a, dir, list, opts)
	if err != nil {
		t.Fatal(err)
	}
	var out []report.Finding
	for _, f := range findings {
		if f.Check == id {
			if f.Group != report.GroupInterface {
				t.Errorf("group %s", f.Group)
			}
			out = append(out, f)
		}
	}
	return out
}

func TestInterfaceDeclared(t *testing.T) {
	onnx := map[string]string{"m.onnx": onnxModel()}
	ports := func(input, output string) string {
		return "interface: {inputs: [" + input + "], outputs: [" + output + "]}\n"
	}
	const x, y = "{name: x, type: float32, shape: [-1, 3]}", "{name: y, type: float32, shape: [-1, 3]}"
	for _, c := range []struct {
		name, yaml string
		files      map[string]string
		verdict    report.Verdict // "" for no finding
		message    string
	}{
		{"nothing declared", "", onnx, "", ""},
		{"the same", ports(x, y), onnx, report.Pass, "that of the files"},
		{"an input is declared narrower", ports("{name: x, type: float32, shape: [1, 3]}", y), onnx, report.Pass, ""},
		{"an output is declared wider", ports(x, "{name: y, type: float32, shape: [-1, -1]}"), onnx, report.Pass, ""},
		{"an input is declared wider", ports("{name: x, type: float32, shape: [-1, -1]}", y), onnx, report.Fail, "the input x is another one"},
		{"an output has another size", ports(x, "{name: y, type: float32, shape: [-1, 4]}"), onnx, report.Fail, "the output y is another one"},
		{"another rank", ports("{name: x, type: float32, shape: [-1]}", y), onnx, report.Fail, "the input x"},
		{"another type", ports("{name: x, type: float64, shape: [-1, 3]}", y), onnx, report.Fail, "the input x"},
		{"an input that is not there", ports(x+", {name: z, type: float32}", y), onnx, report.Fail, "the files have no input z"},
		{"an input that is not declared", ports("{name: z, type: float32}", y), onnx, report.Fail, ""},
		{"labels alone", "interface: {labels: [a]}\n", onnx, report.Pass, "as it is declared"},
		{"labels of the configuration", "interface: {labels: [a, b]}\n", map[string]string{"config.json": `{"id2label": {"0": "b", "1": "a"}}`}, report.Fail, "labels"},
		{"a damaged file", ports(x, y), map[string]string{"m.safetensors": "x"}, report.Inconclusive, "do not tell"},
		{"a damaged configuration", ports(x, y), map[string]string{"config.json": "{"}, report.Inconclusive, "do not tell"},
		{"a vocabulary of another form", ports(x, y), map[string]string{"m.onnx": onnxModel(), "vocab.json": `{"a": "b"}`}, report.Pass, "that of the files"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := interfaceOf(t, c.files, c.yaml, modelcheck.Options{}, "interface.declared")
			if c.verdict == "" {
				if got != nil {
					t.Errorf("got %+v", got)
				}
				return
			}
			if len(got) == 0 || got[0].Verdict != c.verdict || !strings.Contains(got[0].Message, c.message) {
				t.Errorf("got %+v, want %s %q", got, c.verdict, c.message)
			}
		})
	}
}

func TestInterfaceCompatible(t *testing.T) {
	was := &modelcheck.Baseline{Name: "sentiment@v1.0.0", Described: compat.Described{File: compat.Interface{
		Inputs: []compat.Port{{Name: "x", Kind: "tensor", Type: "float32"}, {Name: "lang", Kind: "tensor"}},
	}}}
	unknown := &modelcheck.Baseline{Name: "sentiment@v1.0.0", Problem: "not found"}
	untold := &modelcheck.Baseline{Name: "sentiment@v1.0.0"}
	onnx := map[string]string{"m.onnx": onnxModel()}
	const ask = "checks: [{check: interface.compatible, against: \"#production\"}]\n"
	for _, c := range []struct {
		name, yaml string
		baseline   *modelcheck.Baseline
		files      map[string]string
		verdict    report.Verdict
		rule       string
		message    string
	}{
		{"a break", ask, was, onnx, report.Fail, "INPUT_NO_DELETE", "callers of sentiment@v1.0.0 break: the input lang is gone"},
		{"accepted", "compatibility: {ignore: [{rule: INPUT_NO_DELETE, name: lang, reason: unused}]}\n" + ask, was, onnx, report.Pass, "", "1 accepted"},
		{"not in use", "compatibility: {use: SEMANTIC}\n" + ask, was, onnx, report.Pass, "", "do not break"},
		{"excepted", "compatibility: {except: [INPUT_NO_DELETE]}\n" + ask, was, onnx, report.Pass, "", "do not break"},
		{"a first release", ask, nil, onnx, report.Inconclusive, "", "no version"},
		{"a first release that is allowed", "checks: [{check: interface.compatible, firstRelease: allow}]\n", nil, onnx, report.Pass, "", "first release"},
		{"the baseline is gone", ask, unknown, onnx, report.Inconclusive, "", "not found"},
		{"nothing is known of the baseline", ask, untold, onnx, report.Inconclusive, "", "not known"},
		{"damaged", ask, was, map[string]string{"m.safetensors": "x"}, report.Inconclusive, "", "do not tell"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := ""
			opts := modelcheck.Options{Baseline: func(_ context.Context, reference string) (*modelcheck.Baseline, error) {
				asked = reference
				return c.baseline, nil
			}}
			got := interfaceOf(t, c.files, c.yaml, opts, "interface.compatible")
			if len(got) != 1 || got[0].Verdict != c.verdict || got[0].Rule != c.rule || !strings.Contains(got[0].Message, c.message) {
				t.Errorf("got %+v, want %s %s %q", got, c.verdict, c.rule, c.message)
			}
			if c.verdict == report.Fail && !strings.Contains(got[0].Hint, "{rule: INPUT_NO_DELETE, name: lang, reason: …}") {
				t.Errorf("the hint accepts more than this break: %s", got[0].Hint)
			}
			if strings.Contains(c.yaml, "#production") && asked != "#production" {
				t.Errorf("compared with %q", asked)
			}
		})
	}
	if got := interfaceOf(t, onnx, ask, modelcheck.Options{}, "interface.compatible"); got[0].Verdict != report.Inconclusive {
		t.Errorf("without a repository: %+v", got)
	}
}
