// Package internal_test holds the picture of docs/architecture.md to the code:
// who may import whom, and what nobody may.
package internal_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/waybill-dev/waybill/"

// pure packages hold words and arithmetic: the same input gives the same
// output everywhere, so they know no files, no network and no clock. Every
// package above them may speak in their words.
var pure = []string{"canonical", "forge", "ledger", "license", "metric", "minhash", "ref", "report", "sorting", "stats"}

// mayImport lists, for each package, the packages of this module that it may
// import. A new package is added here and in docs/architecture.md.
var mayImport = map[string]string{
	"sorting": "", "ref": "", "report": "", "stats": "", "minhash": "", "pii": "", "canonical": "", "license": "", "card": "", "modelarchive": "", "pickle": "",
	"ledger":  "ref canonical",
	"render":  "report",
	"schemas": "",

	"action":            "report",
	"action/runnertest": "",

	"cas":       "ref canonical report",
	"gitrepo":   "ref canonical report",
	"modelfile": "pickle modelarchive ref canonical report",
	"modelscan": "modelarchive modelfile pickle pii report",
	"registry":  "ref canonical report",
	"table":     "ref canonical report",

	"manifest":    "ref report canonical schemas",
	"profile":     "table stats",
	"metric":      "ref",
	"predictions": "metric table report ref",
	"evaluate":    "predictions metric table stats report ref",
	"latency":     "table stats report ref",
	"parity":      "table report",
	"behaviour":   "table stats report",
	"evalcheck":   "evaluate predictions behaviour parity latency metric table stats manifest report ref schemas",
	"drift":       "table stats report profile",
	"transfer":    "registry cas ref",
	"evidence":    "registry report manifest ref canonical",
	"artifact":    "transfer evidence modelfile table manifest registry cas ref report canonical",

	"odcs":         "manifest ref",
	"datacheck":    "odcs profile table stats minhash drift pii manifest report ref schemas",
	"infer":        "profile table manifest report",
	"dataprofile":  "profile table evidence registry manifest ref report canonical",
	"datadiff":     "profile table manifest report ref",
	"compat":       "modelfile manifest report",
	"modeldiff":    "modelfile compat manifest report ref",
	"modelcheck":   "compat modelfile modelscan card license pii manifest report ref schemas",
	"imagecheck":   "table manifest report ref schemas",
	"policy":       "manifest report ref",
	"scaffold":     "",
	"writeback":    "forge",
	"approval":     "manifest ledger ref canonical",
	"deploy":       "manifest ref",
	"delivery":     "cas deploy writeback workspace ledger forge manifest ref report canonical",
	"release":      "workspace ledger evidence card render forge manifest ref registry report canonical",
	"who":          "workspace ledger approval manifest report ref",
	"playbook":     "workspace approval manifest render report ref",
	"workspace":    "gitrepo manifest ledger registry cas ref report canonical",
	"lock":         "artifact modelfile profile metric predictions table workspace evidence manifest registry cas ref report canonical",
	"check":        "evalcheck metric predictions compat modelfile datacheck imagecheck dataprofile profile registry modelcheck evaluate table workspace evidence artifact transfer lock manifest ref report canonical",
	"changes":      "artifact transfer datadiff modeldiff modelfile compat workspace manifest ref report",
	"forge":        "",
	"forge/github": "forge", "forge/local": "forge", "forge/github/githubtest": "",
	"review":    "action approval gitrepo changes check promotion policy workspace ledger forge render datadiff modeldiff artifact manifest evidence schemas ref report",
	"promotion": "approval deploy forge gitrepo registry compat workspace check evidence ledger artifact lock manifest ref report canonical",
	"doctor":    "forge workspace artifact ledger evidence lock manifest ref report canonical",

	"demo":         "modelfile table stats manifest ref canonical report testregistry",
	"testregistry": "registry ref",
	"cli":          everything,
	"cmd/waybill":  "cli",
}

const everything = "*"

// forTests are packages that production code does not import; demo shows what
// they show.
var forTests = []string{"action/runnertest", "forge/github/githubtest", "testregistry"}

// owners are the packages that alone speak a format or protocol: whoever else
// needs it asks them. A path stands for all below it, in every major version.
var owners = map[string]string{
	"github.com/go-git":               "gitrepo",
	"oras.land":                       "registry testregistry",
	"github.com/google/go-github":     "forge/github",
	"github.com/parquet-go":           "table",
	"github.com/xeipuuv/gojsonschema": "manifest review",
	"github.com/spf13/cobra":          "cli",
	"github.com/hiddeco/sshsig":       "approval",
	"golang.org/x/crypto/ssh":         "approval cli demo", // cli: private keys, the agent's socket, ssh-keygen for security keys; demo makes keys
	"github.com/spf13/pflag":          "cli",
	"golang.org/x/term":               "cli",
	"github.com/sethvargo":            "action",
	"log":                             "cli cmd/waybill",
	"golang.org/x/image":              "imagecheck",
	"testing":                         "testregistry",
	"net/http/httptest":               "testregistry forge/github/githubtest",
	"github.com/rogpeppe/go-internal": "",
	"C":                               "",
	"github.com/pierrec/lz4":          "table modelarchive",
	"github.com/ulikunitz/xz":         "modelarchive",
	// They bring OpenPGP, 0.5 MB of the binary, to verify signatures that nobody
	// asks for: gitrepo decodes objects and chooses transports itself.
	"github.com/go-git/go-git/plumbing/object":           "",
	"github.com/go-git/go-git/plumbing/revlist":          "",
	"github.com/go-git/go-git/plumbing/transport/client": "",
	"github.com/go-git/go-git/plumbing/transport/file":   "",
	"github.com/ProtonMail":                              "",
	// arrow/ipc alone is 5 MB of the binary; parquet/pqarrow and arrow/compute
	// bring gRPC and 10 to 16.
	"github.com/apache/arrow-go": "",
}

// impure is what pure packages do not import; they may use the rest of the
// standard library and pureModules.
var (
	impure      = []string{"os", "net", "io/ioutil", "log", "syscall", "path/filepath", "runtime"}
	pureModules = []string{"github.com/cyberphone/json-canonicalization", "golang.org/x/mod"}
)

// clocks are the packages that may ask what time it is; all others are told.
var clocks = []string{"cli", "cmd/waybill", "demo", "testregistry"}

func TestImports(t *testing.T) {
	found := 0
	for _, top := range []string{"internal", "cmd", "schemas"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(file string, d fs.DirEntry, err error) error {
			switch {
			case err != nil && top == "cmd" && os.IsNotExist(err):
				return nil
			case err != nil:
				return err
			case d.IsDir() && d.Name() == "testdata":
				return fs.SkipDir
			case d.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
				return nil
			}
			src, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel("..", file)
			if err != nil {
				return err
			}
			problems, err := inspect(filepath.ToSlash(rel), string(src))
			if err != nil {
				return err
			}
			for _, p := range problems {
				t.Error(p)
			}
			found++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found == 0 {
		t.Fatal("found no Go files; the test looks in the wrong place")
	}
}

// inspect returns what breaks a rule in one file, whose name is relative to
// the module's root.
func inspect(file, src string) ([]string, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	pkg := strings.TrimPrefix(path.Dir(file), "internal/")
	var problems []string
	report := func(pos token.Pos, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("%s:%d: ", file, fset.Position(pos).Line)+fmt.Sprintf(format, args...))
	}
	if _, listed := mayImport[pkg]; !listed {
		report(f.Name.Pos(), "package %s is not in the list of who may import whom (mayImport in internal/imports_test.go); add it there and in docs/architecture.md", pkg)
		return problems, nil
	}
	timeName := ""
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		if why := refuse(pkg, imported); why != "" {
			report(spec.Pos(), "import of %s: %s", imported, why)
		}
		if imported == "time" {
			timeName = "time"
			if spec.Name != nil {
				timeName = spec.Name.Name
			}
		}
	}
	if timeName != "" && !slices.Contains(clocks, pkg) {
		for _, use := range clockUses(f, timeName, slices.Contains(pure, pkg)) {
			report(use.Pos(), "%s.%s: package %s is told the time (Now func() time.Time in its options); only %s ask for it",
				timeName, use.Sel.Name, pkg, strings.Join(clocks, ", "))
		}
	}
	return problems, nil
}

// refuse returns the rule by which pkg may not import imported, or "".
func refuse(pkg, imported string) string {
	if rest, ok := strings.CutPrefix(imported, module); ok {
		target := strings.TrimPrefix(rest, "internal/")
		allowed := mayImport[pkg]
		switch {
		case target == "sorting": // as good as a part of the standard library
			return ""
		case slices.Contains(forTests, target) && !slices.Contains(strings.Fields(allowed), target):
			return target + " is for tests and demo only"
		case allowed == everything || slices.Contains(strings.Fields(allowed), target):
			return ""
		case allowed == "":
			return pkg + " may import no package of this module"
		}
		return fmt.Sprintf("%s may import only: %s", pkg, strings.Join(strings.Fields(allowed), ", "))
	}
	for pattern, owner := range owners {
		if matches(imported, pattern) && !slices.Contains(strings.Fields(owner), pkg) {
			if owner == "" {
				return "nothing in the main module's production code may import it"
			}
			return "only " + strings.Join(strings.Fields(owner), ", ") + " may import it"
		}
	}
	if !slices.Contains(pure, pkg) {
		return ""
	}
	first, _, _ := strings.Cut(imported, "/")
	isModule := strings.Contains(first, ".")
	if matches(imported, impure...) || isModule && !matches(imported, pureModules...) {
		return pkg + " is pure: no files, network, clock, log, nor modules that could bring them"
	}
	return ""
}

var majorVersion = regexp.MustCompile(`/v[0-9]+(/|$)`)

// matches tells whether an import path is one of prefixes or lies below it.
func matches(imported string, prefixes ...string) bool {
	imported = majorVersion.ReplaceAllString(imported, "$1")
	return slices.ContainsFunc(prefixes, func(p string) bool {
		return imported == p || strings.HasPrefix(imported, p+"/")
	})
}

// clockUses finds calls of the clock, and with uses also its mention as a
// value, which elsewhere is how a default is set.
func clockUses(f *ast.File, timeName string, uses bool) []*ast.SelectorExpr {
	isClock := func(n ast.Expr) *ast.SelectorExpr {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || !slices.Contains([]string{"Now", "Since", "Until"}, sel.Sel.Name) {
			return nil
		}
		if x, ok := sel.X.(*ast.Ident); !ok || x.Name != timeName {
			return nil
		}
		return sel
	}
	var out []*ast.SelectorExpr
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if sel := isClock(n.Fun); sel != nil && !uses {
				out = append(out, sel)
			}
		case *ast.SelectorExpr:
			if sel := isClock(n); sel != nil && uses {
				out = append(out, sel)
			}
		}
		return true
	})
	return out
}

// TestImportRules shows that each rule can be broken, and what it then says.
func TestImportRules(t *testing.T) {
	for _, c := range []struct{ file, src, want string }{
		{"internal/ref/a.go", `import "strings"`, ""},
		{"internal/ref/a.go", `import "os"`, "internal/ref/a.go:1: import of os: ref is pure"},
		{"internal/report/a.go", `import "net/http"`, "import of net/http: report is pure"},
		{"internal/stats/a.go", `import "golang.org/x/sync/errgroup"`, "stats is pure"},
		{"internal/ref/a.go", `import "golang.org/x/mod/semver"`, ""},
		{"internal/ledger/a.go", `import "time"; var now = time.Now`, "time.Now: package ledger is told the time"},
		{"internal/cas/a.go", `import "time"; var now = time.Now`, ""},
		{"internal/cas/a.go", `import clock "time"; var now = clock.Now()`, "clock.Now: package cas is told the time"},
		{"internal/cas/a.go", `import "time"; var d = time.Since(time.Time{})`, "time.Since"},
		{"internal/cli/a.go", `import "time"; var now = time.Now()`, ""},
		{"internal/render/a.go", `import "github.com/waybill-dev/waybill/internal/ref"`, "render may import only: report"},
		{"internal/ref/a.go", `import "github.com/waybill-dev/waybill/internal/report"`, "ref may import no package"},
		{"internal/manifest/a.go", `import "github.com/waybill-dev/waybill/schemas"`, ""},
		{"internal/util/a.go", ``, "package util is not in the list"},
		{"internal/cli/verbs/a.go", ``, "package cli/verbs is not in the list"},
		{"internal/cli/a.go", `import "github.com/waybill-dev/waybill/internal/testregistry"`, "testregistry is for tests and demo only"},
		{"internal/demo/a.go", `import "github.com/waybill-dev/waybill/internal/testregistry"`, ""},
		{"internal/table/a.go", `import "github.com/apache/arrow-go/v18/parquet/pqarrow"`, "nothing in the main module"},
		{"internal/table/a.go", `import "github.com/apache/arrow-go/v18/arrow/compute/exec"`, "nothing in the main module"},
		{"internal/table/a.go", `import "github.com/apache/arrow-go/v18/arrow/ipc"`, "nothing in the main module"},
		{"internal/table/a.go", `import "github.com/pierrec/lz4/v4"`, ""},
		{"internal/profile/a.go", `import "github.com/pierrec/lz4/v4"`, "only table, modelarchive may import it"},
		{"internal/gitrepo/a.go", `import "github.com/go-git/go-git/v5/plumbing/transport"`, ""},
		{"internal/gitrepo/a.go", `import "github.com/go-git/go-git/v5/plumbing/object"`, "nothing in the main module"},
		{"internal/gitrepo/a.go", `import "github.com/go-git/go-git/v5/plumbing/transport/client"`, "nothing in the main module"},
		{"internal/gitrepo/a.go", `import "github.com/go-git/go-git/v5/plumbing/transport/file"`, "nothing in the main module"},
		{"internal/approval/a.go", `import "github.com/ProtonMail/go-crypto/openpgp"`, "nothing in the main module"},
		{"internal/table/a.go", `import "C"`, "nothing in the main module"},
		{"internal/table/a.go", `import "testing/fstest"`, "only testregistry may import it"},
		{"internal/artifact/a.go", `import "oras.land/oras-go/v2"`, "only registry, testregistry may import it"},
		{"internal/registry/a.go", `import "oras.land/oras-go/v2/registry/remote"`, ""},
		{"cmd/waybill/main.go", `import "github.com/waybill-dev/waybill/internal/cli"`, ""},
		{"cmd/waybill/main.go", `import "github.com/waybill-dev/waybill/internal/check"`, "cmd/waybill may import only: cli"},
	} {
		problems, err := inspect(c.file, "package p; "+c.src)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(problems, "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s with %s: got %q, want %q", c.file, c.src, got, c.want)
		}
	}
	for pkg, allowed := range mayImport {
		for _, target := range strings.Fields(allowed) {
			if _, listed := mayImport[target]; !listed && target != everything {
				t.Errorf("%s may import %s, which is not listed", pkg, target)
			}
		}
	}
}
