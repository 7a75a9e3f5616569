package evaluate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

func ExampleJudge() {
	set, err := predictions.Read(context.Background(), predictions.Spec{
		Files: []table.File{{Name: "eval/predictions.csv", Path: "testdata/predictions.csv"}},
		Key:   "id", Label: "label", Prediction: "prediction",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	bound := 0.8
	answer := evaluate.Judge(set, evaluate.Gate{Metric: "accuracy", Min: &bound})
	fmt.Println(answer.Verdict, answer.Reason)
	fmt.Println(answer.Observed)
	// Output:
	// FAIL accuracy is 0.7500, below the minimum of 0.80
	// 0.7500 (n = 8, 90 % interval 0.4602 to 0.9135)
}

// TestAgreesWithScikitLearn compares values with what scikit-learn says
// (see testdata/expected.py).
func TestAgreesWithScikitLearn(t *testing.T) {
	var cases []struct {
		Name                string
		Labels, Predictions []string
		Positive            *string
		Metrics             map[string]*float64
	}
	data, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != 78 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			s := spec(csv(t, c.Labels, c.Predictions))
			if c.Positive != nil {
				s.Positive = *c.Positive
			}
			set := read(t, s)
			if set.N != int64(len(c.Labels)) {
				t.Errorf("%d rows, want %d", set.N, len(c.Labels))
			}
			for name, want := range c.Metrics {
				a := evaluate.Judge(set, evaluate.Gate{Metric: name, Min: to(0), Resampling: evaluate.Resampling{Resamples: 100}})
				if (a.Candidate != nil) != (want != nil) || want != nil && math.Abs(*a.Candidate-*want) > 1e-11 {
					t.Errorf("%s: %s, want %v", name, a.Observed, want)
				}
				if want == nil && a.Verdict != report.Inconclusive {
					t.Errorf("%s: undefined, and yet %s", name, a.Verdict)
				}
			}
		})
	}
}

// What leaves the rows uncountable is said by every gate.
func TestProblems(t *testing.T) {
	for _, c := range []struct{ name, content, says string }{
		{"no rows", "id,label,prediction\n", "no rows"},
		{"a missing prediction", "id,label,prediction\n1,1,1\n2,1,\n", "row 2 has no prediction"},
		{"NaN as prediction", "id,label,prediction\n1,1,1\n2,1,NaN\n3,1,nan\n", "2 rows have no prediction, the first is row 2"},
		{"a missing label", "id,label,prediction\n1,,1\n2,1,1\n", "row 1 has no label"},
		{"a key twice", "id,label,prediction\n1,1,1\n2,1,1\n1,1,1\n", "row 3 has the key of a row before it"},
		{"no key", "id,label,prediction\n1,1,1\n,1,1\n", "row 2 has no key"},
		{"names and numbers", "id,label,prediction\n1,cat,0\n2,dog,1\n3,dog,0\n", "written differently"},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := read(t, spec(file(t, "p.csv", c.content)))
			if !strings.Contains(strings.Join(set.Problems, "\n"), c.says) {
				t.Errorf("problems %q, want %q", set.Problems, c.says)
			}
			for _, g := range []evaluate.Gate{{Metric: "accuracy", Min: to(0)}, {Metric: "accuracy", Against: "x", Margin: to(1)}} {
				a := evaluate.Judge(set, g)
				if a.Verdict != report.Inconclusive || !strings.Contains(a.Reason, c.says) || a.Interval != nil {
					t.Errorf("%s: %s", a.Verdict, a.Reason)
				}
				finite(t, a)
			}
			if got := show(t, evaluate.Show(set, nil, nil, nil)); !strings.Contains(got, c.says) {
				t.Errorf("sections do not say it:\n%s", got)
			}
		})
	}
}

// A mean of equal values is that value: no gate fails by rounding.
func TestMeanOfEquals(t *testing.T) {
	var labels, answers []string
	for class := range 7 {
		for i := range 10 {
			labels = append(labels, fmt.Sprint("c", class))
			wrong := 0
			if i < 2 {
				wrong = 1
			}
			answers = append(answers, fmt.Sprint("c", (class+wrong)%7))
		}
	}
	set := read(t, spec(csv(t, labels, answers)))
	bound := 0.8
	for _, name := range []string{"precision.macro", "recall.macro", "f1.macro", "recall.weighted", "accuracy"} {
		if a := evaluate.Judge(set, evaluate.Gate{Metric: name, Min: &bound, Max: &bound}); a.Verdict != report.Pass {
			t.Errorf("%s: %s", name, a.Reason)
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add("id,label,prediction\n1,1,1.0\n2,true,0\n", "1")
	f.Add("id,label,prediction\n1,a,b\n1,\"\",NaN\n", "")
	f.Add("id,label,prediction\n1,1e999,-0\n", "true")
	f.Add("id,label,prediction\n1,0.5,0.25\n2,1.5,7\n3,2,2.5\n", "")
	f.Fuzz(func(t *testing.T, content, positive string) {
		s := spec(file(t, "p.csv", content))
		if positive != "" {
			s.Positive = positive
		}
		set, err := predictions.Read(t.Context(), s)
		if err != nil {
			return
		}
		finite(t, evaluate.Sections(set, 0))
		for _, name := range []string{"accuracy", "f1", "recall.macro", "mae", "rmse", "spearman"} {
			finite(t, evaluate.Judge(set, evaluate.Gate{Metric: name, Min: to(0.5), Decide: true, Resampling: evaluate.Resampling{Resamples: 50}}))
		}
	})
}
