package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/waybill-dev/waybill/internal/testregistry"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"waybill": main})
}

// TestScripts runs every behaviour of the command line that a person can read
// in testdata/*.txtar. The command "waybill" is this test's own binary.
func TestScripts(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			for _, kv := range [][2]string{
				{"GIT_CONFIG_GLOBAL", "/dev/null"}, {"GIT_CONFIG_SYSTEM", "/dev/null"}, {"GIT_TERMINAL_PROMPT", "0"},
				{"GIT_AUTHOR_NAME", "Ada"}, {"GIT_AUTHOR_EMAIL", "ada@example.com"},
				{"GIT_COMMITTER_NAME", "Ada"}, {"GIT_COMMITTER_EMAIL", "ada@example.com"},
				{"HOME", filepath.Join(env.WorkDir, "home")}, {"NO_COLOR", "1"},
				{"GITHUB_ACTIONS", ""},
			} {
				env.Setenv(kv[0], kv[1])
			}
			reg, stop := testregistry.Start()
			env.Defer(stop)
			env.Setenv("REGISTRY", reg.URL)
			return os.MkdirAll(filepath.Join(env.WorkDir, "home"), 0o755)
		},
		UpdateScripts: os.Getenv("UPDATE") != "",
	})
}
