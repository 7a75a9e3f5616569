package evalcheck

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
)

// probabilities makes scores that are over-confident by a factor of the
// distance from ½; 1 is calibrated.
func probabilities(n int, factor float64, seed uint64) *predictions.Set {
	r := random(seed)
	s := &metric.Sample{Task: metric.Binary, N: n, Classes: []string{"0", "1"}, Positive: 1}
	for range n {
		p := r.Float64()
		label := int32(0)
		if r.Float64() < 0.5+(p-0.5)*factor {
			label = 1
		}
		s.Score, s.Label = append(s.Score, p), append(s.Label, label)
	}
	return &predictions.Set{Sample: s, N: int64(n)}
}

func TestCalibration(t *testing.T) {
	constant := probabilities(100, 1, 1)
	for i := range constant.Sample.Score {
		constant.Sample.Score[i], constant.Sample.Label[i] = 1, 1
	}
	noScore := probabilities(100, 1, 1)
	noScore.Sample.Score = nil
	logits := probabilities(100, 1, 1)
	logits.Sample.Score[3] = 4
	several := &metric.Sample{Task: metric.Multiclass, N: 300, Classes: []string{"a", "b", "c"}, Positive: -1, Scores: make([][]float64, 3)}
	for i := range several.N {
		several.Label = append(several.Label, int32(i%3))
		for k := range several.Scores {
			several.Scores[k] = append(several.Scores[k], []float64{0.9, 0.06, 0.04}[k])
		}
	}
	regression := &predictions.Set{Sample: &metric.Sample{Task: metric.Regression, N: 2, Truth: []float64{1, 2}, Estimate: []float64{1, 2}}}
	for i, c := range []struct {
		set    *predictions.Set
		params []any
		want   string
	}{
		{probabilities(20_000, 1, 1), []any{"max", 0.05}, "PASS the ece of 20,000 rows in 10 bins is 0."},
		{probabilities(20_000, 0.4, 1), []any{"max", 0.05}, "FAIL calibrat"},
		{probabilities(200, 1, 1), []any{"max", 0.05}, "INCONCLUSIVE of which noise alone makes up to 0.0"},
		{probabilities(20_000, 1, 1), []any{"max", 0.1, "norm", "mce"}, "PASS the mce of 20,000 rows"},
		{probabilities(20_000, 0.2, 1), []any{"max", 0.1, "norm", "mce", "bins", int64(5)}, "FAIL the mce of 20,000 rows in 5 bins"},
		{probabilities(29, 1, 1), []any{"max", 0.9}, "INCONCLUSIVE how sure that is cannot be said: 29 rows are too few"},
		{constant, []any{"max", 0.05}, "INCONCLUSIVE how sure that is cannot be said"},
		{noScore, []any{"max", 0.05}, "INCONCLUSIVE the calibration error is undefined: it needs a column of scores"},
		{logits, []any{"max", 0.05}, "INCONCLUSIVE the calibration error is undefined"},
		{&predictions.Set{Sample: several}, []any{"max", 0.05}, "FAIL the ece of 300 rows"},
		{regression, []any{"max", 0.05}, "INCONCLUSIVE there is no calibration error of the task regression"},
		{set(), []any{"max", 0.05}, "INCONCLUSIVE no rows"},
		{nil, []any{"max", 0.05}, "INCONCLUSIVE there are no predictions"},
	} {
		f := one(t, Env{Candidate: c.set}, spec("evaluation.calibration", c.params...))
		want := strings.Replace(c.want, "FAIL calibrat", "FAIL is above the allowed 0.05", 1)
		if wants(t, f, want); t.Failed() {
			t.Fatalf("case %d", i)
		}
	}
	_, sections := run(t, Env{Candidate: probabilities(2000, 1, 1)}, spec("evaluation.calibration", "max", 0.05))
	if len(sections) != 2 || len(sections[0].Table.Rows) != 10 || len(sections[1].Curves.Lines[0].X) != 10 {
		t.Errorf("%+v", sections)
	}
	again := Env{Candidate: probabilities(500, 1, 1)}
	entry := spec("evaluation.calibration", "max", 0.05)
	if x, y := one(t, again, entry), one(t, again, entry); fmt.Sprint(x.Message, x.Details) != fmt.Sprint(y.Message, y.Details) {
		t.Errorf("%+v\n%+v", x, y)
	}
}

// A calibrated model does not fail however small max is, and one whose error is
// max passes or fails no more often than the confidence says.
func TestCalibrationSimulated(t *testing.T) {
	if testing.Short() {
		t.Skip("draws 150,000 resamples of each case")
	}
	const runs, alpha = 150, 0.05
	for _, c := range []struct {
		factor, max float64
		n           int
		norm        string
	}{
		{1, 0.0001, 300, "ece"}, {1, 0.0001, 1000, "ece"}, {1, 0.0001, 500, "mce"},
		{0.6, 0.1, 500, "ece"}, // the mean of |p − ½|·0.4 is 0.1
	} {
		count := map[report.Verdict]int{}
		for i := range runs {
			count[one(t, Env{Candidate: probabilities(c.n, c.factor, uint64(i))}, spec("evaluation.calibration", "max", c.max, "norm", c.norm)).Verdict]++
		}
		limit := alpha + 3*math.Sqrt(alpha*(1-alpha)/runs)
		for _, v := range []report.Verdict{report.Pass, report.Fail} {
			if share := float64(count[v]) / runs; share > limit {
				t.Errorf("%+v: %s in %.3f of the runs, at most %.3f would be right", c, v, share, limit)
			}
		}
		t.Log(c, count)
	}
}
