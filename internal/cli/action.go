package cli

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/action"
	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/promotion"
)

// actionCommand holds what the actions of actions/ run. Their inputs come as
// INPUT_* from the environment, as action.yml maps them; see docs/actions.md.
func (a *app) actionCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "action VERB",
		Short: "Run as a step of a workflow: what the actions of this project call",
		Long: `Each action of this project installs waybill and runs one of these verbs. Inputs are read from INPUT_* in the
environment, outputs, summary and annotations go to the runner. See docs/github.md and docs/actions.md.`,
		Example: "  INPUT_BASE=origin/main waybill action check    # on a laptop: the story of a branch",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.actionCheckCommand(), a.actionCommentCommand(), a.actionPushCommand(), a.actionPullCommand(), a.actionRegisterCommand(), a.actionPromoteCommand(), a.actionRollbackCommand())
	return c
}

func (a *app) actionVerb(use, short, long string, run func(*step) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return a.asStep(run) }}
}

// step is one run of a verb as a step of a workflow.
type step struct {
	*action.Action
	context *action.Context
	token   string
	dir     string // where the step started
}

// asStep runs a verb as a step. What it prints may hold text of others, in
// which the runner would look for commands, on standard error too: all of it
// goes where commands are off.
func (a *app) asStep(verb func(*step) error) error {
	s := &step{Action: action.New(a.getenv, a.stdout), dir: a.workDir()}
	s.token = cmp.Or(s.Input("token"), a.getenv("GITHUB_TOKEN"))
	s.Mask(s.token)
	if !s.OnRunner() {
		return s.start(a, verb)
	}
	text, err := s.Untrusted(a.stdout)
	if err != nil {
		return err
	}
	a.stderr = text
	if a.output == "" {
		a.out = text
	}
	if err := s.start(a, verb); err != nil {
		message := visible(err.Error())
		fmt.Fprintf(text, "waybill: %s\n", message)
		s.Error(message)
		a.code = exitCode(err)
	}
	if err := text.Close(); err != nil {
		return err
	}
	return s.Err()
}

func (s *step) start(a *app, verb func(*step) error) error {
	var err error
	if s.context, err = s.Context(); err != nil {
		return usageError{err}
	}
	if s.OnRunner() && s.token != "" && a.getenv("GITHUB_TOKEN") == "" {
		// Git and the registry look for it there: the base of a private
		// repository is fetched with persist-credentials: false too.
		if err := os.Setenv("GITHUB_TOKEN", s.token); err != nil {
			return err
		}
	}
	return verb(s)
}

// client speaks to the forge, nil where there is none to speak to: outside of
// workflows, or without a token.
func (s *step) client(a *app) (*github.Client, error) {
	if s.context.Repository == "" || s.token == "" {
		return nil, nil
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = time.Minute
	return github.New(github.Options{
		BaseURL: s.context.APIURL, Repository: s.context.Repository, Token: s.token, UserAgent: "waybill/" + version,
		HTTP: &http.Client{Transport: transport}, Now: a.now, Log: func(m string) { a.note("%s", m) },
	})
}

// outputs sets outputs of the step.
func (s *step) outputs(values map[string]string, order ...string) error {
	for _, key := range order {
		if err := s.SetOutput(key, values[key]); err != nil {
			return err
		}
	}
	return nil
}

// occasion is this run, for a gate to ask about.
func (s *step) occasion(client *github.Client) promotion.Occasion {
	o := promotion.Occasion{Repository: s.context.Repository, RunID: s.context.RunID, Attempt: s.context.RunAttempt, WorkflowRef: s.context.WorkflowRef}
	if client != nil {
		o.Forge = client
	}
	return o
}
