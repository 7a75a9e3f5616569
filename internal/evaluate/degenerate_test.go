package evaluate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
)

// times makes n values of one.
func times[T any](n int, v T) []T { return slices.Repeat([]T{v}, n) }

// alternating makes n values of two.
func alternating[T any](n int, a, b T) []T { return slices.Repeat([]T{a, b}, n/2) }

func with(s *metric.Sample, prediction []int32, score []float64) *predictions.Pair {
	b := *s
	b.Prediction, b.Score = prediction, score
	return &predictions.Pair{Candidate: s, Baseline: &b}
}

// Degenerate rows have a verdict and a reason, never a NaN, and pass only what
// they show. PASS stands where models answer alike.
func TestDegenerate(t *testing.T) {
	half := alternating[int32](200, 0, 1)
	rising := make([]float64, 200)
	for i := range rising {
		rising[i] = float64(i%2)/2 + float64(i)/1000
	}
	flat := times(200, 0.5)
	regression := func(truth, x, y []float64) *predictions.Pair {
		of := func(e []float64) *metric.Sample {
			return &metric.Sample{Task: metric.Regression, N: len(truth), Truth: truth, Estimate: e}
		}
		return &predictions.Pair{Candidate: of(x), Baseline: of(y)}
	}
	noPositive := binary(times[int32](200, 0), times[int32](200, 0), rising)
	noScore := binary(half, half, nil)
	noPrediction := binary(half, nil, rising)
	one := binary([]int32{1}, []int32{1}, []float64{0.5})
	for _, c := range []struct {
		name, metric string
		p            *predictions.Pair
		verdict      report.Verdict
		says         string
	}{
		{"no positives", "recall", with(noPositive, noPositive.Prediction, rising), report.Inconclusive, "recall of the candidate is undefined"},
		{"no positives", "roc_auc", with(noPositive, noPositive.Prediction, rising), report.Inconclusive, "roc_auc of the candidate is undefined"},
		{"no positives", "f1", with(noPositive, noPositive.Prediction, rising), report.Inconclusive, "f1 of the candidate is undefined"},
		{"no positives", "average_precision", with(noPositive, noPositive.Prediction, rising), report.Inconclusive, "is undefined"},
		{"nothing predicted positive by one", "precision", with(binary(half, half, rising), times[int32](200, 0), rising), report.Inconclusive, "precision of the baseline is undefined"},
		{"constant scores", "roc_auc", with(binary(half, half, flat), half, flat), report.Pass, "did not change (0.5"},
		{"constant scores against good ones", "roc_auc", with(binary(half, half, flat), half, rising), report.Fail, "roc_auc fell"},
		{"perfect scores", "roc_auc", with(binary(half, half, rising), half, slices.Clone(rising)), report.Pass, "did not change (1.0"},
		{"no scores", "roc_auc", with(noScore, half, nil), report.Inconclusive, "set score:"},
		{"no predictions", "accuracy", with(noPrediction, nil, rising), report.Inconclusive, "set prediction:"},
		{"one row", "accuracy", with(one, one.Prediction, one.Score), report.Inconclusive, "reaches below"},
		{"one row", "roc_auc", with(one, one.Prediction, one.Score), report.Inconclusive, "undefined"},
		{"one row", "log_loss", with(one, one.Prediction, one.Score), report.Inconclusive, ""},
		{"one row", "brier", with(one, one.Prediction, []float64{0.75}), report.Inconclusive, ""},
		{"one number", "mae", regression([]float64{1}, []float64{2}, []float64{3}), report.Inconclusive, ""},
		{"two numbers", "rmse", regression([]float64{1, 2}, []float64{2, 3}, []float64{3, 5}), report.Inconclusive, "how sure that is cannot be said"},
		{"the same gain everywhere", "mae", regression(rising, times(200, 9.0), times(200, 9.5)), report.Inconclusive, "the difference is the same in every row"},
		{"no interval", "max_error", regression(rising, flat, times(200, 0.9)), report.Inconclusive, "the greatest error of other rows cannot be told"},
		{"constant truth", "r2", regression(flat, rising, rising), report.Inconclusive, "r2 of the candidate is undefined"},
		{"all right, both", "f1", with(binary(half, half, rising), slices.Clone(half), rising), report.Pass, "did not change (1.0"},
		{"all right, both", "mcc", with(binary(half, half, rising), slices.Clone(half), rising), report.Pass, "did not change (1.0"},
		{"all right, both", "precision", with(binary(half, half, rising), slices.Clone(half), rising), report.Pass, "did not change (1.0"},
		{"all wrong, both", "accuracy", with(binary(half, alternating[int32](200, 1, 0), rising), alternating[int32](200, 1, 0), rising), report.Pass, "did not change (0.0"},
		{"same scores", "average_precision", with(binary(half, half, rising), half, slices.Clone(rising)), report.Pass, "did not change"},
		{"same scores", "log_loss", with(binary(half, half, rising), half, slices.Clone(rising)), report.Pass, "did not change"},
		{"same estimates", "mae", regression(rising, flat, slices.Clone(flat)), report.Pass, "did not change"},
		{"same estimates", "rmse", regression(rising, flat, slices.Clone(flat)), report.Pass, "did not change"},
		{"same estimates", "r2", regression(rising, flat, slices.Clone(flat)), report.Inconclusive, "every resample gives the same value"},
		{"perfect estimates", "mae", regression(rising, slices.Clone(rising), slices.Clone(rising)), report.Inconclusive, "the same value in every row"},
		{"not a direction", "selection_rate", with(binary(half, half, rising), half, rising), report.Inconclusive, "use min: and max:"},
		{"another task's metric", "mae", with(binary(half, half, rising), half, rising), report.Inconclusive, "metric \"mae\" is for the task regression"},
		{"no such metric", "acc", with(binary(half, half, rising), half, rising), report.Inconclusive, "no metric"},
		{"problems", "accuracy", &predictions.Pair{Problems: []string{"12 rows have no prediction"}}, report.Inconclusive, "12 rows have no prediction"},
		{"unseen labels", "recall.macro", unseen(), report.Inconclusive, "recall.macro of the candidate is undefined"},
	} {
		t.Run(c.name+" "+c.metric, func(t *testing.T) {
			g := evaluate.Gate{Metric: c.metric, Against: "old", Margin: to(0.1), Resampling: evaluate.Resampling{Resamples: 500}}
			a := evaluate.JudgePair(c.p, g)
			if a.Verdict != c.verdict || !strings.Contains(a.Reason, c.says) {
				t.Errorf("got %s: %s\nwant %s: %s", a.Verdict, a.Reason, c.verdict, c.says)
			}
			if a.Verdict == report.Pass && (a.Interval == nil || a.Interval.Lower >= a.Interval.Upper) {
				t.Errorf("passed on an interval of no width: %+v", a.Interval)
			}
			finite(t, a)
			if c.p.Candidate == nil {
				return
			}
			g.Against, g.Min, g.Decide = "", to(-1e6), true
			single := evaluate.Judge(&predictions.Set{Sample: c.p.Candidate}, g)
			if single.Reason == "" || single.Verdict == report.Pass && single.Interval == nil {
				t.Errorf("alone: %+v", single)
			}
			finite(t, single)
			finite(t, evaluate.MeasureAll(c.p.Candidate, 0))
		})
	}
}

// Models that answer alike have bounds of another kind, which say so.
func TestAlike(t *testing.T) {
	half := alternating[int32](200, 0, 1)
	rising := make([]float64, 200)
	for i := range rising {
		rising[i] = float64(i) / 200
	}
	p := with(binary(half, half, rising), half, rising)
	for name, method := range map[string]string{
		"accuracy": "Newcombe and Tango paired", "roc_auc": "Clopper-Pearson of pairs", "f1": "rule of three", "brier": "rule of three", "average_precision": "rule of three",
	} {
		a := evaluate.JudgePair(p, evaluate.Gate{Metric: name, Against: "old", Margin: to(0.1), Resampling: evaluate.Resampling{Resamples: 300}})
		if a.Verdict != report.Pass || a.Method != method || *a.Difference != 0 {
			t.Errorf("%s: %s %s: %s", name, a.Verdict, a.Method, a.Reason)
		}
		a = evaluate.JudgePair(p, evaluate.Gate{Metric: name, Against: "old", Margin: to(0.001), Resampling: evaluate.Resampling{Resamples: 300}})
		if a.Verdict != report.Inconclusive {
			t.Errorf("%s within what 200 rows cannot show: %s: %s", name, a.Verdict, a.Reason)
		}
	}
}

// unseen makes models that answer a class which no row has.
func unseen() *predictions.Pair {
	label := alternating[int32](100, 0, 1)
	of := func() *metric.Sample {
		return &metric.Sample{Task: metric.Multiclass, N: 100, Classes: []string{"a", "b", "c"}, Positive: metric.Missing, Label: label, Prediction: alternating[int32](100, 0, 2)}
	}
	return &predictions.Pair{Candidate: of(), Baseline: of()}
}

// Rows that depend on each other are resampled by cluster, whatever the metric.
func TestClusters(t *testing.T) {
	p := scored(random(5), 400, 1, 1.5)
	cluster := make([]int32, 400)
	for i := range cluster {
		cluster[i] = int32(i / 8)
	}
	p.Candidate.Cluster, p.Baseline.Cluster = cluster, cluster
	for _, name := range []string{"accuracy", "f1", "roc_auc", "log_loss", "average_precision"} {
		a := evaluate.JudgePair(p, evaluate.Gate{Metric: name, Against: "old", Margin: to(0.5), Resampling: evaluate.Resampling{Resamples: 300}})
		if a.Verdict != report.Pass || !strings.Contains(a.Method, "cluster") || a.Seed != 1 || a.Resamples != 300 {
			t.Errorf("%s: %s %s; %s", name, a.Verdict, a.Method, a.Reason)
		}
	}
	for i := range cluster {
		cluster[i] = 0
	}
	if a := evaluate.JudgePair(p, evaluate.Gate{Metric: "accuracy", Against: "old", Margin: to(0.5)}); a.Verdict != report.Inconclusive {
		t.Errorf("one cluster: %s %s", a.Verdict, a.Reason)
	}
}
