package cli

import (
	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/doctor"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/transfer"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) verifyCommand() *cobra.Command {
	var deep bool
	c := &cobra.Command{
		Use:   "verify [REFERENCE…]",
		Short: "Whether the registry has all that a lock or version names",
		Long: `Asks the registry for the manifest, every blob in it and the evidence: the check that catches a lock that was
committed without its bytes being pushed. A bare name means the lock in the working tree; without references: all
locks. --deep also reads every blob and hashes it again.`,
		Example: "  waybill verify\n  waybill verify sentiment --deep\n  waybill verify 'sentiment#production' --format json",
		RunE: func(_ *cobra.Command, args []string) error {
			refs := make([]ref.Reference, len(args))
			for i, s := range args {
				r, err := ref.Parse(s)
				if err != nil {
					return usageError{err}
				}
				refs[i] = r
			}
			w, err := a.open()
			if err != nil {
				return err
			}
			r, err := a.verify(w, refs, deep)
			if err != nil {
				return err
			}
			return a.report(r)
		},
	}
	c.Flags().BoolVar(&deep, "deep", false, "read every blob and hash it again")
	return c
}

func (a *app) verify(w *workspace.Workspace, refs []ref.Reference, deep bool) (*report.Report, error) {
	opts := doctor.VerifyOptions{Deep: deep}
	if deep {
		reading := a.progress("reading", "the registry", 0)
		defer reading.end()
		all := int64(0)
		opts.Progress = func(name string, done, total int64) {
			if name == "" {
				all += total
				total = all
			}
			reading.event(transfer.Event{Name: name, Done: done, Total: total})
		}
	}
	return doctor.Verify(a.ctx, w, refs, opts)
}
