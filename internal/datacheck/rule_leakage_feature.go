package datacheck

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
)

type leakageFeatureParams struct {
	Label string   `param:"label,required" doc:"The column of the labels."`
	Max   *float64 `param:"max" doc:"Largest area under the ROC curve that a column alone may reach, 0.5 to 1. Default 0.95."`
}

// maxPredictors is how many columns are looked at.
const maxPredictors = 200

var leakageFeature = Rule{
	ID:     "leakage.feature",
	Doc:    "No single column, of all or of those that columns: names, predicts the label of other rows nearly perfectly, by the area under the ROC curve; a null is a value like any other, and rows without a label are not looked at.",
	Params: leakageFeatureParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p leakageFeatureParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		columns, subject := spec.Columns, strings.Join(spec.Columns, ", ")
		if len(columns) == 0 {
			subject = "all columns"
			columns = slices.DeleteFunc(schema.Names(), func(n string) bool { return n == p.Label })
		}
		return bindLeakage(plan, spec, schema, leakage{
			label: p.Label, columns: columns, subject: subject, named: len(spec.Columns) > 0, max: p.Max, usual: 0.95, least: 20,
			hint: "is it known when the model must predict? Leave out what is written together with the label or after it",
		})
	},
}

// leakage is a check of what columns tell of the label.
type leakage struct {
	label   string
	columns []string
	subject string
	named   bool // the columns, by the manifest
	max     *float64
	usual   float64 // max when it is not given
	least   int64   // rows that a label must have to be predicted
	hint    string
}

func bindLeakage(plan Plan, spec manifest.CheckSpec, schema table.Schema, l leakage) (Plan, error) {
	if err := refuse(spec, "mostly", "groupBy"); err != nil {
		return plan, err
	}
	if l.max == nil {
		l.max = &l.usual
	}
	if m := *l.max; !(m >= 0.5 && m <= 1) {
		return plan, mistake(spec, fmt.Sprintf("%s: max %s is not between 0.5 and 1", spec.Check, number(m)), "0.5 is chance, 1 certainty")
	}
	if slices.Contains(l.columns, l.label) {
		return plan, mistake(spec, fmt.Sprintf("%s: %s is the label itself", spec.Check, l.label), "")
	}
	plan.Subject = l.subject
	if plan, ok := lacking(plan, schema, l.label); ok {
		return plan, nil
	}
	if len(l.columns) > maxPredictors {
		plan.Judge = func(Facts) []report.Finding {
			return []report.Finding{{
				Verdict: report.Inconclusive, Subject: l.subject, Expected: fmt.Sprintf("at most %d columns", maxPredictors), Observed: count(int64(len(l.columns)), "column"),
				Message: fmt.Sprintf("%s: there are more than %d to look at", l.subject, maxPredictors), Hint: "name some with columns:",
			}}
		}
		return plan, nil
	}
	plan.Needs.Add(l.label, 0)
	for _, c := range l.columns {
		plan.Needs.Add(c, 0)
	}
	plan.Rows = newPredictors(l.label, l.columns, schema)
	plan.Judge = func(f Facts) []report.Finding { return []report.Finding{l.judge(f)} }
	return plan, nil
}

// predictor is how well a column predicts.
type predictor struct {
	column string
	auc    float64
}

func (l leakage) judge(f Facts) report.Finding {
	p := f.Check.(*predictors)
	out := report.Finding{Verdict: report.Inconclusive, Subject: l.subject, Expected: fmt.Sprintf("an area under the ROC curve of at most %s for %s", number(*l.max), l.label)}
	labels, enough := p.labels(l.least)
	switch {
	case p.rows == nil:
		out.Observed = fmt.Sprintf("more than %d labels", maxPredicted)
		out.Message = fmt.Sprintf("%s: %s has more than %d different values", l.subject, l.label, maxPredicted)
		out.Hint = "is it the column of the labels? A number that is predicted is not looked at"
		return out
	case !enough:
		out.Observed = "too few rows"
		out.Message = fmt.Sprintf("%s: too little to learn from: fewer than two labels of %s have at least %s", l.subject, l.label, count(l.least, "row"))
		return out
	}
	var judged, bad []predictor
	var unknown []string
	for _, c := range p.columns {
		if c.pairs == nil {
			unknown = append(unknown, c.name)
		} else if auc, ok := score(c.bins(), labels); ok {
			judged = append(judged, predictor{c.name, shown(auc)})
		} else {
			unknown = append(unknown, c.name)
		}
	}
	sorting.Stable(judged, func(a, b predictor) int { return cmp.Compare(b.auc, a.auc) })
	bad = judged
	if i := slices.IndexFunc(judged, func(j predictor) bool { return j.auc <= *l.max }); i >= 0 {
		bad = judged[:i]
	}
	more := ""
	if len(unknown) > 0 {
		more = fmt.Sprintf("; not judged, for too many different values: %s", list(unknown, 10))
	}
	scores := map[string]any{}
	for _, j := range judged[:min(len(judged), 20)] {
		scores[j.column] = j.auc
	}
	out.Details = map[string]any{"rows": p.total, "statistic": "ROC AUC, one label against the others, leave-pair-out", "scores": scores}
	if len(unknown) > 0 {
		out.Details["notJudged"] = unknown
	}
	switch {
	case len(bad) > 0:
		out.Verdict, out.Observed, out.Hint = report.Fail, aucs(bad), l.hint
		out.Message = fmt.Sprintf("%s: ROC AUC of one column alone for %s: %s; %s%s", l.subject, l.label, aucs(bad), count(p.total, "row"), more)
	case len(judged) == 0 || l.named && len(unknown) > 0:
		out.Observed = "too many different values"
		out.Message = fmt.Sprintf("%s: nothing can be learned from values that hardly ever occur twice, or are more than are counted", list(unknown, 10))
		out.Hint = "numbers and dates in CSV and JSON lines are text unless columns: declares their type"
	default:
		out.Verdict, out.Observed = report.Pass, "at most "+aucs(judged[:1])
		out.Message = fmt.Sprintf("%s: highest ROC AUC of one column alone for %s: %s; %s%s", l.subject, l.label, aucs(judged[:1]), count(p.total, "row"), more)
	}
	return out
}

func aucs(of []predictor) string {
	var out []string
	for _, p := range of {
		out = append(out, fmt.Sprintf("%s (%s)", strconv.FormatFloat(p.auc, 'g', 3, 64), escape(p.column)))
	}
	if len(out) > 10 {
		return fmt.Sprintf("%s and %d more", strings.Join(out[:10], ", "), len(out)-10)
	}
	return strings.Join(out, ", ")
}

// labels returns those with at least so many rows, and whether there is
// something to tell apart.
func (p *predictors) labels(least int64) (labels []string, enough bool) {
	for _, name := range sortedKeys(p.rows) {
		if n := p.rows[name]; n >= least && p.total-n >= least {
			labels = append(labels, name)
		}
	}
	return labels, len(labels) > 0
}
