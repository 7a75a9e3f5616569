package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/delivery"
	"github.com/waybill-dev/waybill/internal/promotion"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) promoteCommand() *cobra.Command {
	var to, reason, expect string
	var plan, deployed bool
	c := &cobra.Command{
		Use:   "promote NAME[@VERSION] --to STAGE",
		Short: "Assign a version to a stage when its gate lets it in",
		Long: `The gate's rules are those of waybill.yaml on the remote's default branch. A refusal names every unmet condition.

Where deploy: in model.yaml names files for the stage, they are edited in the working tree: commit and push them. Once
they are on the default branch, --deployed records that. A file that somebody edited by hand is refused.`,
		Example: `  waybill promote sentiment --to staging
  waybill promote sentiment@v0.1.0 --to production --reason "passed the pilot"
  waybill promote sentiment@v0.1.0 --to production --plan    # decide, and write nothing
  waybill promote --deployed                                 # record what reached the default branch`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if deployed {
				if len(args) > 0 || to != "" || plan || expect != "" {
					return usageError{errors.New("--deployed looks at all stages: it goes with no name and no other flag of promote")}
				}
				return a.promoteDeployed()
			}
			if len(args) == 0 {
				return usageError{errors.New("name what to promote: waybill promote NAME --to STAGE")}
			}
			return a.promoteHere(args[0], to, promotion.Options{Reason: reason, Plan: plan}, expect)
		},
	}
	c.Flags().StringVar(&to, "to", "", "the stage")
	c.Flags().StringVar(&reason, "reason", "", "why, for the ledger")
	c.Flags().BoolVar(&plan, "plan", false, "decide, say what would change, and write nothing")
	c.Flags().StringVar(&expect, "expect", "", "the content digest that was planned; another one is refused")
	c.Flags().BoolVar(&deployed, "deployed", false, "record which assigned versions the deployment files on the default branch name")
	return c
}

// promoteHere promotes without a forge.
func (a *app) promoteHere(name, to string, opts promotion.Options, expect string) error {
	r, err := ref.Parse(name)
	if err == nil {
		err = ref.CheckStage(to)
	}
	if err == nil && expect != "" {
		opts.Expect, err = ref.ParseDigest(expect)
	}
	if err != nil {
		return usageError{err}
	}
	w, err := a.open()
	if err != nil {
		return err
	}
	p, err := a.promote(w, r, to, opts, delivery.Options{})
	if p == nil {
		return err
	}
	return errors.Join(err, a.showPromoted(p))
}

func (a *app) promoteDeployed() error {
	w, err := a.open()
	if err != nil {
		return err
	}
	seen, err := delivery.Deployed(a.ctx, w, delivery.Options{})
	if seen == nil {
		return err
	}
	return errors.Join(err, a.report(deployedReport(seen)))
}

// promoted is what became of a promotion.
type promoted struct {
	*promotion.Outcome
	delivery *delivery.Result // nil where the stage was not entered and nothing is planned
	plan     bool
	offline  bool // there is no forge to review anything
}

// promote asks the gate, writes the ledger, and brings what it says into effect.
// A deployment file that was edited by hand is looked for first: nothing enters a
// stage that could not be deployed there. With an error and a result, the ledger
// was written and what comes after it is not complete.
func (a *app) promote(w *workspace.Workspace, r ref.Reference, stage string, opts promotion.Options, to delivery.Options) (*promoted, error) {
	preview, err := a.preview(w, r, stage)
	if err != nil {
		return nil, err
	}
	plan := opts.Plan
	stopped := preview != nil && report.New(preview.Findings).Verdict != report.Pass
	opts.Plan = plan || stopped
	o, err := promotion.Promote(a.ctx, w, r, stage, opts)
	if err != nil {
		return nil, err
	}
	p := &promoted{Outcome: o, plan: plan, offline: opts.On.Forge == nil}
	if plan && !stopped && o.Report != nil && o.Report.Verdict != report.Pass {
		o.Message = fmt.Sprintf("%s@%s could not be promoted to %s: its gate says %s", r.Name, o.Version, stage, o.Report.Verdict)
		if p.onlyAwaited() {
			o.Message = fmt.Sprintf("%s@%s would be promoted to %s once it has its approvals", r.Name, o.Version, stage)
		}
	}
	if opts.Plan && preview != nil && o.Report != nil {
		o.Report.Findings = append(o.Report.Findings, preview.Findings...)
		o.Report.Finish()
	}
	switch {
	case stopped && o.Report != nil: // not there yet
		o.Message = "not promoted to " + stage + ": a deployment file stands in the way"
		fallthrough
	case plan:
		p.delivery = preview
		return p, nil
	case o.Report != nil && !o.Done: // refused
		return p, nil
	}
	to.Wrote = wroteEvent(o)
	p.delivery, err = delivery.Deliver(a.ctx, w, r.Name, stage, to)
	if err != nil && p.delivery == nil {
		p.delivery = &delivery.Result{Artifact: r.Name, Stage: stage, Version: o.Version, Digest: o.Digest, Event: o.Event}
	}
	return p, err
}

// wroteEvent is the event that an assignment wrote now, 0 for none.
func wroteEvent(o *promotion.Outcome) int64 {
	if o.Done {
		return o.Event
	}
	return 0
}

// preview is nil where nothing can be said yet; the gate then says why.
func (a *app) preview(w *workspace.Workspace, r ref.Reference, stage string) (*delivery.Result, error) {
	l, err := w.Ledger(a.ctx)
	if err != nil {
		return nil, err
	}
	what, err := w.Resolve(a.ctx, l, r)
	if err != nil || what.Version.IsZero() || l.Remote == nil {
		return nil, nil
	}
	return delivery.Preview(a.ctx, w, l, r.Name, stage, l.State.Artifacts[r.Name].Version(what.Version))
}

// awaited is a condition that people meet after a plan: approvals that are to
// come, and the review of the environment, which the job of a plan does not name
// and a laptop does not have. What is wrong with the environment itself is none.
func (p *promoted) awaited(f *report.Finding) bool {
	later, _ := f.Details["awaited"].(bool)
	return p.plan && f.Verdict == report.Fail &&
		(f.Check == "promotion.approvals" || f.Check == "promotion.environment" && (later || p.offline))
}

// onlyAwaited tells whether nothing but approvals is missing.
func (p *promoted) onlyAwaited() bool {
	for i := range p.Report.Findings {
		f := &p.Report.Findings[i]
		if f.Verdict != report.Pass && f.Severity == report.Error && !p.awaited(f) {
			return false
		}
	}
	return true
}

// soFar is the report of a plan that only lacks approvals: nothing failed yet.
func (p *promoted) soFar() *report.Report {
	r := *p.Report
	r.Findings = slices.Clone(r.Findings)
	for i := range r.Findings {
		if f := &r.Findings[i]; p.awaited(f) {
			f.Severity = report.Warning
		}
	}
	r.Finish()
	return &r
}

// verdict is the gate's where it refused, else that of the delivery. A plan that
// waits for approvals only is a PASS.
func (p *promoted) verdict() report.Verdict {
	if p.plan && p.Report != nil && p.onlyAwaited() {
		return report.Pass
	}
	if p.Report != nil && !p.Done && p.Report.Verdict != report.Pass {
		return p.Report.Verdict
	}
	if p.delivery != nil {
		return report.New(p.delivery.Findings).Verdict
	}
	return report.Pass
}

// showPromoted prints what became of it and sets the exit code.
func (a *app) showPromoted(p *promoted) error {
	if a.format == "json" {
		a.verdict(&report.Report{Verdict: p.verdict()})
		return a.result(map[string]any{"apiVersion": report.APIVersion, "verdict": p.verdict(),
			"outcomes": []*promotion.Outcome{p.Outcome}, "delivery": p.delivery})
	}
	shown := *p.Outcome
	if p.delivery != nil {
		shown.Message += deliveryText(p.delivery)
	}
	if p.plan && p.Report != nil && p.onlyAwaited() {
		shown.Report = p.soFar()
	}
	var more []report.Finding // which the gate's report does not have
	if p.delivery != nil && (p.Report == nil || p.Done) {
		more = p.delivery.Findings
	}
	apart := a.format == "text" || a.format == "markdown"
	if len(more) > 0 && !apart { // one document holds all
		all := more
		if p.Report != nil {
			all = append(slices.Clone(p.Report.Findings), more...)
		}
		shown.Report = report.New(all)
	}
	if err := a.outcomes([]*promotion.Outcome{&shown}); err != nil {
		return err
	}
	a.code = exitOK
	a.verdict(&report.Report{Verdict: p.verdict()})
	if len(more) == 0 || !apart {
		return nil
	}
	return a.report(report.New(more))
}
