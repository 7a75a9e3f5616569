// Command scanners writes files that are not safe to load, each for one rule
// of docs/security-rules.md:
//
//	go run ./test/scanners DIR
//	go run ./test/scanners -sparse FILE
//
// DIR/malicious has what must not pass, DIR/suspicious what a person should look
// at. A file is named RULE-what.EXT. What they would run, if somebody loaded
// them, is "true". With -sparse FILE is a model of PyTorch of 5 GiB, most of
// which is a hole.
package main

import (
	"archive/zip"
	"bytes"
	_ "embed" // a sample
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
)

// link is an HDF5 file of h5py with a link into another file, as
// internal/modelscan/testdata/make_keras_h5.py writes it.
//
//go:embed link.h5
var link string

func main() {
	log.SetFlags(0)
	isSparse := flag.Bool("sparse", false, "write one large model")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: scanners DIR | scanners -sparse FILE")
	}
	if *isSparse {
		if err := sparse(flag.Arg(0)); err != nil {
			log.Fatal(err)
		}
		return
	}
	for folder, samples := range map[string]map[string]string{"malicious": malicious(), "suspicious": suspicious()} {
		dir := filepath.Join(flag.Arg(0), folder)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			log.Fatal(err)
		}
		for name, content := range samples {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				log.Fatal(err)
			}
		}
	}
}

// Pickles, by the opcodes of Lib/pickletools.py.

func p4(ops ...string) string { return "\x80\x04" + strings.Join(ops, "") + "." }
func str(s string) string     { return "\x8c" + string(rune(len(s))) + s }
func long(s string) string    { return "X" + le4(len(s)) + s }
func bin(s string) string     { return "B" + le4(len(s)) + s }
func le4(n int) string        { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }
func le8(n uint64) string     { return string(binary.LittleEndian.AppendUint64(nil, n)) }

// named imports, call calls what was imported with some arguments.
func named(module, name string) string { return str(module) + str(name) + "\x93" }
func call(module, name string, args ...string) string {
	return named(module, name) + "(" + strings.Join(args, "") + "tR"
}

const ordered = "\x8c\x0bcollections\x8c\x0bOrderedDict\x93"

// laughs is ten lists, each ten times the one before.
func laughs() string {
	out := "]\x94"
	for i := range 10 {
		out += "]\x94(" + strings.Repeat("h"+string(rune(i)), 10) + "e"
	}
	return p4(out)
}

func malicious() map[string]string {
	system := call("os", "system", str("true"))
	evil := p4(system)
	out := map[string]string{
		"PKL001-os.pkl":           evil,
		"PKL001-posix-p0.pkl":     "cposix\nsystem\n(S'true'\ntR.",
		"PKL001-python2.pkl":      "ccommands\ngetoutput\n(S'true'\ntR.",
		"PKL001-inst.pkl":         "(S'true'\nios\nsystem\n.",
		"PKL001-obj.pkl":          "(cos\nsystem\nS'true'\no.",
		"PKL001-eval.pkl":         p4(call("builtins", "eval", str("1"))),
		"PKL001-exec.pkl":         p4(call("builtins", "exec", str("pass"))),
		"PKL001-import.pkl":       p4(call("builtins", "__import__", str("os"))),
		"PKL001-getattr.pkl":      p4(call("builtins", "getattr", ordered, str("pop"))),
		"PKL001-subprocess.pkl":   p4(call("subprocess", "check_output", str("true"))),
		"PKL001-popen.pkl":        p4(call("subprocess", "Popen", str("true"))),
		"PKL001-importlib.pkl":    p4(call("importlib", "import_module", str("os"))),
		"PKL001-runpy.pkl":        p4(call("runpy", "_run_code", str("pass"), "}")),
		"PKL001-marshal.pkl":      p4(call("marshal", "loads", bin("0"))),
		"PKL001-ctypes.pkl":       p4(call("ctypes", "CDLL", str("libc.so.6"))),
		"PKL001-pip.pkl":          p4(call("pip", "main", "]"+str("--version")+"a")),
		"PKL001-resolve.pkl":      p4(call("pkgutil", "resolve_name", str("os:system"))),
		"PKL001-partial.pkl":      p4(call("functools", "partial", named("os", "system"), str("true"))),
		"PKL001-attrgetter.pkl":   p4(call("operator", "attrgetter", str("system"))),
		"PKL001-methodcaller.pkl": p4(call("operator", "methodcaller", str("system"), str("true"))),
		"PKL001-hub.pkl":          p4(call("torch.hub", "load", str("a/b"), str("c"))),
		"PKL001-torch-load.pkl":   p4(call("torch", "load", str("x.pt"))),
		"PKL001-numpy-load.pkl":   p4(call("numpy", "load", str("x.npy"))),
		"PKL001-numpy-run.pkl":    p4(call("numpy.testing._private.utils", "runstring", str("pass"), "}")),
		"PKL001-socket.pkl":       p4(call("socket", "create_connection", "("+str("localhost")+"K\x01t")),
		"PKL001-urlopen.pkl":      p4(call("urllib.request", "urlopen", str("http://localhost:1"))),
		"PKL001-requests.pkl":     p4(call("requests.api", "get", str("http://localhost:1"))),
		"PKL001-open.pkl":         p4(call("builtins", "open", str("x"), str("w"))),
		"PKL001-rmtree.pkl":       p4(call("shutil", "rmtree", str("x"))),
		"PKL001-webbrowser.pkl":   p4(call("webbrowser", "open", str("http://localhost:1"))),
		"PKL001-smtplib.pkl":      p4(call("smtplib", "SMTP", str("localhost"))),
		"PKL001-multiproc.pkl":    p4(call("multiprocessing.util", "spawnv_passfds", bin("true"), "]", "]")),
		"PKL001-pty.pkl":          p4(call("pty", "spawn", str("true"))),
		"PKL001-timeit.pkl":       p4(call("timeit", "timeit", str("pass"))),
		"PKL001-cprofile.pkl":     p4(call("cProfile", "run", str("pass"))),
		"PKL001-pdb.pkl":          p4(call("pdb", "run", str("pass"))),
		"PKL001-code.pkl":         p4(call("code", "interact")),
		"PKL001-asyncio.pkl":      p4(call("asyncio.unix_events", "_UnixSubprocessTransport._start")),
		"PKL001-distutils.pkl":    p4(call("distutils.file_util", "write_file", str("x"), "]")),
		"PKL001-import-only.pkl":  p4(named("os", "system")),
		"PKL001-memo.pkl":         p4(str("os") + "\x940" + str("system") + "\x940h\x00h\x01\x93(" + str("true") + "tR"),
		"PKL001-default.pkl":      p4(call("collections", "defaultdict", named("os", "getcwd"))),
		"PKL001-torch.pt":         zipped("model/data.pkl", evil, "model/version", "3\n", "model/data/0", "1234"),
		"PKL001-torch.bin":        zipped("pytorch_model/data.pkl", evil, "pytorch_model/data/0", "1234"),
		"PKL001-legacy.pt":        "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03." + evil,
		"PKL001-npy.npy":          npy("|O", evil),
		"PKL001-npz.npz":          zipped("x.npy", npy("|O", evil)),
		"PKL001-tar.tar.pkl":      evil + strings.Repeat("\x00", 1024),
		"PKL002-unknown.pkl":      p4(named("ours.models", "Net")),
		"PKL002-similar.pkl":      p4(named("collectionsx", "OrderedDict")),
		"PKL001-idlelib.pkl":      p4(call("idlelib.pyshell", "ModifiedInterpreter")),
		"PKL003-dotted.pkl":       p4(call("pathlib", "os.system", str("true"))),
		"PKL003-future.pkl":       p4(named("__future__", "_ssl.X")),
		"PKL004-bytes.pkl":        p4(bin("os") + str("system") + "\x93"),
		"PKL004-computed.pkl":     p4(str("os") + ordered + ")R\x93"),
		"PKL005-setstate.pkl":     p4(ordered + ")R}" + str("__setstate__") + ordered + "sb"),
		"PKL006-pop.pkl":          p4(call("numpy", "unknown_function", str("x")) + "0N"),
		"PKL007-frame.pkl":        "\x80\x04\x95" + le8(3) + system + ".",
		"PKL008-proto.pkl":        "\x80\x04" + "\x80\x02" + "N.",
		"PKL009-cut.pkl":          "\x80\x04" + system,
		"PKL009-unknown-op.pkl":   "\x80\x04" + system + "\xff.",
		"PKL009-harmless-cut.pkl": "\x80\x04]",
		"PKL011-ext.pkl":          p4("\x82\x01"),
		"PKL012-persid.pkl":       p4(str("somewhere") + "Q"),
		"PKL013-laughs.pkl":       laughs(),
		"PKL015-get.pkl":          p4("h\x07"),
		"PKL016-buffer.pkl":       "\x80\x05\x97.",
		"PKL017-length.pkl":       "\x80\x04\x8d" + le8(1<<62) + "x.",
		"PKL001-second.pkl":       p4("N") + evil,

		"ARC001-named-json.json":        evil,
		"ARC001-named-safe.safetensors": zipped("archive/data.pkl", p4("}")),
		"ARC002-flags.pt":               raw("archive/data.pkl", evil, func(h *zip.FileHeader) { h.Flags |= 0x20 }),
		"ARC003-crc.pt":                 raw("archive/data.pkl", evil, func(h *zip.FileHeader) { h.CRC32++ }),
		"ARC004-names.pt":               strings.Replace(zipped("archive/data.pkl", evil), "archive/data.pkl", "archive/data.txt", 1),
		"ARC005-twice.pt":               zipped("archive/data.pkl", p4("}"), "archive/data.pkl", evil),
		"ARC006-path.zip":               zipped("../../x.txt", "x"),
		"ARC007-deep.zip":               deep(evil),
		"ARC008-encrypted.zip":          raw("data.pkl", "............"+evil, func(h *zip.FileHeader) { h.Flags, h.CRC32 = h.Flags|1, h.CRC32+1 }),
		"ARC009-7z.pt":                  "7z\xbc\xaf\x27\x1c\x00\x04" + strings.Repeat("\x00", 24),
		"ARC009-rar.bin":                "Rar!\x1a\x07\x01\x00" + strings.Repeat("\x00", 24),
		"ARC010-elf.zip":                zipped("lib.so", "\x7fELF\x02\x01\x01"+strings.Repeat("\x00", 64)),
		"ARC011-polyglot.png":           "\x89PNG\r\n\x1a\n" + zipped("data.pkl", evil),

		"HFR002-token.json":     `{"api_key": "ghp_` + strings.Repeat("a1B2", 9) + `"}`,
		"JNJ001-chat.json":      `{"chat_template": "{{ ''.__class__.__mro__[1].__subclasses__() }}"}`,
		"JNJ001-attr.json":      `{"chat_template": "{{ messages|attr('_' ~ '_class_' ~ '_') }}"}`,
		"JNJ001-cycler.jinja":   `{{ cycler.__init__.__globals__.os.popen('true') }}`,
		"JNJ001-gguf.gguf":      gguf("tokenizer.chat_template", "{{ ''.__class__ }}"),
		"KRS001-lambda.keras":   keras(`{"class_name": "Lambda", "module": "keras.layers", "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wEAAAAAAAA="}}}}`),
		"KRS002-module.keras":   keras(`{"class_name": "function", "module": "os", "config": "system", "registered_name": "system"}`),
		"KRS003-get-file.keras": keras(`{"class_name": "function", "module": "keras.utils", "config": "get_file", "registered_name": "get_file"}`),
		"KRS004-unsafe.keras":   keras(`{"class_name": "function", "module": "keras.config", "config": "enable_unsafe_deserialization"}`),
		"KRS005-torch.keras":    keras(`{"class_name": "TorchModuleWrapper", "module": "keras.layers", "config": {"module": "gASVAAAA"}}`),
		"KRS006-lambda.h5":      "\x89HDF\r\n\x1a\n" + strings.Repeat("\x00", 2000) + "model_config" + `{"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {}}]}}` + "\x00",
		"KRS007-pickle.keras":   zipped("metadata.json", "{}", "config.json", `{"class_name": "Sequential", "module": "keras", "config": {"layers": []}}`, "weights.pkl", evil),
		"KRS008-link.h5":        link,
		"ONX001-outside.onnx":   onnx(message(5, message(8, "w", 13, message(1, "location", 2, "../../etc/passwd"), 14, 1))),
		"ONX001-absolute.onnx":  onnx(message(5, message(8, "w", 13, message(1, "location", 2, "/etc/passwd"), 14, 1))),
		"ONX003-python.onnx":    onnx(message(1, message(4, "PyOp", 7, "ai.onnx.contrib"))),
		"SKO001-system.skops":   skops(`"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"`),
		"SKO002-operator.skops": skops(`"__class__": "methodcaller", "__module__": "builtins.x", "__loader__": "OperatorFuncNode"`),
		"TFS001-pyfunc.pb":      graph("PyFunc"),
		"TFS001-eager.pb":       graph("EagerPyFunc"),
		"TFS002-write.pb":       graph("WriteFile"),
		"TFS002-read.pb":        graph("ReadFile"),
	}
	for name, wrap := range map[string]string{"gz": "gzip"} { // joblib's and torch's files in a compression
		out["PKL001-"+wrap+".pkl."+name] = gzipped(evil)
	}
	return out
}

func suspicious() map[string]string {
	inner := p4(call("os", "system", str("true")))
	return map[string]string{
		"PKL010-trailing.pkl":  p4("N") + "more",
		"PKL014-nested.pkl":    p4(bin(inner)),
		"PKL014-hex.pkl":       p4(long(hex.EncodeToString([]byte(inner)))),
		"ARC010-source.zip":    zipped("modeling.py", "import os\n"),
		"ARC007-bomb.zip":      bomb(),
		"HFR001-auto-map.json": `{"auto_map": {"AutoModel": "modeling_x.X"}}`,
		"HFR001-remote.json":   `{"trust_remote_code": true}`,
		"KRS001-tfop.keras":    keras(`{"class_name": "TFOpLambda", "module": "keras.layers", "config": {"function": "math.add"}}`),
		"KRS002-own.keras":     keras(`{"class_name": "Mine", "module": "my.layers", "registered_name": "my>Mine", "config": {}}`),
		"KRS007-npz.keras":     zipped("metadata.json", "{}", "config.json", `{"class_name": "Sequential", "module": "keras", "config": {"layers": []}}`, "model.weights.npz", zipped("a.npy", npy("<f4", "0000"))),
		"ONX002-custom.onnx":   onnx(message(1, message(4, "Mine", 7, "my.domain"))),
		"ONX004-opset.onnx":    onnx(message(2, "g")) + message(8, message(1, "ai.onnx.ml", 2, 99)),
		"SKO001-own.skops":     skops(`"__class__": "Mine", "__module__": "ours.models", "__loader__": "ObjectNode"`),
		"TFS003-matching.pb":   graph("MatchingFiles"),
		"TSC001-from-file.pt":  zipped("m/data.pkl", p4("}"), "m/constants.pkl", p4(")"), "m/code/__torch__/m.py", "x = torch.from_file(\"/etc/passwd\")\n"),
		"TSC002-custom-ops.pt": zipped("m/data.pkl", p4("}"), "m/constants.pkl", p4(")"), "m/code/__torch__/m.py", "x = ops.ours.run(y)\n"),
	}
}

// Containers.

func zipped(pairs ...string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		h := &zip.FileHeader{Name: pairs[i], CRC32: crc32.ChecksumIEEE([]byte(pairs[i+1])), CompressedSize64: uint64(len(pairs[i+1])), UncompressedSize64: uint64(len(pairs[i+1]))}
		must(w.CreateRaw(h)).Write([]byte(pairs[i+1]))
	}
	w.Close()
	return b.String()
}

// raw is a zip file of one member whose header is changed.
func raw(name, content string, change func(*zip.FileHeader)) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: name, CRC32: crc32.ChecksumIEEE([]byte(content)), CompressedSize64: uint64(len(content)), UncompressedSize64: uint64(len(content))}
	change(h)
	must(w.CreateRaw(h)).Write([]byte(content))
	w.Close()
	return b.String()
}

func deep(content string) string {
	out := zipped("data.pkl", content)
	for range 12 {
		out = zipped("inner.zip", out)
	}
	return out
}

// bomb is a member of 256 MiB that compresses to a thousandth.
func bomb() string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	m := must(w.Create("weights.bin"))
	for range 256 {
		m.Write(make([]byte, 1<<20))
	}
	w.Close()
	return b.String()
}

func npy(dtype, data string) string {
	h := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (1,), }", dtype)
	h += strings.Repeat(" ", 63-(10+len(h))%64) + "\n"
	return "\x93NUMPY\x01\x00" + string(binary.LittleEndian.AppendUint16(nil, uint16(len(h)))) + h + data
}

func keras(layer string) string {
	return zipped("metadata.json", `{"keras_version": "3.5.0", "date_saved": "2026-01-01@00:00:00"}`,
		"config.json", `{"class_name": "Sequential", "module": "keras", "config": {"layers": [`+layer+`]}, "registered_name": null}`,
		"model.weights.h5", "\x89HDF\r\n\x1a\nweights")
}

func skops(node string) string {
	return zipped("schema.json", `{"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": {`+node+`}, "protocol": 2, "_skops_version": "0.16.0"}`)
}

func gguf(key, value string) string {
	text := func(s string) string { return le8(uint64(len(s))) + s }
	kv := text("general.architecture") + le4(8) + text("llama") + text(key) + le4(8) + text(value)
	return "GGUF" + le4(3) + le8(0) + le8(2) + kv
}

// message is a protobuf message: numbers of fields and what they hold.
func message(fields ...any) string {
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

func onnx(graph string) string {
	return message(1, 8, 2, "scanners", 7, graph, 8, message(1, "", 2, 20))
}

// graph is a SavedModel with one operator (saved_model.proto, meta_graph.proto,
// graph.proto).
func graph(op string) string {
	return message(1, 1, 2, message(2, message(1, message(1, "x", 2, op), 1, message(1, "y", 2, "AddV2"))))
}

func must(w io.Writer, err error) io.Writer {
	if err != nil {
		log.Fatal(err)
	}
	return w
}
