package metric

import (
	"math"
	"slices"
)

// Metrics of rows that have any number of classes. scikit-learn 1.9, with
// labels and predictions as indicator matrices: every class counts, also one
// that no row has.

var multilabelMetrics = slices.Concat(
	[]Metric{subsetAccuracy, hammingLoss},
	multilabelOf("precision", "precision", precision),
	multilabelOf("recall", "recall", recall),
	multilabelOf("f1", "F1", fBeta(1)),
	multilabelOf("jaccard", "Jaccard index", jaccard),
)

var multilabelTasks = []Task{Multilabel}

// subsetAccuracy is scikit-learn's accuracy_score of indicator matrices.
var subsetAccuracy = Metric{
	Name: "subset_accuracy", Title: "share of the rows whose classes are all predicted, and no others", Better: Higher, High: 1, Tasks: multilabelTasks,
	Loss: func(s *Sample) (*Loss, error) {
		each := make([]float64, s.N)
		for i := range each {
			if slices.Equal(s.LabelSet[i], s.PredictionSet[i]) {
				each[i] = 1
			}
		}
		return &Loss{Each: each, Binary: true}, nil
	},
}

// hammingLoss is scikit-learn's hamming_loss.
var hammingLoss = Metric{
	Name: "hamming_loss", Title: "share of the pairs of a row and a class that are predicted wrong", Better: Lower, High: 1, Tasks: multilabelTasks,
	Loss: func(s *Sample) (*Loss, error) {
		if len(s.Classes) == 0 {
			return nil, undefined("no row has a class")
		}
		each := make([]float64, s.N)
		for i := range each {
			wrong := len(s.LabelSet[i]) + len(s.PredictionSet[i]) - 2*common(s.LabelSet[i], s.PredictionSet[i])
			each[i] = float64(wrong) / float64(len(s.Classes))
		}
		return &Loss{Each: each}, nil
	},
}

// common counts what two ascending lists have in common.
func common(a, b []int32) (n int) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			n, i, j = n+1, i+1, j+1
		}
	}
	return n
}

func multilabelOf(name, title string, p perClass) []Metric {
	return append(multilabelAverages(name, title, p), samples(name, title, p))
}

func multilabelAverages(name, title string, p perClass) []Metric {
	out := []Metric{
		{Name: name + ".macro", Title: title + ", mean over the classes", Whole: byClass(p.macro(true))},
		{Name: name + ".micro", Title: title + " of all classes together", Whole: byClass(p.micro)},
		{Name: name + ".weighted", Title: title + ", mean over the classes by how many rows they have", Whole: byClass(p.weighted)},
	}
	for i := range out {
		out[i].Better, out[i].High, out[i].Tasks = Higher, 1, multilabelTasks
	}
	return out
}

// byClass computes a metric from the three counts of each class.
func byClass(of func(*Confusion) (float64, error)) func(*Sample) (*Whole, error) {
	return func(s *Sample) (*Whole, error) {
		c := NewConfusion(s.Classes, Missing)
		c.Cells = nil // a row has no one cell
		c.countSets(s, nil)
		if _, err := of(c); err != nil {
			return nil, err
		}
		return &Whole{Value: func(weight []uint32) float64 {
			c.Reset()
			c.countSets(s, weight)
			v, err := of(c)
			if err != nil {
				return math.NaN()
			}
			return v
		}}, nil
	}
}

func (c *Confusion) countSets(s *Sample, weight []uint32) {
	for i := range s.N {
		w := int64(1)
		if weight != nil {
			w = int64(weight[i])
		}
		if w == 0 {
			continue
		}
		c.N += w
		labels, predictions := s.LabelSet[i], s.PredictionSet[i]
		for _, k := range predictions {
			c.Predicted[k] += w
		}
		j := 0
		for _, k := range labels {
			c.Labelled[k] += w
			for j < len(predictions) && predictions[j] < k {
				j++
			}
			if j < len(predictions) && predictions[j] == k {
				c.Correct[k] += w
			}
		}
	}
}

// samples is the mean over the rows of a metric of the classes of each row:
// scikit-learn's average="samples".
func samples(name, title string, p perClass) Metric {
	return Metric{
		Name: name + ".samples", Title: title + " of the classes of each row, mean over the rows", Better: Higher, High: 1, Tasks: multilabelTasks,
		Loss: func(s *Sample) (*Loss, error) {
			each := make([]float64, s.N)
			empty := 0
			for i := range each {
				labels, predictions := s.LabelSet[i], s.PredictionSet[i]
				hits, of := p.of(float64(common(labels, predictions)), float64(len(labels)), float64(len(predictions)))
				if of == 0 {
					empty++
					continue
				}
				each[i] = hits / of
			}
			if empty > 0 {
				return nil, undefined("it is 0/0 in %d of %d rows, which have no class to divide by; .micro has a value", empty, s.N)
			}
			return &Loss{Each: each}, nil
		},
	}
}
