package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var ctx = context.Background()

// appendEvent does what a writer does: fetch, commit, push.
func appendEvent(t testing.TB, l *LedgerStore, line string, tags ...Tag) string {
	t.Helper()
	parent, err := l.Fetch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	commit := commitEvent(t, l, parent, line)
	if err := l.Push(ctx, parent, commit, tags, true); err != nil {
		t.Fatal(err)
	}
	return commit
}

func commitEvent(t testing.TB, l *LedgerStore, parent, line string) string {
	t.Helper()
	commit, err := l.Commit(parent, map[string][]byte{"events/000000.jsonl": []byte(content(t, l, parent) + line + "\n")}, "append "+line, author, noon)
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

func content(t testing.TB, l *LedgerStore, parent string) string {
	t.Helper()
	if parent != l.Head() {
		t.Fatalf("the store is at %q, not at %q", l.Head(), parent)
	}
	_, read, err := l.Files()
	if err != nil {
		t.Fatal(err)
	}
	if parent == "" {
		return ""
	}
	data, err := read("events/000000.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func tag(name, target string) Tag {
	return Tag{Name: name, Target: target, Tagger: author, Time: noon, Message: "Registering artifact\n\nevent: 00ff"}
}

func TestLedger(t *testing.T) {
	w := newWorld(t)
	a, b := store(t, w.dir), store(t, w.clone(t, "--depth=1", "--no-tags"))

	if head, err := a.Fetch(ctx); head != "" || err != nil {
		t.Fatalf("Fetch without a ledger: %q, %v", head, err)
	}
	if names, _, err := a.Files(); len(names) != 0 || err != nil {
		t.Fatalf("Files without a ledger: %q, %v", names, err)
	}
	first := appendEvent(t, a, "one", tag("sentiment@v1.0.0", w.commit))
	second := appendEvent(t, b, "two", tag("sentiment#production#1", w.commit))
	third := appendEvent(t, a, "three")

	fsck(t, w.bare)
	if got := git(t, w.bare, "log", "--format=%H %an <%ae> %at %s", "waybill/ledger"); got != fmt.Sprintf(
		"%s Octo Cat <octocat@example.com> %d append three\n%s Octo Cat <octocat@example.com> %d append two\n%s Octo Cat <octocat@example.com> %d append one",
		third, noon.Unix(), second, noon.Unix(), first, noon.Unix()) {
		t.Errorf("git log:\n%s", got)
	}
	if got := git(t, w.bare, "show", "waybill/ledger:events/000000.jsonl"); got != "one\ntwo\nthree" {
		t.Errorf("git show: %q", got)
	}
	if got := git(t, w.bare, "ls-tree", "-r", "waybill/ledger"); !strings.HasPrefix(got, "100644 blob ") {
		t.Errorf("git ls-tree: %q", got)
	}
	// The user's references are untouched.
	if got := git(t, w.dir, "for-each-ref", "--format=%(refname)"); strings.Contains(got, "ledger") || strings.Contains(got, "tags") {
		t.Errorf("references of the clone:\n%s", got)
	}
	if got := git(t, w.dir, "status", "--porcelain"); got != "" {
		t.Errorf("git status:\n%s", got)
	}
	if head, err := b.Fetch(ctx); head != third || err != nil {
		t.Fatalf("Fetch: %q, %v", head, err)
	}
	if got := content(t, b, third); got != "one\ntwo\nthree\n" {
		t.Errorf("the other store reads %q", got)
	}
	for _, l := range []*LedgerStore{a, b} {
		fsck(t, l.Dir())
		if got := git(t, l.Dir(), "rev-list", "--count", "waybill/ledger"); got != "1" {
			t.Errorf("the store holds %s commits, want 1", got)
		}
	}
}

// A second fetch must not bring the whole ledger again.
func TestFetchIsIncremental(t *testing.T) {
	w := newWorld(t)
	a, b := store(t, w.dir), store(t, w.clone(t))
	changed := map[string][]byte{}
	for i := range 50 {
		changed[fmt.Sprintf("events/%06d.jsonl", i)] = fmt.Appendf(nil, "file %d\n%s", i, strings.Repeat("x", 500))
	}
	first, err := a.Commit("", changed, "many", author, noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Push(ctx, "", first, nil, true); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Fetch(ctx); err != nil {
		t.Fatal(err)
	}
	name := "events/000049.jsonl"
	second, err := a.Commit(first, map[string][]byte{name: append(changed[name], "more\n"...)}, "one", author, noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Push(ctx, first, second, nil, true); err != nil {
		t.Fatal(err)
	}
	session, refs, err := b.remote.upload(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	objects, err := b.remote.downloadObjects(ctx, session, refs.Capabilities, ledgerRequest(second, b.Head()), b.any)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, o := range objects {
		kinds[o.kind]++
	}
	if kinds["commit"] > 1 || kinds["blob"] > 2 || len(objects) > 8 { // a new blob and the base of its delta
		t.Errorf("one changed file brings %v", kinds)
	}
	if head, err := b.Fetch(ctx); head != second || err != nil {
		t.Fatal(head, err)
	}
	fsck(t, b.Dir())
}

func TestTagsReadByGit(t *testing.T) {
	w := newWorld(t)
	l := store(t, w.dir)
	tags := []Tag{
		tag("sentiment@v1.0.0", w.commit),
		{Name: "sentiment#production#1", Target: w.commit, Tagger: Signature{" <Ann\n> Émile, ", "a<b>@x"}, Time: noon.Add(time.Second), Message: "no line break"},
		{Name: "sentiment@v1.0.0!", Target: w.commit, Tagger: Signature{}, Time: time.Unix(0, 0), Message: "two\n\n\n"},
	}
	appendEvent(t, l, "one", tags...)
	fsck(t, w.bare)
	adv, err := l.remote.Refs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		id := TagObjectID(tag)
		if got := git(t, w.bare, "rev-parse", "refs/tags/"+tag.Name); got != id {
			t.Errorf("%s: git rev-parse says %s, TagObjectID %s", tag.Name, got, id)
		}
		if got := git(t, w.bare, "cat-file", "tag", id); got+"\n" != string(tag.encode()) {
			t.Errorf("%s: git cat-file:\n%s\nwant\n%s", tag.Name, got, tag.encode())
		}
		if adv.Tags[tag.Name] != id || adv.Peeled[tag.Name] != w.commit {
			t.Errorf("%s: advertised as %s, peeled %s", tag.Name, adv.Tags[tag.Name], adv.Peeled[tag.Name])
		}
	}
	// git itself makes the same object from the same fields.
	t.Setenv("GIT_COMMITTER_DATE", fmt.Sprintf("%d +0000", noon.Unix()))
	git(t, w.dir, "-c", "user.name="+author.Name, "-c", "user.email="+author.Email, "tag", "-a", "-m", tags[0].Message, tags[0].Name, w.commit)
	if got := git(t, w.dir, "rev-parse", "refs/tags/"+tags[0].Name); got != TagObjectID(tags[0]) {
		t.Errorf("git tag -a makes %s, TagObjectID %s", got, TagObjectID(tags[0]))
	}
	if got := git(t, w.bare, "for-each-ref", "--format=%(refname:short) %(objecttype) %(taggerdate:unix) %(taggername)", "refs/tags"); got !=
		"sentiment#production#1 tag 1772539201 Ann Émile\nsentiment@v1.0.0 tag 1772539200 Octo Cat\nsentiment@v1.0.0! tag 0 unknown" {
		t.Errorf("git for-each-ref:\n%s", got)
	}
}

func TestFetchFrom(t *testing.T) {
	w := newWorld(t)
	a, b := store(t, w.dir), store(t, w.clone(t))
	first := appendEvent(t, a, "one")
	adv, err := b.remote.Refs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if head, err := b.FetchFrom(ctx, adv); head != first || err != nil {
		t.Errorf("behind: %s, %v", head, err)
	}
	if err := os.Rename(w.bare, w.bare+".away"); err != nil {
		t.Fatal(err)
	}
	if head, err := b.FetchFrom(ctx, adv); head != first || err != nil {
		t.Errorf("up to date, it asked the remote: %s, %v", head, err)
	}
}

func TestOffline(t *testing.T) {
	w := newWorld(t)
	commit := appendEvent(t, store(t, w.dir), "one")
	if err := os.Rename(w.bare, w.bare+".away"); err != nil {
		t.Fatal(err)
	}
	l := store(t, w.dir)
	if got := content(t, l, commit); got != "one\n" {
		t.Errorf("offline the ledger reads %q", got)
	}
	if _, err := l.Fetch(ctx); !errors.Is(err, ErrUnreachable) {
		t.Errorf("Fetch from nowhere: %v", err)
	}
	if err := l.Push(ctx, commit, commitEvent(t, l, commit, "two"), nil, true); !errors.Is(err, ErrUnreachable) {
		t.Errorf("Push to nowhere: %v", err)
	}
	if l.Head() != commit {
		t.Errorf("the store moved to %s", l.Head())
	}
}

func TestRewritten(t *testing.T) {
	w := newWorld(t)
	l := store(t, w.dir)
	head := appendEvent(t, l, "one")
	other := store(t, w.clone(t))
	forged, err := other.Commit("", map[string][]byte{"events/000000.jsonl": []byte("none\n")}, "forged", author, noon)
	if err != nil {
		t.Fatal(err)
	}
	git(t, other.Dir(), "push", "-q", "-f", w.bare, forged+":refs/heads/waybill/ledger")
	if _, err := l.Fetch(ctx); !errors.Is(err, ErrRewritten) || !strings.Contains(err.Error(), "events/000000.jsonl") {
		t.Errorf("a rewritten ledger: %v", err)
	}
	git(t, w.bare, "update-ref", "-d", "refs/heads/waybill/ledger")
	if _, err := l.Fetch(ctx); !errors.Is(err, ErrRewritten) {
		t.Errorf("a ledger that is gone: %v", err)
	}
	if l.Head() != head {
		t.Errorf("the store forgot %s", head)
	}
	if err := os.RemoveAll(l.Dir()); err != nil {
		t.Fatal(err)
	}
	if got, err := store(t, w.dir).Fetch(ctx); got != "" || err != nil {
		t.Errorf("after deleting the store: %q, %v", got, err)
	}
}

func TestStoreHeals(t *testing.T) {
	w := newWorld(t)
	l := store(t, w.dir)
	head := appendEvent(t, l, "one")
	names, read, err := l.Files()
	if err != nil || !slices.Equal(names, []string{"events/000000.jsonl"}) {
		t.Fatal(names, err)
	}
	blob := l.objects.path(objectID("blob", []byte("one\n")))

	if err := os.Chmod(blob, 0o644); err != nil {
		t.Fatal(err)
	}
	whole, _ := os.ReadFile(blob)
	if err := os.WriteFile(blob, append(slices.Clone(whole[:len(whole)-6]), 'x', 'x', 'x', 'x', 'x', 'x'), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := read(names[0]); err == nil || !strings.Contains(err.Error(), "only a cache") {
		t.Errorf("a damaged object: %v", err)
	}
	if err := os.Remove(blob); err != nil {
		t.Fatal(err)
	}
	if _, err := read(names[0]); err == nil {
		t.Error("a missing object was read")
	}
	if got, err := l.Fetch(ctx); got != head || err != nil {
		t.Fatal(got, err)
	}
	if data, err := read(names[0]); string(data) != "one\n" || err != nil {
		t.Errorf("after the repair: %q, %v", data, err)
	}
	// Even git gc in the store does no harm.
	git(t, l.Dir(), "gc", "-q", "--prune=now")
	fresh := store(t, w.dir)
	if got := content(t, fresh, head); got != "one\n" {
		t.Errorf("after git gc: %q", got)
	}
	appendEvent(t, fresh, "two")
	fsck(t, w.bare)
}

func TestStoreOfAnotherRemote(t *testing.T) {
	w := newWorld(t)
	appendEvent(t, store(t, w.dir), "one")
	elsewhere := filepath.Join(t.TempDir(), "other.git")
	git(t, w.dir, "init", "-q", "--bare", elsewhere)
	git(t, w.dir, "remote", "set-url", "origin", elsewhere)
	l := store(t, w.dir)
	if l.Head() != "" {
		t.Errorf("the store kept %s of another remote", l.Head())
	}
	if head, err := l.Fetch(ctx); head != "" || err != nil {
		t.Errorf("Fetch from an empty remote: %q, %v", head, err)
	}
}

func TestCommitRefuses(t *testing.T) {
	w := newWorld(t)
	l := store(t, w.dir)
	for _, name := range []string{"", "/", "a//b", "../a", "a/../b", ".git/config", "a/.GIT/b", "a/b/c/d/e/f/g", `a\b`, "a\x00"} {
		if _, err := l.Commit("", map[string][]byte{name: nil}, "m", author, noon); err == nil {
			t.Errorf("file name %q was accepted", name)
		}
	}
	if _, err := l.Commit("", nil, "m", author, noon); err == nil {
		t.Error("an empty commit was accepted")
	}
	if _, err := l.Commit(zeroHash, map[string][]byte{"a": nil}, "m", author, noon); err == nil {
		t.Error("an unknown parent was accepted")
	}
	one, err := l.Commit("", map[string][]byte{"a.b": nil, "a/b": nil, "a0": nil}, "m", author, noon)
	if err != nil {
		t.Fatal(err)
	}
	two, err := l.Commit("", map[string][]byte{"a0": nil, "a/b": nil, "a.b": nil}, "m\n", author, noon)
	if err != nil || one != two {
		t.Errorf("equal arguments give %s and %s, %v", one, two, err)
	}
	if err := l.Push(ctx, "", one, nil, true); err != nil {
		t.Fatal(err)
	}
	fsck(t, w.bare)
	if got := git(t, w.bare, "ls-tree", "--name-only", "waybill/ledger"); got != "a.b\na\na0" {
		t.Errorf("order of the tree: %q", got)
	}
}

func TestPrune(t *testing.T) {
	w := newWorld(t)
	l := store(t, w.dir)
	head := appendEvent(t, l, "one")
	var old string
	for i := range pruneSlack + 1 {
		id, err := l.objects.write("blob", []byte{byte(i), byte(i >> 8)})
		if err != nil {
			t.Fatal(err)
		}
		past := time.Now().Add(-2 * time.Hour)
		if err := os.Chtimes(l.objects.path(id), past, past); err != nil {
			t.Fatal(err)
		}
		old = id
	}
	young, _ := l.objects.write("blob", []byte("young"))
	l.tidy(head)
	if l.objects.has(old) || !l.objects.has(young) || !l.complete(head) {
		t.Errorf("old kept: %v, young kept: %v, ledger whole: %v", l.objects.has(old), l.objects.has(young), l.complete(head))
	}
}

func TestCancelled(t *testing.T) {
	w := newWorld(t)
	l := store(t, w.dir)
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := l.Fetch(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Fetch: %v", err)
	}
	if err := l.Push(ctx, "", zeroHash, nil, true); !errors.Is(err, context.Canceled) {
		t.Errorf("Push: %v", err)
	}
}
