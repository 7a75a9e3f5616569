package gitrepo

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func isLock(name string) bool { return strings.HasSuffix(name, ".lock.json") }

// locks are the contents of the lock files at all tips.
func locks(t *testing.T, r *Repo) string {
	t.Helper()
	tips, err := r.Tips(nil)
	if err != nil {
		t.Fatal(err)
	}
	var commits []string
	for _, c := range tips {
		commits = append(commits, c)
	}
	files, err := r.FilesAt(ctx, commits, isLock)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range files {
		data, err := r.ReadFileAt(f)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, string(data))
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

// What any reference reaches is found, whatever kind of reference it is.
func TestTips(t *testing.T) {
	w := newWorld(t)
	at := func(name string) { commitFile(t, w.dir, "models/sentiment/model.lock.json", name) }
	at("base")
	git(t, w.dir, "push", "-q", "origin", "main")
	at("main")
	git(t, w.dir, "checkout", "-q", "-b", "theirs", "HEAD~1")
	at("theirs")
	git(t, w.dir, "push", "-q", "origin", "theirs")
	git(t, w.dir, "checkout", "-q", "main")
	git(t, w.dir, "branch", "-q", "-D", "theirs") // now only remote-tracking
	for _, tag := range []string{"light", "annotated", "nested"} {
		git(t, w.dir, "checkout", "-q", "--detach", "main")
		at(tag)
		switch tag {
		case "light":
			git(t, w.dir, "tag", tag)
		case "nested":
			git(t, w.dir, "tag", "-a", "-m", "inner", "inner")
			git(t, w.dir, "tag", "-a", "-m", "outer", tag, "inner")
			git(t, w.dir, "tag", "-d", "inner")
		default:
			git(t, w.dir, "tag", "-a", "-m", "x", tag)
		}
	}
	git(t, w.dir, "tag", "a-blob", "main:models/sentiment/model.yaml")
	linked := filepath.Join(filepath.Dir(w.dir), "linked")
	git(t, w.dir, "worktree", "add", "-q", "--detach", linked, "main")
	commitFile(t, linked, "models/sentiment/model.lock.json", "worktree")
	at("detached")
	git(t, w.dir, "commit", "-q", "--amend", "--allow-empty", "-m", "again")

	want := "annotated base detached light main nested theirs worktree"
	want = strings.Replace(want, "base ", "", 1) // origin/main is behind main
	git(t, w.dir, "push", "-q", "origin", "main")
	if got := locks(t, open(t, w.dir)); got != want {
		t.Errorf("loose: %s, want %s", got, want)
	}
	git(t, w.dir, "pack-refs", "--all")
	git(t, w.dir, "gc", "-q")
	if got := locks(t, open(t, w.dir)); got != want {
		t.Errorf("packed: %s, want %s", got, want)
	}
	if got := locks(t, open(t, linked)); got != want {
		t.Errorf("from the other worktree: %s, want %s", got, want)
	}
}

func TestMissing(t *testing.T) {
	w := newWorld(t)
	side := w.clone(t)
	git(t, side, "checkout", "-q", "-b", "side")
	commitFile(t, side, "a", "1")
	git(t, side, "tag", "-a", "-m", "x", "v1")
	git(t, side, "push", "-q", "origin", "side", "v1", "side:waybill/ledger")
	missing := func(dir string) []string {
		t.Helper()
		r := open(t, dir)
		adv, err := remote(t, dir).Refs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return r.Missing(adv)
	}
	want := []string{"refs/heads/side", "refs/tags/v1"}
	if got := missing(w.dir); !slices.Equal(got, want) {
		t.Errorf("before fetch: %v", got)
	}
	if got := missing(w.clone(t, "--single-branch", "--no-tags")); !slices.Equal(got, want) {
		t.Errorf("single branch: %v", got)
	}
	git(t, w.dir, "fetch", "-q", "origin", "+refs/heads/side:refs/remotes/origin/side")
	if got := missing(w.dir); len(got) != 0 {
		t.Errorf("after fetch: %v", got)
	}
	// Here, but under no name.
	git(t, w.dir, "tag", "-d", "v1")
	git(t, w.dir, "update-ref", "-d", "refs/remotes/origin/side")
	adv, err := remote(t, w.dir).Refs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	tips, err := open(t, w.dir).Tips(adv)
	if commit := git(t, side, "rev-parse", "side"); err != nil || tips["the remote's refs/tags/v1"] != commit || tips["the remote's refs/heads/side"] != commit {
		t.Errorf("%v, %v", tips, err)
	}
	commitFile(t, side, "a", "2")
	git(t, side, "push", "-q", "origin", "side:waybill/ledger")
	if got := missing(w.dir); len(got) != 0 {
		t.Errorf("the ledger moved: %v", got)
	}
	for dir, want := range map[string]bool{w.dir: false, w.clone(t, "--depth=1"): true} {
		if got := open(t, dir).IsShallow(); got != want {
			t.Errorf("%s: shallow %v", dir, got)
		}
	}
}

func TestTipsOfNothing(t *testing.T) {
	isolate(t)
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	if tips, err := open(t, dir).Tips(nil); err != nil || len(tips) != 0 {
		t.Errorf("%v, %v", tips, err)
	}
}

// The same folders in many commits are read once.
func TestFilesAtReadsOnce(t *testing.T) {
	w := newWorld(t)
	commitFile(t, w.dir, "models/a/model.lock.json", "a")
	var commits []string
	for i := range 5 {
		commits = append(commits, commitFile(t, w.dir, "other/file", fmt.Sprint(i)))
	}
	files, err := open(t, w.dir).FilesAt(ctx, commits, isLock)
	if err != nil || len(files) != 1 || files[0].Path != "models/a/model.lock.json" || files[0].Commit != commits[0] {
		t.Errorf("%+v, %v", files, err)
	}
	if _, err := open(t, w.dir).FilesAt(ctx, []string{strings.Repeat("0", 40)}, isLock); err == nil || !strings.Contains(err.Error(), "git fetch") {
		t.Errorf("a commit that is not here: %v", err)
	}
}
