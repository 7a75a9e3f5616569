package githubtest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// TestReadFrom: a repository that real git wrote, and that real git reads.
func TestReadFrom(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	gh := githubtest.New(t)
	repo := gh.Repository("acme", "reviews")
	gh.AddUser(githubtest.User{Login: "ada", ID: 7, Emails: []string{"ada@example.com"}})
	work, origin := t.TempDir(), filepath.Join(t.TempDir(), "origin.git")
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
			"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=nobody@example.com")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	commit := func(path, content, message string) string {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(work, filepath.Dir(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(work, path), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		git("add", path)
		git("commit", "-q", "-m", message)
		git("push", "-q", "origin", "HEAD")
		return git("rev-parse", "HEAD")
	}
	git("init", "-q", "-b", "main")
	git("init", "-q", "--bare", "-b", "main", origin)
	git("remote", "add", "origin", origin)
	one := commit("models/m/model.lock.json", "1", "one")
	if err := repo.ReadFrom(origin); err != nil {
		t.Fatal(err)
	}
	// A commit that is known by its name before it is pushed is known whole then.
	if err := os.WriteFile(filepath.Join(work, "README.md"), []byte("hi"), 0o644); err != nil {
		t.Fatal(err)
	}
	git("add", "README.md")
	git("commit", "-q", "-m", "two")
	two := git("rev-parse", "HEAD")
	repo.SetBranch("later", two)
	git("push", "-q", "origin", "HEAD")
	git("checkout", "-q", "-b", "better")
	three := commit("models/m/model.lock.json", "2", "three")
	git("tag", "-a", "-m", "tagged", "m@v1", two)
	git("push", "-q", "origin", "m@v1")

	if got, _ := repo.File("refs/heads/better", "models/m/model.lock.json"); got != "2" {
		t.Errorf("the lock is %q", got)
	}
	list := api + "/commits?path=models/m/model.lock.json&sha="
	if got := shas(t, send(t, gh, 200, "", "GET", list+"better", "")); fmt.Sprint(got) != fmt.Sprint([]string{three, one}) {
		t.Errorf("the lock was changed by %v, want %s and %s", got, three, one)
	}
	if got := shas(t, send(t, gh, 200, "", "GET", list+two+"&per_page=1", "")); fmt.Sprint(got) != fmt.Sprint([]string{one}) {
		t.Errorf("up to two the lock was changed by %v, want %s", got, one)
	}
	k := send(t, gh, 200, "", "GET", api+"/commits/m@v1", "").object(t)
	if k["sha"] != two || k["author"].(map[string]any)["id"] != 7.0 || k["committer"] != nil || k["commit"].(map[string]any)["message"] != "two" {
		t.Errorf("commit two: %v", k)
	}
	if ref := send(t, gh, 200, "", "GET", api+"/git/ref/tags/m@v1", "").object(t); ref["object"].(map[string]any)["type"] != "tag" {
		t.Errorf("the tag: %v", ref)
	}

	pr := repo.OpenPullRequest(githubtest.PullRequest{Title: "Better", Head: "better", Author: "ada"})
	four := commit("models/m/model.lock.json", "3", "four")
	tip, err := repo.Merge(pr.Number, "squash", "lin")
	if err != nil {
		t.Fatal(err)
	}
	if got := repo.PullRequests()[0].HeadSHA; got != four {
		t.Errorf("the head is %s after a push, want %s", got, four)
	}
	git("fetch", "-q", "origin")
	if got := git("show", "--format=%ce %s", "-s", "origin/main"); got != "noreply@github.com Better (#1)" || git("rev-parse", "origin/main") != tip {
		t.Errorf("git has %q at main", got)
	}
	git("fsck", "--strict")
	if got := git("show", "origin/main:models/m/model.lock.json"); got != "3" {
		t.Errorf("git has the lock %q", got)
	}
	if got := send(t, gh, 200, "", "GET", api+"/contents/models/m/model.lock.json?ref="+four, "").object(t); got["content"] != "Mw==" {
		t.Errorf("the lock at the merged head: %v", got)
	}
	// A push that the fake did not see before its own write wins.
	git("checkout", "-q", "main")
	git("reset", "-q", "--hard", "origin/main")
	five := commit("README.md", "ho", "five")
	send(t, gh, 422, githubtest.AdminToken, "PATCH", api+"/git/refs/heads/main", `{"sha":"`+two+`"}`)
	if got := repo.Ref("refs/heads/main"); got != five {
		t.Errorf("main is at %s, want %s", got, five)
	}
	send(t, gh, 204, githubtest.AdminToken, "DELETE", api+"/git/refs/heads/better", "")
	if got := git("ls-remote", "origin", "better"); got != "" {
		t.Errorf("the branch is still there: %s", got)
	}
}
