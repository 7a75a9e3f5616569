package cli

import (
	"io"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/action"
)

// TestRegisterOnlyWhatIsMerged: what a pull request or a fork brought gets no
// version, whatever else the event claims.
func TestRegisterOnlyWhatIsMerged(t *testing.T) {
	own, fork := action.Repository{Owner: "acme", Name: "reviews"}, action.Repository{Owner: "mallory", Name: "reviews", Fork: true}
	for _, c := range []struct {
		name    string
		context action.Context
		refused string
	}{
		{"push", action.Context{EventName: "push"}, ""},
		{"dispatch", action.Context{EventName: "workflow_dispatch"}, ""},
		{"pull request", action.Context{EventName: "pull_request"}, "what is merged"},
		{"pull_request_target", action.Context{EventName: "pull_request_target"}, "what is merged"},
		{"review", action.Context{EventName: "pull_request_review"}, "what is merged"},
		{"another name", action.Context{EventName: "push", PullRequest: &action.PullRequest{}}, "what is merged"},
		{"after a push", action.Context{EventName: "workflow_run", WorkflowRun: &action.WorkflowRun{HeadRepository: own, Event: "push"}}, ""},
		{"after a pull request", action.Context{EventName: "workflow_run", WorkflowRun: &action.WorkflowRun{HeadRepository: own, Event: "pull_request"}}, "is merged here"},
		{"after a fork's push", action.Context{EventName: "workflow_run", WorkflowRun: &action.WorkflowRun{HeadRepository: fork, Event: "push"}}, "mallory/reviews"},
		{"after one of a fork that is gone", action.Context{EventName: "workflow_run", WorkflowRun: &action.WorkflowRun{Event: "push"}}, "is merged here"},
	} {
		c.context.Repository = "acme/reviews"
		p := &registerStep{a: &app{}, step: &step{Action: action.New(func(string) string { return "" }, io.Discard), context: &c.context}}
		err := p.prepare()
		if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
