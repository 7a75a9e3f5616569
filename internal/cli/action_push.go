package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/workspace"
	"github.com/waybill-dev/waybill/internal/writeback"
)

func (a *app) actionPushCommand() *cobra.Command {
	return a.actionVerb("push", "Push bytes from a job and write the locks back to the repository",
		`Pushes like "waybill push". The input commit says what becomes of the locks: pull-request opens or updates one, branch commits them
onto the branch, none leaves them in the workspace. Commits are made through the API, so that the checkout needs no credentials.`, a.actionPush)
}

// Values of the input commit.
const (
	commitPullRequest = "pull-request"
	commitBranch      = "branch"
	commitNone        = "none"
)

// workflowBot is who GITHUB_TOKEN acts as. GitHub starts no workflows for what
// it does (docs.github.com, "Triggering a workflow from a workflow").
const workflowBot = "github-actions[bot]"

// pushStep is one run of the verb.
type pushStep struct {
	*step
	a       *app
	commit  string // one of the constants
	onto    string // the branch that the workflow runs on, or that input branch names
	apart   string // branch of the pull request, "" for one named after the content
	message string
	client  *github.Client
}

func (a *app) actionPush(s *step) error {
	p := &pushStep{step: s, a: a, commit: strings.ToLower(cmp.Or(s.Input("commit"), commitNone)), message: s.Input("message")}
	if err := p.prepare(); err != nil {
		return usageError{err}
	}
	a.dir = filepath.Join(s.dir, filepath.FromSlash(s.Input("working-directory")))
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	before, err := p.checkedOut(w)
	if err != nil {
		return err
	}
	done, err := a.pushAll(w, s.List("names"), true)
	if err != nil {
		return err
	}
	if err := p.declare(w, done); err != nil {
		return err
	}
	files, err := before.files(w, done)
	if err != nil {
		return err
	}
	out := map[string]string{"changed": strconv.FormatBool(writeback.Changed(files)), "commit": "", "pull-request-url": "", "artifacts": artifactsJSON(done), "digest": ""}
	if len(done) == 1 {
		out["digest"] = string(done[0].ContentDigest)
	}
	wrote := p.writeBack(files, before.commit, done, out)
	if err := s.outputs(out, "artifacts", "digest", "changed", "commit", "pull-request-url"); err != nil {
		return err
	}
	if wrote != nil {
		return wrote
	}
	if err := s.AddSummary(pushSummary(done, out)); err != nil {
		return err
	}
	return a.showPushed(done)
}

// prepare finds mistakes before anything is uploaded.
func (p *pushStep) prepare() error {
	c := p.context
	if c.EventName == "pull_request_target" {
		return errors.New("a workflow on pull_request_target has a token that may write, and must not push what a pull request brings: run it on push or pull_request")
	}
	switch p.commit {
	case commitNone:
		return nil
	case commitPullRequest, commitBranch:
	default:
		return fmt.Errorf("input commit: %.100q is neither %s, %s nor %s", p.commit, commitPullRequest, commitBranch, commitNone)
	}
	branch, onBranch := strings.CutPrefix(c.Ref, "refs/heads/")
	if pr := c.PullRequest; pr != nil {
		if pr.FromFork() {
			return fmt.Errorf("commit: %s: the token of a run for a pull request from a fork may only read; use commit: none there", p.commit)
		}
		branch, onBranch = pr.Head.Ref, true
	}
	p.onto = branch
	switch asked := p.Input("branch"); {
	case p.commit == commitPullRequest:
		p.apart = asked
	case asked != "":
		p.onto, onBranch = asked, true
	}
	switch {
	case !onBranch:
		return fmt.Errorf("commit: %s: the workflow runs on %q, which is no branch to write to; use commit: none, or %s with the input branch", p.commit, c.Ref, commitBranch)
	case p.apart == p.onto:
		return fmt.Errorf("commit: %s: the input branch is the one the pull request would go to; name another one or none", p.commit)
	case p.onto == gitrepo.LedgerBranch || p.apart == gitrepo.LedgerBranch:
		return fmt.Errorf("commit: %s: the branch %s is the ledger's", p.commit, gitrepo.LedgerBranch)
	}
	var err error
	if p.client, err = p.step.client(p.a); err == nil && p.client == nil {
		err = fmt.Errorf("commit: %s: there is no forge here, which takes GITHUB_REPOSITORY and the input token", p.commit)
	}
	return err
}

// snapshot is what the checked out commit says.
type snapshot struct {
	commit string
	read   func(path string) ([]byte, error) // nil for a file that is not there
}

// checkedOut refuses manifests that nobody could review beside the locks that
// would be committed.
func (p *pushStep) checkedOut(w *workspace.Workspace) (*snapshot, error) {
	head, err := w.Repo.Head()
	if err != nil {
		return nil, err
	}
	s := &snapshot{commit: head.Hash, read: func(path string) ([]byte, error) {
		data, err := w.Repo.ReadFile(head.Hash, path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return data, err
	}}
	if p.commit == commitNone {
		return s, nil
	}
	chosen, err := w.Select(p.List("names"))
	if err != nil {
		return nil, err
	}
	for _, m := range chosen {
		file, err := s.file(w, m.Path)
		if err != nil {
			return nil, err
		}
		if writeback.Changed([]writeback.File{file}) {
			return nil, workspace.Usage("push %s: %s is not as in commit %.12s, and only the lock is written back: commit the manifest first, or use commit: none", m.Name, m.Path, head.Hash)
		}
	}
	return s, nil
}

func (s *snapshot) file(w *workspace.Workspace, path string) (writeback.File, error) {
	before, err := s.read(path)
	if err != nil {
		return writeback.File{}, err
	}
	after, err := os.ReadFile(w.Path(path))
	return writeback.File{Path: path, Before: before, After: after}, err
}

// files are the locks to write and the manifests that they belong to.
func (s *snapshot) files(w *workspace.Workspace, done []pushed) ([]writeback.File, error) {
	var out []writeback.File
	for _, p := range done {
		m, err := w.Artifact(p.Name)
		if err != nil {
			return nil, err
		}
		lock, err := s.file(w, m.LockPath())
		if err != nil {
			return nil, err
		}
		of, err := s.read(m.Path)
		if err != nil {
			return nil, err
		}
		out = append(out, lock, writeback.File{Path: m.Path, Before: of, After: of})
	}
	return out, nil
}

// declare tells the runner what is in the registry now.
func (p *pushStep) declare(w *workspace.Workspace, done []pushed) error {
	reg, err := w.Registry()
	if err != nil || reg.IsLayout() {
		return err
	}
	var subjects []string
	for _, d := range done {
		// Without a tag, two of one repository would be one with two digests.
		subjects = append(subjects, d.Repository+":"+d.Tag+"@"+string(d.Digest))
	}
	return p.Artifacts(subjects...)
}

func reference(p pushed) string { return p.Repository + "@" + string(p.Digest) }

// writeBack sets the outputs commit and pull-request-url.
func (p *pushStep) writeBack(files []writeback.File, from string, done []pushed, out map[string]string) error {
	if p.commit == commitNone || !writeback.Changed(files) {
		return nil
	}
	o := writeback.Options{Onto: p.onto, From: from, Branch: p.apart, Message: cmp.Or(p.message, lockMessage(done, p.context.RunURL()))}
	if p.commit == commitBranch {
		var err error
		out["commit"], err = writeback.Branch(p.a.ctx, p.client, files, o)
		if err == nil && out["commit"] != "" {
			p.warnOfSilence("the commit " + out["commit"][:12] + " on " + p.onto)
		}
		return err
	}
	o.Body = "Bytes were pushed to the registry by a workflow; this writes the locks that name them."
	if url := p.context.RunURL(); url != "" {
		o.Body += "\n\nFirst opened by " + url + "."
	}
	r, err := writeback.PullRequest(p.a.ctx, p.client, files, o)
	out["commit"], out["pull-request-url"] = r.Commit, r.PullRequest.URL
	if err == nil && r.Commit != "" {
		p.warnOfSilence("the pull request " + r.PullRequest.URL)
	}
	return err
}

// warnOfSilence says what would otherwise be waited for in vain.
func (p *pushStep) warnOfSilence(what string) {
	if self, err := p.client.Self(p.a.ctx); err == nil && self.Login == workflowBot {
		p.Notice("GITHUB_TOKEN made " + what + ", and what it does starts no workflows: checks do not run by themselves. " +
			"Give the input token a token of a GitHub App, or close and reopen the pull request by hand.")
	}
}
