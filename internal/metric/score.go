package metric

import (
	"math"
	"strconv"
)

// Metrics of scores: how well they order the rows, and how well they do as
// probabilities. Those of calibration are in calibration.go, areas under the
// ROC curve of several classes in area.go.

var scoreMetrics = []Metric{
	{
		Name: "roc_auc", Title: "area under the ROC curve", Better: Higher, High: 1, Tasks: []Task{Binary}, Area: rocArea,
	},
	ovr("roc_auc.ovr.macro", "area under the ROC curve of each class against the rest, mean over the classes", false),
	ovr("roc_auc.ovr.weighted", "area under the ROC curve of each class against the rest, mean over the classes by how many rows they have", true),
	{
		Name: "roc_auc.ovo.macro", Title: "area under the ROC curve of each class against each other, mean over the pairs",
		Better: Higher, High: 1, Tasks: []Task{Multiclass}, Whole: ovo,
	},
	{
		Name: "average_precision", Title: "average precision (area under the precision-recall curve, by steps)",
		Better: Higher, High: 1, Tasks: []Task{Binary}, Whole: byRank(steppedPrecision, "average_precision", true, false),
	},
	{
		Name: "ks", Title: "greatest distance of the distributions of the scores of both classes (Kolmogorov–Smirnov)",
		Better: Higher, High: 1, Tasks: []Task{Binary}, Whole: byRank(kolmogorovSmirnov, "ks", true, true),
	},
	{
		Name: "log_loss", Title: "mean negative log of the probability given to the truth", Better: Lower, High: math.Inf(1),
		Tasks: classTasks, Loss: logLoss,
	},
	{
		Name: "brier", Title: "mean squared error of the probability of the positive class", Better: Lower, High: 1,
		Tasks: []Task{Binary}, Loss: brier,
	},
	{
		Name: "brier", Title: "squared error of the probabilities, summed over the classes, mean over the rows", Better: Lower, High: 2,
		Tasks: []Task{Multiclass}, Loss: brierOfClasses,
	},
	calibrationError("ece", defaultBins),
	calibrationError("mce", defaultBins),
}

var scoreFamilies = []family{
	{prefix: "lift@", parameter: "<share>", tasks: []Task{Binary}, low: 0.0001, high: 1, make: lift},
	{prefix: "top_", parameter: "<k>", suffix: "_accuracy", tasks: []Task{Multiclass}, low: 1, high: MaxTop, whole: true, make: topAccuracy},
	{prefix: "ece@", parameter: "<bins>", tasks: classTasks, low: 1, high: MaxBins, whole: true, make: func(bins float64) Metric { return calibrationError("ece", int(bins)) }},
	{prefix: "mce@", parameter: "<bins>", tasks: classTasks, low: 1, high: MaxBins, whole: true, make: func(bins float64) Metric { return calibrationError("mce", int(bins)) }},
}

// MaxTop is the greatest parameter of top_<k>_accuracy.
const MaxTop = 10_000

// rankOf ranks the rows of s, or says why the metric named is undefined.
func rankOf(s *Sample, name string, needPositives, needNegatives bool) (*ranked, error) {
	positives, negatives, err := s.sides()
	switch {
	case err != nil:
		return nil, err
	case positives == 0 && needPositives:
		return nil, undefined("no row has the label %s, so its %s is 0/0", quote(s.Classes[s.Positive]), name)
	case negatives == 0 && needNegatives:
		return nil, undefined("every row has the label %s, so its %s is 0/0", quote(s.Classes[s.Positive]), name)
	}
	return rank(s.Score, func(row int32) bool { return s.Label[row] == s.Positive }), nil
}

// sides counts the rows that are positive and those that are not.
func (s *Sample) sides() (positives, negatives int64, err error) {
	if s.Positive < 0 || int(s.Positive) >= len(s.Classes) {
		return 0, 0, undefined("which class is positive is not clear; set positive: to one of the classes")
	}
	for _, label := range s.Label {
		if label == s.Positive {
			positives++
		}
	}
	return positives, int64(s.N) - positives, nil
}

func byRank(of func(r *ranked, weight []uint32) float64, name string, needPositives, needNegatives bool) func(*Sample) (*Whole, error) {
	return func(s *Sample) (*Whole, error) {
		r, err := rankOf(s, name, needPositives, needNegatives)
		if err != nil {
			return nil, err
		}
		return &Whole{Value: func(weight []uint32) float64 { return of(r, weight) }}, nil
	}
}

// steppedPrecision is Σ (Rₙ − Rₙ₋₁)·Pₙ over the thresholds, which are the
// different scores: scikit-learn's average_precision_score.
func steppedPrecision(r *ranked, weight []uint32) float64 {
	var tp, fp, start int64
	var total sum
	for _, end := range r.ends {
		p, n := r.count(int32(start), end, weight)
		tp, fp, start = tp+p, fp+n, int64(end)
		if p > 0 {
			total.add(float64(float64(p) * (float64(tp) / float64(tp+fp))))
		}
	}
	return total.value() / float64(tp) // 0/0 without positives
}

// kolmogorovSmirnov is max |TPR − FPR| over all thresholds: the statistic of
// scipy's ks_2samp of the scores of both classes. It has no sign, so that
// scores in the wrong order have one as high.
func kolmogorovSmirnov(r *ranked, weight []uint32) float64 {
	positives, negatives := r.totals(weight)
	if positives == 0 || negatives == 0 {
		return math.NaN()
	}
	var tp, fp int64
	var start int32
	greatest := 0.0
	for _, end := range r.ends {
		p, n := r.count(start, end, weight)
		tp, fp, start = tp+p, fp+n, end
		greatest = max(greatest, math.Abs(float64(tp)/float64(positives)-float64(fp)/float64(negatives)))
	}
	return greatest
}

// lift is how many times more frequent positives are in the share of the rows
// with the highest scores than in all. The share is not rounded to whole rows,
// and of rows of one score at the cut each counts in part: it is what a random
// order of them would give in the mean.
func lift(share float64) Metric {
	value := func(r *ranked, weight []uint32) float64 {
		positives, negatives := r.totals(weight)
		left := float64(share * float64(positives+negatives))
		hits, all := 0.0, left
		var start int32
		for _, end := range r.ends {
			p, n := r.count(start, end, weight)
			start = end
			if size := float64(p + n); size >= left {
				if size > 0 {
					hits += float64(float64(p) * (left / size))
				}
				break
			}
			hits, left = hits+float64(p), left-float64(p+n)
		}
		times := (hits / all) / (float64(positives) / float64(positives+negatives))
		return min(times, 1/share) // it is no more, but for rounding
	}
	return Metric{
		Title:  "how many times more frequent positives are in the " + strconv.FormatFloat(100*share, 'g', 6, 64) + " % of the rows with the highest scores",
		Better: Higher, High: 1 / share, Whole: byRank(value, "lift", true, false),
	}
}

// notProbability says that a score is not in [0, 1].
func notProbability(score []float64) error {
	for _, p := range score {
		if !(p >= 0 && p <= 1) {
			return undefined("the scores are not probabilities: there is one of %s", strconv.FormatFloat(p, 'g', 6, 64))
		}
	}
	return nil
}

// epsilon is how near to 0 and 1 log_loss takes probabilities, as scikit-learn:
// the epsilon of a float64.
const epsilon = 0x1p-52

func negativeLog(p float64) float64 { return -math.Log(min(max(p, epsilon), 1-epsilon)) }

// logLoss is scikit-learn's log_loss.
func logLoss(s *Sample) (*Loss, error) {
	each := make([]float64, s.N)
	if s.Task == Multiclass {
		if err := s.needProbabilities(); err != nil {
			return nil, err
		}
		for i, label := range s.Label {
			each[i] = negativeLog(s.Scores[label][i])
		}
		return &Loss{Each: each}, nil
	}
	if err := s.needProbability(); err != nil {
		return nil, err
	}
	for i, p := range s.Score {
		if s.Label[i] != s.Positive {
			p = 1 - p
		}
		each[i] = negativeLog(p)
	}
	return &Loss{Each: each}, nil
}

// brier is scikit-learn's brier_score_loss of two classes.
func brier(s *Sample) (*Loss, error) {
	if err := s.needProbability(); err != nil {
		return nil, err
	}
	each := make([]float64, s.N)
	for i, p := range s.Score {
		if s.Label[i] == s.Positive {
			p = 1 - p
		}
		each[i] = float64(p * p)
	}
	return &Loss{Each: each}, nil
}

// brierOfClasses is the same of several classes, as Brier 1950 has it: from 0
// to 2.
func brierOfClasses(s *Sample) (*Loss, error) {
	if err := s.needProbabilities(); err != nil {
		return nil, err
	}
	each := make([]float64, s.N)
	for k, scores := range s.Scores {
		for i, p := range scores {
			if int(s.Label[i]) == k {
				p = 1 - p
			}
			each[i] += float64(p * p)
		}
	}
	return &Loss{Each: each}, nil
}

// needProbability says why Score is not the probability of the positive class.
func (s *Sample) needProbability() error {
	if _, _, err := s.sides(); err != nil {
		return err
	}
	return notProbability(s.Score)
}

// needProbabilities says why Scores are not the probabilities of the classes.
// Their sum may differ from 1 by what rounding to a few digits does.
func (s *Sample) needProbabilities() error {
	if err := s.needScores(); err != nil {
		return err
	}
	for _, scores := range s.Scores {
		if err := notProbability(scores); err != nil {
			return err
		}
	}
	for i := range s.N {
		total := 0.0
		for k := range s.Scores {
			total += s.Scores[k][i]
		}
		if math.Abs(total-1) > 0.01 {
			return undefined("the scores are not probabilities: those of one row add up to %s", strconv.FormatFloat(total, 'g', 6, 64))
		}
	}
	return nil
}

// needScores says which class has no scores.
func (s *Sample) needScores() error {
	for k, name := range s.Classes {
		if k >= len(s.Scores) || s.Scores[k] == nil {
			return undefined("the class %s has no scores; scores: needs a column for each class", quote(name))
		}
	}
	return nil
}

// topAccuracy is scikit-learn's top_k_accuracy_score: of classes with equal
// scores the later ones come first.
func topAccuracy(k float64) Metric {
	return Metric{
		Title:  "share of the rows whose class is among the " + strconv.Itoa(int(k)) + " with the highest scores",
		Better: Higher, High: 1,
		Loss: func(s *Sample) (*Loss, error) {
			if err := s.needScores(); err != nil {
				return nil, err
			}
			if int(k) >= len(s.Scores) {
				return nil, undefined("with %d classes it is always 1", len(s.Scores))
			}
			each := make([]float64, s.N)
			for i, label := range s.Label {
				own, before := s.Scores[label][i], 0
				for class := range s.Scores {
					if other := s.Scores[class][i]; other > own || other == own && class > int(label) {
						before++
					}
				}
				if before < int(k) {
					each[i] = 1
				}
			}
			return &Loss{Each: each, Binary: true}, nil
		},
	}
}
