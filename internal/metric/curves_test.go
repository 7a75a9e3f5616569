package metric_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/internal/metric"
)

// manyRows is a binary sample with scores that are probabilities, calibrated
// and of limited use; about one row in five is positive.
func manyRows(n int) *metric.Sample {
	r := rand.New(rand.NewPCG(7, 8))
	s := &metric.Sample{Task: metric.Binary, N: n, Classes: []string{"0", "1"}, Positive: 1}
	for range n {
		p := 1 / (1 + math.Exp(2-1.5*r.NormFloat64()))
		label, prediction := int32(0), int32(0)
		if r.Float64() < p {
			label = 1
		}
		if p >= 0.5 {
			prediction = 1
		}
		s.Label, s.Prediction, s.Score = append(s.Label, label), append(s.Prediction, prediction), append(s.Score, p)
	}
	return s
}

func fiveClasses(n int) *metric.Sample {
	r := rand.New(rand.NewPCG(9, 10))
	s := &metric.Sample{Task: metric.Multiclass, N: n, Classes: []string{"a", "b", "c", "d", "e"}, Positive: metric.Missing, Scores: make([][]float64, 5)}
	for range n {
		label := r.IntN(5)
		s.Label = append(s.Label, int32(label))
		for k := range s.Scores {
			score := r.NormFloat64()
			if k == label {
				score++
			}
			s.Scores[k] = append(s.Scores[k], score)
		}
	}
	return s
}

func TestSmallCurves(t *testing.T) {
	s := &metric.Sample{Task: metric.Binary, N: 4, Classes: []string{"0", "1"}, Positive: 1,
		Label: []int32{0, 0, 1, 1}, Score: []float64{0.1, 0.4, 0.35, 0.8}}
	x, y := metric.ROC(s)
	if !reflect.DeepEqual(x, []float64{0, 0, 0.5, 0.5, 1}) || !reflect.DeepEqual(y, []float64{0, 0.5, 0.5, 1, 1}) {
		t.Errorf("ROC %v %v", x, y)
	}
	x, y = metric.PrecisionRecall(s)
	if !reflect.DeepEqual(x, []float64{0, 0.5, 0.5, 1, 1}) || !reflect.DeepEqual(y, []float64{1, 1, 0.5, 2.0 / 3, 0.5}) {
		t.Errorf("precision-recall %v %v", x, y)
	}
	s.Label = []int32{1, 0, 0, 0} // the positive has the lowest score
	x, y = metric.PrecisionRecall(s)
	if !reflect.DeepEqual(x, []float64{0, 1}) || !reflect.DeepEqual(y, []float64{0, 0.25}) {
		t.Errorf("precision-recall from 0: %v %v", x, y)
	}
	s.Label = []int32{0, 0, 0, 0}
	if x, y := metric.ROC(s); x != nil || y != nil {
		t.Errorf("a ROC curve without positives: %v %v", x, y)
	}
	if x, y := metric.PrecisionRecall(s); x != nil || y != nil {
		t.Errorf("a precision-recall curve without positives: %v %v", x, y)
	}
	s.Label = []int32{1, 1, 1, 1}
	if x, y := metric.ROC(s); x != nil || y != nil {
		t.Errorf("a ROC curve without negatives: %v %v", x, y)
	}
	s.Label, s.Score = []int32{0, 1, 0, 1}, []float64{3, 3, 3, 3}
	if x, y := metric.ROC(s); !reflect.DeepEqual(x, []float64{0, 1}) || !reflect.DeepEqual(y, []float64{0, 1}) {
		t.Errorf("ROC of one score: %v %v", x, y)
	}
	if x, y := metric.PrecisionRecall(s); !reflect.DeepEqual(x, []float64{0, 1}) || !reflect.DeepEqual(y, []float64{0.5, 0.5}) {
		t.Errorf("precision-recall of one score: %v %v", x, y)
	}
}

// A long curve becomes short and still passes where it did.
func TestLongCurves(t *testing.T) {
	s := manyRows(50_000)
	auc, ap := *value(t, find(t, "roc_auc", s.Task), s), *value(t, find(t, "average_precision", s.Task), s)
	for _, c := range []struct {
		name  string
		curve func(*metric.Sample) (x, y []float64)
		area  float64
	}{{"ROC", metric.ROC, auc}, {"precision-recall", metric.PrecisionRecall, ap}} {
		x, y := c.curve(s)
		if len(x) != len(y) || len(x) < 50 || len(x) > 200 || x[0] != 0 || x[len(x)-1] != 1 || !slices.IsSorted(x) {
			t.Errorf("%s: %d and %d points from %v to %v", c.name, len(x), len(y), x[0], x[len(x)-1])
		}
		area := 0.0
		for i := 1; i < len(x); i++ {
			area += (x[i] - x[i-1]) * (y[i] + y[i-1]) / 2
		}
		if math.Abs(area-c.area) > 0.002 {
			t.Errorf("%s: %v below the points, %v below the curve", c.name, area, c.area)
		}
	}
}

func TestCalibration(t *testing.T) {
	s := &metric.Sample{Task: metric.Binary, N: 6, Classes: []string{"0", "1"}, Positive: 1,
		Label: []int32{0, 0, 1, 1, 1, 0}, Score: []float64{0, 0.1, 0.3, 0.25, 0.30000000000000004, 1}}
	want := []metric.Bin{{0, 0.1, 2, 0.05, 0}, {0.2, 0.3, 2, 0.275, 1}, {0.3, 0.4, 1, 0.30000000000000004, 1}, {0.9, 1, 1, 1, 0}}
	if got := metric.Calibration(s, 10); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	ece, mce := (0.1+1.45+0.7+1)/6, 1.0
	if got := value(t, find(t, "ece", s.Task), s); !near(got, &ece, 1e-12) {
		t.Errorf("ece %v, want %v", show(got), ece)
	}
	if got := value(t, find(t, "mce", s.Task), s); !near(got, &mce, 1e-12) {
		t.Errorf("mce %v, want %v", show(got), mce)
	}
	s.Score[0] = 2
	for _, bins := range []int{-1, 0, 10, 1001} {
		if got := metric.Calibration(s, bins); got != nil {
			t.Errorf("%d bins: %v", bins, got)
		}
	}
	// Every bin's edges hold for every score with few digits.
	s = &metric.Sample{Task: metric.Binary, Classes: []string{"0", "1"}, Positive: 1}
	for i := range 1001 {
		s.Label, s.Score, s.N = append(s.Label, 0), append(s.Score, float64(i)/1000), s.N+1
	}
	for _, bins := range []int{1, 10, 25, 100, 1000} {
		for i, b := range metric.Calibration(s, bins) {
			if want := 1000 / bins; b.N != int64(want) && (i > 0 || b.N != int64(want+1)) {
				t.Errorf("%d bins: %+v", bins, b)
			}
		}
	}
}

func TestDescending(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 2, 5, 100, 1023, 1024, 20_000} {
		x := make([]float64, n)
		for i := range x {
			switch r.IntN(6) {
			case 0:
				x[i] = math.Float64frombits(r.Uint64())
				if math.IsNaN(x[i]) {
					x[i] = math.Copysign(0, -1)
				}
			case 1:
				x[i] = math.Copysign(0, float64(r.IntN(2))-0.5)
			case 2:
				x[i] = float64(float32(r.NormFloat64()))
			default:
				x[i] = float64(r.IntN(10)) - 5
			}
		}
		want := make([]int32, n)
		for i := range want {
			want[i] = int32(i)
		}
		slices.SortStableFunc(want, func(a, b int32) int {
			switch {
			case x[a] > x[b]:
				return -1
			case x[a] < x[b]:
				return 1
			}
			return 0
		})
		if got := metric.Descending(x); !slices.Equal(got, want) {
			t.Errorf("%d elements are out of order", n)
		}
	}
}

func BenchmarkBinary(b *testing.B) {
	s := manyRows(1_000_000)
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			for _, m := range metric.ForTask(metric.Binary) {
				value(b, m, s)
			}
		}
	})
	for _, name := range []string{"accuracy", "roc_auc", "average_precision", "ks", "lift@0.1", "log_loss", "brier", "ece"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				value(b, find(b, name, s.Task), s)
			}
		})
	}
	weight := make([]uint32, s.N)
	for i := range weight {
		weight[i] = uint32(i % 3)
	}
	for _, name := range []string{"average_precision", "ks", "ece"} {
		b.Run(name+" again", func(b *testing.B) {
			w, err := find(b, name, s.Task).Whole(s)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				w.Value(weight)
			}
		})
	}
	b.Run("areas of five classes", func(b *testing.B) {
		s := fiveClasses(100_000)
		for b.Loop() {
			for _, name := range []string{"roc_auc.ovr.macro", "roc_auc.ovr.weighted", "roc_auc.ovo.macro"} {
				value(b, find(b, name, s.Task), s)
			}
		}
	})
	b.Run("curves", func(b *testing.B) {
		for b.Loop() {
			metric.ROC(s)
			metric.PrecisionRecall(s)
		}
	})
}
