package gitrepo

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	author = Signature{"Octo Cat", "octocat@example.com"}
	noon   = time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC)
)

// isolate keeps the tests away from the configuration and the credentials of
// whoever runs them.
func isolate(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "GIT_") || strings.HasPrefix(name, "GITHUB_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Setenv("GIT_TERMINAL_PROMPT", "0")
}

// git runs the real git and returns what it printed.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := tryGit(dir, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func tryGit(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"}, args...)...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// commitFile adds one commit to a working tree and returns it.
func commitFile(t testing.TB, dir, name, text string) string {
	t.Helper()
	write(t, dir, name, text)
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "change "+name)
	return git(t, dir, "rev-parse", "HEAD")
}

// world is a bare remote with one commit and a clone of it.
type world struct {
	bare, dir string
	commit    string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	isolate(t)
	base := t.TempDir()
	w := &world{bare: filepath.Join(base, "remote.git"), dir: filepath.Join(base, "clone")}
	git(t, base, "init", "-q", "--bare", w.bare)
	git(t, base, "init", "-q", w.dir)
	git(t, w.dir, "remote", "add", "origin", w.bare)
	w.commit = commitFile(t, w.dir, "models/sentiment/model.yaml", "name: sentiment\n")
	git(t, w.dir, "push", "-q", "-u", "origin", "main")
	return w
}

// clone makes another clone of the remote; one that shares objects needs a path
// and not a URL.
func (w *world) clone(t testing.TB, args ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	from := "file://" + filepath.ToSlash(w.bare)
	if slices.Contains(args, "--shared") {
		from = w.bare
	}
	git(t, filepath.Dir(dir), append(append([]string{"clone", "-q"}, args...), from, dir)...)
	return dir
}

func open(t testing.TB, dir string) *Repo {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func remote(t testing.TB, dir string) *Remote {
	t.Helper()
	m, err := open(t, dir).Remote(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func store(t testing.TB, dir string) *LedgerStore {
	t.Helper()
	l, err := remote(t, dir).Ledger(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fsck fails the test unless the repository is spotless.
func fsck(t testing.TB, dir string) {
	t.Helper()
	for line := range strings.Lines(git(t, dir, "fsck", "--strict", "--no-progress", "--no-dangling")) {
		if !strings.HasPrefix(line, "notice: ") { // an unborn HEAD
			t.Errorf("git fsck --strict in %s: %s", dir, line)
		}
	}
}
