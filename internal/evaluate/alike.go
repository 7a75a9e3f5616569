package evaluate

import (
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/stats"
)

// Two models may answer every row alike: a plain retraining, a converted file.
// No resample shows a difference then, and an interval of no width would claim
// that none can exist. What n equal rows do say is the rule of three (Hanley
// and Lippman-Hand 1983): with one-sided confidence 1−alpha at most a share of
// −ln(alpha)/n of all rows is answered differently. The bounds are how far so
// many rows could move the metric.

// ruleOfThree is −ln(alpha), 3.0 at 95 %.
func ruleOfThree(level float64) float64 { return -math.Log((1 - level) / 2) }

// alike are the bounds of a difference of 0 between equal answers.
func alike(n int64, unit string, lower, upper float64) inference {
	return inference{n: n, unit: unit, lower: lower, upper: upper, method: "rule of three", p: 1}
}

// alikeLosses takes a changed row for one that goes from one end of the
// metric's range to the other, or of the losses seen where there is no range.
func alikeLosses(l *metric.Loss, m *metric.Metric, level float64) inference {
	n := int64(len(l.Each))
	reach := m.High - m.Low
	if math.IsInf(reach, 0) || math.IsNaN(reach) {
		reach = slices.Max(l.Each) - slices.Min(l.Each)
	}
	if !(reach > 0) {
		return noBounds(n, 0, "both models have the same value in every %s, so the spread of the difference is not known", unitOfLoss(l))
	}
	width := float64(min(1, ruleOfThree(level)/float64(n)) * reach)
	if l.Finish == nil {
		return alike(n, unitOfLoss(l), -width, width)
	}
	mean := stats.Mean(l.Each)
	value := l.Finish(mean)
	return alike(n, unitOfLoss(l), l.Finish(max(mean-width, 0))-value, l.Finish(mean+width)-value)
}

// sameAnswers tells whether two models gave the same answer to every row.
func sameAnswers(a, b *metric.Sample) bool {
	equal := slices.Equal(a.Prediction, b.Prediction) && slices.Equal(a.Score, b.Score) && slices.Equal(a.Estimate, b.Estimate) &&
		slices.Equal(a.Answer, b.Answer) && len(a.Scores) == len(b.Scores) && len(a.PredictionSet) == len(b.PredictionSet)
	for i := 0; equal && i < len(a.Scores); i++ {
		equal = slices.Equal(a.Scores[i], b.Scores[i])
	}
	for i := 0; equal && i < len(a.PredictionSet); i++ {
		equal = slices.Equal(a.PredictionSet[i], b.PredictionSet[i])
	}
	return equal
}

// smallestClass is how many rows the rarest class that occurs has: a changed
// row moves a metric of few rows the most.
func smallestClass(s *metric.Sample) int64 {
	return rarest(s.Label, len(s.Classes), int64(max(s.N, 1)))
}
