package metric_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/metric"
)

func Example() {
	m, err := metric.Find("roc_auc", metric.Binary)
	if err != nil {
		fmt.Println(err)
		return
	}
	s := &metric.Sample{
		Task: metric.Binary, N: 4, Classes: []string{"ham", "spam"}, Positive: 1,
		Label: []int32{0, 0, 1, 1}, Score: []float64{0.1, 0.4, 0.35, 0.8},
	}
	fmt.Println(m.Value(s))
	s.Label = []int32{0, 0, 0, 0}
	fmt.Println(m.Value(s))
	// Output:
	// 0.75 <nil>
	// 0 no row has the label "spam", so there is no pair to order
}

var tasks = []metric.Task{metric.Binary, metric.Multiclass, metric.Multilabel, metric.Regression, metric.Ranking, metric.Text}

// TestCatalog holds every metric to what Metric documents.
func TestCatalog(t *testing.T) {
	parameters := strings.NewReplacer("<beta>", "2", "<share>", "0.1", "<k>", "3", "<bins>", "15", "<q>", "0.9", "<quantile>", "0.9")
	for _, task := range tasks {
		names := metric.Names(task)
		if sorted := slices.Sorted(slices.Values(names)); len(slices.Compact(sorted)) != len(names) || len(names) == 0 {
			t.Errorf("%s: a name is there twice, or none: %q", task, names)
		}
		for _, name := range names {
			name = parameters.Replace(name)
			m := find(t, name, task)
			if m.Name != name || m.Title == "" || !slices.Contains(m.Tasks, task) || m.Low >= m.High || math.IsNaN(m.Low+m.High) && !math.IsInf(m.Low, -1) {
				t.Errorf("%s %s: %+v", task, name, m)
			}
			if m.Count == nil && m.Loss == nil && m.Area == nil && m.Whole == nil {
				t.Errorf("%s %s has no way to be computed", task, name)
			}
			for _, s := range []*metric.Sample{{Task: task}, {Task: task, N: 3}, {Task: "other", N: 3}} {
				if v := value(t, m, s); v != nil {
					t.Errorf("%s %s of nothing: %v", task, name, *v)
				}
			}
		}
	}
}

func TestForTask(t *testing.T) {
	for _, task := range tasks {
		if n := len(metric.ForTask(task)); n != metric.Shown(task) || n == 0 {
			t.Errorf("%s: %d metrics of the %d shown are found", task, n, metric.Shown(task))
		}
	}
	if metric.ForTask("other") != nil {
		t.Error("metrics of no task")
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct{ name, found string }{
		{"accuracy", "accuracy"}, {"f1", "f1"}, {"f1.0", "f1"}, {"f1.00.macro", "f1.macro"}, {"f2", "f2"}, {"f0.50", "f0.5"},
		{"f0.5.macro", "f0.5.macro"}, {"lift@0.10", "lift@0.1"}, {"lift@.1", "lift@0.1"}, {"ece@015", "ece@15"},
	} {
		m, err := metric.Find(c.name, metric.Binary)
		if err != nil || m.Name != c.found {
			t.Errorf("%s: %+v, %v", c.name, m, err)
		}
	}
	for _, c := range []struct {
		name string
		task metric.Task
		want string
	}{
		{"acuracy", metric.Binary, `no metric "acuracy" for the task binary; did you mean accuracy? There are accuracy, balanced_accuracy, `},
		{"f1.marco", metric.Multiclass, "did you mean f1.macro?"},
		{"nonsense", metric.Text, `no metric "nonsense" for the task text; there are exact_match, `},
		{"rmse", metric.Binary, `metric "rmse" is for the task regression, and this is binary, which has `},
		{"hamming_loss", metric.Multiclass, "is for the task multilabel, and this is multiclass"},
		{"top_3_accuracy", metric.Binary, "is for the task multiclass, and this is binary"},
		{"top_2.5_accuracy", metric.Multiclass, `metric "top_2.5_accuracy": <k> in top_<k>_accuracy must be a whole number`},
		{"top_0_accuracy", metric.Multiclass, "<k> in top_<k>_accuracy must be from 1 to 10000"},
		{"lift@0", metric.Binary, "<share> in lift@<share> must be from 0.0001 to 1"},
		{"lift@1.5", metric.Binary, "must be from 0.0001 to 1"},
		{"ece@1001", metric.Binary, "must be from 1 to 1000"},
		{"f1.2.3", metric.Binary, `"1.2.3" in f<beta> is not a number`},
		{"f" + strings.Repeat("9", 400), metric.Binary, "is not a number"},
		{"f-1", metric.Binary, "no metric"}, {"fNaN", metric.Binary, "no metric"}, {"f1e3", metric.Binary, "no metric"}, {"", metric.Binary, "no metric"},
		{"accuracy", "guess", `metric "accuracy": there is no task "guess"; there are binary, multiclass, `},
	} {
		m, err := metric.Find(c.name, c.task)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.20s: %+v, %v, want %s", c.name, m, err, c.want)
		}
		if err != nil && len(err.Error()) > 1500 {
			t.Errorf("%.20s: an error of %d bytes", c.name, len(err.Error()))
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, seed := range []string{"f1", "f0.5.macro", "lift@0.1", "top_3_accuracy", "ece@15", "ndcg@5", "quantile_loss@0.9", "f1.", "lift@@", "f0.00000000000000000000001"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, task := range tasks {
			m, err := metric.Find(name, task)
			if err != nil {
				continue
			}
			again, err := metric.Find(m.Name, task)
			if err != nil || again.Name != m.Name || !slices.Contains(m.Tasks, task) {
				t.Errorf("%s %q is %q, then %+v, %v", task, name, m.Name, again, err)
			}
		}
	})
}

// TestReasons: what has no value says why, in a sentence that follows "NAME is
// undefined: ".
func TestReasons(t *testing.T) {
	binary := metric.Sample{Task: metric.Binary, N: 3, Classes: []string{"no", "yes"}, Positive: 1}
	with := func(label, prediction []int32, score ...float64) metric.Sample {
		s := binary
		s.Label, s.Prediction, s.Score = label, prediction, score
		return s
	}
	zero, one, mixed := []int32{0, 0, 0}, []int32{1, 1, 1}, []int32{0, 1, 0}
	unclear := with(mixed, mixed, 0, 1, 0)
	unclear.Positive = metric.Missing
	multi := metric.Sample{Task: metric.Multiclass, N: 2, Classes: []string{"a", "b", "c"}, Positive: metric.Missing,
		Label: []int32{0, 1}, Prediction: []int32{1, 1}, Scores: [][]float64{{0.5, 0.5}, {0.5, 0.1}, {0, 0.4}}}
	raw := multi
	raw.Scores = [][]float64{{0.5, 0.5}, {0.5, 0.1}, {0.5, 0.4}}
	unscored := multi
	unscored.Scores = nil
	partial := multi
	partial.Scores = multi.Scores[:2]
	sets := metric.Sample{Task: metric.Multilabel, N: 2, Classes: []string{"a", "b"}, LabelSet: [][]int32{{0}, {}}, PredictionSet: [][]int32{{}, {}}}
	for _, c := range []struct {
		name string
		s    metric.Sample
		want string
	}{
		{"accuracy", binary, "it needs a column of labels; set label:"},
		{"accuracy", with(mixed, nil, 0, 1, 0), "it needs a column of predictions; set prediction:"},
		{"roc_auc", with(mixed, mixed), "it needs a column of scores; set score:"},
		{"precision", with(mixed, zero), `"yes" was never predicted, so its precision is 0/0`},
		{"recall", with(zero, mixed), `no row has the label "yes", so its recall is 0/0`},
		{"f1", with(zero, zero), `no row has "yes" as label or prediction, so its f1 is 0/0`},
		{"f2", with(zero, zero), `no row has "yes" as label or prediction, so its F-beta is 0/0`},
		{"fpr", with(one, mixed), `every row has the label "yes", so its fpr is 0/0`},
		{"npv", with(mixed, one), `"yes" was predicted for every row, so npv is 0/0`},
		{"precision", unclear, "which class is positive is not clear; set positive: to one of the classes"},
		{"roc_auc", unclear, "which class is positive is not clear; set positive: to one of the classes"},
		{"precision", multi, "there are 3 classes; average over them with .macro, .micro or .weighted, or set positive: to one of them"},
		{"balanced_accuracy", with(zero, zero), `every label and prediction is "no"; it takes two classes`},
		{"balanced_accuracy", with(zero, mixed), `no row has the label "yes", so its recall is 0/0`},
		{"mcc", with(mixed, zero), "all rows have one prediction, so it is 0/0"},
		{"mcc", with(zero, mixed), "all rows have one label, so it is 0/0"},
		{"cohen_kappa", with(zero, zero), "all labels and predictions are one class, so it is 0/0"},
		{"precision.macro", multi, `"a" was never predicted, so its precision is 0/0`},
		{"roc_auc", with(zero, zero, 0, 0, 1), `no row has the label "yes", so there is no pair to order`},
		{"average_precision", with(zero, zero, 0, 0, 1), `no row has the label "yes", so its average_precision is 0/0`},
		{"ks", with(one, one, 0, 0, 1), `every row has the label "yes", so its ks is 0/0`},
		{"log_loss", with(mixed, mixed, 0, 1.5, 0), "the scores are not probabilities: there is one of 1.5"},
		{"brier", with(mixed, mixed, 0, -2, 0), "the scores are not probabilities: there is one of -2"},
		{"ece", with(mixed, mixed, 0, math.Inf(1), 0), "the scores are not probabilities: there is one of +Inf"},
		{"log_loss", raw, "the scores are not probabilities: those of one row add up to 1.5"},
		{"log_loss", unscored, "it needs a column of scores for each class; set scores:"},
		{"top_1_accuracy", unscored, "it needs a column of scores for each class; set scores:"},
		{"log_loss", partial, `the class "c" has no scores; scores: needs a column for each class`},
		{"roc_auc.ovr.macro", multi, `no row has the label "c", so it has no ROC curve`},
		{"top_3_accuracy", multi, "with 3 classes it is always 1"},
		{"precision.micro", sets, "no class was ever predicted, so its precision is 0/0"},
		{"precision.samples", sets, "it is 0/0 in 2 of 2 rows, which have no class to divide by; .micro has a value"},
		{"precision.macro", sets, `"a" was never predicted, so its precision is 0/0; so it is with one class more`},
		{"hamming_loss", multi, "it needs the task multilabel, and this is multiclass"},
	} {
		task := c.s.Task
		if c.name == "hamming_loss" {
			task = metric.Multilabel
		}
		v, err := find(t, c.name, task).Value(&c.s)
		var undefined *metric.Undefined
		if !errors.As(err, &undefined) || undefined.Reason != c.want {
			t.Errorf("%s: %v, %v\nwant %s", c.name, v, err, c.want)
		}
	}
}
