package gitrepo

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLostRace(t *testing.T) {
	w := newWorld(t)
	a, b := store(t, w.dir), store(t, w.clone(t))
	appendEvent(t, a, "one")
	parent, err := b.Fetch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	mine := commitEvent(t, b, parent, "mine")
	theirs := appendEvent(t, a, "theirs")
	err = b.Push(ctx, parent, mine, []Tag{tag("sentiment@v1.0.0", w.commit)}, true)
	if !errors.Is(err, ErrLost) {
		t.Fatalf("a lost race is %v", err)
	}
	if got := git(t, w.bare, "rev-parse", "waybill/ledger"); got != theirs {
		t.Errorf("the ledger is at %s", got)
	}
	if got := git(t, w.bare, "tag"); got != "" {
		t.Errorf("tags: %s", got)
	}
	if b.Head() != parent {
		t.Errorf("the store moved to %s", b.Head())
	}
	appendEvent(t, b, "mine", tag("sentiment@v1.0.0", w.commit))
	if got := git(t, w.bare, "show", "waybill/ledger:events/000000.jsonl"); got != "one\ntheirs\nmine" {
		t.Errorf("after the second try: %q", got)
	}
	fsck(t, w.bare)
}

// The race may also be lost between the advertisement and the update, where
// only the server sees it.
func TestLostRaceInside(t *testing.T) {
	for _, atomic := range []string{"true", "false"} {
		t.Run("atomic="+atomic, func(t *testing.T) {
			w := newWorld(t)
			git(t, w.bare, "config", "receive.advertiseAtomic", atomic)
			l := store(t, w.dir)
			first := appendEvent(t, l, "one")
			other := commitEvent(t, l, first, "theirs")
			git(t, l.Dir(), "push", "-q", w.bare, other+":refs/heads/other")
			mine := commitEvent(t, l, first, "mine")
			hook(t, w.bare, "pre-receive", "unset GIT_QUARANTINE_PATH; git update-ref refs/heads/waybill/ledger "+other)
			err := l.Push(ctx, first, mine, []Tag{tag("sentiment@v1.0.0", w.commit)}, true)
			if !errors.Is(err, ErrLost) {
				t.Fatalf("a lost race is %v", err)
			}
			if got := git(t, w.bare, "rev-parse", "waybill/ledger"); got != other {
				t.Errorf("the ledger is at %s", got)
			}
			if got := git(t, w.bare, "tag"); got != "" {
				t.Errorf("tags: %s", got)
			}
		})
	}
}

func hook(t *testing.T, bare, name, script string) {
	t.Helper()
	path := filepath.Join(bare, "hooks", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestTwoBeginAtOnce(t *testing.T) {
	w := newWorld(t)
	a, b := store(t, w.dir), store(t, w.clone(t))
	mine := commitEvent(t, b, "", "mine")
	appendEvent(t, a, "theirs")
	if err := b.Push(ctx, "", mine, nil, true); !errors.Is(err, ErrLost) {
		t.Fatalf("a lost race is %v", err)
	}
}

func TestTagExists(t *testing.T) {
	w := newWorld(t)
	l := store(t, w.dir)
	first := appendEvent(t, l, "one")
	git(t, w.bare, "tag", "-a", "-m", "mine", "sentiment@v1.0.0", w.commit)
	was := git(t, w.bare, "rev-parse", "refs/tags/sentiment@v1.0.0")
	next := commitEvent(t, l, first, "two")
	tags := []Tag{tag("sentiment@v1.0.0", w.commit), tag("sentiment#production#1", w.commit)}
	err := l.Push(ctx, first, next, tags, true)
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "sentiment@v1.0.0") {
		t.Fatalf("an occupied tag is %v", err)
	}
	if got := git(t, w.bare, "rev-parse", "waybill/ledger"); got != first {
		t.Errorf("the ledger moved to %s", got)
	}
	if got := git(t, w.bare, "tag"); got != "sentiment@v1.0.0" {
		t.Errorf("tags: %s", got)
	}
	if err := l.Push(ctx, first, next, tags, false); err != nil {
		t.Fatal(err)
	}
	if got := git(t, w.bare, "rev-parse", "refs/tags/sentiment@v1.0.0"); got != was {
		t.Errorf("the occupied tag was replaced by %s", got)
	}
	if got := git(t, w.bare, "tag"); got != "sentiment#production#1\nsentiment@v1.0.0" {
		t.Errorf("tags: %s", got)
	}
	// What is as it should be counts as done.
	third := commitEvent(t, l, next, "three")
	if err := l.Push(ctx, next, third, tags[1:], true); err != nil {
		t.Fatal(err)
	}
}

// A tag that appears after the advertisement must stop the ledger too.
func TestTagAppearsInside(t *testing.T) {
	w := newWorld(t)
	l := store(t, w.dir)
	first := appendEvent(t, l, "one")
	hook(t, w.bare, "pre-receive", "unset GIT_QUARANTINE_PATH; git update-ref refs/tags/sentiment@v1.0.0 "+w.commit)
	next := commitEvent(t, l, first, "two")
	err := l.Push(ctx, first, next, []Tag{tag("sentiment@v1.0.0", w.commit)}, true)
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "refs/tags/sentiment@v1.0.0") {
		t.Fatalf("an occupied tag is %v", err)
	}
	if got := git(t, w.bare, "rev-parse", "waybill/ledger"); got != first {
		t.Errorf("the ledger moved to %s", got)
	}
}

func TestHookRefuses(t *testing.T) {
	w := newWorld(t)
	l := store(t, w.dir)
	hook(t, w.bare, "update", `echo "the ledger is closed until Monday" >&2; printf '\033[31m' >&2; exit 1`)
	commit := commitEvent(t, l, "", "one")
	err := l.Push(ctx, "", commit, []Tag{tag("sentiment@v1.0.0", w.commit)}, true)
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "the ledger is closed until Monday") || strings.Contains(err.Error(), "\x1b") {
		t.Fatalf("a refusal is %q", err)
	}
	if l.Head() != "" {
		t.Errorf("the store moved to %s", l.Head())
	}
}

func TestTagTargetNotAtRemote(t *testing.T) {
	w := newWorld(t)
	l := store(t, w.dir)
	local := commitFile(t, w.dir, "b", "b")
	commit := commitEvent(t, l, "", "one")
	tags := []Tag{tag("sentiment@v1.0.0", local)}
	// git's server executes the rest of an atomic push in this one case.
	err := l.Push(ctx, "", commit, tags, true)
	if !errors.Is(err, ErrTags) || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "push the branch first") {
		t.Fatalf("an unknown target is %v", err)
	}
	if got := git(t, w.bare, "for-each-ref", "--format=%(refname)"); got != "refs/heads/main\nrefs/heads/waybill/ledger" {
		t.Errorf("references: %s", got)
	}
	git(t, w.dir, "push", "-q")
	if err := l.Push(ctx, "", commit, tags, true); err != nil {
		t.Fatal(err)
	}
	if got := git(t, w.bare, "rev-parse", "refs/tags/sentiment@v1.0.0"); got != TagObjectID(tags[0]) {
		t.Errorf("the tag is %s", got)
	}
}

func TestWithoutAtomic(t *testing.T) {
	w := newWorld(t)
	git(t, w.bare, "config", "receive.advertiseAtomic", "false")
	l := store(t, w.dir)
	appendEvent(t, l, "one", tag("sentiment@v1.0.0", w.commit), tag("sentiment#staging#1", w.commit))
	fsck(t, w.bare)

	// Killed, or refused, between the two pushes: recorded, and it says so.
	hook(t, w.bare, "update", `case "$1" in refs/tags/*) echo no tags today >&2; exit 1;; esac`)
	parent := l.Head()
	next := commitEvent(t, l, parent, "two")
	late := []Tag{tag("sentiment#production#2", w.commit)}
	err := l.Push(ctx, parent, next, late, true)
	if !errors.Is(err, ErrTags) || errors.Is(err, ErrRefused) || errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "no tags today") {
		t.Fatalf("missing tags are %v", err)
	}
	if got := git(t, w.bare, "rev-parse", "waybill/ledger"); got != next || l.Head() != next {
		t.Errorf("the ledger is at %s, the store at %s", got, l.Head())
	}
	// Pushing the same again completes it.
	hook(t, w.bare, "update", "exit 0")
	if err := l.Push(ctx, parent, next, late, true); err != nil {
		t.Fatal(err)
	}
	if got := git(t, w.bare, "rev-parse", "refs/tags/sentiment#production#2"); got != TagObjectID(late[0]) {
		t.Errorf("the late tag is %s", got)
	}
}

// When the answer gets lost, the push is not reported as failed.
func TestAnswerLost(t *testing.T) {
	w := newWorld(t)
	l := store(t, w.dir)
	hook(t, w.bare, "reference-transaction", `if [ "$1" = committed ]; then kill -9 $PPID; fi`)
	commit := commitEvent(t, l, "", "one")
	if err := l.Push(ctx, "", commit, []Tag{tag("sentiment@v1.0.0", w.commit)}, true); err != nil {
		t.Fatal(err)
	}
	if got := git(t, w.bare, "rev-parse", "waybill/ledger"); got != commit || l.Head() != commit {
		t.Errorf("the ledger is at %s, the store at %s", got, l.Head())
	}
}

func TestPushTags(t *testing.T) {
	w := newWorld(t)
	l := store(t, w.dir)
	right := tag("sentiment@v1.0.0", w.commit)
	wrong := right
	wrong.Message = "forged"
	if err := l.PushTags(ctx, []Tag{wrong}, nil); err != nil {
		t.Fatal(err)
	}
	missing := tag("sentiment#staging#1", w.commit)
	for _, test := range []struct {
		name    string
		replace map[string]string
	}{
		{"not to be replaced", nil},
		{"replaced from a wrong value", map[string]string{right.Name: w.commit}},
		{"a missing tag replaced", map[string]string{right.Name: TagObjectID(wrong), missing.Name: w.commit}},
	} {
		if err := l.PushTags(ctx, []Tag{right, missing}, test.replace); !errors.Is(err, ErrLost) {
			t.Errorf("%s: %v", test.name, err)
		}
		if got := git(t, w.bare, "rev-parse", "refs/tags/"+right.Name); got != TagObjectID(wrong) {
			t.Fatalf("%s: the tag moved to %s", test.name, got)
		}
	}
	if err := l.PushTags(ctx, []Tag{right}, map[string]string{right.Name: TagObjectID(wrong), "other": w.commit}); err == nil {
		t.Error("a replacement by nothing was accepted")
	}
	for range 2 { // the second time there is nothing to do
		if err := l.PushTags(ctx, []Tag{right, missing}, map[string]string{right.Name: TagObjectID(wrong)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := git(t, w.bare, "rev-parse", "refs/tags/"+right.Name); got != TagObjectID(right) {
		t.Errorf("the tag is %s", got)
	}
	fsck(t, w.bare)
}

func TestBadTags(t *testing.T) {
	w := newWorld(t)
	l := store(t, w.dir)
	for _, bad := range []Tag{
		tag("", w.commit), tag("a b", w.commit), tag("-a", w.commit), tag("../a", w.commit), tag("a..b", w.commit), tag("a.lock", w.commit),
		tag("a\n", w.commit), tag("a@{1}", w.commit), tag("a", ""), tag("a", "main"), tag("a", strings.ToUpper(w.commit)),
		{Name: "a", Target: w.commit, Time: time.Unix(-1, 0)},
	} {
		if err := l.PushTags(ctx, []Tag{bad}, nil); err == nil {
			t.Errorf("tag %q at %q was accepted", bad.Name, bad.Target)
		}
	}
	if err := l.PushTags(ctx, []Tag{tag("a", w.commit), {Name: "a", Target: w.commit}}, nil); err == nil {
		t.Error("two tags of one name were accepted")
	}
}

// A server that answers nothing has not said that it took the push.
func TestEmptyAnswer(t *testing.T) {
	w := newWorld(t)
	url, _ := httpRemote(t, w, func(*http.Request) bool { return true })
	address, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&neturl.URL{Scheme: "http", Host: address.Host})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || !strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			proxy.ServeHTTP(rw, r)
		}
	}))
	t.Cleanup(server.Close)
	git(t, w.dir, "remote", "set-url", "origin", server.URL+address.Path)
	l := store(t, w.dir)
	commit := commitEvent(t, l, "", "one")
	if err := l.Push(ctx, "", commit, nil, true); !errors.Is(err, ErrUnreachable) {
		t.Errorf("Push: %v", err)
	}
}
