package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// commitFromElsewhere is what somebody else does to a branch: somebody BRANCH
// FILE… takes the files as they are here on top of the commit checked out.
func commitFromElsewhere(ts *testscript.TestScript, _ bool, args []string) {
	dir, files := filepath.Join(ts.Getenv("WORK"), "checkout"), map[string]string{}
	for _, name := range strings.Fields(git(ts, dir, "ls-tree", "-r", "--name-only", "HEAD")) {
		files[name] = git(ts, dir, "show", "HEAD:"+name) + "\n"
	}
	for _, name := range args[1:] {
		files[filepath.ToSlash(name)] = ts.ReadFile(filepath.Join(dir, name))
	}
	jobOf(ts).repo.Commit(args[0], "somebody else", files)
}

// showBranch prints a file of a branch at the forge.
func showBranch(ts *testscript.TestScript, neg bool, args []string) {
	text, there := jobOf(ts).repo.File("refs/heads/"+args[0], args[1])
	if there == neg {
		ts.Fatalf("%s of branch %s: there is %t", args[1], args[0], there)
	}
	fmt.Fprint(ts.Stdout(), text)
}

func showPullRequests(ts *testscript.TestScript, _ bool, _ []string) {
	all := jobOf(ts).repo.PullRequests()
	fmt.Fprintf(ts.Stdout(), "%d pull requests\n", len(all))
	for _, pr := range all {
		fmt.Fprintf(ts.Stdout(), "%s: from %s to %s, %s, by %s\n%s\n", pr.Title, pr.Head, pr.Base, pr.State, pr.Author, pr.Body)
	}
}

// allowPulls is the setting that lets workflows open pull requests.
func allowPulls(ts *testscript.TestScript, neg bool, _ []string) {
	jobOf(ts).repo.TokenMayOpenPulls = !neg
}

func newArtifactsFile(ts *testscript.TestScript, _ bool, _ []string) {
	file := filepath.Join(ts.Getenv("WORK"), "runner", "GITHUB_ARTIFACTS")
	ts.Check(os.WriteFile(file, nil, 0o644))
	ts.Setenv("GITHUB_ARTIFACTS", file)
}
