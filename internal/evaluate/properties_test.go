package evaluate_test

import (
	"math"
	"testing"

	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
)

// What a gate says depends on the rows, not on their order where rows are not
// resampled one by one, nor on when it is asked.
func TestReproducible(t *testing.T) {
	rng := random(8)
	p := scored(rng, 500, 1, 1.3)
	order := make([]int32, p.Candidate.N)
	for i, at := range rng.Perm(len(order)) {
		order[i] = int32(at)
	}
	shuffled := &predictions.Pair{Candidate: p.Candidate.Select(order), Baseline: p.Baseline.Select(order)}
	for _, m := range metric.ForTask(metric.Binary) {
		g := evaluate.Gate{Metric: m.Name, Against: "old", Margin: to(0.02), Resampling: evaluate.Resampling{Resamples: 300}}
		first := finite(t, evaluate.JudgePair(p, g))
		if again := finite(t, evaluate.JudgePair(p, g)); again != first {
			t.Errorf("%s: twice\n%s\n%s", m.Name, first, again)
		}
		if m.Whole != nil {
			continue
		}
		if other := finite(t, evaluate.JudgePair(shuffled, g)); other != first {
			t.Errorf("%s: in another order\n%s\n%s", m.Name, first, other)
		}
		g.Resampling.Seed = 2
		if a := evaluate.JudgePair(p, g); a.Resamples > 0 && finite(t, a) == first {
			t.Errorf("%s: the seed changes nothing", m.Name)
		}
	}
}

// Exchanging the models mirrors the interval of analytic methods.
func TestMirrored(t *testing.T) {
	p := scored(random(8), 500, 1, 1.3)
	exchanged := &predictions.Pair{Candidate: p.Baseline, Baseline: p.Candidate}
	for _, name := range []string{"accuracy", "recall", "roc_auc", "log_loss", "brier"} {
		m, err := metric.Find(name, metric.Binary)
		if err != nil {
			t.Fatal(err)
		}
		x, y := evaluate.Compare(p, m, evaluate.Gate{}), evaluate.Compare(exchanged, m, evaluate.Gate{})
		if math.Abs(x.Interval.Lower+y.Interval.Upper) > 1e-9 || math.Abs(*x.Difference+*y.Difference) > 1e-9 || math.Abs(*x.P-*y.P) > 1e-9 {
			t.Errorf("%s: %+v and %+v", name, x, y)
		}
	}
}
