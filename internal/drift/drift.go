// Package drift tells whether columns are distributed as they were: it reads
// a reference and what is compared with it, and computes for each column a
// statistic by a named convention, with the threshold that decides.
//
//	r, err := drift.Compare(ctx, table.File{Name: "a.csv", Path: a}, table.File{Name: "b.csv", Path: b}, drift.Options{})
//	for _, c := range r.Columns {
//		fmt.Println(c.Name, c.Method, c.Convention, c.Verdict)
//	}
//
// Tools give different numbers the same name: bins, bases of logarithms and
// what becomes of empty categories differ. A preset is one tool's
// conventions and defaults; every result says in words which was used.
//
// A column of numbers with more than 20 different values, counted over both
// sides, is numeric; all else are categories. Other presets draw that line as
// their tool does. Counts of categories are exact.
// Numbers are exact too, up to 5,000,000 of a side; beyond that a sample
// stands for them, which depends on the data alone, and the result says so.
// They are float64: whole numbers beyond 2^53 that lie too close are one value.
//
// Either side may be a profile instead (package profile), whose histograms
// serve where a measure can do with them.
package drift

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// Types of columns.
const (
	Numeric  = "numeric"
	Category = "category"
)

// MinValues is how many values each side needs, as Deepchecks has it.
const MinValues = 10

// Options say what to compare and how. The zero value compares all columns by
// waybill's conventions.
type Options struct {
	Columns   []string // nil: all
	Method    string   // one of Methods; "": as the preset has it
	Preset    string   // one of Presets; "": waybill
	Threshold float64  // 0: the preset's
	Type      string   // Numeric, Category or "": by the data
	// MaxShare is which share of the columns may drift before the result as a
	// whole is FAIL.
	MaxShare float64
}

// Result is what was found, in the shape that is shown.
type Result struct {
	APIVersion string         `json:"apiVersion"`
	Reference  string         `json:"reference"`
	Current    string         `json:"current"`
	Preset     string         `json:"preset"`
	Columns    []Column       `json:"columns"`
	Drifted    int            `json:"drifted"`
	Share      float64        `json:"share"` // of the columns that could be decided
	Verdict    report.Verdict `json:"verdict"`
}

// Column is the result for one column. Statistic and PValue are rounded to 9
// significant digits, and nil where there is none or it is infinite.
type Column struct {
	Name       string         `json:"column"`
	Type       string         `json:"type,omitempty"`
	Method     string         `json:"method,omitempty"`
	Convention string         `json:"convention,omitempty"`
	Statistic  *float64       `json:"statistic"`
	PValue     *float64       `json:"pValue"`
	Threshold  *float64       `json:"threshold"`
	DecidedBy  string         `json:"decidedBy,omitempty"` // "statistic" or "pValue"
	Verdict    report.Verdict `json:"verdict"`
	Note       string         `json:"note,omitempty"`
	// Skipped says that the column is no part of the verdict: nobody asked for
	// it by name, and its values name rows.
	Skipped bool `json:"skipped,omitempty"`

	needsValues bool // a profile on one side is why it could not be decided
}

// UsageError is a mistake in Options.
type UsageError struct{ reason string }

func (e *UsageError) Error() string { return e.reason }

// Compare reads both files, each once, and compares their columns.
func Compare(ctx context.Context, reference, current table.File, o Options) (*Result, error) {
	if _, err := o.check(); err != nil {
		return nil, err
	}
	read := func(f table.File) func(context.Context) (*Side, error) {
		return func(ctx context.Context) (*Side, error) { return Read(ctx, []table.File{f}, o.Columns) }
	}
	r, c, err := Both(ctx, read(reference), read(current))
	if err != nil {
		return nil, err
	}
	out, err := CompareSides(r, c, o)
	if err != nil {
		return nil, err
	}
	out.Reference, out.Current = reference.Name, current.Name
	return out, nil
}

// Both reads two sides at a time.
func Both(ctx context.Context, reference, current func(context.Context) (*Side, error)) (r, c *Side, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { r, err = reference(ctx); return err })
	g.Go(func() (err error) { c, err = current(ctx); return err })
	if err := g.Wait(); err != nil {
		return nil, nil, fmt.Errorf("drift: %w", err)
	}
	return r, c, nil
}

// CompareSides compares what was read of both. Columns that one side lacks are
// undecided; one that both lack, and Options asks for, is a *UsageError.
func CompareSides(reference, current *Side, o Options) (*Result, error) {
	p, err := o.check()
	if err != nil {
		return nil, err
	}
	if err := checkColumns(o.Columns, reference, current); err != nil {
		return nil, err
	}
	out := &Result{APIVersion: report.APIVersion, Preset: p.name, Columns: []Column{}}
	for _, name := range o.names(reference, current) {
		out.Columns = append(out.Columns, compare(name, reference, current, p, o))
	}
	out.decide(o.MaxShare)
	return out, nil
}

// Check finds mistakes in options, before anything is read. They are
// *UsageError.
func (o Options) Check() error {
	_, err := o.check()
	return err
}

// IsTest tells whether a method decides by its p-value. An unknown one does
// not.
func IsTest(preset, method string) bool {
	p, err := findPreset(preset)
	return err == nil && p.measures[method].byP
}

// Takes tells whether the options can do with profile instead of the values,
// in all columns that they name.
func (o Options) Takes(profile, other *Side) bool {
	p, err := o.check()
	if err != nil {
		return false
	}
	for _, name := range o.names(profile, other) {
		if c := compare(name, profile, other, p, o); c.needsValues {
			return false
		}
	}
	return true
}

// check finds mistakes that no file can mend.
func (o Options) check() (*preset, error) {
	p, err := findPreset(o.Preset)
	if err != nil {
		return nil, &UsageError{err.Error()}
	}
	switch m, ok := p.measures[o.Method]; {
	case o.Method != "" && !slices.Contains(Methods, o.Method):
		return nil, &UsageError{fmt.Sprintf("method %q: expected one of %s", o.Method, strings.Join(Methods, ", "))}
	case o.Method != "" && !ok:
		return nil, &UsageError{fmt.Sprintf("preset %s has no %s: it has %s", p.name, o.Method, strings.Join(p.methods(), ", "))}
	case o.Type != "" && o.Type != Numeric && o.Type != Category:
		return nil, &UsageError{fmt.Sprintf("type %q: expected numeric or category", o.Type)}
	case ok && m.only != "" && o.Type != "" && m.only != o.Type:
		return nil, &UsageError{fmt.Sprintf("type %s: %s of preset %s is for %s columns", o.Type, o.Method, p.name, m.only)}
	case !(o.MaxShare >= 0 && o.MaxShare <= 1):
		return nil, &UsageError{fmt.Sprintf("share %v of the columns: expected 0 to 1", o.MaxShare)}
	case o.Threshold < 0 || math.IsNaN(o.Threshold) || math.IsInf(o.Threshold, 0):
		return nil, &UsageError{fmt.Sprintf("threshold %v: expected a number above 0", o.Threshold)}
	case o.Threshold == 0 && (ok && m.threshold == 0 || o.Method == "" && p.bare):
		what := "preset " + p.name
		if ok {
			what = o.Method + " of " + what
		}
		return nil, &UsageError{what + " has no default threshold, as the tool has none; give one"}
	}
	return p, nil
}

// names returns the columns to compare: those asked for, or those of the
// reference and then those that only the current side has.
func (o Options) names(r, c *Side) []string {
	names := o.Columns
	if names == nil {
		names = slices.Clone(r.names)
		for _, n := range c.names {
			if r.columns[n] == nil {
				names = append(names, n)
			}
		}
	}
	var out []string
	seen := map[string]bool{}
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// compare decides about one column.
func compare(name string, r, c *Side, p *preset, o Options) Column {
	out := Column{Name: name, Method: o.Method, Verdict: report.Inconclusive}
	x, y := r.columns[name], c.columns[name]
	switch {
	case x == nil:
		out.Note = "the reference does not have this column"
		return out
	case y == nil:
		out.Note = "only the reference has this column"
		return out
	}
	only := ""
	if o.Method != "" {
		only = p.measures[o.Method].only
	}
	if o.Columns == nil && o.Type == "" && p.name == presets[0].name && x.times == 0 && y.times == 0 {
		if why := cmp.Or(x.names(), y.names()); why != "" {
			out.Skipped, out.Note = true, "left out: "+why+", as in identifiers and free text; name the column to compare it"
			return out
		}
	}
	d, why := prepare(x, y, cmp.Or(o.Type, only), p)
	if d == nil {
		out.Note, out.needsValues = why, x.hasMore() || y.hasMore()
		return out
	}
	out.Type = d.kind
	m := p.measures[o.Method]
	if o.Method == "" {
		out.Method, m = p.choose(p, d)
	}
	out.Convention = m.convention(d)
	if !m.takes(d) {
		out.needsValues = true
		out.Note = fmt.Sprintf("%s needs the values, of which a profile has only a histogram", out.Method)
		return out
	}
	threshold := cmp.Or(o.Threshold, m.threshold)
	out.Threshold = &threshold
	out.DecidedBy = "statistic"
	if m.byP {
		out.DecidedBy = "pValue"
	}
	notes := []string{missing(x, r.rows, y, c.rows), d.sampled(x, y)}
	if few := fewValues(d); few != "" {
		out.Note = join(append(notes, few))
		return out
	}
	statistic, pValue := m.compute(d)
	notes = append(notes, out.judge(statistic, pValue, threshold, m.byP, p.above))
	out.Note = join(notes)
	return out
}

// judge fills in what was computed and the verdict, from the numbers as they
// are shown: so it is the same wherever they are the same.
func (c *Column) judge(statistic, pValue, threshold float64, byP, above bool) (note string) {
	c.Statistic, c.PValue = shown(statistic), shown(pValue)
	decides := c.Statistic
	if byP {
		decides = c.PValue
	}
	drifted := false
	switch {
	case math.IsInf(statistic, 1) && byP:
		drifted = true
		note = "the statistic is infinite: the current side has categories that the reference lacks"
	case decides == nil:
		return "the statistic is undefined, or too large a number, for these values"
	case byP:
		drifted = *decides < threshold
	case above:
		drifted = *decides > threshold
	default:
		drifted = *decides >= threshold
	}
	c.Verdict = report.Pass
	if drifted {
		c.Verdict = report.Fail
	}
	return note
}

// shown is v with 9 significant digits.
func shown(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 9, 64), 64)
	return &v
}

// decide sums up.
func (r *Result) decide(maxShare float64) {
	r.Verdict = report.Pass
	decided, skipped := 0, 0
	for _, c := range r.Columns {
		switch {
		case c.Skipped:
			skipped++
		case c.Verdict == report.Fail:
			r.Drifted++
			decided++
		case c.Verdict == report.Pass:
			decided++
		default:
			r.Verdict = report.Inconclusive
		}
	}
	if len(r.Columns) == skipped {
		r.Verdict = report.Inconclusive
	}
	if decided > 0 {
		r.Share = *shown(float64(r.Drifted) / float64(decided))
	}
	if r.Drifted > 0 && r.Share > maxShare {
		r.Verdict = report.Fail
	}
}

// prepare makes the two sides comparable, or says why they are not.
func prepare(x, y *column, kind string, p *preset) (d *data, why string) {
	xs, ys := x.present(), y.present()
	switch {
	case xs == 0 && ys == 0:
		return nil, "neither side has a value"
	case xs == 0:
		return nil, "the reference has no value"
	case ys == 0:
		return nil, "the current side has no value"
	}
	if !x.partial && !y.partial && (x.times > 0 || y.times > 0) && (x.times < xs || y.times < ys) {
		return nil, fmt.Sprintf("dates and times cannot be compared with other values: they are %d of %d of the reference, %d of %d of the current side; give both files the same type", x.times, xs, y.times, ys)
	}
	numbers := x.texts == 0 && y.texts == 0
	if kind == Numeric && !numbers {
		return nil, fmt.Sprintf("needs numbers, but holds other values: %d of %d of the reference, %d of %d of the current side", x.texts, xs, y.texts, ys)
	}
	distinct := maxFew + 1
	if numbers && !x.numbers.over && !y.numbers.over {
		distinct = different(x.numbers.rows, y.numbers.rows)
	}
	if kind == "" {
		if kind = Category; numbers && p.numeric(x, distinct) {
			kind = Numeric
		}
	}
	if kind == Numeric {
		return numeric(x, y, distinct)
	}
	if x.partial || y.partial || x.histogram != nil || y.histogram != nil {
		return nil, "a profile has only the most frequent values of this column"
	}
	if x.numbers.over || x.words.over || y.numbers.over || y.words.over {
		return nil, fmt.Sprintf("has more than %d different values: an identifier or free text, not a category", min(x.words.most, x.numbers.most, y.words.most, y.numbers.most))
	}
	a, b := x.categories(), y.categories()
	d = &data{kind: Category}
	for _, name := range union(a, b) {
		d.reference = append(d.reference, float64(a[name]))
		d.current = append(d.current, float64(b[name]))
	}
	d.distinct = len(d.reference)
	return d, ""
}

// numeric makes data of two columns of numbers.
func numeric(x, y *column, distinct int) (*data, string) {
	d := &data{kind: Numeric, distinct: distinct, referenceDistinct: maxFew + 1, referenceOdd: x.odd, currentOdd: y.odd}
	if !x.numbers.over {
		d.referenceDistinct = min(len(x.numbers.rows), maxFew+1)
	}
	if x.histogram != nil || y.histogram != nil {
		d.histograms = &[2]*histogram{x.binned(), y.binned()}
		if d.histograms[0] == nil || d.histograms[1] == nil {
			return nil, "one side has no finite number"
		}
		return d, ""
	}
	d.reference, d.current = x.sample(), y.sample()
	if len(d.reference) == 0 && x.finite > 0 || len(d.current) == 0 && y.finite > 0 {
		return nil, fmt.Sprintf("a profile stands for more than %d values, too many to list; compare as category", maxValues)
	}
	return d, ""
}

// categories counts rows by value. Numbers go by their shortest form, so that
// 1 and 1.0 are one category.
func (k *column) categories() map[string]int64 {
	out := make(map[string]int64, len(k.words.rows)+len(k.numbers.rows))
	for text, n := range k.words.rows {
		out[text] += *n
	}
	for v, n := range k.numbers.rows {
		out[strconv.FormatFloat(v+0, 'g', -1, 64)] += *n // +0: not −0
	}
	if k.odd > 0 {
		out["NaN"] += k.odd
	}
	return out
}

// different counts the keys of both, up to maxFew + 1.
func different[V any](a, b map[float64]V) int {
	n := len(a)
	for v := range b {
		if n > maxFew {
			break
		}
		if _, ok := a[v]; !ok {
			n++
		}
	}
	return min(n, maxFew+1)
}

// union returns the keys of both, sorted.
func union[K cmp.Ordered, V any](a, b map[K]V) []K {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}

func fewValues(d *data) string {
	m, n := d.size()
	switch {
	case m < MinValues:
		return fmt.Sprintf("too few values: the reference has %g, %d are needed", m, MinValues)
	case n < MinValues:
		return fmt.Sprintf("too few values: the current side has %g, %d are needed", n, MinValues)
	}
	return ""
}

// missing says how many rows do not take part.
func missing(x *column, rows int64, y *column, otherRows int64) string {
	var out []string
	if a, b := rows-x.present(), otherRows-y.present(); a+b > 0 {
		out = append(out, fmt.Sprintf("left out rows without a value: %d of %d in the reference, %d of %d in the current side", a, rows, b, otherRows))
	}
	if x.odd+y.odd > 0 {
		out = append(out, fmt.Sprintf("NaN or infinite: %d in the reference, %d in the current side", x.odd, y.odd))
	}
	return join(out)
}

func (d *data) sampled(x, y *column) string {
	if d.kind != Numeric || d.histograms != nil || x.values.all() && y.values.all() {
		return ""
	}
	return fmt.Sprintf("computed on a sample by hash of the row: %d of %d values of the reference, %d of %d of the current side",
		len(x.values.values), x.finite, len(y.values.values), y.finite)
}

func join(notes []string) string {
	return strings.Join(slices.DeleteFunc(notes, func(s string) bool { return s == "" }), "; ")
}

// list shows the first names.
func list(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
