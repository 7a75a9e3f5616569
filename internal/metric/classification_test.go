package metric_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/metric"
)

// classificationCase is one of testdata/classification.json.
type classificationCase struct {
	Task    metric.Task
	Classes int
	Y, P    string
	S       [][]int
	V       []*float64
}

func classificationCases(t testing.TB) (names map[metric.Task][]string, cases []classificationCase) {
	t.Helper()
	data, err := os.ReadFile("testdata/classification.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Names map[metric.Task][]string
		Cases []classificationCase
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Names, file.Cases
}

func (c classificationCase) sample() *metric.Sample {
	s := &metric.Sample{Task: c.Task, Positive: metric.Missing}
	for k := range c.Classes {
		s.Classes = append(s.Classes, string(rune('a'+k)))
	}
	numbers := func(letters string) []int32 {
		out := []int32{}
		for _, r := range letters {
			out = append(out, r-'a')
		}
		return out
	}
	if c.Task == metric.Multilabel {
		for _, row := range strings.Split(c.Y, ",") {
			s.LabelSet = append(s.LabelSet, numbers(row))
		}
		for _, row := range strings.Split(c.P, ",") {
			s.PredictionSet = append(s.PredictionSet, numbers(row))
		}
		s.N = len(s.LabelSet)
		return s
	}
	s.Positive = 1
	s.Label, s.Prediction, s.N = numbers(c.Y), numbers(c.P), len(c.Y)
	for _, thousandths := range c.S {
		var scores []float64
		for _, v := range thousandths {
			scores = append(scores, float64(v)/1000)
		}
		s.Scores = append(s.Scores, scores)
	}
	if c.Task == metric.Binary {
		s.Score, s.Scores = s.Scores[0], nil
	}
	return s
}

func find(t testing.TB, name string, task metric.Task) *metric.Metric {
	t.Helper()
	m, err := metric.Find(name, task)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// value computes a metric and holds it to what every metric promises; nil is
// undefined.
func value(t testing.TB, m *metric.Metric, s *metric.Sample) *float64 {
	t.Helper()
	v, err := m.Value(s)
	var undefined *metric.Undefined
	switch {
	case err != nil && (!errors.As(err, &undefined) || undefined.Reason == "" || strings.Contains(undefined.Reason, "%!") || v != 0):
		t.Fatalf("%s: %v, %v", m.Name, v, err)
	case err != nil:
		return nil
	case math.IsNaN(v) || v < m.Low || v > m.High:
		t.Fatalf("%s: %v is not from %v to %v", m.Name, v, m.Low, m.High)
	}
	return &v
}

func near(a, b *float64, tolerance float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return math.Abs(*a-*b) <= tolerance*max(1, math.Abs(*b))
}

func show(v *float64) any {
	if v == nil {
		return "undefined"
	}
	return *v
}

func TestClassificationAgreesWithScikitLearn(t *testing.T) {
	names, cases := classificationCases(t)
	if len(cases) != 580 {
		t.Fatalf("%d cases", len(cases))
	}
	compared := map[metric.Task]int{}
	for i, c := range cases {
		s := c.sample()
		for j, name := range names[c.Task] {
			if got := value(t, find(t, name, c.Task), s); !near(got, c.V[j], 1e-9) {
				t.Errorf("case %d, %s %s: got %v, scikit-learn %v\n%s\n%s\n%v", i, c.Task, name, show(got), show(c.V[j]), c.Y, c.P, c.S)
			}
			compared[c.Task]++
		}
	}
	// Every metric of the lists is compared.
	for task, compared := range names {
		for _, name := range metric.Names(task) {
			if !strings.Contains(name, "<") && !slices.Contains(compared, name) {
				t.Errorf("%s: nothing to compare %s with", task, name)
			}
		}
	}
	t.Log(compared)
}

// The examples of scikit-learn's documentation.
func TestDocumentedValues(t *testing.T) {
	binary := func(label, prediction []int32, score []float64) *metric.Sample {
		n := max(len(label), len(score))
		return &metric.Sample{Task: metric.Binary, N: n, Classes: []string{"0", "1"}, Positive: 1, Label: label, Prediction: prediction, Score: score}
	}
	three := &metric.Sample{Task: metric.Multiclass, N: 6, Classes: []string{"0", "1", "2"}, Positive: metric.Missing,
		Label: []int32{0, 1, 2, 0, 1, 2}, Prediction: []int32{0, 2, 1, 0, 0, 1}}
	ranked := binary([]int32{0, 0, 1, 1}, nil, []float64{0.1, 0.4, 0.35, 0.8})
	eight := &metric.Sample{Task: metric.Multiclass, N: 8, Classes: []string{"1", "2", "3"}, Positive: metric.Missing,
		Label: []int32{0, 0, 1, 1, 2, 2, 0, 1}, Prediction: []int32{0, 1, 1, 1, 2, 0, 0, 2}}
	numbers := &metric.Sample{Task: metric.Regression, N: 4, Truth: []float64{3, -0.5, 2, 7}, Estimate: []float64{2.5, 0, 2, 8}}
	var tenths []float64
	for i := range 10 {
		tenths = append(tenths, 0.05+0.1*float64(i))
	}
	for _, c := range []struct {
		name string
		s    *metric.Sample
		want float64
	}{
		{"roc_auc", ranked, 0.75},
		{"average_precision", ranked, 0.8333333333333333},
		{"log_loss", binary([]int32{1, 0, 0, 1}, nil, []float64{0.9, 0.1, 0.2, 0.65}), 0.21616187468057912},
		{"brier", binary([]int32{0, 1, 1, 0}, nil, []float64{0.1, 0.9, 0.8, 0.3}), 0.0375},
		{"mcc", binary([]int32{1, 1, 1, 0}, []int32{1, 0, 1, 1}, nil), -1.0 / 3},
		{"balanced_accuracy", binary([]int32{0, 1, 0, 0, 1, 0}, []int32{0, 1, 0, 0, 0, 1}, nil), 0.625},
		{"f1.macro", three, 0.26666666666666666},
		{"f1.micro", three, 1.0 / 3},
		{"f1.weighted", three, 0.26666666666666666},
		{"precision.macro", three, 0.2222222222222222},
		{"precision.micro", three, 1.0 / 3},
		{"precision.weighted", three, 0.2222222222222222},
		{"recall.macro", three, 1.0 / 3},
		{"cohen_kappa", eight, 0.4285714285714286},
		{"mse", numbers, 0.375},
		{"mae", numbers, 0.5},
		{"r2", numbers, 0.9486081370449679},
		{"median_absolute_error", numbers, 0.5},
		{"mape", numbers, 0.3273809523809524},
		{"ece", binary([]int32{0, 0, 1, 0, 1, 1, 0, 1, 1, 1}, nil, tenths), 0.34},
	} {
		if got := value(t, find(t, c.name, c.s.Task), c.s); !near(got, &c.want, 1e-12) {
			t.Errorf("%s: %v, want %v", c.name, show(got), c.want)
		}
	}
}

// TestProperties: the order of the rows says nothing; a weight is so many
// copies of a row; the confusion matrix alone decides what it is said to
// decide, and the rows that Share tells do.
func TestProperties(t *testing.T) {
	names, cases := classificationCases(t)
	r := rand.New(rand.NewPCG(1, 2))
	for i, c := range cases {
		if i%4 != 0 && len(c.Y) > 20 {
			continue
		}
		s := c.sample()
		var rows []int32
		for i := range s.N {
			rows = append(rows, int32(i))
		}
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		shuffled := s.Select(rows)
		weight := make([]uint32, s.N)
		var copies []int32
		for range s.N {
			row := r.IntN(s.N)
			weight[row]++
			copies = append(copies, int32(row))
		}
		resampled := s.Select(copies)
		for _, name := range names[c.Task] {
			m := find(t, name, c.Task)
			v := value(t, m, s)
			if got := value(t, m, shuffled); !near(got, v, 1e-12) {
				t.Errorf("case %d, %s %s: %v, in another order %v", i, c.Task, name, show(v), show(got))
			}
			if m.Whole != nil && v != nil {
				checkWeights(t, m, s, v, weight, value(t, m, resampled))
			}
			if m.Share != nil {
				checkShare(t, m, s, v)
			}
			if m.Share != nil && m.Count == nil || m.Count != nil && m.Whole != nil {
				t.Errorf("%s: Share without Count, or Count and Whole", name)
			}
		}
	}
}

func checkWeights(t *testing.T, m *metric.Metric, s *metric.Sample, v *float64, weight []uint32, resampled *float64) {
	t.Helper()
	w, err := m.Whole(s)
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string, weight []uint32, want *float64) {
		if got := w.Value(weight); want == nil && !math.IsNaN(got) || want != nil && !near(&got, want, 1e-12) {
			t.Errorf("%s of %d rows, %s: %v, want %v", m.Name, s.N, what, got, show(want))
		}
	}
	twice := make([]uint32, s.N)
	for i := range twice {
		twice[i] = 2
	}
	// A class that a resample lacks is no class of a bigger sample.
	if missing := s.Task == metric.Multiclass && resampled == nil; !missing {
		same("resampled", weight, resampled)
	}
	same("twice", twice, v)
	same("no rows", make([]uint32, s.N), nil)
	same("once", nil, v)
}

func checkShare(t *testing.T, m *metric.Metric, s *metric.Sample, v *float64) {
	t.Helper()
	hits, of := 0, 0
	for i := range s.N {
		counts, hit := m.Share(s.Positive, s.Label[i], s.Prediction[i])
		if counts {
			of++
		}
		if counts && hit {
			hits++
		}
	}
	if (of == 0) != (v == nil) || v != nil && float64(hits)/float64(of) != *v {
		t.Errorf("%s: %d of %d rows, but %v", m.Name, hits, of, show(v))
	}
}
