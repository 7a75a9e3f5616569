// Package local is the forge where there is none: a repository on a laptop or a
// server without pull requests. Every method answers forge.ErrNone.
package local

import (
	"context"
	"fmt"

	"github.com/waybill-dev/waybill/internal/forge"
)

// Forge is no forge. It has the methods of forge/github's Client, as a test
// holds it to, so that callers need no second path.
type Forge struct{}

func none(what string) error {
	return fmt.Errorf("%s: %w; run it in GitHub Actions, or set GITHUB_REPOSITORY and GITHUB_TOKEN", what, forge.ErrNone)
}

// RunArtifacts answers forge.ErrNone.
func (Forge) RunArtifacts(context.Context, int64) ([]forge.Artifact, error) {
	return nil, none("list a run's artifacts")
}

// DownloadArtifact answers forge.ErrNone.
func (Forge) DownloadArtifact(context.Context, int64, int64) ([]byte, error) {
	return nil, none("download an artifact")
}

// CreateCheckRun answers forge.ErrNone.
func (Forge) CreateCheckRun(context.Context, forge.CheckRun) (forge.CheckRun, error) {
	return forge.CheckRun{}, none("create a check run")
}

// UpdateCheckRun answers forge.ErrNone.
func (Forge) UpdateCheckRun(context.Context, forge.CheckRun) (forge.CheckRun, error) {
	return forge.CheckRun{}, none("update a check run")
}

// ListCheckRuns answers forge.ErrNone.
func (Forge) ListCheckRuns(context.Context, string, string) ([]forge.CheckRun, error) {
	return nil, none("list check runs")
}

// Comments answers forge.ErrNone.
func (Forge) Comments(context.Context, int) ([]forge.Comment, error) {
	return nil, none("list comments")
}

// CreateComment answers forge.ErrNone.
func (Forge) CreateComment(context.Context, int, string) (forge.Comment, error) {
	return forge.Comment{}, none("write a comment")
}

// EditComment answers forge.ErrNone.
func (Forge) EditComment(context.Context, int64, string) (forge.Comment, error) {
	return forge.Comment{}, none("edit a comment")
}

// DeleteComment answers forge.ErrNone.
func (Forge) DeleteComment(context.Context, int64) error {
	return none("delete a comment")
}

// BranchHead answers forge.ErrNone.
func (Forge) BranchHead(context.Context, string) (string, error) {
	return "", none("read a branch")
}

// CommitFiles answers forge.ErrNone.
func (Forge) CommitFiles(context.Context, string, string, map[string][]byte, string) (string, error) {
	return "", none("commit files")
}

// ReplaceBranch answers forge.ErrNone.
func (Forge) ReplaceBranch(context.Context, string, forge.Base, map[string][]byte, string) (string, error) {
	return "", none("commit files")
}

// Deployments answers forge.ErrNone.
func (Forge) Deployments(context.Context, string, string) ([]forge.Deployment, error) {
	return nil, none("list deployments")
}

// DeploymentsOf answers forge.ErrNone.
func (Forge) DeploymentsOf(context.Context, string, string) ([]forge.Deployment, error) {
	return nil, none("list deployments")
}

// CreateDeployment answers forge.ErrNone.
func (Forge) CreateDeployment(context.Context, forge.Deployment) (forge.Deployment, error) {
	return forge.Deployment{}, none("record a deployment")
}

// DeploymentStatuses answers forge.ErrNone.
func (Forge) DeploymentStatuses(context.Context, int64) ([]forge.DeploymentStatus, error) {
	return nil, none("list the statuses of a deployment")
}

// CreateDeploymentStatus answers forge.ErrNone.
func (Forge) CreateDeploymentStatus(context.Context, int64, forge.DeploymentStatus) (forge.DeploymentStatus, error) {
	return forge.DeploymentStatus{}, none("set the status of a deployment")
}

// Approvals answers forge.ErrNone.
func (Forge) Approvals(context.Context, int64) ([]forge.Approval, error) {
	return nil, none("read approvals")
}

// PendingDeployments answers forge.ErrNone.
func (Forge) PendingDeployments(context.Context, int64) ([]forge.PendingDeployment, error) {
	return nil, none("read what a run waits for")
}

// Run answers forge.ErrNone.
func (Forge) Run(context.Context, int64) (forge.Run, error) {
	return forge.Run{}, none("read a workflow run")
}

// BranchProtected answers forge.ErrNone.
func (Forge) BranchProtected(context.Context, string) (bool, error) {
	return false, none("read whether a branch is protected")
}

// Commits answers forge.ErrNone.
func (Forge) Commits(context.Context, string, string, int) ([]forge.Commit, error) {
	return nil, none("read who changed a file")
}

// PullRequestsOfCommit answers forge.ErrNone.
func (Forge) PullRequestsOfCommit(context.Context, string) ([]forge.PullRequest, error) {
	return nil, none("find the pull requests with a commit")
}

// PullRequestCommits answers forge.ErrNone.
func (Forge) PullRequestCommits(context.Context, int) ([]forge.Commit, error) {
	return nil, none("list the commits of a pull request")
}

// Reviews answers forge.ErrNone.
func (Forge) Reviews(context.Context, int) ([]forge.Review, error) {
	return nil, none("list the reviews of a pull request")
}

// Environments answers forge.ErrNone.
func (Forge) Environments(context.Context) ([]forge.Environment, error) {
	return nil, none("list environments")
}

// Environment answers forge.ErrNone.
func (Forge) Environment(context.Context, string) (forge.Environment, error) {
	return forge.Environment{}, none("read an environment")
}

// BranchRules answers forge.ErrNone.
func (Forge) BranchRules(context.Context, string) ([]forge.Rule, error) {
	return nil, none("read the rules for a branch")
}

// PullRequest answers forge.ErrNone.
func (Forge) PullRequest(context.Context, int) (forge.PullRequest, error) {
	return forge.PullRequest{}, none("read a pull request")
}

// PullRequestsByHead answers forge.ErrNone.
func (Forge) PullRequestsByHead(context.Context, string, string) ([]forge.PullRequest, error) {
	return nil, none("find pull requests")
}

// FindPullRequest answers forge.ErrNone.
func (Forge) FindPullRequest(context.Context, string, string) (forge.PullRequest, error) {
	return forge.PullRequest{}, none("find a pull request")
}

// CreatePullRequest answers forge.ErrNone.
func (Forge) CreatePullRequest(context.Context, forge.NewPullRequest) (forge.PullRequest, error) {
	return forge.PullRequest{}, none("open a pull request")
}

// UpdatePullRequest answers forge.ErrNone.
func (Forge) UpdatePullRequest(context.Context, int, string, string) error {
	return none("update a pull request")
}

// ClosePullRequest answers forge.ErrNone.
func (Forge) ClosePullRequest(context.Context, int) error {
	return none("close a pull request")
}

// ChangedFiles answers forge.ErrNone.
func (Forge) ChangedFiles(context.Context, int) ([]forge.File, error) {
	return nil, none("list the files of a pull request")
}

// Release answers forge.ErrNone.
func (Forge) Release(context.Context, string) (forge.Release, error) {
	return forge.Release{}, none("find a release")
}

// ReleaseByTag answers forge.ErrNone.
func (Forge) ReleaseByTag(context.Context, string) (forge.Release, error) {
	return forge.Release{}, none("find a release")
}

// CreateRelease answers forge.ErrNone.
func (Forge) CreateRelease(context.Context, forge.Release) (forge.Release, error) {
	return forge.Release{}, none("draft a release")
}

// UpdateDraft answers forge.ErrNone.
func (Forge) UpdateDraft(context.Context, int64, forge.Release) (forge.Release, error) {
	return forge.Release{}, none("change a draft of a release")
}

// PublishRelease answers forge.ErrNone.
func (Forge) PublishRelease(context.Context, int64, bool) (forge.Release, error) {
	return forge.Release{}, none("publish a release")
}

// UploadAsset answers forge.ErrNone.
func (Forge) UploadAsset(context.Context, int64, string, string, []byte, string) (forge.Asset, error) {
	return forge.Asset{}, none("upload to a release")
}

// Repository answers forge.ErrNone.
func (Forge) Repository(context.Context) (forge.Repository, error) {
	return forge.Repository{}, none("read the repository")
}

// Self answers forge.ErrNone.
func (Forge) Self(context.Context) (forge.Account, error) {
	return forge.Account{}, none("read whom the token belongs to")
}

// Contents answers forge.ErrNone.
func (Forge) Contents(context.Context, string, string, int64) ([]byte, error) {
	return nil, none("read a file")
}

// Can answers forge.ErrNone.
func (Forge) Can(context.Context, forge.Permission, int) (bool, error) {
	return false, none("find out what the token may do")
}

// TagRulesets answers forge.ErrNone.
func (Forge) TagRulesets(context.Context) ([]forge.Ruleset, error) {
	return nil, none("read the rulesets for tags")
}

// Account answers forge.ErrNone.
func (Forge) Account(context.Context, string) (forge.Account, error) {
	return forge.Account{}, none("read an account")
}

// WorkflowPermissions answers forge.ErrNone.
func (Forge) WorkflowPermissions(context.Context) (forge.WorkflowPermissions, error) {
	return forge.WorkflowPermissions{}, none("read the permissions of workflows")
}
