package review

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
)

// host is a forge in memory.
type host struct {
	self      forge.Account
	comments  []forge.Comment
	runs      []forge.CheckRun
	writes    int
	deny      error // of writing comments
	denyRuns  error
	deleted   int64 // a comment that goes away before it is edited
	selfFails error
	racer     *forge.Comment // appears just before one is created
}

func (h *host) Self(context.Context) (forge.Account, error) { return h.self, h.selfFails }

func (h *host) Comments(context.Context, int) ([]forge.Comment, error) {
	return append([]forge.Comment(nil), h.comments...), nil
}

func (h *host) CreateComment(_ context.Context, _ int, body string) (forge.Comment, error) {
	if h.writes++; h.deny != nil {
		return forge.Comment{}, h.deny
	}
	if h.racer != nil {
		h.comments = append(h.comments, *h.racer)
	}
	c := forge.Comment{ID: int64(100 + len(h.comments)), Author: h.self, Body: strings.ReplaceAll(body, "\n", "\r\n"), URL: "created"}
	h.comments = append(h.comments, c)
	return c, nil
}

func (h *host) EditComment(_ context.Context, id int64, body string) (forge.Comment, error) {
	if h.writes++; h.deny != nil {
		return forge.Comment{}, h.deny
	}
	if h.deleted != 0 { // and GitHub says what it says of one that may not be written
		h.comments = slices.DeleteFunc(h.comments, func(c forge.Comment) bool { return c.ID == h.deleted })
		return forge.Comment{}, &forge.NotAllowed{Needs: "pull-requests: write", Status: 404}
	}
	for i := range h.comments {
		if h.comments[i].ID == id {
			h.comments[i].Body = body
			return h.comments[i], nil
		}
	}
	return forge.Comment{}, &forge.NotFound{What: "edit"}
}

func (h *host) DeleteComment(_ context.Context, id int64) error {
	h.comments = slices.DeleteFunc(h.comments, func(c forge.Comment) bool { return c.ID == id })
	return nil
}

func (h *host) CreateCheckRun(_ context.Context, run forge.CheckRun) (forge.CheckRun, error) {
	if h.denyRuns != nil {
		return forge.CheckRun{}, h.denyRuns
	}
	run.URL = "run"
	h.runs = append(h.runs, run)
	return run, nil
}

var (
	bot  = forge.Account{Login: "github-actions[bot]", ID: 41898282, Bot: true}
	here = PublishOptions{PullRequest: 7, HeadSHA: strings.Repeat("c", 40), ExternalID: "1/1"}
)

func publish(t *testing.T, h *host, s *Story) (Published, []Note) {
	t.Helper()
	out, notes, err := Publish(context.Background(), h, s, here)
	if err != nil {
		t.Fatal(err)
	}
	return out, notes
}

func TestPublishIsSticky(t *testing.T) {
	h := &host{self: bot}
	out, notes := publish(t, h, dataFailure())
	if len(h.comments) != 1 || out.CommentURL != "created" || out.CheckRunURL != "run" || len(notes) != 0 || h.runs[0].HeadSHA != here.HeadSHA || h.runs[0].ExternalID != "1/1" {
		t.Fatalf("%+v %v, %d comments, %+v", out, notes, len(h.comments), h.runs)
	}
	before := h.writes
	if out, _ := publish(t, h, dataFailure()); !out.Unchanged || h.writes != before || out.CommentURL != "created" {
		t.Errorf("the same story was written again: %+v", out)
	}
	publish(t, h, notWorse())
	if len(h.comments) != 1 || !strings.Contains(h.comments[0].Body, "INCONCLUSIVE") {
		t.Errorf("%d comments: %s", len(h.comments), h.comments[0].Body)
	}
	publish(t, h, nothing())
	if len(h.comments) != 1 || !strings.Contains(h.comments[0].Body, "no model or dataset changed") {
		t.Errorf("%d comments: %s", len(h.comments), h.comments[0].Body)
	}
}

// TestPublishMindsTheAuthor: others write the marker too; of several own
// comments the oldest is the one.
func TestPublishMindsTheAuthor(t *testing.T) {
	mark := CommentOptions{}.Mark() + "\n"
	h := &host{self: bot, comments: []forge.Comment{
		{ID: 1, Author: forge.Account{Login: "mallory", ID: 666}, Body: mark + "mallory's"},
		{ID: 2, Author: forge.Account{Login: "github-actions[bot]", ID: 667}, Body: mark + "named alike"},
		{ID: 9, Author: bot, Body: mark + "newer"}, {ID: 5, Author: bot, Body: mark + "older"},
		{ID: 3, Author: bot, Body: "quoted:\n" + mark}, {ID: 4, Author: bot, Body: "<!-- waybill:other -->\nother"}}}
	publish(t, h, dataFailure())
	for _, c := range h.comments {
		if edited := strings.Contains(c.Body, "column.values"); edited != (c.ID == 5) {
			t.Errorf("comment %d, edited: %v", c.ID, edited)
		}
	}
	if len(h.comments) != 6 {
		t.Errorf("%d comments", len(h.comments))
	}
}

// TestPublishRace: another run commented between the look and the writing.
func TestPublishRace(t *testing.T) {
	mark := CommentOptions{}.Mark() + "\n"
	h := &host{self: bot, racer: &forge.Comment{ID: 50, Author: bot, Body: mark + "the other run's"}}
	publish(t, h, dataFailure())
	if len(h.comments) != 1 || h.comments[0].ID != 50 || !strings.Contains(h.comments[0].Body, "column.values") {
		t.Errorf("comments: %+v", h.comments)
	}
	h = &host{self: bot, racer: &forge.Comment{ID: 50, Author: forge.Account{Login: "mallory", ID: 666}, Body: mark + "mallory's"}}
	publish(t, h, dataFailure())
	if len(h.comments) != 2 {
		t.Errorf("another's comment was taken for one's own: %+v", h.comments)
	}
}

func TestPublishNothing(t *testing.T) {
	h := &host{self: bot}
	publish(t, h, nothing())
	if len(h.comments) != 0 || len(h.runs) != 1 {
		t.Errorf("%d comments, %d check runs", len(h.comments), len(h.runs))
	}
	if _, _, err := Publish(context.Background(), h, dataFailure(), PublishOptions{}); err != nil || len(h.comments) != 0 || len(h.runs) != 1 {
		t.Errorf("without a place it was published: %v", err)
	}
}

func TestPublishDeletedMeanwhile(t *testing.T) {
	h := &host{self: bot, deleted: 5, comments: []forge.Comment{{ID: 5, Author: bot, Body: CommentOptions{}.Mark() + "\nold"}}}
	if out, notes := publish(t, h, dataFailure()); len(h.comments) != 1 || out.CommentURL != "created" || len(notes) != 0 {
		t.Errorf("%d comments, %+v, %+v", len(h.comments), out, notes)
	}
}

func TestPublishDegrades(t *testing.T) {
	h := &host{self: bot, deny: &forge.NotAllowed{What: "comment", Needs: "pull-requests: write", Status: 403}}
	out, notes := publish(t, h, dataFailure())
	if out.CommentURL != "" || out.CheckRunURL != "run" || len(notes) != 1 || notes[0].Needs != "pull-requests: write" || !strings.Contains(notes[0].Message, "permissions:") {
		t.Errorf("%+v %+v", out, notes)
	}
	// GitHub hides with 404 what may not be written: that is no deleted comment.
	h = &host{self: bot, deny: &forge.NotAllowed{Needs: "pull-requests: write", Status: 404}, denyRuns: &forge.NotAllowed{Needs: "checks: write", Status: 403},
		comments: []forge.Comment{{ID: 5, Author: bot, Body: CommentOptions{}.Mark() + "\nold"}}}
	if _, notes := publish(t, h, dataFailure()); len(notes) != 2 || h.writes != 1 {
		t.Errorf("%+v after %d writes", notes, h.writes)
	}
	h = &host{selfFails: errors.New("connection reset")}
	out, _, err := Publish(context.Background(), h, dataFailure(), here)
	if err == nil || out.CheckRunURL != "run" || len(h.comments) != 0 {
		t.Errorf("%+v, %v: without knowing itself it must not comment", out, err)
	}
}
