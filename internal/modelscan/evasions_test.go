package modelscan

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
)

// utf16le is text as json.loads takes it from bytes as well.
func utf16le(text string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// tarOf is a tar file of one member.
func tarOf(name, content string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644})
	w.Write([]byte(content))
	w.Close()
	return b.String()
}

// unsafeSchema is what skops loads from a file without its version.
const unsafeSchema = `{"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "protocol": 2}`

// TestEvasions has files that run code in the program that they are made for,
// each hidden in another way: all of them FAIL. Near-misses are in TestRules.
func TestEvasions(t *testing.T) {
	const magic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."
	lambda := `{"class_name": "Sequential", "module": "keras", "config": {"layers": [{"class_name": "Lambda", "module": "keras.layers", "config": {}}]}}`
	for _, c := range []struct{ what, name, content, rule string }{
		{"second pickle begins with a string", "a.pkl", "\x80\x02N.\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.", "PKL001"},
		{"second pickle begins with FRAME", "a.pkl", "\x80\x04N.\x95\x14\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.", "PKL001"},
		{"third pickle of torch's old format", "a.pt", magic + "\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.", "PKL001"},
		{"fifth pickle of torch's old format", "a.pt", magic + "}.}." + "\x88\x30cos\nsystem\n(S'id'\ntR.", "PKL001"},
		{"another opcode first", "a.xyz", "\x97" + evilOld, "PKL001"},

		{"breaks off after the call", "notes", "cmine\nrun\n(S'id'\ntR\xff", "PKL002"},
		{"persistent id of protocol 0", "a.pkl", "Pabc\n.", "PKL012"},

		{"dtype by its long name", "a.npy", npy("'object'", evil), "PKL001"},
		{"dtype of two texts", "a.npy", npy("'|' 'O'", evil), "PKL001"},
		{"dtype with a comma", "a.npy", npy("'O,O'", evil), "PKL001"},
		{"dtype by its long name, import unknown", "a.npy", npy("'object'", "\x80\x02cmine\nrun\n(tR"), "PKL002"},

		{"HDF5 behind a block of the user's", "a.h5", strings.Repeat("u", 512) + "\x89HDF\r\n\x1a\nmodel_config" + lambda, "KRS006"},
		{"HDF5 behind a pickle", "a.h5", "\x80\x02}." + strings.Repeat("u", 508) + "\x89HDF\r\n\x1a\nmodel_config" + lambda, "KRS006"},
		{"HDF5 behind JSON", "a.h5", "{}" + strings.Repeat(" ", 510) + "\x89HDF\r\n\x1a\nmodel_config" + lambda, "KRS006"},
		{"configuration with white space", "a.h5", "\x89HDF\r\n\x1a\nmodel_config{ " + lambda[1:] + "\x00" + `{"name": "decoy"}`, "KRS006"},
		{"configuration in UTF-16", "a.keras", files("metadata.json", "{}", "config.json", utf16le(lambda), "model.weights.h5", "x"), "KRS001"},
		{"configuration in UTF-16 with its mark", "a.keras", files("metadata.json", "{}", "config.json", "\xff\xfe"+utf16le(lambda), "model.weights.h5", "x"), "KRS001"},
		{"registered name over a module of the system", "a.keras", keras(`{"class_name": "system", "module": "os", "registered_name": "my>system", "config": {}}`), "KRS002"},
		{"function of a tool by its other path", "a.keras", keras(`{"class_name": "function", "module": "keras._tf_keras.keras.models", "config": "load_model"}`), "KRS002"},
		{"native library by TensorFlow", "a.keras", keras(`{"class_name": "function", "module": "tensorflow", "config": "load_op_library"}`), "KRS002"},
		{"lambda by its registered path", "a.keras", keras(`{"class_name": "keras.layers>Lambda", "config": {}}`), "KRS001"},

		{"skops with a member of torch's", "a.skops", files("data.pkl", harmless, "schema.json", unsafeSchema), "SKO001"},
		{"skops with members of Keras", "a.skops", files("config.json", "{}", "metadata.json", "{}", "schema.json", unsafeSchema), "SKO001"},
		{"skops in UTF-16", "a.skops", files("schema.json", utf16le(unsafeSchema)), "SKO001"},
		{"skops with a tool of NumPy", "a.skops", skops(`"__class__": "runstring", "__module__": "numpy.testing._private.utils", "__loader__": "FunctionNode"`), "SKO001"},
		{"tar that ends as a zip file", "a.skops", tarOf("x", "y") + files("schema.json", unsafeSchema), "SKO001"},

		{"ONNX that begins with another field", "a.onnx", msg(5, 1) + external("../x", "0", "4"), "ONX001"},
		{"ONNX that begins with another field, without name", "a.model", msg(5, 1) + external("../x", "0", "4"), "ONX001"},
		{"ONNX that begins as JSON", "a.onnx", strings.Repeat("\x0a\x20"+`{"a": "`+strings.Repeat("x", 25), 20) + external("../x", "0", "4"), "ONX001"},
		{"ONNX with a field of tomorrow", "a.bin", external("../x", "0", "4") + msg(1000, "x"), "ONX001"},
		{"SavedModel as text", "saved_model.pbtxt", "meta_graphs {\n graph_def { node { name: \"x\" op: \"PyFunc\" } }\n}\n", "TFS001"},

		{"valid safetensors, valid pickle", "a.bin", "N0C\x05\x00\x00\x00\x00{}" + evilOld, "PKL001"},
		{"a thousand warnings first", "a.pt", files(append(pythons(1100), "z/data.pkl", evil)...), "PKL001"},

		{"template: joined text", "tokenizer_config.json", chat(`{% set c = ['_','_class_','_']|join %}{{ x[c] }}`), "JNJ001"},
		{"template: replaced text", "tokenizer_config.json", chat(`{{ x['--class--'|replace('-','_')] }}`), "JNJ001"},
		{"template: formatted text", "tokenizer_config.json", chat(`{{ x['_%sclass_%s'|format('_','_')] }}`), "JNJ001"},
		{"template: formatted with %", "tokenizer_config.json", chat(`{% set k = '%c%cclass%c%c' % (95,95,95,95) %}{{ x[k] }}`), "JNJ001"},
		{"template: variable of underscores", "tokenizer_config.json", chat(`{% set u = '_' %}{{ x[u~u~'class'~u~u] }}`), "JNJ001"},
		{"template: attr by map", "tokenizer_config.json", chat(`{{ [x]|map('attr', a)|list }}`), "JNJ001"},
		{"template: attribute from a variable", "tokenizer_config.json", chat(`{{ [x]|map(attribute=a)|list }}`), "JNJ001"},
		{"template: attr by a filter block", "tokenizer_config.json", chat(`{% filter attr(a) %}x{% endfilter %}`), "JNJ001"},
		{"template: lowered text", "tokenizer_config.json", chat(`{{ x['-CLASS-'.lower().replace('-', y)] }}`), "JNJ001"},
	} {
		found := scanned(t, c.name, c.content)
		has := false
		for _, f := range found {
			has = has || f == c.rule
		}
		if !has {
			t.Errorf("%s (%s): no %s, but %q", c.what, c.name, c.rule, found)
		}
	}
}

// pythons are members that are each worth a warning.
func pythons(n int) []string {
	var out []string
	for i := range n {
		out = append(out, "a/"+strings.Repeat("x", i%7)+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676))+".py", "import os\n")
	}
	return out
}

// TestHonestTemplates has what real chat templates do and attackers do as well.
func TestHonestTemplates(t *testing.T) {
	for _, template := range []string{
		`{%- set role = message['role'] %}{{ role_map[role] }}`,
		`{%- set i = loop.index0 - 1 %}{{ messages[i]['content'] }}{{ messages[loop.index0 + 1].role }}`,
		`{{ messages[(messages|length) - 1]['content'] }}`,
		`{%- set name = tool.name|replace('-', '_') %}{{ name }}`,
		`{%- set content = message['content'] ~ '\n' %}{{ content.split('</think>')[-1].lstrip('\n') }}`,
		`{{ messages|selectattr('role', 'equalto', 'system')|map(attribute='content')|join('\n') }}`,
		`{%- set t = {'string': 'str'} %}{{ t[param.type] }}{{ param['type'] | upper }}`,
		`{%- macro f(x) %}{{ x[:-1] }}{%- endmacro %}{{ f(tools[0]) }}{{ tools | map('upper') | join(', ') }}`,
		`{{ "%s: %s" % (a, b) }}{{ '{}'.format(a) }}{{ "x" | format(a) }}`,
	} {
		if found := scanned(t, "tokenizer_config.json", chat(template)); len(found) > 0 {
			t.Errorf("%s: %q", template, found)
		}
	}
}
