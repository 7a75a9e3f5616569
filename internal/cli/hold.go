package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/promotion"
	"github.com/waybill-dev/waybill/internal/ref"
)

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
			if strings.TrimSpace(reason) == "" {
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
