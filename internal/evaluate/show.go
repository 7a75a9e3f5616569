package evaluate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
)

// SliceColumns are the columns that specs as Slices takes them name, each once.
func SliceColumns(specs []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, spec := range specs {
		parts := []string{spec}
		if first, second, both := strings.Cut(spec, "*"); both {
			parts = []string{strings.TrimSpace(first), strings.TrimSpace(second)}
		}
		for _, name := range parts {
			if at := strings.LastIndexByte(name, ':'); at > 0 {
				if _, err := strconv.Atoi(name[at+1:]); err == nil {
					name = name[:at]
				}
			}
			if name != "" && !seen[name] {
				seen[name] = true
				out = append(out, name)
			}
		}
	}
	return out
}

// Show is all that a report has to say about a model's predictions: what the
// gates decided first, then metrics, by slice too, and curves. baseline is the
// predictions that curves are drawn beside; nil where nothing is compared.
func Show(candidate *predictions.Set, baseline *predictions.Pair, answers []*Answer, specs []string) []report.Section {
	out := GateSections(answers)
	out = append(out, Sections(candidate, shownConfidence)...)
	if len(candidate.Problems) > 0 {
		return append(out, noteSection(candidate, baseline, answers)...)
	}
	out = append(out, measuredSlices(candidate, specs)...)
	if baseline != nil && baseline.Baseline != nil {
		out = append(out, CurveSections(baseline.Candidate, baseline.Baseline)...)
	} else {
		out = append(out, CurveSections(candidate.Sample, nil)...)
	}
	return append(out, noteSection(candidate, baseline, answers)...)
}

// noteSection is what is odd about the rows and the comparisons, each sentence
// once.
func noteSection(candidate *predictions.Set, baseline *predictions.Pair, answers []*Answer) []report.Section {
	notes := slices.Clone(candidate.Notes)
	if candidate.Sample != nil {
		notes = append(notes, uncounted(candidate.Sample)...)
	}
	if baseline != nil {
		notes = append(notes, baseline.Notes...)
	}
	for _, a := range answers {
		notes = append(notes, a.Notes...)
		if a.Adjustment != "" {
			notes = append(notes, a.Metric+": "+a.Adjustment)
		}
	}
	var lines []string
	for _, n := range notes {
		n = strings.TrimPrefix(n, "the candidate: ")
		if !slices.Contains(lines, n) {
			lines = append(lines, n)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return []report.Section{report.TextSection("Notes", strings.Join(lines, "\n"))}
}

// shownConfidence is that of each bound of metrics that nothing is decided by:
// their intervals cover with 95 %, as readers expect.
const shownConfidence = 0.975

// sliceMetrics is how many metrics a table of slices has columns for.
const sliceMetrics = 5

// measuredSlices is a table of the metrics inside slices.
func measuredSlices(set *predictions.Set, specs []string) []report.Section {
	parts, notes, err := Slices(set.Columns, specs)
	if err != nil {
		return []report.Section{report.TextSection("Slices", err.Error())}
	}
	if len(parts) == 0 {
		return nil
	}
	metrics := metric.ForTask(set.Sample.Task)
	metrics = metrics[:min(len(metrics), sliceMetrics)]
	titles := []string{"Slice", ">n"}
	for _, m := range metrics {
		titles = append(titles, ">"+m.Name)
	}
	var rows [][]string
	for _, part := range parts {
		s := set.Sample.Select(part.Rows)
		row := []string{part.Name, report.Thousands(len(part.Rows))}
		for _, m := range metrics {
			value := "undefined"
			if v, err := m.Value(s); err == nil {
				value = showBeside(v)
			}
			row = append(row, value)
		}
		rows = append(rows, row)
	}
	section := report.TableSection("Metrics by slice", titles, rows[:min(len(rows), maxLines)])
	section.Table.Omitted = len(rows) - len(section.Table.Rows)
	out := []report.Section{section}
	if len(notes) > 0 {
		out = append(out, report.TextSection("", strings.Join(notes, "\n")))
	}
	return out
}

// CompareAll compares two models by the metrics that a report shows of the
// task. Nothing is judged: there is no margin to judge by.
func CompareAll(p *predictions.Pair, g Gate) []Comparison {
	var out []Comparison
	for _, m := range metric.ForTask(p.Candidate.Task) {
		c := Compare(p, m, g)
		c.Verdict, c.Margin, c.Limit, c.RequiredN = "", nil, nil, nil
		out = append(out, c)
	}
	return out
}

// ComparedSections shows comparisons that nothing was judged by.
func ComparedSections(all []Comparison) []report.Section {
	var rows [][]string
	for i := range all {
		cells := row(&all[i], all[i].Metric)
		rows = append(rows, cells[:4])
	}
	return []report.Section{report.TableSection("Compared", heads("Metric", all)[:4], rows)}
}
