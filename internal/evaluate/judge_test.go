package evaluate_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
)

// correct is a set of rows of which hits are answered right.
func correct(hits, of int) *predictions.Set {
	p := pairOf(hits, 0, 0, of-hits)
	return &predictions.Set{Sample: p.Candidate, N: int64(of)}
}

func TestBounds(t *testing.T) {
	for _, c := range []struct {
		name                        string
		hits, of                    int
		min, max                    *float64
		decide                      bool
		verdict                     report.Verdict
		message, expected, observed string
	}{
		{
			"pass", 1625, 2000, to(0.8), nil, false, report.Pass,
			"accuracy is 0.8125, as the gate asks (accuracy ≥ 0.80); the 90 % interval reaches down to 0.7977, more rows would tell",
			"accuracy ≥ 0.80", "0.8125 (n = 2,000, 90 % interval 0.7977 to 0.8264)",
		},
		{
			"pass with certainty", 1900, 2000, to(0.8), nil, false, report.Pass,
			"accuracy is 0.9500, as the gate asks (accuracy ≥ 0.80)", "accuracy ≥ 0.80", "0.9500 (n = 2,000, 90 % interval 0.9414 to 0.9574)",
		},
		{
			"exactly the bound", 1600, 2000, to(0.8), nil, false, report.Pass,
			"accuracy is 0.8000, as the gate asks (accuracy ≥ 0.80); the 90 % interval reaches down to 0.7849, more rows would tell",
			"accuracy ≥ 0.80", "0.8000 (n = 2,000, 90 % interval 0.7849 to 0.8143)",
		},
		{
			"fail", 1500, 2000, to(0.8), nil, false, report.Fail,
			"accuracy is 0.7500, below the minimum of 0.80", "accuracy ≥ 0.80", "0.7500 (n = 2,000, 90 % interval 0.7337 to 0.7656)",
		},
		{
			"fail by a hair", 799_999, 1_000_000, to(0.8), nil, false, report.Fail,
			"accuracy is 0.799999, below the minimum of 0.80", "accuracy ≥ 0.80", "0.799999 (n = 1,000,000, 90 % interval 0.7993 to 0.8007)",
		},
		{
			"max", 100, 2000, nil, to(0.0125), false, report.Fail,
			"accuracy is 0.0500, above the maximum of 0.0125", "accuracy ≤ 0.0125", "0.0500 (n = 2,000, 90 % interval 0.0426 to 0.0586)",
		},
		{
			"between", 1, 2, to(0.25), to(0.75), false, report.Pass,
			"accuracy is 0.5000, as the gate asks (accuracy ≥ 0.25 and accuracy ≤ 0.75); the 90 % interval reaches down to 0.1209, more rows would tell",
			"accuracy ≥ 0.25 and accuracy ≤ 0.75", "0.5000 (n = 2, 90 % interval 0.1209 to 0.8791)",
		},
		{
			"no bound", 1, 2, nil, nil, false, report.Inconclusive,
			"the gate on accuracy has neither min nor max nor a baseline", "", "0.5000 (n = 2, 90 % interval 0.1209 to 0.8791)",
		},
		{
			"a bound that is no number", 1, 2, to(math.NaN()), nil, false, report.Fail,
			"accuracy is 0.5000, below the minimum of NaN", "accuracy ≥ NaN", "0.5000 (n = 2, 90 % interval 0.1209 to 0.8791)",
		},
		{
			"decided: all of the interval holds", 1900, 2000, to(0.8), nil, true, report.Pass,
			"accuracy is 0.9500, as the gate asks (accuracy ≥ 0.80), and so is all of the 90 % interval 0.9414 to 0.9574", "accuracy ≥ 0.80",
			"0.9500 (n = 2,000, 90 % interval 0.9414 to 0.9574)",
		},
		{
			"decided: none of it holds", 1500, 2000, to(0.8), nil, true, report.Fail,
			"accuracy is 0.7500; all of the 90 % interval 0.7337 to 0.7656 is below the minimum of 0.80", "accuracy ≥ 0.80",
			"0.7500 (n = 2,000, 90 % interval 0.7337 to 0.7656)",
		},
		{
			"decided: it holds in part", 1625, 2000, to(0.8), nil, true, report.Inconclusive,
			"accuracy is 0.8125; the 90 % interval 0.7977 to 0.8264 reaches below the minimum of 0.80; about 6,026 labelled rows would decide (there are 2,000)",
			"accuracy ≥ 0.80", "0.8125 (n = 2,000, 90 % interval 0.7977 to 0.8264)",
		},
		{
			"decided: not even the value holds", 1580, 2000, to(0.8), nil, true, report.Inconclusive,
			"accuracy is 0.7900; the 90 % interval 0.7746 to 0.8046 reaches below the minimum of 0.80; about 10,251 labelled rows would decide (there are 2,000)",
			"accuracy ≥ 0.80", "0.7900 (n = 2,000, 90 % interval 0.7746 to 0.8046)",
		},
		{
			"decided: too high", 1900, 2000, nil, to(0.8), true, report.Fail,
			"accuracy is 0.9500; all of the 90 % interval 0.9414 to 0.9574 is above the maximum of 0.80", "accuracy ≤ 0.80",
			"0.9500 (n = 2,000, 90 % interval 0.9414 to 0.9574)",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := evaluate.Judge(correct(c.hits, c.of), evaluate.Gate{Metric: "accuracy", Min: c.min, Max: c.max, Decide: c.decide})
			if a.Verdict != c.verdict || a.Reason != c.message || a.Expected != c.expected || a.Observed != c.observed {
				t.Errorf("got  %s\n%q\n%q\n%q\nwant %s\n%q\n%q\n%q", a.Verdict, a.Reason, a.Expected, a.Observed, c.verdict, c.message, c.expected, c.observed)
			}
			finite(t, a)
		})
	}
}

// Two models of 500 rows: the candidate is wrong on 28 that the baseline has
// right, and right on 2 that it has wrong.
func TestPairedAnswer(t *testing.T) {
	a := evaluate.JudgePair(pairOf(427, 2, 28, 43), evaluate.Gate{Metric: "accuracy", Against: "#production", Margin: to(0.01)})
	golden(t, "paired.json", finite(t, a)+"\n")
	if want := "accuracy fell by 0.052 (0.910 to 0.858); even the best case of the 90 % interval (−0.072 to −0.034) is below the allowed −0.010"; a.Reason != want {
		t.Errorf("got  %q\nwant %q", a.Reason, want)
	}
	if a.Expected != "accuracy not worse than #production by more than 0.01" || a.Observed != "−0.052 (−0.072 to −0.034)" {
		t.Errorf("%q, %q", a.Expected, a.Observed)
	}
	if a.RequiredN == nil || *a.RequiredN != 3710 {
		t.Errorf("required %v", a.RequiredN)
	}
	// At the level of statistics' tables, 95 % two-sided: the upper bound is
	// Newcombe's, the lower one Tango's (Newcombe's is −0.075116478).
	c := evaluate.JudgePair(pairOf(427, 2, 28, 43), evaluate.Gate{Metric: "accuracy", Margin: to(0.01), Confidence: 0.975})
	if i := c.Interval; math.Abs(i.Lower+0.0762241082) > 1e-9 || math.Abs(i.Upper+0.031087633) > 1e-9 || i.Confidence != 0.95 {
		t.Errorf("interval %+v", i)
	}
}

func TestNotWorseAndBetter(t *testing.T) {
	for _, c := range []struct {
		name    string
		p       *predictions.Pair
		g       evaluate.Gate
		verdict report.Verdict
		says    string
	}{
		{"not worse", pairOf(1800, 30, 30, 140), evaluate.Gate{Margin: to(0.01)}, report.Pass,
			"accuracy did not change (0.9150); even the worst case of the 90 % interval (−0.0065 to +0.0065) is above the allowed −0.0100"},
		{"not sure", pairOf(439, 16, 14, 31), evaluate.Gate{Margin: to(0.01)}, report.Inconclusive,
			"accuracy rose by 0.004 (0.906 to 0.910); the 90 % interval −0.015 to +0.023 reaches below the allowed −0.010; about 3,710 labelled rows would decide (there are 500)"},
		{"more likely worse", pairOf(427, 2, 28, 43), evaluate.Gate{Margin: to(0.05)}, report.Inconclusive,
			"should the difference stay as it is, no number of rows makes it pass, and about 88,559 labelled rows would make it fail (there are 500)"},
		{"better", pairOf(800, 100, 20, 80), evaluate.Gate{Better: true}, report.Pass,
			"accuracy rose by 0.080 (0.820 to 0.900); even the worst case of the 90 % interval (+0.063 to +0.098) is above the asked-for 0.000"},
		{"better, but not by that much", pairOf(800, 100, 20, 80), evaluate.Gate{Better: true, Margin: to(0.15)}, report.Fail, "is below the asked-for +0.15"},
		{"perhaps better", pairOf(800, 30, 20, 150), evaluate.Gate{Better: true}, report.Inconclusive, "reaches below the asked-for 0.000; about "},
		{"relative", pairOf(1800, 30, 30, 140), evaluate.Gate{Relative: to(0.01)}, report.Pass, "above the allowed −0.009"},
		{"a huge margin", pairOf(1800, 30, 30, 140), evaluate.Gate{Margin: to(1e300)}, report.Pass, "accuracy did not change (0.9150)"},
		{"relative of nothing", pairOf(0, 0, 0, 50), evaluate.Gate{Relative: to(0.1)}, report.Inconclusive, "a relative margin of a baseline of 0 is no margin; set margin:"},
		{"a margin that is none", pairOf(9, 0, 0, 1), evaluate.Gate{Margin: to(-0.1)}, report.Inconclusive, "a margin of -0.1 is none"},
		{"a margin that is no number", pairOf(9, 0, 0, 1), evaluate.Gate{Margin: to(math.NaN())}, report.Inconclusive, "a margin of NaN is none"},
		{"a confidence that is none", pairOf(9, 0, 0, 1), evaluate.Gate{Margin: to(1), Confidence: 0.5}, report.Inconclusive, "a confidence of 0.5 decides nothing"},
		{"all right, too few of them", pairOf(200, 0, 0, 0), evaluate.Gate{Margin: to(0.01)}, report.Inconclusive,
			"accuracy did not change (1.000); the 90 % interval −0.013 to +0.013 reaches below the allowed −0.010"},
		{"all that differ are against it", pairOf(96, 0, 4, 0), evaluate.Gate{Margin: to(0.085)}, report.Inconclusive, "reaches below the allowed −0.085"},
		{"alike", pairOf(900, 0, 0, 100), evaluate.Gate{Margin: to(0.01)}, report.Pass, "accuracy did not change (0.9000)"},
		{"one row", pairOf(1, 0, 0, 0), evaluate.Gate{Margin: to(0.5)}, report.Inconclusive, "reaches below the allowed"},
		{"no rows", pairOf(0, 0, 0, 0), evaluate.Gate{Margin: to(0.5)}, report.Inconclusive, "accuracy of the candidate is undefined: there are no rows"},
		{"a bound fails beside it", pairOf(1800, 30, 30, 140), evaluate.Gate{Margin: to(0.01), Min: to(0.95)}, report.Fail, "accuracy is 0.9150, below the minimum of 0.95"},
		{"a bound holds beside it", pairOf(1800, 30, 30, 140), evaluate.Gate{Margin: to(0.01), Min: to(0.9)}, report.Pass, "as the gate asks (accuracy ≥ 0.90)"},
		{"cannot be paired", &predictions.Pair{Problems: []string{"10 rows have no partner"}}, evaluate.Gate{Margin: to(0.01)}, report.Inconclusive, "10 rows have no partner"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.g.Metric, c.g.Against = "accuracy", "#production"
			a := evaluate.JudgePair(c.p, c.g)
			if a.Verdict != c.verdict || !strings.Contains(a.Reason, c.says) {
				t.Errorf("got  %s %q\nwant %s %q", a.Verdict, a.Reason, c.verdict, c.says)
			}
			finite(t, a)
		})
	}
}

// Less is better: everything is mirrored.
func TestLowerIsBetter(t *testing.T) {
	rng := random(21)
	equal, worse, better := estimated(rng, 2000, 1, 1), estimated(rng, 2000, 1.3, 1), estimated(rng, 2000, 1, 1.3)
	for _, c := range []struct {
		name    string
		p       *predictions.Pair
		g       evaluate.Gate
		verdict report.Verdict
		says    string
	}{
		{"equal", equal, evaluate.Gate{Margin: to(0.1)}, report.Pass, "is below the allowed +0.1"},
		{"equal, no margin", equal, evaluate.Gate{}, report.Inconclusive, "reaches above the allowed 0.0"},
		{"equal, to be better", equal, evaluate.Gate{Better: true}, report.Inconclusive, "reaches above the asked-for 0.0"},
		{"worse", worse, evaluate.Gate{Margin: to(0.1)}, report.Fail, "mae rose by"},
		{"worse", worse, evaluate.Gate{Margin: to(0.1)}, report.Fail, "even the best case of the 90 % interval (+0."},
		{"worse, allowed", worse, evaluate.Gate{Margin: to(0.5)}, report.Pass, "is below the allowed +0.5"},
		{"worse, allowed in part", worse, evaluate.Gate{Margin: to(0.24)}, report.Inconclusive, "reaches above the allowed +0.24"},
		{"better", better, evaluate.Gate{Better: true, Margin: to(0.1)}, report.Pass, "is below the asked-for −0.1"},
		{"better, not by that much", better, evaluate.Gate{Better: true, Margin: to(0.5)}, report.Fail, "is above the asked-for −0.5"},
		{"relative", worse, evaluate.Gate{Relative: to(0.1)}, report.Fail, "is above the allowed +0.0"},
	} {
		c.g.Metric, c.g.Against = "mae", "old"
		if a := evaluate.JudgePair(c.p, c.g); a.Verdict != c.verdict || !strings.Contains(a.Reason, c.says) {
			t.Errorf("%s: got %s %q\nwant %s %q", c.name, a.Verdict, a.Reason, c.verdict, c.says)
		}
	}
}

// The interval of a root of a mean is the root of its interval.
func TestRootOfMean(t *testing.T) {
	s := estimated(random(22), 300, 2, 1).Candidate
	of := func(name string) evaluate.Comparison {
		m, err := metric.Find(name, metric.Regression)
		if err != nil {
			t.Fatal(err)
		}
		return evaluate.Measure(s, m, 0, evaluate.Resampling{})
	}
	mse, rmse := of("mse"), of("rmse")
	if math.Abs(math.Sqrt(mse.Interval.Lower)-rmse.Interval.Lower) > 1e-9 || math.Abs(math.Sqrt(mse.Interval.Upper)-rmse.Interval.Upper) > 1e-9 {
		t.Errorf("%+v and %+v", mse.Interval, rmse.Interval)
	}
}

// Few rows have no t interval, and very few none.
func TestFewRows(t *testing.T) {
	g := evaluate.Gate{Metric: "mae", Against: "old", Margin: to(5)}
	a := evaluate.JudgePair(estimated(random(23), 20, 1, 1.2), g)
	if a.Verdict != report.Pass || !strings.HasPrefix(a.Method, "bootstrap BCa, 2,000 resamples") || a.P == nil {
		t.Errorf("20 rows: %s %s %s", a.Verdict, a.Method, a.Reason)
	}
	a = evaluate.JudgePair(estimated(random(23), 5, 1, 1.2), g)
	if a.Verdict != report.Inconclusive || a.Interval != nil || !strings.Contains(a.Reason, "how sure that is cannot be said") {
		t.Errorf("5 rows: %s %s %s", a.Verdict, a.Method, a.Reason)
	}
	finite(t, a)
}

// An answer is a finding that says the same.
func TestFinding(t *testing.T) {
	a := evaluate.JudgePair(pairOf(439, 16, 14, 31), evaluate.Gate{Metric: "accuracy", Against: "old", Margin: to(0.01)})
	f := a.Finding()
	if f.Verdict != a.Verdict || f.Message != a.Reason || f.Expected != a.Expected || f.Observed != a.Observed || f.Hint == "" ||
		f.Details["requiredN"] != int64(3710) || f.Group != report.GroupEvaluation {
		t.Errorf("%+v", f)
	}
}

func TestJudgeUnknownMetric(t *testing.T) {
	a := evaluate.Judge(correct(1, 2), evaluate.Gate{Metric: "acuracy", Min: to(0.1)})
	if a.Verdict != report.Inconclusive || !strings.Contains(a.Reason, "did you mean accuracy?") || a.Metric != "acuracy" {
		t.Errorf("%s: %s", a.Verdict, a.Reason)
	}
}

// A gate on a baseline that is not there passes nothing, whatever the bounds.
func TestWithoutBaseline(t *testing.T) {
	a := evaluate.Judge(correct(95, 100), evaluate.Gate{Metric: "accuracy", Min: to(0.5), Against: "#production"})
	if a.Verdict != report.Inconclusive || !strings.Contains(a.Reason, "there are no predictions of #production to compare with") {
		t.Errorf("%s: %s", a.Verdict, a.Reason)
	}
	a = evaluate.Judge(correct(45, 100), evaluate.Gate{Metric: "accuracy", Min: to(0.5), Against: "#production"})
	if a.Verdict != report.Fail {
		t.Errorf("%s: %s", a.Verdict, a.Reason)
	}
}

// TestEveryMetric asks for every metric that a task has, alone and against a
// model that is as good, far better and far worse.
func TestEveryMetric(t *testing.T) {
	rng := random(3)
	tasks := map[metric.Task][3]*predictions.Pair{ // equal, better, worse
		metric.Binary:     {scored(rng, 600, 1, 1), scored(rng, 600, 0.8, 4), scored(rng, 600, 4, 0.8)},
		metric.Regression: {estimated(rng, 400, 1, 1), estimated(rng, 400, 0.5, 3), estimated(rng, 400, 3, 0.5)},
		metric.Multiclass: {classes(rng, 600, 0.2, 0.2), classes(rng, 600, 0.1, 0.5), classes(rng, 600, 0.5, 0.1)},
		metric.Ranking:    {ranked(rng, 300, 1, 1), ranked(rng, 300, 0.3, 4), ranked(rng, 300, 4, 0.3)},
	}
	var sets, texts [3]*predictions.Pair
	for i, wrong := range [][2]float64{{0.2, 0.2}, {0.05, 0.4}, {0.4, 0.05}} {
		sets[i], texts[i] = labelled(rng, 400, wrong[0], wrong[1])
	}
	tasks[metric.Multilabel], tasks[metric.Text] = sets, texts
	var out strings.Builder
	for _, task := range []metric.Task{metric.Binary, metric.Multiclass, metric.Multilabel, metric.Regression, metric.Ranking, metric.Text} {
		for _, m := range metric.ForTask(task) {
			for i, p := range tasks[task] {
				g := evaluate.Gate{Metric: m.Name, Against: "old", Margin: to(0), Resampling: evaluate.Resampling{Resamples: 300}}
				a := evaluate.JudgePair(p, g)
				finite(t, a)
				if i == 0 {
					single := evaluate.Measure(p.Candidate, m, 0, evaluate.Resampling{Resamples: 300})
					fmt.Fprintf(&out, "%s %s: %s; %s\n", task, m.Name, single.Method, a.Method)
					if single.Interval == nil || single.Interval.Lower > *single.Candidate || single.Interval.Upper < *single.Candidate {
						t.Errorf("%s %s: %+v", task, m.Name, single)
					}
				}
				switch {
				case m.Better == metric.Neither:
					if a.Verdict != report.Inconclusive || !strings.Contains(a.Reason, "use min: and max:") {
						t.Errorf("%s %s: %s %s", task, m.Name, a.Verdict, a.Reason)
					}
				case a.Difference == nil || a.Interval == nil:
					t.Errorf("%s %s: %s", task, m.Name, a.Reason)
				case i == 1 && a.Verdict != report.Pass, i == 2 && a.Verdict != report.Fail:
					if m.Name != "ece" && m.Name != "specificity" && m.Name != "bias" {
						t.Errorf("%s %s: %d: %s %s", task, m.Name, i, a.Verdict, a.Reason)
					}
				}
			}
		}
	}
	golden(t, "methods.txt", out.String())
}
