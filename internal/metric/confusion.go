package metric

// MatrixClasses is up to how many classes a Confusion has Cells.
const MatrixClasses = 20

// Confusion counts rows by label and prediction. All metrics that it decides
// follow from the three counts of each class; Cells are there to be shown.
type Confusion struct {
	Classes  []string
	Positive int32 // class number, Missing when none is
	N        int64
	// By class: rows that have it as label, as prediction, as both.
	Labelled, Predicted, Correct []int64
	// Cells[label*len(Classes)+prediction] counts rows; nil past MatrixClasses.
	Cells []int64
}

// NewConfusion returns an empty matrix of classes.
func NewConfusion(classes []string, positive int32) *Confusion {
	k := len(classes)
	counts := make([]int64, 3*k)
	c := &Confusion{Classes: classes, Positive: positive, Labelled: counts[:k:k], Predicted: counts[k : 2*k : 2*k], Correct: counts[2*k:]}
	if k <= MatrixClasses {
		c.Cells = make([]int64, k*k)
	}
	return c
}

// Add counts n rows of a label and a prediction.
func (c *Confusion) Add(label, prediction int32, n int64) {
	c.N += n
	c.Labelled[label] += n
	c.Predicted[prediction] += n
	if label == prediction {
		c.Correct[label] += n
	}
	if c.Cells != nil {
		c.Cells[int(label)*len(c.Classes)+int(prediction)] += n
	}
}

// Reset makes all counts zero.
func (c *Confusion) Reset() {
	c.N = 0
	clear(c.Labelled)
	clear(c.Predicted)
	clear(c.Correct)
	clear(c.Cells)
}

// Binary returns the four counts of the positive class against all others.
func (c *Confusion) Binary() (tp, fp, fn, tn int64) {
	tp = c.Correct[c.Positive]
	fp, fn = c.Predicted[c.Positive]-tp, c.Labelled[c.Positive]-tp
	return tp, fp, fn, c.N - tp - fp - fn
}

// Count counts the rows of s, whose Prediction is set.
func Count(s *Sample) *Confusion {
	c := NewConfusion(s.Classes, s.Positive)
	for i, label := range s.Label {
		c.Add(label, s.Prediction[i], 1)
	}
	return c
}
