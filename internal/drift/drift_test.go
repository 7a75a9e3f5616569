package drift

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

func write(t *testing.T, name, text string) table.File {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return table.File{Name: name, Path: p}
}

// csv is a column x of these lines.
func csv[T any](t *testing.T, name string, values []T) table.File {
	t.Helper()
	var b strings.Builder
	b.WriteString("x\n")
	for _, v := range values {
		fmt.Fprintf(&b, "%v\n", v)
	}
	return write(t, name, b.String())
}

func mustCompare(t *testing.T, a, b table.File, o Options) *Result {
	t.Helper()
	r, err := Compare(context.Background(), a, b, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// repeat has value i+1 as often as counts[i].
func repeat(counts ...int) []int {
	var out []int
	for i, n := range counts {
		out = append(out, slices.Repeat([]int{i + 1}, n)...)
	}
	return out
}

// The values of vector A of Evidently's tests (test_freq_obs_eq_freq_exp) by
// each method and preset; computed with scipy 1.17.1, see
// ../stats/testdata/drift_reference.py.
func TestVectorA(t *testing.T) {
	ref, cur := csv(t, "ref.csv", repeat(16, 18, 16, 14, 12, 12)), csv(t, "cur.csv", repeat(16, 16, 16, 16, 16, 8))
	for _, c := range []struct {
		preset, method string
		statistic, p   float64
	}{
		{"waybill", "psi", 0.0372183816, 0},
		{"waybill", "kl", 0.0189096770, 0},
		{"waybill", "chi-square", 1.62240896, 0.89852624},
		{"evidently", "chi-square", 3.17460317, 0.67308760},
		{"evidently", "", 0.0454545455, 0.9999926090}, // six values are numbers to it
		{"waybill", "hellinger", 0.0681277437, 0},
		{"waybill", "js-distance", 0.0817342133, 0},
		{"evidently", "js-distance", 0.0680481962, 0},
		{"waybill", "js-divergence", 0.0066804816, 0},
		{"waybill", "l-infinity", 0.0454545455, 0},
		{"waybill", "tvd", 0.0681818182, 0},
		{"waybill", "wasserstein", 0.0544331054, 0},
		{"nannyml", "wasserstein", 0.0909090909, 0},
		{"waybill", "ks", 0.0454545455, 0.9999926090},
	} {
		r := mustCompare(t, ref, cur, Options{Preset: c.preset, Method: c.method, Threshold: map[bool]float64{true: 0.5}[c.preset == "nannyml"]})
		got := r.Columns[0]
		if got.Statistic == nil || math.Abs(*got.Statistic-c.statistic) > 1e-9 || got.Verdict != report.Pass || got.Convention == "" {
			t.Errorf("%s %s: %s", c.preset, c.method, show(got))
			continue
		}
		if (got.PValue != nil) != (c.p != 0) || c.p != 0 && math.Abs(*got.PValue-c.p) > 1e-5 {
			t.Errorf("%s %s: p in %s, want %v", c.preset, c.method, show(got), c.p)
		}
	}
}

func show(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// The same data in other formats, spellings and orders is the same.
func TestFormats(t *testing.T) {
	var a, b, c strings.Builder
	a.WriteString("x,y,z\n")
	b.WriteString("y,z,x\n")
	for i := range 300 {
		word := string(rune('a' + i*i%7))
		fmt.Fprintf(&a, "%d,%s,%d\n", i*i%97, word, i%4)
		j := 299 - i
		fmt.Fprintf(&b, "%c,%d.0,%d.00\n", 'a'+j*j%7, j%4, j*j%97)
		fmt.Fprintf(&c, "{\"z\":%d,\"x\":%d,\"y\":%q}\n", i%4, i*i%97, word)
	}
	first := write(t, "a.csv", a.String())
	for _, other := range []table.File{write(t, "b.csv", b.String()), write(t, "c.jsonl", c.String())} {
		for _, method := range []string{"", "psi", "l-infinity"} {
			r := mustCompare(t, first, other, Options{Method: method})
			if len(r.Columns) != 3 || r.Verdict != report.Pass || r.Drifted != 0 {
				t.Fatalf("%s: %s", other.Name, show(r))
			}
			for i, want := range []string{Numeric, Category, Category} {
				s := r.Columns[i].Statistic
				if r.Columns[i].Type != want || s == nil || *s != 0 {
					t.Errorf("%s %s: %s", other.Name, method, show(r.Columns[i]))
				}
			}
		}
	}
}

// Each preset's choice of method for a column.
func TestPresetsChoose(t *testing.T) {
	numbers := func(n int, shift float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = math.Mod(float64(i)*0.6180339887, 1) + shift
		}
		return out
	}
	words := func(n, k int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = string(rune('a' + i%k))
		}
		return out
	}
	small, large := csv(t, "small.csv", numbers(500, 0)), csv(t, "large.csv", numbers(2000, 0))
	three, many := csv(t, "three.csv", words(500, 3)), csv(t, "many.csv", words(2000, 3))
	two := csv(t, "two.csv", words(500, 2))
	for _, c := range []struct {
		preset string
		file   table.File
		method string
		by     string
	}{
		{"", small, "ks", "pValue"}, {"", large, "wasserstein", "statistic"}, {"", three, "chi-square", "pValue"}, {"", many, "js-distance", "statistic"},
		{"evidently", small, "ks", "pValue"}, {"evidently", large, "wasserstein", "statistic"}, {"evidently", three, "chi-square", "pValue"},
		{"evidently", many, "js-distance", "statistic"}, {"evidently", two, "chi-square", "pValue"},
		{"tfdv", small, "js-divergence", "statistic"}, {"tfdv", three, "l-infinity", "statistic"},
		{"nannyml", small, "js-distance", "statistic"}, {"nannyml", three, "js-distance", "statistic"},
		{"deepchecks", small, "ks", "statistic"}, {"deepchecks", three, "cramers-v", "statistic"},
	} {
		o := Options{Preset: c.preset}
		if c.preset == "tfdv" {
			o.Threshold = 0.1
		}
		r := mustCompare(t, c.file, c.file, o)
		if got := r.Columns[0]; got.Method != c.method || got.DecidedBy != c.by || got.Verdict != report.Pass {
			t.Errorf("%s %s: %s", c.preset, c.file.Name, show(got))
		}
	}
	// A shift by a tenth of the range is drift by each.
	shifted := csv(t, "shifted.csv", numbers(2000, 0.3))
	for _, p := range Presets() {
		o := Options{Preset: p}
		if p == "tfdv" {
			o.Threshold = 0.1
		}
		if r := mustCompare(t, large, shifted, o); r.Verdict != report.Fail || r.Drifted != 1 || r.Share != 1 {
			t.Errorf("%s: %s", p, show(r))
		}
	}
}

// A test of proportions: Evidently's z-test for two categories, whose p-value
// is that of statsmodels' proportions_ztest.
func TestTwoCategories(t *testing.T) {
	r := mustCompare(t, csv(t, "a.csv", repeat(30, 70)), csv(t, "b.csv", repeat(45, 55)), Options{Preset: "evidently"})
	c := r.Columns[0]
	// z² = (0.30−0.45)² / (0.375·0.625·(1/100+1/100)) = 4.8; p = 2·Φ(−√4.8).
	if math.Abs(*c.Statistic-4.8) > 1e-9 || math.Abs(*c.PValue-0.0284597369) > 1e-9 || c.Verdict != report.Fail {
		t.Error(show(c))
	}
}

// TestNames: that some of the rows are other rows is no drift of identifiers and
// texts. Who names such a column has it compared, as the tools' presets have.
func TestNames(t *testing.T) {
	file := func(name string, from, to int) table.File {
		var b strings.Builder
		b.WriteString("id,label\n")
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, "row-%d,%d\n", i, i%3)
		}
		return write(t, name, b.String())
	}
	a, b := file("a.csv", 0, 2000), file("b.csv", 100, 2000)
	r := mustCompare(t, a, b, Options{})
	if c := r.Columns[0]; !c.Skipped || c.Verdict != report.Inconclusive || r.Verdict != report.Pass || r.Share != 0 {
		t.Errorf("%s: %s", r.Verdict, show(c))
	}
	for _, o := range []Options{{Columns: []string{"id"}}, {Type: Category}, {Preset: "evidently"}} {
		if c := mustCompare(t, a, b, o).Columns[0]; c.Skipped || c.Statistic == nil {
			t.Error(show(c))
		}
	}
	if r := mustCompare(t, file("a.csv", 0, 60), file("b.csv", 0, 60), Options{}); r.Columns[0].Skipped != true {
		t.Error(show(r.Columns[0]))
	}
	if r := mustCompare(t, file("a.csv", 0, 40), file("b.csv", 0, 40), Options{}); r.Columns[0].Skipped {
		t.Error("40 values are too few to tell", show(r.Columns[0]))
	}
	only := func(name string) table.File { return csv(t, name, ids(80)) }
	if r := mustCompare(t, only("a.csv"), only("b.csv"), Options{}); r.Verdict != report.Inconclusive {
		t.Error("nothing was compared:", show(r))
	}
}

func ids(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("id%d", i)
	}
	return out
}

func TestUndecided(t *testing.T) {
	some := csv(t, "some.csv", repeat(10, 10, 10))
	words := make([]string, maxCategories+1)
	for i := range words {
		words[i] = fmt.Sprintf("word %d", i)
	}
	for _, c := range []struct {
		reference, current table.File
		o                  Options
		note               string
	}{
		{some, csv(t, "few.csv", repeat(4, 5)), Options{}, "too few values: the current side has 9, 10 are needed"},
		{some, write(t, "null.csv", "x,y\n,1\n,2\n"), Options{Columns: []string{"x"}}, "the current side has no value"},
		{some, write(t, "other.csv", "y\n1\n"), Options{Columns: []string{"x"}}, "only the reference has this column"},
		{write(t, "other.csv", "y\n1\n"), some, Options{Columns: []string{"x"}}, "the reference does not have this column"},
		{some, csv(t, "mixed.csv", append([]string{"n/a"}, words[:20]...)), Options{Method: "ks"}, "needs numbers, but holds other values: 0 of 30 of the reference, 21 of 21"},
		{csv(t, "ids.csv", words), csv(t, "ids.csv", words), Options{}, "more than 10000 different values"},
	} {
		r := mustCompare(t, c.reference, c.current, c.o)
		got := r.Columns[0]
		if got.Verdict != report.Inconclusive || r.Verdict != report.Inconclusive || r.Drifted != 0 || !strings.Contains(got.Note, c.note) || got.Statistic != nil {
			t.Errorf("want %q, got %s", c.note, show(got))
		}
	}
	// Drift in one column outweighs what is unknown of another.
	a, b := "x,y\n"+strings.Repeat("1,\n", 20), "x,y\n"+strings.Repeat("2,\n", 20)
	if r := mustCompare(t, write(t, "a.csv", a), write(t, "b.csv", b), Options{}); r.Verdict != report.Fail || r.Drifted != 1 || r.Share != 1 {
		t.Error(show(r))
	}
}

// Deepchecks, tests/utils/drift_test.py; TFDV has a point for a side of one
// value, which matches nothing else.
func TestOtherTools(t *testing.T) {
	for _, c := range []struct {
		reference, current []int
		o                  Options
		want               float64
	}{
		{repeat(200, 800), repeat(400, 600), Options{Preset: "deepchecks"}, 0.21602579},
		// The larger side counts as much as the smaller.
		{repeat(200, 800), repeat(4000, 6000), Options{Preset: "deepchecks"}, 0.21602579},
		// 1 in 200 is merged with 1 in 200.
		{repeat(1, 0, 199), repeat(0, 1, 199), Options{Preset: "deepchecks"}, 0},
		{repeat(30), repeat(30), Options{Preset: "tfdv", Type: Numeric, Threshold: 1}, 0},
		{repeat(30), repeat(0, 30), Options{Preset: "tfdv", Type: Numeric, Threshold: 2}, 1},
		{repeat(30), repeat(10, 10, 10), Options{Preset: "tfdv", Type: Numeric, Threshold: 2}, 1},
		{repeat(10, 10, 10), repeat(0, 30), Options{Preset: "tfdv", Type: Numeric, Threshold: 2}, 1},
	} {
		got := mustCompare(t, csv(t, "a.csv", c.reference), csv(t, "b.csv", c.current), c.o).Columns[0]
		if got.Statistic == nil || math.Abs(*got.Statistic-c.want) > 1e-8 {
			t.Errorf("want %v, got %s", c.want, show(got))
		}
	}
}

// Evidently's chi-square has no finite value for a new category.
func TestNewCategory(t *testing.T) {
	r := mustCompare(t, csv(t, "a.csv", repeat(20, 20)), csv(t, "b.csv", repeat(20, 20, 5)), Options{Preset: "evidently"})
	c := r.Columns[0]
	if c.Statistic != nil || c.PValue == nil || *c.PValue != 0 || c.Verdict != report.Fail || !strings.Contains(c.Note, "infinite") {
		t.Error(show(c))
	}
}

func TestNotes(t *testing.T) {
	a := "x\n" + strings.Repeat("1.5\n", 30) + "nan\ninf\n\"\"\n"
	a = strings.TrimSuffix(a, "\"\"\n") + strings.Repeat("2.5\n", 10)
	r := mustCompare(t, write(t, "a.csv", a), write(t, "b.csv", a), Options{Method: "wasserstein"})
	if c := r.Columns[0]; c.Verdict != report.Pass || !strings.Contains(c.Note, "NaN or infinite: 2 in the reference, 2 in") {
		t.Error(show(c))
	}
	// By TFDV's convention they never match: 2 of 42 on either side.
	r = mustCompare(t, write(t, "a.csv", a), write(t, "b.csv", a), Options{Preset: "tfdv", Type: Numeric, Threshold: 0.5})
	if c := r.Columns[0]; c.Statistic == nil || math.Abs(*c.Statistic-2.0/42) > 1e-9 {
		t.Error(show(c))
	}
	b := `{"x":1}` + "\n" + strings.Repeat(`{"x":null}`+"\n", 3) + strings.Repeat(`{"x":2}`+"\n", 10)
	r = mustCompare(t, write(t, "a.jsonl", b), write(t, "b.jsonl", b), Options{})
	if c := r.Columns[0]; !strings.Contains(c.Note, "3 of 14 in the reference, 3 of 14 in") {
		t.Error(show(c))
	}
}

func TestMistakes(t *testing.T) {
	a := csv(t, "a.csv", repeat(10, 10))
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Method: "psy"}, `method "psy": expected one of psi, ks`},
		{Options{Preset: "soda"}, `preset "soda": expected one of waybill, evidently`},
		{Options{Preset: "tfdv", Method: "psi"}, "preset tfdv has no psi: it has js-divergence, l-infinity"},
		{Options{Preset: "tfdv"}, "preset tfdv has no default threshold"},
		{Options{Preset: "nannyml", Method: "ks"}, "ks of preset nannyml has no default threshold"},
		{Options{Type: "text"}, `type "text": expected numeric or category`},
		{Options{Type: Category, Method: "ks"}, "ks of preset waybill is for numeric columns"},
		{Options{Threshold: -1}, "expected a number above 0"},
		{Options{Columns: []string{"y"}}, `column "y": neither side has it; the reference has: x`},
	} {
		_, err := Compare(context.Background(), a, a, c.o)
		var usage *UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
	var data *table.DataError
	if _, err := Compare(context.Background(), a, write(t, "b.csv", "x\n\"1\n"), Options{}); !errors.As(err, &data) {
		t.Errorf("a quote that is not closed: %v", err)
	}
}

// Numbers at the ends of float64 are drift or undecided, never a PASS by
// overflow, and equal sides never drift.
func TestExtremes(t *testing.T) {
	low, high := make([]float64, 40), make([]float64, 40)
	for i := range low {
		low[i], high[i] = -1.7e308+float64(i)*1e305, 1.7e308-float64(i)*1e305
	}
	a, b := csv(t, "a.csv", low), csv(t, "b.csv", append(high, low[0]))
	for _, p := range presets {
		for method, m := range p.measures {
			if m.only == Category {
				continue
			}
			o := Options{Preset: p.name, Method: method, Threshold: 0.05}
			if c := mustCompare(t, a, b, o).Columns[0]; c.Verdict == report.Pass {
				t.Errorf("%s: %s", p.name, show(c))
			}
			if c := mustCompare(t, b, b, o).Columns[0]; c.Verdict == report.Fail {
				t.Errorf("%s: %s", p.name, show(c))
			}
		}
	}
}

// Every method of every preset takes what it says it takes, and answers.
func TestEveryMeasure(t *testing.T) {
	for _, p := range presets {
		for method, m := range p.measures {
			if !slices.Contains(Methods, method) {
				t.Errorf("%s: %s is not a method", p.name, method)
			}
			for _, kind := range []string{Numeric, Category} {
				if m.only != "" && m.only != kind {
					continue
				}
				o := Options{Preset: p.name, Method: method, Type: kind, Threshold: 0.5}
				for _, values := range [][]int{repeat(10), repeat(10, 5), repeat(40, 30, 20, 10), repeat(100, 1, 1, 1)} {
					for _, others := range [][]int{repeat(10), repeat(0, 10), repeat(10, 5), repeat(0, 0, 5, 40)} {
						c := mustCompare(t, csv(t, "a.csv", values), csv(t, "b.csv", others), o).Columns[0]
						if c.Type != kind || c.Verdict == report.Inconclusive || c.Statistic != nil && *c.Statistic < 0 {
							t.Errorf("%s %s of %v and %v: %s", p.name, method, values, others, show(c))
						}
					}
					same := mustCompare(t, csv(t, "a.csv", values), csv(t, "b.csv", values), o).Columns[0]
					if same.Verdict != report.Pass || *same.Statistic > 1e-9 {
						t.Errorf("%s %s of equal sides: %s", p.name, method, show(same))
					}
				}
			}
		}
	}
}

// What the sampler keeps depends on the rows, not on their order, nor on how
// they were shared out.
func TestSampler(t *testing.T) {
	a, b := newSampler(1000), newSampler(1000)
	var shards [3]sampler
	for i := range shards {
		shards[i] = newSampler(1000)
	}
	const rows = 50_000
	for i := int64(1); i <= rows; i++ {
		a.add(0, i, float64(i))
		b.add(0, rows+1-i, float64(rows+1-i))
		shards[min(i/20, 2)].add(0, i, float64(i))
	}
	slices.Sort(b.values)
	merged := newSampler(1000)
	for i := range shards {
		merged.merge(&shards[i])
	}
	slices.Sort(merged.values)
	if !slices.Equal(a.values, merged.values) || merged.bound != a.bound {
		t.Errorf("merged: %d values below %d, at once: %d below %d", len(merged.values), merged.bound, len(a.values), a.bound)
	}
	if !slices.Equal(a.values, b.values) || a.all() || len(a.values) > 1000 || len(a.values) < 400 {
		t.Fatalf("%d and %d of %d values", len(a.values), len(b.values), rows)
	}
	mean := 0.0
	for _, v := range a.values {
		mean += v / float64(len(a.values))
	}
	// The standard error of the mean is about 14,400/√800 = 510.
	if math.Abs(mean-rows/2) > 4*510 {
		t.Errorf("the mean of the sample is %v", mean)
	}
}
