package modelscan

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/modelarchive"
	"github.com/waybill-dev/waybill/internal/pickle"
	"github.com/waybill-dev/waybill/internal/pii"
)

// json scans a JSON document: configurations of Keras, of Hugging Face's
// libraries and of skops, told apart by the keys that they have.
func (s *scan) json(in *input) error {
	if in.r != nil && in.size > s.limits.Document {
		s.unread(in, modelarchive.RuleLimit, -1, "the JSON document has %d bytes; at most %d are read", in.size, s.limits.Document)
		return nil
	}
	head, err := in.head(4)
	if err != nil {
		return err
	}
	r := in.reader()
	if utf16Or32(head) {
		s.warn(in, "ARC001", 0, "the JSON document is in UTF-16 or UTF-32, which only some readers take")
		r = newWide(r, head)
	}
	err = s.document(in, r, 0)
	if errors.Is(err, errJSON) || errors.Is(err, io.ErrUnexpectedEOF) {
		// Whoever loads it fails as well; what stands before was seen.
		if strings.HasSuffix(in.name, ".json") && !errors.Is(err, io.ErrUnexpectedEOF) {
			s.warn(in, "ARC001", 0, "is not valid JSON (%v); it was looked at only up to there", err)
		}
		return nil
	}
	return err
}

// document scans one JSON value of r that begins at byte base of in.
func (s *scan) document(in *input, r io.Reader, base int64) error {
	c := &config{s: s, in: in, base: base, keras: in.within == "keras", skops: in.within == "skops"}
	return c.read(r)
}

func (c *config) reader(r io.Reader) *jsonReader {
	return &jsonReader{in: bufio.NewReaderSize(r, 1<<15), enter: c.enter, leave: c.leave, value: c.value}
}

// read reads a document and reports what it holds, also of one that breaks off.
func (c *config) read(r io.Reader) error {
	err := c.reader(r).document()
	c.done()
	return err
}

// readOne reads one value, whatever follows it, and says how long it is and
// whether it is whole: a text that is no JSON after all is no error.
func (c *config) readOne(r *bufio.Reader) (int64, bool, error) {
	j := &jsonReader{in: r, enter: c.enter, leave: c.leave, value: c.value}
	err := j.any("")
	c.done()
	if err != nil && c.s.ours(err) {
		return 0, false, err
	}
	return j.at, err == nil, nil
}

// config is the walk over one configuration.
type config struct {
	s            *scan
	in           *input
	base         int64
	stack        []frame
	keras, skops bool
	named        bool      // an object names a class
	found        []Finding // of Keras and skops, until it is known to be one of them
	foundSkops   []Finding
}

// frame is what is kept of an object while it is open.
type frame struct {
	key    string
	at     int64
	object bool
	texts  map[string]string // of the keys that rules ask for
	keys   int
	child  frameNames // names that the object "content.obj" of skops has
}

type frameNames struct{ module, class string }

// asked are the keys whose texts a frame keeps.
var asked = map[string]bool{
	"class_name": true, "module": true, "registered_name": true, "config": true, "function": true, "name": true,
	"__class__": true, "__module__": true, "__loader__": true, "func": true, "_skops_version": true,
}

func (c *config) enter(key string, at int64, object bool) {
	if len(c.stack) == 1 && key == "config" {
		c.stack[0].keys |= 1
	}
	if key == "auto_map" && object {
		c.s.warn(c.in, "HFR001", c.base+at, "auto_map names Python code that is downloaded and run when the model is loaded with trust_remote_code")
	}
	c.stack = append(c.stack, frame{key: key, at: at, object: object})
}

func (c *config) top() *frame {
	if len(c.stack) == 0 {
		return &frame{}
	}
	return &c.stack[len(c.stack)-1]
}

func (c *config) value(key string, at int64, text string, isText bool) {
	top := c.top()
	if !isText {
		if key == "trust_remote_code" && text == "true" {
			c.s.warn(c.in, "HFR001", c.base+at, "asks to be loaded with trust_remote_code")
		}
		return
	}
	if asked[key] && len(text) <= 1024 {
		if top.texts == nil {
			top.texts = map[string]string{}
		}
		top.texts[key] = text
	}
	if c.isTemplate(key, text) {
		c.s.template(c.in, -1, "the chat template", text)
	}
	if len(text) >= 16 {
		c.s.secrets(c.in, c.base+at, key, text)
	}
	if strings.HasPrefix(key, "custom_") && (key == "custom_generate" || key == "custom_pipelines") || top.key == "auto_map" && strings.Contains(text, "--") {
		c.s.warn(c.in, "HFR001", c.base+at, "takes Python code from another repository (%s)", quote(text))
	}
}

// isTemplate knows the forms in which transformers writes templates: a text, a
// list of {name, template}, a mapping by name.
func (c *config) isTemplate(key, text string) bool {
	if key == "chat_template" {
		return true
	}
	for i := len(c.stack) - 1; i >= 0 && i >= len(c.stack)-3; i-- {
		if c.stack[i].key == "chat_template" {
			return key != "name"
		}
	}
	return false
}

func (c *config) leave() {
	f := c.stack[len(c.stack)-1]
	c.stack = c.stack[:len(c.stack)-1]
	if !f.object {
		return
	}
	if len(c.stack) == 0 && f.texts["class_name"] != "" && f.keys&1 != 0 {
		c.keras = true
	}
	if len(c.stack) == 0 && (f.texts["_skops_version"] != "" || f.texts["__loader__"] != "") {
		c.skops = true // whatever else is in the archive; the version is not asked for
	}
	if f.texts["class_name"] != "" {
		c.named = true
		c.kerasObject(f)
	}
	if f.texts["__loader__"] != "" || f.texts["__class__"] != "" {
		c.skopsObject(f)
		if up := c.top(); f.key == "obj" {
			up.child = frameNames{f.texts["__module__"], f.texts["__class__"]}
		}
	}
	if f.key == "content" {
		c.top().child = f.child
	}
}

func (c *config) done() {
	for len(c.stack) > 0 { // of a document that broke off
		c.leave()
	}
	if c.keras {
		for _, f := range c.found {
			c.s.find(f)
		}
	}
	if c.skops {
		for _, f := range c.foundSkops {
			c.s.find(f)
		}
	}
}

func (c *config) kerasFinding(rule string, sev Severity, f frame, format string, args ...any) {
	if len(c.found) < c.s.limits.Findings {
		c.found = append(c.found, Finding{Rule: rule, Path: c.in.path, Offset: c.base + f.at, Severity: sev, Message: fmt.Sprintf(format, args...)})
	}
}

// kerasRoots are the packages whose classes Keras' own configurations name.
var kerasRoots = map[string]bool{"keras": true, "tf_keras": true, "tensorflow": true, "keras_hub": true, "keras_nlp": true, "keras_cv": true, "keras_core": true}

// kerasTools are the modules of Keras that hold functions for people, not parts
// of models: deserialization finds them by name and calls them.
var kerasTools = map[string]bool{"utils": true, "saving": true, "config": true, "export": true, "backend": true, "distribution": true, "models": true, "preprocessing": true, "datasets": true}

// kerasObject judges {"module", "class_name", "config", "registered_name"} (Keras
// 3: keras/src/saving/serialization_lib.py, deserialize_keras_object).
func (c *config) kerasObject(f frame) {
	class, module, registered := f.texts["class_name"], f.texts["module"], f.texts["registered_name"]
	name := class
	if class == "function" && f.texts["config"] != "" {
		name = f.texts["config"]
	}
	if at := strings.LastIndexAny(class, ">."); at >= 0 && class[at+1:] == "Lambda" {
		class = "Lambda"
	}
	parts := strings.Split(module, ".")
	what := module + "." + name
	inKeras := kerasRoots[parts[0]]
	switch {
	case class == "Lambda" || class == "__lambda__" || class == "TFOpLambda" || registered == "Lambda" || strings.HasSuffix(registered, ">Lambda"):
		rule := "KRS001"
		if c.in.within == "hdf5" {
			rule = "KRS006"
		}
		if class == "TFOpLambda" { // names an operator of TensorFlow, holds no code
			c.kerasFinding(rule, Warning, f, "a %s layer calls a function of TensorFlow by name (%s)", class, quote(f.texts["function"]))
			return
		}
		c.kerasFinding(rule, Fail, f, "a %s holds Python code that runs when the model is loaded or used", class)
	case name == "get_file":
		c.kerasFinding("KRS003", Fail, f, "calls keras.utils.get_file, which downloads any address to any place")
	case name == "enable_unsafe_deserialization":
		c.kerasFinding("KRS004", Fail, f, "calls enable_unsafe_deserialization, which switches the protection of the loader off")
	case class == "TorchModuleWrapper":
		c.kerasFinding("KRS005", Fail, f, "a TorchModuleWrapper loads its module with torch.load, which is a pickle")
	case module == "":
	case module == "builtins" && class == "function":
		if dangerousBuiltin[name] {
			c.kerasFinding("KRS002", Fail, f, "names Python's %s as a function", quote(name))
		}
	case module == "builtins" && (class == "int" || class == "float" || class == "str" || class == "bool" || class == "list" || class == "dict" || class == "tuple" || class == "slice"):
	case !inKeras && strings.Contains(registered, ">") && pickle.Lookup(module, name).Class != pickle.Dangerous:
		c.kerasFinding("KRS002", Warning, f, "needs the class %s, which is registered as %s: whoever loads the model runs that package", quote(what), quote(registered))
	case !inKeras:
		c.kerasFinding("KRS002", Fail, f, "names %s, which is not of Keras or TensorFlow: loading imports that module", quote(what))
	case parts[0] == "tensorflow" && tfTools[name]:
		c.kerasFinding("KRS002", Fail, f, "names %s, which loads native code, runs Python or touches files", quote(what))
	case parts[0] == "tensorflow" && !slices.Contains(parts, "keras"):
		c.kerasFinding("KRS002", Warning, f, "names %s, of TensorFlow but not of its Keras", quote(what))
	case slices.ContainsFunc(parts[1:], func(part string) bool { return kerasTools[part] }) && name[0] >= 'a' && name[0] <= 'z': // classes begin with a capital
		c.kerasFinding("KRS002", Fail, f, "names the function %s, which is a tool and no part of a model", quote(what))
	}
}

// tfTools are functions of TensorFlow that no layer is.
var tfTools = map[string]bool{"load_op_library": true, "load_library": true, "load_file_system_library": true, "load_pluggable_device_library": true,
	"py_function": true, "numpy_function": true, "eager_py_func": true, "py_func": true, "read_file": true, "write_file": true, "load": true, "save": true,
	"get_file": true, "exec_in_new_process": true}

var dangerousBuiltin = map[string]bool{"eval": true, "exec": true, "compile": true, "open": true, "__import__": true, "getattr": true, "setattr": true, "delattr": true,
	"input": true, "breakpoint": true, "globals": true, "locals": true, "vars": true, "map": true, "filter": true, "exit": true, "quit": true, "memoryview": true}

// kerasWeights looks at the name under which .keras keeps weights: NumPy's
// archive is loaded with allow_pickle (keras/src/saving/saving_lib.py, NpzIOStore).
func (s *scan) kerasWeights(c *input) {
	if c.within != "keras" {
		return
	}
	switch e := ext(c.name); {
	case e == ".npz":
		s.warn(c, "KRS007", -1, "weights as .npz are loaded with allow_pickle; .weights.h5 holds no code")
	case e == ".pkl" || e == ".pickle" || e == ".joblib" || e == ".pt" || e == ".pth":
		s.fail(c, "KRS007", -1, "a pickle inside a .keras file")
	}
}

// secrets looks for keys and tokens in a text of a configuration.
func (s *scan) secrets(in *input, at int64, what, text string) {
	for _, m := range secretFinder.Find(nil, []byte(text)) {
		if what == "" {
			what = "the text"
		}
		where := at
		if what == "the text" && at >= 0 {
			where += int64(m.Start)
		}
		s.fail(in, "HFR002", where, "%s holds a secret: %s", quote(what), pii.Mask(m.Kind, []byte(text)[m.Start:m.End]))
	}
}

var secretFinder = pii.New(pii.Key)

func (s *scan) textSecrets(in *input) error {
	b, err := io.ReadAll(io.LimitReader(in.reader(), 1<<20))
	if err != nil {
		return s.unfinished(in, err)
	}
	s.secrets(in, 0, "", string(b))
	return nil
}
