package lint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/waybill-dev/waybill/internal/action"
)

// readers are the methods of action.Action that read an input.
var readers = []string{"Input", "Bool", "List", "Lines"}

// TestVerbsReadTheirInputs holds the code of the verbs, internal/cli/action*.go,
// to the table: no input is read that no action has, none is had that its verb
// does not name, and the same for outputs.
func TestVerbsReadTheirInputs(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "internal", "cli", "action*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no code of verbs found (%v); the test looks in the wrong place", err)
	}
	known := map[string]bool{}
	for _, verb := range action.Verbs() {
		for _, in := range action.Inputs(verb) {
			known[in.Name] = true
		}
	}
	// Outputs of check are made where the story is.
	story, err := filepath.Glob(filepath.Join(root, "internal", "review", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, file := range append(files, story...) {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
					words = append(words, s)
				}
			case *ast.CallExpr:
				sel, ok := n.Fun.(*ast.SelectorExpr)
				if !ok || len(n.Args) == 0 || !slices.Contains(readers, sel.Sel.Name) || !slices.Contains(files, file) {
					return true
				}
				if lit, ok := n.Args[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if name, err := strconv.Unquote(lit.Value); err == nil && !known[name] {
						t.Errorf("%s reads the input %s, which no action has; add it to internal/action/inputs.go", filepath.Base(file), name)
					}
				}
			}
			return true
		})
	}
	for _, verb := range action.Verbs() {
		if _, err := os.Stat(filepath.Join(root, "internal", "cli", "action_"+verb+".go")); err != nil {
			if verb != "setup" { // setup is scripts/install.sh alone
				t.Logf("waybill action %s is not there yet", verb)
			}
			continue
		}
		for _, in := range action.Inputs(verb) {
			if !slices.Contains(words, in.Name) {
				t.Errorf("the action %s has the input %s, but nothing reads it", verb, in.Name)
			}
		}
		for _, out := range action.Outputs(verb) {
			if !slices.Contains(words, out.Name) {
				t.Errorf("the action %s has the output %s, but nothing sets it", verb, out.Name)
			}
		}
	}
}
