package gitrepo

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	w := newWorld(t)
	git(t, w.dir, "worktree", "add", "-q", "-b", "side", filepath.Join(w.dir, "..", "linked"))
	linked := filepath.Join(filepath.Dir(w.dir), "linked")
	git(t, w.bare, "worktree", "add", "-q", filepath.Join(w.dir, "..", "ofbare"), "main")
	super := filepath.Join(t.TempDir(), "super")
	git(t, filepath.Dir(super), "init", "-q", super)
	git(t, super, "submodule", "--quiet", "add", w.bare, "sub")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(w.dir, "models"), link); err != nil {
		t.Fatal(err)
	}
	sparse := w.clone(t, "--sparse", "--filter=blob:none")
	detached := w.clone(t)
	relative := w.clone(t, "--shared")
	rel, err := filepath.Rel(filepath.Join(relative, ".git", "objects"), filepath.Join(w.bare, "objects"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, relative, ".git/objects/info/alternates", "# a comment\n"+rel+"\n")
	git(t, detached, "checkout", "-q", "--detach")

	for _, test := range []struct{ name, dir, root, gitDir, prefix, branch string }{
		{"root", w.dir, w.dir, filepath.Join(w.dir, ".git"), "", "main"},
		{"folder", filepath.Join(w.dir, "models", "sentiment"), w.dir, filepath.Join(w.dir, ".git"), "models/sentiment", "main"},
		{"file", filepath.Join(w.dir, "models", "sentiment", "model.yaml"), w.dir, filepath.Join(w.dir, ".git"), "models/sentiment", "main"},
		{"symbolic link", link, w.dir, filepath.Join(w.dir, ".git"), "models", "main"},
		{"linked worktree", filepath.Join(linked, "models"), linked, filepath.Join(w.dir, ".git"), "models", "side"},
		{"worktree of a bare repository", filepath.Join(filepath.Dir(w.dir), "ofbare"), filepath.Join(filepath.Dir(w.dir), "ofbare"), w.bare, "", "main"},
		{"submodule", filepath.Join(super, "sub"), filepath.Join(super, "sub"), filepath.Join(super, ".git", "modules", "sub"), "", "main"},
		{"sparse and partial", sparse, sparse, filepath.Join(sparse, ".git"), "", "main"},
		{"shallow", w.clone(t, "--depth=1"), "", "", "", "main"},
		{"shared", w.clone(t, "--shared"), "", "", "", "main"},
		{"shared, by a relative path", relative, "", "", "", "main"},
		{"detached", detached, detached, filepath.Join(detached, ".git"), "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := open(t, test.dir)
			head, err := r.Head()
			if err != nil || head != (Commit{w.commit, test.branch}) {
				t.Errorf("Head: %+v, %v", head, err)
			}
			if r.Prefix() != test.prefix {
				t.Errorf("Prefix: %q", r.Prefix())
			}
			if test.root != "" && (r.Root() != test.root || r.GitDir() != test.gitDir) {
				t.Errorf("Root %s, GitDir %s; want %s, %s", r.Root(), r.GitDir(), test.root, test.gitDir)
			}
			if test.name == "sparse and partial" {
				return // its blobs are elsewhere
			}
			data, err := r.ReadFile(head.Hash, "models/sentiment/model.yaml")
			if string(data) != "name: sentiment\n" || err != nil {
				t.Errorf("ReadFile: %q, %v", data, err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	w := newWorld(t)
	base := t.TempDir()
	broken := filepath.Join(base, "broken")
	write(t, broken, ".git", "gitdir: /nowhere/at/all\n")
	garbage := filepath.Join(base, "garbage")
	write(t, garbage, ".git", "hello\n")
	sha256 := filepath.Join(base, "sha256")
	git(t, base, "init", "-q", "--object-format=sha256", sha256)
	reftable := filepath.Join(base, "reftable")
	git(t, base, "init", "-q", reftable)
	git(t, reftable, "config", "extensions.refStorage", "reftable")
	isBare := filepath.Join(base, "isbare")
	git(t, base, "init", "-q", isBare)
	git(t, isBare, "config", "core.bare", "true")
	for _, test := range []struct{ name, dir, want string }{
		{"nothing", base, "git init"},
		{"bare", w.bare, "clone it"},
		{"inside a bare repository", filepath.Join(w.bare, "refs"), "clone it"},
		{"inside .git", filepath.Join(w.dir, ".git"), "without a working tree"},
		{"a broken link", broken, "git worktree repair"},
		{"a .git file without a link", garbage, "gitdir"},
		{"sha256", sha256, "SHA-1"},
		{"reftable", reftable, "git refs migrate"},
		{"core.bare", isBare, "core.bare"},
	} {
		if _, err := Open(test.dir); !errors.Is(err, ErrNoRepository) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if _, err := Open(filepath.Join(base, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent folder: %v", err)
	}
}

func TestNoCommits(t *testing.T) {
	isolate(t)
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	r := open(t, dir)
	if head, err := r.Head(); !errors.Is(err, ErrNoCommits) || head.Branch != "main" {
		t.Errorf("Head: %+v, %v", head, err)
	}
	if _, err := r.ResolveRevision("HEAD"); !errors.Is(err, ErrNoCommits) {
		t.Errorf("ResolveRevision: %v", err)
	}
	if _, err := r.Remote(ctx); !errors.Is(err, ErrNoRemote) || !strings.Contains(err.Error(), "git remote add origin") {
		t.Errorf("Remote: %v", err)
	}
}

func TestFiles(t *testing.T) {
	w := newWorld(t)
	r := open(t, w.dir)
	write(t, w.dir, "a.yaml", "a")
	write(t, w.dir, "deep/er/b.yaml", "b")
	write(t, w.dir, "deep/c.txt", "c")
	if err := os.Symlink("a.yaml", filepath.Join(w.dir, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	second := commitFile(t, w.dir, "run.sh", "#!/bin/sh\n")
	git(t, w.dir, "update-index", "--chmod=+x", "run.sh")
	git(t, w.dir, "rm", "-q", "a.yaml")
	write(t, w.dir, "a.yaml/inside.yaml", "now a folder")
	git(t, w.dir, "add", "a.yaml")
	git(t, w.dir, "commit", "-q", "-m", "third")
	third := git(t, w.dir, "rev-parse", "HEAD")
	git(t, w.dir, "repack", "-adq") // packed from here on

	yaml := func(path string) bool { return strings.HasSuffix(path, ".yaml") }
	files, err := r.Files(second, yaml)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, []string{"a.yaml", "deep/er/b.yaml", "models/sentiment/model.yaml"}) {
		t.Errorf("Files: %q", got)
	}
	for path, blob := range files {
		if got := git(t, w.dir, "rev-parse", second+":"+path); got != blob {
			t.Errorf("%s is blob %s, Files says %s", path, got, blob)
		}
	}
	for _, test := range []struct {
		from, to string
		match    func(string) bool
		want     []string
	}{
		{"", w.commit, nil, []string{"models/sentiment/model.yaml"}},
		{w.commit, second, nil, []string{"a.yaml", "deep/c.txt", "deep/er/b.yaml", "run.sh"}},
		{w.commit, second, yaml, []string{"a.yaml", "deep/er/b.yaml"}},
		{second, w.commit, yaml, []string{"a.yaml", "deep/er/b.yaml"}},
		{second, third, nil, []string{"a.yaml", "a.yaml/inside.yaml", "run.sh"}},
		{third, third, nil, nil},
	} {
		if got, err := r.Changed(test.from, test.to, test.match); !slices.Equal(got, test.want) || err != nil {
			t.Errorf("Changed(%s, %s): %q, %v; want %q", short(test.from), short(test.to), got, err, test.want)
		}
	}
	for path, want := range map[string]error{"absent": fs.ErrNotExist, "a.yaml/x": fs.ErrNotExist, "deep/absent": fs.ErrNotExist, "../a.yaml": fs.ErrInvalid, "": fs.ErrInvalid} {
		if _, err := r.ReadFile(second, path); !errors.Is(err, want) {
			t.Errorf("ReadFile(%q): %v", path, err)
		}
	}
	for _, path := range []string{"link.yaml", "deep"} {
		if _, err := r.ReadFile(second, path); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadFile(%q): %v", path, err)
		}
	}
	if _, err := r.ReadFile(strings.Repeat("0", 40), "a.yaml"); err == nil || !strings.Contains(err.Error(), "git fetch") {
		t.Errorf("an unknown commit: %v", err)
	}
	for data, want := range map[string]bool{"a": true, "a\n": false, "": false} {
		if got, err := r.Committed(second, "a.yaml", []byte(data)); got != want || err != nil {
			t.Errorf("Committed(%q): %v, %v", data, got, err)
		}
	}
	if got, err := r.Committed(third, "a.yaml", []byte("a")); got || err != nil {
		t.Errorf("Committed of a removed file: %v, %v", got, err)
	}
}

func TestTooLarge(t *testing.T) {
	w := newWorld(t)
	write(t, w.dir, "large", strings.Repeat("x", MaxFileBytes+1))
	large := commitFile(t, w.dir, "fits", strings.Repeat("x", MaxFileBytes))
	r := open(t, w.dir)
	if _, err := r.ReadFile(large, "large"); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a large file: %v", err)
	}
	if data, err := r.ReadFile(large, "fits"); len(data) != MaxFileBytes || err != nil {
		t.Errorf("the largest file: %d bytes, %v", len(data), err)
	}
}

func TestResolveRevision(t *testing.T) {
	w := newWorld(t)
	second := commitFile(t, w.dir, "b", "b")
	git(t, w.dir, "tag", "-a", "-m", "m", "sentiment@v1.0.0", w.commit)
	git(t, w.dir, "tag", "-a", "-m", "m", "sentiment#production#1", second)
	git(t, w.dir, "tag", "nested", "sentiment@v1.0.0")
	git(t, w.dir, "tag", "main-tree", "HEAD^{tree}")
	git(t, w.dir, "checkout", "-q", "-b", "side", w.commit)
	side := commitFile(t, w.dir, "c", "c")
	git(t, w.dir, "checkout", "-q", "main")
	git(t, w.dir, "merge", "-q", "--no-ff", "-m", "merge", "side")
	git(t, w.dir, "pack-refs", "--all")
	r := open(t, w.dir)
	for _, rev := range []string{
		"HEAD", "@", "main", "heads/main", "refs/heads/main", "origin/main", "refs/remotes/origin/main", "side", "nested",
		"sentiment@v1.0.0", "refs/tags/sentiment@v1.0.0", "tags/sentiment@v1.0.0", "sentiment#production#1",
		"HEAD~", "HEAD^", "HEAD~1", "HEAD^1", "HEAD^2", "HEAD^2^", "HEAD~2", "@~2", "HEAD^0", "HEAD^{commit}", "HEAD^{}", "HEAD^^{commit}", "main~0",
		w.commit, second[:7], second[:8], side[:12], strings.ToUpper(side[:9]), side + "~",
	} {
		want := git(t, w.dir, "rev-parse", "--verify", rev+"^{commit}")
		if got, err := r.ResolveRevision(rev); got != want || err != nil {
			t.Errorf("%s: %s, %v; git says %s", rev, got, err, want)
		}
	}
	for _, rev := range []string{"", "absent", "HEAD~9", "HEAD^3", "HEAD^{tree}", "HEAD@{1}", ":/x", "a..b", "main-tree", "../config", "config", "-a", "dead", strings.Repeat("0", 40), "HEAD~99999999999999999999", "HEAD~x", "@{u}", "a\x00b"} {
		if got, err := r.ResolveRevision(rev); err == nil {
			t.Errorf("%q resolves to %s", rev, got)
		}
	}
}

func TestIdentity(t *testing.T) {
	w := newWorld(t)
	identity := func() string {
		name, email := open(t, w.dir).Identity()
		return name + " <" + email + ">"
	}
	if got := identity(); got != " <>" {
		t.Errorf("without any: %s", got)
	}
	global := filepath.Join(t.TempDir(), "global")
	write(t, filepath.Dir(global), "global", "[user]\n\tname = Global\n\temail = global@example.com\n")
	t.Setenv("GIT_CONFIG_GLOBAL", global)
	git(t, w.dir, "config", "user.name", "Local")
	if got := identity(); got != "Local <global@example.com>" {
		t.Errorf("from the configuration: %s", got)
	}
	t.Setenv("GIT_AUTHOR_EMAIL", "env@example.com")
	if got := identity(); got != "Local <env@example.com>" {
		t.Errorf("with the environment: %s", got)
	}
}

func TestStoreTags(t *testing.T) {
	w := newWorld(t)
	linked := filepath.Join(t.TempDir(), "linked")
	git(t, w.dir, "worktree", "add", "-q", linked)
	git(t, w.dir, "tag", "taken", w.commit)
	git(t, w.dir, "pack-refs", "--all")
	tags := []Tag{tag("sentiment@v1.0.0", w.commit), tag("taken", w.commit), tag("far", strings.Repeat("1", 40)), tag("bad name", w.commit)}
	err := open(t, linked).StoreTags(tags)
	if err == nil || !strings.Contains(err.Error(), "bad name") {
		t.Errorf("a bad tag: %v", err)
	}
	if got := git(t, w.dir, "tag"); got != "sentiment@v1.0.0\ntaken" {
		t.Errorf("tags: %q", got)
	}
	if got := git(t, w.dir, "rev-parse", "refs/tags/sentiment@v1.0.0"); got != TagObjectID(tags[0]) {
		t.Errorf("the tag is %s", got)
	}
	if got := git(t, w.dir, "rev-parse", "refs/tags/taken"); got != w.commit {
		t.Errorf("the tag that was there is %s", got)
	}
	fsck(t, w.dir)
}
