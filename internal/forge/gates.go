package forge

import "time"

// Approval is a decision about the environments that a workflow run waited
// for.
type Approval struct {
	State        string // approved, rejected or pending
	Comment      string
	User         Account
	Environments []string
}

// PendingDeployment is an environment that a workflow run waits for.
type PendingDeployment struct {
	Environment   string
	EnvironmentID int64
	WaitTimer     int // minutes
	CanApprove    bool
	Reviewers     []Reviewer
}

// Reviewer may approve deployments to an environment.
type Reviewer struct {
	Kind string // User or Team
	ID   int64
	Name string // login or slug
}

// Environment is a place to deploy to, and what guards it.
type Environment struct {
	Name              string
	ID                int64
	Reviewers         []Reviewer // one of them must approve; none: nobody is asked
	PreventSelfReview bool       // who started the run may not approve it
	CanAdminsBypass   bool
	WaitTimer         int // minutes
	ProtectedBranches bool
	CustomPolicies    bool     // Policies decides; otherwise any branch may deploy, or the protected ones
	Policies          []Policy // filled by Environment, not by Environments
}

// Policy is a pattern of names that may deploy to an environment. In it `*`
// does not match `/`.
type Policy struct {
	ID   int64
	Name string
	Kind string // branch or tag; "" where the forge does not say
}

// Release is a published version. An immutable release can never be changed,
// nor its tag's name be used again.
type Release struct {
	ID         int64
	Tag        string
	Target     string // commit or branch that the tag is made at
	Name, Body string
	Draft      bool
	Prerelease bool
	Immutable  bool
	URL        string
	Assets     []Asset
}

// Asset is a file of a release.
type Asset struct {
	ID     int64
	Name   string
	Size   int64
	State  string // uploaded, or open while incomplete
	Digest string // "sha256:…"; "" from servers that do not know it
}

// Deployment says that a commit was sent to an environment.
type Deployment struct {
	ID          int64
	SHA, Ref    string
	Task        string
	Environment string
	Description string
	Payload     []byte // JSON
	Creator     Account
	Created     time.Time
}

// DeploymentStatus is a step in a deployment's life: queued, in_progress,
// success, failure, error, inactive or pending.
type DeploymentStatus struct {
	ID             int64
	State          string
	Description    string
	LogURL         string
	EnvironmentURL string
	Creator        Account
	Created        time.Time
}

// Run is a workflow run, as the forge knows it.
type Run struct {
	ID, Attempt        int64
	Event              string // workflow_dispatch, push, …
	Status, Conclusion string
	Path               string // of the workflow's file: .github/workflows/promote.yml
	HeadBranch         string // branch or tag that it runs on
	HeadSHA            string
	// Repository and HeadRepository are OWNER/NAME; they differ for a run about a
	// fork. HeadRepository is "" where it was deleted.
	Repository, HeadRepository string
	Actor                      Account // who started the first attempt; ID 0 where the forge does not say
	TriggeringActor            Account // who started this one
	Created                    time.Time
	Started                    time.Time // of this attempt
	URL                        string    // for people
}

// Values of Review.State that count.
const (
	ReviewApproved  = "APPROVED"
	ReviewChanges   = "CHANGES_REQUESTED"
	ReviewDismissed = "DISMISSED"
	ReviewCommented = "COMMENTED"
)

// Review is what somebody said of a pull request as it was at a commit.
type Review struct {
	ID        int64
	User      Account
	State     string
	Commit    string // "" where it is gone
	Submitted time.Time
	URL       string
}

// Commit is one with the accounts that the forge takes its people for.
type Commit struct {
	SHA               string
	Author, Committer Account // ID 0: the forge knows no account of that address
	AuthorEmail       string
	CommitterEmail    string
	Message           string
	Parents           []string
}
