package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/promotion"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/release"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) actionRegisterCommand() *cobra.Command {
	return a.actionVerb("register", "Register what is new on the default branch, and make releases",
		`Compares the lock of every artifact with the ledger, never only what the push changed: a run that was dropped is made up by the next.
Registers like "waybill register --bump auto", datasets first, and makes a release of each version: a draft, then its files, then public.
A release that an earlier run did not finish is completed.`, a.actionRegister)
}

// registerStep is one run of the verb.
type registerStep struct {
	*step
	a       *app
	opts    promotion.RegisterOptions
	release bool
	latest  bool
	client  *github.Client
}

// registeredOne is one artifact in the output artifacts.
type registeredOne struct {
	Name          string     `json:"name"`
	Kind          string     `json:"kind"`
	Version       string     `json:"version"` // "" where it was refused and has none
	ContentDigest ref.Digest `json:"contentDigest"`
	Digest        ref.Digest `json:"digest"`
	Tag           string     `json:"tag"`
	Event         int64      `json:"event"`
	ReleaseURL    string     `json:"release-url"`
	Done          bool       `json:"done"` // registered by this run
	message       string     // for people
	problem       error      // what could not be done
	made          bool       // the release, by this run
	findings      []report.Finding
}

func (a *app) actionRegister(s *step) error {
	p := &registerStep{step: s, a: a}
	if err := p.prepare(); err != nil {
		return usageError{err}
	}
	a.dir = filepath.Join(s.dir, filepath.FromSlash(s.Input("working-directory")))
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	done, err := a.registerAll(w, s.List("names"), p.opts)
	var outcomes []*promotion.Outcome
	all := []*registeredOne{}
	for _, d := range done {
		one := &registeredOne{Name: d.artifact.Name, Kind: string(d.artifact.Kind), problem: d.err}
		if all = append(all, one); d.outcome == nil {
			continue
		}
		outcomes = append(outcomes, d.outcome)
		one.take(d.outcome)
	}
	if p.release {
		err = errors.Join(err, p.releases(w, all))
	}
	verdict := worstVerdict(outcomes)
	if verdict == report.Pass && err != nil {
		verdict = report.Inconclusive
	}
	return errors.Join(err, p.tell(all, verdict), a.outcomes(outcomes))
}

func (one *registeredOne) take(o *promotion.Outcome) {
	one.ContentDigest, one.Digest, one.Done, one.message = o.ContentDigest, o.Digest, o.Done, o.Message
	if o.Version.IsZero() {
		one.findings = o.Report.Findings
		return
	}
	one.Version, one.Event, one.Tag = o.Version.String(), o.Event, o.Artifact+"@"+o.Version.String()
}

// prepare finds mistakes before anything is asked, and refuses events that run
// what nobody merged. That the commit is on the default branch is asked of the
// remote later, whatever the event says.
func (p *registerStep) prepare() error {
	c := p.context
	if strings.HasPrefix(c.EventName, "pull_request") || c.PullRequest != nil {
		return fmt.Errorf("a version is registered of what is merged: run this on push to the default branch, not on %s", cmp.Or(c.EventName, "pull_request"))
	}
	if r := c.WorkflowRun; r != nil {
		if from := r.HeadRepository.Owner + "/" + r.HeadRepository.Name; !strings.EqualFold(from, c.Repository) || strings.HasPrefix(r.Event, "pull_request") {
			return fmt.Errorf("the run that started this one was of %s for %q: a version is registered of what is merged here; run this on push to the default branch", from, r.Event)
		}
	}
	var err error
	if p.opts.Bump, err = promotion.ParseBump(strings.ToLower(cmp.Or(p.Input("bump"), string(promotion.Auto)))); err != nil {
		return fmt.Errorf("input bump: %w", err)
	}
	p.opts.Reason = p.Input("reason")
	if p.release, err = p.Bool("release", p.OnRunner()); err != nil {
		return err
	}
	if p.latest, err = p.Bool("latest", false); err != nil {
		return err
	}
	if p.client, err = p.step.client(p.a); err == nil && p.client == nil && p.release {
		err = errors.New("release: there is no forge here, which takes GITHUB_REPOSITORY and the input token; give it, or use release: false")
	}
	return err
}

// releases makes the release of each version that has none. Besides those of
// this run these are the versions that the locks name now, if they were
// registered at this commit or by a workflow of this repository: a run that
// was cut off is completed by the next one, and a version that somebody
// registered by hand gets no release that nobody asked for.
func (p *registerStep) releases(w *workspace.Workspace, all []*registeredOne) error {
	l, err := w.Ledger(p.a.ctx) // with the tags as they are now
	if err != nil {
		return err
	}
	head, err := w.Repo.Head()
	if err != nil {
		return err
	}
	var errs []error
	for _, one := range all {
		a := l.State.Artifacts[one.Name]
		v, err := ref.ParseVersion(one.Version)
		if err != nil || a == nil || a.Version(v) == nil || !one.Done && !p.owns(a.Version(v), head.Hash) {
			continue
		}
		if err := p.releaseOne(w, l, one, v); err != nil {
			one.problem = errors.Join(one.problem, err)
			errs = append(errs, err)
		}
		if p.a.ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

func (p *registerStep) owns(v *ledger.Version, head string) bool {
	return v.Commit == head || strings.HasPrefix(v.Run, p.context.ServerURL+"/"+p.context.Repository+"/actions/runs/")
}

func (p *registerStep) releaseOne(w *workspace.Workspace, l *workspace.Ledger, one *registeredOne, v ref.Version) error {
	c, err := release.Of(p.a.ctx, w, l, one.Name, v)
	if err != nil {
		return err
	}
	done, err := release.Publish(p.a.ctx, p.client, c, release.Options{Latest: p.latest})
	if err != nil {
		return err
	}
	one.ReleaseURL, one.made = done.URL, done.Made
	for _, problem := range done.Problems {
		p.Warning(visible(problem))
	}
	return nil
}

// tell sets the outputs and, when there is something new, the summary.
func (p *registerStep) tell(all []*registeredOne, verdict report.Verdict) error {
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	registered := []string{}
	var findings []report.Finding
	said, news := &registeredOne{}, false
	for _, one := range all {
		findings = append(findings, one.findings...)
		news = news || one.Done || one.made || one.problem != nil || len(one.findings) > 0
		if one.Done {
			registered = append(registered, one.Tag)
		}
		if one.Done || len(all) == 1 {
			said = one
		}
	}
	list, err := json.Marshal(registered)
	if err != nil {
		return err
	}
	if len(all) != 1 && len(registered) != 1 {
		said = &registeredOne{}
	}
	p.Annotate(findings)
	out := map[string]string{"artifacts": string(data), "registered": string(list), "verdict": string(verdict), "version": said.Version, "content-digest": ""}
	if said.Version != "" {
		out["content-digest"] = string(said.ContentDigest)
	}
	if err := p.outputs(out, "artifacts", "registered", "verdict", "version", "content-digest"); err != nil || !news {
		return err
	}
	return p.AddSummary(registerSummary(all))
}

func registerSummary(all []*registeredOne) string {
	var b strings.Builder
	b.WriteString("### waybill register\n\n| Artifact | Version | Content | What happened | Release |\n|:--|:--|:--|:--|:--|\n")
	for _, one := range all {
		what := render.Inert(one.message)
		if one.problem != nil {
			what = strings.TrimSpace(what + " " + render.Inert(render.Clip(one.problem.Error(), 1000)))
		}
		link, content := "", ""
		if one.ReleaseURL != "" {
			link = fmt.Sprintf("[%s](%s)", render.Inert(one.Tag), one.ReleaseURL)
		}
		if one.ContentDigest != "" {
			content = render.Code(one.ContentDigest.Short())
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", one.Name, one.Version, content, what, link)
	}
	for _, one := range all {
		if len(one.findings) == 0 {
			continue
		}
		b.WriteString("\n#### Why " + one.Name + " was refused\n\n" + render.MarkdownFindingHead)
		for i := range one.findings {
			if f := &one.findings[i]; f.Verdict != report.Pass {
				b.WriteString(render.MarkdownFinding(f))
			}
		}
	}
	return b.String()
}

// worstVerdict is that of the outcomes that were refused.
func worstVerdict(all []*promotion.Outcome) report.Verdict {
	worst := report.Pass
	for _, o := range all {
		if o.Report != nil && !o.Done && (o.Report.Verdict == report.Fail || worst == report.Pass) {
			worst = o.Report.Verdict
		}
	}
	return worst
}
