package predictions

import (
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/report"
)

// manyClasses is from how many integers on as classes one may doubt that they
// are classes.
const manyClasses = 100

// task returns what the model answers, by declaration or by what the columns
// hold, or why that cannot be told.
func (r *reading) task() (task metric.Task, problem string) {
	l, p := r.label, r.prediction
	switch {
	case r.spec.Task != "":
		return r.spec.Task, ""
	case l.form == listed && (p == nil || p.form == listed):
		return metric.Multilabel, ""
	case l.form == listed || p != nil && p.form == listed:
		return "", "one of label and prediction is a list of classes, the other a single value"
	case len(r.scores) > 0 && l.form == coded && (p == nil || p.form == coded):
		return metric.Multiclass, ""
	case p == nil:
		return r.taskOfScores()
	case l.form == textual && p.form == numeric || l.form == numeric && p.form == textual:
		return "", "labels and predictions are written differently: one column has texts, the other numbers"
	case l.form == textual || p.form == textual:
		return metric.Text, ""
	}
	if isNumeric(l) && isNumeric(p) {
		if l.form == numeric || p.form == numeric || !l.allIntegers() || !p.allIntegers() {
			r.doubtEstimates()
			return metric.Regression, ""
		}
	} else if l.form == numeric || p.form == numeric {
		return "", "labels and predictions are written differently: one column has names, the other numbers"
	}
	classes := union(l.names, p.names)
	switch {
	case len(classes) > MaxClasses && isNumeric(l) && isNumeric(p):
		return metric.Regression, ""
	case len(classes) > MaxClasses:
		return metric.Text, ""
	case len(classes) <= 2 || onlyBooleans(l.names, p.names):
		return metric.Binary, ""
	}
	if len(classes) > manyClasses && l.allIntegers() {
		r.note("labels and predictions are taken as %s classes; if they are numbers to be estimated, set task: regression", report.Thousands(len(classes)))
	}
	return metric.Multiclass, ""
}

// taskOfScores is task where there are only scores.
func (r *reading) taskOfScores() (metric.Task, string) {
	switch l := r.label; {
	case l.form != coded:
		return "", "no column of predictions is named; set prediction:"
	case len(l.names) > 2:
		return "", fmt.Sprintf("there are %s classes and scores of one; name the column of each class's score under scores:, or set prediction:", report.Thousands(len(l.names)))
	}
	return metric.Binary, ""
}

func isNumeric(c *column) bool {
	return c.form == numeric || c.form == coded && len(c.names) > 0 && c.allNumbers()
}

// onlyBooleans tells whether a and b are 1 and 0, written in two ways.
func onlyBooleans(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	matchBooleans(a, b)
	return len(union(a, b)) <= 2
}

// union returns the names of both in their order.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.SortFunc(all, compareLabels)
	return slices.Compact(all)
}

// doubtEstimates notes what looks like the scores of a classifier.
func (r *reading) doubtEstimates() {
	l, p := r.label, r.prediction
	if l.form != coded || slices.ContainsFunc(l.names, func(n string) bool { return n != "0" && n != "1" }) {
		return
	}
	outside := func(f float64) bool { return f < 0 || f > 1 }
	if p.form == numeric && slices.ContainsFunc(p.numbers, outside) {
		return
	}
	for _, n := range p.names {
		if f, _ := number(n); p.form == coded && outside(f) {
			return
		}
	}
	r.note("labels are only 0 and 1, and predictions numbers between them: taken as estimates; if they are scores, name their column under score: instead of prediction:")
}
