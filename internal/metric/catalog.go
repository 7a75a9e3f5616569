package metric

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/ref"
)

// catalog has every metric without a parameter. Names are unique within a
// task. To add a metric, add it to the list of its kind.
var catalog = slices.Concat(overallMetrics, binaryMetrics, classMetrics, scoreMetrics, multilabelMetrics,
	regressionMetrics, rankingMetrics, textMetrics)

// families has every metric with a parameter.
var families = slices.Concat(classFamilies, scoreFamilies, regressionFamilies, rankingFamilies)

// family is a metric for each value of a parameter that its name holds, such as
// "lift@0.1": prefix, the parameter, suffix.
type family struct {
	prefix, parameter, suffix string // parameter is what Names lists it as: "<share>"
	tasks                     []Task
	low, high                 float64 // bounds of the parameter, both possible
	whole                     bool    // the parameter is a whole number
	make                      func(parameter float64) Metric
}

func (f *family) name() string { return f.prefix + f.parameter + f.suffix }

// shown is what a report shows of each task when nothing is asked for, in
// reading order.
var shown = map[Task][]string{
	Binary: {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "specificity", "mcc",
		"roc_auc", "average_precision", "log_loss", "brier", "ece"},
	Multiclass: {"accuracy", "balanced_accuracy", "precision.macro", "recall.macro", "f1.macro", "f1.weighted", "mcc",
		"roc_auc.ovr.macro", "log_loss", "brier", "ece"},
	Multilabel: {"subset_accuracy", "hamming_loss", "precision.micro", "recall.micro", "f1.micro", "f1.macro"},
	Regression: {"mae", "rmse", "r2", "median_absolute_error", "bias", "spearman"},
	Ranking:    {"ndcg@10", "map", "mrr", "recall@10"},
	Text:       {"exact_match", "token_f1"},
}

// ForTask returns the metrics of a task that are computed and shown when none
// is asked for, in the order in which people read them.
func ForTask(task Task) []*Metric {
	var out []*Metric
	for _, name := range shown[task] {
		if m, err := Find(name, task); err == nil {
			out = append(out, m)
		}
	}
	return out
}

// Names returns the names of all metrics of a task; one with a parameter is
// listed as "f<beta>".
func Names(task Task) []string {
	var names []string
	for i := range catalog {
		if slices.Contains(catalog[i].Tasks, task) {
			names = append(names, catalog[i].Name)
		}
	}
	for i := range families {
		if slices.Contains(families[i].tasks, task) {
			names = append(names, families[i].name())
		}
	}
	return names
}

// Find returns the metric of a task by its name. A parameter is written the
// shortest way in the Name of what it returns: "lift@0.10" finds "lift@0.1".
func Find(name string, task Task) (*Metric, error) {
	var elsewhere []string
	for i := range catalog {
		if m := &catalog[i]; m.Name == name {
			if slices.Contains(m.Tasks, task) {
				return m, nil
			}
			elsewhere = appendTasks(elsewhere, m.Tasks)
		}
	}
	for i := range families {
		f := &families[i]
		text, ok := f.cut(name)
		if !ok {
			continue
		}
		if !slices.Contains(f.tasks, task) {
			elsewhere = appendTasks(elsewhere, f.tasks)
			continue
		}
		parameter, err := f.parse(text)
		if err != nil {
			return nil, fmt.Errorf("metric %s: %w", quote(name), err)
		}
		if short := f.prefix + strconv.FormatFloat(parameter, 'f', -1, 64) + f.suffix; short != name {
			return Find(short, task)
		}
		m := f.make(parameter)
		m.Name, m.Tasks = name, f.tasks
		return &m, nil
	}
	return nil, unknown(name, task, elsewhere)
}

func appendTasks(names []string, tasks []Task) []string {
	for _, t := range tasks {
		if !slices.Contains(names, string(t)) {
			names = append(names, string(t))
		}
	}
	return names
}

// unknown is the error of a metric that a task does not have.
func unknown(name string, task Task, elsewhere []string) error {
	names := Names(task)
	switch near := ref.Nearest(name, names); {
	case len(names) == 0:
		return fmt.Errorf("metric %s: there is no task %s; there are %s, %s, %s, %s, %s and %s", quote(name), quote(string(task)),
			Binary, Multiclass, Multilabel, Regression, Ranking, Text)
	case len(elsewhere) > 0:
		return fmt.Errorf("metric %s is for the task %s, and this is %s, which has %s", quote(name), strings.Join(elsewhere, " or "), task, strings.Join(names, ", "))
	case near != "":
		return fmt.Errorf("no metric %s for the task %s; did you mean %s? There are %s", quote(name), task, near, strings.Join(names, ", "))
	}
	return fmt.Errorf("no metric %s for the task %s; there are %s", quote(name), task, strings.Join(names, ", "))
}

// cut returns the text of the parameter in name, when it is one of f: digits
// and dots.
func (f *family) cut(name string) (text string, ok bool) {
	text, ok = strings.CutPrefix(name, f.prefix)
	if !ok {
		return "", false
	}
	text, ok = strings.CutSuffix(text, f.suffix)
	return text, ok && text != "" && strings.Trim(text, "0123456789.") == ""
}

func (f *family) parse(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case len(text) > 20 || err != nil:
		return 0, fmt.Errorf("%s in %s is not a number", quote(text), f.name())
	case f.whole && v != math.Trunc(v):
		return 0, fmt.Errorf("%s in %s must be a whole number", f.parameter, f.name())
	case v < f.low || v > f.high:
		return 0, fmt.Errorf("%s in %s must be from %v to %v", f.parameter, f.name(), f.low, f.high)
	}
	return v, nil
}
