package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/drift"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

func (a *app) driftCommand() *cobra.Command {
	var o drift.Options
	c := &cobra.Command{
		Use:   "drift REFERENCE CURRENT",
		Short: "Whether columns are distributed as they were",
		Long: `Compares the columns of two files (CSV, JSON lines, Parquet, or a profile of one) and shows for each a statistic, the p-value where there
is one, the threshold and the convention, because tools give different numbers the same name. Columns of numbers with at most
20 different values count as categories unless --type says otherwise. Exits 1 when a column drifted, 3 on INCONCLUSIVE.`,
		Example: `  waybill drift train.parquet today.parquet
  waybill drift train.csv today.csv --column price --column country --preset evidently
  waybill drift train.csv today.csv --column price --method psi --threshold 0.25 --format json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("threshold") && !(o.Threshold > 0) {
				return usageError{fmt.Errorf("--threshold %v: expected a number above 0", o.Threshold)}
			}
			return a.drift(args[0], args[1], o)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.Columns, "column", nil, "compare this column (repeatable; default all)")
	f.StringVar(&o.Method, "method", "", strings.Join(drift.Methods, ", ")+" (default by preset and column)")
	f.StringVar(&o.Preset, "preset", drift.Presets()[0], "conventions and defaults of "+strings.Join(drift.Presets(), ", "))
	f.Float64Var(&o.Threshold, "threshold", 0, "drift from this statistic on, or below this p-value (default by preset and method)")
	f.StringVar(&o.Type, "type", "", "take columns as numeric or category (default by their values)")
	return c
}

func (a *app) drift(reference, current string, o drift.Options) error {
	r, err := drift.Compare(a.ctx, a.tableFile(reference), a.tableFile(current), o)
	var usage *drift.UsageError
	var data *table.DataError
	switch {
	case errors.As(err, &usage):
		return usageError{fmt.Errorf("drift: %w", err)}
	case errors.As(err, &data):
		return usageError{err} // no finding: there is nothing to compare
	case err != nil:
		return err
	}
	switch r.Verdict {
	case report.Fail:
		a.code = exitFail
	case report.Inconclusive:
		a.code = exitInconclusive
	}
	return a.result(r, driftSections(r)...)
}

// tableFile is a file named on the command line.
func (a *app) tableFile(name string) table.File {
	p := name
	if !filepath.IsAbs(p) {
		p = filepath.Join(a.workDir(), p)
	}
	return table.File{Name: name, Path: p}
}

func driftSections(r *drift.Result) []report.Section {
	decided := slices.DeleteFunc(slices.Clone(r.Columns), func(c drift.Column) bool { return c.Verdict == report.Inconclusive })
	summary := fmt.Sprintf("%s: %d of %d columns drifted", r.Verdict, r.Drifted, len(decided))
	if open := len(r.Columns) - len(decided); open > 0 {
		summary += fmt.Sprintf(", %d could not be decided", open)
	}
	var rows, notes, conventions [][]string
	for _, c := range r.Columns {
		rows = append(rows, []string{c.Name, c.Type, c.Method, statistic(c.Statistic), statistic(c.PValue), limit(c), string(c.Verdict)})
		if c.Note != "" {
			notes = append(notes, []string{c.Name, c.Note})
		}
		row := []string{c.Method, c.Convention}
		if c.Convention != "" && !slices.ContainsFunc(conventions, func(r []string) bool { return slices.Equal(r, row) }) {
			conventions = append(conventions, row)
		}
	}
	sections := []report.Section{
		report.TextSection("Drift from "+r.Reference+" to "+r.Current, summary),
		report.TableSection("", []string{"Column", "Type", "Method", ">Statistic", ">p", "Drift if", "Verdict"}, rows),
	}
	if notes != nil {
		sections = append(sections, report.TableSection("Notes", []string{"Column", "Note"}, notes))
	}
	if conventions != nil {
		sections = append(sections, report.TableSection("Conventions", []string{"Method", "Convention"}, conventions))
	}
	return sections
}

// statistic is a number as people read it.
func statistic(v *float64) string {
	if v == nil {
		return "–"
	}
	return strconv.FormatFloat(*v, 'g', 4, 64)
}

// limit is when a column counts as drifted.
func limit(c drift.Column) string {
	switch {
	case c.Threshold == nil:
		return "–"
	case c.DecidedBy == "pValue":
		return "p < " + strconv.FormatFloat(*c.Threshold, 'g', -1, 64)
	}
	return "≥ " + strconv.FormatFloat(*c.Threshold, 'g', -1, 64)
}
