package pickle

import (
	_ "embed"
	"strings"
	"sync"
)

// Class is what is known of an import.
type Class uint8

// The classes.
const (
	NotListed Class = iota
	Allowed
	Dangerous
)

func (c Class) String() string { return [...]string{"not listed", "allowed", "dangerous"}[c] }

// Verdict is what the lists say of an import, and for a dangerous one why.
type Verdict struct {
	Class Class
	Why   string
}

//go:embed allowed.txt
var allowedText string

// lists are read when the first name is looked up.
var lists = sync.OnceValue(func() (l struct {
	allowed map[globalKey]bool
	classes map[string]bool   // modules of which all classes are allowed
	whole   map[string]string // dangerous modules: why
	single  map[globalKey]string
}) {
	l.allowed, l.classes = map[globalKey]bool{}, map[string]bool{}
	l.whole, l.single = map[string]string{}, map[globalKey]string{}
	for line := range strings.Lines(allowedText) {
		module, names, found := strings.Cut(strings.TrimSpace(line), ":")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		for name := range strings.FieldsSeq(names) {
			if name == "*Class" {
				l.classes[module] = true
				continue
			}
			l.allowed[globalKey{module, name}] = true
		}
	}
	for _, d := range dangers {
		for entry := range strings.FieldsSeq(d.names) {
			if module, name, one := strings.Cut(entry, ":"); one {
				l.single[globalKey{module, name}] = d.why
			} else {
				l.whole[module] = d.why
			}
		}
	}
	return l
})

// knownNames has the modules and names of the allowlist as values, which all
// scans share: they cost nothing.
var knownNames = sync.OnceValue(func() map[string]*Value {
	known := map[string]*Value{}
	add := func(text string) {
		known[text] = &Value{Kind: String, Op: opShortBinUnicode, Text: text, Int: int64(len(text)), memoized: true}
	}
	for key := range lists().allowed {
		add(key.module)
		add(key.name)
		if rest, ok := strings.CutPrefix(key.module, "numpy.core"); ok {
			add("numpy._core" + rest)
		}
	}
	for module := range lists().classes {
		add(module)
	}
	return known
})

// Lookup says what is known of an import. A name is compared as a whole and a
// module by its components, so that neither "mathutils" passes for "math" nor
// "os.path" for something else than os. Names of Python 2 count as those that
// they are loaded as.
//
// A name that is allowed is allowed even if its module is dangerous.
func Lookup(module, name string) Verdict {
	for _, key := range spellings(module, name) {
		if lists().allowed[key] || lists().classes[key.module] && isClassName(key.name) {
			return Verdict{Class: Allowed}
		}
	}
	for _, key := range spellings(module, name) {
		// A name with dots goes through what is before each of them; a
		// module is part of those above it.
		for n := key.name; n != ""; n = parent(n) {
			if why, ok := lists().single[globalKey{key.module, n}]; ok {
				return Verdict{Dangerous, why}
			}
		}
		for m := key.module; m != ""; m = parent(m) {
			if why, ok := lists().whole[m]; ok {
				return Verdict{Dangerous, why}
			}
		}
		if why := throughName(key.name); why != "" {
			return Verdict{Dangerous, why}
		}
	}
	return Verdict{}
}

// throughName judges a name with dots, which may lead into another module
// ("_ssl.os.system") or to an attribute that leads anywhere.
func throughName(name string) string {
	if !strings.Contains(name, ".") {
		return ""
	}
	for part := range strings.SplitSeq(name, ".") {
		if why, ok := lists().whole[part]; ok {
			return why
		}
		if strings.HasPrefix(part, "__") && strings.HasSuffix(part, "__") {
			return "its attribute " + quote(part) + " leads from something harmless to anything"
		}
	}
	return ""
}

// parent is a path without its last component.
func parent(path string) string {
	if at := strings.LastIndexByte(path, '.'); at >= 0 {
		return path[:at]
	}
	return ""
}

// spellings are the name as it is and as it counts.
func spellings(module, name string) []globalKey {
	m, n := canonicalName(module, name)
	if m == module && n == name {
		return []globalKey{{module, name}}
	}
	if dangerousAsIs(module) {
		return []globalKey{{module, name}}
	}
	return []globalKey{{m, n}}
}

// dangerousAsIs tells whether a module of Python 2 is listed itself.
func dangerousAsIs(module string) bool { _, ok := lists().whole[module]; return ok }

// canonicalName gives names of Python 2 as Python 3 has them (find_class with
// fix_imports, by the tables of Lib/_compat_pickle.py), and numpy.core for
// numpy._core, its name since version 2.
func canonicalName(module, name string) (string, string) {
	if to, ok := names2to3[globalKey{module, name}]; ok {
		return to.module, to.name
	}
	if to, ok := modules2to3[module]; ok {
		module = to
	}
	if rest, ok := strings.CutPrefix(module, "numpy._core"); ok && (rest == "" || rest[0] == '.') {
		module = "numpy.core" + rest
	}
	return module, name
}

// isClassName tells whether a name is written as classes are.
func isClassName(name string) bool {
	lower := false
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= 'A' && c <= 'Z', i > 0 && c >= '0' && c <= '9':
		default:
			return false
		}
	}
	return name != "" && name[0] <= 'Z' && (lower || len(name) > 2)
}

// modules2to3 is IMPORT_MAPPING of Lib/_compat_pickle.py as far as it leads to
// a name of the lists.
var modules2to3 = map[string]string{
	"__builtin__": "builtins", "copy_reg": "copyreg", "SocketServer": "socketserver", "thread": "_thread",
	"_winreg": "winreg", "dbhash": "dbm", "dumbdbm": "dbm", "gdbm": "dbm", "anydbm": "dbm", "whichdb": "dbm",
	"xmlrpclib": "xmlrpc.client", "SimpleXMLRPCServer": "xmlrpc.server", "DocXMLRPCServer": "xmlrpc.server",
	"httplib": "http.client", "Cookie": "http.cookies", "cookielib": "http.cookiejar", "BaseHTTPServer": "http.server",
	"SimpleHTTPServer": "http.server", "CGIHTTPServer": "http.server", "test.test_support": "test.support",
	"commands": "subprocess", "urlparse": "urllib.parse", "robotparser": "urllib.robotparser", "urllib2": "urllib.request",
	"cPickle": "pickle", "_elementtree": "xml.etree.ElementTree", "ConfigParser": "configparser",
	"UserDict": "collections", "UserList": "collections", "UserString": "collections", "StringIO": "io", "cStringIO": "io",
}

// names2to3 is NAME_MAPPING, likewise.
var names2to3 = map[globalKey]globalKey{
	{"__builtin__", "xrange"}:        {"builtins", "range"},
	{"__builtin__", "reduce"}:        {"functools", "reduce"},
	{"__builtin__", "intern"}:        {"sys", "intern"},
	{"__builtin__", "unichr"}:        {"builtins", "chr"},
	{"__builtin__", "unicode"}:       {"builtins", "str"},
	{"__builtin__", "basestring"}:    {"builtins", "str"},
	{"__builtin__", "long"}:          {"builtins", "int"},
	{"itertools", "imap"}:            {"builtins", "map"},
	{"itertools", "ifilter"}:         {"builtins", "filter"},
	{"UserDict", "IterableUserDict"}: {"collections", "UserDict"},
}
