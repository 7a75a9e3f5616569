package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/promotion"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) registerCommand() *cobra.Command {
	var major, minor bool
	var bump, version, reason string
	c := &cobra.Command{
		Use:   "register [NAME…]",
		Short: "Make the committed lock the next version",
		Long: `Runs the checks again over the bytes in the registry, records the verdicts in the ledger, and tags. Content that
is registered already gets no new version. Without names: every artifact that has a lock, datasets first.

The next version is a patch, and a model that breaks its callers is refused as one. With --bump auto the version
follows from the change: the next major version (below v1.0.0 the next minor one) where an interface breaks, or
columns of a dataset are gone or have another type; the next minor one where outputs, labels or columns came.`,
		Example: "  waybill register sentiment\n  waybill register --bump auto\n  waybill register sentiment --minor --reason \"new labels\"\n  waybill register --format json",
		RunE: func(c *cobra.Command, names []string) error {
			opts := promotion.RegisterOptions{Reason: reason}
			given := 0
			for _, flag := range []string{"major", "minor", "bump", "version"} {
				if c.Flags().Changed(flag) {
					given++
				}
			}
			if given > 1 {
				return usageError{errors.New("--bump, --major, --minor and --version exclude each other")}
			}
			switch {
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
			default:
				var err error
				if opts.Bump, err = promotion.ParseBump(bump); err != nil {
					return usageError{fmt.Errorf("--bump: %w", err)}
				}
			}
			return a.register(names, opts)
		},
	}
	c.Flags().BoolVar(&major, "major", false, "the next major version")
	c.Flags().BoolVar(&minor, "minor", false, "the next minor version")
	c.Flags().StringVar(&bump, "bump", "", "auto, patch, minor or major (default patch)")
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
	done, err := a.registerAll(w, names, opts)
	var outcomes []*promotion.Outcome
	for _, d := range done {
		if d.outcome != nil {
			outcomes = append(outcomes, d.outcome)
		}
	}
	return errors.Join(err, a.outcomes(outcomes))
}

// registration is what became of one artifact; both may be set when it was
// registered and something after that was not done.
type registration struct {
	artifact *manifest.Artifact
	outcome  *promotion.Outcome
	err      error
}

// registerAll registers one after the other, datasets first. What is wrong
// with one does not stop the others: models that are made from it are refused
// by themselves.
func (a *app) registerAll(w *workspace.Workspace, names []string, opts promotion.RegisterOptions) ([]registration, error) {
	artifacts, err := w.Select(names)
	if err != nil {
		return nil, err
	}
	promotion.Sort(artifacts)
	var done []registration
	var errs []error
	for _, m := range artifacts {
		if _, err := w.Lock(m); len(names) == 0 && errors.Is(err, fs.ErrNotExist) {
			a.note("%s has no lock and is left out", m.Name)
			continue
		}
		o, err := promotion.Register(a.ctx, w, m, opts)
		done, errs = append(done, registration{m, o, err}), append(errs, err)
		if a.ctx.Err() != nil {
			break
		}
	}
	if len(done) == 0 && len(artifacts) > 0 {
		return nil, workspace.Usage("register: no artifact has a lock; run \"waybill push\", commit and push the locks")
	}
	return done, errors.Join(errs...)
}
