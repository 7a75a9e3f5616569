package drift

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// TestPresets holds each preset to what its tool itself computes and decides,
// and to the method that it chooses: testdata/presets_reference.py.
func TestPresets(t *testing.T) {
	for _, preset := range []string{"evidently", "tfdv", "nannyml", "deepchecks"} {
		b, err := os.ReadFile("testdata/" + preset + "_presets.json")
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Columns []struct {
				Name, Shape, Default string
				Reference, Current   shape
				// By method: the statistic, the p-value, whether it is drift.
				Results map[string]result
			}
		}
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		cases := 0
		for _, w := range want.Columns {
			if preset == "tfdv" && w.Shape == "nans" {
				continue // it drops NaN when it splits bins, and keeps it when it need not: see tfdvNames
			}
			x, y := w.Reference.file(t, w.Shape, 1), w.Current.file(t, w.Shape, 2)
			for method, r := range w.Results {
				cases++
				o := Options{Columns: []string{"x"}, Preset: preset, Method: method}
				if method == "z" {
					o.Method = "" // Evidently has it for two categories only, waybill as chi-square
				}
				if preset == "tfdv" || preset == "nannyml" && method != "chi-square" {
					o.Threshold = 0.1 // the script's
				}
				if preset == "evidently" && !strings.HasPrefix(w.Name, "words") {
					o.Type = Numeric // the script's
				}
				if problem := r.differs(mustCompare(t, x, y, o).Columns[0]); problem != "" {
					t.Errorf("%s %s: %s", preset, w.Name, problem)
				}
				o = Options{Columns: o.Columns, Preset: preset, Threshold: o.Threshold}
				if method == w.Default {
					if problem := r.differs(mustCompare(t, x, y, o).Columns[0]); problem != "" {
						t.Errorf("%s %s by default %s: %s", preset, w.Name, method, problem)
					}
				}
			}
		}
		if cases < 20 {
			t.Errorf("%s: only %d cases", preset, cases)
		}
	}
}

// result is what a tool found of a column by a method; null what it does not
// tell or what is not finite.
type result struct {
	statistic, p *float64
	drift        bool
}

func (r *result) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&r.statistic, &r.p, &r.drift})
}

// differs compares to six digits.
func (r *result) differs(c Column) string {
	near := func(got, want *float64) bool {
		return want == nil || got != nil && (math.Abs(*got-*want) <= 1e-6*math.Abs(*want) || math.Abs(*got-*want) < 1e-9)
	}
	if near(c.Statistic, r.statistic) && near(c.PValue, r.p) && c.Verdict != report.Inconclusive && (c.Verdict == report.Fail) == r.drift {
		return ""
	}
	want, _ := json.Marshal([]any{r.statistic, r.p, r.drift})
	return fmt.Sprintf("want %s, got %s", want, show(c))
}

// shape makes the columns of presets_reference.py.
type shape struct {
	Rows         int
	Scale, Shift float64
}

func (s shape) file(t *testing.T, name string, seed uint64) table.File {
	t.Helper()
	var b strings.Builder
	b.WriteString("x,y\n") // y has no values, such that x may have none
	put := func(v any) { fmt.Fprintf(&b, "%v,\n", v) }
	uniform := func() float64 {
		seed = seed*6364136223846793005 + 1442695040888963407
		return float64(seed>>33) / (1 << 31)
	}
	for i := range s.Rows {
		u := uniform()
		whole := math.Trunc(float64(u*u*s.Scale) + s.Shift)
		switch name {
		case "normal":
			u = u + uniform()
			u = u + uniform()
			u = u + uniform()
			put(float64(u/4*s.Scale) + s.Shift)
		case "skewed":
			put(s.Scale/(1.01-u) + s.Shift)
		case "gaps":
			if i%7 == 3 {
				put("")
				continue
			}
			put(float64(u*u*s.Scale) + s.Shift)
		case "nans":
			if i%9 == 3 {
				put("nan")
				continue
			}
			put(float64(u*u*s.Scale) + s.Shift)
		case "halves":
			put(whole / 2)
		case "whole":
			put(whole)
		case "rare":
			put(fmt.Sprint("w", math.Trunc(float64(u*u*u*s.Scale)+s.Shift)))
		case "words":
			put(fmt.Sprint("w", whole))
		default:
			t.Fatalf("no shape %q", name)
		}
	}
	return write(t, "x.csv", b.String())
}

// What Deepchecks takes as numeric depends on the reference alone.
func TestDeepchecksNumeric(t *testing.T) {
	values := func(n, distinct int, step float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = float64(i%distinct) * step
		}
		return out
	}
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{values(4000, 30, 1), Category}, {values(4000, 31, 1), Numeric}, {values(2000, 20, 1), Numeric}, {values(2000, 19, 1), Category},
		{values(4000, 5, 0.5), Category}, {values(4000, 6, 0.5), Numeric}, {values(100, 9, 1), Category}, {values(100, 10, 1), Numeric},
	} {
		f := csv(t, "a.csv", c.values)
		if got := mustCompare(t, f, f, Options{Preset: "deepchecks"}).Columns[0]; got.Type != c.want {
			t.Errorf("%d values, the second %v: %s", len(c.values), c.values[1], show(got))
		}
	}
}
