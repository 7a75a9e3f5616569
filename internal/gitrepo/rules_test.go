package gitrepo

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
)

// A push that rules of the repository refuse names the rule and the way out.
func TestRefusedByRules(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"tags", `case "$1" in refs/tags/*) echo "error: GH013: Repository rule violations found for $1." >&2; echo "- Cannot create ref due to creations being restricted." >&2; exit 1;; esac`, "Restrict creations"},
		{"signed", `echo "error: GH013: Repository rule violations found for $1." >&2; echo "- Commits must have verified signatures." >&2; exit 1`, "signed commits"},
		{"pull request", `echo "error: GH006: Protected branch update failed for $1." >&2; echo "error: Changes must be made through a pull request." >&2; exit 1`, "pull request"},
		{"other", `echo "error: GH013: Repository rule violations found for $1." >&2; exit 1`, "a rule of the repository"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			store := store(t, w.dir)
			commit, err := store.Commit("", map[string][]byte{"events/000001.jsonl": []byte("1\n")}, "one", author, noon)
			if err != nil {
				t.Fatal(err)
			}
			hook(t, w.bare, "update", c.script)
			tag := Tag{Name: "sentiment@v1.0.0", Target: w.commit, Tagger: author, Time: noon, Message: "m"}
			err = store.Push(context.Background(), "", commit, []Tag{tag}, true)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "bypass list") || !strings.Contains(err.Error(), "waybill doctor --github") {
				t.Errorf("%v", err)
			}
		})
	}
	if hint := ruleHint("the ledger is closed until Monday"); hint != "" {
		t.Errorf("no rule: %q", hint)
	}
}

// Messages of tags that are not in the clone are fetched, and only those.
func TestTagMessages(t *testing.T) {
	w := newWorld(t)
	other := w.clone(t)
	git(t, other, "tag", "-a", "-m", "one\n\nwaybill-event: abc", "m@v1.0.0")
	git(t, other, "tag", "light@v1.0.0")
	commitFile(t, other, "aside.txt", "aside")
	git(t, other, "tag", "-a", "-m", "two", "m@v2.0.0") // of a commit that no branch has
	git(t, other, "push", "-q", "origin", "--tags")
	store := store(t, w.dir)
	refs, err := store.remote.Refs(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	one, two := refs.Tags["m@v1.0.0"], refs.Tags["m@v2.0.0"]
	for range 2 { // the second time from the store
		got, err := store.TagMessages(context.Background(), []string{one, two})
		if err != nil || got[one] != "one\n\nwaybill-event: abc\n" || got[two] != "two\n" || len(got) != 2 {
			t.Fatalf("%q, %v", got, err)
		}
		if err := os.Rename(w.bare, w.bare+".gone"); err == nil {
			defer os.Rename(w.bare+".gone", w.bare)
		}
	}
	if _, err := store.TagMessages(context.Background(), []string{"../x"}); err == nil {
		t.Error("a name that is none was asked for")
	}
	if _, ok := store.tagObject(refs.Tags["light@v1.0.0"]); ok {
		t.Error("a commit was read as a tag")
	}
}
