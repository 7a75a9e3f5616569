package drift

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/waybill-dev/waybill/internal/report"
)

// TestEvidently holds the preset to what Evidently itself computes and
// decides: testdata/evidently_reference.py.
func TestEvidently(t *testing.T) {
	b, err := os.ReadFile("testdata/evidently_reference.json")
	if err != nil {
		t.Fatal(err)
	}
	// By method: the statistic or, for tests, the p-value; and whether it is drift.
	var want struct {
		Numbers []struct {
			M, N         int
			Scale, Shift float64
			Results      map[string][2]any
		}
		Categories []struct {
			M, N, K, L int
			Results    map[string][2]any
		}
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	judge := func(c Column, want [2]any) {
		t.Helper()
		got, value := c.Statistic, want[0].(float64)
		if c.DecidedBy == "pValue" {
			got = c.PValue
		}
		if got == nil || math.Abs(*got-value) > math.Max(1e-8*value, 1e-100) || (c.Verdict == report.Fail) != want[1].(bool) {
			t.Errorf("want %v, got %s", want, show(c))
		}
	}
	cases := 0
	for _, w := range want.Numbers {
		x, y := csv(t, "a.csv", draw(1, w.M, 1, 0)), csv(t, "b.csv", draw(2, w.N, w.Scale, w.Shift))
		for method, result := range w.Results {
			judge(mustCompare(t, x, y, Options{Preset: "evidently", Method: method}).Columns[0], result)
			cases++
		}
	}
	for _, w := range want.Categories {
		x, y := csv(t, "a.csv", letters(1, w.M, w.K)), csv(t, "b.csv", letters(2, w.N, w.L))
		for method, result := range w.Results {
			judge(mustCompare(t, x, y, Options{Preset: "evidently", Method: method}).Columns[0], result)
			cases++
		}
	}
	if cases < 30 {
		t.Fatalf("only %d cases", cases)
	}
}

// draw makes the samples of evidently_reference.py.
func draw(seed uint64, n int, scale, shift float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		seed = seed*6364136223846793005 + 1442695040888963407
		u := float64(seed>>33) / (1 << 31)
		out[i] = float64(u*u*scale) + shift
	}
	return out
}

func letters(seed uint64, n, k int) []string {
	out := make([]string, n)
	for i, v := range draw(seed, n, float64(k), 0) {
		out[i] = fmt.Sprintf("%c", "abcdefgh"[int(v)])
	}
	return out
}
