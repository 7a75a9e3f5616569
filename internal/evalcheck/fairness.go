package evalcheck

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// Differences and ratios are those of Fairlearn's MetricFrame (between
// groups): the greatest rate less the least, the least over the greatest. Its
// equalized_odds_difference and _ratio are the worse of those of TPR and FPR.
// Equalised odds: M. Hardt, E. Price and N. Srebro, "Equality of Opportunity in
// Supervised Learning" (2016), definition 2.1; selection rates: demographic
// parity. The four-fifths rule: 29 CFR 1607.4 D.
var fairness = Rule{
	ID:  "evaluation.fairness",
	Doc: "The groups that a column divides the rows into are treated alike: a rate differs between any two by at most maxDifference, and no group's is less than minRatio of another's.",
	Params: map[string]any{
		"column":         word("The column that tells the group of a row, of the evaluation dataset or the predictions; \"sex*region\" for every combination of two, \"age:4\" for quarters of a column of numbers."),
		"measure":        word("The rate: selection-rate (the share predicted positive), tpr, fpr, equalised-odds (both), or a metric that is a share of rows, such as accuracy or precision. Default: selection-rate."),
		"maxDifference":  someShare("The most by which the rates of two groups may differ."),
		"minRatio":       someShare("The least that one group's rate may be of another's: 0.8 is the four-fifths rule."),
		"minRows":        integer(1, 1_000_000_000, "Groups with fewer rows are named and not judged. Default: 30."),
		"groups":         map[string]any{"type": "array", "minItems": 2, "uniqueItems": true, "items": map[string]any{"type": []any{"string", "number", "boolean"}}, "description": "The groups to compare. Default: all."},
		"confidence":     confidenceParam,
		"onInconclusive": onInconclusive,
	},
	Required: []string{"column"},
	bind: func(p *params) judge {
		f := &fair{measure: "selection-rate"}
		if len(p.spec.Columns) != 1 || p.spec.Columns[0] == "" {
			p.mistakef("as in: column: region", "needs column, one of them")
		} else {
			f.column = p.spec.Columns[0]
		}
		if m := p.text("measure"); m != "" {
			f.measure = m
		}
		f.maxDifference, f.minRatio = p.number("maxDifference", 0, 1), p.number("minRatio", 0, 1)
		if f.maxDifference == nil && f.minRatio == nil {
			p.mistakef("as in: maxDifference: 0.1", "needs maxDifference or minRatio")
		}
		for _, limit := range []*float64{f.maxDifference, f.minRatio} {
			if limit != nil && *limit == 0 {
				p.mistakef("leave it out, or set it above 0", "a limit of 0 shows nothing: rates of groups are never known to be the same")
			}
		}
		f.minRows, f.groups, f.sure = p.whole("minRows", 1, 1_000_000_000, 30), p.texts("groups"), p.sure()
		return f.judge
	},
}

// fair is an entry.
type fair struct {
	column, measure         string
	maxDifference, minRatio *float64
	minRows                 int64
	groups                  []string
	sure                    confidence
}

// rates are what a measure compares, by the names of package metric.
func (f *fair) rates() []string {
	switch strings.ToLower(f.measure) {
	case "selection-rate":
		return []string{"selection_rate"}
	case "tpr":
		return []string{"recall"}
	case "fpr":
		return []string{"fpr"}
	case "equalised-odds", "equalized-odds":
		return []string{"recall", "fpr"}
	}
	return []string{f.measure}
}

// shown is what people call a rate.
func shown(metric string) string {
	switch metric {
	case "selection_rate":
		return "selection rate"
	case "recall":
		return "true positive rate"
	case "fpr":
		return "false positive rate"
	}
	return metric
}

// group is the rows of one value of the column.
type group struct {
	name  string
	rows  []int32
	rates []proportion // one a rate
}

func (f *fair) judge(_ context.Context, env *Env) ([]report.Finding, []report.Section, error) {
	set, err := env.predicted()
	if err != nil {
		return nil, nil, err
	}
	metrics, err := f.metrics(set.Sample)
	if err != nil {
		return nil, nil, err
	}
	groups, small, notes, err := f.divide(set, metrics)
	if err != nil {
		return nil, nil, err
	}
	var findings []report.Finding
	var pairs []pair
	ask := func(of question, limit *float64) {
		if limit != nil {
			a := f.answer(of, *limit, metrics, groups)
			findings, pairs = append(findings, a.finding(f, groups, small, notes)), append(pairs, a.worst...)
		}
	}
	ask(byDifference, f.maxDifference)
	ask(byRatio, f.minRatio)
	return findings, f.sections(metrics, groups, small, pairs), nil
}

// metrics finds the rates that are compared.
func (f *fair) metrics(s *metric.Sample) ([]*metric.Metric, error) {
	var out []*metric.Metric
	for _, name := range f.rates() {
		m, err := metric.Find(name, s.Task)
		switch {
		case err != nil:
			return nil, cannot("correct measure:, or compare slices in a gate", "%s cannot be compared between groups: %s", quoted(f.measure), text(err.Error()))
		case m.Share == nil:
			return nil, cannot("compare slices of it in a gate", "%s is no share of rows, so that groups cannot be compared by it", quoted(f.measure))
		}
		if _, err := m.Value(s); err != nil {
			return nil, cannot("see whether positive: is set and the rows have both labels", "%s of all rows is undefined: %s", shown(m.Name), text(err.Error()))
		}
		out = append(out, m)
	}
	return out, nil
}

// divide makes the groups that are judged and names those that are not.
func (f *fair) divide(set *predictions.Set, metrics []*metric.Metric) (groups []group, small, notes []string, err error) {
	parts, notes, err := evaluate.Slices(set.Columns, []string{f.column})
	if err != nil {
		return nil, nil, nil, cannot("name a column of the evaluation dataset or the predictions", "%s", text(err.Error()))
	}
	asked := map[string]bool{}
	for _, g := range f.groups {
		asked[g] = true
	}
	for _, part := range parts {
		label := strings.TrimPrefix(part.Name, f.column+"=")
		if len(f.groups) > 0 && !asked[label] {
			continue
		}
		delete(asked, label)
		g := group{name: name(label), rows: part.Rows}
		if int64(len(g.rows)) < f.minRows {
			small = append(small, g.name+" ("+report.Thousands(len(g.rows))+")")
			continue
		}
		for _, m := range metrics {
			g.rates = append(g.rates, shareOf(set.Sample, m, g.rows))
		}
		groups = append(groups, g)
	}
	for _, g := range f.groups { // in their order
		if asked[g] {
			return nil, nil, nil, cannot("correct groups:", "no row is of the group %s of %s", quoted(g), quoted(f.column))
		}
	}
	if len(groups) < 2 {
		why := "there is nothing to compare"
		if len(small) > 0 {
			why = "the others have fewer than " + report.Count(f.minRows, "row") + ": " + joined(small)
		}
		return nil, nil, nil, cannot("label more rows of the smaller groups", "%s of %s can be judged; %s", report.Count(int64(len(groups)), "group"), quoted(f.column), why)
	}
	return groups, small, notes, nil
}

// undefined names the groups that have no rate.
func undefined(m *metric.Metric, rate int, groups []group) string {
	var names []string
	for _, g := range groups {
		if g.rates[rate].n == 0 {
			names = append(names, g.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "the " + shown(m.Name) + " of " + joined(names) + " is undefined: none of their rows counts for it"
}

// extremes returns the groups with the least and the greatest rate.
func extremes(groups []group, rate int) (least, greatest int) {
	low, high := math.Inf(1), math.Inf(-1)
	for i, g := range groups {
		if v := g.rates[rate].rate(); g.rates[rate].n > 0 {
			if v < low {
				least, low = i, v
			}
			if v > high {
				greatest, high = i, v
			}
		}
	}
	return least, greatest
}

// sortedByRows puts the groups with the most rows first.
func sortedByRows(groups []group) []group {
	out := slices.Clone(groups)
	sorting.Stable(out, func(a, b group) int { return len(b.rows) - len(a.rows) })
	return out
}
