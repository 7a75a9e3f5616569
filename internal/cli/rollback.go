package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/delivery"
	"github.com/waybill-dev/waybill/internal/promotion"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) rollbackCommand() *cobra.Command {
	var r rollback
	var to string
	c := &cobra.Command{
		Use:   "rollback NAME --stage STAGE --reason TEXT",
		Short: "Put the last good version back, and hold the bad one out",
		Long: `The last good version is the newest that was in the stage before, was deployed there if the model has a deploy: target
for it, stayed for rollback: soak of the stage, is not held, not deprecated, and was not itself rolled back there. The version
that leaves is held: nothing promotes it again until the hold is released. --drill tries it without a reason and writes nothing;
without a name or stage it tries all.`,
		Example: `  waybill rollback sentiment --stage production --reason "complaints about sarcasm"
  waybill rollback sentiment --stage production --dry-run
  waybill rollback --drill`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				r.name = args[0]
			}
			err := r.parse(to, "--reason", "--to")
			if err != nil {
				return usageError{err}
			}
			w, err := a.open()
			if err != nil {
				return err
			}
			if err = a.rollback(w, &r); len(r.outcomes) == 0 && err != nil {
				return err
			}
			return errors.Join(err, a.showRollback(&r))
		},
	}
	c.Flags().StringVar(&r.stage, "stage", "", "the stage")
	c.Flags().StringVar(&r.opts.Reason, "reason", "", "why, for the ledger")
	c.Flags().StringVar(&to, "to", "", "the version to go back to, in place of the last good one")
	c.Flags().BoolVar(&r.opts.AcceptBreak, "accept-break", false, "go back also where callers of what is served now break")
	c.Flags().BoolVar(&r.opts.DryRun, "dry-run", false, "show what would be done, and write nothing")
	c.Flags().BoolVar(&r.drill, "drill", false, "say whether a rollback would work, of everything that is not named")
	return c
}

// rollback is one request, of the command or the action, and what became of it.
type rollback struct {
	name, stage string
	opts        promotion.RollbackOptions
	drill       bool
	forge       delivery.Forge // nil: there is none
	run         string         // address of the workflow run

	outcomes []*promotion.Outcome
	delivery *delivery.Result // nil where nothing is in effect, or is to be
}

// parse checks what was asked for before anything is read; reason and version
// are how the caller's are called.
func (r *rollback) parse(to, reason, version string) error {
	if r.name != "" || !r.drill {
		if err := ref.CheckName(r.name); err != nil {
			return err
		}
	}
	if r.stage != "" || !r.drill {
		if err := ref.CheckStage(r.stage); err != nil {
			return err
		}
	}
	if to != "" {
		v, err := ref.ParseVersion(to)
		if err != nil {
			return fmt.Errorf("%s: %w", version, err)
		}
		if r.opts.To = v; r.drill {
			return fmt.Errorf("%s does not go with a drill, which looks for the last good version; try one with a dry run", version)
		}
	}
	if strings.TrimSpace(r.opts.Reason) == "" && !r.opts.DryRun && !r.drill {
		return fmt.Errorf("%s is required: who comes later has to know why", reason)
	}
	return nil
}

// rollback does what r asks: in the ledger, and where that takes effect.
func (a *app) rollback(w *workspace.Workspace, r *rollback) error {
	if r.drill {
		var err error
		r.outcomes, err = promotion.Drill(a.ctx, w, r.name, r.stage, r.opts.On)
		return err
	}
	o, err := promotion.Rollback(a.ctx, w, r.name, r.stage, r.opts)
	if err != nil {
		return err
	}
	r.outcomes = []*promotion.Outcome{o}
	switch {
	case o.Report != nil && o.Report.Verdict != report.Pass:
		return nil
	case r.opts.DryRun:
		l, err := w.Ledger(a.ctx)
		if err != nil {
			return err
		}
		r.delivery, err = delivery.Preview(a.ctx, w, l, r.name, r.stage, l.State.Artifacts[r.name].Version(o.Version))
		return err
	}
	r.delivery, err = delivery.Deliver(a.ctx, w, r.name, r.stage, delivery.Options{Forge: r.forge, Run: r.run, Straight: true, Wrote: wroteEvent(o)})
	if err != nil {
		// The same command again would go back once more; the same run would not.
		again := ""
		if r.run != "" {
			again = ", or run this job again, not a new one"
		}
		return fmt.Errorf("%s; it is in the ledger, and may not be effective yet: %w%s", o.Message, err, again)
	}
	return nil
}

// report is all that speaks against it, or for it. That it does not take effect
// yet is no FAIL, and no PASS either.
func (r *rollback) report() *report.Report {
	all := &report.Report{}
	for _, o := range r.outcomes {
		if o.Report != nil {
			all.Findings = append(all.Findings, o.Report.Findings...)
		}
	}
	if len(r.outcomes) == 1 && r.outcomes[0].Report != nil {
		all.Title = r.outcomes[0].Report.Title
	}
	if r.delivery != nil {
		all.Findings = append(all.Findings, r.delivery.Findings...)
		if !r.effective() {
			all.Findings = append(all.Findings, r.waiting())
		}
	}
	all.Finish()
	return all
}

// effective tells whether what the stage holds is what its files say, or in a
// dry run whether it would be: on a forge they are committed.
func (r *rollback) effective() bool {
	switch {
	case r.delivery == nil:
		return false
	case r.opts.DryRun && r.forge != nil:
		for _, f := range r.delivery.Files {
			if f.State == delivery.Refused {
				return false
			}
		}
		return true
	}
	return r.delivery.Effective
}

// waiting says what has to happen until the rollback takes effect.
func (r *rollback) waiting() report.Finding {
	f := report.Finding{Check: "promotion.effective", Group: report.GroupPromotion, Severity: report.Error, Verdict: report.Inconclusive,
		Artifact: r.name, Subject: r.stage, Message: "not yet effective: the deployment files on the default branch still name another version"}
	if r.opts.DryRun {
		f.Message = "it would not be effective yet: the deployment files on the default branch would still name another version"
	}
	var hints []string
	for _, file := range r.delivery.Files {
		switch file.State {
		case delivery.Proposed:
			hints = append(hints, "merge "+file.PullRequest)
		case delivery.Written:
			hints = append(hints, "commit and push "+file.Path)
		case delivery.Planned:
			hints = append(hints, "it would be written into "+file.Path+" here, to commit and push")
		case delivery.Refused:
			hints = append(hints, "write it into "+file.Path+" by hand")
		}
	}
	f.Hint = strings.Join(hints, "; ")
	return f
}
