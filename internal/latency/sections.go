package latency

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/stats"
)

// Sections shows a result.
func Sections(r *Result) []report.Section {
	var out []report.Section
	if r.Verdict != "" {
		lines := []string{}
		for _, d := range r.Decisions {
			lines = append(lines, fmt.Sprintf("%s: %s", d.Verdict, d.Message))
		}
		out = append(out, report.TextSection("Latency: "+string(r.Verdict), strings.Join(lines, "\n")))
	}
	out = append(out, r.table())
	if s, ok := r.ratioIntervals(); ok {
		out = append(out, s)
	}
	for _, x := range []struct {
		name      string
		ascending []float64
	}{{Candidate, r.candidate}, {Baseline, r.baseline}} {
		if s, ok := r.histogram(x.name, x.ascending); ok {
			out = append(out, s)
		}
	}
	return append(out, report.TextSection("Notes", strings.Join(r.remarks(), "\n")))
}

// table has a line for each percentile, without the columns for which nothing
// was measured.
func (r *Result) table() report.Section {
	titles := []string{"Percentile"}
	compared, again := len(r.baseline) > 0, false
	for _, p := range r.Percentiles {
		again = again || p.Noise != nil
	}
	if compared {
		titles = append(titles, ">Baseline")
	}
	titles = append(titles, ">Candidate")
	if compared {
		titles = append(titles, ">Ratio")
	}
	if again {
		titles = append(titles, ">Baseline to itself")
	}
	if r.Verdict != "" {
		titles = append(titles, ">Limit", "Verdict")
	}
	var rows [][]string
	for _, p := range r.Percentiles {
		row := []string{Name(p.Percentile / 100)}
		if compared {
			row = append(row, p.Baseline.show(Seconds))
		}
		row = append(row, p.Candidate.show(Seconds))
		if compared {
			row = append(row, p.Ratio.show(times))
		}
		if again {
			row = append(row, p.Noise.show(times))
		}
		if r.Verdict != "" {
			limits, verdict := r.asked(p.Percentile)
			row = append(row, limits, string(verdict))
		}
		rows = append(rows, row)
	}
	return report.TableSection("Percentiles", titles, rows)
}

// asked is what was asked of a percentile, and the answer.
func (r *Result) asked(percentile float64) (limits string, verdict report.Verdict) {
	var mine []Decision
	var parts []string
	for _, d := range r.Decisions {
		if d.Percentile != percentile {
			continue
		}
		mine = append(mine, d)
		if d.Of == "max" {
			parts = append(parts, "≤ "+Seconds(d.Limit))
		} else {
			parts = append(parts, "< "+times(d.Limit))
		}
	}
	return strings.Join(parts, ", "), overall(mine)
}

// show is a number and its interval.
func (e *Estimate) show(number func(float64) string) string {
	switch {
	case e == nil:
		return "–"
	case e.Lower == nil || e.Upper == nil:
		return number(e.Value) + " (too few)"
	}
	return fmt.Sprintf("%s (%s to %s)", number(e.Value), number(*e.Lower), number(*e.Upper))
}

// times shows a ratio.
func times(v float64) string {
	return strconv.FormatFloat(v, 'g', max(4, len(strconv.Itoa(int(min(v, 1e9))))), 64)
}

func (r *Result) ratioIntervals() (report.Section, bool) {
	var rows []report.Interval
	add := func(label string, e *Estimate, p float64, decides bool) {
		if e == nil || e.Lower == nil || e.Upper == nil {
			return
		}
		row := report.Interval{Label: label, Value: e.Value, Lower: *e.Lower, Upper: *e.Upper}
		for i, d := range r.Decisions {
			if decides && d.Of == "ratio" && d.Percentile == p {
				row.Limit, row.Verdict = &r.Decisions[i].Limit, d.Verdict
			}
		}
		rows = append(rows, row)
	}
	for _, p := range r.Percentiles {
		name := Name(p.Percentile / 100)
		add(name, p.Ratio, p.Percentile, true)
		add(name+", baseline to itself", p.Noise, p.Percentile, false)
	}
	return report.Section{Title: "Ratio to the baseline", Intervals: &report.Intervals{Unit: "times", Rows: rows}}, len(rows) > 0
}

// histogramBins is the most that a histogram has; the slowest 1 % of the runs
// are left out of it when they would make it one bar.
const histogramBins = 20

func (r *Result) histogram(name string, ascending []float64) (report.Section, bool) {
	n := len(ascending)
	if n < 10 || ascending[0] == ascending[n-1] {
		return report.Section{}, false
	}
	title, shown := fmt.Sprintf("Runs of the %s by milliseconds", name), ascending
	if high := ascending[rank(int64(n), 0.99)-1]; high > ascending[0] && ascending[n-1]-ascending[0] > 3*(high-ascending[0]) {
		shown = ascending[:countUpTo(ascending, high)]
		title += fmt.Sprintf(", without the slowest %s", report.Thousands(int64(n-len(shown))))
	}
	ms := make([]float64, len(shown))
	for i, v := range shown {
		ms[i] = report.Rounded(v * 1e3)
	}
	edges := stats.WidthEdges(ms[0], ms[len(ms)-1], min(histogramBins, stats.SturgesBins(len(ms))))
	counts, _ := stats.Histogram(ms, edges)
	h := &report.Histogram{}
	for _, e := range edges {
		h.Edges = append(h.Edges, report.Rounded(e))
	}
	for _, c := range counts {
		h.Counts = append(h.Counts, int64(c))
	}
	return report.Section{Title: title, Histogram: h}, true
}

func (r *Result) remarks() []string {
	var out []string
	for _, x := range r.Runs {
		line := fmt.Sprintf("%s: %s", x.Command, runs(x.N))
		if x.Failed > 0 {
			line += fmt.Sprintf(", and %s that failed", report.Thousands(x.Failed))
		}
		out = append(out, line)
	}
	out = append(out, fmt.Sprintf("intervals: %s, each bound alone %s", report.Percent(r.IntervalConfidence), report.Percent(r.Confidence)))
	for _, p := range r.Percentiles {
		if p.Ratio != nil && p.Percentile != 50 {
			out = append(out, fmt.Sprintf("ratio of p50: median of the rounds' ratios; of others: bootstrap over rounds, %s, seed %d",
				report.Count(int64(r.Resamples), "resample"), r.Seed))
			break
		}
	}
	return append(out, r.Notes...)
}
