package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/drift"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) driftCommand() *cobra.Command {
	var o drift.Options
	var flags dialectFlags
	c := &cobra.Command{
		Use:   "drift REFERENCE CURRENT",
		Short: "Whether columns are distributed as they were",
		Long: `Compares the columns of two files (CSV, JSON lines, Parquet, Arrow, or a profile), globs of files or datasets (NAME is the working tree) and
shows for each a statistic, the p-value where there is one, the threshold and the convention, because tools give different numbers
the same name. Columns of numbers with few different values count as categories unless --type says otherwise: at most 20 with the
preset waybill, as the tool has it with the others.
Exits 1 when more columns drifted than --max-share allows, 3 on INCONCLUSIVE.`,
		Example: `  waybill drift train.parquet today.parquet
  waybill drift reviews#production:train 'today/*.parquet' --max-share 0.3
  waybill drift train.csv today.csv --column price --column country --preset evidently
  waybill drift train.csv today.csv --column price --method psi --threshold 0.25 --format json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("threshold") && !(o.Threshold > 0) {
				return usageError{fmt.Errorf("--threshold %v: expected a number above 0", o.Threshold)}
			}
			dialect, err := flags.dialect()
			if err != nil {
				return err
			}
			return a.drift(args, dialect, o)
		},
	}
	f := c.Flags()
	flags.add(c)
	f.StringArrayVar(&o.Columns, "column", nil, "compare this column (repeatable; default all)")
	f.StringVar(&o.Method, "method", "", strings.Join(drift.Methods, ", ")+" (default by preset and column)")
	f.StringVar(&o.Preset, "preset", drift.Presets()[0], "conventions and defaults of "+strings.Join(drift.Presets(), ", "))
	f.Float64Var(&o.Threshold, "threshold", 0, "drift from this statistic on, or below this p-value (default by preset and method)")
	f.Float64Var(&o.MaxShare, "max-share", 0, "share of the columns that may drift, 0 to 1")
	f.StringVar(&o.Type, "type", "", "take columns as numeric or category (default by their values)")
	return c
}

func (a *app) drift(args []string, dialect table.Dialect, o drift.Options) error {
	r, err := a.compareDrift(args, dialect, o)
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

func (a *app) compareDrift(args []string, dialect table.Dialect, o drift.Options) (*drift.Result, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	var sides [2]driftSource
	for i, arg := range args {
		var err error
		if sides[i], err = a.driftSource(arg, dialect, o.Columns); err != nil {
			return nil, err
		}
		if sides[i].close != nil {
			defer sides[i].close()
		}
	}
	r, c, err := drift.Both(a.ctx, sides[0].read, sides[1].read)
	if err != nil {
		return nil, err
	}
	// A profile that does not suffice gives way to the files.
	for i, other := range [2]*drift.Side{c, r} {
		mine := [2]**drift.Side{&r, &c}[i]
		if files := sides[i].files; files != nil && !o.Takes(*mine, other) {
			if *mine, err = files(a.ctx); err != nil {
				return nil, fmt.Errorf("drift: %w", err)
			}
		}
	}
	out, err := drift.CompareSides(r, c, o)
	if err != nil {
		return nil, err
	}
	out.Reference, out.Current = args[0], args[1]
	return out, nil
}

// driftSource is where a side comes from.
type driftSource struct {
	read func(context.Context) (*drift.Side, error)
	// files reads the files where read has only a profile of them; nil
	// elsewhere.
	files func(context.Context) (*drift.Side, error)
	close func() error
}

func (a *app) driftSource(arg string, dialect table.Dialect, columns []string) (driftSource, error) {
	if r, ok := a.asReference(arg); ok {
		return a.driftReference(r, columns)
	}
	names, err := a.expand([]string{arg})
	if err != nil {
		return driftSource{}, err
	}
	files := make([]table.File, len(names))
	for i, n := range names {
		files[i] = table.File{Name: n, Path: a.inDir(n), Dialect: dialect}
		a.noteAssumed(files[i])
	}
	return driftSource{read: func(ctx context.Context) (*drift.Side, error) { return drift.Read(ctx, files, columns) }}, nil
}

// driftReference is a side that is a dataset: its files where they are in the
// working tree, or else its profile while that suffices.
func (a *app) driftReference(r ref.Reference, columns []string) (driftSource, error) {
	var out driftSource
	w, err := a.open()
	if err != nil {
		return out, err
	}
	whole := r
	whole.Split = ""
	encoding, err := a.storedAs(w, whole)
	if err != nil {
		return out, err
	}
	scratch, err := os.MkdirTemp("", "waybill-drift-")
	if err != nil {
		return out, err
	}
	out.close = func() error { w.SaveStats(); return os.RemoveAll(scratch) }
	files := func(ctx context.Context) (*drift.Side, error) {
		t, err := a.target(w, whole, filepath.Join(scratch, "files"))
		if err != nil {
			return nil, err
		}
		tables := t.Tables(r.Split)
		if len(tables) == 0 {
			return nil, workspace.Usage("%s: no table is in it", r)
		}
		return drift.Read(ctx, tables, columns)
	}
	out.read = files
	if encoding == "" {
		return out, nil
	}
	out.read = func(ctx context.Context) (*drift.Side, error) {
		if d := a.storedProfile(w, r, encoding); d != nil {
			return drift.FromProfile(d, columns), nil
		}
		return files(ctx)
	}
	out.files = files
	return out, nil
}

// storedProfile is the profile that was pushed with an encoding, nil when there
// is none that can be used.
func (a *app) storedProfile(w *workspace.Workspace, r ref.Reference, encoding ref.Digest) *profile.Document {
	repo, err := w.Repository(r.Name)
	if err != nil {
		return nil
	}
	set, err := check.Profiles(a.ctx, repo, encoding)
	if err != nil || set == nil || r.Split != "" && !slices.Contains(set.Splits(), r.Split) {
		return nil
	}
	var splits []string
	if r.Split != "" {
		splits = []string{r.Split}
	}
	d, err := set.Document(a.ctx, splits)
	if err != nil {
		return nil
	}
	return d
}

func driftSections(r *drift.Result) []report.Section {
	decided := slices.DeleteFunc(slices.Clone(r.Columns), func(c drift.Column) bool { return c.Verdict == report.Inconclusive })
	summary := fmt.Sprintf("%s: %d of %d columns drifted", r.Verdict, r.Drifted, len(decided))
	skipped := len(slices.DeleteFunc(slices.Clone(r.Columns), func(c drift.Column) bool { return !c.Skipped }))
	if open := len(r.Columns) - len(decided) - skipped; open > 0 {
		summary += fmt.Sprintf(", %d could not be decided", open)
	}
	if skipped > 0 {
		summary += fmt.Sprintf(", %d left out", skipped)
	}
	var rows, notes, conventions [][]string
	for _, c := range r.Columns {
		verdict := string(c.Verdict)
		if c.Skipped {
			verdict = "left out"
		}
		rows = append(rows, []string{c.Name, c.Type, c.Method, statistic(c.Statistic), statistic(c.PValue), limit(c), verdict})
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
