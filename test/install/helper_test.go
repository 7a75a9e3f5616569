package install_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	script  = "../../scripts/install.sh"
	version = "v1.2.3"
	asset   = "waybill-linux-amd64"
)

// content stands for the binary of a release: large enough to be cut.
var content = append([]byte("#!/bin/sh\necho released\n"), bytes.Repeat([]byte("#"), 200_000)...)

// tools are all that install.sh may call. curl and wget are added by tests.
var tools = []string{"bash", "env", "dirname", "uname", "mktemp", "mkdir", "mv", "rm", "chmod", "ln", "cp", "find", "sort", "xargs", "cat", "sha256sum"}

// machine is a runner: its tools, its folders, its mirror.
type machine struct {
	t      *testing.T
	dir    string
	env    map[string]string
	mirror *httptest.Server

	mu       sync.Mutex
	requests []string
	answer   func(n int, w http.ResponseWriter, r *http.Request) (done bool)
}

func newMachine(t *testing.T, with ...string) *machine {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash here")
	}
	// Folders with spaces in their names are the rule here.
	m := &machine{t: t, dir: filepath.Join(t.TempDir(), "a runner")}
	for _, sub := range []string{"bin", "temp", "cache", "work", "action/actions/check"} {
		if err := os.MkdirAll(filepath.Join(m.dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range slices.Concat(tools, with) {
		m.link(tool)
	}
	m.tool("sleep", "exit 0")
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	m.write("action/scripts/install.sh", string(text), 0o755)
	m.write("action/scripts/buildflags", "echo '-gcflags=cold=-l'\n", 0o755)
	for _, file := range []string{"cmd/waybill/main.go", "internal/cli/cli.go", "schemas/schemas.go", "go.mod", "go.sum"} {
		m.write("action/"+file, "// "+file+"\n", 0o644)
	}
	m.mirror = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(m.mirror.Close)
	m.env = map[string]string{
		"PATH": filepath.Join(m.dir, "bin"), "HOME": m.dir, "GITHUB_ACTIONS": "true",
		"GITHUB_ACTION_PATH": filepath.Join(m.dir, "action", "actions", "check"),
		"RUNNER_OS":          "Linux", "RUNNER_ARCH": "X64",
		"RUNNER_TEMP": filepath.Join(m.dir, "temp"), "RUNNER_TOOL_CACHE": filepath.Join(m.dir, "cache"),
		"GITHUB_PATH": filepath.Join(m.dir, "path"), "GITHUB_OUTPUT": filepath.Join(m.dir, "output"),
		"WAYBILL_DOWNLOAD_URL": m.mirror.URL + "/mirror/",
	}
	m.table(sum(content) + "  " + version + "/" + asset)
	return m
}

func sum(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

// link puts a tool of this machine on the runner's PATH.
func (m *machine) link(tool string) {
	m.t.Helper()
	real, err := exec.LookPath(tool)
	if err != nil {
		m.t.Skipf("there is no %s here", tool)
	}
	if err := os.Symlink(real, filepath.Join(m.dir, "bin", tool)); err != nil {
		m.t.Fatal(err)
	}
}

// tool puts a program of the test on the runner's PATH.
func (m *machine) tool(name, body string) {
	m.t.Helper()
	m.write("bin/"+name, "#!/usr/bin/env bash\n"+body+"\n", 0o755)
}

func (m *machine) write(name, text string, mode os.FileMode) string {
	m.t.Helper()
	file := filepath.Join(m.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		m.t.Fatal(err)
	}
	return file
}

// table sets what the commit of the action says about releases.
func (m *machine) table(lines ...string) {
	m.t.Helper()
	m.write("action/scripts/checksums.txt", "# a comment\n"+strings.Join(lines, "\n")+"\n", 0o644)
}

func (m *machine) serve(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.requests = append(m.requests, r.Method+" "+r.RequestURI)
	n, answer := len(m.requests), m.answer
	m.mu.Unlock()
	if answer != nil && answer(n, w, r) {
		return
	}
	if r.URL.Path != "/mirror/"+version+"/"+asset && r.URL.Path != "/mirror/"+version+"/waybill-windows-amd64.exe" {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(content)
}

// answers replaces the mirror's answer to the nth request, from 1.
func (m *machine) answers(f func(n int, w http.ResponseWriter, r *http.Request) (done bool)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = f
}

// asked lists the requests that the mirror got.
func (m *machine) asked() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.requests)
}

// run runs install.sh and returns what it says and whether it succeeded.
func (m *machine) run() (said string, ok bool) {
	m.t.Helper()
	// As an action in actions/check names it.
	cmd := exec.Command(filepath.Join(m.dir, "bin", "bash"), "--noprofile", "--norc", "-eo", "pipefail", "-c", `"$GITHUB_ACTION_PATH/../../scripts/install.sh"`)
	cmd.Dir = filepath.Join(m.dir, "work")
	for k, v := range m.env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		m.t.Fatal(err)
	}
	return string(out), err == nil
}

// installs expects success, and returns the binary that later steps find.
func (m *machine) installs() (binary, said string) {
	m.t.Helper()
	said, ok := m.run()
	if !ok {
		m.t.Fatalf("install.sh failed:\n%s", said)
	}
	lines := strings.Split(strings.TrimSpace(m.read("path")), "\n")
	binary = filepath.Join(lines[len(lines)-1], "waybill")
	if !strings.Contains(m.read("output"), "binary="+binary+"\n") {
		m.t.Errorf("output binary is not %s:\n%s", binary, m.read("output"))
	}
	if info, err := os.Stat(binary); err != nil || info.Mode()&0o111 == 0 {
		m.t.Errorf("%s is not an executable file: %v", binary, err)
	}
	return binary, said
}

// fails expects failure that says something, and that nothing came of it.
func (m *machine) fails(want string) string {
	m.t.Helper()
	said, ok := m.run()
	if ok || !strings.Contains(said, "::error title=waybill::") || !strings.Contains(said, want) {
		m.t.Errorf("succeeded: %v; want an error that says %q:\n%s", ok, want, said)
	}
	for _, name := range []string{"path", "output"} {
		if text := m.read(name); text != "" {
			m.t.Errorf("%s was written: %s", name, text)
		}
	}
	if left := m.files("cache", "temp"); len(left) > 0 {
		m.t.Errorf("files were left: %q", left)
	}
	return said
}

func (m *machine) read(name string) string {
	data, err := os.ReadFile(filepath.Join(m.dir, name))
	if err != nil && !os.IsNotExist(err) {
		m.t.Fatal(err)
	}
	return string(data)
}

// files lists what is in folders of the runner, without folders.
func (m *machine) files(folders ...string) []string {
	var out []string
	for _, f := range folders {
		_ = filepath.WalkDir(filepath.Join(m.dir, f), func(file string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				out = append(out, strings.TrimPrefix(file, m.dir+"/"))
			}
			return nil
		})
	}
	return out
}
