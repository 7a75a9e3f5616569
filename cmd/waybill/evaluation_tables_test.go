package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/stats"
)

// docsTables are the tables of docs/evaluation.md that follow from the code.
func docsTables(t *testing.T) map[string]string {
	return map[string]string{"rows": rowsTable(), "metrics": metricsTable(t)}
}

// checkEvaluationDocs holds that the documentation names every key of gates and
// of evaluation:, every field of the JSON, and every method of the table of
// metrics.
func checkEvaluationDocs(t *testing.T, text string) {
	var schema struct {
		Properties  map[string]struct{ Properties map[string]any }
		Definitions map[string]struct{ Properties map[string]any }
	}
	data, err := os.ReadFile("../../schemas/model.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	names := slices.Concat(slices.Sorted(maps.Keys(schema.Properties["evaluation"].Properties)), slices.Sorted(maps.Keys(schema.Definitions["gate"].Properties)))
	for _, typ := range []reflect.Type{reflect.TypeFor[evaluate.Comparison](), reflect.TypeFor[evaluate.Answer](), reflect.TypeFor[evaluate.Interval]()} {
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	if len(names) < 40 {
		t.Errorf("only %d keys and fields were found", len(names))
	}
	for _, name := range names {
		if name != "" && name != "-" && name != "apiVersion" && !strings.Contains(text, "`"+name+"`") {
			t.Errorf("the documentation does not mention `%s`", name)
		}
	}
}

// rowsTable is how many rows show that a model which is as good is not worse
// by the margin.
func rowsTable() string {
	var out strings.Builder
	margins := []float64{0.05, 0.02, 0.01, 0.005}
	out.WriteString("| the models differ on |")
	for _, m := range margins {
		fmt.Fprintf(&out, " margin %v |", m)
	}
	out.WriteString("\n|--|" + strings.Repeat("--:|", len(margins)) + "\n")
	for _, discordance := range []float64{0.02, 0.05, 0.1, 0.2} {
		fmt.Fprintf(&out, "| %v %% of the rows |", 100*discordance)
		for _, margin := range margins {
			n, _ := stats.PairsNeeded(discordance, 0, margin, 0.05, 0.8)
			fmt.Fprintf(&out, " %s |", report.Thousands(n))
		}
		out.WriteString("\n")
	}
	return out.String()
}

// examples are the parameters that metrics with one are shown with.
var examples = map[string]string{"<beta>": "2", "<share>": "0.1", "<bins>": "15", "<k>": "2", "<quantile>": "0.9"}

// metricsTable has every metric: what it is, and by which method its value and
// the difference of two models' values are bounded.
func metricsTable(t *testing.T) string {
	var order []string
	tasks := map[string][]string{} // by the rest of the row
	for _, task := range []metric.Task{metric.Binary, metric.Multiclass, metric.Multilabel, metric.Regression, metric.Ranking, metric.Text} {
		pair := &predictions.Pair{Candidate: docsSample(task, 1), Baseline: docsSample(task, 2)}
		for _, listed := range metric.Names(task) {
			row := metricRow(t, pair, listed)
			if tasks[row] == nil {
				order = append(order, row)
			}
			tasks[row] = append(tasks[row], string(task))
		}
	}
	var out strings.Builder
	out.WriteString("| metric | task | better | what it is | interval | of a difference |\n|--|--|--|--|--|--|\n")
	for _, row := range order {
		name, rest, _ := strings.Cut(row, "\n")
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", name, strings.Join(tasks[row], ", "), rest)
	}
	return out.String()
}

// metricRow is a row of the table but for its tasks: the name, and the rest.
func metricRow(t *testing.T, pair *predictions.Pair, listed string) string {
	name := listed
	for parameter, value := range examples {
		name = strings.Replace(name, parameter, value, 1)
	}
	m, err := metric.Find(name, pair.Candidate.Task)
	if err != nil {
		t.Fatal(err)
	}
	title := m.Title
	if name != listed {
		title = "`" + name + "`: " + title
	}
	few := evaluate.Resampling{Resamples: 500} // only the method is shown
	one := evaluate.Measure(pair.Candidate, m, 0.95, few)
	two := evaluate.Compare(pair, m, evaluate.Gate{Resampling: few})
	if one.Candidate == nil {
		t.Errorf("%s of %s: %s", name, pair.Candidate.Task, one.Reason)
	}
	return fmt.Sprintf("%s\n%s | %s | %s | %s", listed, direction(m), title, methodOf(one), methodOf(two))
}

func direction(m *metric.Metric) string {
	switch m.Better {
	case metric.Higher:
		return "higher"
	case metric.Lower:
		return "lower"
	}
	return "–"
}

// methodOf is the method without its seed and number of resamples.
func methodOf(c evaluate.Comparison) string {
	if c.Method == "" {
		return "none"
	}
	method, _, _ := strings.Cut(c.Method, ",")
	return method
}

// docsSample is answers of some model to the same rows.
func docsSample(task metric.Task, seed uint64) *metric.Sample {
	const n = 600
	truth, random := rand.New(rand.NewPCG(9, 9)), rand.New(rand.NewPCG(seed, 2))
	s := &metric.Sample{Task: task, N: n, Positive: metric.Missing}
	for i := range n {
		switch task {
		case metric.Binary, metric.Multiclass:
			s.Classes = []string{"0", "1", "2"}
			if task == metric.Binary {
				s.Classes = s.Classes[:2]
			}
			s.Positive = 1
			label, p := int32(truth.IntN(len(s.Classes))), 0.85+0.14*random.Float64()
			answer := label
			if random.Float64() < 0.6 {
				answer = int32(random.IntN(len(s.Classes)))
			}
			s.Label, s.Prediction = append(s.Label, label), append(s.Prediction, answer)
			if task == metric.Binary {
				s.Score = append(s.Score, math.Abs(float64(1-answer)-p))
				continue
			}
			if s.Scores == nil {
				s.Scores = make([][]float64, len(s.Classes))
			}
			for k := range s.Scores {
				score := (1 - p) / 2
				if int32(k) == answer {
					score = p
				}
				s.Scores[k] = append(s.Scores[k], score)
			}
		case metric.Multilabel:
			s.Classes = []string{"0", "1", "2"}
			labels := [][]int32{{0}, {1}, {0, 2}, {1, 2}}
			label := labels[truth.IntN(4)]
			answer := label
			if random.Float64() < 0.3 {
				answer = labels[random.IntN(4)]
			}
			s.LabelSet, s.PredictionSet = append(s.LabelSet, label), append(s.PredictionSet, answer)
		case metric.Regression:
			y := 1 + 10*truth.Float64()
			s.Truth, s.Estimate = append(s.Truth, y), append(s.Estimate, max(0, y+6*random.Float64()-2.5))
		case metric.Ranking:
			relevance := float64(truth.IntN(2))
			s.Query = append(s.Query, int32(i/6))
			s.Truth, s.Score = append(s.Truth, relevance), append(s.Score, relevance+2*random.Float64())
		case metric.Text:
			words := []string{"red", "green", "blue", "grey"}
			word := words[truth.IntN(4)]
			answer := word
			if random.Float64() < 0.3 {
				answer = words[random.IntN(4)]
			}
			s.Reference, s.Answer = append(s.Reference, word+" "+strconv.Itoa(i)), append(s.Answer, answer+" "+strconv.Itoa(i))
		}
	}
	return s
}
