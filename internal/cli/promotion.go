package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/promotion"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

func (a *app) registerCommand() *cobra.Command {
	var major, minor bool
	var version, reason string
	c := &cobra.Command{
		Use:   "register [NAME…]",
		Short: "Make the committed lock the next version",
		Long: `Runs the checks again over the bytes in the registry, records the verdicts in the ledger, and tags. Content that
is registered already gets no new version. Without names: every artifact that has a lock, datasets first.`,
		Example: "  waybill register sentiment\n  waybill register sentiment --minor --reason \"new labels\"\n  waybill register --format json",
		RunE: func(_ *cobra.Command, names []string) error {
			opts := promotion.RegisterOptions{Reason: reason}
			switch {
			case (major && minor) || version != "" && (major || minor):
				return usageError{errors.New("--major, --minor and --version exclude each other")}
			case version != "":
				v, err := ref.ParseVersion(version)
				if err != nil {
					return usageError{err}
				}
				if len(names) != 1 {
					return usageError{errors.New("--version needs exactly one name")}
				}
				opts.Version = v
			case major:
				opts.Bump = promotion.Major
			case minor:
				opts.Bump = promotion.Minor
			}
			return a.register(names, opts)
		},
	}
	c.Flags().BoolVar(&major, "major", false, "the next major version")
	c.Flags().BoolVar(&minor, "minor", false, "the next minor version")
	c.Flags().StringVar(&version, "version", "", "exactly this version")
	c.Flags().StringVar(&reason, "reason", "", "why, for the ledger")
	return c
}

func (a *app) register(names []string, opts promotion.RegisterOptions) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	artifacts, err := w.Select(names)
	if err != nil {
		return err
	}
	promotion.Sort(artifacts)
	var outcomes []*promotion.Outcome
	for _, m := range artifacts {
		o, err := promotion.Register(a.ctx, w, m, opts)
		if o != nil {
			outcomes = append(outcomes, o)
		}
		if err != nil {
			return errors.Join(err, a.outcomes(outcomes))
		}
	}
	return a.outcomes(outcomes)
}

func (a *app) promoteCommand() *cobra.Command {
	var to, reason string
	c := &cobra.Command{
		Use:     "promote NAME[@VERSION] --to STAGE",
		Short:   "Assign a version to a stage when its gate lets it in",
		Long:    "The gate's rules are those of waybill.yaml on the remote's default branch. A refusal names every unmet condition.",
		Example: "  waybill promote sentiment --to staging\n  waybill promote sentiment@v0.1.0 --to production --reason \"passed the pilot\"",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := ref.Parse(args[0])
			if err == nil {
				err = ref.CheckStage(to)
			}
			if err != nil {
				return usageError{err}
			}
			w, err := a.open()
			if err != nil {
				return err
			}
			o, err := promotion.Promote(a.ctx, w, r, to, reason)
			if err != nil {
				return err
			}
			return a.outcomes([]*promotion.Outcome{o})
		},
	}
	c.Flags().StringVar(&to, "to", "", "the stage")
	c.Flags().StringVar(&reason, "reason", "", "why, for the ledger")
	return c
}

func (a *app) rollbackCommand() *cobra.Command {
	var stage, reason string
	c := &cobra.Command{
		Use:   "rollback NAME --stage STAGE --reason TEXT",
		Short: "Put the last good version back, and hold the bad one out",
		Long: `The last good version is the newest that was in the stage before, is not held, not deprecated, and was not itself
rolled back there. The version that leaves is held: nothing promotes it again until the hold is released.`,
		Example: "  waybill rollback sentiment --stage production --reason \"complaints about sarcasm\"",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := errors.Join(ref.CheckName(args[0]), ref.CheckStage(stage)); err != nil {
				return usageError{err}
			}
			if strings.TrimSpace(reason) == "" {
				return usageError{errors.New("--reason is required: who comes later has to know why")}
			}
			w, err := a.open()
			if err != nil {
				return err
			}
			o, err := promotion.Rollback(a.ctx, w, args[0], stage, reason)
			if err != nil {
				return err
			}
			return a.outcomes([]*promotion.Outcome{o})
		},
	}
	c.Flags().StringVar(&stage, "stage", "", "the stage")
	c.Flags().StringVar(&reason, "reason", "", "why, for the ledger")
	return c
}

func (a *app) holdCommand() *cobra.Command {
	var release bool
	var reason string
	c := &cobra.Command{
		Use:     "hold NAME@VERSION --reason TEXT",
		Short:   "Keep a version out of every stage, or --release it",
		Example: "  waybill hold sentiment@v0.2.0 --reason \"trained on wrong labels\"\n  waybill hold sentiment@v0.2.0 --release --reason \"labels were right\"",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := ref.Parse(args[0])
			if err != nil {
				return usageError{err}
			}
			if r.Bare() {
				return usageError{fmt.Errorf("%s: name the version, as in %s@v0.1.0", r, r.Name)}
			}
			if strings.TrimSpace(reason) == "" && !release {
				return usageError{errors.New("--reason is required: who comes later has to know why")}
			}
			w, err := a.open()
			if err != nil {
				return err
			}
			o, err := promotion.Hold(a.ctx, w, r, release, reason)
			if err != nil {
				return err
			}
			return a.outcomes([]*promotion.Outcome{o})
		},
	}
	c.Flags().BoolVar(&release, "release", false, "lift the hold")
	c.Flags().StringVar(&reason, "reason", "", "why, for the ledger")
	return c
}

// outcomes prints what became of each request. A refusal prints its report;
// the worst verdict decides the exit code.
func (a *app) outcomes(os []*promotion.Outcome) error {
	worst := &report.Report{Verdict: report.Pass}
	for _, o := range os {
		if o.Report != nil && !o.Done && (o.Report.Verdict == report.Fail || worst.Verdict == report.Pass) {
			worst = o.Report
		}
	}
	a.verdict(worst)
	if a.format == "json" {
		return a.result(map[string]any{"apiVersion": report.APIVersion, "verdict": worst.Verdict, "outcomes": os})
	}
	page := &report.Report{}
	for _, o := range os {
		text := o.Message
		if len(o.Tags) > 0 {
			text += "\ntags: " + strings.Join(o.Tags, " ")
		}
		if a.format != "text" && a.format != "markdown" { // one document holds all
			page.Sections = append(page.Sections, report.TextSection("", text))
			if o.Report != nil {
				page.Findings = append(page.Findings, o.Report.Findings...)
				page.Sections = append(page.Sections, o.Report.Sections...)
			}
			continue
		}
		if err := render.Sections(a.out, a.format, []report.Section{report.TextSection("", text)}, a.options()); err != nil {
			return err
		}
		if o.Report != nil && (a.verbose || !o.Done && o.Report.Verdict != report.Pass) {
			if err := render.Report(a.out, a.format, o.Report, a.options()); err != nil {
				return err
			}
		}
	}
	if len(page.Sections) > 0 {
		page.Finish()
		return render.Report(a.out, a.format, page, a.options())
	}
	return nil
}
