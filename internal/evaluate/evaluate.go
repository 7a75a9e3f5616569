// Package evaluate says how good a model is, how sure one can be of it, and
// whether it is better or worse than another: from files of predictions.
//
//	set, err := predictions.Read(ctx, spec)
//	answer := evaluate.Judge(set, evaluate.Gate{Metric: "accuracy", Min: &bound})
//
//	pair := predictions.Join(candidate, baseline)
//	answer := evaluate.JudgePair(pair, evaluate.Gate{Metric: "accuracy", Against: "#production", Margin: &margin})
//	answer.Verdict // PASS, FAIL or INCONCLUSIVE, and answer.Reason says why
//
// Whatever leaves a metric without a value, or a value without an interval, is
// INCONCLUSIVE with the reason: no gate passes on a number that was made up,
// and no result holds a NaN.
//
// # Intervals
//
// A gate's confidence is that of each bound: 0.95 by default. An interval has
// both bounds and so a two-sided level of 0.90. Its method follows from what
// the metric is; see infer for one model and inferDifference for two. Rows
// that depend on each other (Sample.Cluster) are resampled by cluster whatever
// the metric.
//
// Two models that answer every row alike are not taken for certain: their
// bounds are what so many equal rows leave room for.
//
// # Slices
//
// Every slice must hold, each at the gate's own confidence: an
// intersection-union test (Berger 1982) needs no adjustment, and its price is
// power, so that small slices are rather INCONCLUSIVE. A slice fails only where
// it does after Holm's adjustment for all slices judged.
//
// # Numbers of rows
//
// RequiredN is a plan with a power of 0.8, in what N counts: how many rows tell
// two equally good models from ones that differ by the margin, at the spread
// seen. Where there are that many already, the difference seen is taken for
// the true one.
//
// # Resampling
//
// Bootstraps are seeded, and say how many resamples they drew. Metrics of the
// confusion matrix are resampled as a table of counts, 10,000 times; all others
// row by row, 2,000 times, or fewer past 200,000 rows so that one gate costs
// seconds and not hours.
package evaluate

import (
	"context"
	"errors"

	"strings"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/table"
)

// Spec says where one model's predictions stand and which columns hold what;
// see predictions.Spec, which can say more.
type Spec struct {
	File       table.File
	Key        string
	Label      string
	Prediction string
	Score      string
	Positive   any
}

// ColumnError says that a file lacks a column that Spec names.
type ColumnError = predictions.ColumnError

// Result is what one model's predictions say.
type Result struct {
	Set  *predictions.Set
	N    int64
	Task metric.Task
	// Metrics has those that a lock notes, by name.
	Metrics map[string]Metric
	// Confusion is set for models that answer one of several classes.
	Confusion *metric.Confusion
	// Problems say why no metric is defined, one sentence each; none when the
	// rows could be counted.
	Problems []string
}

// Metric is one number.
type Metric struct {
	Value   float64
	Defined bool
	Reason  string // why it is undefined
}

// Compute reads a file of predictions and computes metrics.
//
// It returns a *ColumnError when a column is missing, a *table.DataError when
// the contents cannot be read, and what the system or ctx gave otherwise.
// Whatever makes metrics undefined is no error: see Result.Problems and
// Metric.Reason.
func Compute(ctx context.Context, s Spec) (*Result, error) {
	set, err := predictions.Read(ctx, predictions.Spec{
		Files: []table.File{s.File}, Key: s.Key, Label: s.Label, Prediction: s.Prediction, Score: s.Score, Positive: s.Positive,
	})
	if err != nil {
		return nil, err
	}
	return Of(set), nil
}

// Of computes the metrics of predictions.
func Of(set *predictions.Set) *Result {
	r := &Result{Set: set, N: set.N, Metrics: map[string]Metric{}, Problems: set.Problems}
	if len(set.Problems) > 0 {
		for _, name := range classNames() {
			r.Metrics[name] = Metric{Reason: strings.Join(set.Problems, "; ")}
		}
		return r
	}
	s := set.Sample
	r.Task = s.Task
	if s.Label != nil && s.Prediction != nil {
		r.Confusion = metric.Count(s)
	}
	for _, m := range noted(s.Task) {
		v, err := r.value(m)
		if err != nil {
			r.Metrics[m.Name] = Metric{Reason: reasonOf(err)}
			continue
		}
		r.Metrics[m.Name] = Metric{Value: v, Defined: true}
	}
	return r
}

// value computes a metric, from the confusion matrix where that decides it.
func (r *Result) value(m *metric.Metric) (float64, error) {
	if m.Count == nil || r.Confusion == nil || r.N == 0 {
		return m.Value(r.Set.Sample)
	}
	return m.Count(r.Confusion)
}

func reasonOf(err error) string {
	if u := (*metric.Undefined)(nil); errors.As(err, &u) {
		return u.Reason
	}
	return err.Error()
}

// classNames are the metrics of one of several classes that locks note. They
// stay the same from release to release: a lock changes when the model does.
func classNames() []string {
	names := []string{"accuracy"}
	for _, name := range []string{"precision", "recall", "f1"} {
		for _, suffix := range []string{"", ".macro", ".micro", ".weighted"} {
			names = append(names, name+suffix)
		}
	}
	return names
}

// noted are the metrics that a lock notes.
func noted(task metric.Task) []*metric.Metric {
	if task != metric.Binary && task != metric.Multiclass {
		return metric.ForTask(task)
	}
	var out []*metric.Metric
	for _, name := range classNames() {
		if m, err := metric.Find(name, task); err == nil {
			out = append(out, m)
		}
	}
	return out
}
