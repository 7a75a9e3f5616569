package evaluate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/stats"
)

// metric is one number that can be gated on. define is asked only of results
// that could be counted and have rows.
type metric struct {
	name   string
	define func(r *Result, positive *Class) Metric
}

// metrics is in the order in which people read them. A metric is one line
// here.
var metrics = slices.Concat(
	[]metric{{"accuracy", accuracy}},
	averages("precision", precision),
	averages("recall", recall),
	averages("f1", f1),
)

// Names returns the names of all metrics.
func Names() []string {
	names := make([]string, len(metrics))
	for i, m := range metrics {
		names[i] = m.name
	}
	return names
}

// measure fills in Metrics and Positive. positive is Spec.Positive.
func (r *Result) measure(positive any) {
	r.Metrics = make(map[string]Metric, len(metrics))
	name, class, why := r.choosePositive(positive)
	r.Positive = name
	for _, m := range metrics {
		switch {
		case len(r.Problems) > 0:
			r.Metrics[m.name] = undefined("%s", strings.Join(r.Problems, "; "))
		case why != "" && isBinary(m.name):
			r.Metrics[m.name] = undefined("%s", why)
		default:
			r.Metrics[m.name] = m.define(r, class)
		}
	}
}

func undefined(reason string, args ...any) Metric {
	return Metric{Reason: fmt.Sprintf(reason, args...)}
}

// ratio is a proportion that an interval can be given for.
func ratio(hits, of int64) Metric {
	return Metric{Value: float64(hits) / float64(of), Defined: true, Hits: hits, Of: of}
}

// Interval returns the Wilson interval of a proportion, and whether m is a
// defined one. It takes the rows for independent.
func (m Metric) Interval(confidence float64) (lower, upper float64, ok bool) {
	if !m.Defined || m.Of == 0 {
		return 0, 0, false
	}
	lower, upper = stats.Wilson(m.Hits, m.Of, confidence)
	return lower, upper, true
}

// isBinary tells whether a metric is about the positive label.
func isBinary(name string) bool { return name == "precision" || name == "recall" || name == "f1" }

// defaultPositives maps what the positive label is called to what the other
// one then is: with only negatives in the file it is still clear which label
// would be positive.
var defaultPositives = []struct{ positive, negative string }{{"1", "0"}, {"1", "-1"}, {"true", "false"}, {"positive", "negative"}}

// choosePositive finds the label that binary metrics are about, or says why
// there is none.
func (r *Result) choosePositive(declared any) (name string, class *Class, why string) {
	find := func(name string) *Class {
		i := slices.IndexFunc(r.Classes, func(c Class) bool { return c.Name == name })
		if i < 0 {
			return &Class{Name: name}
		}
		return &r.Classes[i]
	}
	if declared != nil {
		name = positiveLabel(declared)
		class = find(name)
		if *class == (Class{Name: name}) && (name == "true" || name == "false") {
			// positive: true, where the columns have 1 and 0.
			if other := find(map[string]string{"true": "1", "false": "0"}[name]); *other != (Class{Name: other.Name}) {
				name, class = other.Name, other
			}
		}
		if *class == (Class{Name: name}) {
			return name, class, fmt.Sprintf("no row has %s, which positive: names, as label or prediction; there are %s", quote(name), r.classNames())
		}
		return name, class, ""
	}
	if len(r.Classes) > 2 {
		return "", nil, fmt.Sprintf("there are %s labels; average over them with .macro, .micro or .weighted, or set positive: to one of them", report.Thousands(int64(len(r.Classes))))
	}
	for _, d := range defaultPositives {
		outside := func(c Class) bool { return c.Name != d.positive && c.Name != d.negative }
		if slices.ContainsFunc(r.Classes, func(c Class) bool { return c.Name == d.positive }) || !slices.ContainsFunc(r.Classes, outside) {
			return d.positive, find(d.positive), ""
		}
	}
	return "", nil, fmt.Sprintf("which label is positive is not clear; set positive: to one of %s", r.classNames())
}

// classNames lists a few labels for a message.
func (r *Result) classNames() string {
	var names []string
	for i, c := range r.Classes {
		if i == 5 {
			names = append(names, fmt.Sprintf("%d more", len(r.Classes)-i))
			break
		}
		names = append(names, quote(c.Name))
	}
	return strings.Join(names, ", ")
}

func quote(name string) string { return strconv.Quote(clip(name)) }

func accuracy(r *Result, _ *Class) Metric { return ratio(r.correct(), r.N) }

func (r *Result) correct() (n int64) {
	for _, c := range r.Classes {
		n += c.Correct
	}
	return n
}

// precision, recall and f1 of one label, against all others.
// scikit-learn 1.9, sklearn.metrics.precision_recall_fscore_support.

func precision(c Class) Metric {
	if c.Predicted == 0 {
		return undefined("%s was never predicted, so its precision is 0/0", quote(c.Name))
	}
	return ratio(c.Correct, c.Predicted)
}

func recall(c Class) Metric {
	if c.Labelled == 0 {
		return undefined("no row has the label %s, so its recall is 0/0", quote(c.Name))
	}
	return ratio(c.Correct, c.Labelled)
}

// f1 is 2·TP / (2·TP + FP + FN). It is no proportion of rows.
func f1(c Class) Metric {
	if c.Labelled+c.Predicted == 0 {
		return undefined("no row has %s as label or prediction, so its f1 is 0/0", quote(c.Name))
	}
	return Metric{Value: float64(2*c.Correct) / float64(c.Labelled+c.Predicted), Defined: true}
}

// averages makes the four metrics of one that is defined for a label.
func averages(name string, of func(Class) Metric) []metric {
	return []metric{
		{name, func(_ *Result, positive *Class) Metric { return of(*positive) }},
		{name + ".macro", func(r *Result, _ *Class) Metric {
			return r.average(of, func(Class) int64 { return 1 })
		}},
		// Over all labels every wrong row is one false positive and one false
		// negative: all three are the accuracy.
		{name + ".micro", accuracy},
		{name + ".weighted", func(r *Result, _ *Class) Metric {
			return r.average(of, func(c Class) int64 { return c.Labelled })
		}},
	}
}

// average is the weighted mean over all labels. A label that counts and has
// no value leaves the mean without one.
func (r *Result) average(of func(Class) Metric, weight func(Class) int64) Metric {
	var sum sum
	var total int64
	var without []Metric
	for _, c := range r.Classes {
		w := weight(c)
		if w == 0 {
			continue
		}
		m := of(c)
		if !m.Defined {
			without = append(without, m)
			continue
		}
		sum.add(float64(float64(w) * m.Value))
		total += w
	}
	switch {
	case len(without) == 1:
		return undefined("%s", without[0].Reason)
	case len(without) > 1:
		return undefined("%s; so it is with %s more", without[0].Reason, plural(int64(len(without)-1), "label"))
	}
	return Metric{Value: sum.value() / float64(total), Defined: true}
}

// sum adds with Neumaier's compensation: a mean of equal values is that value
// and not the next one below a gate's bound.
type sum struct{ s, lost float64 }

func (s *sum) add(x float64) {
	t := s.s + x
	if abs(s.s) >= abs(x) {
		s.lost += (s.s - t) + x
	} else {
		s.lost += (x - t) + s.s
	}
	s.s = t
}

func (s *sum) value() float64 { return s.s + s.lost }

func abs(x float64) float64 { return max(x, -x) }
