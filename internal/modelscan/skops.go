package modelscan

import (
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/pickle"
)

// skopsRoots are the packages whose types skops trusts, or which its own nodes
// build (skops/io/_trusted_types.py: scikit-learn's estimators, NumPy's and
// SciPy's types and functions, Python's containers).
var skopsRoots = map[string]bool{"sklearn": true, "numpy": true, "scipy": true, "collections": true, "datetime": true}

var skopsBuiltins = map[string]bool{"int": true, "float": true, "str": true, "bool": true, "list": true, "set": true, "dict": true, "tuple": true,
	"bytes": true, "bytearray": true, "complex": true, "slice": true, "type": true, "NoneType": true, "range": true, "frozenset": true}

// skopsModels are packages whose estimators skops does not trust by itself but
// whose names are those of models, not of tools.
var skopsModels = map[string]bool{"xgboost": true, "lightgbm": true, "catboost": true, "quantile_forest": true, "imblearn": true}

func (c *config) skopsFinding(rule string, sev Severity, f frame, format string, args ...any) {
	if len(c.foundSkops) < c.s.limits.Findings {
		c.foundSkops = append(c.foundSkops, Finding{Rule: rule, Path: c.in.path, Offset: c.base + f.at, Severity: sev, Message: fmt.Sprintf(format, args...)})
	}
}

// skopsObject judges one node of a schema.json. skops checks types by what a
// node says of itself; two nodes build something else than they say.
func (c *config) skopsObject(f frame) {
	module, class, loader := f.texts["__module__"], f.texts["__class__"], f.texts["__loader__"]
	full := module + "." + class
	root, _, _ := strings.Cut(module, ".")
	switch loader {
	case "OperatorFuncNode": // CVE-2025-54412: gets any name of module operator, whatever it says
		if (module != "operator" && module != "_operator") || (class != "attrgetter" && class != "itemgetter" && class != "methodcaller") {
			c.skopsFinding("SKO002", Fail, f, "an OperatorFuncNode says that it is %s: it builds a function of module operator that nobody is asked about", quote(full))
			return
		}
		c.skopsFinding("SKO001", Warning, f, "uses %s", quote(full))
		return
	case "MethodNode": // CVE-2025-54413: the type checked is the node's, the method called its object's
		if f.child != (frameNames{}) && (f.child.module != module || f.child.class != class) {
			c.skopsFinding("SKO002", Fail, f, "a MethodNode says that it is of %s and takes a method of %s", quote(full), quote(f.child.module+"."+f.child.class))
			return
		}
		if strings.HasPrefix(f.texts["func"], "_") {
			c.skopsFinding("SKO002", Fail, f, "a MethodNode takes the hidden method %s", quote(f.texts["func"]))
			return
		}
	}
	switch {
	case module == "" || class == "":
	case pickle.Lookup(module, class).Class == pickle.Dangerous && loader != "TypeNode", pickle.Lookup(module, class).Class == pickle.Dangerous && !skopsRoots[root]:
		c.skopsFinding("SKO001", Fail, f, "has the type %s: %s", quote(full), pickle.Lookup(module, class).Why)
	case module == "builtins" && skopsBuiltins[class], skopsRoots[root]:
	case skopsModels[root]:
		c.skopsFinding("SKO001", Warning, f, "has the type %s, which skops does not trust by itself", quote(full))
	case root == "builtins" || root == "operator" || dangerousModule[root]:
		c.skopsFinding("SKO001", Fail, f, "has the type %s, which runs code or reaches the system", quote(full))
	default:
		c.skopsFinding("SKO001", Warning, f, "has the type %s, which is not among those that skops trusts: loading imports that module", quote(full))
	}
}

var dangerousModule = map[string]bool{"os": true, "posix": true, "nt": true, "sys": true, "subprocess": true, "importlib": true, "runpy": true, "pty": true, "shutil": true,
	"socket": true, "ctypes": true, "code": true, "pickle": true, "marshal": true, "types": true, "functools": true, "pydoc": true, "pip": true, "webbrowser": true,
	"multiprocessing": true, "asyncio": true, "commands": true, "popen2": true, "builtin": true, "__builtin__": true, "ssl": true, "http": true, "urllib": true, "requests": true, "pdb": true, "timeit": true, "platform": true}
