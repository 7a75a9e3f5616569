package cli

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/doctor"
	"github.com/waybill-dev/waybill/internal/report"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status [NAME…]",
		Short:   "What differs between manifest, lock, files, registry and ledger, and the next command",
		Example: "  waybill status\n  waybill status sentiment --format json",
		RunE: func(_ *cobra.Command, names []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			defer w.SaveStats()
			artifacts, err := w.Select(names)
			if err != nil {
				return err
			}
			l, err := w.Ledger(a.ctx)
			if err != nil {
				return err
			}
			states, err := doctor.Status(a.ctx, w, l, artifacts)
			if err != nil {
				return err
			}
			rows := make([][]string, len(states))
			for i, s := range states {
				stages := []string{}
				for _, n := range slices.Sorted(maps.Keys(s.Stages)) {
					stages = append(stages, n+"="+s.Stages[n])
				}
				rows[i] = []string{s.Name, s.Tree, s.Lock, s.Registry, s.Ledger, strings.Join(stages, " "), s.Next}
			}
			return a.result(map[string]any{"apiVersion": report.APIVersion, "artifacts": states},
				report.TableSection("", []string{"artifact", "files", "lock", "registry", "ledger", "stages", "next"}, rows))
		},
	}
}

func (a *app) doctorCommand() *cobra.Command {
	var fix, settings bool
	var repository string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Find what is inconsistent between ledger, tags, locks and registry",
		Long: `Each finding names the command that mends it. --fix mends tags and referrers, which follow from the ledger and the
locks; it never changes the ledger, a lock or a file. --github looks instead at what an admin has to set on GitHub:
rules for the ledger and for tags, environments, people; it changes nothing, and says what it may not read.`,
		Example: "  waybill doctor\n  waybill doctor --fix\n  GITHUB_TOKEN=$(gh auth token) waybill doctor --github",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			switch {
			case settings && fix:
				return usageError{errors.New("--github changes nothing; --fix is for what is recorded here")}
			case settings:
				return a.doctorGitHub(repository)
			case repository != "":
				return usageError{errors.New("--repo is for --github")}
			}
			w, err := a.open()
			if err != nil {
				return err
			}
			defer w.SaveStats()
			l, err := w.Ledger(a.ctx)
			if err != nil {
				return err
			}
			r, mended, err := doctor.Examine(a.ctx, w, l, fix)
			if err != nil {
				return err
			}
			for _, m := range mended {
				a.note("mended: %s", m)
			}
			return a.report(r)
		},
	}
	c.Flags().BoolVar(&fix, "fix", false, "mend tags and referrers")
	c.Flags().BoolVar(&settings, "github", false, "look at the settings of the repository on GitHub")
	c.Flags().StringVar(&repository, "repo", "", "with --github: OWNER/NAME (default by remote)")
	return c
}
