// Package evaluate says how good a model is, how sure one can be of it, and
// whether it is better or worse than another: from files of predictions.
//
//	set, err := predictions.Read(ctx, spec)
//	answer := evaluate.Judge(set, evaluate.Gate{Metric: "accuracy", Min: &bound})
//
//	pair := predictions.Join(candidate, baseline)
//	answer := evaluate.JudgePair(pair, evaluate.Gate{Metric: "accuracy", Against: "#production", Margin: &margin})
//	answer.Verdict // PASS, FAIL or INCONCLUSIVE, and answer.Reason says why
//
// Whatever leaves a metric without a value, or a value without an interval, is
// INCONCLUSIVE with the reason: no gate passes on a number that was made up,
// and no result holds a NaN.
//
// # Intervals
//
// A gate's confidence is that of each bound: 0.95 by default. An interval has
// both bounds and so a two-sided level of 0.90. Its method follows from what
// the metric is; see infer for one model and inferDifference for two. Rows
// that depend on each other (Sample.Cluster) are resampled by cluster whatever
// the metric.
//
// Two models that answer every row alike are not taken for certain: their
// bounds are what so many equal rows leave room for.
//
// A metric of classes rests on the rarest of them, and precision on what is
// predicted so: with few such rows the interval is widened as Student's t is,
// and with fewer than ten there is none for a difference. Without that, 15
// positives among 300 rows pass a candidate that is worse by the margin in
// up to 1 of 8 cases, rather than 1 of 20.
//
// # Slices
//
// Every slice must hold, each at the gate's own confidence: an
// intersection-union test (Berger 1982) needs no adjustment, and its price is
// power, so that small slices are rather INCONCLUSIVE. A slice fails only where
// it does after Holm's adjustment for all slices judged.
//
// # Numbers of rows
//
// RequiredN is a plan with a power of 0.8, in what N counts: how many rows tell
// two equally good models from ones that differ by the margin, at the spread
// seen. Where there are that many already, the difference seen is taken for
// the true one.
//
// # Resampling
//
// Bootstraps are seeded, and say how many resamples they drew. Metrics of the
// confusion matrix are resampled as a table of counts, 10,000 times; all others
// row by row, 2,000 times, or fewer past 200,000 rows so that one gate costs
// seconds and not hours.
package evaluate
