package stats_test

import (
	"math"
	"testing"

	"github.com/waybill-dev/waybill/internal/stats"
)

func TestWilson(t *testing.T) {
	for _, c := range []struct {
		successes, n int64
		confidence   float64
		lower, upper float64
		tolerance    float64
	}{
		// R 4.2.2, prop.test(…, correct = FALSE), and statsmodels 0.13.5,
		// proportion_confint(…, method = "wilson").
		{81, 263, 0.95, .255288519878274, .3662095769828, 1e-13},
		{0, 20, 0.95, 0, 0.161125158052819, 1e-14},
		{940, 1000, 0.95, .923528925208643, .953103527324068, 1e-13},
		{15, 50, 0.95, .191035535, .437503505, 1e-9},
		{20, 20, 0.95, 1 - 0.161125158052819, 1, 1e-14}, // mirrors 0 of 20
		{0, 0, 0.95, 0, 1, 0},
		{3, 2, 0.95, 0, 1, 0},
		{-1, 2, 0.95, 0, 1, 0},
		{1, 2, 1, 0, 1, 0},
		{1, 2, math.NaN(), 0, 1, 0},
	} {
		lower, upper := stats.Wilson(c.successes, c.n, c.confidence)
		if !(math.Abs(lower-c.lower) <= c.tolerance && math.Abs(upper-c.upper) <= c.tolerance) {
			t.Errorf("%d of %d: got %.15f to %.15f, want %.15f to %.15f", c.successes, c.n, lower, upper, c.lower, c.upper)
		}
	}
}

// The interval holds the proportion, stays in [0, 1] and shrinks with n.
func TestWilsonShape(t *testing.T) {
	for n := int64(1); n <= 300; n++ {
		for k := int64(0); k <= n; k++ {
			lower, upper := stats.Wilson(k, n, 0.9)
			p := float64(k) / float64(n)
			if !(0 <= lower && lower <= p && p <= upper && upper <= 1 && lower < upper) {
				t.Fatalf("%d of %d: %v to %v", k, n, lower, upper)
			}
			l2, u2 := stats.Wilson(10*k, 10*n, 0.9)
			if u2-l2 >= upper-lower {
				t.Fatalf("%d of %d: ten times the rows give no narrower interval", k, n)
			}
		}
	}
}
