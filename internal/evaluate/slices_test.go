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

func column(values ...string) *predictions.Values {
	v := &predictions.Values{}
	number := map[string]int32{"": metric.Missing}
	for _, name := range values {
		if _, known := number[name]; !known {
			number[name] = int32(len(v.Names))
			v.Names = append(v.Names, name)
		}
		v.Codes = append(v.Codes, number[name])
	}
	return v
}

func TestSlices(t *testing.T) {
	columns := map[string]*predictions.Values{
		"lang":   column("en", "de", "en", "", "de", "en"),
		"device": column("tv", "tv", "pc", "pc", "pc", "pc"),
		"age":    {Numbers: []float64{10, 20, 30, math.NaN(), 40, 40}},
		"flat":   {Numbers: []float64{1, 1, 1, 1, 1, 1}},
		"empty":  {Numbers: []float64{math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}},
		"a:b":    column("x", "x", "x", "y", "y", "y"),
	}
	for spec, want := range map[string]string{
		"lang":        "lang=de[1 4] lang=en[0 2 5] lang=(none)[3]",
		"lang*device": "lang=de, device=pc[4] lang=de, device=tv[1] lang=en, device=pc[2 5] lang=en, device=tv[0] lang=(none), device=pc[3]",
		"age:2":       "age=[10, 30][0 1 2] age=(30, 40][4 5] age=(none)[3]",
		"age":         "age=[10, 20][0 1] age=(20, 30][2] age=(30, 40][4 5] age=(none)[3]",
		"flat":        "flat=[1, 1][0 1 2 3 4 5]",
		"empty":       "empty=(none)[0 1 2 3 4 5]",
		"a:b":         "a:b=x[0 1 2] a:b=y[3 4 5]",
		"age:2 * a:b": "age=[10, 30], a:b=x[0 1 2] age=(30, 40], a:b=y[4 5] age=(none), a:b=y[3]",
	} {
		got, notes, err := evaluate.Slices(columns, []string{spec})
		var parts []string
		for _, s := range got {
			parts = append(parts, s.Name+fmt.Sprint(s.Rows))
		}
		if text := strings.Join(parts, " "); err != nil || notes != nil || text != want {
			t.Errorf("%s: got %s, %v, %v\nwant %s", spec, text, notes, err, want)
		}
	}
	for spec, says := range map[string]string{"lnag": `did you mean "lang"?`, "age:1": "the number of bins must be from 2 to 100", "age:x": "number of bins", "lang*nope": `"nope"`} {
		if _, _, err := evaluate.Slices(columns, []string{spec}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", spec, err)
		}
	}
}

func TestManySlices(t *testing.T) {
	var names []string
	for i := range 500 {
		for range 1 + i%7 {
			names = append(names, fmt.Sprintf("v%03d", i))
		}
	}
	got, notes, err := evaluate.Slices(map[string]*predictions.Values{"id": column(names...)}, []string{"id"})
	if err != nil || len(got) != 200 || len(notes) != 1 || !strings.Contains(notes[0], "300 smaller slices with up to 5 rows each are left out") {
		t.Errorf("%d slices, %q, %v", len(got), notes, err)
	}
}

// sliced joins pairs as the slices of a column.
func sliced(names []string, pairs ...*predictions.Pair) *predictions.Pair {
	out := pairOf(0, 0, 0, 0)
	var values []string
	for i, p := range pairs {
		out.Candidate.Label = append(out.Candidate.Label, p.Candidate.Label...)
		out.Candidate.Prediction = append(out.Candidate.Prediction, p.Candidate.Prediction...)
		out.Baseline.Prediction = append(out.Baseline.Prediction, p.Baseline.Prediction...)
		for range p.Candidate.N {
			values = append(values, names[i])
		}
	}
	out.Baseline.Label = out.Candidate.Label
	out.Candidate.N, out.Baseline.N = len(values), len(values)
	out.Columns = map[string]*predictions.Values{"lang": column(values...)}
	return out
}

func TestSliceVerdicts(t *testing.T) {
	good, bad, unclear, small := pairOf(1800, 60, 20, 120), pairOf(800, 5, 120, 75), pairOf(400, 20, 22, 58), pairOf(9, 0, 2, 0)
	for _, c := range []struct {
		name    string
		p       *predictions.Pair
		verdict report.Verdict
		order   string
		says    string
	}{
		{"all hold", sliced([]string{"de", "en"}, good, good), report.Pass, "de PASS, en PASS", "; so it is in all of 2 slices"},
		{"one fails", sliced([]string{"de", "en", "fr"}, good, bad, good), report.Fail, "en FAIL, de PASS, fr PASS",
			"it fails in 1 of 3 slices: lang=en: accuracy fell by 0.115 (0.920 to 0.805)"},
		{"one is not decided", sliced([]string{"de", "en"}, good, unclear), report.Inconclusive, "en INCONCLUSIVE, de PASS",
			"all rows together hold; it is not decided in 1 of 2 slices: lang=en"},
		{"a small one does not count", sliced([]string{"de", "en"}, good, small), report.Pass, "de PASS, en INCONCLUSIVE", "; so it is in all of 1 slice"},
		{"only small ones", sliced([]string{"de", "en"}, small, small), report.Fail, "de INCONCLUSIVE, en INCONCLUSIVE", "accuracy fell by 0.18"},
		{"a value is missing", sliced([]string{"de", ""}, good, good), report.Pass, "(none) PASS, de PASS", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := evaluate.JudgePair(c.p, evaluate.Gate{Metric: "accuracy", Against: "old", Margin: to(0.02), Slices: []string{"lang"}})
			var order []string
			for _, s := range a.Slices {
				order = append(order, strings.TrimPrefix(s.Slice, "lang=")+" "+string(s.Verdict))
			}
			if got := strings.Join(order, ", "); a.Verdict != c.verdict || got != c.order || !strings.Contains(a.Reason, c.says) {
				t.Errorf("%s: %s\n%s", a.Verdict, got, a.Reason)
			}
			finite(t, a)
		})
	}
	a := evaluate.JudgePair(sliced([]string{"de", "en"}, good, good), evaluate.Gate{Metric: "accuracy", Against: "old", Margin: to(0.02), Slices: []string{"langs"}})
	if a.Verdict != report.Inconclusive || !strings.Contains(a.Reason, `did you mean "lang"?`) {
		t.Errorf("a column that is not there: %s %s", a.Verdict, a.Reason)
	}
	lenient := evaluate.JudgePair(sliced([]string{"de", "en"}, good, unclear),
		evaluate.Gate{Metric: "accuracy", Against: "old", Margin: to(0.02), SliceMargin: to(0.05), Slices: []string{"lang"}})
	if lenient.Verdict != report.Pass || *lenient.Margin != 0.02 || *lenient.Slices[0].Margin != 0.05 {
		t.Errorf("a margin of its own: %s %s", lenient.Verdict, lenient.Reason)
	}
	small2 := evaluate.JudgePair(sliced([]string{"de", "en"}, pairOf(27, 0, 0, 0), pairOf(28, 0, 0, 0)),
		evaluate.Gate{Metric: "accuracy", Against: "old", Margin: to(0.2), Slices: []string{"lang"}})
	if small2.Verdict != report.Inconclusive || !strings.Contains(small2.Reason, "no slice of lang has enough rows to be judged") {
		t.Errorf("all rows hold, no slice is large enough: %s %s", small2.Verdict, small2.Reason)
	}
}

// A slice that fails by a little fails alone, not as one of many.
func TestHolm(t *testing.T) {
	little := pairOf(180, 4, 14, 2)
	one := evaluate.JudgePair(sliced([]string{"x"}, little), evaluate.Gate{Metric: "accuracy", Against: "old", Margin: to(0.01), Slices: []string{"lang"}})
	if one.Verdict != report.Fail || one.Slices[0].Verdict != report.Fail {
		t.Fatalf("alone: %s", one.Reason)
	}
	names, pairs := []string{"x"}, []*predictions.Pair{little}
	for i := range 20 {
		names, pairs = append(names, fmt.Sprint("v", i)), append(pairs, pairOf(1800, 60, 20, 120))
	}
	a := evaluate.JudgePair(sliced(names, pairs...), evaluate.Gate{Metric: "accuracy", Against: "old", Margin: to(0.01), Slices: []string{"lang"}})
	s := a.Slices[0]
	if a.Verdict != report.Inconclusive || s.Verdict != report.Inconclusive || s.Slice != "lang=x" || s.AdjustedP == nil || *s.AdjustedP < 0.05 ||
		!strings.Contains(s.Reason, "among 21 slices that happens by chance") || !strings.Contains(a.Adjustment, "Holm") {
		t.Errorf("among many: %s; %s; %s", a.Reason, s.Reason, a.Adjustment)
	}
}

func TestSearch(t *testing.T) {
	rng := random(9)
	p := pairOf(0, 0, 0, 0)
	var lang, device []string
	var age []float64
	add := func(n int, l, d string, wrong float64) {
		for range n {
			label := rng.Int32N(2)
			c, b := label, label
			if rng.Float64() < wrong {
				c = 1 - label
			}
			if rng.Float64() < 0.1 {
				b = 1 - label
			}
			p.Candidate.Label, p.Candidate.Prediction, p.Baseline.Prediction = append(p.Candidate.Label, label), append(p.Candidate.Prediction, c), append(p.Baseline.Prediction, b)
			lang, device, age = append(lang, l), append(device, d), append(age, rng.Float64()*80)
		}
	}
	for _, l := range []string{"de", "en", "fr"} {
		for _, d := range []string{"pc", "tv"} {
			wrong := 0.1
			if l == "fr" && d == "tv" {
				wrong = 0.4
			}
			add(500, l, d, wrong)
		}
	}
	p.Baseline.Label, p.Candidate.N, p.Baseline.N = p.Candidate.Label, len(lang), len(lang)
	p.Columns = map[string]*predictions.Values{"lang": column(lang...), "device": column(device...), "age": {Numbers: age}}
	a := evaluate.JudgePair(p, evaluate.Gate{Metric: "accuracy", Against: "old", Margin: to(0.1), Search: true})
	if len(a.Exploratory) == 0 || len(a.Exploratory) > 10 {
		t.Fatalf("found %d", len(a.Exploratory))
	}
	first := a.Exploratory[0]
	if first.Slice != "device=tv, lang=fr" || *first.AdjustedP > 1e-6 || first.Verdict != report.Inconclusive || !strings.Contains(first.Reason, "exploratory") {
		t.Errorf("first %+v: %s", first, first.Reason)
	}
	alone := evaluate.Judge(&predictions.Set{Sample: p.Candidate, Columns: p.Columns}, evaluate.Gate{Metric: "accuracy", Min: to(0.5), Search: true})
	if alone.Verdict != report.Pass || len(alone.Exploratory) == 0 || alone.Exploratory[0].Slice != "device=tv, lang=fr" ||
		!strings.Contains(alone.Exploratory[0].Reason, "worse than all rows") {
		t.Errorf("alone: %+v", alone)
	}
	if a.Verdict != report.Pass {
		t.Errorf("a search decided: %s", a.Reason)
	}
	finite(t, a)
}

// Among many slices of two equal models some look worse; none is after the
// adjustment.
func TestSearchFindsNothing(t *testing.T) {
	rng := random(13)
	p := scored(rng, 4000, 1.2, 1.2)
	p.Columns = map[string]*predictions.Values{}
	for _, name := range []string{"a", "b", "c", "d"} {
		values := make([]string, p.Candidate.N)
		for i := range values {
			values[i] = fmt.Sprint(rng.IntN(6))
		}
		p.Columns[name] = column(values...)
	}
	a := evaluate.JudgePair(p, evaluate.Gate{Metric: "accuracy", Against: "old", Margin: to(0.1), Search: true})
	if len(a.Exploratory) != 10 {
		t.Fatalf("found %d", len(a.Exploratory))
	}
	for _, x := range a.Exploratory {
		if *x.AdjustedP < 0.05 {
			t.Errorf("%s: %s", x.Slice, x.Reason)
		}
	}
}

// Slices that cannot be harmed are among those looked at: a p-value is adjusted
// for all.
func TestSearchCountsAll(t *testing.T) {
	p := sliced([]string{"a", "b", "c", "d"}, pairOf(80, 0, 10, 10), pairOf(80, 10, 0, 10), pairOf(80, 10, 0, 10), pairOf(80, 10, 0, 10))
	a := evaluate.JudgePair(p, evaluate.Gate{Metric: "accuracy", Against: "old", Margin: to(0.5), Search: true})
	if len(a.Exploratory) != 1 || !strings.Contains(a.Exploratory[0].Reason, "one of 4 slices looked at") {
		t.Fatalf("%+v", a.Exploratory)
	}
	// The same of classes: in one slice of three a class has too few rows.
	q := sliced([]string{"a", "b"}, pairOf(80, 0, 10, 10), pairOf(80, 0, 10, 10))
	for i := 105; i < 200; i++ {
		q.Candidate.Label[i], q.Candidate.Prediction[i], q.Baseline.Prediction[i] = 0, 0, 0
	}
	b := evaluate.JudgePair(q, evaluate.Gate{Metric: "f1", Against: "old", Margin: to(0.9), Search: true})
	if len(b.Exploratory) != 1 || !strings.Contains(b.Exploratory[0].Reason, "one of 2 slices looked at") {
		t.Fatalf("%+v", b.Exploratory)
	}
}

// A search of a metric that is costly to bound looks at what it can, and says so.
func TestSearchIsBounded(t *testing.T) {
	p := scored(random(10), 60_000, 1, 1.2)
	p.Columns = map[string]*predictions.Values{}
	for _, name := range []string{"a", "b", "c", "d"} {
		values := make([]string, p.Candidate.N)
		for i := range values {
			values[i] = fmt.Sprint(i % 10)
		}
		p.Columns[name] = column(values...)
	}
	a := evaluate.JudgePair(p, evaluate.Gate{Metric: "log_loss", Against: "old", Margin: to(1), Search: true})
	if a.Verdict != report.Pass || len(a.Notes) != 0 {
		t.Errorf("%s %q", a.Reason, a.Notes)
	}
	if testing.Short() {
		return
	}
	for i := range p.Candidate.N {
		p.Candidate.Cluster = append(p.Candidate.Cluster, int32(i/50))
	}
	p.Baseline.Cluster = p.Candidate.Cluster
	a = evaluate.JudgePair(p, evaluate.Gate{Metric: "accuracy", Against: "old", Margin: to(1), Search: true, Resampling: evaluate.Resampling{Resamples: 20}})
	if len(a.Notes) != 1 || !strings.Contains(a.Notes[0], "; all would take too long") {
		t.Errorf("%s %q", a.Reason, a.Notes)
	}
}
