package evalcheck

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
)

type expected struct {
	Frames []struct {
		Groups, Labels, Predictions string
		Measures                    map[string]struct{ Difference, Ratio *float64 }
	}
	Pairs []struct {
		K1, N1, K2, N2    int64
		Level             float64
		Difference, Ratio []*float64
	}
	Clusters []struct {
		Clusters, Hits []int32
		Effect         float64
	}
}

func reference(t *testing.T) (e expected) {
	data, err := os.ReadFile("testdata/reference.json")
	if err == nil {
		err = json.Unmarshal(data, &e)
	}
	if err != nil || len(e.Frames) < 50 || len(e.Pairs) < 200 || len(e.Clusters) < 30 {
		t.Fatal("testdata/reference.json:", err)
	}
	return e
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(b)) }

// The values are Fairlearn's by its definitions.
func TestFairnessAgreesWithFairlearn(t *testing.T) {
	for i, c := range reference(t).Frames {
		var all []row
		for j := range c.Groups {
			all = append(all, row{c.Groups[j : j+1], int32(c.Labels[j] - '0'), int32(c.Predictions[j] - '0')})
		}
		env := Env{Candidate: set(all)}
		for measure, want := range c.Measures {
			f := one(t, env, spec("evaluation.fairness", "column", "region", "measure", measure, "maxDifference", 0.5, "minRows", int64(1)))
			if got := f.Details["value"].(float64); !near(got, *want.Difference) {
				t.Errorf("%d: difference of %s %v, want %v", i, measure, got, *want.Difference)
			}
			f = one(t, env, spec("evaluation.fairness", "column", "region", "measure", measure, "minRatio", 0.5, "minRows", int64(1)))
			if got := f.Details["value"].(float64); !near(got, *want.Ratio) {
				t.Errorf("%d: ratio of %s %v, want %v", i, measure, got, *want.Ratio)
			}
		}
	}
}

func TestIntervalsOfPairs(t *testing.T) {
	for i, c := range reference(t).Pairs {
		x, y, sure := newProportion(c.K1, c.N1), newProportion(c.K2, c.N2), confidence((1+c.Level)/2)
		lower, upper := difference(x, y, sure)
		if !near(lower, *c.Difference[0]) || !near(upper, *c.Difference[1]) {
			t.Errorf("%d: difference %v to %v, want %v to %v", i, lower, upper, *c.Difference[0], *c.Difference[1])
		}
		lower, upper = ratio(x, y, sure)
		if math.Abs(lower-*c.Ratio[0]) > 1e-8 || c.Ratio[1] != nil && math.Abs(upper / *c.Ratio[1] - 1) > 1e-8 {
			t.Errorf("%d: ratio %v to %v, want %v to %v", i, lower, upper, *c.Ratio[0], c.Ratio[1])
		}
	}
	for _, c := range []struct {
		k1, n1, k2, n2 int64
		infinite       bool
	}{{0, 30, 0, 30, true}, {0, 30, 30, 30, false}, {30, 30, 30, 30, false}, {30, 30, 0, 30, true}, {0, 1, 1, 1, false}, {1, 1, 1, 1, false}} {
		lower, upper := ratio(newProportion(c.k1, c.n1), newProportion(c.k2, c.n2), 0.95)
		if !(lower >= 0 && lower < upper) || math.IsInf(upper, 1) != c.infinite {
			t.Errorf("%v: %v to %v", c, lower, upper)
		}
	}
}

func TestClusters(t *testing.T) {
	for i, c := range reference(t).Clusters {
		all := make([]int32, len(c.Hits))
		for j := range all {
			all[j] = int32(j)
		}
		p := clustered(c.Clusters, func(row int32) (counts, hit bool) { return true, c.Hits[row] == 1 }, all)
		if want := max(int64(float64(len(all))/max(c.Effect, 1)), 1); p.effectiveN < want-1 || p.effectiveN > want+1 || p.n != int64(len(all)) {
			t.Errorf("%d: worth %d of %d rows, want %d", i, p.effectiveN, p.n, want)
		}
	}
	// All are hits: each of the three clusters is worth a row.
	p := clustered([]int32{0, 0, 0, 1, 1, 1, 2, 2, 2}, func(int32) (counts, hit bool) { return true, true }, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8})
	if p.effectiveN != 3 || p.effectiveHits != 3 {
		t.Errorf("%+v", p)
	}
}

func TestFairness(t *testing.T) {
	north := func(n int, positive float64) []row {
		k := int(math.Round(float64(n) * positive))
		return append(rows(k, "north", 1, 1), rows(n-k, "north", 0, 0)...)
	}
	south := func(n int, positive float64) []row {
		out := north(n, positive)
		for i := range out {
			out[i].group = "south"
		}
		return out
	}
	noPositives := set(rows(100, "north", 0, 0), rows(100, "south", 0, 0))
	oneUndefined := set(rows(100, "north", 1, 1), rows(100, "south", 0, 0), rows(100, "east", 1, 1))
	numbers := set(rows(200, "", 1, 1), rows(200, "", 0, 0))
	numbers.Columns["age"] = &predictions.Values{Numbers: make([]float64, 400)}
	for i := range numbers.Columns["age"].Numbers {
		numbers.Columns["age"].Numbers[i] = float64(i)
	}
	unclear := set(north(100, 0.5), south(100, 0.5))
	unclear.Sample.Positive = -1
	scores := set(north(100, 0.5), south(100, 0.5))
	scores.Sample.Prediction = nil
	const check = "evaluation.fairness"
	for i, c := range []struct {
		set    *predictions.Set
		params []any
		want   string
	}{
		{set(north(2000, 0.5), south(2000, 0.51)), []any{"maxDifference", 0.1}, "PASS the selection rate of south is 0.510, of north 0.500: a difference of 0.010; even the worst case of its 90 % interval (−0.016 to 0.036) is within the allowed 0.1"},
		{set(north(2000, 0.5), south(2000, 0.7)), []any{"maxDifference", 0.1}, "FAIL the selection rate of south is 0.700, of north 0.500: a difference of 0.200; all of its 90 % interval"},
		{set(north(100, 0.5), south(100, 0.52)), []any{"maxDifference", 0.1}, "INCONCLUSIVE reaches beyond the allowed 0.1; about "},
		{set(north(2000, 0.5), south(2000, 0.49)), []any{"minRatio", 0.8}, "PASS a ratio of 0.980"},
		{set(north(2000, 0.5), south(2000, 0.3)), []any{"minRatio", 0.8}, "FAIL a ratio of 0.600; all of its 90 % interval (0.561 to 0.642) is beyond the asked-for 0.8"},
		{set(north(100, 0.5), south(100, 0.42)), []any{"minRatio", 0.8}, "INCONCLUSIVE about "},
		{set(north(2000, 0.5), south(2000, 0.5), rows(29, "west", 1, 1)), []any{"maxDifference", 0.1}, "PASS not judged, with fewer than 30 rows: west (29)"},
		{set(north(2000, 0.5), south(2000, 0.5), rows(200, "", 1, 1)), []any{"maxDifference", 0.1}, "FAIL the selection rate of (none) is 1.000"},
		{set(north(2000, 0.5), rows(29, "west", 1, 1)), []any{"maxDifference", 0.1}, "INCONCLUSIVE 1 group of \"region\" can be judged; the others have fewer than 30 rows: west (29)"},
		{set(north(2000, 0.5)), []any{"maxDifference", 0.1}, "INCONCLUSIVE there is nothing to compare"},
		{set(north(2000, 0.5), south(2000, 0.5)), []any{"maxDifference", 0.1, "column", "lang"}, "INCONCLUSIVE slice \"lang\""},
		{set(north(2000, 0.5), south(2000, 0.5)), []any{"maxDifference", 0.1, "groups", []any{"north", "west"}}, "INCONCLUSIVE no row is of the group \"west\""},
		{set(north(2000, 0.5), south(2000, 0.5), rows(99, "west", 1, 1)), []any{"maxDifference", 0.1, "groups", []any{"north", "south"}}, "PASS "},
		{set(north(2000, 0.5), south(2000, 0.5)), []any{"maxDifference", 0.1, "measure", "mcc"}, "INCONCLUSIVE \"mcc\" is no share of rows"},
		{set(north(2000, 0.5), south(2000, 0.5)), []any{"maxDifference", 0.1, "measure", "acuracy"}, "INCONCLUSIVE did you mean accuracy"},
		{set(north(200, 0.5), south(200, 0.5)), []any{"maxDifference", 0.1, "measure", "equalised-odds"}, "PASS "},
		{set(north(20, 0.5), south(20, 0.5)), []any{"maxDifference", 0.1, "minRows", int64(1)}, "INCONCLUSIVE "},
		{noPositives, []any{"minRatio", 0.8}, "INCONCLUSIVE their ratio is 0/0"},
		{noPositives, []any{"maxDifference", 0.1, "measure", "tpr"}, "INCONCLUSIVE true positive rate of all rows is undefined: no row has the label"},
		// The same rate, of which that of the small group is known least.
		{set(rows(2000, "a", 0, 0), rows(35, "b", 0, 0)), []any{"maxDifference", 0.05}, "INCONCLUSIVE its 90 % interval (−0.072 to 0.001) reaches beyond the allowed 0.05; about "},
		{set(rows(35, "a", 0, 0), rows(2000, "b", 0, 0)), []any{"maxDifference", 0.05}, "INCONCLUSIVE its 90 % interval (−0.001 to 0.072) reaches beyond the allowed 0.05; about "},
		{set(rows(2000, "a", 1, 1), rows(35, "b", 1, 1)), []any{"minRatio", 0.95}, "INCONCLUSIVE its 90 % interval (0.928 to 1.001) reaches beyond the asked-for 0.95; about "},
		{set(rows(35, "a", 1, 1), rows(2000, "b", 1, 1)), []any{"minRatio", 0.95}, "INCONCLUSIVE its 90 % interval (0.999 to 1.077) reaches beyond the asked-for 0.95; about "},
		{oneUndefined, []any{"maxDifference", 0.1, "measure", "tpr"}, "INCONCLUSIVE the true positive rate of south is undefined: none of their rows counts for it; the others keep"},
		{numbers, []any{"maxDifference", 0.1, "column", "age:2"}, "FAIL the selection rate of age=[0, 199] is 1.000, of age=(199, 399] 0.000"},
		{unclear, []any{"maxDifference", 0.1}, "INCONCLUSIVE which class is positive is not clear"},
		{unclear, []any{"maxDifference", 0.1, "measure", "accuracy"}, "PASS "},
		{scores, []any{"maxDifference", 0.1}, "INCONCLUSIVE needs a column of predictions"},
		{set(), []any{"maxDifference", 0.1}, "INCONCLUSIVE the file has no rows"},
		{&predictions.Set{Problems: []string{"row 3 has no label"}}, []any{"maxDifference", 0.1}, "INCONCLUSIVE nothing can be computed: row 3 has no label"},
		{nil, []any{"maxDifference", 0.1}, "INCONCLUSIVE there are no predictions"},
	} {
		f := one(t, Env{Candidate: c.set}, spec(check, append([]any{"column", "region"}, c.params...)...))
		if wants(t, f, c.want); t.Failed() {
			t.Fatalf("case %d", i)
		}
	}
}

// Perfect agreement on few rows is no proof, and rows of one user are not as
// many as they look.
func TestFairnessNeedsRows(t *testing.T) {
	entry := spec("evaluation.fairness", "column", "region", "minRatio", 0.9, "measure", "tpr", "minRows", int64(1))
	few := set(rows(5, "north", 1, 1), rows(5, "south", 1, 1))
	wants(t, one(t, Env{Candidate: few}, entry), "INCONCLUSIVE ")
	many := set(rows(500, "north", 1, 1), rows(500, "south", 1, 1))
	wants(t, one(t, Env{Candidate: many}, entry), "PASS ")
	many.Sample.Cluster = make([]int32, 1000)
	for i := range many.Sample.Cluster {
		many.Sample.Cluster[i] = int32(i / 100)
	}
	wants(t, one(t, Env{Candidate: many}, entry), "INCONCLUSIVE ")
}

// At a true difference that is the limit, PASS and FAIL are wrong; each happens
// no more often than the confidence says, also for the worst of three groups.
func TestFairnessSimulated(t *testing.T) {
	const runs, n, alpha = 600, 300, 0.05
	for _, c := range []struct {
		name, parameter string
		limit           float64
		rates           []float64
	}{
		{"difference", "maxDifference", 0.1, []float64{0.5, 0.6}},
		{"difference of three", "maxDifference", 0.1, []float64{0.5, 0.6, 0.5}},
		{"ratio", "minRatio", 0.8, []float64{0.5, 0.4}},
		{"ratio of three", "minRatio", 0.8, []float64{0.5, 0.4, 0.4}},
	} {
		r := random(3)
		count := map[report.Verdict]int{}
		for range runs {
			var all []row
			for g, rate := range c.rates {
				for range n {
					v := int32(0)
					if r.Float64() < rate {
						v = 1
					}
					all = append(all, row{string(rune('a' + g)), v, v})
				}
			}
			count[one(t, Env{Candidate: set(all)}, spec("evaluation.fairness", "column", "region", c.parameter, c.limit)).Verdict]++
		}
		limit := alpha + 3*math.Sqrt(alpha*(1-alpha)/runs)
		for _, v := range []report.Verdict{report.Pass, report.Fail} {
			if share := float64(count[v]) / runs; share > limit {
				t.Errorf("%s: %s in %.3f of the runs, at most %.3f would be right", c.name, v, share, limit)
			}
		}
		t.Log(c.name, count)
	}
}

func TestFairnessSections(t *testing.T) {
	s := set(rows(40, "a\x1b[31m", 1, 1), rows(40, "b", 0, 0), rows(40, "c", 1, 0))
	_, sections := run(t, Env{Candidate: s}, spec("evaluation.fairness", "column", "region", "maxDifference", 0.1, "minRatio", 0.8))
	if len(sections) != 3 || len(sections[0].Table.Rows) != 3 || len(sections[1].Intervals.Rows) != 3 {
		t.Fatalf("%+v", sections)
	}
	for _, row := range sections[0].Table.Rows {
		if strings.ContainsRune(row[0], 0x1b) {
			t.Errorf("%q", row)
		}
	}
}
