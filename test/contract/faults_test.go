package contract

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// An answer that is lost after the write was done does not make a second one.
func TestLostAnswers(t *testing.T) {
	ctx := context.Background()
	for _, fault := range []struct {
		name string
		githubtest.Fault
	}{
		{"lost", githubtest.Fault{LoseAnswer: true, Times: 1}},
		{"truncated", githubtest.Fault{Truncate: true, Times: 1}},
		{"never done", githubtest.Fault{Status: 502, Times: 1}},
		{"secondary rate limit", githubtest.Fault{RateLimit: "secondary", RetryAfter: time.Second, Times: 1}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			f := newFixture(t, "api.github.com")
			f.gh.Fail("POST /repos/**", fault.Fault)
			_, err := f.client.CreateComment(ctx, f.pr.Number, "<!-- waybill -->\nhello")
			f.checked("CreateComment", err)
			if n := len(f.repo.Comments(f.pr.Number)); n != 1 {
				t.Errorf("%d comments", n)
			}
			f.gh.Heal()
			f.gh.Fail("POST /repos/**", fault.Fault)
			_, err = f.client.CreateCheckRun(ctx, forge.CheckRun{
				Name: "waybill", HeadSHA: f.pr.HeadSHA, Status: forge.StatusCompleted, Conclusion: forge.ConclusionSuccess,
				Title: "PASS", Summary: "Good.", ExternalID: "run-1",
			})
			f.checked("CreateCheckRun", err)
			if n := len(f.repo.CheckRuns(f.pr.HeadSHA)); n != 1 {
				t.Errorf("%d check runs", n)
			}
		})
	}
}

// What is not permitted says which permission is missing.
func TestNotAllowed(t *testing.T) {
	f := newFixture(t, "api.github.com")
	f.gh.AddToken(githubtest.AdminToken, githubtest.Token{Permissions: map[string]string{"contents": "read"}})
	_, err := f.client.CreateComment(context.Background(), f.pr.Number, "<!-- waybill -->\nhello")
	f.checked("a refusal", nil)
	var refused *forge.NotAllowed
	if !errors.As(err, &refused) || refused.Needs != string(forge.ToComment) {
		t.Errorf("CreateComment: %v", err)
	}
}
