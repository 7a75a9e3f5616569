package evaluate_test

import (
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
)

// million makes 1 M scored rows and a column of 20 values.
func million() (*predictions.Pair, map[string]*predictions.Values) {
	p := scored(random(1), 1_000_000, 1.2, 1.2)
	v := &predictions.Values{Codes: make([]int32, p.Candidate.N)}
	for i := range 20 {
		v.Names = append(v.Names, fmt.Sprintf("value %02d", i))
	}
	for i := range v.Codes {
		v.Codes[i] = int32(i*7919) % 20
		if v.Codes[i] < 0 {
			v.Codes[i] += 20
		}
	}
	return p, map[string]*predictions.Values{"lang": v}
}

// All metrics of a binary task with their intervals, of all rows and of each of
// 20 slices.
func BenchmarkMeasure1MRows20Slices(b *testing.B) {
	p, columns := million()
	for b.Loop() {
		slices, _, err := evaluate.Slices(columns, []string{"lang"})
		if err != nil || len(slices) != 20 {
			b.Fatal(err)
		}
		evaluate.MeasureAll(p.Candidate, 0)
		for _, part := range slices {
			if got := evaluate.MeasureAll(p.Candidate.Select(part.Rows), 0); len(got) < 10 {
				b.Fatal(len(got))
			}
		}
	}
}

func benchmarkGate(b *testing.B, p *predictions.Pair, g evaluate.Gate) {
	g.Against, g.Margin = "old", to(0.01)
	for b.Loop() {
		if a := evaluate.JudgePair(p, g); a.Verdict == report.Inconclusive && a.Interval == nil {
			b.Fatal(a.Reason)
		}
	}
}

func BenchmarkGateAccuracy1MRows20Slices(b *testing.B) {
	p, columns := million()
	p.Columns = columns
	benchmarkGate(b, p, evaluate.Gate{Metric: "accuracy", Slices: []string{"lang"}})
}

func BenchmarkGateAUC1MRows(b *testing.B) {
	p, _ := million()
	benchmarkGate(b, p, evaluate.Gate{Metric: "roc_auc"})
}

// 10,000 paired resamples of the table of 100,000 rows.
func BenchmarkGateF1100kRows(b *testing.B) {
	benchmarkGate(b, scored(random(1), 100_000, 1.2, 1.2), evaluate.Gate{Metric: "f1"})
}

// 2,000 paired resamples of 100,000 rows.
func BenchmarkGateAveragePrecision100kRows(b *testing.B) {
	benchmarkGate(b, scored(random(1), 100_000, 1.2, 1.2), evaluate.Gate{Metric: "average_precision"})
}
