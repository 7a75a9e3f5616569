package datacheck

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"sync/atomic"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type columnOutliersParams struct {
	OneColumn
	Method string   `param:"method" enum:"iqr,zscore,mad" doc:"iqr: further than factor interquartile ranges from the quartiles. zscore: than factor standard deviations from the mean. mad: a modified z-score, from median and median absolute deviation, beyond factor. Default: iqr."`
	Factor *float64 `param:"factor" doc:"How far is too far. Default: 1.5 for iqr, 3 for zscore, 3.5 for mad."`
	Max    *float64 `param:"max" doc:"Largest share of the numbers that may be outliers: 0.01 is 1 %. Default: 0."`
}

var columnOutliers = Rule{
	ID:     "column.outliers",
	Doc:    "No number of the column, or only a share of them, lies far from the others; nulls are not looked at. It is exact, and INCONCLUSIVE past 4,194,304 numbers.",
	Params: columnOutliersParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p columnOutliersParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly"); err != nil {
			return plan, err
		}
		if err := checkShare(spec, "max", p.Max); err != nil {
			return plan, err
		}
		if p.Factor != nil && !(*p.Factor > 0) {
			return plan, mistake(spec, fmt.Sprintf("column.outliers: factor %s is not greater than 0", number(*p.Factor)), "")
		}
		p.Method = cmp.Or(p.Method, "iqr")
		m, ok := outlierMethods[p.Method]
		if !ok {
			return plan, mistake(spec, fmt.Sprintf("column.outliers: there is no method %q", shownText(p.Method)), "the methods are "+list(sortedKeys(outlierMethods), 10))
		}
		factor := m.factor
		if p.Factor != nil {
			factor = *p.Factor
		}
		column := spec.Columns[0]
		if t := schema[schema.Index(column)].Type; !t.Kind.Numeric() && t.Kind != table.Untyped {
			return wrongType(plan, column, t, "numbers"), nil
		}
		plan.Needs.Add(column, profile.Moments)
		kept := new(atomic.Int64)
		plan.Rows = func() RowCheck {
			return &outlierCheck{numbers: numbers{column: column, kept: kept, most: maxKept}, low: farthest{sign: 1}, high: farthest{sign: -1}}
		}
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{p.judge(spec, m, factor, f)} }
		return plan, nil
	},
}

// outlierMethod tells from where on a number is an outlier.
type outlierMethod struct {
	factor float64
	doc    string // what factor counts
	// limits are outside of which numbers are outliers. values are sorted. A
	// reason says why the method cannot tell.
	limits func(values []float64, c *profile.Column, factor float64) (low, high float64, reason string)
}

const sameValues = "at least half of the numbers are the same, so the method sees no spread"

var outlierMethods = map[string]outlierMethod{
	// The fences of J. W. Tukey, "Exploratory Data Analysis" (1977), with the
	// quartiles of column.quantile.
	"iqr": {1.5, "interquartile ranges from the quartiles", func(values []float64, _ *profile.Column, factor float64) (float64, float64, string) {
		q1, q3 := quantile(values, 0.25), quantile(values, 0.75)
		if q1 == q3 {
			return 0, 0, sameValues
		}
		reach := float64(factor * (q3 - q1))
		return q1 - reach, q3 + reach, ""
	}},
	// With few numbers none can be far in standard deviations, however large:
	// R. E. Shiffler, "Maximum Z Scores and Outliers" (1988).
	"zscore": {3, "standard deviations from the mean", func(values []float64, c *profile.Column, factor float64) (float64, float64, string) {
		if n := float64(len(values)); (n-1)/math.Sqrt(n) <= factor {
			return 0, 0, fmt.Sprintf("none of %s can be that many standard deviations from their mean", count(int64(n), "number"))
		}
		reach := float64(factor * c.StdDev)
		return c.Mean - reach, c.Mean + reach, ""
	}},
	// B. Iglewicz and D. C. Hoaglin, "How to Detect and Handle Outliers" (1993):
	// 0.6745 is the 0.75 quantile of the standard normal distribution.
	"mad": {3.5, "in modified z-scores from the median", func(values []float64, _ *profile.Column, factor float64) (float64, float64, string) {
		median := quantile(values, 0.5)
		deviations := make([]float64, len(values))
		for i, v := range values {
			deviations[i] = math.Abs(v - median)
		}
		mad := quantile(deviations, 0.5)
		if mad == 0 {
			return 0, 0, sameValues
		}
		reach := float64(factor*mad) / 0.6745
		return median - reach, median + reach, ""
	}},
}

func (p columnOutliersParams) judge(spec manifest.CheckSpec, m outlierMethod, factor float64, f Facts) report.Finding {
	v := f.Check.(*outlierCheck)
	column := spec.Columns[0]
	expected := fmt.Sprintf("numbers at most %s %s (%s)", number(factor), m.doc, p.Method)
	if p.Max != nil && *p.Max > 0 {
		expected += " but for " + percent(*p.Max)
	}
	t := tally{column: column, noun: "number", most: p.Max, expected: expected, hint: "are they mistakes, or is the column skewed? max: allows a share of them, factor: moves the limits"}
	unknown := report.Finding{Verdict: report.Inconclusive, Subject: column, Expected: expected}
	switch {
	case v.count == 0:
		return t.finding(spec, f)
	case v.others > 0:
		unknown.Observed = fmt.Sprintf("%s of %s %s", report.Thousands(v.others), count(v.count, "value"), isAre(v.others, "is no finite number", "are no finite numbers"))
		unknown.Message = fmt.Sprintf("%s: what lies far from the others is not known, because %s", column, unknown.Observed)
		unknown.Hint = "number.finite finds them; leave them out with where: if they mean nothing"
		return unknown
	case v.kept.Load() > v.most:
		unknown.Observed = "more than " + count(v.most, "number")
		unknown.Message = fmt.Sprintf("%s: there are more than %s, which are not kept", column, count(v.most, "number"))
		unknown.Hint = "look at fewer rows with where: or split:"
		return unknown
	}
	slices.Sort(v.values)
	n := len(v.values)
	t.checked, t.holds = int64(n), "all numbers are the same"
	if v.values[0] == v.values[n-1] && n > 1 {
		return t.finding(spec, f)
	}
	low, high, reason := m.limits(v.values, f.Profile.Columns[column], factor)
	if n < minOutlierNumbers {
		reason = fmt.Sprintf("there %s only %s", isAre(int64(n), "is", "are"), count(int64(n), "number"))
	} else if reason == "" && math.IsInf(high-low, 0) {
		reason = "the limits are too large for a 64-bit float"
	}
	if reason != "" {
		unknown.Observed, unknown.Message = reason, fmt.Sprintf("%s: not decided by %s: %s", column, p.Method, reason)
		return unknown
	}
	below := sort.SearchFloat64s(v.values, low)
	above := n - sort.Search(n, func(i int) bool { return v.values[i] > high })
	t.failed, t.examples = int64(below+above), v.outside(low, high)
	within := fmt.Sprintf("between %s and %s", number(shown(low)), number(shown(high)))
	t.holds, t.problem = "all numbers lie "+within, isAre(t.failed, "does not lie ", "do not lie ")+within
	t.observed = fmt.Sprintf("%s to %s", number(v.values[0]), number(v.values[n-1]))
	out := t.finding(spec, f)
	out.Message = strings.Replace(out.Message, "; first: ", "; farthest: ", 1)
	out.Details["low"], out.Details["high"] = shown(low), shown(high)
	out.Details["below"], out.Details["above"] = below, above
	return out
}

// quantile is the q-quantile of values, of which there is at least one; it
// sorts them.
func quantile(values []float64, q float64) float64 {
	slices.Sort(values)
	low, high, part := ranks(int64(len(values)), q)
	return between(values[low], values[high], part)
}

// maxKept is how many numbers one check keeps, of all groups together: 32 MiB.
const maxKept = 4 << 20

// numbers is the RowCheck that keeps the numbers of a column.
type numbers struct {
	column string
	kept   *atomic.Int64 // by all shards and groups of the check
	most   int64
	count  int64 // values that are not null
	others int64 // of them that are no finite numbers
	values []float64
}

func (n *numbers) Observe(b *table.Batch) {
	c := b.Column(n.column)
	if c == nil {
		return
	}
	before := len(n.values)
	for i := range b.Rows {
		if c.Null(i) {
			continue
		}
		n.count++
		if v, ok := c.Float(i); !ok || math.IsNaN(v) || math.IsInf(v, 0) {
			n.others++
		} else {
			n.values = append(n.values, v)
		}
	}
	// Every number is counted once, so whether there are too many does not
	// depend on the order in which the shards come.
	if n.kept.Add(int64(len(n.values)-before)) > n.most {
		n.values = nil
	}
}

func (n *numbers) Merge(later RowCheck) {
	o := later.(*numbers)
	n.count += o.count
	n.others += o.others
	n.values = append(n.values, o.values...)
}

// minOutlierNumbers is how many numbers it takes to speak of the others.
const minOutlierNumbers = 5

// outlierCheck keeps the numbers of a column, and where the smallest and largest
// of them stand: which are outliers is known only in the end.
type outlierCheck struct {
	numbers
	low, high farthest
}

func (v *outlierCheck) Observe(b *table.Batch) {
	v.numbers.Observe(b)
	c := b.Column(v.column)
	if c == nil {
		return
	}
	for i := range b.Rows {
		if x, ok := c.Float(i); ok && !math.IsNaN(x) && !math.IsInf(x, 0) {
			v.low.add(b, c, i, x)
			v.high.add(b, c, i, x)
		}
	}
}

func (v *outlierCheck) Merge(later RowCheck) {
	o := later.(*outlierCheck)
	v.numbers.Merge(&o.numbers)
	v.low.merge(o.low.list)
	v.high.merge(o.high.list)
}

// outside returns the farthest numbers beyond the limits, in the order of rows.
func (v *outlierCheck) outside(low, high float64) profile.Examples {
	var all []extreme
	for _, e := range v.low.list {
		if e.number < low {
			e.number = low - e.number
			all = append(all, e)
		}
	}
	for _, e := range v.high.list {
		if e.number > high {
			e.number -= high
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b extreme) int {
		return cmp.Or(cmp.Compare(b.number, a.number), a.example.Place.Compare(b.example.Place))
	})
	var out profile.Examples
	for _, e := range all[:min(len(all), profile.MaxPlaces)] {
		out.Merge(profile.Examples{e.example})
	}
	return out
}

// farthest is the smallest numbers seen (sign 1) or the largest (-1); of equal
// ones the first rows.
type farthest struct {
	sign float64
	list []extreme
}

type extreme struct {
	number  float64
	example profile.Example
}

func (f *farthest) compare(a, b extreme) int {
	return cmp.Or(cmp.Compare(f.sign*a.number, f.sign*b.number), a.example.Place.Compare(b.example.Place))
}

func (f *farthest) add(b *table.Batch, c *table.Column, i int, x float64) {
	if n := len(f.list); n == profile.MaxPlaces && f.sign*x >= f.sign*f.list[n-1].number {
		return // of equal ones, those kept came before
	}
	f.merge([]extreme{{x, exampleOf(b, c, i)}})
}

func (f *farthest) merge(of []extreme) {
	f.list = append(f.list, of...)
	slices.SortFunc(f.list, f.compare)
	f.list = f.list[:min(len(f.list), profile.MaxPlaces)]
}
