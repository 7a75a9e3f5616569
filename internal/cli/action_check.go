package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/review"
)

func (a *app) actionCheckCommand() *cobra.Command {
	return a.actionVerb("check", "Tell what a pull request changes, in a comment, a check run and report files",
		`Compares the checked out commit with the base of the pull request, merge group or push, checks what changed, and writes report files,
summary, outputs and, as far as the token may, a comment and a check run. Exits 1 on FAIL, 3 on INCONCLUSIVE, as input
fail-on-inconclusive says, and 0 while waybill is being introduced.`, a.actionCheck)
}

// unsafe are events whose workflows have rights that the content of a pull
// request must not get near.
var unsafe = []string{"pull_request_target", "workflow_run", "issue_comment"}

func (a *app) actionCheck(s *step) error {
	if slices.Contains(unsafe, s.context.EventName) {
		return usageError{fmt.Errorf("a workflow on %s has a token that may write, and checks read what a pull request brings: run them on pull_request; "+
			"for forks, let actions/comment write the comment (docs/github.md)", s.context.EventName)}
	}
	in, err := readCheckInputs(s)
	if err != nil {
		return usageError{err}
	}
	a.dir = in.dir
	story, what, broken := a.tell(s, in)
	if broken != nil && story == nil {
		return broken
	}
	p := &publication{step: s, in: in, story: story, what: what}
	if err := p.all(a); err != nil {
		return err
	}
	if broken != nil {
		return broken
	}
	if in.failInconclusive || story.Blocking() != report.Inconclusive {
		a.verdict(&report.Report{Verdict: story.Blocking()})
	}
	if a.code == exitOK {
		a.code = p.code
	}
	if story.Bootstrap {
		a.note("this introduces waybill, of which the base has no waybill.yaml yet: everything is reported, nothing blocks")
	}
	return render.Report(a.out, a.format, story.Report(), a.options())
}

// checkInputs are those of actions/check; see internal/action/inputs.go.
type checkInputs struct {
	names                []string
	dir, base, reportDir string
	comment, checkRun    string // auto, true or false
	failInconclusive     bool
	samples              manifest.Samples // "" is what the project says
}

func readCheckInputs(s *step) (in checkInputs, err error) {
	in.names, in.base, in.samples = s.List("names"), s.Input("base"), manifest.Samples(s.Input("samples"))
	in.dir = filepath.Join(s.dir, filepath.FromSlash(s.Input("working-directory")))
	switch in.reportDir = s.Input("report-dir"); {
	case in.reportDir == "" && s.context.Temp != "":
		in.reportDir = filepath.Join(s.context.Temp, "waybill")
	case in.reportDir != "" && !filepath.IsAbs(in.reportDir):
		in.reportDir = filepath.Join(s.dir, in.reportDir)
	}
	if in.comment, err = when(s, "comment"); err != nil {
		return in, err
	}
	if in.checkRun, err = when(s, "check-run"); err != nil {
		return in, err
	}
	if in.samples != "" && !slices.Contains([]manifest.Samples{manifest.SamplesNone, manifest.SamplesMasked, manifest.SamplesFull}, in.samples) {
		return in, fmt.Errorf("input samples: %q is neither none, masked nor full", in.samples)
	}
	in.failInconclusive, err = s.Bool("fail-on-inconclusive", true)
	return in, err
}

func when(s *step, name string) (string, error) {
	switch v := strings.ToLower(s.Input(name)); v {
	case "", "auto":
		return "auto", nil
	case "true", "false":
		return v, nil
	}
	return "", fmt.Errorf("input %s: %.100q is neither auto, true nor false", name, s.Input(name))
}

// tell makes the story. An invalid manifest is a story too, beside its error.
func (a *app) tell(s *step, in checkInputs) (*review.Story, review.Compared, error) {
	w, err := a.open()
	if err != nil {
		what := review.Compared{Reviewed: s.context.SHA}
		if pr := s.context.PullRequest; pr != nil {
			what.Reviewed = pr.Head.SHA
		}
		what.Head = what.Reviewed
		return review.Broken(err, what.Head), what, err
	}
	defer w.SaveStats()
	if _, err := w.Select(in.names); err != nil {
		return nil, review.Compared{}, err
	}
	what, err := review.FindBase(s.context, w.Repo, in.base)
	if err != nil {
		return nil, what, err
	}
	if err := review.FetchBase(a.ctx, w.Repo, what); err != nil {
		return nil, what, err
	}
	story, err := review.Tell(a.ctx, w, review.Options{Base: what.Base, Head: what.Head, Names: in.names, Samples: in.samples, Note: func(m string) { a.note("%s", m) }})
	return story, what, err
}
