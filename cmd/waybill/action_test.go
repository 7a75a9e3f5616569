package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/waybill-dev/waybill/internal/action/runnertest"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

// TestActionScripts runs what the actions run, as steps of a workflow: against a
// GitHub in memory, with outputs read by the runner's rules. Besides waybill the
// scripts of testdata/action have
//
//	github [enterprise]        starts GitHub with the repository acme/reviews
//	token NAME=LEVEL…          makes the job's token, with only these permissions
//	pull-request BRANCH [FORK] opens one from a pushed branch, of a fork's owner
//	checkout [head] [stale]    the event pull_request, which may be older than what
//	                           main is now, and its checkout, of depth 1
//	merge-group, push-event    other events, at the commit that is checked out
//	left FILE…                 ends the run with an artifact of these files
//	fault 'METHOD PATH' STATUS GitHub fails so, until heal
//	step                       begins a step: new files of the runner
//	outputs, summary           what the runner read of the step
//	commands                   those in the standard output just before
//	comments, check-runs       what there is on the pull request
//	requests                   method and path of what was asked, since step
//	somebody BRANCH FILE…      another person's commit with these files
//	branch BRANCH FILE         prints a file of a branch, ! when it is not there
//	pull-requests              those there are; [!] allow-pull-requests is the setting
//	artifacts-file             the runner takes GITHUB_ARTIFACTS
//	releases [TAG…]            those there are, with the notes of TAG
//	immutable-releases         the setting
//	mirror                     GitHub has what origin.git has, from now on
//	environment NAME LOGIN…    one that is protected as it must be, with these reviewers
//	dispatch LOGIN             somebody starts a workflow on main, by hand, and its
//	                           checkout, of depth 1
//	review ENVIRONMENT LOGIN   the run waits for an environment, and somebody approves it
//	merge NUMBER               squashes a pull request
//	take OUTPUT VARIABLE       what a step gave out becomes a variable
//	close-branch BRANCH        a ruleset lets nobody commit onto it
//	deployments ENVIRONMENT    those there are: description, task and newest status
func TestActionScripts(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "action"),
		Setup: func(env *testscript.Env) error {
			for _, kv := range [][2]string{
				{"GIT_CONFIG_GLOBAL", "/dev/null"}, {"GIT_CONFIG_SYSTEM", "/dev/null"}, {"GIT_TERMINAL_PROMPT", "0"},
				{"GIT_AUTHOR_NAME", "Ada"}, {"GIT_AUTHOR_EMAIL", "ada@example.com"},
				{"GIT_COMMITTER_NAME", "Ada"}, {"GIT_COMMITTER_EMAIL", "ada@example.com"},
				{"HOME", filepath.Join(env.WorkDir, "home")}, {"NO_COLOR", "1"}, {"GITHUB_ACTIONS", ""}, {"GITHUB_TOKEN", ""},
			} {
				env.Setenv(kv[0], kv[1])
			}
			reg, stop := testregistry.Start()
			env.Defer(stop)
			env.Setenv("REGISTRY", reg.URL)
			env.Values["job"] = &job{}
			return os.MkdirAll(filepath.Join(env.WorkDir, "home"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"github": startGitHub, "token": makeToken, "pull-request": openPullRequest, "checkout": checkOut, "left": leave, "step": beginStep,
			"fault": fail, "heal": func(ts *testscript.TestScript, _ bool, _ []string) { jobOf(ts).gh.Heal() },
			"merge-group": mergeGroup, "push-event": pushEvent,
			"outputs": showOutputs, "summary": showSummary, "commands": showCommands,
			"somebody": commitFromElsewhere, "branch": showBranch, "pull-requests": showPullRequests, "allow-pull-requests": allowPulls, "artifacts-file": newArtifactsFile,
			"mirror": mirror, "environment": addEnvironment, "dispatch": dispatch, "review": review, "merge": mergePull, "deployments": showDeployments, "take": takeOutput,
			"releases": showReleases, "immutable-releases": immutableReleases,
			"close-branch": closeBranch,
			"comments":     showComments, "check-runs": showCheckRuns, "requests": showRequests,
		},
		UpdateScripts: os.Getenv("UPDATE") != "",
	})
}

// job is the workflow that a script plays.
type job struct {
	gh     *githubtest.Server
	repo   *githubtest.Repository
	pr     githubtest.PullRequest
	branch string
	asked  int // requests before the step
	run    *githubtest.Run
	tokens int
}

func jobOf(ts *testscript.TestScript) *job { return ts.Value("job").(*job) }

func startGitHub(ts *testscript.TestScript, _ bool, args []string) {
	var options []githubtest.Option
	if slices.Contains(args, "enterprise") {
		options = append(options, githubtest.WithEnterprise())
	}
	j := jobOf(ts)
	var err error
	j.gh, err = githubtest.Serve("127.0.0.1:0", options...)
	ts.Check(err)
	ts.Defer(j.gh.Close)
	j.repo = j.gh.Repository("acme", "reviews")
	for k, v := range map[string]string{
		"GITHUB_API_URL": j.gh.URL, "GITHUB_SERVER_URL": "https://github.com", "GITHUB_GRAPHQL_URL": j.gh.GraphQLURL,
		"GITHUB_REPOSITORY": "acme/reviews", "GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_ACTOR": "octocat", "GITHUB_ACTOR_ID": "583231",
	} {
		ts.Setenv(k, v)
	}
}

func fail(ts *testscript.TestScript, _ bool, args []string) {
	status, err := strconv.Atoi(args[1])
	ts.Check(err)
	jobOf(ts).gh.Fail(args[0], githubtest.Fault{Status: status})
}

func makeToken(ts *testscript.TestScript, _ bool, args []string) {
	j, permissions := jobOf(ts), map[string]string{}
	for _, a := range args {
		name, level, _ := strings.Cut(a, "=")
		permissions[name] = level
	}
	j.tokens++
	secret := "ghs_" + strconv.Itoa(j.tokens)
	j.gh.AddToken(secret, githubtest.Token{Permissions: permissions})
	ts.Setenv("INPUT_TOKEN", secret)
}

func git(ts *testscript.TestScript, dir string, args ...string) string {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=GitHub", "GIT_COMMITTER_EMAIL=noreply@github.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		ts.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func openPullRequest(ts *testscript.TestScript, _ bool, args []string) {
	j, origin := jobOf(ts), ts.MkAbs(ts.Getenv("WORK")+"/origin.git")
	j.branch = args[0]
	pr := githubtest.PullRequest{Title: "Change", Head: args[0], Base: "main",
		HeadSHA: git(ts, origin, "rev-parse", args[0]), BaseSHA: git(ts, origin, "rev-parse", "main")}
	if len(args) > 1 {
		j.repo.Fork(args[1])
		pr.HeadOwner = args[1]
	}
	j.pr = j.repo.OpenPullRequest(pr)
}

// checkOut is what GitHub and actions/checkout do before a step.
func checkOut(ts *testscript.TestScript, _ bool, args []string) {
	j, work := jobOf(ts), ts.Getenv("WORK")
	origin := filepath.Join(work, "origin.git")
	base, head := git(ts, origin, "rev-parse", "main"), git(ts, origin, "rev-parse", j.branch)
	j.repo.UpdatePullRequest(j.pr.Number, func(pr *githubtest.PullRequest) { pr.HeadSHA, pr.BaseSHA = head, base })
	tree := git(ts, origin, "merge-tree", "--write-tree", "main", j.branch)
	merge := git(ts, origin, "commit-tree", tree, "-p", base, "-p", head, "-m", "Merge")
	git(ts, origin, "update-ref", fmt.Sprintf("refs/pull/%d/merge", j.pr.Number), merge)
	what := merge
	if slices.Contains(args, "head") {
		what = head
	}
	if slices.Contains(args, "stale") { // the event is older than the merge commit
		base = git(ts, origin, "merge-base", base, head)
	}
	shallow(ts, what)
	repo := func(owner string) any {
		return map[string]any{"name": "reviews", "owner": map[string]any{"login": owner}}
	}
	setEvent(ts, "pull_request", map[string]any{"pull_request": map[string]any{
		"number": j.pr.Number, "user": map[string]any{"login": "ada", "id": 5},
		"head": map[string]any{"sha": head, "ref": j.branch, "repo": repo(j.pr.HeadOwner)},
		"base": map[string]any{"sha": base, "ref": "main", "repo": repo("acme")}}})
	ts.Setenv("GITHUB_SHA", merge)
	ts.Setenv("GITHUB_BASE_REF", "main")
	ts.Setenv("GITHUB_REF", fmt.Sprintf("refs/pull/%d/merge", j.pr.Number))
}

// shallow checks a commit out in $WORK/checkout, without history.
func shallow(ts *testscript.TestScript, commit string) {
	dir := filepath.Join(ts.Getenv("WORK"), "checkout")
	ts.Check(os.RemoveAll(dir))
	ts.Check(os.MkdirAll(dir, 0o755))
	origin := filepath.Join(ts.Getenv("WORK"), "origin.git")
	git(ts, origin, "config", "uploadpack.allowAnySHA1InWant", "true")
	git(ts, dir, "init", "-q")
	git(ts, dir, "remote", "add", "origin", "file://"+filepath.ToSlash(origin))
	git(ts, dir, "fetch", "-q", "--depth=1", "origin", commit)
	git(ts, dir, "checkout", "-q", "--detach", "FETCH_HEAD")
	ts.Check(ts.Chdir(dir))
	beginStep(ts, false, nil)
}

func setEvent(ts *testscript.TestScript, name string, payload map[string]any) {
	data, err := json.Marshal(payload)
	ts.Check(err)
	file := filepath.Join(ts.Getenv("WORK"), "event.json")
	ts.Check(os.WriteFile(file, data, 0o644))
	for k, v := range map[string]string{"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": file, "GITHUB_BASE_REF": "", "GITHUB_ACTIONS": "true",
		"GITHUB_WORKSPACE": filepath.Join(ts.Getenv("WORK"), "checkout")} {
		ts.Setenv(k, v)
	}
}

func mergeGroup(ts *testscript.TestScript, _ bool, _ []string) {
	origin := filepath.Join(ts.Getenv("WORK"), "origin.git")
	merge := git(ts, origin, "rev-parse", fmt.Sprintf("refs/pull/%d/merge", jobOf(ts).pr.Number))
	jobOf(ts).repo.SetBranch("gh-readonly-queue/main/pr-1", merge)
	shallow(ts, merge)
	setEvent(ts, "merge_group", map[string]any{"merge_group": map[string]any{"head_sha": merge, "head_ref": "refs/heads/gh-readonly-queue/main/pr-1",
		"base_sha": git(ts, origin, "rev-parse", "main"), "base_ref": "refs/heads/main"}})
	ts.Setenv("GITHUB_SHA", merge)
}

func pushEvent(ts *testscript.TestScript, _ bool, args []string) {
	origin := filepath.Join(ts.Getenv("WORK"), "origin.git")
	head := git(ts, origin, "rev-parse", args[0])
	jobOf(ts).repo.SetBranch("main", head)
	shallow(ts, head)
	setEvent(ts, "push", map[string]any{"before": git(ts, origin, "rev-parse", args[1]), "after": head})
	ts.Setenv("GITHUB_SHA", head)
	ts.Setenv("GITHUB_REF", "refs/heads/main")
}

// leave ends the run, leaves files behind, and begins the second workflow.
func leave(ts *testscript.TestScript, _ bool, args []string) {
	j, files := jobOf(ts), map[string]string{}
	for _, a := range args {
		files[filepath.Base(a)] = ts.ReadFile(a)
	}
	pr := j.repo.PullRequests()[j.pr.Number-1]
	run := j.repo.AddRun(githubtest.Run{Event: "pull_request", HeadBranch: j.branch, HeadSHA: pr.HeadSHA, HeadOwner: pr.HeadOwner, Status: "completed", Conclusion: "failure"})
	if len(files) > 0 {
		run.AddArtifact("waybill-report", files)
	}
	setEvent(ts, "workflow_run", map[string]any{"workflow_run": map[string]any{"id": run.ID, "run_attempt": 1, "name": "waybill",
		"head_sha": pr.HeadSHA, "head_branch": j.branch, "conclusion": "failure", "event": "pull_request",
		"head_repository": map[string]any{"name": "reviews", "fork": true, "owner": map[string]any{"login": pr.HeadOwner}}}})
	dir := filepath.Join(ts.Getenv("WORK"), "empty")
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(ts.Chdir(dir))
	beginStep(ts, false, nil)
}

func beginStep(ts *testscript.TestScript, _ bool, _ []string) {
	j, temp := jobOf(ts), filepath.Join(ts.Getenv("WORK"), "runner")
	ts.Check(os.MkdirAll(temp, 0o755))
	ts.Setenv("RUNNER_TEMP", temp)
	for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		file := filepath.Join(temp, name)
		ts.Check(os.WriteFile(file, nil, 0o644))
		ts.Setenv(name, file)
	}
	if j.gh != nil {
		j.asked = len(j.gh.Requests())
	}
}

func showOutputs(ts *testscript.TestScript, _ bool, _ []string) {
	pairs, err := runnertest.ParseFile([]byte(ts.ReadFile(ts.Getenv("GITHUB_OUTPUT"))), false)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d outputs\n", len(pairs))
	for k, v := range runnertest.Map(pairs) {
		fmt.Fprintf(ts.Stdout(), "%s=%s\n", k, v)
	}
}

func showSummary(ts *testscript.TestScript, _ bool, _ []string) {
	text, err := runnertest.ParseSummary([]byte(ts.ReadFile(ts.Getenv("GITHUB_STEP_SUMMARY"))))
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), text)
}

// showCommands prints what the runner understood of the output before.
func showCommands(ts *testscript.TestScript, _ bool, _ []string) {
	for _, c := range runnertest.ParseStdout(runnertest.Lines(ts.ReadFile("stdout"))).Commands {
		fmt.Fprintf(ts.Stdout(), "%s %v %q\n", c.Name, c.Properties, c.Data)
	}
}

func showComments(ts *testscript.TestScript, _ bool, _ []string) {
	all := jobOf(ts).repo.Comments(jobOf(ts).pr.Number)
	fmt.Fprintf(ts.Stdout(), "%d comments\n", len(all))
	for _, c := range all {
		fmt.Fprintf(ts.Stdout(), "comment by %s, updated %t\n%s\n", c.Author, !c.Updated.Equal(c.Created), c.Body)
	}
}

func showCheckRuns(ts *testscript.TestScript, _ bool, _ []string) {
	j := jobOf(ts)
	sha := j.repo.PullRequests()[j.pr.Number-1].HeadSHA
	if ts.Getenv("GITHUB_EVENT_NAME") != "pull_request" {
		sha = ts.Getenv("GITHUB_SHA")
	}
	for _, c := range j.repo.CheckRuns(sha) {
		fmt.Fprintf(ts.Stdout(), "check run %s: %s, %s, %d annotations\n", c.Name, c.Conclusion, c.Title, len(c.Annotations))
	}
}

func showRequests(ts *testscript.TestScript, _ bool, _ []string) {
	all := jobOf(ts).gh.Requests()[jobOf(ts).asked:]
	for _, r := range all {
		fmt.Fprintf(ts.Stdout(), "%s %s\n", r.Method, r.Path)
	}
	fmt.Fprintf(ts.Stdout(), "%d requests\n", len(all))
}
