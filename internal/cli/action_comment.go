package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/action"
	"github.com/waybill-dev/waybill/internal/review"
)

func (a *app) actionCommentCommand() *cobra.Command {
	return a.actionVerb("comment", "Write the comment that the run of a pull request from a fork could not write",
		`Runs in a workflow_run workflow. Takes the report that the first workflow left as an artifact for hostile, finds the one pull request
that it is about from the event, and writes the comment, with a label that nothing in it was verified.`, a.actionComment)
}

// defaultArtifact is the default of the input artifact.
const defaultArtifact = "waybill-report"

// Notes of comments that others reported. They are no evidence.
const (
	noteFork = "Reported by the fork's run, not verified."
	noteOwn  = "Reported by the pull request's own run, not verified."
)

func (a *app) actionComment(s *step) error {
	run := s.context.WorkflowRun
	if run == nil {
		return usageError{fmt.Errorf("the event %q tells of no finished workflow run: this action belongs into a workflow with \"on: workflow_run\"", s.context.EventName)}
	}
	if run.Event != "pull_request" {
		s.Notice(fmt.Sprintf("the run was started by %s, not by a pull request: there is nothing to comment on", run.Event))
		return nil
	}
	client, err := s.client(a)
	if err != nil {
		return usageError{err}
	}
	if client == nil {
		return usageError{fmt.Errorf("there is no forge here: it takes GITHUB_REPOSITORY and the input token")}
	}
	name := s.Input("artifact")
	if name == "" {
		name = defaultArtifact
	}
	story, err := review.Received(a.ctx, client, run.ID, name)
	if err != nil {
		return err
	}
	if story == nil {
		s.Notice(fmt.Sprintf("run %d left no artifact %q: it wrote its comment itself, or failed before there was a report", run.ID, name))
		return nil
	}
	head := run.HeadRepository
	pr, err := review.PullRequestOf(a.ctx, client, review.RunHead{Owner: head.Owner, Repo: head.Name, Branch: run.HeadBranch, SHA: run.HeadSHA})
	if err != nil {
		return err
	}
	if pr == nil {
		s.Notice(fmt.Sprintf("no open pull request has the head %.12s any more: it was closed, or a newer run will tell", run.HeadSHA))
		return nil
	}
	o := review.PublishOptions{PullRequest: pr.Number, Comment: review.CommentOptions{Marker: "check", RunURL: runPage(s.context, run.ID), Note: noteOwn}}
	if pr.Fork {
		o.Comment.Note = noteFork
	}
	if name != defaultArtifact {
		o.Comment.Marker = marker([]string{"artifact " + name})
	}
	done, notes, err := review.Publish(a.ctx, client, story, o)
	if err != nil {
		return err
	}
	if len(notes) > 0 {
		return fmt.Errorf("%s", notes[0].Message)
	}
	out := map[string]string{"pull-request": strconv.Itoa(pr.Number), "verdict": string(story.Blocking()), "comment-url": done.CommentURL}
	if err := s.outputs(out, "comment-url", "pull-request", "verdict"); err != nil {
		return err
	}
	return s.AddSummary(story.Comment(summaryLimit, o.Comment))
}

// runPage is the page of another run of this repository.
func runPage(c *action.Context, id int64) string {
	other := *c
	other.RunID = id
	return other.RunURL()
}
