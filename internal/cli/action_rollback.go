package cli

import (
	"bytes"
	"errors"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

func (a *app) actionRollbackCommand() *cobra.Command {
	return a.actionVerb("rollback", "Put the last good version back in a job, and hold the bad one out",
		`Rolls back like "waybill rollback". The digest is committed straight onto the default branch where that is allowed; elsewhere it is a
pull request, and the step ends with 3, since the rollback is not yet effective.`, a.actionRollback)
}

func (a *app) actionRollback(s *step) error {
	r, err := rollbackOf(s)
	if err != nil {
		return usageError{err}
	}
	client, err := s.client(a)
	switch {
	case err != nil:
		return usageError{err}
	case client != nil:
		r.forge = client
	case s.OnRunner() && !r.drill && !r.opts.DryRun:
		return usageError{errors.New("there is no forge here to write the digest back to, which takes GITHUB_REPOSITORY and the input token")}
	}
	r.opts.On, r.run = s.occasion(client), s.context.RunURL()
	a.dir = filepath.Join(s.dir, filepath.FromSlash(s.Input("working-directory")))
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	failed := a.rollback(w, r)
	if len(r.outcomes) == 0 && failed != nil {
		return failed
	}
	all := r.report()
	out := r.outputs(all.Verdict)
	if failed != nil {
		out["verdict"], out["effective"] = string(report.Inconclusive), "false"
	}
	if err := s.outputs(out, "verdict", "version", "from", "digest", "content-digest", "event", "effective", "pull-request-url"); err != nil {
		return errors.Join(failed, err)
	}
	s.Annotate(all.Findings)
	all.Sections = append([]report.Section{report.TextSection("", r.text())}, all.Sections...)
	var b bytes.Buffer
	err = render.Report(&b, "markdown", all, render.Options{Verbose: r.opts.DryRun})
	if err == nil {
		err = s.AddSummary(b.String())
	}
	if err = errors.Join(failed, err); err != nil {
		return err
	}
	return a.showRollback(r)
}

// rollbackOf reads the inputs.
func rollbackOf(s *step) (*rollback, error) {
	r := &rollback{name: s.Input("name"), stage: s.Input("stage")}
	r.opts.Reason = s.Input("reason")
	for _, b := range []struct {
		input string
		to    *bool
	}{{"dry-run", &r.opts.DryRun}, {"drill", &r.drill}, {"accept-break", &r.opts.AcceptBreak}} {
		var err error
		if *b.to, err = s.Bool(b.input, false); err != nil {
			return nil, err
		}
	}
	return r, r.parse(s.Input("to"), "input reason", "input to")
}

// outputs are those of the step. Of a drill of many there is only the verdict.
func (r *rollback) outputs(v report.Verdict) map[string]string {
	out := map[string]string{"verdict": string(v), "version": "", "from": "", "digest": "", "content-digest": "", "event": "", "effective": "", "pull-request-url": ""}
	if len(r.outcomes) != 1 {
		return out
	}
	o := r.outcomes[0]
	out["version"], out["from"] = o.Version.String(), o.From.String()
	out["digest"], out["content-digest"] = string(o.Digest), string(o.ContentDigest)
	if r.drill || r.opts.DryRun {
		return out
	}
	out["effective"] = strconv.FormatBool(r.effective())
	if r.delivery == nil {
		return out
	}
	out["event"] = strconv.FormatInt(r.delivery.Event, 10)
	var urls []string
	for _, f := range r.delivery.Files {
		if f.PullRequest != "" {
			urls = append(urls, f.PullRequest)
		}
	}
	out["pull-request-url"] = strings.Join(urls, "\n")
	return out
}
