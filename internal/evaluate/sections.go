package evaluate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
)

// maxLines is how many slices of a gate a section shows; the rest is counted.
const maxLines = 40

// Sections shows what one model's predictions say: metrics with intervals, why
// some are undefined, and the confusion matrix where there are few classes.
// confidence is that of each bound, 0 for 0.95.
func Sections(set *predictions.Set, confidence float64) []report.Section {
	if len(set.Problems) > 0 {
		return []report.Section{report.TextSection("No metric is defined", strings.Join(set.Problems, "\n"))}
	}
	g := Gate{Confidence: confidence}
	var rows [][]string
	var reasons []string
	names := map[string][]string{}
	for _, c := range MeasureAll(set.Sample, confidence) {
		interval, value := "", "undefined"
		if c.Candidate == nil {
			reason := strings.TrimPrefix(c.Reason, c.Metric+" is undefined: ")
			if names[reason] == nil {
				reasons = append(reasons, reason)
			}
			names[reason] = append(names[reason], c.Metric)
		} else {
			value = showBeside(*c.Candidate)
		}
		if c.Interval != nil {
			interval = showBeside(c.Interval.Lower) + " to " + showBeside(c.Interval.Upper)
		}
		rows = append(rows, []string{c.Metric, value, interval, report.Thousands(c.N)})
	}
	out := []report.Section{report.TableSection("Metrics", []string{"Metric", ">Value", ">" + percent(g.level()) + " interval", ">n"}, rows)}
	for i, reason := range reasons {
		reasons[i] = strings.Join(names[reason], ", ") + ": " + reason
	}
	if len(reasons) > 0 {
		out = append(out, report.TextSection("Undefined metrics", strings.Join(reasons, "\n")))
	}
	return append(out, matrixSection(set.Sample)...)
}

// matrixSection is the confusion matrix of the classes that occur, for models
// that answer one of several.
func matrixSection(s *metric.Sample) []report.Section {
	if s.Label == nil || s.Prediction == nil || s.N == 0 {
		return nil
	}
	c := metric.Count(s)
	if c.Cells == nil {
		return nil
	}
	k := len(c.Classes)
	var occur []int
	for i := range k {
		if c.Labelled[i]+c.Predicted[i] > 0 {
			occur = append(occur, i)
		}
	}
	m := &report.Matrix{Row: "Label", Column: "Prediction"}
	for _, i := range occur {
		m.Labels = append(m.Labels, clip(c.Classes[i]))
		row := make([]int64, len(occur))
		for at, j := range occur {
			row[at] = c.Cells[i*k+j]
		}
		m.Counts = append(m.Counts, row)
	}
	title := "Confusion matrix"
	if c.Positive >= 0 {
		title = fmt.Sprintf("Confusion matrix (positive: %s)", clip(c.Classes[c.Positive]))
	}
	return []report.Section{{Title: title, Matrix: m}}
}

// CurveSections draws the ROC, precision-recall and calibration curves of the
// candidate, with those of the baseline where there is one.
func CurveSections(candidate, baseline *metric.Sample) []report.Section {
	if candidate == nil || candidate.Task != metric.Binary || candidate.Score == nil || candidate.N == 0 || candidate.Positive < 0 {
		return nil
	}
	share := func(label string) report.Axis { return report.Axis{Label: label, Low: 0, High: 1} }
	roc := &report.Curves{X: share("False positive rate"), Y: share("True positive rate"), Diagonal: true}
	pr := &report.Curves{X: share("Recall"), Y: share("Precision")}
	calibration := &report.Curves{X: share("Mean score"), Y: share("Share of positives"), Diagonal: true}
	for _, of := range []struct {
		label string
		s     *metric.Sample
	}{{"candidate", candidate}, {"baseline", baseline}} {
		if of.s == nil || of.s.Score == nil {
			continue
		}
		add := func(c *report.Curves, x, y []float64, points bool) {
			if len(x) > 0 && len(x) == len(y) {
				c.Lines = append(c.Lines, report.Line{Label: of.label, X: x, Y: y, Points: points})
			}
		}
		x, y := metric.ROC(of.s)
		add(roc, x, y, false)
		x, y = metric.PrecisionRecall(of.s)
		add(pr, x, y, false)
		x, y = nil, nil
		for _, bin := range metric.Calibration(of.s, 10) {
			if bin.N > 0 {
				x, y = append(x, bin.Mean), append(y, bin.Rate)
			}
		}
		add(calibration, x, y, true)
	}
	var out []report.Section
	for _, c := range []struct {
		title  string
		curves *report.Curves
	}{{"ROC curve", roc}, {"Precision and recall", pr}, {"Calibration", calibration}} {
		if len(c.curves.Lines) > 0 {
			out = append(out, report.Section{Title: c.title, Curves: c.curves})
		}
	}
	return out
}

// GateSections shows what gates say: a table of all of them, one of each
// gate's slices, those that matter first, and the differences as intervals.
func GateSections(answers []*Answer) []report.Section {
	if len(answers) == 0 {
		return nil
	}
	var rows [][]string
	for _, a := range answers {
		rows = append(rows, row(&a.Comparison, a.Metric))
	}
	var whole []Comparison
	for _, a := range answers {
		whole = append(whole, a.Comparison)
	}
	out := []report.Section{report.TableSection("Gates", heads("Metric", whole), rows)}
	for _, a := range answers {
		out = append(out, sliceSection(a.Metric+" by slice", a.Slices)...)
		out = append(out, sliceSection(a.Metric+": worst slices found (exploratory, decides nothing)", a.Exploratory)...)
	}
	return append(out, intervalSections(answers)...)
}

// heads are the titles of a table of row's. The level of the intervals stands
// there when they share it.
func heads(first string, all []Comparison) []string {
	level, seen := "interval", 0.0
	for _, c := range all {
		switch {
		case c.Interval == nil:
		case seen == 0:
			seen, level = c.Interval.Confidence, percent(c.Interval.Confidence)+" interval"
		case c.Interval.Confidence != seen:
			return []string{first, ">Baseline", ">Candidate", ">Difference (interval)", ">Margin", "Verdict"}
		}
	}
	return []string{first, ">Baseline", ">Candidate", ">Difference (" + level + ")", ">Margin", "Verdict"}
}

func sliceSection(title string, all []Comparison) []report.Section {
	if len(all) == 0 {
		return nil
	}
	var rows [][]string
	for i := range all[:min(len(all), maxLines)] {
		rows = append(rows, row(&all[i], all[i].Slice))
	}
	s := report.TableSection(title, heads("Slice", all), rows)
	s.Table.Omitted = len(all) - len(rows)
	return []report.Section{s}
}

func row(c *Comparison, label string) []string {
	digits := 4
	if c.Interval != nil {
		digits = max(digits-1, spread(&inference{lower: c.Interval.Lower, upper: c.Interval.Upper}, 0))
	}
	value := func(v *float64) string {
		if v == nil {
			return "–"
		}
		return decimal(*v, digits)
	}
	difference, margin := "–", "–"
	switch {
	case c.Difference != nil && c.Interval != nil:
		difference = fmt.Sprintf("%s (%s to %s)", signed(*c.Difference, digits), signed(c.Interval.Lower, digits), signed(c.Interval.Upper, digits))
	case c.Difference != nil:
		difference = signed(*c.Difference, digits)
	case c.Interval != nil:
		difference = fmt.Sprintf("(%s to %s)", decimal(c.Interval.Lower, digits), decimal(c.Interval.Upper, digits))
	}
	if c.Margin != nil {
		if margin = showBound(*c.Margin); len(margin) > 8 { // of a relative one
			margin = decimal(*c.Margin, digits)
		}
	}
	return []string{label, value(c.Baseline), value(c.Candidate), difference, margin, string(c.Verdict)}
}

// intervalSections draw differences, those of shares and the like on one
// scale, and those of other metrics each on its own.
func intervalSections(answers []*Answer) []report.Section {
	shares := report.Section{Title: "Differences", Intervals: &report.Intervals{Unit: "candidate − baseline"}}
	var others []report.Section
	for _, a := range answers {
		var rows []report.Interval
		wide := false
		whole := a.Comparison
		whole.Verdict = a.own
		for _, c := range slices.Concat([]Comparison{whole}, a.Slices) {
			if c.Difference == nil || c.Interval == nil || len(rows) > maxLines {
				continue
			}
			label := c.Metric
			if c.Slice != "" {
				label += ", " + c.Slice
			}
			wide = wide || math.Max(-c.Interval.Lower, c.Interval.Upper) > 1
			rows = append(rows, report.Interval{Label: label, Value: *c.Difference, Lower: c.Interval.Lower, Upper: c.Interval.Upper, Limit: c.Limit, Verdict: c.Verdict})
		}
		switch {
		case len(rows) == 0:
		case wide:
			others = append(others, report.Section{Title: "Difference of " + a.Metric, Intervals: &report.Intervals{Unit: shares.Intervals.Unit, Rows: rows}})
		default:
			shares.Intervals.Rows = append(shares.Intervals.Rows, rows...)
		}
	}
	if len(shares.Intervals.Rows) > 0 {
		others = slices.Insert(others, 0, shares)
	}
	return others
}
