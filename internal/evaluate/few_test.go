package evaluate

import (
	"math"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/report"
)

// The expanded level is that at which the normal distribution has Student's
// bounds: for 15 rows t = 1.7613 times √(15/14).
func TestExpanded(t *testing.T) {
	if got, want := expanded(0.9, 15), math.Erf(1.7613101*math.Sqrt(15.0/14)/math.Sqrt2); math.Abs(got-want) > 1e-6 {
		t.Errorf("of 15 rows %v, want %v", got, want)
	}
	if got := expanded(0.9, 1e5); got < 0.9 || got > 0.90001 {
		t.Errorf("of many rows %v", got)
	}
	for _, n := range []int64{0, 1, math.MaxInt64} {
		if got := expanded(0.9, n); got != 0.9 {
			t.Errorf("of %d rows %v", n, got)
		}
	}
}

// Bounds get wider where the areas fall, the same on both sides, and stay where
// they do not.
func TestSkewed(t *testing.T) {
	lower, upper := skewed(0.9, 0.94, -0.08, 0)
	low, high := skewed(0.94, 0.9, 0, 0.08)
	if math.Abs(lower+high) > 1e-15 || math.Abs(upper+low) > 1e-15 || !(lower < -0.082 && lower > -0.09) || !(upper >= 0 && upper < 0.01) {
		t.Errorf("%v to %v, exchanged %v to %v", lower, upper, low, high)
	}
	if lower, upper := skewed(0.5, 0.5, -0.1, 0.1); lower != -0.1 || upper != 0.1 {
		t.Errorf("in the middle: %v to %v", lower, upper)
	}
	if lower, upper := skewed(0.95, 0.2, 0.6, 0.9); !(lower >= -1 && lower < 0.6 && upper <= 1) {
		t.Errorf("far apart: %v to %v", lower, upper)
	}
}

// Nothing is decided by fewer than ten rows of a class, nor by fewer that are
// predicted so where they are what is divided by.
func TestScarce(t *testing.T) {
	of := func(positives, predicted int) *metric.Sample {
		s := &metric.Sample{Task: metric.Binary, N: 1000, Classes: []string{"0", "1"}, Positive: 1}
		for i := range 1000 {
			label, answer := int32(0), int32(0)
			if i < positives {
				label = 1
			}
			if i >= 2 && i < predicted+2 {
				answer = 1
			}
			s.Label, s.Prediction, s.Score = append(s.Label, label), append(s.Prediction, answer), append(s.Score, float64(answer)+float64(i%7)/10)
		}
		return s
	}
	for _, c := range []struct {
		metric               string
		positives, predicted int
		few                  bool
	}{
		{"f1", 9, 20, true}, {"f1", 12, 20, false}, {"f1", 200, 5, false}, {"precision", 200, 5, true}, {"precision", 200, 100, false},
		{"roc_auc", 9, 20, true}, {"roc_auc", 12, 20, false}, {"average_precision", 9, 20, true}, {"mcc", 9, 20, true}, {"accuracy", 3, 3, false},
	} {
		m, err := metric.Find(c.metric, metric.Binary)
		if err != nil {
			t.Fatal(err)
		}
		margin := 1.0
		x := Gate{Metric: c.metric, Margin: &margin, Resampling: Resampling{Resamples: 1000}}.compare(m, of(c.positives, c.predicted), of(c.positives, c.predicted+1))
		if few := strings.Contains(x.Reason, "the rarest class has"); few != c.few || few && x.Verdict != report.Inconclusive {
			t.Errorf("%+v: %s %s", c, x.Verdict, x.Reason)
		}
	}
}
