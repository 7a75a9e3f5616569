package writeback_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/writeback"
)

const (
	lockPath = "models/m/model.lock.json"
	manifest = "models/m/model.yaml"
)

// setting is a repository with one manifest and one lock, checked out at from.
type setting struct {
	gh   *githubtest.Server
	repo *githubtest.Repository
	from string
	*github.Client
	// before is done once, before a commit is made: somebody else's doing.
	before func()
}

func newSetting(t *testing.T) *setting {
	s := &setting{gh: githubtest.New(t)}
	s.repo = s.gh.Repository("acme", "reviews")
	s.repo.TokenMayOpenPulls = true
	s.from = s.repo.Commit("main", "start", map[string]string{manifest: "m1", lockPath: "l1", "README.md": "r1"})
	s.gh.AddToken("t", githubtest.Token{Permissions: map[string]string{"contents": "write", "pull_requests": "write"}})
	var err error
	s.Client, err = github.New(github.Options{BaseURL: s.gh.URL, Repository: "acme/reviews", Token: "t", HTTP: http.DefaultClient, Now: time.Now,
		Sleep: func(context.Context, time.Duration) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *setting) CommitFiles(ctx context.Context, branch, base string, files map[string][]byte, message string) (string, error) {
	if s.before != nil {
		do := s.before
		s.before = nil
		do()
	}
	return s.Client.CommitFiles(ctx, branch, base, files, message)
}

func (s *setting) files(after string) []writeback.File {
	return []writeback.File{{Path: lockPath, Before: []byte("l1"), After: []byte(after)}, {Path: manifest, Before: []byte("m1"), After: []byte("m1")}}
}

func (s *setting) options() writeback.Options {
	return writeback.Options{Onto: "main", From: s.from, Message: "Lock m\n\nm: sha256:…"}
}

func (s *setting) has(t *testing.T, rev, path, want string) {
	t.Helper()
	if got, _ := s.repo.File(rev, path); got != want {
		t.Errorf("%s of %s is %q, want %q", path, rev, got, want)
	}
}

func TestBranch(t *testing.T) {
	s := newSetting(t)
	commit, err := writeback.Branch(t.Context(), s, s.files("l2"), s.options())
	if err != nil || commit == "" || s.repo.Ref("refs/heads/main") != commit {
		t.Fatalf("commit %q, %v; main is at %s", commit, err, s.repo.Ref("refs/heads/main"))
	}
	s.has(t, "refs/heads/main", lockPath, "l2")
	s.has(t, "refs/heads/main", "README.md", "r1")

	// Again, from the same checkout: it is there already.
	commit, err = writeback.Branch(t.Context(), s, s.files("l2"), s.options())
	if err != nil || commit != "" {
		t.Errorf("again: commit %q, %v", commit, err)
	}
	// A branch that is not there is made.
	o := s.options()
	o.Onto = "locks"
	commit, err = writeback.Branch(t.Context(), s, s.files("l3"), o)
	if err != nil || s.repo.Ref("refs/heads/locks") != commit {
		t.Errorf("new branch: commit %q, %v", commit, err)
	}
}

func TestBranchMoves(t *testing.T) {
	for name, c := range map[string]struct {
		other map[string]string
		wrong bool
	}{
		"something else":           {map[string]string{"README.md": "r2"}, false},
		"the lock":                 {map[string]string{lockPath: "theirs"}, true},
		"the manifest":             {map[string]string{manifest: "m2"}, true},
		"the lock is gone":         {map[string]string{lockPath: githubtest.Removed}, true},
		"the same lock was faster": {map[string]string{lockPath: "l2"}, false},
	} {
		for _, during := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				s := newSetting(t)
				s.before = func() { s.repo.Commit("main", "somebody else", c.other) }
				if !during {
					s.before()
					s.before = nil
				}
				_, err := writeback.Branch(t.Context(), s, s.files("l2"), s.options())
				if errors.Is(err, writeback.ErrConflict) != c.wrong || (err != nil) != c.wrong {
					t.Fatalf("error %v, want a conflict: %t", err, c.wrong)
				}
				if !c.wrong {
					s.has(t, "refs/heads/main", lockPath, "l2")
				}
				for path, want := range c.other {
					if want != githubtest.Removed {
						s.has(t, "refs/heads/main", path, want)
					}
				}
			})
		}
	}
}

func TestPullRequest(t *testing.T) {
	s := newSetting(t)
	first, err := writeback.PullRequest(t.Context(), s, s.files("l2"), s.options())
	if err != nil || first.PullRequest.Number == 0 || !strings.HasPrefix(first.Branch, "waybill/lock-") {
		t.Fatalf("%+v, %v", first, err)
	}
	if first.PullRequest.Title != "Lock m" || s.repo.Ref("refs/heads/main") != s.from {
		t.Errorf("title %q, main at %s", first.PullRequest.Title, s.repo.Ref("refs/heads/main"))
	}
	s.has(t, "refs/heads/"+first.Branch, lockPath, "l2")

	// The same again: no second branch, commit or pull request.
	again, err := writeback.PullRequest(t.Context(), s, s.files("l2"), s.options())
	if err != nil || again.PullRequest.Number != first.PullRequest.Number || again.Commit != first.Commit {
		t.Errorf("again: %+v, %v", again, err)
	}
	// The base moves on elsewhere: still the same.
	s.repo.Commit("main", "other", map[string]string{"README.md": "r2"})
	again, err = writeback.PullRequest(t.Context(), s, s.files("l2"), s.options())
	if err != nil || again.Commit != first.Commit || len(s.repo.PullRequests()) != 1 {
		t.Errorf("after the base moved: %+v, %v", again, err)
	}
	// Other content is another pull request.
	other, err := writeback.PullRequest(t.Context(), s, s.files("l3"), s.options())
	if err != nil || other.Branch == first.Branch || other.PullRequest.Number == first.PullRequest.Number {
		t.Errorf("other content: %+v, %v", other, err)
	}
	// Once it is merged there is nothing to do.
	s.repo.Commit("main", "merged", map[string]string{lockPath: "l2"})
	none, err := writeback.PullRequest(t.Context(), s, s.files("l2"), s.options())
	if err != nil || none.Commit != "" || none.PullRequest.Number != 0 {
		t.Errorf("merged: %+v, %v", none, err)
	}
}

func TestPullRequestOnNamedBranch(t *testing.T) {
	s := newSetting(t)
	o := s.options()
	o.Branch = "retrain"
	first, err := writeback.PullRequest(t.Context(), s, s.files("l2"), o)
	if err != nil || first.Branch != "retrain" {
		t.Fatalf("%+v, %v", first, err)
	}
	next, err := writeback.PullRequest(t.Context(), s, s.files("l3"), o)
	if err != nil || next.PullRequest.Number != first.PullRequest.Number || next.Commit == first.Commit {
		t.Errorf("brought up to date: %+v, %v", next, err)
	}
	s.has(t, "refs/heads/retrain", lockPath, "l3")

	// What an older pull request left may not merge: nothing is put on top.
	s.repo.UpdatePullRequest(first.PullRequest.Number, func(pr *githubtest.PullRequest) { pr.State = "closed" })
	_, err = writeback.PullRequest(t.Context(), s, s.files("l4"), o)
	if err == nil || !strings.Contains(err.Error(), "no open pull request; delete it") {
		t.Errorf("leftover branch: %v", err)
	}
	s.has(t, "refs/heads/retrain", lockPath, "l3")
}

// TestTwoAtOnce: another job makes the branch and the pull request first.
func TestTwoAtOnce(t *testing.T) {
	s := newSetting(t)
	var theirs writeback.Result
	s.before = func() {
		var err error
		if theirs, err = writeback.PullRequest(t.Context(), s.Client, s.files("l2"), s.options()); err != nil {
			t.Fatal(err)
		}
	}
	ours, err := writeback.PullRequest(t.Context(), s, s.files("l2"), s.options())
	if err != nil || ours.PullRequest.Number != theirs.PullRequest.Number || len(s.repo.PullRequests()) != 1 {
		t.Errorf("ours %+v, theirs %+v, %v", ours, theirs, err)
	}
}

// TestAnswersLost: what was done before the connection broke is not done twice.
func TestAnswersLost(t *testing.T) {
	for _, match := range []string{"POST /repos/*/*/git/refs", "POST /repos/*/*/git/commits", "POST /repos/*/*/pulls"} {
		s := newSetting(t)
		s.gh.Fail(match, githubtest.Fault{LoseAnswer: true, Times: 1})
		r, err := writeback.PullRequest(t.Context(), s, s.files("l2"), s.options())
		if err != nil || r.PullRequest.Number == 0 || len(s.repo.PullRequests()) != 1 {
			t.Errorf("%s: %+v, %v", match, r, err)
		}
	}
}

func TestNotAllowed(t *testing.T) {
	s := newSetting(t)
	s.gh.AddToken("t", githubtest.Token{Permissions: map[string]string{"contents": "read"}})
	_, err := writeback.Branch(t.Context(), s, s.files("l2"), s.options())
	if !errors.Is(err, forge.ErrNotAllowed) || !strings.Contains(err.Error(), "contents: write") {
		t.Errorf("error %v, want one that names contents: write", err)
	}
	s.gh.AddToken("t", githubtest.Token{Permissions: map[string]string{"contents": "write", "pull_requests": "write"}})
	s.repo.TokenMayOpenPulls = false
	if _, err = writeback.PullRequest(t.Context(), s, s.files("l2"), s.options()); err == nil || !strings.Contains(err.Error(), "Allow GitHub Actions to create") {
		t.Errorf("error %v, want one that names the setting", err)
	}
}

func TestBranchNameIsOfTheContent(t *testing.T) {
	s := newSetting(t)
	name := writeback.BranchName(s.files("l2"), "main")
	turned := s.files("l2")
	turned[0], turned[1] = turned[1], turned[0]
	if got := writeback.BranchName(turned, "main"); got != name {
		t.Errorf("order changes the name: %s, %s", got, name)
	}
	for _, other := range []string{writeback.BranchName(s.files("l3"), "main"), writeback.BranchName(s.files("l2"), "next")} {
		if other == name {
			t.Errorf("%s is the name of other content or another base too", other)
		}
	}
}
