package gitrepo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRefs(t *testing.T) {
	w := newWorld(t)
	git(t, w.dir, "tag", "-a", "-m", "m", "sentiment@v1.0.0", w.commit)
	git(t, w.dir, "tag", "light", w.commit)
	git(t, w.dir, "push", "-q", "--tags", "origin", "main:trunk", "main:a/b")
	adv, err := remote(t, w.dir).Refs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	annotated := git(t, w.dir, "rev-parse", "refs/tags/sentiment@v1.0.0")
	if adv.DefaultBranch != "main" || len(adv.Heads) != 3 || adv.Heads["a/b"] != w.commit ||
		len(adv.Tags) != 2 || adv.Tags["light"] != w.commit || adv.Tags["sentiment@v1.0.0"] != annotated ||
		len(adv.Peeled) != 1 || adv.Peeled["sentiment@v1.0.0"] != w.commit {
		t.Errorf("Refs: %+v", adv)
	}
	git(t, w.bare, "symbolic-ref", "HEAD", "refs/heads/trunk")
	if adv, _ := remote(t, w.dir).Refs(ctx); adv.DefaultBranch != "trunk" {
		t.Errorf("default branch %q", adv.DefaultBranch)
	}
	git(t, w.bare, "symbolic-ref", "HEAD", "refs/heads/gone")
	if adv, _ := remote(t, w.dir).Refs(ctx); adv.DefaultBranch != "main" {
		t.Errorf("default branch without a HEAD: %q", adv.DefaultBranch)
	}
}

func TestEmptyRemote(t *testing.T) {
	w := newWorld(t)
	empty := filepath.Join(t.TempDir(), "empty.git")
	git(t, w.dir, "init", "-q", "--bare", empty)
	git(t, w.dir, "remote", "set-url", "origin", empty)
	m := remote(t, w.dir)
	adv, err := m.Refs(ctx)
	if err != nil || adv.DefaultBranch != "" || len(adv.Heads)+len(adv.Tags) != 0 {
		t.Errorf("Refs: %+v, %v", adv, err)
	}
	if _, _, err := m.DefaultCommit(ctx); !errors.Is(err, ErrNoCommits) {
		t.Errorf("DefaultCommit: %v", err)
	}
	appendEvent(t, store(t, w.dir), "one") // a ledger may come before everything else
	fsck(t, empty)
}

func TestRemoteChoice(t *testing.T) {
	w := newWorld(t)
	name := func() string {
		m, err := open(t, w.dir).Remote(ctx)
		if err != nil {
			return err.Error()
		}
		return m.Name() + " " + m.URL() + " " + m.push.url
	}
	want := func(what, prefix string) {
		t.Helper()
		if got := name(); !strings.HasPrefix(got, prefix) && !strings.Contains(got, ": "+prefix) {
			t.Errorf("%s: %s", what, got)
		}
	}
	want("origin", "origin "+w.bare)
	git(t, w.dir, "remote", "add", "upstream", "https://user:secret@example.com/a.git")
	want("two", "origin ")
	git(t, w.dir, "config", "branch.main.remote", "upstream")
	want("of the branch", "upstream https://user@example.com/a.git https://user@example.com/a.git")
	git(t, w.dir, "config", "branch.main.remote", ".")
	want("a local upstream", "origin ")
	git(t, w.dir, "config", "remote.origin.pushurl", "../pushed.git")
	want("a push URL", "origin "+w.bare+" "+filepath.Join(filepath.Dir(w.dir), "pushed.git"))
	git(t, w.dir, "config", "--unset", "remote.origin.pushurl")
	git(t, w.dir, "config", "url./elsewhere/.insteadOf", filepath.Dir(w.bare)+"/")
	want("insteadOf", "origin /elsewhere/remote.git /elsewhere/remote.git")
	git(t, w.dir, "config", "url./pushes/.pushInsteadOf", filepath.Dir(w.bare)+"/")
	want("pushInsteadOf", "origin /elsewhere/remote.git /pushes/remote.git")
	git(t, w.dir, "remote", "rename", "origin", "a")
	git(t, w.dir, "config", "--unset-all", "branch.main.remote")
	want("none is origin", ErrNoRemote.Error())
	git(t, w.dir, "remote", "remove", "a")
	want("the only one", "upstream ")
	git(t, w.dir, "remote", "remove", "upstream")
	want("none", ErrNoRemote.Error())
}

func TestEndpoint(t *testing.T) {
	root, _ := filepath.Abs(filepath.FromSlash("/home/me/repo"))
	for raw, want := range map[string]string{
		"https://github.com/acme/reviews.git": "https https://github.com/acme/reviews.git",
		"https://u:p@host:8443/x":             "https https://u:p@host:8443/x",
		"ssh://git@host:2222/x.git":           "ssh ssh://git@host:2222/x.git",
		"git+ssh://git@host/x.git":            "ssh ssh://git@host/x.git",
		"git@github.com:acme/reviews.git":     "ssh ssh://git@github.com/acme/reviews.git",
		"host:x":                              "ssh ssh://host/x",
		"../remote.git":                       "file " + filepath.Join(filepath.Dir(root), "remote.git"),
		"remote.git":                          "file " + filepath.Join(root, "remote.git"),
		"./with:colon":                        "file " + filepath.Join(root, "with:colon"),
		"file:///srv/x%20y.git":               "file /srv/x y.git",
		"":                                    "error",
		"ext::sh -c evil":                     "error",
		"http::https://x":                     "error",
		"ftp://host/x":                        "error",
		"https://":                            "error",
		"https:///x":                          "error",
		"ssh://-oProxyCommand=evil/x":         "error",
		"file://-x":                           "error",
		"https://host/%zz":                    "error",
		"https://host/a\nb":                   "error",
	} {
		ep, err := parseEndpoint(raw, root)
		got := "error"
		if err == nil {
			got = ep.Protocol + " " + ep.String()
			if ep.Protocol == "file" {
				got = "file " + ep.Path
			}
		}
		if got != want {
			t.Errorf("%q: %s (%v), want %s", raw, got, err, want)
		}
	}
}

func TestDefaultCommit(t *testing.T) {
	w := newWorld(t)
	shallow := w.clone(t, "--depth=1", "--no-tags")
	partial := w.clone(t, "--filter=blob:none", "--no-checkout", "-c", "core.bare=false")
	plain := w.clone(t)
	write(t, w.dir, "waybill.yaml", "kind: Project\n")
	next := commitFile(t, w.dir, "big/other", strings.Repeat("text\n", 1000))
	git(t, w.dir, "push", "-q")
	for name, dir := range map[string]string{"has it": w.dir, "behind": plain, "shallow": shallow, "partial": partial} {
		t.Run(name, func(t *testing.T) {
			before := git(t, dir, "for-each-ref") + git(t, dir, "count-objects", "-v")
			m := remote(t, dir)
			for range 2 {
				hash, branch, err := m.DefaultCommit(ctx)
				if hash != next || branch != "main" || err != nil {
					t.Fatalf("DefaultCommit: %s, %s, %v", hash, branch, err)
				}
			}
			r := open(t, dir) // another process reads it as well
			for _, r := range []*Repo{m.repo, r} {
				for path, want := range map[string]string{"waybill.yaml": "kind: Project\n", "models/sentiment/model.yaml": "name: sentiment\n"} {
					if data, err := r.ReadFile(next, path); string(data) != want || err != nil {
						t.Errorf("ReadFile(%s): %q, %v", path, data, err)
					}
				}
			}
			if got, err := r.Changed(w.commit, next, nil); len(got) != 2 || err != nil {
				t.Errorf("Changed: %q, %v", got, err)
			}
			if after := git(t, dir, "for-each-ref") + git(t, dir, "count-objects", "-v"); after != before {
				t.Errorf("the clone changed:\n%s\n%s", before, after)
			}
		})
	}
	if names, _ := filepath.Glob(filepath.Join(shallow, ".git", "waybill", "ledger.git", "objects", "pack", "*.pack")); len(names) != 1 {
		t.Errorf("packs in the store: %q", names)
	} else if out := git(t, shallow, "verify-pack", "-v", names[0]); strings.Contains(out, git(t, w.dir, "rev-parse", next+":models")) {
		t.Errorf("what the clone has was sent again:\n%s", out)
	}
	// A ledger in the same store does not disturb it.
	appendEvent(t, store(t, shallow), "one")
	last := commitFile(t, w.dir, "third", "third")
	git(t, w.dir, "push", "-q")
	hash, _, err := remote(t, shallow).DefaultCommit(ctx)
	if hash != last || err != nil {
		t.Errorf("after another push: %s, %v", hash, err)
	}
}

func TestContains(t *testing.T) {
	w := newWorld(t)
	commits := []string{w.commit}
	for i := range 5 {
		commits = append(commits, commitFile(t, w.dir, "n", fmt.Sprint(i)))
	}
	git(t, w.dir, "push", "-q")
	git(t, w.dir, "checkout", "-q", "-b", "side", commits[3])
	side := commitFile(t, w.dir, "side", "side")
	git(t, w.dir, "push", "-q", "origin", "side")
	// A merged side branch is contained, through the second parent.
	git(t, w.dir, "checkout", "-q", "-b", "merged", commits[4])
	merged := commitFile(t, w.dir, "merged", "merged")
	git(t, w.dir, "checkout", "-q", "main")
	git(t, w.dir, "merge", "-q", "--no-ff", "-m", "m", "merged")
	full, shallow, stale := w.clone(t), w.clone(t, "--depth=1"), w.clone(t, "--depth=1", "--no-single-branch")
	git(t, w.dir, "push", "-q")
	head := git(t, w.dir, "rev-parse", "HEAD")
	git(t, full, "pull", "-q")
	after := w.clone(t, "--depth=1", "--no-single-branch")

	for name, dir := range map[string]string{"full": full, "shallow, behind": shallow, "all branches, behind": stale, "shallow": after} {
		for _, filter := range []string{"false", "true"} {
			git(t, w.bare, "config", "uploadpack.allowFilter", filter)
			m := remote(t, dir)
			adv, err := m.Refs(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for commit, want := range map[string]bool{head: true, commits[5]: true, commits[4]: true, commits[0]: true, merged: true, side: false, strings.Repeat("1", 40): false, "": false} {
				if got, err := m.repo.Contains(ctx, adv, commit); got != want || err != nil {
					t.Errorf("%s (filter %s): Contains(%s) = %v, %v; want %v", name, filter, short(commit), got, err, want)
				}
			}
		}
	}
	// Without the remote, what the clone knows decides.
	adv := &Advertised{DefaultBranch: "main", Heads: map[string]string{"main": head}}
	for commit, want := range map[string]bool{head: true, commits[0]: false} {
		if got, err := open(t, after).Contains(ctx, adv, commit); got != want || err != nil {
			t.Errorf("offline: Contains(%s) = %v, %v", short(commit), got, err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	w := newWorld(t)
	for url, want := range map[string]string{
		filepath.Join(t.TempDir(), "absent.git"):  "git remote -v",
		"http://user:s3cret@127.0.0.1:1/acme.git": "refused",
		"ssh://git@127.0.0.1:1/acme.git":          "ssh",
	} {
		git(t, w.dir, "remote", "set-url", "origin", url)
		t.Setenv("SSH_AUTH_SOCK", "")
		_, err := remote(t, w.dir).Refs(ctx)
		if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if err := os.WriteFile(filepath.Join(w.dir, ".git", "config"), []byte("[remote \"origin\"]\n\turl = ext::evil\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, w.dir).Remote(ctx); err == nil || !strings.Contains(err.Error(), "remote helper") {
		t.Errorf("a remote helper: %v", err)
	}
}
