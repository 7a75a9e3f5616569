package gitrepo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// as commits a file as somebody.
func as(t *testing.T, dir, who, name, text string, more ...string) string {
	t.Helper()
	write(t, dir, name, text)
	git(t, dir, "add", "-A")
	message := append([]string{"change " + name}, more...)
	git(t, dir, "-c", "user.email="+who+"@example.com", "-c", "user.name="+who, "commit", "-q", "-m", strings.Join(message, "\n"))
	return git(t, dir, "rev-parse", "HEAD")
}

func lastChange(t *testing.T, dir, commit string) Change {
	t.Helper()
	c, err := open(t, dir).LastChange(context.Background(), commit, "models/lock.json")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLastChange(t *testing.T) {
	w := newWorld(t)
	const lock = "models/lock.json"
	as(t, w.dir, "ada", lock, "one")
	changed := as(t, w.dir, "bob", lock, "two", "", "Co-Authored-By: Eve <eve@example.com>", "co-authored-by: nobody", "co-authored-by: x <>")
	head := as(t, w.dir, "cy", "README.md", "unrelated")
	c := lastChange(t, w.dir, head)
	if c.Hash != changed || c.Shallow || len(c.Parents) != 1 || c.AuthorName != "bob" {
		t.Errorf("got %+v, want %s", c, changed)
	}
	if got := c.Addresses(); !slices.Equal(got, []string{"bob@example.com", "eve@example.com"}) {
		t.Errorf("addresses %v", got)
	}
	if want := git(t, w.dir, "log", "-1", "--format=%H", "--", lock); c.Hash != want {
		t.Errorf("git log says %s", want)
	}
	if _, err := open(t, w.dir).LastChange(context.Background(), head, "no/such"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := open(t, w.dir).LastChange(ctx, head, lock); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A merge that takes the file as a branch has it is not who changed it, though
// its first parent has another content.
func TestLastChangeThroughMerges(t *testing.T) {
	w := newWorld(t)
	const lock = "models/lock.json"
	as(t, w.dir, "ada", lock, "one")
	git(t, w.dir, "checkout", "-q", "-b", "side")
	side := as(t, w.dir, "bob", lock, "two")
	git(t, w.dir, "checkout", "-q", "main")
	as(t, w.dir, "cy", "README.md", "unrelated")
	git(t, w.dir, "merge", "-q", "--no-ff", "-m", "merge", "side")
	if c := lastChange(t, w.dir, git(t, w.dir, "rev-parse", "HEAD")); c.Hash != side || len(c.People) != 0 {
		t.Errorf("got %+v, want %s", c, side)
	}
}

// A merge that made the content itself: everybody who touched it on the branch
// had a part in it, and nobody else.
func TestLastChangeIsAMerge(t *testing.T) {
	w := newWorld(t)
	const lock = "models/lock.json"
	as(t, w.dir, "ada", lock, "one")
	git(t, w.dir, "checkout", "-q", "-b", "side")
	as(t, w.dir, "bob", lock, "two", "", "Co-authored-by: Eve <eve@example.com>")
	as(t, w.dir, "dan", "README.md", "unrelated")
	git(t, w.dir, "checkout", "-q", "main")
	as(t, w.dir, "cy", lock, "three")
	if _, err := tryGit(w.dir, "merge", "-q", "--no-ff", "side"); err == nil {
		t.Fatal("no conflict")
	}
	head := as(t, w.dir, "fay", lock, "four")
	c := lastChange(t, w.dir, head)
	if c.Hash != head || c.Shallow || len(c.Parents) != 2 {
		t.Errorf("got %+v, want %s", c, head)
	}
	if got := c.Addresses(); !slices.Equal(got, []string{"fay@example.com", "bob@example.com", "eve@example.com"}) {
		t.Errorf("addresses %v", got)
	}
}

func TestLastChangeShallow(t *testing.T) {
	w := newWorld(t)
	const lock = "models/lock.json"
	as(t, w.dir, "ada", lock, "one")
	changed := as(t, w.dir, "bob", lock, "two")
	head := as(t, w.dir, "cy", "README.md", "unrelated")
	git(t, w.dir, "push", "-q", "origin", "main")
	if c := lastChange(t, w.clone(t, "--depth", "1"), head); !c.Shallow || c.Hash != head {
		t.Errorf("depth 1: %+v", c)
	}
	// The commit is here, what it changed is not: it may have changed nothing.
	if c := lastChange(t, w.clone(t, "--depth", "2"), head); !c.Shallow || c.Hash != changed {
		t.Errorf("depth 2: %+v", c)
	}
	if c := lastChange(t, w.clone(t, "--depth", "3"), head); c.Shallow || c.Hash != changed {
		t.Errorf("depth 3: %+v", c)
	}
}

func TestSigningKey(t *testing.T) {
	w := newWorld(t)
	home, _ := os.UserHomeDir()
	for _, c := range []struct {
		format, key, want string
		literal           bool
	}{
		{"openpgp", "0A46826A", "", false},
		{"ssh", "~/.ssh/sign.pub", filepath.Join(home, ".ssh", "sign.pub"), false},
		{"ssh", "key::ecdsa-sha2-nistp256 AAAA", "ecdsa-sha2-nistp256 AAAA", true},
		{"SSH", "ssh-ed25519 AAAA", "ssh-ed25519 AAAA", true},
	} {
		git(t, w.dir, "config", "gpg.format", c.format)
		git(t, w.dir, "config", "user.signingKey", c.key)
		if key, literal := open(t, w.dir).SigningKey(); key != c.want || literal != c.literal {
			t.Errorf("%s %s: %q %v", c.format, c.key, key, literal)
		}
	}
}
