package evaluate_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/report"
)

var update = flag.Bool("update", false, "write the golden files")

// with makes a result of 2,000 rows with one metric.
func with(m evaluate.Metric) evaluate.Result {
	return evaluate.Result{N: 2000, Metrics: map[string]evaluate.Metric{"accuracy": m}}
}

func proportion(hits, of int64) evaluate.Metric {
	return evaluate.Metric{Value: float64(hits) / float64(of), Defined: true, Hits: hits, Of: of}
}

func TestJudge(t *testing.T) {
	bound := func(f float64) *float64 { return &f }
	for _, c := range []struct {
		name                        string
		metric                      evaluate.Metric
		min, max                    *float64
		verdict                     report.Verdict
		message, expected, observed string
	}{
		{
			"pass", proportion(1625, 2000), bound(0.8), nil, report.Pass,
			"accuracy is 0.8125, as the gate asks (accuracy ≥ 0.80); the 95 % interval reaches down to 0.7948, more rows would tell",
			"accuracy ≥ 0.80", "0.8125 (n = 2,000, 95 % interval 0.7948 to 0.8290)",
		},
		{
			"pass with certainty", proportion(1900, 2000), bound(0.8), nil, report.Pass,
			"accuracy is 0.9500, as the gate asks (accuracy ≥ 0.80)", "accuracy ≥ 0.80", "0.9500 (n = 2,000, 95 % interval 0.9396 to 0.9587)",
		},
		{
			"exactly the bound", proportion(1600, 2000), bound(0.8), nil, report.Pass,
			"accuracy is 0.8000, as the gate asks (accuracy ≥ 0.80); the 95 % interval reaches down to 0.7819, more rows would tell",
			"accuracy ≥ 0.80", "0.8000 (n = 2,000, 95 % interval 0.7819 to 0.8169)",
		},
		{
			"fail", proportion(1500, 2000), bound(0.8), nil, report.Fail,
			"accuracy is 0.7500, below the minimum of 0.80", "accuracy ≥ 0.80", "0.7500 (n = 2,000, 95 % interval 0.7306 to 0.7685)",
		},
		{
			"fail by a hair", proportion(799_999, 1_000_000), bound(0.8), nil, report.Fail,
			"accuracy is 0.799999, below the minimum of 0.80", "accuracy ≥ 0.80", "0.799999 (n = 1,000,000, 95 % interval 0.7992 to 0.8008)",
		},
		{
			"max", proportion(100, 2000), nil, bound(0.0125), report.Fail,
			"accuracy is 0.0500, above the maximum of 0.0125", "accuracy ≤ 0.0125", "0.0500 (n = 2,000, 95 % interval 0.0413 to 0.0604)",
		},
		{
			"between", evaluate.Metric{Value: 0.5, Defined: true}, bound(0.25), bound(0.75), report.Pass,
			"accuracy is 0.5000, as the gate asks (accuracy ≥ 0.25 and accuracy ≤ 0.75)", "accuracy ≥ 0.25 and accuracy ≤ 0.75", "0.5000 (n = 2,000)",
		},
		{
			"between, too high", evaluate.Metric{Value: 0.8, Defined: true}, bound(0.25), bound(0.75), report.Fail,
			"accuracy is 0.8000, above the maximum of 0.75", "accuracy ≥ 0.25 and accuracy ≤ 0.75", "0.8000 (n = 2,000)",
		},
		{
			"undefined", evaluate.Metric{Reason: "there are no rows"}, bound(0), nil, report.Inconclusive,
			"accuracy is undefined: there are no rows", "accuracy ≥ 0.00", "undefined",
		},
		{
			"no bound", proportion(1, 2), nil, nil, report.Inconclusive,
			"the gate on accuracy has neither min nor max", "", "0.5000 (n = 2, 95 % interval 0.0945 to 0.9055)",
		},
		{
			"a bound that is no number", proportion(1, 2), bound(math.NaN()), nil, report.Fail,
			"accuracy is 0.5000, below the minimum of NaN", "accuracy ≥ NaN", "0.5000 (n = 2, 95 % interval 0.0945 to 0.9055)",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			verdict, message, expected, observed := evaluate.Judge(with(c.metric), evaluate.Gate{Metric: "accuracy", Min: c.min, Max: c.max})
			if verdict != c.verdict || message != c.message || expected != c.expected || observed != c.observed {
				t.Errorf("got  %s\n%q\n%q\n%q\nwant %s\n%q\n%q\n%q", verdict, message, expected, observed, c.verdict, c.message, c.expected, c.observed)
			}
		})
	}
}

func TestJudgeConfidence(t *testing.T) {
	bound := 0.1
	_, _, _, observed := evaluate.Judge(with(proportion(1, 2)), evaluate.Gate{Metric: "accuracy", Min: &bound, Confidence: 0.995})
	if !strings.Contains(observed, "99.5 % interval") {
		t.Errorf("got %q", observed)
	}
}

func TestJudgeUnknownMetric(t *testing.T) {
	bound := 0.1
	verdict, message, _, _ := evaluate.Judge(with(proportion(1, 2)), evaluate.Gate{Metric: "acuracy", Min: &bound})
	if verdict != report.Inconclusive || !strings.Contains(message, `did you mean "accuracy"?`) || !strings.Contains(message, "f1.macro") {
		t.Errorf("%s: %s", verdict, message)
	}
}

// A mean of equal values is that value: no gate fails by rounding.
func TestMeanOfEquals(t *testing.T) {
	var labels, predictions []string
	for class := range 7 {
		for i := range 10 {
			labels = append(labels, fmt.Sprint("c", class))
			wrong := 0
			if i < 2 {
				wrong = 1
			}
			predictions = append(predictions, fmt.Sprint("c", (class+wrong)%7))
		}
	}
	r := compute(t, spec(csv(t, labels, predictions)))
	bound := 0.8
	for _, name := range []string{"precision.macro", "recall.macro", "f1.macro", "recall.weighted", "accuracy"} {
		if verdict, message, _, _ := evaluate.Judge(*r, evaluate.Gate{Metric: name, Min: &bound, Max: &bound}); verdict != report.Pass {
			t.Errorf("%s: %s (%v)", name, message, r.Metrics[name].Value)
		}
	}
}

func TestSections(t *testing.T) {
	for name, c := range map[string]struct{ labels, predictions string }{
		"binary":    {"1 1 1 0 0 0 1 0", "1 1 0 0 0 1 1 0"},
		"classes":   {"cat dog bird cat dog bird", "cat dog bird dog dog cat"},
		"undefined": {"0 0 0", "0 0 0"},
		"problems":  {"1 0", "1 NaN"},
		"unclear":   {"ham spam", "ham ham"},
	} {
		t.Run(name, func(t *testing.T) {
			r := compute(t, spec(csv(t, strings.Fields(c.labels), strings.Fields(c.predictions))))
			var b strings.Builder
			for _, s := range evaluate.Sections(*r, 0.95) {
				fmt.Fprintf(&b, "# %s\n", s.Title)
				if s.Text != nil {
					b.WriteString(*s.Text + "\n")
					continue
				}
				for i, column := range s.Table.Columns {
					if i > 0 {
						b.WriteString(" | ")
					}
					fmt.Fprintf(&b, "%s (%s)", column.Title, column.Align)
				}
				b.WriteByte('\n')
				for _, row := range s.Table.Rows {
					if len(row) != len(s.Table.Columns) {
						t.Errorf("%d cells in a table of %d columns", len(row), len(s.Table.Columns))
					}
					b.WriteString(strings.Join(row, " | ") + "\n")
				}
			}
			path := filepath.Join("testdata", "sections", name+".txt")
			if *update {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("got\n%swant\n%s", b.String(), want)
			}
		})
	}
}
