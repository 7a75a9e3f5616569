package gitrepo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The base of a pull request is readable in the checkout that actions/checkout
// makes: one commit deep, of the merge.
func TestFetchCommit(t *testing.T) {
	for _, byName := range []bool{true, false} {
		t.Run(fmt.Sprintf("byName=%v", byName), func(t *testing.T) {
			w := newWorld(t)
			for i := range 60 {
				commitFile(t, w.dir, "waybill.yaml", fmt.Sprintf("base %d", i))
			}
			git(t, w.dir, "push", "-q", "origin", "HEAD:main")
			base := git(t, w.dir, "rev-parse", "HEAD")
			git(t, w.dir, "checkout", "-q", "-b", "change")
			commitFile(t, w.dir, "waybill.yaml", "change")
			git(t, w.dir, "checkout", "-q", "-B", "merged", base)
			git(t, w.dir, "merge", "-q", "--no-ff", "-m", "merge", "change")
			git(t, w.dir, "push", "-q", "origin", "HEAD:refs/heads/pr")
			commitFile(t, w.dir, "other", "main moves on")
			git(t, w.dir, "push", "-q", "origin", base+":refs/heads/main")
			if byName {
				git(t, w.bare, "config", "uploadpack.allowReachableSHA1InWant", "true")
			}
			clone := filepath.Join(t.TempDir(), "clone")
			git(t, t.TempDir(), "clone", "-q", "--depth", "1", "--branch", "pr", "file://"+w.bare, clone)
			before := git(t, clone, "for-each-ref")
			shallow, _ := os.ReadFile(filepath.Join(clone, ".git", "shallow"))

			r := open(t, clone)
			parents, err := r.Parents("HEAD")
			if err != nil || len(parents) != 2 || parents[0] != base {
				t.Fatalf("parents %v, %v; want %s first", parents, err, base)
			}
			if _, err := r.ReadFile(base, "waybill.yaml"); err == nil {
				t.Fatal("the base is here already: the test shows nothing")
			}
			m, err := r.Remote(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.FetchCommit(ctx, base, "main"); err != nil {
				t.Fatal(err)
			}
			if data, err := r.ReadFile(base, "waybill.yaml"); err != nil || string(data) != "base 59" {
				t.Errorf("%q, %v", data, err)
			}
			if now := git(t, clone, "for-each-ref"); now != before {
				t.Errorf("refs were %q, are %q", before, now)
			}
			if now, _ := os.ReadFile(filepath.Join(clone, ".git", "shallow")); string(now) != string(shallow) {
				t.Errorf("shallow marks were %q, are %q", shallow, now)
			}
			if out, err := tryGit(clone, "fsck"); err != nil {
				t.Errorf("fsck: %v\n%s", err, out)
			}
			missing := strings.Repeat("1", 40)
			if err := m.FetchCommit(ctx, missing, "main"); err == nil || !strings.Contains(err.Error(), "main") {
				t.Errorf("a commit that is nowhere: %v", err)
			}
			if err := m.FetchCommit(ctx, "main", "main"); err == nil {
				t.Error("a name is no commit")
			}
		})
	}
}
