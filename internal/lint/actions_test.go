package lint_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/action"
)

var update = flag.Bool("update", false, "write action.yml files and docs/actions.md from the table in internal/action")

const root = "../.."

// actionFile is where the action of a verb is.
func actionFile(verb string) string {
	if verb == "setup" {
		return "action.yml"
	}
	return "actions/" + verb + "/action.yml"
}

// TestActionFiles holds every action.yml to the table that the verbs read.
func TestActionFiles(t *testing.T) {
	for _, verb := range action.Verbs() {
		golden(t, actionFile(verb), actionText(verb))
	}
	found, err := filepath.Glob(filepath.Join(root, "actions", "*", "action.y*ml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(action.Verbs())-1 {
		t.Errorf("there are %d files actions/*/action.yml, but %d verbs with one: %q", len(found), len(action.Verbs())-1, found)
	}
}

// TestActionEnv: composites get no INPUT_ variables from the runner, so every
// input has to be mapped to the name under which the verb reads it.
func TestActionEnv(t *testing.T) {
	for _, verb := range action.Verbs() {
		var file composite
		load(t, actionFile(verb), &file)
		env := map[string]string{}
		for _, s := range file.Runs.Steps {
			for k, v := range s.Env {
				env[k] = v
			}
		}
		read := slices.Clone(action.Inputs(verb))
		for _, in := range read {
			// As the runner: upper case, "_" for spaces, hyphens stay.
			want(t, env, actionFile(verb), "INPUT_"+strings.ToUpper(strings.ReplaceAll(in.Name, " ", "_")), in.Name)
		}
		for _, in := range action.InstallInputs() {
			want(t, env, actionFile(verb), "INPUT_"+strings.ToUpper(strings.ReplaceAll(in.Name, "-", "_")), in.Name)
		}
		read = append(read, action.InstallInputs()...)
		if len(file.Inputs) != len(read) || len(env) != len(read) {
			t.Errorf("%s declares %d inputs and maps %d; %d are read", actionFile(verb), len(file.Inputs), len(env), len(read))
		}
		for _, in := range read {
			if file.Inputs[in.Name].Description == "" || file.Inputs[in.Name].Default != in.Default {
				t.Errorf("%s: input %s: no description, or the default is %q instead of %q", actionFile(verb), in.Name, file.Inputs[in.Name].Default, in.Default)
			}
		}
		for _, out := range action.Outputs(verb) {
			if v := file.Outputs[out.Name].Value; !strings.HasSuffix(v, ".outputs."+out.Name+" }}") {
				t.Errorf("%s: output %s is %q", actionFile(verb), out.Name, v)
			}
		}
	}
}

func want(t *testing.T, env map[string]string, file, variable, input string) {
	t.Helper()
	if got, want := env[variable], "${{ inputs."+input+" }}"; got != want {
		t.Errorf("%s: %s is %q instead of %q", file, variable, got, want)
	}
}

// TestActionsPage: docs/actions.md is the table, for people.
func TestActionsPage(t *testing.T) { golden(t, "docs/actions.md", actionsPage()) }

type composite struct {
	Name, Description string
	Inputs            map[string]struct{ Description, Default string }
	Outputs           map[string]struct{ Description, Value string }
	Runs              struct {
		Using string
		Steps []step
	}
}

func load(t *testing.T, name string, into any) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return data
}

func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(root, name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	data, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte(text)) {
		t.Errorf("%s is not what internal/action/inputs.go says (%v); run: go test ./internal/lint -update", name, err)
	}
}

// actionText is the action.yml of a verb.
func actionText(verb string) string {
	var b strings.Builder
	name, install, outputs := "waybill "+verb, "../../scripts/install.sh", verb
	if verb == "setup" {
		name, install, outputs = "waybill", "scripts/install.sh", "install"
	}
	b.WriteString("# Made of internal/action/inputs.go: go test ./internal/lint -update\n")
	fmt.Fprintf(&b, "name: %s\ndescription: %s\nauthor: The waybill authors\nbranding:\n  icon: package\n  color: blue\n\ninputs:\n", name, quote(action.VerbDoc(verb)))
	for _, in := range slices.Concat(action.Inputs(verb), action.InstallInputs()) {
		fmt.Fprintf(&b, "  %s:\n    description: %s\n    default: %s\n", in.Name, quote(plain(in.Doc)), quote(in.Default))
	}
	b.WriteString("\noutputs:\n")
	for _, out := range action.Outputs(verb) {
		fmt.Fprintf(&b, "  %s:\n    description: %s\n    value: ${{ steps.%s.outputs.%s }}\n", out.Name, quote(plain(out.Doc)), outputs, out.Name)
	}
	fmt.Fprintf(&b, "\nruns:\n  using: composite\n  steps:\n    - id: install\n      shell: bash\n      run: '\"$GITHUB_ACTION_PATH/%s\"'\n      env:\n", install)
	for _, in := range action.InstallInputs() {
		fmt.Fprintf(&b, "        INPUT_%s: ${{ inputs.%s }}\n", strings.ToUpper(strings.ReplaceAll(in.Name, "-", "_")), in.Name)
	}
	if verb == "setup" {
		return b.String()
	}
	fmt.Fprintf(&b, "    - id: %s\n      shell: bash\n      run: waybill action %s\n      env:\n", verb, verb)
	for _, in := range action.Inputs(verb) {
		fmt.Fprintf(&b, "        INPUT_%s: ${{ inputs.%s }}\n", strings.ToUpper(in.Name), in.Name)
	}
	return b.String()
}

// plain is Markdown as a list of inputs shows it, which is not rendered.
func plain(s string) string { return strings.ReplaceAll(s, "`", "") }

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
