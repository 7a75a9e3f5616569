package cli

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/delivery"
	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/promotion"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) actionPromoteCommand() *cobra.Command {
	return a.actionVerb("promote", "Plan or apply a promotion from a job, and record deployments",
		`The input mode says what: plan decides in a job that nobody has to approve and writes nothing; apply, in a job with environment:,
decides again, refuses another content than was planned, writes the ledger, and brings it into effect; deployed records which
assigned versions the deployment files on the default branch name.`, a.actionPromote)
}

// Values of the input mode.
const (
	modePlan     = "plan"
	modeApply    = "apply"
	modeDeployed = "deployed"
)

// promoteStep is one run of the verb.
type promoteStep struct {
	*step
	a      *app
	mode   string
	what   ref.Reference
	to     string
	opts   promotion.Options
	client *github.Client
	out    map[string]string
}

var promoteOutputs = []string{"verdict", "artifact", "version", "content-digest", "digest", "from", "event", "tag", "effective", "environment", "deployment-url", "pull-request-url"}

func (a *app) actionPromote(s *step) error {
	p := &promoteStep{step: s, a: a, mode: strings.ToLower(cmp.Or(s.Input("mode"), modePlan)), out: map[string]string{}}
	if err := p.prepare(); err != nil {
		return usageError{err}
	}
	a.dir = filepath.Join(s.dir, filepath.FromSlash(s.Input("working-directory")))
	w, err := a.open()
	if err != nil {
		return err
	}
	if p.mode == modeDeployed {
		return p.deployed(w)
	}
	if p.mode == modeApply {
		p.lookFirst(w)
	}
	done, err := a.promote(w, p.what, p.to, p.opts, p.delivery())
	if done == nil {
		return errors.Join(err, s.outputs(p.out, promoteOutputs...))
	}
	p.tell(done)
	text := p.summary(w, done)
	if err != nil {
		text += "\n**Not complete.** The ledger was written by event " + p.out["event"] + ". What came after it failed: run the job again, as a new run, to do the rest.\n"
	}
	return errors.Join(err, s.outputs(p.out, promoteOutputs...), s.AddSummary(text), a.showPromoted(done))
}

// prepare finds mistakes before anything is asked.
func (p *promoteStep) prepare() error {
	var err error
	if p.client, err = p.step.client(p.a); err != nil {
		return err
	}
	if p.client == nil {
		return errors.New("promote: there is no forge here, which takes GITHUB_REPOSITORY and the input token")
	}
	switch p.mode {
	case modeDeployed:
		return nil
	case modePlan, modeApply:
	default:
		return fmt.Errorf("input mode: %.100q is neither %s, %s nor %s", p.mode, modePlan, modeApply, modeDeployed)
	}
	if p.what, err = ref.Parse(p.Input("name")); err != nil {
		return fmt.Errorf("input name: %w", err)
	}
	p.to = p.Input("to")
	if err := ref.CheckStage(p.to); err != nil {
		return fmt.Errorf("input to: %w", err)
	}
	p.opts = promotion.Options{Reason: p.Input("reason"), Plan: p.mode == modePlan, On: p.occasion(p.client)}
	switch digest := p.Input("digest"); {
	case digest != "":
		if p.opts.Expect, err = ref.ParseDigest(digest); err != nil {
			return fmt.Errorf("input digest: %w", err)
		}
	case p.mode == modeApply:
		return errors.New("input digest: mode apply needs the content digest that was planned and approved, the output content-digest of the job with mode: plan")
	}
	return nil
}

func (p *promoteStep) delivery() delivery.Options {
	return delivery.Options{Forge: p.client, Run: p.context.RunURL()}
}

// lookFirst records what was merged since the last run. What it cannot do is
// left to the next: it has no say in this promotion.
func (p *promoteStep) lookFirst(w *workspace.Workspace) {
	seen, err := delivery.Deployed(p.a.ctx, w, p.delivery())
	if err != nil {
		p.Warning("what was deployed could not be recorded: " + visible(err.Error()))
	}
	if seen == nil {
		return
	}
	for _, f := range seen.Report.Findings {
		if f.Verdict != report.Pass {
			p.Warning(visible(f.Message + "; " + f.Hint))
		}
	}
}

func (p *promoteStep) deployed(w *workspace.Workspace) error {
	seen, err := delivery.Deployed(p.a.ctx, w, p.delivery())
	if seen == nil {
		return err
	}
	r := deployedReport(seen)
	p.out["verdict"], p.out["effective"] = string(r.Verdict), "true"
	for _, d := range seen.Results {
		if !d.Effective {
			p.out["effective"] = "false"
		}
	}
	if n := len(seen.Recorded); n > 0 {
		p.out["event"] = strconv.FormatInt(seen.Recorded[n-1].Seq, 10)
	}
	return errors.Join(err, p.outputs(p.out, promoteOutputs...), p.AddSummary(deployedSummary(r)), p.a.report(r))
}

// tell fills in the outputs.
func (p *promoteStep) tell(done *promoted) {
	o, out := done.Outcome, p.out
	out["verdict"] = string(done.verdict())
	out["artifact"], out["version"], out["content-digest"], out["digest"] = o.Artifact, o.Version.String(), string(o.ContentDigest), string(o.Digest)
	if !o.From.IsZero() {
		out["from"] = o.From.String()
	}
	if o.Event > 0 {
		out["event"] = strconv.FormatInt(o.Event, 10)
	}
	if len(o.Tags) > 0 {
		out["tag"] = o.Tags[len(o.Tags)-1]
	}
	d := done.delivery
	if d != nil {
		out["environment"] = d.Environment
	}
	if d == nil || p.mode == modePlan {
		return
	}
	out["effective"] = strconv.FormatBool(d.Effective)
	var urls []string
	for _, f := range d.Files {
		if f.PullRequest != "" {
			urls = append(urls, f.PullRequest)
		}
	}
	out["pull-request-url"] = strings.Join(urls, "\n")
	if d.Deployment != nil {
		out["deployment-url"] = p.context.ServerURL + "/" + p.context.Repository + "/deployments/" + url.PathEscape(d.Deployment.Environment)
	}
}

// versionOf is the registered version that this is about.
func versionOf(l *ledger.State, done *promoted) *ledger.Version {
	if a := l.Artifacts[done.Artifact]; a != nil {
		return a.Version(done.Version)
	}
	return nil
}
