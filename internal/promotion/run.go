package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/report"
)

// answered is what the forge said of a run: nothing is asked twice for one
// decision.
type answered struct {
	run forge.Run
	err error
}

// run is the workflow run that asks for this decision, as the forge knows it.
// forge.ErrNone: there is no run, or no forge to ask about it.
func (g *gate) run(ctx context.Context) (forge.Run, error) {
	if g.on.Forge == nil || g.on.RunID == 0 {
		return forge.Run{}, forge.ErrNone
	}
	return g.runOf(ctx, g.on.RunID)
}

// runOf asks about any run of the repository.
func (g *gate) runOf(ctx context.Context, id int64) (forge.Run, error) {
	if a, ok := g.runs[id]; ok {
		return a.run, a.err
	}
	run, err := g.on.Forge.Run(ctx, id)
	if g.runs == nil {
		g.runs = map[int64]answered{}
	}
	g.runs[id] = answered{run, err}
	return run, err
}

// unanswered makes f what a question that the forge did not answer is: nothing
// is decided by it. Going back must work while the forge does not, and goes to
// what was let in before: there it is a warning.
func (g *gate) unanswered(f report.Finding, what string, err error) report.Finding {
	f.Verdict = report.Inconclusive
	f.Message = fmt.Sprintf("asking %s failed: %s", what, report.Visible(err.Error()))
	f.Hint = "run it again when the forge answers"
	var denied *forge.NotAllowed
	if errors.As(err, &denied) && denied.Advice() != "" {
		f.Hint = denied.Advice()
	}
	if g.action == "rollback" {
		f.Severity = report.Warning
	}
	return f
}

// byWhom judges the run that asks: its workflow must be one that was reviewed,
// and nobody outside may have started it (GitHub, "Securely using
// pull_request_target": whoever opens a pull request chooses what such a run
// works on). On a machine that no forge knows there is nothing to judge.
func (g *gate) byWhom(ctx context.Context) []report.Finding {
	if g.on.RunID == 0 {
		return nil
	}
	f := g.finding("promotion.run")
	if g.on.Forge == nil {
		f.Severity, f.Verdict = report.Warning, report.Inconclusive
		f.Message = "this run of a workflow is unverified: there is no token to ask the forge with"
		f.Hint = "pass the workflow's token, with \"actions: read\" and \"contents: read\" under permissions:"
		return []report.Finding{f}
	}
	run, err := g.run(ctx)
	if err != nil {
		return []report.Finding{g.unanswered(f, fmt.Sprintf("the forge about run %d", g.on.RunID), err)}
	}
	if why, hint := g.refusedRun(run); why != "" {
		f.Verdict, f.Message, f.Hint = report.Fail, why, hint
		return []report.Finding{f}
	}
	return []report.Finding{g.onBranch(ctx, f, run)}
}

// refusedRun says why the gate does not act for a run, "" if it does.
func (g *gate) refusedRun(run forge.Run) (why, hint string) {
	const dispatch = "start the workflow by hand (workflow_dispatch) on the default branch"
	seen := report.Visible
	switch {
	case run.ID != g.on.RunID || !strings.EqualFold(run.Repository, g.on.Repository):
		return fmt.Sprintf("run %d is one of %s, and this one says that it is of %s", g.on.RunID, seen(run.Repository), seen(orThis(g.on.Repository))), dispatch
	case run.Attempt != g.on.Attempt:
		return fmt.Sprintf("the forge is at attempt %d of run %d, and this is attempt %d", run.Attempt, run.ID, g.on.Attempt), dispatch
	case fromOutside(run):
		return fmt.Sprintf("run %d can be caused from outside, or is about a fork (%s of %s): whoever did it decides what it does", run.ID, seen(run.Event), seen(orDeleted(run.HeadRepository))), dispatch
	case g.stage.Environment != "" && g.action == "promote" && run.Attempt != 1:
		return fmt.Sprintf("this is attempt %d: a run that is started again carries the approval that was given before", run.Attempt),
			"start a new run, and have that approved"
	}
	branch, err := g.workflowBranch(run)
	if err != nil {
		return err.Error(), dispatch
	}
	if branch != run.HeadBranch {
		return fmt.Sprintf("the workflow says that it is of branch %s, and the forge that run %d is of %s", seen(branch), run.ID, seen(run.HeadBranch)), dispatch
	}
	return "", ""
}

// anybodys are the events that who may only read a public repository can cause
// (GitHub, "Events that trigger workflows"): the run is then about the default
// branch, and what it is given, such as a comment's text, is theirs.
var anybodys = []string{"discussion", "discussion_comment", "fork", "gollum", "issue_comment", "issues", "watch"}

// fromOutside tells whether somebody who may not write to the repository could
// have started the run or chosen what it works on.
func fromOutside(run forge.Run) bool {
	return strings.HasPrefix(run.Event, "pull_request") || slices.Contains(anybodys, run.Event) || run.HeadRepository == "" || !strings.EqualFold(run.HeadRepository, run.Repository)
}

// workflowBranch is the branch that the workflow's file was read from, by what
// the runner says: OWNER/NAME/.github/workflows/FILE@refs/heads/BRANCH (GitHub,
// "Contexts reference", github.workflow_ref).
func (g *gate) workflowBranch(run forge.Run) (string, error) {
	said := report.Visible(g.on.WorkflowRef)
	file, at, ok := strings.Cut(g.on.WorkflowRef, "@")
	repo, path, found := strings.Cut(file, "/.github/")
	if !ok || !found {
		return "", fmt.Errorf("the runner does not say which workflow this is (GITHUB_WORKFLOW_REF is %q)", said)
	}
	if !strings.EqualFold(repo, run.Repository) || run.Path != ".github/"+path {
		return "", fmt.Errorf("the runner says that this is %s, and the forge that run %d is %s of %s", said, run.ID, report.Visible(run.Path), report.Visible(run.Repository))
	}
	branch, ok := strings.CutPrefix(at, "refs/heads/")
	if !ok {
		return "", fmt.Errorf("the workflow is that of %s: tags and pull requests can be made by anybody who may push", report.Visible(at))
	}
	return branch, nil
}

// onBranch judges where the workflow's file comes from: the default branch, or
// another that is protected.
func (g *gate) onBranch(ctx context.Context, f report.Finding, run forge.Run) report.Finding {
	branch := report.Visible(run.HeadBranch)
	protect := fmt.Sprintf("protect %s with a ruleset: in the repository's settings under Rules, Rulesets, require a pull request before merging", branch)
	isDefault := run.HeadBranch == g.defaultBranch()
	protected, err := g.on.Forge.BranchProtected(ctx, run.HeadBranch)
	switch {
	case err != nil && !isDefault:
		return g.unanswered(f, fmt.Sprintf("the forge whether branch %s is protected", branch), err)
	case err != nil:
		f = g.unanswered(f, fmt.Sprintf("the forge whether branch %s is protected", branch), err)
		f.Severity = report.Warning
	case protected:
		f.Message = fmt.Sprintf("it is asked by the workflow %s of the protected branch %s", report.Visible(run.Path), branch)
	case isDefault:
		f.Severity, f.Verdict = report.Warning, report.Fail
		f.Message = fmt.Sprintf("branch %s is not protected: whoever may push can change %s without a review", branch, report.Visible(run.Path))
		f.Hint = protect
	default:
		f.Verdict = report.Fail
		f.Message = fmt.Sprintf("the workflow %s is that of branch %s, which is neither the default branch nor protected", report.Visible(run.Path), branch)
		f.Expected, f.Observed = g.defaultBranch()+", or a protected branch", branch
		f.Hint = fmt.Sprintf("merge it and start it on %s, or %s", g.defaultBranch(), protect)
	}
	return f
}

// defaultBranch is the one that the policy was read from.
func (g *gate) defaultBranch() string {
	if g.l == nil || g.l.Refs == nil {
		return ""
	}
	return g.l.Refs.DefaultBranch
}

func orThis(repository string) string {
	if repository == "" {
		return "this repository"
	}
	return repository
}

func orDeleted(repository string) string {
	if repository == "" {
		return "a deleted repository"
	}
	return repository
}
