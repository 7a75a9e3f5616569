package modelscan

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/report"
)

var update = flag.Bool("update", false, "write docs/security-rules.md")

// Pickles, assembled: what dangerous ones import is never run here.
const (
	evil     = "\x80\x02cos\nsystem\n(U\x04truetR."
	evilOld  = "cos\nsystem\n(S'true'\ntR."
	harmless = "\x80\x02}q\x00U\x01aK\x01s."
)

// files is a zip file of stored members, in the order of pairs.
func files(pairs ...string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		f, _ := w.Create(pairs[i])
		io.WriteString(f, pairs[i+1])
	}
	w.Close()
	return b.String()
}

// msg is a protobuf message: field numbers and what they hold.
func msg(fields ...any) string {
	var b []byte
	for i := 0; i < len(fields); i += 2 {
		n := uint64(fields[i].(int))
		switch v := fields[i+1].(type) {
		case int:
			b = binary.AppendUvarint(binary.AppendUvarint(b, n<<3), uint64(v))
		case string:
			b = append(binary.AppendUvarint(binary.AppendUvarint(b, n<<3|2), uint64(len(v))), v...)
		}
	}
	return string(b)
}

func npy(dtype, data string) string {
	h := fmt.Sprintf("{'descr': %s, 'fortran_order': False, 'shape': (1,), }\n", dtype)
	return "\x93NUMPY\x01\x00" + string(binary.LittleEndian.AppendUint16(nil, uint16(len(h)))) + h + data
}

func onnx(nodes ...string) string {
	var graph []any
	for _, n := range nodes {
		graph = append(graph, 1, n)
	}
	return msg(1, 8, 7, msg(graph...), 8, msg(1, "", 2, 20))
}

func external(location, offset, length string) string {
	return msg(1, 8, 7, msg(5, msg(8, "w", 13, msg(1, "location", 2, location), 13, msg(1, "offset", 2, offset), 13, msg(1, "length", 2, length), 14, 1)), 8, msg(2, 20))
}

func keras(layer string) string {
	return files("metadata.json", "{}", "config.json", `{"class_name": "Sequential", "module": "keras", "config": {"layers": [`+layer+`]}, "registered_name": null}`, "model.weights.h5", "\x89HDF\r\n\x1a\nweights")
}

func skops(nodes string) string {
	return files("schema.json", `{"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": {`+nodes+`}, "protocol": 2, "_skops_version": "0.11"}`)
}

func savedModel(nodes, functions string) string {
	return msg(1, 1, 2, msg(2, msg(1, nodes, 2, msg(1, msg(3, functions)))))
}

func chat(template string) string {
	return `{"chat_template": "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(template) + `"}`
}

// TestRules has for each rule content that has it, and content that nearly has.
// What is wanted is written RULE for FAIL, rule for WARNING, RULE? for unread.
func TestRules(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"a.pkl", evil, "PKL001 PKL005"},
		{"a.pkl", evilOld, "PKL001 PKL005"},
		{"a.pkl", harmless, ""},
		{"a.pkl", harmless[:len(harmless)-2], "PKL009"},
		{"a.xyz", files("storage", harmless[:len(harmless)-2]), ""},
		{"a.txt", evilOld, "PKL001 PKL005"},
		{"notes.txt", "cats and dogs\nare animals\n.", ""},
		{"train.py", "import os\nimport sys\nos.system('x')\n", ""},
		{"weights.bin", "Gobbledygook\x00\x01\x02", ""},
		{"weights.bin", "", ""},

		{"a.safetensors", files("archive/data.pkl", evil), "ARC001 PKL001 PKL005"},
		{"a.json", evil, "ARC001 PKL001 PKL005"},
		{"a.keras", "\x89HDF\r\n\x1a\n", "ARC001"},
		{"a.pt", files("archive/data.pkl", harmless, "archive/data/0", "\x80\x02\xff\xff"), ""},
		{"a.pt", files("archive/data.pkl", evil), "PKL001 PKL005"},
		{"a.pt", "7z\xbc\xaf\x27\x1c\x00\x04", "ARC009?"},
		{"a.pt", "Rar!\x1a\x07\x01\x00", "ARC009?"},
		{"a.zip", files("a/b.zip", files("x.pkl", evil)), "PKL001 PKL005"},
		{"a.zip", files("a/b.zip", files("x.pkl", harmless)), ""},
		{"a.zip", files("x", "\x7fELF\x02\x01\x01"), "ARC010"},
		{"a.zip", files("x.py", "import os"), "arc010"},
		{"a.zip", files("x.pyc", "\x00\x01"), "arc010"},
		{"a.zip", files("ELF.txt", "about ELF"), ""},
		{"a.onnx", onnx(msg(4, "Add")) + files("x.pkl", evil), "ARC009? ARC011 PKL001 PKL005"},
		{"a.png", "\x89PNG\r\n\x1a\n" + files("x.pkl", harmless), "ARC011"},
		{"a.png", "\x89PNG\r\n\x1a\nPK\x05\x06 is the mark of a zip's end, or so they say", ""},

		{"a.npy", npy("'|O'", evil), "PKL001 PKL005"},
		{"a.npy", npy("[('a', '<f4'), ('b', '|O')]", evil), "PKL001 PKL005"},
		{"a.npy", npy("'<f4'", "\x80\x02.."), ""},
		{"a.npz", files("a.npy", npy("'|O'", evil)), "PKL001 PKL005"},

		{"a.onnx", onnx(msg(3, "PyOp", 4, "Add")), ""},
		{"a.onnx", onnx(msg(4, "PyOp", 7, "ai.onnx.contrib")), "ONX003"},
		{"a.onnx", onnx(msg(4, "If", 5, msg(1, "then", 6, msg(1, msg(4, "PythonOp", 7, "com.microsoft"))))), "ONX003"},
		{"a.onnx", onnx(msg(4, "Mine", 7, "my.domain")), "onx002"},
		{"a.onnx", onnx(msg(7, "com.microsoft", 4, "Gelu")), ""},
		{"a.onnx", onnx(msg(4, "F", 7, "my.domain")) + msg(25, msg(1, "F", 10, "my.domain", 7, msg(4, "Add"))), ""},
		{"a.onnx", onnx(msg(4, "F", 7, "my.domain")) + msg(25, msg(1, "F", 10, "my.domain", 7, msg(4, "PyOp", 7, "x"))), "ONX003"},
		{"a.onnx", onnx() + msg(8, msg(1, "ai.onnx.ml", 2, 99)), "onx004"},
		{"a.onnx", external("../x", "0", "4"), "ONX001"},
		{"a.onnx", external("/etc/passwd", "0", "4"), "ONX001"},
		{"a.onnx", external(`..\x`, "0", "4"), "ONX001"},
		{"a.onnx", external("a..b/w.bin", "0", "100"), ""},
		{"a.onnx", external("w.bin", "1", "100"), "ONX001"},
		{"a.onnx", external("w.bin", "-1", "4"), "ONX001"},
		{"a.onnx", external("w.bin", "9223372036854775807", "9223372036854775807"), "ONX001"},
		{"a.onnx", external("gone.bin", "0", "4"), "onx001"},

		{"saved_model.pb", savedModel(msg(1, "x", 2, "PyFunc"), msg(2, "Add")), "TFS001"},
		{"saved_model.pb", savedModel(msg(2, "Add"), msg(1, "x", 2, "EagerPyFunc")), "TFS001"},
		{"saved_model.pb", savedModel(msg(2, "Add"), msg(2, "WriteFile")), "TFS002"},
		{"saved_model.pb", savedModel(msg(2, "MatchingFiles"), msg(2, "Add")), "tfs003"},
		{"saved_model.pb", savedModel(msg(1, "ReadFile", 2, "RestoreV2"), msg(2, "SaveV2")), ""},
		{"keras_metadata.pb", msg(1, msg(2, 1, 3, "root", 4, `{"class_name": "Lambda", "config": {}}`)), "KRS001"},
		{"keras_metadata.pb", msg(1, msg(2, 1, 3, "root", 4, `{"class_name": "Dense", "config": {"name": "Lambda"}}`)), ""},

		{"a.keras", keras(`{"class_name": "Dense", "module": "keras.layers", "config": {"name": "Lambda"}, "registered_name": null}`), ""},
		{"a.keras", keras(`{"class_name": "Lambda", "module": "keras.layers", "config": {}}`), "KRS001"},
		{"a.keras", keras(`{"class_name": "TFOpLambda", "module": "keras.layers", "config": {}}`), "krs001"},
		{"a.keras", keras(`{"class_name": "X", "module": "mathutils", "config": {}}`), "KRS002"},
		{"a.keras", keras(`{"class_name": "run", "module": "kerasx.layers", "config": {}}`), "KRS002"},
		{"a.keras", keras(`{"class_name": "Mine", "module": "my.layers", "registered_name": "my>Mine", "config": {}}`), "krs002"},
		{"a.keras", keras(`{"class_name": "function", "module": "builtins", "config": "exec", "registered_name": "function"}`), "KRS002"},
		{"a.keras", keras(`{"class_name": "function", "module": "builtins", "config": "my_loss", "registered_name": "function"}`), ""},
		{"a.keras", keras(`{"class_name": "function", "module": "keras.utils", "config": "get_file"}`), "KRS003"},
		{"a.keras", keras(`{"class_name": "function", "module": "keras.config", "config": "enable_unsafe_deserialization"}`), "KRS004"},
		{"a.keras", keras(`{"class_name": "function", "module": "keras.activations", "config": "relu"}`), ""},
		{"a.keras", keras(`{"class_name": "load_model", "module": "keras.models", "config": {}}`), "KRS002"},
		{"a.keras", keras(`{"class_name": "Functional", "module": "keras.src.models.functional", "config": {}}`), ""},
		{"a.keras", keras(`{"class_name": "Dense", "module": "tensorflow.keras", "config": {}}`), ""},
		{"a.keras", keras(`{"class_name": "FeatureSpace", "module": "keras.utils", "config": {}}`), ""},
		{"a.keras", keras(`{"class_name": "TorchModuleWrapper", "module": "keras.layers", "config": {}}`), "KRS005"},
		{"a.keras", files("metadata.json", "{}", "config.json", "{}", "model.weights.npz", files("a.npy", npy("'<f4'", "0000"))), "krs007"},
		{"a.keras", files("metadata.json", "{}", "config.json", "{}", "w.pkl", evil), "KRS007 PKL001 PKL005"},
		{"a.h5", "\x89HDF\r\n\x1a\n" + strings.Repeat("\x00", 3000) + "model_config" + `{"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {}}]}}` + "\x00\x00", "KRS006"},
		{"a.h5", "\x89HDF\r\n\x1a\n" + "model_config" + `{"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {"name": "Lambda"}}]}}`, ""},
		{"a.h5", "\x89HDF\r\n\x1a\n" + strings.Repeat("{\"name\"\x00", 100_000) + "model_config" + `{"class_name": "Lambda", "config": {}}`, "KRS006"},
		{"a.h5", "\x89HDF\r\n\x1a\nmodel_config", "ARC009?"},

		{"a.skops", skops(`"__class__": "RandomForestClassifier", "__module__": "sklearn.ensemble._forest", "__loader__": "ObjectNode"`), ""},
		{"a.skops", skops(`"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"`), "SKO001"},
		{"a.skops", skops(`"__class__": "eval", "__module__": "builtins", "__loader__": "TypeNode"`), "SKO001"},
		{"a.skops", skops(`"__class__": "Mine", "__module__": "sklearnx", "__loader__": "ObjectNode"`), "sko001"},
		{"a.skops", skops(`"__class__": "methodcaller", "__module__": "builtins.x", "__loader__": "OperatorFuncNode"`), "SKO002"},
		{"a.skops", skops(`"__class__": "itemgetter", "__module__": "operator", "__loader__": "OperatorFuncNode"`), "sko001"},
		{"a.skops", skops(`"__class__": "int", "__module__": "builtins", "__loader__": "MethodNode", "content": {"func": "x", "obj": {"__class__": "Sys", "__module__": "sklearn.x", "__loader__": "ObjectNode"}}`), "SKO002"},
		{"a.skops", skops(`"__class__": "S", "__module__": "sklearn.x", "__loader__": "MethodNode", "content": {"func": "fit", "obj": {"__class__": "S", "__module__": "sklearn.x", "__loader__": "ObjectNode"}}`), ""},
		{"other.json", `{"__class__": "system", "__module__": "os"}`, ""},

		{"config.json", `{"auto_map": {"AutoModel": "modeling_x.X"}}`, "hfr001"},
		{"config.json", `{"auto_map": {"AutoModel": "org/repo--modeling_x.X"}}`, "hfr001"},
		{"config.json", `{"trust_remote_code": true}`, "hfr001"},
		{"config.json", `{"trust_remote_code": false, "auto_map": null}`, ""},
		{"config.json", `{"token": "ghp_` + strings.Repeat("a1B2", 9) + `"}`, "HFR002"},
		{"config.json", `{"token": "ghp_short", "x": NaN}`, ""},
		{"config.yaml", "key: AKIA" + strings.Repeat("ABCD", 4) + "\n", "HFR002"},
		{"broken.json", `{"a": 1,, }`, "arc001"},

		{"tokenizer_config.json", chat(`{{ ''.__class__.__mro__ }}`), "JNJ001"},
		{"tokenizer_config.json", `{"chat_template": [{"name": "default", "template": "{{ x|attr('y') }}"}]}`, "JNJ001"},
		{"chat_template.jinja", `{{ messages[0]['content'] }}`, ""},
		{"chat_template.jinja", `{% import 'x' as y %}`, "JNJ001"},
		{"a.pt", files("m/data.pkl", harmless, "m/code/__torch__/m.py", "x = torch.from_file(\"/etc/passwd\")\n"), "tsc001"},
		{"a.pt", files("m/data.pkl", harmless, "m/code/__torch__/m.py", "x = ops.evil.run(y)\n"), "tsc002"},
		{"a.pt", files("m/data.pkl", harmless, "m/code/__torch__/m.py", "x = torch.add(y, ops.prim.NumToTensor(1))\n"), ""},
	} {
		got := strings.Join(scanned(t, c.name, c.content), " ")
		if got != c.want {
			t.Errorf("%s (%.60q): got %q, want %q", c.name, c.content, got, c.want)
		}
	}
}

// TestHDF5Windows: a configuration is found wherever it stands.
func TestHDF5Windows(t *testing.T) {
	const text = `{"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {}}]}}`
	for _, at := range []int{1<<20 - 20, 1 << 20, 2<<20 - 20, 2<<20 - 1} {
		h5 := "\x89HDF\r\n\x1a\n" + strings.Repeat("\x00", at-8) + text + strings.Repeat("\x00", 5<<19)
		if got := scanned(t, "a.h5", h5); !slices.Equal(got, []string{"KRS006"}) {
			t.Errorf("at %d: %q", at, got)
		}
	}
}

func scanned(t testing.TB, name, content string) []string {
	t.Helper()
	stat := func(name string) (int64, error) {
		if strings.HasSuffix(name, "w.bin") {
			return 100, nil
		}
		return 0, fs.ErrNotExist
	}
	found, err := File(context.Background(), strings.NewReader(content), int64(len(content)), name, Options{Stat: stat, TempDir: t.TempDir()})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var out []string
	for _, f := range found {
		if _, known := Lookup(f.Rule); !known {
			t.Errorf("%s: rule %s is not in the catalog", name, f.Rule)
		}
		rule := f.Rule
		if f.Severity == Warning {
			rule = strings.ToLower(rule)
		}
		if f.Unread {
			rule += "?"
		}
		out = append(out, rule)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestTemplates: each line is a template; those of the first list get out, those
// of the second use what real templates do.
func TestTemplates(t *testing.T) {
	for _, bad := range []string{
		`{{ ''.__class__ }}`, `{{ ''['__class__'] }}`, `{{ ''["\x5f\x5fclass\x5f\x5f"] }}`, `{{ ''['__cla' ~ 'ss__'] }}`, `{{ ''['__cla''ss__'] }}`,
		`{{ ''['\137\137class\137\137'] }}`, `{{ x | attr("a") }}`, `{{ x|attr(y) }}`, `{%- include "x" %}`, `{% from "x" import y %}`, `{% extends x %}`,
		`{{ cycler.next }}`, `{{ lipsum['x'] }}`, `{{ joiner|list }}`, `{{ self._x }}`, `{{ "{0.__class__}".format(x) }}`, `{{ x.gi_frame.f_globals }}`,
		`{{ messages|map(attribute="__class__")|list }}`, `{{ messages|map(attribute="a.__class__") }}`, `{{ x.mro() }}`, `{{ y.popen("id") }}`, `{{ '_'*2 }}`,
		`{% set a = {"b": {"c": x.__init__}} %}`, `{# }} #}{{ "}}" ~ x.__init__ }}`, `{% raw %}{{ x }}{% endraw %}{{ x.__init__ }}`, `{{ x['_private'] }}`,
	} {
		if len(templateProblems(bad)) == 0 {
			t.Errorf("not found: %s", bad)
		}
	}
	for _, good := range []string{
		`{%- for message in messages %}{{- '<|im_start|>' + message.role + '\n' + message['content'] | trim }}{%- endfor %}`,
		`{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}{% set ns.x = 1 %}`,
		`{% macro json_to_python_type(json_spec) %}{{ json_spec.type|tojson(indent=4) }}{% endmacro %}`,
		`{{ raise_exception("After the optional system message, conversation roles must alternate") }}`,
		`{% if message.content is string and message.content.split('</think>')[-1].lstrip('\n') %}{% endif %}`,
		`{{ messages | selectattr('role', 'equalto', 'user') | list | last }}`, `{{ strftime_now("%d %b %Y") }}`, `{{ messages[loop.index0 - 1]['role'] }}`,
		`text with __class__ and |attr outside of it`, `{# __class__ #}`, `{% raw %}{{ x.__class__ }}{% endraw %}`, `{{ "<__media__>" }}`, `{{ '__' }}{{ "____" }}`,
		`{{ ['_a', '_b'] }}`, `{{ x in ['import', 'attr'] }}`, `{{ tool.function.name }}{{ x.self }}`, `{{ {"a": {"b": 1}}|tojson }}`, `{{ "%s"|format(x) }}`,
		`{{ messages|map(attribute='content')|join(' ') }}`, `{{ "{}".format(x) }}`, `{% generation %}x{% endgeneration %}`, `{{ loop.cycle('a', 'b') }}`,
	} {
		if p := templateProblems(good); len(p) > 0 {
			t.Errorf("%s: %v", good, p)
		}
	}
}

func TestLimits(t *testing.T) {
	deep := files("x.pkl", evil)
	for range 10 {
		deep = files("x.zip", deep)
	}
	if got := scanned(t, "a.zip", deep); !slices.Equal(got, []string{"ARC007?"}) {
		t.Errorf("ten zip files around one another: %q", got)
	}
	bomb := files("x.pkl", harmless+strings.Repeat("\x00", 1<<20))
	found, err := File(context.Background(), strings.NewReader(bomb), int64(len(bomb)), "a.zip", Options{Limits: Limits{Unpacked: 1000}})
	if err != nil || !slices.ContainsFunc(found, func(f Finding) bool { return f.Rule == "ARC007" && f.Unread }) {
		t.Errorf("past Limits.Unpacked: %v, %v", found, err)
	}
	many := []string{}
	for i := range 50 {
		many = append(many, fmt.Sprintf("%d.pkl", i), evil)
	}
	all := files(many...)
	found, _ = File(context.Background(), strings.NewReader(all), int64(len(all)), "a.zip", Options{Limits: Limits{Findings: 10}})
	if len(found) != 11 || !found[10].Unread {
		t.Errorf("past Limits.Findings there are %d", len(found))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := File(ctx, strings.NewReader(all), int64(len(all)), "a.zip", Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// counting is a file of 5 GiB that holds only some bytes and counts what is read.
type counting struct {
	parts map[int64]string
	size  int64
	read  int64
}

func (c *counting) ReadAt(p []byte, at int64) (int, error) {
	clear(p)
	n := int(min(int64(len(p)), c.size-at))
	c.read += int64(n)
	for from, text := range c.parts {
		for i := range text {
			if k := from + int64(i) - at; k >= 0 && k < int64(n) {
				p[k] = text[i]
			}
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// TestWeightsAreNotRead: of storages only the beginning is looked at.
func TestWeightsAreNotRead(t *testing.T) {
	weightsAreNotRead(t, 5<<30)
	weightsAreNotRead(t, 50<<20)
}

func weightsAreNotRead(t *testing.T, storage int64) {
	t.Helper()
	head := files("archive/data.pkl", harmless)
	dir := strings.Index(head, "PK\x01\x02")
	le := binary.LittleEndian
	local := le.AppendUint32([]byte("PK\x03\x04\x2d\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 1<<32-1)
	local = le.AppendUint32(local, 1<<32-1)
	wide := le.AppendUint64(le.AppendUint64([]byte{1, 0, 16, 0}, uint64(storage)), uint64(storage))
	local = append(append(append(local, 14, 0, 20, 0), "archive/data/0"...), wide...)
	entry := append([]byte("PK\x01\x02\x2d\x00"), local[4:30]...)
	entry = append(entry, make([]byte, 10)...)
	entry = le.AppendUint32(entry, uint32(dir))
	entry = append(append(entry, "archive/data/0"...), wide...)
	after := int64(dir+len(local)) + storage
	old := head[dir:strings.Index(head, "PK\x05\x06")]
	tail := old + string(entry)
	end64 := le.AppendUint64([]byte("PK\x06\x06"), 44)
	end64 = append(end64, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	end64 = le.AppendUint64(le.AppendUint64(end64, 2), 2)
	end64 = le.AppendUint64(le.AppendUint64(end64, uint64(len(tail))), uint64(after))
	locator := le.AppendUint64([]byte("PK\x06\x07\x00\x00\x00\x00"), uint64(after)+uint64(len(tail)))
	locator = append(locator, 1, 0, 0, 0)
	end := []byte("PK\x05\x06\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00")
	tail += string(end64) + string(locator) + string(end)
	c := &counting{parts: map[int64]string{0: head[:dir] + string(local), after: tail}, size: after + int64(len(tail))}
	found, err := File(context.Background(), c, c.size, "a.pt", Options{})
	if err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
	if c.read > 1<<20 {
		t.Errorf("%d bytes of %d were read", c.read, c.size)
	}
}

// TestDamage: samples cut off at every byte and with random bytes changed never
// panic, never give an error, and never cost more than a cap.
func TestDamage(t *testing.T) {
	samples := []string{evil, evilOld, files("archive/data.pkl", evil, "x.json", `{"chat_template": "{{ x.__y__ }}"}`), npy("'|O'", evil), external("../x", "0", "4"),
		savedModel(msg(2, "PyFunc"), msg(2, "WriteFile")), keras(`{"class_name": "Lambda", "config": {}}`), chat(`{{ ''["\x5f\x5f"] }}{% raw %}`)}
	random := rand.New(rand.NewPCG(1, 2))
	try := func(b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, name := range []string{"a.pkl", "saved_model.pb"} {
			if _, err := File(context.Background(), bytes.NewReader(b), int64(len(b)), name, Options{}); err != nil {
				t.Fatalf("%q: %v", b, err)
			}
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
			t.Fatalf("%q: %d bytes were allocated", b, n)
		}
	}
	for _, s := range samples {
		for n := range len(s) {
			try([]byte(s[:n]))
		}
		for range 300 {
			b := []byte(s)
			for range 1 + random.IntN(4) {
				b[random.IntN(len(b))] = byte(random.Uint32())
			}
			try(b)
		}
	}
}

func TestDir(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("m/a.pkl", evil)
	write(".git/b.pkl", evil)
	write("m/w.bin", "12345678")
	write("m/a.onnx", external("w.bin", "0", "9"))
	if err := os.Symlink("/etc/hosts", filepath.Join(dir, "m", "l")); err != nil {
		t.Skip(err)
	}
	found, err := Path(context.Background(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		rel, _ := filepath.Rel(dir, f.Path)
		got = append(got, filepath.ToSlash(rel)+" "+f.Rule)
	}
	slices.Sort(got)
	if want := []string{"m/a.onnx ONX001", "m/a.pkl PKL001", "m/a.pkl PKL005", "m/l ARC006"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWaivers(t *testing.T) {
	found := []Finding{{Rule: "PKL001", Path: "m/a.pt!archive/data.pkl", Offset: 2, Severity: Fail, Message: "imports os.system"}}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		waiver  Waiver
		verdict report.Verdict
		says    string
	}{
		{Waiver{Rule: "PKL001", Path: "m/*.pt", Reason: "ours", By: "ann"}, report.Pass, "waived: ours (ann)"},
		{Waiver{Rule: "PKL001", Reason: "ours", Expires: now.Add(time.Hour)}, report.Pass, "waived: ours"},
		{Waiver{Rule: "PKL001", Path: "**", Reason: "ours", Expires: now}, report.Fail, "expired on 2026-03-01"},
		{Waiver{Rule: "PKL002", Path: "m/*.pt", Reason: "ours"}, report.Fail, "matches nothing"},
		{Waiver{Rule: "PKL001", Path: "n/**", Reason: "ours"}, report.Fail, "matches nothing"},
	} {
		r := report.New(Report(found, []Waiver{c.waiver}, now))
		if r.Verdict != c.verdict || !slices.ContainsFunc(r.Findings, func(f report.Finding) bool { return strings.Contains(f.Message, c.says) }) {
			t.Errorf("%+v: %s %+v", c.waiver, r.Verdict, r.Findings)
		}
	}
	f := Report(found, nil, now)[0]
	if f.Check != "security" || f.Rule != "PKL001" || f.Location.File != "m/a.pt" || f.Details["path"] != "m/a.pt!archive/data.pkl" || f.Details["offset"] != int64(2) || f.Hint == "" {
		t.Errorf("%+v", f)
	}
	found[0].Unread = true
	if f := Report(found, nil, now)[0]; f.Verdict != report.Inconclusive {
		t.Errorf("unread: %s", f.Verdict)
	}
}

// TestDocs holds docs/security-rules.md to the catalog.
func TestDocs(t *testing.T) {
	const begin, end = "<!-- rules: begin -->\n", "<!-- rules: end -->\n"
	name := filepath.Join("..", "..", filepath.FromSlash(DocsFile))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	from, to := strings.Index(text, begin)+len(begin), strings.Index(text, end)
	if from < len(begin) || to < from {
		t.Fatalf("%s has no place for the rules", DocsFile)
	}
	want := text[:from] + "\n" + Markdown() + text[to:]
	if want == text {
		return
	}
	if !*update {
		t.Fatalf("%s does not hold the catalog; run: go test ./internal/modelscan -run TestDocs -update", DocsFile)
	}
	if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{evil, evilOld, files("a.pkl", evil), npy("'|O'", evil), external("../x", "0", "4"), chat("{{ x.__y__ }}"), keras(`{"class_name": "Lambda"}`)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := File(context.Background(), bytes.NewReader(b), int64(len(b)), "a.pkl", Options{TempDir: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzTemplate(f *testing.F) {
	f.Add(`{{ ''["\x5f"] ~ '}}' }}{% raw %}{# #}`)
	f.Fuzz(func(t *testing.T, s string) { templateProblems(s) })
}
