package datacheck

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/drift"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type driftParams struct {
	Against      *Against `param:"against,required" doc:"What to compare with: a reference to a version of this dataset (#production) or of another, or {model: REFERENCE, dataset: ROLE} for what a model was made with."`
	Method       string   `param:"method" enum:"psi,ks,chi-square,js-distance,js-divergence,wasserstein,hellinger,l-infinity,cramers-v,tvd,kl" doc:"How to compare. Default: by the preset and the column."`
	Preset       string   `param:"preset" enum:"waybill,evidently,tfdv,nannyml,deepchecks" doc:"Whose conventions and defaults. Default: waybill."`
	Type         string   `param:"type" enum:"numeric,category" doc:"What the columns are. Default: by their values."`
	Max          *float64 `param:"max" doc:"From this statistic on a column has drifted. Default: the method's threshold."`
	MinP         *float64 `param:"minP" doc:"Below this p-value a column has drifted, for methods that are tests. Default: 0.05."`
	MaxShare     *float64 `param:"maxShare" doc:"Share of the columns that may drift: 0.3 is 30 %. Default: none."`
	FirstRelease string   `param:"firstRelease" enum:"allow" doc:"allow passes while there is nothing to compare with yet."`
}

// maxDriftFindings is how many columns have findings of their own.
const maxDriftFindings = 10

var driftRule = Rule{
	ID:     "drift",
	Doc:    "The columns are distributed as in other data: an earlier version, or what a model was trained on. Every finding names the statistic, its threshold and the convention.",
	Params: driftParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p driftParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly"); err != nil {
			return plan, err
		}
		if err := checkShare(spec, "maxShare", p.MaxShare); err != nil {
			return plan, err
		}
		options, err := p.options(spec)
		if err != nil {
			return plan, err
		}
		names := schema.Names()
		if len(spec.Columns) > 0 {
			names, options.Columns = spec.Columns, spec.Columns
		}
		for _, n := range names {
			plan.Needs.Add(n, 0)
		}
		all := schema.Names()
		plan.Rows = func() RowCheck { return newDriftSide(all, names) }
		plan.Compare = &Comparison{
			With: *p.Against, FirstRelease: p.FirstRelease,
			Bind: func(other table.Schema) (Plan, error) {
				var theirs Plan
				theirs.Filter = plan.Filter
				keep := other.Names()
				if len(spec.Columns) > 0 {
					keep = slices.DeleteFunc(slices.Clone(spec.Columns), func(n string) bool { return other.Index(n) < 0 })
				}
				for _, n := range keep {
					theirs.Needs.Add(n, 0)
				}
				theirs.Rows = func() RowCheck { return newDriftSide(other.Names(), keep) }
				return theirs, nil
			},
			Profiled: func(d *profile.Document, current Facts) (Facts, bool) {
				side := drift.FromProfile(d, options.Columns)
				return Facts{Rows: d.Rows, Check: &driftSide{side: side}}, options.Takes(side, current.Check.(*driftSide).side)
			},
		}
		plan.Judge = func(f Facts) []report.Finding { return p.judge(spec, options, f) }
		return plan, nil
	},
}

// options are those of package drift.
func (p driftParams) options(spec manifest.CheckSpec) (drift.Options, error) {
	o := drift.Options{Method: p.Method, Preset: p.Preset, Type: p.Type}
	for name, v := range map[string]*float64{"max": p.Max, "minP": p.MinP} {
		if v == nil {
			continue
		}
		if !(*v > 0) {
			return o, mistake(spec, fmt.Sprintf("drift: %s %s is not above 0", name, number(*v)), "")
		}
		o.Threshold = *v
	}
	if p.Max != nil || p.MinP != nil {
		switch test := drift.IsTest(p.Preset, p.Method); {
		case p.Method == "":
			return o, mistake(spec, "drift: max and minP are thresholds of one method", "name it with method:")
		case p.Max != nil && p.MinP != nil:
			return o, mistake(spec, "drift: max and minP exclude each other", "")
		case test && p.Max != nil:
			return o, mistake(spec, fmt.Sprintf("drift: %s decides by its p-value", p.Method), "give minP: instead of max:")
		case !test && p.MinP != nil:
			return o, mistake(spec, fmt.Sprintf("drift: %s decides by its statistic", p.Method), "give max: instead of minP:")
		}
	}
	if err := o.Check(); err != nil {
		usage := new(drift.UsageError)
		if errors.As(err, &usage) {
			return o, mistake(spec, "drift: "+err.Error(), "")
		}
		return o, err
	}
	return o, nil
}

func (p driftParams) judge(spec manifest.CheckSpec, o drift.Options, f Facts) []report.Finding {
	r, err := drift.CompareSides(f.Baseline.Check.(*driftSide).side, f.Check.(*driftSide).side, o)
	if err != nil {
		return []report.Finding{{Verdict: report.Inconclusive, Message: err.Error()}}
	}
	var out []report.Finding
	var drifted []string
	decided, skipped, omitted := 0, 0, 0
	all := make([]any, 0, min(len(r.Columns), maxDriftDetails))
	for _, c := range r.Columns {
		if c.Verdict == report.Fail {
			drifted = append(drifted, escape(c.Name))
		}
		if c.Verdict != report.Inconclusive {
			decided++
		}
		if len(all) < maxDriftDetails {
			all = append(all, driftDetails(c))
		}
		switch {
		case c.Skipped:
			skipped++
		case c.Verdict == report.Pass && len(r.Columns) > 1:
		case len(out) == maxDriftFindings:
			omitted++
		default:
			out = append(out, driftFinding(c, f.Baseline.Name))
		}
	}
	if len(r.Columns) == 1 {
		return out
	}
	total := report.Finding{
		Verdict: report.Pass, Subject: count(int64(len(r.Columns)), "column"), Expected: "no column that drifted",
		Details: map[string]any{"columns": all, "drifted": r.Drifted, "decided": decided, "share": r.Share},
	}
	if p.MaxShare != nil {
		total.Expected = fmt.Sprintf("at most %s of the columns drifted", percent(*p.MaxShare))
	}
	total.Observed = fmt.Sprintf("%d of %d columns drifted", len(drifted), decided)
	total.Message = fmt.Sprintf("%s from %s", total.Observed, f.Baseline.Name)
	if decided == 0 {
		total.Observed = "no column that can be compared"
		total.Message = fmt.Sprintf("none of %s can be compared with %s", count(int64(len(r.Columns)), "column"), f.Baseline.Name)
	}
	if len(drifted) > 0 {
		total.Message += ": " + list(drifted, 10)
	}
	if skipped > 0 {
		total.Message += fmt.Sprintf("; %s of identifiers or free text %s not compared", count(int64(skipped), "column"), isAre(int64(skipped), "is", "are"))
	}
	if omitted > 0 {
		total.Message += fmt.Sprintf("; %s that drifted or cannot be compared %s in the details only", count(int64(omitted), "more column"), isAre(int64(omitted), "is", "are"))
	}
	switch {
	case p.MaxShare != nil && r.Share <= *p.MaxShare && decided > 0:
		// Those that may drift are named, but none fails for itself.
		return []report.Finding{total}
	case len(drifted) > 0:
		total.Verdict = report.Fail
		total.Hint = "look at both with \"waybill diff\": a model trained on the one may not fit the other"
	case decided == 0 || decided+skipped < len(r.Columns):
		total.Verdict = report.Inconclusive
	}
	return append([]report.Finding{total}, out...)
}

// maxDriftDetails is how many columns are listed in details.
const maxDriftDetails = 200

func driftDetails(c drift.Column) map[string]any {
	d := map[string]any{"column": c.Name, "verdict": string(c.Verdict)}
	for key, v := range map[string]*float64{"statistic": c.Statistic, "pValue": c.PValue, "threshold": c.Threshold} {
		if v != nil {
			d[key] = *v
		}
	}
	if c.Skipped {
		d["skipped"] = true
	}
	for key, v := range map[string]string{"method": c.Method, "convention": c.Convention, "type": c.Type, "note": c.Note} {
		if v != "" {
			d[key] = v
		}
	}
	return d
}

// driftFinding says what was found of one column.
func driftFinding(c drift.Column, against string) report.Finding {
	name := escape(c.Name)
	out := report.Finding{Verdict: c.Verdict, Subject: name, Details: driftDetails(c)}
	if c.Threshold != nil {
		out.Expected = fmt.Sprintf("%s below %s", c.Method, number(*c.Threshold))
		if c.DecidedBy == "pValue" {
			out.Expected = fmt.Sprintf("%s with p of at least %s", c.Method, number(*c.Threshold))
		}
	}
	var parts []string
	if c.Statistic != nil {
		parts = append(parts, fmt.Sprintf("%s %s", c.Method, significant(*c.Statistic)))
	}
	if c.PValue != nil {
		parts = append(parts, "p "+significant(*c.PValue))
	}
	out.Observed = strings.Join(parts, ", ")
	switch c.Verdict {
	case report.Inconclusive:
		out.Message = fmt.Sprintf("%s: not compared with %s: %s", name, against, escapeLong(c.Note))
		if out.Observed == "" {
			out.Observed = escapeLong(c.Note)
		}
		return out
	case report.Fail:
		out.Message = fmt.Sprintf("%s: drifted from %s: %s", name, against, out.Observed)
	default:
		out.Message = fmt.Sprintf("%s: as in %s: %s", name, against, out.Observed)
	}
	out.Message += fmt.Sprintf(" (%s)", c.Convention)
	if c.Note != "" {
		out.Message += "; " + escapeLong(c.Note)
	}
	return out
}

// significant is a statistic as people read it.
func significant(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// driftSide is the RowCheck of drift.
type driftSide struct {
	side *drift.Side
	keep []string
}

func newDriftSide(columns, keep []string) *driftSide {
	return &driftSide{side: drift.NewSide(columns, keep), keep: keep}
}

func (d *driftSide) Observe(b *table.Batch) { d.side.Observe(b.Only(d.keep)) }

func (d *driftSide) Merge(later RowCheck) { d.side.Merge(later.(*driftSide).side) }
