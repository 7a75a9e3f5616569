package action

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/internal/action/runnertest"
)

// step is an Action with the files and the output of a runner's step.
type step struct {
	*Action
	dir string
	env map[string]string
	out *bytes.Buffer
}

func newStep(t testing.TB) *step {
	t.Helper()
	s := newLog()
	s.dir = t.TempDir()
	for _, name := range []string{"OUTPUT", "ENV", "STATE", "PATH", "STEP_SUMMARY", "ARTIFACTS"} {
		s.write(t, name, "")
		s.env["GITHUB_"+name] = filepath.Join(s.dir, name)
	}
	return s
}

// newLog is a step of which only standard output is read.
func newLog() *step {
	s := &step{out: &bytes.Buffer{}, env: map[string]string{"GITHUB_ACTIONS": "true"}}
	s.Action = New(func(key string) string { return s.env[key] }, s.out)
	s.eol = "\n" // tests mean Linux unless they say so
	return s
}

func (s *step) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *step) read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (s *step) stdout() runnertest.Result {
	return runnertest.ParseStdout(runnertest.Lines(s.out.String()))
}
