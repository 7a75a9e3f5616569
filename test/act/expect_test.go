package act

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// want ends the test where a workflow did not end as it should.
func (l *lab) want(d done, ok bool) {
	l.t.Helper()
	if d.ok != ok {
		l.t.Fatalf("the workflow's success is %t:\n%s", d.ok, d.log)
	}
	if testing.Verbose() {
		l.t.Logf("run %d: %d requests, %v of processor time\n%s", d.id, len(d.asked), d.took, strings.Join(d.asked, "\n"))
	}
}

// comment returns the one that there must be.
func (l *lab) comment(pr githubtest.PullRequest) githubtest.Comment {
	l.t.Helper()
	all := l.repo.Comments(pr.Number)
	if len(all) != 1 {
		l.t.Fatalf("the pull request has %d comments: %+v", len(all), all)
	}
	return all[0]
}

func (l *lab) concludes(branch, want string) {
	l.t.Helper()
	runs := l.repo.CheckRuns(l.git("rev-parse", branch))
	if len(runs) == 0 || runs[len(runs)-1].Conclusion != want {
		l.t.Errorf("check runs of %s: %+v, want %s", branch, runs, want)
	}
}

func (l *lab) contains(text string, all ...string) {
	l.t.Helper()
	for _, want := range all {
		if !strings.Contains(text, want) {
			l.t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func (l *lab) atMost(d done, n int) {
	l.t.Helper()
	if len(d.asked) > n {
		l.t.Errorf("%d requests, want at most %d:\n%s", len(d.asked), n, strings.Join(d.asked, "\n"))
	}
}

// golden compares a comment with the one that was looked at.
func (l *lab) golden(name, got string) {
	l.t.Helper()
	file := filepath.Join("testdata", name+".md")
	got = l.stable(got)
	if *update {
		l.write(file, got)
		return
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		l.t.Errorf("%s is not the comment, which is (test/act/run --update writes it):\n%s", file, got)
	}
}
