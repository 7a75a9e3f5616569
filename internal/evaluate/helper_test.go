package evaluate_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/table"
)

var update = flag.Bool("update", false, "write the golden files")

// file writes a table and returns it; the extension of name is its format.
func file(t testing.TB, name, content string) table.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return table.File{Name: name, Path: path}
}

// csv makes a file of labels and predictions.
func csv(t testing.TB, labels, predictions []string) table.File {
	t.Helper()
	var b strings.Builder
	b.WriteString("id,label,prediction\n")
	for i := range labels {
		fmt.Fprintf(&b, "%d,%s,%s\n", i, labels[i], predictions[i])
	}
	return file(t, "p.csv", b.String())
}

func spec(f table.File) predictions.Spec {
	return predictions.Spec{Files: []table.File{f}, Key: "id", Label: "label", Prediction: "prediction"}
}

func read(t testing.TB, s predictions.Spec) *predictions.Set {
	t.Helper()
	set, err := predictions.Read(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func to(f float64) *float64 { return &f }

// finite fails when JSON of v cannot be made, as of a NaN.
func finite(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%v: %+v", err, v)
	}
	return string(data)
}

// binary makes a sample of two classes from labels and answers of 0 and 1.
func binary(label, prediction []int32, score []float64) *metric.Sample {
	return &metric.Sample{Task: metric.Binary, N: len(label), Classes: []string{"0", "1"}, Positive: 1, Label: label, Prediction: prediction, Score: score}
}

// pairOf makes a pair of n rows in which the two answers are right as counts
// say: both, only the candidate, only the baseline, neither.
func pairOf(both, candidate, baseline, neither int) *predictions.Pair {
	label, c, b := []int32{}, []int32{}, []int32{}
	add := func(n int, right, rightBaseline bool) {
		for i := range n {
			l := int32(i % 2)
			answer := func(right bool) int32 {
				if right {
					return l
				}
				return 1 - l
			}
			label, c, b = append(label, l), append(c, answer(right)), append(b, answer(rightBaseline))
		}
	}
	add(both, true, true)
	add(candidate, true, false)
	add(baseline, false, true)
	add(neither, false, false)
	return &predictions.Pair{Candidate: binary(label, c, nil), Baseline: binary(label, b, nil), Paired: "position"}
}

// scored makes a pair of models that score n rows, a third of them positive;
// each is the class plus noise of its own width.
func scored(rng *rand.Rand, n int, noise, noiseBaseline float64) *predictions.Pair {
	label := make([]int32, n)
	answers := [2][]int32{make([]int32, n), make([]int32, n)}
	scores := [2][]float64{make([]float64, n), make([]float64, n)}
	for i := range n {
		if rng.Float64() < 1.0/3 {
			label[i] = 1
		}
		shared := rng.NormFloat64()
		for j, width := range []float64{noise, noiseBaseline} {
			z := float64(label[i])*2 - 1 + width*(0.7*shared+0.7*rng.NormFloat64())
			scores[j][i] = 1 / (1 + math.Exp(-z))
			if scores[j][i] >= 0.5 {
				answers[j][i] = 1
			}
		}
	}
	return &predictions.Pair{Candidate: binary(label, answers[0], scores[0]), Baseline: binary(label, answers[1], scores[1])}
}

// estimated makes a pair of models that estimate n numbers.
func estimated(rng *rand.Rand, n int, noise, noiseBaseline float64) *predictions.Pair {
	truth, x, y := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		truth[i] = 10 * rng.NormFloat64()
		shared := rng.NormFloat64()
		x[i] = truth[i] + noise*(0.6*shared+0.8*rng.NormFloat64())
		y[i] = truth[i] + noiseBaseline*(0.6*shared+0.8*rng.NormFloat64())
	}
	of := func(estimate []float64) *metric.Sample {
		return &metric.Sample{Task: metric.Regression, N: n, Truth: truth, Estimate: estimate}
	}
	return &predictions.Pair{Candidate: of(x), Baseline: of(y)}
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%swant\n%s", name, got, want)
	}
}

// classes makes a pair of models that answer one of four classes, wrong on the
// shares of rows given, with a score for each class.
func classes(rng *rand.Rand, n int, wrong, wrongBaseline float64) *predictions.Pair {
	names := []string{"a", "b", "c", "d"}
	label := make([]int32, n)
	for i := range label {
		label[i] = rng.Int32N(4)
	}
	of := func(wrong float64) *metric.Sample {
		s := &metric.Sample{Task: metric.Multiclass, N: n, Classes: names, Positive: metric.Missing, Label: label, Prediction: make([]int32, n)}
		for range names {
			s.Scores = append(s.Scores, make([]float64, n))
		}
		for i, l := range label {
			answer := l
			if rng.Float64() < wrong {
				answer = (l + 1 + rng.Int32N(3)) % 4
			}
			s.Prediction[i] = answer
			top := 0.4 + 0.5*rng.Float64()
			for c := range names {
				s.Scores[c][i] = (1 - top) / 3
			}
			s.Scores[answer][i] = top
		}
		return s
	}
	return &predictions.Pair{Candidate: of(wrong), Baseline: of(wrongBaseline)}
}

// ranked makes a pair of models that order 25 rows of each query.
func ranked(rng *rand.Rand, queries int, noise, noiseBaseline float64) *predictions.Pair {
	n := 25 * queries
	truth, query := make([]float64, n), make([]int32, n)
	x, y := make([]float64, n), make([]float64, n)
	for i := range n {
		query[i] = int32(i / 25)
		truth[i] = float64(rng.IntN(4) / 3)
		x[i] = truth[i] + noise*rng.NormFloat64()
		y[i] = truth[i] + noiseBaseline*rng.NormFloat64()
	}
	of := func(score []float64) *metric.Sample {
		return &metric.Sample{Task: metric.Ranking, N: n, Truth: truth, Score: score, Query: query}
	}
	return &predictions.Pair{Candidate: of(x), Baseline: of(y)}
}

// labelled makes a pair of models that answer sets of three classes, each
// class wrong with the shares given, and a text of their own.
func labelled(rng *rand.Rand, n int, wrong, wrongBaseline float64) (sets, texts *predictions.Pair) {
	truth := make([][]int32, n)
	reference := make([]string, n)
	words := []string{"red", "green", "blue"}
	pick := func(keep func(class int32) bool) (set []int32, text string) {
		for class := range int32(3) {
			if keep(class) {
				set, text = append(set, class), text+" "+words[class]
			}
		}
		return set, text
	}
	for i := range truth {
		truth[i], reference[i] = pick(func(int32) bool { return rng.IntN(2) == 0 })
	}
	of := func(wrong float64) (*metric.Sample, *metric.Sample) {
		sets := &metric.Sample{Task: metric.Multilabel, N: n, Classes: words, Positive: metric.Missing, LabelSet: truth, PredictionSet: make([][]int32, n)}
		texts := &metric.Sample{Task: metric.Text, N: n, Reference: reference, Answer: make([]string, n)}
		for i, is := range truth {
			sets.PredictionSet[i], texts.Answer[i] = pick(func(class int32) bool { return slices.Contains(is, class) != (rng.Float64() < wrong) })
		}
		return sets, texts
	}
	s1, t1 := of(wrong)
	s2, t2 := of(wrongBaseline)
	return &predictions.Pair{Candidate: s1, Baseline: s2}, &predictions.Pair{Candidate: t1, Baseline: t2}
}
