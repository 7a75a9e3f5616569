package install_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// project is a folder in which scripts/release runs; scripts/cross makes
// binaries that tell by what they were made.
type project struct {
	t   *testing.T
	dir string
}

func newProject(t *testing.T) *project {
	t.Helper()
	if _, err := exec.LookPath("sha256sum"); err != nil {
		t.Skip("there is no sha256sum here")
	}
	p := &project{t, filepath.Join(t.TempDir(), "a project")}
	release, err := os.ReadFile("../../scripts/release")
	if err != nil {
		t.Fatal(err)
	}
	p.write("scripts/release", string(release))
	p.write("scripts/cross", `#!/usr/bin/env bash
set -eu
mkdir -p "$1"
for f in linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64.exe windows-arm64.exe; do
  echo "$f $WAYBILL_VERSION $GOTOOLCHAIN $(cat main.go)" >"$1/waybill-$f"
done
`)
	p.write("main.go", "one")
	p.write("scripts/checksums.txt", "# What this is.\n# Built with go1.0\n"+strings.Repeat("0", 64)+"  v0.0.1/waybill-linux-amd64\n")
	return p
}

func (p *project) write(name, text string) {
	p.t.Helper()
	file := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) release(args ...string) (said string, ok bool) {
	cmd := exec.Command(filepath.Join(p.dir, "scripts/release"), args...)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// TestRelease: what a tag builds is what its commit says, or nothing is
// published; and install.sh takes the table as scripts/release writes it.
func TestRelease(t *testing.T) {
	p := newProject(t)
	if said, ok := p.release("build", "v1.2.3", filepath.Join(p.dir, "dist")); ok || !strings.Contains(said, "has no sums for v1.2.3") {
		t.Errorf("built a version without sums: %v\n%s", ok, said)
	}
	if said, ok := p.release("sums", "v1.2.3", "go1.26.8"); !ok {
		t.Fatalf("scripts/release sums failed:\n%s", said)
	}
	table, err := os.ReadFile(filepath.Join(p.dir, "scripts/checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if head := "# What this is.\n# Built with go1.26.8\n"; !strings.HasPrefix(string(table), head) || strings.Count(string(table), "\n") != 8 || strings.Contains(string(table), "v0.0.1") {
		t.Errorf("the table is\n%s", table)
	}
	if said, ok := p.release("build", "v1.2.3", filepath.Join(p.dir, "dist")); !ok {
		t.Errorf("the same tree does not pass:\n%s", said)
	}

	binary, err := os.ReadFile(filepath.Join(p.dir, "dist", asset))
	if err != nil || string(binary) != "linux-amd64 v1.2.3 go1.26.8 one\n" {
		t.Errorf("built %q, %v", binary, err)
	}
	m := newMachine(t, "curl")
	m.table(string(table))
	m.env["WAYBILL_BINARY"] = ""
	m.write("bin/waybill", string(binary), 0o755)
	if found, _ := m.installs(); found != filepath.Join(m.dir, "bin/waybill") {
		t.Errorf("install.sh took %s", found)
	}

	p.write("main.go", "two")
	if said, ok := p.release("build", "v1.2.3", filepath.Join(p.dir, "dist")); ok || !strings.Contains(said, "differ") {
		t.Errorf("another tree passes: %v\n%s", ok, said)
	}
	if said, ok := p.release("clear"); !ok {
		t.Errorf("scripts/release clear failed:\n%s", said)
	}
	if table, err := os.ReadFile(filepath.Join(p.dir, "scripts/checksums.txt")); err != nil || string(table) != "# What this is.\n" {
		t.Errorf("cleared, the table is %q (%v)", table, err)
	}
	for _, args := range [][]string{{}, {"sums"}, {"sums", "1.2.3"}, {"sums", "v1.2.3/../x"}, {"build", "v1.2.3"}, {"publish", "v1.2.3"}} {
		if said, ok := p.release(args...); ok {
			t.Errorf("scripts/release %q succeeded:\n%s", args, said)
		}
	}
}
