package evalcheck

import (
	"fmt"
	"math"
	"strings"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// answer is what the pairs say to a question.
type answer struct {
	of      question
	limit   float64
	verdict report.Verdict
	claims  int     // pairs, times rates
	value   float64 // as Fairlearn has it
	without []string
	worst   []pair // the worst first, at most worstPairs
}

const worstPairs = 20

// answer judges every pair. The interval of each holds alone, as all must pass;
// a FAIL is proven at the confidence of one among all.
func (f *fair) answer(of question, limit float64, metrics []*metric.Metric, groups []group) *answer {
	a := &answer{of: of, limit: limit, verdict: report.Pass, claims: len(metrics) * len(groups) * (len(groups) - 1) / 2}
	if of == byRatio {
		a.value = 1
	}
	for rate, m := range metrics {
		if why := undefined(m, rate, groups); why != "" {
			a.without = append(a.without, why)
		}
		least, greatest := extremes(groups, rate)
		low, high := groups[least].rates[rate], groups[greatest].rates[rate]
		if of == byDifference && high.n > 0 {
			a.value = max(a.value, high.rate()-low.rate())
		}
		if of == byRatio && high.hits > 0 {
			a.value = min(a.value, low.rate()/high.rate())
		}
		for i := range groups {
			for j := range i {
				if groups[i].rates[rate].n > 0 && groups[j].rates[rate].n > 0 {
					a.worst = append(a.worst, f.pair(of, limit, m, rate, &groups[j], &groups[i], a.claims))
				}
			}
		}
	}
	sorting.Stable(a.worst, func(x, y pair) int { return x.compare(&y) })
	switch {
	case len(a.worst) > 0 && a.worst[0].verdict == report.Fail:
		a.verdict = report.Fail
	case len(a.worst) == 0 || len(a.without) > 0 || a.worst[0].verdict != report.Pass:
		a.verdict = report.Inconclusive
	}
	a.worst = a.worst[:min(len(a.worst), worstPairs)]
	return a
}

func (a *answer) expected(measure string) string {
	if a.of == byDifference {
		return fmt.Sprintf("%s: difference ≤ %s", name(measure), bound(a.limit))
	}
	return fmt.Sprintf("%s: ratio ≥ %s", name(measure), bound(a.limit))
}

// finding says the answer.
func (a *answer) finding(f *fair, groups []group, small, notes []string) report.Finding {
	word, subject := "allowed", "difference"
	if a.of == byRatio {
		word, subject = "asked-for", "ratio"
	}
	out := report.Finding{Verdict: a.verdict, Subject: fmt.Sprintf("%s %s %s", name(f.column), name(f.measure), subject),
		Expected: a.expected(f.measure), Details: a.details(f, groups, small)}
	if len(a.worst) == 0 {
		out.Message, out.Hint = strings.Join(a.without, "; "), "label more rows of these groups"
		return out
	}
	w := &a.worst[0]
	out.Observed = fmt.Sprintf("%s (%s interval %s)", decimal(w.value, w.limit), w.sure, w.interval())
	limit := fmt.Sprintf("the %s %s", word, bound(a.limit))
	switch {
	case a.verdict == report.Pass:
		out.Message = fmt.Sprintf("%s; even the worst case of its %s interval (%s) is within %s", w.says(), w.sure, w.interval(), limit)
		if len(groups) > 2 {
			out.Message += fmt.Sprintf(", and the other pairs of %s are closer", report.Count(int64(len(groups)), "group"))
		}
	case a.verdict == report.Fail:
		out.Message = fmt.Sprintf("%s; all of its %s interval (%s) is beyond %s", w.says(), w.sure, w.interval(), limit)
		out.Hint = "see what the groups' rows have in common, and train on more of them or move the threshold"
	case w.verdict == report.Pass:
		out.Message, out.Hint = fmt.Sprintf("%s; the others keep %s", strings.Join(a.without, "; "), limit), "label more rows of these groups, or leave them out with groups:"
	default:
		out.Message = fmt.Sprintf("%s; its %s interval (%s) reaches beyond %s", w.says(), w.sure, w.interval(), limit)
		out.Hint = "label more rows of these groups"
		if n := w.required(); n > 0 {
			out.Message += fmt.Sprintf("; about %s of the two groups would decide (there are %s)", report.Count(n, "row"), report.Thousands(len(w.high.rows)+len(w.low.rows)))
		}
	}
	if len(small) > 0 {
		out.Message += fmt.Sprintf("; not judged, with fewer than %s: %s", report.Count(f.minRows, "row"), joined(small))
	}
	for _, n := range notes {
		out.Message += "; " + text(n)
	}
	return out
}

func (a *answer) details(f *fair, groups []group, small []string) map[string]any {
	d := map[string]any{"column": name(f.column), "measure": name(f.measure), "limit": a.limit, "pairs": a.claims}
	if len(small) > 0 {
		d["notJudged"] = small
	}
	if len(a.worst) > 0 {
		w := &a.worst[0]
		d["high"], d["low"] = w.high.name, w.low.name
		d["value"] = rounded(a.value)
		i := map[string]any{"lower": rounded(w.lower), "confidence": rounded(w.sure.level())}
		if !math.IsInf(w.upper, 1) {
			i["upper"] = rounded(w.upper)
		}
		d["interval"] = i
		if n := w.required(); n > 0 {
			d["requiredN"] = n
		}
	}
	return d
}

// sections are the rates of each group, and the pairs that reach furthest.
func (f *fair) sections(metrics []*metric.Metric, groups []group, small []string, pairs []pair) []report.Section {
	const most = 40
	titles := []string{"Group", ">n"}
	for _, m := range metrics {
		titles = append(titles, ">"+shown(m.Name), ">"+f.sure.String()+" interval")
	}
	var rows [][]string
	for _, g := range sortedByRows(groups) {
		row := []string{g.name, report.Thousands(len(g.rows))}
		for i := range metrics {
			p := g.rates[i]
			if p.n == 0 {
				row = append(row, "undefined", "")
				continue
			}
			lower, upper := p.exact(f.sure)
			row = append(row, fmt.Sprintf("%s (%s of %s)", decimal(p.rate(), -1), report.Thousands(p.hits), report.Thousands(p.n)), decimal(lower, -1)+" to "+decimal(upper, -1))
		}
		rows = append(rows, row)
	}
	title := fmt.Sprintf("Groups of %s", name(f.column))
	table := report.TableSection(title, titles, rows[:min(len(rows), most)])
	table.Table.Omitted = len(rows) - len(table.Table.Rows)
	out := []report.Section{table}
	var differences, ratios []report.Interval
	for i := range pairs {
		p := &pairs[i]
		line := report.Interval{Value: rounded(p.value), Lower: rounded(p.lower), Upper: rounded(p.upper), Limit: &p.limit, Verdict: p.verdict}
		switch {
		case p.of == byDifference:
			line.Label = fmt.Sprintf("%s, %s − %s", shown(p.metric.Name), p.high.name, p.low.name)
			differences = append(differences, line)
		case !math.IsInf(p.upper, 1):
			line.Label = fmt.Sprintf("%s, %s / %s", shown(p.metric.Name), p.low.name, p.high.name)
			ratios = append(ratios, line)
		}
	}
	for _, s := range []struct {
		title, unit string
		rows        []report.Interval
	}{{title + ": differences", "difference", differences}, {title + ": ratios", "ratio", ratios}} {
		if len(s.rows) > 0 {
			out = append(out, report.Section{Title: s.title, Intervals: &report.Intervals{Unit: s.unit, Rows: s.rows}})
		}
	}
	return out
}
