package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/waybill-dev/waybill/internal/action/runnertest"
	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

func mirror(ts *testscript.TestScript, _ bool, _ []string) {
	j := jobOf(ts)
	j.gh.AddUser(githubtest.User{Login: "hubot", ID: 480938})
	ts.Check(j.repo.ReadFrom(filepath.Join(ts.Getenv("WORK"), "origin.git")))
	j.repo.Protect("main", true)
}

func addEnvironment(ts *testscript.TestScript, _ bool, args []string) {
	jobOf(ts).repo.AddEnvironment(githubtest.Environment{Name: args[0], Reviewers: args[1:], PreventSelfReview: true, ProtectedBranches: true})
}

// dispatch is a workflow_dispatch on main, and what actions/checkout does.
func dispatch(ts *testscript.TestScript, _ bool, args []string) {
	j := jobOf(ts)
	head := git(ts, filepath.Join(ts.Getenv("WORK"), "origin.git"), "rev-parse", "main")
	j.run = j.repo.AddRun(githubtest.Run{Event: "workflow_dispatch", Actor: args[0], HeadBranch: "main", HeadSHA: head, Workflow: ".github/workflows/promote.yml"})
	setEvent(ts, "workflow_dispatch", map[string]any{"ref": "refs/heads/main", "inputs": map[string]any{}})
	for k, v := range map[string]string{
		"GITHUB_SHA": head, "GITHUB_REF": "refs/heads/main", "GITHUB_RUN_ID": strconv.FormatInt(j.run.ID, 10), "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_ACTOR": args[0], "GITHUB_WORKFLOW_REF": "acme/reviews/.github/workflows/promote.yml@refs/heads/main",
	} {
		ts.Setenv(k, v)
	}
	shallow(ts, head)
}

func review(ts *testscript.TestScript, _ bool, args []string) {
	j := jobOf(ts)
	j.run.Wait(args[0])
	ts.Check(j.run.Review(args[1], "approved", "looks good"))
}

func mergePull(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	_, err = jobOf(ts).repo.Merge(n, "squash", "octocat")
	ts.Check(err)
}

func takeOutput(ts *testscript.TestScript, _ bool, args []string) {
	pairs, err := runnertest.ParseFile([]byte(ts.ReadFile(ts.Getenv("GITHUB_OUTPUT"))), false)
	ts.Check(err)
	ts.Setenv(args[1], runnertest.Map(pairs)[args[0]])
}

func showDeployments(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	client, err := github.New(github.Options{BaseURL: jobOf(ts).gh.URL, Repository: "acme/reviews", Token: githubtest.AdminToken, HTTP: http.DefaultClient, Now: time.Now})
	ts.Check(err)
	all, err := client.Deployments(ctx, args[0], "")
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d deployments\n", len(all))
	for _, d := range all {
		statuses, err := client.DeploymentStatuses(ctx, d.ID)
		ts.Check(err)
		state := "none"
		if len(statuses) > 0 {
			state = statuses[0].State
		}
		fmt.Fprintf(ts.Stdout(), "%s: %s, %s\n", d.Description, d.Task, state)
	}
}
