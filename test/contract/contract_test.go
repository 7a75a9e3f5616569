package contract

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// flavours are the descriptions and the servers that they describe.
var flavours = []struct {
	name    string
	options []githubtest.Option
}{
	{"api.github.com", nil},
	{"ghes-3.17", []githubtest.Option{githubtest.WithEnterprise()}},
}

// fixture is a repository with something of everything.
type fixture struct {
	*testing.T
	v      *validator
	gh     *githubtest.Server
	repo   *githubtest.Repository
	base   string
	pr     githubtest.PullRequest
	run    *githubtest.Run
	zip    githubtest.Artifact
	rules  int64
	client *github.Client
}

func newFixture(t *testing.T, name string, options ...githubtest.Option) *fixture {
	f := &fixture{T: t, v: newValidator(t, name)}
	f.gh = githubtest.New(t, append(slices.Clone(options), githubtest.WithMiddleware(f.v.wrap))...)
	f.repo = f.gh.Repository("acme", "reviews")
	f.base = f.repo.Commit("main", "start", map[string]string{"waybill.yaml": "kind: Project\n", "data/a.csv": "1\n"})
	fork := f.repo.Fork("mallory")
	fork.Commit("better", "retrain", map[string]string{"models/m/model.yaml": "kind: Model\n", "data/a.csv": githubtest.Removed})
	f.pr = f.repo.OpenPullRequest(githubtest.PullRequest{Title: "Retrain", Body: "Better.", Head: "better", HeadOwner: "mallory"})
	f.repo.AddEnvironment(githubtest.Environment{
		Name: "production", Reviewers: []string{"octocat"}, PreventSelfReview: true, CanAdminsBypass: true, WaitMinutes: 5, Policies: []string{"main", "tag:v*"}})
	f.run = f.repo.AddRun(githubtest.Run{Event: "workflow_dispatch", Actor: "acme"})
	f.zip = f.run.AddArtifact("report", map[string]string{"report.json": "{}"})
	f.rules = f.repo.AddRuleset(githubtest.Ruleset{Name: "ledger", Include: []string{"refs/heads/waybill/ledger"}, Rules: []map[string]any{
		{"type": "deletion"}, {"type": "non_fast_forward"}, {"type": "max_file_size", "parameters": map[string]any{"max_file_size": 100}}}})
	client, err := github.New(github.Options{
		BaseURL: f.gh.URL, UploadURL: f.gh.UploadURL, Repository: "acme/reviews", Token: githubtest.AdminToken, HTTP: http.DefaultClient, Now: time.Now,
		Sleep: func(context.Context, time.Duration) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	f.client = client
	return f
}

// checked fails with the problems that what was done has caused.
func (f *fixture) checked(what string, err error) {
	f.Helper()
	if err != nil {
		f.Errorf("%s: %v", what, err)
	}
	for _, p := range f.v.take() {
		f.Errorf("%s: %s", what, p)
	}
}

// TestContract does everything that the client can, then sends what it does
// not, until every endpoint of the description has been answered.
func TestContract(t *testing.T) {
	for _, flavour := range flavours {
		t.Run(flavour.name, func(t *testing.T) {
			f := newFixture(t, flavour.name, flavour.options...)
			f.reviews()
			f.checkRuns()
			f.files()
			f.gates()
			f.history()
			f.runs()
			f.updates()
			f.releases()
			f.settings()
			f.raw()
			for path, item := range f.v.doc.Paths.Map() {
				for method := range item.Operations() {
					if !f.v.answered[method+" "+path] {
						t.Errorf("%s %s: nothing here was answered by it; add it to the table in raw", method, path)
					}
				}
			}
		})
	}
}

func (f *fixture) reviews() {
	ctx, c := context.Background(), f.client
	_, err := c.Repository(ctx)
	f.checked("Repository", err)
	_, err = c.Self(ctx)
	f.checked("Self", err)
	pr, err := c.PullRequest(ctx, f.pr.Number)
	f.checked("PullRequest", err)
	if pr.Head.SHA != f.pr.HeadSHA || !pr.Fork {
		f.Errorf("PullRequest: %+v", pr)
	}
	found, err := c.PullRequestsByHead(ctx, "mallory", "better")
	f.checked("PullRequestsByHead", err)
	if len(found) != 1 {
		f.Errorf("PullRequestsByHead: %d pull requests", len(found))
	}
	files, err := c.ChangedFiles(ctx, f.pr.Number)
	f.checked("ChangedFiles", err)
	if len(files) != 2 {
		f.Errorf("ChangedFiles: %+v", files)
	}
	comment, err := c.CreateComment(ctx, f.pr.Number, "<!-- waybill -->\nhello")
	f.checked("CreateComment", err)
	_, err = c.EditComment(ctx, comment.ID, "<!-- waybill -->\nagain")
	f.checked("EditComment", err)
	list, err := c.Comments(ctx, f.pr.Number)
	f.checked("Comments", err)
	if len(list) != 1 || !strings.HasSuffix(list[0].Body, "again") {
		f.Errorf("Comments: %+v", list)
	}
	f.checked("DeleteComment", c.DeleteComment(ctx, comment.ID))
	for _, p := range []forge.Permission{forge.ToComment, forge.ToCheck, forge.ToWriteContents} {
		can, err := c.Can(ctx, p, f.pr.Number)
		f.checked("Can "+string(p), err)
		if !can {
			f.Errorf("Can %s: no", p)
		}
	}
}

func (f *fixture) checkRuns() {
	ctx := context.Background()
	check := forge.CheckRun{
		Name: "waybill", HeadSHA: f.pr.HeadSHA, Status: forge.StatusInProgress, Title: "PASS", Summary: "Good.", Text: "All of it.",
		ExternalID: "run-1", DetailsURL: "https://example.com/runs/1",
	}
	made, err := f.client.CreateCheckRun(ctx, check)
	f.checked("CreateCheckRun", err)
	for i := range 120 {
		check.Annotations = append(check.Annotations, forge.Annotation{
			Path: "models/m/model.yaml", StartLine: i + 1, StartColumn: 2, EndColumn: 3, Level: forge.LevelWarning, Title: "t", Message: "m", RawDetails: "r"})
	}
	check.ID, check.Status, check.Conclusion = made.ID, forge.StatusCompleted, forge.ConclusionActionRequired
	_, err = f.client.UpdateCheckRun(ctx, check)
	f.checked("UpdateCheckRun", err)
	runs, err := f.client.ListCheckRuns(ctx, f.pr.HeadSHA, "waybill")
	f.checked("ListCheckRuns", err)
	if got := f.repo.CheckRuns(f.pr.HeadSHA); len(runs) != 1 || len(got) != 1 || len(got[0].Annotations) != 120 {
		f.Errorf("ListCheckRuns: %+v", runs)
	}
}

func (f *fixture) files() {
	ctx, c := context.Background(), f.client
	artifacts, err := c.RunArtifacts(ctx, f.run.ID)
	f.checked("RunArtifacts", err)
	if len(artifacts) != 1 {
		f.Fatalf("RunArtifacts: %+v", artifacts)
	}
	zip, err := c.DownloadArtifact(ctx, artifacts[0].ID, 1<<20)
	f.checked("DownloadArtifact", err)
	if !bytes.Equal(zip, f.zip.Zip) {
		f.Errorf("DownloadArtifact: %d bytes", len(zip))
	}
	text, err := c.Contents(ctx, "waybill.yaml", "main", 1<<20)
	f.checked("Contents", err)
	if string(text) != "kind: Project\n" {
		f.Errorf("Contents: %q", text)
	}
	head, err := c.BranchHead(ctx, "main")
	f.checked("BranchHead", err)
	_, err = c.CommitFiles(ctx, "locks/new", head, map[string][]byte{"models/m/model.lock.json": []byte("{}\n"), "bin": {0, 255}}, "Lock\n")
	f.checked("CommitFiles to a new branch", err)
	next, err := c.CommitFiles(ctx, "main", head, map[string][]byte{"models/m/model.lock.json": []byte("{}\n"), "data/a.csv": nil}, "Lock\n")
	f.checked("CommitFiles", err)
	if f.repo.Ref("refs/heads/main") != next {
		f.Errorf("CommitFiles: main is at %s, want %s", f.repo.Ref("refs/heads/main"), next)
	}
	pr, err := c.CreatePullRequest(ctx, forge.NewPullRequest{Title: "Lock", Body: "b", Head: "locks/new", Base: "main"})
	f.checked("CreatePullRequest", err)
	again, err := c.FindPullRequest(ctx, "locks/new", "main")
	f.checked("FindPullRequest", err)
	if again.Number != pr.Number {
		f.Errorf("FindPullRequest: %d, want %d", again.Number, pr.Number)
	}
}

func (f *fixture) gates() {
	ctx, c := context.Background(), f.client
	f.run.Wait("production")
	pending, err := c.PendingDeployments(ctx, f.run.ID)
	f.checked("PendingDeployments", err)
	if len(pending) != 1 || !pending[0].CanApprove {
		f.Errorf("PendingDeployments: %+v", pending)
	}
	environments, err := c.Environments(ctx)
	f.checked("Environments", err)
	production, err := c.Environment(ctx, "production")
	f.checked("Environment", err)
	if len(environments) != 1 || len(production.Policies) != 2 || !production.PreventSelfReview || !production.CanAdminsBypass {
		f.Errorf("Environment: %+v", production)
	}
	f.send("POST", fmt.Sprintf("/repos/acme/reviews/actions/runs/%d/pending_deployments", f.run.ID), 200,
		map[string]any{"environment_ids": []int64{production.ID}, "state": "approved", "comment": "go"})
	if status, _ := f.run.State(); status != "in_progress" {
		f.Errorf("after approval the run is %s", status)
	}
	approvals, err := c.Approvals(ctx, f.run.ID)
	f.checked("Approvals", err)
	if len(approvals) != 1 || approvals[0].User.Login != "octocat" {
		f.Errorf("Approvals: %+v", approvals)
	}
	rules, err := c.BranchRules(ctx, "waybill/ledger")
	f.checked("BranchRules", err)
	if len(rules) != 3 {
		f.Errorf("BranchRules: %+v", rules)
	}
	d, err := c.CreateDeployment(ctx, forge.Deployment{SHA: f.base, Ref: f.base, Task: "deploy", Environment: "production", Description: "d"})
	f.checked("CreateDeployment", err)
	_, err = c.CreateDeploymentStatus(ctx, d.ID, forge.DeploymentStatus{State: "success", Description: "d", LogURL: "https://example.com/l"})
	f.checked("CreateDeploymentStatus", err)
	_, err = c.DeploymentStatuses(ctx, d.ID)
	f.checked("DeploymentStatuses", err)
	_, err = c.Deployments(ctx, "production", f.base)
	f.checked("Deployments", err)
	f.send("GET", fmt.Sprintf("/repos/acme/reviews/deployments/%d", d.ID), 200, nil)
}

func (f *fixture) releases() {
	ctx, c := context.Background(), f.client
	r, err := c.CreateRelease(ctx, forge.Release{Tag: "m@v1.0.0", Target: f.base, Name: "m 1.0.0", Body: "b"})
	f.checked("CreateRelease", err)
	_, err = c.UpdateDraft(ctx, r.ID, forge.Release{Tag: "m@v1.0.0", Target: f.base, Name: "m 1.0.0", Body: "c"})
	f.checked("UpdateDraft", err)
	_, err = c.UploadAsset(ctx, r.ID, "report.html", "text/html", []byte("<p>"), "")
	f.checked("UploadAsset", err)
	_, err = c.PublishRelease(ctx, r.ID, true)
	f.checked("PublishRelease", err)
	byTag, err := c.ReleaseByTag(ctx, "m@v1.0.0")
	f.checked("ReleaseByTag", err)
	if byTag.Body != "c" || byTag.Draft {
		f.Errorf("ReleaseByTag: %+v", byTag)
	}
	r, err = c.Release(ctx, "m@v1.0.0")
	f.checked("Release", err)
	if len(r.Assets) != 1 || r.Draft {
		f.Fatalf("Release: %+v", r)
	}
	asset := fmt.Sprintf("/repos/acme/reviews/releases/assets/%d", r.Assets[0].ID)
	f.send("GET", asset, 200, nil)
	f.send("GET", fmt.Sprintf("/repos/acme/reviews/releases/%d/assets", r.ID), 200, nil)
	f.send("DELETE", asset, 204, nil)
	f.send("GET", "/repos/acme/reviews/releases/latest", 200, nil)
	f.send("GET", "/repos/acme/reviews/releases/tags/m@v1.0.0", 200, nil)
	f.send("GET", fmt.Sprintf("/repos/acme/reviews/releases/%d", r.ID), 200, nil)
	f.send("DELETE", fmt.Sprintf("/repos/acme/reviews/releases/%d", r.ID), 204, nil)
}
