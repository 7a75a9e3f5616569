package datacheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// Options of a run. The zero value shows no values, and uses all processors.
type Options struct {
	Samples manifest.Samples
	Now     func() time.Time // for checks of freshness
	Workers int              // 0: as many as there are processors
	// Memory that finding duplicates may take before it goes to TempDir, in
	// bytes; 0 is profile.DefaultSpill.
	Memory  int64
	TempDir string // "" is the system's
	// Baselines finds what checks compare with; nil when there is no
	// repository, which leaves such checks INCONCLUSIVE.
	Baselines Baselines
	// ReadFile reads a file of the repository, by its slash-separated path from
	// the root, for checks that name one; nil when there is no repository.
	ReadFile func(path string) ([]byte, error)
}

// run is the state of one Run.
type run struct {
	artifact *manifest.Artifact
	opts     Options
	splits   []string // in the manifest's order
	files    map[string][]table.File
	list     []table.File // all of them; the index is Place.File
	splitOf  []string     // by index in list
	schemas  map[string]table.Schema
	broken   map[string][]report.Finding // by split: what makes its data unusable
	rows     map[string]int64
	assumed  []string         // what was found out of how files are written
	unions   map[string]union // by splits; see schemaOf
}

// Run runs the checks of a over its files, by split, and returns findings and
// sections for a report. Files are read once. The findings do not depend on
// the number of workers or on how rows are spread over files, apart from the
// places of examples.
//
// Errors are manifest.Errors, or tell why the outcome is unknown: a file that
// is missing or cannot be read from the disk, no space for temporary files,
// the end of ctx.
func Run(ctx context.Context, a *manifest.Artifact, files map[string][]table.File, opts Options) ([]report.Finding, []report.Section, error) {
	r := newRun(a, files, opts)
	if err := r.open(ctx); err != nil {
		return nil, nil, fmt.Errorf("check %s: %w", a.Name, err)
	}
	checks, err := r.bind()
	if err != nil {
		return nil, nil, err
	}
	spill := profile.NewSpill(opts.TempDir, opts.Memory)
	sets, err := r.scan(ctx, checks, spill)
	if err == nil {
		err = r.baselines(ctx, checks, sets, spill)
	}
	if err == nil {
		var findings []report.Finding
		if findings, err = r.judge(checks, sets); err == nil {
			err = spill.Close()
			return findings, r.sections(), err
		}
	}
	return nil, nil, fmt.Errorf("check %s: %w", a.Name, errors.Join(err, spill.Close()))
}

func newRun(a *manifest.Artifact, files map[string][]table.File, opts Options) *run {
	r := &run{
		artifact: a, opts: opts, files: files, splits: splitOrder(a, files), schemas: map[string]table.Schema{},
		broken: map[string][]report.Finding{}, rows: map[string]int64{}, unions: map[string]union{},
	}
	for _, s := range r.splits {
		for _, f := range files[s] {
			r.list = append(r.list, f)
			r.splitOf = append(r.splitOf, s)
		}
	}
	return r
}

// splitOrder is the order of the manifest, then of names.
func splitOrder(a *manifest.Artifact, files map[string][]table.File) []string {
	var out []string
	for _, f := range a.Files {
		if _, ok := files[f.Split]; ok && !slices.Contains(out, f.Split) {
			out = append(out, f.Split)
		}
	}
	for _, s := range sortedKeys(files) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// open reads the schemas of all files.
func (r *run) open(ctx context.Context) error {
	first := map[string]int{} // by split: the file whose schema it has
	for i, f := range r.list {
		reader, err := table.Open(ctx, f, table.Options{Columns: []string{}})
		if err != nil {
			if err := r.blame(i, err); err != nil {
				return err
			}
			continue
		}
		if what := table.Assumed(reader); what != "" {
			r.assumed = append(r.assumed, fmt.Sprintf("%s: %s, as the first rows suggest; csv: in the manifest says otherwise", escapeLong(f.Name), what))
		}
		have := reader.Schema()
		if err := reader.Close(); err != nil {
			return err
		}
		split := r.splitOf[i]
		if at, ok := first[split]; !ok {
			first[split] = i
			r.schemas[split] = have
		} else if err := r.compare(at, i, have); err != nil {
			return err
		}
	}
	return nil
}

// compare holds the schema of a file to that of the first one of its split.
// Rows of JSON lines need not all have the same keys, so there it only adds.
func (r *run) compare(first, i int, have table.Schema) error {
	split := r.splitOf[i]
	want := r.schemas[split]
	json := func(f table.File) bool { return strings.HasPrefix(table.Format(f.Name), ".json") }
	if json(r.list[i]) && json(r.list[first]) {
		for _, f := range have {
			if want.Index(f.Name) < 0 {
				want = append(want, f)
			}
		}
		r.schemas[split] = want
		return nil
	}
	var differences []string
	for _, f := range want {
		if j := have.Index(f.Name); j < 0 {
			differences = append(differences, "lacks "+escape(f.Name))
		} else if have[j].Type != f.Type {
			differences = append(differences, fmt.Sprintf("has %s as %s instead of %s", escape(f.Name), have[j].Type, f.Type))
		}
	}
	for _, f := range have {
		if want.Index(f.Name) < 0 {
			differences = append(differences, fmt.Sprintf("has %s besides", escape(f.Name)))
		}
	}
	if len(differences) == 0 {
		return nil
	}
	more := ""
	if n := len(differences) - 5; n > 0 {
		differences, more = differences[:5], fmt.Sprintf(" and %d other differences", n)
	}
	return r.blame(i, &table.DataError{File: r.list[i].Name, Reason: fmt.Sprintf("its columns are not those of %s, a file of the same split: it %s%s", r.list[first].Name, strings.Join(differences, ", "), more)})
}

// blame turns an error about the contents of a file into a finding and
// returns any other.
func (r *run) blame(i int, err error) error {
	data := new(table.DataError)
	if !errors.As(err, &data) {
		return err
	}
	split := r.splitOf[i]
	if slices.ContainsFunc(r.broken[split], func(f report.Finding) bool { return f.Subject == r.list[i].Name }) {
		return nil // what is wrong further down may follow from the first
	}
	f := report.Finding{
		Verdict: report.Fail, Check: Readable, Subject: r.list[i].Name, Message: escapeLong(data.Error()),
		Expected: "a file that can be read to its end", Observed: escapeLong(data.Reason), Details: map[string]any{"file": r.list[i].Name},
	}
	if data.Line > 0 {
		f.Details["line"] = data.Line
	}
	r.broken[split] = append(r.broken[split], f)
	return nil
}

// unread returns the first of some splits whose data is not usable, "" if all
// are.
func (r *run) unread(splits []string) string {
	for _, s := range splits {
		if len(r.broken[s]) > 0 {
			return r.broken[s][0].Subject
		}
	}
	return ""
}

// sections shows what was read.
func (r *run) sections() []report.Section {
	var rows [][]string
	for _, s := range r.splits {
		name, n := s, report.Thousands(r.rows[s])
		if name == "" {
			name = "(all)"
		}
		if r.unread([]string{s}) != "" {
			n = "?"
		}
		rows = append(rows, []string{name, report.Thousands(int64(len(r.files[s]))), n, report.Thousands(int64(len(r.schemas[s])))})
	}
	out := []report.Section{report.TableSection("Data", []string{"Split", ">Files", ">Rows", ">Columns"}, rows)}
	if n := len(r.assumed); n > 0 {
		shown := r.assumed[:min(n, 5)]
		if n > len(shown) {
			shown = append(slices.Clip(shown), fmt.Sprintf("and %d files more", n-len(shown)))
		}
		out = append(out, report.TextSection("", strings.Join(shown, "\n")))
	}
	return out
}
