package act

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mayTrain is what train.yml of the example gives its token.
var mayTrain = map[string]string{"contents": "write", "pull_requests": "write", "packages": "write"}

// TestExampleSentiment is a newcomer's first day: examples/sentiment as a
// repository, trained by its workflow, whose pull request its other workflow
// checks.
func TestExampleSentiment(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not here: the example trains with it")
	}
	l := newLab(t)
	l.run(l.dir, "cp", "-r", filepath.Join(root(t), "examples", "sentiment")+"/.", l.work)
	file := filepath.Join(l.work, "waybill.yaml")
	text, err := os.ReadFile(file)
	l.check(err)
	l.write(file, regexp.MustCompile(`(?m)^registry: .*`).ReplaceAllString(string(text), "registry: "+l.registry))
	l.waybill("init", "--github") // keeps what the example has
	main := l.push("main", "Start")

	// What act checks out is what a runner does; the commit is made through the API.
	trained := l.act(job{event: "push", workflow: "train.yml", sha: main, permissions: mayTrain, payload: object{
		"ref": "refs/heads/main", "before": strings.Repeat("0", 40), "after": main, "repository": repository(owner, false)}})
	l.want(trained, true)
	all := l.repo.PullRequests()
	if len(all) != 1 || all[0].Base != "main" {
		t.Fatalf("pull requests after the training: %+v\n%s", all, trained.log)
	}
	l.atMost(trained, 25)
	opened := all[0]
	for _, name := range []string{"models/sentiment/model.lock.json", "datasets/reviews/dataset.lock.json"} {
		content, ok := l.repo.File("refs/heads/"+opened.Head, name)
		if !ok {
			t.Fatalf("branch %s has no %s", opened.Head, name)
		}
		l.put(name, content)
	}

	// The fake GitHub holds no packs, so that the branch is made again in Git.
	l.push("locks", "Trained")
	pr := l.open("locks", owner)
	d := l.act(l.pullRequest(pr, "opened"))
	l.want(d, true)
	l.contains(l.comment(pr).Body, "waybill: PASS", "sentiment", "accuracy")
	l.golden("example-sentiment", l.comment(pr).Body)

	// Trained again without a change: neither a commit nor a pull request.
	again := l.act(job{event: "workflow_dispatch", workflow: "train.yml", sha: l.push("main", "Merge"), permissions: mayTrain,
		payload: object{"ref": "refs/heads/main", "repository": repository(owner, false)}})
	l.want(again, true)
	if n := len(l.repo.PullRequests()); n != 2 {
		t.Errorf("%d pull requests, 2 were there before nothing changed:\n%s", n, again.log)
	}
}

// TestExamplesAreRun fails for a workflow of examples/ that no test runs.
func TestExamplesAreRun(t *testing.T) {
	ran := map[string]bool{"sentiment/train.yml": true, "sentiment/waybill-check.yml": true, "sentiment/waybill-comment.yml": true,
		"sentiment/waybill-release.yml": true, "sentiment/waybill-promote.yml": true, "sentiment/waybill-rollback.yml": true} // TestRelease
	files, err := filepath.Glob(filepath.Join(root(t), "examples", "*", ".github", "workflows", "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflows in examples: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(file)))) + "/" + filepath.Base(file)
		if !ran[name] {
			t.Errorf("no test here runs examples/%s", name)
		}
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
