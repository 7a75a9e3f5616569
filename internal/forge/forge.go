// Package forge holds the words for what a place that hosts the repository
// knows: pull requests, comments, check runs, workflow runs and their
// artifacts, environments, releases and deployments. It has no behaviour.
//
// Package forge/github speaks to GitHub and answers in these words; package
// forge/local answers where there is no forge. Who needs a forge declares the
// few methods that it uses:
//
//	type forgeForComments interface {
//		Self(ctx context.Context) (forge.Account, error)
//		Comments(ctx context.Context, number int) ([]forge.Comment, error)
//		CreateComment(ctx context.Context, number int, body string) (forge.Comment, error)
//	}
//
// # Errors
//
// Methods return errors that errors.Is and errors.As tell apart:
//
//   - ErrNone: there is no forge here.
//   - *NotAllowed (ErrNotAllowed): the token may not do it; Needs says which
//     permission or setting would let it.
//   - *NotFound (ErrNotFound): it does not exist, or the token may not see it.
//   - *RateLimited (ErrRateLimited): the forge asks to come back later than
//     the client was willing to wait.
//   - ErrMoved: a branch is no longer where the caller believed it to be.
//
// Texts in these types were written by whoever can open a pull request. They
// are capped in size, and otherwise as they came: escape them where they are
// shown.
package forge

import "time"

// Account is a person, or a program that acts as one.
type Account struct {
	Login string // of an app it ends in "[bot]"
	ID    int64  // does not change when the account is renamed; 0 where unknown
	Bot   bool
}

// Branch is one end of a pull request.
type Branch struct {
	SHA   string // the commit that the branch is at
	Ref   string // its name without refs/heads/
	Owner string // "" when the repository was deleted
	Repo  string // name without the owner
}

// PullRequest is a proposed change.
type PullRequest struct {
	Number      int
	State       string // open or closed
	Title       string
	Author      Account
	Head, Base  Branch
	Fork        bool // the head is in another repository than the base, or in none any more
	Draft       bool
	Merged      bool
	MergeCommit string  // when merged, what it became on the base; while open the trial merge, "" when there is none
	MergedBy    Account // ID 0 while open, and in lists
	URL         string  // for people
}

// NewPullRequest is what a pull request is opened with.
type NewPullRequest struct {
	Title, Body string
	Head, Base  string // branches of this repository
	Draft       bool
}

// Base is the commit that another is made on top of. Who knows its tree saves the
// forge the question.
type Base struct{ Commit, Tree string }

// Comment is a comment in the conversation of a pull request or issue.
type Comment struct {
	ID      int64
	Author  Account
	Body    string
	URL     string
	Updated time.Time
}

// Values of CheckRun.Status, CheckRun.Conclusion and Annotation.Level. There
// are more conclusions; waybill gives only these.
const (
	StatusInProgress = "in_progress"
	StatusCompleted  = "completed"

	ConclusionSuccess        = "success"
	ConclusionFailure        = "failure"
	ConclusionActionRequired = "action_required"

	LevelNotice  = "notice"
	LevelWarning = "warning"
	LevelFailure = "failure"
)

// CheckRun is a named result about a commit.
type CheckRun struct {
	ID          int64
	Name        string
	HeadSHA     string
	Status      string
	Conclusion  string // only when completed
	Title       string
	Summary     string // Markdown
	Text        string // Markdown
	DetailsURL  string
	URL         string // for people; given by the forge
	ExternalID  string // the caller's own name for this run; tells two runs of one name apart
	App         string // slug of the app that created it; given by the forge
	Annotations []Annotation
}

// Annotation is a remark on lines of a file. Columns count only within one
// line.
type Annotation struct {
	Path                   string
	StartLine, EndLine     int // from 1; EndLine 0 is StartLine
	StartColumn, EndColumn int // from 1; 0 is none
	Level                  string
	Title, Message         string
	RawDetails             string
}

// Artifact is a file that a workflow run left behind: a zip. It is no
// artifact in waybill's sense.
type Artifact struct {
	ID      int64
	Name    string
	Size    int64 // of the zip
	Expired bool
	RunID   int64
	Digest  string // "sha256:…" of the zip, where the forge knows it
}

// File is a file that a pull request changes.
type File struct {
	Path     string
	Previous string // path before, when renamed
	Status   string // added, removed, modified, renamed, copied, changed or unchanged
}

// Repository is what is known of the repository itself.
type Repository struct {
	Owner, Name   string
	ID            int64
	DefaultBranch string
	Visibility    string // public, private or internal
	Fork          bool
	Archived      bool
	Admin, Push   bool // what the token's account may do; for a workflow's token the forge may not say
}

// Rule is one rule that holds for a branch. There are more types than any
// client knows; Parameters is the JSON that came.
type Rule struct {
	Type       string // deletion, non_fast_forward, …
	Parameters []byte
	RulesetID  int64
	Source     string // who set it: a repository or an organization
}

// Permission is something a token may or may not do.
type Permission string

// What Can asks for.
const (
	ToComment           Permission = "pull-requests: write"
	ToCheck             Permission = "checks: write"
	ToWriteContents     Permission = "contents: write"
	ToOpenPullRequests  Permission = "pull-requests: write, contents: read"
	ToReadPullRequests  Permission = "pull-requests: read"
	ToReadActions       Permission = "actions: read"
	ToReadContents      Permission = "contents: read"
	ToCreateDeployments Permission = "deployments: write"
)
