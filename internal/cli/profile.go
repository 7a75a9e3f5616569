package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

func (a *app) profileCommand() *cobra.Command {
	var shard string
	var dialect dialectFlags
	c := &cobra.Command{
		Use:   "profile FILE…|REFERENCE",
		Short: "What is in the columns of CSV, JSON lines and Parquet files",
		Long: `Reads the files in one pass and bounded memory, and tells of every column how many values and nulls it has, how many
different ones, extremes, mean and quantiles, the most frequent values, lengths and patterns. Columns of at
most 10,000 different values are described exactly. --shard lets each job of a matrix read its share;
"profile merge" makes one profile of theirs.`,
		Example: `  waybill profile data/train.parquet
  waybill profile 'data/*.csv' --format json --output profile.json
  waybill profile reviews@v1.2.0:train
  waybill profile data/*.parquet --shard 2/4 --format json > 2.json
  waybill profile merge 1.json 2.json 3.json 4.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.profileFiles(args, shard, dialect) },
	}
	dialect.add(c)
	c.Flags().StringVar(&shard, "shard", "", "read only the i-th of n shares of the data: i/n")
	c.AddCommand(&cobra.Command{
		Use:   "merge PROFILE…",
		Short: "Make one profile of several",
		Long: `Merges profiles that "waybill profile --format json" wrote, of shards or of different files. The result is what one
run over all of the rows would have said; only the most frequent values of columns that have more than 10,000
different ones depend on how the rows were shared out.`,
		Example: "  waybill profile merge shard-*.json --format json --output profile.json",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.profileMerge(args) },
	})
	return c
}

func (a *app) profileFiles(args []string, shard string, flags dialectFlags) error {
	if r, ok := a.asReference(args[0]); ok && len(args) == 1 {
		if shard != "" {
			return usageError{errors.New("--shard is for files")}
		}
		return a.profileReference(r)
	}
	dialect, err := flags.dialect()
	if err != nil {
		return err
	}
	var opts profile.ScanOptions
	if shard != "" {
		if opts.Shard, err = profile.ParseShard(shard); err != nil {
			return usageError{fmt.Errorf("--%w", err)}
		}
	}
	names, err := a.expand(args)
	if err != nil {
		return err
	}
	files := make([]table.File, len(names))
	for i, n := range names {
		files[i] = table.File{Name: n, Path: a.inDir(n), Dialect: dialect}
		a.noteAssumed(files[i])
	}
	s, err := profile.Scan(a.ctx, files, opts)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	d := s.Document(names)
	if opts.Shard.Count > 1 {
		d.Shards = []string{opts.Shard.String()}
	}
	return a.result(d, profileSections(d)...)
}

func (a *app) profileMerge(args []string) error {
	names, err := a.expand(args)
	if err != nil {
		return err
	}
	m := profile.NewMerger()
	for _, n := range names {
		d, err := readProfile(a.inDir(n))
		if err == nil {
			err = m.Add(d)
		}
		if err != nil {
			return fmt.Errorf("profile merge: %s: %w", n, err)
		}
	}
	d := m.Document()
	if len(d.Shards) > 0 {
		a.warn(fmt.Sprintf("only shards %s are in this profile; merge the others too", strings.Join(d.Shards, ", ")))
	}
	return a.result(d, profileSections(d)...)
}

func readProfile(path string) (*profile.Document, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return profile.Read(f)
}

// expand resolves globs that the shell did not.
func (a *app) expand(args []string) ([]string, error) {
	var out []string
	for _, arg := range args {
		if _, err := os.Lstat(a.inDir(arg)); err == nil || !strings.ContainsAny(arg, "*?[") {
			out = append(out, arg)
			continue
		}
		matches, err := filepath.Glob(a.inDir(arg))
		if err != nil {
			return nil, usageError{fmt.Errorf("%q: %w", arg, err)}
		}
		if len(matches) == 0 {
			return nil, usageError{fmt.Errorf("%q: no file matches", arg)}
		}
		for _, m := range matches {
			if rel, err := filepath.Rel(a.workDir(), m); err == nil && !filepath.IsAbs(arg) {
				m = rel
			}
			out = append(out, filepath.ToSlash(m))
		}
	}
	return out, nil
}

func (a *app) inDir(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(a.workDir(), p)
}

// profileColumns is how many columns are shown in detail, besides the table.
const profileColumns = 50

func profileSections(d *profile.Document) []report.Section {
	rows := make([][]string, len(d.Columns))
	for i, c := range d.Columns {
		number := func(v *float64) string {
			if v == nil {
				return ""
			}
			return strconv.FormatFloat(*v, 'g', 6, 64)
		}
		quantile := func(q string) string {
			if v, ok := c.Quantiles[q]; ok {
				return number(&v)
			}
			return ""
		}
		distinct := report.Thousands(c.Distinct)
		if c.DistinctEstimate {
			distinct = "≈ " + distinct
		}
		rows[i] = []string{c.Name, c.Type, report.Thousands(c.Count), report.Thousands(c.Nulls), distinct,
			shortValue(c.Min), quantile("0.5"), shortValue(c.Max), number(c.Mean), number(c.StdDev), frequentValues(c)}
	}
	titles := []string{"column", "type", ">count", ">nulls", ">distinct", ">min", ">median", ">max", ">mean", ">stddev", "most frequent"}
	sections := []report.Section{report.TableSection(fmt.Sprintf("%s rows of %d columns", report.Thousands(d.Rows), len(d.Columns)), titles, rows)}
	for i, c := range d.Columns {
		if i == profileColumns {
			break
		}
		// The most frequent values say more of columns that have few.
		if h := c.Histogram; h != nil && len(h.Counts) > 1 && c.Distinct > int64(len(h.Counts)) {
			sections = append(sections, report.Section{Title: c.Name, Histogram: &report.Histogram{Edges: h.Edges, Counts: h.Counts}})
		}
	}
	return sections
}

// shortValue is a value as the table has it: cut where people stop reading.
func shortValue(v any) string {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, 'g', 10, 64)
	case string:
		if r := []rune(v); len(r) > 24 {
			return string(r[:23]) + "…"
		}
		return v
	}
	return ""
}

func frequentValues(c profile.DocumentColumn) string {
	if len(c.Top) == 0 || c.Top[0].Count < 2 {
		return ""
	}
	var parts []string
	for _, t := range c.Top[:min(len(c.Top), 3)] {
		parts = append(parts, fmt.Sprintf("%s (%s)", shortValue(t.Value), report.Thousands(t.Count)))
	}
	return strings.Join(parts, ", ")
}
