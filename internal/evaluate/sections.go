package evaluate

import (
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// Sections shows a result: the metrics that say something about a file with
// these labels, why some are undefined, and the confusion matrix where there
// are at most MatrixClasses labels. confidence is that of the intervals, 0 for
// 0.95.
func Sections(r Result, confidence float64) []report.Section {
	g := Gate{Confidence: confidence}
	var rows [][]string
	for _, name := range r.telling() {
		rows = append(rows, r.row(name, g))
	}
	sections := []report.Section{report.TableSection("Metrics",
		[]string{"Metric", ">Value", ">" + percent(g.confidence()) + " interval", ">n"}, rows)}
	if why := r.undefined(); why != "" {
		sections = append(sections, report.TextSection("Undefined metrics", why))
	}
	if r.Confusion == nil || len(r.Classes) == 0 || len(r.Problems) > 0 {
		return sections
	}
	return append(sections, r.confusion())
}

// telling picks the metrics worth a line: with a positive label those about
// it, without one the averages. .micro is always the accuracy.
func (r *Result) telling() []string {
	suffixes := []string{""}
	if len(r.Classes) > 2 {
		suffixes = []string{".macro", ".weighted"}
		if r.Positive != "" {
			suffixes = append(suffixes, "")
		}
	}
	names := []string{"accuracy"}
	for _, suffix := range suffixes {
		for _, name := range []string{"precision", "recall", "f1"} {
			names = append(names, name+suffix)
		}
	}
	return names
}

func (r *Result) row(name string, g Gate) []string {
	m := r.Metrics[name]
	if !m.Defined {
		return []string{name, "undefined", "", report.Thousands(r.N)}
	}
	if lower, upper, ok := m.Interval(g.confidence()); ok {
		return []string{name, showBeside(m.Value), showBeside(lower) + " to " + showBeside(upper), report.Thousands(m.Of)}
	}
	return []string{name, showBeside(m.Value), "", report.Thousands(r.N)}
}

// undefined is a line for each reason why metrics shown have no value.
func (r *Result) undefined() string {
	var reasons []string
	names := map[string][]string{}
	for _, name := range r.telling() {
		if m := r.Metrics[name]; !m.Defined {
			if names[m.Reason] == nil {
				reasons = append(reasons, m.Reason)
			}
			names[m.Reason] = append(names[m.Reason], name)
		}
	}
	lines := make([]string, len(reasons))
	for i, reason := range reasons {
		lines[i] = strings.Join(names[reason], ", ") + ": " + reason
	}
	return strings.Join(lines, "\n")
}

func (r *Result) confusion() report.Section {
	titles := []string{"Label \\ prediction"}
	for _, c := range r.Classes {
		titles = append(titles, ">"+short(c.Name))
	}
	rows := make([][]string, len(r.Classes))
	for i, c := range r.Classes {
		rows[i] = []string{short(c.Name)}
		for _, n := range r.Confusion[i] {
			rows[i] = append(rows[i], report.Thousands(n))
		}
	}
	title := "Confusion matrix"
	if r.Positive != "" {
		title = fmt.Sprintf("Confusion matrix (positive: %s)", short(r.Positive))
	}
	return report.TableSection(title, titles, rows)
}

// short fits a label into the head of a column.
func short(name string) string {
	runes := []rune(name)
	if len(runes) > 24 {
		return string(runes[:23]) + "…"
	}
	return name
}
