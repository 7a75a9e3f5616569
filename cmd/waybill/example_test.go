package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/cli"
)

// TestExampleSentiment does what examples/sentiment/README.md says, up to where
// GitHub is needed.
func TestExampleSentiment(t *testing.T) {
	for _, tool := range []string{"git", "python3"} {
		if err := exec.Command(tool, "--version").Run(); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	for _, name := range []string{"GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"} {
		t.Setenv(name, "Ada")
	}
	for _, name := range []string{"GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"} {
		t.Setenv(name, "ada@example.com")
	}
	for _, name := range []string{"GITHUB_ACTIONS", "GITHUB_REPOSITORY", "GITHUB_TOKEN"} {
		t.Setenv(name, "")
	}
	dir := filepath.Join(t.TempDir(), "sentiment")
	example := filepath.Join("..", "..", "examples", "sentiment")
	if err := os.CopyFS(dir, os.DirFS(example)); err != nil {
		t.Fatal(err)
	}
	if size := treeSize(t, example); size > 200_000 {
		t.Errorf("the example has %d bytes; it is to be small", size)
	}
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
	}
	waybill := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if code := cli.Run(context.Background(), dir, args, strings.NewReader(""), &out, &out); code != want {
			t.Fatalf("waybill %v: exit code %d, want %d\n%s", args, code, want, &out)
		}
		return out.String()
	}
	git := func(args ...string) { t.Helper(); run("git", args...) }

	git("init", "-q", "-b", "main")
	git("add", "-A")
	git("commit", "-qm", "Start")
	run("python3", "models/sentiment/train.py")
	waybill(0, "push")
	if out := waybill(0, "check"); !strings.Contains(out, "PASS") || strings.Contains(out, "warning") {
		t.Errorf("the check of the example says\n%s", out)
	}
	git("add", "-A")
	git("commit", "-qm", "First model")

	train := filepath.Join(dir, "datasets", "reviews", "train.csv")
	data, err := os.ReadFile(train)
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.ReplaceAll(string(data), ",0\n", ",2\n")
	if err := os.WriteFile(train, []byte(broken), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := waybill(1, "check"); !strings.Contains(out, "column.values") {
		t.Errorf("the check of broken labels says\n%s", out)
	}
	if err := os.WriteFile(train, data, 0o644); err != nil {
		t.Fatal(err)
	}

	git("init", "-q", "--bare", "-b", "main", "../origin.git")
	git("remote", "add", "origin", "../origin.git")
	git("push", "-q", "origin", "main")
	waybill(0, "register")
	waybill(0, "promote", "sentiment", "--to", "staging")
	if out := waybill(1, "promote", "sentiment", "--to", "production"); !strings.Contains(out, "hubot") {
		t.Errorf("without an approval it says\n%s", out)
	}
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("ssh-keygen is not installed: nobody can sign")
	}
	run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "hubot", "-f", "../hubot")
	public, err := os.ReadFile(filepath.Join(dir, "..", "hubot.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "allowed_signers"), append([]byte("hubot "), public...), 0o644); err != nil {
		t.Fatal(err)
	}
	git("add", "allowed_signers")
	git("commit", "-qm", "hubot's key")
	git("push", "-q", "origin", "main")
	t.Setenv("GIT_AUTHOR_EMAIL", "hubot@example.com") // who sits at another machine
	waybill(0, "approve", "sentiment@v0.1.0", "--to", "production", "--reason", "read the report", "--key", "../hubot")
	t.Setenv("GIT_AUTHOR_EMAIL", "ada@example.com")
	waybill(0, "promote", "sentiment@v0.1.0", "--to", "production")
	git("commit", "-qam", "Deploy sentiment v0.1.0")
	git("push", "-q", "origin", "main")
	if out := waybill(0, "promote", "--deployed"); !strings.Contains(out, "v0.1.0") {
		t.Errorf("nothing is recorded as deployed:\n%s", out)
	}
	if out := waybill(0, "show", "sentiment"); !strings.Contains(out, "production") {
		t.Errorf("show says\n%s", out)
	}
}

func treeSize(t *testing.T, dir string) int64 {
	t.Helper()
	size := int64(0)
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		size += info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}
