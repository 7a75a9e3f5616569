package promotion

import (
	"context"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/ref"
)

// Occasion is where a gate is asked: a run of a workflow, or, as the zero
// value, a machine that no forge knows. What it says of the run are names to
// ask the forge about, never answers.
type Occasion struct {
	Forge Forge // nil: there is none to ask
	// Repository is OWNER/NAME, RunID and Attempt the run's own numbers.
	Repository     string
	RunID, Attempt int64
	// WorkflowRef is OWNER/NAME/.github/workflows/FILE@REF, as the runner says it.
	WorkflowRef string
}

// Forge is what a gate asks; *github.Client has it.
type Forge interface {
	Repository(ctx context.Context) (forge.Repository, error)
	Run(ctx context.Context, id int64) (forge.Run, error)
	Approvals(ctx context.Context, runID int64) ([]forge.Approval, error)
	Environment(ctx context.Context, name string) (forge.Environment, error)
	BranchProtected(ctx context.Context, branch string) (bool, error)
	// Commits are the newest of those up to commit that changed path, newest
	// first, at most n.
	Commits(ctx context.Context, commit, path string, n int) ([]forge.Commit, error)
	PullRequestsOfCommit(ctx context.Context, commit string) ([]forge.PullRequest, error)
	PullRequestCommits(ctx context.Context, number int) ([]forge.Commit, error)
	Reviews(ctx context.Context, number int) ([]forge.Review, error)
	Contents(ctx context.Context, path, commit string, limit int64) ([]byte, error)
}

// Options of Promote.
type Options struct {
	Reason string
	// Expect is the content digest that was planned and approved; "" takes what
	// the reference means now. Another content is refused.
	Expect ref.Digest
	// Plan decides and writes nothing.
	Plan bool
	On   Occasion
}

// RollbackOptions of Rollback.
type RollbackOptions struct {
	Reason string
	// To names the version to go back to; zero is the last that was healthy there.
	To ref.Version
	// AcceptBreak goes back also where callers of what is served now break, or
	// that is not known.
	AcceptBreak bool
	// DryRun decides, looks whether it could be done, and writes nothing.
	DryRun bool
	On     Occasion
	drill  bool // asks what would come after a rollback that is underway
}
