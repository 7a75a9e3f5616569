package metric

// Metrics about one class, the positive one, against all others. All of them
// but F-beta are shares of rows.
//
// scikit-learn 1.9: precision_score, recall_score, jaccard_score with
// average="binary"; specificity and npv are recall and precision of what is
// not positive.

var classTasks = []Task{Binary, Multiclass}

var binaryMetrics = []Metric{
	positiveShare("precision", "share of the rows predicted positive that are", Higher,
		"%s was never predicted, so its precision is 0/0",
		func(positive, label, prediction int32) (counts, hit bool) {
			return prediction == positive, label == positive
		}, func(tp, fp, _, _ int64) (hits, of int64) { return tp, tp + fp }),
	positiveShare("recall", "share of the positive rows that are predicted so", Higher,
		"no row has the label %s, so its recall is 0/0",
		func(positive, label, prediction int32) (counts, hit bool) {
			return label == positive, prediction == positive
		}, func(tp, _, fn, _ int64) (hits, of int64) { return tp, tp + fn }),
	positiveScore("f1", "harmonic mean of precision and recall", fBeta(1)),
	positiveShare("specificity", "share of the rows that are not positive that are predicted so", Higher,
		"every row has the label %s, so its specificity is 0/0",
		func(positive, label, prediction int32) (counts, hit bool) {
			return label != positive, prediction != positive
		}, func(_, fp, _, tn int64) (hits, of int64) { return tn, tn + fp }),
	positiveShare("npv", "share of the rows predicted not positive that are not", Higher,
		"%s was predicted for every row, so npv is 0/0",
		func(positive, label, prediction int32) (counts, hit bool) {
			return prediction != positive, label != positive
		}, func(_, _, fn, tn int64) (hits, of int64) { return tn, tn + fn }),
	positiveShare("fpr", "share of the rows that are not positive that are predicted positive", Lower,
		"every row has the label %s, so its fpr is 0/0",
		func(positive, label, prediction int32) (counts, hit bool) {
			return label != positive, prediction == positive
		}, func(_, fp, _, tn int64) (hits, of int64) { return fp, fp + tn }),
	positiveShare("fnr", "share of the positive rows that are predicted not to be", Lower,
		"no row has the label %s, so its fnr is 0/0",
		func(positive, label, prediction int32) (counts, hit bool) {
			return label == positive, prediction != positive
		}, func(tp, _, fn, _ int64) (hits, of int64) { return fn, fn + tp }),
	positiveShare("jaccard", "of the rows that are positive or predicted so, the share that are both", Higher,
		"no row has %s as label or prediction, so its jaccard is 0/0",
		func(positive, label, prediction int32) (counts, hit bool) {
			return label == positive || prediction == positive, label == prediction
		}, func(tp, fp, fn, _ int64) (hits, of int64) { return tp, tp + fp + fn }),
	positiveShare("selection_rate", "share of all rows that are predicted positive", Neither,
		"", // there are rows
		func(positive, _, prediction int32) (counts, hit bool) {
			return true, prediction == positive
		}, func(tp, fp, fn, tn int64) (hits, of int64) { return tp + fp, tp + fp + fn + tn }),
}

// positiveShare is a metric that is hits/of. why says, with the positive
// class, what is the case when of is 0.
func positiveShare(name, title string, better Better, why string,
	share func(positive, label, prediction int32) (counts, hit bool),
	ratio func(tp, fp, fn, tn int64) (hits, of int64),
) Metric {
	return Metric{
		Name: name, Title: title, Better: better, High: 1, Tasks: classTasks, Share: share,
		Count: func(c *Confusion) (float64, error) {
			if err := c.needPositive(); err != nil {
				return 0, err
			}
			if c.N == 0 {
				return 0, undefined("there are no rows")
			}
			hits, of := ratio(c.Binary())
			if of == 0 {
				return 0, undefined(why, quote(c.Classes[c.Positive]))
			}
			return float64(hits) / float64(of), nil
		},
	}
}

// needPositive says why there is no positive class.
func (c *Confusion) needPositive() error {
	switch {
	case c.Positive >= 0 && int(c.Positive) < len(c.Classes):
		return nil
	case len(c.Classes) > 2:
		return undefined("there are %d classes; average over them with .macro, .micro or .weighted, or set positive: to one of them", len(c.Classes))
	}
	return undefined("which class is positive is not clear; set positive: to one of the classes")
}
