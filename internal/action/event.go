package action

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/waybill-dev/waybill/internal/report"
)

// PullRequest is what the event says of a pull request. It was so when the
// event happened; the forge knows how it is now.
type PullRequest struct {
	Number     int64
	Head, Base Branch
	Author     Account
	Draft      bool
}

// FromFork tells whether the head is in another repository, whose runs get a
// token that may only read; also when that repository is gone.
func (p *PullRequest) FromFork() bool {
	return p.Head.Owner+"/"+p.Head.Repo != p.Base.Owner+"/"+p.Base.Repo
}

// Branch is one side of a pull request. Owner and Repo are empty where the
// repository was deleted. Fork tells that the repository is a fork of any other.
type Branch struct {
	SHA, Ref, Owner, Repo string
	Fork                  bool
}

// Account is who did something; the number stays when the login changes.
type Account struct {
	Login string
	ID    int64
	Bot   bool
}

// MergeGroup is a merge queue's attempt: HeadSHA is checked, to become the next
// commit after BaseSHA.
type MergeGroup struct{ BaseSHA, BaseRef, HeadSHA, HeadRef string }

// WorkflowRun is the run whose end started this one. All of it may be a fork's
// doing, so it is looked up, never believed.
type WorkflowRun struct {
	ID, Attempt         int64
	Name                string
	HeadSHA, HeadBranch string
	// HeadRepository is empty where it was deleted.
	HeadRepository Repository
	// Conclusion is success, failure, cancelled…; Event is what started the run.
	Conclusion, Event string
}

// Repository is a repository's owner and name.
type Repository struct {
	Owner, Name string
	Fork        bool
}

// payload is what is read of an event
// (https://docs.github.com/en/webhooks/webhook-events-and-payloads).
type payload struct {
	Repository *struct {
		DefaultBranch string `json:"default_branch"`
	} `json:"repository"`
	PullRequest *struct {
		Number int64         `json:"number"`
		Draft  bool          `json:"draft"`
		User   *userPayload  `json:"user"`
		Head   branchPayload `json:"head"`
		Base   branchPayload `json:"base"`
	} `json:"pull_request"`
	MergeGroup *struct {
		BaseSHA string `json:"base_sha"`
		BaseRef string `json:"base_ref"`
		HeadSHA string `json:"head_sha"`
		HeadRef string `json:"head_ref"`
	} `json:"merge_group"`
	WorkflowRun *struct {
		ID             int64        `json:"id"`
		RunAttempt     int64        `json:"run_attempt"`
		Name           string       `json:"name"`
		HeadSHA        string       `json:"head_sha"`
		HeadBranch     string       `json:"head_branch"`
		HeadRepository *repoPayload `json:"head_repository"`
		Conclusion     string       `json:"conclusion"`
		Event          string       `json:"event"`
	} `json:"workflow_run"`
}

type branchPayload struct {
	SHA  string       `json:"sha"`
	Ref  string       `json:"ref"`
	Repo *repoPayload `json:"repo"`
}

type repoPayload struct {
	Name  string       `json:"name"`
	Fork  bool         `json:"fork"`
	Owner *userPayload `json:"owner"`
}

type userPayload struct {
	Login string `json:"login"`
	ID    int64  `json:"id"`
	Type  string `json:"type"`
}

// parseEvent fills in what the payload says.
func (c *Context) parseEvent(data []byte) error {
	var p *payload
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	if p == nil {
		return errors.New("the payload is null")
	}
	c.Event = data
	r := reader{}
	if p.Repository != nil {
		c.DefaultBranch = r.text("repository.default_branch", p.Repository.DefaultBranch)
	}
	if pr := p.PullRequest; pr != nil {
		c.PullRequest = &PullRequest{
			Number: r.positive("pull_request.number", pr.Number), Draft: pr.Draft,
			Author: r.account("pull_request.user", pr.User),
			Head:   r.branch("pull_request.head", pr.Head), Base: r.branch("pull_request.base", pr.Base),
		}
	}
	if g := p.MergeGroup; g != nil {
		c.MergeGroup = &MergeGroup{
			BaseSHA: r.hash("merge_group.base_sha", g.BaseSHA), BaseRef: r.text("merge_group.base_ref", g.BaseRef),
			HeadSHA: r.hash("merge_group.head_sha", g.HeadSHA), HeadRef: r.text("merge_group.head_ref", g.HeadRef),
		}
	}
	if w := p.WorkflowRun; w != nil {
		c.WorkflowRun = &WorkflowRun{
			ID: r.positive("workflow_run.id", w.ID), Attempt: max(0, w.RunAttempt),
			Name:           clip(report.Visible(w.Name), 200),
			HeadSHA:        r.hash("workflow_run.head_sha", w.HeadSHA),
			HeadBranch:     r.text("workflow_run.head_branch", w.HeadBranch),
			HeadRepository: r.repository("workflow_run.head_repository", w.HeadRepository),
			Conclusion:     r.form(wordForm, "workflow_run.conclusion", w.Conclusion),
			Event:          r.form(wordForm, "workflow_run.event", w.Event),
		}
	}
	return r.err
}

func (r *reader) positive(what string, n int64) int64 {
	if n <= 0 {
		r.fail(what, fmt.Sprint(n), "a number above zero")
	}
	return n
}

// hash is a commit, which must be there.
func (r *reader) hash(what, value string) string {
	if value == "" {
		r.fail(what, value, "a commit")
	}
	return r.form(hashForm, what, value)
}

func (r *reader) account(what string, u *userPayload) Account {
	if u == nil { // deleted accounts
		return Account{}
	}
	return Account{Login: r.form(loginForm, what+".login", u.Login), ID: max(0, u.ID), Bot: u.Type == "Bot"}
}

func (r *reader) repository(what string, p *repoPayload) Repository {
	if p == nil {
		return Repository{}
	}
	return Repository{Owner: r.account(what+".owner", p.Owner).Login, Name: r.form(nameForm, what+".name", p.Name), Fork: p.Fork}
}

func (r *reader) branch(what string, b branchPayload) Branch {
	repo := r.repository(what+".repo", b.Repo)
	return Branch{SHA: r.hash(what+".sha", b.SHA), Ref: r.text(what+".ref", b.Ref), Owner: repo.Owner, Repo: repo.Name, Fork: repo.Fork}
}
