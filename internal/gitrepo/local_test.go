package gitrepo

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

// A folder's name is an argument: no shell and no option sees it.
func TestLocalNames(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"-u.git", "$(touch x);`y` 'z'.git", "ünïcode %41?#.git"} {
		bare := filepath.Join(filepath.Dir(w.bare), name)
		if err := os.Rename(w.bare, bare); err != nil {
			t.Fatal(err)
		}
		w.bare = bare
		git(t, w.dir, "remote", "set-url", "origin", "../"+name)
		if adv, err := remote(t, w.dir).Refs(ctx); err != nil || adv.Heads["main"] != w.commit {
			t.Errorf("%s: %+v, %v", name, adv, err)
		}
		appendEvent(t, store(t, w.dir), name)
	}
	fsck(t, w.bare)
}

// Git for Windows, for one, has only git itself on the path.
func TestLocalPrograms(t *testing.T) {
	w := newWorld(t)
	program, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(program, filepath.Join(bin, "git")); err != nil {
		t.Skip(err)
	}
	path := os.Getenv("PATH")
	t.Setenv("PATH", bin)
	adv, err := remote(t, w.dir).Refs(ctx)
	if err != nil || adv.Heads["main"] != w.commit {
		t.Errorf("with git alone: %+v, %v", adv, err)
	}
	appendEvent(t, store(t, w.dir), "one")
	t.Setenv("PATH", t.TempDir())
	if _, err := remote(t, w.dir).Refs(ctx); !errors.Is(err, ErrUnreachable) || !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("without git: %v", err)
	}
	t.Setenv("PATH", path)
}

func TestLocalFails(t *testing.T) {
	w := newWorld(t)
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{folder, filepath.Join(folder, "absent"), filepath.Join(file, "below")} {
		git(t, w.dir, "remote", "set-url", "origin", dir)
		m := remote(t, w.dir)
		if _, err := m.Refs(ctx); !errors.Is(err, ErrUnreachable) || !errors.Is(err, transport.ErrRepositoryNotFound) {
			t.Errorf("read %s: %v", dir, err)
		}
		if _, _, err := m.receive(ctx); !errors.Is(err, transport.ErrRepositoryNotFound) {
			t.Errorf("push to %s: %v", dir, err)
		}
	}
	// What git says else is told.
	write(t, w.bare, "config", "[core]\n\trepositoryformatversion = 99\n\tbare = true\n")
	for dir, want := range map[string]string{w.bare: "99", file: "invalid gitfile format"} {
		git(t, w.dir, "remote", "set-url", "origin", dir)
		if _, err := remote(t, w.dir).Refs(ctx); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "try again") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// What hooks print after the report, and how long they take, does not hurt.
func TestLocalHooks(t *testing.T) {
	w := newWorld(t)
	hook(t, w.bare, "post-receive", "i=0; while [ $i -lt 3000 ]; do echo 'a line of a hook that has much to say to whoever listens'; i=$((i+1)); done; echo done > \"$GIT_DIR/after\"\n")
	appendEvent(t, store(t, w.dir), "one")
	if text, err := os.ReadFile(filepath.Join(w.bare, "after")); string(text) != "done\n" {
		t.Errorf("the hook did not come to its end: %q, %v", text, err)
	}
}

// A program that dies before its report did not do what was asked.
func TestLocalNoAnswer(t *testing.T) {
	w := newWorld(t)
	hook(t, w.bare, "pre-receive", "kill -9 $PPID; sleep 0.2\n")
	l := store(t, w.dir)
	commit, err := l.Commit("", map[string][]byte{"events/1": []byte("one")}, "one", author, noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Push(ctx, "", commit, nil, true); !errors.Is(err, ErrUnreachable) {
		t.Errorf("Push: %v", err)
	}
}

// A hook that hangs is left alone when the time is over.
func TestLocalCancel(t *testing.T) {
	w := newWorld(t)
	hook(t, w.bare, "pre-receive", "sleep 20 2>/dev/null\n")
	l := store(t, w.dir)
	commit, err := l.Commit("", map[string][]byte{"events/1": []byte("one")}, "one", author, noon)
	if err != nil {
		t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := l.Push(limited, "", commit, nil, true); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Push: %v", err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}
