package review

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/forge"
)

// Forge is what publishing needs; the client of forge/github has it.
type Forge interface {
	// Self is the account that comments are written by.
	Self(ctx context.Context) (forge.Account, error)
	// Comments are those of a pull request, oldest first.
	Comments(ctx context.Context, number int) ([]forge.Comment, error)
	CreateComment(ctx context.Context, number int, body string) (forge.Comment, error)
	EditComment(ctx context.Context, id int64, body string) (forge.Comment, error)
	// DeleteComment is no error for one that is gone.
	DeleteComment(ctx context.Context, id int64) error
	CreateCheckRun(ctx context.Context, run forge.CheckRun) (forge.CheckRun, error)
}

// PublishOptions say where to.
type PublishOptions struct {
	// PullRequest is its number; 0 leaves the comment out, as in a merge queue.
	PullRequest int
	// HeadSHA is the pull request's own head, on which the check run belongs: not
	// the merge commit that was checked out. "" leaves the check run out, as
	// for a story that was read with Parse: nobody verified what it says, so it
	// decides nothing.
	HeadSHA string
	// Name is the check run's; "" is CheckRunName. ExternalID tells two of one
	// name apart: the run's id and attempt.
	Name, ExternalID string
	Comment          CommentOptions
}

// Published is where it went; what is "" was not published.
type Published struct {
	CommentURL, CheckRunURL string
	// Unchanged: the comment said the same already.
	Unchanged bool
}

// Note is something that could not be published, and what to do about it.
type Note struct {
	Message string
	Needs   string // the line under permissions:, "" where that is not the reason
}

// Publish writes the comment and the check run. What the token may not do is a
// note; an error is of the forge or the network, and the rest is published all
// the same.
//
// The comment is edited in place, so that nobody is notified twice: it is the
// oldest that begins with the marker and is by the token's own account. Others
// may write the marker too, and theirs are left alone. A pull request that
// changes nothing waybill knows gets no new comment.
func Publish(ctx context.Context, f Forge, s *Story, o PublishOptions) (Published, []Note, error) {
	var out Published
	var notes []Note
	var errs []error
	settle := func(what string, err error) {
		var denied *forge.NotAllowed
		switch {
		case err == nil:
		case errors.As(err, &denied):
			notes = append(notes, Note{Message: what + ": " + denied.Error(), Needs: denied.Needs})
		default:
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	if o.PullRequest > 0 {
		comment, unchanged, err := stick(ctx, f, s, o)
		out.CommentURL, out.Unchanged = comment.URL, unchanged
		settle("the comment was not written", err)
	}
	if o.HeadSHA != "" {
		run := s.CheckRun()
		run.Name, run.HeadSHA, run.ExternalID = cmp.Or(o.Name, run.Name), o.HeadSHA, cmp.Or(o.ExternalID, "waybill")
		if webAddress.MatchString(o.Comment.RunURL) {
			run.DetailsURL = o.Comment.RunURL
		}
		run.Summary = s.Comment(CommentLimit, o.Comment)
		made, err := f.CreateCheckRun(ctx, run)
		out.CheckRunURL = made.URL
		settle("the check run was not written", err)
	}
	return out, notes, errors.Join(errs...)
}

// stick writes the comment where it was written before.
func stick(ctx context.Context, f Forge, s *Story, o PublishOptions) (_ forge.Comment, unchanged bool, err error) {
	self, err := f.Self(ctx)
	if err != nil {
		return forge.Comment{}, false, err
	}
	all, err := f.Comments(ctx, o.PullRequest)
	if err != nil {
		return forge.Comment{}, false, err
	}
	body := s.Comment(CommentLimit, o.Comment)
	old := own(all, self, o.Comment.Mark())
	switch {
	case old != nil && sameText(old.Body, body):
		return *old, true, nil
	case old != nil:
		edited, err := f.EditComment(ctx, old.ID, body)
		if !errors.Is(err, forge.ErrNotFound) {
			return edited, false, err
		}
		// Not allowed and not there look alike; the list tells them apart.
		again, listErr := f.Comments(ctx, o.PullRequest)
		if listErr != nil || slices.ContainsFunc(again, func(c forge.Comment) bool { return c.ID == old.ID }) {
			return edited, false, err
		}
	case s.empty():
		return forge.Comment{}, false, nil
	}
	made, err := f.CreateComment(ctx, o.PullRequest, body)
	if err != nil {
		return made, false, err
	}
	return merged(ctx, f, o, made, self), false, nil
}

// merged looks again after a comment was made: of two runs at once both may have
// found none. Both then see the same oldest one: that stays, with the newer text,
// and the run whose comment came later takes its own away. What fails on the way
// leaves the comment that was made.
func merged(ctx context.Context, f Forge, o PublishOptions, made forge.Comment, self forge.Account) forge.Comment {
	all, err := f.Comments(ctx, o.PullRequest)
	if err != nil {
		return made
	}
	first := own(all, self, o.Comment.Mark())
	if first == nil || first.ID >= made.ID {
		return made
	}
	kept, err := f.EditComment(ctx, first.ID, made.Body)
	if err != nil || f.DeleteComment(ctx, made.ID) != nil {
		return made
	}
	return kept
}

// empty tells whether there is nothing to say.
func (s *Story) empty() bool { return len(s.Artifacts) == 0 && len(s.Findings) == 0 && s.Project == "" }

// own is the oldest comment with the marker by the account itself, nil when
// there is none.
func own(all []forge.Comment, self forge.Account, mark string) *forge.Comment {
	var out *forge.Comment
	for i := range all {
		c := &all[i]
		first, _, _ := strings.Cut(c.Body, "\n")
		if strings.TrimSpace(first) == mark && sameAccount(c.Author, self) && (out == nil || c.ID < out.ID) {
			out = c
		}
	}
	return out
}

// sameAccount compares ids, which are never given twice; names can be.
func sameAccount(a, b forge.Account) bool {
	if a.ID != 0 && b.ID != 0 {
		return a.ID == b.ID
	}
	return a.Login != "" && strings.EqualFold(a.Login, b.Login)
}

// sameText compares what was sent with what the forge kept, which may end lines
// otherwise.
func sameText(there, body string) bool {
	return strings.TrimSpace(strings.ReplaceAll(there, "\r\n", "\n")) == strings.TrimSpace(body)
}
