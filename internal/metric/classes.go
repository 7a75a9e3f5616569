package metric

import (
	"math"
	"slices"
)

// Metrics of all classes together, and averages over the classes of metrics
// that each class has. As in scikit-learn, a class that no row has as label or
// prediction, such as one of other slices, is none of the classes.

var overallMetrics = []Metric{accuracy, balancedAccuracy, mcc, cohenKappa}

var classMetrics = slices.Concat(
	averages("precision", "precision", precision),
	averages("recall", "recall", recall),
	averages("f1", "F1", fBeta(1)),
	averages("jaccard", "Jaccard index", jaccard),
)

var classFamilies = slices.Concat(
	betaFamilies("", classTasks, func(beta float64) Metric {
		return positiveScore("", "weighted harmonic mean of precision and recall (F-beta)", fBeta(beta))
	}),
	averageFamilies(classTasks, func(average int, beta float64) Metric { return averages("", "F-beta", fBeta(beta))[average] }),
	averageFamilies([]Task{Multilabel}, func(average int, beta float64) Metric {
		return multilabelAverages("", "F-beta", fBeta(beta))[average]
	}),
	betaFamilies(".samples", []Task{Multilabel}, func(beta float64) Metric { return samples("", "F-beta", fBeta(beta)) }),
)

func betaFamilies(suffix string, tasks []Task, of func(beta float64) Metric) []family {
	return []family{{prefix: "f", parameter: "<beta>", suffix: suffix, tasks: tasks, low: 0.01, high: 100, make: of}}
}

func averageFamilies(tasks []Task, of func(average int, beta float64) Metric) []family {
	var out []family
	for i, a := range []string{".macro", ".micro", ".weighted"} {
		out = append(out, betaFamilies(a, tasks, func(beta float64) Metric { return of(i, beta) })...)
	}
	return out
}

func isCorrect(_, label, prediction int32) (counts, hit bool) { return true, label == prediction }

var accuracy = Metric{
	Name: "accuracy", Title: "share of the rows that are predicted right", Better: Higher, High: 1, Tasks: classTasks,
	Share: isCorrect,
	Count: func(c *Confusion) (float64, error) {
		if c.N == 0 {
			return 0, undefined("there are no rows")
		}
		return float64(c.correct()) / float64(c.N), nil
	},
}

func (c *Confusion) correct() (n int64) {
	for _, hits := range c.Correct {
		n += hits
	}
	return n
}

// balancedAccuracy is the mean recall of all classes that occur.
// scikit-learn's balanced_accuracy_score leaves out what is predicted without
// being a label, and is 1 where there is one class alone; here it is undefined.
var balancedAccuracy = Metric{
	Name: "balanced_accuracy", Title: "mean of the recall of each class", Better: Higher, High: 1, Tasks: classTasks,
	Count: func(c *Confusion) (float64, error) {
		if err := c.needClasses(2); err != nil {
			return 0, err
		}
		return recall.average(c, false, func(int) int64 { return 1 })
	},
}

// needClasses says that fewer than n classes occur.
func (c *Confusion) needClasses(n int) error {
	found, last := 0, ""
	for k, name := range c.Classes {
		if c.Labelled[k]+c.Predicted[k] > 0 {
			found, last = found+1, name
		}
	}
	switch {
	case found >= n:
		return nil
	case found == 0:
		return undefined("there are no rows")
	}
	return undefined("every label and prediction is %s; it takes two classes", quote(last))
}

// perClass is a metric of one class: a ratio of what its three counts make.
type perClass struct {
	name string // "precision"
	of   func(correct, labelled, predicted float64) (hits, of float64)
	why  string // says, with the class, what is the case when of is 0
}

// scikit-learn 1.9, precision_recall_fscore_support and jaccard_score.
var (
	precision = perClass{"precision", func(correct, _, predicted float64) (hits, of float64) { return correct, predicted },
		"%s was never predicted, so its precision is 0/0"}
	recall = perClass{"recall", func(correct, labelled, _ float64) (hits, of float64) { return correct, labelled },
		"no row has the label %s, so its recall is 0/0"}
	jaccard = perClass{"jaccard", func(correct, labelled, predicted float64) (hits, of float64) {
		return correct, labelled + predicted - correct
	}, "no row has %s as label or prediction, so its jaccard is 0/0"}
)

// fBeta is (1+β²)·TP / (β²·(TP+FN) + TP+FP).
func fBeta(beta float64) perClass {
	square := beta * beta
	name := "F-beta"
	if beta == 1 {
		name = "f1"
	}
	return perClass{name, func(correct, labelled, predicted float64) (hits, of float64) {
		return float64((1 + square) * correct), float64(square*labelled) + predicted
	}, "no row has %s as label or prediction, so its " + name + " is 0/0"}
}

func (p perClass) value(c *Confusion, class int) (float64, error) {
	hits, of := p.of(float64(c.Correct[class]), float64(c.Labelled[class]), float64(c.Predicted[class]))
	if of == 0 {
		return 0, undefined(p.why, quote(c.Classes[class]))
	}
	return hits / of, nil
}

// average is the weighted mean over the classes that occur as label or
// prediction or, with all, over every class. A class that counts and has no
// value leaves the mean without one.
func (p perClass) average(c *Confusion, all bool, weight func(class int) int64) (float64, error) {
	var total sum
	var weights int64
	var without error
	more := 0
	for k := range c.Classes {
		w := weight(k)
		if w == 0 || !all && c.Labelled[k]+c.Predicted[k] == 0 {
			continue
		}
		v, err := p.value(c, k)
		if err != nil {
			if without == nil {
				without = err
			} else {
				more++
			}
			continue
		}
		total.add(float64(float64(w) * v))
		weights += w
	}
	switch {
	case more == 1:
		return 0, undefined("%s; so it is with one class more", without)
	case more > 1:
		return 0, undefined("%s; so it is with %d classes more", without, more)
	case without != nil:
		return 0, without
	case weights == 0:
		return 0, undefined("no row has a label")
	}
	return total.value() / float64(weights), nil
}

// micro is the metric of the sums over all classes.
func (p perClass) micro(c *Confusion) (float64, error) {
	var labelled, predicted int64
	for k := range c.Classes {
		labelled += c.Labelled[k]
		predicted += c.Predicted[k]
	}
	hits, of := p.of(float64(c.correct()), float64(labelled), float64(predicted))
	switch {
	case of != 0:
		return hits / of, nil
	case labelled == 0 && predicted == 0:
		return 0, undefined("no row has a label or a prediction")
	case predicted == 0:
		return 0, undefined("no class was ever predicted, so its %s is 0/0", p.name)
	}
	return 0, undefined("no row has a label, so its %s is 0/0", p.name)
}

func (p perClass) macro(all bool) func(*Confusion) (float64, error) {
	return func(c *Confusion) (float64, error) {
		return p.average(c, all, func(int) int64 { return 1 })
	}
}

func (p perClass) weighted(c *Confusion) (float64, error) {
	return p.average(c, true, func(k int) int64 { return c.Labelled[k] })
}

// positiveScore is a metric of the positive class that is no share of rows.
func positiveScore(name, title string, p perClass) Metric {
	return Metric{
		Name: name, Title: title, Better: Higher, High: 1, Tasks: classTasks,
		Count: func(c *Confusion) (float64, error) {
			if err := c.needPositive(); err != nil {
				return 0, err
			}
			return p.value(c, int(c.Positive))
		},
	}
}

// averages makes the macro, micro and weighted average. Over all classes every
// wrong row is one false positive and one false negative: the micro averages,
// but for the Jaccard index, are the accuracy.
func averages(name, title string, p perClass) []Metric {
	out := []Metric{
		{Name: name + ".macro", Title: title + ", mean over the classes", Count: p.macro(false)},
		{Name: name + ".micro", Title: title + " of all classes together", Count: p.micro, Share: isCorrect},
		{Name: name + ".weighted", Title: title + ", mean over the classes by how many rows they have", Count: p.weighted},
	}
	if p.name == jaccard.name {
		out[1].Share = nil
	}
	for i := range out {
		out[i].Better, out[i].High, out[i].Tasks = Higher, 1, classTasks
	}
	return out
}

// mcc is Matthews' correlation coefficient, in the form for any number of
// classes: Gorodkin 2004, "Comparing two K-category assignments by a
// K-category correlation coefficient"; scikit-learn's matthews_corrcoef, which
// makes it 0 where it is 0/0.
var mcc = Metric{
	Name: "mcc", Title: "Matthews correlation coefficient", Better: Higher, Low: -1, High: 1, Tasks: classTasks,
	Count: func(c *Confusion) (float64, error) {
		if err := c.needClasses(1); err != nil {
			return 0, err
		}
		n, both, predicted, labelled := c.squares()
		vp, vl := float64(n*n)-predicted, float64(n*n)-labelled
		switch {
		case vl == 0:
			return 0, undefined("all rows have one label, so it is 0/0")
		case vp == 0:
			return 0, undefined("all rows have one prediction, so it is 0/0")
		}
		v := (float64(float64(c.correct())*n) - both) / float64(math.Sqrt(vp)*math.Sqrt(vl))
		return min(max(v, -1), 1), nil
	},
}

// cohenKappa is agreement beyond what the shares of the classes make likely:
// Cohen 1960; scikit-learn's cohen_kappa_score, without weights.
var cohenKappa = Metric{
	Name: "cohen_kappa", Title: "agreement beyond chance (Cohen's kappa)", Better: Higher, Low: -1, High: 1, Tasks: classTasks,
	Count: func(c *Confusion) (float64, error) {
		if err := c.needClasses(1); err != nil {
			return 0, err
		}
		n, both, _, _ := c.squares()
		if both == float64(n*n) {
			return 0, undefined("all labels and predictions are one class, so it is 0/0")
		}
		return (float64(float64(c.correct())*n) - both) / (float64(n*n) - both), nil
	},
}

// squares returns the number of rows and, summed over the classes,
// labelled·predicted, predicted² and labelled².
func (c *Confusion) squares() (n, both, predicted, labelled float64) {
	for k := range c.Classes {
		l, p := float64(c.Labelled[k]), float64(c.Predicted[k])
		both += float64(l * p)
		predicted += float64(p * p)
		labelled += float64(l * l)
	}
	return float64(c.N), both, predicted, labelled
}
