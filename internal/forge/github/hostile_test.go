package github_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/forge/github"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reader(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

// says is a client whose every answer is text.
func says(t testing.TB, status int, text string) *github.Client {
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: reader(text), Request: r}, nil
	})
	c, err := github.New(github.Options{
		Repository: "acme/reviews", Token: token, HTTP: &http.Client{Transport: transport}, Now: func() time.Time { return start },
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// everything calls each method that reads an answer.
func everything(c *github.Client) []error {
	var errs []error
	keep := func(_ any, err error) { errs = append(errs, err) }
	keep(c.Repository(ctx))
	keep(c.Self(ctx))
	keep(c.PullRequest(ctx, 7))
	keep(c.PullRequestsByHead(ctx, "acme", "topic"))
	keep(c.FindPullRequest(ctx, "topic", "main"))
	keep(c.CreatePullRequest(ctx, forge.NewPullRequest{Title: "t", Head: "topic", Base: "main"}))
	keep(c.ChangedFiles(ctx, 7))
	keep(c.Comments(ctx, 7))
	keep(c.CreateComment(ctx, 7, "x"))
	keep(c.EditComment(ctx, 7, "x"))
	keep(c.CreateCheckRun(ctx, forge.CheckRun{Name: "waybill", HeadSHA: shaA, ExternalID: "1"}))
	keep(c.ListCheckRuns(ctx, shaA, "waybill"))
	keep(c.RunArtifacts(ctx, 1))
	keep(c.DownloadArtifact(ctx, 1, 100))
	keep(c.BranchHead(ctx, "main"))
	keep(c.CommitFiles(ctx, "main", shaA, map[string][]byte{"a": []byte("b")}, "m"))
	keep(c.ReplaceBranch(ctx, "waybill/deploy", forge.Base{Commit: shaA}, map[string][]byte{"a": []byte("b")}, "m"))
	keep(c.Run(ctx, 1))
	keep(c.BranchProtected(ctx, "main"))
	keep(c.Commits(ctx, shaA, "a", 3))
	keep(c.PullRequestsOfCommit(ctx, shaA))
	keep(c.PullRequestCommits(ctx, 7))
	keep(c.Reviews(ctx, 7))
	keep(c.Approvals(ctx, 1))
	keep(c.PendingDeployments(ctx, 1))
	keep(c.Environments(ctx))
	keep(c.Environment(ctx, "production"))
	keep(c.BranchRules(ctx, "main"))
	keep(c.Deployments(ctx, "production", shaA))
	keep(c.DeploymentsOf(ctx, "production", "t"))
	keep(c.CreateDeployment(ctx, forge.Deployment{SHA: shaA, Environment: "production", Task: "t"}))
	keep(c.DeploymentStatuses(ctx, 1))
	keep(c.CreateDeploymentStatus(ctx, 1, forge.DeploymentStatus{State: "success"}))
	keep(c.Release(ctx, "v1"))
	keep(c.CreateRelease(ctx, forge.Release{Tag: "v1"}))
	keep(c.ReleaseByTag(ctx, "v1"))
	keep(c.UpdateDraft(ctx, 1, forge.Release{Tag: "v1"}))
	keep(c.PublishRelease(ctx, 1, true))
	keep(c.UploadAsset(ctx, 1, "a", "text/plain", []byte("x"), ""))
	return errs
}

func TestHostileAnswers(t *testing.T) {
	for name, text := range map[string]string{
		"HTML":         "<html>sign in</html>",
		"a number":     "7",
		"wrong types":  `{"id":"x","number":[],"object":7}`,
		"a huge thing": strings.Repeat(" ", 16<<20+1),
		"deep":         strings.Repeat("[", 20_000),
		"half":         `{"number":7,"he`,
		"null":         `null`,
	} {
		t.Run(name, func(t *testing.T) {
			for i, err := range everything(says(t, 200, text)) {
				if err == nil {
					t.Errorf("method %d made sense of it", i)
				} else if len(err.Error()) > 1000 {
					t.Errorf("method %d wrote an error of %d bytes", i, len(err.Error()))
				}
			}
		})
	}
	_, err := says(t, 200, "<html>").PullRequest(ctx, 7)
	wants(t, err, "read pull request 7 of acme/reviews", "is GITHUB_API_URL right?")
	_, err = says(t, 200, strings.Repeat(" ", 16<<20+1)).PullRequest(ctx, 7)
	wants(t, err, "larger than 16777216 bytes")
}

func TestImpossibleAnswers(t *testing.T) {
	for name, text := range map[string]string{
		"a pull request has the number -7": `{"number":-7}`,
		"it is about pull request 8":       `{"number":8,"head":{"ref":"a","sha":"` + shaA + `"},"base":{"ref":"b","sha":"` + shaB + `"}}`,
		"has no commits":                   `{"number":7,"head":{"ref":"a","sha":"../../x"},"base":{"ref":"b"}}`,
		"has no branches":                  `{"number":7,"head":{"ref":"","sha":"` + shaA + `"},"base":{"ref":"b","sha":"` + shaB + `"}}`,
	} {
		_, err := says(t, 200, text).PullRequest(ctx, 7)
		wants(t, err, "not what GitHub's API describes", name)
	}
	_, err := says(t, 200, `[{"id":-1,"body":"x"}]`).Comments(ctx, 7)
	wants(t, err, "a comment has the id -1")
	_, err = says(t, 200, `[null]`).Comments(ctx, 7)
	wants(t, err, "a comment has the id 0")
	_, err = says(t, 200, `{"check_runs":[null]}`).ListCheckRuns(ctx, shaA, "")
	wants(t, err, "a check run has the id 0")
	_, err = says(t, 200, `{"artifacts":[{"id":1,"name":"x","size_in_bytes":-5}]}`).RunArtifacts(ctx, 1)
	wants(t, err, "-5 bytes")
	_, err = says(t, 200, `{"artifacts":[{"id":1,"name":"x","workflow_run":{"id":2}}]}`).RunArtifacts(ctx, 1)
	wants(t, err, "run 2")
	_, err = says(t, 200, `{"ref":"refs/heads/other","object":{"sha":"`+shaA+`"}}`).BranchHead(ctx, "main")
	wants(t, err, `it is about "refs/heads/other"`)
	_, err = says(t, 422, `{"message":"bad","errors":"a text\nof another shape"}`).EditComment(ctx, 1, "x")
	wants(t, err, "edit comment 1 of acme/reviews: 422")
	_, err = says(t, 403, strings.Repeat("x", 1<<20)).PullRequest(ctx, 7)
	wants(t, err, "403")
}

func TestArgumentsAreChecked(t *testing.T) {
	c := says(t, 200, `{}`)
	for _, branch := range []string{"", "..", "a..b", "-x", "a b", "a\nb", "a//b", "/a", "a.lock", "a?b", strings.Repeat("a", 300)} {
		if _, err := c.BranchHead(ctx, branch); err == nil || !strings.Contains(err.Error(), "no name of a branch") {
			t.Errorf("branch %q: %v", branch, err)
		}
		if _, err := c.PullRequestsByHead(ctx, "acme", branch); err == nil {
			t.Errorf("head %q was asked for", branch)
		}
	}
	for _, path := range []string{"", "/etc/passwd", "../x", "a/../b", "a//b", ".git/config", "a/.GIT/x", "a\\b", "a\x00"} {
		if _, err := c.Contents(ctx, path, "", 10); err == nil || !strings.Contains(err.Error(), "no path within a repository") {
			t.Errorf("path %q: %v", path, err)
		}
	}
	if _, err := c.PullRequest(ctx, 0); err == nil {
		t.Error("there is no pull request 0")
	}
	if _, err := c.CreateComment(ctx, 7, strings.Repeat("x", 262_145)); err == nil {
		t.Error("a comment that GitHub refuses was sent")
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(200, `{"number":7,"id":1}`)
	f.Add(200, `[{"id":1,"user":null}]`)
	f.Add(200, `{"total_count":1,"check_runs":[{"id":1,"head_sha":"`+shaA+`","output":null}],"artifacts":[],"environments":[{}]}`)
	f.Add(404, `{"message":"Not Found"}`)
	f.Add(422, `{"errors":[{"message":"x"}]}`)
	f.Add(502, ``)
	f.Fuzz(func(t *testing.T, status int, text string) {
		if status < 200 || status > 599 {
			return
		}
		for _, err := range everything(says(t, status, text)) {
			if err != nil && len(err.Error()) > 5000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			if status >= 400 && err == nil {
				t.Errorf("status %d is no error", status)
			}
		}
	})
}
