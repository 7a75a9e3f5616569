package evaluate_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
)

// At a true difference of exactly −margin a gate should PASS in at most alpha
// = 5 % of all test sets. Seeded; the slack is three standard errors of the
// simulation. The true difference is that of a million rows.
func TestFalsePasses(t *testing.T) {
	if testing.Short() {
		t.Skip("simulation")
	}
	for _, c := range []struct {
		metric     string
		n, runs    int
		resamples  int
		population func(*rand.Rand, int) *predictions.Pair
	}{
		{"accuracy", 400, 1000, 0, func(rng *rand.Rand, n int) *predictions.Pair { return scored(rng, n, 1.6, 1.2) }},
		{"recall", 400, 1000, 0, func(rng *rand.Rand, n int) *predictions.Pair { return scored(rng, n, 1.6, 1.2) }},
		{"roc_auc", 300, 1000, 0, func(rng *rand.Rand, n int) *predictions.Pair { return scored(rng, n, 2, 1.4) }},
		{"roc_auc", 90, 1000, 0, func(rng *rand.Rand, n int) *predictions.Pair { return scored(rng, n, 1.1, 0.9) }}, // 30 positives
		{"f1", 45, 600, 600, func(rng *rand.Rand, n int) *predictions.Pair { return scored(rng, n, 1.1, 0.9) }},     // 15 positives
		{"mae", 200, 1000, 0, func(rng *rand.Rand, n int) *predictions.Pair { return estimated(rng, n, 1.3, 1) }},
		{"f1", 400, 400, 400, func(rng *rand.Rand, n int) *predictions.Pair { return scored(rng, n, 1.6, 1.2) }},
		{"f1.macro", 400, 200, 300, func(rng *rand.Rand, n int) *predictions.Pair { return classes(rng, n, 0.25, 0.2) }},
		{"average_precision", 300, 200, 200, func(rng *rand.Rand, n int) *predictions.Pair { return scored(rng, n, 2, 1.4) }},
	} {
		t.Run(c.metric, func(t *testing.T) {
			rng := random(7)
			whole := c.population(rng, 1_000_000)
			m, err := metric.Find(c.metric, whole.Candidate.Task)
			if err != nil {
				t.Fatal(err)
			}
			x, err := m.Value(whole.Candidate)
			if err != nil {
				t.Fatal(err)
			}
			y, err := m.Value(whole.Baseline)
			if err != nil {
				t.Fatal(err)
			}
			g := evaluate.Gate{Metric: c.metric, Margin: to(math.Abs(x - y)), Resampling: evaluate.Resampling{Resamples: c.resamples}}
			passes, fails := 0, 0
			for run := range c.runs {
				g.Resampling.Seed = uint64(run + 1)
				switch evaluate.Compare(c.population(rng, c.n), m, g).Verdict {
				case report.Pass:
					passes++
				case report.Fail:
					fails++
				}
			}
			most := 0.05 + 3*math.Sqrt(0.05*0.95/float64(c.runs))
			rate, opposite := float64(passes)/float64(c.runs), float64(fails)/float64(c.runs)
			t.Logf("margin %.4f: false PASS %.3f, false FAIL %.3f, at most %.3f", *g.Margin, rate, opposite, most)
			if rate > most || opposite > most || passes == 0 {
				t.Errorf("false PASS in %.3f, false FAIL in %.3f of %d test sets, at most %.3f", rate, opposite, c.runs, most)
			}
		})
	}
}

// As many rows as RequiredN says PASS two equally good models with a power of
// at least 0.8, by what the plan approximates.
func TestRequiredIsEnough(t *testing.T) {
	if testing.Short() {
		t.Skip("simulation")
	}
	rng := random(12)
	for _, c := range []struct {
		metric     string
		margin     float64
		population func(n int) *predictions.Pair
	}{
		{"accuracy", 0.03, func(n int) *predictions.Pair { return scored(rng, n, 1.2, 1.2) }},
		{"mae", 0.1, func(n int) *predictions.Pair { return estimated(rng, n, 1, 1) }},
		{"roc_auc", 0.02, func(n int) *predictions.Pair { return scored(rng, n, 1.4, 1.4) }},
	} {
		first := c.population(20_000)
		m, err := metric.Find(c.metric, first.Candidate.Task)
		if err != nil {
			t.Fatal(err)
		}
		g := evaluate.Gate{Metric: c.metric, Margin: to(c.margin)}
		plan := evaluate.Compare(first, m, g)
		if plan.RequiredN == nil {
			t.Fatalf("%s: no plan: %s", c.metric, plan.Reason)
		}
		passes := 0
		const runs = 300
		for range runs {
			if evaluate.Compare(c.population(int(*plan.RequiredN)), m, g).Verdict == report.Pass {
				passes++
			}
		}
		power := float64(passes) / runs
		t.Logf("%s: %d rows, power %.3f", c.metric, *plan.RequiredN, power)
		if slack := 3 * math.Sqrt(0.8*0.2/runs); math.Abs(power-0.8) > slack+0.02 {
			t.Errorf("%s: %d rows have a power of %.3f, not 0.8", c.metric, *plan.RequiredN, power)
		}
	}
}
